"""Deletion and insertion: areas worked out by hand for a prediction that counts visible pixels."""

import numpy as np
import pytest

from micrograph import target
from micrograph.attribution import deletion_insertion

CORNER = np.zeros((8, 8))
CORNER[:4, :4] = 1


def visible(masks):
    """The share of the corner that is not hidden."""
    return 1 - masks[:, :4, :4].mean(axis=(1, 2))


@pytest.mark.parametrize("steps", [4, 8])
def test_the_map_of_a_prediction_that_counts_a_corner(steps):
    found = deletion_insertion.areas(np.stack([CORNER, -CORNER]), visible, steps)
    # the corner is a quarter of the picture: it goes at once, from 1 to 0 over a quarter of the way, or last of all
    np.testing.assert_allclose(found, [[1 / 8, 7 / 8], [7 / 8, 1 / 8]])


def test_the_ends_count_half():
    found = deletion_insertion.areas(CORNER[None], lambda masks: masks.all(axis=(1, 2)) + 0.0, n_steps=4)
    np.testing.assert_allclose(found, 1 / 8)


def test_pixels_are_hidden_largest_first_and_of_equal_ones_the_upper_left_first():
    pixel_map = np.array([[1.0, 3.0], [3.0, -5.0]])
    assert deletion_insertion.pixel_ranks(pixel_map).tolist() == [[2, 0], [1, 3]]
    deleted, inserted = deletion_insertion.step_masks(pixel_map, n_steps=4)
    assert deleted.tolist() == [
        [[False, True], [False, False]], [[False, True], [True, False]], [[True, True], [True, False]]
    ]  # fmt: skip
    np.testing.assert_array_equal(inserted, ~deleted)


@pytest.mark.parametrize(("scheme", "width"), [("nominal", 3), ("nnrank", 3), ("corn", 2)])
def test_curves_show_probabilities(scheme, width):
    outputs = np.random.default_rng(0).random((5, width))
    found = deletion_insertion.curve_values(scheme, outputs, [900, 950, 1000])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(found, target.decode(scheme, outputs, [900, 950, 1000])[2])


def test_curves_of_regression_show_temperatures():
    np.testing.assert_array_equal(
        deletion_insertion.curve_values("regression", [[931.0], [988.0]], [900, 950]), [[931.0], [988.0]]
    )
