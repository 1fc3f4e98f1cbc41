"""Explanations read from disk: sorted, checked, each film by the right map."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph import io
from micrograph.attribution import maps
from micrograph.errors import UserError
from project import PROJECT


def fold_file(path, samples, fold, weighted="cam_class", **other):
    """A file as explain.of_fold has it: every map of a film tells its name's number and the target's."""
    number = np.array([int(name[1:]) for name in samples], dtype=np.float32)
    of_targets = number[:, None] * 10 + np.arange(3)
    arrays = {
        "samples": np.array(samples), "fold": np.full(len(samples), fold), "truth": np.full(len(samples), 900),
        "predicted": np.full(len(samples), 950), "target": np.ones(len(samples), int),
        "outputs": of_targets, "evidence": of_targets, "cam": np.tile(number[:, None, None], (1, 3, 3)),
        weighted: np.tile(of_targets[:, :, None, None], (1, 1, 3, 3)),
        "occlusion": np.tile(of_targets[:, :, None, None], (1, 1, 4, 4)),
        "cam_flag": np.full(len(samples), ""), "occlusion_flag": np.full(len(samples), ""),
        "scheme": "nominal", "classes": np.array([900, 950, 1000]), "side": 20, "patch": 8, "stride": 4,
        "baseline": "zero",
    }  # fmt: skip
    io.write_arrays(path, **{name: value for name, value in {**arrays, **other}.items() if value is not None})
    return path


def test_films_of_all_folds_are_sorted_by_name_with_their_own_maps(tmp_path):
    paths = [fold_file(tmp_path / "0.npz", ["b2", "b4"], 0), fold_file(tmp_path / "1.npz", ["b1", "b3"], 1)]
    films = maps.gather(paths)
    assert len(films) == 4 and films.samples.tolist() == ["b1", "b2", "b3", "b4"]
    assert films.fold.tolist() == [1, 0, 1, 0]
    assert (films.side, films.patch, films.stride, films.baseline, films.scheme) == (20, 8, 4, "zero", "nominal")
    assert films.weighted_name == "cam_class" and films.classes.tolist() == [900, 950, 1000]
    for i, number in enumerate([1, 2, 3, 4]):
        assert films.row(f"b{number}") == i
        assert (films.cam_map(i) == number).all()
        assert (films.weighted_map(i) == 10 * number + 1).all()  # target 1
        assert (films.weighted_map(i, 2) == 10 * number + 2).all()
        assert (films.windows(i) == 10 * number + 1).all()
    assert maps.read(paths[1]).samples.tolist() == ["b1", "b3"]


def test_an_occlusion_map_covers_the_picture_with_its_windows_means(tmp_path):
    windows = np.zeros((1, 3, 4, 4), np.float32)
    windows[0, 1, 0, 0], windows[0, 1, 3, 3] = -2, 1  # starts 0, 4, 8, 12; 8 pixels wide
    films = maps.read(fold_file(tmp_path / "0.npz", ["b1"], 0, occlusion=windows))
    found = films.occlusion_map(0)
    assert found.shape == (20, 20) and found.dtype == np.float32
    assert found[0, 0] == -2 and found[19, 19] == 1  # one window covers a corner
    assert found[0, 5] == -1 and found[5, 5] == -0.5  # two and four windows
    assert found[10, 10] == 0
    assert not films.occlusion_map(0, 2).any()


def test_grad_cam_stands_where_a_head_has_more_layers(tmp_path):
    films = maps.read(fold_file(tmp_path / "0.npz", ["b1"], 0, weighted="grad_cam"))
    assert films.weighted_name == "grad_cam" and (films.weighted_map(0) == 11).all()


def test_bad_input_is_named(tmp_path):
    good = fold_file(tmp_path / "good.npz", ["b1"], 0)
    with pytest.raises(UserError, match="sample 'b9' is not among the 1 explained films"):
        maps.read(good).row("b9")
    with pytest.raises(UserError, match="sample 'b1' is explained in two folds"):
        maps.gather([good, good])
    with pytest.raises(UserError, match="other.npz: stride is another than in .*good.npz"):
        maps.gather([good, fold_file(tmp_path / "other.npz", ["b2"], 1, stride=5)])
    with pytest.raises(UserError, match="cam_class is another"):
        maps.gather([good, fold_file(tmp_path / "other.npz", ["b2"], 1, weighted="grad_cam")])
    with pytest.raises(UserError, match="poor.npz: no explanations, target is missing"):
        maps.read(fold_file(tmp_path / "poor.npz", ["b1"], 0, target=None))
    with pytest.raises(UserError, match="cam_class or grad_cam is missing"):
        maps.read(fold_file(tmp_path / "poor.npz", ["b1"], 0, cam_class=None))


def test_flags_name_what_cannot_be_drawn():
    assert maps.flag(np.array([[0, -1e-30]])) == ""
    assert maps.flag(np.zeros((3, 3))) == "all zero"
    assert maps.flag(np.array([[1, np.nan]])) == "not finite"
    assert maps.flag(np.array([[0, np.inf]])) == "not finite"
    zero, one, bad = np.zeros((2, 2)), np.ones((2, 2)), np.full((2, 2), np.nan)
    found = maps.flags(np.stack([one, one, zero, zero]), np.stack([one, zero, bad, one]))
    assert found.tolist() == ["", "all zero", "not finite", "all zero"]
    assert maps.flags(np.empty((0, 2, 2))).shape == (0,)


def test_enlarged_maps_hold_each_value_in_the_middle_of_its_share():
    values = np.array([[0, 3], [6, 9]], dtype=np.float32)
    found = maps.enlarge(values, 8)  # middles at 1.5 and 5.5
    assert found.shape == (8, 8) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], [0, 0, 0.375, 1.125, 1.875, 2.625, 3, 3])
    np.testing.assert_allclose(found[:, 0], 2 * found[0])
    np.testing.assert_array_equal(maps.enlarge(values, 2), values)
    np.testing.assert_array_equal(maps.enlarge(np.full((5, 1, 1), 7.0), 3), np.full((5, 3, 3), 7.0))


@given(st.integers(1, 7), st.integers(1, 7), st.integers(7, 40), st.integers(0, 99))
def test_enlarging_never_overshoots_and_turns_with_the_map(rows, cols, side, seed):
    values = np.random.default_rng(seed).normal(size=(2, rows, cols)).astype(np.float32)
    found = maps.enlarge(values, side)
    assert found.min() >= values.min() - 1e-6 and found.max() <= values.max() + 1e-6
    turned = maps.enlarge(values[:, ::-1, ::-1], side)[:, ::-1, ::-1]
    np.testing.assert_allclose(turned, found, atol=1e-5)


def test_no_torch_is_imported():
    code = "import sys, micrograph.attribution.maps; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "workflow").returncode == 0
