"""Probabilities, sets and intervals whose right answer is known."""

import numpy as np
import pandas as pd
import pytest

from micrograph.prediction import calibration

CLASSES = np.array([900.0, 950.0, 1000.0])


def answers(count=3000, sharpness=1.0, seed=0, days=None):
    """Answers whose truth is drawn from chances, and whose scores are these chances to the power `sharpness`."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet([1.0, 1.0, 1.0], count)
    places = (rng.random(count)[:, None] > np.cumsum(chances, axis=1)).sum(axis=1)
    batches = np.arange(count) if days is None else np.arange(count) % days
    marks = chances**sharpness
    return calibration.Answers(marks / marks.sum(axis=1, keepdims=True), places, batches.astype(str), CLASSES)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0, 4.0])
def test_the_temperature_that_spoilt_the_probabilities_is_found(sharpness):
    known = answers(sharpness=sharpness)
    assert calibration.fit_temperature(known.marks, known.places) == pytest.approx(sharpness, rel=0.08)


def test_temperature_one_changes_nothing_and_a_high_one_makes_all_classes_alike():
    marks = np.array([[0.7, 0.2, 0.1]])
    np.testing.assert_allclose(calibration.probabilities(marks, 1.0), marks)
    np.testing.assert_allclose(calibration.probabilities(marks, 2.0), np.sqrt(marks) / np.sqrt(marks).sum())
    np.testing.assert_allclose(calibration.probabilities(marks, 1e6), 1 / 3, atol=1e-5)


def test_a_few_films_all_right_do_not_make_it_endlessly_sure():
    marks = np.array([[0.6, 0.4, 0.0]] * 5)
    temperature = calibration.fit_temperature(marks, np.zeros(5, int))
    assert calibration.probabilities(marks, temperature)[0, 0] < 0.95


def test_a_zero_score_of_the_truth_costs_a_finite_loss():
    chances = calibration.probabilities(np.array([[1.0, 0.0]]), 1.0)
    assert 0 < chances[0, 1] < 1e-5 and chances.sum() == pytest.approx(1)


@pytest.mark.parametrize(("count", "coverage"), [(9, 0.9), (10, 0.9), (19, 0.9), (20, 0.8), (100, 0.95)])
def test_with_one_film_a_day_the_limit_is_the_textbooks(count, coverage):
    values = np.random.default_rng(1).permutation(np.arange(count, dtype=float))
    rank = int(np.ceil(round((count + 1) * coverage, 9)))
    assert calibration.quantile(values, np.arange(count), coverage) == rank - 1


def test_too_few_days_promise_nothing():
    assert calibration.quantile(np.arange(8.0), np.arange(8), 0.9) == np.inf
    assert calibration.quantile(np.arange(80.0), np.arange(80) % 8, 0.9) == np.inf


def test_many_films_of_one_day_count_as_one_day():
    values, days = np.r_[np.zeros(1000), np.arange(1.0, 20.0)], np.r_[np.zeros(1000), np.arange(1, 20)]
    assert calibration.quantile(values, days, 0.9) == calibration.quantile(np.arange(20.0), np.arange(20), 0.9) == 18


def test_films_of_new_days_are_covered_as_promised_though_films_of_a_day_are_alike():
    """Errors that a day shares: days of 1 to 8 films, coverage over many draws of 30 days for calibration."""
    rng, covered = np.random.default_rng(2), []
    for _ in range(800):
        sizes = rng.integers(1, 9, 31)
        shared = np.repeat(rng.exponential(size=31), sizes)
        values, days = shared * rng.uniform(0.5, 1.5, len(shared)), np.repeat(np.arange(31), sizes)
        limit = calibration.quantile(values[days < 30], days[days < 30], 0.9)
        covered.append((values[days == 30] <= limit).mean())
    assert 0.89 < np.mean(covered) < 0.96


def test_a_set_holds_what_misses_one_by_the_limit_and_is_never_empty():
    chances = np.array([[0.5, 0.3, 0.2], [0.4, 0.35, 0.25]])
    np.testing.assert_array_equal(calibration.sets(chances, 0.7), [[True, True, False]] * 2)
    np.testing.assert_array_equal(calibration.sets(chances, 0.0), [[True, False, False]] * 2)
    assert calibration.sets(chances, np.inf).all()


def test_the_expected_temperature_is_the_mean_of_the_classes():
    np.testing.assert_allclose(calibration.expected([[0.5, 0.0, 0.5], [0, 1, 0]], CLASSES), [950, 950])


def test_leaving_days_out_reaches_the_promised_coverage():
    known = answers(600, sharpness=3.0, days=120)
    told = calibration.left_out(known, 0.9)
    assert 0.86 < told["covered"].mean() < 0.94
    assert 0.86 < told["within"].mean() < 0.94
    assert told["loss_after"].mean() < told["loss_before"].mean()
    assert set(told["size"]) <= {1, 2, 3}


def test_a_day_left_out_has_no_part_in_what_it_is_told():
    known = answers(60, days=12)
    here = known.batches == "3"
    spoilt = known.places.copy()
    spoilt[here] = (spoilt[here] + 1) % 3
    told = [calibration.left_out(calibration.Answers(known.marks, places, known.batches, CLASSES), 0.8)
            for places in (known.places, spoilt)]  # fmt: skip
    np.testing.assert_array_equal(told[0]["size"][here], told[1]["size"][here])
    np.testing.assert_array_equal(told[0]["width"][here], told[1]["width"][here])


def test_what_was_reached_comes_with_intervals_and_class_by_class():
    found = calibration.checked(answers(300, days=60), 0.9, 500, np.random.default_rng(0))
    for name in ("covered", "covered_by_day", "within", "within_by_day", "size", "loss_change", "covered_950"):
        mean, low, high, films, days = found[name]
        assert low <= mean <= high and high > low
        assert days == 60 if name != "covered_950" else days < 60
        assert films == 300 if name != "covered_950" else films < 300
    again = calibration.checked(answers(300, days=60), 0.9, 500, np.random.default_rng(0))
    assert again == found


def test_equal_values_have_no_interval_but_are_counted():
    values, days = np.array([1.0, 1.0, np.nan, 1.0]), np.array([0, 0, 1, 2])
    times = np.random.default_rng(0).multinomial(3, [1 / 3] * 3, size=50)
    mean, low, high, films, seen = calibration._mean(values, days, 3, times)
    assert (mean, films, seen) == (1, 3, 2) and np.isnan([low, high]).all()
    mean, low, high, films, seen = calibration._mean(np.array([1.0, 0, 0, 1]), days, 3, times)
    assert (mean, films, seen) == (0.5, 4, 3) and low < high
    mean, low, high, films, seen = calibration._mean(np.full(4, np.nan), days, 3, times)
    assert np.isnan([mean, low, high]).all() and (films, seen) == (0, 0)


def test_coverage_by_day_counts_every_day_alike(monkeypatch):
    known = calibration.Answers(np.full((4, 3), 1 / 3), np.zeros(4, int), np.array(["a", "a", "a", "b"]), CLASSES)
    told = {name: np.array([1.0, 1, 1, 0]) for name in ("covered", "within", "loss_before", "loss_after")}
    monkeypatch.setattr(calibration, "left_out", lambda known, coverage: dict(told))
    found = calibration.checked(known, 0.9, 50, np.random.default_rng(0))
    assert found["covered"][0] == 0.75 and found["covered_by_day"][0] == found["within_by_day"][0] == 0.5
    assert found["covered_by_day"][3:] == (4, 2)


def test_one_studys_coverage_scatters_by_its_number_of_days():
    assert calibration.scatter(0.9, 36) == pytest.approx(0.05)
    assert calibration.scatter(0.8, 16) == pytest.approx(0.1)


def test_answers_are_the_test_films_and_a_missing_one_counts_as_equal_scores():
    rows = pd.DataFrame(
        {
            "part": ["train", "test", "test"],
            "truth_celsius": [900, 950, 1000],
            "batch": ["a", "b", "c"],
            "score_900": [1, 0.2, np.nan],
            "score_950": [0, 0.7, np.nan],
            "score_1000": [0, 0.1, np.nan],
        }
    )
    known = calibration.answers(rows, [900, 950, 1000])
    np.testing.assert_array_equal(known.places, [1, 2])
    np.testing.assert_allclose(known.marks, [[0.2, 0.7, 0.1], [1 / 3] * 3])
    np.testing.assert_array_equal(known.batches, ["b", "c"])
