"""Confusion matrices: counts that equal hand counts, the paper's matrix where it has one, a layout that holds."""

import numpy as np
import pandas as pd
import pytest

import made_up
from made_up import CLASSES, laid_out_well, words_in
from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation.summaries import Fit
from micrograph.figures import fig5_fig7
from micrograph.splits.fit_spec import FitSpec
from micrograph.target import Target
from project import PROJECT
from tables_of_films import TARGET

PUBLISHED = io.read_table(PROJECT / "resources" / "published" / "confusion.tsv")
NOMINAL = [("nominal", "GBC"), ("nominal", "MLP"), ("nominal", "CNN")]
ORDERED = [("regression", "GBC"), ("nnrank", "MLP"), ("nnrank", "CNN")]


def predictions(rows):
    """A table of predictions of rows (fold, split, sample, y_true, y_pred)."""
    return pd.DataFrame(rows, columns=["fold", "split", "sample", "y_true", "y_pred"])


def repeated(*tables):
    return made_up.repeated(*(Fit({}, table) for table in tables)).predictions


def fitted(kinds, count=24, classes=CLASSES, protocols=("strict",), **more):
    table = made_up.samples(count, classes)
    return [
        made_up.fit(table, classes, protocol=protocol, scheme=scheme, model=model, **more)
        for protocol in protocols
        for scheme, model in kinds
    ]


STRICT = [
    *((0, "train", "z", 900, 1000), (0, "test", "a", 900, 900), (0, "test", "b", 950, 900)),
    *((1, "test", "c", 950, 950), (1, "test", "d", 1000, 950), (1, "test", "e", 1000, np.nan)),
]
SHARED = [(fold, "test", "a", 900, 900 + 50 * (fold > 0)) for fold in range(4)]
FIRST = [(0, "test", "a", 900, 900), (1, "test", "b", 950, 950)]
SECOND = [(0, "test", "a", 900, 950), (1, "test", "b", 950, 950)]
OWN = [[(fold, "test", name, 900, 900 + 50 * fold) for fold in range(2)] for name in "ab"]


@pytest.mark.parametrize(
    ("repeats", "counts", "described"),
    [
        ([STRICT], [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 1]], (5, 2, True, "")),  # summed over folds
        ([SHARED], [[0.25, 0.75, 0, 0]], (1, 4, False, "")),  # means over folds that share a test set
        ([FIRST, SECOND], [[0.5, 0.5, 0, 0], [0, 1, 0, 0]], (2, 2, True, "2 repeats")),  # means over repeats
        (OWN, [[0.5, 0.5, 0, 0]], (1, 2, False, "2 repeats")),  # repeats with test sets of their own
    ],
)
def test_counts_equal_hand_counts(repeats, counts, described):
    matrix = fig5_fig7.count(repeated(*map(predictions, repeats)), TARGET)
    assert matrix.counts.tolist()[: len(counts)] == counts
    assert (matrix.samples, matrix.folds, matrix.pooled, matrix.runs) == described


def test_a_split_without_predictions_is_named():
    with pytest.raises(UserError, match="'validation'"):
        fig5_fig7.count(predictions([(0, "test", "a", 900, 900)]), TARGET, split="validation")


def test_a_matrix_shows_counts_percent_of_rows_and_missing_predictions():
    rows = [(0, "test", f"s{i}", 950, answer) for i, answer in enumerate([950] * 5 + [1000] * 2 + [np.nan])]
    spec = FitSpec("strict", "imagenet", "aug3", "block2_cev85", "nominal", "SVC")
    words = words_in(fig5_fig7.draw_table2([Fit(spec, predictions(rows))], TARGET))
    for part in ("block2, 85 % of variance", "| 5 |", "62 %", "| 2 |", "25 %", "none", "62.5 % correct", "8 samples"):
        assert part in words
    assert "none" not in words_in(fig5_fig7.draw_table2([Fit(spec, predictions(rows[:-1]))], TARGET))


@pytest.mark.parametrize("sets", [1, 5, 9])
def test_as_many_feature_sets_as_table_2_has_fit_on_the_page(sets):
    names = [*(f"block{block}_cev{cev}" for block in (2, 3, 4, 5) for cev in (85, 99)), "tuned"][-sets:]
    given = [made_up.fit(model=model, features=name, unanswered=0.1) for name in names for model in ("SVC", "RNN")]
    figure = fig5_fig7.draw_table2(given, TARGET, "Table 2's models")
    laid_out_well(figure)
    assert words_in(figure).count("% correct") == 2 * sets
    assert ("| 0 %" in words_in(figure)) == (sets < 9)  # small cells hold the count alone


def test_the_paper_stands_below_its_models_and_only_there():
    given = fitted(NOMINAL, protocols=("strict", "published"), unanswered=0.05)
    figure = fig5_fig7.draw_beside_paper(given, PUBLISHED, "fig5", TARGET, "Nominal models")
    laid_out_well(figure)
    words = words_in(figure)
    assert words.count("% correct") == 9 and "| 9.1 |" in words and "MLP, nominal" in words
    assert "strict: 24 samples, sum over 5 folds" in words and "published: 2 samples, mean over 5 folds" in words
    assert "paper, real films: 27 samples, mean over 10 folds" in words
    other = words_in(fig5_fig7.draw_beside_paper(given[:2], PUBLISHED, "fig7", TARGET))
    assert "paper" not in other and other.count("% correct") == 2


def test_repeats_are_counted():
    given = [made_up.repeated(fit, fit) for fit in fitted(NOMINAL, protocols=("strict", "published"))]
    figure = fig5_fig7.draw_beside_paper(given, PUBLISHED, "fig5", TARGET)
    laid_out_well(figure)
    for text in ("24 samples, sum over 5 folds, mean of 2 repeats", "2 samples, mean over 5 folds, mean of 2 repeats"):
        assert text in words_in(figure)
    (strict, *_) = fitted(NOMINAL)
    assert fig5_fig7.count(made_up.seeded(strict, strict, strict).predictions, TARGET).runs == "3 seeds"


@pytest.mark.parametrize("classes", [[800, 900], [800, 850, 900, 950, 1000]])
def test_other_temperatures_than_the_papers_are_drawn_without_it(classes):
    figure = fig5_fig7.draw_beside_paper(
        fitted(ORDERED, 48, classes),
        PUBLISHED,
        "fig7",
        Target.from_config({"column": "growth_celsius", "classes": classes}),
        "Ordered",
    )
    laid_out_well(figure)
    assert "paper" not in words_in(figure) and "GBC, regression" in words_in(figure)


def test_the_papers_matrix_is_read_whole():
    matrix = fig5_fig7.published_matrix(PUBLISHED, "fig7", "nnrank", "CNN", TARGET)
    assert matrix.counts.tolist() == [[1.2, 1.8, 0, 0], [1.4, 8.1, 3.5, 0], [0.4, 1.6, 9.0, 0]]
    assert (matrix.samples, matrix.folds) == (27, 10)
    assert fig5_fig7.published_matrix(PUBLISHED, "fig7", "corn", "CNN", TARGET) is None


def test_several_pretrainings_and_no_fits_are_refused():
    with pytest.raises(UserError, match="scratch"):
        fig5_fig7.draw_beside_paper([made_up.fit(), made_up.fit(pretraining="scratch")], PUBLISHED, "fig5", TARGET)
    with pytest.raises(UserError, match="no predictions"):
        fig5_fig7.draw_beside_paper([], PUBLISHED, "fig5", TARGET)
