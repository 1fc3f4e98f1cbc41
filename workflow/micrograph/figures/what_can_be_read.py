"""What can be read: how well each growth variable is predicted from micrographs, and what they add to the target."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from micrograph.evaluation import what_can_be_read
from micrograph.evaluation.summaries import ENDS
from micrograph.evaluation.what_can_be_read import GAIN, READ
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, SOFT
from micrograph.target import Target

ROW_MM, HEAD_MM, FOOT_MM, LEFT_MM = 7.5, 17.0, 11.0, 32.0
IMAGES = style.mark_look(style.SPLITS["test"][1])
METADATA = style.mark_look(SOFT, "s", hollow=True)
CONSTANT: dict[str, Any] = {"color": INK, "lw": 1.2, "ls": "", "marker": "|", "ms": 7, "mew": 1.2}
SHIFT = 0.16


@style.context()
def draw(table: pd.DataFrame, target: Target) -> Figure:
    """Draw the balanced accuracy of every growth variable, what micrographs add to the target, and R² of numbers.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.what_can_be_read`.
    target : Target
        Of the study.

    Returns
    -------
    Figure
    """
    rows = table[table["reason"].fillna("") == ""].to_dict("records")
    tall = ROW_MM * max(len(rows), 1)
    line = "strict, out of fold; bars: 95 % confidence intervals over growth days"
    figure = style.canvas(DOUBLE_MM, HEAD_MM + tall + FOOT_MM, "Growth variables read off the micrographs", line)
    looks = {"micrographs": IMAGES, "other metadata": METADATA, "constant": CONSTANT}
    style.legend_mm(figure, 4, 10.2, 3, looks)
    room = (DOUBLE_MM - LEFT_MM - 4) / 3
    shown = (
        ("Balanced accuracy", "%", _draw_accuracy),
        ("Gain beyond the target", f"points, {style.shorten(target.name, 24)} known", _draw_gain),
        ("R² of the value", "R²", _draw_r2),
    )
    for place, (title, axis, function) in enumerate(shown):
        axes = style.axes_mm(figure, LEFT_MM + place * room, HEAD_MM, room - 5, tall)
        for down, row in enumerate(rows):
            function(axes, down, row)
        labels = [style.shorten(what_can_be_read.label(row["variable"], target), 24) for row in rows]
        style.label_rows(axes, labels if place == 0 else [""] * len(rows))
        axes.set_title(title, loc="left", pad=4)
        axes.set_xlabel(axis)
    figure.axes[0].set_xlim(0, 100)
    for axes, least in zip(figure.axes[1:], (6, 0.3), strict=True):  # so that no trifle fills a panel
        axes.axvline(0, color=FAINT, lw=1.2, zorder=0)
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, -least), max(high, least))
    return figure


def _mark(axes: Axes, down: float, row: Mapping, column: str, look: Mapping) -> None:
    value, *ends = (row.get(f"{column}{end}", np.nan) for end in ENDS)
    style.mark(axes, value, down, ends, look)


def _draw_accuracy(axes: Axes, down: int, row: Mapping) -> None:
    axes.plot([row["constant_pct"]], [down], zorder=1, **CONSTANT)
    _mark(axes, down - SHIFT, row, "balanced_images_pct", IMAGES)
    _mark(axes, down + SHIFT, row, "balanced_metadata_pct", METADATA)
    if row["verdict"] == READ:
        axes.annotate("read", (99, down), ha="right", va="center", fontsize=6, color=SOFT)


def _draw_gain(axes: Axes, down: int, row: Mapping) -> None:
    _mark(axes, down, row, f"{GAIN}_pct_points", IMAGES)


def _draw_r2(axes: Axes, down: int, row: Mapping) -> None:
    _mark(axes, down - SHIFT, row, "r2", IMAGES)
    _mark(axes, down + SHIFT, row, "r2_metadata", METADATA)
