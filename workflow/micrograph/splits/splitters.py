"""Split samples into folds that keep groups together, and check the table of splits.

A table of splits has one row per fold and sample: fold (0 ... K - 1), split (train, validation, test), sample, film,
batch, y_true (class), y_true_value; sorted by fold, then sample. Films are split; a film's scans are its samples.
Samples that a protocol leaves out of a fold have the split ``unused``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError
from micrograph.splits import film_scans, group_splits, protocols, stratified_groups
from micrograph.target import Target

SPLITS = ("train", "validation", "test")
MIN_FOLDS = 3  # one each to train on, to validate on and to test
COLUMNS = ("fold", "split", "sample", "film", "batch", "y_true", "y_true_value")


def split(
    samples: pd.DataFrame,
    protocol: str,
    folds: int,
    rng: np.random.Generator,
    target: Target,
    primary: str = "strict",
) -> pd.DataFrame:
    """Split samples into folds.

    Parameters
    ----------
    samples : DataFrame
        One row per sample, in any order: sample, film, batch, y_true, y_true_value (`Target.add_to`); also operator and
        growth_date for splits by them. Without film every sample is one.
    protocol : str
        Its name.
    folds : int
        At least 3.
    rng : Generator
    target : Target
    primary : str
        Of `protocols.PRIMARY`: what splits the samples of the protocol strict.

    Returns
    -------
    DataFrame
        The table of splits, with `COLUMNS`.

    Raises
    ------
    UserError
        If there are too few folds, a sample has two rows, a class has too few groups, or by_date is primary and a
        sample has no growth date.
    """
    splitter = SPLITTERS[_base(protocol, primary)]
    if folds < MIN_FOLDS:
        raise UserError(f"{folds} folds leave nothing to train on: set splits.folds to {MIN_FOLDS} or more.")
    for sample in samples.loc[samples["sample"].duplicated(), "sample"]:
        raise UserError(f"sample {sample} is twice in the table of samples: keep one row per sample.")
    ordered = film_scans.films(samples).sort_values("sample", ignore_index=True)
    _check_groups(ordered, protocol, folds, sorted(ordered["y_true"].unique()), target, splitter.min_groups(folds))
    group = ordered["sample" if "ungrouped" in protocols.parse(protocol).leaks else "batch"].to_numpy(str)
    splits = splitter.split(ordered.assign(group=group), folds, rng, target)
    if protocols.parse(protocol).base == "strict":
        for sample in ordered.loc[(splits == group_splits.UNUSED).any(axis=0), "sample"]:
            raise UserError(
                f"splits.primary by_date: sample {sample} has no growth date: fill in the sheet's column growth_date, "
                "or set splits.primary to strict."
            )
    frames = [ordered.assign(fold=fold, split=row) for fold, row in enumerate(splits)]
    return film_scans.to_scans(pd.concat(frames, ignore_index=True), samples)[list(COLUMNS)]


def obstacle(samples: pd.DataFrame, protocol: str, folds: int, target: Target, primary: str = "strict") -> str:
    """Return why samples cannot be split into so many folds; the empty string where they can.

    Parameters
    ----------
    samples : DataFrame
    protocol : str
        Its name.
    folds : int
    target : Target
    primary : str
        As of `split`.
    """
    base, parsed = _base(protocol, primary), protocols.parse(protocol)
    ordered = film_scans.films(samples).sort_values("sample", ignore_index=True)
    try:
        if base in group_splits.SPLITTERS:
            return group_splits.obstacle(ordered, base, folds, target)
        _check_groups(ordered, protocol, folds, target.classes, target, SPLITTERS[base].min_groups(folds))
        if parsed.base == "strict" and "ungrouped" not in parsed.leaks:  # days that several classes share
            rng = np.random.default_rng(0)
            check(split(ordered, "strict", folds, rng, target, primary), "strict", target, ordered, primary)
    except UserError as error:
        return str(error)
    return ""


def most_folds(samples: pd.DataFrame, names: Iterable[str], below: int, target: Target, primary: str = "strict") -> int:
    """Return the largest number of folds under `below` into which every one of some protocols splits; 0 for none.

    Parameters
    ----------
    samples : DataFrame
    names : iterable of str
        Of protocols.
    below : int
    target : Target
    primary : str
        As of `split`.
    """
    names, counts = list(names), range(below - 1, MIN_FOLDS - 1, -1)
    return next((n for n in counts if not any(obstacle(samples, name, n, target, primary) for name in names)), 0)


def _split_strict(samples: pd.DataFrame, folds: int, rng: np.random.Generator, target: Target) -> NDArray[np.str_]:
    """Assign every group to one fold: fold i tests the samples of i and validates on those of i + 1."""
    own = stratified_groups.assign_folds(samples["y_true"].to_numpy(), samples["group"].to_numpy(str), folds, rng)
    distance = (own[None, :] - np.arange(folds)[:, None]) % folds
    return np.select([distance == 0, distance == 1], ["test", "validation"], "train")


def _split_published(samples: pd.DataFrame, folds: int, rng: np.random.Generator, target: Target) -> NDArray[np.str_]:
    """Split as the paper, whose groups are the samples themselves: one test split for all folds.

    The paper tests fold 0 of ten, and splits the rest again into ten folds of train and validation. We take the first
    fold that leaves every class at least `folds` groups, in the paper's data fold 0 itself.
    """
    groups, labels = samples["group"].to_numpy(str), samples["y_true"].to_numpy()
    held_out = _sklearn_folds if len(set(groups)) == len(groups) else _balanced_folds
    for test in held_out(labels, groups, folds, rng):
        rest = np.setdiff1d(np.arange(len(labels)), test)
        if min(len(set(groups[rest][labels[rest] == label])) for label in np.unique(labels)) >= folds:
            break
    splits = np.full((folds, len(labels)), "train", dtype="U10")
    splits[:, test] = "test"
    for fold, validation in enumerate(held_out(labels[rest], groups[rest], folds, rng)):
        splits[fold, rest[validation]] = "validation"
    return splits


def _sklearn_folds(
    labels: NDArray, groups: NDArray[np.str_], folds: int, rng: np.random.Generator
) -> list[NDArray[np.intp]]:
    """Return the samples that scikit-learn's shuffled StratifiedGroupKFold holds out, fold by fold."""
    from sklearn.model_selection import StratifiedGroupKFold

    codes = np.unique(labels, return_inverse=True)[1]  # scikit-learn refuses classes that are fractions
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
    return [held for _, held in splitter.split(np.zeros(len(labels)), codes, groups)]


