"""Scores of predictions, from sums by group that add up: confusion counts and squared errors.

A missing prediction counts as wrong. Confusion counts have the shape (..., classes, classes + 1): true by predicted
class, the last column for missing predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError, lookup

PARTS = ("train", "validation", "test")
Tally = Callable[[pd.DataFrame, NDArray[np.int64], int, Sequence[float]], NDArray[np.float64]]


def confusion(predictions: pd.DataFrame, classes: Sequence[float]) -> NDArray[np.float64]:
    """Count the rows by true and predicted class.

    Parameters
    ----------
    predictions : DataFrame
        Columns ``y_true`` and ``y_pred``.
    classes : sequence of float
        Values of the classes in the target's unit, ascending.

    Returns
    -------
    ndarray of shape (n_classes, n_classes + 1)

    Raises
    ------
    UserError
        If a true value is not a class.
    """
    return _one_group(tally_confusion, predictions, classes)


def tally_by_batch(predictions: pd.DataFrame, tally: Tally, classes: Sequence[float]) -> NDArray[np.float64]:
    """Return the sums of a tally for every growth batch, in the order of their names: (n_batches, ...)."""
    names, batch = np.unique(predictions["batch"].to_numpy(str), return_inverse=True)
    return tally(predictions, batch, len(names), classes)


def tally_confusion(
    predictions: pd.DataFrame, group: NDArray[np.int64], n_groups: int, classes: Sequence[float]
) -> NDArray[np.float64]:
    """Count the rows of each group by true and predicted class: (n_groups, n_classes, n_classes + 1)."""
    true, predicted = (_class_index(predictions[name], classes) for name in ("y_true", "y_pred"))
    if (true == len(classes)).any():
        raise UserError("the predictions hold a class that the target does not have: set target as in the run.")
    counts = np.zeros((n_groups, len(classes), len(classes) + 1))
    np.add.at(counts, (group, true, predicted), 1)
    return counts


def tally_squared_error(
    predictions: pd.DataFrame, group: NDArray[np.int64], n_groups: int, classes: Sequence[float]
) -> NDArray[np.float64]:
    """Sum the squared errors of predicted values and count the rows of each group: (n_groups, 2); NaN spreads."""
    error = predictions["y_pred_value"].to_numpy(float) - predictions["y_true_value"].to_numpy(float)
    sums = np.zeros((n_groups, 2))
    np.add.at(sums, group, np.stack([error**2, np.ones(len(error))], axis=-1))
    return sums


def _class_index(column: pd.Series, classes: Sequence[float]) -> NDArray[np.int64]:
    """Index of each value among the classes; len(classes) for one that is missing or not a class."""
    values = column.to_numpy(float, na_value=np.nan)
    return np.select([values == name for name in classes], range(len(classes)), len(classes))


def _share(part: NDArray, whole: NDArray) -> NDArray[np.float64]:
    """Return part / whole, NaN where whole is zero."""
    return np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)


def _correct(counts: NDArray) -> NDArray:
    return np.diagonal(counts[..., :-1], axis1=-2, axis2=-1)


def _unless_missing(value: NDArray, counts: NDArray) -> NDArray[np.float64]:
    """Return the value, NaN where a prediction is missing."""
    return np.where(counts[..., -1].sum(axis=-1) > 0, np.nan, value)


def accuracy(counts: NDArray[np.float64], classes: Sequence[float]) -> NDArray[np.float64]:
    """Return the share of rows predicted correctly."""
    return _share(_correct(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def balanced_accuracy(counts: NDArray[np.float64], classes: Sequence[float]) -> NDArray[np.float64]:
    """Return the mean recall of the classes that occur."""
    return np.nanmean(_share(_correct(counts), counts.sum(axis=-1)), axis=-1)


def macro_f1(counts: NDArray[np.float64], classes: Sequence[float]) -> NDArray[np.float64]:
    """Return the mean F1 score of the classes that are true or predicted somewhere."""
    both = counts.sum(axis=-1) + counts[..., :-1].sum(axis=-2)
    return np.nanmean(_share(2 * _correct(counts), both), axis=-1)


def kappa(counts: NDArray[np.float64], classes: Sequence[float]) -> NDArray[np.float64]:
    """Return Cohen's kappa with quadratic weights of the classes' values; NaN with a missing prediction."""
    values = np.asarray(classes, dtype=float)
    weight = (values[:, None] - values[None, :]) ** 2
    table, total = counts[..., :-1], counts.sum(axis=(-2, -1))
    expected = table.sum(axis=-1)[..., :, None] * table.sum(axis=-2)[..., None, :]
    by_chance = _share((weight * expected).sum(axis=(-2, -1)), total)
    return _unless_missing(1 - _share((weight * table).sum(axis=(-2, -1)), by_chance), counts)


def mae(counts: NDArray[np.float64], classes: Sequence[float]) -> NDArray[np.float64]:
    """Return the mean absolute error between predicted and true class; NaN with a missing prediction."""
    values = np.asarray(classes, dtype=float)
    distance = np.abs(values[:, None] - values[None, :])
    value = _share((distance * counts[..., :-1]).sum(axis=(-2, -1)), counts.sum(axis=(-2, -1)))
    return _unless_missing(value, counts)


def rmse(sums: NDArray[np.float64], classes: Sequence[float]) -> NDArray[np.float64]:
    """Return the root mean squared error of predicted values, from sums of `tally_squared_error`."""
    return np.sqrt(_share(sums[..., 0], sums[..., 1]))


@dataclass(frozen=True)
class Metric:
    """A row of the registry of metrics.

    Parameters
    ----------
    value : callable
        (sums, classes) -> values; sums may have leading dimensions.
    tally : callable
        (predictions, group, n_groups, classes) -> sums of every group of rows, which add up to the sums of all.
    higher_is_better : bool
    over_classes : bool
        Whether it is a mean over the classes: a resample without one of them has no value.
    """

    value: Callable[[NDArray, Sequence[float]], NDArray]
    tally: Tally = tally_confusion
    higher_is_better: bool = True
    over_classes: bool = False

    def resampled(self, sums: NDArray, classes: Sequence[float], whole: NDArray) -> NDArray[np.float64]:
        """Return the values of resamples.

        Parameters
        ----------
        sums : ndarray of shape (..., n_bootstrap, ...)
            Of the resamples.
        classes : sequence of float
        whole : ndarray
            Sums of all rows.

        Returns
        -------
        ndarray of shape (..., n_bootstrap)
            NaN where a mean over classes lacks one that `whole` has.
        """
        values = self.value(sums, classes)
        if not self.over_classes:
            return values
        lacking = (sums.sum(axis=-1) == 0) & (whole.sum(axis=-1) > 0)
        return np.where(lacking.any(axis=-1), np.nan, values)


METRICS = {
    "accuracy": Metric(accuracy),
    "balanced_accuracy": Metric(balanced_accuracy, over_classes=True),
    "macro_f1": Metric(macro_f1, over_classes=True),
    "kappa": Metric(kappa),
    "mae": Metric(mae, higher_is_better=False),
    "rmse": Metric(rmse, tally_squared_error, higher_is_better=False),
}


def _one_group(tally: Tally, predictions: pd.DataFrame, classes: Sequence[float]) -> NDArray[np.float64]:
    """Return the sums of all rows."""
    return tally(predictions, np.zeros(len(predictions), dtype=int), 1, classes)[0]


def score(predictions: pd.DataFrame, metric: str, classes: Sequence[float]) -> float:
    """Return one metric over all rows.

    Parameters
    ----------
    predictions : DataFrame
    metric : str
        Key of `METRICS`.
    classes : sequence of float
        Values of the classes in the target's unit, ascending.

    Returns
    -------
    float

    Raises
    ------
    UserError
        If the metric is not known.
    """
    row = lookup(metric, METRICS, "metric")
    return float(row.value(_one_group(row.tally, predictions, classes), classes))


def by_fold(predictions: pd.DataFrame, metric: str, classes: Sequence[float]) -> pd.DataFrame:
    """Return mean and standard deviation over folds of a metric on each split.

    Parameters
    ----------
    predictions : DataFrame
    metric : str
    classes : sequence of float

    Returns
    -------
    DataFrame
        Columns split, mean, std (with folds - 1; NaN for one fold) and folds; train, validation and test in turn.
    """
    rows = []
    for part in PARTS:
        folds = predictions[predictions["split"] == part].groupby("fold")
        scores = [score(fold, metric, classes) for _, fold in folds]
        std = float(np.std(scores, ddof=1)) if len(scores) > 1 else np.nan
        rows.append((part, float(np.mean(scores)) if scores else np.nan, std, len(scores)))
    return pd.DataFrame(rows, columns=["split", "mean", "std", "folds"])


def majority_class_baseline(predictions: pd.DataFrame) -> pd.DataFrame:
    """Replace the predictions by the majority class of the fold's training rows (of equals the lowest)."""
    train = predictions[predictions["split"] == "train"]
    most = train.groupby("fold")["y_true"].agg(lambda truth: truth.mode().min())
    return predictions.assign(y_pred=predictions["fold"].map(most), y_pred_value=np.nan)
