"""The figure of explanations shows the table's numbers, and no place of things where nobody knows it."""

import numpy as np
import pytest

from made_up import laid_out_well, marks, panel
from made_up_explanations import FEATURES, MAPS, NETWORK, tests, words_in
from micrograph.evaluation import attribution_tests
from micrograph.figures import attribution_tests as attribution_tests_figure

tests.__test__ = False


def table(**settings):
    return attribution_tests.make_table(
        tests(**settings), n_bootstrap=300, seed=3, data="simulated films", network=NETWORK
    )


def test_marks_are_the_numbers_of_the_table():
    rows = table(looks=("islands",))
    figure = attribution_tests_figure.draw(rows)

    def shown(title, colour):
        return pytest.approx([value for value, _ in marks(panel(figure, title), hollow=False, colour=colour)])

    for name in MAPS:
        colour = attribution_tests_figure.MARKS[name][0]
        of_map = rows[rows["map"] == name].set_index(["measure", "feature"])
        assert of_map.loc["mass", "ratio"].tolist() == shown("Attribution", colour)
        assert (100 * of_map.loc["pointing", "value"]).tolist() == shown("Pointing", colour)
        curves = [of_map.loc[(measure, "whole"), "gain"] for measure in ("deletion", "insertion")]
        assert curves == shown("Deletion", colour)


def test_every_interval_is_on_its_axis():
    rows = table(looks=("islands",), scars=3.0, films=24)
    figure = attribution_tests_figure.draw(rows)
    for axes in figure.axes:
        low, high = axes.get_xlim()
        drawn = [line for line in axes.lines if line.get_transform() == axes.transData]
        values = np.concatenate([line.get_xdata() for line in drawn] or [[low]])
        assert low <= np.nanmin(values) or np.nanmin(values) == 0
        assert np.nanmax(values) <= high


def test_real_films_have_two_panels_and_no_feature():
    figure = attribution_tests_figure.draw(table(features=()))
    words = words_in(figure)
    assert "scars" not in words and "Pointing" not in words
    assert len(figure.axes) == 2 and "Similarity of maps" in words


def test_similarity_of_fewer_samples_says_of_how_many():
    rows = table(films=24)
    assert " samples)" not in words_in(attribution_tests_figure.draw(rows))
    rows.loc[rows["measure"].str.startswith("randomised"), "n_samples"] = 12
    figure = attribution_tests_figure.draw(rows)
    told = [text.get_text() for text in panel(figure, "Similarity").get_yticklabels()]
    assert [text.endswith("\n(12 samples)") for text in told] == [False, True, True]
    laid_out_well(figure)


@pytest.mark.parametrize("features", [FEATURES, FEATURES[:2], ()])
def test_the_figure_is_laid_out_well(features):
    laid_out_well(attribution_tests_figure.draw(table(features=features, films=24)))


def test_a_feature_of_no_sample_and_intervals_that_are_missing_do_not_stop_the_drawing():
    rows = table(films=8, days=1, features=("pits",))
    assert rows["value_low"].isna().all()
    laid_out_well(attribution_tests_figure.draw(rows))
