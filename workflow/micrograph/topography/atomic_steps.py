"""The steps of the crystal under a film: how far apart they are and which way they run, from the power spectrum.

A staircase that has been levelled is a saw-tooth: its power stands at one wavenumber, downhill, and at its multiples.
Steps that run exactly along the scan lines are taken out by a levelling line by line and cannot be found any more.
Under a film with a relief of its own, steps are hard to see: of 120 simulated films, whose steps are known, 65 were
said to have some, with the right direction (within 20 degrees) in 50 of these, the right spacing (within a quarter) in
31.
"""

import numpy as np

NAMES = ("step_spacing_nm", "step_direction_degrees", "directionality")
WAVELENGTHS_NM = (16.0, 250.0)  # terraces of the study's sapphires are some 20 to 170 nm wide
BINS_AN_OCTAVE = 6
ANGLES = 36  # of the half circle
SECTOR = 7  # of these together, 35 degrees: steps wander
LEVELLED = 1  # columns of the spectrum that a levelling line by line empties
SPREAD = 2.25  # modes that share one value of the surface, for Hann's window in two directions
FAINTEST = 1e-5  # of the strongest wavelength's density: below, there is only what the window lets through
DEVIATIONS = 8.0
STANDS_OUT = 1.6


def steps(found):
    """What steps there are, of a spectrum.Spectrum, as a dict of NAMES.

    directionality: 0 where the slopes of the relief (wavelengths of 16 to 250 nm) point everywhere alike, 1 where all
    lie along one line: the coherence of the structure tensor (Bigun & Granlund 1987), seen in the spectrum.
    step_direction_degrees: the way steps run, 0 along the scan lines, counted towards the lines that follow, below 180:
    across the 35 degrees with most power, at all wavelengths, relative to the mean of all directions. step_spacing_nm:
    the wavelength whose power spectral density rises most above that mean there. Both are NaN where these directions do
    not stand out by 8 of the standard deviations that a surface without directions has, or no wavelength by a factor of
    1.6: then no steps are to be seen.
    """
    wavenumber, angle, power, modes = _ring(found)
    slope = power * wavenumber**2
    if not slope.sum() > 0:
        return dict.fromkeys(NAMES, float("nan"))
    directionality = abs((slope * np.exp(2j * angle)).sum()) / slope.sum()
    spacing_nm, downhill = _staircase(wavenumber, angle, power, modes)
    direction = np.degrees(downhill + np.pi / 2) % 180
    return dict(zip(NAMES, map(float, (spacing_nm, direction, directionality)), strict=True))


def _ring(found):
    """Wavenumber, angle, power and count of the modes whose wavelength is that of terraces, each as one row."""
    shortest = max(WAVELENGTHS_NM[0], found.shortest_nm)
    longest = min(WAVELENGTHS_NM[1], found.longest_nm / 2)
    rows = np.flatnonzero(np.abs(found.down) <= 1 / shortest)
    columns = np.arange(LEVELLED, (found.across <= 1 / shortest).sum())
    down, across = np.meshgrid(found.down[rows], found.across[columns], indexing="ij")
    wavenumber = np.hypot(down, across)
    inside = (wavenumber >= 1 / longest) & (wavenumber <= 1 / shortest)
    power = found.power[np.ix_(rows, columns)][inside]
    modes = np.broadcast_to(found.modes[columns], wavenumber.shape)[inside]
    return wavenumber[inside], np.arctan2(down, across)[inside], power, modes


def _staircase(wavenumber, angle, power, modes):
    """(period in nm, angle downhill) of what stands out most, NaN where nothing does."""
    place = np.floor(BINS_AN_OCTAVE * np.log2(wavenumber / wavenumber.min())).astype(int)
    turn = np.floor(ANGLES * (angle / np.pi % 1)).astype(int) % ANGLES
    shape = place.max() + 1, ANGLES
    sums, counts = (_sectors(place * ANGLES + turn, of, shape) for of in (power, modes))
    everywhere = sums.sum(axis=1, keepdims=True) / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    values = counts / 2 / SPREAD  # a mode and its opposite are one value
    told = (values >= 1) & (everywhere > FAINTEST * everywhere.max())
    ratio = np.where(told, sums / np.where(told, everywhere * counts, 1), 1.0)
    certain = (values * (ratio - 1)).sum(axis=0) / np.sqrt(values.sum(axis=0) + 1e-9)
    column = int(np.argmax(certain))
    excess = ((ratio - 1) * everywhere)[:, column] * (ratio[:, column] >= STANDS_OUT)
    if certain[column] < DEVIATIONS or not excess.max() > 0:
        return float("nan"), float("nan")
    away = (turn - column + ANGLES // 2) % ANGLES - ANGLES // 2
    near = (np.abs(place - np.argmax(excess)) <= 1) & (np.abs(away) <= SECTOR // 2)
    doubled = np.average(np.exp(2j * angle[near]), weights=power[near])
    return 1 / np.average(wavenumber[near], weights=power[near]), np.angle(doubled) / 2


def _sectors(cell, of, shape):
    """(wavelengths, angles) sums of the values `of` in a cell and its neighbours in angle, around the half circle."""
    cells, half = np.bincount(cell, of, minlength=shape[0] * shape[1]).reshape(shape), SECTOR // 2
    return sum(np.roll(cells, shift, axis=1) for shift in range(-half, half + 1))
