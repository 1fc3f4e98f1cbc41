"""Maps in colour: divided by their own largest value, signs kept apart, flagged ones written as words."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from made_up_explanations import words_in
from micrograph.attribution import maps
from micrograph.figures import attribution_maps, style

GREY = np.full((32, 32), 100, np.uint8)


def luminance(rgb):
    return np.asarray(rgb[:3]) @ [0.2126, 0.7152, 0.0722]


def axes_of(draw, *arguments, **settings):
    figure = style.canvas(40, 40, "films")
    axes = style.axes_mm(figure, 2, 2, 30, 30)
    with style.context():
        draw(axes, *arguments, **settings)
    return axes


def test_a_map_is_divided_by_its_largest_absolute_value_or_by_a_scale():
    values = np.array([[1.0, -4.0], [0.0, 2.0]])
    assert attribution_maps.normalise(values).tolist() == [[0.25, -1.0], [0.0, 0.5]]
    assert attribution_maps.normalise(values, 2).tolist() == [[0.5, -1.0], [0.0, 1.0]]
    assert attribution_maps.normalise(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]
    assert values.tolist() == [[1, -4], [0, 2]]


def test_occlusion_is_green_for_and_red_against_and_leaves_the_rest_grey():
    values = np.zeros((32, 32))
    values[4:12, 4:12], values[20:28, 20:28] = 2.0, -2.0
    drawn = attribution_maps.overlay_occlusion(GREY, values).astype(int)
    red, green, _ = np.moveaxis(drawn, -1, 0)
    assert (green > red)[5:11, 5:11].all() and (red > green)[21:27, 21:27].all()
    assert (drawn[values == 0] == 100).all() and (GREY == 100).all()


def test_both_signs_differ_in_lightness_for_eyes_that_do_not_tell_green_from_red():
    assert luminance(to_rgb(attribution_maps.POSITIVE)) > luminance(to_rgb(attribution_maps.NEGATIVE)) + 0.3


def test_both_arms_of_the_heat_scale_grow_lighter_away_from_zero():
    light = attribution_maps.colours(attribution_maps.HEAT)(np.linspace(0, 1, 41))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light[20:]) > 0).all() and (np.diff(light[:21]) < 0).all()


def test_an_overlay_covers_most_where_the_map_is_largest_and_nothing_where_it_is_zero():
    drawn = attribution_maps.overlay_cam(GREY, np.array([[0.0, 0.0], [0.0, 3.0]]))
    assert (drawn[:8, :8] == 100).all()
    strongest = 255 * np.array(attribution_maps.colours(attribution_maps.HEAT)(1.0)[:3])
    assert np.abs(drawn[-1, -1] - (100 + attribution_maps.HEAT_COVER * (strongest - 100))).max() <= 1
    alone = attribution_maps.overlay_cam(GREY, np.array([[0.0, 0.0], [0.0, 3.0]]), scale=300)
    assert np.abs(alone.astype(int) - 100).max() < 10


def test_lines_stand_at_half_of_the_largest_effect_solid_for_and_dashed_against():
    values = np.linspace(-1, 1, 32 * 32).reshape(32, 32)
    lines = axes_of(attribution_maps.show_occlusion, GREY, values).collections
    assert [line.get_linestyles()[0][1] is None for line in lines] == [True, False]
    assert len(axes_of(attribution_maps.show_occlusion, GREY, np.abs(values) + 0.1).collections) == 1


@pytest.mark.parametrize("flag", [maps.ALL_ZERO, maps.NOT_FINITE])
@pytest.mark.parametrize(
    "draw", [attribution_maps.show_cam, attribution_maps.show_overlay, attribution_maps.show_occlusion]
)
def test_a_flagged_map_is_written_and_never_drawn(draw, flag):
    values = np.zeros((3, 3)) if flag == maps.ALL_ZERO else np.full((3, 3), np.nan)
    given = (values, flag) if draw is attribution_maps.show_cam else (GREY, values, flag)
    axes = axes_of(draw, *given)
    assert not axes.get_images() and not axes.collections
    assert "not drawn" in words_in(axes.figure)
