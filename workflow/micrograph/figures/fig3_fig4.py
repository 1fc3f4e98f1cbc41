"""Figures 3, S2 and 4: scores by augmentation policy and by model, beside the paper's values.

Training, validation and test split each have a colour and a marker; filled marks are ours, hollow ones the paper's.
Where cross-validation is repeated, or has several seeds, short lines beside a mark are single runs.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from micrograph.errors import UserError, lookup
from micrograph.evaluation import bootstrap, metrics, seeds, summaries
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.labels import features_label
from micrograph.evaluation.summaries import Fit
from micrograph.figures import style
from micrograph.figures.style import DASHED, DOUBLE_MM, SINGLE_MM, SOFT

# Metric -> (label of the axis, its factor, the paper's figure and its name there).
METRICS = {"accuracy": ("Accuracy (%)", 100, "fig3", "accuracy_pct"), "macro_f1": ("Macro F1", 1, "figS2", "macro_f1")}
SHOWN: dict[str, tuple[str, ...]] = {"strict": ("train", "validation", "test"), "published": ("train", "validation")}
SHOWN["as_run"] = SHOWN["published"]
ITEMS = {"train": "fig4", "validation": "table3", "test": "table4"}  # split -> where the paper has its accuracy
SPLITS = {ours: theirs for theirs, ours in summaries.PRINTED_SPLITS.items()}
STEP, BESIDE, RUNS = 0.29, 0.12, 0.1  # of one slot: between splits, from ours to the paper's, to single runs
LEFT_MM = 11.0


@style.context()
def draw_by_policy(fits: Sequence[Fit], published: pd.DataFrame, metric: str, classes: Sequence[int]) -> Figure:
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
        Values of the classes, ascending.

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If there are no fits, or they differ in pre-training or scheme.
    """
    label, _, item, _ = lookup(metric, METRICS, "metric of figure 3")
    _check(fits, ("pretraining", "scheme"), "figure 3")
    policies = sorted({fit.spec.policy for fit in fits})
    groups = summaries.by_protocol(fits)
    panels = {name: list(dict.fromkeys(map(_model, here))) for name, here in groups.items()}
    columns = min(3, max(map(len, panels.values())))
    width = DOUBLE_MM if columns > 1 else SINGLE_MM
    rows = {name: -(-len(models) // columns) for name, models in panels.items()}
    top, tall, room = _top(width), 53, (width - LEFT_MM) / columns
    title = f"{label.removesuffix(' (%)')} by augmentation policy"
    figure = style.canvas(width, top + tall * sum(rows.values()) + 5 * len(rows), title, left=LEFT_MM)
    for protocol, here in groups.items():
        style.text_mm(
            figure, LEFT_MM, top, _protocol_title(protocol, here[0], here[0].predictions, "samples"), color=SOFT
        )
        for place, model in enumerate(panels[protocol]):
            down, across = divmod(place, columns)
            axes = style.axes_mm(figure, LEFT_MM + across * room, top + 9 + down * tall, room - 5, 38)
            fitted = {fit.spec.policy: fit for fit in here if _model(fit) == model}
            _policy_panel(axes, fitted, policies, published, metric, classes)
            axes.set_title(model[1], loc="left", weight="bold", pad=4)
            axes.set_title(features_label(model[0]), loc="right", color=SOFT, fontsize=6.5, pad=4)
            axes.set_ylabel(label if across == 0 else "")
            axes.tick_params(axis="y", labelleft=across == 0)
        top += tall * rows[protocol] + 5
    _legend(
        figure, [split for split in style.SPLITS if any(split in SHOWN[name] for name in groups)], fits, published, item
    )
    return figure


@style.context()
def draw_by_model(fits: Sequence[Fit], published: pd.DataFrame, resampling: Resampling) -> Figure:
    """Draw figure 4: training, validation and test accuracy of the nominal models, a panel per protocol.

    Parameters
    ----------
    fits : sequence of Fit
        Of one pre-training, policy and scheme.
    published : DataFrame
        The paper's values, resources/published/values.tsv.
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
    _check(fits, ("pretraining", "policy", "scheme"), "figure 4")
    groups = summaries.by_protocol(fits)
    models = list(dict.fromkeys(map(_model, fits)))
    width = DOUBLE_MM if len(models) > 4 else SINGLE_MM
    top = _top(width)
    figure = style.canvas(width, top + 62 * len(groups), "Accuracy of the models", left=LEFT_MM)
    for protocol, here in groups.items():
        style.text_mm(
            figure,
            LEFT_MM,
            top,
            _protocol_title(protocol, here[0], _test(here[0].predictions), "test samples"),
            color=SOFT,
        )
        axes = style.axes_mm(figure, LEFT_MM, top + 5, width - 15, 44)
        fitted = {_model(fit): fit for fit in here}
        for slot, model in enumerate(models):
            if model in fitted:
                _model_slot(axes, slot, fitted[model], published, resampling)
            else:
                _not_run(axes, slot, 100)
        majority = metrics.majority_class_baseline(here[0].predictions)
        axes.axhline(100 * metrics.score(_test(majority), "accuracy", resampling.classes), **DASHED)
        axes.set_xticks(range(len(models)), [f"{model}\n{_features(features)}" for features, model in models])
        _set_limits(axes, len(models), 100)
        axes.set_ylabel("Accuracy (%)")
        top += 62
    _legend(figure, list(style.SPLITS), fits, published, "fig4")
    return figure


def _check(fits: Sequence[Fit], same: tuple[str, ...], figure: str) -> None:
    """Raise UserError unless there are fits, and all have the same of each field of `same`."""
    if not fits:
        raise UserError(f"{figure}: there are no predictions to show; list models in experiments.")
    summaries.check_same(fits, same, figure)


def _model(fit: Fit) -> tuple[str, str]:
    return fit.spec.features, fit.spec.model


def _features(name: str) -> str:
    return {"image": "micrographs"}.get(name, name.replace("_cev", ", "))


def _test(predictions: pd.DataFrame) -> pd.DataFrame:
    return predictions[predictions["split"] == "test"]


def _top(width: float) -> float:
    """Millimetres that title and legend take."""
    return 15.0 if width == DOUBLE_MM else 22.0


def _protocol_title(protocol: str, fit: Fit, rows: pd.DataFrame, what: str) -> str:
    """Return the title of a protocol: the number of samples among the rows, of folds, repeats and seeds."""
    runs, n_folds = seeds.by_run(fit.predictions), fit.predictions["fold"].nunique()
    folds = [f"{n_folds // len(runs)} folds", *filter(None, [seeds.runs_label(fit.predictions)])]
    return f"{protocol} protocol: {rows['sample'].nunique()} {what}, {' × '.join(folds)}"


def _policy_panel(
    axes: Axes,
    fitted: dict[str, Fit],
    policies: Sequence[str],
    published: pd.DataFrame,
    metric: str,
    classes: Sequence[int],
) -> None:
    """Draw one model: a slot per policy."""
    _, factor, item, name = METRICS[metric]

    def by_split(predictions: pd.DataFrame) -> pd.DataFrame:
        return factor * metrics.by_fold(predictions, metric, classes).set_index("split")[["mean", "std"]]

    for slot, policy in enumerate(policies):
        if policy not in fitted:
            _not_run(axes, slot, factor)
            continue
        fit = fitted[policy]
        splits = SHOWN[fit.spec.protocol]
        scores = by_split(fit.predictions).loc[[*splits]]
        ours = {split: (mean, mean - std, mean + std) for split, mean, std in scores.itertuples()}
        papers = {split: summaries.printed(published, item, fit.spec, SPLITS[split], name) for split in splits}
        single = [by_split(run)["mean"][splits[-1]] for run in seeds.by_run(fit.predictions)]
        _draw_slot(axes, slot, ours, papers, single)
        majority = by_split(metrics.majority_class_baseline(fit.predictions))["mean"][splits[-1]]
        axes.plot([slot - 0.44, slot + 0.44], [majority] * 2, **DASHED)
    axes.set_xticks(range(len(policies)), [f"{name}\n{style.POLICIES[name]}" for name in policies])
    _set_limits(axes, len(policies), factor)


def _model_slot(axes: Axes, slot: int, fit: Fit, published: pd.DataFrame, resampling: Resampling) -> None:
    """Draw one model: mean and deviation of training and validation, all test predictions with their interval."""
    test = _test(fit.predictions)
    scores = 100 * metrics.by_fold(fit.predictions, "accuracy", resampling.classes).set_index("split")[["mean", "std"]]
    ours = {split: (mean, mean - std, mean + std) for split, mean, std in scores.itertuples()}
    low, high = bootstrap.bootstrap(test, "accuracy", resampling)
    ours["test"] = (100 * metrics.score(test, "accuracy", resampling.classes), 100 * low, 100 * high)
    papers = {split: summaries.printed(published, item, fit.spec, SPLITS[split]) for split, item in ITEMS.items()}
    single = [100 * metrics.score(run, "accuracy", resampling.classes) for run in seeds.by_run(test)]
    _draw_slot(axes, slot, {split: ours[split] for split in ITEMS}, papers, single)


def _draw_slot(axes: Axes, slot: int, ours: dict, papers: dict, single: Sequence[float]) -> None:
    """Draw the marks of one fit.

    ours: split -> (value, low, high); papers: split -> (mean, deviation); single: the last split in each run.
    """
    for place, (split, (value, *ends)) in enumerate(ours.items()):
        _, colour, marker = style.SPLITS[split]
        mean, std = papers[split]
        shift = BESIDE / 2 if np.isfinite(mean) else 0
        middle = slot + (place - (len(ours) - 1) / 2) * STEP
        style.mark(axes, value, middle - shift, ends, style.mark_look(colour, marker), vertical=True)
        look = style.mark_look(colour, marker, hollow=True)
        style.mark(axes, mean, middle + shift, (mean - std, mean + std), look, vertical=True)
    if len(single) > 1:
        axes.plot([middle - shift - RUNS] * len(single), single, "_", ms=3, mew=0.7, color=colour, zorder=2)


def _not_run(axes: Axes, slot: int, factor: float) -> None:
    axes.text(slot, 0.03 * factor, "not run", rotation=90, ha="center", va="bottom", fontsize=6, color=SOFT)


def _set_limits(axes: Axes, slots: int, factor: float) -> None:
    axes.set(xlim=(-0.55, slots - 0.45), ylim=(0, 1.0 * factor), yticks=np.linspace(0, factor, 6))
    axes.grid(axis="y")
    axes.tick_params(axis="x", length=0)
    style.row_lines(axes, slots, vertical=True)


def _legend(figure: Figure, splits: Sequence[str], fits: Sequence[Fit], published: pd.DataFrame, item: str) -> None:
    """Draw the legend: splits, the paper where it shows anything, single runs, the majority class."""
    wide, spec = figure.get_figwidth() * style.MM_PER_INCH > SINGLE_MM + 1, fits[0].spec
    looks = {label: style.mark_look(colour, mark) for label, colour, mark in map(style.SPLITS.__getitem__, splits)}
    same = (published[["item", "pretraining", "scheme"]] == [item, spec.pretraining, spec.scheme]).all(axis=1)
    if same.any():
        looks["hollow: the paper, real films"] = style.mark_look(SOFT, hollow=True)
    if several := "".join(seeds.runs_label(fit.predictions) for fit in fits):
        colour, label = style.SPLITS[splits[-1]][1], "single runs" if "seeds" in several else "single repeats"
        looks[label] = {"marker": "_", "ms": 3, "mew": 0.7, "ls": "", "color": colour}
    style.legend_mm(figure, LEFT_MM, 7.5, 6 if wide else 2, looks | {"majority class": DASHED}, columnspacing=1.2)
