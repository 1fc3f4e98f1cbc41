"""Augmentation policies: which rows of a part are trained on, scored, and seen in one epoch of a network.

A row is one picture of a sample, or its features: copy 0 is the picture that is scored, copies 1, 2, ... are those that
aug1 (crops) and aug2 (AutoAugment) made to train on. Every function sees the rows of one part of one fold alone, so no
copy leaves its sample's part. A policy is a row of POLICIES.
"""

from typing import NamedTuple

import numpy as np

from micrograph.errors import UserError, lookup
from micrograph.splits import protocols

COPIES_OF_LARGEST = 2  # the paper's: of every sample of the largest class


class Policy(NamedTuple):
    """training, epoch: functions (labels, copies, rng) -> indices; multiplies: whether it makes copies of samples."""

    training: object
    epoch: object
    multiplies: bool


def copies_wanted(labels):
    """How many copies of each sample aug1 and aug2 make, so that every class has as many: (n,) int, at least 1.

    labels: (n,) classes of all samples. The largest class gets two a sample; classes of 26, 117 and 92 get 9, 2, and
    2 or 3. Where a class does not divide evenly, the samples with one more are spread over the class in the order
    given; the paper gives one more to all but its first 37 samples of 1000 C, so that its classes are nearly equal.
    """
    labels = np.asarray(labels)
    classes, counts = np.unique(labels, return_counts=True)
    wanted = np.zeros(len(labels), dtype=int)
    for label, count in zip(classes, counts, strict=True):
        steps = np.arange(count + 1) * (COPIES_OF_LARGEST * counts.max()) // count
        wanted[labels == label] = np.diff(steps)
    return wanted


def train_index(policy, labels, copies, rng):
    """Indices of the rows to train on, with repeats.

    labels, copies: (n,) class and copy of the training rows of one fold. aug1, aug2: copies from 1 up, every class
    twice the samples of the largest: of a class with more the highest copies are left out, of one with fewer some are
    repeated. aug3: copy 0 of all samples, and those of smaller classes drawn again up to the largest. aug4: copy 0 of
    all samples.
    Raises UserError for an unknown policy and for rows without the pictures that it trains on.
    """
    return _row(policy).training(np.asarray(labels), np.asarray(copies), rng)


def scored_rows(policy, protocol, part, labels, copies, rng):
    """Indices, ascending and without repeats, of the rows that are scored in `part` (train, validation, test).

    strict: copy 0, one row a sample. published: the same, but for validation under aug1 and aug2, where the paper
    scores all copies (its Table 1: 27/22/24 rows of 3/12/9 samples). rng: for policies that draw; none of these does.
    Raises UserError for an unknown policy or protocol, and where samples lack the copies that are scored.
    """
    labels, copies = np.asarray(labels), np.asarray(copies)
    copied = SCORES_COPIES[protocols.parse(protocol).dress] and part == "validation" and _row(policy).multiplies
    if not copied:
        return np.flatnonzero(copies == 0)
    return np.sort(np.concatenate(list(_by_class(labels, copies, rng))))


def epoch_rows(policy, labels, copies, rng):
    """Indices of the rows that a network sees in one epoch, in random order, with repeats.

    labels, copies: (n,) class and copy of the training rows of one fold. aug3: draws with replacement in which every
    class is equally likely (the paper's weighted sampler), as many as there are classes times samples of the largest.
    The others: training_rows, shuffled.
    """
    return _row(policy).epoch(np.asarray(labels), np.asarray(copies), rng)


def multiplies(policy):
    """Whether a policy makes pictures of its own (aug1, aug2); the others take the micrographs as they are."""
    return _row(policy).multiplies


def _row(policy):
    return lookup(policy, POLICIES, "policy")


def _own(copies):
    """The rows of the samples' own pictures; UserError where there are none."""
    own = np.flatnonzero(copies == 0)
    if not len(own):
        raise UserError(
            "there is no training sample with a picture of its own (copy 0): make the policy's pictures anew."
        )
    return own


def _twice_the_largest(labels, copies):
    """Rows a class that balance: COPIES_OF_LARGEST times the samples of the largest class."""
    return COPIES_OF_LARGEST * np.unique(labels[copies == 0], return_counts=True)[1].max(initial=0)


def _by_class(labels, copies, rng):
    """Of every class the rows of its copies (from 1 up), the lower copies first, those of one number shuffled."""
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero((labels == label) & (copies > 0)))
        if not len(rows):
            raise UserError(
                f"there are no copies of the samples of {label} C to train on: aug1 and aug2 need pictures or tuned "
                "features made under them; choose aug3 or aug4 for others."
            )
        yield rows[np.argsort(copies[rows], kind="stable")]


def _copied(labels, copies, rng):
    """The paper's aug1 and aug2: copies alone, the same number of every class."""
    many = _twice_the_largest(labels, copies)
    return np.concatenate([np.resize(rows, many) for rows in _by_class(labels, copies, rng)])


def _oversampled(labels, copies, rng):
    """All samples once, and those of the smaller classes drawn again with replacement up to the largest class.

    The paper's aug3 for models other than networks: 23/105/83 training rows become 105/105/105 (its Table 1).
    """
    own = _own(copies)
    classes, counts = np.unique(labels[own], return_counts=True)
    extra = [
        own[rng.choice(np.flatnonzero(labels[own] == label), counts.max() - count)]
        for label, count in zip(classes, counts, strict=True)
    ]
    return np.concatenate([own, *extra])


def _weighted(labels, copies, rng):
    """The paper's aug3 for networks: draws in which every class is equally likely."""
    own = _own(copies)
    _, place, counts = np.unique(labels[own], return_inverse=True, return_counts=True)
    chance = 1 / (len(counts) * counts[place])
    return rng.choice(own, len(counts) * counts.max(), p=chance)


def _once(labels, copies, rng):
    """All samples once: the paper's aug4, no rebalancing."""
    return _own(copies)


def _shuffled(training):
    """An epoch that sees the training rows in random order."""
    return lambda labels, copies, rng: rng.permutation(training(labels, copies, rng))


POLICIES = {
    "aug1": Policy(_copied, _shuffled(_copied), multiplies=True),
    "aug2": Policy(_copied, _shuffled(_copied), multiplies=True),
    "aug3": Policy(_oversampled, _weighted, multiplies=False),
    "aug4": Policy(_once, _shuffled(_once), multiplies=False),
}
SCORES_COPIES = {"strict": False, "published": True}  # of the validation part
