"""Levelling: takes tilt, bow, line offsets and scars out of a height map, so that the film's own relief is left."""

from functools import lru_cache

import numpy as np

from micrograph.errors import UserError, lookup

SCAR_RATIO = 0.5
LINE_DEGREE = 2
FACET_SPREAD = 4
FACET_ROUNDS = 30
FACETS = 20_000
MASK_ROUNDS = 3
MASK_WIDTH = 2.5
MAD_TO_SIGMA = 1.4826
NOTHING_LEFT = 1e-9
HIGHEST_NM, LOWEST_NM = 1e9, 1e-9  # beyond a metre, or below a millionth of an atom, there is no relief of a film
BLOCK_LINES = 64  # lines worked on at a time, so that what is made on the way stays in the processor's cache


def level(height_nm, method="published", overwrite=False):
    """Level a height map by one of METHODS; the result has the mean zero.

    height_nm: (lines, pixels) float array of at least 1 line and 4 pixels, row 0 the top, not changed unless
    `overwrite` allows it, which saves memory. Returns a float64 array of the same shape. Raises UserError for an unknown
    method, a map with values that are no numbers, a blank one, and one that is blank once it is level.
    """
    levelled = lookup(method, METHODS, "levelling")
    height_nm = np.array(height_nm, dtype=np.float64, copy=None if overwrite else True)
    if height_nm.ndim != 2 or height_nm.shape[0] < 1 or height_nm.shape[1] <= LINE_DEGREE + 1:
        raise UserError(
            f"a height map of shape {height_nm.shape} cannot be levelled; its lines need 4 pixels at least."
        )
    with np.errstate(invalid="ignore", over="ignore"):
        total = height_nm.sum()
    reach = _reach(height_nm)
    if not np.isfinite([total, reach]).all() and not HIGHEST_NM < reach < np.inf:
        raise UserError("the height map holds values that are no numbers; export the scan without masked pixels.")
    if reach > HIGHEST_NM:
        raise UserError("the height map reaches more than a metre; export the scan anew with the right units.")
    level_nm = levelled(height_nm)
    if _reach(level_nm) <= max(NOTHING_LEFT * reach, LOWEST_NM):
        raise UserError("the height map is blank, or is once tilt and bow are taken out; take the scan out.")
    return level_nm


def _reach(height_nm):
    return max(height_nm.max(), -height_nm.min())


def published(height_nm):
    """The study's levelling, done in place: plane, polynomial (x^2, y), scars, then a quadratic from every line.

    The same numbers as pySPM 0.6.3's correct_plane(), corr_fit2d(nx=2, ny=1), filter_scars_removal(0.5) and numpy's
    polyfit a line, for less: a function of x alone that all lines share cannot change which pixels are scars, and the
    line fits take it out again, so of plane and polynomial only the slope from line to line is fitted. pySPM holds the
    bottom line first and scars are mended in that order; so they are here.
    """
    work = height_nm[::-1]
    centred = np.arange(work.shape[0]) - (work.shape[0] - 1) / 2
    square = centred @ centred
    slope = centred @ work.mean(axis=1) / square if square else 0.0
    work -= (slope * centred)[:, None]
    mend_scars(work)
    level_lines(work)
    return height_nm


def mend_scars(height_nm, ratio=SCAR_RATIO):
    """Replace, in place, pixels that leave their neighbours above and below far more than these two differ.

    A pixel of line i becomes the one of line i - 1 (mended already) where |above - below| < ratio * |pixel - below|.
    """
    lines, pixels = height_nm.shape
    apart, scar, rows = np.empty(pixels), np.empty(pixels, dtype=bool), list(height_nm)
    for top in range(1, lines - 1, BLOCK_LINES):
        stop = min(top + BLOCK_LINES, lines - 1)
        limits = np.abs(height_nm[top:stop] - height_nm[top + 1 : stop + 1])
        limits *= ratio
        for above, line, below, limit in zip(rows[top - 1 :], rows[top:], rows[top + 1 :], limits, strict=False):
            np.subtract(above, below, apart)
            np.absolute(apart, apart)
            np.less(apart, limit, scar)
            np.putmask(line, scar, above)


def level_lines(height_nm, degree=LINE_DEGREE):
    """Subtract, in place, from every line its least-squares polynomial. All lines share one orthonormal basis."""
    basis = line_basis(height_nm.shape[1], degree)
    for top in range(0, len(height_nm), BLOCK_LINES):
        block = height_nm[top : top + BLOCK_LINES]
        block -= (block @ basis) @ basis.T


