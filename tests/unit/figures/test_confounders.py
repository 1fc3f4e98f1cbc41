"""The figure of confounders shows the table's numbers, hollow where there is no interval."""

import numpy as np
import pytest

from made_up import laid_out_well, marks, words_in
from made_up_confounders import answered, films, rows, tabled
from micrograph.figures import confounders as confounders_figure


def table(**columns):
    rng = np.random.default_rng(1)
    sheet = films(120, substrate=["c"] * 60 + ["A"] * 51 + ["M-plane sapphire, miscut by two degrees"] * 9, **columns)
    right = rng.random(120) < np.where(np.arange(120) < 60, 0.9, 0.4)
    later = answered(sheet.iloc[60:], rng.random(60) < 0.5, "later_days")
    return tabled(sheet, right, [later], [answered(sheet, right)], {"by_operator": "the sheet names nobody."})


def test_marks_are_the_numbers_of_the_table_in_its_order():
    given = table()
    left, right = confounders_figure.draw(given).axes
    shown = given[given["accuracy_pct"].notna()]
    assert [value for value, _ in marks(left)] == pytest.approx(shown["accuracy_pct"].tolist())
    assert [value for value, _ in marks(right)] == pytest.approx(shown["difference_pct_points"].dropna().tolist())


def test_a_mark_is_hollow_without_an_interval_and_dark_where_the_interval_excludes_0():
    given = table()
    axes = confounders_figure.draw(given).axes[1]
    known = given[given["difference_pct_points"].notna()]
    hollow = known.loc[known["difference_pct_points_low"].isna(), "difference_pct_points"]
    assert [value for value, _ in marks(axes, hollow=True)] == pytest.approx(hollow.tolist()) and len(hollow)
    dark = [value for value, _ in marks(axes, colour=confounders_figure.APART)]
    assert rows(given, "substrate").loc["c", "difference_pct_points"] in dark and len(dark) < len(known)


def test_nothing_overlaps_or_is_cut_off_and_what_was_not_tested_is_noted():
    for given in (table(), table(operator=["anna", "bo", "cy"] * 40, pressure_torr=[50, 100, 150] * 40)):
        figure = confounders_figure.draw(given)
        laid_out_well(figure)
        words = words_in(figure)
        assert "not tested" in words and "CNN, of later days" in words


def test_intervals_lie_on_their_axes():
    for axes in confounders_figure.draw(table()).axes:
        low, high = axes.get_xlim()
        values = np.concatenate([line.get_xdata() for line in axes.lines if line.get_transform() == axes.transData])
        assert low <= np.nanmin(values) and np.nanmax(values) <= high
