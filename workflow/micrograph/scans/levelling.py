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
USUAL_SIGMAS = 4  # of noise and line offsets: a larger difference between neighbouring lines is a jump
NOISE_SIGMAS = 3
LEAST_SHARE = 1 / 8  # of a line, that the film must continue in
OFFSET_ITERATIONS = 3
COUNT_LINES = 32
ROUNDING = 1e-9
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


@lru_cache(maxsize=4)
def _polynomial_basis(pixels: int, degree: int = LINE_DEGREE) -> HeightArray:
    """Return orthonormal polynomials along a line, (pixels, degree + 1), of degree 2 at most."""
    x = np.arange(pixels) - (pixels - 1) / 2
    square = x * x
    columns = np.stack([np.ones(pixels), x, square - square.mean()][: degree + 1], axis=1)
    return columns / np.sqrt(np.einsum("pi,pi->i", columns, columns))


def _level_median(height_nm: HeightArray) -> HeightArray:
    """Level by medians: tilt along the lines, line offsets, the bow that all lines share, tilt across the lines.

    A median ignores islands and particles of less than half a line; wider ones, and scars, are ignored by the line
    offsets. A film that rises from line to line loses that rise.
    """
    tilt = np.median(np.diff(height_nm, axis=1))
    work = height_nm - tilt * np.arange(height_nm.shape[1])
    work -= line_offsets(work)
    bow = _polynomial_basis(height_nm.shape[1])
    for _ in range(MASK_ITERATIONS):
        work -= bow @ (bow.T @ np.median(work, axis=0))
        work -= line_offsets(work, background(work))
    across = _polynomial_basis(len(work), min(1, len(work) - 1))
    work -= across @ (across.T @ np.median(work, axis=1, keepdims=True))
    return work - work.mean()


def line_offsets(height_nm: HeightArray, mask: NDArray[np.bool_] | None = None) -> HeightArray:
    """Compute line offsets: the cumulated differences between neighbouring lines, where the film continues.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
        Heights without tilt along the lines.
    mask : ndarray of bool, optional
        The background: other pixels do not count, and a line with too few of it keeps its offset.

    Returns
    -------
    ndarray of shape (lines, 1)

    Notes
    -----
    Where the film continues (`continuing`) in an eighth of a line, the offset is the mean of the differences within
    three standard deviations of the noise of where they are densest, because differences on flanks are spread; a median
    would be a whole number of counts, and the offsets of coarse heights would add up to a slope. Where it does not, the
    whole line has jumped (the tip changed, also within the line), and the offset is the median of all.
    """
    lines, pixels = height_nm.shape
    if lines < 2:
        return np.zeros((lines, 1))
    difference = np.diff(height_nm, axis=0)
    smooth = _running_mean(difference)
    offset = np.median(difference, axis=1)
    count = count_nm(difference)
    noise, smooth_noise = (max(robust_sigma(values - offset[:, None]), count / 2) for values in (difference, smooth))
    continues = continuing(difference)
    if mask is not None:
        continues &= mask[1:] & mask[:-1]
        offset[:] = 0
    enough = np.flatnonzero(continues.sum(axis=1) >= pixels * LEAST_SHARE)
    chosen, smooth = difference[enough], smooth[enough]
    limit, smooth_limit = NOISE_SIGMAS * noise, NOISE_SIGMAS * smooth_noise
    inside = continues[enough]
    centre = _densest(np.where(inside, chosen, np.nan), int(np.ceil(pixels * LEAST_SHARE)))
    for _ in range(OFFSET_ITERATIONS):
        near = inside & (np.abs(chosen - centre) <= limit)
        even = near & (np.abs(smooth - centre) <= smooth_limit)
        near = np.where(even.any(axis=1, keepdims=True), even, near)
        n_near = near.sum(axis=1, keepdims=True)  # 0 where a mean of equal values rounds
        mean = np.where(near, chosen, 0).sum(axis=1, keepdims=True) / np.maximum(n_near, 1)
        centre = np.where(n_near > 0, mean, centre)
    offset[enough] = centre[:, 0]
    return np.concatenate([[0.0], np.cumsum(offset)])[:, None]


def continuing(difference: HeightArray) -> NDArray[np.bool_]:
    """Return where the film continues: beside scars, particles and islands, however wide.

    Parameters
    ----------
    difference : ndarray of shape (lines - 1, pixels)
        Heights of the lines less those of the lines before.

    Returns
    -------
    ndarray of bool, shape (lines - 1, pixels)
        Whether a pixel differs from the line before, and the line after from it, as neighbouring lines usually do.
    """
    offset = np.median(difference, axis=1)
    noise = max(robust_sigma(difference - offset[:, None]), count_nm(difference))
    usual = np.abs(difference - np.median(offset)) <= USUAL_SIGMAS * (noise + robust_sigma(offset))
    usual[:-1] &= usual[1:].copy()
    return usual


