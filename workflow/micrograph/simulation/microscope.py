"""The instrument: what an atomic force microscope makes of a film.

In order: thermal drift bends the picture, the tip rounds it (grey dilation by a paraboloid of the tip's
radius), the feedback lags along the line (to the right in trace, to the left in retrace), and then come tilt,
the scanner's bow, line and band offsets, scars, hum and noise. Tip radii of 5 to 20 nm, sub-angstrom noise
and bows of some nm a micrometre are usual; how often bands, scars, double tips and stopped scans occur is
invented after real scans seen.
"""

from typing import NamedTuple

import numpy as np

from micrograph.simulation import random_fields


class Instrument(NamedTuple):
    """One growth day's microscope, or one scan's. Lengths in nm unless said."""

    tip_nm: float = 8.0
    ghost: float = 0.0
    ghost_nm: float = 15.0
    lag_pixels: float = 0.5
    noise_nm: float = 0.03
    streak_nm: float = 0.03
    line_nm: float = 0.05
    band_nm: float = 0.2
    bands: float = 1.0
    scars: float = 3.0
    hum_nm: float = 0.0
    hum_pixels: float = 9.0
    tilt_degrees: float = 0.3
    bow_nm: float = 1.5
    drift: float = 0.01
    worn_share: float = 0.0
    rotation_degrees: float = 0.0
    line_rate_hz: float = 1.0
    wide_bits: bool = True


class Scan(NamedTuple):
    """trace_nm, retrace_nm, error_nn: (lines, pixels) arrays, row 0 at the top; masks as the film's, with artefacts."""

    trace_nm: np.ndarray
    retrace_nm: np.ndarray
    error_nn: np.ndarray
    masks: dict


def draw_instrument(rng):
    """The microscope of one growth day: its tip, noise, drift, rotation of the sample and file version."""
    return Instrument(
        tip_nm=float(np.clip(rng.lognormal(np.log(5.5), 0.45), 2, 20)),
        ghost=float(rng.uniform(0.3, 0.8) * (rng.random() < 0.05)),
        ghost_nm=float(rng.uniform(8, 30)),
        lag_pixels=float(rng.uniform(0.2, 0.9)),
        noise_nm=float(rng.lognormal(np.log(0.03), 0.5)),
        streak_nm=float(rng.lognormal(np.log(0.03), 0.6)),
        line_nm=float(rng.lognormal(np.log(0.05), 0.6)),
        band_nm=float(rng.lognormal(np.log(0.25), 0.5)),
        bands=float(rng.uniform(0.2, 2.0)),
        scars=float(rng.lognormal(np.log(3), 0.8)),
        hum_nm=float(rng.lognormal(np.log(0.04), 0.6) * (rng.random() < 0.2)),
        hum_pixels=float(rng.uniform(5, 20)),
        tilt_degrees=float(rng.uniform(0.05, 0.8)),
        bow_nm=float(rng.normal(0, 2.0)),
        drift=float(rng.normal(0, 0.02)),
        rotation_degrees=float(rng.normal(0, 8)),
        line_rate_hz=float(rng.choice([0.5, 0.99, 1.5, 1.99])),
        wide_bits=bool(rng.random() < 0.5),
    )


def scan(film, instrument, rng, lines=None):
    """Scan a Film; `lines` stops the scan after so many lines from the top. Returns a Scan.

    The masks follow the drift, and gain "artefacts": scars, band offsets and the lines scanned with a worn
    tip.
    """
    height, masks = _drifted(film, instrument.drift, rng)
    lines = height.shape[0] if lines is None else lines
    height = dilate(height, film.pixel_nm, instrument)
    artefacts = np.zeros(height.shape, bool)
    common = _background(height.shape, film.pixel_nm, instrument, rng)
    common += _line_offsets(height.shape, instrument, artefacts, rng)
    loud = np.ones((height.shape[0], 1), np.float32)
    worn = int(instrument.worn_share * height.shape[0])
    loud[:worn] = 5
    artefacts[:worn] = True
    halves = []
    for direction in (1, -1):
        seen = _lagging(height, instrument.lag_pixels, direction)
        seen += loud * _noise(height.shape, instrument, rng)
        seen += common
        halves.append(seen)
    for _ in range(rng.poisson(instrument.scars)):
        _scar(halves, artefacts, rng)
    error = _error_signal(height, instrument, rng)
    masks = {name: mask[:lines] for name, mask in {**masks, "artefacts": artefacts}.items()}
    return Scan(halves[0][:lines], halves[1][:lines], error[:lines], masks)


def dilate(height_nm, pixel_nm, instrument):
    """What a paraboloid tip of radius tip_nm traces: max over u of height(x + u) - u^2 / (2 radius).

    The paraboloid splits into a part down and a part across, so two passes of one-dimensional maxima are
    exact. A ghost, where the day has one, is a second tip ghost_nm to the side and `ghost` layers (0.65 nm)
    shorter.
    """
    reach = float(np.sqrt(2 * instrument.tip_nm * max(float(np.ptp(height_nm)), 0.1)))
    seen = height_nm
    for axis, pixel in enumerate(pixel_nm):
        wide = min(int(reach / pixel), 12)
        before, out = seen, seen.copy()
        for step in range(1, wide + 1):
            drop = np.float32((step * pixel) ** 2 / (2 * instrument.tip_nm))
            low, high = [slice(None)] * 2, [slice(None)] * 2
            low[axis], high[axis] = slice(None, -step), slice(step, None)
            np.maximum(out[tuple(low)], before[tuple(high)] - drop, out=out[tuple(low)])
            np.maximum(out[tuple(high)], before[tuple(low)] - drop, out=out[tuple(high)])
        seen = out
    if instrument.ghost > 0:
        aside = max(int(instrument.ghost_nm / pixel_nm[1]), 1)
        ghost = seen[:, :-aside] - np.float32(0.65 * instrument.ghost)
        seen[:, aside:] = np.maximum(seen[:, aside:], ghost)
    return seen


