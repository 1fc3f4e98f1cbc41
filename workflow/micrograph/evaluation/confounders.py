"""Confounders: test accuracy by subgroup, and on samples of operators or dates absent from training.

Subgroups (:mod:`micrograph.evaluation.subgroups`) are compared with all other samples; the kind ``split`` compares
folds by operator or by date with strict on the same samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, metrics, subgroups, summaries, tables
from micrograph.evaluation.bootstrap import ENDS, Resampling
from micrograph.evaluation.labels import column_label, model_label
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits import group_splits, protocols
from micrograph.target import Target

NAME = "Table of confounders"
FEWEST = 5  # batches on either side: of fewer, a bootstrap underestimates how far they differ
SPLIT = "split"
KINDS = {
    "growth_seconds": "Growth time",
    "substrate": "Substrate",
    "batch_size": "Number of samples of the growth day",
    "scan_quality": "Scan quality",
    "pressure_torr": "Pressure",
    "operator": "Operator",
    SPLIT: "Tested samples",
}
SPLITS = {"by_operator": "of a new operator", "by_date": "of other days", "later_days": "of later days"}
EACH_ALONE = {"scan_quality", SPLIT}  # kinds whose groups do not complement each other
NAMES = ["kind", "group", "model", "features", "n_samples", "n_batches"]
NUMBERS = [
    *(f"accuracy_pct{end}" for end in ENDS),
    *("majority_pct", "rest_pct", "n_shared_classes", "balanced_pct", "rest_balanced_pct"),
    *(f"difference_pct_points{end}" for end in summaries.PAIRED),
    *("reason", "overall_pct", "n_train_samples", "rest_n_train_samples", "pretraining", "policy", "scheme"),
]

NO_ENDS = (np.nan, np.nan)
# Why there is no interval.
UNKNOWN = "not in the sample sheet"
NOT_RUN = "not in experiments.confounders"
NO_STRICT = "the same model was not run under strict"
NO_OTHERS = "the same for all samples"
FEW = f"fewer than {FEWEST} batches"
NO_CLASS = "no class in common with the others"
CONSTANT = "all predictions right, or all wrong"
IDENTICAL = "right on the same samples as strict"


def make_table(
    samples: pd.DataFrame,
    fits: Iterable[Fit],
    splits: Sequence[Fit],
    strict: Iterable[Fit],
    untested: Mapping[str, str],
    target: Target,
    extra_columns: Sequence[str] = (),
    *,
    resampling: Resampling,
    run: RunInfo,
) -> pd.DataFrame:
    """Make the table of confounders.

    Parameters
    ----------
    samples : DataFrame
        Table of samples.
    fits : iterable of Fit
        Strict fits whose samples are grouped.
    splits : sequence of Fit
        Fits by operator and by date, and on later days.
    strict : iterable of Fit
        Strict fits of the same models.
    untested : mapping
        {protocol: why its folds could not be made}.
    target : Target
        Its column is no confounder.
    extra_columns : sequence of str
        Columns of the sheet that are the study's own.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        ``n_{class}``: test samples of each class; ``accuracy_pct`` of the group's test samples; ``majority_pct`` of the
        majority class on them; ``rest_pct`` of all other samples, for the kind ``split`` of strict on the same samples.
        ``balanced_pct`` and ``rest_balanced_pct`` are the balanced accuracies over the ``n_shared_classes``
        classes that both have, so that groups with different mixes of classes are comparable;
        ``difference_pct_points`` is the group less the rest, of these, for the kind ``split`` of accuracies. Where
        there is no interval, ``reason`` says why: fewer than FEWEST batches on either side, or constant predictions,
        whose resamples would not vary. ``overall_pct``: of all samples. ``n_train_samples``: mean over the folds, for
        the kind ``split``.

    Raises
    ------
    UserError
        If a predicted sample is not in the table of samples.
    """
    known = subgroups.known_samples(samples)
    groups = subgroups.groups(known, target, extra_columns)
    rows = []
    for fit in fits:
        tested = _tested(fit)
        for lost in sorted(set(tested["sample"]) - set(known["film"])):
            raise UserError(f"{NAME}: sample {lost} has predictions and is not in samples.tsv; fit the models again.")
        for kind, named in groups.items():
            members = {name: known["film"][each] for name, each in named.items()}
            rows += [_fit_columns(fit) | {"kind": kind} | row for row in _group_rows(members, tested, resampling)]
    rows += _split_rows(splits, {replace(fit.spec, protocol="strict"): fit for fit in strict}, untested, resampling)
    counted = [row | dict(zip(_class_counts(target), row.get("counts", ()), strict=False)) for row in rows]
    table = pd.DataFrame(counted, columns=columns(target))
    table = run.add_to(table.astype(dict.fromkeys(_class_counts(target), "Int64")))
    return table.assign(reason=table["reason"].fillna(""))


def columns(target: Target) -> list[str]:
    """Return the columns of the table, but for those of the run."""
    return [*NAMES, *_class_counts(target), *NUMBERS]


def _class_counts(target: Target) -> list[str]:
    """Return the columns of the number of samples of each class."""
    return [f"n_{target.key(one)}" for one in target.classes]


def _fit_columns(fit: Fit) -> dict[str, str]:
    return {name: value for name, value in fit.spec.columns().items() if name != "protocol"}


def _tested(fit: Fit) -> pd.DataFrame:
    """Return the test rows of a fit with the columns right and majority (whether that is right), 0 or 1."""
    both = {"right": fit.predictions, "majority": metrics.majority_class_baseline(fit.predictions)}
    right = {name: (rows["y_pred"] == rows["y_true"]).fillna(False).astype(float) for name, rows in both.items()}
    return Fit(fit.spec, fit.predictions.assign(**right)).split("test")


def _group_rows(
    groups: Mapping[str, pd.Series], tested: pd.DataFrame, resampling: Resampling
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one kind: its groups, each against all other known samples; or one that gives the reason."""
    overall = {"overall_pct": 100 * tested["right"].mean()}
    inside = {name: tested["sample"].isin(samples) for name, samples in groups.items()}
    unknown = inside.pop(subgroups.NOT_STATED, pd.Series(False, tested.index))
    if not inside or (len(inside) == 1 and all(map(all, inside.values()))):
        name, reason = ("all samples", NO_OTHERS) if inside or not groups else (subgroups.NOT_STATED, UNKNOWN)
        yield {"group": name, "reason": reason} | _scores(tested, resampling) | overall
        return
    for name, members in inside.items():
        rows, rest = tested[members], tested[~members & ~unknown]
        row = {"group": name, "reason": _no_interval(rows)} | _scores(rows, resampling) | overall
        if rest.empty or rows.empty:
            yield row | {"reason": row["reason"] or NO_OTHERS}
            continue
        reason = _no_interval(rest)
        row["reason"] = row["reason"] or (f"the rest: {reason}" if reason else "")
        shared = sorted(set(rows["y_true"]) & set(rest["y_true"]))
        row |= {"reason": row["reason"] or ("" if shared else NO_CLASS), "rest_pct": 100 * rest["right"].mean()}
        row["n_shared_classes"] = len(shared)
        row |= _balanced_difference(rows, rest, shared, resampling) if shared else {}
        if row["reason"]:
            row |= bootstrap.columns("difference_pct_points", (row.get("difference_pct_points", np.nan), *NO_ENDS))
        yield row
    if unknown.any():
        name = subgroups.NOT_STATED
        yield {"group": name, "reason": UNKNOWN} | _scores(tested[unknown], resampling) | overall


