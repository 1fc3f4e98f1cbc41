"""Learning curve: accuracy by the number of training samples, a panel per fit."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from micrograph.evaluation import learning_curve, tables
from micrograph.figures import style
from micrograph.figures.style import DASHED, DOUBLE_MM, SINGLE_MM, SOFT

COLUMNS, LEFT_MM, PANEL_MM = 3, 11.0, 58.0
MARGIN, GRID = 3, 10  # points: around what is shown, and the step to which the axis is rounded
_, COLOUR, MARKER = style.SPLITS["test"]
LINE: dict[str, Any] = style.mark_look(COLOUR, MARKER) | {"color": COLOUR, "ls": "-"}
BAR: dict[str, Any] = {"color": COLOUR, "lw": 1.3}


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw test accuracy by the mean number of training samples, a panel per fit.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.learning_curve`.

    Returns
    -------
    Figure
    """
    curves = list(table.groupby(learning_curve.names(table), sort=False))
    columns = min(COLUMNS, len(curves))
    width, head = (DOUBLE_MM, 15.5) if columns > 1 else (SINGLE_MM, 20.0)
    room, rows = (width - LEFT_MM) / columns, -(-len(curves) // columns)
    figure = style.canvas(width, head + PANEL_MM * rows, "Learning curve: test accuracy", left=LEFT_MM)
    for place, (name, curve) in enumerate(curves):
        down, across = divmod(place, columns)
        left, top = LEFT_MM + across * room, head + down * PANEL_MM
        axes = style.axes_mm(figure, left, top + 7, room - 5, 38)
        _draw_panel(axes, curve)
        axes.set(**_limits(table))
        model, _, more = name.partition(", ")
        style.text_mm(figure, left, top, model, weight="bold")
        style.text_mm(figure, left + 2.2 * len(model) + 1.5, top, more, fontsize=6, color=SOFT)
        axes.set_ylabel("Test accuracy (%)" if across == 0 else "")
        axes.set_xlabel("Training samples per fold" if place + columns >= len(curves) else "")
        axes.tick_params(axis="y", labelleft=across == 0)
    looks = {
        "test": LINE,
        "95 % confidence interval": {"color": COLOUR, "lw": 4, "alpha": 0.14, "solid_capstyle": "butt"},
    }
    if (table["repeats"] > 1).any():
        looks["± SD over repeats"] = BAR
    columns = 4 if width == DOUBLE_MM else 2
    style.legend_mm(figure, LEFT_MM, 7.5, columns, looks | {"majority class": DASHED}, columnspacing=1.2)
    return figure


def _draw_panel(axes: Axes, curve: pd.DataFrame) -> None:
    """Draw one fit: its line, the interval around it, and what the last step gave."""
    samples, right, spread = (
        curve[name].to_numpy(float) for name in ("n_train_samples", "test_pct", "test_repeat_std")
    )
    low, high = (curve[f"test_pct_{end}"].to_numpy(float) for end in ("low", "high"))
    axes.fill_between(samples, low, high, color=COLOUR, alpha=0.14, lw=0)
    axes.vlines(samples, right - spread, right + spread, **BAR, zorder=2)
    axes.plot(samples, right, **LINE, zorder=3)
    axes.plot(samples, curve["majority_pct"].to_numpy(float), **DASHED)
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.grid(axis="y")
    last = curve.iloc[-1]
    if np.isfinite(last["gain_pct_points"]):
        gain = tables.interval_column("gain_pct_points", 1, tables.signed)(last)
        axes.set_title(f"last step: {gain} points", loc="left", fontsize=6, color=SOFT, pad=2.5)


def _limits(table: pd.DataFrame) -> dict[str, Any]:
    """Return the limits that all panels share: samples from 0, accuracy around all that is shown."""
    shown = table[["test_pct", "test_pct_low", "test_pct_high", "majority_pct"]].to_numpy(float)
    low = GRID * np.floor((np.nanmin(shown) - MARGIN) / GRID)
    high = GRID * np.ceil((np.nanmax(shown) + MARGIN) / GRID)
    return {"xlim": (0, 1.08 * table["n_train_samples"].max()), "ylim": (max(low, 0), min(high, 100))}
