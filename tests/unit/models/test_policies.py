"""Oversampling multiplies training rows and nothing else."""

import numpy as np
import pytest

from micrograph.faults import Fault
from micrograph.models import policies

PAPER = np.repeat([900, 950, 1000], [23, 105, 83])


def test_aug3_makes_the_papers_counts_and_keeps_every_row():
    drawn = policies.training_rows("aug3", PAPER, np.random.default_rng(0))
    assert np.unique(PAPER[drawn], return_counts=True)[1].tolist() == [105, 105, 105]
    assert set(drawn) == set(range(len(PAPER)))


def test_aug3_repeats_no_row_of_the_largest_class():
    drawn = policies.training_rows("aug3", PAPER, np.random.default_rng(0))
    assert np.bincount(drawn)[PAPER == 950].max() == 1


def test_aug4_takes_every_row_once():
    assert policies.training_rows("aug4", PAPER, np.random.default_rng(0)).tolist() == list(range(len(PAPER)))


def test_the_same_seed_draws_the_same_rows_and_another_seed_others():
    first, again, other = (policies.training_rows("aug3", PAPER, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_unknown_policy_is_a_fault_that_lists_the_known():
    with pytest.raises(Fault, match="aug3, aug4"):
        policies.training_rows("aug9", PAPER, np.random.default_rng(0))
