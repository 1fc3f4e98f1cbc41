"""Detect scans out of distribution: by their measures, and by the texture of their micrographs.

The embedding of a micrograph is its texture in the network before fine-tuning, whose weights have not been trained on
the study's labels (nor, but for the pretraining `films`, on its micrographs): mean and standard deviation of
every channel of the third block. Its distance is the cosine distance to the NEIGHBOURS-th nearest sample of the study.
Pooled features of the last block do not separate noise from films: deep features discard fine texture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import torch

NEIGHBOURS = 5
BLOCK = "block3"
OUT_OF_DISTRIBUTION = "out of distribution"
BATCH_SIZE = 128  # micrographs whose feature maps are in memory together


@dataclass(frozen=True)
class Measure:
    """A measure of a scan.

    Parameters
    ----------
    phrase : str
        How a sentence names it.
    unit : str
        nm, or what is counted.
    tolerance : float
        Factor by which it may leave the study's range.
    """

    phrase: str
    unit: str
    tolerance: float


MEASURES = {
    "width_nm": Measure("is {} wide", "nm", 1.1),
    "lines": Measure("has {}", "line", 1.1),
    "pixels": Measure("has {} per line", "pixel", 1.1),
    "scan_pixel_nm": Measure("has pixels of {}", "nm", 1.1),
    "relief_nm": Measure("has a height range of {}", "nm", 2.0),
}


def embed(
    network: torch.nn.Module, facts: Mapping[str, Any], micrographs: Iterable[NDArray[np.uint8]], device: str = "auto"
) -> NDArray[np.float32]:
    """Compute the embeddings of micrographs, in fp32, so that those of other days can be compared.

    Parameters
    ----------
    network : Module
        With the weights before fine-tuning.
    facts : mapping
        backbone, mean and std.
    micrographs : iterable of ndarray of uint8, shape (rows, cols)
        Of one size.
    device : {"auto", "cpu", "cuda", "mps"}

    Returns
    -------
    ndarray of float32, shape (n, 2 * n_channels)
    """
    rest, results = iter(micrographs), []
    while batch := list(islice(rest, BATCH_SIZE)):
        results.append(_textures(network, facts, np.stack(batch), device))
    return np.concatenate(results)


def _textures(
    network: torch.nn.Module, facts: Mapping[str, Any], images: NDArray[np.uint8], device: str
) -> NDArray[np.float32]:
    """Compute the texture of images (n, rows, cols) in BLOCK."""
    from micrograph.networks import features  # it imports torch

    block = {one.name: one for one in features.describe_blocks(facts["backbone"], images.shape[1])}[BLOCK]
    maps = features.extract(
        network, {block.name: block.module}, images, facts["mean"], facts["std"], precision="fp32", device=device
    )
    return texture(maps[block.name], block.shape)


def texture(maps: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """Return mean and standard deviation of every channel.

    Parameters
    ----------
    maps : ndarray of shape (n, channels * rows * cols)
        Features of a block, as of `features.extract`.
    shape : (channels, rows, cols)

    Returns
    -------
    ndarray of float32, shape (n, 2 * channels)
    """
    channels = maps.reshape(len(maps), shape[0], -1)
    return np.concatenate([channels.mean(axis=2), channels.std(axis=2)], axis=1).astype(np.float32)


def distances(embeddings: ArrayLike, known: ArrayLike) -> NDArray[np.float64]:
    """Return cosine distances (m, n), 0 to 2, of embeddings (m, k) to known ones (n, k); 1 from a zero vector."""
    first, second = (_unit(np.asarray(values, dtype=float)) for values in (embeddings, known))
    return np.clip(1 - first @ second.T, 0, 2)


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def nearest(row: NDArray[np.float64], count: int = NEIGHBOURS) -> NDArray[np.intp]:
    """Return the indices of the smallest of distances (n,), nearest first, of equals the first."""
    return np.argsort(row, kind="stable")[:count]


def distance_to_study(row: NDArray[np.float64]) -> float:
    """Return the distance to the NEIGHBOURS-th nearest sample (of fewer, the last), of distances (n,)."""
    return float(row[nearest(row)[-1]])


def distances_between_batches(embeddings: NDArray[np.float32], batches: ArrayLike) -> NDArray[np.float64]:
    """Return each sample's distance to the samples of other batches, as a sample of a new day would have it.

    Parameters
    ----------
    embeddings : ndarray of shape (n, k)
    batches : array_like of shape (n,)

    Returns
    -------
    ndarray of shape (n,)
        NaN for a single batch. Computed batch by batch, so that memory does not grow with n squared.
    """
    batches, result = np.asarray(batches), np.full(len(embeddings), np.nan)
    for batch in np.unique(batches):
        own = batches == batch
        if not own.all():
            result[own] = [distance_to_study(row) for row in distances(embeddings[own], embeddings[~own])]
    return result


def threshold(between: NDArray[np.float64], quantile: float) -> float:
    """Return a quantile of `distances_between_batches` (n,); infinite for a single batch."""
    return float(np.quantile(between, quantile)) if len(between) and np.isfinite(between).all() else float("inf")


def flagged_share(
    between: NDArray[np.float64], batches: ArrayLike, quantile: float, films: ArrayLike | None = None
) -> float:
    """Return the share of the study's films with a scan beyond the threshold with their own batch left out of it.

    Parameters
    ----------
    between : ndarray of shape (n,)
        Of `distances_between_batches`.
    batches : array_like of shape (n,)
    quantile : float
    films : array_like of shape (n,), optional
        By default every scan is a film.

    Returns
    -------
    float
        The false-alarm rate to expect of films of new days that are like the study's.
    """
    batches, far = np.asarray(batches), np.zeros(len(between), dtype=bool)
    for batch in np.unique(batches):
        own = batches == batch
        far[own] = between[own] > threshold(between[~own], quantile)
    if films is None:
        return float(far.mean())
    _, place = np.unique(np.asarray(films, dtype=str), return_inverse=True)
    return float((np.bincount(place, far) > 0).mean())


def ranges(measures: Mapping[str, ArrayLike]) -> dict[str, list[float]]:
    """Return [minimum, maximum] of every measure of the study, NaN left out; a measure without a value is left out."""
    finite = {name: np.asarray(values, dtype=float) for name, values in measures.items()}
    finite = {name: values[np.isfinite(values)] for name, values in finite.items()}
    return {name: [float(values.min()), float(values.max())] for name, values in finite.items() if len(values)}


def unusual_measures(measures: Mapping[str, float | None], limits: Mapping[str, Sequence[float]]) -> list[str]:
    """List the measures outside of the study's ranges.

    Parameters
    ----------
    measures : mapping of str to float
        Of one scan; None or NaN where unknown.
    limits : mapping of str to (minimum, maximum)
        Of `ranges`; the tolerance of MEASURES is allowed on either side.

    Returns
    -------
    list of str
        A sentence for each; an unknown width counts as outside.
    """
    reasons = []
    for name, (least, most) in limits.items():
        row, value = MEASURES[name], measures.get(name)
        if value is None or not np.isfinite(value):
            if name == "width_nm":
                reasons.append("its width is unknown")
        elif not least / row.tolerance <= value <= most * row.tolerance:
            study = _amount(least, row) if least == most else f"{least:.4g} to {_amount(most, row)}"
            reasons.append(f"it {row.phrase.format(_amount(value, row))}, the study's samples {study}")
    return reasons


def _amount(value: float, row: Measure) -> str:
    """Format a number with its unit: 10000, nm -> "10 µm"; 1, line -> "1 line"."""
    if row.unit == "nm":
        return f"{value / 1000:.4g} µm" if value >= 2000 else f"{value:.4g} nm"
    return counted(value, row.unit)


def counted(count: float, noun: str) -> str:
    """Format a number of things: 1, line -> "1 line"."""
    return f"{count:.4g} {noun}{'' if count == 1 else 's'}"
