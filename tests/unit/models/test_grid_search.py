"""Shared work changes no choice: every model and grid against scikit-learn's estimators fitted point by point."""

from itertools import product

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from micrograph.models import grid_search, registry
from micrograph.splits import prediction_table, splitters
from micrograph.splits.fit_spec import FitSpec, FitTask
from tables_of_films import TARGET, films

FRAME = films((8, 24, 18), 20)
CASES = list(product(("strict", "published"), ("KRC", "RNN", "KNN", "GBC"), ("nominal", "regression")))


def smooth(rng):
    """Features without equal distances, in which temperature shows."""
    features = rng.normal(size=(len(FRAME), 12))
    features[:, 0] += (FRAME["y_true"] - 950) / 25
    return features


def raw(rng):
    """Features as a network gives them, far from unit scale."""
    return 40 * smooth(rng) + 100


def tied(rng):
    """Whole numbers in three columns: samples of different classes at equal distances, and some on one point."""
    return np.round(smooth(rng)[:, :3]).clip(-2, 2)


def search_of(features, protocol, model, scheme, param_grid):
    table = splitters.split(FRAME, protocol, 4, np.random.default_rng(2), TARGET)
    names, augmentation = FRAME["sample"].to_numpy(), np.zeros(len(FRAME), dtype=int)
    rng = np.random.default_rng(1)
    fold = prediction_table.make_folds(names, augmentation, table, protocol=protocol, policy="aug3", rng=rng)[1]
    spec = FitSpec(protocol, "imagenet", "aug3", "tuned", scheme, model)
    return grid_search.GridSearch(features, fold, FitTask(spec, TARGET, param_grid))


def some_points(protocol, model, scheme):
    """Points from all over the paper's grid, for boosting with fewer trees."""
    points = registry.param_grid(model, scheme, protocol, "published")
    if model == "GBC":
        return [{**point, "n_estimators": n} for n in (2, 9, 5) for point in points[:60:13]]
    return points[:: max(1, len(points) // 40)]


def fitted_one_by_one(search):
    fits = (search.fit(params) for params in search.task.grid)
    return np.stack([grid_search.predict(one, search.X_selection, TARGET)[0] for one in fits])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("features", [smooth, raw])
@pytest.mark.parametrize(("protocol", "model", "scheme"), CASES)
def test_shared_work_predicts_and_chooses_as_fits_one_by_one(protocol, model, scheme, features):
    values = features(np.random.default_rng(4))
    search = search_of(values, protocol, model, scheme, some_points(protocol, model, scheme))
    shared, alone = grid_search.predict_grid(search), fitted_one_by_one(search)
    assert np.array_equal(shared, alone, equal_nan=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("protocol", "model", "scheme"), [case for case in CASES if case[1] != "KNN"])
def test_samples_at_equal_distances_change_no_prediction(protocol, model, scheme):
    """Of KNN it may: which of equally distant neighbours counts is left open by scikit-learn."""
    values = tied(np.random.default_rng(4))
    points = some_points(protocol, model, scheme)
    search = search_of(values, protocol, model, scheme, [point for point in points if point.get("p", 2) in (1, 2)])
    assert np.array_equal(grid_search.predict_grid(search), fitted_one_by_one(search), equal_nan=True)


def test_published_estimators_are_scikit_learns():
    """Written out: distances by scikit-learn itself, and the first trees of a longer fit."""
    values = raw(np.random.default_rng(4))
    train = search_of(values, "published", "KNN", "nominal", [])
    own = StandardScaler().fit(values[np.unique(train.fold.train_index)].tolist() + train.X_selection.tolist())
    data, held = (own.transform(train.X_train), train.y_train), own.transform(train.X_selection)
    points = [{"n_neighbors": 5, "weights": "distance", "p": 3}, {"n_neighbors": 9, "weights": "uniform", "p": 1}]
    found = grid_search.predict_grid(search_of(values, "published", "KNN", "nominal", points))
    for y_pred, params in zip(found, points, strict=True):
        assert np.array_equal(y_pred, KNeighborsClassifier(**params).fit(*data).predict(held))
    params = {"radius": 3.0, "weights": "distance", "p": 2}
    found = grid_search.predict_grid(search_of(values, "published", "RNN", "regression", [params]))[0]
    theirs = RadiusNeighborsRegressor(**params).fit(data[0], data[1].astype(float)).predict(held)
    halfway = np.select([theirs <= 925, theirs <= 975], [900, 950], 1000)
    assert 0 < np.isnan(theirs).sum() < len(theirs)
    assert np.array_equal(found, np.where(np.isnan(theirs), 1000, halfway))
    points = [{"n_estimators": n, "max_depth": 2} for n in (3, 12, 7)]
    found = grid_search.predict_grid(search_of(values, "published", "GBC", "nominal", points))
    for y_pred, params in zip(found, points, strict=True):
        alone = GradientBoostingClassifier(random_state=train.fold.seed, **params).fit(*data)
        assert np.array_equal(y_pred, alone.predict(held))


def test_only_the_longest_boosting_is_fitted(monkeypatch):
    fitted = []
    fit = grid_search.GridSearch.fit
    monkeypatch.setattr(grid_search.GridSearch, "fit", lambda self, params: fitted.append(params) or fit(self, params))
    points = [{"n_estimators": n, "learning_rate": rate} for n in (3, 12, 7) for rate in (0.1, 1)]
    grid_search.predict_grid(search_of(smooth(np.random.default_rng(4)), "strict", "GBC", "nominal", points))
    assert fitted == [{"learning_rate": rate, "n_estimators": 12} for rate in (0.1, 1)]
