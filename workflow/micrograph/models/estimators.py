"""Scikit-learn estimators of the strict protocol, where the paper's choice is a flaw.

Imports nothing of the package: models written with skops name only this module and scikit-learn's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.kernel_ridge import KernelRidge


class CenteredNormalizer(TransformerMixin, BaseEstimator):
    """Subtract the training mean and scale every row to unit length.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        Mean of the training rows.

    Notes
    -----
    With far fewer samples than features, principal components fitted on the training rows follow the noise of these
    rows too, so that held-out rows come out shorter: on our simulated films their median length is 0.2 (block2) to 0.9
    (pool) of a training row's. Without scaling, held-out rows crowd round the mean, radii and neighbours found among
    training rows are wrong for them, and whichever class lies nearest the mean takes them all. Over four of Table 2's
    feature sets the balanced accuracy on validation films was 5 (SVC), 0 (KRC) and 20 (RNN) points above that of one
    scale for all rows. A row that equals the mean stays zero.
    """

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> CenteredNormalizer:
        """Learn the mean of X, of shape (n_samples, n_features); y is ignored."""
        self.mean_ = np.asarray(X, dtype=float).mean(axis=0)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the rows of X centred and scaled."""
        centred = np.asarray(X, dtype=float) - self.mean_
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return centred / np.where(length > 0, length, 1.0)


class KernelRidgeClassifier(ClassifierMixin, BaseEstimator):
    """Classify by kernel ridge regression on targets of -1 and 1, one per class; the largest output wins.

    Targets are centred on the training rows, so that a large penalty falls back on the class frequencies.

    Parameters
    ----------
    alpha : float, default 1.0
        Penalty.
    kernel, gamma, degree, coef0
        As of scikit-learn's KernelRidge.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    offset_ : ndarray of shape (n_classes,)
        Mean of the targets.
    ridge_ : KernelRidge
        Fitted on the centred targets.
    """

    def __init__(
        self, alpha: float = 1.0, kernel: str = "rbf", gamma: float = 1.0, degree: int = 3, coef0: float = 1.0
    ) -> None:
        self.alpha = alpha
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0

    def fit(self, X: ArrayLike, y: ArrayLike) -> KernelRidgeClassifier:
        """Fit on X, of shape (n_samples, n_features), and the classes y."""
        self.classes_, label = np.unique(y, return_inverse=True)
        target = np.where(label[:, None] == np.arange(len(self.classes_)), 1.0, -1.0)
        self.offset_ = target.mean(axis=0)
        self.ridge_ = KernelRidge(**self.get_params()).fit(X, target - self.offset_)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the outputs, of shape (n_samples, n_classes), also for two classes."""
        return self.ridge_.predict(X) + self.offset_

    def predict(self, X: ArrayLike) -> NDArray:
        """Return the class of every row of X."""
        return self.classes_[self.decision_function(X).argmax(axis=1)]


class _QuantileRadius(BaseEstimator):
    """Neighbours within a radius that is a quantile of the distances between distinct training rows.

    A query without a neighbour takes its nearest training row, so that there always is a prediction.

    Parameters
    ----------
    quantile : float, default 0.1
    weights : {"uniform", "distance"}, default "uniform"
        distance: inverse; neighbours at distance 0 then count alone.
    p : float, default 2
        Power of the Minkowski distance.
    metric : {"minkowski", "precomputed"}, default "minkowski"
        precomputed: X holds distances, in `fit` (n_samples, n_samples) among training rows, in `predict` (n_queries,
        n_samples) of queries from training rows.
    """

    def __init__(
        self, quantile: float = 0.1, weights: str = "uniform", p: float = 2, metric: str = "minkowski"
    ) -> None:
        self.quantile = quantile
        self.weights = weights
        self.p = p
        self.metric = metric

    def _distances(self, X):
        """(n, n_samples) distances from the training rows."""
        X = np.asarray(X, dtype=float)
        return X if self.metric == "precomputed" else minkowski_distances(X, self.X_fit_, self.p)

    def _fit_radius(self, X):
        self.X_fit_ = np.asarray(X, dtype=float)
        distances = self._distances(self.X_fit_)
        positive = distances[distances > 0]
        self.radius_ = float(np.quantile(positive, self.quantile)) if positive.size else 0.0

    def _neighbour_weights(self, X):
        """(n, n_samples) weights of the training rows, which sum to 1 for every query."""
        distances = self._distances(X)
        near = distances <= self.radius_
        lone = np.flatnonzero(~near.any(axis=1))
        near[lone] = distances[lone] == distances[lone].min(axis=1, keepdims=True)
        weights = near.astype(float)
        if self.weights == "distance":
            equal = near & (distances == 0)
            inverse = np.divide(near, distances, where=distances > 0, out=np.zeros_like(distances))
            weights = np.where(equal.any(axis=1, keepdims=True), equal, inverse)
        return weights / weights.sum(axis=1, keepdims=True)


def minkowski_distances(X: ArrayLike, Y: ArrayLike, p: float) -> NDArray[np.float64]:
    """Return the Minkowski distances of power p between the rows of X and of Y, shape (n_X, n_Y)."""
    return cdist(X, Y) if p == 2 else cdist(X, Y, "minkowski", p=p)


class RadiusClassifier(ClassifierMixin, _QuantileRadius):
    """Vote of the neighbours within a radius; parameters as of `_QuantileRadius`."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> RadiusClassifier:
        """Fit on X and the classes y."""
        self._fit_radius(X)
        self.classes_, label = np.unique(y, return_inverse=True)
        self.one_hot_ = (label[:, None] == np.arange(len(self.classes_))).astype(float)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the weight of every class among the neighbours, shape (n_queries, n_classes)."""
        return self._neighbour_weights(X) @ self.one_hot_

    def predict(self, X: ArrayLike) -> NDArray:
        """Return the class of every query, the lowest of equals."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class RadiusRegressor(RegressorMixin, _QuantileRadius):
    """Weighted mean of the neighbours within a radius; parameters as of `_QuantileRadius`."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> RadiusRegressor:
        """Fit on X and the targets y."""
        self._fit_radius(X)
        self.y_fit_ = np.asarray(y, dtype=float)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the mean target of every query's neighbours."""
        return self._neighbour_weights(X) @ self.y_fit_
