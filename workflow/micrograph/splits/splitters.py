"""Folds that never part a group: who trains, who chooses, who is tested. Dealt once, kept as a table on disk.

A splits table has one row a fold and sample: fold (0..K-1), part (train, validation, test), sample, batch,
growth_celsius; sorted by fold, then sample. What a protocol leaves out of a fold stands in it with the part `unused`.
"""

import numpy as np
import pandas as pd

from micrograph.errors import UserError
from micrograph.splits import group_splits, protocols, stratified_groups

PARTS = ("train", "validation", "test")
COLUMNS = ("fold", "split", "sample", "batch", "growth_celsius")


def split(samples, protocol, folds, rng):
    """Deal samples into folds and parts.

    samples: table with the columns sample, batch, growth_celsius, one row a sample, for by_operator and by_date also
    operator and grown; the order of its rows does not matter. protocol: its name; folds: K, at least 3; rng: numpy
    Generator. Returns the splits table (see the module). Raises UserError where the samples cannot be dealt so.
    """
    way = DEALS[protocols.parse(protocol).base]
    if folds < 3:
        raise UserError(f"{folds} folds leave nothing to train on: set splits.folds to 3 or more.")
    ordered = samples.sort_values("sample", ignore_index=True)
    if ordered["sample"].duplicated().any():
        twice = ordered.loc[ordered["sample"].duplicated(), "sample"].iloc[0]
        raise UserError(f"sample {twice} stands twice in the table of samples: keep one row a sample.")
    _enough(ordered, protocol, folds, sorted(ordered["growth_celsius"].unique()))
    parts = way(ordered.assign(group=_groups(ordered, protocol)), folds, rng)
    frames = [ordered.assign(fold=fold, split=part) for fold, part in enumerate(parts)]
    return pd.concat(frames, ignore_index=True)[list(COLUMNS)]


def _groups(samples, protocol):
    """What is never parted, a name for each sample: its batch, or with the leak `ungrouped` the sample alone."""
    return samples["sample" if "ungrouped" in protocols.parse(protocol).leaks else "batch"].to_numpy(str)


def _strict(samples, folds, rng):
    """Part of each sample, fold by fold: all samples dealt once by group; test = i, validation = i + 1."""
    home = stratified_groups.homes(samples["growth_celsius"].to_numpy(), samples["group"].to_numpy(str), folds, rng)
    distance = (home[None, :] - np.arange(folds)[:, None]) % folds
    return np.select([distance == 0, distance == 1], ["test", "validation"], "train")


def _published(samples, folds, rng):
    """Part of each sample, fold by fold, as the paper's StratifiedGroupKFold, in the paper grouped by sample.

    The paper takes fold 0 of ten as its fixed test part and deals the rest again into ten train/validation folds. We
    take the first fold that leaves every class at least `folds` samples, in the paper's data fold 0 itself.
    """
    names, labels = samples["group"].to_numpy(str), samples["growth_celsius"].to_numpy()
    way = _stratified if len(set(names)) == len(names) else _grouped
    dealt = way(labels, names, folds, rng)
    for test in dealt:
        rest = np.setdiff1d(np.arange(len(labels)), test)
        if min(len(set(names[rest][labels[rest] == label])) for label in np.unique(labels)) >= folds:
            break
    parts = np.full((folds, len(labels)), "train", dtype="U10")
    parts[:, test] = "test"
    for fold, chosen in enumerate(way(labels[rest], names[rest], folds, rng)):
        parts[fold, rest[chosen]] = "validation"
    return parts


