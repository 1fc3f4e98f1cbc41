"""The instrument: what an atomic force microscope records of a film.

In order: thermal drift distorts the image, the tip rounds it (grey dilation by a paraboloid of the tip's radius), the
feedback lags along the line (to the right in trace, to the left in retrace), then tilt, the scanner's bow, line and
band offsets, scars, hum and noise are added. Tip radii of 5 to 20 nm, sub-angstrom noise and bows of some nm per
micrometre are usual; how often bands, scars, double tips and stopped scans occur is assumed after real scans.
"""

from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from micrograph.simulation import random_fields
from micrograph.simulation.films import LAYER_NM, Film

Heights = NDArray[np.float32]
Mask = NDArray[np.bool_]
Shape = tuple[int, int]


class Instrument(NamedTuple):
    """The microscope of one growth day, or of one scan.

    Attributes
    ----------
    tip_radius_nm : float
    ghost_layers, ghost_offset_nm : float
        Second tip: how many layers it is shorter (0: none), and its distance to the side.
    lag_pixels : float
        Delay of the feedback.
    noise_nm, streak_nm : float
        White noise, and noise correlated along the line (standard deviations).
    line_offset_nm, band_offset_nm, n_bands : float
        Standard deviations of the offsets of lines and of bands of lines; mean number of bands.
    n_scars : float
        Mean number of scars.
    hum_nm, hum_period_pixels : float
        Amplitude and period of mains hum.
    tilt_degrees, bow_nm : float
        Of sample and scanner.
    drift : float
        Relative to the image.
    worn_tip_share : float
        Part of the lines scanned with a worn tip.
    rotation_degrees, line_rate_hz, is_32_bit
        Metadata: rotation of the sample, lines per second, whether files hold 32-bit data.
    """

    tip_radius_nm: float = 8.0
    ghost_layers: float = 0.0
    ghost_offset_nm: float = 15.0
    lag_pixels: float = 0.5
    noise_nm: float = 0.03
    streak_nm: float = 0.03
    line_offset_nm: float = 0.05
    band_offset_nm: float = 0.2
    n_bands: float = 1.0
    n_scars: float = 3.0
    hum_nm: float = 0.0
    hum_period_pixels: float = 9.0
    tilt_degrees: float = 0.3
    bow_nm: float = 1.5
    drift: float = 0.01
    worn_tip_share: float = 0.0
    rotation_degrees: float = 0.0
    line_rate_hz: float = 1.0
    is_32_bit: bool = True


class Scan(NamedTuple):
    """A simulated scan.

    Attributes
    ----------
    trace_nm, retrace_nm, error_nn : ndarray of shape (lines, pixels), float32
        Heights in nm in both directions and peak force error in nN; row 0 is the top.
    masks : dict of str to ndarray of bool
        Those of the film, and "artefacts".
    """

    trace_nm: Heights
    retrace_nm: Heights
    error_nn: Heights
    masks: dict[str, Mask]


def draw_instrument(rng: np.random.Generator) -> Instrument:
    """Draw the microscope of one growth day.

    Parameters
    ----------
    rng : numpy Generator

    Returns
    -------
    Instrument
    """
    return Instrument(
        tip_radius_nm=float(np.clip(rng.lognormal(np.log(5.5), 0.45), 2, 20)),
        ghost_layers=float(rng.uniform(0.3, 0.8) * (rng.random() < 0.05)),
        ghost_offset_nm=float(rng.uniform(8, 30)),
        lag_pixels=float(rng.uniform(0.2, 0.9)),
        noise_nm=float(rng.lognormal(np.log(0.04), 0.5)),
        streak_nm=float(rng.lognormal(np.log(0.02), 0.6)),
        line_offset_nm=float(rng.lognormal(np.log(0.05), 0.6)),
        band_offset_nm=float(rng.lognormal(np.log(0.25), 0.5)),
        n_bands=float(rng.uniform(0.2, 2.0)),
        n_scars=float(rng.lognormal(np.log(3), 0.8)),
        hum_nm=float(rng.lognormal(np.log(0.04), 0.6) * (rng.random() < 0.2)),
        hum_period_pixels=float(rng.uniform(5, 20)),
        tilt_degrees=float(rng.uniform(0.05, 0.8)),
        bow_nm=float(rng.normal(0, 2.0)),
        drift=float(rng.normal(0, 0.02)),
        rotation_degrees=float(rng.normal(0, 8)),
        line_rate_hz=float(rng.choice([0.5, 0.99, 1.5, 1.99])),
        is_32_bit=bool(rng.random() < 0.5),
    )


