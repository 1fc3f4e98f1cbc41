"""The page as a whole: it loads without errors and from its own folder alone, and works without JavaScript."""

import shutil
from dataclasses import replace
from urllib.parse import unquote, urlparse

import made_up_page
from browser.made_up_site import ASSETS, HOSTILE
from browser.visiting import preview, settle, until
from micrograph.report import folder

SECONDS = 3  # to the first view of 262 samples, the best of three visits


def walk(page):
    """Open everything once: overlays, order, map, a sample, every figure, every fold."""
    for layer in ("cam", "occlusion", "micrograph"):
        page.click(f".tools [data-value={layer}]")
    page.evaluate("document.querySelector('#samples').scrollIntoView()")
    settle(page)
    preview(page, 3)
    page.click(".tools [data-value=map]")
    page.click(".zoom button >> nth=0")
    page.hover(".map-canvas", position={"x": 300, "y": 300})
    page.click(".tools [data-value=grid]")
    page.click(".tile >> nth=5")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog:not([open])", state="attached")
    until(page, "!location.hash.includes('sample=')")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for image in page.locator("img").all():
        image.scroll_into_view_if_needed()
    until(page, "[...document.images].every((one) => one.complete)")


def test_read_from_disk_nothing_fails_and_nothing_leaves_the_folder(visit, few):
    page = visit(few.address)
    walk(page)
    own = few.folder.resolve().as_posix()
    for url in page.heard.requests:
        assert urlparse(url).scheme == "file" and unquote(urlparse(url).path).startswith(own), url
    assert min(page.evaluate("[...document.images].map((one) => one.naturalWidth)")) > 0


def test_read_from_a_server_nothing_fails_and_nothing_leaves_it(visit, few_served):
    page = visit(few_served.address)
    walk(page)
    home = few_served.address.removesuffix("index.html")
    assert page.heard.requests and all(url.startswith(home) for url in page.heard.requests)
    names = {url.removeprefix(home).partition("#")[0] for url in page.heard.requests}
    assert all((few_served.folder / name).is_file() for name in names)


def test_the_first_view_of_262_samples_takes_seconds(visit, few):
    took = []
    for _ in range(3):
        page = visit(few.address, ready=".tile")
        took.append(page.evaluate("performance.now()"))
        assert page.locator(".tile").count() >= 8
    assert min(took) < 1000 * SECONDS


def test_without_javascript_all_results_are_shown(visit, few):
    page = visit(few.address, ready="main", java_script_enabled=False)
    assert "54" in page.locator(".accuracy .value").inner_text()
    assert page.locator(".beside > div").count() == 2 and "Caution" in page.locator("#result .notice").inner_text()
    assert page.locator(".confusion td.hit").count() == len(few.study["target"]["classes"])
    assert page.locator("table.sortable").first.locator("tbody tr").count() == 5
    assert page.locator("noscript p").is_visible()
    page.locator("img").first.scroll_into_view_if_needed()
    assert page.locator("img").first.bounding_box()["height"] > 50


def test_a_page_without_its_samples_names_the_file_and_its_tables_still_sort(browser, few, tmp_path):
    home = tmp_path / "report"
    shutil.copytree(few.folder, home)
    (home / "parts" / "samples.js").write_text("window.STUDY = {")
    page = browser.new_page()
    page.goto((home / "index.html").as_uri())
    assert "samples.js" in page.locator("#explorer").inner_text()
    page.click("table.sortable thead button >> nth=2")
    assert page.locator("[aria-sort=descending]").count() == 1
    page.close()


def test_names_are_shown_and_never_run(visit, few):
    page = visit(few.address)
    page.fill(".sidebar input[type=search]", "onerror")
    assert page.locator(".tile .name").all_inner_texts() == [HOSTILE]
    page.click(".tile")
    assert page.locator("#sample-name").inner_text() == HOSTILE
    page.reload()
    page.wait_for_selector("dialog[open]")
    assert page.locator("#sample-name").inner_text() == HOSTILE
    assert page.locator("img[src=x]").count() == 0
    assert HOSTILE in page.locator("#table-3").inner_text()


def test_it_fits_a_phone_and_a_desk_in_light_and_dark(visit, few):
    for width in (390, 1400):
        grounds = set()
        for scheme in ("light", "dark"):
            page = visit(few.address, ready=".tile", viewport={"width": width, "height": 844}, color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(grounds) == 2


def test_classes_with_long_names_are_not_cut(visit, tmp_path):
    names = ["c-plane sapphire, annealed at 1000 °C", "A-plane_sapphire_of_another_supplier", "SiO2 on silicon"]
    report, study, pictures = made_up_page.study(30)
    report = replace(report, confusion=replace(report.confusion, classes=names))
    folder.write(tmp_path, ASSETS, report, study, pictures)
    for width in (390, 1000, 1200, 1400):
        page = visit((tmp_path / "index.html").as_uri(), ready=".tile", viewport={"width": width, "height": 900})
        page.wait_for_selector(".confusion .fits")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_control_has_a_name(visit, few):
    page = visit(few.address + "#sample=" + few.samples["name"][7], ready="dialog[open]")
    controls = "button, input, select, summary, a, canvas[tabindex], [role=img]"
    nameless = page.evaluate(
        """(controls) => [...document.querySelectorAll(controls)].filter((one) => !one.getAttribute("aria-label") &&
        !one.textContent.trim() && !(one.labels || []).length).length""",
        controls,
    )
    assert nameless == 0
