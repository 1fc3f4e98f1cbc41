"""The layouts of features on disk, as NPZ: a block's features, principal components by fold, fine-tuned features."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from micrograph.files import read_arrays, write_arrays


def write_features(path, samples, values, backbone, module, shape):
    """Write one block's features. values: (samples, width) float32; shape: (channels, rows, cols) of one sample's."""
    write_arrays(path, samples=np.asarray(samples, str), values=values, backbone=backbone, module=module, shape=shape)


class FeatureChunks:
    """The features of one block, in several files of consecutive samples.

    Parameters
    ----------
    paths : iterable of path
        Files by `write_features`, in the order of the samples.

    Attributes
    ----------
    samples : ndarray of str, shape (n_samples,)
        Names of the samples of all files.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._paths = list(paths)
        self.samples = np.concatenate([_member(path, "samples") for path in self._paths])

    def table(self) -> NDArray[np.float32]:
        """Return the features of all samples at once, shape (n_samples, n_features)."""
        parts = [_member(path, "values") for path in self._paths]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def blocks(self, rows: int) -> Iterator[NDArray[np.float32]]:
        """Yield the features in blocks of `rows` samples (the last has what is left), whatever the files hold."""
        left = None
        for path in self._paths:
            values = _member(path, "values")
            values = np.concatenate([left, values]) if left is not None and len(left) else values
            whole = len(values) - len(values) % rows
            for start in range(0, whole, rows):
                yield values[start : start + rows]
            left = values[whole:]
        if len(left):
            yield left


def _member(path, name):
    """One array of an NPZ; the others are not read."""
    with np.load(path, allow_pickle=False) as stored:
        return stored[name]


def write_components(path, samples, fits):
    """Write every fold's components (components.Components) as scores_0, explained_0, dual_0, rows_0, scores_1, ...

    Randomised components have no dual.
    """
    arrays = {
        f"{name}_{fold}": getattr(fit, name)
        for fold, fit in enumerate(fits)
        for name in ("scores", "explained", "dual", "rows")
        if getattr(fit, name) is not None
    }
    write_arrays(path, samples=np.asarray(samples, str), **arrays)


def read_scores(path):
    """What a fit learns from: samples (n,), copies (n,) int and, fold by fold, the scores (n, k) of all rows.

    Reads what write_components and write_tuned wrote; without copies, every row is copy 0, a sample's own micrograph.
    """
    arrays = read_arrays(path)
    folds = sum(name.startswith("scores_") for name in arrays)
    copies = arrays.get("copies", np.zeros(len(arrays["samples"]), dtype=int))
    return arrays["samples"], copies, [arrays[f"scores_{fold}"] for fold in range(folds)]


def write_tuned(path, samples, copies, scores):
    """Write fine-tuned features: samples (n,), copies (n,), and every fold's scores (n, k)."""
    folds = {f"scores_{fold}": values for fold, values in enumerate(scores)}
    write_arrays(path, samples=np.asarray(samples, str), copies=np.asarray(copies, int), **folds)
