"""The figure of baselines: marks where the table has them, nothing cut off, the badge of the data."""

import numpy as np
import pytest

import made_up
import made_up_baselines as made
from micrograph.figures import baselines as baselines_figure


@pytest.mark.parametrize("protocols", [("strict", "published"), ("strict",), ("published",)])
def test_the_figure_is_laid_out_well(protocols):
    figure = baselines_figure.draw(made.tabled(made.given(protocols)))
    made_up.laid_out_well(figure)
    words = made_up.words_in(figure)
    assert "growth metadata" in words
    assert ("CNN − baseline" in words) == ("strict" in protocols)


def test_every_mark_stands_where_the_table_has_it():
    table = made.tabled(made.given())
    left, right = baselines_figure.draw(table).axes[:2]
    reported = [
        row["pooled_pct" if row["protocol"] == "strict" else "validation_pct"] for row in table.to_dict("records")
    ]
    assert [across for across, _ in made_up.marks(left)] == pytest.approx(reported)
    assert [across for across, _ in made_up.marks(right)] == pytest.approx(
        table["network_gain_pct_points"].dropna().tolist()
    )
    assert [down for _, down in made_up.marks(right)] == [0, 1, 2]
    assert right.get_xlim()[0] < 0 < table["network_gain_pct_points_high"].max() < right.get_xlim()[1]


def test_days_too_few_for_intervals_leave_marks_without_bars():
    table = made.tabled([made.by_hand([1, 0, 0, 0], "xxxx")], made.by_hand([1, 1, 1, 0], "xxxx"))
    for some, bars in (
        (table, 0),
        (table.assign(network_gain_pct_points_low=10.0, network_gain_pct_points_high=90.0), 2),
    ):
        right = baselines_figure.draw(some).axes[1]
        assert len(made_up.marks(right)) == 2
        long = [line for line in right.lines if line.get_marker() == "None" and np.ptp(line.get_xdata()) > 0]
        assert len([line for line in long if line.get_ydata()[0] in (0, 1)]) == bars  # between rows stand others
