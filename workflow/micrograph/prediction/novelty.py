"""Novelty: whether a new scan is like those that the study has seen, in its measures and in what the networks see.

The look of a micrograph is its texture in a network that was trained before it saw any film of the study (and, of the
pretraining `films`, without their temperatures): mean and standard deviation of every channel of the third block. Its
distance is the cosine distance to the NEIGHBOURS-th nearest film. Pooled features of the last block take noise for a
film: deep features forget fine texture.
"""

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 5
BLOCK = "block3"
UNLIKE = "unlike anything seen"


@dataclass(frozen=True)
class Measure:
    """One measure of a scan: its name in a sentence, its unit (nm, or what is counted), and by what factor it may leave
    the study's range."""

    words: str
    unit: str
    tolerance: float


MEASURES = {
    "width_nm": Measure("is {} wide", "nm", 1.1),
    "lines": Measure("has {}", "line", 1.1),
    "pixels": Measure("has {} a line", "pixel", 1.1),
    "scan_pixel_nm": Measure("has pixels of {}", "nm", 1.1),
    "relief_nm": Measure("has a relief of {}", "nm", 2.0),
}


def texture(maps, shape):
    """(n, 2 channels) float32: mean and standard deviation of each channel.

    maps: (n, channels * rows * cols), as features.extract has a block; shape: (channels, rows, cols).
    """
    channels = maps.reshape(len(maps), shape[0], -1)
    return np.concatenate([channels.mean(axis=2), channels.std(axis=2)], axis=1).astype(np.float32)


def distances(looks, known):
    """(m, n) cosine distances, 0 to 2, of looks (m, C) to known (n, C); of nothing to anything 1."""
    first, second = (_unit(np.asarray(values, dtype=float)) for values in (looks, known))
    return np.clip(1 - first @ second.T, 0, 2)


def _unit(values):
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def nearest(row, count=NEIGHBOURS):
    """The places of the nearest films, nearest first, of equals the first. row: (n,) distances."""
    return np.argsort(row, kind="stable")[:count]


def reach(row):
    """How far a scan lies from the study: the distance to its NEIGHBOURS-th nearest film (the last, of fewer)."""
    return float(row[nearest(row)[-1]])


def apart(looks, batches):
    """(n,) how far each film of the study lies from the films of other batches, as a film of a new day would.

    looks: (n, C); batches: (n,). A block at a time, so that memory does not grow with n squared.
    """
    batches, found = np.asarray(batches), np.full(len(looks), np.nan)
    for day in np.unique(batches):
        here = batches == day
        if not here.all():
            found[here] = [reach(row) for row in distances(looks[here], looks[~here])]
    return found


def threshold(found, quantile):
    """The distance that this share of the study's films keeps to films of other batches; infinite for a single batch.

    found: (n,), of `apart`.
    """
    return float(np.quantile(found, quantile)) if len(found) and np.isfinite(found).all() else float("inf")


def flagged(found, batches, quantile):
    """The share of the study's films that look strange when their day is left out of the threshold.

    found: (n,), of `apart`; batches: (n,). What to expect of films like the study's, of new days.
    """
    batches, far = np.asarray(batches), np.zeros(len(found), dtype=bool)
    for day in np.unique(batches):
        here = batches == day
        far[here] = found[here] > threshold(found[~here], quantile)
    return float(far.mean())


def ranges(seen):
    """{measure: [least, greatest]} of the study. seen: {measure: (n,) numbers}, NaN where a film has none; a measure
    that no film has is left out."""
    finite = {name: np.asarray(values, dtype=float) for name, values in seen.items()}
    finite = {name: values[np.isfinite(values)] for name, values in finite.items()}
    return {name: [float(values.min()), float(values.max())] for name, values in finite.items() if len(values)}


def strange_measures(seen, limits):
    """Sentences on measures outside of the study's. seen: {measure: number, None or NaN where there is none}; limits:
    of `ranges`. The tolerance of MEASURES is allowed on either side; a size that nobody knows is strange, too."""
    reasons = []
    for name, (least, most) in limits.items():
        row, value = MEASURES[name], seen.get(name)
        known = value is not None and np.isfinite(value)
        if known and not least / row.tolerance <= value <= most * row.tolerance:
            study = _amount(least, row) if least == most else f"{least:.4g} to {_amount(most, row)}"
            reasons.append(f"it {row.words.format(_amount(value, row))}, the study's films {study}")
        if not known and name == "width_nm":
            reasons.append("nobody says how wide it is")
    return reasons


def strange_look(distance, limit):
    """A sentence where a look lies farther than the limit, else none."""
    far = distance > limit
    return [f"it looks like no film of the study (distance {distance:.3g}, limit {limit:.3g})"] if far else []


def _amount(value, row):
    """A number with its unit: 10000, nm -> "10 µm"; 1, line -> "1 line"."""
    if row.unit == "nm":
        return f"{value / 1000:.4g} µm" if value >= 2000 else f"{value:.4g} nm"
    return counted(value, row.unit)


def counted(count, thing):
    """A number of things in words: 1, line -> "1 line"."""
    return f"{count:.4g} {thing}{'' if count == 1 else 's'}"
