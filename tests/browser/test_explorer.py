"""The explorer: filters, order and address, keyboard and touch."""

import pytest

from browser.made_up_site import FEW, MANY
from browser.visiting import focused, preview, settle, until

FACETS = {
    "truth": lambda samples, i: samples["truth"][i],
    "predicted": lambda samples, i: samples["predicted"][i],
    "outcome": lambda samples, i: "correct" if samples["correct"][i] else "wrong",
    "fold": lambda samples, i: samples["fold"][i],
    "substrate": lambda samples, i: samples["substrate"][i] or "unknown",
}


def text(value):
    return "unknown" if value is None else str(value)


def passing(samples, test):
    """The number of samples that pass."""
    return sum(bool(test(i)) for i in range(len(samples["name"])))


def shown(page):
    """The number of samples shown, as the page states it."""
    terms = page.locator(".shown").inner_text().split()
    return int((terms[1] if terms[0] == "All" else terms[0]).replace(",", ""))


def names(page):
    return page.locator(".tile .name").all_inner_texts()


@pytest.mark.parametrize("facet", FACETS)
def test_every_choice_shows_its_samples(visit, few, facet):
    page, samples = visit(few.address), few.samples
    for choice in sorted({text(FACETS[facet](samples, i)) for i in range(FEW)}):
        button = page.locator(f'.sidebar [data-facet={facet}][data-value="{choice}"]')
        expected = passing(samples, lambda i, choice=choice: text(FACETS[facet](samples, i)) == choice)
        if button.locator(".count").count():
            assert button.locator(".count").inner_text() == str(expected)
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert shown(page) == expected
        button.click()
    assert shown(page) == FEW


def test_filters_of_two_kinds_both_hold_and_counts_follow(visit, few):
    page, samples = visit(few.address), few.samples
    page.click(".sidebar [data-facet=outcome][data-value=wrong]")
    page.click(".sidebar [data-facet=fold][data-value='1']")
    page.click(".sidebar [data-facet=fold][data-value='2']")
    assert shown(page) == passing(samples, lambda i: not samples["correct"][i] and samples["fold"][i] in (1, 2))
    other = page.locator(".sidebar [data-facet=fold][data-value='3'] .count").inner_text()
    assert int(other) == passing(samples, lambda i: not samples["correct"][i] and samples["fold"][i] == 3)
    page.click(".tools .plain")
    assert shown(page) == FEW


def test_a_cell_of_the_confusion_matrix_shows_its_samples(visit, few):
    page, samples = visit(few.address), few.samples
    cell = page.locator(".matrix [data-truth='950'][data-predicted='1000']")
    expected = passing(samples, lambda i: samples["truth"][i] == 950 and samples["predicted"][i] == 1000)
    assert cell.inner_text() == str(expected)
    cell.click()
    assert shown(page) == expected
    cell.click()
    assert shown(page) == FEW


def test_ranges_hold_with_handles_and_keys(visit, few):
    page, samples = visit(few.address), few.samples
    page.locator("[data-range=growth_seconds][data-end=low]").fill("600")
    page.locator("[data-range=growth_seconds][data-end=high]").fill("900")
    assert shown(page) == passing(
        samples, lambda i: samples["growth_seconds"][i] is not None and 600 <= samples["growth_seconds"][i] <= 900
    )
    page.locator("[data-range=confidence][data-end=low]").focus()
    before = int(page.locator("[data-range=confidence][data-end=low]").input_value())
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    sure = (before + 20) / 100
    expected = passing(
        samples, lambda i: 600 <= (samples["growth_seconds"][i] or 0) <= 900 and samples["confidence"][i] >= sure
    )
    assert shown(page) == expected


