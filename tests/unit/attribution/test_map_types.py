"""Kinds of map: read for the right film and target, laid over the picture; controls of other batches."""

import numpy as np
import pytest

from micrograph.attribution import map_types, maps

RNG = np.random.default_rng(0)


def arrays(**more):
    """Three films, two targets, windows of 4 pixels side by side in pictures of 8."""
    return {
        "side": 8, "patch": 4, "stride": 4, "target": np.array([0, 0, 1]), "cam": RNG.random((3, 2, 2)),
        "cam_class": RNG.normal(size=(3, 2, 2, 2)), "occlusion": RNG.normal(size=(3, 2, 2, 2)),
        "cam_flag": np.array(["", maps.ALL_ZERO, ""]), "occlusion_flag": np.array(["", "", maps.NOT_FINITE]),
    } | more  # fmt: skip


def test_maps_are_those_of_the_films_for_their_targets_and_keep_their_sign():
    made = arrays()
    effects = made["occlusion"][[2, 0], [1, 0]]
    np.testing.assert_array_equal(map_types.raw(made, "occlusion", np.array([2, 0])), effects)
    laid = map_types.laid(made, "occlusion", np.array([2, 0]))
    np.testing.assert_allclose(laid, np.kron(effects, np.ones((4, 4))), rtol=1e-6)
    np.testing.assert_array_equal(map_types.laid(made, "occlusion_abs", np.array([2, 0])), np.abs(laid))
    np.testing.assert_array_equal(map_types.raw(made, "cam", np.array([1])), made["cam"][1:2])
    enlarged = map_types.laid(made, "cam_class", np.array([1]))
    assert enlarged.shape == (1, 8, 8) and enlarged.dtype == np.float32
    np.testing.assert_allclose(enlarged[0, [0, 0, -1, -1], [0, -1, 0, -1]], made["cam_class"][1, 0].ravel(), rtol=1e-6)


def test_kinds_are_those_that_the_file_has_and_a_flag_takes_a_map_out():
    made = arrays()
    assert map_types.there(made) == ["cam", "cam_class", "occlusion", "occlusion_abs"]
    assert map_types.usable(made, "cam").tolist() == [True, False, True]
    assert map_types.usable(made, "occlusion_abs").tolist() == [True, True, False]


def others(batches, targets, good, seed=0):
    return map_types.others(batches, targets, good, np.random.default_rng(seed))


def test_controls_are_good_films_of_other_batches_where_there_are_any():
    batches, good = np.array(["a", "a", "a", "b", "b"]), np.array([True, True, False, True, False])
    same = np.zeros(5, int)
    assert [sorted(rows) for rows in others(batches, same, good)] == [[3], [3], [3], [0, 1], [0, 1]]
    assert [sorted(rows) for rows in others(batches[:3], same[:3], good[:3])] == [[1], [0], [0, 1]]
    assert [len(rows) for rows in others(["a"], [0], [True])] == [0]


def test_controls_have_the_same_target_where_there_is_one_in_another_batch():
    batches, targets, good = np.array(["a", "a", "b", "b", "c"]), np.array([0, 1, 0, 1, 2]), np.ones(5, bool)
    assert [sorted(rows) for rows in others(batches, targets, good)] == [[2], [3], [0], [1], [0, 1, 2, 3]]


def test_controls_are_few_drawn_by_chance_and_never_the_film_itself():
    given = np.arange(50).astype(str), np.zeros(50, int), np.ones(50, bool)
    found, again = others(*given), others(*given)
    assert {len(rows) for rows in found} == {map_types.OTHERS}
    assert all(i not in rows and len(set(rows)) == len(rows) for i, rows in enumerate(found))
    assert all((one == other).all() for one, other in zip(found, again, strict=True))
    assert any((one != other).any() for one, other in zip(found, others(*given, seed=1), strict=True))


def test_an_unknown_kind_is_no_kind():
    with pytest.raises(KeyError):
        map_types.raw(arrays(), "saliency", np.array([0]))
