"""What can be measured at all, and the coarser map."""

import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.topography import measure


def test_the_mean_is_taken_out_and_the_map_left_alone():
    height = np.arange(12.0).reshape(3, 4)
    before = height.copy()
    level, pixel_nm = measure._check_map(height, (2, 3))
    np.testing.assert_array_equal(height, before)
    assert level.mean() == pytest.approx(0) and pixel_nm == (2.0, 3.0)


@pytest.mark.parametrize("height", [np.zeros((8, 8)), np.full((8, 8), 1e6)])
def test_a_map_of_one_height_is_a_fault(height):
    with pytest.raises(UserError, match="one height"):
        measure._check_map(height, (1, 1))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_a_fault(bad):
    height = np.arange(12.0).reshape(3, 4)
    height[1, 1] = bad
    with pytest.raises(UserError, match="not finite"):
        measure._check_map(height, (1, 1))


@pytest.mark.parametrize("shape", [(5,), (0, 4), (2, 3, 4)])
def test_what_is_no_map_is_a_fault(shape):
    with pytest.raises(UserError, match="cannot be measured"):
        measure._check_map(np.ones(shape), (1, 1))


@pytest.mark.parametrize("pixel_nm", [(0, 1), (1, -2), (np.nan, 1), (1, np.inf)])
def test_pixels_without_a_size_are_a_fault(pixel_nm):
    with pytest.raises(UserError, match="give their size"):
        measure._check_map(np.arange(12.0).reshape(3, 4), pixel_nm)


def test_blocks_of_pixels_are_averaged_and_a_last_part_left_out():
    height = np.arange(20.0).reshape(4, 5)
    small, pixel_nm = measure._coarsen(height, (2.0, 2.0), grid_nm=4.0)
    np.testing.assert_array_equal(small, [[3.0, 5.0], [13.0, 15.0]])
    assert pixel_nm == (4.0, 4.0)


def test_each_side_has_its_own_blocks_and_coarse_pixels_stay():
    small, pixel_nm = measure._coarsen(np.ones((256, 512)), (1000 / 256, 1000 / 512))
    assert small.shape == (256, 256) and pixel_nm == (1000 / 256, 1000 / 256)
    small, pixel_nm = measure._coarsen(np.ones((16, 16)), (10.0, 20.0))
    assert small.shape == (16, 16) and pixel_nm == (10.0, 20.0)
