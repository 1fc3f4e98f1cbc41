"""From predictions to scores: everything is summed batch by batch first, so a bootstrap is one matrix product.

Predictions are tables in the waist's columns (waist.py). A row without a prediction counts as wrong. A confusion array
has the shape (..., classes, classes + 1): truth by prediction, the last column for rows without an answer.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from micrograph.errors import UserError, lookup


def confusion(predictions, classes):
    """(classes, classes + 1) counts of all rows of `predictions`."""
    return _tally(predictions, np.zeros(len(predictions), dtype=int), 1, classes)[0]


def tally_by_batch(predictions, tally, classes):
    names, batch = np.unique(predictions["batch"].to_numpy(str), return_inverse=True)
    return tally(predictions, batch, len(names), classes)


def _tally(predictions, group, groups, classes):
    truth = _places(predictions["y_true"], classes)
    answer = _places(predictions["y_pred"], classes)
    if (truth == len(classes)).any():
        raise UserError("the predictions hold a growth temperature that is not a class: set classes as in the run.")
    counts = np.zeros((groups, len(classes), len(classes) + 1))
    np.add.at(counts, (group, truth, answer), 1)
    return counts


def _places(celsius, classes):
    """Where each value stands in classes; len(classes) for a missing or strange one."""
    return np.select(
        [celsius.to_numpy(float, na_value=np.nan) == c for c in classes], range(len(classes)), len(classes)
    )


def _share(part, whole):
    """part / whole, NaN where whole is zero."""
    return np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)


def accuracy(counts, classes):
    """Share of rows predicted right."""
    return _share(_right(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def balanced_accuracy(counts, classes):
    """Mean over the classes that occur of the share predicted right."""
    return np.nanmean(_share(_right(counts), counts.sum(axis=-1)), axis=-1)


def macro_f1(counts, classes):
    """Mean over the classes of F1 = 2 right / (true + predicted); a class neither true nor predicted is left out."""
    both = counts.sum(axis=-1) + counts[..., :-1].sum(axis=-2)
    return np.nanmean(_share(2 * _right(counts), both), axis=-1)


def kappa(counts, classes):
    """Cohen's kappa with quadratic weights in degrees; NaN where a row has no answer."""
    celsius = np.asarray(classes, dtype=float)
    weight = (celsius[:, None] - celsius[None, :]) ** 2
    table, total = counts[..., :-1], counts.sum(axis=(-2, -1))
    expected = table.sum(axis=-1)[..., :, None] * table.sum(axis=-2)[..., None, :]
    by_chance = _share((weight * expected).sum(axis=(-2, -1)), total)
    value = 1 - _share((weight * table).sum(axis=(-2, -1)), by_chance)
    return np.where(counts[..., -1].sum(axis=-1) > 0, np.nan, value)


def mae_celsius(counts, classes):
    """Mean distance in Celsius between the predicted and the true class; NaN where a row has no answer."""
    celsius = np.asarray(classes, dtype=float)
    distance = np.abs(celsius[:, None] - celsius[None, :])
    value = _share((distance * counts[..., :-1]).sum(axis=(-2, -1)), counts.sum(axis=(-2, -1)))
    return np.where(counts[..., -1].sum(axis=-1) > 0, np.nan, value)


def _right(counts):
    return np.diagonal(counts[..., :-1], axis1=-2, axis2=-1)


def _gaps(predictions, group, groups, classes):
    """(groups, 2): sum of the squared errors of a regressor's own values, and rows; NaN where a value is missing."""
    gap = predictions["y_pred_value"].to_numpy(float) - predictions["y_true"].to_numpy(float)
    sums = np.zeros((groups, 2))
    np.add.at(sums, group, np.stack([gap**2, np.ones(len(gap))], axis=-1))
    return sums


def rmse_celsius(sums, classes):
    """Root mean squared error in Celsius of a regressor's own values; NaN where one is missing. sums: as of _gaps."""
    return np.sqrt(_share(sums[..., 0], sums[..., 1]))


@dataclass(frozen=True)
class Metric:
    """value(sums, classes) from the sums that tally(predictions, group, groups, classes) makes of every group of rows.

    Sums of groups add up to the sums of all. rising: whether more is better.
    """

    value: Callable
    tally: Callable = _tally
    rising: bool = True


METRICS = {
    "accuracy": Metric(accuracy),
    "balanced_accuracy": Metric(balanced_accuracy),
    "macro_f1": Metric(macro_f1),
    "kappa": Metric(kappa),
    "mae_celsius": Metric(mae_celsius, rising=False),
    "rmse_celsius": Metric(rmse_celsius, _gaps, rising=False),
}


def score(predictions, metric, classes):
    """One metric over all rows of `predictions`, a float. Unknown metric: UserError listing the known."""
    row = lookup(metric, METRICS, "metric")
    return float(row.value(row.tally(predictions, np.zeros(len(predictions), dtype=int), 1, classes)[0], classes))


def by_fold(predictions, metric, classes):
    """Mean and standard deviation over folds of a metric, part by part.

    Returns a table part, mean, std, folds in the order train, validation, test; std divides by folds - 1 and is empty
    for one fold.
    """
    rows = []
    for part in ("train", "validation", "test"):
        here = predictions[predictions["split"] == part]
        each = [score(fold, metric, classes) for _, fold in here.groupby("fold")]
        std = float(np.std(each, ddof=1)) if len(each) > 1 else np.nan
        rows.append((part, float(np.mean(each)) if each else np.nan, std, len(each)))
    return pd.DataFrame(rows, columns=["split", "mean", "std", "folds"])


def majority_class_baseline(predictions):
    """The same rows, predicted as the class most frequent among their fold's training rows (the lower of equals)."""
    train = predictions[predictions["split"] == "train"]
    most = train.groupby("fold")["y_true"].agg(lambda truth: truth.mode().min())
    return predictions.assign(y_pred=predictions["fold"].map(most), y_pred_value=np.nan)
