"""Shared work changes no answer: every faster way against the plain loop, also where films are equally far."""

import warnings

import numpy as np
import pytest

from micrograph.models import grids, searches
from micrograph.splits import model_selection, prediction_table, splitters
from tables_of_films import CLASSES, films

FRAME = films((8, 24, 18), 20)


def smooth(rng):
    """Features without equal distances, in which temperature shows."""
    features = rng.normal(size=(len(FRAME), 12))
    features[:, 0] += (FRAME["growth_celsius"] - 950) / 25
    return features


def tied(rng):
    """Whole numbers in three columns: films of different temperature at equal distances, and some on one spot."""
    return np.round(smooth(rng)[:, :3]).clip(-2, 2)


def raw(rng):
    """Features as a network gives them, far from unit scale."""
    return 40 * smooth(rng) + 100


def search_of(features, protocol, model, scheme, points):
    table = splitters.split(FRAME, protocol, 4, np.random.default_rng(2))
    names, copies = FRAME["sample"].to_numpy(), np.zeros(len(FRAME), dtype=int)
    rng = np.random.default_rng(1)
    fold = prediction_table.make_folds(names, copies, table, protocol=protocol, policy="aug3", rng=rng)[1]
    return searches.Search(features, fold, points, protocol, scheme, model, tuple(CLASSES))


def some_points(protocol, model, scheme):
    """Points from all over the published grid; for trees and slow machines fewer or smaller ones."""
    points = grids.points(model, scheme, protocol, "published")
    if model == "GBC":
        families = grids.families(points, ("n_estimators",), without=True)
        few = [dict(family) for family in list(families)[:: len(families) // 3]]
        return [settings | {"n_estimators": trees} for trees in (2, 5, 9) for settings in few]
    if (model, scheme) == ("SVC", "regression"):
        return [settings | {"max_iter": limit} for settings in points[::7] for limit in (50, 2000)]
    if model == "KRC":  # whole runs of ridges, which one decomposition solves
        return [point for point in points if point["degree"] in (3, 11) and point["gamma"] in (0.002, 0.512)][::5]
    return points[:: max(1, len(points) // 40)]


def plainly(search):
    held = search.features[search.fold.parts["validation"]]
    fits = (searches.fit(search, settings) for settings in search.points)
    return np.stack([searches.answered(one, held, search.classes)[0] for one in fits])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [smooth, tied, raw])
@pytest.mark.parametrize("way", searches.WAYS, ids="-".join)
def test_every_faster_way_answers_and_chooses_as_the_plain_loop(way, kind):
    protocol, model, scheme = way
    features = kind(np.random.default_rng(4))
    search = search_of(features, protocol, model, scheme, some_points(protocol, model, scheme))
    found, plain = searches.validated(search), plainly(search)
    assert np.array_equal(found, plain, equal_nan=True)
    truth = search.fold.rows.labels[search.fold.parts["validation"]]
    assert model_selection.choose(found, truth, protocol) == model_selection.choose(plain, truth, protocol)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", searches.WAYS, ids="-".join)
def test_on_features_without_ties_most_points_are_sure(way):
    protocol, model, scheme = way
    features = smooth(np.random.default_rng(4))
    search = search_of(features, protocol, model, scheme, some_points(protocol, model, scheme))
    predicted, sure = searches.WAYS[way](searches._task(search))
    assert predicted.shape == (len(search.points), len(search.fold.parts["validation"]))
    assert sure.mean() > 0.5


def test_a_model_without_a_faster_way_is_fitted_point_by_point():
    features = smooth(np.random.default_rng(4))
    search = search_of(features, "strict", "DTC", "nominal", grids.points("DTC", "nominal", "strict", "default"))
    assert ("strict", "DTC", "nominal") not in searches.WAYS
    assert (searches.validated(search) == plainly(search)).all()


def test_searching_leaves_features_and_points_alone():
    features = smooth(np.random.default_rng(4))
    points = some_points("strict", "KNN", "nominal")
    kept = features.copy(), [dict(point) for point in points]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        searches.validated(search_of(features, "strict", "KNN", "nominal", points))
    assert np.array_equal(features, kept[0])
    assert points == kept[1]
