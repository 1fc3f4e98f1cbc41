"""The grid of kernel ridge: every kernel decomposed once, then solved for all ridges.

Where rounding could turn an answer, and where a kernel is so ill-conditioned that nothing is certain, the point is not
sure and is fitted plainly (searches.validated).
"""

import numpy as np
from scipy.spatial.distance import cdist

from micrograph.models.grids import families
from micrograph.target import to_class

WORTH = 6  # ridges for which one decomposition is quicker than solving each
ROUNDING = 100 * np.finfo(float).eps  # relative error of a solution, for a system of condition 1


def classifiers(task):
    """Kernel ridge classifiers (estimators.KernelRidgeClassifier).

    task: searches.Task; returns (predicted (points, h), sure (points,)).
    """
    kinds, label = np.unique(task.target, return_inverse=True)
    target = np.where(label[:, None] == np.arange(len(kinds)), 1.0, -1.0)
    offset = target.mean(axis=0)

    def answer(outputs, doubt):
        ordered = np.sort(outputs + offset, axis=1)
        clear = ordered.shape[1] < 2 or (ordered[:, -1] - ordered[:, -2] > 2 * doubt).all()
        return kinds[(outputs + offset).argmax(axis=1)], clear

    return _ridges(task, target - offset, answer)


def regressors(task):
    """Kernel ridge regressors (scikit-learn's KernelRidge); as classifiers."""

    def answer(outputs, doubt):
        low, middle, high = (
            to_class(task.celsius(outputs[:, 0] + shift), task.classes) for shift in (-doubt, 0.0, doubt)
        )
        return middle, np.array_equal(low, high)

    return _ridges(task, task.target[:, None], answer)


def _ridges(task, target, answer):
    """answer(outputs (h, o), doubt (h,)) -> (classes, clear); doubt: how far rounding may have moved an output."""
    predicted = np.full((len(task.points), len(task.held)), np.nan)
    sure = np.zeros(len(task.points), dtype=bool)
    for shape, places in families(task.points, ("kernel", "gamma", "degree", "coef0")).items():
        if len(places) < WORTH or dict(shape).get("gamma") is None:
            continue
        inner, outer = (_ridge_kernel(rows, task.rows, **dict(shape)) for rows in (task.rows, task.held))
        if not np.isfinite(inner).all():
            continue
        values, vectors = np.linalg.eigh(inner)
        turned, reach = vectors.T @ target, np.linalg.norm(outer, axis=1)
        for place in places:
            alpha = task.points[place]["alpha"]
            dual = vectors @ (turned / (values + alpha)[:, None])
            condition = (values[-1] + alpha) / (max(values[0], 0.0) + alpha)
            doubt = ROUNDING * condition * reach * np.linalg.norm(dual)
            predicted[place], sure[place] = answer(outer @ dual, doubt)
    return predicted, sure


def _ridge_kernel(rows, others, kernel="polynomial", gamma=1.0, degree=3, coef0=1.0):
    if kernel == "rbf":
        return np.exp(-gamma * cdist(rows, others, "sqeuclidean"))
    return (gamma * (rows @ others.T) + coef0) ** degree
