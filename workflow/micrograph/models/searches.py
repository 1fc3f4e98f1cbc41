"""The validation answers of every grid point of one fold, with the work shared that points have in common.

The plain way fits every point. A faster way gives, beside its answers, which of its points are sure: those whose
answers cannot hang on rounding or on the order of equal neighbours. The others are fitted plainly, so the choice is
always the plain loop's.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.base import is_regressor
from sklearn.preprocessing import StandardScaler

from micrograph import target
from micrograph.models import boosting, classifiers, machines, neighbours, ridges
from micrograph.models.estimators import UnitRows
from micrograph.splits import prediction_table, protocols


@dataclass(frozen=True)
class Search:
    """One fold's search: features (n, k), the Fold of these rows, the grid's points, and the words of the fit."""

    features: np.ndarray
    fold: prediction_table.Fold
    points: list
    protocol: str
    scheme: str
    model: str
    classes: tuple

    @property
    def dress(self):
        """Whose models and preparation: strict or published."""
        return protocols.parse(self.protocol).dress

    @property
    def compared(self):
        """The rows that the points of the grid are compared on: validation, but with the leak `grid` those reported."""
        return self.fold.parts[protocols.parse(self.protocol).chooser]

    @property
    def truth(self):
        """(h,) the labels of these rows."""
        return self.fold.rows.labels[self.compared]

    @property
    def target(self):
        """(m,) the labels of the training rows, whole for a classifier, Celsius for a regressor."""
        labels = self.fold.rows.labels[self.fold.training]
        return labels.astype(float) if self.scheme == "regression" else labels


@dataclass(frozen=True)
class Task:
    """What the bare estimator of a search sees.

    rows (m, k), target (m,): the training rows and targets after the protocol's own preparation; held (h, k): the
    rows that points are compared on; points: the grid; fit(point): the plain way, the whole estimator;
    celsius(values): a regressor's output in degrees; classes: growth temperatures.
    """

    rows: np.ndarray
    target: np.ndarray
    held: np.ndarray
    points: list
    fit: object
    celsius: object
    classes: tuple


def validated(search):
    """(points, h) classes in Celsius that every grid point predicts for the h rows that the fold compares points on."""
    way = WAYS.get((search.dress, search.model, search.scheme))
    held = search.features[search.compared]
    predicted = np.full((len(search.points), len(held)), np.nan)
    sure = np.zeros(len(search.points), dtype=bool)
    if way is not None:
        predicted, sure = way(_task(search))
    for point in np.flatnonzero(~sure):
        predicted[point] = answered(fit(search, search.points[point]), held, search.classes)[0]
    return predicted


# Dress of the protocol, model and scheme -> the faster way; what is not here is fitted point by point.
WAYS = {
    ("strict", "SVC", "nominal"): machines.classifiers,
    ("strict", "SVC", "regression"): machines.regressors,
    ("strict", "KRC", "nominal"): ridges.classifiers,
    ("strict", "KRC", "regression"): ridges.regressors,
    ("strict", "RNN", "nominal"): neighbours.reaches,
    ("strict", "RNN", "regression"): neighbours.reach_values,
    ("strict", "KNN", "nominal"): neighbours.votes,
    ("strict", "KNN", "regression"): neighbours.means,
    ("strict", "GBC", "nominal"): boosting.stages,
    ("strict", "GBC", "regression"): boosting.stages,
    ("published", "SVC", "nominal"): machines.classifiers,
    ("published", "SVC", "regression"): machines.regressors,
    ("published", "KRC", "regression"): ridges.regressors,
    ("published", "RNN", "nominal"): neighbours.radius_votes,
    ("published", "RNN", "regression"): neighbours.radius_means,
    ("published", "KNN", "nominal"): neighbours.votes,
    ("published", "KNN", "regression"): neighbours.means,
    ("published", "GBC", "nominal"): boosting.stages,
    ("published", "GBC", "regression"): boosting.stages,
}


def fit(search, settings):
    """The whole estimator with these settings, fitted on the fold's training rows: the plain way."""
    words = search.model, search.scheme, search.protocol
    estimator = classifiers.build(*words, settings, search.classes, search.fold.seed)
    return estimator.fit(search.features[search.fold.training], search.target)


def answered(estimator, features, classes):
    """(class in Celsius, value in Celsius) as floats; a classifier has no value (NaN), a lost query neither."""
    output = np.asarray(estimator.predict(features), dtype=float)
    if is_regressor(estimator):
        return target.to_class(output, classes), output
    return output, np.full(len(output), np.nan)


def _task(search):
    """The Task of a search, prepared as classifiers.build prepares it: by the same scikit-learn objects, bit by bit."""
    rows = search.features[search.fold.training]
    held = search.features[search.compared]
    target, celsius = search.target, np.asarray
    if search.dress == "strict":
        direction = UnitRows().fit(rows)
        rows, held = direction.transform(rows), direction.transform(held)
    if search.dress == "strict" and search.scheme == "regression":
        scale = StandardScaler().fit(target[:, None])
        target = scale.transform(target[:, None])[:, 0]
        celsius = lambda values: scale.inverse_transform(np.asarray(values)[:, None])[:, 0]  # noqa: E731
    return Task(rows, target, held, search.points, lambda settings: fit(search, settings), celsius, search.classes)
