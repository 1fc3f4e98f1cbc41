"""Split samples by operator or by growth date, to test a model on another person's samples or on other days.

Samples are a table with sample, batch, y_true (class) and, as the sheet has them, operator and growth_date (a day, as
2021-04-05); samples with an empty cell are in no fold. Splits are an array (folds, n) of str in the order of the table:
train, validation, test, or `UNUSED`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError, lookup
from micrograph.splits import protocols
from micrograph.splits.stratified_groups import assign_folds
from micrograph.target import Target

UNUSED = "unused"
MOST_PARTS = 5  # one in five of the other operators' batches validates
WAY_OUT = "fill in the sheet's column growth_date, lower splits.folds"


def by_operator(samples: pd.DataFrame, rng: np.random.Generator) -> NDArray[np.str_]:
    """Test one operator in every fold, in alphabetical order.

    Of the batches in which the operator had no part, about one in five validates and the others train; other samples of
    a batch shared with the operator are unused. Every class is trained and validated on, not always tested. An operator
    has no fold if a class is in too few batches without this operator; a message names the operator.

    Parameters
    ----------
    samples : DataFrame
    rng : Generator

    Returns
    -------
    ndarray of str, shape (n_folds, n)

    Raises
    ------
    UserError
        If fewer than two operators are named, or none can be left out.
    """
    splits, without_fold = _by_operator(samples, rng)
    for name in without_fold:
        print(f"by_operator: without {name} a class is in too few batches: not left out", flush=True)
    return splits


def _by_operator(
    samples: pd.DataFrame, rng: np.random.Generator, at_most: int | None = None
) -> tuple[NDArray[np.str_], list[str]]:
    """Return the splits of the first `at_most` folds, and the operators that cannot be left out."""
    operator, batch = _text(samples, "operator"), samples["batch"].to_numpy(str)
    labels, splits, without_fold = samples["y_true"].to_numpy(), [], []
    names = sorted(set(operator) - {""})
    if len(names) < 2:
        raise UserError(
            f"by_operator: the sheet names {len(names)} operators, two are needed: fill in its column operator, or "
            "leave by_operator out of experiments.confounders."
        )
    for name in names:
        test = operator == name
        others = (operator != "") & ~np.isin(batch, batch[test])
        validation = _validation(labels, batch, others, rng)
        if validation is None:
            without_fold.append(name)
        else:
            splits.append(np.select([test, validation, others], ["test", "validation", "train"], UNUSED))
        if len(splits) == at_most:
            break
    if not splits:
        raise UserError(
            "by_operator: whichever operator is tested, the batches without that operator include fewer than two of "
            "some class, one to train and one to validate on; leave by_operator out of experiments.confounders."
        )
    return np.stack(splits), without_fold


def _validation(
    labels: NDArray, batch: NDArray[np.str_], others: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.bool_] | None:
    """Mask (n,) of those of the `others` that validate, with every class on both sides; None where it cannot be."""
    classes = set(labels)
    for count in range(MOST_PARTS, 1, -1):
        part = np.full(len(labels), -1)
        if len(set(batch[others])) >= count:
            part[others] = assign_folds(labels[others], batch[others], count, rng)
        for number in range(count):
            if set(labels[part == number]) == classes == set(labels[others & (part != number)]):
                return part == number
    return None


def by_date(samples: pd.DataFrame, folds: int, target: Target) -> NDArray[np.str_]:
    """Test contiguous blocks of growth days, each once.

    The days, in order of time, are divided into `folds` blocks of about as many days. Fold i tests block i, validates
    on another and trains on the rest. Test and validation are one block apart, or the fewest that leave every class in
    all training sets. Days and batches are kept whole: a batch grown on several days joins them. Not every class is
    validated or tested in every fold.

    Parameters
    ----------
    samples : DataFrame
    folds : int
    target : Target

    Returns
    -------
    ndarray of str, shape (folds, n)

    Raises
    ------
    UserError
        If too few days are known, or a class was grown in too few blocks to be in every training set.
    """
    day = _day_index(samples)
    count = day.max(initial=-1) + 1
    if count < folds:
        raise UserError(
            f"by_date: {count} growth days are known, {folds} folds need {folds}: {WAY_OUT}, or do without by_date."
        )
    labels, block = samples["y_true"].to_numpy(), np.full(len(day), -1)
    for number, days in enumerate(np.array_split(np.arange(count), folds)):
        block[np.isin(day, days)] = number
    known = block >= 0
    for apart in range(1, folds):
        held_out = [np.isin(block, [test, (test + apart) % folds]) for test in range(folds)]
        if all(set(labels[known & ~held]) == set(labels) for held in held_out):
            distance = (block[None, :] - np.arange(folds)[:, None]) % folds
            return np.where(
                known, np.select([distance == 0, distance == apart], ["test", "validation"], "train"), UNUSED
            )
    blocks = {one: len(set(block[known & (labels == one)])) for one in sorted(set(labels))}
    rare = min(blocks, key=lambda one: blocks[one])
    raise UserError(
        f"by_date: the samples of {target.with_unit(rare)} with a growth date are in {blocks[rare]} of {folds} blocks "
        f"of growth days, so that in some fold no model can be trained on this class: {target.name} and date cannot be "
        "separated; change splits.folds, or do without by_date."
    )


def later_days(samples: pd.DataFrame, folds: int, target: Target) -> NDArray[np.str_]:
    """Train on earlier days, validate on later ones, test on later ones still.

    The first half of the days is always trained on; the others are divided into folds + 1 blocks of about as many days.
    Fold i validates on block i, tests block i + 1 and trains on all days before; later samples are unused. Days and
    batches are kept whole: a batch grown on several days joins them. Every class is trained on, not always validated or
    tested.

    Parameters
    ----------
    samples : DataFrame
    folds : int
    target : Target

    Returns
    -------
    ndarray of str, shape (folds, n)

    Raises
    ------
    UserError
        If too few days are known, or a class was not grown in the first half.
    """
    day = _day_index(samples)
    count = day.max(initial=-1) + 1
    first = count // 2
    if count - first < folds + 1:
        raise UserError(
            f"later_days: {count} growth days are known, {folds} folds need {2 * folds + 1}: {WAY_OUT}, or do without "
            "later_days."
        )
    labels = samples["y_true"].to_numpy()
    for one in sorted(set(labels) - set(labels[(day >= 0) & (day < first)])):
        raise UserError(
            f"later_days: no sample of the first half of the growth days is of {target.with_unit(one)}, so that no "
            f"model can be trained on this class: {target.name} and date cannot be separated; do without later_days."
        )
    blocks = np.array_split(np.arange(first, count), folds + 1)
    splits = []
    for validation, test in zip(blocks[:-1], blocks[1:], strict=True):
        masks = [np.isin(day, test), np.isin(day, validation), (day >= 0) & (day < validation[0])]
        splits.append(np.select(masks, ["test", "validation", "train"], UNUSED))
    return np.stack(splits)


def _day_index(samples: pd.DataFrame) -> NDArray[np.int64]:
    """Index each sample's day in time, 0, 1, ...; -1 where it is unknown. Batches whose days overlap share it."""
    known = samples[["batch"]].assign(growth_date=_text(samples, "growth_date")).query("growth_date != ''")
    spans = known.groupby("batch")["growth_date"].agg(["min", "max"]).sort_values(["min", "max"], kind="stable")
    index, day, last = {}, -1, ""
    for batch, start, end in spans.itertuples():
        day += start > last
        last = max(last, end)
        index[batch] = day
    return samples["batch"].map(index).fillna(-1).to_numpy(int)


