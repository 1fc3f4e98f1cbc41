"""Permute labels between samples or between batches, to measure leakage."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.splits import film_scans, protocols

ATTEMPTS = 2000  # at a permutation with every class in enough batches


def permute_labels(samples: pd.DataFrame, protocol: str, folds: int, rng: np.random.Generator) -> pd.DataFrame:
    """Permute classes and values as the protocol says; without a permutation they stay.

    Parameters
    ----------
    samples : DataFrame
        sample, film, batch, y_true, y_true_value; the scans of a film keep one label.
    protocol : str
        Its name. ``shuffled_films``: permuted between samples. ``shuffled_batches``: the labels, listed batch by batch
        in one random order, are given to the samples listed batch by batch in another, so that those of a batch stay
        mostly together.
    folds : int
    rng : Generator

    Returns
    -------
    DataFrame
        The samples, sorted by name, with permuted y_true and y_true_value; every class is as frequent as before.

    Raises
    ------
    UserError
        If no permutation between batches gave every class more batches than folds, or as many as it truly has.
    """
    permute = {None: _unchanged, "films": _between_samples, "batches": _between_batches}
    films = film_scans.films(samples).sort_values("sample", ignore_index=True)
    source = permute[protocols.parse(protocol).shuffled](films, folds, rng)
    ordered = samples.sort_values("sample", ignore_index=True)
    place = source[pd.Index(films["sample"]).get_indexer(film_scans.film_of(ordered))]
    return ordered.assign(**{name: films[name].to_numpy()[place] for name in ("y_true", "y_true_value")})


def _unchanged(samples: pd.DataFrame, folds: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return np.arange(len(samples))


def _between_samples(samples: pd.DataFrame, folds: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return rng.permutation(len(samples))


def _between_batches(samples: pd.DataFrame, folds: int, rng: np.random.Generator) -> NDArray[np.intp]:
    labels, batch = samples["y_true"].to_numpy(), samples["batch"].to_numpy(str)
    names, position = np.unique(batch, return_inverse=True)
    needed = _n_batches(labels, batch)
    for _ in range(ATTEMPTS):
        source, target = (np.argsort(rng.permutation(len(names))[position], kind="stable") for _ in range(2))
        of = np.empty_like(source)
        of[target] = source
        if all(count >= min(needed[label], folds + 1) for label, count in _n_batches(labels[of], batch).items()):
            return of
    raise UserError(
        f"none of {ATTEMPTS} permutations of the batches' labels gave every class enough batches for {folds} folds: "
        "set experiments.leakage.n_permutations.batches to 0."
    )


def _n_batches(labels: NDArray, batch: NDArray[np.str_]) -> dict[float, int]:
    """Count the batches of every class."""
    return {label: len(set(batch[labels == label])) for label in np.unique(labels)}
