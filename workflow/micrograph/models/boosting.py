"""Gradient boosting's grid: one fit of the most trees answers for every smaller number of them.

The trees of a shorter fit are the first trees of a longer one, seed and settings being equal. A learning rate of 0
leaves the first guess as it is, whatever the trees.
"""

import numpy as np
from sklearn import config_context
from sklearn.base import is_regressor

from micrograph.target import to_class


def stages(task):
    """(points, h) answers, all sure. task: searches.Task."""
    predicted = np.full((len(task.points), len(task.held)), np.nan)
    for settings, members in _families(task.points).items():
        longest = 1 if dict(settings).get("learning_rate") == 0 else max(members)
        with config_context(skip_parameter_validation=True):  # of every tree, one by one
            fitted = task.fit(dict(settings) | {"n_estimators": longest})
        answers = list(_staged(fitted, task))
        for trees, point in members.items():
            predicted[point] = answers[min(trees, longest) - 1]
    return predicted, np.ones(len(task.points), dtype=bool)


def _families(points):
    """{the other settings: {number of trees: place in the grid}}."""
    families = {}
    for place, point in enumerate(points):
        others = tuple((name, value) for name, value in point.items() if name != "n_estimators")
        families.setdefault(others, {})[point["n_estimators"]] = place
    return families


def _staged(fitted, task):
    """The classes (h,) that the fit answers after 1, 2, ... rounds of trees."""
    last = fitted[-1] if hasattr(fitted, "steps") else fitted
    last = getattr(last, "regressor_", last)
    for answers in last.staged_predict(task.held):
        yield to_class(task.celsius(answers), task.classes) if is_regressor(last) else answers.astype(float)
