"""Figures 8 and 9: the first two principal components of the features, with marks and with micrographs.

Scores of different folds belong to different PCAs; a figure shows one fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, PAPER, SINGLE_MM, SOFT
from micrograph.scans.rendering import read_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    """Select the principal components of one fold.

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
        If the file has no such fold, or a sample that is not in the table.
    """
    if f"scores_{fold}" not in arrays:
        raise UserError(f"the components have no fold {fold}; choose a fold from 0.")
    names = [str(name) for name in arrays["samples"]]
    missing = set(names) - set(samples["sample"])
    if missing:
        raise UserError(f"sample {min(missing)} has components and is not in samples.tsv; make the components again.")
    rows = samples.set_index("sample", drop=False).loc[names].reset_index(drop=True)
    seen = np.isin(np.arange(len(names)), arrays[f"rows_{fold}"])
    return Projection(arrays[f"scores_{fold}"], arrays[f"explained_{fold}"], seen, rows)


def _component_axes(axes, scores, explained):
    """Labels with the explained variance, limits with a margin, faint lines through the mean."""
    for line in (axes.axhline, axes.axvline):
        line(0, color=FAINT, lw=0.6, zorder=0)
    axes.set_xlabel(f"First component ({100 * explained[0]:.1f} % of variance)")
    axes.set_ylabel(f"Second component ({100 * explained[1]:.1f} % of variance)")
    axes.tick_params(length=2)


def _two(scores, explained):
    """Return the first two components as float (n, 2); UserError where there are fewer."""
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or min(scores.shape[1], len(explained)) < 2:
        raise UserError(f"Figure of two components: the scores have shape {scores.shape}; keep two components or more.")
    return scores[:, :2]


def draw_fig8(
    components: Mapping[str, NDArray], samples: pd.DataFrame, classes: Sequence[int], data: str, title: str
) -> Figure:
    """Draw figure 8 of the first fold; see `draw_components`.

    Parameters
    ----------
    components : mapping of str to ndarray
        Arrays of a file of principal components.
    samples : DataFrame
        Table of accepted samples.
    classes : sequence of int
        Temperatures in degrees Celsius.
    data : str
        Label of the data, a key of `style.BADGES`.
    title : str

    Returns
    -------
    Figure
    """
    fit = select_fold(components, samples)
    celsius = fit.samples["growth_celsius"]
    return draw_components(fit.scores, celsius, fit.explained, classes, data, fit.seen, title)


def draw_fig9(
    components: Mapping[str, NDArray], samples: pd.DataFrame, classes: Sequence[int], data: str, title: str
) -> Figure:
    """Draw figure 9 of the first fold with the micrographs on disk; see `draw_micrographs`.

    Parameters
    ----------
    components : mapping of str to ndarray
        Arrays of a file of principal components.
    samples : DataFrame
        Table of accepted samples.
    classes : sequence of int
        Temperatures in degrees Celsius.
    data : str
        Label of the data, a key of `style.BADGES`.
    title : str

    Returns
    -------
    Figure
    """
    fit = select_fold(components, samples)
    images, known = [read_png(path) for path in fit.samples["micrograph"]], fit.samples
    return draw_micrographs(
        fit.scores, images, known["pixel_nm"], known["growth_celsius"], fit.explained, classes, data, title
    )


@style.context()
def draw_components(
    scores: NDArray[np.floating],
    celsius: ArrayLike,
    explained: Sequence[float] | NDArray[np.floating],
    classes: Sequence[int],
    data: str,
    seen: ArrayLike | None = None,
    title: str = "",
) -> Figure:
    """Draw figure 8: a mark per sample at its first two principal components.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_components)
    celsius : array of shape (n_samples,)
        Growth temperatures in degrees Celsius.
    explained : sequence of float
        Share of the variance of each component.
    classes : sequence of int
        Temperatures in degrees Celsius.
    data : str
        Label of the data, a key of `style.BADGES`.
    seen : array of bool of shape (n_samples,), optional
        Whether the PCA was fitted on the sample; others have hollow marks. All by default.
    title : str, default ""

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If there are fewer than two components.
    """
    scores, celsius = _two(scores, explained), np.asarray(celsius)
    seen = np.ones(len(scores), bool) if seen is None else np.asarray(seen, bool)
    figure = style.canvas(SINGLE_MM, 96, data)
    axes = style.axes_mm(figure, 12, 23, 66, 62)
    margins = style.axes_mm(figure, 12, 17, 66, 6, sharex=axes), style.axes_mm(figure, 78, 23, 6, 62, sharey=axes)
    marks = style.class_marks(classes)
    for place, name in enumerate(classes):
        colour, marker = marks[name]
        rows = celsius == name
        shape: dict[str, Any] = {"marker": marker, "s": 15, "lw": 0.5, "zorder": 3}
        axes.scatter(*scores[rows & seen].T, color=colour, edgecolor=PAPER, **(shape | {"lw": 0.35}))
        axes.scatter(*scores[rows & ~seen].T, facecolor=PAPER, edgecolor=colour, **(shape | {"lw": 0.9}))
        axes.scatter([], [], color=colour, label=f"{style.celsius(name)} ({rows.sum()})", **shape)
        for side, margin in enumerate(margins):
            _middle_half(margin, scores[rows, side], place, side, colour)
    if not seen.all():
        axes.scatter([], [], facecolor=PAPER, edgecolor=SOFT, lw=0.9, s=15, label="hollow: not used in the fit")
    for margin in margins:
        margin.set_axis_off()
    margins[0].set_ylim(len(classes) - 0.3, -1)
    margins[1].set_xlim(-1, len(classes) - 0.3)
    _component_axes(axes, scores, explained)
    style.text_mm(figure, 12, 2.2, title, weight="bold")
    handles = axes.get_legend_handles_labels()
    figure.legend(
        *handles, loc="upper left", bbox_to_anchor=(10.5 / 89, 1 - 6.2 / 96), ncols=2, borderaxespad=0, columnspacing=1
    )
    return figure


def _middle_half(margin, values, place, side, colour):
    """Draw a line from the lower to the upper quartile and a dot at the median, along axis `side` (0 across, 1 up)."""
    if not len(values):
        return
    low, middle, high = np.percentile(values, [25, 50, 75])
    line, dot = ([low, high], [place, place]), ([middle], [place])
    margin.plot(*(line if side == 0 else line[::-1]), color=colour, lw=1.4, solid_capstyle="butt")
    margin.plot(*(dot if side == 0 else dot[::-1]), "o", color=colour, ms=3.4, mec=PAPER, mew=0.5)


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
def draw_micrographs(
    scores: NDArray[np.floating],
    images: Sequence[NDArray[np.uint8]],
    pixel_nm: ArrayLike,
    celsius: ArrayLike,
    explained: Sequence[float] | NDArray[np.floating],
    classes: Sequence[int],
    data: str,
    title: str = "",
) -> Figure:
    """Draw figure 9: micrographs at their first two principal components; others are marks where they would overlap.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_components)
    images : sequence of ndarray of shape (pixels, pixels)
    pixel_nm : array of shape (n_samples,)
        nm per pixel; NaN where unknown.
    celsius : array of shape (n_samples,)
        Growth temperatures in degrees Celsius.
    explained : sequence of float
        Share of the variance of each component.
    classes : sequence of int
        Temperatures in degrees Celsius.
    data : str
        Label of the data, a key of `style.BADGES`.
    title : str, default ""

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If there are fewer than two components.
    """
    scores, celsius = _two(scores, explained), np.asarray(celsius)
    figure = style.canvas(DOUBLE_MM, 152, data)
    axes = style.axes_mm(figure, 13, 14, 166, 126)
    marks = style.class_marks(classes)
    picture_mm, room = 11.5, np.array([166, 126])
    span = np.maximum(np.ptp(scores, axis=0), 1e-12) / (room - picture_mm - 2)  # units a millimetre
    middle = (scores.max(axis=0) + scores.min(axis=0)) / 2
    axes.set_xlim(*(middle[0] + span[0] * room[0] / 2 * np.array([-1, 1])))
    axes.set_ylim(*(middle[1] + span[1] * room[1] / 2 * np.array([-1, 1])))
    size = picture_mm * span
    taken = thin(scores, size, overlap=0.1)
    for name in classes:
        rows = np.setdiff1d(np.flatnonzero(celsius == name), taken)
        colour, marker = marks[name]
        across, up = scores[rows].T
        axes.scatter(across, up, color=colour, marker=marker, s=9, edgecolor=PAPER, lw=0.3)
    for row in taken:
        inset = axes.inset_axes((*(scores[row] - size / 2), *size), transform=axes.transData, zorder=3)
        style.show_image(inset, images[row], frame=marks[celsius[row]][0] if celsius[row] in marks else SOFT)
    _component_axes(axes, scores, explained)
    text = f"{len(taken)} of {len(scores)} micrographs, the others as marks"
    style.text_mm(figure, 13, 2.2, title, weight="bold")
    style.text_mm(figure, 13, 6.4, text)
    _map_legend(figure, marks, classes, _common(np.asarray(pixel_nm, float)[taken]), images, picture_mm)
    return figure


def _common(pixel_nm):
    """Return the pixel size that all share within 1 %, or None where one is unknown or they differ."""
    known = np.isfinite(pixel_nm) & (pixel_nm > 0)
    same_size = known.all() and len(pixel_nm) and np.ptp(pixel_nm) <= 0.01 * pixel_nm.min()
    return float(np.median(pixel_nm)) if same_size else None


def _map_legend(figure, marks, classes, pixel_nm, images, picture_mm):
    """Class marks, and one bar for all pictures as long as it is in them (or a word where their sizes differ)."""
    left = 88.0
    for name in classes:
        axes = style.axes_mm(figure, left, 6.2, 3, 3)
        axes.scatter([0], [0], color=marks[name][0], marker=marks[name][1], s=22)
        axes.set_axis_off()
        style.text_mm(figure, left + 3.6, 6.4, style.celsius(name))
        left += 16
    if pixel_nm is None:
        style.text_mm(figure, left + 2, 6.4, "sizes of the micrographs differ or are unknown")
        return
    side_nm = pixel_nm * np.shape(images[0])[1]
    length_nm = style.round_length(0.75 * side_nm)
    long_mm = picture_mm * length_nm / side_nm
    axes = style.axes_mm(figure, left + 2, 7, long_mm, 1.2, facecolor=INK)
    axes.set(xticks=[], yticks=[])
    axes.set_gid("scale bar")
    style.text_mm(figure, left + long_mm + 3.4, 6.4, style.length_label(length_nm))