def _scores(rows: pd.DataFrame, resampling: Resampling) -> dict[str, Any]:
    """Return samples, also of each class, batches, accuracy and majority of test rows, and an interval if possible."""
    scores: dict[str, Any] = {"n_samples": rows["sample"].nunique(), "n_batches": rows["batch"].nunique()}
    tested = rows.drop_duplicates("sample")["y_true"]
    scores["counts"] = [(tested == one).sum() for one in resampling.classes]
    if rows.empty:
        return scores
    ends = NO_ENDS if _no_interval(rows) else bootstrap.bootstrap(rows, "accuracy", resampling)
    scores |= bootstrap.columns("accuracy_pct", (rows["right"].mean(), *ends), 100)
    return scores | {"majority_pct": 100 * rows["majority"].mean()}


def _no_interval(rows: pd.DataFrame) -> str:
    """Why a bootstrap over batches is not informative for these rows; "" where it is."""
    if rows["batch"].nunique() < FEWEST:
        return FEW
    return CONSTANT if rows["right"].nunique() < 2 else ""


def _difference(row: Mapping[str, Any], rest: pd.DataFrame, ends: tuple[float, float]) -> dict[str, float]:
    """Return the accuracy of the rest, and the row's less that with its interval."""
    rest_pct = 100 * rest["right"].mean()
    values = row["accuracy_pct"] - rest_pct, 100 * ends[0], 100 * ends[1]
    return {"rest_pct": rest_pct} | bootstrap.columns("difference_pct_points", values)


