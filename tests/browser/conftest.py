"""What the browser tests share: a real Chromium, and made-up pages of 262 and of 5,000 samples.

Without Playwright or a Chromium the tests are skipped; REQUIRE_BROWSER=1 (set by CI) turns the skip into a failure.
"""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from browser import made_up_site
from browser.visiting import listen, served

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def lacking(reason):
    """Skip, or fail where a browser is required."""
    (pytest.fail if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def browser():
    """Chromium, headless."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking("playwright is not installed")
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, BROWSERS)), None) or playwright.chromium.executable_path
        if not Path(path).exists():
            lacking("no Chromium is installed")
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if root else [])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """The page of 262 samples."""
    return made_up_site.few(tmp_path_factory.mktemp("few"))


@pytest.fixture(scope="session")
def many(few, tmp_path_factory):
    """The page of 5,000 samples."""
    return made_up_site.many(few, tmp_path_factory.mktemp("many") / "report")


@pytest.fixture
def visit(browser):
    """visit(address, **context): a new page of a new visitor, ready; nothing it does may raise an error."""
    opened = []

    def open_page(address, ready="#explorer .shown", **settings):
        context = browser.new_context(
            **({"viewport": {"width": 1400, "height": 900}, "reduced_motion": "reduce"} | settings)
        )
        page = context.new_page()
        page.heard = listen(page)
        opened.append((context, page))
        page.goto(address)
        if ready:
            page.wait_for_selector(ready, state="attached")
        return page

    yield open_page
    for context, page in opened:
        context.close()
        assert page.heard.messages == [], "messages of the page"
        assert page.heard.failed == [], "failed requests of the page"


@pytest.fixture
def few_served(few):
    """The page of 262 samples, from a server."""
    with served(few.folder) as address:
        yield replace(few, address=f"{address}/index.html")
