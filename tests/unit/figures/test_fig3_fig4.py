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

SIMULATED = "simulated films"
PUBLISHED = io.read_table(PROJECT / "resources" / "published" / "values.tsv")
NINE = ("SVC", "KRC", "RNN", "GPC", "KNN", "DTC", "GBC", "MLP", "CNN")
THREE = ("SVC", "KNN", "CNN")
POLICIES = ("aug1", "aug2", "aug3", "aug4")


def by_policy(count=24, classes=CLASSES, folds=5, protocols=("strict",), policies=POLICIES, models=THREE):
    table = made_up.samples(count, classes)
    return [
        made_up.fit(table, classes, folds, protocol=protocol, policy=policy, model=model)
        for protocol in protocols
        for policy in policies
        for model in models
    ]


def nine(protocols=("strict",), count=24, classes=CLASSES, models=NINE):
    table = made_up.samples(count, classes)
    return [made_up.fit(table, classes, protocol=protocol, model=model) for protocol in protocols for model in models]


def figure4(given, classes=CLASSES, published=PUBLISHED):
    return fig3_fig4.draw_by_model(given, published, SIMULATED, made_up.resampling(50, 1, classes))


def two_folds(**words):
    """A fit of two folds and four films: all right, but for one of the two test films of the first fold."""
    rows = []
    for fold, test in ((0, "ab"), (1, "cd")):
        for sample, truth in zip("abcd", (950, 900, 950, 900), strict=True):
            part = "test" if sample in test else "train"
            said = 950 if sample == "b" and part == "test" else truth
            rows.append((fold, part, sample, f"day{sample}", truth, said))
        rows.append((fold, "validation", "v", "dayv", 950, 950))
    names = ["fold", "split", "sample", "batch", "y_true", "y_pred"]
    made = made_up.fit(**words)
    return Fit(made.spec, pd.DataFrame(rows, columns=names).assign(augmentation=0, y_pred_value=np.nan))


def marks(axes, part, hollow):
    """Heights of the marks of a part in a panel."""
    _, colour, shape = style.SPLITS[part]
    filling = style.PAPER if hollow else colour
    lines = [line for line in axes.get_lines() if line.get_marker() == shape and line.get_markerfacecolor() == filling]
    return [round(float(line.get_ydata()[0]), 6) for line in lines]


def test_marks_are_means_over_folds_and_bars_reach_one_deviation():
    figure = fig3_fig4.draw_by_policy([two_folds()], PUBLISHED, "accuracy", CLASSES, SIMULATED)
    axes = figure.axes[0]
    assert marks(axes, "test", hollow=False) == [75]
    assert marks(axes, "train", hollow=False) == [100]
    bars = [line.get_ydata() for line in axes.get_lines() if line.get_color() == style.SPLITS["test"][1]]
    reach = np.ptp(next(bar for bar in bars if len(bar) == 2))
    assert reach == pytest.approx(2 * np.std([50, 100], ddof=1))


def test_the_papers_values_stand_beside_the_same_fit_alone():
    given = [two_folds(), two_folds(policy="aug4")]
    panel = fig3_fig4.draw_by_policy(given, PUBLISHED, "accuracy", CLASSES, SIMULATED).axes[0]
    assert marks(panel, "validation", hollow=True) == [80, 81]
    assert marks(panel, "train", hollow=True) == [90, 92]
    panel = fig3_fig4.draw_by_policy(given, PUBLISHED, "macro_f1", CLASSES, SIMULATED).axes[0]
    assert marks(panel, "validation", hollow=True) == [0.70, 0.71] and marks(panel, "train", hollow=True) == []
    figure = fig3_fig4.draw_by_policy([two_folds(pretraining="films")], PUBLISHED, "accuracy", CLASSES, SIMULATED)
    assert marks(figure.axes[0], "validation", hollow=True) == [] and "hollow" not in words_in(figure)


def test_the_test_part_is_shown_under_the_strict_protocol_alone():
    given = by_policy(protocols=("strict", "published"), models=("SVC",), policies=("aug3",))
    strict, published = fig3_fig4.draw_by_policy(given, PUBLISHED, "accuracy", CLASSES, SIMULATED).axes[:2]
    assert len(marks(strict, "test", hollow=False)) == 1 and marks(published, "test", hollow=False) == []


def test_a_policy_that_was_not_run_for_a_model_is_said():
    given = [fit for fit in by_policy() if (fit.spec.policy, fit.spec.model) != ("aug2", "CNN")]
    assert words_in(fig3_fig4.draw_by_policy(given, PUBLISHED, "accuracy", CLASSES, SIMULATED)).count("not run") == 1
    fewer = fig3_fig4.draw_by_policy(by_policy(policies=POLICIES[:2]), PUBLISHED, "accuracy", CLASSES, SIMULATED)
    assert "not run" not in words_in(fewer) and "aug3" not in words_in(fewer)


