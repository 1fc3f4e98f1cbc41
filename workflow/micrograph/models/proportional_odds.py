"""Ordinal logistic regression (proportional odds) with a ridge penalty, for classes that features separate."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.miscmodels.ordinal_model import OrderedModel


class PenalisedOrderedModel(OrderedModel):
    """OrderedModel (logit) whose log-likelihood, summed over rows, is reduced by penalty / 2 * |coefficients|^2.

    Without a penalty the coefficients of features that separate the classes grow without bound. The gradient is
    analytical: statsmodels takes differences, far slower with dozens of features.

    Parameters
    ----------
    endog : ndarray of shape (n_samples,)
        Levels from 0, none left out.
    exog : ndarray of shape (n_samples, n_features)
    penalty : float
        At least 0.
    """

    def __init__(self, endog: NDArray, exog: NDArray, penalty: float) -> None:
        super().__init__(endog, exog, distr="logit", hasconst=False)
        self.penalty = penalty

    def loglike(self, params: NDArray) -> float:
        """Return the penalised log-likelihood; params: coefficients, then thresholds as statsmodels keeps them."""
        coefficients = params[: self.k_vars]
        return super().loglike(params) - self.penalty / 2 * float(coefficients @ coefficients)

    def score(self, params: NDArray) -> NDArray[np.float64]:
        """Return the gradient of `loglike`, as long as params."""
        low, upp = self._bounds(params)
        probability = self.prob(low, upp) + 1e-20  # as in loglike
        below, above = self.pdf(low) / probability, self.pdf(upp) / probability
        coefficients = (below - above) @ self.exog - self.penalty * params[: self.k_vars]
        thresholds = (
            np.bincount(self.endog, above, self.k_levels)[:-1] - np.bincount(self.endog, below, self.k_levels)[1:]
        )
        steps = np.concatenate([[1.0], np.exp(params[self.k_vars + 1 :])])  # kept as logarithms of differences
        return np.concatenate([coefficients, steps * thresholds[::-1].cumsum()[::-1]])


def fit_proportional_odds(levels: ArrayLike, X: ArrayLike, penalty: float) -> tuple[NDArray, NDArray]:
    """Fit proportional odds of levels given features.

    Parameters
    ----------
    levels : array_like of shape (n_samples,)
        Levels from 0, at least two, none left out.
    X : array_like of shape (n_samples, n_features)
    penalty : float
        Above 0, unless the likelihood has its maximum at finite coefficients.

    Returns
    -------
    coef : ndarray of shape (n_features,)
    thresholds : ndarray of shape (n_levels - 1,)

    Warns
    -----
    ConvergenceWarning
        If the optimiser stops early.
    """
    model = PenalisedOrderedModel(np.asarray(levels), np.asarray(X, dtype=float), penalty)
    fitted = model.fit(method="lbfgs", maxiter=2000, maxfun=4000, pgtol=1e-7, factr=1e4, disp=0, skip_hessian=True)
    return fitted.params[: model.k_vars], model.transform_threshold_params(fitted.params)[1:-1]


def class_probabilities(coef: NDArray, thresholds: NDArray, X: NDArray) -> NDArray[np.float64]:
    """Compute class probabilities of rows X.

    Parameters
    ----------
    coef : ndarray of shape (n_features,)
    thresholds : ndarray of shape (n_classes - 1,)
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    below = expit(thresholds - (X @ coef)[:, None])
    ends = np.zeros((len(X), 1)), np.ones((len(X), 1))
    return np.diff(np.hstack([ends[0], below, ends[1]]), axis=1)


class OrdinalLogit(ClassifierMixin, BaseEstimator):
    """Ordinal logistic regression with a ridge penalty on standardised features.

    An unknown value (NaN) becomes the training mean, and a column says that it was unknown, where training rows have
    unknown values. A feature that is the same in all training rows gets no weight, so that a batch, operator or
    substrate that is in no training row has no influence.

    Parameters
    ----------
    alpha : float, default 1.0
        Penalty on the log-likelihood summed over rows, above 0.

    Attributes
    ----------
    prepared_ : Pipeline
        Fitted imputer and scaler.
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (n_prepared_features,)
    thresholds_ : ndarray of shape (n_classes - 1,)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def fit(self, X: ArrayLike, y: ArrayLike) -> OrdinalLogit:
        """Fit on X, of shape (n_samples, n_features), NaN where unknown, and ordered classes y."""
        imputer = SimpleImputer(add_indicator=True, keep_empty_features=True)
        self.prepared_ = make_pipeline(imputer, StandardScaler()).fit(X)
        self.classes_, levels = np.unique(y, return_inverse=True)
        prepared = self.prepared_.transform(X)
        self.coef_, self.thresholds_ = np.zeros(prepared.shape[1]), np.zeros(0)
        if len(self.classes_) > 1:
            self.coef_, self.thresholds_ = fit_proportional_odds(levels, prepared, self.alpha)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return class probabilities, shape (n_samples, n_classes)."""
        return class_probabilities(self.coef_, self.thresholds_, self.prepared_.transform(X))

    def predict(self, X: ArrayLike) -> NDArray:
        """Return the most probable class of every row, the lower of equals."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class NominalLogit(ClassifierMixin, BaseEstimator):
    """Multinomial logistic regression with the preparation and penalty of `OrdinalLogit`, for classes without order.

    Parameters
    ----------
    alpha : float, default 1.0
        Penalty on the log-likelihood summed over rows, above 0.

    Attributes
    ----------
    fitted_ : Pipeline
        Imputer, scaler and regression.
    classes_ : ndarray of shape (n_classes,)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def fit(self, X: ArrayLike, y: ArrayLike) -> NominalLogit:
        """Fit on X, of shape (n_samples, n_features), NaN where unknown, and classes y."""
        imputer = SimpleImputer(add_indicator=True, keep_empty_features=True)
        regression = LogisticRegression(C=1 / self.alpha, max_iter=2000)
        self.fitted_ = make_pipeline(imputer, StandardScaler(), regression).fit(X, y)
        self.classes_ = self.fitted_.classes_
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return class probabilities, shape (n_samples, n_classes)."""
        return self.fitted_.predict_proba(X)

    def predict(self, X: ArrayLike) -> NDArray:
        """Return the most probable class of every row."""
        return self.fitted_.predict(X)
