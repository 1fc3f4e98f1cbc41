"""Neighbours: of the fold's training films alone, nearest first, in the features of the fold's own network."""

import numpy as np
import pandas as pd
import pytest

from micrograph.errors import UserError
from micrograph.io import FeatureSet
from micrograph.report import similar_samples
from micrograph.splits import splitters
from tables_of_films import films


@pytest.fixture
def study():
    """Twelve films on six days, three folds; feature: the film's place on a line, shifted and scaled by the fold."""
    names = [f"film{place:02d}" for place in range(12)]
    rows = [
        (fold, part, names[place], f"day{place // 2}", 900)
        for fold in range(3)
        for place in range(12)
        for part in [{0: "test", 1: "validation"}.get((place // 2 - fold) % 3, "train")]
    ]
    table = pd.DataFrame(rows, columns=list(splitters.COLUMNS))
    line = np.arange(12.0)[:, None]
    return names, table, [line, 10 * line, line**2]


def test_neighbours_are_training_films_of_the_fold_nearest_first(study):
    names, table, scores = study
    near = similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), scores), table, count=2)
    # film00 is tested by fold 0, which trains on days 2 and 5: films 04, 05, 10, 11
    assert near.places[0].tolist() == [4, 5] and near.distances[0].tolist() == [4.0, 5.0]
    # film02 by fold 1, which trains on days 0 and 3: films 00, 01, 06, 07; its features are ten times as far apart
    assert near.places[2].tolist() == [1, 0] and near.distances[2].tolist() == [10.0, 20.0]
    assert near.training.tolist() == [4] * 12


def test_of_films_equally_far_the_first_by_name_comes_first_whatever_their_order_on_disk(study):
    names, table, scores = study
    same = [np.zeros((12, 1))] * 3
    straight = similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), same), table, count=3)
    assert straight.places[0].tolist() == [4, 5, 10]
    back = slice(None, None, -1)
    turned = similar_samples.nearest(
        names, FeatureSet(names[back], np.zeros(12, int), [one[back] for one in same]), table, count=3
    )
    assert np.array_equal(straight.places, turned.places)
    mixed = similar_samples.nearest(
        names, FeatureSet(names[back], np.zeros(12, int), [one[back] for one in scores]), table, count=3
    )
    assert np.array_equal(
        mixed.places, similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), scores), table, 3).places
    )


def test_fewer_training_films_than_asked_for_leave_gaps(study):
    names, table, scores = study
    near = similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), scores), table, count=6)
    assert (near.places[:, 4:] == -1).all() and np.isnan(near.distances[:, 4:]).all()
    assert (near.places[:, :4] >= 0).all()


def test_copies_are_nobodys_neighbours(study):
    names, table, scores = study
    twice = [np.concatenate([one, one + 0.01]) for one in scores]
    copies = np.repeat([0, 1], 12)
    near = similar_samples.nearest(names, FeatureSet(names * 2, copies, twice), table, count=2)
    assert near.places[0].tolist() == [4, 5]


def test_on_dealt_folds_no_film_is_near_one_of_its_own_day():
    table = films([20, 60, 50], days=30)
    dealt = splitters.split(table, "strict", 5, np.random.default_rng(0))
    names, rng = sorted(table["sample"]), np.random.default_rng(1)
    scores = [rng.normal(size=(len(names), 4)) for _ in range(5)]
    near = similar_samples.nearest(names, FeatureSet(names, np.zeros(len(names), int), scores), dealt)
    day = table.set_index("sample").loc[names, "batch"].to_numpy()
    assert (day[near.places] != day[:, None]).all()
    assert (np.diff(near.distances, axis=1) >= 0).all()


def test_blocks_of_films_change_nothing(study, monkeypatch):
    names, table, scores = study
    one = similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), scores), table)
    monkeypatch.setattr(similar_samples, "BLOCK", 3)
    other = similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), scores), table)
    assert np.array_equal(one.places, other.places) and np.array_equal(one.training, other.training)


def test_a_film_that_no_fold_tests_and_one_without_features_are_named(study):
    names, table, scores = study
    features = FeatureSet(names, np.zeros(12, int), scores)
    with pytest.raises(UserError, match="film99 is tested by no fold"):
        similar_samples.nearest([*names, "film99"], features, table)
    with pytest.raises(UserError, match="was not tested"):
        similar_samples.nearest(names[1:], features, table)
    with pytest.raises(UserError, match="sample film11"):
        similar_samples.nearest(names, FeatureSet(names[:-1], np.zeros(11, int), [one[:-1] for one in scores]), table)
