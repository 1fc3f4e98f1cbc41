"""The map: pointer and keys find samples, and the filters hold."""

import pytest

from browser.visiting import PIXELS, settle, until

CALM = 5  # equal images in a row after which the drawing has ended


@pytest.fixture
def page(visit, few):
    opened = visit(few.address + "#view=map", ready=".map-canvas")
    opened.locator(".map-canvas").scroll_into_view_if_needed()
    until(opened, "[document.querySelector('.map-canvas')].every((one) => one.width === one.clientWidth)")
    settle(opened)
    return opened


def chosen(page):
    return page.locator(".map .visually-hidden").inner_text().split(". ")[0]


def test_keys_go_from_sample_to_sample_and_open_one(page, few):
    page.locator(".map-canvas").focus()
    page.keyboard.press("ArrowRight")
    first = chosen(page)
    assert first in few.samples["name"]
    page.keyboard.press("ArrowRight")
    second = chosen(page)
    at = {name: few.samples["x"][few.samples["name"].index(name)] for name in (first, second)}
    assert at[second] > at[first]
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    assert page.locator("#sample-name").inner_text() == second
    page.keyboard.press("Escape")
    until(page, "document.activeElement.classList.contains('map-canvas')")


def test_the_pointer_previews_a_sample_and_opens_it(page, few):
    box = page.locator(".map-canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] / 2 + 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(".preview:not([hidden])")
    name = page.locator(".preview .name").inner_text()
    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector("dialog[open]")
    assert page.locator("#sample-name").inner_text() == name


def test_filters_hold_on_the_map(page, few):
    name = few.samples["name"][33]
    page.fill(".sidebar input[type=search]", name)
    page.locator(".map-canvas").focus()
    page.keyboard.press("ArrowDown")
    assert chosen(page) == name
    page.keyboard.press("ArrowRight")
    assert chosen(page) == name


def test_it_zooms_moves_and_resets(visit, few_served):
    page = visit(few_served.address + "#view=map", ready=".map-canvas")
    page.locator(".map-canvas").scroll_into_view_if_needed()
    ink = f"""[document.querySelector(".map-canvas")].map({PIXELS})[0]
      .reduce((sum, value, k) => (sum + value * (k % 9973)) % 1e9, 0)"""

    def settled(before=None):
        """The canvas once it differs from `before` and has stayed the same for a while."""
        until(page, f"({ink}) !== {-1 if before is None else before}")
        last = [page.evaluate(ink)]
        while len(last) < CALM or len(set(last[-CALM:])) > 1:
            page.wait_for_timeout(300)
            last.append(page.evaluate(ink))
        return last[-1]

    page.wait_for_load_state("networkidle")  # the sheets are there
    whole = settled()
    box = page.locator(".map-canvas").bounding_box()
    page.mouse.move(box["x"] + 12, box["y"] + 12)  # inside the round corner
    page.mouse.wheel(0, -300)
    near = settled(whole)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 60)
    page.mouse.up()
    moved = settled(near)
    page.click("[aria-label='Zoom in']")
    nearer = settled(moved)
    assert len({whole, near, moved, nearer}) == 4
    page.locator(".map-canvas").focus()
    page.keyboard.press("0")
    assert settled(nearer) == whole