def scan_film(film: Film, instrument: Instrument, rng: np.random.Generator, lines: int | None = None) -> Scan:
    """Scan a film.

    Parameters
    ----------
    film : Film
        Not modified.
    instrument : Instrument
    rng : numpy Generator
    lines : int, optional
        Lines from the top after which the scan stops.

    Returns
    -------
    Scan
        Its masks follow the drift; the mask "artefacts" marks scars, the first lines of bands and the lines scanned
        with a worn tip.
    """
    height, masks = _drift(film, instrument.drift, rng)
    lines = height.shape[0] if lines is None else lines
    height = _dilate(height, film.pixel_nm, instrument)
    artefacts = np.zeros(height.shape, bool)
    common = _background(height.shape, film.pixel_nm, instrument, rng)
    common += _line_offsets(height.shape, instrument, artefacts, rng)
    noise_factor = np.ones((height.shape[0], 1), np.float32)
    worn = int(instrument.worn_tip_share * height.shape[0])
    noise_factor[:worn] = 5
    artefacts[:worn] = True
    both = []
    for direction in (1, -1):
        recorded = _lag(height, instrument.lag_pixels, direction)
        recorded += noise_factor * _noise(height.shape, instrument, rng)
        recorded += common
        both.append(recorded)
    for _ in range(rng.poisson(instrument.n_scars)):
        _add_scar(both, artefacts, rng)
    error = _error_signal(height, instrument, rng)
    masks = {name: mask[:lines] for name, mask in {**masks, "artefacts": artefacts}.items()}
    return Scan(both[0][:lines], both[1][:lines], error[:lines], masks)


def _dilate(height_nm: Heights, pixel_nm: tuple[float, float], instrument: Instrument) -> Heights:
    """Compute what the tip records: max over u of height(x + u) - u^2 / (2 radius).

    The paraboloid is the sum of a part down and a part across, so that two passes of one-dimensional maxima are exact.
    """
    reach = float(np.sqrt(2 * instrument.tip_radius_nm * max(float(np.ptp(height_nm)), 0.1)))
    dilated = height_nm
    for axis, pixel in enumerate(pixel_nm):
        n_steps = min(int(reach / pixel), 12)
        before, out = dilated, dilated.copy()
        for step in range(1, n_steps + 1):
            drop = np.float32((step * pixel) ** 2 / (2 * instrument.tip_radius_nm))
            low, high = [slice(None)] * 2, [slice(None)] * 2
            low[axis], high[axis] = slice(None, -step), slice(step, None)
            np.maximum(out[tuple(low)], before[tuple(high)] - drop, out=out[tuple(low)])
            np.maximum(out[tuple(high)], before[tuple(low)] - drop, out=out[tuple(high)])
        dilated = out
    if instrument.ghost_layers > 0:
        offset = max(int(instrument.ghost_offset_nm / pixel_nm[1]), 1)
        ghost = dilated[:, :-offset] - np.float32(LAYER_NM * instrument.ghost_layers)
        dilated[:, offset:] = np.maximum(dilated[:, offset:], ghost)
    return dilated


def _drift(film: Film, drift: float, rng: np.random.Generator) -> tuple[Heights, dict[str, Mask]]:
    """Return heights and masks of a drifting film: lines shift sideways and are stretched downwards, less with time."""
    lines, pixels = film.height_nm.shape
    time = np.arange(lines) / lines
    settling = 0.5 * (1 - np.exp(-3 * time)) + 0.5 * time
    down = np.arange(lines) + drift * rng.uniform(-1, 1) * lines * (settling - settling[-1] * time)
    shift = drift * pixels * settling
    shift -= shift.min()  # a drift to the left starts to the right of the image instead
    row, row_part = _split(down, lines - 1)
    column, column_part = _split(shift[:, None] + np.arange(pixels), pixels - 1)
    height = film.height_nm[row] * (1 - row_part) + film.height_nm[row + 1] * row_part
    at = np.arange(lines)[:, None]
    height = height[at, column] * (1 - column_part) + height[at, column + 1] * column_part
    bits = np.zeros(film.height_nm.shape, np.uint8)
    for bit, mask in enumerate(film.masks.values()):
        bits |= mask.astype(np.uint8) << bit
    bits = bits[row + (row_part[:, 0] >= 0.5)][at, column + (column_part >= 0.5)]
    return cast(Heights, height), {name: (bits >> bit & 1).astype(bool) for bit, name in enumerate(film.masks)}


