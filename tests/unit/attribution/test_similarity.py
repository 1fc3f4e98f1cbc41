"""Rank correlation by hand and as SciPy has it; agreement at the resolution of the CAM."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from micrograph.attribution import similarity


def test_rank_correlation_by_hand():
    one = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = similarity.spearman(one, np.stack([one**3, -one, np.array([[1.0, 2.0], [4.0, 3.0]])]))
    np.testing.assert_allclose(found, [1, -1, 0.8])  # 1 - 6 * 2 / (4 * 15)


@given(seed=st.integers(0, 999), size=st.integers(3, 20))
@settings(max_examples=40, deadline=None)
def test_rank_correlation_is_scipys(seed, size):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 6, (2, size)).astype(float)
    if np.ptp(one) and np.ptp(other):
        assert similarity.spearman(one, other[None])[0] == pytest.approx(stats.spearmanr(one, other).statistic)


def test_a_flat_map_or_one_with_no_number_has_no_correlation():
    one = np.arange(4.0)
    assert np.isnan(similarity.spearman(one, np.array([[1.0, 1, 1, 1], [1, 2, np.nan, 3]]))).all()
    assert np.isnan(similarity.spearman(np.ones(4), one[None])).all()


def test_a_cam_agrees_with_the_effects_that_it_stands_over_and_not_with_anothers():
    effects = np.random.default_rng(0).normal(size=(2, 1, 4, 4))
    arrays = {
        "cam_class": effects[:1, :, :2, :2] * 0,
        "occlusion": effects,
        "side": 8,
        "patch": 2,
        "stride": 2,
        "target": np.zeros(2, int),
    }
    cells = effects[0, 0].reshape(2, 2, 2, 2).mean(axis=(1, 3))
    arrays["cam_class"] = np.stack([cells, -cells])[:, None]
    own, other = similarity.agreement(arrays, "cam_class", 0, [1])
    assert own == pytest.approx(1)
    assert other == pytest.approx(stats.spearmanr(cells.ravel(), block_means(effects[1, 0]).ravel()).statistic)
    assert similarity.agreement(arrays, "cam_class", 0, []) == pytest.approx([1])


def block_means(values):
    return values.reshape(2, 2, 2, 2).mean(axis=(1, 3))


def test_the_sum_of_all_maps_is_held_against_the_size_of_effects():
    effects = np.array([[-4.0, 3.0], [-2.0, 1.0]])
    arrays = {
        "cam": np.abs(effects)[None],
        "occlusion": effects[None, None],
        "side": 4,
        "patch": 2,
        "stride": 2,
        "target": np.zeros(1, int),
    }
    assert similarity.agreement(arrays, "cam", 0, []) == pytest.approx([1])
