"""Accuracy by subgroup, and the difference of each subgroup from all other samples.

Drawn from the table alone. Marks are hollow without an interval, dark where the interval of the difference excludes 0.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from micrograph.evaluation import confounders, tables
from micrograph.evaluation.confounders import SPLIT
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, SOFT

ROW_MM, HEAD_MM, FOOT_MM = 4.2, 16.0, 11.0
LEFT_MM, WIDE_MM, COUNT_MM, DIFFERENCE_MM = 46.0, 58.0, 106.0, 130.0  # left edges, but for the width
PLAIN, APART = "#8b97a8", "#16407a"
LETTERS = 27  # of a group's name


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw the accuracy of every subgroup, and its difference from all other samples.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.confounders`.

    Returns
    -------
    Figure
    """
    rows: list[dict] = []  # each kind after a row that holds its name alone
    for kind, here in table.groupby("kind", sort=False):
        rows += [{"kind": kind, "group": None}, *here.to_dict("records")]
    tall = ROW_MM * len(rows)
    model = next((row["model"] for row in rows if row["kind"] != SPLIT and row["group"]), "the network")
    line = (
        f"{model}, strict, samples out of fold; bars: 95 % confidence intervals; hollow: no interval; dark: excludes 0"
    )
    figure = style.canvas(DOUBLE_MM, HEAD_MM + tall + FOOT_MM, "Accuracy by subgroup of samples", line)
    titles = {
        LEFT_MM: "accuracy",
        COUNT_MM: "samples / days",
        DIFFERENCE_MM: "less other samples (last rows: less strict)",
    }
    for left, title in titles.items():
        style.text_mm(figure, left, 11.6, title, color=SOFT, fontsize=6.5)
    accuracy = style.axes_mm(figure, LEFT_MM, HEAD_MM, WIDE_MM, tall)
    difference = style.axes_mm(figure, DIFFERENCE_MM, HEAD_MM, DOUBLE_MM - DIFFERENCE_MM - 4, tall)
    for axes in (accuracy, difference):
        axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=[])
        axes.spines["left"].set_visible(False)
    _draw_accuracies(accuracy, rows)
    _draw_differences(difference, rows)
    for place, row in enumerate(rows):
        _label(figure, HEAD_MM + ROW_MM * (place + 0.5), row)
    return figure


def _label(figure: Figure, middle: float, row: Mapping) -> None:
    """Write the name of a row: its kind, or its group and how many samples and days it has."""
    if row["group"] is None:
        style.text_mm(figure, 4, middle, confounders.kind_label(row["kind"]), va="center", weight="bold")
        return
    name = confounders.group_label(row)
    if row["kind"] == SPLIT and isinstance(row["model"], str):
        name = f"{row['model']}, {name}"
    style.text_mm(figure, 6, middle, style.shorten(name, LETTERS), va="center")
    count = (
        f"{tables.number(row['n_samples'])} / {tables.number(row['n_batches'])}" if row["n_samples"] else "not tested"
    )
    style.text_mm(figure, COUNT_MM, middle, count, va="center", color=SOFT)


def _draw_accuracies(axes: Axes, rows: Sequence[Mapping]) -> None:
    overall = next((row["overall_pct"] for row in rows if np.isfinite(row.get("overall_pct", np.nan))), np.nan)
    last = next((place for place, row in enumerate(rows) if row["kind"] == SPLIT), len(rows))
    axes.plot([overall] * 2, [-0.5, last - 0.5], color=FAINT, lw=1.2, zorder=0)
    for place, row in _with_accuracy(rows):
        axes.plot([row["majority_pct"]] * 2, [place - 0.3, place + 0.3], color=SOFT, lw=1.1, zorder=2)
        _mark(axes, place, row["accuracy_pct"], (row["accuracy_pct_low"], row["accuracy_pct_high"]), row)
    axes.set(xlim=(-3, 103), xlabel="accuracy (%); stroke: majority class; line: all samples")


def _draw_differences(axes: Axes, rows: Sequence[Mapping]) -> None:
    axes.axvline(0, color=FAINT, lw=1.2, zorder=0)
    reach = 5.0
    for place, row in _with_accuracy(rows):
        value, *ends = (row[f"difference_pct_points{end}"] for end in ("", "_low", "_high"))
        _mark(axes, place, value, ends, row)
        reach = np.nanmax(np.abs([reach, value, *ends]))
    axes.set(xlim=(-1.08 * reach, 1.08 * reach), xlabel="difference (percentage points)")


def _with_accuracy(rows: Sequence[Mapping]) -> list[tuple[int, Mapping]]:
    return [(place, row) for place, row in enumerate(rows) if row["group"] and np.isfinite(row["accuracy_pct"])]


def _mark(axes: Axes, place: int, value: float, ends: Sequence[float], row: Mapping) -> None:
    known = bool(np.isfinite(ends).all())
    colour = (APART if confounders.differs(row) else PLAIN) if known else INK
    style.mark(axes, value, place, ends, style.mark_look(colour, hollow=not known))
