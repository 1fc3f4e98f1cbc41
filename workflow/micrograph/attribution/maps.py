"""Attribution maps: read, flagged, enlarged; the fills of occluded patches."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from micrograph import io
from micrograph.errors import UserError


def positions(side, patch, stride):
    """The first row (or column) of every window: (k,) ints. UserError unless 1 <= stride <= patch <= side."""
    if not 1 <= stride <= patch <= side:
        raise UserError(
            f"occlusion: a patch of {patch} pixels moved by {stride} does not cover a picture of {side}; "
            "choose attribution.stride <= attribution.patch <= the picture's side."
        )
    return stride * np.arange(-(-(side - patch) // stride) + 1)


def spread(effects, side, patch, stride):
    """Effects of windows (..., rows, cols) as a map of pixels (..., side, side): the mean over the windows of each."""
    cover = covered(side, patch, stride)
    if effects.shape[-2:] != (len(cover), len(cover)):
        raise UserError(
            f"occlusion: {effects.shape[-2:]} effects for {len(cover)} windows an axis; use the same geometry."
        )
    share = cover / cover.sum(axis=0)
    return share.T @ effects @ share


def covered(side, patch, stride):
    """Which pixels of an axis each window hides: (k, side) of 0 and 1."""
    starts, pixels = positions(side, patch, stride)[:, None], np.arange(side)
    return ((starts <= pixels) & (pixels < starts + patch)).astype(float)


class Baseline(NamedTuple):
    """One row of BASELINES."""

    of: Callable
    words: str


BASELINES = {
    "zero": Baseline(lambda mean: 0 * mean, "the grey that the network takes for zero"),
    "mean": Baseline(lambda mean: mean, "the picture's own mean grey"),
}

ALL_ZERO, NOT_FINITE = "all zero", "not finite"
WEIGHTED = ("cam_class", "grad_cam")  # a file has one of them
A_FILM = ("samples", "fold", "truth", "predicted", "target", "outputs", "evidence", "cam", "occlusion",
          "cam_flag", "occlusion_flag")  # fmt: skip
A_STUDY = ("scheme", "classes", "side", "patch", "stride", "baseline")


@dataclass(frozen=True)
class Attributions:
    """n films, sorted by name, each explained by the network of the fold that tests it.

    samples (n,); fold (n,); truth, predicted (n,) Celsius; target (n,) column of the prediction; outputs (n, o);
    evidence (n, t); cam (n, h, w), the paper's sum; weighted (n, t, h, w), which is what weighted_name says: Zhou's
    map (cam_class) or Grad-CAM before its ReLU (grad_cam); occlusion (n, t, rows, cols), what each window takes away;
    cam_flag, occlusion_flag (n,), empty where the maps of the target can be drawn; scheme; classes (K,) Celsius; side,
    patch, stride in pixels of the pictures that the networks see; baseline.
    """

    samples: np.ndarray
    fold: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    target: np.ndarray
    outputs: np.ndarray
    evidence: np.ndarray
    cam: np.ndarray
    weighted: np.ndarray
    weighted_name: str
    occlusion: np.ndarray
    cam_flag: np.ndarray
    occlusion_flag: np.ndarray
    scheme: str
    classes: np.ndarray
    side: int
    patch: int
    stride: int
    baseline: str

    def __len__(self):
        return len(self.samples)

    def row(self, sample):
        """The place i of a film by its name; UserError where it is not among them."""
        found = np.flatnonzero(self.samples == sample)
        if not len(found):
            raise UserError(
                f"sample '{sample}' is not among the {len(self)} explained films; look for its name in splits."
            )
        return int(found[0])

    def cam_map(self, i):
        """The paper's map of film i: (h, w), raw."""
        return self.cam[i]

    def weighted_map(self, i, target=None):
        """Zhou's map or the signed Grad-CAM of film i: (h, w), raw, of its own target or of another column."""
        return self.weighted[i, self._column(i, target)]

    def windows(self, i, target=None):
        """What every window takes away from the evidence of film i: (rows, cols)."""
        return self.occlusion[i, self._column(i, target)]

    def occlusion_map(self, i, target=None):
        """The mean effect of the windows over every pixel of film i: (side, side) float32, raw, of both signs."""
        return np.float32(spread(self.windows(i, target), self.side, self.patch, self.stride))

    def _column(self, i, target):
        return self.target[i] if target is None else target


