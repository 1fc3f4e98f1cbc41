"""Principal component analysis of tables with far more features than samples.

All folds, variances and permutations share the inner products of the samples: PCA is kernel PCA with the linear kernel.
For many thousand samples there is randomised_pca.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError
from micrograph.io import FeatureSet
from micrograph.splits import splitters

CHUNK = 8192  # features that are converted to float64 at once
TOLERANCE = 1e-12  # rounding in a sum of variance ratios: 0.85 is explained at 0.85 minus this


@dataclass(frozen=True)
class Components:
    """Principal components of one fit.

    Attributes
    ----------
    scores : ndarray of shape (n_samples, n_components)
        Projections of all samples.
    explained_variance_ratio : ndarray of shape (n_components,)
        Share of the fitted samples' variance.
    fit_index : ndarray of shape (n_fitted,)
        Indices of the samples that the components were fitted on.
    """

    scores: NDArray
    explained_variance_ratio: NDArray
    fit_index: NDArray[np.intp]

    def without_last(self) -> Components:
        """Return the same without the last component, of one alone that one: the count of the paper's notebook."""
        kept = max(self.scores.shape[1] - 1, 1)
        return replace(
            self, scores=self.scores[:, :kept], explained_variance_ratio=self.explained_variance_ratio[:kept]
        )


def inner_products(features: ArrayLike) -> NDArray[np.float64]:
    """Compute the inner products of all samples, in float64.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_samples, n_samples)

    Raises
    ------
    UserError
        If a feature is not finite.
    """
    features = np.asarray(features)
    products = np.zeros((len(features), len(features)))
    for start in range(0, features.shape[1], CHUNK):
        chunk = features[:, start : start + CHUNK].astype(np.float64)
        products += chunk @ chunk.T
    check_finite(np.diag(products))
    return products


def check_finite(norms: NDArray, first: int = 0) -> None:
    """Raise UserError where the norm of a sample's features is not finite; `first` numbers the first sample."""
    bad = np.flatnonzero(~np.isfinite(norms))
    if len(bad):
        raise UserError(f"PCA: sample {first + bad[0]} (counted from 0) has features that are not finite.")


def fit(products: NDArray[np.float64], fit_index: Sequence[int], variances: Iterable[float]) -> dict[float, Components]:
    """Fit principal components on some samples, and project all on them.

    Parameters
    ----------
    products : ndarray of shape (n_samples, n_samples)
        Inner products of all samples, as of `inner_products`.
    fit_index : sequence of int
        Indices of the samples to fit on.
    variances : iterable of float
        Shares of variance to explain, in (0, 1].

    Returns
    -------
    dict of float to Components
        For each share the fewest components that explain it. In every component the fitted sample with the largest
        score is positive.

    Raises
    ------
    UserError
        If there are fewer than two samples, or they have equal features, or a share lies outside (0, 1].
    """
    from sklearn.decomposition import KernelPCA

    rows = np.asarray(fit_index, dtype=np.intp)
    check_size(rows)
    pca = KernelPCA(kernel="precomputed", eigen_solver="dense")
    fitted = pca.fit_transform(products[np.ix_(rows, rows)])
    rounding = len(rows) * np.finfo(float).eps * np.abs(np.diag(products)[rows]).max()
    if not (pca.eigenvalues_ > rounding).any():
        raise UserError(EQUAL_FEATURES)
    ratios = pca.eigenvalues_ / pca.eigenvalues_.sum()
    scores, others = np.empty((len(products), len(ratios))), np.delete(np.arange(len(products)), rows)
    scores[rows] = fitted
    if len(others):
        scores[others] = pca.transform(products[np.ix_(others, rows)])
    counts = {variance: n_components(ratios, variance) for variance in variances}
    return {variance: Components(scores[:, :n].copy(), ratios[:n], rows) for variance, n in counts.items()}


EQUAL_FEATURES = "PCA: the training samples all have the same features; check the images and the weights."


def check_size(fit_index: NDArray[np.intp]) -> None:
    """Raise UserError for fewer than two samples."""
    if len(fit_index) < 2:
        raise UserError(f"PCA: {len(fit_index)} training sample(s), at least 2 are needed; use fewer folds.")


def n_components(ratios: NDArray, variance: float) -> int:
    """Count the fewest components that explain a share of the variance, all where none do.

    Parameters
    ----------
    ratios : ndarray of shape (n_components,)
        Explained variance ratios, falling.
    variance : float
        Share to explain, in (0, 1].

    Raises
    ------
    UserError
        If the share lies outside (0, 1].
    """
    if not 0 < variance <= 1:
        raise UserError(f"PCA: explained variance {variance} is not between 0 and 1; 0.85 means 85 %.")
    return min(int(np.searchsorted(np.cumsum(ratios), variance - TOLERANCE)) + 1, len(ratios))


def fit_folds(
    products: NDArray[np.float64], fit_indices: Sequence[ArrayLike], variances: Sequence[float]
) -> dict[float, list[Components]]:
    """Fit the components of every fold.

    Parameters
    ----------
    products : ndarray of shape (n_samples, n_samples)
        Inner products of all samples, as of `inner_products`.
    fit_indices : sequence of array_like of int
        For each fold the samples that it is fitted on.
    variances : sequence of float
        Shares of variance to explain, in (0, 1].

    Returns
    -------
    dict of float to list of Components
        For each share the fits of all folds. Folds fitted on the same samples share one.
    """
    keys = [tuple(np.asarray(fit_index).tolist()) for fit_index in fit_indices]
    fits = {key: fit(products, key, variances) for key in dict.fromkeys(keys)}
    return {variance: [fits[key][variance] for key in keys] for variance in variances}


def fit_features(features: FeatureSet, splits: pd.DataFrame, protocol: str) -> FeatureSet:
    """Fit the principal components of features that have folds of their own.

    Parameters
    ----------
    features : FeatureSet
        Of each fold, or one set for all; augmented images are left out.
    splits : DataFrame
    protocol : str
        Name of the protocol, which decides what samples a fold is fitted on.

    Returns
    -------
    FeatureSet
        All components of every fold.
    """
    original = features.augmentation == 0
    samples = features.sample[original]
    fits = []
    for number, fold in enumerate(sorted(set(splits["fold"]))):
        values = features.values[number if len(features.values) > 1 else 0][original]
        index = splitters.fit_index(splits, protocol, fold, samples)
        fits.append(fit(inner_products(values), index.tolist(), [1.0])[1.0])
    return FeatureSet(
        samples,
        np.zeros(len(samples), int),
        [one.scores for one in fits],
        [one.explained_variance_ratio for one in fits],
        [one.fit_index for one in fits],
    )
