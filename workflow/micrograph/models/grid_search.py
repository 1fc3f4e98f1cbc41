"""Grid search of one fold: what every point of a parameter grid predicts for the rows that points are compared on.

Points are fitted one by one, but for work that they share: boosting of many trees also gives the predictions of its
first trees; neighbours of one metric share their distances, and ridges on one kernel share it, handed to scikit-learn
as precomputed. The predictions are those of single fits; only which of equally distant neighbours counts is left open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, is_regressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.pipeline import Pipeline

from micrograph import target
from micrograph.models import registry
from micrograph.models.estimators import KernelRidgeClassifier, minkowski_distances
from micrograph.splits import protocols

if TYPE_CHECKING:
    from micrograph.splits.fit_spec import FitTask
    from micrograph.splits.prediction_table import FoldData


@dataclass(frozen=True)
class GridSearch:
    """A model, its parameter grid and the data of one fold.

    Attributes
    ----------
    features : ndarray of shape (n_rows, n_features)
    fold : prediction_table.FoldData
        Indices into the rows.
    task : FitTask
        Its grid is of `registry.param_grid`.
    predicted : ndarray of int, optional
        Rows that points are to predict, by default those that they are compared on.
    """

    features: NDArray[np.float64]
    fold: FoldData
    task: FitTask
    predicted: NDArray[np.intp] | None = None

    @property
    def selection_index(self) -> NDArray[np.intp]:
        """Rows that points are compared on: of the validation part, with one leak of the reported part."""
        if self.predicted is not None:
            return self.predicted
        return self.fold.score_index[protocols.parse(self.task.spec.protocol).selection_split]

    @property
    def X_selection(self) -> NDArray[np.float64]:  # noqa: N802
        """Features of these rows."""
        return self.features[self.selection_index]

    @property
    def X_train(self) -> NDArray[np.float64]:  # noqa: N802
        """Features of the training rows."""
        return self.features[self.fold.train_index]

    @property
    def y_train(self) -> NDArray:
        """Targets of the training rows: codes of classes for a classifier, values for a regressor."""
        samples, rows, aim = self.fold.samples, self.fold.train_index, self.task.target
        if self.task.spec.scheme == "regression":
            return samples.value[rows]
        return aim.codes[np.searchsorted(aim.classes, samples.y[rows])]

    @cached_property
    def scaler(self) -> BaseEstimator | None:
        """The scaling of features, fitted on the fold's `scaler_rows`; None where the estimator needs none."""
        made = self.estimator({})
        rows = self.fold.scaler_rows(self.task.spec.protocol)
        return made[0].fit(self.features[rows]) if isinstance(made, Pipeline) else None

    def scaled(self, features: NDArray) -> NDArray[np.float64]:
        """Scale rows of features as the model takes them."""
        return features if self.scaler is None else self.scaler.transform(features)

    def estimator(self, params: dict) -> BaseEstimator:
        """Make the unfitted estimator of one point."""
        spec = self.task.spec
        return registry.make_estimator(
            spec.model, spec.scheme, spec.protocol, params, self.task.target.codes.tolist(), self.fold.seed
        )

    def fit(self, params: dict) -> BaseEstimator:
        """Fit the estimator of one point: its scaling on the fold's `scaler_rows`, its model on the training rows."""
        made = self.estimator(params)
        _last(made).fit(self.scaled(self.X_train), self.y_train)
        if isinstance(made, Pipeline):
            made.steps[0] = (made.steps[0][0], self.scaler)
        return made


