"""The films: filters leave the films that they should, the address keeps them, keys and fingers reach all."""

import pytest

from browser.made_up_site import FEW, MANY
from browser.visiting import focused, glance, settle, until

FACETS = {
    "truth": lambda films, i: films["truth"][i],
    "predicted": lambda films, i: films["predicted"][i],
    "answer": lambda films, i: "right" if films["right"][i] else "wrong",
    "fold": lambda films, i: films["fold"][i],
    "substrate": lambda films, i: films["substrate"][i] or "unknown",
}


def word(value):
    return "unknown" if value is None else str(value)


def passing(films, test):
    """How many films pass, as the page should count them."""
    return sum(bool(test(i)) for i in range(len(films["sample"])))


def shown(page):
    """How many films the page says that it shows."""
    words = page.locator(".shown").inner_text().split()
    return int((words[1] if words[0] == "All" else words[0]).replace(",", ""))


def names(page):
    return page.locator(".tile .name").all_inner_texts()


@pytest.mark.parametrize("facet", FACETS)
def test_every_choice_shows_the_films_that_it_says(visit, few, facet):
    page, films = visit(few.address), few.films
    for choice in sorted({word(FACETS[facet](films, i)) for i in range(FEW)}):
        button = page.locator(f'.side [data-facet={facet}][data-value="{choice}"]')
        expected = passing(films, lambda i, choice=choice: word(FACETS[facet](films, i)) == choice)
        if button.locator(".count").count():
            assert button.locator(".count").inner_text() == str(expected)
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert shown(page) == expected
        button.click()
    assert shown(page) == FEW


def test_filters_of_two_kinds_both_hold_and_counts_follow(visit, few):
    page, films = visit(few.address), few.films
    page.click(".side [data-facet=answer][data-value=wrong]")
    page.click(".side [data-facet=fold][data-value='1']")
    page.click(".side [data-facet=fold][data-value='2']")
    assert shown(page) == passing(films, lambda i: not films["right"][i] and films["fold"][i] in (1, 2))
    other = page.locator(".side [data-facet=fold][data-value='3'] .count").inner_text()
    assert int(other) == passing(films, lambda i: not films["right"][i] and films["fold"][i] == 3)
    page.click(".tools .plain")
    assert shown(page) == FEW


def test_a_cell_of_truth_by_answer_shows_its_films(visit, few):
    page, films = visit(few.address), few.films
    cell = page.locator(".matrix [data-truth='950'][data-predicted='1000']")
    expected = passing(films, lambda i: films["truth"][i] == 950 and films["predicted"][i] == 1000)
    assert cell.inner_text() == str(expected)
    cell.click()
    assert shown(page) == expected
    cell.click()
    assert shown(page) == FEW


def test_ranges_hold_with_handles_and_keys(visit, few):
    page, films = visit(few.address), few.films
    page.locator("[data-range=time][data-end=low]").fill("600")
    page.locator("[data-range=time][data-end=high]").fill("900")
    assert shown(page) == passing(
        films, lambda i: films["seconds"][i] is not None and 600 <= films["seconds"][i] <= 900
    )
    page.locator("[data-range=confidence][data-end=low]").focus()
    before = int(page.locator("[data-range=confidence][data-end=low]").input_value())
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    sure = (before + 20) / 100
    expected = passing(films, lambda i: 600 <= (films["seconds"][i] or 0) <= 900 and films["confidence"][i] >= sure)
    assert shown(page) == expected


def test_search_asks_for_every_word(visit, few):
    page, films = visit(few.address), few.films
    page.fill(".side input[type=search]", "  c-plane 2001 ")
    wanted = [
        films["sample"][i]
        for i in range(FEW)
        if "c-plane" in (films["substrate"][i] or "") and "2001" in films["sample"][i] + films["batch"][i]
    ]
    assert shown(page) == len(wanted) > 0
    assert names(page) == wanted
    page.fill(".side input[type=search]", "no such film")
    assert page.locator(".empty").is_visible() and page.locator(".tile").count() == 0


def test_films_stand_in_the_order_asked_for(visit, few):
    page, films = visit(few.address), few.films
    page.select_option(".tools select", "mistakes")
    wrong = sorted((i for i in range(FEW) if not films["right"][i]), key=lambda i: (-films["confidence"][i], i))
    assert names(page)[:8] == [films["sample"][i] for i in wrong[:8]]
    page.select_option(".tools select", "shortest")
    known = sorted((i for i in range(FEW) if films["seconds"][i] is not None), key=lambda i: (films["seconds"][i], i))
    assert names(page)[:8] == [films["sample"][i] for i in known[:8]]


def test_the_address_keeps_what_is_chosen(visit, few):
    page = visit(few.address)
    page.click(".side [data-facet=truth][data-value='950']")
    page.click(".side [data-facet=substrate] >> nth=0")
    page.fill(".side input[type=search]", "2001")
    page.locator("[data-range=confidence][data-end=high]").fill("90")
    page.click(".tools [data-value=occlusion]")
    until(page, "location.hash.includes('show=occlusion')")
    count, address = shown(page), page.evaluate("location.href")
    again = visit(address)
    assert shown(again) == count < FEW
    assert again.locator(".tools [data-value=occlusion]").get_attribute("aria-pressed") == "true"
    assert again.locator(".side [data-facet=truth][data-value='950']").get_attribute("aria-pressed") == "true"
    assert again.locator(".side input[type=search]").input_value() == "2001"
    again.click(".tools .plain")
    assert shown(again) == FEW


