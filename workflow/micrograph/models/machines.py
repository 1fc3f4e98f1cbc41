"""The grid of support vector machines: inner products once a fold, each kernel made of them once.

libsvm is handed the products and powers that it would compute itself, bit by bit, so all answers are those of
scikit-learn's SVC and SVR. A machine that stopped by itself serves every higher step limit too. libsvm is called
without the checks of SVC.fit, which take longer than a fit of a few hundred rows (sklearn.svm._libsvm, whose form the
lock file pins; tests hold it against SVC and SVR).
"""

from functools import partial

import numpy as np
from scipy.linalg.blas import ddot
from sklearn.svm import _libsvm

from micrograph.models.grids import families
from micrograph.target import to_class

SHAPE = {"degree": 3, "gamma": "scale", "coef0": 0.0}  # of a kernel; these and the next, scikit-learn's defaults
CLASSIFIER = {"svm_type": 0, "kernel": "rbf"}
REGRESSOR = {"svm_type": 3, "kernel": "linear"}


def classifiers(task):
    """SVC, classes weighted by how rare they are, linear or polynomial.

    task: searches.Task; returns (predicted (points, h), sure (points,)).
    """
    kinds, label = np.unique(task.target, return_inverse=True)
    weights = len(label) / (len(kinds) * np.bincount(label).astype(np.float64))

    def classes_of(answers):
        return kinds[answers.astype(int)]

    return _machines(task, label.astype(float), CLASSIFIER | {"class_weight": weights}, classes_of)


def regressors(task):
    """SVR, linear or polynomial; as classifiers."""
    return _machines(task, task.target, REGRESSOR, lambda values: to_class(task.celsius(values), task.classes))


def _machines(task, target, usual, classes_of):
    predicted = np.full((len(task.points), len(task.held)), np.nan)
    sure = np.zeros(len(task.points), dtype=bool)
    products = Products(task.rows, task.held)
    _libsvm.set_verbosity_wrap(0)
    for given, places in families(task.points, ("kernel", *SHAPE)).items():
        shape = {"kernel": usual["kernel"]} | SHAPE | dict(given)
        if shape["kernel"] not in ("linear", "poly"):
            continue
        inner, outer = products.kernels(**shape)
        fit = partial(_fit, inner, target, usual)
        for place, machine in stopped(fit, {place: task.points[place] for place in places}):
            predicted[place], sure[place] = classes_of(_answers(machine, outer, usual["svm_type"])), True
    return predicted, sure


def _fit(inner, target, usual, point):
    """(machine, steps it took): libsvm on a kernel (m, m), with a grid point's settings, the kernel's own aside."""
    own = {name: value for name, value in point.items() if name not in SHAPE}
    machine = _libsvm.fit(inner, target, **usual | own | {"kernel": "precomputed"})
    return machine, np.max(machine[-1])


def stopped(fit, members):
    """(place, machine) of every point, fitted anew only where its step limit can change something.

    fit(settings) -> (machine, steps); members: {place: settings}. The highest limit is tried first: a machine that
    stopped by itself is that of every limit above its steps, and of none (-1).
    """
    limits = {place: settings.get("max_iter", -1) for place, settings in members.items()}
    for places in families(members, ("max_iter",), without=True).values():
        free, needed = None, np.inf
        for place in sorted(places, key=limits.get, reverse=True):
            limit = np.inf if limits[place] == -1 else limits[place]
            if free is not None and limit > needed:
                yield place, free
                continue
            machine, steps = fit(members[place])
            if steps < limit:
                free, needed = machine, steps
            yield place, machine


def _answers(machine, outer, svm_type):
    """What a machine says of the rows (h, m) of a kernel with its training rows."""
    return _libsvm.predict(outer, *machine[:7], svm_type=svm_type, kernel="precomputed")


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
        self.outer = np.ascontiguousarray(across.reshape(len(held), len(distinct))[:, place])

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
