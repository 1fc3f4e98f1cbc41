"""The figure of baselines: marks where the table has them, nothing cut off, the badge of the data."""

import numpy as np
import pytest

import made_up
import made_up_baselines as made
from micrograph.figures import baselines as baselines_figure
from micrograph.figures import style


def drawn(table):
    return baselines_figure.draw(table, "simulated films")


def marks(axes):
    """(place across, place down) of every mark."""
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_marker() not in ("None", "")]


@pytest.mark.parametrize("protocols", [("strict", "published"), ("strict",), ("published",)])
def test_it_is_laid_out_well_and_says_whose_films_these_are(protocols):
    figure = drawn(made.tabled(made.given(protocols)))
    made_up.laid_out_well(figure)
    words = made_up.words_in(figure)
    assert "simulated films" in words and "growth metadata" in words
    assert ("CNN − baseline" in words) == ("strict" in protocols)


def test_every_mark_stands_where_the_table_has_it():
    table = made.tabled(made.given())
    left, right = drawn(table).axes[:2]
    reported = [
        row["pooled_pct" if row["protocol"] == "strict" else "validation_pct"] for row in table.to_dict("records")
    ]
    assert [across for across, _ in marks(left)] == pytest.approx(reported)
    assert [across for across, _ in marks(right)] == pytest.approx(table["network_gain_pct_points"].dropna().tolist())
    assert [down for _, down in marks(right)] == [0, 1, 2]
    assert right.get_xlim()[0] < 0 < table["network_gain_pct_points_high"].max() < right.get_xlim()[1]


def test_days_too_few_for_intervals_leave_marks_without_bars():
    table = made.tabled([made.by_hand([1, 0, 0, 0], "xxxx")], made.by_hand([1, 1, 1, 0], "xxxx"))
    for some, bars in (
        (table, 0),
        (table.assign(network_gain_pct_points_low=10.0, network_gain_pct_points_high=90.0), 2),
    ):
        right = drawn(some).axes[1]
        assert len(marks(right)) == 2
        long = [line for line in right.lines if line.get_marker() == "None" and np.ptp(line.get_xdata()) > 0]
        assert len([line for line in long if line.get_ydata()[0] in (0, 1)]) == bars  # between rows stand others


def test_the_same_table_gives_the_same_bytes(tmp_path):
    table = made.tabled(made.given())
    kept = table.copy()
    for name in ("one", "two"):
        style.save(drawn(table), *(tmp_path / f"{name}.{kind}" for kind in ("pdf", "svg", "png")))
    for kind in ("pdf", "svg", "png"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
    assert table.equals(kept)
