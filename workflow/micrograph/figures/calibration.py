"""Calibration: reliability diagrams, and below them calibration errors, losses and prediction sets of every fit.

Hollow: probabilities without scaling; filled: after temperature scaling on the validation samples of each fold.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, calibration, reliability
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.calibration import EXCLUDED, NAME, SCALED, UNSCALED
from micrograph.evaluation.labels import fit_labels
from micrograph.evaluation.summaries import ENDS, Fit
from micrograph.figures import style
from micrograph.figures.style import DASHED, DOUBLE_MM, FAINT, SOFT
from micrograph.splits.fit_spec import KEYS
from micrograph.target import Target

HEAD_MM, CELL_MM, SIDE_MM, ROW_MM = 17.0, 51.0, 35.0, 6.5
N_COLUMNS, N_DIAGRAMS = 4, 8  # diagrams a row, and diagrams at most
FIRST = ("CNN", "MLP")  # whose diagrams are drawn before those of others
LETTER_MM, LINE = 1.15, 26  # width of a letter of six points; letters that fit above a diagram
LOOKS = {UNSCALED: style.mark_look(SOFT, hollow=True), SCALED: style.mark_look(style.SPLITS["test"][1])}
RANGE: dict[str, Any] = {"color": FAINT, "lw": 4, "solid_capstyle": "butt", "zorder": 0}
DOTTED: dict[str, Any] = DASHED | {"ls": (0, (0.8, 1.2)), "lw": 1.1}
SHIFTS = {UNSCALED: -0.17, SCALED: 0.17}
# Title and axis of the panels below, the table's column, and those of the dashed and the dotted mark, or none.
BELOW = (
    ("Calibration error", "ECE (%), bias-corrected", "ece_pct", None, None),
    ("Log loss", "nats; dashed: class frequencies", "log_loss", "class_frequency_log_loss", None),
    (
        "Coverage of prediction sets",
        "%; dotted: two most frequent",
        "covered_pct",
        "nominal_coverage_pct",
        "constant_set_pct",
    ),
    ("Size of prediction sets", "classes; dotted: two most frequent", "set_size", None, "constant_set_size"),
)


@style.context()
def draw(
    fits: Sequence[Fit], coverage: float, table: pd.DataFrame, target: Target, *, resampling: Resampling
) -> Figure:
    """Draw reliability diagrams of up to `N_DIAGRAMS` fits, and below calibration errors and prediction sets of all.

    Parameters
    ----------
    fits : sequence of Fit
    coverage : float
        Nominal coverage of the prediction sets.
    table : DataFrame
        Table of `evaluation.calibration`, of the same fits.
    target : Target
    resampling : Resampling
        Classes, number of bootstrap resamples and random generator of the intervals.

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If no fit has probabilities.
    """
    studies = calibration.calibrate_all(fits, target, coverage)
    labelled = zip(studies, fit_labels([study.spec for study in studies]), strict=True)
    shown = [(study, name) for study, name in labelled if study.stages]
    if not shown:
        raise UserError(
            f"{NAME}: no fit has probabilities to show; list models that give them (CNN, MLP) in experiments."
        )
    drawn = sorted(shown, key=lambda one: (*FIRST, one[0].spec.model).index(one[0].spec.model))[:N_DIAGRAMS]
    below = HEAD_MM + -(-len(drawn) // N_COLUMNS) * CELL_MM + 7
    line = "{n_samples} samples of {n_batches} growth days, out of fold; bars: 95 % confidence intervals"
    line = line.format(**table.iloc[0])
    line += f"; diagrams of {len(drawn)} of {len(shown)} models" if len(drawn) < len(shown) else ""
    title = "Calibration of probabilities and coverage of prediction sets"
    figure = style.canvas(DOUBLE_MM, below + len(shown) * ROW_MM + 15, title, line)
    looks = {"without scaling": LOOKS[UNSCALED], "temperature scaling": LOOKS[SCALED]}
    style.legend_mm(figure, 4, 10.6, 3, looks | {"95 % range if perfectly calibrated": RANGE}, handlelength=1.2)
    for place, (study, name) in enumerate(drawn):
        down, across = divmod(place, N_COLUMNS)
        spot = (12 + across * (DOUBLE_MM - 5) / N_COLUMNS, HEAD_MM + 4 + down * CELL_MM)
        axes = style.axes_mm(figure, *spot, SIDE_MM, SIDE_MM)
        _draw_diagram(axes, study, resampling)
        axes.set_title(textwrap.fill(name, LINE), loc="left", pad=3, fontsize=6)
        axes.set_ylabel("accuracy (%)" if across == 0 else "")
    _draw_below(figure, table, [name for _, name in shown], below, len(target.classes))
    for letter, top in zip("ab", (HEAD_MM - 2, below - 6), strict=True):
        style.letter_panel(figure, 1.5, top, letter)
    return figure


def _draw_diagram(axes: Axes, study: calibration.CalibratedFit, resampling: Resampling) -> None:
    """Draw the share of correct predictions by confidence, a mark per bin."""
    axes.plot([0, 100], [0, 100], **DASHED)
    days = len(np.unique(study.batches))
    for stage, result in study.stages.items():
        weights_rng, range_rng = resampling.rng.spawn(2)
        answered = reliability.confidences(result.probabilities, study.true_index, study.samples, study.batches)
        weights = bootstrap.cluster_weights(days, resampling.n_bootstrap, weights_rng)
        for mark in reliability.diagram(answered, weights, range_rng):
            percent = {name: 100 * value for name, value in mark.items()}
            confidence, ends = percent["confidence"], (percent["low"], percent["high"])
            if stage == SCALED:
                axes.plot([confidence] * 2, [percent["true_low"], percent["true_high"]], **RANGE)
            style.mark(axes, percent["accuracy"], confidence, ends, LOOKS[stage], vertical=True)
    ticks = [0, 25, 50, 75, 100]
    axes.set(xlim=(0, 103), ylim=(-3, 103), xlabel="confidence (%)", xticks=ticks, yticks=ticks)


def _draw_below(figure: Figure, table: pd.DataFrame, names: Sequence[str], top: float, n_classes: int) -> None:
    """Draw the table's numbers: a row per fit, a panel per measure."""
    shown = table[table["stage"] != EXCLUDED]
    fits = list(dict.fromkeys(map(tuple, shown[list(KEYS)].to_numpy())))
    left = 4 + LETTER_MM * max(map(len, names))
    room = (DOUBLE_MM - left - 4) / len(BELOW)
    for place, (title, axis, column, dashed, dotted) in enumerate(BELOW):
        axes = style.axes_mm(figure, left + place * room, top, room - 5, len(names) * ROW_MM)
        for row in shown.to_dict("records"):
            down = fits.index(tuple(row[name] for name in KEYS))
            value, *ends = (row[f"{column}{end}"] for end in ENDS)
            style.mark(axes, value, down + SHIFTS[row["stage"]], ends, LOOKS[row["stage"]])
            for name, look in ((dashed, DASHED), (dotted, DOTTED)):
                if name:
                    axes.plot([row[name]] * 2, [down - 0.5, down + 0.5], **look)
        style.label_rows(axes, names if place == 0 else [""] * len(names))
        axes.locator_params(axis="x", nbins=5)
        axes.set_title(title, loc="left", pad=4)
        axes.set_xlabel(axis, fontsize=6)
        axes.set_xlim(**_limits(table, column, n_classes))


def _limits(table: pd.DataFrame, column: str, n_classes: int) -> dict[str, Any]:
    """Return the limits of a panel: errors from 0, shares up to 100, sets of one class to all."""
    lowest = np.nanmin([50, *(table["covered_pct_low"] - 3), *(table["constant_set_pct"] - 3)])
    ends = {"ece_pct": {"left": -0.5}, "covered_pct": {"left": lowest, "right": 101}}
    return (ends | {"set_size": {"left": 0.9, "right": n_classes + 0.1}}).get(column, {})
