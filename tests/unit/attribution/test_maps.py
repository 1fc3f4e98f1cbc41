"""Maps: types, windows, flags, interpolation, and files read back in order."""

import numpy as np
import pytest

from micrograph import io
from micrograph.attribution import maps
from micrograph.errors import UserError

from .conftest import CLASSES, fold_arrays

RNG = np.random.default_rng(0)


def fold_file(path, *arguments, **changes):
    io.write_arrays(path, **fold_arrays(*arguments, **changes))
    return path


# Reading


def test_samples_of_all_folds_are_sorted_by_name_with_their_own_maps(tmp_path):
    paths = [fold_file(tmp_path / "0.npz", ["b2", "b4"], 0), fold_file(tmp_path / "1.npz", ["b1", "b3"], 1)]
    read = maps.read(paths)
    assert len(read) == 4 and read.samples.tolist() == ["b1", "b2", "b3", "b4"]
    assert read.fold.tolist() == [1, 0, 1, 0]
    assert (read.side, read.patch, read.stride, read.baseline, read.scheme) == (20, 8, 4, "zero", "nominal")
    assert read.weighted_name == "cam_class" and read.classes.tolist() == CLASSES
    for i, number in enumerate([1, 2, 3, 4]):
        assert read.index(f"b{number}") == i
        assert (read.cam[i] == number).all()
        assert (read.weighted_map(i) == 10 * number + 1).all()  # target 1
        assert (read.weighted_map(i, 2) == 10 * number + 2).all()
        assert (read.windows(i) == 10 * number + 1).all()
    assert maps.read(paths[1:]).samples.tolist() == ["b1", "b3"]


def test_an_occlusion_map_covers_the_image_with_the_means_of_its_windows():
    windows = np.zeros((1, 3, 4, 4), np.float32)
    windows[0, 1, 0, 0], windows[0, 1, 3, 3] = -2, 1  # starts 0, 4, 8, 12; 8 pixels wide
    attributions = maps.Attributions.from_arrays(fold_arrays(["b1"], occlusion=windows))
    found = attributions.occlusion_map(0)
    assert found.shape == (20, 20) and found.dtype == np.float32
    assert found[0, 0] == -2 and found[19, 19] == 1  # one window covers a corner
    assert found[0, 5] == -1 and found[5, 5] == -0.5  # two and four windows
    assert found[10, 10] == 0
    assert not attributions.occlusion_map(0, 2).any()


def test_grad_cam_replaces_cam_where_a_head_has_more_layers(tmp_path):
    read = maps.read([fold_file(tmp_path / "0.npz", ["b1"], weighted="grad_cam")])
    assert read.weighted_name == "grad_cam" and (read.weighted_map(0) == 11).all()
    assert read.map_types() == ["cam", "grad_cam", "occlusion", "occlusion_abs"]


def test_bad_files_are_refused(tmp_path):
    good = fold_file(tmp_path / "good.npz", ["b1"])
    with pytest.raises(UserError, match="'b9' .* 1 "):
        maps.read([good]).index("b9")
    with pytest.raises(UserError, match="'b1' .* two folds"):
        maps.read([good, good])
    with pytest.raises(UserError, match="other.npz: stride .*good.npz"):
        maps.read([good, fold_file(tmp_path / "other.npz", ["b2"], stride=5)])
    with pytest.raises(UserError, match="other.npz: cam_class"):
        maps.read([good, fold_file(tmp_path / "other.npz", ["b2"], weighted="grad_cam")])
    for missing, named in (("target", "target"), ("cam_class", "cam_class or grad_cam")):
        with pytest.raises(UserError, match=f"poor.npz: .* {named} is missing"):
            maps.read([fold_file(tmp_path / "poor.npz", ["b1"], **{missing: None})])


# Types


