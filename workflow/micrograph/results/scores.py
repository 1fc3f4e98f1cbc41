"""From predictions to scores: everything is counted in confusion tables, so a bootstrap is one matrix product.

Predictions are tables in the waist's columns (fitting.py). A row without a prediction counts as wrong. A confusion
array has the shape (..., classes, classes + 1): truth by prediction, the last column for rows without an answer.
"""

import numpy as np
import pandas as pd

from micrograph.faults import Fault, known

LEVEL = 0.95


def confusion(predictions, classes):
    """(classes, classes + 1) counts of all rows of `predictions`."""
    return _tally(predictions, np.zeros(len(predictions), dtype=int), 1, classes)[0]


def confusion_by_batch(predictions, classes):
    """(batches, classes, classes + 1) counts; batches in alphabetical order."""
    names, batch = np.unique(predictions["batch"].to_numpy(str), return_inverse=True)
    return _tally(predictions, batch, len(names), classes)


def _tally(predictions, group, groups, classes):
    truth = _places(predictions["truth_celsius"], classes)
    answer = _places(predictions["predicted_celsius"], classes)
    if (truth == len(classes)).any():
        raise Fault("the predictions hold a growth temperature that is not a class: set classes as in the run.")
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


METRICS = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "kappa": kappa,
    "mae_celsius": mae_celsius,
}


def score(predictions, metric, classes):
    """One metric over all rows of `predictions`, a float. Unknown metric: Fault listing the known."""
    return float(known(metric, METRICS, "metric")(confusion(predictions, classes), classes))


def by_fold(predictions, metric, classes):
    """Mean and standard deviation over folds of a metric, part by part.

    Returns a table part, mean, std, folds in the order train, validation, test; std divides by folds - 1 and is empty
    for one fold.
    """
    function = known(metric, METRICS, "metric")
    rows = []
    for part in ("train", "validation", "test"):
        here = predictions[predictions["part"] == part]
        each = [float(function(confusion(fold, classes), classes)) for _, fold in here.groupby("fold")]
        std = float(np.std(each, ddof=1)) if len(each) > 1 else np.nan
        rows.append((part, float(np.mean(each)) if each else np.nan, std, len(each)))
    return pd.DataFrame(rows, columns=["part", "mean", "std", "folds"])


def value_errors(predictions):
    """RMSE and MAE in Celsius of a regressor's own values, before they become classes; NaN where a value is missing."""
    gap = predictions["value_celsius"].to_numpy(float) - predictions["truth_celsius"].to_numpy(float)
    return {"rmse_celsius": float(np.sqrt(np.mean(gap**2))), "mae_value_celsius": float(np.mean(np.abs(gap)))}


def weights(batches, resamples, rng):
    """(resamples, batches) times that each batch is drawn when as many are drawn with replacement."""
    return rng.multinomial(batches, np.full(batches, 1 / batches), size=resamples).astype(float)


def bootstrap(predictions, metric, classes, resamples, rng):
    """The 95 % interval (low, high) of a metric over all rows, by drawing whole batches with replacement.

    A batch keeps its rows together, since films of one growth day are alike; a sample predicted by several fits stays
    in its batch too, so repeats do not narrow the interval. Percentiles of the resampled values; (NaN, NaN) with fewer
    than two batches.
    """
    counts = confusion_by_batch(predictions, classes)
    if len(counts) < 2:
        return np.nan, np.nan
    drawn = np.tensordot(weights(len(counts), resamples, rng), counts, axes=1)
    return _interval(known(metric, METRICS, "metric")(drawn, classes))


def paired_bootstrap(first, second, metric, classes, resamples, rng):
    """The 95 % interval of metric(first) - metric(second) when both are redrawn by the same batches.

    first, second: predictions of the same samples by two models. An interval that holds 0 cannot tell them apart.
    """
    both = [frame[["sample", "batch"]].drop_duplicates().sort_values("sample").to_numpy() for frame in (first, second)]
    if not np.array_equal(*both):
        raise Fault("two models that predict different samples cannot be told apart: compare within one protocol.")
    function = known(metric, METRICS, "metric")
    counts = [confusion_by_batch(frame, classes) for frame in (first, second)]
    if len(counts[0]) < 2:
        return np.nan, np.nan
    drawn = weights(len(counts[0]), resamples, rng)
    one, other = (function(np.tensordot(drawn, table, axes=1), classes) for table in counts)
    return _interval(one - other)


def _interval(values):
    if np.isnan(values).any():
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def majority(predictions):
    """The same rows, predicted as the class most frequent among their fold's training rows (the lower of equals)."""
    train = predictions[predictions["part"] == "train"]
    most = train.groupby("fold")["truth_celsius"].agg(lambda truth: truth.mode().min())
    return predictions.assign(predicted_celsius=predictions["fold"].map(most), value_celsius=np.nan)
