"""Steps of staircases that were built, and none where there are none."""

import numpy as np
import pytest

from made_up_surfaces import gaussian, staircase
from micrograph.simulation import films
from micrograph.topography import atomic_steps, spectrum

PIXEL = (1000 / 256, 1000 / 256)


def steps_of(height_nm, pixel_nm=PIXEL):
    return atomic_steps.atomic_steps(spectrum.power_spectrum(height_nm - height_nm.mean(), pixel_nm), (16, 250))


def apart(one, other):
    """Degrees between two directions of lines."""
    return abs((one - other + 90) % 180 - 90)


@pytest.mark.parametrize("spacing_nm", [40, 60, 100])
@pytest.mark.parametrize("direction", [8, 45, 90, 150])
def test_the_spacing_and_direction_of_a_staircase_are_found(spacing_nm, direction):
    found = steps_of(staircase((256, 256), PIXEL, spacing_nm, direction))
    assert found["step_spacing_nm"] == pytest.approx(spacing_nm, rel=0.03)
    assert apart(found["step_direction_degrees"], direction) < 3
    assert found["directionality"] > 0.9


def test_pixels_that_are_no_squares_turn_nothing():
    pixel_nm = (1000 / 128, 1000 / 512)
    found = steps_of(staircase((128, 512), pixel_nm, 80, 60), pixel_nm)
    assert found["step_spacing_nm"] == pytest.approx(80, rel=0.03)
    assert apart(found["step_direction_degrees"], 60) < 3


def test_steps_are_found_under_noise_of_their_own_height():
    noise = np.random.default_rng(0).normal(0, 0.2, (256, 256))
    found = steps_of(staircase((256, 256), PIXEL, 70, 120) + noise)
    assert found["step_spacing_nm"] == pytest.approx(70, rel=0.05)
    assert apart(found["step_direction_degrees"], 120) < 5


def test_steps_that_wander_as_on_a_simulated_crystal_are_found():
    right = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        made = films.VicinalSurface(terrace_width_nm=70.0, downhill_angle=np.radians(rng.uniform(20, 70)), wander=0.15)
        height, _ = films.terraces(made, (256, 256), PIXEL, rng)
        rows, columns = np.mgrid[0:256, 0:256]
        basis = np.stack([np.ones(height.size), rows.ravel(), columns.ravel()], axis=1)
        level = height - (basis @ np.linalg.lstsq(basis, height.ravel(), rcond=None)[0]).reshape(height.shape)
        found = steps_of(level)
        near = abs(found["step_spacing_nm"] / 70 - 1) < 0.2
        right += near and apart(found["step_direction_degrees"], np.degrees(made.downhill_angle) + 90) < 12
    assert right >= 8


@pytest.mark.parametrize("sigma_nm", [5, 12, 30])
def test_surfaces_without_direction_have_no_steps(sigma_nm):
    found = [steps_of(gaussian((256, 256), PIXEL, (sigma_nm, sigma_nm), seed)) for seed in range(8)]
    assert np.isnan([one["step_spacing_nm"] for one in found]).sum() >= 7
    assert np.isnan([one["step_direction_degrees"] for one in found]).sum() >= 7
    assert max(one["directionality"] for one in found) < 0.3


def test_steps_have_both_measures_or_not_at_all():
    for seed in range(4):
        found = steps_of(gaussian((128, 128), PIXEL, (20, 10), seed))
        assert np.isnan(found["step_spacing_nm"]) == np.isnan(found["step_direction_degrees"])
