"""Power spectral density of a height map: roughness by wavelength.

Wavelengths are in nm and the same for every scan. A band that a scan does not resolve, because its pixels are too large
or the scan too short, is NaN.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BANDS_NM = ((8, 16), (16, 32), (32, 64), (64, 128), (128, 256), (256, 512))
SLOPE_RANGE_NM = (16.0, 128.0)  # between the noise of pixels and what levelling removes
N_SLOPE_BINS = 6
MIN_BINS, MIN_MODES = 3, 8
NAMES = (*(f"band_{short}_{long}" for short, long in BANDS_NM), "psd_slope")


class Spectrum(NamedTuple):
    """The power spectrum of a map.

    Attributes
    ----------
    power : ndarray of shape (lines, pixels // 2 + 1)
        Share of every mode in the mean square height, both signs together.
    modes : ndarray of shape (pixels // 2 + 1,)
        Number of modes of the whole plane that a column stands for.
    down, across : ndarray
        Cycles per nm of rows and columns.
    shortest_nm, longest_nm : float
        Nyquist wavelength, and the shorter side of the scan.
    """

    power: NDArray[np.float64]
    modes: NDArray[np.float64]
    down: NDArray[np.float64]
    across: NDArray[np.float64]
    shortest_nm: float
    longest_nm: float


def power_spectrum(height_nm: NDArray[np.float64], pixel_nm: tuple[float, float]) -> Spectrum:
    """Compute the power spectrum of a map of mean zero, with a Hann window.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
    pixel_nm : (float, float)
        Pixel size down and across.

    Returns
    -------
    Spectrum
        Its power sums to the mean square height under the window.
    """
    from scipy import fft

    lines, pixels = height_nm.shape
    down, across = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n) for n in (lines, pixels))
    mean = down @ height_nm @ across / (down.sum() * across.sum())
    modes = np.full(pixels // 2 + 1, 2.0)
    modes[0] = 1.0
    if pixels % 2 == 0:
        modes[-1] = 1.0
    transform = fft.rfft2((height_nm - mean) * down[:, None] * across)
    norm = height_nm.size * (down @ down) * (across @ across)
    power = (transform.real**2 + transform.imag**2) * modes / norm
    return Spectrum(
        power,
        modes,
        fft.fftfreq(lines, pixel_nm[0]),
        fft.rfftfreq(pixels, pixel_nm[1]),
        2 * max(pixel_nm),
        min(lines * pixel_nm[0], pixels * pixel_nm[1]),
    )


def band_roughness(spectrum: Spectrum) -> dict[str, float]:
    """Compute the roughness by wavelength.

    Parameters
    ----------
    spectrum : Spectrum

    Returns
    -------
    dict of str to float
        band_8_16 ...: rms roughness between these wavelengths in nm, in the unit of the heights. psd_slope: the
        exponent by which the power spectral density falls with the wavenumber, between wavelengths of 16 and 128 nm; of
        a self-affine surface it is 2 H + 2, where H is the Hurst exponent.

    References
    ----------
    Jacobs, Junge & Pastewka, Surf. Topogr.: Metrol. Prop. 5, 013001 (2017).
    """
    wavenumber = np.hypot(spectrum.down[:, None], spectrum.across)
    edges = np.array([BANDS_NM[0][0], *(long for _, long in BANDS_NM)])
    band = np.searchsorted(1 / edges[::-1], wavenumber.ravel(), side="right")  # 0 the longest, len(edges) the shortest
    sums = np.bincount(band, spectrum.power.ravel(), minlength=len(edges) + 1)[1:-1][::-1]
    roots = [
        float(np.sqrt(total)) if spectrum.shortest_nm <= short and long <= spectrum.longest_nm else float("nan")
        for total, (short, long) in zip(sums, BANDS_NM, strict=True)
    ]
    return dict(zip(NAMES, [*roots, _slope(spectrum, wavenumber)], strict=True))


def _slope(spectrum: Spectrum, wavenumber: NDArray[np.float64]) -> float:
    """Fit the exponent of the power spectral density to its means in logarithmic bins."""
    edges = np.geomspace(1 / SLOPE_RANGE_NM[1], 1 / SLOPE_RANGE_NM[0], N_SLOPE_BINS + 1)
    lowest, highest = max(edges[0], 1 / spectrum.longest_nm), min(edges[-1], 1 / spectrum.shortest_nm)
    inside = (wavenumber >= lowest) & (wavenumber < highest)
    bins = np.searchsorted(edges, wavenumber[inside], side="right") - 1
    modes = np.broadcast_to(spectrum.modes, wavenumber.shape)[inside]
    count = np.bincount(bins, modes, minlength=N_SLOPE_BINS)
    power = np.bincount(bins, spectrum.power[inside], minlength=N_SLOPE_BINS)
    position = np.bincount(bins, modes * np.log(wavenumber[inside]), minlength=N_SLOPE_BINS)
    usable = (count >= MIN_MODES) & (power > 0)
    if usable.sum() < MIN_BINS:
        return float("nan")
    density = np.log(power[usable] / count[usable])
    return float(-np.polyfit(position[usable] / count[usable], density, 1)[0])
