"""Attribution maps: which types there are, the arrays that hold them, and their layout over an image.

No torch is imported, so that figures and reports can read maps without it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from micrograph import io
from micrograph.errors import UserError


class Baseline(NamedTuple):
    """One row of BASELINES: the fill as a function of the image's mean, and its name in captions."""

    value: Callable
    text: str


BASELINES = {
    "zero": Baseline(lambda mean: 0 * mean, "the grey that the network takes for zero"),
    "mean": Baseline(lambda mean: mean, "the picture's own mean grey"),
}


@dataclass(frozen=True)
class MapType:
    """One row of MAP_TYPES.

    Parameters
    ----------
    array : str
        Array of the file that holds the values.
    flag : str
        Array of the file that says which maps are invalid.
    per_target : bool
        Whether there is one map a target; otherwise one map serves all targets.
    windows : bool, default False
        Whether the values are effects of occlusion windows; otherwise they are values on an even grid.
    absolute : bool, default False
        Whether the size of the effect counts, without its sign.
    """

    array: str
    flag: str
    per_target: bool
    windows: bool = False
    absolute: bool = False


MAP_TYPES = {
    "cam": MapType("cam", "cam_flag", per_target=False),
    "cam_class": MapType("cam_class", "cam_flag", per_target=True),
    "grad_cam": MapType("grad_cam", "cam_flag", per_target=True),
    "occlusion": MapType("occlusion", "occlusion_flag", per_target=True, windows=True),
    "occlusion_abs": MapType("occlusion", "occlusion_flag", per_target=True, windows=True, absolute=True),
}
WEIGHTED = ("cam_class", "grad_cam")  # a file has one of them
CONTROL_PREFIX = "control_"  # of the map type, in the rows of a table that hold a control

ALL_ZERO, NOT_FINITE = "all zero", "not finite"
PER_SAMPLE = ("samples", "fold", "y_true", "y_pred", "target", "outputs", "target_scores", "cam", "occlusion",
              "cam_flag", "occlusion_flag")  # fmt: skip
PER_FILE = ("scheme", "classes", "side", "patch", "stride", "baseline")


@dataclass(frozen=True)
class AttributionSettings:
    """How maps are computed.

    Parameters
    ----------
    patch : int
        Side of the square window that is hidden, in pixels of the network's input.
    stride : int
        Distance between neighbouring windows, in pixels.
    baseline : {"zero", "mean"}, default "zero"
        Fill of a hidden window: a row of BASELINES.
    precision : {"fp32", "bf16"}, default "fp32"
        Precision of the backbone; the head computes in float32.
    memory_mb : float, default 500
        Memory that activations may take at a time, in megabytes.
    cam_values : int, default 1
        Least number of values of a class activation map along each axis (`interleave`).
    """

    patch: int
    stride: int
    baseline: str = "zero"
    precision: str = "fp32"
    memory_mb: float = 500
    cam_values: int = 1