def test_search_needs_every_term(visit, few):
    page, samples = visit(few.address), few.samples
    page.fill(".sidebar input[type=search]", "  c-plane 2001 ")
    wanted = [
        samples["name"][i]
        for i in range(FEW)
        if "c-plane" in (samples["substrate"][i] or "") and "2001" in samples["name"][i] + samples["batch"][i]
    ]
    assert shown(page) == len(wanted) > 0
    assert names(page) == wanted
    page.fill(".sidebar input[type=search]", "no such sample")
    assert page.locator(".empty").is_visible() and page.locator(".tile").count() == 0


def test_samples_are_sorted_as_selected(visit, few):
    page, samples = visit(few.address), few.samples
    page.select_option(".tools select", "errors")
    wrong = sorted((i for i in range(FEW) if not samples["correct"][i]), key=lambda i: (-samples["confidence"][i], i))
    assert names(page)[:8] == [samples["name"][i] for i in wrong[:8]]
    page.select_option(".tools select", "growth_seconds_up")
    known = sorted(
        (i for i in range(FEW) if samples["growth_seconds"][i] is not None),
        key=lambda i: (samples["growth_seconds"][i], i),
    )
    assert names(page)[:8] == [samples["name"][i] for i in known[:8]]


def test_the_address_keeps_what_is_chosen(visit, few):
    page = visit(few.address)
    page.click(".sidebar [data-facet=truth][data-value='950']")
    page.click(".sidebar [data-facet=substrate] >> nth=0")
    page.fill(".sidebar input[type=search]", "2001")
    page.locator("[data-range=confidence][data-end=high]").fill("90")
    page.click(".tools [data-value=occlusion]")
    until(page, "location.hash.includes('show=occlusion')")
    count, address = shown(page), page.evaluate("location.href")
    again = visit(address)
    assert shown(again) == count < FEW
    assert again.locator(".tools [data-value=occlusion]").get_attribute("aria-pressed") == "true"
    assert again.locator(".sidebar [data-facet=truth][data-value='950']").get_attribute("aria-pressed") == "true"
    assert again.locator(".sidebar input[type=search]").input_value() == "2001"
    again.click(".tools .plain")
    assert shown(again) == FEW


def test_an_invalid_address_shows_all_samples(visit, few):
    page = visit(few.address + "#sample=nobody&order=sideways&growth_seconds=9-1&show=&view=[]")
    assert shown(page) == FEW and not page.locator("dialog").evaluate("(one) => one.open")


def test_overlays_cover_all_samples_but_those_with_flagged_maps(visit, few):
    page = visit(few.address, ready=".tile")
    assert page.locator(".tile .overlay").count() == 0
    page.click(".tools [data-value=cam]")
    flagged = page.locator(".tile:has(.no-map)")
    assert [int(one.get_attribute("data-sample")) for one in flagged.all()] == [0, 1]
    over = page.locator(".tile .overlay").first.evaluate("(one) => getComputedStyle(one).backgroundImage")
    assert "cam_000.webp" in over
    assert few.study["overlays"]["cam"]["detail"].split(".")[0] in page.locator(".tools .legend").inner_text()


def test_a_preview_shows_micrograph_cam_and_occlusion(visit, few):
    page = visit(few.address, ready=".tile")
    preview(page, 4)
    assert page.locator(".preview .name").inner_text() == few.samples["name"][4]
    assert page.locator(".preview canvas").count() == 1 + 2 + 2
    page.keyboard.press("Escape")
    page.wait_for_selector(".preview", state="hidden")


def test_keys_alone_open_a_sample_and_come_back(visit, few):
    page = visit(few.address, ready=".tile")
    page.locator(".tools select").focus()
    page.keyboard.press("Tab")
    focused(page, "sample", 0)
    across = page.evaluate(
        "Math.round(document.querySelector('[data-place=\"1\"]').closest('.grid').clientWidth / 110)"
    )
    page.keyboard.press("ArrowRight")
    focused(page, "place", 1)
    page.keyboard.press("ArrowDown")
    until(page, "document.activeElement.dataset.place > 1")
    place = int(page.evaluate("document.activeElement.dataset.place"))
    assert 2 < place <= across + 3
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    assert page.locator("#sample-name").inner_text() == few.samples["name"][place]
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog:not([open])", state="attached")
    focused(page, "place", place)
    until(page, "!location.hash.includes('sample=')")
    page.keyboard.press("End")
    focused(page, "sample", FEW - 1)


