"""Figures 8 and 9: the first two principal components of the features, with marks and with micrographs.

Scores of different folds belong to different PCAs; the figures show the first fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, PAPER, SINGLE_MM, SOFT
from micrograph.scans.rendering import read_png
from micrograph.target import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTERS, COLUMNS = 8, 4  # in the legend of figure 9; with more the scale bar stands above it
PICTURE_MM, WIDE_MM, TALL_MM = 11.5, 166, 126  # side of a micrograph, size of the map
BOTH_MM = 92  # height of each of two maps


@dataclass(frozen=True)
class Projection:
    """The principal components of one fold.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_components)
    explained : ndarray of shape (n_components,)
        Shares of the variance.
    seen : ndarray of bool, shape (n_samples,)
        Whether the PCA was fitted on the sample.
    samples : DataFrame
        Rows of the table of samples.
    """

    scores: np.ndarray
    explained: np.ndarray
    seen: np.ndarray
    samples: pd.DataFrame


def select_fold(arrays: Mapping[str, NDArray], samples: pd.DataFrame, fold: int = 0) -> Projection:
    """Select the first two principal components of one fold.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Arrays of a file of principal components.
    samples : DataFrame
        Table of accepted samples.
    fold : int, default 0

    Returns
    -------
    Projection

    Raises
    ------
    UserError
        If the file has no such fold, fewer than two components, or a sample that is not in the table.
    """
    if f"scores_{fold}" not in arrays:
        raise UserError(f"the components have no fold {fold}; choose a fold from 0.")
    names = [str(name) for name in arrays["samples"]]
    missing = set(names) - set(samples["sample"])
    if missing:
        raise UserError(f"sample {min(missing)} has components and is not in samples.tsv; make the components again.")
    scores = np.asarray(arrays[f"scores_{fold}"], float)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise UserError(f"Figure of two components: the scores have shape {scores.shape}; keep two components or more.")
    rows = samples.set_index("sample", drop=False).loc[names].reset_index(drop=True)
    seen = np.isin(np.arange(len(names)), arrays[f"rows_{fold}"])
    return Projection(scores[:, :2], arrays[f"explained_{fold}"], seen, rows)


@style.context()
def draw_fig8(components: Mapping[str, Mapping[str, NDArray]], samples: pd.DataFrame, target: Target) -> Figure:
    """Draw figure 8: a mark per sample at its first two principal components, a panel for each of the features.

    Parameters
    ----------
    components : mapping of str to mapping
        Title -> arrays of a file of principal components; samples on which the PCA was not fitted have hollow marks.
    samples : DataFrame
        Table of accepted samples.
    target : Target

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        As of `select_fold`.
    """
    figure = style.canvas(SINGLE_MM + (len(components) - 1) * (DOUBLE_MM - SINGLE_MM), 96)
    for place, (title, arrays) in enumerate(components.items()):
        _draw_marks(figure, place * (DOUBLE_MM - SINGLE_MM), select_fold(arrays, samples), target, title)
        if len(components) > 1:
            style.letter_panel(figure, place * (DOUBLE_MM - SINGLE_MM) + 3, 2, "ab"[place])
    return figure


def _draw_marks(figure: Figure, left: float, fit: Projection, target: Target, title: str) -> None:
    """Draw a panel of figure 8."""
    scores, seen, y_true = fit.scores, fit.seen, fit.samples["y_true"].to_numpy()
    style.text_mm(figure, left + 12, 2.2, title, weight="bold")
    axes = style.axes_mm(figure, left + 12, 23, 66, 62)
    margins = (
        style.axes_mm(figure, left + 12, 17, 66, 6, sharex=axes),
        style.axes_mm(figure, left + 78, 23, 6, 62, sharey=axes),
    )
    looks: dict[str, dict[str, Any]] = {}
    for place, (name, (colour, marker)) in enumerate(style.class_marks(target.classes, target.ordered).items()):
        rows = y_true == name
        inside, outside = scores[rows & seen].T, scores[rows & ~seen].T
        axes.scatter(inside[0], inside[1], s=15, marker=marker, color=colour, edgecolor=PAPER, lw=0.35, zorder=3)
        axes.scatter(outside[0], outside[1], s=15, marker=marker, color=PAPER, edgecolor=colour, lw=0.9, zorder=3)
        looks[f"{target.with_unit(name)} ({rows.sum()})"] = style.mark_look(colour, marker)
        for side, margin in enumerate(margins):
            _draw_quartiles(margin, scores[rows, side], place, side, colour)
    if not seen.all():
        looks["hollow: not used in the fit"] = style.mark_look(SOFT, hollow=True)
    for margin in margins:
        margin.set_axis_off()
    margins[0].set_ylim(len(target.classes) - 0.3, -1)
    margins[1].set_xlim(-1, len(target.classes) - 0.3)
    _label_components(axes, fit)
    style.legend_mm(figure, left + 12, 6.8, 2, looks)


def _draw_quartiles(margin: Axes, values: NDArray, place: int, side: int, colour: Any) -> None:
    """Draw a line from the lower to the upper quartile and a dot at the median, along axis `side` (0 across, 1 up)."""
    if not len(values):
        return
    low, middle, high = np.percentile(values, [25, 50, 75])
    order = slice(None, None, -1 if side else 1)
    margin.plot(*([low, high], [place, place])[order], color=colour, lw=1.4, solid_capstyle="butt")
    margin.plot(*([middle], [place])[order], "o", color=colour, ms=3.4, mec=PAPER, mew=0.5)


def _label_components(axes: Axes, fit: Projection) -> None:
    """Label the axes with the explained variance, and draw faint lines through the mean."""
    axes.axhline(0, color=FAINT, lw=0.6, zorder=0)
    axes.axvline(0, color=FAINT, lw=0.6, zorder=0)
    axes.set_xlabel(f"First component ({100 * fit.explained[0]:.1f} % of variance)")
    axes.set_ylabel(f"Second component ({100 * fit.explained[1]:.1f} % of variance)")
    axes.tick_params(length=2)


def thin(centres: ArrayLike, size: ArrayLike, overlap: float = 0.0) -> NDArray[np.int_]:
    """Select images so that none covers more than a share of another.

    Parameters
    ----------
    centres : array of shape (n_images, 2)
    size : array of shape (2,)
        Width and height of an image in the same units.
    overlap : float, default 0.0
        Allowed overlap as a share of the side, in both directions.

    Returns
    -------
    ndarray of int
        Indices in the order of selection.

    Notes
    -----
    Greedy: starts with the image nearest to the median, then takes the one farthest from those selected, so that the
    outline comes before the crowd; ties go to the lower index.
    """
    scaled = np.asarray(centres, float) / np.asarray(size, float)
    nearest = np.full(len(scaled), np.inf)
    choice = int(np.argmin(np.linalg.norm(scaled - np.median(scaled, axis=0), axis=1)))
    taken: list[int] = []
    while len(taken) < len(scaled):
        taken.append(choice)
        nearest = np.minimum(nearest, np.abs(scaled - scaled[choice]).max(axis=1))
        choice = int(np.argmax(nearest))
        if nearest[choice] < 1 - overlap:
            break
    return np.array(taken, dtype=int)


@style.context()
def draw_fig9(components: Mapping[str, Mapping[str, NDArray]], samples: pd.DataFrame, target: Target) -> Figure:
    """Draw figure 9: micrographs at their first two principal components; others are marks where they would overlap.

    Parameters
    ----------
    components : mapping of str to mapping
        Title -> arrays of a file of principal components; a map for each.
    samples : DataFrame
        Table of accepted samples, whose micrographs are read.
    target : Target

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        As of `select_fold`.
    """
    tall = TALL_MM if len(components) == 1 else BOTH_MM
    figure = style.canvas(DOUBLE_MM, len(components) * (tall + 26))
    for place, (title, arrays) in enumerate(components.items()):
        _draw_map(figure, place * (tall + 26), tall, select_fold(arrays, samples), target, title)
        if len(components) > 1:
            style.letter_panel(figure, 3, place * (tall + 26) + 2, "ab"[place])
    return figure


def _draw_map(figure: Figure, top: float, tall: float, fit: Projection, target: Target, title: str) -> None:
    """Draw a map of figure 9."""
    marks, scores, y_true = (
        style.class_marks(target.classes, target.ordered),
        fit.scores,
        fit.samples["y_true"].to_numpy(),
    )
    map_mm = np.array([WIDE_MM, tall])
    span = np.maximum(np.ptp(scores, axis=0), 1e-12) / (map_mm - PICTURE_MM - 2)  # units a millimetre
    middle = (scores.max(axis=0) + scores.min(axis=0)) / 2
    size = PICTURE_MM * span
    taken = thin(scores, size, overlap=0.1)
    style.text_mm(figure, 13, top + 2.2, title, weight="bold")
    text = f"{len(taken)} of {len(scores)} micrographs, the others as marks"
    style.text_mm(figure, 13, top + 6.4, text, color=SOFT)
    axes = style.axes_mm(figure, 13, top + 14, *map_mm)
    axes.set_xlim(*(middle[0] + span[0] * map_mm[0] / 2 * np.array([-1, 1])))
    axes.set_ylim(*(middle[1] + span[1] * map_mm[1] / 2 * np.array([-1, 1])))
    for name, (colour, marker) in marks.items():
        rows = np.setdiff1d(np.flatnonzero(y_true == name), taken)
        axes.scatter(scores[rows, 0], scores[rows, 1], 9, color=colour, marker=marker, edgecolor=PAPER, lw=0.3)
    for row in taken:
        inset = axes.inset_axes((*(scores[row] - size / 2), *size), transform=axes.transData, zorder=3)
        image = read_png(fit.samples["micrograph"][row])
        style.show_image(inset, image, frame=marks[y_true[row]][0] if y_true[row] in marks else SOFT)
    _label_components(axes, fit)
    looks = {style.shorten(target.with_unit(name), 11): style.mark_look(*look) for name, look in marks.items()}
    pixel_nm = fit.samples["pixel_nm"].to_numpy(float)[taken]
    crowded = max(map(len, looks)) > LETTERS or len(looks) > COLUMNS
    style.legend_mm(figure, 88, top + 6.8, min(COLUMNS, len(looks)), looks)
    spot = (118.0, top + 2.2) if crowded else (90 + 16.0 * len(target.classes), top + 6.4)
    _draw_scale_bar(figure, *spot, pixel_nm, image.shape[1])


def _draw_scale_bar(figure: Figure, left: float, top: float, pixel_nm: NDArray, pixels: int) -> None:
    """Draw one bar for all micrographs, or write that their sizes differ by more than 1 % or are unknown."""
    known = (np.isfinite(pixel_nm) & (pixel_nm > 0)).all()
    if not known or np.ptp(pixel_nm) > 0.01 * pixel_nm.min():
        style.text_mm(figure, left, top, "sizes of the micrographs differ or are unknown")
        return
    side_nm = float(np.median(pixel_nm)) * pixels
    length_nm = style.round_length(0.75 * side_nm)
    long_mm = PICTURE_MM * length_nm / side_nm
    axes = style.axes_mm(figure, left, top + 0.6, long_mm, 1.2, facecolor=INK)
    axes.set(xticks=[], yticks=[])
    axes.set_gid("scale bar")
    style.text_mm(figure, left + long_mm + 1.4, top, style.length_label(length_nm))
