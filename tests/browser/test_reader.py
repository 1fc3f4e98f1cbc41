"""A reader in a hurry: the order of the page, contrast, nothing cut without a hint, no missing numbers, few tabs."""

import re

import pytest

from browser import reading
from browser.visiting import focused, settle, until

SIZES = pytest.mark.parametrize("width", [390, 1400])
LEAST_CONTRAST = 4.5


def test_result_films_tables_figures_conclusions_follow_each_other(visit, few):
    page = visit(few.address)
    sections = page.evaluate("[...document.querySelectorAll('main > section')].map((one) => one.id)")
    assert sections == ["result", "samples", "tables", "figures", "further", "conclusions", "scans", "made"]
    tops = page.evaluate("[...document.querySelectorAll('main > section')].map((one) => one.getBoundingClientRect().y)")
    assert tops == sorted(tops)
    links = page.evaluate("[...document.querySelectorAll('.bar a')].map((one) => one.getAttribute('href').slice(1))")
    assert links == sections
    names = page.locator("#tables .entry > h3, #figures .entry > h3").all_inner_texts()
    assert [re.match(r"\w+ \w+", name)[0] for name in names] == ["Table 2", "Table 3", "Figure 2", "Figure 6"]


def test_the_first_screen_tells_two_accuracies_apart_beside_a_constant(visit, few):
    page = visit(few.address)
    shown = page.locator(".scores-of-models > div")
    assert shown.count() == 3
    for part in shown.all():
        assert part.bounding_box()["y"] + part.bounding_box()["height"] < 900
        assert re.search(r"\d+\s%", part.inner_text())


def test_a_table_and_a_figure_of_one_topic_have_one_caption(visit, few):
    page = visit(few.address)
    entry = page.locator("#analysis-leakage")
    assert entry.locator("table").count() == entry.locator("img").count() == entry.locator(".caption").count() == 1


@SIZES
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast(visit, few, width, scheme):
    page = visit(few.address, ready=".tile", color_scheme=scheme, viewport={"width": width, "height": 900})
    reading.unfold(page)
    page.click(".tools [data-value=cam]")
    page.evaluate("document.querySelector('.sidebar [data-facet=outcome][data-value=wrong]').click()")
    texts = page.evaluate(reading.CONTRASTS)
    assert len(texts) > 300
    assert [one for one in texts if one["contrast"] < LEAST_CONTRAST] == []
    page.evaluate("document.querySelector('.tile').click()")
    page.wait_for_selector("dialog[open]")
    assert [one for one in page.evaluate(reading.CONTRASTS) if one["contrast"] < LEAST_CONTRAST] == []


def test_low_contrast_is_found(visit, few):
    page = visit(few.address)
    page.evaluate("document.querySelector('#scans p').style.opacity = 0.5")
    assert any(one["contrast"] < LEAST_CONTRAST for one in page.evaluate(reading.CONTRASTS))


@SIZES
def test_nothing_is_cut_at_a_desk_and_nothing_without_a_hint_on_a_phone(visit, few, width):
    page = visit(few.address, viewport={"width": width, "height": 900})
    reading.unfold(page)
    page.evaluate("document.querySelectorAll('img').forEach((one) => { one.loading = 'eager'; })")
    until(page, "[...document.images].every((one) => one.complete)")
    settle(page)
    wider = page.evaluate(reading.WIDER)
    if width == 1400:
        assert wider == []
    else:
        assert {"Table 2: Many columns", "Figure 2: samples"} <= {one["label"] for one in wider}
        assert all(one["hint"] for one in wider)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_numbers_break_before_their_interval_alone(visit, few):
    page = visit(few.address)
    reading.unfold(page)
    cells = page.locator("td.number .whole")
    heights = cells.evaluate_all("(all) => all.map((one) => one.getClientRects().length)")
    assert len(heights) > 20 and set(heights) == {1}


def test_figures_have_a_dark_ground_in_the_dark(visit, few):
    sources = {}
    for scheme in ("light", "dark"):
        page = visit(few.address, color_scheme=scheme)
        page.locator("#figure-2 img").scroll_into_view_if_needed()
        until(page, "document.querySelector('#figure-2 img').currentSrc !== ''")
        sources[scheme] = page.evaluate("document.querySelector('#figure-2 img').currentSrc").rsplit("/", 1)[1]
    assert sources == {"light": "fig2.svg", "dark": "fig2_dark.svg"}


@SIZES
def test_a_figure_is_shown_at_one_scale_and_not_smaller_than_printed(visit, few, width):
    page = visit(few.address, viewport={"width": width, "height": 900})
    page.locator("#figure-2 img").scroll_into_view_if_needed()
    until(page, "document.querySelector('#figure-2 img').complete")
    shown = page.locator("#figure-2 img").bounding_box()["width"]
    assert shown == pytest.approx(704 if width == 390 else 1.75 * 690, abs=3)


def test_no_missing_number_is_written_as_one(visit, few):
    page = visit(few.address, ready=".tile")
    words = re.compile(r"\b(nan|NaN|None|undefined|Infinity)\b")
    for place in range(0, len(few.samples["name"]), 50):
        page.evaluate("(place) => { window.Page.state.open(place); }", place)
        page.wait_for_selector("dialog[open]")
        assert words.findall(page.evaluate(reading.TEXTS)) == []


def test_the_films_are_two_tabs_from_the_top_and_two_from_the_menu(visit, few):
    page = visit(few.address, ready=".tile")
    assert reading.tabs_until(page, '.skip[href="#explorer"]') == 2
    page.keyboard.press("Enter")
    focused(page, "place", 0)
    page.locator('.bar a[href="#samples"]').focus()
    page.keyboard.press("Enter")
    assert reading.tabs_until(page, '#samples .skip[href="#explorer"]') == 1
    page.keyboard.press("Enter")
    focused(page, "place", 0)
    page.keyboard.press("ArrowRight")
    focused(page, "place", 1)


def test_the_map_takes_the_focus_where_it_is_shown(visit, few):
    page = visit(few.address + "#view=map", ready=".map-canvas")
    page.locator('.skip[href="#explorer"]').first.focus()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.matches('.map-canvas')")


def test_what_tests_say_against_a_map_stands_beside_it_and_occlusion_comes_first(visit, few):
    page = visit(few.address, ready=".tile")
    overlays = few.study["overlays"]
    assert (
        list(overlays) == ["occlusion", "cam"] and overlays["cam"]["warning"] and not overlays["occlusion"]["warning"]
    )
    assert page.locator(".tools [aria-label=Show] button").all_inner_texts() == ["Micrograph", "Occlusion", "CAM"]
    page.click(".tools [data-value=cam]")
    assert overlays["cam"]["warning"] in page.locator(".tools .legend").inner_text()
    page.click(".tools [data-value=occlusion]")
    assert page.locator(".tools .warning").count() == 0
    page.locator(".tile").nth(3).click()
    page.wait_for_selector("dialog[open]")
    page.click("dialog [data-value=cam]")
    assert overlays["cam"]["warning"] in page.locator("dialog .legend").first.inner_text()
