"""Random fields: smooth and rough surfaces of unit variance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Mean square of a cubic B-spline's weights along one axis (the average over a cell of the sum of squared weights).
SPLINE_VARIANCE = 151 / 315

Field = NDArray[np.float32]


def smooth(shape: tuple[int, int], lengths: Sequence[float], rng: np.random.Generator) -> Field:
    """Draw a smooth random field of mean 0 and variance 1.

    Parameters
    ----------
    shape : (int, int)
        Lines and pixels.
    lengths : (float, float)
        Correlation lengths in pixels, down and across.
    rng : numpy Generator

    Returns
    -------
    ndarray of `shape`, float32
        Normal numbers on a grid of that spacing, interpolated by cubic B-splines along one axis after the other.
    """
    grid = [int((size - 1) / max(length, 1.0)) + 4 for size, length in zip(shape, lengths, strict=True)]
    knots = rng.standard_normal(grid, dtype=np.float32) / np.float32(SPLINE_VARIANCE)
    return _interpolate(np.ascontiguousarray(_interpolate(knots, shape[0], lengths[0]).T), shape[1], lengths[1]).T


def rough(
    shape: tuple[int, int], length: float, rng: np.random.Generator, octaves: int = 4, persistence: float = 0.6
) -> Field:
    """Draw a self-similar random field of variance 1, a sum of smooth fields (octaves).

    Parameters
    ----------
    shape : (int, int)
        Lines and pixels.
    length : float
        Correlation length of the first octave in pixels; each further octave has half of it.
    rng : numpy Generator
    octaves : int, default 4
        Number of smooth fields.
    persistence : float, default 0.6
        Ratio of amplitudes of successive octaves.

    Returns
    -------
    ndarray of `shape`, float32
    """
    amplitudes = persistence ** np.arange(octaves)
    total = np.zeros(shape, np.float32)
    for octave, amplitude in enumerate(amplitudes / np.sqrt(np.sum(amplitudes**2))):
        octave_length = length / 2**octave
        if octave_length >= 1.0 or octave == 0:
            total += np.float32(amplitude) * smooth(shape, (octave_length, octave_length), rng)
    return total


def sample(field: Field, rows: NDArray[np.floating], columns: NDArray[np.floating]) -> Field:
    """Interpolate a field bilinearly at fractional positions.

    Parameters
    ----------
    field : ndarray of shape (lines, pixels), float32
    rows, columns : ndarray, float32
        Positions in pixels; beyond an edge the value at the edge is taken.

    Returns
    -------
    ndarray, float32
    """
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


def _interpolate(knots: Field, size: int, length: float) -> Field:
    """Interpolate `knots` (first axis, `length` pixels apart) by cubic B-splines at pixels 0..size-1.

    Sums of products in a fixed order rather than a matrix product: equal bytes with every linear algebra library.
    """
    position = np.arange(size) / max(length, 1.0)
    cell = position.astype(int)
    part = (position - cell).astype(np.float32)[:, None]
    values = (1 - part) ** 3 / 6 * knots[cell]
    values += (part**3 / 2 - part**2 + 2 / 3) * knots[cell + 1]
    values += (-(part**3) / 2 + part**2 / 2 + part / 2 + 1 / 6) * knots[cell + 2]
    values += part**3 / 6 * knots[cell + 3]
    return values
