"""Figures 3, S2 and 4: scores by augmentation policy and by model, beside the paper's values.

Training, validation and test split each have a colour and a marker; filled marks are ours, hollow ones the paper's.
Where cross-validation is repeated, short lines beside a mark are single repeats.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from micrograph.errors import UserError, lookup
from micrograph.evaluation import bootstrap, metrics, summaries
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.labels import features_label
from micrograph.evaluation.summaries import Fit
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, SINGLE_MM, SOFT

# Metric -> (the axis, its factor, the paper's figure and its name there).
METRICS = {"accuracy": ("Accuracy (%)", 100, "fig3", "accuracy_pct"), "macro_f1": ("Macro F1", 1, "figS2", "macro_f1")}
SHOWN = {"strict": ("train", "validation", "test"), "published": ("train", "validation")}
SPLITS = {ours: theirs for theirs, ours in summaries.PRINTED_SPLITS.items()}
STEP, BESIDE = 0.29, 0.12  # of one slot: from part to part, from ours to the paper's
DEALS = 0.1  # of one slot: from a mark to the lines of the single deals


@style.context()
def draw_by_policy(
    fits: Sequence[Fit], published: pd.DataFrame, metric: str, classes: Sequence[int], data: str
) -> Figure:
    """Draw figures 3 and S2: a metric by augmentation policy, a panel per model, a row of panels per protocol.

    Parameters
    ----------
    fits : sequence of Fit
        Of one pre-training and one scheme.
    published : DataFrame
        The paper's values, resources/published/values.tsv.
    metric : str
        A key of `METRICS`.
    classes : sequence of int
        Temperatures in degrees Celsius.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If there are no fits, or they differ in pre-training or scheme.
    """
    lookup(metric, METRICS, "metric of figure 3")
    _one_study(fits, ("pretraining", "scheme"), "figure 3")
    policies = sorted({fit.spec.policy for fit in fits})
    groups = summaries.by_protocol(fits)
    panels = {name: list(dict.fromkeys(map(_model, here))) for name, here in groups.items()}
    columns = min(3, max(map(len, panels.values())))
    width = DOUBLE_MM if columns > 1 else SINGLE_MM
    rows = {name: -(-len(models) // columns) for name, models in panels.items()}
    top, tall = _head(width), 53
    figure = style.canvas(width, top + tall * sum(rows.values()) + 5 * len(rows), data)
    room = (width - 11) / columns
    for protocol, here in groups.items():
        style.text_mm(figure, 11, top, _counted(protocol, here), color=SOFT)
        for place, model in enumerate(panels[protocol]):
            down, across = divmod(place, columns)
            axes = style.axes_mm(figure, 11 + across * room, top + 9 + down * tall, room - 5, 38)
            fitted = {fit.spec.policy: fit for fit in here if _model(fit) == model}
            _policy_panel(axes, fitted, policies, published, metric, classes)
            axes.set_title(model[1], loc="left", weight="bold", pad=4)
            axes.set_title(features_label(model[0]), loc="right", color=SOFT, fontsize=6.5, pad=4)
            _first_only(axes, across == 0, METRICS[metric][0])
        top += tall * rows[protocol] + 5
    style.text_mm(figure, 11, 2.2, f"{METRICS[metric][0].removesuffix(' (%)')} by augmentation policy", weight="bold")
    parts = [part for part in style.SPLITS if any(part in SHOWN[name] for name in groups)]
    _legend(figure, parts, width, _has(published, METRICS[metric][2], fits), _deals(fits) > 1)
    return figure


def _one_study(fits, text, figure):
    """UserError unless there are fits, and all have the same of each of `text`."""
    if not fits:
        raise UserError(f"{figure}: there are no predictions to show; ask for models in experiments.")
    summaries.check_same(fits, text, figure)


def _model(fit):
    return fit.spec.features, fit.spec.model


def _counted(protocol, here):
    """Return the title of a protocol, with the number of samples."""
    films = here[0].predictions["sample"].nunique()
    if _deals(here[:1]) > 1:
        return f"{protocol}, {films} samples: mean ± SD, {_folds(here)}"
    return f"{protocol} protocol: {films} samples, mean ± SD over {_folds(here)}"


def _deals(fits):
    """Return the number of repeats of cross-validation."""
    return max(len(summaries.by_repeat(fit.predictions)) for fit in fits)


def _folds(here):
    """How many folds, and of how many deals."""
    deals = _deals(here[:1])
    folds = f"{here[0].predictions['fold'].nunique() // deals} folds"
    return f"{folds} × {deals} repeats" if deals > 1 else folds


def _head(width):
    """Millimetres that title and legend take."""
    return 15.0 if width == DOUBLE_MM else 22.0


def _policy_panel(axes, fitted, policies, published, metric, classes):
    """One model: a slot a policy, in it the parts, in each of them ours and the paper's."""
    _, factor, item, name = METRICS[metric]
    for slot, policy in enumerate(policies):
        if policy not in fitted:
            axes.text(slot, 0.03 * factor, "not run", rotation=90, ha="center", va="bottom", fontsize=6, color=SOFT)
            continue
        fit = fitted[policy]
        parts = SHOWN[fit.spec.protocol]
        ours = metrics.by_fold(fit.predictions, metric, classes).set_index("split")
        for place, part in enumerate(parts):
            middle = slot + (place - (len(parts) - 1) / 2) * STEP
            paper = summaries.printed(published, item, fit.spec, SPLITS[part], name)
            shift = BESIDE / 2 if np.isfinite(paper[0]) else 0
            mean, std = factor * ours.loc[part, ["mean", "std"]]
            _mark(axes, middle - shift, mean, std, std, part)
            _mark(axes, middle + shift, *paper, paper[1], part, hollow=True)
        deals = [
            metrics.by_fold(deal, metric, classes).set_index("split") for deal in summaries.by_repeat(fit.predictions)
        ]
        _single_deals(axes, middle - shift, [factor * deal.loc[part, "mean"] for deal in deals], part)
        chance = metrics.by_fold(metrics.majority_class_baseline(fit.predictions), metric, classes).set_index("split")
        _baseline(axes, slot, factor * chance.loc[parts[-1], "mean"])
    axes.set_xticks(range(len(policies)), [f"{name}\n{style.POLICIES[name]}" for name in policies])
    _limits(axes, len(policies), factor)


