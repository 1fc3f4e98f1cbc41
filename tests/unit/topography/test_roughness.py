"""Height parameters and coverage of surfaces whose answers are known by hand."""

import numpy as np
import pytest

from made_up_surfaces import gaussian
from micrograph.topography import roughness


def waves(amplitude):
    """Whole periods of a sine along the lines."""
    return amplitude * np.sin(2 * np.pi * (np.arange(400) + 0.5) / 100) * np.ones((50, 1))


def test_a_sine_has_the_roughness_of_the_textbook():
    found = roughness.height_parameters(waves(2.0))
    assert found["rms_roughness"] == pytest.approx(2 / np.sqrt(2))
    assert found["mean_roughness"] == pytest.approx(2 * 2 / np.pi, rel=1e-3)
    assert found["height_range"] == pytest.approx(4, rel=1e-3)
    assert found["skewness"] == pytest.approx(0, abs=1e-9)
    assert found["kurtosis"] == pytest.approx(1.5)


def test_normally_distributed_heights_have_kurtosis_three_and_no_skewness():
    found = roughness.height_parameters(np.random.default_rng(0).normal(size=(300, 300)))
    assert found["kurtosis"] == pytest.approx(3, abs=0.1)
    assert found["skewness"] == pytest.approx(0, abs=0.05)
    assert found["height_range"] == pytest.approx(2 * 2.5758, rel=0.03)  # the normal's 99.5th percentile, twice


def test_peaks_are_skewed_upwards_pits_downwards_and_a_particle_does_not_make_the_range():
    film = np.random.default_rng(1).normal(size=(200, 200))
    peak = film.copy()
    peak[50:60, 50:60] = 40
    up, down = roughness.height_parameters(peak - peak.mean()), roughness.height_parameters(peak.mean() - peak)
    assert up["skewness"] > 3 and down["skewness"] == pytest.approx(-up["skewness"])
    assert up["kurtosis"] > 20
    assert up["height_range"] == pytest.approx(roughness.height_parameters(film)["height_range"], rel=0.1)


def test_the_share_and_the_height_of_islands_are_read_off_the_histogram():
    height = np.zeros((100, 100))
    height[:30] = 0.65
    found = roughness.coverage(height + np.random.default_rng(2).normal(0, 0.02, height.shape))
    assert found["coverage_pct"] == pytest.approx(30, abs=0.1)
    assert found["layer_height"] == pytest.approx(0.65, abs=0.01)
    assert found["bimodality"] > 0.99


def test_one_hill_of_heights_is_told_from_two_levels():
    found = roughness.coverage(gaussian((256, 256), (4, 4), (8, 8)))
    assert found["bimodality"] == pytest.approx(2 / np.pi, abs=0.03)
    assert found["coverage_pct"] == pytest.approx(50, abs=5)


def test_a_map_without_a_histogram_has_no_coverage():
    height = np.zeros((100, 100))
    height[0, 0] = 1
    assert np.isnan(list(roughness.coverage(height).values())).all()