def test_the_focus_stays_on_a_sample_when_the_window_is_resized(visit, few):
    page = visit(few.address, ready=".tile")
    page.locator(".tile").nth(6).focus()
    page.set_viewport_size({"width": 500, "height": 900})
    # A narrower page has it in a lower row.
    until(page, "document.querySelector('[data-place=\"6\"]').parentElement.offsetTop > 100")
    focused(page, "place", 6)


def test_the_focus_does_not_return_to_the_sample_once_it_has_moved(visit, few):
    page = visit(few.address, ready=".tile")
    page.locator(".tile").nth(2).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.evaluate(
        """() => {
          document.querySelector("dialog[open]").close();
          const key = new KeyboardEvent("keydown", { key: "End", bubbles: true });
          document.activeElement.dispatchEvent(key);
        }"""
    )
    until(page, "!location.hash.includes('sample=')")
    settle(page)
    assert page.evaluate("document.activeElement.dataset.sample") == str(FEW - 1)


def test_the_overlay_chosen_in_the_window_is_kept_when_it_closes(visit, few):
    page = visit(few.address, ready=".tile")
    page.locator(".tile").nth(2).click()
    page.wait_for_selector("dialog[open]")
    page.click("dialog [data-value=cam]")
    until(page, "location.hash.includes('show=cam')")
    page.keyboard.press("Escape")
    until(page, "!location.hash.includes('sample=')")
    assert page.evaluate("location.hash.includes('show=cam')")
    assert page.locator(".tile .overlay").count() > 0


def test_the_focus_returns_to_the_last_sample_opened(visit, few):
    page = visit(few.address, ready=".tile")
    page.locator(".tile").nth(2).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    focused(page, "sample", 3)


def test_a_first_tap_previews_a_sample_and_a_second_opens_it(visit, few):
    page = visit(few.address, ready=".tile", viewport={"width": 390, "height": 844}, has_touch=True)
    page.tap(".tile >> nth=2")
    page.wait_for_selector(".preview.docked:not([hidden])")
    assert not page.locator("dialog").evaluate("(one) => one.open")
    page.tap(".preview .main")
    page.wait_for_selector("dialog[open]")
    assert page.locator("#sample-name").inner_text() == few.samples["name"][2]


def test_filters_are_folded_on_a_phone(visit, few):
    page = visit(few.address, ready=".tile", viewport={"width": 390, "height": 844})
    assert page.locator(".sidebar input[type=search]").is_hidden()
    page.click(".sidebar summary")
    page.click(".sidebar [data-facet=outcome][data-value=wrong]")
    assert page.locator(".sidebar summary").inner_text() == "Filters (1)"


def test_five_thousand_samples_stay_usable(visit, many):
    page, samples = visit(many.address, ready=".tile"), many.samples
    assert page.evaluate("performance.now()") < 10_000
    assert shown(page) == MANY
    page.locator(".tile").first.focus()
    page.keyboard.press("End")
    focused(page, "sample", MANY - 1)
    settle(page)
    assert page.locator(".tile").count() < 200
    took = page.evaluate(
        """async () => {
          const from = performance.now();
          document.querySelector(".sidebar [data-facet=outcome][data-value=wrong]").click();
          await new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)));
          return performance.now() - from;
        }"""
    )
    assert took < 3000
    assert shown(page) == passing(samples, lambda i: not samples["correct"][i])
    page.click(".tools [data-value=map]")
    page.locator(".map-canvas").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".map .visually-hidden").inner_text() != ""
