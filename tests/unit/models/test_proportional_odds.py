"""Ordinal logistic regression: worked out by hand, against statsmodels' own fit, and where values are unknown."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from statsmodels.miscmodels.ordinal_model import OrderedModel

from micrograph.models import proportional_odds
from micrograph.models.proportional_odds import OrdinalLogit

CLASSES = np.array([900, 950, 1000])


def simulated(count=4000, coef=(1.5, -0.7, 0.0), thresholds=(-1.0, 1.2), seed=0):
    """Rows and classes simulated by proportional odds with these coefficients and thresholds."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, len(coef)))
    return rows, np.digitize(rows @ coef + rng.logistic(size=count), thresholds)


def test_constant_features_give_the_class_frequencies():
    labels = np.repeat(CLASSES, [10, 50, 40])
    found = OrdinalLogit(alpha=1.0).fit(np.zeros((100, 2)), labels).predict_proba(np.ones((1, 2)))
    assert found == pytest.approx(np.array([[0.1, 0.5, 0.4]]), abs=1e-4)


def test_the_coefficient_of_a_binary_feature_is_the_log_odds_ratio():
    """Of films with the feature 30 of 40 are hot, of those without 10 of 40: odds 3 and 1/3, ratio 9."""
    rows = np.repeat([[1.0], [0.0]], 40, axis=0)
    hot = np.repeat([1, 0, 1, 0], [30, 10, 10, 30])
    coef, thresholds = proportional_odds.fit_proportional_odds(hot, rows, penalty=0.0)
    assert coef == pytest.approx([np.log(9)], abs=1e-4)
    assert thresholds == pytest.approx([np.log(3)], abs=1e-4)
    assert proportional_odds.class_probabilities(coef, thresholds, np.array([[0.0], [1.0]])) == pytest.approx(
        np.array([[0.75, 0.25], [0.25, 0.75]]), abs=1e-4
    )


def test_without_a_penalty_the_fit_is_statsmodels_own():
    rows, levels = simulated(200)
    theirs = OrderedModel(levels, rows, distr="logit").fit(method="bfgs", disp=0)
    coef, thresholds = proportional_odds.fit_proportional_odds(levels, rows, penalty=0.0)
    assert coef == pytest.approx(theirs.params[:3], abs=1e-3)
    assert proportional_odds.class_probabilities(coef, thresholds, rows) == pytest.approx(theirs.predict(), abs=1e-3)


@pytest.mark.parametrize("penalty", [0.0, 3.0])
def test_the_gradient_is_that_of_the_log_likelihood(penalty):
    rows, levels = simulated(60)
    model = proportional_odds.PenalisedOrderedModel(levels, rows, penalty)
    at = np.array([0.3, 0.2, -0.1, -0.5, 0.4])
    assert model.score(at) == pytest.approx(approx_fprime(at, model.loglike, 1e-6), abs=1e-3)


def test_a_feature_that_separates_the_classes_keeps_a_coefficient_that_the_penalty_shrinks():
    rows, labels = np.arange(40.0)[:, None], np.repeat(CLASSES, [10, 15, 15])
    coef = [OrdinalLogit(alpha=alpha).fit(rows, labels).coef_[0] for alpha in (0.01, 1, 100, 10000)]
    assert np.isfinite(coef).all() and coef == sorted(coef, reverse=True)
    assert coef[-1] < 0.02 * coef[0]
    assert (OrdinalLogit(alpha=0.01).fit(rows, labels).predict(rows) == labels).all()


def test_probabilities_follow_the_order_and_the_most_probable_class_is_predicted():
    rows, levels = simulated(300)
    model = OrdinalLogit().fit(rows, CLASSES[levels])
    probabilities = model.predict_proba(rows)
    assert probabilities.shape == (300, 3) and (probabilities >= 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (model.predict(rows) == CLASSES[probabilities.argmax(axis=1)]).all()
    along = np.linspace(-4, 4, 9)[:, None] * [1.0, 0, 0]
    assert (np.diff(model.predict_proba(along).cumsum(axis=1)[:, :2], axis=0) < 0).all()  # ever hotter


def test_an_unknown_value_is_the_training_mean_with_an_indicator_of_its_own():
    """The feature carries nothing; missing values go with the hot class."""
    rng = np.random.default_rng(3)
    labels = np.repeat([900, 1000], 60)
    rows = rng.normal(5.0, 1.0, size=(120, 1))
    plain = OrdinalLogit().fit(rows, labels)
    middle = np.array([[rows.mean()], [np.nan]])
    assert plain.predict_proba(middle)[0] == pytest.approx(plain.predict_proba(middle)[1])
    rows[70:] = np.nan
    found = OrdinalLogit().fit(rows, labels).predict_proba(np.array([[5.0], [np.nan]]))
    assert found[0, 0] > 0.6 and found[1, 1] > 0.8


def test_a_column_that_is_constant_in_training_has_no_influence():
    """The column of a held-out batch is 0 in training: its samples are predicted as samples of no batch."""
    rows, levels = simulated(120)
    seen, unseen = np.hstack([rows, np.zeros((120, 2))]), np.hstack([rows, np.ones((120, 2)) * [1, np.nan]])
    seen[:, 4] = np.nan
    model = OrdinalLogit().fit(seen, levels)
    assert model.predict_proba(unseen) == pytest.approx(model.predict_proba(seen))
    assert model.coef_[3:5].tolist() == [0, 0]


def test_a_single_training_class_is_predicted():
    model = OrdinalLogit().fit(np.arange(6.0).reshape(3, 2), [950, 950, 950])
    assert model.predict(np.zeros((2, 2))).tolist() == [950, 950]
    assert model.predict_proba(np.zeros((2, 2))).tolist() == [[1.0], [1.0]]
