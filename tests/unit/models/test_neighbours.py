"""Neighbours counted from one sorted table of distances, and doubt where equal distances leave a choice."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from micrograph.models import neighbours


def task(rows, target, held, points):
    return SimpleNamespace(
        rows=np.array(rows, dtype=float)[:, None], target=np.array(target), held=np.array(held, dtype=float)[:, None],
        points=points, celsius=np.asarray, classes=(900, 950, 1000),
    )  # fmt: skip


def near(count, weights="uniform"):
    return {"n_neighbors": count, "weights": weights, "p": 2}


@pytest.mark.parametrize("p", [1, 2, 3, 5])
def test_distances_are_minkowskis_and_repeated_rows_are_equally_far(p):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(9, 6))[[0, 1, 2, 3, 4, 5, 6, 7, 8, 2, 2]]
    queries = rng.normal(size=(4, 6))
    found = neighbours.distances(queries, rows, [p])[p]
    assert np.allclose(found, cdist(queries, rows, "minkowski", p=p), rtol=1e-12)
    assert np.array_equal(found[:, 2], found[:, 9])


def test_votes_by_hand():
    """From 0: neighbours at 1 (950), 2 and 3 (1000). One decides 950, three 1000; by inverse distance 1 beats 5/6."""
    points = [near(1), near(3), near(3, "distance"), near(4)]
    predicted, sure = neighbours.votes(task([1, 2, 3], [950, 1000, 1000], [0], points))
    assert predicted[:3, 0].tolist() == [950, 1000, 950]
    assert sure.tolist() == [True, True, True, False]  # there are no four: left to scikit-learn to say


def test_means_by_hand():
    predicted, sure = neighbours.means(task([1, 2, 4], [950.0, 1000.0, 1000.0], [0], [near(2), near(3, "distance")]))
    assert predicted[:, 0].tolist() == [950, 950]  # 975 goes down; (950 + 500 + 250) / 1.75 = 971.4
    assert sure.tolist() == [True, True]


def test_equal_distances_leave_doubt_only_where_they_may_turn_the_vote():
    rows, target = [-2, 2, 3, 3], [900, 1000, 950, 950]
    predicted, sure = neighbours.votes(task(rows, target, [0], [near(1), near(2), near(3)]))
    assert sure.tolist() == [False, True, True]  # 900 or 1000 first? Two copies of one film differ in nothing.
    assert predicted[1, 0] == 900  # one vote each: the lower class


def test_a_query_on_a_training_film_is_in_doubt_when_weighted_by_inverse_distance():
    _, sure = neighbours.votes(task([0, 1, 2], [900, 950, 950], [0], [near(3), near(3, "distance")]))
    assert sure.tolist() == [True, False]


def test_radius_votes_and_means_by_hand():
    reach = {"radius": 3, "weights": "uniform", "p": 2}
    rows, held = [1, 2, 10], [0, 6, 20]
    predicted, sure = neighbours.radius_votes(task(rows, [950, 950, 1000], held, [reach]))
    assert predicted.tolist() == [[950, 900, 900]]  # without neighbours: the first class, as published
    assert sure.all()
    predicted, sure = neighbours.radius_means(task(rows, [950.0, 1000.0, 1000.0], [0.5, 20], [reach]))
    assert np.array_equal(predicted, [[950, np.nan]], equal_nan=True)
    assert not sure.any()  # 975 is the border of 950 and 1000


def test_a_film_just_at_the_radius_is_in_doubt():
    _, sure = neighbours.radius_votes(task([3, 9], [950, 900], [0], [{"radius": 3, "weights": "uniform", "p": 2}]))
    assert not sure.any()


@pytest.mark.parametrize("kinds", [5, 60, 100_000])
def test_the_nearest_stand_in_the_order_of_a_whole_stable_sort_and_no_equal_one_is_left_out(kinds):
    distance = np.random.default_rng(0).integers(0, kinds, (20, 300)) / kinds
    found, whole = neighbours._in_order(distance, 6, 1e-9), np.argsort(distance, axis=1, kind="stable")
    last = (np.sort(distance, axis=1) <= np.sort(distance, axis=1)[:, 5:6]).sum(axis=1)  # equal to the sixth
    for row, expected, count in zip(found, whole, last, strict=True):
        assert row[:count].tolist() == expected[:count].tolist()
    assert (found.shape[1] < 300) == (kinds > 5)
