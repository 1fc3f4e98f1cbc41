"""Temperature scaling and split conformal prediction sets, both fitted on samples of growth days held out of training.

References
----------
C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.
Y. Lee, R. F. Barber, R. Willett, "Distribution-free inference with hierarchical data", 2023: conformal prediction for
samples grouped by day; with one sample per day it is the textbook rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from micrograph.evaluation import bootstrap
from micrograph.target import Target

LEAST = 1e-6  # no temperature changes a probability of 0
TEMPERATURES = (0.05, 20.0)
BISECTIONS = 60
ROUNDING = 1e-9


@dataclass(frozen=True)
class LabelledScores:
    """Predicted probabilities of n samples with their true classes.

    Parameters
    ----------
    scores : ndarray of shape (n, n_classes)
        Probabilities.
    true_index : ndarray of int, shape (n,)
        Index of the true class.
    batches : ndarray of str, shape (n,)
        Growth days.
    classes : ndarray of shape (n_classes,)
        Values of the classes in the target's unit, ascending.
    known_value : ndarray of shape (n,), optional
        True values, NaN where only the class is known.
    """

    scores: NDArray[np.float64]
    true_index: NDArray[np.int64]
    batches: NDArray[np.str_]
    classes: NDArray[np.float64]
    known_value: NDArray[np.float64] | None = None

    @property
    def true_value(self) -> NDArray[np.float64]:
        """The true values (n,), those of the classes where nothing else is known."""
        of_class, known = self.classes[self.true_index], self.known_value
        return of_class if known is None else np.where(np.isnan(known), of_class, known)

    def take(self, rows: NDArray) -> LabelledScores:
        """Return some of the samples."""
        value = None if self.known_value is None else self.known_value[rows]
        return LabelledScores(self.scores[rows], self.true_index[rows], self.batches[rows], self.classes, value)


def labelled_scores(predictions: pd.DataFrame, target: Target, split: str = "test") -> LabelledScores:
    """Take probabilities and true classes of one split from a table of predictions.

    Parameters
    ----------
    predictions : DataFrame
        With the target's `score_columns`.
    target : Target
    split : str

    Returns
    -------
    LabelledScores
        A missing prediction counts as equal scores; a class without a score beside others that have one (not in the
        training samples) as a score of 0.
    """
    rows = predictions[predictions["split"] == split]
    scores = rows[target.score_columns].to_numpy(float)
    lost = np.isnan(scores)
    scores = np.where(lost, np.where(lost.all(axis=1, keepdims=True), 1 / scores.shape[1], 0.0), scores)
    classes = np.asarray(target.classes, dtype=float)
    true_index = np.searchsorted(classes, rows["y_true"].to_numpy(float))
    value = rows["y_true_value"].to_numpy(float) if "y_true_value" in rows else None
    return LabelledScores(scores, true_index, rows["batch"].to_numpy(str), classes, value)


def fit_temperature(scores: NDArray[np.float64], true_index: NDArray[np.int64]) -> float:
    """Find the temperature T with the least log loss of probabilities p^(1/T).

    Parameters
    ----------
    scores : ndarray of shape (n, n_classes)
        Probabilities.
    true_index : ndarray of int, shape (n,)

    Returns
    -------
    float
        Within TEMPERATURES.

    Notes
    -----
    As in Platt's scaling the true class counts as (n + 1) / (n + n_classes) and each other class as 1 /
    (n + n_classes), so that a few correct predictions do not push T to 0. The loss is convex in 1/T: bisection.
    """
    logs = np.log(np.maximum(scores, LEAST))
    count, classes = logs.shape
    target = np.full(logs.shape, 1 / (count + classes))
    target[np.arange(count), true_index] = (count + 1) / (count + classes)
    sharp, flat = (np.log(1 / temperature) for temperature in TEMPERATURES)
    for _ in range(BISECTIONS):
        middle = (sharp + flat) / 2
        slope = ((scale(scores, np.exp(-middle)) - target) * logs).sum()
        sharp, flat = (middle, flat) if slope > 0 else (sharp, middle)
    return float(np.exp(-(sharp + flat) / 2))


def scale(scores: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Apply a temperature: p^(1/T), normalised; probabilities below LEAST count as LEAST.

    Parameters
    ----------
    scores : ndarray of shape (n, n_classes)
        Probabilities.
    temperature : float

    Returns
    -------
    ndarray of shape (n, n_classes)
    """
    logs = np.log(np.maximum(scores, LEAST)) / temperature
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def expected_value(probabilities: ArrayLike, classes: ArrayLike) -> NDArray[np.float64]:
    """Return the mean value of probabilities (n, n_classes) of classes, in the target's unit."""
    return np.asarray(probabilities) @ np.asarray(classes, dtype=float)


def conformal_quantile(values: ArrayLike, batches: ArrayLike, coverage: float) -> float:
    """Return the smallest value that a sample of a new day does not exceed with a given probability.

    Parameters
    ----------
    values : array_like of shape (n,)
        Non-conformity scores.
    batches : array_like of shape (n,)
        Growth days.
    coverage : float
        0 to 1.

    Returns
    -------
    float
        Infinite with too few days.

    Notes
    -----
    Each of D days weighs 1 / (D + 1), shared by its samples, and the new day weighs as much, at infinity. With one
    sample a day that is the value of rank ceil((n + 1) coverage).
    """
    values = np.asarray(values, dtype=float)
    _, day, size = np.unique(batches, return_inverse=True, return_counts=True)
    order = np.argsort(values, kind="stable")
    covered = np.cumsum(1 / (size[day][order] * (len(size) + 1)))
    reached = np.flatnonzero(covered >= coverage - ROUNDING)
    return float(values[order[reached[0]]]) if len(reached) else float("inf")


