"""Randomised components: those of the exact method, from features that are read block by block."""

import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.models import pca, randomised_pca

FOLDS = [np.arange(0, 300, 2), np.arange(100, 300), np.arange(0, 300, 2)]


def features(n=300, p=900, seed=0):
    """Samples whose variance falls off by direction, as that of a network's features does."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n, 60)) / np.arange(1, 61)
    return (factors @ rng.normal(size=(60, p)) + 0.002 * rng.normal(size=(n, p)) + 3).astype(np.float32)


def blocks(values, rows=64):
    return lambda: (values[start : start + rows] for start in range(0, len(values), rows))


def fitted(values, folds, variances, most, rows=64):
    return randomised_pca.fit_folds(blocks(values, rows), folds, variances, most, np.random.default_rng(1))


def exact_folds(values, folds, variances):
    return pca.fit_folds(pca.inner_products(values), folds, variances)


@pytest.mark.parametrize("variance", [0.5, 0.85, 0.99])
def test_scores_and_shares_are_those_of_the_exact_method(variance):
    values = features()
    ours = fitted(values, FOLDS, [variance], 50)[variance]
    exact = exact_folds(values, FOLDS, [variance])[variance]
    for own, true in zip(ours, exact, strict=True):
        assert own.scores.shape == true.scores.shape
        np.testing.assert_array_equal(own.fit_index, true.fit_index)
        np.testing.assert_allclose(own.explained_variance_ratio, true.explained_variance_ratio, rtol=1e-4)
        np.testing.assert_allclose(own.scores, true.scores, atol=2e-3 * np.abs(true.scores).max())


def test_the_subspace_of_noisy_features_is_that_of_the_exact_method():
    """Of features with much noise single directions may turn; what they span together stays."""
    rng = np.random.default_rng(3)
    values = (features() + 0.05 * rng.normal(size=(300, 900))).astype(np.float32)
    (own,), (true,) = (fit[0.8] for fit in (fitted(values, FOLDS[:1], [0.8], 50),
                                            exact_folds(values, FOLDS[:1], [0.8])))  # fmt: skip
    spans = [np.linalg.qr(fit.scores[fit.fit_index] - fit.scores[fit.fit_index].mean(axis=0))[0] for fit in (own, true)]
    cosines = np.linalg.svd(spans[0].T @ spans[1], compute_uv=False)
    assert own.scores.shape == true.scores.shape
    assert cosines.min() > 0.999


def test_no_more_components_are_kept_than_allowed():
    values = features()
    many, few = fitted(values, FOLDS[:1], [0.5, 0.999], 5).values()
    assert few[0].scores.shape == (300, 5) and few[0].explained_variance_ratio.sum() < 0.999
    exact = exact_folds(values, FOLDS[:1], [0.999])[0.999][0]
    np.testing.assert_allclose(few[0].explained_variance_ratio, exact.explained_variance_ratio[:5], rtol=1e-3)
    assert many[0].scores.shape[1] <= 5


@pytest.mark.parametrize(
    ("values", "rows", "sentence"),
    [
        (np.ones((9, 4)), [3], "1 training sample"),
        (np.ones((9, 4)), range(9), "all have the same features"),
        (np.vstack([np.ones((2, 4)), [[np.nan] * 4]]), range(2), "sample 2 .* not finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(values, rows, sentence):
    with pytest.raises(UserError, match=sentence):
        fitted(values.astype(np.float32), [np.array(list(rows))], [0.9], 5)
