"""Calibration errors and reliability diagrams whose right answer is known."""

import numpy as np
import pytest

from made_up_answers import answers
from micrograph.evaluation import bootstrap, reliability


def answered(confidence, right, films=None, batch=None, bins=None):
    count = len(confidence)
    films, batch = (np.arange(count) if given is None else np.asarray(given) for given in (films, batch))
    bins = np.zeros(count, int) if bins is None else np.asarray(bins)
    return reliability.Confidences(np.asarray(confidence, float), np.asarray(right, bool), films, batch, bins)


def of_study(sharpness, seed, days=40, films_a_day=3):
    known = answers(days * films_a_day, sharpness, seed, days)
    return reliability.confidences(known.scores, known.true_index, np.arange(len(known.true_index)), known.batches)


def error(binned, seed=0, n_bootstrap=300):
    luck, fates = np.random.default_rng(seed).spawn(2)
    return reliability.calibration_error(
        binned, bootstrap.cluster_weights(binned.batch.max() + 1, n_bootstrap, luck), fates
    )


def test_bins_hold_equally_many_in_order_of_confidence():
    np.testing.assert_array_equal(
        reliability.equal_bins(np.array([0.9, 0.4, 0.5, 0.8, 0.7, 0.6]), 3), [2, 0, 0, 2, 1, 1]
    )
    np.testing.assert_array_equal(reliability.equal_bins(np.array([0.9, 0.4]), 1), [0, 0])


@pytest.mark.parametrize(("films", "bins"), [(0, 1), (19, 1), (40, 2), (120, 6), (262, 10), (100000, 10)])
def test_bins_are_of_twenty_films_and_ten_at_most(films, bins):
    assert reliability.number_of_bins(films) == bins


def test_confidences_that_differ_by_rounding_share_a_bin():
    below, above = np.nextafter(0.7, 0), np.nextafter(0.7, 1)

    np.testing.assert_array_equal(reliability.equal_bins(np.array([below, 0.7, above, 0.9]), 4), [0, 0, 0, 1])


def test_confidence_is_the_largest_probability_and_right_is_its_class():
    binned = reliability.confidences(
        np.array([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2]]), np.array([1, 2]), ["f", "g"], ["day2", "day1"]
    )
    np.testing.assert_allclose(binned.confidence, [0.7, 0.5])
    assert binned.correct.tolist() == [True, False] and binned.batch.tolist() == [1, 0]


def test_true_probabilities_are_seldom_called_false_and_the_correction_lowers_their_error():
    """The lower end is 0 in about 95 of 100 studies; 80 studies leave room for a few more."""
    found = [error(of_study(1.0, seed)) for seed in range(80)]
    assert np.mean([each["low"] == 0 for each in found]) > 0.87
    plain, calibrated = (np.mean([each[name] for each in found]) for name in ("uncorrected", "calibrated"))
    assert plain == pytest.approx(calibrated, abs=0.01) and plain > 0.07
    assert np.mean([each["value"] for each in found]) < 0.8 * plain


def test_the_interval_holds_the_error_of_probabilities_that_are_too_sure():
    """The error itself from a study of 60,000 films; 60 small studies, of which at least 8 of 10 must hold it."""
    truth = error(of_study(3.0, 1000, days=20000), n_bootstrap=2)["uncorrected"]
    found = [error(of_study(3.0, seed)) for seed in range(60)]
    assert np.mean([each["low"] <= truth <= each["high"] for each in found]) > 0.8
    assert np.mean([each["value"] for each in found]) == pytest.approx(truth, abs=0.02)
    assert np.mean([each["uncorrected"] > each["calibrated_high"] for each in found]) > 0.95


def test_the_upper_end_is_no_less_than_that_of_the_redrawn_plain_errors():
    """By hand: of two days, one of 0.4 too sure and one right as promised, drawn twice, once each, or not at all."""
    binned = answered([0.9, 0.9], [False, True], batch=[0, 1])
    times = np.array([[2, 0], [0, 2], [1, 1], [1, 1]])
    found = reliability.calibration_error(binned, times, np.random.default_rng(0))
    drawn = [0.9, 0.1, 0.4, 0.4]  # |0.9 - 0|, |0.9 - 1|, |0.9 - 0.5|
    assert found["uncorrected"] == pytest.approx(0.4)
    assert found["high"] == pytest.approx(np.quantile(drawn, 0.975)) and found["high"] > 2 * 0.4 - min(drawn)


def test_one_day_gives_no_interval():
    binned = answered([0.6, 0.9], [True, True], batch=[0, 0])
    found = error(binned)
    assert found["value"] == found["uncorrected"] == pytest.approx(0.25)
    assert np.isnan([found["low"], found["high"]]).all()


def test_the_diagram_is_that_of_a_hand():
    binned = answered([0.6, 0.8, 0.9, 1.0], [True, False, True, True], batch=[0, 1, 0, 1], bins=[0, 0, 1, 1])
    rng = np.random.default_rng(0)
    first, second = reliability.diagram(binned, bootstrap.cluster_weights(2, 200, rng), rng)
    assert (first["confidence"], first["accuracy"], first["count"]) == (pytest.approx(0.7), 0.5, 2)
    assert (first["low"], first["high"]) == (0, 1)
    assert (second["confidence"], second["accuracy"]) == (pytest.approx(0.95), 1)
    assert np.isnan([second["low"], second["high"]]).all()


def test_true_probabilities_lie_in_their_range_about_95_times_in_100():
    inside = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        binned = of_study(1.0, seed)
        for mark in reliability.diagram(binned, bootstrap.cluster_weights(40, 400, rng), rng):
            inside.append(mark["true_low"] <= mark["accuracy"] <= mark["true_high"])
    assert np.mean(inside) > 0.9
