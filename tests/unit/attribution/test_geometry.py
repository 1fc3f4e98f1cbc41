"""Geometry of occlusion: windows as Captum has them, effects as a map of pixels."""

import numpy as np
import pytest

from micrograph.attribution import maps
from micrograph.errors import UserError


@pytest.mark.parametrize(
    ("side", "patch", "stride", "starts"),
    [(10, 4, 3, [0, 3, 6]), (10, 4, 4, [0, 4, 8]), (5, 5, 1, [0]), (6, 5, 5, [0, 5]), (3, 1, 1, [0, 1, 2])],
)
def test_windows_cover_the_picture_and_the_last_may_be_cut(side, patch, stride, starts):
    assert maps.positions(side, patch, stride).tolist() == starts


def test_the_paper_hides_43_places_an_axis():
    starts = maps.positions(224, 15, 5)
    assert len(starts) == 43
    assert starts[-1] + 15 > 224


@pytest.mark.parametrize(("side", "patch", "stride"), [(10, 4, 5), (10, 11, 1), (10, 4, 0)])
def test_windows_that_do_not_cover_are_refused(side, patch, stride):
    with pytest.raises(UserError, match="does not cover"):
        maps.positions(side, patch, stride)


def test_a_pixel_gets_the_mean_of_the_windows_on_it():
    effects = np.array([[1.0, 3.0], [5.0, 7.0]])
    expected = [[1, 2, 3], [3, 4, 5], [5, 6, 7]]  # the middle row and column lie under two windows
    np.testing.assert_allclose(maps.spread(effects, 3, 2, 1), expected)


def test_effects_of_another_geometry_are_refused():
    with pytest.raises(UserError, match="same geometry"):
        maps.spread(np.zeros((4, 4)), 3, 2, 1)
