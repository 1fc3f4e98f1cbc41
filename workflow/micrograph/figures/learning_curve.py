"""Learning curve: accuracy by the number of training samples, a panel per fit."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from micrograph.evaluation import learning_curve, summaries, tables
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, PAPER, SINGLE_MM, SOFT

COLUMNS, LEFT_MM, HEAD_MM, PANEL_MM = 3, 11.0, 15.5, 58.0
MARGIN, GRID = 3, 10  # points: around what is shown, and the step to which the axis is rounded


@style.context()
def draw(table: pd.DataFrame, data: str) -> Figure:
    """Draw test accuracy by the mean number of training samples, a panel per fit.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.learning_curve`.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    Figure
    """
    curves = list(table.groupby(learning_curve.names(table), sort=False))
    columns = min(COLUMNS, len(curves))
    width = DOUBLE_MM if columns > 1 else SINGLE_MM
    room, rows = (width - LEFT_MM) / columns, -(-len(curves) // columns)
    repeated = bool((table["repeats"] > 1).any())
    head = HEAD_MM if width == DOUBLE_MM else HEAD_MM + 4.5
    figure = style.canvas(width, head + PANEL_MM * rows, data)
    for place, (name, curve) in enumerate(curves):
        down, across = divmod(place, columns)
        left, top = LEFT_MM + across * room, head + down * PANEL_MM
        axes = style.axes_mm(figure, left, top + 7, room - 5, 38)
        _panel(axes, curve, _limits(table))
        _named(figure, left, top, name)
        _outer_labels(axes, across == 0, place + columns >= len(curves))
    style.text_mm(figure, LEFT_MM, 2.2, "Learning curve: test accuracy", weight="bold")
    _legend(figure, width, repeated)
    return figure


def _panel(axes, curve, limits):
    """One fit: its line, the interval around it, and what the last step gave."""
    _, colour, shape = style.SPLITS["test"]
    films, right = (curve[name].to_numpy(float) for name in ("n_train_samples", "test_pct"))
    axes.fill_between(
        films, *(curve[f"test_pct_{end}"].to_numpy(float) for end in ("low", "high")), color=colour, alpha=0.14, lw=0
    )
    spread = curve["test_repeat_std"].to_numpy(float)
    for place in np.flatnonzero(np.isfinite(spread)):
        reach = [right[place] - spread[place], right[place] + spread[place]]
        axes.plot([films[place]] * 2, reach, color=colour, lw=1.3, zorder=2)
    axes.plot(films, right, shape, ls="-", color=colour, ms=4.2, mec=PAPER, mew=0.4, zorder=3)
    axes.plot(films, curve["majority_pct"].to_numpy(float), color=INK, lw=0.7, ls=(0, (2, 1.5)), zorder=1)
    axes.set(xlim=limits[0], ylim=limits[1], xlabel="Training samples per fold", ylabel="Test accuracy (%)")
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.grid(axis="y", color=FAINT, lw=0.5)
    axes.set_axisbelow(True)
    last = curve.iloc[-1]
    if np.isfinite(last["gain_pct_points"]):
        gain = tables.interval(*(last[f"gain_pct_points{end}"] for end in summaries.ENDS), 1, tables.signed)
        axes.set_title(f"last step: {gain} points", loc="left", fontsize=6, color=SOFT, pad=2.5)


def _limits(table):
    """Return the limits that all panels share: films from 0, accuracy around all that is shown."""
    shown = table[["test_pct", "test_pct_low", "test_pct_high", "majority_pct"]].to_numpy(float)
    low = GRID * np.floor((np.nanmin(shown) - MARGIN) / GRID)
    high = GRID * np.ceil((np.nanmax(shown) + MARGIN) / GRID)
    return (0, 1.08 * table["n_train_samples"].max()), (max(low, 0), min(high, 100))


def _named(figure, left, top, name):
    """Write the name of a panel: the model, and what else distinguishes it."""
    model, _, more = name.partition(", ")
    style.text_mm(figure, left, top, model, weight="bold")
    style.text_mm(figure, left + 2.2 * len(model) + 1.5, top, more, fontsize=6, color=SOFT)


def _outer_labels(axes, first, lowest):
    """Words of the axes at the outer edges alone."""
    axes.set_ylabel(axes.get_ylabel() if first else "")
    axes.tick_params(axis="y", labelleft=first)
    axes.set_xlabel(axes.get_xlabel() if lowest else "")


def _legend(figure, width, repeated):
    """Write the key of line, shade, bar and dashes, below the title."""
    _, colour, shape = style.SPLITS["test"]
    axes = style.hidden_axes(figure)
    axes.plot([], [], shape, ls="-", ms=4.2, color=colour, mec=PAPER, mew=0.4, label="test")
    axes.fill_between([], [], [], color=colour, alpha=0.14, lw=0, label="95 % confidence interval")
    if repeated:
        axes.plot([], [], color=colour, lw=1.3, label="± SD over repeats")
    axes.plot([], [], color=INK, lw=0.7, ls=(0, (2, 1.5)), label="majority class")
    style.legend_mm(figure, axes, LEFT_MM, 7.5, 4 if width == DOUBLE_MM else 2, columnspacing=1.2)
