"""Estimators of our own in scikit-learn's grammar: what the strict protocol uses where the paper's choice is a flaw.

Imports nothing of the package, so that a model written with skops names only this module and scikit-learn's.
"""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin


class UnitRows(TransformerMixin, BaseEstimator):
    """Subtract the training mean and bring every row to length 1: what is compared is the direction from the mean.

    With far fewer films than features, components fitted on the training rows follow the noise of these rows too, and
    rows that were held out come out shorter: on our simulated films their median length is 0.2 (block2) to 0.9 (pool)
    of a training row's. Unmended, they crowd round the mean, every radius or neighbour found among training rows is
    wrong for them, and whichever class lies nearest the mean takes them all. A length cannot be compared across that
    gap; a direction can, whatever the unit of the features. Over four of Table 2's feature sets balanced accuracy on
    validation films was so 5 (SVC), 0 (KRC) and 20 (RNN) points above that of one scale for all rows.
    A row that equals the mean stays zero.
    """

    def fit(self, X, y=None):
        self.mean_ = np.asarray(X, dtype=float).mean(axis=0)
        return self

    def transform(self, X):
        apart = np.asarray(X, dtype=float) - self.mean_
        length = np.linalg.norm(apart, axis=1, keepdims=True)
        return apart / np.where(length > 0, length, 1.0)


class KernelRidgeClassifier(ClassifierMixin, BaseEstimator):
    """Ridge regression in a kernel's feature space on one-hot targets (-1, 1); the largest output is the class.

    kernel: rbf, exp(-gamma |x - z|^2), or polynomial, (gamma x.z + coef0)^degree; alpha: the ridge. Targets are
    centred on the training rows, so that a large ridge falls back on the class shares.
    """

    def __init__(self, alpha=1.0, kernel="rbf", gamma=1.0, degree=3, coef0=1.0):
        self.alpha = alpha
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0

    def _kernel(self, X):
        if self.kernel == "rbf":
            return np.exp(-self.gamma * cdist(X, self.rows_, "sqeuclidean"))
        if self.kernel == "polynomial":
            return (self.gamma * (X @ self.rows_.T) + self.coef0) ** self.degree
        raise ValueError(f"kernel '{self.kernel}' is not known; choose rbf or polynomial")

    def fit(self, X, y):
        self.rows_ = np.asarray(X, dtype=float)
        self.classes_, label = np.unique(y, return_inverse=True)
        target = np.where(label[:, None] == np.arange(len(self.classes_)), 1.0, -1.0)
        self.offset_ = target.mean(axis=0)
        ridge = self._kernel(self.rows_) + self.alpha * np.eye(len(self.rows_))
        self.dual_ = np.linalg.solve(ridge, target - self.offset_)
        return self

    def decision_function(self, X):
        """(n, classes) outputs, also for two classes."""
        return self._kernel(np.asarray(X, dtype=float)) @ self.dual_ + self.offset_

    def predict(self, X):
        return self.classes_[self.decision_function(X).argmax(axis=1)]


class _Radius(BaseEstimator):
    """Neighbours within a radius that is a quantile of the distances between distinct training rows.

    weights: uniform or distance (inverse; a neighbour at distance 0 then decides alone); p: Minkowski power. A query
    without a neighbour is answered by its nearest training row, so there is always an answer.
    """

    def __init__(self, quantile=0.1, weights="uniform", p=2):
        self.quantile = quantile
        self.weights = weights
        self.p = p

    def _fit_rows(self, X):
        self.rows_ = np.asarray(X, dtype=float)
        self.radius_ = reach(minkowski(self.rows_, self.rows_, self.p), self.quantile)

    def _shares(self, X):
        distance = minkowski(np.asarray(X, dtype=float), self.rows_, self.p)
        return shares(distance, self.radius_, self.weights)


def minkowski(X, rows, p):
    """(n, m) distances of power p between the rows of two tables."""
    return cdist(X, rows) if p == 2 else cdist(X, rows, "minkowski", p=p)


def reach(between, quantile):
    """The radius: a quantile of the distances `between` (m, m) training rows that are apart; 0 where none are."""
    apart = between[between > 0]
    return float(np.quantile(apart, quantile)) if apart.size else 0.0


def shares(distance, radius, weights):
    """(queries, training rows) weights of the neighbours, which sum to 1 for every query (see _Radius)."""
    near = distance <= radius
    alone = np.flatnonzero(~near.any(axis=1))
    near[alone] = distance[alone] == distance[alone].min(axis=1, keepdims=True)
    weight = near.astype(float)
    if weights == "distance":
        touching = near & (distance == 0)
        inverse = np.divide(near, distance, where=distance > 0, out=np.zeros_like(distance))
        weight = np.where(touching.any(axis=1, keepdims=True), touching, inverse)
    return weight / weight.sum(axis=1, keepdims=True)


class RadiusClassifier(ClassifierMixin, _Radius):
    """Vote of the neighbours within the radius (see _Radius)."""

    def fit(self, X, y):
        self._fit_rows(X)
        self.classes_, label = np.unique(y, return_inverse=True)
        self.votes_ = (label[:, None] == np.arange(len(self.classes_))).astype(float)
        return self

    def predict_proba(self, X):
        return self._shares(X) @ self.votes_

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class RadiusRegressor(RegressorMixin, _Radius):
    """Mean of the neighbours within the radius (see _Radius)."""

    def fit(self, X, y):
        self._fit_rows(X)
        self.target_ = np.asarray(y, dtype=float)
        return self

    def predict(self, X):
        return self._shares(X) @ self.target_
