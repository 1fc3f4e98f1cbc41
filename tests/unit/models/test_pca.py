"""Components: the exact PCA of a wide, short table, fitted on its rows and on nothing else."""

import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.models import pca

SHAPES = [(20, 300), (40, 7), (12, 12), (6, 9000)]


def table(n, p, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, p)) * rng.gamma(1, 1, p) + 5).astype(np.float32)


def test_three_points_by_hand():
    """(0,0), (2,0), (4,3): mean (2,1), covariance sums xx 8, xy 6, yy 6; eigenvalues 7 +- sqrt(37)."""
    values = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 3.0]])
    large, small = 7 + np.sqrt(37), 7 - np.sqrt(37)
    fitted = pca.fit(values, [0, 1, 2], 1.0)
    np.testing.assert_allclose(fitted.explained, [large / 14, small / 14])
    first = np.array([6, large - 8]) / np.hypot(6, large - 8)  # solves 8 a + 6 b = large a
    np.testing.assert_allclose(fitted.scores[:, 0], (values - [2, 1]) @ first)
    axes, mean = pca.basis(values, fitted)
    np.testing.assert_allclose(axes[0], first)
    np.testing.assert_allclose(mean, [2, 1])


def test_a_line_has_one_component_at_any_level():
    values = np.outer([1.0, 2.0, 4.0], [3.0, 4.0])  # steps of length 5 along (3, 4)/5
    fitted = pca.fit(values, [0, 1, 2], 1.0)
    assert fitted.explained == pytest.approx([1])
    np.testing.assert_allclose(fitted.scores[:, 0], 5 * (np.array([1, 2, 4]) - 7 / 3))


@pytest.mark.parametrize(("n", "p"), SHAPES)
@pytest.mark.parametrize("variance", [0.5, 0.85, 0.99])
def test_it_is_sklearns_pca(n, p, variance):
    from sklearn.decomposition import PCA

    values, rows = table(n, p), np.arange(0, n, 2)
    fitted = pca.fit(values, rows, variance)
    reference = PCA(variance, svd_solver="full").fit(values[rows].astype(float))
    np.testing.assert_allclose(fitted.explained, reference.explained_variance_ratio_, rtol=1e-9)
    theirs = reference.transform(values.astype(float))
    signs = np.sign((theirs * fitted.scores).sum(axis=0))
    np.testing.assert_allclose(fitted.scores, theirs * signs, atol=1e-8 * np.abs(theirs).max())
    axes, mean = pca.basis(values, fitted)
    np.testing.assert_allclose(axes, reference.components_ * signs[:, None], atol=1e-8)
    np.testing.assert_allclose(mean, reference.mean_, rtol=1e-9)


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_the_fewest_components_that_reach_the_variance(n, p):
    values = table(n, p)
    everything = pca.fit(values, range(n), 1.0)
    assert len(everything.explained) == min(n - 1, p)
    assert everything.explained.sum() == pytest.approx(1)
    for variance in (0.3, 0.85, 0.99):
        explained = pca.fit(values, range(n), variance).explained
        assert explained.sum() >= variance - 1e-9
        assert explained[:-1].sum() < variance


def test_a_variance_that_is_reached_exactly_needs_no_further_component():
    """Two axes with 80 % and 20 %: rows (+-2, 0), (0, +-1)."""
    values = np.array([[2.0, 0], [-2, 0], [0, 1], [0, -1]])
    assert len(pca.fit(values, range(4), 0.8).explained) == 1
    assert len(pca.fit(values, range(4), 0.81).explained) == 2


def test_the_basis_is_orthonormal_and_projects_new_samples():
    values = table(20, 300)
    fitted = pca.fit(values, range(0, 20, 2), 0.99)
    axes, mean = pca.basis(values, fitted)
    np.testing.assert_allclose(axes @ axes.T, np.eye(len(axes)), atol=1e-10)
    np.testing.assert_allclose(pca.apply(values, axes, mean), fitted.scores, atol=1e-9)
    np.testing.assert_allclose(pca.project(values, fitted), fitted.scores, atol=1e-12)
    with pytest.raises(UserError, match="new samples have 299 features, the basis 300"):
        pca.apply(values[:, :-1], axes, mean)


