"""Augmentation policies: how the training rows of a fold are multiplied.

Copies are made of training rows only, so no copy of a sample leaves its part. aug1 and aug2 multiply micrographs,
not rows, and join this table with the networks.
"""

import numpy as np

from micrograph.faults import known


def _oversample(labels, rng):
    """All rows once, and rows of the smaller classes drawn again with replacement up to the largest class.

    The paper's aug3 for models other than networks: 23/105/83 training rows become 105/105/105 (its Table 1).
    """
    classes, counts = np.unique(labels, return_counts=True)
    extra = [
        rng.choice(np.flatnonzero(labels == label), counts.max() - count)
        for label, count in zip(classes, counts, strict=True)
    ]
    return np.concatenate([np.arange(len(labels)), *extra])


def _once(labels, rng):
    """All rows once: the paper's aug4, no rebalancing."""
    return np.arange(len(labels))


POLICIES = {"aug3": _oversample, "aug4": _once}


def training_rows(policy, labels, rng):
    """Indices into `labels` (n,) of the rows to train on, with repeats. Unknown policy: Fault listing the known."""
    return known(policy, POLICIES, "policy")(np.asarray(labels), rng)
