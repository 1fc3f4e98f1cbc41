"""Regression: predicted against true values of every model, and below them errors and prediction intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from micrograph.evaluation import regression
from micrograph.evaluation.labels import fit_labels
from micrograph.evaluation.regression import CONSTANTS
from micrograph.evaluation.summaries import ENDS, Fit
from micrograph.figures import style
from micrograph.figures.style import DASHED, DOUBLE_MM, SOFT
from micrograph.target import Target

COLUMNS, CELL_MM, SIDE_MM, HEAD_MM, ROW_MM, LEFT_MM = 5, 37.0, 28.0, 14.0, 5.5, 20.0
MARK = style.mark_look(style.SPLITS["test"][1])
DOTTED: dict[str, Any] = DASHED | {"ls": (0, (0.8, 1.2)), "lw": 1.1}
# Title of the panels below, the table's column, and those of the dashed and the dotted line.
BELOW = (
    ("Mean absolute error", "mae", "constant", ""),
    ("Rank correlation", "rank_correlation", "", ""),
    ("Width of intervals", "interval_width", "", "constant_interval_width"),
    ("Coverage, mean over days (%)", "covered_by_day_pct", "nominal_coverage_pct", "constant_covered_by_day_pct"),
)


@style.context()
def draw(fits: Sequence[Fit], coverage: float, table: pd.DataFrame, target: Target) -> Figure:
    """Draw predicted against true values under the first protocol, and errors, widths and coverage of its models.

    Parameters
    ----------
    fits : sequence of Fit
        Regressions.
    coverage : float
        Nominal coverage of the intervals.
    table : DataFrame
        Table of `evaluation.regression`, of the same fits.
    target : Target

    Returns
    -------
    Figure
    """
    protocol = table["protocol"].iloc[0]
    shown = [fit for fit in fits if fit.spec.protocol == protocol]
    names = fit_labels([fit.spec for fit in shown])
    below = HEAD_MM + -(-len(shown) // COLUMNS) * CELL_MM + 5
    is_finite = np.isfinite(table.loc[table["protocol"] == protocol, "interval_width"].astype(float)).any()
    band = f"band: {100 * coverage:g} % prediction intervals; " if is_finite else ""
    line = f"{protocol}, samples out of fold; {band}bars: 95 % intervals"
    figure = style.canvas(DOUBLE_MM, below + 6 + len(shown) * ROW_MM + 11, f"Predicted {target.name}", line)
    unit = f" ({target.unit})" if target.unit else ""
    for place, (fit, name) in enumerate(zip(shown, names, strict=True)):
        down, across = divmod(place, COLUMNS)
        left = 13 + across * (DOUBLE_MM - 13) / COLUMNS
        axes = style.axes_mm(figure, left, HEAD_MM + 3 + down * CELL_MM, SIDE_MM, SIDE_MM - 4)
        _draw_values(axes, fit, coverage)
        axes.set_title(name, loc="left", pad=2, fontsize=6)
        axes.set_ylabel(f"predicted{unit}" if across == 0 else "")
        axes.set_xlabel(f"true{unit}" if place + COLUMNS >= len(shown) else "")
    _draw_below(figure, table[table["protocol"] == protocol], names, below + 4, unit)
    for letter, top in zip("ab", (HEAD_MM - 2.5, below - 2), strict=True):
        style.letter_panel(figure, 1.5, top, letter)
    return figure


def _draw_values(axes: Axes, fit: Fit, coverage: float) -> None:
    """Draw a mark per test sample, the line of equality, and the band of prediction intervals around it."""
    rows = regression.intervals(fit, coverage) if fit.spec.protocol == "strict" else fit.split("test")
    true, predicted = rows["y_true_value"].to_numpy(float), rows["y_pred_value"].to_numpy(float)
    span = np.array([np.nanmin([true, predicted]), np.nanmax([true, predicted])])
    axes.plot(span, span, **DASHED)
    if "high" in rows and np.isfinite(rows["high"]).all():
        reach = float(np.median(rows["high"] - rows["y_pred_value"]))
        axes.fill_between(span, span - reach, span + reach, color=MARK["mfc"], alpha=0.1, lw=0)
    axes.plot(true, predicted, "o", ms=2, mfc=MARK["mfc"], mec="none", alpha=0.5, clip_on=False)
    margin = 0.04 * np.ptp(span)
    axes.set(xlim=(span[0] - margin, span[1] + margin), ylim=(span[0] - margin, span[1] + margin))
    axes.locator_params(nbins=4)


def _draw_below(figure: Figure, table: pd.DataFrame, names: Sequence[str], top: float, unit: str) -> None:
    """Draw the table's numbers: a row per model, a panel per measure."""
    is_constant = table["model"].isin(CONSTANTS)
    constant = table[table["model"] == regression.MEDIAN].iloc[0]
    room = (DOUBLE_MM - LEFT_MM - 4) / len(BELOW)
    for place, (title, column, dashed, dotted) in enumerate(BELOW):
        axes = style.axes_mm(figure, LEFT_MM + place * room, top, room - 5, len(names) * ROW_MM)
        for down, row in enumerate(table[~is_constant].to_dict("records")):
            value, *ends = (row.get(f"{column}{end}", np.nan) for end in ENDS)
            style.mark(axes, value, down, ends, MARK)
            for name, look in ((dashed, DASHED), (dotted, DOTTED)):
                known = constant["mae"] if name == "constant" else row.get(name, np.nan)
                axes.plot([known] * 2, [down - 0.5, down + 0.5], **look)
        style.label_rows(axes, names if place == 0 else [""] * len(names))
        axes.set_title(title + (unit if place in (0, 2) else ""), loc="left", pad=3, fontsize=6.5)
        axes.locator_params(axis="x", nbins=5)
    lines = {"training median, or nominal coverage": DASHED, "interval without micrograph": DOTTED}
    style.legend_mm(figure, LEFT_MM, top + len(names) * ROW_MM + 6, 2, lines, labelcolor=SOFT)
