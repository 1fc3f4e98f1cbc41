"""Machines on our kernels are libsvm's to the last bit, and step limits that bind nothing cost nothing."""

import numpy as np
import pytest
from sklearn.svm import SVC

from micrograph.models import machines


def table(seed=0, size=60):
    rng = np.random.default_rng(seed)
    labels = rng.choice([900, 950, 1000], size)
    rows = rng.normal(size=(size, 9))
    rows[:, 0] += (labels - 950) / 40
    repeated = np.append(np.arange(size), rng.choice(size, 25))
    return rows[repeated], labels[repeated], rng.normal(size=(14, 9))


@pytest.mark.parametrize("gamma", ["scale", "auto", 0.3])
@pytest.mark.parametrize("degree", [2, 3, 6, 7])
def test_a_machine_on_our_kernel_equals_svc_to_the_last_bit(gamma, degree):
    rows, labels, held = table()
    inner, outer = machines.Products(rows, held).kernels("poly", degree, gamma, 0.2)
    ours = SVC(kernel="precomputed", C=0.8).fit(inner, labels).decision_function(outer)
    theirs = SVC(kernel="poly", C=0.8, degree=degree, gamma=gamma, coef0=0.2).fit(rows, labels).decision_function(held)
    assert np.array_equal(ours, theirs)


def test_products_are_those_of_the_rows_and_equal_for_equal_rows():
    rows, _, held = table()
    products = machines.Products(rows, held)
    assert np.allclose(products.inner, rows @ rows.T)
    assert np.allclose(products.outer, held @ rows.T)
    twin = int(np.flatnonzero((rows[:60] == rows[70]).all(axis=1))[0])
    assert np.array_equal(products.inner[twin], products.inner[70])


def test_powers_are_products():
    assert machines.power(np.array([2.0, -3.0]), 5).tolist() == [32.0, -243.0]
    assert machines.power(np.array([2.0]), 0).tolist() == [1.0]


@pytest.mark.parametrize(
    ("needs", "fitted"),
    [
        (95, [120, 90]),  # 90 binds; 100 and no limit are the machine of 120
        (50, [120]),
        (500, [120, 100, 90, -1]),
        (120, [120, 100, 90, -1]),  # who knows whether a machine that took all its steps would have gone on
    ],
)
def test_a_limit_is_fitted_anew_only_where_it_binds(needs, fitted):
    asked = []

    def fit(settings):
        limit = settings["max_iter"]
        asked.append(limit)
        return f"machine {limit}", needs if limit == -1 else min(needs, limit)

    members = {place: {"C": 1, "max_iter": limit} for place, limit in enumerate((90, 100, 120, -1))}
    found = dict(machines.stopped(fit, members))
    assert asked == fitted
    assert sorted(found) == [0, 1, 2, 3]
    assert found[3] == f"machine {120 if needs < 120 else -1}"
    assert found[0] == f"machine {90 if needs >= 90 else 120}"
