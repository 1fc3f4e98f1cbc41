"""The figure of confounders shows the table's numbers, hollow where there is no interval."""

import numpy as np
import pytest

from made_up import laid_out_well, words_in
from made_up_confounders import answered, films, rows, tabled
from micrograph.evaluation import confounders
from micrograph.figures import confounders as confounders_figure
from micrograph.figures import style


def table(**columns):
    rng = np.random.default_rng(1)
    sheet = films(120, substrate=["c"] * 60 + ["A"] * 51 + ["M-plane sapphire, miscut by two degrees"] * 9, **columns)
    right = rng.random(120) < np.where(np.arange(120) < 60, 0.9, 0.4)
    later = answered(sheet.iloc[60:], rng.random(60) < 0.5, "by_date")
    return tabled(sheet, right, [later], [answered(sheet, right)], {"by_operator": "the sheet names nobody."})


def marks(axes):
    """{row: (value, hollow)} of an axes' marks."""
    found = [line for line in axes.lines if line.get_marker() == "o"]
    return {
        int(line.get_ydata()[0]): (line.get_xdata()[0], line.get_markerfacecolor() == style.PAPER) for line in found
    }


def test_marks_are_the_numbers_of_the_table_in_its_order():
    given = table()
    left, right = confounders_figure.draw(given, "simulated films").axes
    shown = given[given["accuracy_pct"].notna()]
    assert [value for _, (value, _) in sorted(marks(left).items())] == pytest.approx(shown["accuracy_pct"].tolist())
    differences = shown.loc[shown["difference_pct_points"].notna(), "difference_pct_points"].tolist()
    assert [value for _, (value, _) in sorted(marks(right).items())] == pytest.approx(differences)


def test_a_mark_is_hollow_where_there_is_no_interval_and_dark_where_it_leaves_out_nothing():
    given = table()
    left, right = confounders_figure.draw(given, "simulated films").axes
    hollow = [empty for _, (_, empty) in sorted(marks(right).items())]
    known = given.loc[given["difference_pct_points"].notna(), "difference_pct_points_low"].isna()
    assert hollow == known.tolist() and True in hollow and False in hollow
    assert confounders.differs(rows(given, "substrate").loc["c"])
    dark = [line for line in right.lines if line.get_color() == confounders_figure.APART]
    assert len(dark) >= 1


def test_nothing_overlaps_or_is_cut_off_and_what_was_not_tested_is_said():
    for given in (table(), table(operator=["anna", "bo", "cy"] * 40, pressure_torr=[50, 100, 150] * 40)):
        figure = confounders_figure.draw(given, "simulated films")
        laid_out_well(figure)
        words = words_in(figure)
        assert "not tested" in words and "simulated films" in words and "CNN, of later days" in words


def test_intervals_lie_on_their_axes_and_the_figure_of_real_films_has_no_badge():
    figure = confounders_figure.draw(table(), "real films")
    assert "simulated" not in words_in(figure)
    for axes in figure.axes:
        low, high = axes.get_xlim()
        values = np.concatenate([line.get_xdata() for line in axes.lines])
        assert low <= np.nanmin(values) and np.nanmax(values) <= high
