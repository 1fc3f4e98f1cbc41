"""Visits to a page: its messages and requests, waiting for it, a local server."""

import contextlib
import functools
import http.server
import threading
import time
from dataclasses import dataclass, field

PATIENCE = 120  # seconds
LEFT = "net::ERR_ABORTED"  # a request whose page was left before the response
PIXELS = """(one) => {
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [one.width, one.height];
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(one, 0, 0);
  return context.getImageData(0, 0, one.width, one.height).data;
}"""  # the bytes of a canvas; a page from disk may not read them


@dataclass
class Heard:
    """Messages, requests and failed requests of a page while it was open."""

    messages: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    failed: list = field(default_factory=list)


def listen(page):
    """The Heard of a page that is about to be opened."""
    heard = Heard()
    page.on("console", lambda message: heard.messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.messages.append(f"error: {error}"))
    page.on("request", lambda request: heard.requests.append(request.url))
    page.on("requestfailed", lambda request: None if request.failure == LEFT else heard.failed.append(request.url))
    page.on("response", lambda response: heard.failed.append(response.url) if response.status >= 400 else None)
    return heard


def until(page, expression):
    """Wait until a JavaScript expression holds; Playwright's own wait needs eval, which the page's policy forbids."""
    end = time.monotonic() + PATIENCE
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never came true: {expression}"
        page.wait_for_timeout(50)


def settle(page):
    """Wait until what the page does at its next frame (scrolling, measuring, drawing) is done."""
    page.evaluate("() => new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(() => then(true))))")


def preview(page, place):
    """Hover over the tile at this place and wait for the preview; scrolling, which ends one, comes before."""
    tile = page.locator(".tile").nth(place)
    tile.scroll_into_view_if_needed()
    settle(page)
    tile.hover()
    page.wait_for_selector(".preview:not([hidden])")


def focused(page, name, value):
    """Wait until the focused element has this value in its data-NAME."""
    until(page, f"document.activeElement.dataset.{name} === '{value}'")


@contextlib.contextmanager
def served(path):
    """The address of a folder on a server of this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
