"""Maps in colour: divided by their own largest value, signs kept apart, flagged ones written as words."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from made_up_explanations import words_in
from micrograph.attribution import maps
from micrograph.figures import attribution_maps, style
from micrograph.figures.attribution_maps import CAM, OCCLUSION, OPAQUE, paint

GREY = np.full((32, 32), 100, np.uint8)
LUMINANCE = [0.2126, 0.7152, 0.0722]


@pytest.fixture
def axes():
    return style.axes_mm(style.canvas(40, 40), 2, 2, 30, 30)


def test_a_map_is_divided_by_its_largest_absolute_value_or_by_a_scale():
    values = np.array([[1.0, -4.0], [0.0, 2.0]])
    assert attribution_maps.normalise(values).tolist() == [[0.25, -1.0], [0.0, 0.5]]
    assert attribution_maps.normalise(values, 2).tolist() == [[0.5, -1.0], [0.0, 1.0]]
    assert attribution_maps.normalise(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]


def test_colours_can_be_distinguished_in_grey():
    positive, negative = (np.dot(to_rgb(name), LUMINANCE) for name in (CAM.positive, OCCLUSION.negative))
    assert positive > negative + 0.3
    light = attribution_maps.colours(attribution_maps.HEAT)(np.linspace(0, 1, 41))[:, :3] @ LUMINANCE
    assert (np.diff(light[20:]) > 0).all() and (np.diff(light[:21]) < 0).all()


def test_an_overlay_covers_most_where_the_map_is_largest_and_nothing_where_it_is_zero():
    values = np.array([[0.0, 0.0], [0.0, 3.0]])
    drawn = attribution_maps.overlay_cam(GREY, values)
    assert (drawn[:8, :8] == 100).all()
    strongest = 255 * np.array(attribution_maps.colours(attribution_maps.HEAT)(1.0)[:3])
    assert np.abs(drawn[-1, -1] - (100 + attribution_maps.HEAT_COVER * (strongest - 100))).max() <= 1
    assert np.abs(attribution_maps.overlay_cam(GREY, values, scale=300).astype(int) - 100).max() < 10


@pytest.mark.parametrize(("sign", "dashed"), [(1, [False, True]), (0, [False])])
def test_contours_stand_at_half_of_the_largest_effect(axes, sign, dashed):
    values = np.linspace(-1, 1, 32 * 32).reshape(32, 32)
    attribution_maps.show_occlusion(axes, values if sign else np.abs(values) + 0.1, "", None, GREY)
    assert [line.get_linestyles()[0][1] is not None for line in axes.collections] == dashed


@pytest.mark.parametrize("flag", [maps.ALL_ZERO, maps.NOT_FINITE])
@pytest.mark.parametrize("show", [attribution_maps.show_cam, attribution_maps.show_occlusion])
def test_a_flagged_map_is_written_and_never_drawn(axes, show, flag):
    show(axes, np.full((3, 3), 0 if flag == maps.ALL_ZERO else np.nan), flag, None, GREY)
    assert not axes.get_images() and not axes.collections and "not drawn" in words_in(axes.figure)


def rgb(colour):
    return [round(255 * part) for part in to_rgb(colour)]


def opacity(share):
    return round(255 * OPAQUE * share)


def test_an_overlay_of_the_page_is_coloured_by_sign_and_opaque_by_its_share_of_the_largest():
    painted = paint(np.array([[2.0, -1.0], [0.0, 0.5]]), 2, OCCLUSION)
    assert painted.dtype == np.uint8 and painted.shape == (2, 2, 4)
    assert painted[..., 3].tolist() == [[opacity(1), opacity(1 / 2)], [0, opacity(1 / 4)]]
    assert painted[0, :, :3].tolist() == [rgb(OCCLUSION.positive), rgb(OCCLUSION.negative)]
    painted = paint(np.array([[4.0, -100.0], [1.0, 0.0]]), 2, CAM)  # of a CAM positive attribution alone
    assert painted[..., 3].tolist() == [[opacity(1), 0], [opacity(1 / 4), 0]]


@pytest.mark.parametrize(
    ("values", "scale"),
    [(np.zeros((3, 3)), CAM), (-np.ones((3, 3)), CAM), (np.array([[1.0, np.inf], [0.0, 0.0]]), OCCLUSION)],
)
def test_a_map_with_nothing_to_draw_or_a_value_that_is_not_finite_is_not_drawn(values, scale):
    assert paint(values, 4, scale) is None


def test_twice_the_map_is_the_same_picture():
    values = np.random.default_rng(0).normal(size=(5, 5))
    assert np.array_equal(paint(values, 20, OCCLUSION), paint(2 * values, 20, OCCLUSION))


def test_a_stretched_map_goes_from_zero_to_one():
    np.testing.assert_allclose(attribution_maps.stretch(np.array([[6, 10], [8, 7]])), [[0, 1], [0.5, 0.25]])
    assert not attribution_maps.stretch(np.full((2, 2), 3.0)).any()
