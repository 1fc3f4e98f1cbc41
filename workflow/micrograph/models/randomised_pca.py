"""Principal components of many films: randomised subspace iteration on features that are read block by block.

The exact method (components.py) holds the Gram matrix of all samples: memory grows as their square, time as their cube.
Here a pass through the features reads them in blocks of rows, and memory holds one block, the basis, and the scores.
scikit-learn has the same algorithm as `randomized_svd`, but takes the table as one array in memory; its IncrementalPCA
decomposes every block anew, for every fold.

References
----------
N. Halko, P. G. Martinsson, J. A. Tropp, SIAM Review 53, 217 (2011), algorithms 4.4 and 5.3.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.models.pca import REACHED, Components

ROWS = 512  # samples of a block; another number changes the last digits
OVERSAMPLES = 20  # directions beyond the components that are kept
PASSES = 4  # through the fitted rows; each sharpens the subspace

Read = Callable[[], Iterable[NDArray[np.float32]]]


def fit_folds(
    read: Read,
    list_of_rows: Sequence[NDArray[np.intp]],
    variances: Sequence[float],
    max_components: int,
    rng: np.random.Generator,
) -> dict[float, list[Components]]:
    """Fit the leading components of every fold and project all samples on them.

    Parameters
    ----------
    read : callable
        Returns the features of all samples from the start, as blocks of shape (n_rows, n_features).
    list_of_rows : sequence of ndarray of shape (n_fitted,)
        For each fold the samples it is fitted on, ascending.
    variances : sequence of float
        Shares of the variance to be explained, in (0, 1].
    max_components : int
        No fit keeps more components, whatever share these explain.
    rng : Generator
        Draws the directions that the iteration starts from, the same for all folds.

    Returns
    -------
    dict of float to list of Components
        For each share of variance the fits of all folds; scores are float32, `dual` is None.

    Raises
    ------
    ValueError
        If a fold has fewer than two samples, or samples that are all alike, or features that are not finite.
    """
    list_of_rows = [np.asarray(rows, dtype=np.intp) for rows in list_of_rows]
    moments = _moments(read, list_of_rows)
    start = rng.standard_normal((len(moments[0][0]), max_components + OVERSAMPLES), dtype=np.float32)
    fits: dict[bytes, dict[float, Components]] = {}
    for rows, (mean, total) in zip(list_of_rows, moments, strict=True):
        if rows.tobytes() not in fits:
            scores, shares = _decomposed(read, rows, mean, total, start)
            fits[rows.tobytes()] = {
                variance: _cut(scores, shares, rows, variance, max_components) for variance in variances
            }
    return {variance: [fits[rows.tobytes()][variance] for rows in list_of_rows] for variance in variances}


def _moments(read, list_of_rows):
    """Of every fold the mean of its rows (float64) and their sum of squared distances from it, in one pass."""
    sums, squares = [0.0] * len(list_of_rows), np.zeros(len(list_of_rows))
    for first, block in _numbered(read()):
        norms = np.einsum("ij,ij->i", block, block, dtype=np.float64)
        if not np.isfinite(norms).all():
            bad = first + int(np.flatnonzero(~np.isfinite(norms))[0])
            raise UserError(
                f"components: sample {bad} (counted from 0) has features that are not finite; check its picture."
            )
        for fold, rows in enumerate(list_of_rows):
            own = _within(rows, first, len(block))
            sums[fold] = sums[fold] + block[own].sum(axis=0, dtype=np.float64)
            squares[fold] += norms[own].sum()
    moments = []
    for rows, total, square in zip(list_of_rows, sums, squares, strict=True):
        if len(rows) < 2:
            raise UserError(f"components: {len(rows)} training sample(s), at least 2 are needed; use fewer folds.")
        mean = total / len(rows)
        spread = square - len(rows) * (mean @ mean)
        if spread <= len(rows) * np.finfo(np.float32).eps * (mean @ mean):
            raise UserError(
                "components: the training samples all have the same features; check the pictures and the weights."
            )
        moments.append((mean, spread))
    return moments


def _decomposed(read, rows, mean, total, start):
    """Scores (n, k) float32 of all samples, and the share of the fitted rows' variance that each component explains."""
    mean = mean.astype(np.float32)
    basis = start[:, : min(len(mean), len(rows) - 1)]
    for _ in range(PASSES):
        image = np.zeros_like(basis)
        for first, block in _numbered(read()):
            centred = block[_within(rows, first, len(block))] - mean
            image += centred.T @ (centred @ basis)
        basis = np.linalg.qr(image)[0]
    scores = np.concatenate([(block - mean) @ basis for block in read()])
    fitted = scores[rows].astype(np.float64)
    values, vectors = np.linalg.eigh(fitted.T @ fitted)
    kept = np.flatnonzero(values > np.finfo(np.float32).eps * values[-1])[::-1]
    scores = scores @ vectors[:, kept].astype(np.float32)
    farthest = np.abs(scores[rows]).argmax(axis=0)  # its sign is positive, as in components.decomposed
    scores *= np.sign(scores[rows[farthest], np.arange(len(kept))])
    return scores, values[kept] / total


def _cut(scores, shares, rows, variance, max_components):
    """The fewest components whose shares add up to `variance`, `max_components` at most."""
    if not 0 < variance <= 1:
        raise UserError(f"components: explained variance {variance} is not between 0 and 1; 0.85 means 85 %.")
    count = min(int(np.searchsorted(np.cumsum(shares), variance - REACHED)) + 1, max_components, len(shares))
    return Components(scores[:, :count], shares[:count], None, rows)


def _numbered(blocks: Iterable[NDArray]) -> Iterator[tuple[int, NDArray]]:
    """Each block with the number of its first row."""
    first = 0
    for block in blocks:
        yield first, block
        first += len(block)


def _within(rows, first, count):
    """Those of the ascending rows that lie in a block, counted from its first."""
    start, stop = np.searchsorted(rows, [first, first + count])
    return rows[start:stop] - first
