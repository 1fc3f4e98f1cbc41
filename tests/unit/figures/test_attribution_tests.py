"""The figure of explanations shows the table's numbers, and no place of things where nobody knows it."""

import numpy as np
import pytest

from made_up import laid_out_well
from made_up_explanations import FEATURES, MAPS, NETWORK, tests, words_in
from micrograph.evaluation import attribution_tests
from micrograph.figures import attribution_tests as attribution_tests_figure
from micrograph.figures import style

tests.__test__ = False


def table(**settings):
    return attribution_tests.make_table(
        tests(**settings), n_bootstrap=300, seed=3, data="simulated films", network=NETWORK
    )


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title(loc="left").startswith(title))


def marks(axes, colour):
    """Single marks of a colour: (value, filled)."""
    found = [line for line in axes.lines if line.get_marker() != "None" and len(line.get_xdata()) == 1]
    return [line.get_xdata()[0] for line in found if line.get_markerfacecolor() == colour]


def test_marks_are_the_numbers_of_the_table():
    rows = table(looks=("islands",))
    figure = attribution_tests_figure.draw(rows, "simulated films")
    for name in MAPS:
        colour = attribution_tests_figure.MARKS[name][0]
        of_map = rows[rows["map"] == name].set_index(["measure", "feature"])
        assert marks(panel(figure, "Attribution"), colour) == pytest.approx(of_map.loc["mass", "ratio"].tolist())
        assert marks(panel(figure, "Pointing"), colour) == pytest.approx(
            (100 * of_map.loc["pointing", "value"]).tolist()
        )
        curves = [of_map.loc[(measure, "whole"), "gain"] for measure in ("deletion", "insertion")]
        assert marks(panel(figure, "Deletion"), colour) == pytest.approx(curves)


def test_every_interval_is_on_its_axis():
    rows = table(looks=("islands",), scars=3.0, films=24)
    figure = attribution_tests_figure.draw(rows, "simulated films")
    for axes in figure.axes[1:]:
        low, high = axes.get_xlim()
        drawn = [line for line in axes.lines if line.get_transform() == axes.transData]
        values = np.concatenate([line.get_xdata() for line in drawn] or [[low]])
        assert low <= np.nanmin(values) or np.nanmin(values) == 0
        assert np.nanmax(values) <= high


def test_real_films_have_two_panels_and_no_feature():
    figure = attribution_tests_figure.draw(table(features=()), "real films")
    words = words_in(figure)
    assert "scars" not in words and "Pointing" not in words and "simulated" not in words
    assert len(figure.axes) == 3 and "Similarity of maps" in words


def test_likeness_of_fewer_films_says_of_how_many():
    rows = table(films=24)
    assert " samples)" not in words_in(attribution_tests_figure.draw(rows, "simulated films"))
    rows.loc[rows["measure"].str.startswith("randomised"), "n_samples"] = 12
    figure = attribution_tests_figure.draw(rows, "simulated films")
    told = [text.get_text() for text in panel(figure, "Similarity").get_yticklabels()]
    assert [text.endswith("\n(12 samples)") for text in told] == [False, True, True]
    laid_out_well(figure)


@pytest.mark.parametrize("features", [FEATURES, FEATURES[:2], ()])
def test_the_figure_is_laid_out_well(features):
    laid_out_well(attribution_tests_figure.draw(table(features=features, films=24), "simulated films"))


def test_a_feature_of_no_film_and_intervals_that_are_missing_do_not_stop_the_drawing():
    rows = table(films=8, days=1, features=("pits",))
    assert rows["low"].isna().all()
    laid_out_well(attribution_tests_figure.draw(rows, "simulated films"))


def test_the_same_table_gives_the_same_bytes(tmp_path):
    rows = table(films=12, features=("pits",))
    for run in ("one", "two"):
        figure = attribution_tests_figure.draw(rows, "simulated films")
        style.save(figure, *(tmp_path / f"{run}.{kind}" for kind in ("pdf", "svg", "png")), dots_per_inch=60)
    for kind in ("pdf", "svg", "png"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
