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
    assert found["Sq"] == pytest.approx(2 / np.sqrt(2))
    assert found["Sa"] == pytest.approx(2 * 2 / np.pi, rel=1e-3)
    assert found["Sdc"] == pytest.approx(4, rel=1e-3)
    assert found["Ssk"] == pytest.approx(0, abs=1e-9)
    assert found["Sku"] == pytest.approx(1.5)


def test_normally_distributed_heights_have_kurtosis_three_and_no_skewness():
    found = roughness.height_parameters(np.random.default_rng(0).normal(size=(300, 300)))
    assert found["Sku"] == pytest.approx(3, abs=0.1)
    assert found["Ssk"] == pytest.approx(0, abs=0.05)
    assert found["Sdc"] == pytest.approx(2 * 2.5758, rel=0.03)  # the normal's 99.5th percentile, twice


def test_peaks_are_skewed_upwards_pits_downwards_and_a_particle_does_not_make_the_range():
    film = np.random.default_rng(1).normal(size=(200, 200))
    peak = film.copy()
    peak[50:60, 50:60] = 40
    up, down = roughness.height_parameters(peak - peak.mean()), roughness.height_parameters(peak.mean() - peak)
    assert up["Ssk"] > 3 and down["Ssk"] == pytest.approx(-up["Ssk"])
    assert up["Sku"] > 20
    assert up["Sdc"] == pytest.approx(roughness.height_parameters(film)["Sdc"], rel=0.1)


def test_parameters_of_a_surface_worked_out_by_hand():
    height_nm = np.array([[1.0, -1.0, 3.0], [-3.0, 1.0, -1.0]])
    found = roughness.height_parameters(height_nm)
    assert (found["Sz"], found["Sp"], found["Sv"]) == (6, 3, 3)
    assert found["Sq"] == pytest.approx(np.sqrt(22 / 6)) and found["Sa"] == pytest.approx(10 / 6)
    assert found["Ssk"] == pytest.approx(0) and found["Sku"] == pytest.approx((4 * 1 + 2 * 81) / 6 / (22 / 6) ** 2)
    # The lines, each about its mean of 1 and -1: 0 -2 2 and -2 2 0.
    assert found["Rq"] == pytest.approx(np.sqrt(16 / 6)) and found["Ra"] == pytest.approx(8 / 6) and found["Rz"] == 4


def test_gradient_and_area_of_planes_and_of_a_roof():
    y, x = np.mgrid[0:20, 0:31]
    found = roughness.slope_parameters(2 * 0.75 * x - 4 * 1.0 * y, (4.0, 2.0))  # slopes of 0.75 and -1
    assert found["Sdq"] == pytest.approx(1.25)
    assert found["Sdr_pct"] == pytest.approx(100 * (np.sqrt(1 + 1.25**2) - 1))
    roof = roughness.slope_parameters(10.0 - abs(x - 15), (1.0, 1.0))
    assert roof["Sdq"] == pytest.approx(1) and roof["Sdr_pct"] == pytest.approx(100 * (np.sqrt(2) - 1))


@pytest.mark.parametrize("pixel_nm", [(2.0, 2.0), (3.0, 1.5)])
def test_surface_topography_finds_the_same_parameters(pixel_nm):
    topography = pytest.importorskip("SurfaceTopography")  # not for all systems
    height_nm = gaussian((96, 128), (4, 4), pixel_nm)
    height_nm = height_nm - height_nm.mean()
    size = height_nm.shape[1] * pixel_nm[1], height_nm.shape[0] * pixel_nm[0]
    surface = topography.Topography(height_nm.T.copy(), size)  # x first
    found = roughness.height_parameters(height_nm) | roughness.slope_parameters(height_nm, pixel_nm)
    assert found["Sq"] == pytest.approx(surface.rms_height_from_area())
    assert found["Rq"] == pytest.approx(surface.rms_height_from_profile())
    assert found["Sdq"] == pytest.approx(surface.rms_gradient(), rel=1e-3)  # of the upper triangles alone
    assert found["Sz"] == pytest.approx(np.ptp(surface.heights()))


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
