"""Pointing game and mass of maps with known answers; independent maps score the area."""

import numpy as np
import pytest

from micrograph.attribution import localisation

SIDE = 80


def block(top, left, tall=16, wide=16):
    mask = np.zeros((SIDE, SIDE))
    mask[top : top + tall, left : left + wide] = 1
    return mask


def scores(pixel_maps, padding=None, **features):
    """{(measure, feature): (values, area)}."""
    masks = features | {"padding": np.zeros((SIDE, SIDE)) if padding is None else padding}
    return {row[:2]: row[2:] for row in localisation.localisation(np.stack(pixel_maps), masks)}


def test_a_map_equal_to_the_mask_scores_one_its_opposite_zero_and_an_even_one_the_area():
    mask = block(20, 40)
    found = scores([mask, 1 - mask, np.ones_like(mask)], islands=mask)
    values, area = found["mass", "islands"]
    assert area == pytest.approx(mask.mean())
    np.testing.assert_allclose(values, [1, 0, area])
    values, area = found["pointing", "islands"]
    assert area == pytest.approx(18 * 18 / SIDE**2)  # a pixel of tolerance on every side
    np.testing.assert_allclose(values, [1, (area - mask.mean()) / (1 - mask.mean()), area])


def test_negative_values_do_not_count_and_a_map_without_a_positive_one_has_no_mass():
    mask = block(0, 0)
    mixed = np.where(mask > 0, 3.0, -100.0)
    values, _ = scores([mixed, -mixed - 200], islands=mask)["mass", "islands"]
    assert values[0] == 1 and np.isnan(values[1])


def test_a_maximum_beside_the_feature_hits_within_the_tolerance_only():
    mask = block(20, 20)
    pixel_maps = [np.zeros((SIDE, SIDE)) for _ in range(3)]
    for one, row in zip(pixel_maps, (36, 37, 50), strict=True):
        one[row, 25] = 1
    np.testing.assert_array_equal(scores(pixel_maps, islands=mask)["pointing", "islands"][0], [1, 0, 0])


def test_padding_does_not_change_the_features_and_is_a_feature_itself():
    padding = block(0, 0, 40, SIDE)
    mask = block(40, 0, 20, SIDE)
    even, on_padding = np.ones((SIDE, SIDE)), np.ones((SIDE, SIDE)) + 9 * padding
    found = scores([even, on_padding], padding, domains=mask)
    values, area = found["mass", "domains"]
    assert area == 0.5
    np.testing.assert_allclose(values, 0.5)
    values, area = found["pointing", "domains"]
    assert area == pytest.approx(21 / 40)
    np.testing.assert_allclose(values, 21 / 40)  # the largest value of the scan, not of the padding
    values, area = found["mass", "padding"]
    assert area == 0.5
    np.testing.assert_allclose(values, [0.5, 10 / 11])
    np.testing.assert_allclose(found["pointing", "padding"][0], [41 / 80, 1])


def test_a_feature_that_is_nowhere_or_everywhere_is_left_out():
    assert scores([np.ones((SIDE, SIDE))], pits=np.zeros((SIDE, SIDE)), domains=np.ones((SIDE, SIDE))) == {}
