"""Ordinal logistic regression: worked out by hand, against statsmodels' own fit, and where values are unknown."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import expit
from statsmodels.miscmodels.ordinal_model import OrderedModel

from micrograph.models import proportional_odds
from micrograph.models.proportional_odds import OrdinalLogit

CLASSES = np.array([900, 950, 1000])


def drawn(count=4000, slopes=(1.5, -0.7, 0.0), cuts=(-1.0, 1.2), seed=0):
    """Rows and classes that proportional odds with these slopes and cuts have made."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, len(slopes)))
    return rows, np.digitize(rows @ slopes + rng.logistic(size=count), cuts)


def test_without_features_that_matter_the_chances_are_the_shares_of_the_classes():
    labels = np.repeat(CLASSES, [10, 50, 40])
    found = OrdinalLogit(alpha=1.0).fit(np.zeros((100, 2)), labels).predict_proba(np.ones((1, 2)))
    assert found == pytest.approx(np.array([[0.1, 0.5, 0.4]]), abs=1e-4)


def test_the_slope_of_one_feature_of_two_values_is_the_logarithm_of_the_odds_ratio():
    """Of films with the feature 30 of 40 are hot, of those without 10 of 40: odds 3 and 1/3, ratio 9."""
    rows = np.repeat([[1.0], [0.0]], 40, axis=0)
    hot = np.repeat([1, 0, 1, 0], [30, 10, 10, 30])
    slopes, cuts = proportional_odds.fit_proportional_odds(hot, rows, ridge=0.0)
    assert slopes == pytest.approx([np.log(9)], abs=1e-4)
    assert cuts == pytest.approx([np.log(3)], abs=1e-4)
    assert proportional_odds.class_probabilities(slopes, cuts, np.array([[0.0], [1.0]])) == pytest.approx(
        np.array([[0.75, 0.25], [0.25, 0.75]]), abs=1e-4
    )


def test_slopes_and_cuts_that_made_the_data_are_found():
    slopes, cuts = proportional_odds.fit_proportional_odds(*drawn()[::-1], ridge=0.0)
    assert slopes == pytest.approx([1.5, -0.7, 0.0], abs=0.15)
    assert cuts == pytest.approx([-1.0, 1.2], abs=0.15)


def test_without_a_ridge_the_fit_is_statsmodels_own():
    rows, levels = drawn(200)
    theirs = OrderedModel(levels, rows, distr="logit").fit(method="bfgs", disp=0)
    slopes, cuts = proportional_odds.fit_proportional_odds(levels, rows, ridge=0.0)
    assert slopes == pytest.approx(theirs.params[:3], abs=1e-3)
    assert proportional_odds.class_probabilities(slopes, cuts, rows) == pytest.approx(theirs.predict(), abs=1e-3)


@pytest.mark.parametrize("ridge", [0.0, 3.0])
def test_the_gradient_is_that_of_the_log_likelihood(ridge):
    rows, levels = drawn(60)
    model = proportional_odds.RidgedOdds(levels, rows, ridge)
    at = np.array([0.3, 0.2, -0.1, -0.5, 0.4])
    assert model.score(at) == pytest.approx(approx_fprime(at, model.loglike, 1e-6), abs=1e-3)


def test_a_feature_that_parts_the_classes_without_error_keeps_a_slope_that_the_ridge_shortens():
    rows, labels = np.arange(40.0)[:, None], np.repeat(CLASSES, [10, 15, 15])
    slopes = [OrdinalLogit(alpha=alpha).fit(rows, labels).slopes_[0] for alpha in (0.01, 1, 100, 10000)]
    assert np.isfinite(slopes).all() and slopes == sorted(slopes, reverse=True)
    assert slopes[-1] < 0.02 * slopes[0]
    assert (OrdinalLogit(alpha=0.01).fit(rows, labels).predict(rows) == labels).all()


def test_chances_are_of_the_order_and_the_most_probable_class_is_the_answer():
    rows, levels = drawn(300)
    model = OrdinalLogit().fit(rows, CLASSES[levels])
    chances = model.predict_proba(rows)
    assert chances.shape == (300, 3) and (chances >= 0).all()
    assert chances.sum(axis=1) == pytest.approx(1)
    assert (model.predict(rows) == CLASSES[chances.argmax(axis=1)]).all()
    along = np.linspace(-4, 4, 9)[:, None] * [1.0, 0, 0]
    assert (np.diff(model.predict_proba(along).cumsum(axis=1)[:, :2], axis=0) < 0).all()  # ever hotter


def test_the_unit_of_a_feature_does_not_matter():
    rows, levels = drawn(200)
    one, other = OrdinalLogit().fit(rows, levels), OrdinalLogit().fit(rows * 1e6 + 5e6, levels)
    assert one.predict_proba(rows) == pytest.approx(other.predict_proba(rows * 1e6 + 5e6), abs=1e-4)


def test_an_unknown_value_counts_as_the_training_mean_and_its_being_unknown_is_learned_apart():
    """The feature says nothing; that it is unknown goes with the hot class."""
    rng = np.random.default_rng(3)
    labels = np.repeat([900, 1000], 60)
    rows = rng.normal(5.0, 1.0, size=(120, 1))
    plain = OrdinalLogit().fit(rows, labels)
    middle = np.array([[rows.mean()], [np.nan]])
    assert plain.predict_proba(middle)[0] == pytest.approx(plain.predict_proba(middle)[1])
    rows[70:] = np.nan
    told = OrdinalLogit().fit(rows, labels).predict_proba(np.array([[5.0], [np.nan]]))
    assert told[0, 0] > 0.6 and told[1, 1] > 0.8


def test_what_is_never_seen_in_training_says_nothing():
    """A batch of its own column that is 0 in training: films of it are answered as films of no batch."""
    rows, levels = drawn(120)
    seen, unseen = np.hstack([rows, np.zeros((120, 2))]), np.hstack([rows, np.ones((120, 2)) * [1, np.nan]])
    seen[:, 4] = np.nan
    model = OrdinalLogit().fit(seen, levels)
    assert model.predict_proba(unseen) == pytest.approx(model.predict_proba(seen))
    assert model.slopes_[3:5].tolist() == [0, 0]


def test_a_training_part_of_one_class_answers_that_class():
    model = OrdinalLogit().fit(np.arange(6.0).reshape(3, 2), [950, 950, 950])
    assert model.predict(np.zeros((2, 2))).tolist() == [950, 950]
    assert model.predict_proba(np.zeros((2, 2))).tolist() == [[1.0], [1.0]]


def test_inputs_are_left_alone_and_the_same_data_give_the_same_model():
    rows, levels = drawn(80)
    rows[3, 1] = np.nan
    kept = rows.copy()
    one, other = OrdinalLogit().fit(rows, levels), OrdinalLogit().fit(rows, levels)
    assert np.array_equal(rows, kept, equal_nan=True)
    assert (one.slopes_ == other.slopes_).all() and (one.cuts_ == other.cuts_).all()


def test_chances_far_from_the_cuts_are_sound():
    found = proportional_odds.class_probabilities(
        np.array([1.0]), np.array([-1.0, 1.0]), np.array([[-800.0], [0.0], [800.0]])
    )
    assert found[0].tolist() == [1, 0, 0] and found[2].tolist() == [0, 0, 1]
    assert found[1] == pytest.approx([expit(-1), 1 - 2 * expit(-1), expit(-1)])