def _balanced_folds(
    labels: NDArray, groups: NDArray[np.str_], folds: int, rng: np.random.Generator
) -> list[NDArray[np.intp]]:
    """Return held-out samples of groups of several samples, for which StratifiedGroupKFold can give an empty fold."""
    own = stratified_groups.assign_folds(labels, groups, folds, rng)
    return [np.flatnonzero(own == fold) for fold in range(folds)]


def _base(protocol: str, primary: str) -> str:
    """Return the key of SPLITTERS of a protocol.

    Single samples (ungrouped) cannot be split by date, nor can permuted labels: a class may then be in one block alone.
    """
    parsed = protocols.parse(protocol)
    by_primary = parsed.base == "strict" and "ungrouped" not in parsed.leaks and parsed.shuffled is None
    return primary if by_primary else parsed.base


def check(
    table: pd.DataFrame,
    protocol: str,
    target: Target,
    samples: pd.DataFrame | None = None,
    primary: str = "strict",
) -> None:
    """Check that a table of splits keeps its protocol's invariants.

    Every film is in one split of a fold; without the leak `ungrouped` no batch is in two. strict and published: every
    class is in every split of every fold. strict: each sample is tested exactly once. published: all folds have one
    test split, and each other sample is validated on exactly once. Splits by operator or date: `group_splits.check`.

    Parameters
    ----------
    table : DataFrame
        From `split`.
    protocol : str
        Its name.
    target : Target
    samples : DataFrame, optional
        The samples that were split, for splits by operator or date.
    primary : str
        As of `split`.

    Raises
    ------
    UserError
        If an invariant is broken.
    """
    table = table[table["split"] != group_splits.UNUSED]
    _check_unique(table, ["fold", "sample"], "sample")
    table = film_scans.films_by_fold(table)
    _check_unique(table, ["fold", "sample"], "film")
    if "ungrouped" not in protocols.parse(protocol).leaks:
        _check_unique(table.drop_duplicates(["fold", "split", "batch"]), ["fold", "batch"], "batch")
    films = None if samples is None else film_scans.films(samples)
    SPLITTERS[_base(protocol, primary)].check(table, protocol, target, films)


def _check_folds(table: pd.DataFrame, protocol: str, target: Target, samples: pd.DataFrame | None) -> None:
    """Check strict and published: every class in every split, every sample tested, or else validated on, once."""
    folds, published = table["fold"].nunique(), protocols.parse(protocol).estimators == "published"
    _check_groups(table, protocol, folds, target.classes, target, folds + published)
    counts = table.groupby(["fold", "split", "y_true"]).size()
    every = pd.MultiIndex.from_product([range(folds), SPLITS, target.classes])
    for fold, name, one in every.difference(counts.index):
        raise UserError(
            f"fold {fold} of the {protocol} splits has no {name} sample of {target.with_unit(one)}: "
            "lower splits.folds or change the seed."
        )
    test, validation = (table[table["split"] == name] for name in ("test", "validation"))
    for once in (validation,) if published else (validation, test):
        _check_unique(once, ["sample"], "sample")
    held_out = {*test["sample"], *(validation["sample"] if published else ())}
    for sample in sorted(set(table["sample"]) - held_out):
        raise UserError(f"sample {sample} is never held out in the {protocol} splits: make them again.")
    if published and (test.groupby("sample").size() != folds).any():
        raise UserError(f"the {protocol} splits do not share one test split: make them again.")