def count_nm(difference: HeightArray) -> float:
    """Return the height of one count of the instrument's converter, which a MAD of coarse heights may miss.

    Parameters
    ----------
    difference : ndarray of shape (lines - 1, pixels)
        As in `continuing`.

    Returns
    -------
    float
        The least step between the values of a line, in the middle of COUNT_LINES lines; 0 if none has any.
    """
    ordered = np.sort(difference[:: max(len(difference) // COUNT_LINES, 1)], axis=1)
    steps = np.diff(ordered, axis=1)
    steps[steps <= ROUNDING * _max_abs(difference)] = np.inf
    least = steps.min(axis=1)
    return float(np.median(least)) if np.isfinite(np.median(least)) else 0.0


def background(height_nm: HeightArray) -> NDArray[np.bool_]:
    """Find the background: pixels within 2.5 robust standard deviations of the median, and not at the foot of others.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
        Levelled heights.

    Returns
    -------
    ndarray of bool, shape (lines, pixels)
    """
    beyond = (np.abs(height_nm - np.median(height_nm)) > MASK_SIGMAS * robust_sigma(height_nm)).astype(float)
    grown = _running_mean(_running_mean(beyond).T).T
    return grown < 1e-9  # of a sum that rounds


def _densest(values: HeightArray, count: int) -> HeightArray:
    """Return a value of every row, (rows, 1), in the middle of the `count` that lie closest together; NaN are left out.

    Half-sample modes and medians fail where less than half of the values are of the background.
    """
    ordered = np.sort(values, axis=1)
    lengths = ordered[:, count - 1 :] - ordered[:, : ordered.shape[1] - count + 1]
    return np.take_along_axis(ordered, np.nanargmin(lengths, axis=1)[:, None] + count // 2, axis=1)


def _running_mean(values: HeightArray) -> HeightArray:
    """Return means along the lines, over a 32nd of a line: slopes stand out of the noise."""
    half = max(values.shape[1] // 64, 1)
    padded = np.pad(values, ((0, 0), (half + 1, half)), mode="edge").cumsum(axis=1)
    return (padded[:, 2 * half + 1 :] - padded[:, : -2 * half - 1]) / (2 * half + 1)


def robust_sigma(values: HeightArray) -> float:
    """Compute the standard deviation of a normal distribution of the same median absolute deviation.

    Parameters
    ----------
    values : ndarray

    Returns
    -------
    float
    """
    return float(MAD_TO_SIGMA * np.median(np.abs(values - np.median(values))))


def _level_facet(height_nm: HeightArray) -> HeightArray:
    """Level the dominant facets, then line offsets and bow by the background.

    The tilt is the mean slope between neighbouring pixels, weighted by exp(-b^2 / 4 m), where b is the distance of a
    slope from the tilt and m the median of b^2, iterated to convergence: flat terraces decide, steps and islands hardly
    count (Gwyddion's facet levelling, with a median instead of its mean). The background are the pixels within 2.5
    robust standard deviations of the median; line offsets (as under "median"), and tilt and bow along and across the
    lines, are fitted to it, three times. A line keeps its own tilt, because a fit to the few background pixels of some
    lines would diverge.
    """
    work = _subtract_facet_tilt(height_nm)
    work -= line_offsets(work)
    for _ in range(MASK_ITERATIONS):
        mask = background(work)
        work -= line_offsets(work, mask)
        work -= _background_bow(work, mask)
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


def _background_bow(height_nm: HeightArray, mask: NDArray[np.bool_]) -> HeightArray:
    """Return the least-squares tilt and bow, along and across the lines, of the background, (lines, pixels)."""
    down, across = (_polynomial_basis(length, min(LINE_DEGREE, length - 1)) for length in height_nm.shape)
    constant = np.ones((len(down), 1))
    parts = [(constant, across), (down[:, 1:], np.ones((len(across), 1)))]  # products of one part down and one across
    terms = [(y, x) for rows, columns in parts for y in rows.T for x in columns.T]
    weights, values = mask.astype(float), np.where(mask, height_nm, 0)
    gram = np.array([[(y * v) @ weights @ (x * u) for v, u in terms] for y, x in terms])
    target = np.array([y @ values @ x for y, x in terms])
    solution = np.linalg.lstsq(gram, target, rcond=None)[0]
    return np.sum([factor * np.outer(y, x) for factor, (y, x) in zip(solution, terms, strict=True)], axis=0)


# Value of heights.levelling: the method, which takes a height map, may modify it, and returns the levelled one.
METHODS: dict[str, Callable[[HeightArray], HeightArray]] = {
    "published": _level_published,
    "median": _level_median,
    "facet": _level_facet,
}
