"""Transfer: balanced accuracy and accuracy by the number of training samples, a line per pre-training."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from micrograph.evaluation.transfer import SCORES
from micrograph.figures import style
from micrograph.figures.style import DASHED, DOUBLE_MM, MARKERS, QUALITATIVE

PANELS = {  # column -> label, and the column of its reference
    SCORES["balanced_accuracy"]: ("Balanced test accuracy (%)", "constant_balanced_pct"),
    SCORES["accuracy"]: ("Test accuracy (%)", "majority_pct"),
}
LEFT_MM, TOP_MM, HIGH_MM = 12.0, 20.0, 46.0
APART = 0.012  # of the axis, between the marks of two pre-trainings
MARGIN, GRID = 3, 10  # points: around what is shown, and the step to which the axis is rounded


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw the accuracies by the mean number of training samples.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.transfer`.

    Returns
    -------
    Figure
    """
    figure = style.canvas(DOUBLE_MM, TOP_MM + HIGH_MM + 12, "Transfer: accuracy by pre-training", left=LEFT_MM)
    domains = list(table["pretraining"].unique())
    looks = {
        name: style.mark_look(QUALITATIVE[place % len(QUALITATIVE)], MARKERS[place % len(MARKERS)])
        for place, name in enumerate(domains)
    }
    room = (DOUBLE_MM - LEFT_MM) / len(PANELS)
    for place, (column, (label, reference)) in enumerate(PANELS.items()):
        axes = style.axes_mm(figure, LEFT_MM + place * room, TOP_MM, room - LEFT_MM - 2, HIGH_MM)
        for step, (name, look) in enumerate(looks.items()):
            apart = APART * (step - (len(domains) - 1) / 2) * table["n_train_samples"].max()
            _draw_line(axes, table[table["pretraining"] == name], column, look, apart)
        longest = table.groupby("pretraining").size().idxmax()
        dashes = table[table["pretraining"] == longest]
        axes.plot(dashes["n_train_samples"].to_numpy(float), dashes[reference].to_numpy(float), **DASHED)
        axes.set(**_limits(table, column, reference))
        axes.set_xlabel("Training samples per fold")
        axes.set_ylabel(label)
        axes.locator_params(axis="x", nbins=6, integer=True)
        axes.grid(axis="y")
    shown = {name: look | {"color": look["mfc"], "ls": "-"} for name, look in looks.items()}
    dashed = {"constant prediction (left), majority class (right)": DASHED}
    style.legend_mm(figure, LEFT_MM, 9.0, len(shown) + 1, shown | dashed)
    return figure


def _draw_line(axes: Axes, line: pd.DataFrame, column: str, look: dict, apart: float) -> None:
    """Draw one pre-training: its line, with marks and intervals a little aside of those of the others."""
    samples, values = line["n_train_samples"].to_numpy(float) + apart, line[column].to_numpy(float)
    axes.plot(samples, values, color=look["mfc"], lw=0.8, zorder=2)
    for place, value, *ends in zip(samples, values, line[f"{column}_low"], line[f"{column}_high"], strict=True):
        style.mark(axes, value, place, ends, look, vertical=True)


def _limits(table: pd.DataFrame, column: str, reference: str) -> dict[str, tuple[float, float]]:
    """Return the limits of a panel: samples from just below 0, accuracy around all that is shown."""
    shown = table[[column, f"{column}_low", f"{column}_high", reference]].to_numpy(float)
    low = GRID * np.floor((np.nanmin(shown) - MARGIN) / GRID)
    high = GRID * np.ceil((np.nanmax(shown) + MARGIN) / GRID)
    most = table["n_train_samples"].max()
    return {"xlim": (-0.05 * most, 1.08 * most), "ylim": (max(low, 0), min(high, 100))}
