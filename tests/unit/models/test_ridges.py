"""All ridges from one decomposition, and no certainty where the kernel allows none."""

from types import SimpleNamespace

import numpy as np
from sklearn.kernel_ridge import KernelRidge

from micrograph import target
from micrograph.models import ridges

CLASSES = (900, 950, 1000)


def task(scale, points):
    rng = np.random.default_rng(0)
    rows = scale * rng.normal(size=(40, 5))
    target = rng.choice(CLASSES, 40).astype(float)
    held = scale * rng.normal(size=(11, 5))
    return SimpleNamespace(rows=rows, target=target, held=held, points=points, celsius=np.asarray, classes=CLASSES)


def test_one_decomposition_answers_as_kernel_ridge_at_every_ridge():
    points = [{"alpha": alpha, "gamma": 0.1, "degree": 3} for alpha in (0.1, 0.3, 1, 3, 10, 30)]
    work = task(1.0, points)
    predicted, sure = ridges.regressors(work)
    assert sure.all()
    for row, point in zip(predicted, points, strict=True):
        theirs = KernelRidge(kernel="polynomial", **point).fit(work.rows, work.target).predict(work.held)
        assert (row == target.to_class(theirs, CLASSES)).all()


def test_nothing_is_sure_of_a_kernel_beyond_all_rounding():
    points = [{"alpha": alpha, "gamma": 2, "degree": 11} for alpha in (0.1, 0.3, 1, 3, 10, 30)]
    assert not ridges.regressors(task(300.0, points))[1].any()
    assert not ridges.classifiers(task(300.0, points))[1].any()


def test_few_ridges_are_left_to_the_plain_loop():
    points = [{"alpha": alpha, "gamma": 0.1, "degree": 3} for alpha in (0.1, 1, 10)]
    assert not ridges.regressors(task(1.0, points))[1].any()
