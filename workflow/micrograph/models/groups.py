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
    those to the one that ends best balanced; of some random orders the best balanced deal is kept. A class that lies
    in at least `folds` groups and is the rarest reaches every fold by construction.
    """
    expected = np.maximum(counts.sum(axis=0) / folds, 1e-12)
    best, least = None, None
    for _ in range(ATTEMPTS):
        home, held = _attempt(counts, expected, folds, rng)
        cost = ((held == 0).sum(), (((held - expected) ** 2) / expected).sum().round(9))
        if least is None or cost < least:
            best, least = home, cost
    return best


def _attempt(counts, expected, folds, rng):
    """One random deal: (fold of each group, samples held by each fold and class)."""
    home = np.full(len(counts), -1)
    held = np.zeros((folds, counts.shape[1]))
    for label in np.argsort((counts > 0).sum(axis=0), kind="stable"):
        waiting = rng.permutation(np.flatnonzero((home < 0) & (counts[:, label] > 0)))
        for group in waiting[np.argsort(-counts[waiting, label], kind="stable")]:
            worse = (counts[group] * (2 * (held - expected) + counts[group]) / expected).sum(axis=1)
            worse[held[:, label] > held[:, label].min()] = np.inf
            home[group] = np.argmin(worse)
            held[home[group]] += counts[group]
    return home, held
