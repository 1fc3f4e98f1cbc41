"""Probabilities, sets and intervals whose coverage is known."""

import numpy as np
import pytest

from made_up_answers import CLASSES, answers
from micrograph.evaluation import uncertainty
from micrograph.prediction import calibration
from micrograph.target import Target
from tables_of_films import TARGET


def test_leaving_days_out_reaches_the_nominal_coverage():
    known = answers(600, sharpness=3.0, days=120)
    results = calibration.leave_days_out(known, 0.9)
    assert 0.86 < results["covered"].mean() < 0.94
    assert 0.86 < results["within"].mean() < 0.94
    assert results["loss_after"].mean() < results["loss_before"].mean()
    assert set(results["size"]) <= {1, 2, 3}


def test_a_day_left_out_does_not_affect_its_own_results():
    known = answers(60, days=12)
    own = known.batches == "3"
    spoilt = known.true_index.copy()
    spoilt[own] = (spoilt[own] + 1) % 3
    results = [calibration.leave_days_out(uncertainty.LabelledScores(known.scores, places, known.batches, CLASSES), 0.8)
            for places in (known.true_index, spoilt)]  # fmt: skip
    np.testing.assert_array_equal(results[0]["size"][own], results[1]["size"][own])
    np.testing.assert_array_equal(results[0]["width"][own], results[1]["width"][own])


def test_what_was_reached_comes_with_intervals_and_class_by_class():
    means = calibration.check(answers(300, days=60), 0.9, 500, np.random.default_rng(0), TARGET)
    for name in ("covered", "covered_by_day", "within", "within_by_day", "size", "loss_change", "covered_950"):
        mean, low, high, films, days = means[name]
        assert low <= mean <= high and high > low
        assert days == 60 if name != "covered_950" else days < 60
        assert films == 300 if name != "covered_950" else films < 300
    again = calibration.check(answers(300, days=60), 0.9, 500, np.random.default_rng(0), TARGET)
    assert str(again) == str(means)  # NaN is not equal to itself


def test_coverage_by_day_weighs_every_day_equally(monkeypatch):
    scores, true_index = np.full((4, 3), 1 / 3), np.zeros(4, int)
    known = uncertainty.LabelledScores(scores, true_index, np.array(["a", "a", "a", "b"]), CLASSES)
    names = ("covered", "within", "constant_covered", "constant_within", "loss_before", "loss_after")
    results = {name: np.array([1.0, 1, 1, 0]) for name in names}
    monkeypatch.setattr(calibration, "leave_days_out", lambda known, coverage, ordered: dict(results))
    means = calibration.check(known, 0.9, 50, np.random.default_rng(0), TARGET)
    assert means["covered"][0] == 0.75 and means["covered_by_day"][0] == means["within_by_day"][0] == 0.5
    assert means["covered_by_day"][3:] == (4, 2)


def test_what_needs_no_picture_is_fitted_on_the_other_days():
    """The four days hold 950, 950, 1000 and 900: without the first, three classes once, of which the set is the lower
    two and the interval of two thirds is 900 to 950; without the third, 950 twice and 900."""
    known = uncertainty.LabelledScores(np.full((4, 3), 1 / 3), np.array([1, 1, 2, 0]), np.array(list("abcd")), CLASSES)
    results = calibration.leave_days_out(known, 2 / 3)
    assert results["constant_covered"].tolist() == [1, 1, 0, 0]  # {900, 950} twice, {900, 950}, {950, 1000}
    assert results["constant_width"].tolist() == [50, 50, 0, 0]  # 950 alone holds two thirds of the last two
    assert results["constant_within"].tolist() == [1, 1, 0, 0]


def test_without_order_there_are_sets_and_no_intervals():
    names = Target.from_config({"column": "substrate", "classes": ["a", "b", "c"]})
    known = answers(120, days=30)
    fitted, with_order = calibration.fit(known, 0.9, ordered=False), calibration.fit(known, 0.9)
    assert (fitted.set_limit, fitted.reach) == (with_order.set_limit, np.inf) and np.isfinite(with_order.reach)
    means = calibration.check(known, 0.9, 200, np.random.default_rng(0), names)
    assert {"covered", "covered_by_day", "constant_covered_by_day", "covered_a"} <= set(means)
    assert not set(means) & {"within", "width", "within_by_day", "constant_within", "constant_within_by_day"}


def test_an_interval_is_of_the_true_value_where_it_is_not_that_of_the_class():
    """All predicted 950; the true values 940 and 960 are 10 away, although their class is 950."""
    one_each = np.array(list("abcd"))
    known = uncertainty.LabelledScores(
        np.tile([0.0, 1, 0], (4, 1)), np.ones(4, int), one_each, CLASSES, np.array([940, 960, 940, np.nan])
    )
    assert known.take(np.array([1, 3])).true_value.tolist() == [960, 950]
    assert calibration.fit(known, 0.8).reach == pytest.approx(10, abs=1e-3)
    assert calibration.constant_interval(known, 0.75) == (940, 950)
