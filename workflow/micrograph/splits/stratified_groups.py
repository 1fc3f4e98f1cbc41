"""Groups dealt into folds whole, so that every fold holds about the same number of every class."""

import numpy as np

ATTEMPTS = 48


def homes(labels, groups, folds, rng):
    """The fold (n,) of each of n samples, groups kept together.

    labels: (n,) classes; groups: (n,) names; folds: how many; rng: numpy Generator.
    """
    names, group = np.unique(groups, return_inverse=True)
    classes, label = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (group, label), 1)
    return deal_groups(counts, folds, rng)[group]


def deal_groups(counts, folds, rng):
    """The fold of each group, so that every fold holds about the same number of every class.

    counts: (groups, classes) samples. Rare classes are dealt first, each group to the fold poorest in the class, of
    those to the one that ends best balanced; of some random orders, all tried side by side, the best balanced deal is
    kept. A class that lies in at least `folds` groups and is the rarest reaches every fold by construction.
    """
    expected = np.maximum(counts.sum(axis=0) / folds, 1e-12)
    orders, tried = _orders(counts, rng), np.arange(ATTEMPTS)
    home = np.full((ATTEMPTS, len(counts)), -1)
    held = np.zeros((ATTEMPTS, folds, counts.shape[1]))
    for label, order in orders:
        for group in order.T:
            own, here = counts[group][:, None, :], held[:, :, label]
            worse = (own * (2 * (held - expected) + own) / expected).sum(axis=2)
            worse[here > here.min(axis=1, keepdims=True)] = np.inf
            home[tried, group] = fold = np.argmin(worse, axis=1)
            held[tried, fold] += counts[group]
    empty = (held == 0).sum(axis=(1, 2))
    uneven = (((held - expected) ** 2) / expected).sum(axis=(1, 2)).round(9)
    return home[np.lexsort((tried, uneven, empty))[0]]


def _orders(counts, rng):
    """[(class, (attempts, groups) the groups with the class that hold no rarer one, in the order they are dealt)]."""
    waiting, left = [], np.ones(len(counts), dtype=bool)
    for label in np.argsort((counts > 0).sum(axis=0), kind="stable"):
        waiting.append((label, np.flatnonzero(left & (counts[:, label] > 0))))
        left &= counts[:, label] == 0
    drawn = [[rng.permutation(groups) for _, groups in waiting] for _ in range(ATTEMPTS)]
    return [
        (label, np.stack([row[place][np.argsort(-counts[row[place], label], kind="stable")] for row in drawn]))
        for place, (label, _) in enumerate(waiting)
    ]
