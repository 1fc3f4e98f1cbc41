"""Correlation lengths from the autocorrelation function, among them Sal and Str of ISO 25178-2.

The scan is a part of a larger surface: products are averaged over the pairs of pixels that exist (no wrap-around), for
distances of up to half the scan.
"""

import numpy as np
from numpy.typing import NDArray

AXIS_LEVEL = 1 / np.e  # of the autocorrelation at the correlation length of an axis
ISO_LEVEL = 0.2  # ISO 25178-3's default for Sal and Str
N_DIRECTIONS = 36  # of the half circle
NAMES = ("correlation_along_nm", "correlation_across_nm", "Sal_nm", "Str")


def correlation_lengths(height_nm: NDArray[np.float64], pixel_nm: tuple[float, float]) -> dict[str, float]:
    """Compute the correlation lengths of a map of mean zero.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
    pixel_nm : (float, float)
        Pixel size down and across.

    Returns
    -------
    dict of str to float
        correlation_along_nm, correlation_across_nm: distance along and across the scan lines at which the
        autocorrelation falls to 1/e. Sal_nm: the shortest distance in any direction at which it falls to 0.2. Str: Sal
        over the longest such distance, 1 for an isotropic surface, near 0 for lines; if it exceeds half the shorter
        side of the scan, that half is used, which gives an upper limit. NaN where the autocorrelation does not fall as
        far.
    """
    values = _autocorrelation(height_nm)
    centre = values.shape[0] // 2
    along = _first_crossing(values[centre], AXIS_LEVEL) * pixel_nm[1]
    across = _first_crossing(values[centre:, 0], AXIS_LEVEL) * pixel_nm[0]
    by_direction, max_lag = _lengths_by_direction(values, pixel_nm)
    finite = by_direction[np.isfinite(by_direction)]
    shortest = finite.min() if finite.size else float("nan")
    longest = max_lag if finite.size < by_direction.size else by_direction.max()
    return dict(zip(NAMES, map(float, (along, across, shortest, shortest / longest)), strict=True))


def _autocorrelation(height_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the autocorrelation function of a map of mean zero."""
    from scipy import fft

    lines, pixels = height_nm.shape
    max_lag = lines // 2, pixels // 2
    shape = [fft.next_fast_len(length + far, real=True) for length, far in zip((lines, pixels), max_lag, strict=True)]
    spectrum = fft.rfft2(height_nm, shape)
    sums = fft.irfft2(spectrum.real**2 + spectrum.imag**2, shape)
    down, across = np.arange(-max_lag[0], max_lag[0] + 1), np.arange(max_lag[1] + 1)
    n_pairs = (lines - np.abs(down))[:, None] * (pixels - across)
    means = sums[down][:, : max_lag[1] + 1] / n_pairs
    return means / means[max_lag[0], 0]


def _first_crossing(profile: NDArray[np.float64], level: float) -> float:
    """Find where a profile first falls to a level, by linear interpolation."""
    below = np.flatnonzero(profile <= level)
    if not below.size:
        return float("nan")
    after = below[0]
    return after - (level - profile[after]) / (profile[after - 1] - profile[after])


def _lengths_by_direction(
    values: NDArray[np.float64], pixel_nm: tuple[float, float]
) -> tuple[NDArray[np.float64], float]:
    """Return where the autocorrelation falls to ISO_LEVEL, (N_DIRECTIONS,) nm or NaN, and the search range in nm."""
    from scipy import ndimage

    centre, last = values.shape[0] // 2, values.shape[1] - 1
    max_lag, step = min(centre * pixel_nm[0], last * pixel_nm[1]), min(pixel_nm)
    distance = np.arange(0, max_lag + step / 2, step)
    angles = np.pi * (np.arange(N_DIRECTIONS) / N_DIRECTIONS - 0.5)
    rows = centre + np.sin(angles)[:, None] * distance / pixel_nm[0]
    columns = np.cos(angles)[:, None] * distance / pixel_nm[1]
    profiles = ndimage.map_coordinates(values, [rows, columns], order=1, mode="nearest")
    return np.array([_first_crossing(profile, ISO_LEVEL) * step for profile in profiles]), float(max_lag)