def _stratified(labels, names, folds, rng):
    """The index arrays that scikit-learn's StratifiedGroupKFold, shuffled, holds out."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
    return [held for _, held in splitter.split(np.zeros(len(labels)), labels, names)]


def _by_operator(samples, folds, rng):
    """One fold an operator, whatever `folds` says."""
    return group_splits.by_operator(samples, rng)


def _grouped(labels, names, folds, rng):
    """As _stratified, of groups of several samples: dealt so that every class reaches every fold."""
    home = stratified_groups.homes(labels, names, folds, rng)
    return [np.flatnonzero(home == fold) for fold in range(folds)]


# Base of a protocol: its way of dealing, (samples with the column group, folds, rng) -> part of each, fold by fold.
DEALS = {"strict": _strict, "published": _published, "by_operator": _by_operator, "by_date": group_splits.by_date}


def check(table, protocol, classes, samples=None):
    """Raise UserError unless the splits table keeps its protocol's promises.

    Each sample in one part a fold; no batch on two sides, but with the leak `ungrouped`. strict and published: every
    class in every part of every fold; strict: each sample tested exactly once; published: one test part for all folds,
    each other sample validated exactly once. by_operator, by_date: deals.check, of the samples that were dealt.
    """
    base, table = protocols.parse(protocol).base, table[table["split"] != group_splits.UNUSED]
    _once(table, ["fold", "sample"], "sample")
    if "ungrouped" not in protocols.parse(protocol).leaks:
        _once(table.drop_duplicates(["fold", "split", "batch"]), ["fold", "batch"], "batch")
    if base in PROMISES:
        _enough(table, protocol, table["fold"].nunique(), classes)
        _all_classes(table, protocol, classes)
        PROMISES[base](table, protocol)
    else:
        group_splits.check(table, protocol, classes, samples)


def _all_classes(table, protocol, classes):
    """UserError where a class is missing from a part of a fold."""
    counts = table.groupby(["fold", "split", "growth_celsius"]).size()
    wanted = pd.MultiIndex.from_product([range(table["fold"].nunique()), PARTS, classes])
    for fold, part, celsius in wanted.difference(counts.index):
        raise UserError(
            f"fold {fold} of the {protocol} splits has no {part} sample at {celsius} C: "
            "lower splits.folds or change the seed."
        )


def _each_tested(table, protocol):
    """strict: every sample is tested once and validated once."""
    for part in ("test", "validation"):
        _once(table[table["split"] == part], ["sample"], "sample")
    _covered(table, table.loc[table["split"] == "test", "sample"], protocol)


def _one_test_part(table, protocol):
    """published: one test part for all folds, every other sample is validated once."""
    tested, validated = (table[table["split"] == part] for part in ("test", "validation"))
    _once(validated, ["sample"], "sample")
    _covered(table, pd.concat([tested["sample"], validated["sample"]]), protocol)
    if (tested.groupby("sample").size() != table["fold"].nunique()).any():
        raise UserError(f"the {protocol} splits do not share one test part: deal them again.")


PROMISES = {"strict": _each_tested, "published": _one_test_part}


def _covered(table, held, protocol):
    """UserError unless every sample is held out somewhere."""
    for lost in sorted(set(table["sample"]) - set(held)):
        raise UserError(f"sample {lost} is never held out in the {protocol} splits: deal them again.")


def _once(rows, keys, what):
    """UserError where two rows share the keys."""
    double = rows.loc[rows.duplicated(keys), keys]
    if len(double):
        where = ", ".join(f"{key} {value}" for key, value in double.iloc[0].items())
        raise UserError(f"a {what} lies on two sides of the splits ({where}): deal them again.")


# Base of a protocol: how many more groups than folds every class needs.
MORE = {"strict": 0, "published": 1}


def _enough(samples, protocol, folds, classes):
    """UserError where a class has too few groups to be in every part of every fold."""
    read = protocols.parse(protocol)
    need = folds + MORE.get(read.base, -folds)
    group, things = ("sample", "samples") if "ungrouped" in read.leaks else ("batch", "batches (growth days)")
    for celsius in classes:
        have = samples.loc[samples["growth_celsius"] == celsius, group].nunique()
        if have < need:
            raise UserError(
                f"{celsius} C has only {have} {things}; {folds} folds of the {protocol} protocol need at least {need}: "
                f"lower splits.folds, or leave {celsius} out of the classes."
            )


def rows(table, fold, part, samples):
    """The indices, ascending, of those of `samples` (n names) that lie in `part` of `fold`; UserError if one is missing."""
    here = table[(table["fold"] == fold) & (table["split"] == part)]
    return _positions(here["sample"], samples)


def fit_index(table, protocol, fold, samples):
    """The indices, ascending, of the samples that what is fitted for `fold` may see.

    The training rows; with the leak `all_rows` every row, the test part included, as the paper fits its components.
    """
    if "all_rows" in protocols.parse(protocol).leaks:
        return _positions(table.loc[table["fold"] == fold, "sample"], samples)
    return rows(table, fold, "train", samples)


def _positions(names, samples):
    """Where `names` stand in `samples`, ascending; UserError names the first that is missing."""
    index = pd.Index(np.asarray(samples, dtype=str)).get_indexer(np.asarray(names, dtype=str))
    if (index < 0).any():
        lost = np.asarray(names, dtype=str)[index < 0][0]
        raise UserError(f"sample {lost} is in the splits but not among the samples: make both from one table.")
    return np.sort(index)
