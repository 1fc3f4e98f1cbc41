"""Accuracy by subgroup, and the difference of each subgroup from all other samples.

Drawn from the table alone. Marks are hollow without an interval, dark where the interval of the difference excludes 0.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from micrograph.evaluation import confounders, tables
from micrograph.evaluation.confounders import KINDS, SPLIT
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, PAPER, SOFT

ROW_MM, HEAD_MM, FOOT_MM = 4.2, 16.0, 11.0
LEFT_MM, WIDE_MM, COUNT_MM, GAP_MM = 46.0, 58.0, 20.0, 6.0
PLAIN, APART = "#8b97a8", "#16407a"
LETTERS = 27  # of a group's name


@style.context()
def draw(table: pd.DataFrame, data: str) -> Figure:
    """Draw the accuracy of every subgroup, and its difference from all other samples.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.confounders`.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    Figure
    """
    rows = _laid_out(table)
    tall = ROW_MM * len(rows)
    figure = style.canvas(DOUBLE_MM, HEAD_MM + tall + FOOT_MM, data)
    _head(figure, next((row["model"] for row in rows if row["kind"] != SPLIT and row["group"]), "the network"))
    right = LEFT_MM + WIDE_MM + COUNT_MM + GAP_MM
    accuracy = style.axes_mm(figure, LEFT_MM, HEAD_MM, WIDE_MM, tall)
    difference = style.axes_mm(figure, right, HEAD_MM, DOUBLE_MM - right - 4, tall)
    for axes in (accuracy, difference):
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    _accuracies(accuracy, rows)
    _differences(difference, rows)
    for place, row in enumerate(rows):
        _words(figure, HEAD_MM + ROW_MM * (place + 0.5), row)
    return figure


def _laid_out(table):
    """Return the rows of the table, each kind after a row that holds its name alone."""
    rows = []
    for kind, here in table.groupby("kind", sort=False):
        rows += [{"kind": kind, "group": None}, *here.to_dict("records")]
    return rows


def _head(figure, model):
    style.text_mm(figure, 4, 2.2, "Accuracy by subgroup of samples", weight="bold")
    text = f"{model}, strict, samples out of fold; bars: 95 % confidence intervals; hollow: no interval; "
    text += "dark: excludes 0"
    style.text_mm(figure, 4, 6.4, text, color=SOFT)
    titles = [(LEFT_MM, "accuracy"), (LEFT_MM + WIDE_MM + 2, "samples / days")]
    titles += [(LEFT_MM + WIDE_MM + COUNT_MM + GAP_MM, "less other samples (last rows: less strict)")]
    for left, title in titles:
        style.text_mm(figure, left, 11.6, title, color=SOFT, fontsize=6.5)


def _words(figure, middle, row):
    """Write the text of a row: its kind, or its films and how many."""
    if row["group"] is None:
        style.text_mm(figure, 4, middle, KINDS[row["kind"]], va="center", weight="bold")
        return
    name = confounders.group_label(row)
    if row["kind"] == SPLIT and isinstance(row["model"], str):
        name = f"{row['model']}, {name}"
    style.text_mm(figure, 6, middle, style.shorten(name, LETTERS), va="center")
    count = (
        f"{tables.number(row['n_samples'])} / {tables.number(row['n_batches'])}" if row["n_samples"] else "not tested"
    )
    style.text_mm(figure, LEFT_MM + WIDE_MM + 2, middle, count, va="center", color=SOFT)


def _accuracies(axes, rows):
    overall = next((row["overall_pct"] for row in rows if np.isfinite(row.get("overall_pct", np.nan))), None)
    last = next((place for place, row in enumerate(rows) if row["kind"] == SPLIT), len(rows))
    if overall is not None:
        axes.plot([overall] * 2, [-0.5, last - 0.5], color=FAINT, lw=1.2, zorder=0)
    for place, row in _numbered(rows):
        axes.plot([row["majority_pct"]] * 2, [place - 0.3, place + 0.3], color=SOFT, lw=1.1, zorder=2)
        ends = row["accuracy_pct_low"], row["accuracy_pct_high"]
        _mark(axes, place, row["accuracy_pct"], ends, APART if confounders.differs(row) else PLAIN)
    axes.set(xlim=(-3, 103), xlabel="accuracy (%); stroke: majority class; line: all samples")


def _differences(axes, rows):
    axes.plot([0, 0], [-0.5, len(rows) - 0.5], color=FAINT, lw=1.2, zorder=0)
    reach = 5.0
    for place, row in _numbered(rows):
        ends = row["difference_pct_points_low"], row["difference_pct_points_high"]
        _mark(axes, place, row["difference_pct_points"], ends, APART if confounders.differs(row) else PLAIN)
        there = [abs(value) for value in (row["difference_pct_points"], *ends) if np.isfinite(value)]
        reach = max(reach, *there, 0.0)
    axes.set(xlim=(-1.08 * reach, 1.08 * reach), xlabel="difference (percentage points)")


def _numbered(rows):
    """(place, row) of the rows with an accuracy."""
    return [(place, row) for place, row in enumerate(rows) if row["group"] and np.isfinite(row["accuracy_pct"])]


def _mark(axes, place, value, ends, colour):
    """Draw a mark with its interval; hollow where there is none, nothing without a value."""
    if not np.isfinite(value):
        return
    known = np.isfinite(ends).all()
    if known:
        axes.plot(ends, [place, place], color=colour, lw=1.3, solid_capstyle="butt", zorder=2)
    filling = colour if known else PAPER
    axes.plot([value], [place], "o", ms=4.2, mfc=filling, mec=colour if known else INK, mew=0.7, zorder=3)
