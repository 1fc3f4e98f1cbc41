"""Ordinal logistic regression on a few named features, in scikit-learn's grammar: what growth metadata and physical
measures tell of the temperature.

At its head nothing of the package is imported, so that a model written with skops names only this module and
scikit-learn's.
"""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


class OrdinalLogit(ClassifierMixin, BaseEstimator):
    """Proportional odds (models/odds.py) with the ridge `alpha` on standardised features.

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
        from micrograph.models import odds

        filled = SimpleImputer(add_indicator=True, keep_empty_features=True)
        self.prepared_ = make_pipeline(filled, StandardScaler()).fit(X)
        self.classes_, levels = np.unique(y, return_inverse=True)
        rows = self.prepared_.transform(X)
        self.slopes_, self.cuts_ = np.zeros(rows.shape[1]), np.zeros(0)
        if len(self.classes_) > 1:
            self.slopes_, self.cuts_ = odds.fit(levels, rows, self.alpha)
        return self

    def predict_proba(self, X):
        """(n, classes) probabilities."""
        from micrograph.models import odds

        return odds.chances(self.slopes_, self.cuts_, self.prepared_.transform(X))

    def predict(self, X):
        """(n,) the most probable class, the lower of equals."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