def attributions():
    """Three samples, three targets, windows of 4 pixels side by side in images of 8."""
    return maps.Attributions.from_arrays(
        fold_arrays(
            ["b1", "b2", "b3"], side=8, patch=4, stride=4, target=np.array([0, 0, 1]), cam=RNG.random((3, 2, 2)),
            cam_class=RNG.normal(size=(3, 3, 2, 2)), occlusion=RNG.normal(size=(3, 3, 2, 2)),
            cam_flag=np.array(["", maps.ALL_ZERO, ""]), occlusion_flag=np.array(["", "", maps.NOT_FINITE]),
        )
    )  # fmt: skip


def test_maps_are_those_of_the_samples_for_their_targets_and_keep_their_sign():
    found, rows = attributions(), np.array([2, 0])
    effects = found.occlusion[[2, 0], [1, 0]]
    np.testing.assert_array_equal(found.values("occlusion", rows), effects)
    np.testing.assert_array_equal(found.values("cam", rows), found.cam[[2, 0]])
    pixels = found.pixel_maps("occlusion", rows)
    np.testing.assert_allclose(pixels, np.kron(effects, np.ones((4, 4))), rtol=1e-6)
    np.testing.assert_array_equal(found.pixel_maps("occlusion_abs", rows), np.abs(pixels))
    pixels = found.pixel_maps("cam_class", np.array([1]))
    assert pixels.shape == (1, 8, 8) and pixels.dtype == np.float32
    np.testing.assert_allclose(pixels[0, [0, 0, -1, -1], [0, -1, 0, -1]], found.weighted[1, 0].ravel(), rtol=1e-6)


def test_types_are_those_of_the_file_and_a_flag_makes_a_map_invalid():
    found = attributions()
    assert found.map_types() == ["cam", "cam_class", "occlusion", "occlusion_abs"]
    assert found.valid("cam").tolist() == found.valid("cam_class").tolist() == [True, False, True]
    assert found.valid("occlusion_abs").tolist() == [True, True, False]


# Flags


# Windows


@pytest.mark.parametrize(
    ("side", "patch", "stride", "starts"),
    [(10, 4, 3, [0, 3, 6]), (10, 4, 4, [0, 4, 8]), (5, 5, 1, [0]), (6, 5, 5, [0, 5]), (3, 1, 1, [0, 1, 2])],
)
def test_windows_cover_the_image_and_the_last_may_be_cut(side, patch, stride, starts):
    assert maps.window_starts(side, patch, stride).tolist() == starts
    assert maps.window_coverage(side, patch, stride).any(axis=0).all()


@pytest.mark.parametrize(("side", "patch", "stride"), [(10, 4, 5), (10, 11, 1), (10, 4, 0)])
def test_windows_that_do_not_cover_are_refused(side, patch, stride):
    with pytest.raises(UserError, match="does not cover"):
        maps.window_starts(side, patch, stride)


def test_a_pixel_gets_the_mean_of_the_windows_on_it():
    effects = np.array([[1.0, 3.0], [5.0, 7.0]])
    expected = [[1, 2, 3], [3, 4, 5], [5, 6, 7]]  # the middle row and column lie under two windows
    np.testing.assert_allclose(maps.windows_to_pixels(effects, 3, 2, 1), expected)


def test_effects_of_another_geometry_are_refused():
    with pytest.raises(UserError, match="one patch and stride"):
        maps.windows_to_pixels(np.zeros((4, 4)), 3, 2, 1)


# Interpolation


def test_interpolated_maps_hold_each_value_at_the_centre_of_its_cell():
    values = np.array([[0, 3], [6, 9]], dtype=np.float32)
    found = maps.upsample(values, 8)  # centres at 1.5 and 5.5
    assert found.shape == (8, 8) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], [0, 0, 0.375, 1.125, 1.875, 2.625, 3, 3])
    np.testing.assert_allclose(found[:, 0], 2 * found[0])
    np.testing.assert_array_equal(maps.upsample(values, 2), values)
    np.testing.assert_array_equal(maps.upsample(np.full((5, 1, 1), 7.0), 3), np.full((5, 3, 3), 7.0))
