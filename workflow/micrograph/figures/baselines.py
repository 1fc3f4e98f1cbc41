"""Accuracy of the baselines without images, and of the CNN relative to them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from micrograph.evaluation import baselines, summaries
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, PAPER, SINGLE_MM, SOFT

ROW_MM, LEFT_MM, TOP_MM = 8.5, 31.0, 16.0
PARTS = {"strict": "test", "published": "validation"}  # what each protocol reports
SHIFT = {"strict": -0.14, "published": 0.14}  # above and below the middle of a row


@style.context()
def draw(table: pd.DataFrame, data: str) -> Figure:
    """Draw the accuracy of the baselines, and how much the CNN exceeds it under the strict protocol.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.baselines`.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    Figure
    """
    names = list(dict.fromkeys(map(_name, table.to_dict("records"))))
    ahead = table[table["network_gain_pct_points"].notna()]
    width = DOUBLE_MM if len(ahead) else SINGLE_MM
    tall = ROW_MM * len(names)
    figure = style.canvas(width, TOP_MM + 9 + tall + 10, data)
    style.text_mm(figure, 3, 2.2, "Baselines without images", weight="bold")
    axes = style.axes_mm(figure, LEFT_MM, TOP_MM + 5, (86 if len(ahead) else SINGLE_MM - 4) - LEFT_MM, tall)
    _accuracies(axes, table, names)
    if len(ahead):
        beside = style.axes_mm(figure, 96, TOP_MM + 5, DOUBLE_MM - 100, tall)
        _leads(beside, ahead, names)
    _legend(figure, table, width)
    return figure


def _name(row):
    """Return the label of a row: the features and the model; the policy where there are several."""
    seen = baselines.FEATURES.get(row["features"], row["features"])
    return ("majority", "class") if row["model"] == summaries.BASELINE else (seen, f"{row['model']}, {row['policy']}")


def _rows(axes, names):
    """Label the rows, from top to bottom, and separate them by faint lines."""
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, lw=0.5)
    axes.set_axisbelow(True)
    style.row_lines(axes, len(names))


def _accuracies(axes, table, names):
    """Left: what each protocol reports of every row."""
    for row in table.to_dict("records"):
        part = PARTS[row["protocol"]]
        place = names.index(_name(row)) + SHIFT[row["protocol"]]
        ends = {
            "test": [row["pooled_pct"], row["pooled_pct_low"], row["pooled_pct_high"]],
            "validation": _around(row["validation_pct"], row["validation_pct_std"]),
        }
        _mark(axes, place, *ends[part], part, hollow=part == "validation")
    _rows(axes, names)
    axes.set_yticklabels([f"{seen}\n{model}" for seen, model in names])
    axes.set(xlim=(0, 100), xlabel="Accuracy (%)")
    axes.set_title("Accuracy", loc="left", pad=4)


def _leads(axes, ahead, names):
    """Right: the network's test accuracy less that of every row, under strict."""
    reach = 1.0
    for row in ahead.to_dict("records"):
        ends = [row[name] for name in baselines.AHEAD]
        _mark(axes, names.index(_name(row)), *ends, "test")
        reach = np.nanmax(np.abs([reach, *ends]))
    _rows(axes, names)
    axes.set_yticklabels([])
    axes.axvline(0, color=INK, lw=0.7, zorder=1)
    axes.set(xlim=(-1.1 * reach, 1.1 * reach), xlabel="CNN − baseline (percentage points)")
    axes.set_title("Test accuracy, CNN less baseline (strict)", loc="left", pad=4)


def _around(value, spread):
    return [value, value - spread, value + spread]


def _mark(axes, place, value, low, high, part, hollow=False):
    """Draw a mark with a bar from low to high; no bar without these, nothing without a value."""
    _, colour, shape = style.SPLITS[part]
    if not np.isfinite(value):
        return
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([low, high], [place] * 2, color=colour, lw=0.8 if hollow else 1.3, zorder=2)
    axes.plot([value], [place], shape, ms=4.2, zorder=3, clip_on=False, **style.mark_fill(colour, hollow))


def _legend(figure, table, width):
    """Which mark is which protocol's, below the title."""
    texts = {
        "strict": "strict: test, 95 % confidence interval",
        "published": "published: validation, mean ± SD over folds",
    }
    top = 7.0
    for protocol, text in texts.items():
        if protocol not in set(table["protocol"]):
            continue
        _, colour, shape = style.SPLITS[PARTS[protocol]]
        axes = style.axes_mm(figure, 3, top, 3, 3, xlim=(0, 1), ylim=(0, 1))
        axes.set_axis_off()
        fill = {"mfc": PAPER, "mec": colour, "mew": 0.8} if protocol == "published" else {"mfc": colour, "mec": PAPER}
        axes.plot(0.5, 0.5, shape, ms=4.2, **fill)
        style.text_mm(figure, 7.5, top + 0.2, text, color=SOFT, fontsize=6.5)
        top += 4.2
