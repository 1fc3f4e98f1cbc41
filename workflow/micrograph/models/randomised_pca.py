"""Principal component analysis of many samples: randomised subspace iteration on features read in chunks.

The exact method (pca.py) holds the inner products of all samples: memory grows as their square, time as their cube.
Memory holds one chunk, the basis and the scores here. scikit-learn's PCA(svd_solver="randomized") is the same algorithm
but takes the table as one array in memory; its IncrementalPCA decomposes every chunk again for every fold.

References
----------
N. Halko, P. G. Martinsson, J. A. Tropp, SIAM Review 53, 217 (2011), algorithms 4.4 and 5.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.models import pca

CHUNK_SAMPLES = 512  # another number changes the last digits
N_OVERSAMPLES = 20  # directions beyond the components that are kept
N_ITER = 4  # passes over the fitted samples; each sharpens the subspace

ReadChunks = Callable[[], Iterable[NDArray[np.float32]]]


def fit_folds(
    read_chunks: ReadChunks,
    fit_indices: Sequence[NDArray[np.intp]],
    variances: Sequence[float],
    max_components: int,
    rng: np.random.Generator,
) -> dict[float, list[pca.Components]]:
    """Fit the leading components of every fold and project all samples on them.

    Parameters
    ----------
    read_chunks : callable
        Returns the features of all samples from the start, as chunks of shape (n_samples, n_features).
    fit_indices : sequence of ndarray of shape (n_fitted,)
        For each fold the samples it is fitted on, ascending.
    variances : sequence of float
        Shares of variance to explain, in (0, 1].
    max_components : int
        No fit keeps more components, whatever share these explain.
    rng : Generator
        Draws the directions that the iteration starts from, the same for all folds.

    Returns
    -------
    dict of float to list of Components
        For each share the fits of all folds; scores are float32.

    Raises
    ------
    UserError
        If a fold has fewer than two samples, or samples with equal features, or features that are not finite.
    """
    fit_indices = [np.asarray(fit_index, dtype=np.intp) for fit_index in fit_indices]
    moments = _moments(read_chunks, fit_indices)
    start = rng.standard_normal((len(moments[0][0]), max_components + N_OVERSAMPLES), dtype=np.float32)
    fits: dict[bytes, dict[float, pca.Components]] = {}
    for fit_index, (mean, total) in zip(fit_indices, moments, strict=True):
        if fit_index.tobytes() not in fits:
            scores, ratios = _decompose(read_chunks, fit_index, mean, total, start)
            counts = {variance: min(pca.n_components(ratios, variance), max_components) for variance in variances}
            fits[fit_index.tobytes()] = {
                variance: pca.Components(scores[:, :n], ratios[:n], fit_index) for variance, n in counts.items()
            }
    return {variance: [fits[fit_index.tobytes()][variance] for fit_index in fit_indices] for variance in variances}


def _moments(read_chunks, fit_indices):
    """For every fold the mean of its samples (float64) and their sum of squared distances from it, in one pass."""
    sums, squares = [0.0] * len(fit_indices), np.zeros(len(fit_indices))
    for first, chunk in _numbered(read_chunks()):
        norms = np.einsum("ij,ij->i", chunk, chunk, dtype=np.float64)
        pca.check_finite(norms, first)
        for fold, fit_index in enumerate(fit_indices):
            own = _within(fit_index, first, len(chunk))
            sums[fold] = sums[fold] + chunk[own].sum(axis=0, dtype=np.float64)
            squares[fold] += norms[own].sum()
    moments = []
    for fit_index, total, square in zip(fit_indices, sums, squares, strict=True):
        pca.check_size(fit_index)
        mean = total / len(fit_index)
        spread = square - len(fit_index) * (mean @ mean)
        if spread <= len(fit_index) * np.finfo(np.float32).eps * (mean @ mean):
            raise UserError(pca.EQUAL_FEATURES)
        moments.append((mean, spread))
    return moments


def _decompose(read_chunks, fit_index, mean, total, start):
    """Scores (n_samples, n_components) float32 of all samples, and the explained variance ratios."""
    mean = mean.astype(np.float32)
    basis = start[:, : min(len(mean), len(fit_index) - 1)]
    for _ in range(N_ITER):
        image = np.zeros_like(basis)
        for first, chunk in _numbered(read_chunks()):
            centred = chunk[_within(fit_index, first, len(chunk))] - mean
            image += centred.T @ (centred @ basis)
        basis = np.linalg.qr(image)[0]
    scores = np.concatenate([(chunk - mean) @ basis for chunk in read_chunks()])
    fitted = scores[fit_index].astype(np.float64)
    values, vectors = np.linalg.eigh(fitted.T @ fitted)
    kept = np.flatnonzero(values > np.finfo(np.float32).eps * values[-1])[::-1]
    scores = scores @ vectors[:, kept].astype(np.float32)
    largest = np.abs(scores[fit_index]).argmax(axis=0)  # its sign is positive, as in pca.fit
    scores *= np.sign(scores[fit_index[largest], np.arange(len(kept))])
    return scores, values[kept] / total


def _numbered(chunks: Iterable[NDArray]) -> Iterator[tuple[int, NDArray]]:
    """Each chunk with the number of its first sample."""
    first = 0
    for chunk in chunks:
        yield first, chunk
        first += len(chunk)


def _within(fit_index, first, count):
    """Those of the ascending indices that lie in a chunk, counted from its first sample."""
    start, stop = np.searchsorted(fit_index, [first, first + count])
    return fit_index[start:stop] - first
