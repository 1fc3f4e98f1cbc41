"""Correlation lengths of random surfaces whose autocorrelation is known."""

import numpy as np
import pytest

from made_up_surfaces import gaussian, places
from micrograph.topography import correlation

AT_FIFTH = 2 * np.sqrt(np.log(5))  # of sigma, where exp(-r^2 / 4 sigma^2) is 0.2


def test_the_autocorrelation_is_the_mean_product_of_the_pairs_that_there_are():
    height = np.random.default_rng(0).normal(size=(8, 11))
    found = correlation._autocorrelation(height)
    assert found.shape == (9, 6)
    for down in range(-4, 5):
        for across in range(6):
            upper, lower = height[max(-down, 0) : 8 - max(down, 0)], height[max(down, 0) : 8 + min(down, 0)]
            products = upper[:, : 11 - across] * lower[:, across:]
            assert found[4 + down, across] == pytest.approx(products.mean() / (height**2).mean())


@pytest.mark.parametrize("pixel_nm", [(4.0, 4.0), (6.0, 3.0)])
@pytest.mark.parametrize("sigma_nm", [10.0, 20.0])
def test_the_correlation_length_of_a_surface_alike_in_all_directions_is_found(sigma_nm, pixel_nm):
    shape = round(1000 / pixel_nm[0]), round(1000 / pixel_nm[1])
    made = [
        correlation.correlation_lengths(gaussian(shape, pixel_nm, (sigma_nm,) * 2, seed), pixel_nm) for seed in range(3)
    ]
    mean = {name: np.mean([found[name] for found in made]) for name in made[0]}
    assert mean["correlation_along_nm"] == pytest.approx(2 * sigma_nm, rel=0.1)
    assert mean["correlation_across_nm"] == pytest.approx(2 * sigma_nm, rel=0.1)
    assert AT_FIFTH * sigma_nm * 0.75 < mean["Sal_nm"] < AT_FIFTH * sigma_nm * 1.05
    assert mean["Str"] > 0.7


def test_a_surface_stretched_across_the_lines_is_longer_there():
    found = correlation.correlation_lengths(gaussian((250, 250), (4, 4), (30, 10)), (4, 4))
    assert found["correlation_across_nm"] == pytest.approx(60, rel=0.2)
    assert found["correlation_along_nm"] == pytest.approx(20, rel=0.1)
    assert found["Str"] == pytest.approx(1 / 3, abs=0.1)


def test_waves_that_run_at_an_angle_are_shortest_across_their_crests():
    x, y = places((200, 200), (5, 5))
    waves = np.sin(2 * np.pi * (x + y) / np.sqrt(2) / 100)  # 100 nm downhill, at 45 degrees
    found = correlation.correlation_lengths(waves, (5, 5))
    assert found["Sal_nm"] == pytest.approx(100 * np.arccos(0.2) / (2 * np.pi), rel=0.03)
    assert found["Str"] < 0.06  # along the crests it never falls


def test_where_no_fall_is_seen_the_length_is_nan():
    x, _ = places((64, 64), (4, 4))
    found = correlation.correlation_lengths(np.cos(2 * np.pi * x / 64), (4, 4))
    assert np.isnan(found["correlation_across_nm"])
    assert found["correlation_along_nm"] == pytest.approx(64 * np.arccos(1 / np.e) / (2 * np.pi), rel=0.05)


def test_a_fall_is_found_between_two_samples():
    assert correlation._first_crossing(np.array([1.0, 0.6, 0.2, 0.9]), 0.4) == pytest.approx(1.5)
    assert np.isnan(correlation._first_crossing(np.array([1.0, 0.6]), 0.4))