def _text(samples: pd.DataFrame, name: str) -> NDArray[np.str_]:
    """Return a column as text; "" where a cell is empty or the column is missing."""
    if name not in samples:
        return np.full(len(samples), "", dtype=str)
    return np.array(["" if pd.isna(cell) else str(cell) for cell in samples[name]], dtype=str)


# Base of a protocol: (samples, folds, rng, target) -> splits.
SPLITTERS = {
    "by_operator": lambda samples, folds, rng, target: by_operator(samples, rng),
    "by_date": lambda samples, folds, rng, target: by_date(samples, folds, target),
    "later_days": lambda samples, folds, rng, target: later_days(samples, folds, target),
}
# These raise the same UserError sooner: one operator who can be left out is enough.
_TRIALS = SPLITTERS | {"by_operator": lambda samples, folds, rng, target: _by_operator(samples, rng, at_most=1)}


def obstacle(samples: pd.DataFrame, base: str, folds: int, target: Target) -> str:
    """Return why samples cannot be split by operator or by date; the empty string where they can.

    Parameters
    ----------
    samples : DataFrame
    base : str
        Of `SPLITTERS`.
    folds : int
    target : Target

    Returns
    -------
    str
    """
    try:
        lookup(base, _TRIALS, "group split")(samples, folds, np.random.default_rng(0), target)
    except UserError as error:
        return str(error)
    return ""


