"""A film's own page: what it shows is the film's, and ways lead in, on and out."""

import re
from urllib.parse import quote

import pytest

from browser.visiting import PIXELS, until


def opened(visit, site, i, more=""):
    return visit(f"{site.address}#{more}film={quote(site.films['sample'][i])}", ready="dialog[open]")


def test_an_address_opens_a_film_with_all_that_is_known_of_it(visit, few):
    films, i = few.films, 9
    page = opened(visit, few, i)
    words = page.locator("dialog").inner_text()
    assert page.locator("#film-name").inner_text() == films["sample"][i]
    for name in ("batch", "scan", "channel", "sha256"):
        assert str(films[name][i]) in words
    assert f"{films['lines'][i]} × {films['pixels'][i]}" in words
    assert "200 nm" in page.locator(".scale-bar").inner_text()
    widths = page.locator(".score-bar").evaluate_all("(all) => all.map((one) => parseFloat(one.style.width))")
    assert widths == pytest.approx([100 * score for score in films["scores"][i]], abs=0.01)


def test_the_scale_bar_is_as_long_as_it_says(visit, few):
    page = opened(visit, few, 9)
    bar, stage = (page.locator(name).bounding_box()["width"] for name in (".scale-bar .length", ".stage"))
    assert bar / stage == pytest.approx(200 / few.films["side_nm"][9], rel=0.02)


def test_pictures_are_drawn(visit, few_served):
    page = opened(visit, few_served, 9, "show=occlusion&")
    spread = f"""[...document.querySelectorAll(".stage canvas")].map({PIXELS}).map((bytes) =>
      bytes.reduce((most, one) => Math.max(most, one), 0) - bytes.reduce((least, one) => Math.min(least, one), 255))"""
    until(page, f"({spread}).every((one) => one > 50)")
    assert len(page.evaluate(spread)) == 2


def test_a_map_that_says_nothing_is_not_drawn_but_said(visit, few):
    page = opened(visit, few, 0, "show=cam&")
    assert page.locator(".stage canvas").count() == 1
    assert "zero everywhere" in page.locator(".flag").inner_text()
    page.click("dialog [data-value=micrograph]")
    assert page.locator(".flag").count() == 0


def test_the_overlay_is_as_opaque_as_asked(visit, few):
    page = opened(visit, few, 9, "show=cam&")
    page.locator("dialog input[type=range]").fill("30")
    assert page.locator(".stage canvas >> nth=1").evaluate("(one) => one.style.opacity") == "0.3"


def test_neighbours_open(visit, few):
    page = opened(visit, few, 9)
    near = few.films["neighbours"][9]
    assert page.locator(".near button").count() == len(near)
    page.click(".near button >> nth=1")
    assert page.locator("#film-name").inner_text() == few.films["sample"][near[1]]


def test_the_learning_curve_is_of_the_films_own_fold(visit, few):
    i = 9
    fold = few.films["fold"][i]
    page = opened(visit, few, i)
    kept = few.study["curves"][str(fold)]["kept"]
    assert f"fold {fold}" in page.locator(".learning").get_attribute("aria-label")
    assert f"kept: epoch {kept}" in page.locator(".kept-word").text_content()
    points = re.findall(r"[ML]", page.locator(".curve.train").get_attribute("d"))
    assert len(points) == len(few.study["curves"][str(fold)]["epoch"])


def test_films_before_and_after_are_those_of_the_filters(visit, few):
    films = few.films
    wrong = [i for i, right in enumerate(films["right"]) if not right]
    page = opened(visit, few, wrong[0], "answer=wrong&")
    assert f"1 of {len(wrong)}" in page.locator(".film-head").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator("#film-name").inner_text() == films["sample"][wrong[1]]
    page.click("[aria-label='Film before']")
    page.click("[aria-label='Film before']")
    assert page.locator("#film-name").inner_text() == films["sample"][wrong[-1]]


def test_back_closes_a_film_and_leaves_the_rest(visit, few):
    page = visit(few.address, ready=".tile")
    page.click(".side [data-facet=answer][data-value=wrong]")
    page.click(".tile >> nth=1")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("ArrowRight")
    page.go_back()
    page.wait_for_selector("dialog:not([open])", state="attached")
    assert page.locator(".side [data-facet=answer][data-value=wrong]").get_attribute("aria-pressed") == "true"
    page.go_forward()
    page.wait_for_selector("dialog[open]")
    page.click("[aria-label=Close]")
    page.wait_for_selector("dialog:not([open])", state="attached")
    until(page, "!location.hash.includes('film=')")
    assert "answer=wrong" in page.evaluate("location.hash")
