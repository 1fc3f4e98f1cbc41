"""The layouts of features on disk, as NPZ: a block's features, principal components by fold, fine-tuned features."""

import numpy as np

from micrograph.files import read_arrays, write_arrays


def write_features(path, samples, values, backbone, module, shape):
    """Write one block's features. values: (samples, width) float32; shape: (channels, rows, cols) of one sample's."""
    write_arrays(path, samples=np.asarray(samples, str), values=values, backbone=backbone, module=module, shape=shape)


def write_components(path, samples, fits):
    """Write every fold's components (components.Components) as scores_0, explained_0, dual_0, rows_0, scores_1, ..."""
    arrays = {
        f"{name}_{fold}": getattr(fit, name)
        for fold, fit in enumerate(fits)
        for name in ("scores", "explained", "dual", "rows")
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
