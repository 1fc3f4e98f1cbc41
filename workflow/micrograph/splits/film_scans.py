"""Films of several scans: splits and permuted labels are made of films, and every film is trained on equally often.

Tables name every scan in the column ``sample`` and its film in ``film``; a table without it has one scan per film.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WEIGHTS = ("film", "scan")  # what counts once in training: values of splits.scan_weights
MOST_ROWS = 4  # per film in training; of a film with more scans some are left out of a fold


def film_of(table: pd.DataFrame) -> pd.Series:
    """Return the film of every row."""
    return table["film"] if "film" in table else table["sample"]


def film_of_scan(sample: str) -> str:
    """Return the film that the name of a scan has before its position: MCV1-221130B-NT of MCV1-221130B-NT@edge."""
    return sample.partition("@")[0]


def counted(table: pd.DataFrame) -> str:
    """Return what the rows of a table of scans are called: samples, or scans where a sample has several."""
    return "scans" if film_of(table).duplicated().any() else "samples"


def films(samples: pd.DataFrame) -> pd.DataFrame:
    """Return a table of films, named in ``sample``: the rows of their first scans, which agree in what films have."""
    return samples.assign(sample=film_of(samples)).drop_duplicates("sample")


def to_scans(table: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Give every scan the rows of its film.

    Parameters
    ----------
    table : DataFrame
        Of films, named in ``sample``; a row per fold.
    samples : DataFrame
        Of scans.

    Returns
    -------
    DataFrame
        Sorted by fold, then sample; ``film`` is beside ``sample``.
    """
    scans = pd.DataFrame({"film": film_of(samples), "name of scan": samples["sample"]})
    rows = table.drop(columns="film", errors="ignore").rename(columns={"sample": "film"}).merge(scans, on="film")
    rows.insert(rows.columns.get_loc("film"), "sample", rows.pop("name of scan"))
    return rows.sort_values(["fold", "sample"], kind="stable", ignore_index=True)


def add_repeats(table: pd.DataFrame, weights: str, rng: np.random.Generator) -> pd.DataFrame:
    """Add to splits how often every scan is trained on.

    Parameters
    ----------
    table : DataFrame
        Splits.
    weights : {"film", "scan"}
        film: a fold trains on as many rows of each film as the film with the most scans has, `MOST_ROWS` at most, and
        repeats scans in turn; which scans have one more is drawn. scan: on every scan once.
    rng : Generator

    Returns
    -------
    DataFrame
        With ``repeats``; 1 outside of training.
    """
    repeats = np.ones(len(table), dtype=int)
    if weights == "film":
        for fold in np.unique(table["fold"]):
            rows = np.flatnonzero((table["fold"] == fold) & (table["split"] == "train"))
            repeats[rows] = film_repeats(film_of(table).to_numpy(str)[rows], rng)
    return table.assign(repeats=repeats)


def film_repeats(film: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return how often each of n scans is repeated so that all films have as many rows, see `add_repeats`."""
    names, place, counts = np.unique(film, return_inverse=True, return_counts=True)
    n_rows = min(counts.max(initial=1), MOST_ROWS)
    repeats = (n_rows // counts)[place]
    for one in np.flatnonzero(n_rows % counts):
        repeats[rng.permutation(np.flatnonzero(place == one))[: n_rows % counts[one]]] += 1
    return repeats


def films_by_fold(table: pd.DataFrame) -> pd.DataFrame:
    """Return splits of films, named in ``sample``: one row per fold, split and film."""
    return table.assign(sample=film_of(table)).drop_duplicates(["fold", "split", "sample"])
