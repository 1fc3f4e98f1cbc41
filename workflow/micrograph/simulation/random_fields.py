"""Random fields: smooth and rough surfaces of unit variance, quickly made."""

import numpy as np

# Mean square of a cubic B-spline's weights along one axis (the average over a cell of the sum of squared weights).
SPLINE_VARIANCE = 151 / 315


def smooth(shape, lengths, rng):
    """A smooth random field of mean 0 and variance 1.

    shape: (lines, pixels); lengths: correlation lengths in pixels down and across, above 0. Normal numbers on
    a grid of that spacing are joined by cubic B-splines, one axis after the other. Returns float32 of
    `shape`.
    """
    grid = [int((size - 1) / max(length, 1.0)) + 4 for size, length in zip(shape, lengths, strict=True)]
    knots = rng.standard_normal(grid, dtype=np.float32) / np.float32(SPLINE_VARIANCE)
    return _spline(np.ascontiguousarray(_spline(knots, shape[0], lengths[0]).T), shape[1], lengths[1]).T


def rough(shape, longest, rng, octaves=4, fall=0.6):
    """A self-similar random field of variance 1: smooth fields, each of half the length and `fall` of the height."""
    heights = fall ** np.arange(octaves)
    total = np.zeros(shape, np.float32)
    for octave, height in enumerate(heights / np.sqrt(np.sum(heights**2))):
        length = longest / 2**octave
        if length >= 1.0 or octave == 0:
            total += np.float32(height) * smooth(shape, (length, length), rng)
    return total


def sample(field, rows, columns):
    """Values of `field` at fractional float32 positions (bilinear), those beyond an edge taken at the edge."""
    rows = np.clip(rows, 0, field.shape[0] - 1.001)
    columns = np.clip(columns, 0, field.shape[1] - 1.001)
    row, column = rows.astype(np.int32), columns.astype(np.int32)
    rows -= row
    columns -= column
    start = row * np.int32(field.shape[1]) + column
    flat = field.ravel()
    upper = flat.take(start)
    upper += columns * (flat.take(start + 1) - upper)
    start += np.int32(field.shape[1])
    lower = flat.take(start)
    lower += columns * (flat.take(start + 1) - lower)
    lower -= upper
    lower *= rows
    return np.add(upper, lower, out=upper)


def _spline(knots, size, length):
    """Join `knots` (first axis, `length` pixels apart) by cubic B-splines at pixels 0..size-1.

    Sums of products in a fixed order rather than a matrix product: the same bytes whatever the linear algebra
    library.
    """
    place = np.arange(size) / max(length, 1.0)
    cell = place.astype(int)
    part = (place - cell).astype(np.float32)[:, None]
    joined = (1 - part) ** 3 / 6 * knots[cell]
    joined += (part**3 / 2 - part**2 + 2 / 3) * knots[cell + 1]
    joined += (-(part**3) / 2 + part**2 / 2 + part / 2 + 1 / 6) * knots[cell + 2]
    joined += part**3 / 6 * knots[cell + 3]
    return joined
