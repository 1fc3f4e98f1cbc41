"""Neighbours are training samples of the fold alone, nearest first, in the features of the network of the fold."""

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
    """Twelve samples of six days, three folds; the feature is a position on a line, transformed in each fold."""
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


def test_neighbours_are_training_samples_of_the_fold_nearest_first(study):
    names, table, scores = study
    neighbours = similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), scores), table, n_neighbours=2)
    # film00 is tested by fold 0, which trains on days 2 and 5: films 04, 05, 10, 11
    assert neighbours.indices[0].tolist() == [4, 5] and neighbours.distances[0].tolist() == [4.0, 5.0]
    # film02 by fold 1, which trains on days 0 and 3: films 00, 01, 06, 07; its features are ten times as far apart
    assert neighbours.indices[2].tolist() == [1, 0] and neighbours.distances[2].tolist() == [10.0, 20.0]


def test_ties_go_to_the_first_sample_whatever_the_order_on_disk(study):
    names, table, scores = study
    same = [np.zeros((12, 1))] * 3
    straight = similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), same), table, n_neighbours=3)
    assert straight.indices[0].tolist() == [4, 5, 10]
    back = slice(None, None, -1)
    turned = similar_samples.nearest(
        names, FeatureSet(names[back], np.zeros(12, int), [one[back] for one in same]), table, n_neighbours=3
    )
    assert np.array_equal(straight.indices, turned.indices)
    mixed = similar_samples.nearest(
        names, FeatureSet(names[back], np.zeros(12, int), [one[back] for one in scores]), table, n_neighbours=3
    )
    assert np.array_equal(
        mixed.indices, similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), scores), table, 3).indices
    )


def test_fewer_training_samples_than_requested_leave_gaps(study):
    names, table, scores = study
    neighbours = similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), scores), table, n_neighbours=6)
    assert (neighbours.indices[:, 4:] == -1).all() and np.isnan(neighbours.distances[:, 4:]).all()
    assert (neighbours.indices[:, :4] >= 0).all()


def test_augmented_images_are_not_neighbours(study):
    names, table, scores = study
    twice = [np.concatenate([one, one + 0.01]) for one in scores]
    copies = np.repeat([0, 1], 12)
    neighbours = similar_samples.nearest(names, FeatureSet(names * 2, copies, twice), table, n_neighbours=2)
    assert neighbours.indices[0].tolist() == [4, 5]


def test_no_neighbour_is_of_the_same_day():
    table = films([20, 60, 50], days=30)
    splits = splitters.split(table, "strict", 5, np.random.default_rng(0))
    names, rng = sorted(table["sample"]), np.random.default_rng(1)
    scores = [rng.normal(size=(len(names), 4)) for _ in range(5)]
    neighbours = similar_samples.nearest(names, FeatureSet(names, np.zeros(len(names), int), scores), splits)
    day = table.set_index("sample").loc[names, "batch"].to_numpy()
    assert (day[neighbours.indices] != day[:, None]).all()
    assert (np.diff(neighbours.distances, axis=1) >= 0).all()


def test_the_block_size_changes_nothing(study, monkeypatch):
    names, table, scores = study
    one = similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), scores), table)
    monkeypatch.setattr(similar_samples, "BLOCK", 3)
    other = similar_samples.nearest(names, FeatureSet(names, np.zeros(12, int), scores), table)
    assert np.array_equal(one.indices, other.indices) and np.array_equal(one.distances, other.distances, equal_nan=True)


def test_a_sample_without_fold_or_features_raises(study):
    names, table, scores = study
    features = FeatureSet(names, np.zeros(12, int), scores)
    with pytest.raises(UserError, match="film99 is tested by no fold"):
        similar_samples.nearest([*names, "film99"], features, table)
    with pytest.raises(UserError, match="was not tested"):
        similar_samples.nearest(names[1:], features, table)
    with pytest.raises(UserError, match="sample film11"):
        similar_samples.nearest(names, FeatureSet(names[:-1], np.zeros(11, int), [one[:-1] for one in scores]), table)