def check(table: pd.DataFrame, protocol: str, target: Target, samples: pd.DataFrame | None = None) -> None:
    """Check the invariants of the splits by operator or date.

    Every fold trains on every class and has samples to validate on and to test; no sample is tested twice. by_operator:
    a fold tests one operator, of whom it neither trains nor validates on a sample. by_date: no day of training or
    validation lies between the first and the last day of a fold's test. later_days: all days of a fold's training lie
    before those of validation, and these before those of the test.

    Parameters
    ----------
    table : DataFrame
        Splits, without unused samples.
    protocol : str
        Its name.
    target : Target
    samples : DataFrame, optional
        The samples that were split; without them operators and days are not checked.

    Raises
    ------
    UserError
        If an invariant is broken.
    """
    base = protocols.parse(protocol).base
    times = table[table["split"] == "test"].groupby("sample").size()
    for sample in times.index[times > 1]:
        raise UserError(f"sample {sample} is tested twice in the {protocol} splits: make them again.")
    for fold, rows in table.groupby("fold"):
        for split in sorted({"train", "validation", "test"} - set(rows["split"])):
            raise UserError(f"fold {fold} of the {protocol} splits has no {split} sample: make them again.")
        for one in sorted(set(target.classes) - set(rows.loc[rows["split"] == "train", "y_true"])):
            raise UserError(
                f"fold {fold} of the {protocol} splits has no train sample of {target.with_unit(one)}: make them again."
            )
        if samples is not None:
            _check_separation(rows, base, samples, f"fold {fold} of the {protocol} splits")


def _check_separation(rows: pd.DataFrame, base: str, samples: pd.DataFrame, where: str) -> None:
    """Raise UserError unless one fold separates operators, or days."""
    known = pd.DataFrame({name: _text(samples, name) for name in ("sample", "operator", "growth_date")})
    rows = rows[["sample", "split", "batch"]].merge(known, on="sample", how="left")
    if base == "by_operator":
        tested = set(rows.loc[rows["split"] == "test", "operator"])
        if len(tested) != 1 or tested & set(rows.loc[rows["split"] != "test", "operator"]):
            raise UserError(f"{where} does not separate the operators: make them again.")
        return
    dated = rows[rows["growth_date"] != ""]
    days = dated.groupby("split")["growth_date"]
    first, last = days.min(), days.max()
    if base == "by_date":
        others = dated.loc[dated["split"] != "test", "growth_date"]
        if others.between(first["test"], last["test"]).any():
            raise UserError(f"{where} tests days that are not one block: make them again.")
        return
    if not last["train"] < first["validation"] <= last["validation"] < first["test"]:
        raise UserError(f"{where} does not keep the days in order: make them again.")
