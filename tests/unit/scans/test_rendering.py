"""Micrographs: the filter, the greys and the geometry by hand arithmetic and against independent ways."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.scans import rendering

RNG_SEEDS = st.integers(0, 2**16)


@given(rows=st.integers(1, 40), cols=st.integers(1, 9), seed=RNG_SEEDS)
@settings(max_examples=60, deadline=None)
def test_the_median_filter_is_scipys(rows, cols, seed):
    array = np.random.default_rng(seed).integers(0, 9, (rows, cols)).astype(float)
    np.testing.assert_array_equal(rendering._median_filter_2x2(array), scipy.ndimage.median_filter(array, size=2))


@given(size=st.integers(2, 3000), seed=RNG_SEEDS, low=st.floats(0, 49), high=st.floats(51, 100))
@settings(max_examples=80, deadline=None)
def test_the_clip_limits_are_numpys_percentiles(size, seed, low, high):
    array = np.random.default_rng(seed).normal(size=size).round(2)
    np.testing.assert_allclose(
        rendering.percentile_limits(array, (low, high)), np.percentile(array, [low, high]), rtol=1e-12
    )


def test_the_clip_limits_are_right_where_the_sample_misleads():
    array = np.zeros(10_000)
    array[:: rendering.SAMPLE_STEP] = np.linspace(-5, 5, len(array[:: rendering.SAMPLE_STEP]))
    np.testing.assert_allclose(rendering.percentile_limits(array, (0.5, 99.5)), np.percentile(array, [0.5, 99.5]))


def test_area_interpolation_by_hand():
    np.testing.assert_allclose(rendering._area_weights(4, 2), [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    np.testing.assert_allclose(rendering._area_weights(3, 2), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]])
    np.testing.assert_allclose(rendering._area_weights(2, 4), [[1, 0], [1, 0], [0, 1], [0, 1]])
    np.testing.assert_allclose(rendering._area_weights(4, 1, 0.5, 3.5), [[1 / 6, 1 / 3, 1 / 3, 1 / 6]])
    picture = np.arange(16.0).reshape(4, 4)
    np.testing.assert_allclose(rendering.resize_area(picture, 2, 2), [[2.5, 4.5], [10.5, 12.5]])


@given(rows=st.integers(1, 60), cols=st.integers(1, 60), out=st.integers(1, 60), seed=RNG_SEEDS)
@settings(max_examples=60, deadline=None)
def test_area_interpolation_keeps_the_mean(rows, cols, out, seed):
    picture = np.random.default_rng(seed).normal(size=(rows, cols))
    small = rendering.resize_area(picture, out, out)
    assert small.shape == (out, out)
    assert small.mean() == pytest.approx(picture.mean(), abs=1e-9)


def slope(rows, cols):
    """A map that rises from the top left corner."""
    y, x = np.mgrid[0:rows, 0:cols]
    return (x / cols + y / rows).astype(float)


def test_a_map_becomes_a_square_of_all_greys():
    height_nm = slope(448, 448)
    before = height_nm.copy()
    grey, pixel_nm = rendering.render(height_nm, width_nm=1000, tall_nm=1000)
    np.testing.assert_array_equal(height_nm, before)
    assert (grey.shape, grey.dtype) == ((224, 224), np.uint8)
    assert (grey[0, 0], grey[-1, -1]) == (0, 255)
    assert pixel_nm == pytest.approx(1000 / 224)
    assert np.isnan(rendering.render(height_nm)[1])


def test_half_a_percent_of_pixels_is_clipped_at_either_end():
    height_nm = np.random.default_rng(0).permutation(224 * 224).reshape(224, 224).astype(float)
    grey = rendering.render(height_nm, clip_percentiles=(10, 90))[0]
    filtered = scipy.ndimage.median_filter(height_nm[::-1], size=2)[::-1]
    low, high = np.percentile(filtered, [10, 90])
    expected = np.floor(np.clip((filtered - low) / (high - low), 0, 1) * 255 + 0.5)
    np.testing.assert_array_equal(grey, expected)


def test_doubling_heights_changes_no_grey():
    height_nm = np.random.default_rng(1).normal(size=(50, 50))
    np.testing.assert_array_equal(rendering.render(height_nm)[0], rendering.render(2 * height_nm + 7)[0])


def test_a_stopped_scan_is_padded_with_its_mean_grey_and_not_squashed():
    grey, pixel_nm = rendering.render(slope(100, 400), width_nm=1000, tall_nm=250)
    assert pixel_nm == pytest.approx(1000 / 224)
    shown = grey[84:140]  # 56 of 224 rows in the middle
    assert (shown[0, 0], shown[-1, -1]) == (0, 255)
    bands = np.concatenate([grey[:84], grey[140:]])
    assert np.unique(bands).size == 1
    assert abs(int(bands[0, 0]) - shown.mean()) <= 1


def test_a_cropped_scan_shows_the_square_in_its_middle():
    height_nm = np.zeros((100, 400))
    height_nm[:, 150:250] = slope(100, 100)
    grey, pixel_nm = rendering.render(height_nm, aspect="crop", width_nm=1000, tall_nm=250)
    assert pixel_nm == pytest.approx(250 / 224)
    assert (grey[0, 0], grey[-1, -1]) == (0, 255)
    upright = rendering.render(height_nm.T, aspect="crop", width_nm=250, tall_nm=1000)[0]
    assert upright[0, 0] <= 1 and upright[-1, -1] >= 254  # the filter's window leans to one side


def test_a_stretched_scan_fills_the_micrograph_and_its_pixels_are_as_wide_as_the_scan_allows():
    """As the notebooks do, which resize every map to 224 x 224."""
    low = slope(56, 224)
    grey, pixel_nm = rendering.render(low, aspect="stretch", width_nm=1000, tall_nm=250)
    assert (grey[0, 0], grey[-1, -1]) == (0, 255) and pixel_nm == pytest.approx(1000 / 224)
    filtered = rendering.render(low, 224, aspect="pad", width_nm=1000, tall_nm=250)[0][84:140]
    np.testing.assert_array_equal(grey, np.repeat(filtered, 4, axis=0))
    frame = rendering.make_frame((56, 224), 224, "stretch", 1000, 250)
    assert (frame.rows, frame.cols, frame.pixel_aspect) == (224, 224, 0.25)


def test_a_scan_that_is_not_square_can_be_refused():
    with pytest.raises(UserError, match=r"not square \(1000 x 250\); set micrographs.aspect to pad or crop"):
        rendering.render(slope(100, 400), aspect="refuse", width_nm=1000, tall_nm=250)
    with pytest.raises(UserError, match="'squash' is not known; choose one of: pad, crop, stretch, refuse"):
        rendering.render(slope(100, 400), aspect="squash")


def test_pixels_that_are_not_square_are_judged_by_nanometres():
    for aspect in rendering.ASPECTS:  # 768 x 486 pixels of a square field of view
        grey, pixel_nm = rendering.render(slope(486, 768), aspect=aspect, width_nm=500, tall_nm=500)
        assert (grey[0, 0], grey[-1, -1]) == (0, 255)
        assert pixel_nm == pytest.approx(500 / 224)


@pytest.mark.parametrize("shape", [(1, 512), (2, 512), (512, 4)])
def test_the_narrowest_scans_are_drawn(shape):
    height_nm = np.random.default_rng(0).normal(size=shape)
    for aspect in ("pad", "crop", "stretch"):
        assert rendering.render(height_nm, aspect=aspect)[0].shape == (224, 224)


def test_a_map_of_one_grey_is_refused():
    with pytest.raises(UserError, match="no relief"):
        rendering.render(np.zeros((10, 10)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_finished_square_image_keeps_its_greys(dtype):
    grey = np.random.default_rng(0).integers(0, 256, (224, 224))
    full = grey.astype(dtype) * (257 if dtype == np.uint16 else 1)
    drawn, pixel_nm = rendering.render_image(full.astype(dtype), width_nm=448.0)
    np.testing.assert_array_equal(drawn, grey)
    assert pixel_nm == 2.0


def test_colours_become_the_grey_that_they_look():
    colours = np.zeros((4, 4, 3), dtype=np.uint8)
    colours[..., 1], colours[0, 0] = 100, (200, 0, 0)
    drawn = rendering.render_image(colours, pixels=4)[0]
    assert (drawn[0, 0], drawn[3, 3]) == (60, 59)  # 0.299 * 200 = 59.8, 0.587 * 100 = 58.7
    opaque = np.dstack([colours, np.full((4, 4), 255, dtype=np.uint8)])
    np.testing.assert_array_equal(rendering.render_image(opaque, pixels=4)[0], drawn)


def test_a_image_that_is_not_square_keeps_its_aspect():
    drawn, pixel_nm = rendering.render_image((slope(100, 200) * 100).astype(np.uint8), width_nm=1000)
    assert np.unique(drawn[:56]).size == 1 and np.unique(drawn[56:168]).size > 50
    assert pixel_nm == pytest.approx(1000 / 224)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((4, 4), np.uint8), "one colour"),
        (np.eye(4), "8 or 16 bits"),
        (np.zeros((4, 4, 2), np.uint8), "2 channels"),
        (np.eye(4, dtype=np.uint16) * 4095, "12 bits or fewer"),
        (np.dstack([np.eye(4, dtype=np.uint8)] * 4), "transparent"),
        (np.zeros((0, 4), np.uint8), "8 or 16 bits"),
    ],
)
def test_other_images_are_refused(array, sentence):
    with pytest.raises(UserError, match=sentence):
        rendering.render_image(array)


def test_halves_go_up_also_when_the_last_bits_say_otherwise():
    grey = np.array([0.5, 0.5 - 1e-13, 0.4999, 254.5, 255.4, -0.3])
    np.testing.assert_array_equal(rendering.to_uint8(grey), [1, 1, 0, 255, 255, 0])


def test_pngs_come_back_and_their_bytes_are_the_same(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (224, 224)).astype(np.uint8)
    rendering.write_png(tmp_path / "a.png", grey)
    rendering.write_png(tmp_path / "b.png", grey.copy(order="F"))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    np.testing.assert_array_equal(rendering.read_png(tmp_path / "a.png"), grey)


def test_a_missing_or_damaged_png_is_refused(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nxx")
    for name in ("none.png", "bad.png"):
        with pytest.raises(UserError, match=f"{name}: the micrograph is missing or damaged"):
            rendering.read_png(tmp_path / name)
