"""Scans out of distribution by texture and measures."""

import numpy as np
import pytest

from micrograph.prediction import novelty


def test_texture_is_mean_and_spread_of_each_channel():
    maps = np.array([[1, 1, 1, 1, 0, 2, 0, 2]], dtype=np.float32)
    np.testing.assert_allclose(novelty.texture(maps, (2, 2, 2)), [[1, 1, 0, 1]])


def test_distance_is_by_direction_alone():
    known = np.array([[1, 0], [0, 2], [-3, 0.0]])
    np.testing.assert_allclose(novelty.distances(np.array([[5.0, 0]]), known), [[0, 1, 2]])
    assert novelty.distances(np.zeros((1, 2)), known).tolist() == [[1, 1, 1]]


def test_the_nearest_come_first_and_the_fifth_is_the_distance_to_the_study():
    row = np.array([0.6, 0.1, 0.5, 0.2, 0.4, 0.3])
    assert novelty.nearest(row).tolist() == [1, 3, 5, 4, 2]
    assert novelty.distance_to_study(row) == 0.5
    assert novelty.distance_to_study(row[:2]) == 0.6


def test_a_film_is_measured_against_other_batches_alone():
    embeddings = np.array([[1, 0], [1, 0.0], [0, 1], [0, 1]])
    np.testing.assert_allclose(novelty.distances_between_batches(embeddings, ["a", "a", "b", "b"]), 1)
    np.testing.assert_allclose(
        novelty.distances_between_batches(embeddings, ["a", "b", "c", "d"]), 1
    )  # the third nearest of three


def test_the_threshold_is_the_quantile_and_a_single_batch_has_none():
    assert novelty.threshold(np.arange(101.0), 0.95) == 95
    assert novelty.threshold(novelty.distances_between_batches(np.ones((3, 2)), ["a"] * 3), 0.95) == np.inf


def test_a_film_of_an_unusual_day_is_flagged_when_its_day_is_left_out():
    between, days = np.r_[np.zeros(99), 5.0], np.arange(100)
    assert novelty.flagged_share(between, days, 0.999) == 0.01
    assert novelty.flagged_share(np.ones(100), days, 0.9) == 0


@pytest.fixture
def limits():
    seen = {"width_nm": [1000, 1000], "lines": [256, 512], "pixels": [256, 512], "relief_nm": [2.0, np.nan]}
    return novelty.ranges(seen | {"scan_pixel_nm": [1.95, 3.91]})


def test_measures_within_the_study_are_not_unusual(limits):
    assert limits["relief_nm"] == [2.0, 2.0]
    fits = {"width_nm": 1050, "lines": 512, "pixels": 256, "relief_nm": 1.1, "scan_pixel_nm": 4.1}
    assert novelty.unusual_measures(fits, limits) == []
    assert novelty.unusual_measures(fits | {"relief_nm": np.nan}, limits) == []


@pytest.mark.parametrize(
    ("measure", "value", "sentence"),
    [
        ("width_nm", 10000, "it is 10 µm wide, the study's samples 1000 nm"),
        ("lines", 64, "it has 64 lines, the study's samples 256 to 512 lines"),
        ("lines", 1, "it has 1 line, the study's samples 256 to 512 lines"),
        ("pixels", 1, "it has 1 pixel per line, the study's samples 256 to 512 pixels"),
        ("pixels", 1024, "it has 1024 pixels per line, the study's samples 256 to 512 pixels"),
        ("scan_pixel_nm", 15.6, "it has pixels of 15.6 nm, the study's samples 1.95 to 3.91 nm"),
        ("relief_nm", 0.1, "it has a height range of 0.1 nm, the study's samples 2 nm"),
        ("width_nm", np.nan, "its width is unknown"),
    ],
)
def test_a_measure_outside_of_the_study_is_named_with_its_value(limits, measure, value, sentence):
    fits = {"width_nm": 1000, "lines": 512, "pixels": 256, "relief_nm": 2, "scan_pixel_nm": 3.9}
    assert novelty.unusual_measures(fits | {measure: value}, limits) == [sentence]


def test_a_measure_that_the_study_does_not_have_is_not_checked():
    assert "relief_nm" not in novelty.ranges({"relief_nm": [np.nan, np.nan]})


def test_a_film_is_flagged_with_any_of_its_scans():
    between, days = np.array([0.1, 0.9, 0.1, 0.2, 0.2, 0.2]), list("aabbcc")
    assert novelty.flagged_share(between, days, 0.9) == pytest.approx(1 / 6)
    assert novelty.flagged_share(between, days, 0.9, ["x", "x", "y", "y", "z", "z"]) == pytest.approx(1 / 3)