def _drifted(film, drift, rng):
    """The film as a drifting sample shows it: lines slide sideways and are stretched downwards, growing calmer."""
    lines, pixels = film.height_nm.shape
    time = np.arange(lines) / lines
    calm = 0.5 * (1 - np.exp(-3 * time)) + 0.5 * time
    down = np.arange(lines) + drift * rng.uniform(-1, 1) * lines * (calm - calm[-1] * time)
    slide = drift * pixels * calm
    slide -= slide.min()  # where drift runs left, the picture starts to its right instead
    row, over = _split(down, lines - 1)
    column, aside = _split(slide[:, None] + np.arange(pixels), pixels - 1)
    height = film.height_nm[row] * (1 - over) + film.height_nm[row + 1] * over
    at = np.arange(lines)[:, None]
    height = height[at, column] * (1 - aside) + height[at, column + 1] * aside
    bits = sum(mask.astype(np.uint8) << bit for bit, mask in enumerate(film.masks.values()))
    bits = bits[row + (over[:, 0] >= 0.5)][at, column + (aside >= 0.5)]
    return height, {name: (bits >> bit & 1).astype(bool) for bit, name in enumerate(film.masks)}


def _split(place, last):
    """Whole part (at most last - 1) and fraction (float32, as columns where place is flat) of fractional places."""
    place = np.clip(place, 0, last)
    whole = np.minimum(place.astype(np.intp), last - 1)
    part = (place - whole).astype(np.float32)
    return whole, part if part.ndim == 2 else part[:, None]


def _background(shape, pixel_nm, instrument, rng):
    """Tilt, the scanner's bow and the slow creep of the height."""
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)
    slope = np.tan(np.radians(instrument.tilt_degrees)) * rng.choice([-1, 1], 2) * rng.uniform(0.3, 1, 2)
    half = np.array(shape) * pixel_nm / 2
    ground = np.float32(slope[0] * half[0]) * y + np.float32(slope[1] * half[1]) * x
    ground += np.float32(instrument.bow_nm) * (x * x + np.float32(0.3 * rng.normal()) * y * y)
    creep = np.cumsum(rng.normal(0, 0.05, shape[0])) + rng.normal(0, 1.5) * np.exp(-8 * np.arange(shape[0]) / shape[0])
    return ground + creep.astype(np.float32)[:, None]


def _line_offsets(shape, instrument, artefacts, rng):
    """Offsets of single lines, and bands: jumps that last for some lines. The first line of a band is an artefact."""
    offset = rng.normal(0, instrument.line_nm, shape[0])
    for _ in range(rng.poisson(instrument.bands)):
        start, length = rng.integers(shape[0]), 1 + int(rng.exponential(0.12 * shape[0]))
        offset[start : start + length] += rng.normal(0, instrument.band_nm)
        artefacts[start : start + 1] = True
    return offset.astype(np.float32)[:, None]


def _lagging(height, lag_pixels, direction):
    """The feedback follows late, by a first-order low pass along the scan direction.

    scipy.signal.lfilter gives the same bytes, and takes a second to import.
    """
    keep = np.exp(-1 / lag_pixels) if lag_pixels > 0.05 else 0.0
    new, old = np.float32(1 - keep), np.float32(keep)
    ahead = height[:, ::direction].astype(np.float32)
    late, last = np.empty_like(ahead), ahead[:, 0]
    for column in range(ahead.shape[1]):
        last = new * ahead[:, column] + old * last
        late[:, column] = last
    return late[:, ::direction]


def _noise(shape, instrument, rng):
    """White noise, streaks along the line, and mains hum, whose phase slips from line to line."""
    noise = np.float32(instrument.noise_nm) * rng.standard_normal(shape, dtype=np.float32)
    noise += np.float32(instrument.streak_nm) * random_fields.smooth(shape, (1, 12), rng)
    if instrument.hum_nm > 0:
        phase = np.arange(shape[1]) / instrument.hum_pixels + np.arange(shape[0])[:, None] * rng.uniform(0.1, 0.9)
        noise += np.float32(instrument.hum_nm) * np.sin(2 * np.pi * phase).astype(np.float32)
    return noise


def _scar(halves, artefacts, rng):
    """The tip loses or drags something for part of a line or two; trace and retrace suffer alike or alone."""
    lines, pixels = artefacts.shape
    row, tall = rng.integers(lines), 1 + (rng.random() < 0.25)
    start = rng.integers(pixels)
    length = 2 + int(rng.exponential(0.15 * pixels))
    jump = rng.choice([-1, 1]) * rng.lognormal(np.log(0.8), 0.6)
    place = np.s_[row : row + tall, start : start + length]
    which = rng.integers(3)
    for index, half in enumerate(halves):
        if which in (index, 2):
            half[place] += np.float32(jump)
    artefacts[place] = True


def _error_signal(height, instrument, rng):
    """Peak force error in nN: what the feedback misses at slopes, and noise."""
    error = np.zeros(height.shape, np.float32)
    error[:, 1:] = np.float32(0.05 * (0.2 + instrument.lag_pixels)) * np.diff(height, axis=1)
    return error + np.float32(0.01) * rng.standard_normal(height.shape, dtype=np.float32)