def predict(
    estimator: BaseEstimator, features: NDArray, aim: target.Target
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predict classes, and of a regressor values.

    Parameters
    ----------
    estimator
        Fitted.
    features : ndarray of shape (n_rows, n_features)
    aim : Target

    Returns
    -------
    y_pred, y_value : ndarray of shape (n_rows,)
        In the target's unit. The value is NaN of a classifier, and of a regressor's query without neighbours, whose
        class is the highest, as in the authors' notebook.
    """
    output = np.asarray(estimator.predict(features), dtype=float)
    if is_regressor(estimator):
        return np.where(np.isnan(output), aim.classes[-1], target.to_class(output, aim)), output
    return _classes(output, aim), np.full(len(output), np.nan)


def _classes(codes: NDArray, aim: target.Target) -> NDArray[np.float64]:
    """Return the classes that a classifier's predictions stand for."""
    return np.asarray(aim.classes, dtype=float)[np.searchsorted(aim.codes, codes)]


def training_accuracy(search: GridSearch) -> NDArray[np.float64]:
    """Return the share of training rows, with the policy's repeats, that each point predicts right, (n_points,)."""
    rows = search.fold.train_index
    return (predict_grid(replace(search, predicted=rows)) == search.fold.samples.y[rows]).mean(axis=1)


def predict_grid(search: GridSearch) -> NDArray[np.float64]:
    """Predict the rows that points are compared on with every point of the grid.

    Parameters
    ----------
    search : GridSearch

    Returns
    -------
    ndarray of shape (n_points, n_rows)
        Classes.
    """
    bare = _bare(search.estimator({}))
    if hasattr(bare, "staged_predict"):
        return _predict_stages(search)
    if isinstance(bare, KernelRidge | KernelRidgeClassifier):
        return _predict_precomputed(search, "kernel", _KERNEL, _kernels)
    if {"metric", "p"} <= bare.get_params().keys():
        return _predict_precomputed(search, "metric", ("p",), _distances)
    fits = (search.fit(params) for params in search.task.grid)
    return np.stack([predict(fitted, search.X_selection, search.task.target)[0] for fitted in fits])


def _predict_stages(search):
    """Boosting: trees of a shorter fit are the first of a longer one, so the longest is fitted alone."""
    y_pred = np.empty((len(search.task.grid), len(search.selection_index)))
    for shared, points in _by(search.task.grid, lambda name: name != "n_estimators").items():
        n_estimators = {point: search.task.grid[point]["n_estimators"] for point in points}
        with config_context(skip_parameter_validation=True):  # of every tree by itself
            fitted = search.fit({**dict(shared), "n_estimators": max(n_estimators.values())})
        stages = list(_staged_predict(fitted, search))
        for point, count in n_estimators.items():
            y_pred[point] = stages[count - 1]
    return y_pred


def _staged_predict(fitted, search):
    """Classes after 1, 2, ... trees."""
    held, last = search.scaled(search.X_selection), _last(fitted)
    if not is_regressor(last):
        yield from (_classes(codes, search.task.target) for codes in last.staged_predict(held))
        return
    transformer = getattr(last, "transformer_", None)
    for values in getattr(last, "regressor_", last).staged_predict(held):
        own = values if transformer is None else transformer.inverse_transform(values[:, None])[:, 0]
        yield target.to_class(own, search.task.target)


def _predict_precomputed(search, parameter, names, compute):
    """Points that agree in the parameters `names` share a matrix between samples, which replaces their features."""
    y_pred = np.empty((len(search.task.grid), len(search.selection_index)))
    train, held = search.scaled(search.X_train), search.scaled(search.X_selection)
    for shared, points in _by(search.task.grid, lambda name: name in names).items():
        bare = _bare(search.estimator(dict(shared)))
        within, across = compute(bare, train, train), compute(bare, held, train)
        for point in points:
            estimator = _last(search.estimator({**search.task.grid[point], parameter: "precomputed"}))
            y_pred[point] = predict(estimator.fit(within, search.y_train), across, search.task.target)[0]
    return y_pred


def _distances(bare, left, right):
    return minkowski_distances(left, right, bare.p)


_KERNEL = ("kernel", "gamma", "degree", "coef0")


def _kernels(bare, left, right):
    params = {name: getattr(bare, name) for name in _KERNEL[1:]}
    return pairwise_kernels(left, right, metric=bare.kernel, filter_params=True, **params)


def _by(param_grid, shares):
    """{(name, value) pairs of the names that `shares` accepts: indices of the points that have them}."""
    groups = {}
    for point, params in enumerate(param_grid):
        groups.setdefault(tuple(pair for pair in params.items() if shares(pair[0])), []).append(point)
    return groups


def _last(estimator):
    """Return the last step of a pipeline, or the estimator itself."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def _bare(estimator):
    """Return the estimator without preprocessing of features and target."""
    last = _last(estimator)
    return getattr(last, "regressor", last)
