"""Films of several scans: their scans stay together, and every film is trained on equally often."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph.splits import film_scans


@pytest.mark.parametrize(
    ("films", "expected"),
    [(["a", "b", "c"], [1, 1, 1]), (["a", "b", "b"], [2, 1, 1]), (["a", "b", "b", "b", "b"], [4, 1, 1, 1, 1])],
)
def test_scans_are_repeated_until_every_film_has_as_many_rows(films, expected):
    rng = np.random.default_rng(0)
    assert film_scans.film_repeats(np.array(films), rng).tolist() == expected
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state  # nothing had to be drawn


@given(st.lists(st.sampled_from("abcdef"), max_size=40), st.integers(0, 9))
def test_every_film_counts_the_same_whatever_the_numbers_of_scans_are(films, seed):
    repeats = film_scans.film_repeats(np.array(films, dtype=str), np.random.default_rng(seed))
    rows = pd.Series(repeats, dtype=int).groupby(films).sum()
    assert rows.nunique() <= 1 and (rows <= film_scans.MOST_ROWS).all()
    within = pd.Series(repeats, dtype=int).groupby(films).agg(lambda each: each.max() - each.min())
    assert (within <= 1).all()


def test_only_training_is_weighted_fold_by_fold_and_only_by_film():
    table = pd.DataFrame(
        {
            "fold": [0, 0, 0, 0, 1, 1, 1, 1],
            "split": ["train", "train", "train", "test", "train", "test", "test", "train"],
            "sample": ["a", "b@1", "b@2", "c"] * 2,
            "film": ["a", "b", "b", "c"] * 2,
        }
    )
    repeats = film_scans.add_repeats(table, "film", np.random.default_rng(0))["repeats"]
    assert repeats.tolist() == [2, 1, 1, 1, 1, 1, 1, 1]
    assert set(film_scans.add_repeats(table, "scan", np.random.default_rng(0))["repeats"]) == {1}


def test_scans_have_the_rows_of_their_film():
    samples = pd.DataFrame(
        {"sample": ["b", "a@2", "a@1"], "film": ["b", "a", "a"], "batch": ["d", "e", "e"], "scan": "s"}
    )
    films = film_scans.films(samples)
    assert films[["sample", "batch"]].to_numpy().tolist() == [["b", "d"], ["a", "e"]]
    table = pd.concat([films.assign(fold=fold, split=split) for fold, split in enumerate(("train", "test"))])
    scans = film_scans.to_scans(table[["fold", "split", "sample", "batch", "scan"]], samples)
    assert scans.columns.tolist() == ["fold", "split", "sample", "film", "batch", "scan"]
    assert scans["sample"].tolist() == ["a@1", "a@2", "b"] * 2 and scans["film"].tolist() == ["a", "a", "b"] * 2