def _mark(axes, place, value, low, high, part, hollow=False):
    """Draw a mark with a bar from value - low to value + high; nothing without a value."""
    _, colour, shape = style.SPLITS[part]
    if not np.isfinite(value):
        return
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([place] * 2, [value - low, value + high], color=colour, lw=0.7 if hollow else 1.3, zorder=2)
    size = 3.4 if hollow else 4.2
    axes.plot([place], [value], shape, ms=size, zorder=3, clip_on=False, **style.mark_fill(colour, hollow))


def _single_deals(axes, place, values, part):
    """Draw a short line beside a mark for each repeat, where there are several."""
    if len(values) > 1:
        axes.plot([place - DEALS] * len(values), values, "_", ms=3, mew=0.7, color=style.SPLITS[part][1], zorder=2)


def _baseline(axes, slot, value):
    """Draw the accuracy of always predicting the most frequent class."""
    axes.plot([slot - 0.44, slot + 0.44], [value] * 2, color=INK, lw=0.7, ls=(0, (2, 1.5)), zorder=1)


def _limits(axes, slots, factor):
    axes.set(xlim=(-0.55, slots - 0.45), ylim=(0, 1.0 * factor))
    axes.set_yticks(np.linspace(0, factor, 6))
    axes.grid(axis="y", color=FAINT, lw=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", length=0)
    style.row_lines(axes, slots, vertical=True)


def _first_only(axes, first, text):
    """Keep the axis's label and numbers at the left edge alone."""
    axes.set_ylabel(text if first else "")
    axes.tick_params(axis="y", labelleft=first)


def _has(published, item, fits):
    """Whether the paper shows anything for this pre-training and scheme."""
    same = (published["pretraining"] == fits[0].spec.pretraining) & (published["item"] == item)
    return bool((same & (published["scheme"] == fits[0].spec.scheme)).any())


def _legend(figure, parts, width, paper, deals):
    """Write the key of the marks, below the title: parts, the paper, single repeats, the baseline."""
    axes = style.hidden_axes(figure)
    for part in parts:
        label, colour, shape = style.SPLITS[part]
        axes.plot([], [], shape, ms=4.2, label=label, **style.mark_fill(colour))
    if paper:
        axes.plot([], [], "o", ms=3.4, **style.mark_fill(SOFT, hollow=True), label="hollow: the paper, real films")
    if deals:
        axes.plot([], [], "_", ms=3, mew=0.7, color=style.SPLITS[parts[-1]][1], label="single repeats")
    axes.plot([], [], color=INK, lw=0.7, ls=(0, (2, 1.5)), label="majority class")
    style.legend_mm(figure, axes, 11, 7.5, 6 if width == DOUBLE_MM else 2, columnspacing=1.2)


@style.context()
def draw_by_model(fits: Sequence[Fit], published: pd.DataFrame, data: str, resampling: Resampling) -> Figure:
    """Draw figure 4: training, validation and test accuracy of the nominal models, a panel per protocol.

    Parameters
    ----------
    fits : sequence of Fit
        Of one pre-training, policy and scheme.
    published : DataFrame
        The paper's values, resources/published/values.tsv.
    data : str
        Label of the data, a key of `style.BADGES`.
    resampling : Resampling
        Classes, number of bootstrap resamples and random generator of the intervals.

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If there are no fits, or they differ in pre-training, policy or scheme.
    """
    _one_study(fits, ("pretraining", "policy", "scheme"), "figure 4")
    groups = summaries.by_protocol(fits)
    models = list(dict.fromkeys(map(_model, fits)))
    width = DOUBLE_MM if len(models) > 4 else SINGLE_MM
    top = _head(width)
    figure = style.canvas(width, top + 62 * len(groups), data)
    for protocol, here in groups.items():
        axes = style.axes_mm(figure, 11, top + 5, width - 15, 44)
        fitted = {_model(fit): fit for fit in here}
        for slot, model in enumerate(models):
            if model in fitted:
                _model_slot(axes, slot, fitted[model], published, resampling)
            else:
                axes.text(slot, 3, "not run", rotation=90, ha="center", va="bottom", fontsize=6, color=SOFT)
        chance = 100 * metrics.score(
            _test(metrics.majority_class_baseline(here[0].predictions)), "accuracy", resampling.classes
        )
        axes.axhline(chance, color=INK, lw=0.7, ls=(0, (2, 1.5)), zorder=1)
        axes.set_xticks(range(len(models)), [f"{model}\n{_seen(features)}" for features, model in models])
        _limits(axes, len(models), 100)
        axes.set_ylabel("Accuracy (%)")
        style.text_mm(figure, 11, top, _tested(protocol, here), color=SOFT)
        top += 62
    style.text_mm(figure, 11, 2.2, "Accuracy of the models", weight="bold")
    _legend(figure, list(style.SPLITS), width, _has(published, "fig4", fits), _deals(fits) > 1)
    return figure


def _test(predictions):
    return predictions[predictions["split"] == "test"]


def _seen(features):
    return {"image": "micrographs"}.get(features, features.replace("_cev", ", "))


def _tested(protocol, here):
    """Return the title of a protocol, with the films that it tests."""
    rows = _test(here[0].predictions)
    tested, deals = rows["sample"].nunique(), _deals(here[:1])
    if deals > 1:
        once = len(rows) == tested * deals
        how = f"{tested} samples, each once per repeat" if once else f"a test set each, {tested} samples"
        return f"{protocol}, {_folds(here)}: {how}"
    how = f"{tested} samples, each tested once" if len(rows) == tested else f"the same {tested} test samples in each"
    return f"{protocol} protocol: {_folds(here)}, {how}"


def _model_slot(axes, slot, fit, published, resampling):
    """One model: mean and deviation of training and validation, all test predictions with their interval."""
    classes = resampling.classes
    ours = 100 * metrics.by_fold(fit.predictions, "accuracy", classes).set_index("split")
    test = _test(fit.predictions)
    low, high = bootstrap.bootstrap(test, "accuracy", resampling)
    right = 100 * metrics.score(test, "accuracy", classes)
    reach = {"test": (right, right - 100 * low, 100 * high - right)}
    for place, (part, item) in enumerate({"train": "fig4", "validation": "table3", "test": "table4"}.items()):
        mean, std = ours.loc[part, ["mean", "std"]]
        paper = summaries.printed(published, item, fit.spec, SPLITS[part])
        shift = BESIDE / 2 if np.isfinite(paper[0]) else 0
        middle = slot + (place - 1) * STEP
        _mark(axes, middle - shift, *reach.get(part, (mean, std, std)), part)
        _mark(axes, middle + shift, *paper, paper[1], part, hollow=True)
    deals = [100 * metrics.score(deal, "accuracy", classes) for deal in summaries.by_repeat(test)]
    _single_deals(axes, middle - shift, deals, part)
