"""The window of a sample shows the data of the sample, and opens, steps and closes."""

import re
from urllib.parse import quote

import pytest

from browser.visiting import PIXELS, until


def opened(visit, site, i, more=""):
    return visit(f"{site.address}#{more}sample={quote(site.samples['name'][i])}", ready="dialog[open]")


def test_an_address_opens_a_sample_with_its_metadata_and_scores(visit, few):
    samples, i = few.samples, 9
    page = opened(visit, few, i)
    text = page.locator("dialog").inner_text()
    assert page.locator("#sample-name").inner_text() == samples["name"][i]
    for name in ("batch", "scan", "channel", "sha256"):
        assert str(samples[name][i]) in text
    assert f"{samples['lines'][i]} × {samples['pixels'][i]}" in text
    assert "200 nm" in page.locator(".scale-bar").inner_text()
    widths = page.locator(".score-bar").evaluate_all("(all) => all.map((one) => parseFloat(one.style.width))")
    assert widths == pytest.approx([100 * score for score in samples["scores"][i]], abs=0.01)


def test_the_scale_bar_is_as_long_as_its_label(visit, few):
    page = opened(visit, few, 9)
    bar, stage = (page.locator(name).bounding_box()["width"] for name in (".scale-bar .length", ".stage"))
    assert bar / stage == pytest.approx(200 / few.samples["side_nm"][9], rel=0.02)


def test_pictures_are_drawn(visit, few_served):
    page = opened(visit, few_served, 9, "show=occlusion&")
    spread = f"""[...document.querySelectorAll(".stage canvas")].map({PIXELS}).map((bytes) =>
      bytes.reduce((most, one) => Math.max(most, one), 0) - bytes.reduce((least, one) => Math.min(least, one), 255))"""
    until(page, f"({spread}).every((one) => one > 50)")
    assert len(page.evaluate(spread)) == 2


def test_a_flagged_map_is_not_drawn_and_the_flag_is_shown(visit, few):
    page = opened(visit, few, 0, "show=cam&")
    assert page.locator(".stage canvas").count() == 1
    assert "zero everywhere" in page.locator(".flag").inner_text()
    page.click("dialog [data-value=micrograph]")
    assert page.locator(".flag").count() == 0


def test_the_slider_sets_the_opacity_of_the_overlay(visit, few):
    page = opened(visit, few, 9, "show=cam&")
    page.locator("dialog input[type=range]").fill("30")
    assert page.locator(".stage canvas >> nth=1").evaluate("(one) => one.style.opacity") == "0.3"


def test_neighbours_open(visit, few):
    page = opened(visit, few, 9)
    nearest = few.samples["neighbours"][9]
    assert page.locator(".neighbours button").count() == len(nearest)
    page.click(".neighbours button >> nth=1")
    assert page.locator("#sample-name").inner_text() == few.samples["name"][nearest[1]]


def test_the_training_curve_is_of_the_fold_of_the_sample(visit, few):
    i = 9
    fold = few.samples["fold"][i]
    page = opened(visit, few, i)
    kept = few.study["curves"][str(fold)]["kept"]
    assert f"fold {fold}" in page.locator(".learning").get_attribute("aria-label")
    assert f"selected epoch: {kept}" in page.locator(".kept-label").text_content()
    points = re.findall(r"[ML]", page.locator(".curve.train").get_attribute("d"))
    assert len(points) == len(few.study["curves"][str(fold)]["epoch"])


def test_steps_follow_the_filtered_samples(visit, few):
    samples = few.samples
    wrong = [i for i, right in enumerate(samples["correct"]) if not right]
    page = opened(visit, few, wrong[0], "outcome=wrong&")
    assert f"1 of {len(wrong)}" in page.locator(".sample-head").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator("#sample-name").inner_text() == samples["name"][wrong[1]]
    page.click("[aria-label='Previous sample']")
    page.click("[aria-label='Previous sample']")
    assert page.locator("#sample-name").inner_text() == samples["name"][wrong[-1]]


def test_going_back_closes_a_sample_and_keeps_the_filters(visit, few):
    page = visit(few.address, ready=".tile")
    page.click(".sidebar [data-facet=outcome][data-value=wrong]")
    page.click(".tile >> nth=1")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("ArrowRight")
    page.go_back()
    page.wait_for_selector("dialog:not([open])", state="attached")
    assert page.locator(".sidebar [data-facet=outcome][data-value=wrong]").get_attribute("aria-pressed") == "true"
    page.go_forward()
    page.wait_for_selector("dialog[open]")
    page.click("[aria-label=Close]")
    page.wait_for_selector("dialog:not([open])", state="attached")
    until(page, "!location.hash.includes('sample=')")
    assert "outcome=wrong" in page.evaluate("location.hash")


def test_the_other_scans_of_a_film_open_beside_its_own_prediction(visit, few):
    samples, i = few.samples, 20
    page = opened(visit, few, i)
    section = page.locator("section", has_text="Other scans of the film")
    assert section.locator("button").count() == 1
    assert f"Film pair, all scans: {samples['film_predicted'][i]} °C predicted" in section.inner_text()
    section.locator("button").click()
    assert page.locator("#sample-name").inner_text() == samples["name"][i + 1]
    page = opened(visit, few, 9)
    assert page.locator("section", has_text="Other scans of the film").count() == 0
