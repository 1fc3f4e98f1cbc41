"""Estimators of our own in scikit-learn's grammar: what the strict protocol uses where the paper's choice is a flaw.

Imports nothing of the package, so that a model written with skops names only this module and scikit-learn's.
"""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin


class OneScale(TransformerMixin, BaseEstimator):
    """Subtract the training mean and divide all features by one number: the training rows' root mean square norm.

    A typical row then lies at distance 1 from the mean, so radii and kernel widths mean the same for every feature
    set. Principal component scores share one unit; dividing each by its own deviation would give the weakest the voice
    of the strongest, and with as many components as samples put all training rows equally far apart: on our simulated
    films it lost a mean of 3 (SVC, KRC) and 21 (RNN) points of test accuracy over Table 2's eight feature sets.
    """

    def fit(self, X, y=None):
        X = np.asarray(X, dtype=float)
        self.mean_ = X.mean(axis=0)
        self.scale_ = float(np.sqrt(((X - self.mean_) ** 2).sum(axis=1).mean())) or 1.0
        return self

    def transform(self, X):
        return (np.asarray(X, dtype=float) - self.mean_) / self.scale_


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
        between = self._distances(self.rows_)
        apart = between[between > 0]
        self.radius_ = float(np.quantile(apart, self.quantile)) if apart.size else 0.0

    def _distances(self, X):
        if self.p == 2:
            return cdist(X, self.rows_)
        return cdist(X, self.rows_, "minkowski", p=self.p)

    def _shares(self, X):
        """(queries, training rows) weights that sum to 1 for every query."""
        distance = self._distances(np.asarray(X, dtype=float))
        near = distance <= self.radius_
        alone = np.flatnonzero(~near.any(axis=1))
        near[alone] = distance[alone] == distance[alone].min(axis=1, keepdims=True)
        weight = near.astype(float)
        if self.weights == "distance":
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
