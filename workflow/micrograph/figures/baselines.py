"""Accuracy of the baselines without images, and of the CNN relative to them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from micrograph.evaluation import baselines, summaries
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, INK, SINGLE_MM

ROW_MM, LEFT_MM, TOP_MM = 8.5, 31.0, 21.0
# Protocol -> (what it reports, its columns (value, low, high or deviation), shift from the middle of a row).
REPORTED = {
    "strict": ("strict: test, 95 % confidence interval", style.mark_look(*style.SPLITS["test"][1:]), -0.14),
    "published": (
        "published: validation, mean ± SD over folds",
        style.mark_look(*style.SPLITS["validation"][1:], hollow=True),
        0.14,
    ),
}
REPORTED["as_run"] = ("as_run: validation, mean ± SD over folds", *REPORTED["published"][1:])


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw the accuracy of the baselines, and how much the CNN exceeds it under the strict protocol.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.baselines`.

    Returns
    -------
    Figure
    """
    names = list(dict.fromkeys(map(_name, table.to_dict("records"))))
    ahead = table[table["network_gain_pct_points"].notna()]
    width, tall = DOUBLE_MM if len(ahead) else SINGLE_MM, ROW_MM * len(names)
    figure = style.canvas(width, TOP_MM + tall + 14, "Baselines without images")
    axes = style.axes_mm(figure, LEFT_MM, TOP_MM, (86 if len(ahead) else SINGLE_MM - 4) - LEFT_MM, tall)
    _accuracies(axes, table, names)
    if len(ahead):
        _differences(style.axes_mm(figure, 96, TOP_MM, DOUBLE_MM - 100, tall), ahead, names)
    looks = {text: look for name, (text, look, _) in REPORTED.items() if name in set(table["protocol"])}
    style.legend_mm(figure, 4, 7.0, 1, looks, labelspacing=0.6)
    return figure


def _name(row: Mapping) -> str:
    """Return the label of a row: the features, and the model with the policy."""
    if row["model"] == summaries.BASELINE:
        return "majority\nclass"
    return f"{baselines.FEATURES.get(row['features'], row['features'])}\n{row['model']}, {row['policy']}"


def _accuracies(axes: Axes, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Draw what each protocol reports of every row."""
    for row in table.to_dict("records"):
        _, look, shift = REPORTED[row["protocol"]]
        if row["protocol"] == "strict":
            value, *ends = (row[f"pooled_pct{end}"] for end in summaries.ENDS)
        else:
            value, spread = row["validation_pct"], row["validation_pct_std"]
            ends = [value - spread, value + spread]
        style.mark(axes, value, names.index(_name(row)) + shift, ends, look)
    style.label_rows(axes, names)
    axes.set(xlim=(0, 100), xlabel="Accuracy (%)")
    axes.set_title("Accuracy", loc="left", pad=4)


def _differences(axes: Axes, ahead: pd.DataFrame, names: Sequence[str]) -> None:
    """Draw the CNN's test accuracy less that of every row, under the strict protocol."""
    for row in ahead.to_dict("records"):
        value, *ends = (row[f"{baselines.AHEAD}{end}"] for end in summaries.ENDS)
        style.mark(axes, value, names.index(_name(row)), ends, REPORTED["strict"][1])
    style.label_rows(axes, [""] * len(names))
    axes.axvline(0, color=INK, lw=0.8, zorder=1)
    reach = 1.1 * np.nanmax([1, *ahead[[f"{baselines.AHEAD}{end}" for end in summaries.ENDS]].abs().max()])
    axes.set(xlim=(-reach, reach), xlabel="CNN − baseline (percentage points)")
    axes.set_title("Test accuracy, CNN less baseline (strict)", loc="left", pad=4)
