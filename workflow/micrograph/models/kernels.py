"""The grids of kernel methods: one table of inner products a fold, every kernel made from it once.

A support vector machine sees the products and powers that libsvm would compute, bit by bit, and is fitted once where
it stops before its step limit: a higher limit changes nothing. Kernel ridge is solved for all ridges by one
decomposition of the kernel; where rounding could turn an answer, the point is not sure and is fitted plainly.
"""

from functools import partial

import numpy as np
from scipy.linalg.blas import ddot
from scipy.spatial.distance import cdist
from sklearn.svm import SVC, SVR

from micrograph.models.classifiers import to_class

SHAPE = {"degree": 3, "gamma": "scale", "coef0": 0.0}  # of a kernel, scikit-learn's defaults for SVC and SVR
WORTH = 6  # ridges for which one decomposition is quicker than solving each
ROUNDING = 100 * np.finfo(float).eps  # relative error of a solution, for a system of condition 1


def machines(task):
    """Support vector classifiers. task: searches.Task; returns (predicted (points, h), sure (points,))."""

    def make(settings):
        return SVC(class_weight="balanced", **settings)

    return _machines(task, make, "rbf", lambda answers: answers)


def machine_values(task):
    """Support vector regressors; as machines."""

    def make(settings):
        return SVR(**settings)

    return _machines(task, make, "linear", lambda values: to_class(task.celsius(values), task.classes))


def _machines(task, make, usual, classes_of):
    predicted, sure = _nothing(task)
    products = Products(task.rows, task.held)
    for shape, places in _families(task.points, ("kernel", *SHAPE)).items():
        shape = {"kernel": usual, **SHAPE, **dict(shape)}
        if shape["kernel"] not in ("linear", "poly"):
            continue
        inner, outer = products.kernels(**shape)

        members = {place: task.points[place] for place in places}
        for place, fitted in stopped(partial(_precomputed, make, inner, task.target), members):
            predicted[place], sure[place] = classes_of(fitted.predict(outer)), True
    return predicted, sure


def _precomputed(make, inner, target, settings):
    """The machine fitted on a kernel in place of the settings that shape one."""
    bare = {name: value for name, value in settings.items() if name != "kernel" and name not in SHAPE}
    return make(bare | {"kernel": "precomputed"}).fit(inner, target)


def stopped(fit, points):
    """(place, fitted machine) of every point, fitted anew only where its step limit can change something.

    fit(settings) -> machine; points: {place: settings}. A machine that stopped by itself after so many steps is that of
    every other limit above them, and of none (-1).
    """
    for places in _families(points, ("max_iter",), without=True).values():
        free, steps = None, np.inf
        for place in sorted(places, key=lambda place: points[place].get("max_iter", -1), reverse=True):
            limit = points[place].get("max_iter", -1)
            limit = np.inf if limit == -1 else limit
            if free is not None and limit > steps:
                yield place, free
                continue
            fitted = fit(points[place])
            if np.max(fitted.n_iter_) < limit:
                free, steps = fitted, np.max(fitted.n_iter_)
            yield place, fitted


class Products:
    """Inner products of the training rows, and of the held rows with them, as libsvm's BLAS gives them.

    One product a pair of distinct rows, so that rows repeated by oversampling stay equal to the last bit: libsvm breaks
    ties between them by their order.
    """

    def __init__(self, rows, held):
        self.rows = rows
        distinct, place = np.unique(rows, axis=0, return_inverse=True)
        place = place.reshape(-1)
        among = np.empty((len(distinct), len(distinct)))
        for one, row in enumerate(distinct):
            for other in range(one + 1):
                among[one, other] = among[other, one] = ddot(row, distinct[other])
        across = np.array([[ddot(row, other) for other in distinct] for row in np.ascontiguousarray(held)])
        self.inner = among[np.ix_(place, place)]
        self.outer = across.reshape(len(held), len(distinct))[:, place]

    def kernels(self, kernel, degree, gamma, coef0):
        """The kernel among training rows (m, m) and of held with training rows (h, m): linear or poly."""
        if kernel == "linear":
            return self.inner, self.outer
        width, spread = self.rows.shape[1], self.rows.var()
        named = {"auto": 1 / width, "scale": 1 / (width * spread) if spread else 1.0}
        gamma = named.get(gamma, gamma)
        return tuple(power(gamma * products + coef0, degree) for products in (self.inner, self.outer))


def power(base, times):
    """base ** times, by squaring as libsvm does it, so that it rounds alike."""
    result = np.ones_like(base)
    while times:
        if times % 2:
            result = result * base
        base, times = base * base, times // 2
    return result


def ridges(task):
    """Kernel ridge classifiers (estimators.KernelRidgeClassifier); as machines."""
    kinds, label = np.unique(task.target, return_inverse=True)
    target = np.where(label[:, None] == np.arange(len(kinds)), 1.0, -1.0)
    offset = target.mean(axis=0)

    def answer(outputs, doubt):
        ordered = np.sort(outputs + offset, axis=1)
        clear = ordered.shape[1] < 2 or (ordered[:, -1] - ordered[:, -2] > 2 * doubt).all()
        return kinds[(outputs + offset).argmax(axis=1)], clear

    return _ridges(task, target - offset, answer)


def ridge_values(task):
    """Kernel ridge regressors (scikit-learn's KernelRidge); as machines."""

    def answer(outputs, doubt):
        low, middle, high = (
            to_class(task.celsius(outputs[:, 0] + shift), task.classes) for shift in (-doubt, 0.0, doubt)
        )
        return middle, np.array_equal(low, high)

    return _ridges(task, task.target[:, None], answer)


def _ridges(task, target, answer):
    """answer(outputs (h, o), doubt (h,)) -> (classes, clear); doubt: how far rounding may have moved an output."""
    predicted, sure = _nothing(task)
    for shape, places in _families(task.points, ("kernel", "gamma", "degree", "coef0")).items():
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


def _families(points, names, without=False):
    """{settings among `names` as a tuple of pairs: [places of the points that share them]}; `without`: not among them.

    points: a list, or a dict of place -> settings.
    """
    families = {}
    for place, point in points.items() if isinstance(points, dict) else enumerate(points):
        shared = tuple((name, value) for name, value in point.items() if (name in names) != without)
        families.setdefault(shared, []).append(place)
    return families


def _nothing(task):
    """No answers yet, and none of them sure."""
    return np.full((len(task.points), len(task.held)), np.nan), np.zeros(len(task.points), dtype=bool)
