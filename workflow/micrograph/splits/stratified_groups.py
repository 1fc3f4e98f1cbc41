"""Assign groups to folds whole, so that every fold holds about the same number of samples of every class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ORDERS = 48  # random orders that are compared


def assign_folds(labels: NDArray, groups: NDArray, folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Assign every sample to a fold, the samples of a group to the same.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Classes.
    groups : ndarray of shape (n,)
        Names.
    folds : int
    rng : Generator

    Returns
    -------
    ndarray of int, shape (n,)

    Notes
    -----
    The rarest class is assigned first, each group to the fold with the fewest samples of the class, of equals to the
    one that ends best balanced; of some random orders the best balanced result is kept. Unlike scikit-learn's
    StratifiedGroupKFold, which can leave a fold without a class, the rarest class reaches every fold where it has at
    least `folds` groups.
    """
    names, group = np.unique(groups, return_inverse=True)
    classes, label = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (group, label), 1)
    return _balance(counts, folds, rng)[group]


def _balance(counts: NDArray[np.float64], folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Fold of each group; counts: (n_groups, n_classes) samples. All orders are tried side by side."""
    expected = np.maximum(counts.sum(axis=0) / folds, 1e-12)
    trial = np.arange(ORDERS)
    assigned = np.full((ORDERS, len(counts)), -1)
    held = np.zeros((ORDERS, folds, counts.shape[1]))
    for label, order in _orders(counts, rng):
        for group in order.T:
            added, present = counts[group][:, None, :], held[:, :, label]
            cost = (added * (2 * (held - expected) + added) / expected).sum(axis=2)
            cost[present > present.min(axis=1, keepdims=True)] = np.inf
            assigned[trial, group] = fold = np.argmin(cost, axis=1)
            held[trial, fold] += counts[group]
    empty = (held == 0).sum(axis=(1, 2))
    imbalance = (((held - expected) ** 2) / expected).sum(axis=(1, 2)).round(9)
    return assigned[np.lexsort((trial, imbalance, empty))[0]]


def _orders(counts: NDArray[np.float64], rng: np.random.Generator) -> list[tuple[int, NDArray[np.int64]]]:
    """Classes, rarest first, each with the groups whose rarest class it is: (orders, groups), largest groups first."""
    of_class, left = [], np.ones(len(counts), dtype=bool)
    for label in np.argsort((counts > 0).sum(axis=0), kind="stable"):
        of_class.append((label, np.flatnonzero(left & (counts[:, label] > 0))))
        left &= counts[:, label] == 0
    drawn = [[rng.permutation(groups) for _, groups in of_class] for _ in range(ORDERS)]
    return [
        (label, np.stack([row[place][np.argsort(-counts[row[place], label], kind="stable")] for row in drawn]))
        for place, (label, _) in enumerate(of_class)
    ]
