"""Scores of predicted values: absolute and squared error, R², rank correlation, on resamples of growth batches.

A resample counts each sample as often as its batch is drawn; scores are those of the counted samples.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from micrograph.evaluation import bootstrap
from micrograph.evaluation.bootstrap import Resampling

SCORES = ("mae", "rmse", "r2", "rank_correlation")
CHUNK = 2_000_000  # weights at a time


def resampled(
    y_true: ArrayLike, y_pred: ArrayLike, batch: ArrayLike, resampling: Resampling
) -> dict[str, NDArray[np.float64]]:
    """Return the scores of all samples, and of every resample of their batches.

    Parameters
    ----------
    y_true, y_pred : array_like of shape (n,)
        Values in the target's unit.
    batch : array_like of shape (n,)
        Names of the growth batches.
    resampling : Resampling

    Returns
    -------
    dict
        {name of `SCORES`: ndarray of shape (1 + n_bootstrap,)}, the first the score itself; (1,) with fewer than two
        batches. NaN throughout where a prediction is missing; of R² where all true values are equal, and of the rank
        correlation where either side is.
    """
    true, predicted = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
    names, place = np.unique(np.asarray(batch, dtype=str), return_inverse=True)
    weights = np.ones((1, len(names)))
    if len(names) > 1:
        weights = np.vstack([weights, resampling.weights(len(names))])
    if not len(true) or np.isnan(predicted).any():
        return dict.fromkeys(SCORES, np.full(len(weights), np.nan))
    chunks = np.array_split(weights, -(-weights.shape[0] * len(true) // CHUNK))
    ranked = np.concatenate([rank_correlation(true, predicted, chunk[:, place]) for chunk in chunks])
    centred, error = true - true.mean(), predicted - true
    columns = np.stack([np.ones(len(true)), np.abs(error), error**2, centred, centred**2], axis=-1)
    count, absolute, squared, total, squares = (weights @ bootstrap.cluster_sums(columns, place, len(names))).T
    spread = squares - total**2 / count
    varied = spread > 1e-12 * np.maximum(squares, 1e-300)
    share = np.divide(squared, spread, out=np.full(len(count), np.nan), where=varied)
    return {"mae": absolute / count, "rmse": np.sqrt(squared / count), "r2": 1 - share, "rank_correlation": ranked}


def columns(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    """Return the columns of a score and its 95 % interval: ``{name}``, ``{name}_low``, ``{name}_high``."""
    return bootstrap.columns(name, (float(values[0]), *bootstrap.interval(values[1:])))


def change(first: Mapping[str, NDArray], second: Mapping[str, NDArray], score: str) -> NDArray[np.float64]:
    """Return the first model's score less the second's, on the same resamples."""
    return first[score] - second[score]


def rank_correlation(first: ArrayLike, second: ArrayLike, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute Spearman's correlation of weighted samples.

    Parameters
    ----------
    first, second : array_like of shape (n,)
    weights : ndarray of shape (k, n)
        How often each sample counts.

    Returns
    -------
    ndarray of shape (k,)
        NaN where a side has one value only.
    """
    ranks = [_ranks(np.asarray(values, float), weights) for values in (first, second)]
    total = weights.sum(axis=1, keepdims=True)
    one, other = (each - (weights * each).sum(axis=1, keepdims=True) / total for each in ranks)
    spread = np.sqrt((weights * one**2).sum(axis=1) * (weights * other**2).sum(axis=1))
    covariance = (weights * one * other).sum(axis=1)
    return np.divide(covariance, spread, out=np.full(len(spread), np.nan), where=spread > 0)


def _ranks(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mid-ranks (k, n) of weighted samples: the weight below a value and half of that of its equals."""
    _, place = np.unique(values, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    at_value = np.add.reduceat(weights[:, order], starts, axis=1)
    return (np.cumsum(at_value, axis=1) - at_value / 2)[:, place]