def _balanced_difference(
    rows: pd.DataFrame, rest: pd.DataFrame, classes: Sequence[int], resampling: Resampling
) -> dict[str, float]:
    """Return the balanced accuracies of a group and of the rest over some classes, and their difference."""
    one, other = (frame[frame["y_true"].isin(classes)] for frame in (rows, rest))
    balanced = [100 * frame.groupby("y_true")["right"].mean().mean() for frame in (one, other)]
    low, high = bootstrap.interval(100 * _differences(one, other, resampling))
    return {"balanced_pct": balanced[0], "rest_balanced_pct": balanced[1]} | bootstrap.columns(
        "difference_pct_points", (balanced[0] - balanced[1], low, high)
    )


def _differences(rows: pd.DataFrame, rest: pd.DataFrame, resampling: Resampling) -> NDArray[np.float64]:
    """(n_bootstrap,) differences of balanced accuracy, the batches of both resampled together.

    A class that a resample lacks on a side does not count there; NaN where no class is left.
    """
    names, classes = np.unique([*rows["batch"], *rest["batch"]]), np.unique([*rows["y_true"], *rest["y_true"]])
    weights = resampling.weights(len(names))
    balanced = []
    for frame in (rows, rest):
        place = np.searchsorted(classes, frame["y_true"]), np.searchsorted(names, frame["batch"].to_numpy(str))
        sums = np.zeros((len(names), 2 * len(classes)))
        np.add.at(sums, (place[1], place[0]), frame["right"].to_numpy(float))
        np.add.at(sums, (place[1], place[0] + len(classes)), 1)
        right, count = np.hsplit(bootstrap.resample(weights, sums), 2)
        recall = np.divide(right, count, out=np.full(right.shape, np.nan), where=count > 0)
        known = np.isfinite(recall)
        total = np.where(known, recall, 0).sum(axis=1)
        balanced.append(np.divide(total, known.sum(axis=1), out=np.full(len(total), np.nan), where=known.any(axis=1)))
    return balanced[0] - balanced[1]


def _split_rows(
    splits: Sequence[Fit], strict: Mapping, untested: Mapping[str, str], resampling: Resampling
) -> list[dict[str, Any]]:
    """Return the rows of the kind split: a row per fit by operator or by date, or one that gives the reason."""
    rows = []
    for base in group_splits.SPLITTERS:
        fits = [fit for fit in splits if protocols.parse(fit.spec.protocol).base == base]
        made = [
            _fit_columns(fit) | _compare_split(fit, strict.get(replace(fit.spec, protocol="strict")), resampling)
            for fit in fits
        ]
        reason = untested.get(base, NOT_RUN).removeprefix(f"{base}: ").rstrip(".")
        for row in made or [{"n_samples": 0, "n_batches": 0, "reason": reason}]:
            rows.append({"kind": SPLIT, "group": base} | row)
    return rows


def _compare_split(fit: Fit, strict: Fit | None, resampling: Resampling) -> dict[str, Any]:
    """Return the scores of a fit on other folds, with strict's on the same samples."""
    tested = _tested(fit)
    row = {"reason": _no_interval(tested), "n_train_samples": training_samples(fit)} | _scores(tested, resampling)
    if strict is None:
        return row | {"reason": NO_STRICT}
    same = _tested(strict)
    same = same[same["sample"].isin(tested["sample"])]
    identical = tested.groupby("sample")["right"].mean().equals(same.groupby("sample")["right"].mean())
    row |= {"reason": row["reason"] or (IDENTICAL if identical else "")}
    row["rest_n_train_samples"] = training_samples(strict)
    ends = NO_ENDS if row["reason"] else bootstrap.paired_bootstrap(tested, same, "accuracy", resampling)
    return row | _difference(row, same, ends) | {"difference_pct_points_discordant": summaries.discordant(tested, same)}