@pytest.mark.parametrize(
    ("asked", "metric", "published"),
    [
        ({}, "accuracy", PUBLISHED),
        ({"protocols": ("strict", "published"), "policies": ("aug1", "aug3", "aug4")}, "macro_f1", PUBLISHED),
        ({"count": 120, "classes": [800, 900], "folds": 10, "models": ("SVC",)}, "accuracy", PUBLISHED[:0]),
        ({"count": 48, "classes": [800, 850, 900, 950, 1000], "models": ("SVC", "MLP")}, "accuracy", PUBLISHED[:0]),
        ({"models": ("SVC", "KRC", "KNN", "MLP", "CNN"), "policies": ("aug3",)}, "accuracy", PUBLISHED),
    ],
)
def test_figure_3_is_laid_out_well_whatever_is_asked(asked, metric, published):
    classes = asked.get("classes", CLASSES)
    laid_out_well(fig3_fig4.draw_by_policy(by_policy(**asked), published, metric, classes, SIMULATED))


@pytest.mark.parametrize(
    ("protocols", "models", "classes"),
    [
        (("strict", "published"), NINE, CLASSES),
        (("strict",), NINE[:3], [800, 900]),
        (("published",), NINE[:1], CLASSES),
    ],
)
def test_figure_4_is_laid_out_well_whatever_is_asked(protocols, models, classes):
    laid_out_well(figure4(nine(protocols, 60, classes, models), classes))


def test_figure_4_counts_all_test_predictions_and_takes_the_paper_from_three_places():
    axes = figure4([two_folds()]).axes[0]
    assert marks(axes, "test", hollow=False) == [75]  # three of four films
    assert marks(axes, "train", hollow=True) == [90]
    assert marks(axes, "validation", hollow=True) == [80]
    assert marks(axes, "test", hollow=True) == [62]
    dashed = [line for line in axes.get_lines() if line.get_linestyle() != "-" and len(line.get_ydata()) == 2]
    assert {float(line.get_ydata()[0]) for line in dashed} == {50}  # majority: of equals the lower, 900 in both folds


def test_a_model_is_drawn_alike_whatever_stands_beside_it():
    alone, among = figure4(nine(models=("KNN",))).axes[0], figure4(nine()).axes[0]
    height = marks(alone, "test", hollow=False)[0]
    assert height in marks(among, "test", hollow=False)
    bars = [
        [tuple(line.get_ydata()) for line in axes.get_lines() if line.get_color() == style.SPLITS["test"][1]]
        for axes in (alone, among)
    ]
    assert set(bars[0]) <= set(bars[1])


def lines_of_deals(axes):
    return [sorted(line.get_ydata().tolist()) for line in axes.get_lines() if line.get_marker() == "_"]


def test_single_deals_are_short_lines_beside_their_mean():
    """Three of four test films right in one deal, all in the other."""
    one, other = two_folds(), two_folds()
    other.predictions["y_pred"] = other.predictions["y_true"]
    both = made_up.repeated(one, other)
    for figure in (
        figure4([both]),
        fig3_fig4.draw_by_policy([both], PUBLISHED, "accuracy", CLASSES, SIMULATED),
    ):
        assert marks(figure.axes[0], "test", hollow=False) == [87.5]
        assert lines_of_deals(figure.axes[0]) == [[75, 100]]
        assert "single repeats" in words_in(figure) and "2 folds × 2 repeats" in words_in(figure)
    assert lines_of_deals(figure4([one]).axes[0]) == [] and "repeat" not in words_in(figure4([one]))


def twice(**words):
    """A fit of two deals of the folds."""
    first, second = (made_up.fit(made_up.samples(60), seed=seed, **words) for seed in (0, 1))
    return made_up.repeated(first, Fit(first.spec, second.predictions))


@pytest.mark.parametrize("models", [NINE, NINE[:2]])
def test_figure_4_of_several_deals_is_laid_out_well(models):
    given = [twice(protocol=protocol, model=model) for protocol in ("strict", "published") for model in models]
    figure = figure4(given)
    laid_out_well(figure)
    assert "5 folds × 2 repeats: 60 samples, each once per repeat" in words_in(figure)
    assert "5 folds × 2 repeats: a test set each, 6 samples" in words_in(figure)


def test_figure_3_of_several_deals_is_laid_out_well():
    few = [twice(policy=policy, model="CNN") for policy in POLICIES]
    laid_out_well(fig3_fig4.draw_by_policy(few, PUBLISHED, "accuracy", CLASSES, SIMULATED))


def test_badges_sizes_and_inputs():
    given = nine(models=("SVC", "CNN", "MLP", "GBC", "DTC"))
    before = [fit.predictions.copy(deep=True) for fit in given]
    figure = figure4(given)
    assert SIMULATED in words_in(figure)
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(style.DOUBLE_MM)
    real = fig3_fig4.draw_by_policy(by_policy(), PUBLISHED, "accuracy", CLASSES, "real films")
    assert "simulated" not in words_in(real)
    for fit, kept in zip(given, before, strict=True):
        pd.testing.assert_frame_equal(fit.predictions, kept)


def test_what_cannot_stand_in_one_figure_is_refused():
    with pytest.raises(UserError, match="scheme"):
        figure4([made_up.fit(), made_up.fit(scheme="regression")])
    with pytest.raises(UserError, match="no predictions"):
        figure4([])
    with pytest.raises(UserError, match="accuracy, macro_f1"):
        fig3_fig4.draw_by_policy(by_policy(), PUBLISHED, "kappa", CLASSES, SIMULATED)