def flag(values):
    """What forbids to draw a map: "" (nothing), "all zero" or "not finite"."""
    values = np.asarray(values)
    if not np.isfinite(values).all():
        return NOT_FINITE
    return "" if values.any() else ALL_ZERO


def flags(*kinds):
    """The flag of each film, (n,) str: the worst of its maps; kinds: arrays (n, ...), one a kind of map."""
    every = [{flag(film) for film in films} for films in zip(*kinds, strict=True)]
    worst = [next((word for word in (NOT_FINITE, ALL_ZERO) if word in words), "") for words in every]
    return np.array(worst, dtype=str)


def enlarge(values, side):
    """A map (..., h, w) over a picture: (..., side, side) float32, bilinear, its extremes kept within the map's own.

    Each value stands in the middle of its even share of the picture, as in the paper; outside of the outermost
    middles it is held. So much finer than the network knows: the caption has to say h x w.
    """
    values = np.asarray(values, dtype=np.float32)
    return _along(_along(values, side, -1), side, -2)


def _along(values, side, axis):
    count = values.shape[axis]
    places = np.clip((np.arange(side) + 0.5) * count / side - 0.5, 0, count - 1)
    low = np.floor(places).astype(int)
    share = np.float32(places - low).reshape((-1,) + (1,) * (-1 - axis))
    here, there = (np.take(values, np.minimum(low + step, count - 1), axis) for step in (0, 1))
    return here * (1 - share) + there * share


def read(path):
    """The Explained of one fold's file (see gather)."""
    return gather([path])


def gather(paths):
    """The Explained of all folds' files, sorted by sample.

    Raises UserError for a file that is none of explain.of_fold, for folds that were explained in different ways, and for
    a film that is in two of them.
    """
    parts = [_arrays(path) for path in paths]
    first = parts[0]
    for path, part in zip(paths, parts, strict=True):
        other = [name for name in A_STUDY if not np.array_equal(part[name], first[name])]
        other += [name for name in WEIGHTED if (name in part) != (name in first)]
        if other:
            raise UserError(
                f"{path}: {other[0]} is another than in {paths[0]}; explain all folds with the same settings."
            )
    whole = {name: np.concatenate([part[name] for part in parts]) for name in (*A_FILM, _weighted(first))}
    samples, counts = np.unique(whole["samples"], return_counts=True)
    if (counts > 1).any():
        raise UserError(f"sample '{samples[counts > 1][0]}' is explained in two folds; gather the files of one study.")
    order = np.argsort(whole["samples"])
    whole = {name: values[order] for name, values in whole.items()}
    kinds = {field.name: field.type for field in fields(Attributions)}
    once = {name: first[name] if name == "classes" else kinds[name](first[name]) for name in A_STUDY}
    return Attributions(weighted=whole.pop(_weighted(first)), weighted_name=_weighted(first), **whole, **once)


def _weighted(arrays):
    return next((name for name in WEIGHTED if name in arrays), None)


def _arrays(path):
    """The arrays of a file; UserError unless all that is wanted is there."""
    arrays = io.read_arrays(path)
    missing = [name for name in (*A_FILM, *A_STUDY) if name not in arrays]
    missing += [" or ".join(WEIGHTED)] * (_weighted(arrays) is None)
    if missing:
        raise UserError(f"{path}: no explanations, {missing[0]} is missing; give a file of results/attribution.")
    return arrays
