"""Cluster bootstrap over growth batches: 95 % intervals of scores, paired between fits.

Samples of one growth batch are not independent, so that whole batches are drawn with replacement. Counts are summed by
batch first: a bootstrap is one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError, lookup
from micrograph.evaluation import metrics

LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
ENDS = ("", "_low", "_high")  # of the columns of a value and its interval


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn.

    Parameters
    ----------
    classes : sequence of float
        Values of the classes in the target's unit, ascending.
    n_bootstrap : int
        Number of resamples.
    seed : int or Generator
        With an integer every interval uses the same resamples of the same batches, so that rows of a table do not
        depend on the rows beside them; a Generator continues its stream.
    ordered : bool
        Whether the classes have an order; otherwise there are no errors and no weighted kappa.
    """

    classes: Sequence[float]
    n_bootstrap: int
    seed: int | np.random.Generator
    ordered: bool = True

    @property
    def rng(self) -> np.random.Generator:
        """The generator of the next resamples."""
        return np.random.default_rng(self.seed)

    def weights(self, n_clusters: int) -> NDArray[np.float64]:
        """Draw the weights of so many clusters, as `cluster_weights`."""
        if isinstance(self.seed, int):
            return _weights_of_seed(n_clusters, self.n_bootstrap, self.seed)
        return cluster_weights(n_clusters, self.n_bootstrap, self.rng)


