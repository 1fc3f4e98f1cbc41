"""Probabilities, sets and intervals whose right answer is known."""

import numpy as np

from made_up_answers import CLASSES, answers
from micrograph.evaluation import uncertainty
from micrograph.prediction import calibration


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
    told = [calibration.left_out(uncertainty.Answers(known.marks, places, known.batches, CLASSES), 0.8)
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


def test_coverage_by_day_counts_every_day_alike(monkeypatch):
    known = uncertainty.Answers(np.full((4, 3), 1 / 3), np.zeros(4, int), np.array(["a", "a", "a", "b"]), CLASSES)
    told = {name: np.array([1.0, 1, 1, 0]) for name in ("covered", "within", "loss_before", "loss_after")}
    monkeypatch.setattr(calibration, "left_out", lambda known, coverage: dict(told))
    found = calibration.checked(known, 0.9, 50, np.random.default_rng(0))
    assert found["covered"][0] == 0.75 and found["covered_by_day"][0] == found["within_by_day"][0] == 0.5
    assert found["covered_by_day"][3:] == (4, 2)