def test_test_samples_never_touch_the_fit():
    values, rows = table(20, 300), np.arange(12)
    changed = values.copy()
    changed[12:] = 1e4
    before, after = pca.fit(values, rows, 0.99), pca.fit(changed, rows, 0.99)
    np.testing.assert_allclose(after.dual, before.dual, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(after.explained, before.explained, rtol=1e-12)
    np.testing.assert_allclose(after.scores[:12], before.scores[:12], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(pca.basis(changed, after)[0], pca.basis(values, before)[0], atol=1e-10)
    assert np.abs(after.scores[12:] - before.scores[12:]).max() > 100


def test_signs_do_not_depend_on_chance():
    values = table(15, 50)
    scores = pca.fit(values, range(15), 1.0).scores
    assert (scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])] > 0).all()
    order = np.random.default_rng(1).permutation(15)
    shuffled = pca.fit(values[order], range(15), 1.0).scores
    np.testing.assert_allclose(shuffled, scores[order], atol=1e-8)


def test_constant_features_and_repeated_rows_add_no_component():
    values = table(6, 40)
    wide = np.hstack([values, np.full((6, 30), 7, np.float32)])
    fitted = pca.fit(wide, range(6), 1.0)
    assert len(fitted.explained) == 5
    twice = pca.fit(np.vstack([wide, wide]), range(12), 1.0)
    assert len(twice.explained) == 5
    np.testing.assert_allclose(twice.scores[:6], twice.scores[6:], atol=1e-9)
    np.testing.assert_allclose(np.abs(twice.scores[:6]), np.abs(fitted.scores), atol=1e-6)


def test_folds_share_one_gram_matrix_and_give_what_single_fits_give():
    values = table(20, 300)
    folds = [np.delete(np.arange(20), slice(start, start + 4)) for start in (0, 4, 8)] + [np.arange(4, 20)]
    together = pca.fit_folds(values, folds, (0.85, 0.99))
    assert list(together) == [0.85, 0.99]
    for variance, fits in together.items():
        for rows, fitted in zip(folds, fits, strict=True):
            alone = pca.fit(values, rows, variance)
            np.testing.assert_array_equal(fitted.rows, rows)
            assert fitted.scores.tobytes() == alone.scores.tobytes()
    assert len(together[0.85][0].explained) < len(together[0.99][0].explained)


def test_the_gram_matrix_is_summed_in_float64_over_all_columns():
    values = np.ones((2, 2 * pca.COLUMNS + 1), np.float32)
    values[1] = 1e4
    count = values.shape[1]
    assert pca.gram(values).tolist() == [[count, count * 1e4], [count * 1e4, count * 1e8]]


def test_the_table_is_left_alone():
    values = table(10, 30)
    before = values.copy()
    pca.fit(values, range(5), 0.9)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("rows", [[], [3]])
def test_fewer_than_two_samples_are_refused(rows):
    with pytest.raises(UserError, match=f"{len(rows)} training sample"):
        pca.fit(table(5, 9), rows, 0.85)


@pytest.mark.parametrize("variance", [0, 1.01, 85, float("nan")])
def test_a_variance_outside_0_to_1_is_refused(variance):
    with pytest.raises(UserError, match="is not between 0 and 1"):
        pca.fit(table(5, 9), range(5), variance)


def test_samples_without_differences_are_refused():
    with pytest.raises(UserError, match="all have the same features"):
        pca.fit(np.full((4, 9), 3, np.float32), range(4), 0.85)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_with_their_sample(bad):
    values = table(5, 9)
    values[3, 2] = bad
    with pytest.raises(UserError, match="sample 3 "):
        pca.fit(values, range(3), 0.85)
