"""Days of growth as labels and dates tell them."""

import pytest

from micrograph.scans import sample_sheet


@pytest.mark.parametrize(
    ("batch", "day"),
    [
        ("MCV1-210405", "2021-04-05"),
        ("MCV1-210405a", "2021-04-05"),
        ("2020-02-29", "2020-02-29"),
        ("2021-02-29", ""),
        ("MCV1-211340", ""),
        ("210405", ""),  # perhaps a number
        ("monday", ""),
        ("", ""),
        ("MCV1-210405a-07", ""),  # a film, not a batch
        ("MCV1-\u0662\u0661\u0660\u0664\u0660\u0665", ""),
    ],
)
def test_a_batch_tells_its_day_or_none(batch, day):
    assert sample_sheet.date_from_batch(batch) == day


@pytest.mark.parametrize("text", ["2021-4-5", "5.4.2021", "20210405", "1899-12-31", "2021-02-29", "", "2021-04-05 "])
def test_what_is_not_written_as_a_day_is_none(text):
    assert not sample_sheet._is_date(text)


def test_the_day_of_a_label_is_one_that_is_written():
    assert sample_sheet._is_date(sample_sheet.date_from_batch(sample_sheet.batch_from_label("MCV1-210405a-07")))
