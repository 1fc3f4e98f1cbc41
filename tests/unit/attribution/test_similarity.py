"""Rank correlation by hand and against SciPy; agreement at the resolution of the CAM."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from micrograph.attribution import maps, similarity

from .conftest import fold_arrays


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


def test_a_constant_map_or_one_that_is_not_finite_has_no_correlation():
    one = np.arange(4.0)
    assert np.isnan(similarity.spearman(one, np.array([[1.0, 1, 1, 1], [1, 2, np.nan, 3]]))).all()
    assert np.isnan(similarity.spearman(np.ones(4), one[None])).all()


def attributions(**arrays):
    count = len(arrays["occlusion"])
    names = [f"b{i}" for i in range(count)]
    return maps.Attributions.from_arrays(fold_arrays(names, patch=2, stride=2, target=np.zeros(count, int), **arrays))


def test_a_cam_agrees_with_the_occlusion_map_of_its_sample_and_not_with_anothers():
    effects = np.random.default_rng(0).normal(size=(2, 1, 4, 4))
    cells, other_cells = effects[:, 0].reshape(2, 2, 2, 2, 2).mean(axis=(2, 4))
    given = attributions(occlusion=effects, cam_class=np.stack([cells, -cells])[:, None], side=8)
    own, other = similarity.agreement(given, "cam_class", 0, [1])
    assert own == pytest.approx(1)
    assert other == pytest.approx(stats.spearmanr(cells.ravel(), other_cells.ravel()).statistic)
    assert similarity.agreement(given, "cam_class", 0, []) == pytest.approx([1])


def test_the_sum_over_channels_is_compared_with_the_size_of_effects():
    effects = np.array([[-4.0, 3.0], [-2.0, 1.0]])
    given = attributions(occlusion=effects[None, None], cam=np.abs(effects)[None], side=4)
    assert similarity.agreement(given, "cam", 0, []) == pytest.approx([1])
