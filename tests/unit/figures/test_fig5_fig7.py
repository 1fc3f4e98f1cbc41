"""Confusion matrices: counts that equal hand counts, the paper's matrix where it has one, a layout that holds."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import made_up
from made_up import CLASSES, laid_out_well, words_in
from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation.summaries import Fit
from micrograph.figures import fig5_fig7
from project import PROJECT

SIMULATED = "simulated films"
PUBLISHED = io.read_table(PROJECT / "resources" / "published" / "confusion.tsv")
NOMINAL = [("nominal", "GBC"), ("nominal", "MLP"), ("nominal", "CNN")]
ORDERED = [("regression", "GBC"), ("nnrank", "MLP"), ("nnrank", "CNN")]


def predictions(rows):
    """Rows (fold, part, sample, truth, predicted) as the waist's table."""
    names = ["fold", "split", "sample", "y_true", "y_pred"]
    return pd.DataFrame(rows, columns=names)


def fitted(kinds, count=24, classes=CLASSES, protocols=("strict",), **more):
    table = made_up.samples(count, classes)
    return [
        made_up.fit(table, classes, protocol=protocol, scheme=scheme, model=model, **more)
        for protocol in protocols
        for scheme, model in kinds
    ]


def test_counts_of_the_strict_protocol_are_pooled():
    fit = predictions(
        [
            *((0, "train", "z", 900, 1000), (0, "test", "a", 900, 900), (0, "test", "b", 950, 900)),
            *((1, "test", "c", 950, 950), (1, "test", "d", 1000, 950), (1, "test", "e", 1000, np.nan)),
        ]
    )
    matrix = fig5_fig7.count(fit, CLASSES)
    assert matrix.counts.tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 1]]
    assert (matrix.samples, matrix.folds, matrix.pooled) == (5, 2, True)


def test_counts_of_a_shared_test_set_are_means_over_fits():
    fit = predictions([(fold, "test", "a", 900, 900 + 50 * (fold > 0)) for fold in range(4)])
    matrix = fig5_fig7.count(fit, CLASSES)
    assert matrix.counts[0].tolist() == [0.25, 0.75, 0, 0]
    assert (matrix.samples, matrix.folds, matrix.pooled) == (1, 4, False)


