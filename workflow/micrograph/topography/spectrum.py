"""The power spectral density of a height map: how much of the relief belongs to which wavelength.

Wavelengths are in nm and the same for every scan, whatever its pixels. A band that a scan does not reach, because its
pixels are too coarse or the scan too short, is NaN and not a smaller number.
"""

from typing import NamedTuple

import numpy as np

BANDS_NM = ((8, 16), (16, 32), (32, 64), (64, 128), (128, 256), (256, 512))
SLOPE_NM = (16.0, 128.0)  # between the pixels' noise and what the levelling takes out
SLOPE_BINS = 6
FEWEST_BINS, FEWEST_MODES = 3, 8
NAMES = (*(f"band_{short}_{long}" for short, long in BANDS_NM), "psd_slope")


class Spectrum(NamedTuple):
    """power: (lines, half the pixels) share of every mode in the mean square height, both signs of it together; modes:
    (half the pixels,) how many modes of the whole plane each column stands for; down, across: cycles a nm of rows and
    columns; shortest_nm: the shortest wavelength that the pixels hold; longest_nm: the scan's shorter side."""

    power: np.ndarray
    modes: np.ndarray
    down: np.ndarray
    across: np.ndarray
    shortest_nm: float
    longest_nm: float


def spectrum(height_nm, pixel_nm):
    """The Spectrum of a (lines, pixels) map with the mean zero; its power sums to the mean square height.

    Hann's window takes the map to zero at its rim, so that no jump from one side to the other counts as relief.
    """
    from scipy import fft

    lines, pixels = height_nm.shape
    down, across = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n) for n in (lines, pixels))
    mean = down @ height_nm @ across / (down.sum() * across.sum())
    modes = np.full(pixels // 2 + 1, 2.0)
    modes[0] = 1.0
    if pixels % 2 == 0:
        modes[-1] = 1.0
    seen = fft.rfft2((height_nm - mean) * down[:, None] * across)
    power = (seen.real**2 + seen.imag**2) * modes / (height_nm.size * (down @ down) * (across @ across))
    return Spectrum(
        power,
        modes,
        fft.fftfreq(lines, pixel_nm[0]),
        fft.rfftfreq(pixels, pixel_nm[1]),
        2 * max(pixel_nm),
        min(lines * pixel_nm[0], pixels * pixel_nm[1]),
    )


def bands(found):
    """Of a Spectrum, as a dict of NAMES.

    band_8_16 ...: the rms roughness that lies between these wavelengths in nm, in the unit of the heights; psd_slope:
    the exponent by which the power spectral density falls with the wavenumber, between wavelengths of 16 and 128 nm: of
    a self-affine surface it is 2 H + 2, H being its Hurst exponent (Jacobs, Junge & Pastewka, Surf. Topogr.: Metrol.
    Prop. 5, 013001, 2017); others are no fractals and have it as a mere description.
    """
    wavenumber = np.hypot(found.down[:, None], found.across)
    edges = np.array([BANDS_NM[0][0], *(long for _, long in BANDS_NM)])
    place = np.searchsorted(1 / edges[::-1], wavenumber.ravel(), side="right")  # 0 the longest, len(edges) the shortest
    sums = np.bincount(place, found.power.ravel(), minlength=len(edges) + 1)[1:-1][::-1]
    roots = [
        float(np.sqrt(total)) if found.shortest_nm <= short and long <= found.longest_nm else float("nan")
        for total, (short, long) in zip(sums, BANDS_NM, strict=True)
    ]
    return dict(zip(NAMES, [*roots, _slope(found, wavenumber)], strict=True))


def _slope(found, wavenumber):
    """The exponent of the fall of the density, fitted to its means in bins that are equally wide in the logarithm."""
    edges = np.geomspace(1 / SLOPE_NM[1], 1 / SLOPE_NM[0], SLOPE_BINS + 1)
    inside = (wavenumber >= max(edges[0], 1 / found.longest_nm)) & (wavenumber < min(edges[-1], 1 / found.shortest_nm))
    place = np.searchsorted(edges, wavenumber[inside], side="right") - 1
    modes = np.broadcast_to(found.modes, wavenumber.shape)[inside]
    count = np.bincount(place, modes, minlength=SLOPE_BINS)
    power = np.bincount(place, found.power[inside], minlength=SLOPE_BINS)
    where = np.bincount(place, modes * np.log(wavenumber[inside]), minlength=SLOPE_BINS)
    told = (count >= FEWEST_MODES) & (power > 0)
    if told.sum() < FEWEST_BINS:
        return float("nan")
    density = np.log(power[told] / count[told])
    return float(-np.polyfit(where[told] / count[told], density, 1)[0])
