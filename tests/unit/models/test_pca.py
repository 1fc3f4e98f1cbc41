"""PCA of a wide, short table, fitted on its own samples and on no others: scikit-learn's PCA is the oracle."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from micrograph import io
from micrograph.errors import UserError
from micrograph.models import pca

SHAPES = [(20, 300), (40, 7), (12, 12), (6, 9000)]


def table(n, p, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, p)) * rng.gamma(1, 1, p) + 5).astype(np.float32)


def fitted(values, fit_index, variance):
    return pca.fit(pca.inner_products(values), fit_index, [variance])[variance]


def test_three_points_by_hand():
    """(0,0), (2,0), (4,3): mean (2,1), covariance sums xx 8, xy 6, yy 6; eigenvalues 7 +- sqrt(37)."""
    values = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 3.0]])
    large, small = 7 + np.sqrt(37), 7 - np.sqrt(37)
    found = fitted(values, [0, 1, 2], 1.0)
    np.testing.assert_allclose(found.explained_variance_ratio, [large / 14, small / 14])
    first = np.array([6, large - 8]) / np.hypot(6, large - 8)  # solves 8 a + 6 b = large a
    np.testing.assert_allclose(found.scores[:, 0], (values - [2, 1]) @ first)


@pytest.mark.parametrize(("n", "p"), SHAPES)
@pytest.mark.parametrize("variance", [0.5, 0.85, 0.99])
def test_it_is_scikit_learns_pca_with_signs_of_its_own(n, p, variance):
    values, fit_index = table(n, p), np.arange(0, n, 2)
    found = fitted(values, fit_index, variance)
    reference = PCA(variance, svd_solver="full").fit(values[fit_index].astype(float))
    np.testing.assert_allclose(found.explained_variance_ratio, reference.explained_variance_ratio_, rtol=1e-9)
    theirs = reference.transform(values.astype(float))
    largest = np.abs(theirs[fit_index]).argmax(axis=0)
    theirs *= np.sign(theirs[fit_index[largest], np.arange(theirs.shape[1])])
    np.testing.assert_allclose(found.scores, theirs, atol=1e-8 * np.abs(theirs).max())


def test_a_variance_that_is_reached_exactly_needs_no_further_component():
    """Two axes with 80 % and 20 %: rows (+-2, 0), (0, +-1)."""
    values = np.array([[2.0, 0], [-2, 0], [0, 1], [0, -1]])
    assert fitted(values, range(4), 0.8).scores.shape == (4, 1)
    assert fitted(values, range(4), 0.81).scores.shape == (4, 2)


def test_test_samples_never_touch_the_fit():
    values, fit_index = table(20, 300), np.arange(12)
    changed = values.copy()
    changed[12:] = 1e4
    before, after = fitted(values, fit_index, 0.99), fitted(changed, fit_index, 0.99)
    np.testing.assert_allclose(after.explained_variance_ratio, before.explained_variance_ratio, rtol=1e-12)
    np.testing.assert_allclose(after.scores[:12], before.scores[:12], rtol=1e-9, atol=1e-9)
    assert np.abs(after.scores[12:] - before.scores[12:]).max() > 100


def test_folds_are_single_fits():
    values = table(20, 300)
    folds = [np.delete(np.arange(20), slice(start, start + 4)) for start in (0, 4, 8)] + [np.arange(4, 20)]
    together = pca.fit_folds(pca.inner_products(values), folds, (0.85, 0.99))
    for variance, fits in together.items():
        for fit_index, found in zip(folds, fits, strict=True):
            np.testing.assert_array_equal(found.fit_index, fit_index)
            assert found.scores.tobytes() == fitted(values, fit_index, variance).scores.tobytes()


def test_inner_products_are_summed_in_float64_over_all_features():
    values = np.ones((2, 2 * pca.CHUNK + 1), np.float32)
    values[1] = 1e4
    count = values.shape[1]
    assert pca.inner_products(values).tolist() == [[count, count * 1e4], [count * 1e4, count * 1e8]]


@pytest.mark.parametrize("fit_index", [[], [3]])
def test_fewer_than_two_samples_are_refused(fit_index):
    with pytest.raises(UserError, match=f"{len(fit_index)} training sample"):
        fitted(table(5, 9), fit_index, 0.85)


@pytest.mark.parametrize("variance", [0, 1.01, 85, float("nan")])
def test_a_variance_outside_0_to_1_is_refused(variance):
    with pytest.raises(UserError, match=str(variance)):
        fitted(table(5, 9), range(5), variance)


def test_samples_without_differences_are_refused():
    with pytest.raises(UserError, match="same features"):
        fitted(np.full((4, 9), 3, np.float32), range(4), 0.85)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_with_their_sample(bad):
    values = table(5, 9)
    values[3, 2] = bad
    with pytest.raises(UserError, match="sample 3 "):
        fitted(values, range(3), 0.85)


def test_the_papers_count_is_one_component_fewer():
    values = np.diag([3.0, 2.0, 1.0, 0.0]) @ np.random.default_rng(0).normal(size=(4, 50))
    fit = pca.fit(pca.inner_products(values), np.arange(4), [0.99])[0.99]
    fewer = fit.without_last()
    assert np.array_equal(fewer.scores, fit.scores[:, :-1])
    assert fewer.explained_variance_ratio.tolist() == fit.explained_variance_ratio[:-1].tolist()
    one = fewer
    for _ in range(5):
        one = one.without_last()
    assert one.scores.shape == (4, 1)


def test_features_of_folds_are_fitted_on_the_training_samples_of_their_own_fold():
    """Of fold 1 the values of fold 1, a's and c's alone: (0, 0) and (0, 2), so that b lies at its own height."""
    values = [np.array([[0.0, 0], [9, 9], [4, 0], [7, 7]]), np.array([[0.0, 0], [1, 1.5], [0, 2], [7, 7]])]
    features = io.FeatureSet(np.array(["a", "b", "c", "a"]), np.array([0, 0, 0, 1]), values)
    splits = pd.DataFrame(
        {"fold": np.repeat([0, 1], 3), "sample": [*"abc"] * 2, "split": ["train", "test", "train"] * 2}
    )
    found = pca.fit_features(features, splits, "strict")
    assert found.sample.tolist() == ["a", "b", "c"] and [rows.tolist() for rows in found.fit_index] == [[0, 2], [0, 2]]
    np.testing.assert_allclose(found.values[0], [[2], [-7], [-2]])
    np.testing.assert_allclose(found.values[1], [[1], [-0.5], [-1]])
    np.testing.assert_allclose(found.explained_variance_ratio, [[1], [1]])
    one = io.FeatureSet(features.sample, features.augmentation, values[1:])
    np.testing.assert_allclose(pca.fit_features(one, splits, "strict").values[0], [[1], [-0.5], [-1]])
