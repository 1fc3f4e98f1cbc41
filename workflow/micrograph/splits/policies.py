"""Augmentation policies: which rows of a split are trained on, scored, and seen by a network in one epoch.

A row is one image of a sample, or its features: augmentation 0 is the micrograph itself, 1, 2, ... are the images that
aug1 (crops) and aug2 (AutoAugment) make to train on. Every function gets the rows of one split of one fold alone, so
that no augmented image leaves its sample's split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError, lookup
from micrograph.splits import protocols

PER_SAMPLE_OF_LARGEST = 2  # augmented images of every sample of the largest class, as in the paper

Rows = NDArray[np.intp]
RowSampler = Callable[[NDArray, NDArray, np.random.Generator], Rows]


class Policy(NamedTuple):
    """A policy.

    Parameters
    ----------
    train_index, epoch_index : callable
        (labels, augmentation, rng) -> row indices.
    makes_images : bool
        Whether it makes augmented images.
    """

    train_index: RowSampler
    epoch_index: RowSampler
    makes_images: bool


def n_augmentations(labels: ArrayLike) -> NDArray[np.int64]:
    """Count the augmented images that aug1 and aug2 make of every sample, so that all classes have as many.

    Parameters
    ----------
    labels : array_like of shape (n,)
        Classes of all samples.

    Returns
    -------
    ndarray of int, shape (n,)
        At least 2: the largest class has two per sample; classes of 26, 117 and 92 have 9, 2, and 2 or 3.

    Notes
    -----
    Where a class does not divide evenly, the samples with one more are spread over the class in the order given; the
    paper makes one more of all but its first 37 samples of 1000 C, so that its classes are nearly equal.
    """
    labels = np.asarray(labels)
    classes, counts = np.unique(labels, return_counts=True)
    numbers = np.zeros(len(labels), dtype=int)
    for label, count in zip(classes, counts, strict=True):
        steps = np.arange(count + 1) * (PER_SAMPLE_OF_LARGEST * counts.max()) // count
        numbers[labels == label] = np.diff(steps)
    return numbers


def train_index(policy: str, labels: ArrayLike, augmentation: ArrayLike, rng: np.random.Generator) -> Rows:
    """Choose the rows that a model is trained on.

    Parameters
    ----------
    policy : str
        aug1, aug2: augmented images, of every class twice the samples of the largest: of a class with more the highest
        augmentations are left out, of one with fewer some are repeated. aug3: every micrograph, and those of smaller
        classes drawn again up to the largest. aug4: every micrograph.
    labels, augmentation : array_like of shape (n,)
        Of the training rows of one fold.
    rng : Generator

    Returns
    -------
    ndarray of int
        With repeats.

    Raises
    ------
    UserError
        If the policy is unknown, or there are no images that it trains on.
    """
    return _get(policy).train_index(np.asarray(labels), np.asarray(augmentation), rng)


def score_index(
    policy: str, protocol: str, split: str, labels: ArrayLike, augmentation: ArrayLike, rng: np.random.Generator
) -> Rows:
    """Choose the rows of a split that are scored.

    Parameters
    ----------
    policy : str
    protocol : str
        Its name. published scores under aug1 and aug2 all augmented images of validation, as the paper does (its Table
        1: 27/22/24 rows of 3/12/9 samples). Everything else is scored on the micrographs.
    split : {"train", "validation", "test"}
    labels, augmentation : array_like of shape (n,)
        Of the rows of the split.
    rng : Generator

    Returns
    -------
    ndarray of int
        Ascending.

    Raises
    ------
    UserError
        If policy or protocol are unknown, or samples have no augmented images to be scored.
    """
    labels, augmentation = np.asarray(labels), np.asarray(augmentation)
    published = protocols.parse(protocol).estimators == "published"
    if published and split == "validation" and makes_images(policy):
        return np.sort(np.concatenate(list(_augmented_by_class(labels, augmentation, rng))))
    return np.flatnonzero(augmentation == 0)


def epoch_index(
    policy: str, protocol: str, labels: ArrayLike, augmentation: ArrayLike, rng: np.random.Generator
) -> Rows:
    """Draw the rows that a network sees in one epoch.

    Parameters
    ----------
    policy : str
        aug3: draws with replacement in which every class is equally likely (the paper's weighted sampler), as many as
        classes times samples of the largest; under published as many as there are samples. The others: `train_index`,
        in random order.
    protocol : str
        Its name.
    labels, augmentation : array_like of shape (n,)
        Of the training rows of one fold.
    rng : Generator

    Returns
    -------
    ndarray of int
        In random order, with repeats.
    """
    labels, augmentation = np.asarray(labels), np.asarray(augmentation)
    own = _get(policy)
    if own.epoch_index is _weighted and protocols.parse(protocol).draws_as_many_as_trained:
        return _weighted(labels, augmentation, rng, len(_micrographs(augmentation)))
    return own.epoch_index(labels, augmentation, rng)


def makes_images(policy: str) -> bool:
    """Return whether a policy makes augmented images (aug1, aug2)."""
    return _get(policy).makes_images


def _get(policy: str) -> Policy:
    return lookup(policy, POLICIES, "policy")


def _micrographs(augmentation: NDArray) -> Rows:
    """Rows of the micrographs themselves; UserError where there are none."""
    rows = np.flatnonzero(augmentation == 0)
    if not len(rows):
        raise UserError("no training sample has its micrograph (augmentation 0): make the policy's images again.")
    return rows


def _augmented_by_class(labels: NDArray, augmentation: NDArray, rng: np.random.Generator) -> Iterator[Rows]:
    """Yield every class's augmented rows, lower augmentations first, those of one number in random order."""
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero((labels == label) & (augmentation > 0)))
        if not len(rows):
            raise UserError(
                f"no augmented training images of the samples of class {label:g}: aug1 and aug2 need images, or "
                "tuned features of the same policy; choose aug3 or aug4 for other features."
            )
        yield rows[np.argsort(augmentation[rows], kind="stable")]


