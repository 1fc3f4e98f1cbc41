"""Calibration: reliability diagrams, and below them calibration errors, losses and prediction sets of every fit.

Hollow: probabilities without scaling; filled: after temperature scaling on the validation samples of each fold.
"""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, calibration, reliability
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.calibration import EXCLUDED, NAME, SCALED, UNSCALED
from micrograph.evaluation.labels import fit_labels
from micrograph.evaluation.summaries import Fit
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, SOFT
from micrograph.splits.fit_spec import KEYS

HEAD_MM, CELL_MM, SIDE_MM, ROW_MM = 17.0, 51.0, 35.0, 6.5
ACROSS, MOST = 4, 8  # diagrams a row, and diagrams at most
FIRST = ("CNN", "MLP")  # whose diagrams are drawn before those of others
LETTER_MM, LINE = 1.15, 26  # width of a letter of six points; letters that fit above a diagram
COLOUR = style.SPLITS["test"][1]
SHIFTS = {UNSCALED: -0.17, SCALED: 0.17}
# Title and axis of the panels below, the table's column, and that of the dashed mark, or none.
BELOW = (
    ("Calibration error", "ECE (%), bias-corrected", "ece_pct", None),
    ("Log loss", "nats; dashed: class frequencies", "log_loss", "class_frequency_log_loss"),
    ("Coverage of prediction sets", "%; dashed: nominal", "covered_pct", "nominal_coverage_pct"),
    ("Size of prediction sets", "classes", "set_size", None),
)


def draw_fits(
    fits: Sequence[Fit], coverage: float, table: pd.DataFrame, data: str, *, resampling: Resampling
) -> Figure:
    """Draw the figure of these fits; see `draw`.

    Parameters
    ----------
    fits : sequence of Fit
    coverage : float
        Nominal coverage of the prediction sets.
    table : DataFrame
        Table of `evaluation.calibration`, of the same fits.
    data : str
        Label of the data, a key of `style.BADGES`.
    resampling : Resampling
        Classes, number of bootstrap resamples and random generator of the intervals.

    Returns
    -------
    Figure
    """
    calibrated = calibration.calibrate_all(fits, resampling.classes, coverage)
    return draw(calibrated, table, data, resampling=resampling)


