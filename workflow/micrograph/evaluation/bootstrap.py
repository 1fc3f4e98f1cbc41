"""Intervals by resampling growth batches, paired between fits.

Counts are summed batch by batch first, so a bootstrap is one matrix product.
"""

import numpy as np

from micrograph.errors import UserError, lookup
from micrograph.evaluation import metrics
from micrograph.evaluation.metrics import tally_by_batch

LEVEL = 0.95


def cluster_weights(batches, resamples, rng):
    """(resamples, batches) times that each batch is drawn when as many are drawn with replacement."""
    return rng.multinomial(batches, np.full(batches, 1 / batches), size=resamples).astype(float)


def bootstrap(predictions, metric, classes, resamples, rng):
    """The 95 % interval (low, high) of a metric over all rows, by drawing whole batches with replacement.

    A batch keeps its rows together, since films of one growth day are alike; a sample predicted by several fits stays
    in its batch too, so repeats do not narrow the interval. Percentiles of the resampled values; (NaN, NaN) with fewer
    than two batches.
    """
    return intervals(predictions, [metric], classes, resamples, rng)[metric]


def intervals(predictions, names, classes, resamples, rng):
    """{metric: (low, high)} as of bootstrap, of several metrics from the same draws."""
    rows = [lookup(metric, metrics.METRICS, "metric") for metric in names]
    sums = {row.tally: tally_by_batch(predictions, row.tally, classes) for row in rows}
    batches = predictions["batch"].nunique()
    if batches < 2:
        return dict.fromkeys(names, (np.nan, np.nan))
    times = cluster_weights(batches, resamples, rng)
    drawn = {tally: np.tensordot(times, each, axes=1) for tally, each in sums.items()}
    return {name: interval(row.value(drawn[row.tally], classes)) for name, row in zip(names, rows, strict=True)}


def paired_bootstrap(first, second, metric, classes, resamples, rng):
    """The 95 % interval of metric(first) - metric(second) when both are redrawn by the same batches.

    first, second: predictions of the same samples by two models. An interval that holds 0 cannot tell them apart.
    """
    one, other = _resampled([first, second], metric, classes, resamples, rng)
    return interval(one - other)


def indistinguishable_from_best(frames, metric, classes, resamples, rng):
    """Which of several models' predictions are best: (frames,) bool, true for the best and for all not told from it.

    frames: predictions of the same samples. Told from the best is whose difference from it has, redrawn by the same
    batches, a 95 % interval without 0. A model without a score is never among the best.
    """
    values = np.array([metrics.score(frame, metric, classes) for frame in frames])
    if np.isnan(values).all():
        return np.zeros(len(frames), dtype=bool)
    best = np.nanargmax(values if metrics.METRICS[metric].rising else -values)
    drawn = _resampled(frames, metric, classes, resamples, rng)
    apart = np.array([interval(drawn[best] - other) for other in drawn])
    told = (apart[:, 0] > 0) | (apart[:, 1] < 0)
    return ~np.isnan(values) & ~told


def _resampled(frames, metric, classes, resamples, rng):
    """(frames, resamples) values of a metric, all frames redrawn by the same batches; empty with fewer than two."""
    films = [frame[["sample", "batch"]].drop_duplicates().sort_values("sample").to_numpy() for frame in frames]
    if not all(np.array_equal(films[0], other) for other in films[1:]):
        raise UserError("two models that predict different samples cannot be told apart: compare within one protocol.")
    row = lookup(metric, metrics.METRICS, "metric")
    sums = np.stack([metrics.tally_by_batch(frame, row.tally, classes) for frame in frames])
    if sums.shape[1] < 2:
        return np.empty((len(frames), 0))
    drawn = np.tensordot(cluster_weights(sums.shape[1], resamples, rng), sums, axes=(1, 1))
    return row.value(np.moveaxis(drawn, 1, 0), classes)


def interval(values):
    """The 95 % interval (low, high) of redrawn values: percentiles. Draws without a value (kappa where all films are of
    one class) are left out, and there is no interval (NaN, NaN) where they are more than the tails."""
    found = values[np.isfinite(values)]
    if not len(values) or len(found) < LEVEL * len(values):
        return np.nan, np.nan
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