def cluster_weights(n_clusters: int, n_bootstrap: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Count how often each cluster is drawn when as many as there are are drawn with replacement.

    Returns
    -------
    ndarray of shape (n_bootstrap, n_clusters)
    """
    return rng.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=n_bootstrap).astype(float)


@lru_cache(maxsize=2)
def _weights_of_seed(n_clusters: int, n_bootstrap: int, seed: int) -> NDArray[np.float64]:
    """Draw the weights of an integer seed, which a table asks for again and again."""
    weights = cluster_weights(n_clusters, n_bootstrap, np.random.default_rng(seed))
    weights.setflags(write=False)
    return weights


def cluster_sums(values: NDArray, cluster: NDArray[np.int64], n_clusters: int) -> NDArray[np.float64]:
    """Sum rows by cluster.

    Parameters
    ----------
    values : ndarray of shape (n, ...)
    cluster : ndarray of shape (n,)
        Index of the cluster of each row.
    n_clusters : int

    Returns
    -------
    ndarray of shape (n_clusters, ...)
    """
    sums = np.zeros((n_clusters, *values.shape[1:]))
    np.add.at(sums, cluster, values)
    return sums


def resample(weights: NDArray[np.float64], sums: NDArray) -> NDArray[np.float64]:
    """Sum over the clusters of every resample.

    Parameters
    ----------
    weights : ndarray of shape (n_bootstrap, n_clusters)
    sums : ndarray of shape (n_clusters, ...)

    Returns
    -------
    ndarray of shape (n_bootstrap, ...)
    """
    return weights @ sums if sums.ndim <= 2 else np.tensordot(weights, sums, axes=1)


def quantiles(values: NDArray[np.float64], probabilities: Sequence[float]) -> NDArray[np.float64]:
    """Return quantiles of the mid-distribution of resampled values.

    Few growth days of few samples leave a resampled score few values to take. A usual quantile then jumps from one to
    the next with the seed, however many resamples there are; between the middles of the values' steps it does not.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Finite; equal ones within 1e-9.
    probabilities : sequence of float

    Returns
    -------
    ndarray of shape (n_probabilities,)

    References
    ----------
    Y. Ma, M. G. Genton, E. Parzen, "Asymptotic properties of sample quantiles of discrete distributions", 2011.
    """
    taken, counts = np.unique(np.round(values, 9), return_counts=True)
    return np.interp(probabilities, (np.cumsum(counts) - counts / 2) / len(values), taken)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the percentile interval of resampled values, by `quantiles`.

    Resamples without a value (kappa where all samples are of one class, balanced accuracy where a class is missing) are
    left out; there is no interval, (NaN, NaN), where they are more than the tails.
    """
    finite = values[np.isfinite(values)]
    if not len(values) or len(finite) < LEVEL * len(values):
        return np.nan, np.nan
    low, high = quantiles(finite, TAILS)
    return float(low), float(high)


def columns(name: str, values: Iterable[float], factor: float = 1) -> dict[str, float]:
    """Return the columns of a value, low and high, each times a factor: ``{name}``, ``{name}_low``, ``{name}_high``."""
    return {f"{name}{end}": factor * value for end, value in zip(ENDS, values, strict=True)}


def bootstrap(predictions: pd.DataFrame, metric: str, resampling: Resampling) -> tuple[float, float]:
    """Return the interval of one metric over all rows; see `intervals`."""
    return intervals(predictions, [metric], resampling)[metric]


def intervals(
    predictions: pd.DataFrame, names: Iterable[str], resampling: Resampling
) -> dict[str, tuple[float, float]]:
    """Return the intervals of several metrics over all rows, from the same resamples.

    Parameters
    ----------
    predictions : DataFrame
        Columns of :mod:`micrograph.splits.prediction_table`. A sample predicted by several fits stays in its batch, so
        that repeats do not narrow an interval.
    names : iterable of str
        Keys of `metrics.METRICS`.
    resampling : Resampling

    Returns
    -------
    dict
        {metric: (low, high)}; (NaN, NaN) with fewer than two batches.
    """
    rows = {name: lookup(name, metrics.METRICS, "metric") for name in names}
    sums = {row.tally: metrics.tally_by_batch(predictions, row.tally, resampling.classes) for row in rows.values()}
    n_batches = predictions["batch"].nunique()
    if n_batches < 2:
        return dict.fromkeys(rows, (np.nan, np.nan))
    weights = resampling.weights(n_batches)
    resampled = {tally: resample(weights, each) for tally, each in sums.items()}
    return {
        name: interval(row.resampled(resampled[row.tally], resampling.classes, sums[row.tally].sum(axis=0)))
        for name, row in rows.items()
    }


def paired_bootstrap(
    first: pd.DataFrame, second: pd.DataFrame, metric: str, resampling: Resampling
) -> tuple[float, float]:
    """Return the interval of metric(first) - metric(second), both resampled by the same batches.

    Parameters
    ----------
    first, second : DataFrame
        Predictions of the same samples by two models.
    metric : str
    resampling : Resampling

    Returns
    -------
    tuple of float
        The models are indistinguishable where the interval holds 0.
    """
    one, other = _resampled([first, second], metric, resampling)
    return interval(one - other)


def indistinguishable_from_best(
    frames: Sequence[pd.DataFrame], metric: str, resampling: Resampling
) -> NDArray[np.bool_]:
    """Mark the best of several models and those that a paired bootstrap does not distinguish from it.

    Parameters
    ----------
    frames : sequence of DataFrame
        Predictions of the same samples, one table a model.
    metric : str
    resampling : Resampling

    Returns
    -------
    ndarray of bool, shape (n_models,)
        Never true for a model without a score.
    """
    values = np.array([metrics.score(frame, metric, resampling.classes) for frame in frames])
    if np.isnan(values).all():
        return np.zeros(len(frames), dtype=bool)
    best = np.nanargmax(values if metrics.METRICS[metric].higher_is_better else -values)
    resampled = _resampled(frames, metric, resampling)
    ends = np.array([interval(resampled[best] - other) for other in resampled])
    return ~np.isnan(values) & ~((ends[:, 0] > 0) | (ends[:, 1] < 0))


def _resampled(frames: Sequence[pd.DataFrame], metric: str, resampling: Resampling) -> NDArray[np.float64]:
    """(frames, n_bootstrap) values of a metric on the same resamples; empty with fewer than two batches."""
    samples = [frame[["sample", "batch"]].drop_duplicates().sort_values("sample").to_numpy() for frame in frames]
    if not all(np.array_equal(samples[0], other) for other in samples[1:]):
        raise UserError("two models that predict different samples cannot be compared: compare within one protocol.")
    row = lookup(metric, metrics.METRICS, "metric")
    sums = np.stack([metrics.tally_by_batch(frame, row.tally, resampling.classes) for frame in frames], axis=1)
    if len(sums) < 2:
        return np.empty((len(frames), 0))
    resampled = resample(resampling.weights(len(sums)), sums)
    return row.resampled(np.moveaxis(resampled, 1, 0), resampling.classes, sums[:, 0].sum(axis=0))
