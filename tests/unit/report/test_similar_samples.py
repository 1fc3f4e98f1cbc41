"""Neighbours are training samples of the fold alone, nearest first, in the features of the network of the fold."""

import numpy as np
import pandas as pd
import pytest

from micrograph.errors import UserError
from micrograph.io import FeatureSet
from micrograph.report import similar_samples
from micrograph.splits import splitters
from tables_of_films import TARGET, films

NAMES = [f"film{place:02d}" for place in range(12)]
# Twelve samples of six days, three folds; the feature is a position on a line, transformed in each fold.
SPLITS = pd.DataFrame(
    [
        (
            fold,
            {0: "test", 1: "validation"}.get((place // 2 - fold) % 3, "train"),
            NAMES[place],
            NAMES[place],
            f"day{place // 2}",
            900,
            900.0,
        )
        for fold in range(3)
        for place in range(12)
    ],
    columns=list(splitters.COLUMNS),
)
LINE = np.arange(12.0)[:, None]
VALUES = [LINE, 10 * LINE, LINE**2]


def nearest(values=VALUES, names=NAMES, n_neighbours=2, augmentation=0):
    features = FeatureSet(names, np.zeros(len(names), int) + augmentation, values)
    return similar_samples.nearest(NAMES, features, SPLITS, n_neighbours)


def test_neighbours_are_training_samples_of_the_fold_nearest_first():
    neighbours = nearest()
    # film00 is tested by fold 0, which trains on days 2 and 5: films 04, 05, 10, 11
    assert neighbours.indices[0].tolist() == [4, 5] and neighbours.distances[0].tolist() == [4.0, 5.0]
    # film02 by fold 1, which trains on days 0 and 3: films 00, 01, 06, 07; its features are ten times as far apart
    assert neighbours.indices[2].tolist() == [1, 0] and neighbours.distances[2].tolist() == [10.0, 20.0]


def test_ties_go_to_the_first_sample_and_the_order_on_disk_does_not_matter():
    assert nearest([0 * LINE] * 3, n_neighbours=3).indices[0].tolist() == [4, 5, 10]
    for values in ([0 * LINE] * 3, VALUES):
        turned = nearest([one[::-1] for one in values], NAMES[::-1], 3)
        assert np.array_equal(turned.indices, nearest(values, n_neighbours=3).indices)


def test_fewer_training_samples_than_requested_leave_gaps():
    neighbours = nearest(n_neighbours=6)
    assert (neighbours.indices[:, 4:] == -1).all() and np.isnan(neighbours.distances[:, 4:]).all()
    assert (neighbours.indices[:, :4] >= 0).all()


def test_augmented_images_are_not_neighbours():
    twice = [np.concatenate([one, one + 0.01]) for one in VALUES]
    assert nearest(twice, NAMES * 2, augmentation=np.repeat([0, 1], 12)).indices[0].tolist() == [4, 5]


def test_no_neighbour_is_of_the_same_day():
    table = films([20, 60, 50], days=30)
    splits = splitters.split(table, "strict", 5, np.random.default_rng(0), TARGET)
    names, rng = sorted(table["sample"]), np.random.default_rng(1)
    scores = [rng.normal(size=(len(names), 4)) for _ in range(5)]
    neighbours = similar_samples.nearest(names, FeatureSet(names, np.zeros(len(names), int), scores), splits)
    day = table.set_index("sample").loc[names, "batch"].to_numpy()
    assert (day[neighbours.indices] != day[:, None]).all()
    assert (np.diff(neighbours.distances, axis=1) >= 0).all()


def test_the_block_size_changes_nothing(monkeypatch):
    one = nearest()
    monkeypatch.setattr(similar_samples, "BLOCK", 3)
    assert np.array_equal(one.indices, nearest().indices) and np.array_equal(one.distances, nearest().distances)


def test_a_sample_without_fold_or_features_raises():
    features = FeatureSet(NAMES, np.zeros(12, int), VALUES)
    with pytest.raises(UserError, match="film99 is tested by no fold"):
        similar_samples.nearest([*NAMES, "film99"], features, SPLITS)
    with pytest.raises(UserError, match="was not tested"):
        similar_samples.nearest(NAMES[1:], features, SPLITS)
    with pytest.raises(UserError, match="sample film11"):
        nearest([one[:-1] for one in VALUES], NAMES[:-1])
