"""Folds that never part a group: who trains, who chooses, who is tested. Dealt once, kept as a table on disk.

A splits table has one row a fold and sample: fold (0..K-1), part (train, validation, test), sample, batch,
growth_celsius; sorted by fold, then sample.
"""

import numpy as np
import pandas as pd

from micrograph.faults import Fault, known

PARTS = ("train", "validation", "test")
COLUMNS = ("fold", "part", "sample", "batch", "growth_celsius")
ATTEMPTS = 48


def deal(samples, protocol, folds, rng):
    """Deal samples into folds and parts.

    samples: table with the columns sample, batch, growth_celsius, one row a sample; the order of its rows does not
    matter. protocol: strict or published; folds: K, at least 3; rng: numpy Generator.
    Returns the splits table (see the module). Raises Fault where the samples cannot be dealt so.
    """
    way = known(protocol, PROTOCOLS, "protocol")
    if folds < 3:
        raise Fault(f"{folds} folds leave nothing to train on: set splits.folds to 3 or more.")
    ordered = samples[["sample", "batch", "growth_celsius"]].sort_values("sample", ignore_index=True)
    if ordered["sample"].duplicated().any():
        twice = ordered.loc[ordered["sample"].duplicated(), "sample"].iloc[0]
        raise Fault(f"sample {twice} stands twice in the table of samples: keep one row a sample.")
    _enough(ordered, protocol, folds, sorted(ordered["growth_celsius"].unique()))
    parts = way(ordered, folds, rng)
    frames = [ordered.assign(fold=fold, part=part) for fold, part in enumerate(parts)]
    return pd.concat(frames, ignore_index=True)[list(COLUMNS)]


def _strict(samples, folds, rng):
    """Part of each sample, fold by fold: all samples dealt once by batch; test = i, validation = i + 1."""
    batches, batch = np.unique(samples["batch"].to_numpy(str), return_inverse=True)
    classes, label = np.unique(samples["growth_celsius"].to_numpy(), return_inverse=True)
    counts = np.zeros((len(batches), len(classes)))
    np.add.at(counts, (batch, label), 1)
    home = deal_groups(counts, folds, rng)[batch]
    distance = (home[None, :] - np.arange(folds)[:, None]) % folds
    return np.select([distance == 0, distance == 1], ["test", "validation"], "train")


def deal_groups(counts, folds, rng):
    """The fold of each group, so that every fold holds about the same number of every class.

    counts: (groups, classes) samples. Rare classes are dealt first, each group to the fold poorest in the class, of
    those to the one that ends best balanced; of some random orders the best balanced deal is kept. A class that lies
    in at least `folds` groups and is the rarest reaches every fold by construction.
    """
    expected = np.maximum(counts.sum(axis=0) / folds, 1e-12)
    best, least = None, None
    for _ in range(ATTEMPTS):
        home, held = _attempt(counts, expected, folds, rng)
        cost = ((held == 0).sum(), (((held - expected) ** 2) / expected).sum().round(9))
        if least is None or cost < least:
            best, least = home, cost
    return best


def _attempt(counts, expected, folds, rng):
    """One random deal: (fold of each group, samples held by each fold and class)."""
    home = np.full(len(counts), -1)
    held = np.zeros((folds, counts.shape[1]))
    for label in np.argsort((counts > 0).sum(axis=0), kind="stable"):
        waiting = rng.permutation(np.flatnonzero((home < 0) & (counts[:, label] > 0)))
        for group in waiting[np.argsort(-counts[waiting, label], kind="stable")]:
            worse = (counts[group] * (2 * (held - expected) + counts[group]) / expected).sum(axis=1)
            worse[held[:, label] > held[:, label].min()] = np.inf
            home[group] = np.argmin(worse)
            held[home[group]] += counts[group]
    return home, held


def _published(samples, folds, rng):
    """Part of each sample, fold by fold, as the paper's StratifiedGroupKFold grouped by sample.

    The paper takes fold 0 of ten as its fixed test part and deals the rest again into ten train/validation folds. We
    take the first fold that leaves every class at least `folds` samples, in the paper's data fold 0 itself.
    """
    names, labels = samples["sample"].to_numpy(str), samples["growth_celsius"].to_numpy()
    dealt = _stratified(labels, names, folds, rng)
    for test in dealt:
        rest = np.setdiff1d(np.arange(len(labels)), test)
        if np.unique(labels[rest], return_counts=True)[1].min() >= folds:
            break
    parts = np.full((folds, len(labels)), "train", dtype="U10")
    parts[:, test] = "test"
    for fold, chosen in enumerate(_stratified(labels[rest], names[rest], folds, rng)):
        parts[fold, rest[chosen]] = "validation"
    return parts


