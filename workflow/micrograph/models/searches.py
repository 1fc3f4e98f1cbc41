"""The validation answers of every grid point of one fold."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import is_regressor

from micrograph.models import classifiers, waist


@dataclass(frozen=True)
class Table:
    """One fold's search: features (n, k), the Fold of these rows, the grid's points, and the words of the fit."""

    features: np.ndarray
    fold: waist.Fold
    points: list
    protocol: str
    scheme: str
    model: str
    classes: tuple


def validated(table):
    """(points, m) classes in Celsius that every grid point predicts for the fold's m validation rows."""
    held = table.features[table.fold.parts["validation"]]
    return np.stack([answered(fit(table, point), held, table.classes)[0] for point in range(len(table.points))])


def fit(table, point):
    """The estimator of one grid point, fitted on the fold's training rows."""
    settings = table.points[point]
    estimator = classifiers.build(table.model, table.scheme, table.protocol, settings, table.classes, table.fold.seed)
    target = table.fold.rows.labels[table.fold.training]
    return estimator.fit(table.features[table.fold.training], target if table.scheme == "nominal" else target * 1.0)


def answered(estimator, features, classes):
    """(class in Celsius, value in Celsius) as floats; a classifier has no value (NaN), a lost query neither."""
    output = np.asarray(estimator.predict(features), dtype=float)
    if is_regressor(estimator):
        return classifiers.to_class(output, classes), output
    return output, np.full(len(output), np.nan)
