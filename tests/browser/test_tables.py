"""Tables sort by the first number of a cell, and the name of a group stays with all its rows."""

import pytest


@pytest.fixture
def table(visit, few):
    return visit(few.address).locator("table.sortable").first


def column(table, place):
    texts = [row.locator("td").nth(place).inner_text() for row in table.locator("tbody tr").all()]
    return [text.replace("\u00a0", " ") for text in texts]


def test_numbers_sort_descending_then_ascending_then_in_the_original_order(table):
    before = column(table, 2)
    button = table.locator("thead button").nth(2)
    button.click()
    assert table.locator("th").nth(2).get_attribute("aria-sort") == "descending"
    assert column(table, 2) == ["71 ± 4", "66 ± 17", "45 ± 5", "9 ± 3", "–"]
    button.click()
    assert table.locator("th").nth(2).get_attribute("aria-sort") == "ascending"
    assert column(table, 2) == ["9 ± 3", "45 ± 5", "66 ± 17", "71 ± 4", "–"]
    button.click()
    assert table.locator("th").nth(2).get_attribute("aria-sort") is None
    assert column(table, 2) == before


def test_intervals_minus_signs_and_thousands_are_numbers(table):
    table.locator("thead button").nth(3).click()
    assert column(table, 3) == ["1,024", "2", "0.62 [0.49, 0.73]", "−0.5 [−0.9, 0.1]", "–"]


def test_groups_are_filled_in_while_sorted(table):
    before = column(table, 0)
    assert before.count("") == 3
    button = table.locator("thead button").nth(1)
    button.click()
    assert column(table, 1) == ["KRC", "KRC", "RNN", "SVC", "SVC"]
    assert sorted(column(table, 0)) == sorted(["strict: test"] * 3 + ["the paper, real films"] * 2)
    button.click()
    button.click()
    assert column(table, 0) == before


def test_rows_of_the_paper_stay_marked(table):
    table.locator("thead button").nth(2).click()
    marked = table.locator("tbody tr.published td:first-child").all_inner_texts()
    assert marked == ["the paper, real films"] * 2


def test_keys_sort_and_only_one_heading_is_sorted(table):
    table.locator("thead button").nth(2).focus()
    table.page.keyboard.press("Enter")
    table.locator("thead button").nth(3).focus()
    table.page.keyboard.press("Space")
    assert table.locator("[aria-sort]").count() == 1
    assert table.locator("b").inner_text() == "71\u00a0±\u00a04"
