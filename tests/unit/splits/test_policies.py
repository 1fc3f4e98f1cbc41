"""Policies choose rows of one part: how many of each class, which augmentations, in which order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.splits import policies

STUDY = np.repeat([900, 950, 1000], [26, 117, 92])
TRAIN = np.repeat([900, 950, 1000], [23, 105, 83])
ALONE = np.zeros(len(TRAIN), dtype=int)


def rng(seed=0):
    return np.random.default_rng(seed)


def images(samples, wanted=None):
    """(labels, augmentations, sample) of all rows: copy 0 of every sample, then its augmentations."""
    wanted = policies.n_augmentations(samples) if wanted is None else wanted
    rows = [(label, copy, sample) for sample, label in enumerate(samples) for copy in range(wanted[sample] + 1)]
    return (np.array(column) for column in zip(*rows, strict=True))


def counts(labels):
    return np.unique(labels, return_counts=True)[1].tolist()


def test_the_papers_multiplicities_follow_from_its_counts():
    wanted = policies.n_augmentations(STUDY)
    assert set(wanted[STUDY == 900]) == {9} and set(wanted[STUDY == 950]) == {2}
    assert set(wanted[STUDY == 1000]) == {2, 3}
    assert [wanted[label == STUDY].sum() for label in (900, 950, 1000)] == [234, 234, 234]


@given(st.lists(st.sampled_from([800, 900, 950]), min_size=1, max_size=60))
def test_augmentations_balance_every_study_whatever_the_order_of_its_samples(labels):
    labels = np.array(labels)
    wanted = policies.n_augmentations(labels)
    totals = {int(wanted[labels == label].sum()) for label in set(labels)}
    assert totals == {2 * max(counts(labels))}
    assert wanted.min() >= 2


@pytest.mark.parametrize("policy", ["aug1", "aug2"])
def test_augmenting_policies_train_on_augmentations_alone_and_as_many_of_every_class(policy):
    labels, augmentations, _ = images(TRAIN)
    drawn = policies.train_index(policy, labels, augmentations, rng())
    assert counts(labels[drawn]) == [210, 210, 210]
    assert augmentations[drawn].min() == 1
    assert len(set(drawn)) == len(drawn)


def test_where_a_fold_has_too_many_augmentations_of_a_class_every_sample_keeps_its_first_ones():
    labels, augmentations, sample = images([900, 950, 950, 950], wanted=[9, 2, 2, 2])
    drawn = policies.train_index("aug1", labels, augmentations, rng())
    assert counts(labels[drawn]) == [6, 6]
    assert sorted(augmentations[drawn][labels[drawn] == 900]) == [1, 2, 3, 4, 5, 6]
    labels, augmentations, sample = images([900, 900, 950], wanted=[3, 3, 3])
    drawn = policies.train_index("aug1", labels, augmentations, rng())
    assert counts(labels[drawn]) == [4, 4]
    kept = [tuple(pair) for pair in np.column_stack([sample, augmentations])[drawn]]
    assert {(0, 1), (0, 2), (1, 1), (1, 2)} <= set(kept)


def test_where_a_fold_has_too_few_augmentations_of_a_class_they_are_repeated_evenly():
    labels, augmentations, _ = images([900, 950, 950, 950], wanted=[4, 2, 2, 2])
    drawn = policies.train_index("aug1", labels, augmentations, rng())
    assert counts(labels[drawn]) == [6, 6]
    times = np.bincount(drawn)[(labels == 900) & (augmentations > 0)]
    assert sorted(times) == [1, 1, 2, 2]


def test_aug3_makes_the_papers_counts_and_keeps_every_row():
    drawn = policies.train_index("aug3", TRAIN, ALONE, rng())
    assert counts(TRAIN[drawn]) == [105, 105, 105]
    assert set(drawn) == set(range(len(TRAIN)))


def test_an_epoch_of_aug3_draws_every_class_about_as_often():
    drawn = policies.epoch_index("aug3", "strict", TRAIN, ALONE, rng())
    assert len(drawn) == 315
    shares = np.array(
        counts(TRAIN[np.concatenate([policies.epoch_index("aug3", "strict", TRAIN, ALONE, rng(s)) for s in range(50)])])
    )
    assert np.allclose(shares / shares.sum(), 1 / 3, atol=0.02)
    assert not np.array_equal(np.sort(TRAIN[drawn]), TRAIN[drawn])
    assert len(TRAIN) == 211 and len(policies.epoch_index("aug3", "published", TRAIN, ALONE, rng())) == 211


def test_an_epoch_of_the_others_is_the_training_rows_in_another_order():
    labels, augmentations, _ = images(TRAIN)
    for policy in ("aug1", "aug2", "aug4"):
        seen = policies.epoch_index(policy, "strict", labels, augmentations, rng())
        rows = policies.train_index(policy, labels, augmentations, rng())
        assert sorted(labels[seen]) == sorted(labels[rows])
        assert seen.tolist() != rows.tolist()


def test_features_without_augmentations_raise_under_a_policy_that_trains_on_them():
    with pytest.raises(UserError, match="class 900.*aug3 or aug4"):
        policies.train_index("aug2", TRAIN, ALONE, rng())


def test_augmentations_without_a_image_of_their_own_raise():
    with pytest.raises(UserError, match="augmentation 0"):
        policies.train_index("aug3", TRAIN, ALONE + 1, rng())


def test_an_unknown_policy_or_protocol_raises():
    with pytest.raises(UserError, match="aug1, aug2, aug3, aug4"):
        policies.train_index("aug9", TRAIN, ALONE, rng())
    with pytest.raises(UserError, match="strict, published"):
        policies.score_index("aug1", "loose", "test", TRAIN, ALONE, rng())
