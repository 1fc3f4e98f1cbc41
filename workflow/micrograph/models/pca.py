"""Components: principal components by explained variance, for tables far wider than long.

All is done on the Gram matrix G = X X^T of the samples (n x n), which is computed once and shared by all folds and
all levels of explained variance. With rows R of the fit and J = I - 1/m, the eigenvectors u and eigenvalues l of
J G[R, R] J give the exact singular vectors of the centred table: basis = (J X[R])^T u / sqrt(l), scores = u sqrt(l).
The (components, features) basis itself is formed only where new pictures are to be projected. For many thousand
samples there is randomised_pca.py.
"""

from dataclasses import dataclass

import numpy as np

from micrograph.errors import UserError

COLUMNS = 8192  # features that are turned into float64 at once
REACHED = 1e-12  # rounding in a sum of shares: 0.85 of the variance is reached at 0.85 minus this


@dataclass(frozen=True)
class Components:
    """A fit. scores: (n, k), all samples projected. explained: (k,), share of the fitted rows' variance. dual:
    (m, k), weights of the centred fitted rows in each component, None of randomised ones. rows: (m,), indices of the
    fitted rows."""

    scores: np.ndarray
    explained: np.ndarray
    dual: np.ndarray | None
    rows: np.ndarray


def gram(values):
    """X X^T of a table (n, features), summed in float64: (n, n). Raises UserError where a value is not finite."""
    values = np.asarray(values)
    if values.ndim != 2:
        raise UserError(f"components: a table of samples by features is needed, not an array of shape {values.shape}.")
    total = np.zeros((len(values), len(values)))
    for start in range(0, values.shape[1], COLUMNS):
        part = values[:, start : start + COLUMNS].astype(np.float64)
        total += part @ part.T
    if not np.isfinite(total).all():
        bad = int(np.flatnonzero(~np.isfinite(np.diag(total)))[0])
        raise UserError(
            f"components: sample {bad} (counted from 0) has features that are not finite; check its picture."
        )
    return total


def fit(values, rows, variance):
    """The components of values[rows], kept until `variance` (0..1] is explained; all samples are projected on them."""
    return fit_gram(gram(values), rows, variance)


def fit_gram(matrix, rows, variance):
    """As `fit`, from the Gram matrix of all samples."""
    return cut(matrix, *decomposed(matrix, rows), variance)


def fit_folds(values, list_of_rows, variances):
    """Every fold at every level of explained variance: {variance: [Components of fold 0, 1, ...]}.

    values: (n, features). One Gram matrix serves all, one decomposition all levels of a fold, and folds that fit the
    same rows share their Components.
    """
    matrix, fits = gram(values), {}
    for rows in list_of_rows:
        key = tuple(int(row) for row in rows)
        if key not in fits:
            parts = decomposed(matrix, rows)
            fits[key] = {variance: cut(matrix, *parts, variance) for variance in variances}
    return {variance: [fits[tuple(int(row) for row in rows)][variance] for rows in list_of_rows]
            for variance in variances}  # fmt: skip


def decomposed(matrix, rows):
    """(rows, eigenvalues descending, eigenvectors) of the centred Gram matrix of the rows; those above rounding.

    Signs are fixed: in every component, the fitted sample that lies farthest out (the first of several) is positive.
    """
    rows = np.asarray(rows, dtype=np.intp)
    if len(rows) < 2:
        raise UserError(f"components: {len(rows)} training sample(s), at least 2 are needed; use fewer folds.")
    inner = centred(matrix[np.ix_(rows, rows)])
    values, vectors = np.linalg.eigh(inner)
    values, vectors = values[::-1], vectors[:, ::-1]
    floor = len(rows) * np.finfo(float).eps * np.abs(np.diag(matrix)[rows]).max()
    kept = values > floor
    if not kept.any():
        raise UserError(
            "components: the training samples all have the same features; check the pictures and the weights."
        )
    values, vectors = values[kept], vectors[:, kept]
    farthest = np.abs(vectors).argmax(axis=0)
    return rows, values, vectors * np.sign(vectors[farthest, np.arange(len(values))])


def cut(matrix, rows, values, vectors, variance):
    """Components from a decomposition: the fewest whose shares of the variance add up to `variance`."""
    if not 0 < variance <= 1:
        raise UserError(f"components: explained variance {variance} is not between 0 and 1; 0.85 means 85 %.")
    shares = values / values.sum()
    enough = int(np.searchsorted(np.cumsum(shares), variance - REACHED)) + 1
    count = min(enough, len(values))
    dual = vectors[:, :count] / np.sqrt(values[:count])
    return Components(project_gram(matrix, rows, dual), shares[:count], dual, rows)


def centred(inner):
    """J K J: a symmetric Gram matrix of rows from which their mean has been taken."""
    means = inner.mean(axis=0)
    return inner - means[:, None] - means[None, :] + means.mean()


def project_gram(matrix, rows, dual):
    """Scores (n, k) of all samples of the Gram matrix on the components (rows, dual); no basis is formed."""
    across = matrix[:, rows]
    means = matrix[np.ix_(rows, rows)].mean(axis=0)
    return (across - across.mean(axis=1, keepdims=True) - means + means.mean()) @ dual


def project(values, components):
    """Scores (n, k) of all samples of the table that the fit's rows count in."""
    return project_gram(gram(values), components.rows, components.dual)


def basis(values, components):
    """(basis (k, features), mean (features,)) in float64, for samples that were not in the table.

    values: the table of the fit. Scores of new samples: (new - mean) @ basis.T; `apply` does it.
    """
    fitted = np.asarray(values)[components.rows]
    mean = fitted.mean(axis=0, dtype=np.float64)
    rows = np.empty((components.dual.shape[1], fitted.shape[1]))
    for start in range(0, fitted.shape[1], COLUMNS):
        part = slice(start, start + COLUMNS)
        rows[:, part] = components.dual.T @ (fitted[:, part].astype(np.float64) - mean[part])
    return rows, mean


def apply(new, axes, mean):
    """Scores (n, k) of new samples (n, features) on a basis."""
    if np.shape(new)[1:] != mean.shape:
        wide = np.shape(new)[-1]
        raise UserError(
            f"components: new samples have {wide} features, the basis {len(mean)}; use the same block and weights."
        )
    return (np.asarray(new, dtype=np.float64) - mean) @ axes.T
