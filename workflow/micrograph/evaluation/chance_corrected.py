"""Accuracy, and accuracy above chance level, with cluster-bootstrap resamples.

The chance level is the mean accuracy of the same predictions permuted among the samples of each fold. Tables carry
``unit``, an integer for what is resampled together (a growth batch; of permuted labels a permutation), and ``group``,
an integer for the samples that predictions are permuted among (a fold), beside ``y_true`` and ``y_pred``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.evaluation import bootstrap, metrics
from micrograph.evaluation.bootstrap import Resampling


def accuracy(frames: Sequence[pd.DataFrame], resampling: Resampling) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return accuracy, and accuracy less the chance level, of several tables on the same resamples of units.

    Parameters
    ----------
    frames : sequence of DataFrame
    resampling : Resampling

    Returns
    -------
    accuracy, above_chance : ndarray of shape (n_frames, 1 + n_bootstrap)
        In percent; the first column is the value itself. There is no other column where a frame has fewer than two
        units; NaN where a frame has no row, or none of its rows is drawn.
    """
    units = np.unique(np.concatenate([frame["unit"].to_numpy() for frame in frames]))
    weights = np.ones((1, len(units)))
    if min(frame["unit"].nunique() for frame in frames) > 1:
        weights = np.concatenate([weights, resampling.weights(len(units))])
    sums = np.stack([bootstrap.resample(weights, _sums(frame, units, resampling.classes)) for frame in frames])
    counts = sums[..., 2:]
    share = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return 100 * share[..., 0], 100 * share[..., 1]


def _sums(rows: pd.DataFrame, units: NDArray[np.int64], classes: Sequence[float]) -> NDArray[np.float64]:
    """(units, 3) sums over the rows of each unit: correct, above chance, rows.

    Above chance in a fold of n rows, of which t_c are of class c and p_c are predicted c: correct - sum(t_c p_c) / n. A
    row of class i predicted j contributes [i = j] - p_i / n - t_j / n + sum(t_c p_c) / n^2. These parts are resampled:
    resampling the folds themselves would make their few batches more similar than they are, and what is above chance
    too small.
    """
    if rows.empty:
        return np.zeros((len(units), 3))
    group = np.unique(rows["group"].to_numpy(), return_inverse=True)[1]
    pairs = group * len(units) + np.searchsorted(units, rows["unit"].to_numpy())
    kept, cell = np.unique(pairs, return_inverse=True)
    folds, unit = np.divmod(kept, len(units))
    counts = metrics.METRICS["accuracy"].tally(rows, cell, len(kept), classes)
    correct, total = np.trace(counts[..., :-1], axis1=-2, axis2=-1), counts.sum(axis=(-2, -1))
    above = correct - (counts * _chance(counts, folds)[folds]).sum(axis=(-2, -1))
    columns = np.stack([correct, _widened(above, total, folds), total], axis=-1)
    return bootstrap.cluster_sums(columns, unit, len(units))


def _chance(counts: NDArray[np.float64], folds: NDArray[np.int64]) -> NDArray[np.float64]:
    """(folds, classes, classes + 1) p_i / n + t_j / n - sum(t_c p_c) / n^2; p is 0 for a missing prediction."""
    held = bootstrap.cluster_sums(counts, folds, folds.max() + 1)
    share = held / held.sum(axis=(-2, -1), keepdims=True)
    true, predicted = share.sum(axis=-1), share[..., :-1].sum(axis=-2)
    both = (true * predicted).sum(axis=-1)
    return predicted[:, :, None] + np.pad(true, ((0, 0), (0, 1)))[:, None, :] - both[:, None, None]


def _widened(above: NDArray[np.float64], total: NDArray[np.float64], folds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Widen the distances of a fold's k batches from the fold's mean by sqrt(k / (k - 1)).

    They are compared with shares that they are part of, which takes away one of k. Sums stay as they are.
    """
    size, held, whole = (np.bincount(folds, weights) for weights in (None, above, total))
    mean = (held / whole)[folds] * total
    return mean + np.sqrt(size / np.maximum(size - 1, 1))[folds] * (above - mean)