@dataclass(frozen=True)
class Attributions:
    """Maps of n samples, each by the network of the fold that tests it.

    Parameters
    ----------
    samples : ndarray of str, shape (n,)
        Names, sorted.
    fold : ndarray of int, shape (n,)
    y_true, y_pred : ndarray, shape (n,)
        Classes.
    target : ndarray of int, shape (n,)
        Column of the target score that belongs to the prediction.
    outputs : ndarray of float32, shape (n, n_outputs)
        Raw outputs of the network.
    target_scores : ndarray of float32, shape (n, n_targets)
        Target scores of the outputs (`target_score`).
    cam : ndarray of float32, shape (n, rows, cols)
        Class activation map of the paper, the sum over channels.
    weighted : ndarray of float32, shape (n, n_targets, rows, cols)
        Class activation map of every target, of the type `weighted_name`.
    weighted_name : {"cam_class", "grad_cam"}
    occlusion : ndarray of float32, shape (n, n_targets, n_windows, n_windows)
        Decrease of the target score where a window is hidden.
    cam_flag, occlusion_flag : ndarray of str, shape (n,)
        Why the maps of the sample's own target are invalid (`flag`); empty where they are valid.
    scheme : str
        Encoding of the target.
    classes : ndarray, shape (n_classes,)
        Ascending.
    side, patch, stride : int
        Pixels of the network's input, of the window and between windows.
    baseline : str
        Row of BASELINES.
    """

    samples: NDArray
    fold: NDArray
    y_true: NDArray
    y_pred: NDArray
    target: NDArray
    outputs: NDArray
    target_scores: NDArray
    cam: NDArray
    weighted: NDArray
    weighted_name: str
    occlusion: NDArray
    cam_flag: NDArray
    occlusion_flag: NDArray
    scheme: str
    classes: NDArray
    side: int
    patch: int
    stride: int
    baseline: str

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Self:
        """Make an instance of the arrays of a file (`attribute.attribute_fold`)."""
        name = _weighted_name(arrays)
        values: dict[str, Any] = {key: arrays[key] for key in PER_SAMPLE}
        values |= {key: int(arrays[key]) for key in ("side", "patch", "stride")}
        values |= {key: str(arrays[key]) for key in ("scheme", "baseline")}
        return cls(weighted=arrays[name], weighted_name=name, classes=np.asarray(arrays["classes"]), **values)

    def __len__(self) -> int:
        return len(self.samples)

    def index(self, sample: str) -> int:
        """Return the index of a sample.

        Raises
        ------
        UserError
            If there are no maps of this sample.
        """
        found = np.flatnonzero(self.samples == sample)
        if not len(found):
            raise UserError(f"sample '{sample}' is not among the {len(self)} with maps; take a name from the splits.")
        return int(found[0])

    def weighted_map(self, i: int, target: int | None = None) -> NDArray[np.float32]:
        """Return the class activation map of sample i for a target (its own by default), shape (rows, cols)."""
        return self.weighted[i, self.target[i] if target is None else target]

    def windows(self, i: int, target: int | None = None) -> NDArray[np.float32]:
        """Return the effects of all windows on a target's score of sample i, shape (n_windows, n_windows)."""
        return self.occlusion[i, self.target[i] if target is None else target]

    def occlusion_map(self, i: int, target: int | None = None) -> NDArray[np.float32]:
        """Return the mean effect of the windows over every pixel of sample i, shape (side, side), both signs."""
        pixels = windows_to_pixels(self.windows(i, target), self.side, self.patch, self.stride)
        return pixels.astype(np.float32)

    def map_types(self) -> list[str]:
        """Return the map types that there are, in the order of MAP_TYPES."""
        return [name for name, row in MAP_TYPES.items() if row.array in ("cam", self.weighted_name, "occlusion")]

    def valid(self, map_type: str) -> NDArray[np.bool_]:
        """Return which samples have a map of this type without a flag, shape (n,)."""
        return getattr(self, MAP_TYPES[map_type].flag) == ""

    def values(self, map_type: str, rows: NDArray[np.intp]) -> NDArray:
        """Return maps at their own resolution, each for its sample's own target.

        Parameters
        ----------
        map_type : str
            One of `map_types`; the sign of the values is kept, whatever the type.
        rows : ndarray of int, shape (k,)
            Indices of samples.

        Returns
        -------
        ndarray of shape (k, rows, cols)
        """
        row = MAP_TYPES[map_type]
        array = self.weighted if row.array == self.weighted_name else getattr(self, row.array)
        return array[rows, self.target[rows]] if row.per_target else array[rows]

    def pixel_maps(self, map_type: str, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return maps at the resolution of the network's input, each for its sample's own target.

        Class activation maps are interpolated, effects of windows are averaged over the windows of a pixel.

        Parameters
        ----------
        map_type : str
            One of `map_types`.
        rows : ndarray of int, shape (k,)
            Indices of samples.

        Returns
        -------
        ndarray of float32, shape (k, side, side)
        """
        row, values = MAP_TYPES[map_type], self.values(map_type, rows)
        if row.windows:
            values = windows_to_pixels(values, self.side, self.patch, self.stride)
        else:
            values = upsample(values, self.side)
        values = values.astype(np.float32)
        return np.abs(values) if row.absolute else values


def read(paths: Iterable[str | Path]) -> Attributions:
    """Read the files of several folds.

    Parameters
    ----------
    paths : iterable of path
        Files of `attribute.attribute_fold`, one per fold.

    Returns
    -------
    Attributions
        Of all samples, sorted by name.

    Raises
    ------
    UserError
        If a file lacks an array, if folds were computed with different settings, or if a sample is in two of them.
    """
    paths = list(paths)
    parts = [_read_arrays(path) for path in paths]
    first = parts[0]
    for path, part in zip(paths, parts, strict=True):
        different = [name for name in PER_FILE if not np.array_equal(part[name], first[name])]
        different += [name for name in WEIGHTED if (name in part) != (name in first)]
        if different:
            raise UserError(
                f"{path}: {different[0]} differs from that of {paths[0]}; compute all folds with the same settings."
            )
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in (*PER_SAMPLE, _weighted_name(first))}
    samples, counts = np.unique(arrays["samples"], return_counts=True)
    if (counts > 1).any():
        raise UserError(f"sample '{samples[counts > 1][0]}' has maps of two folds; read the files of one study.")
    order = np.argsort(arrays["samples"])
    arrays = {name: values[order] for name, values in arrays.items()}
    return Attributions.from_arrays(arrays | {name: first[name] for name in PER_FILE})


def _weighted_name(arrays):
    return next((name for name in WEIGHTED if name in arrays), None)


def _read_arrays(path):
    """Return the arrays of a file; UserError where one is missing."""
    arrays = io.read_arrays(path)
    missing = [name for name in (*PER_SAMPLE, *PER_FILE) if name not in arrays]
    missing += [" or ".join(WEIGHTED)] * (_weighted_name(arrays) is None)
    if missing:
        raise UserError(f"{path}: no attribution maps, {missing[0]} is missing; give a file of results/attribution.")
    return arrays


def flag(values: ArrayLike) -> str:
    """Return why a map is invalid: "" (it is valid), "all zero" or "not finite"."""
    values = np.asarray(values)
    if not np.isfinite(values).all():
        return NOT_FINITE
    return "" if values.any() else ALL_ZERO


def worst_flags(*maps: NDArray) -> NDArray[np.str_]:
    """Return the flag of each sample, the worst over its maps.

    Parameters
    ----------
    *maps : ndarray of shape (n, ...)
        One array a map type.

    Returns
    -------
    ndarray of str, shape (n,)
    """
    flags = [{flag(one) for one in of_sample} for of_sample in zip(*maps, strict=True)]
    return np.array([next((word for word in (NOT_FINITE, ALL_ZERO) if word in some), "") for some in flags], dtype=str)


def window_starts(side: int, patch: int, stride: int) -> NDArray[np.intp]:
    """Return the first pixel of every window along an axis; the last window may be cut off at the border.

    Parameters
    ----------
    side, patch, stride : int
        Pixels of the image, of a window and between windows.

    Returns
    -------
    ndarray of int, shape (n_windows,)

    Raises
    ------
    UserError
        Unless 1 <= stride <= patch <= side.
    """
    if not 1 <= stride <= patch <= side:
        raise UserError(
            f"occlusion: a patch of {patch} pixels moved by {stride} does not cover an image of {side}; "
            "choose attribution.stride <= attribution.patch <= the side of the image."
        )
    return stride * np.arange(-(-(side - patch) // stride) + 1)


def window_coverage(side: int, patch: int, stride: int) -> NDArray[np.bool_]:
    """Return which pixels of an axis each window hides, shape (n_windows, side); see `window_starts`."""
    starts, pixels = window_starts(side, patch, stride)[:, None], np.arange(side)
    return (starts <= pixels) & (pixels < starts + patch)


def window_masks(side: int, patch: int, stride: int, step: int = 1) -> NDArray[np.bool_]:
    """Return the pixels that every window hides, of each axis every `step`-th window alone.

    Returns
    -------
    ndarray of bool, shape (n, n, side, side)
    """
    hidden = window_coverage(side, patch, stride)[::step]
    return hidden[:, None, :, None] & hidden[None, :, None, :]


def windows_to_pixels(effects: NDArray, side: int, patch: int, stride: int) -> NDArray:
    """Average the effects of windows over the windows that cover a pixel.

    Parameters
    ----------
    effects : ndarray of shape (..., n_windows, n_windows)
    side, patch, stride : int
        Pixels of the image, of a window and between windows.

    Returns
    -------
    ndarray of shape (..., side, side)

    Raises
    ------
    UserError
        If the number of effects is not that of this geometry.
    """
    coverage = window_coverage(side, patch, stride).astype(float)
    if effects.shape[-2:] != (len(coverage), len(coverage)):
        raise UserError(
            f"occlusion: {effects.shape[-2:]} effects for {len(coverage)} windows per axis; use one patch and stride."
        )
    weights = coverage / coverage.sum(axis=0)
    return weights.T @ effects @ weights


def interleave(maps_of: Callable[[Any], NDArray], inputs: Any, min_values: int) -> NDArray:
    """Compute maps of images; where they are too coarse, of displaced images, and interleave their values.

    Parameters
    ----------
    maps_of : callable
        Images (n, 3, side, side) -> maps (..., h, h).
    inputs : Tensor or ndarray of shape (n, 3, side, side)
    min_values : int
        Least number of values along each axis.

    Returns
    -------
    ndarray of shape (..., m, m)
        The maps of the images themselves, m = h, where h is at least `min_values`.

    Notes
    -----
    The network sees every image at the size that it knows, displaced by k steps of 1/k of the distance between two
    values along either axis (k is odd and at least min_values / h), with the border reflected. That distance is a power
    of two, the product of the strides. Each value is the mean of k x k neighbours, one of every displacement: a
    displaced image has other outputs, and without the mean the map would show these differences. The displacements are
    chosen so that the values kept, those that fit on the image, lie around its middle.
    """
    first = maps_of(inputs)
    count, side = first.shape[-1], inputs.shape[-1]
    if count >= min_values:
        return first
    steps, stride = -(-min_values // count) // 2 * 2 + 1, 2 ** math.ceil(math.log2(side / count))
    kept = max(min_values, side * steps // stride)
    start = (count * steps - kept) // 2
    origin = side / 2 - 0.5 - stride / steps * (start + (kept - 1) / 2)
    offsets = [math.floor(origin + step * stride / steps + 0.5) for step in range(steps)]
    room = max(map(abs, offsets))
    reflected = np.pad(np.arange(side), room, mode="reflect")
    fine = np.empty((*first.shape[:-2], count * steps, count * steps), first.dtype)
    for row, down in enumerate(offsets):
        for column, across in enumerate(offsets):
            rows, cols = (reflected[room + offset : room + offset + side] for offset in (down, across))
            fine[..., row::steps, column::steps] = maps_of(inputs[..., rows, :][..., cols])
    around = np.pad(fine, [(0, 0)] * (fine.ndim - 2) + [(steps // 2,) * 2] * 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(around, (steps, steps), axis=(-2, -1))
    return windows.mean((-2, -1))[..., start : start + kept, start : start + kept]


def upsample(values: ArrayLike, side: int) -> NDArray[np.float32]:
    """Interpolate maps bilinearly to the size of an image.

    Parameters
    ----------
    values : array_like of shape (..., rows, cols)
        Each value stands at the centre of its cell of the image, as in the paper; beyond the outermost centres the
        value stays constant, so that no value lies outside the range of the map.
    side : int
        Pixels of the image.

    Returns
    -------
    ndarray of float32, shape (..., side, side)
    """
    values = np.asarray(values, dtype=np.float32)
    return _interpolate(_interpolate(values, side, -1), side, -2)


def _interpolate(values, side, axis):
    count = values.shape[axis]
    positions = np.clip((np.arange(side) + 0.5) * count / side - 0.5, 0, count - 1)
    low = np.floor(positions).astype(int)
    weight = np.float32(positions - low).reshape((-1,) + (1,) * (-1 - axis))
    lower, upper = (np.take(values, np.minimum(low + step, count - 1), axis) for step in (0, 1))
    return lower * (1 - weight) + upper * weight