def _split(position: NDArray[np.float64], last: int) -> tuple[NDArray[np.intp], Heights]:
    """Return integer part (at most last - 1) and fraction (a column where `position` is flat) of positions."""
    position = np.clip(position, 0, last)
    whole = np.minimum(position.astype(np.intp), last - 1)
    part = (position - whole).astype(np.float32)
    return whole, part if part.ndim == 2 else part[:, None]


def _background(
    shape: Shape, pixel_nm: tuple[float, float], instrument: Instrument, rng: np.random.Generator
) -> Heights:
    """Return tilt, the scanner's bow and the slow creep of the height."""
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)
    slope = np.tan(np.radians(instrument.tilt_degrees)) * rng.choice([-1, 1], 2) * rng.uniform(0.3, 1, 2)
    half = np.array(shape) * pixel_nm / 2
    ground = np.float32(slope[0] * half[0]) * y + np.float32(slope[1] * half[1]) * x
    ground += np.float32(instrument.bow_nm) * (x * x + np.float32(0.3 * rng.normal()) * y * y)
    creep = np.cumsum(rng.normal(0, 0.05, shape[0])) + rng.normal(0, 1.5) * np.exp(-8 * np.arange(shape[0]) / shape[0])
    return ground + creep.astype(np.float32)[:, None]


def _line_offsets(shape: Shape, instrument: Instrument, artefacts: Mask, rng: np.random.Generator) -> Heights:
    """Return offsets of lines and of bands of lines, (lines, 1); mark the first line of a band as an artefact."""
    offset = rng.normal(0, instrument.line_offset_nm, shape[0])
    for _ in range(rng.poisson(instrument.n_bands)):
        start, length = rng.integers(shape[0]), 1 + int(rng.exponential(0.12 * shape[0]))
        offset[start : start + length] += rng.normal(0, instrument.band_offset_nm)
        artefacts[start : start + 1] = True
    return offset.astype(np.float32)[:, None]


def _lag(height: Heights, lag_pixels: float, direction: int) -> Heights:
    """Delay the heights by a first-order low pass along the scan direction.

    scipy.signal.lfilter gives the same bytes, and takes a second to import.
    """
    keep = np.exp(-1 / lag_pixels) if lag_pixels > 0.05 else 0.0
    new, old = np.float32(1 - keep), np.float32(keep)
    source = height[:, ::direction].astype(np.float32)
    delayed, last = np.empty_like(source), source[:, 0]
    for column in range(source.shape[1]):
        last = new * source[:, column] + old * last
        delayed[:, column] = last
    return delayed[:, ::direction]


def _noise(shape: Shape, instrument: Instrument, rng: np.random.Generator) -> Heights:
    """Return white noise, streaks along the line, and mains hum, whose phase slips from line to line."""
    noise = np.float32(instrument.noise_nm) * rng.standard_normal(shape, dtype=np.float32)
    noise += np.float32(instrument.streak_nm) * random_fields.smooth(shape, (1, 12), rng)
    if instrument.hum_nm > 0:
        period = instrument.hum_period_pixels
        phase = np.arange(shape[1]) / period + np.arange(shape[0])[:, None] * rng.uniform(0.1, 0.9)
        noise += np.float32(instrument.hum_nm) * np.sin(2 * np.pi * phase).astype(np.float32)
    return noise


def _add_scar(both: list[Heights], artefacts: Mask, rng: np.random.Generator) -> None:
    """Shift part of a line or two, in trace, retrace or both, and mark it as an artefact."""
    lines, pixels = artefacts.shape
    row, tall = rng.integers(lines), 1 + (rng.random() < 0.25)
    start = rng.integers(pixels)
    length = 2 + int(rng.exponential(0.15 * pixels))
    jump = rng.choice([-1, 1]) * rng.lognormal(np.log(0.8), 0.6)
    where = np.s_[row : row + tall, start : start + length]
    affected = rng.integers(3)
    for index, heights in enumerate(both):
        if affected in (index, 2):
            heights[where] += np.float32(jump)
    artefacts[where] = True


def _error_signal(height: Heights, instrument: Instrument, rng: np.random.Generator) -> Heights:
    """Return the peak force error in nN: the lag of the feedback at slopes, and noise."""
    error = np.zeros(height.shape, np.float32)
    error[:, 1:] = np.float32(0.05 * (0.2 + instrument.lag_pixels)) * np.diff(height, axis=1)
    return error + np.float32(0.01) * rng.standard_normal(height.shape, dtype=np.float32)
