"""Probabilities and sets whose right answer is known."""

import numpy as np
import pandas as pd
import pytest

from made_up_answers import CLASSES, answers
from micrograph.evaluation import uncertainty
from tables_of_films import TARGET


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0, 4.0])
def test_the_temperature_that_spoilt_the_probabilities_is_found(sharpness):
    known = answers(sharpness=sharpness)
    assert uncertainty.fit_temperature(known.scores, known.true_index) == pytest.approx(sharpness, rel=0.08)


def test_temperature_one_changes_nothing_and_a_high_one_makes_all_classes_similar():
    marks = np.array([[0.7, 0.2, 0.1]])
    np.testing.assert_allclose(uncertainty.scale(marks, 1.0), marks)
    np.testing.assert_allclose(uncertainty.scale(marks, 2.0), np.sqrt(marks) / np.sqrt(marks).sum())
    np.testing.assert_allclose(uncertainty.scale(marks, 1e6), 1 / 3, atol=1e-5)


def test_a_few_films_all_right_do_not_make_it_endlessly_sure():
    marks = np.array([[0.6, 0.4, 0.0]] * 5)
    temperature = uncertainty.fit_temperature(marks, np.zeros(5, int))
    assert uncertainty.scale(marks, temperature)[0, 0] < 0.95


def test_a_zero_score_of_the_truth_costs_a_finite_loss():
    chances = uncertainty.scale(np.array([[1.0, 0.0]]), 1.0)
    assert 0 < chances[0, 1] < 1e-5 and chances.sum() == pytest.approx(1)


@pytest.mark.parametrize(("count", "coverage"), [(9, 0.9), (10, 0.9), (19, 0.9), (20, 0.8), (100, 0.95)])
def test_with_one_film_a_day_the_limit_is_the_textbooks(count, coverage):
    values = np.random.default_rng(1).permutation(np.arange(count, dtype=float))
    rank = int(np.ceil(round((count + 1) * coverage, 9)))
    assert uncertainty.conformal_quantile(values, np.arange(count), coverage) == rank - 1


def test_too_few_days_promise_nothing():
    assert uncertainty.conformal_quantile(np.arange(8.0), np.arange(8), 0.9) == np.inf
    assert uncertainty.conformal_quantile(np.arange(80.0), np.arange(80) % 8, 0.9) == np.inf


def test_many_films_of_one_day_count_as_one_day():
    values, days = np.r_[np.zeros(1000), np.arange(1.0, 20.0)], np.r_[np.zeros(1000), np.arange(1, 20)]
    assert (
        uncertainty.conformal_quantile(values, days, 0.9)
        == uncertainty.conformal_quantile(np.arange(20.0), np.arange(20), 0.9)
        == 18
    )


def test_films_of_new_days_are_covered_at_the_nominal_rate_though_films_of_a_day_are_similar():
    """Errors that a day shares: days of 1 to 8 films, coverage over many draws of 30 days for probabilities."""
    rng, covered = np.random.default_rng(2), []
    for _ in range(800):
        sizes = rng.integers(1, 9, 31)
        shared = np.repeat(rng.exponential(size=31), sizes)
        values, days = shared * rng.uniform(0.5, 1.5, len(shared)), np.repeat(np.arange(31), sizes)
        limit = uncertainty.conformal_quantile(values[days < 30], days[days < 30], 0.9)
        covered.append((values[days == 30] <= limit).mean())
    assert 0.89 < np.mean(covered) < 0.96


def test_a_set_holds_what_misses_one_by_the_limit_and_is_never_empty():
    chances = np.array([[0.5, 0.3, 0.2], [0.4, 0.35, 0.25]])
    np.testing.assert_array_equal(uncertainty.prediction_sets(chances, 0.7), [[True, True, False]] * 2)
    np.testing.assert_array_equal(uncertainty.prediction_sets(chances, 0.0), [[True, False, False]] * 2)
    assert uncertainty.prediction_sets(chances, np.inf).all()


def test_the_expected_temperature_is_the_mean_of_the_classes():
    np.testing.assert_allclose(uncertainty.expected_value([[0.5, 0.0, 0.5], [0, 1, 0]], CLASSES), [950, 950])


def test_equal_values_have_no_interval_but_are_counted():
    values, days = np.array([1.0, 1.0, np.nan, 1.0]), np.array([0, 0, 1, 2])
    times = np.random.default_rng(0).multinomial(3, [1 / 3] * 3, size=50)
    mean, low, high, films, seen = uncertainty.mean_interval(values, days, times)
    assert (mean, films, seen) == (1, 3, 2) and np.isnan([low, high]).all()
    mean, low, high, films, seen = uncertainty.mean_interval(np.array([1.0, 0, 0, 1]), days, times)
    assert (mean, films, seen) == (0.5, 4, 3) and low < high
    mean, low, high, films, seen = uncertainty.mean_interval(np.full(4, np.nan), days, times)
    assert np.isnan([mean, low, high]).all() and (films, seen) == (0, 0)


def test_answers_are_the_test_films_and_a_missing_one_counts_as_equal_scores():
    rows = pd.DataFrame(
        {
            "split": ["train", "test", "test"],
            "y_true": [900, 950, 1000],
            "batch": ["a", "b", "c"],
            "score_900": [1, 0.2, np.nan],
            "score_950": [0, 0.7, np.nan],
            "score_1000": [0, 0.1, np.nan],
        }
    )
    known = uncertainty.labelled_scores(rows, TARGET)
    np.testing.assert_array_equal(known.true_index, [1, 2])
    np.testing.assert_allclose(known.scores, [[0.2, 0.7, 0.1], [1 / 3] * 3])
    np.testing.assert_array_equal(known.batches, ["b", "c"])


def test_the_constant_set_holds_the_two_most_frequent_classes_of_equals_the_lower():
    assert uncertainty.constant_set(np.array([2, 2, 2, 0, 1, 1]), 3).tolist() == [False, True, True]
    assert uncertainty.constant_set(np.array([2, 0, 1]), 3).tolist() == [True, True, False]


def test_the_constant_interval_is_the_shortest_whose_days_hold_the_share():
    """Days weigh a third each: a holds 900 and twice 950, b 950 and 1000, c 1000; shares 1/9, 7/18 and 1/2."""
    celsius, days = [900, 950, 950, 950, 1000, 1000], list("aaabbc")
    assert uncertainty.constant_interval(celsius, days, 0.5) == (1000, 1000)
    assert uncertainty.constant_interval(celsius, days, 0.51) == (950, 1000)
    assert uncertainty.constant_interval(celsius, days, 8 / 9) == (950, 1000)
    assert uncertainty.constant_interval(celsius, days, 0.9) == (900, 1000)
