"""Random fields: their variance, their smoothness, and reading them between the pixels."""

import numpy as np
import pytest

from micrograph.simulation import random_fields


@pytest.mark.parametrize("length", [1.5, 4, 10])
def test_smooth_fields_have_mean_0_and_variance_1(length):
    rng = np.random.default_rng(1)
    many = np.stack([random_fields.smooth((128, 128), (length, length), rng) for _ in range(20)])
    assert abs(many.mean()) < 0.05
    assert many.var() == pytest.approx(1, rel=0.15)


def test_sampling_a_plane_gives_the_plane_between_pixels_and_its_rim_outside():
    rows, columns = np.mgrid[0:5, 0:7].astype(np.float32)
    plane = 2 * rows + 3 * columns
    place = np.array([[1.25, -4.0]], np.float32), np.array([[2.5, 3.0]], np.float32)
    assert random_fields.sample(plane, *place) == pytest.approx(np.array([[10.0, 9.0]]), abs=1e-5)
    assert place[0][0, 0] == 1.25  # the positions are left alone
