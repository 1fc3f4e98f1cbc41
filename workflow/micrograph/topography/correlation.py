"""How far heights are alike: lengths of the autocorrelation function, ISO 25178-2's Sal and Str among them.

The autocorrelation of a map is that of a larger surface, seen through the scan: products are averaged over the pairs of
pixels that there are (no wrap-around), for distances of up to half the scan.
"""

import numpy as np

ALONE = 1 / np.e  # an axis's correlation length: where the autocorrelation has fallen to this
ISO_LEVEL = 0.2  # ISO 25178-3's default for Sal and Str
DIRECTIONS = 36  # of the half circle
NAMES = ("correlation_along_nm", "correlation_across_nm", "correlation_shortest_nm", "texture_aspect")


def lengths(height_nm, pixel_nm):
    """Correlation lengths of a map with the mean zero, as a dict of NAMES.

    correlation_along_nm, correlation_across_nm: along the scan lines, and from line to line, the distance at which the
    autocorrelation falls to 1/e; correlation_shortest_nm: Sal, the shortest distance in any direction at which it falls
    to 0.2; texture_aspect: Str, that over the longest such distance, 1 for a film alike in all directions, near 0 for
    lines. Where the longest is not reached within half the shorter side of the scan, this counts as it, so that
    texture_aspect is then at most so large. NaN where no fall is seen.
    """
    seen = autocorrelation(height_nm)
    centre = seen.shape[0] // 2
    along = first_fall(seen[centre], ALONE) * pixel_nm[1]
    across = first_fall(seen[centre:, 0], ALONE) * pixel_nm[0]
    falls, reach = _falls(seen, pixel_nm)
    found = falls[np.isfinite(falls)]
    shortest = found.min() if found.size else float("nan")
    longest = reach if found.size < falls.size else falls.max()
    return dict(zip(NAMES, map(float, (along, across, shortest, shortest / longest)), strict=True))


def autocorrelation(height_nm):
    """(2 r + 1, c + 1) autocorrelation for distances of -r ... r lines and 0 ... c pixels, half the map at most; 1 at
    distance 0, which is (r, 0)."""
    from scipy import fft

    lines, pixels = height_nm.shape
    reach = lines // 2, pixels // 2
    shape = [fft.next_fast_len(length + far, real=True) for length, far in zip((lines, pixels), reach, strict=True)]
    spectrum = fft.rfft2(height_nm, shape)
    sums = fft.irfft2(spectrum.real**2 + spectrum.imag**2, shape)
    down, across = np.arange(-reach[0], reach[0] + 1), np.arange(reach[1] + 1)
    pairs = (lines - np.abs(down))[:, None] * (pixels - across)
    means = sums[down][:, : reach[1] + 1] / pairs
    return means / means[reach[0], 0]


def first_fall(profile, level):
    """Where a profile that starts at 1 first falls to `level`, in samples, between two of them by linear interpolation;
    NaN where it does not."""
    below = np.flatnonzero(profile <= level)
    if not below.size:
        return float("nan")
    after = below[0]
    return after - (level - profile[after]) / (profile[after - 1] - profile[after])


def _falls(seen, pixel_nm):
    """((DIRECTIONS,) nm at which the autocorrelation falls to ISO_LEVEL, NaN where it does not; nm that was looked)."""
    from scipy import ndimage

    centre, last = seen.shape[0] // 2, seen.shape[1] - 1
    reach, step = min(centre * pixel_nm[0], last * pixel_nm[1]), min(pixel_nm)
    away = np.arange(0, reach + step / 2, step)
    angles = np.pi * (np.arange(DIRECTIONS) / DIRECTIONS - 0.5)
    rows = centre + np.sin(angles)[:, None] * away / pixel_nm[0]
    columns = np.cos(angles)[:, None] * away / pixel_nm[1]
    profiles = ndimage.map_coordinates(seen, [rows, columns], order=1, mode="nearest")
    return np.array([first_fall(profile, ISO_LEVEL) * step for profile in profiles]), float(reach)