def _stratified(labels, groups, folds, rng):
    """The index arrays that scikit-learn's StratifiedGroupKFold, shuffled, holds out."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
    return [held for _, held in splitter.split(np.zeros(len(labels)), labels, groups)]


PROTOCOLS = {"strict": _strict, "published": _published}


def check(table, protocol, classes):
    """Raise Fault unless the splits table keeps its protocol's promises.

    Every class in every part of every fold; each sample in one part a fold; strict: no batch on two sides and each
    sample tested exactly once; published: one test part for all folds, each other sample validated exactly once.
    """
    known(protocol, PROTOCOLS, "protocol")
    folds = table["fold"].nunique()
    _enough(table, protocol, folds, classes)
    _once(table, ["fold", "sample"], "sample")
    counts = table.groupby(["fold", "part", "growth_celsius"]).size()
    wanted = pd.MultiIndex.from_product([range(folds), PARTS, classes])
    for fold, part, celsius in wanted.difference(counts.index):
        raise Fault(
            f"fold {fold} of the {protocol} splits has no {part} sample at {celsius} C: "
            "lower splits.folds or change the seed."
        )
    tested, validated = (table[table["part"] == part] for part in ("test", "validation"))
    _once(validated, ["sample"], "sample")
    if protocol == "strict":
        _once(tested, ["sample"], "sample")
        _once(table.drop_duplicates(["fold", "part", "batch"]), ["fold", "batch"], "batch")
    everyone, covered = set(table["sample"]), set(tested["sample"])
    covered = covered if protocol == "strict" else covered | set(validated["sample"])
    if everyone != covered:
        lost = sorted(everyone - covered)[0]
        raise Fault(f"sample {lost} is never held out in the {protocol} splits: deal them again.")
    if protocol == "published" and (tested.groupby("sample").size() != folds).any():
        raise Fault("the published splits do not share one test part: deal them again.")


def _once(rows, keys, what):
    """Fault where two rows share the keys."""
    double = rows.loc[rows.duplicated(keys), keys]
    if len(double):
        where = ", ".join(f"{key} {value}" for key, value in double.iloc[0].items())
        raise Fault(f"a {what} lies on two sides of the splits ({where}): deal them again.")


def _enough(samples, protocol, folds, classes):
    """Fault where a class has too few groups to be in every part of every fold."""
    group, need, things = {
        "strict": ("batch", folds, "batches (growth days)"),
        "published": ("sample", folds + 1, "samples"),
    }[protocol]
    for celsius in classes:
        have = samples.loc[samples["growth_celsius"] == celsius, group].nunique()
        if have < need:
            raise Fault(
                f"{celsius} C has only {have} {things}; {folds} folds of the {protocol} protocol need at least {need}: "
                f"lower splits.folds, or leave {celsius} out of the classes."
            )


def rows(table, fold, part, samples):
    """The indices, ascending, of those of `samples` (n names) that lie in `part` of `fold`; Fault if one is missing."""
    here = table[(table["fold"] == fold) & (table["part"] == part)]
    return _positions(here["sample"], samples)


def rows_seen(table, protocol, fold, samples):
    """The indices, ascending, of the samples that what is fitted for `fold` may see.

    strict: the training rows. published: every row, the test part included, as the paper fits its components.
    """
    if known(protocol, {"strict": True, "published": False}, "protocol"):
        return rows(table, fold, "train", samples)
    return _positions(table.loc[table["fold"] == fold, "sample"], samples)


def _positions(names, samples):
    """Where `names` stand in `samples`, ascending; Fault names the first that is missing."""
    index = pd.Index(np.asarray(samples, dtype=str)).get_indexer(np.asarray(names, dtype=str))
    if (index < 0).any():
        lost = np.asarray(names, dtype=str)[index < 0][0]
        raise Fault(f"sample {lost} is in the splits but not among the samples: make both from one table.")
    return np.sort(index)
