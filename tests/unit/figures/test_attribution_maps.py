"""Overlays: colour by sign, opacity by strength, nothing where nothing is said."""

import numpy as np
import pytest

from micrograph.figures import attribution_maps
from micrograph.figures.attribution_maps import CAM, OCCLUSION


def opacity(share):
    """The byte that says so much of the strongest colour."""
    return round(255 * attribution_maps.OPAQUE * share)


def test_occlusion_is_coloured_by_sign_and_opaque_by_its_share_of_the_strongest():
    painted = attribution_maps.paint(np.array([[2.0, -1.0], [0.0, 0.5]]), 2, OCCLUSION)
    assert painted.dtype == np.uint8 and painted.shape == (2, 2, 4)
    assert painted[..., 3].tolist() == [[opacity(1), opacity(1 / 2)], [0, opacity(1 / 4)]]
    assert tuple(painted[0, 0, :3]) == attribution_maps._bytes(OCCLUSION.positive)
    assert tuple(painted[0, 1, :3]) == attribution_maps._bytes(OCCLUSION.negative)


def test_a_class_activation_map_shows_what_speaks_for_and_leaves_out_what_speaks_against():
    painted = attribution_maps.paint(np.array([[4.0, -100.0], [1.0, 0.0]]), 2, CAM)
    assert painted[..., 3].tolist() == [[opacity(1), 0], [opacity(1 / 4), 0]]
    assert np.unique(painted[..., :3].reshape(-1, 3), axis=0).tolist() == [list(attribution_maps._bytes(CAM.positive))]


@pytest.mark.parametrize("values", [np.zeros((3, 3)), -np.ones((3, 3)), np.full((3, 3), np.nan)])
def test_a_map_with_nothing_to_draw_is_not_drawn(values):
    assert attribution_maps.paint(values, 4, CAM) is None


def test_one_value_that_is_no_number_forbids_the_whole_map():
    values = np.array([[1.0, np.inf], [0.0, 0.0]])
    assert attribution_maps.paint(values, 4, OCCLUSION) is None
    assert np.isnan(attribution_maps.largest_shown(values, OCCLUSION))


def test_twice_the_map_is_the_same_picture_and_the_map_is_left_alone():
    values = np.random.default_rng(0).normal(size=(5, 5))
    kept = values.copy()
    assert np.array_equal(
        attribution_maps.paint(values, 20, OCCLUSION), attribution_maps.paint(2 * values, 20, OCCLUSION)
    )
    assert np.array_equal(values, kept)


def test_the_strongest_value_is_of_what_is_drawn():
    values = np.array([[1.0, -3.0]])
    assert attribution_maps.largest_shown(values, OCCLUSION) == 3.0
    assert attribution_maps.largest_shown(values, CAM) == 1.0