def _augmented(labels: NDArray, augmentation: NDArray, rng: np.random.Generator) -> Rows:
    """Take augmented images alone, as many of every class: the paper's aug1 and aug2."""
    largest = np.unique(labels[augmentation == 0], return_counts=True)[1].max(initial=0)
    by_class = _augmented_by_class(labels, augmentation, rng)
    return np.concatenate([np.resize(rows, PER_SAMPLE_OF_LARGEST * largest) for rows in by_class])


def _oversampled(labels: NDArray, augmentation: NDArray, rng: np.random.Generator) -> Rows:
    """Repeat micrographs of smaller classes: the paper's aug3, 23/105/83 rows become 105/105/105 (its Table 1)."""
    own = _micrographs(augmentation)
    classes, counts = np.unique(labels[own], return_counts=True)
    extra = [
        own[rng.choice(np.flatnonzero(labels[own] == label), counts.max() - count)]
        for label, count in zip(classes, counts, strict=True)
    ]
    return np.concatenate([own, *extra])


def _weighted(labels: NDArray, augmentation: NDArray, rng: np.random.Generator, draws: int | None = None) -> Rows:
    """Draw every class with equal probability: the paper's aug3 for networks."""
    own = _micrographs(augmentation)
    _, place, counts = np.unique(labels[own], return_inverse=True, return_counts=True)
    probability = 1 / (len(counts) * counts[place])
    return rng.choice(own, len(counts) * counts.max() if draws is None else draws, p=probability)


def _once(labels: NDArray, augmentation: NDArray, rng: np.random.Generator) -> Rows:
    """Take every micrograph once, without rebalancing: the paper's aug4."""
    return _micrographs(augmentation)


def _in_random_order(sampler: RowSampler) -> RowSampler:
    """Make the sampler of epochs that see the training rows in random order."""
    return lambda labels, augmentation, rng: rng.permutation(sampler(labels, augmentation, rng))


POLICIES = {
    "aug1": Policy(_augmented, _in_random_order(_augmented), makes_images=True),
    "aug2": Policy(_augmented, _in_random_order(_augmented), makes_images=True),
    "aug3": Policy(_oversampled, _weighted, makes_images=False),
    "aug4": Policy(_once, _in_random_order(_once), makes_images=False),
}
