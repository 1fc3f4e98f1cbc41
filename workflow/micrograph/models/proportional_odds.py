"""Ordinal logistic regression (proportional odds), with a ridge where classes are separable."""

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.miscmodels.ordinal_model import OrderedModel


class RidgedOdds(OrderedModel):
    """OrderedModel (logit) whose log-likelihood, summed over the rows, is lessened by ridge / 2 * |slopes|^2.

    Without a ridge the slopes of features that part the classes without error grow without end. statsmodels takes its
    gradient by differences, far slower with dozens of features.
    """

    def __init__(self, levels, rows, ridge):
        """levels (n,): classes from 0 up, none left out; rows (n, k): features; ridge: at least 0."""
        super().__init__(levels, rows, distr="logit", hasconst=False)
        self.ridge = ridge

    def loglike(self, params):
        """The log-likelihood less the ridge, a float. params: slopes, then cuts as statsmodels keeps them."""
        slopes = params[: self.k_vars]
        return super().loglike(params) - self.ridge / 2 * float(slopes @ slopes)

    def score(self, params):
        """The gradient of loglike, as long as params."""
        low, upp = self._bounds(params)
        chance = self.prob(low, upp) + 1e-20  # as in loglike
        below, above = self.pdf(low) / chance, self.pdf(upp) / chance
        slopes = (below - above) @ self.exog - self.ridge * params[: self.k_vars]
        cuts = np.bincount(self.endog, above, self.k_levels)[:-1] - np.bincount(self.endog, below, self.k_levels)[1:]
        steps = np.concatenate([[1.0], np.exp(params[self.k_vars + 1 :])])  # cuts are kept as logarithms of steps
        return np.concatenate([slopes, steps * cuts[::-1].cumsum()[::-1]])


def fit_proportional_odds(levels, rows, ridge):
    """(slopes (k,), cuts (classes - 1,)) of the proportional odds of levels (n,) given rows (n, k).

    levels: classes from 0 up, none left out, at least two; ridge: above 0 unless the likelihood has its highest point
    at finite slopes. Warns (statsmodels' ConvergenceWarning) where the search ends early.
    """
    model = RidgedOdds(np.asarray(levels), np.asarray(rows, dtype=float), ridge)
    found = model.fit(method="lbfgs", maxiter=2000, maxfun=4000, pgtol=1e-7, factr=1e4, disp=0, skip_hessian=True)
    return found.params[: model.k_vars], model.transform_threshold_params(found.params)[1:-1]


def class_probabilities(slopes, cuts, rows):
    """(n, classes) probabilities of the classes of rows (n, k)."""
    below = expit(cuts - (rows @ slopes)[:, None])
    ends = np.zeros((len(rows), 1)), np.ones((len(rows), 1))
    return np.diff(np.hstack([ends[0], below, ends[1]]), axis=1)


class OrdinalLogit(ClassifierMixin, BaseEstimator):
    """Proportional odds with the ridge `alpha` on standardised features.

    Features are brought to mean 0 and deviation 1 over the training rows. Of an unknown value (NaN) two things are
    learned apart: the training mean stands in its place, and a column of its own says that it is unknown, where any is
    among the training rows. A feature that is the same in all training rows gets no weight, so that a batch, operator
    or substrate never seen in training says nothing. The most probable class is the answer.
    alpha: above 0, on the log-likelihood summed over rows (a tenth of it: ten times the weight of the data).
    """

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y):
        """X (n, k), NaN where unknown; y (n,) classes, which have an order. Returns self."""
        filled = SimpleImputer(add_indicator=True, keep_empty_features=True)
        self.prepared_ = make_pipeline(filled, StandardScaler()).fit(X)
        self.classes_, levels = np.unique(y, return_inverse=True)
        rows = self.prepared_.transform(X)
        self.slopes_, self.cuts_ = np.zeros(rows.shape[1]), np.zeros(0)
        if len(self.classes_) > 1:
            self.slopes_, self.cuts_ = fit_proportional_odds(levels, rows, self.alpha)
        return self

    def predict_proba(self, X):
        """(n, classes) probabilities."""
        return class_probabilities(self.slopes_, self.cuts_, self.prepared_.transform(X))

    def predict(self, X):
        """(n,) the most probable class, the lower of equals."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
