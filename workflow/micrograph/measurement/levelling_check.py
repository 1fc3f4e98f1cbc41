"""A check of the levelling by eye: every scan before and after, with its method and its quality flags, in pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError, printable
from micrograph.figures import style
from micrograph.scans import quality
from micrograph.scans.conversion import DEFAULT_PREPROCESSING, Preprocessing, level_scan, naming_scan
from micrograph.scans.formats import read_scan
from micrograph.scans.height_map import HeightMap
from micrograph.scans.rendering import percentile_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = "afmhot"
CLIP_PERCENTILES = (0.5, 99.5)
SIDE_MM, GAP_MM, CAPTION_MM = 41.0, 3.0, 9.0
COLUMNS, ROWS = 2, 4  # scans on a page, each a pair of pictures
MAX_SIDE = 256  # pixels of a picture: pages of large scans stay small
NAME_LENGTH = 46


class Pair(NamedTuple):
    """One scan before and after levelling.

    Attributes
    ----------
    name : str
    raw_nm, level_nm : ndarray of shape (lines, pixels)
    size_nm : (float, float)
        Height and width of the scan.
    levelling, flags : str
        The method, and the quality flags.
    """

    name: str
    raw_nm: NDArray[np.float64]
    level_nm: NDArray[np.float64]
    size_nm: tuple[float, float]
    levelling: str
    flags: str


def read_pairs(
    rows: Iterable[Mapping[str, Any]],
    preprocessing: Preprocessing = DEFAULT_PREPROCESSING,
    thresholds: Mapping[str, float] | None = None,
) -> Iterator[Pair]:
    """Read and level scans; files that are not scans of heights are left out.

    Parameters
    ----------
    rows : iterable of mapping
        With `sample`, `scan` (path), `width_nm` and `z_unit` as in the sheet, and, where it overrides that of
        `preprocessing`, `levelling`.
    preprocessing : Preprocessing
    thresholds : mapping of str to float, optional
        As in `quality.flags`.

    Yields
    ------
    Pair
    """
    for row in rows:
        options = replace(preprocessing, levelling=row.get("levelling") or preprocessing.levelling)
        try:
            with naming_scan(row["scan"]):
                raw = read_scan(row["scan"], options.read_options_of(row))
                if not isinstance(raw, HeightMap):
                    continue
                raw_nm = raw.height_nm.copy()
                level_nm = level_scan(raw, options).height_nm
        except Exception as error:  # one bad scan must not stop the others
            print(f"not in the levelling check: {error}" if isinstance(error, UserError) else repr(error))
            continue
        flags = quality.flags(quality.measure(raw_nm, level_nm), thresholds)
        yield Pair(row["sample"], raw_nm, level_nm, (raw.tall_nm, raw.width_nm), options.levelling, flags)


def draw(pairs: Iterable[Pair], data: str = "films") -> list[Figure]:
    """Draw the pages.

    Parameters
    ----------
    pairs : iterable of Pair
        Held a page at a time.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    list of Figure
        One page of eight scans after the other; one that says so if there is no scan of heights.
    """
    pages: list[Figure] = []
    for number, pair in enumerate(pairs):
        place = number % (COLUMNS * ROWS)
        if place == 0:
            pages.append(_page(data))
        _draw_pair(pages[-1], place, pair)
    if not pages:
        pages.append(_page(data))
        with style.context():
            style.text_mm(pages[0], 6, 14, "No scan of heights.")
    return pages


@style.context()
def _page(data: str) -> Figure:
    width = 6 + COLUMNS * (2 * SIDE_MM + 2 * GAP_MM + 2)
    title = "Raw heights less their mean plane (left), and levelled (right)"
    page = style.canvas(width, 11 + ROWS * (SIDE_MM + CAPTION_MM), title, left=6)
    style.label_data(page, data)
    return page


@style.context()
def _draw_pair(page: Figure, place: int, pair: Pair) -> None:
    """Draw one scan before and after."""
    left = 6 + (place % COLUMNS) * (2 * SIDE_MM + 2 * GAP_MM + 2)
    top = 9 + place // COLUMNS * (SIDE_MM + CAPTION_MM)
    style.text_mm(page, left, top, style.shorten(printable(pair.name), NAME_LENGTH), fontsize=6.5, weight="bold")
    text, colour = (pair.flags, "#a3341f") if pair.flags else ("no flag", style.SOFT)
    style.text_mm(page, left, top + 2.9, f"{pair.levelling}: {style.shorten(text, 70)}", fontsize=6, color=colour)
    for column, height_nm in enumerate((_without_plane(pair.raw_nm), pair.level_nm)):
        axes = style.axes_mm(page, left + column * (SIDE_MM + GAP_MM), top + 6, SIDE_MM, SIDE_MM - 2)
        low, high = show_heights(axes, height_nm, pair.size_nm)
        axes.set_title(f"{high - low:.3g} nm", fontsize=5, pad=1, loc="right", color=style.SOFT, y=-0.06)


def show_heights(
    axes: Axes, height_nm: NDArray[np.float64], size_nm: tuple[float, float], whole: bool = False
) -> tuple[float, float]:
    """Show a height map true to scale between two percentiles, with a scale bar.

    Parameters
    ----------
    axes : Axes
    height_nm : ndarray of shape (lines, pixels)
    size_nm : (float, float)
        Height and width of the scan.
    whole : bool, default False
        Whether all pixels are shown, or at most some 256 of a side.

    Returns
    -------
    (float, float)
        Heights in nm of the darkest and the brightest colour.
    """
    low, high = percentile_limits(height_nm, CLIP_PERCENTILES)
    steps = [1 if whole else max(1, length // MAX_SIDE) for length in height_nm.shape]
    small = height_nm[:: steps[0], :: steps[1]]
    across, down = (size / length for size, length in zip(size_nm[::-1], small.shape[::-1], strict=True))
    axes.imshow(
        small, cmap=COLOURS, vmin=low, vmax=high, aspect=down / across if across > 0 else 1, interpolation="nearest"
    )
    style.set_frame(axes, color=style.SOFT, linewidth=0.5)
    style.scale_bar(axes, across)
    return float(low), float(high)


def _without_plane(height_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract the least-squares plane, that would hide all else."""
    y, x = (np.arange(length) - (length - 1) / 2 for length in height_nm.shape)
    centred = height_nm - height_nm.mean()
    tilt = [axis @ centred.mean(axis=1 - number) / max(axis @ axis, 1) for number, axis in enumerate((y, x))]
    return centred - tilt[0] * y[:, None] - tilt[1] * x
