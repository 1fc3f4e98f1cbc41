"""Accuracy and what of it is above chance, with intervals from redrawing days.

Chance is what the same answers would get right, on average, if each fold's were dealt anew among its films. Rows carry
`unit`, a whole number for what is redrawn together (a growth day; of shuffled labels a day of a draw), and `deal`, one
for the films that answers are dealt anew among (a fold), beside y_true and y_pred.
"""

import numpy as np

from micrograph.evaluation import bootstrap, metrics


def accuracy(frames, classes, resamples, seed):
    """(accuracy, above): two arrays (frames, 1 + resamples) in percent, the first column as it is, the others redrawn.

    frames: tables of rows; classes: temperatures in Celsius; seed: of the draws. Redrawn are the units of all frames,
    the same ones for every frame. There are no redrawn columns where a frame has fewer than two units, and NaN where
    a frame has no row, or none was drawn.
    """
    units = np.unique(np.concatenate([frame["unit"].to_numpy() for frame in frames]))
    times = np.ones((1, len(units)))
    if min(frame["unit"].nunique() for frame in frames) > 1:
        times = np.concatenate([times, bootstrap.cluster_weights(len(units), resamples, np.random.default_rng(seed))])
    sums = np.stack([times @ _sums(frame, units, classes) for frame in frames])
    films = sums[..., 2:]
    share = np.divide(sums, films, out=np.full(sums.shape, np.nan), where=films > 0)
    return 100 * share[..., 0], 100 * share[..., 1]


def _sums(rows, units, classes):
    """(units, 3) sums over the rows of each unit: right, above chance, rows.

    Above chance in a fold of n rows, of which t_c are of class c and p_c are called c: right - sum(t_c p_c) / n. A row
    of class i called j has of it [i = j] - p_i / n - t_j / n + sum(t_c p_c) / n^2. Redrawn are these parts: redrawing
    the folds themselves would make their few days more alike than they are, and what is above chance too small.
    """
    sums = np.zeros((len(units), 3))
    if rows.empty:
        return sums
    deal = np.unique(rows["deal"].to_numpy(), return_inverse=True)[1]
    pairs = deal * len(units) + np.searchsorted(units, rows["unit"].to_numpy())
    found, cell = np.unique(pairs, return_inverse=True)
    folds, days = np.divmod(found, len(units))
    counts = metrics.METRICS["accuracy"].tally(rows, cell, len(found), classes)
    right, films = np.trace(counts[..., :-1], axis1=-2, axis2=-1), counts.sum(axis=(-2, -1))
    above = right - (counts * _chance(counts, folds)[folds]).sum(axis=(-2, -1))
    np.add.at(sums, days, np.stack([right, _widened(above, films, folds), films], axis=-1))
    return sums


def _chance(counts, folds):
    """(folds, classes, classes + 1) p_i / n + t_j / n - sum(t_c p_c) / n^2 of every fold; p is 0 for no answer."""
    held = np.zeros((folds.max() + 1, *counts.shape[1:]))
    np.add.at(held, folds, counts)
    share = held / held.sum(axis=(-2, -1), keepdims=True)
    true, called = share.sum(axis=-1), share[..., :-1].sum(axis=-2)
    both = (true * called).sum(axis=-1)
    return called[:, :, None] + np.pad(true, ((0, 0), (0, 1)))[:, None, :] - both[:, None, None]


def _widened(above, films, folds):
    """What each fold's days have above chance, their distance from the fold's mean widened by sqrt(k / (k - 1)) for k
    days: they are compared with shares that are their own, which takes away one of k. Sums stay as they are."""
    days, held, whole = (np.bincount(folds, weights) for weights in (None, above, films))
    mean = (held / whole)[folds] * films
    return mean + np.sqrt(days / np.maximum(days - 1, 1))[folds] * (above - mean)