def _check_unique(rows: pd.DataFrame, keys: list[str], what: str) -> None:
    """Raise UserError where two rows share the keys."""
    for row in rows.loc[rows.duplicated(keys), keys].to_dict("records"):
        where = ", ".join(f"{key} {value}" for key, value in row.items())
        raise UserError(f"a {what} is in two splits of a fold or tested twice ({where}): make the splits again.")


def _check_groups(
    samples: pd.DataFrame, protocol: str, folds: int, classes: Iterable[float], target: Target, needed: int
) -> None:
    """Raise UserError where a class has too few groups to be in every split of every fold."""
    ungrouped = "ungrouped" in protocols.parse(protocol).leaks
    group = "sample" if ungrouped else "batch"
    one_group, groups = ("sample", "samples") if ungrouped else ("batch (growth day)", "batches (growth days)")
    fewer = "lower splits.folds, or " if folds > MIN_FOLDS else ""
    for one in classes:
        count = samples.loc[samples["y_true"] == one, group].nunique()
        if count < needed:
            raise UserError(
                f"{target.with_unit(one)} has only {count} {one_group if count == 1 else groups}; {folds} folds of the "
                f"{protocol} protocol need at least {needed}: {fewer}remove {target.label(one)} from target.classes "
                "and its rows from the sheet."
            )


def _check_by(base: str, table: pd.DataFrame, protocol: str, target: Target, samples: pd.DataFrame | None) -> None:
    """Check splits by operator or date, whatever their protocol is called."""
    group_splits.check(table, base, target, samples)


class _Splitter(NamedTuple):
    split: Callable  # (samples with a column group, folds, rng, target) -> (folds, n) splits of every sample
    check: Callable  # (table, protocol, target, samples or None); raises UserError
    min_groups: Callable  # folds -> groups that every class needs


SPLITTERS = {
    "strict": _Splitter(_split_strict, _check_folds, lambda folds: folds),
    **dict.fromkeys(("published", "as_run"), _Splitter(_split_published, _check_folds, lambda folds: folds + 1)),
    **{
        base: _Splitter(splitter, partial(_check_by, base), lambda folds: 0)
        for base, splitter in group_splits.SPLITTERS.items()
    },
}


def split_index(table: pd.DataFrame, fold: int, split: str, samples: ArrayLike) -> NDArray[np.intp]:
    """Return the positions of the samples in one split of a fold.

    Parameters
    ----------
    table : DataFrame
        Splits.
    fold : int
    split : {"train", "validation", "test"}
    samples : array_like of str, shape (n,)
        Names; positions count in them.

    Returns
    -------
    ndarray of int
        Ascending.

    Raises
    ------
    UserError
        If a sample of the split is not among `samples`.
    """
    return _positions(table.loc[(table["fold"] == fold) & (table["split"] == split), "sample"], samples)


def fit_index(table: pd.DataFrame, protocol: str, fold: int, samples: ArrayLike) -> NDArray[np.intp]:
    """Return the positions of the samples that transformations of a fold (PCA, pre-training) may be fitted on.

    Parameters
    ----------
    table : DataFrame
        Splits.
    protocol : str
        Its name.
    fold : int
    samples : array_like of str, shape (n,)

    Returns
    -------
    ndarray of int
        Ascending: the train split; with the leak ``pca_on_all`` every sample, as the paper fits its components.

    Raises
    ------
    UserError
        If one of these samples is not among `samples`.
    """
    if "pca_on_all" in protocols.parse(protocol).leaks:
        return _positions(table.loc[table["fold"] == fold, "sample"], samples)
    return split_index(table, fold, "train", samples)


def _positions(names: ArrayLike, samples: ArrayLike) -> NDArray[np.intp]:
    """Positions of names in samples, ascending; UserError names the first that is missing."""
    index = pd.Index(np.asarray(samples, dtype=str)).get_indexer(np.asarray(names, dtype=str))
    for name in np.asarray(names, dtype=str)[index < 0]:
        raise UserError(f"sample {name} is in the splits but not among the samples: make both from one table.")
    return np.sort(index)