def prediction_sets(probabilities: ArrayLike, limit: float) -> NDArray[np.bool_]:
    """Mark the classes of each sample's prediction set.

    Parameters
    ----------
    probabilities : array_like of shape (n, n_classes)
    limit : float
        Largest 1 - p of a class in the set.

    Returns
    -------
    ndarray of bool, shape (n, n_classes)
        Never empty: the most probable class is always in the set.
    """
    probabilities = np.asarray(probabilities)
    inside = 1 - probabilities <= limit + ROUNDING
    inside[np.arange(len(probabilities)), probabilities.argmax(axis=1)] = True
    return inside


def constant_set(true_index: NDArray[np.int64], n_classes: int, size: int = 2) -> NDArray[np.bool_]:
    """Mark the most frequent classes, of equals the lower: a set that ignores the micrograph.

    Parameters
    ----------
    true_index : ndarray of int, shape (n,)
        Index of each sample's class.
    n_classes : int
    size : int
        How many classes.

    Returns
    -------
    ndarray of bool, shape (n_classes,)
    """
    inside = np.zeros(n_classes, dtype=bool)
    inside[np.argsort(-np.bincount(true_index, minlength=n_classes), kind="stable")[:size]] = True
    return inside


def constant_interval(values: ArrayLike, batches: ArrayLike, coverage: float) -> tuple[float, float]:
    """Return the shortest interval that holds a share of the values, days weighing equally: it needs no picture.

    Parameters
    ----------
    values : array_like of shape (n,)
    batches : array_like of shape (n,)
        Growth days.
    coverage : float
        0 to 1.

    Returns
    -------
    low, high : float
        Of equal lengths the interval that holds most, then the lowest.
    """
    values = np.asarray(values, dtype=float)
    _, day, size = np.unique(batches, return_inverse=True, return_counts=True)
    ends, place = np.unique(values, return_inverse=True)
    held = np.cumsum(np.bincount(place, 1 / (size[day] * len(size))))
    before = np.concatenate([[0.0], held[:-1]])
    first = np.flatnonzero(held[-1] - before >= coverage - ROUNDING)
    last = np.searchsorted(held, before[first] + coverage - ROUNDING)
    length, share = (ends[last] - ends[first]).round(9), (held[last] - before[first]).round(9)
    best = np.lexsort((first, -share, length))[0]
    return float(ends[first[best]]), float(ends[last[best]])


def reach_without_own_batch(errors: ArrayLike, batches: ArrayLike, coverage: float) -> NDArray[np.float64]:
    """Return half the width of each sample's prediction interval: the conformal quantile of the other batches' errors.

    Parameters
    ----------
    errors : array_like of shape (n,)
        Absolute errors of held-out samples.
    batches : array_like of shape (n,)
        Growth days.
    coverage : float
        0 to 1.

    Returns
    -------
    ndarray of shape (n,)
        Infinite with too few batches.
    """
    errors, batches = np.asarray(errors, dtype=float), np.asarray(batches)
    reach = np.empty(len(errors))
    for name in np.unique(batches):
        own = batches == name
        reach[own] = conformal_quantile(errors[~own], batches[~own], coverage)
    return reach


def coverage_std(coverage: float, n_days: int) -> float:
    """Return about how far the coverage of one study's limits lies from the nominal one, as a standard deviation.

    Notes
    -----
    Limits depend on the days that they are fitted on: even of endlessly many new days they cover a share that differs
    from study to study, and only its mean is nominal.

    References
    ----------
    V. Vovk, "Conditional validity of inductive conformal predictors", ACML 2012.
    """
    return float(np.sqrt(coverage * (1 - coverage) / n_days))


def mean_interval(
    values: NDArray[np.float64], batch: NDArray[np.int64], weights: NDArray[np.float64]
) -> tuple[float, float, float, int, int]:
    """Return a mean with its 95 % interval over resampled days; NaN values are left out.

    Parameters
    ----------
    values : ndarray of shape (n,)
    batch : ndarray of int, shape (n,)
        Index of each one's day.
    weights : ndarray of shape (n_bootstrap, n_days)
        Of `bootstrap.cluster_weights`.

    Returns
    -------
    mean, low, high : float
        No interval with fewer than two days, or where all values are equal: their resamples do not vary.
    n_samples, n_days : int
        How many have a value.
    """
    known, n_days = ~np.isnan(values), weights.shape[1]
    sums = np.bincount(batch[known], values[known], n_days)
    counts = np.bincount(batch[known], np.ones(known.sum()), n_days)
    with np.errstate(invalid="ignore", divide="ignore"):
        resampled = bootstrap.resample(weights, sums) / bootstrap.resample(weights, counts)
    mean = float(values[known].mean()) if known.any() else float("nan")
    counted = int(known.sum()), int((counts > 0).sum())
    if counted[1] < 2 or np.isinf(mean) or np.ptp(values[known]) <= ROUNDING:
        return mean, float("nan"), float("nan"), *counted
    low, high = bootstrap.quantiles(resampled[np.isfinite(resampled)], bootstrap.TAILS)
    return mean, float(low), float(high), *counted