def test_an_address_of_nonsense_shows_all_films(visit, few):
    page = visit(few.address + "#film=nobody&order=sideways&time=9-1&show=&view=[]")
    assert shown(page) == FEW and not page.locator("dialog").evaluate("(one) => one.open")


def test_overlays_lie_over_every_film_but_those_whose_map_says_nothing(visit, few):
    page = visit(few.address, ready=".tile")
    assert page.locator(".tile .overlay").count() == 0
    page.click(".tools [data-value=cam]")
    flagged = page.locator(".tile:has(.unsaid)")
    assert [int(one.get_attribute("data-film")) for one in flagged.all()] == [0, 1]
    over = page.locator(".tile .overlay").first.evaluate("(one) => getComputedStyle(one).backgroundImage")
    assert "cam_000.webp" in over
    assert few.study["overlays"]["cam"]["detail"].split(".")[0] in page.locator(".tools .legend").inner_text()


def test_a_glance_shows_micrograph_cam_and_occlusion(visit, few):
    page = visit(few.address, ready=".tile")
    glance(page, 4)
    assert page.locator(".peek .name").inner_text() == few.films["sample"][4]
    assert page.locator(".peek canvas").count() == 1 + 2 + 2
    page.keyboard.press("Escape")
    page.wait_for_selector(".peek", state="hidden")


def test_keys_alone_reach_a_film_and_come_back(visit, few):
    page = visit(few.address, ready=".tile")
    page.locator(".tools select").focus()
    page.keyboard.press("Tab")
    focused(page, "film", 0)
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
    assert page.locator("#film-name").inner_text() == few.films["sample"][place]
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog:not([open])", state="attached")
    focused(page, "place", place)
    until(page, "!location.hash.includes('film=')")
    page.keyboard.press("End")
    focused(page, "film", FEW - 1)


def test_who_is_at_a_film_stays_there_when_the_window_changes(visit, few):
    page = visit(few.address, ready=".tile")
    page.locator(".tile").nth(6).focus()
    page.set_viewport_size({"width": 500, "height": 900})
    # A narrower page has it in a lower row.
    until(page, "document.querySelector('[data-place=\"6\"]').parentElement.offsetTop > 100")
    focused(page, "place", 6)


def test_who_moves_on_at_once_is_not_called_back_to_the_film(visit, few):
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
    until(page, "!location.hash.includes('film=')")
    settle(page)
    assert page.evaluate("document.activeElement.dataset.film") == str(FEW - 1)


def test_what_is_laid_over_a_film_in_its_window_stays_chosen_when_it_closes(visit, few):
    page = visit(few.address, ready=".tile")
    page.locator(".tile").nth(2).click()
    page.wait_for_selector("dialog[open]")
    page.click("dialog [data-value=cam]")
    until(page, "location.hash.includes('show=cam')")
    page.keyboard.press("Escape")
    until(page, "!location.hash.includes('film=')")
    assert page.evaluate("location.hash.includes('show=cam')")
    assert page.locator(".tile .overlay").count() > 0


def test_coming_back_from_another_film_the_keyboard_is_at_that_film(visit, few):
    page = visit(few.address, ready=".tile")
    page.locator(".tile").nth(2).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    focused(page, "film", 3)


def test_a_first_tap_shows_a_film_and_a_second_opens_it(visit, few):
    page = visit(few.address, ready=".tile", viewport={"width": 390, "height": 844}, has_touch=True)
    page.tap(".tile >> nth=2")
    page.wait_for_selector(".peek.docked:not([hidden])")
    assert not page.locator("dialog").evaluate("(one) => one.open")
    page.tap(".peek .main")
    page.wait_for_selector("dialog[open]")
    assert page.locator("#film-name").inner_text() == few.films["sample"][2]


def test_filters_are_folded_away_on_a_phone(visit, few):
    page = visit(few.address, ready=".tile", viewport={"width": 390, "height": 844})
    assert page.locator(".side input[type=search]").is_hidden()
    page.click(".side summary")
    page.click(".side [data-facet=answer][data-value=wrong]")
    assert page.locator(".side summary").inner_text() == "Filters (1)"


def test_five_thousand_films_stay_usable(visit, many):
    page, films = visit(many.address, ready=".tile"), many.films
    assert page.evaluate("performance.now()") < 10_000
    assert shown(page) == MANY
    page.locator(".tile").first.focus()
    page.keyboard.press("End")
    focused(page, "film", MANY - 1)
    settle(page)
    assert page.locator(".tile").count() < 200
    took = page.evaluate(
        """async () => {
          const from = performance.now();
          document.querySelector(".side [data-facet=answer][data-value=wrong]").click();
          await new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)));
          return performance.now() - from;
        }"""
    )
    assert took < 3000
    assert shown(page) == passing(films, lambda i: not films["right"][i])
    page.click(".tools [data-value=map]")
    page.locator(".map-canvas").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".map .unseen").inner_text() != ""
