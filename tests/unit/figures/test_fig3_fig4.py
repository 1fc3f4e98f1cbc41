"""Figures 3, S2 and 4: marks stand where hand arithmetic puts them, the paper's only beside its own fits."""

import numpy as np
import pandas as pd
import pytest

import made_up
from made_up import CLASSES, laid_out_well, words_in
from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation.summaries import Fit
from micrograph.figures import fig3_fig4, style
from project import PROJECT

PUBLISHED = io.read_table(PROJECT / "resources" / "published" / "values.tsv")
NINE = ("SVC", "KRC", "RNN", "GPC", "KNN", "DTC", "GBC", "MLP", "CNN")
POLICIES = ("aug1", "aug2", "aug3", "aug4")


def fits(models=NINE, policies=("aug3",), protocols=("strict",), count=24, classes=CLASSES, folds=5):
    table = made_up.samples(count, classes)
    return [
        made_up.fit(table, classes, folds, protocol=protocol, policy=policy, model=model)
        for protocol in protocols
        for policy in policies
        for model in models
    ]


def figure3(given, metric="accuracy", classes=CLASSES):
    return fig3_fig4.draw_by_policy(given, PUBLISHED, metric, classes)


def figure4(given, classes=CLASSES):
    return fig3_fig4.draw_by_model(given, PUBLISHED, made_up.resampling(50, 1, classes))


def two_folds(**fields):
    """A fit of two folds and four samples: all right, but for one of the two test samples of the first fold."""
    rows = []
    for fold, test in ((0, "ab"), (1, "cd")):
        for sample, truth in zip("abcd", (950, 900, 950, 900), strict=True):
            part = "test" if sample in test else "train"
            predicted = 950 if sample == "b" and part == "test" else truth
            rows.append((fold, part, sample, f"day{sample}", truth, predicted))
        rows.append((fold, "validation", "v", "dayv", 950, 950))
    names = ["fold", "split", "sample", "batch", "y_true", "y_pred"]
    predictions = pd.DataFrame(rows, columns=names).assign(
        augmentation=0, y_pred_value=np.nan, y_true_value=lambda rows: rows["y_true"]
    )
    return Fit(made_up.fit(**fields).spec, predictions)


def heights(axes, split, hollow=False):
    marks = made_up.marks(axes, hollow, style.SPLITS[split][1])
    return [round(height, 6) for _, height in marks]


def test_marks_are_means_over_folds_and_bars_reach_one_deviation():
    axes = figure3([two_folds()]).axes[0]
    assert heights(axes, "test") == [75] and heights(axes, "train") == [100]
    bars = [line.get_ydata() for line in axes.get_lines() if line.get_color() == style.SPLITS["test"][1]]
    assert np.ptp(next(bar for bar in bars if len(bar) == 2)) == pytest.approx(2 * np.std([50, 100], ddof=1))


def test_the_papers_values_stand_beside_the_same_fit_alone():
    given = [two_folds(), two_folds(policy="aug4")]
    axes = figure3(given).axes[0]
    assert heights(axes, "validation", True) == [80, 81] and heights(axes, "train", True) == [90, 92]
    axes = figure3(given, "macro_f1").axes[0]
    assert heights(axes, "validation", True) == [0.70, 0.71] and heights(axes, "train", True) == []
    figure = figure3([two_folds(pretraining="films")])
    assert heights(figure.axes[0], "validation", True) == [] and "hollow" not in words_in(figure)


def test_the_test_split_is_shown_under_the_strict_protocol_alone():
    strict, published = figure3(fits(["SVC"], protocols=("strict", "published"))).axes[:2]
    assert len(heights(strict, "test")) == 1 and heights(published, "test") == []


def test_a_policy_that_was_not_run_for_a_model_is_noted():
    given = [fit for fit in fits(("SVC", "CNN"), POLICIES) if (fit.spec.policy, fit.spec.model) != ("aug2", "CNN")]
    assert words_in(figure3(given)).count("not run") == 1
    fewer = words_in(figure3(fits(("SVC", "CNN"), POLICIES[:2])))
    assert "not run" not in fewer and "aug3" not in fewer


@pytest.mark.parametrize(
    ("asked", "metric"),
    [
        ({"models": ("SVC", "KNN", "CNN"), "policies": POLICIES, "protocols": ("strict", "published")}, "macro_f1"),
        ({"models": ("SVC",), "policies": POLICIES, "count": 120, "classes": [800, 900], "folds": 10}, "accuracy"),
        ({"models": ("SVC", "KRC", "KNN", "MLP", "CNN")}, "accuracy"),
    ],
)
def test_figure_3_is_laid_out_well(asked, metric):
    laid_out_well(figure3(fits(**asked), metric, asked.get("classes", CLASSES)))


@pytest.mark.parametrize("asked", [{"protocols": ("strict", "published"), "count": 60}, {"models": NINE[:1]}])
def test_figure_4_is_laid_out_well(asked):
    laid_out_well(figure4(fits(**asked)))


def test_figure_4_counts_all_test_predictions_and_takes_the_paper_from_three_places():
    axes = figure4([two_folds()]).axes[0]
    assert heights(axes, "test") == [75]  # three of four samples
    assert [heights(axes, split, True) for split in ("train", "validation", "test")] == [[90], [80], [62]]
    dashed = [line for line in axes.get_lines() if line.get_linestyle() != "-" and len(line.get_ydata()) == 2]
    assert {float(line.get_ydata()[0]) for line in dashed} == {50}  # majority: of equals the lower, 900 in both folds


def test_a_model_is_drawn_the_same_whatever_stands_beside_it():
    alone, among = figure4(fits(("KNN",))).axes[0], figure4(fits()).axes[0]
    assert heights(alone, "test")[0] in heights(among, "test")
    bars = [
        {tuple(line.get_ydata()) for line in axes.get_lines() if line.get_linewidth() == 1.2} for axes in (alone, among)
    ]
    assert bars[0] and bars[0] <= bars[1]


def test_single_repeats_are_short_lines_beside_their_mean():
    """Three of four test samples right in one repeat, all in the other."""
    one, other = two_folds(), two_folds()
    other.predictions["y_pred"] = other.predictions["y_true"]
    for figure in (figure4([made_up.repeated(one, other)]), figure3([made_up.repeated(one, other)])):
        laid_out_well(figure)
        assert heights(figure.axes[0], "test") == [87.5]
        (line,) = [line for line in figure.axes[0].get_lines() if line.get_marker() == "_"]
        assert sorted(line.get_ydata()) == [75, 100]
        assert "single repeats" in words_in(figure) and "2 folds × 2 repeats" in words_in(figure)
    assert "repeat" not in words_in(figure4([one]))


def test_the_samples_of_each_protocol_are_counted():
    given = [
        made_up.repeated(*(made_up.fit(made_up.samples(60), seed=seed, protocol=protocol) for seed in (0, 1)))
        for protocol in ("strict", "published")
    ]
    words = words_in(figure4(given))
    assert "strict protocol: 60 test samples, 5 folds × 2 repeats" in words
    assert "published protocol: 6 test samples, 5 folds × 2 repeats" in words


def test_what_cannot_stand_in_one_figure_is_refused():
    with pytest.raises(UserError, match="scheme"):
        figure4([made_up.fit(), made_up.fit(scheme="regression")])
    with pytest.raises(UserError, match="no predictions"):
        figure4([])
    with pytest.raises(UserError, match="accuracy, macro_f1"):
        figure3([made_up.fit()], "kappa")
