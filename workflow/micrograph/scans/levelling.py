"""Levelling: remove tilt, bow, line offsets and scars from a height map."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError, lookup
from micrograph.scans.height_map import BlankScanError

SCAR_RATIO = 0.5
LINE_DEGREE = 2
FACET_SPREAD = 4
FACET_ITERATIONS = 30
N_FACETS = 20_000
MASK_ITERATIONS = 3
MASK_SIGMAS = 2.5
MAD_TO_SIGMA = 1.4826
BLANK_RATIO = 1e-9
MAX_HEIGHT_NM, MIN_HEIGHT_NM = 1e9, 1e-9  # a metre, and a millionth of an atom
BLOCK_LINES = 64  # lines at a time, so that temporary arrays stay in the processor's cache

HeightArray = NDArray[np.float64]


def level(height_nm: HeightArray, method: str = "published", overwrite: bool = False) -> HeightArray:
    """Level a height map to mean zero.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
        Heights, row 0 the top; at least 1 line and 4 pixels.
    method : {"published", "median", "facet"}
        A key of METHODS.
    overwrite : bool, default False
        Whether `height_nm` may be modified, which saves memory.

    Returns
    -------
    ndarray of shape (lines, pixels), float64

    Raises
    ------
    BlankScanError
        If the map shows no relief, before or after levelling.
    UserError
        If the method is unknown, the map too small, or its heights not finite or beyond a metre.
    """
    level_by = lookup(method, METHODS, "levelling")
    height_nm = np.array(height_nm, dtype=np.float64, copy=None if overwrite else True)
    if height_nm.ndim != 2 or height_nm.shape[0] < 1 or height_nm.shape[1] <= LINE_DEGREE + 1:
        raise UserError(
            f"a height map of shape {height_nm.shape} cannot be levelled; its lines need at least 4 pixels."
        )
    with np.errstate(invalid="ignore", over="ignore"):
        total = height_nm.sum()
    largest = _max_abs(height_nm)
    if not np.isfinite([total, largest]).all() and not MAX_HEIGHT_NM < largest < np.inf:
        raise UserError("the height map holds values that are not finite; export the scan without masked pixels.")
    if largest > MAX_HEIGHT_NM:
        raise UserError("the height map exceeds one metre; export the scan again with the right units.")
    level_nm = level_by(height_nm)
    if _max_abs(level_nm) <= max(BLANK_RATIO * largest, MIN_HEIGHT_NM):
        raise BlankScanError("the height map shows no relief beyond tilt and bow; remove the scan.")
    return level_nm


def _max_abs(height_nm: HeightArray) -> float:
    return max(height_nm.max(), -height_nm.min())


def _level_published(height_nm: HeightArray) -> HeightArray:
    """Level as the study did: plane, polynomial (x^2, y), scar removal, then a quadratic from every line.

    Gives the numbers of pySPM 0.6.3's ``correct_plane()``, ``corr_fit2d(nx=2, ny=1)``,
    ``filter_scars_removal(0.5)`` and of ``numpy.polyfit`` on every line, for less: a function of x that all lines share
    cannot change which pixels are scars, and the fits of lines remove it again, so that only the slope from line to
    line is left of plane and polynomial. pySPM holds the bottom line first, which decides the order of scar removal.
    """
    work = height_nm[::-1]
    centred = np.arange(work.shape[0]) - (work.shape[0] - 1) / 2
    square = centred @ centred
    slope = centred @ work.mean(axis=1) / square if square else 0.0
    work -= (slope * centred)[:, None]
    _remove_scars(work)
    _level_lines(work)
    return height_nm


def _remove_scars(height_nm: HeightArray, ratio: float = SCAR_RATIO) -> None:
    """Replace, in place, pixels that differ from both neighbouring lines far more than these from each other.

    A pixel takes the value of the line before it (already corrected) where
    ``|previous - next| < ratio * |pixel - next|``.
    """
    lines, pixels = height_nm.shape
    difference, is_scar, rows = np.empty(pixels), np.empty(pixels, dtype=bool), list(height_nm)
    for top in range(1, lines - 1, BLOCK_LINES):
        stop = min(top + BLOCK_LINES, lines - 1)
        limits = np.abs(height_nm[top:stop] - height_nm[top + 1 : stop + 1])
        limits *= ratio
        for before, line, after, limit in zip(rows[top - 1 :], rows[top:], rows[top + 1 :], limits, strict=False):
            np.subtract(before, after, difference)
            np.absolute(difference, difference)
            np.less(difference, limit, is_scar)
            np.putmask(line, is_scar, before)


def _level_lines(height_nm: HeightArray, degree: int = LINE_DEGREE) -> None:
    """Subtract, in place, a least-squares polynomial from every scan line."""
    basis = _polynomial_basis(height_nm.shape[1], degree)
    for top in range(0, len(height_nm), BLOCK_LINES):
        block = height_nm[top : top + BLOCK_LINES]
        block -= (block @ basis) @ basis.T


@lru_cache(maxsize=2)
def _polynomial_basis(pixels: int, degree: int = LINE_DEGREE) -> HeightArray:
    """Return orthonormal polynomials along a line, (pixels, degree + 1), of degree 2 at most."""
    x = np.arange(pixels) - (pixels - 1) / 2
    square = x * x
    columns = np.stack([np.ones(pixels), x, square - square.mean()][: degree + 1], axis=1)
    return columns / np.sqrt(np.einsum("pi,pi->i", columns, columns))


def _level_median(height_nm: HeightArray) -> HeightArray:
    """Level by medians: tilt along the lines, offset from line to line, then the bow that all lines share.

    A median ignores islands, particles and scars of less than half a line; a film that rises from line to line loses
    that rise.
    """
    tilt = np.median(np.diff(height_nm, axis=1))
    work = height_nm - tilt * np.arange(height_nm.shape[1])
    work -= _median_line_offsets(work)
    bow = _polynomial_basis(height_nm.shape[1])
    work -= bow @ (bow.T @ np.median(work, axis=0))
    return work - work.mean()


def _median_line_offsets(height_nm: HeightArray) -> HeightArray:
    """Return line offsets (lines, 1): the cumulated medians of the differences between neighbouring lines."""
    differences = np.median(np.diff(height_nm, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(differences)])[:, None]


def _level_facet(height_nm: HeightArray) -> HeightArray:
    """Level the dominant facets, then bring the background of all lines to one height.

    The tilt is the mean slope between neighbouring pixels, weighted by exp(-b^2 / 4 m), where b is the distance of a
    slope from the tilt and m the median of b^2, iterated to convergence: flat terraces decide, steps and islands hardly
    count (Gwyddion's facet levelling, with a median instead of its mean). The background are the pixels within 2.5
    robust standard deviations of the median; line offsets and the common bow are fitted to it, three times. A line
    keeps its own tilt, because a fit to the few background pixels of some lines would diverge.
    """
    work = _subtract_facet_tilt(height_nm)
    work -= _median_line_offsets(work)
    for _ in range(MASK_ITERATIONS):
        centre = np.median(work)
        sigma = MAD_TO_SIGMA * np.median(np.abs(work - centre))
        background = np.abs(work - centre) <= MASK_SIGMAS * sigma
        work -= _background_line_offsets(work, background)
        work -= _background_bow(work, background)
    return work - work.mean()


def _subtract_facet_tilt(height_nm: HeightArray) -> HeightArray:
    """Subtract the plane of the dominant facets."""
    lines, pixels = height_nm.shape
    along, across = _slopes(height_nm)
    tilt = np.array([np.median(along), np.median(across)])
    for _ in range(FACET_ITERATIONS):
        square = (along - tilt[0]) ** 2 + (across - tilt[1]) ** 2
        spread = FACET_SPREAD * np.median(square)
        if spread == 0:  # most facets lie in one plane: keep the medians
            break
        weight = np.exp(-square / spread)
        updated = np.array([(weight * along).sum(), (weight * across).sum()]) / weight.sum()
        converged = np.abs(updated - tilt).max() <= 1e-6 * np.sqrt(spread)
        tilt = updated
        if converged:
            break
    return height_nm - tilt[0] * np.arange(pixels) - tilt[1] * np.arange(lines)[:, None]


def _slopes(height_nm: HeightArray) -> tuple[HeightArray, HeightArray]:
    """Return the slopes along and across the lines of about N_FACETS facets of four pixels."""
    along, across = np.diff(height_nm, axis=1), np.diff(height_nm, axis=0)
    if len(height_nm) == 1:
        return along, np.zeros_like(along)
    along, across = (along[1:] + along[:-1]) / 2, (across[:, 1:] + across[:, :-1]) / 2
    step = max(1, int(np.sqrt(along.size / N_FACETS)))
    return along[::step, ::step], across[::step, ::step]


def _background_line_offsets(height_nm: HeightArray, background: NDArray[np.bool_]) -> HeightArray:
    """Return the mean background of every line, (lines, 1), interpolated where a line has almost none."""
    count = background.sum(axis=1)
    usable = count >= min(background.shape[1] / 8, count.max())
    sums = np.where(background, height_nm, 0).sum(axis=1)
    lines = np.arange(len(height_nm))
    return np.interp(lines, lines[usable], sums[usable] / count[usable])[:, None]


def _background_bow(height_nm: HeightArray, background: NDArray[np.bool_]) -> HeightArray:
    """Return the least-squares tilt and bow of the whole background, (pixels,)."""
    basis = _polynomial_basis(height_nm.shape[1])
    count, sums = background.sum(axis=0), np.where(background, height_nm, 0).sum(axis=0)
    gram = basis.T @ (count[:, None] * basis)
    return basis @ np.linalg.lstsq(gram, basis.T @ sums, rcond=None)[0]


# Value of heights.levelling: the method, which takes a height map, may modify it, and returns the levelled one.
METHODS: dict[str, Callable[[HeightArray], HeightArray]] = {
    "published": _level_published,
    "median": _level_median,
    "facet": _level_facet,
}
