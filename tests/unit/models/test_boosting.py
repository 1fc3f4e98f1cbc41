"""One long fit answers for the shorter ones, and a learning rate of 0 for all."""

from types import SimpleNamespace

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from micrograph.models import boosting

RNG = np.random.default_rng(0)
LABELS = np.repeat([900, 950, 1000], [10, 25, 15])
ROWS = RNG.normal(size=(50, 4)) + (LABELS[:, None] - 950) / 40
HELD = RNG.normal(size=(12, 4))


def searched(points):
    fitted = []

    def fit(settings):
        fitted.append(settings)
        return GradientBoostingClassifier(random_state=3, max_depth=2, **settings).fit(ROWS, LABELS)

    task = SimpleNamespace(held=HELD, points=points, fit=fit, celsius=np.asarray, classes=(900, 950, 1000))
    return boosting.stages(task)[0], fitted


def test_shorter_fits_are_the_first_trees_of_the_longest():
    points = [{"n_estimators": trees, "learning_rate": rate} for trees in (3, 12, 7) for rate in (0.1, 1)]
    predicted, fitted = searched(points)
    assert fitted == [{"learning_rate": rate, "n_estimators": 12} for rate in (0.1, 1)]
    for row, point in zip(predicted, points, strict=True):
        alone = GradientBoostingClassifier(random_state=3, max_depth=2, **point).fit(ROWS, LABELS)
        assert (row == alone.predict(HELD)).all()


def test_a_learning_rate_of_zero_answers_the_commonest_class_after_one_tree():
    predicted, fitted = searched([{"n_estimators": trees, "learning_rate": 0} for trees in (5, 40)])
    assert fitted == [{"learning_rate": 0, "n_estimators": 1}]
    assert (predicted == 950).all()
