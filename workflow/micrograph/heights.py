"""Levelling: takes tilt, bow, line offsets and scars out of a height map, so that the film's own relief is left."""

import numpy as np

from micrograph.faults import Fault, known

SCAR_RATIO = 0.5
LINE_DEGREE = 2
FACET_SPREAD = 4
FACET_ROUNDS = 30
MASK_ROUNDS = 3
MASK_WIDTH = 2.5
MAD_TO_SIGMA = 1.4826
NOTHING_LEFT = 1e-9
BLOCK_LINES = 64  # lines worked on at a time, so that what is made on the way stays in the processor's cache


def level(height_nm, method="published", overwrite=False):
    """Level a height map by one of METHODS; the result has the mean zero.

    height_nm: (lines, pixels) float array of at least 1 line and 4 pixels, row 0 the top, not changed unless
    `overwrite` allows it, which saves memory. Returns a float64 array of the same shape. Raises Fault for an unknown
    method, a map with values that are no numbers, a blank one, and one that is blank once it is level.
    """
    levelled = known(method, METHODS, "levelling")
    height_nm = np.array(height_nm, dtype=np.float64, copy=None if overwrite else True)
    if height_nm.ndim != 2 or height_nm.shape[0] < 1 or height_nm.shape[1] <= LINE_DEGREE + 1:
        raise Fault(f"a height map of shape {height_nm.shape} cannot be levelled; its lines need 4 pixels at least.")
    with np.errstate(invalid="ignore"):
        total = height_nm.sum()
    if not np.isfinite(total):
        raise Fault("the height map holds values that are no numbers; export the scan without masked pixels.")
    reach = _reach(height_nm)
    level_nm = levelled(height_nm)
    if _reach(level_nm) <= NOTHING_LEFT * reach:
        raise Fault("the height map is blank, or is once tilt and bow are taken out; take the scan out.")
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
    lines, pixels = height_nm.shape
    tilt = np.median(np.diff(height_nm, axis=1))
    work = height_nm - tilt * np.arange(pixels)
    if lines > 1:
        steps = np.median(np.diff(work, axis=0), axis=1)
        work[1:] -= np.cumsum(steps)[:, None]
    bow = line_basis(pixels)
    work -= bow @ (bow.T @ np.median(work, axis=0))
    return work - work.mean()


def facet(height_nm):
    """Masked facet levelling: the commonest facets become level, then each line by its background alone.

    The tilt is that of the facets between neighbouring pixels, weighted by exp(-b^2 / 4 m), b being a facet's slope and
    m the median square slope, until it is still: flat terraces decide, steps and islands hardly count (the idea of
    Gwyddion's facet levelling, with a median in place of its mean). The background are the pixels within 2.5 robust
    deviations of the median; through them every line's quadratic is fitted, and both are found anew three times.
    """
    work = _facet_tilt(height_nm)
    basis = line_basis(work.shape[1])
    work -= np.median(work, axis=1, keepdims=True)
    for _ in range(MASK_ROUNDS):
        centre = np.median(work)
        sigma = MAD_TO_SIGMA * np.median(np.abs(work - centre))
        background = np.abs(work - centre) <= max(MASK_WIDTH * sigma, np.finfo(float).tiny)
        work -= _masked_lines(work, background, basis)
    return work - work.mean()


def _facet_tilt(height_nm):
    """The map less the plane that its commonest facets lie in."""
    lines, pixels = height_nm.shape
    x, y = np.arange(pixels), np.arange(lines)[:, None]
    along = np.diff(height_nm, axis=1)
    along = (along[1:] + along[:-1]) / 2 if lines > 1 else along
    across = np.diff(height_nm, axis=0)
    across = (across[:, 1:] + across[:, :-1]) / 2 if lines > 1 else np.zeros_like(along)
    tilt = np.array([np.median(along), np.median(across)])
    for _ in range(FACET_ROUNDS):
        square = (along - tilt[0]) ** 2 + (across - tilt[1]) ** 2
        spread = FACET_SPREAD * np.median(square)
        if spread == 0:
            break
        weight = np.exp(-square / spread)
        if weight.sum() < 1:  # no facet lies near the tilt: the medians stay
            break
        moved = np.array([(weight * along).sum(), (weight * across).sum()]) / weight.sum()
        still = np.abs(moved - tilt).max() <= 1e-6 * np.sqrt(spread)
        tilt = moved
        if still:
            break
    return height_nm - tilt[0] * x - tilt[1] * y


def _masked_lines(height_nm, background, basis):
    """(lines, pixels): every line's least-squares polynomial through its background pixels.

    A line with background on less than a quarter of its pixels gets only an offset, the median of what it has (or of
    itself): a bow fitted to so little would run away.
    """
    weight = background.astype(float)
    gram = np.einsum("lp,pi,pj->lij", weight, basis, basis, optimize=True)
    moment = (height_nm * weight) @ basis
    sparse = background.sum(axis=1) < max(background.shape[1] / 4, basis.shape[1] + 1)
    gram[sparse] = np.eye(basis.shape[1])
    fitted = np.linalg.solve(gram, moment[:, :, None])[:, :, 0] @ basis.T
    for line in np.flatnonzero(sparse):
        seen = height_nm[line, background[line]]
        fitted[line] = np.median(seen if seen.size else height_nm[line])
    return fitted


METHODS = {"published": published, "median": median, "facet": facet}