@style.context()
def draw(
    studies: Sequence[calibration.CalibratedFit], table: pd.DataFrame, data: str, *, resampling: Resampling
) -> Figure:
    """Draw reliability diagrams of up to `MOST` fits, and below calibration errors and prediction sets of all fits.

    Parameters
    ----------
    studies : sequence of CalibratedFit
    table : DataFrame
        Table of `evaluation.calibration`, of the same fits.
    data : str
        Label of the data, a key of `style.BADGES`.
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
    labelled = zip(studies, fit_labels([study.spec for study in studies]), strict=True)
    shown = [(study, name) for study, name in labelled if study.stages]
    if not shown:
        raise UserError(
            f"{NAME}: no fit has probabilities to show; list models that give them (CNN, MLP) in experiments."
        )
    drawn = sorted(shown, key=lambda one: (*FIRST, one[0].spec.model).index(one[0].spec.model))[:MOST]
    rows = -(-len(drawn) // ACROSS)
    below = HEAD_MM + rows * CELL_MM + 7
    figure = style.canvas(DOUBLE_MM, below + len(shown) * ROW_MM + 15, data)
    _head(figure, table, f"; diagrams of {len(drawn)} of {len(shown)} models" if len(drawn) < len(shown) else "")
    for place, (study, name) in enumerate(drawn):
        down, across = divmod(place, ACROSS)
        spot = (12 + across * (DOUBLE_MM - 5) / ACROSS, HEAD_MM + 4 + down * CELL_MM)
        axes = style.axes_mm(figure, *spot, SIDE_MM, SIDE_MM)
        _diagram(axes, study, resampling)
        axes.set_title(textwrap.fill(name, LINE), loc="left", pad=3, fontsize=6)
        axes.set_ylabel("accuracy (%)" if across == 0 else "")
    _below(figure, table, [name for _, name in shown], below)
    for letter, top in zip("ab", (HEAD_MM - 2, below - 6), strict=True):
        style.text_mm(figure, 1.5, top, letter, fontsize=8.5, weight="bold")
    return figure


def _head(figure, table, chosen):
    """Write what is shown, of how many films and models, and the key of the marks."""
    first = table.iloc[0]
    style.text_mm(figure, 4, 2.2, "Calibration of probabilities and coverage of prediction sets", weight="bold")
    counted = f"{first['n_samples']} samples of {first['n_batches']} growth days, out of fold; "
    style.text_mm(figure, 4, 6.2, f"{counted}bars: 95 % confidence intervals{chosen}", color=SOFT)
    axes = style.hidden_axes(figure)
    for stage, word in ((UNSCALED, "without scaling"), (SCALED, "temperature scaling")):
        axes.plot([], [], "o", ms=4.0, **_fill(stage), label=word)
    axes.plot([], [], color=FAINT, lw=4, label="95 % range if perfectly calibrated")
    style.legend_mm(figure, axes, 4, 10, 3, handlelength=1.2)


def _fill(stage):
    return style.mark_fill(COLOUR) if stage == SCALED else style.mark_fill(SOFT, hollow=True)


def _diagram(axes, study, resampling):
    """Share of right answers by confidence, a mark a bin; on the line what is stated is true."""
    axes.plot([0, 100], [0, 100], color=INK, lw=0.7, ls=(0, (2, 1.5)), zorder=1)
    days = len(np.unique(study.batches))
    for stage, result in study.stages.items():
        luck, fates = resampling.rng.spawn(2)
        answered = reliability.confidences(result.probabilities, study.true_index, study.samples, study.batches)
        for mark in reliability.diagram(answered, bootstrap.cluster_weights(days, resampling.n_bootstrap, luck), fates):
            _bin(axes, {name: 100 * value for name, value in mark.items()}, stage)
    axes.set(xlim=(0, 103), ylim=(-3, 103), xlabel="confidence (%)")
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_yticks([0, 25, 50, 75, 100])


def _bin(axes, mark, stage):
    filled = stage == SCALED
    if filled:
        axes.plot([mark["confidence"]] * 2, [mark["true_low"], mark["true_high"]], color=FAINT, lw=4, zorder=0)
    if np.isfinite(mark["low"]):
        ends = [mark["low"], mark["high"]]
        axes.plot([mark["confidence"]] * 2, ends, color=COLOUR if filled else SOFT, lw=1.1 if filled else 0.6, zorder=2)
    axes.plot([mark["confidence"]], [mark["accuracy"]], "o", ms=4.0, zorder=3, clip_on=False, **_fill(stage))


def _below(figure, table, names, top):
    """Write the table's numbers: a row a fit, a panel a measure."""
    shown = table[table["stage"] != EXCLUDED]
    left = 4 + LETTER_MM * max(map(len, names))
    room = (DOUBLE_MM - left - 4) / len(BELOW)
    order = {key: place for place, key in enumerate(dict.fromkeys(map(tuple, shown[list(KEYS)].to_numpy())))}
    for place, (title, axis, column, dashed) in enumerate(BELOW):
        axes = style.axes_mm(figure, left + place * room, top, room - 5, len(names) * ROW_MM)
        for row in shown.to_dict("records"):
            _row(axes, row, order[tuple(row[name] for name in KEYS)], column, dashed)
        _lined(axes, names if place == 0 else [""] * len(names))
        axes.set_title(title, loc="left", pad=4)
        axes.set_xlabel(axis, fontsize=6)
        axes.set_xlim(**_reach(table, column))


def _reach(table, column):
    """Return the limits of a panel: errors from 0, shares up to 100, sets of one class to all."""
    classes = sum(name.startswith("covered_") and name.split("_")[1].isdigit() for name in table)
    lowest = np.nanmin([50, *(table["covered_pct_low"] - 3)])
    ends = {"ece_pct": {"left": -0.5}, "covered_pct": {"left": lowest, "right": 101}}
    return (ends | {"set_size": {"left": 0.9, "right": classes + 0.1}}).get(column, {})


def _row(axes, row, place, column, dashed):
    """One stage of one fit: its mark and interval, and the dashed mark."""
    height, colour = place + SHIFTS[row["stage"]], COLOUR if row["stage"] == SCALED else SOFT
    ends = [row[f"{column}_low"], row[f"{column}_high"]]
    if np.isfinite(ends).all():
        axes.plot(ends, [height] * 2, color=colour, lw=1.1, zorder=2)
    axes.plot([row[column]], [height], "o", ms=4.0, zorder=3, clip_on=False, **_fill(row["stage"]))
    if dashed:
        axes.plot([row[dashed]] * 2, [place - 0.5, place + 0.5], color=INK, lw=0.7, ls=(0, (2, 1.5)), zorder=1)


def _lined(axes, names):
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, lw=0.5)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=5)
    style.row_lines(axes, len(names))