def test_counts_of_several_deals_are_means_over_them():
    first = predictions([(0, "test", "a", 900, 900), (1, "test", "b", 950, 950)])
    second = predictions([(0, "test", "a", 900, 950), (1, "test", "b", 950, 950)])
    both = made_up.repeated(*(Fit({}, frame) for frame in (first, second)))
    matrix = fig5_fig7.count(both.predictions, CLASSES)
    assert matrix.counts.tolist() == [[0.5, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert (matrix.samples, matrix.folds, matrix.repeats) == (2, 2, 2) and not matrix.whole


def test_deals_that_each_test_films_of_their_own_are_means_over_all_fits():
    deals = [predictions([(fold, "test", name, 900, 900 + 50 * fold) for fold in range(2)]) for name in "ab"]
    matrix = fig5_fig7.count(made_up.repeated(*(Fit({}, frame) for frame in deals)).predictions, CLASSES)
    assert matrix.counts[0].tolist() == [0.5, 0.5, 0, 0]
    assert (matrix.samples, matrix.folds, matrix.pooled, matrix.repeats) == (1, 2, False, 2)


def test_figures_of_several_deals_say_so():
    given = [made_up.repeated(fit, fit) for fit in fitted(NOMINAL, protocols=("strict", "published"))]
    figure = fig5_fig7.draw_beside_paper(given, PUBLISHED, "fig5", CLASSES, SIMULATED)
    laid_out_well(figure)
    for words in ("24 samples, sum over 5 folds, mean of 2 repeats", "2 samples, mean over 5 folds, mean of 2 repeats"):
        assert words in words_in(figure)


def test_a_part_that_is_not_there_is_named():
    with pytest.raises(UserError, match="'validation'"):
        fig5_fig7.count(predictions([(0, "test", "a", 900, 900)]), CLASSES, split="validation")


def test_a_matrix_shows_counts_row_percent_and_missing_answers():
    rows = [(0, "test", f"s{i}", 950, answer) for i, answer in enumerate([950] * 5 + [1000] * 2 + [np.nan])]
    given = {("block2_cev85", "SVC"): predictions(rows)}
    words = words_in(fig5_fig7.draw_by_features(given, CLASSES, SIMULATED))
    for part in ("block2, 85 % of variance", "| 5 |", "62 %", "| 2 |", "25 %", "none", "62.5 % correct", "8 samples"):
        assert part in words
    whole = {("tuned", "SVC"): predictions([(0, "test", "a", 900, 900)])}
    assert "none" not in words_in(fig5_fig7.draw_by_features(whole, CLASSES, SIMULATED))


@pytest.mark.parametrize("sets", [1, 5, 9])
def test_as_many_feature_sets_as_table_2_has_fit_on_the_page(sets):
    names = [*(f"block{block}_cev{cev}" for block in (2, 3, 4, 5) for cev in (85, 99)), "tuned"][-sets:]
    given = {
        (features, model): made_up.fit(model=model, features=features, unanswered=0.1).predictions
        for features in names
        for model in ("SVC", "RNN")
    }
    figure = fig5_fig7.draw_by_features(given, CLASSES, SIMULATED, title="Table 2's models")
    laid_out_well(figure)
    words = words_in(figure)
    assert words.count("% correct") == 2 * sets
    assert ("| 0 %" in words) == (sets < 9)  # small cells hold the count alone


def test_the_paper_stands_below_its_models_and_only_there():
    given = fitted(NOMINAL, protocols=("strict", "published"))
    words = words_in(fig5_fig7.draw_beside_paper(given, PUBLISHED, "fig5", CLASSES, SIMULATED))
    assert words.count("% correct") == 9
    for part in (
        "strict: 24 samples, sum over 5 folds",
        "published: 2 samples, mean over 5 folds",
        "| 9.1 |",
        "MLP, nominal",
    ):
        assert part in words
    assert "paper, real films: 27 samples, mean over 10 folds" in words
    strange = words_in(fig5_fig7.draw_beside_paper(given[:2], PUBLISHED, "fig7", CLASSES, SIMULATED))
    assert "paper" not in strange and strange.count("% correct") == 2


@pytest.mark.parametrize("classes", [[800, 900], [800, 850, 900, 950, 1000]])
def test_other_temperatures_than_the_papers_are_drawn_without_it(classes):
    given = fitted(ORDERED, 48, classes)
    figure = fig5_fig7.draw_beside_paper(given, PUBLISHED, "fig7", classes, "real films", "Ordered")
    laid_out_well(figure)
    assert "paper" not in words_in(figure) and "GBC, regression" in words_in(figure)


def test_the_papers_matrix_is_read_whole():
    matrix = fig5_fig7.published_matrix(PUBLISHED, "fig7", "nnrank", "CNN", CLASSES)
    assert matrix.counts.tolist() == [[1.2, 1.8, 0, 0], [1.4, 8.1, 3.5, 0], [0.4, 1.6, 9.0, 0]]
    assert (matrix.samples, matrix.folds) == (27, 10)
    assert fig5_fig7.published_matrix(PUBLISHED, "fig7", "corn", "CNN", CLASSES) is None


@pytest.mark.parametrize("count", [24, 120])
def test_nothing_is_cut_off_and_no_words_overlap(count):
    given = fitted(NOMINAL, count, protocols=("strict", "published"), unanswered=0.05)
    laid_out_well(fig5_fig7.draw_beside_paper(given, PUBLISHED, "fig5", CLASSES, SIMULATED, "Nominal models"))


def test_inputs_are_left_alone_and_several_pretrainings_are_refused():
    given = fitted(NOMINAL[:1])
    before = given[0].predictions.copy(deep=True)
    fig5_fig7.draw_beside_paper(given, PUBLISHED, "fig5", CLASSES, SIMULATED)
    pd.testing.assert_frame_equal(given[0].predictions, before)
    other = Fit(replace(given[0].spec, pretraining="scratch"), given[0].predictions)
    with pytest.raises(UserError, match="scratch"):
        fig5_fig7.draw_beside_paper([*given, other], PUBLISHED, "fig5", CLASSES, SIMULATED)
    with pytest.raises(UserError, match="no predictions"):
        fig5_fig7.draw_beside_paper([], PUBLISHED, "fig5", CLASSES, SIMULATED)