def training_samples(fit: Fit) -> float:
    """Return the number of samples that a fold trains on, mean over the folds; NaN where none is known."""
    train = fit.split("train")
    return float(train.groupby("fold")["sample"].nunique().mean()) if len(train) else np.nan


def comparisons(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are comparisons with an interval, each comparison once.

    Of two groups of a kind each is the other's rest: that is one comparison. Of three it is not, and none is left out
    for having no interval itself.
    """
    keys = ["kind", "model", "features"]
    groups = table[np.isfinite(table["difference_pct_points"].astype(float))]
    pair = groups.groupby(keys)["group"].transform("size").eq(2) & ~groups["kind"].isin(EACH_ALONE)
    rows = groups[np.isfinite(groups["difference_pct_points_low"].astype(float))]
    return rows[~(pair[rows.index] & rows.duplicated(keys))]


def group_label(row: Mapping[str, Any]) -> str:
    """Name the samples of a row."""
    return SPLITS.get(row["group"], row["group"]) if row["kind"] == SPLIT else row["group"]


def differs(row: Mapping[str, Any]) -> bool:
    """Return whether the interval of a row's difference excludes 0."""
    return tables.excludes(row["difference_pct_points_low"], row["difference_pct_points_high"])


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay the table out: subgroups, a panel per model, then samples of other operators and later days."""
    grouped, split = (table[(table["kind"] == SPLIT) == is_split] for is_split in (False, True))
    made = [
        tables.panel(f"Subgroups: {_model(rows.iloc[0])}", rows, [*FIRST, *_numbers("Others, %", BALANCED)], 2)
        for _, rows in grouped.groupby(["model", "features"], sort=False)
    ]
    trained = split[split["n_train_samples"].notna() & split["rest_n_train_samples"].notna()].to_dict("records")
    notes = tuple(
        f"{_model(row)}, {group_label(row)}: {row['n_train_samples']:.0f} training samples per fold, "
        f"{row['rest_n_train_samples']:.0f} under strict."
        for row in trained
    )
    columns = [*FIRST, ("Model", _model), *_numbers("strict, %")]
    return [*made, tables.panel("Operators and dates absent from training", split, columns, 3, notes=notes)]


def _model(row: tables.Row) -> str:
    """Name a row's model and features; "" where nothing was run."""
    return model_label(row["model"], row["features"]) if isinstance(row["model"], str) else ""


def kind_label(kind: str) -> str:
    """Name what samples are grouped by."""
    name = column_label(kind)
    return KINDS.get(kind, name[:1].upper() + name[1:])


FIRST = [("By", lambda row: kind_label(row["kind"])), ("Samples", group_label)]


def _counted(row: tables.Row) -> str:
    """Format the number of samples, and of those of each class in ascending order: "40 (8/20/12)"."""
    if not row["n_samples"]:
        return "0"
    names = list(row)
    classes = names[names.index(NAMES[-1]) + 1 : names.index(NUMBERS[0])]
    return f"{row['n_samples']:.0f} ({'/'.join(tables.number(row[name]) for name in classes)})"


def _balanced(row: tables.Row) -> str:
    """Format the balanced accuracies that are compared, and over how many classes."""
    if tables.missing(row["balanced_pct"]):
        return tables.DASH
    ours, others = (tables.number(row[name]) for name in ("balanced_pct", "rest_balanced_pct"))
    return f"{ours} and {others} ({row['n_shared_classes']:.0f} classes)"


BALANCED: list[tables.Column] = [("Balanced, group and others, %", _balanced)]


def _numbers(rest: str, columns: Sequence[tables.Column] = ()) -> list[tables.Column]:
    """Return the columns of numbers; rest: heading of what is compared with; columns: before the difference."""
    return [
        ("Number (of each class)", _counted),
        ("Growth days", tables.number_column("n_batches")),
        ("Accuracy, %", tables.interval_column("accuracy_pct")),
        ("Majority class, %", tables.number_column("majority_pct")),
        (rest, tables.number_column("rest_pct")),
        *columns,
        ("Difference, points", tables.difference_column("difference_pct_points")),
        ("Reason for no interval", tables.text_column("reason")),
    ]