@lru_cache(maxsize=2)
def line_basis(pixels, degree=LINE_DEGREE):
    """(pixels, degree + 1) orthonormal polynomials along a line, of degree 0, 1 and 2 at most."""
    x = np.arange(pixels) - (pixels - 1) / 2
    square = x * x
    columns = np.stack([np.ones(pixels), x, square - square.mean()][: degree + 1], axis=1)
    return columns / np.sqrt(np.einsum("pi,pi->i", columns, columns))


def median(height_nm):
    """Robust levelling by medians: tilt along the lines, the step from line to line, then the bow that all lines share.

    Islands, particles and scars of less than half a line do not pull at a median as they do at a fit; but a film that
    rises from line to line loses that rise.
    """
    tilt = np.median(np.diff(height_nm, axis=1))
    work = height_nm - tilt * np.arange(height_nm.shape[1])
    work -= _line_steps(work)
    bow = line_basis(height_nm.shape[1])
    work -= bow @ (bow.T @ np.median(work, axis=0))
    return work - work.mean()


def _line_steps(height_nm):
    """(lines, 1) offsets of the lines: the medians of the steps between neighbouring lines, added up."""
    steps = np.median(np.diff(height_nm, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])[:, None]


def facet(height_nm):
    """Masked facet levelling: the commonest facets become level, then the background of every line equally high.

    The tilt is that of the facets between neighbouring pixels, weighted by exp(-b^2 / 4 m), b being a facet's slope and
    m the median square slope, until it is still: flat terraces decide, steps and islands hardly count (the idea of
    Gwyddion's facet levelling, with a median in place of its mean). The background are the pixels within 2.5 robust
    deviations of the median; from it alone come the lines' offsets and the bow that they share, all found anew three
    times. A line keeps its own tilt: one fitted to the little background of some lines would run away.
    """
    work = _facet_tilt(height_nm)
    work -= _line_steps(work)
    for _ in range(MASK_ROUNDS):
        centre = np.median(work)
        sigma = MAD_TO_SIGMA * np.median(np.abs(work - centre))
        background = np.abs(work - centre) <= MASK_WIDTH * sigma
        work -= _line_offsets(work, background)
        work -= _shared_bow(work, background)
    return work - work.mean()


def _facet_tilt(height_nm):
    """The map less the plane that its commonest facets lie in."""
    lines, pixels = height_nm.shape
    along, across = _facets(height_nm)
    tilt = np.array([np.median(along), np.median(across)])
    for _ in range(FACET_ROUNDS):
        square = (along - tilt[0]) ** 2 + (across - tilt[1]) ** 2
        spread = FACET_SPREAD * np.median(square)
        if spread == 0:  # most facets lie in one plane: the medians stay
            break
        weight = np.exp(-square / spread)
        moved = np.array([(weight * along).sum(), (weight * across).sum()]) / weight.sum()
        still = np.abs(moved - tilt).max() <= 1e-6 * np.sqrt(spread)
        tilt = moved
        if still:
            break
    return height_nm - tilt[0] * np.arange(pixels) - tilt[1] * np.arange(lines)[:, None]


def _facets(height_nm):
    """Slopes (along, across) of about FACETS facets of four neighbouring pixels; a single line has none across."""
    along, across = np.diff(height_nm, axis=1), np.diff(height_nm, axis=0)
    if len(height_nm) == 1:
        return along, np.zeros_like(along)
    along, across = (along[1:] + along[:-1]) / 2, (across[:, 1:] + across[:, :-1]) / 2
    step = max(1, int(np.sqrt(along.size / FACETS)))
    return along[::step, ::step], across[::step, ::step]


def _line_offsets(height_nm, background):
    """(lines, 1) mean of every line's background; lines with next to none take it from the lines around them."""
    count = background.sum(axis=1)
    seen = count >= min(background.shape[1] / 8, count.max())
    sums = np.where(background, height_nm, 0).sum(axis=1)
    places = np.arange(len(height_nm))
    return np.interp(places, places[seen], sums[seen] / count[seen])[:, None]


def _shared_bow(height_nm, background):
    """(pixels,) least-squares tilt and bow of all the background at once."""
    basis = line_basis(height_nm.shape[1])
    count, sums = background.sum(axis=0), np.where(background, height_nm, 0).sum(axis=0)
    gram = basis.T @ (count[:, None] * basis)
    return basis @ np.linalg.lstsq(gram, basis.T @ sums, rcond=None)[0]


METHODS = {"published": published, "median": median, "facet": facet}
