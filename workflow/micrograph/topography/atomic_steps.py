"""Atomic steps of the crystal under a film: their spacing and direction, from the power spectrum.

A levelled staircase is a saw-tooth: its power is at one wavenumber, downhill, and at the multiples of it. Steps exactly
along the scan lines are removed by a levelling line by line and cannot be detected. Under a film with relief of its own
steps are hard to detect: of 120 simulated films, 51 were found to have steps, with the right direction (within 20
degrees) in 34 of these and the right mean spacing (within a quarter) in 21.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from micrograph.topography.spectrum import Spectrum

NAMES = ("step_spacing_nm", "step_direction_degrees", "directionality")
BINS_PER_OCTAVE = 6
N_ANGLES = 36  # of the half circle
SECTOR = 7  # angles that are averaged, 35 degrees: steps meander
FIRST_COLUMN = 1  # of the spectrum that a levelling line by line leaves
MODES_PER_VALUE = 2.25  # correlated by Hann's window in two directions
MIN_DENSITY = 1e-5  # of the strongest wavelength's density: below is leakage of the window
MIN_SIGMAS = 8.0
MIN_RATIO = 1.6


def atomic_steps(spectrum: Spectrum, wavelengths_nm: Sequence[float]) -> dict[str, float]:
    """Detect atomic steps.

    Parameters
    ----------
    spectrum : Spectrum
    wavelengths_nm : (float, float)
        Shortest and longest spacing.

    Returns
    -------
    dict of str to float
        directionality: the coherence of the structure tensor for these wavelengths, 0 where slopes point in
        all directions, 1 where all are along one line. step_direction_degrees: direction of the steps, 0 along the scan
        lines, counted towards the lines that follow, below 180: across the 35 degrees of most power, at all wavelengths
        relative to the mean of all directions. step_spacing_nm: the wavelength whose power spectral density there
        exceeds that mean most. Direction and spacing are NaN where no steps are detected: these directions exceed the
        mean by less than 8 standard deviations of an isotropic surface, or no wavelength by a factor of 1.6.

    References
    ----------
    Bigun & Granlund, Optimal orientation detection of linear symmetry, ICCV 1987.
    """
    wavenumber, angle, power, modes = _modes_in_range(spectrum, wavelengths_nm)
    slope = power * wavenumber**2
    if not slope.sum() > 0:
        return dict.fromkeys(NAMES, float("nan"))
    directionality = abs((slope * np.exp(2j * angle)).sum()) / slope.sum()
    spacing_nm, downhill = _staircase(wavenumber, angle, power, modes)
    direction = np.degrees(downhill + np.pi / 2) % 180
    return dict(zip(NAMES, map(float, (spacing_nm, direction, directionality)), strict=True))


def _modes_in_range(spectrum: Spectrum, wavelengths_nm: Sequence[float]) -> tuple[NDArray[np.float64], ...]:
    """Return wavenumber, angle, power and number of the modes in the range of wavelengths, flat."""
    shortest = max(wavelengths_nm[0], spectrum.shortest_nm)
    longest = min(wavelengths_nm[1], spectrum.longest_nm / 2)
    rows = np.flatnonzero(np.abs(spectrum.down) <= 1 / shortest)
    columns = np.arange(FIRST_COLUMN, (spectrum.across <= 1 / shortest).sum())
    down, across = np.meshgrid(spectrum.down[rows], spectrum.across[columns], indexing="ij")
    wavenumber = np.hypot(down, across)
    inside = (wavenumber >= 1 / longest) & (wavenumber <= 1 / shortest)
    power = spectrum.power[np.ix_(rows, columns)][inside]
    modes = np.broadcast_to(spectrum.modes[columns], wavenumber.shape)[inside]
    return wavenumber[inside], np.arctan2(down, across)[inside], power, modes


def _staircase(
    wavenumber: NDArray[np.float64], angle: NDArray[np.float64], power: NDArray[np.float64], modes: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the period in nm and the angle downhill of the most significant staircase, NaN where there is none."""
    wave_bin = np.floor(BINS_PER_OCTAVE * np.log2(wavenumber / wavenumber.min())).astype(int)
    angle_bin = np.floor(N_ANGLES * (angle / np.pi % 1)).astype(int) % N_ANGLES
    shape = wave_bin.max() + 1, N_ANGLES
    sums, counts = (_sector_sums(wave_bin * N_ANGLES + angle_bin, of, shape) for of in (power, modes))
    mean = sums.sum(axis=1, keepdims=True) / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    n_values = counts / 2 / MODES_PER_VALUE  # a mode and its opposite are one value
    usable = (n_values >= 1) & (mean > MIN_DENSITY * mean.max())
    ratio = np.where(usable, sums / np.where(usable, mean * counts, 1), 1.0)
    sigmas = (n_values * (ratio - 1)).sum(axis=0) / np.sqrt(n_values.sum(axis=0) + 1e-9)
    column = int(np.argmax(sigmas))
    excess = ((ratio - 1) * mean)[:, column] * (ratio[:, column] >= MIN_RATIO)
    if sigmas[column] < MIN_SIGMAS or not excess.max() > 0:
        return float("nan"), float("nan")
    angle_offset = (angle_bin - column + N_ANGLES // 2) % N_ANGLES - N_ANGLES // 2
    near = (np.abs(wave_bin - np.argmax(excess)) <= 1) & (np.abs(angle_offset) <= SECTOR // 2)
    doubled = np.average(np.exp(2j * angle[near]), weights=power[near])
    return 1 / np.average(wavenumber[near], weights=power[near]), np.angle(doubled) / 2


def _sector_sums(cell: NDArray[np.intp], values: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the sums, (wavelengths, angles), of the values in a cell and its neighbours in angle, cyclic."""
    cells, half = np.bincount(cell, values, minlength=shape[0] * shape[1]).reshape(shape), SECTOR // 2
    return sum((np.roll(cells, shift, axis=1) for shift in range(-half, half + 1)), start=np.zeros(shape))
