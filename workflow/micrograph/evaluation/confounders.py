"""Confounders: test accuracy by subgroup, and on samples of operators or dates absent from training.

Subgroups (:mod:`micrograph.evaluation.subgroups`) are compared with all other samples; the kind ``split`` compares
folds by operator or by date with strict on the same samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, metrics, subgroups, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.labels import model_label
from micrograph.evaluation.subgroups import Group
from micrograph.evaluation.summaries import ENDS, Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits import group_splits, protocols

NAME = "Table of confounders"
FEWEST = 5  # batches on either side: of fewer, a bootstrap underestimates how far they differ
SPLIT = "split"
KINDS = {
    "growth_seconds": "Growth time",
    "substrate": "Substrate",
    "batch_size": "Samples of the growth day",
    "scan_quality": "Scan quality",
    "pressure_torr": "Pressure",
    "operator": "Operator",
    SPLIT: "Tested samples",
}
SPLITS = {"by_operator": "of a new operator", "by_date": "of later days"}
EACH_ALONE = {"scan_quality", SPLIT}  # kinds whose groups do not complement each other
COLUMNS = [
    *("kind", "group", "model", "features", "n_samples", "n_batches"),
    *("accuracy_pct", "accuracy_low", "accuracy_high", "majority_pct", "rest_pct"),
    *(f"difference_pct_points{end}" for end in ENDS),
    *("reason", "overall_pct", "n_train_samples", "rest_n_train_samples", "pretraining", "policy", "scheme"),
]

# Why there is no interval.
UNKNOWN = "not in the sample sheet"
NOT_RUN = "not in experiments.confounders"
NO_STRICT = "the same model was not run under strict"
NO_OTHERS = "the same for all samples"
FEW = f"fewer than {FEWEST} batches"
CONSTANT = "all predictions right, or all wrong"
IDENTICAL = "right on the same samples as strict"


def make_table(
    samples: pd.DataFrame,
    levelled: Iterable[pd.DataFrame],
    fits: Iterable[Fit],
    splits: Sequence[Fit],
    strict: Iterable[Fit],
    untested: Mapping[str, str],
    *,
    resampling: Resampling,
    run: RunInfo,
) -> pd.DataFrame:
    """Make the table of confounders.

    Parameters
    ----------
    samples : DataFrame
        Table of samples.
    levelled : iterable of DataFrame
        Tables of the levelled scans of all shards.
    fits : iterable of Fit
        Strict fits whose samples are grouped.
    splits : sequence of Fit
        Fits by operator and by date.
    strict : iterable of Fit
        Strict fits of the same models.
    untested : mapping
        {protocol: why its folds could not be made}.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        ``accuracy_pct`` of the group's test samples; ``majority_pct`` of the majority class on them; ``rest_pct`` of
        all other samples, for the kind ``split`` of strict on the same samples; ``difference_pct_points``: the group
        less the rest. Where there is no interval, ``reason`` says why: fewer than FEWEST batches on either side, or
        constant predictions, whose resamples would not vary. ``overall_pct``: of all samples. ``n_train_samples``: mean
        over the folds, for the kind ``split``.

    Raises
    ------
    UserError
        If a predicted sample is not in the table of samples.
    """
    known_samples = subgroups.known_samples(samples, levelled)
    known = known_samples.set_index("sample").index
    rows = []
    for fit in fits:
        tested = _tested(fit)
        for lost in sorted(set(tested["sample"]) - set(known)):
            raise UserError(f"{NAME}: sample {lost} has predictions and is not in samples.tsv; fit the models again.")
        for kind, groups in subgroups.groups(known_samples).items():
            rows += [_fit_columns(fit) | row for row in _group_rows(kind, groups, known, tested, resampling)]
    rows += _split_rows(splits, {replace(fit.spec, protocol="strict"): fit for fit in strict}, untested, resampling)
    table = run.add_to(pd.DataFrame(rows, columns=COLUMNS))
    return table.assign(reason=table["reason"].fillna(""))


def _fit_columns(fit: Fit) -> dict[str, str]:
    return {name: value for name, value in fit.spec.columns().items() if name != "protocol"}


def _tested(fit: Fit) -> pd.DataFrame:
    """Return the test rows of a fit with the columns right and majority (whether that is right), 0 or 1."""
    majority = metrics.majority_class_baseline(fit.predictions)
    right, majority = (
        (frame["y_pred"] == frame["y_true"]).fillna(False).astype(float) for frame in (fit.predictions, majority)
    )
    return Fit(fit.spec, fit.predictions.assign(right=right, majority=majority)).split("test")


def _group_rows(
    kind: str, groups: Sequence[Group], known: pd.Index, tested: pd.DataFrame, resampling: Resampling
) -> list[dict[str, Any]]:
    """Return the rows of one kind: its groups, each against all other known samples; or one that gives the reason."""
    overall = {"overall_pct": 100 * tested["right"].mean()}
    if not groups or (len(groups) == 1 and (groups[0].missing or groups[0].members.all())):
        missing = bool(groups) and groups[0].missing
        name, reason = (subgroups.NOT_STATED, UNKNOWN) if missing else ("all samples", NO_OTHERS)
        return [{"kind": kind, "group": name, "reason": reason} | _scores(tested, resampling) | overall]
    unknown = set().union(*(known[group.members] for group in groups if group.missing))
    not_stated = tested["sample"].isin(unknown)
    rows = []
    for group in sorted(groups, key=lambda group: group.missing):
        if group.missing:
            scores = {"reason": UNKNOWN} | _scores(tested[not_stated], resampling)
        else:
            inside = tested["sample"].isin(known[group.members])
            scores = _compare_groups(tested[inside], tested[~inside & ~not_stated], resampling)
        rows.append({"kind": kind, "group": group.name} | scores | overall)
    return rows


def _scores(rows: pd.DataFrame, resampling: Resampling) -> dict[str, Any]:
    """Return samples, batches, accuracy and majority of some test rows; without one where `_no_interval`."""
    scores = {"n_samples": rows["sample"].nunique(), "n_batches": rows["batch"].nunique()}
    if rows.empty:
        return scores
    scores |= {"accuracy_pct": 100 * rows["right"].mean(), "majority_pct": 100 * rows["majority"].mean()}
    if not _no_interval(rows):
        low, high = bootstrap.bootstrap(rows, "accuracy", resampling)
        scores |= {"accuracy_low": 100 * low, "accuracy_high": 100 * high}
    return scores


def _compare_groups(rows: pd.DataFrame, rest: pd.DataFrame, resampling: Resampling) -> dict[str, Any]:
    """`_scores` of a group, and its difference to the rest with the interval, or why there is none."""
    row = _scores(rows, resampling) | {"reason": _no_interval(rows)}
    if rest.empty or rows.empty:
        return row | {"reason": row["reason"] or NO_OTHERS}
    row["reason"] = row["reason"] or (f"the rest: {_no_interval(rest)}" if _no_interval(rest) else "")
    row["rest_pct"] = 100 * rest["right"].mean()
    row["difference_pct_points"] = row["accuracy_pct"] - row["rest_pct"]
    if row["reason"]:
        return row
    low, high = bootstrap.interval(100 * _differences(rows, rest, resampling))
    return row | {"difference_pct_points_low": low, "difference_pct_points_high": high}


def _no_interval(rows: pd.DataFrame) -> str:
    """Why a bootstrap over batches is not informative for these rows; "" where it is."""
    if rows["batch"].nunique() < FEWEST:
        return FEW
    return CONSTANT if rows["right"].nunique() < 2 else ""


def _differences(rows: pd.DataFrame, rest: pd.DataFrame, resampling: Resampling) -> NDArray[np.float64]:
    """(n_bootstrap,) differences of accuracy, the batches of both resampled together; NaN where one has no sample."""
    names = np.unique([*rows["batch"], *rest["batch"]])
    sums = [
        bootstrap.cluster_sums(
            np.stack([frame["right"].to_numpy(), np.ones(len(frame))], axis=1),
            np.searchsorted(names, frame["batch"].to_numpy(str)),
            len(names),
        )
        for frame in (rows, rest)
    ]
    resampled = bootstrap.resample(resampling.weights(len(names)), np.hstack(sums))
    with np.errstate(invalid="ignore", divide="ignore"):
        return resampled[:, 0] / resampled[:, 1] - resampled[:, 2] / resampled[:, 3]


def _split_rows(
    splits: Sequence[Fit], strict: Mapping, untested: Mapping[str, str], resampling: Resampling
) -> list[dict[str, Any]]:
    """Return the rows of the kind split: a row a fit by operator or by date, or one that gives the reason."""
    rows = []
    for base in group_splits.SPLITTERS:
        fits = [fit for fit in splits if protocols.parse(fit.spec.protocol).base == base]
        for fit in fits:
            same = strict.get(replace(fit.spec, protocol="strict"))
            rows.append({"kind": SPLIT, "group": base} | _fit_columns(fit) | _compare_split(fit, same, resampling))
        if not fits:
            reason = untested.get(base, NOT_RUN).removeprefix(f"{base}: ").rstrip(".")
            rows.append({"kind": SPLIT, "group": base, "n_samples": 0, "n_batches": 0, "reason": reason})
    return rows


def _compare_split(fit: Fit, strict: Fit | None, resampling: Resampling) -> dict[str, Any]:
    """Return the scores of a fit on other folds, with strict's on the same samples."""
    tested = _tested(fit)
    row = _scores(tested, resampling) | {"reason": _no_interval(tested), "n_train_samples": _training_samples(fit)}
    if strict is None:
        return row | {"reason": NO_STRICT}
    same = _tested(strict)
    same = same[same["sample"].isin(tested["sample"])]
    row |= {"rest_pct": 100 * same["right"].mean(), "rest_n_train_samples": _training_samples(strict)}
    row["difference_pct_points"] = row["accuracy_pct"] - row["rest_pct"]
    identical = tested.groupby("sample")["right"].mean().equals(same.groupby("sample")["right"].mean())
    row["reason"] = row["reason"] or (IDENTICAL if identical else "")
    if row["reason"]:
        return row
    low, high = bootstrap.paired_bootstrap(tested, same, "accuracy", resampling)
    return row | {"difference_pct_points_low": 100 * low, "difference_pct_points_high": 100 * high}


def _training_samples(fit: Fit) -> float:
    """Return samples that a fold trains on, mean over the folds."""
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
    """Lay the table out: subgroups, a panel a model, then samples of other operators and later days."""
    grouped, split = (table[(table["kind"] == SPLIT) == is_split] for is_split in (False, True))
    made = [
        _panel(f"Subgroups: {_model(rows.iloc[0])}", rows, [], "Others, %")
        for _, rows in grouped.groupby(["model", "features"], sort=False)
    ]
    return [*made, _panel("Operators and dates absent from training", split, [("Model", _model)], "strict, %")]


def _model(row: Mapping[str, Any]) -> str:
    """Name a row's model and features; "" where nothing was run."""
    return model_label(row["model"], row["features"]) if isinstance(row["model"], str) else ""


def _panel(title: str, rows: pd.DataFrame, extra: Sequence[tables.Column], rest: str) -> Panel:
    """One panel; extra: further columns of text; rest: heading of what is compared with."""
    lines = [
        [KINDS[row["kind"]], group_label(row), *(text(row) for _, text in extra), *_cells(row)]
        for row in rows.to_dict("records")
    ]
    headings = ["By", "Samples", *(heading for heading, _ in extra), "Number", "Growth days", "Accuracy, %"]
    headings += ["Majority class, %", rest, "Difference, points", "Reason for no interval"]
    return Panel(title, headings, tables.without_repeats(lines), text_columns=2 + len(extra), notes=_notes(rows))


def _cells(row: Mapping[str, Any]) -> list[str]:
    """Return the numbers of a row."""
    return [
        *(tables.number(row[name]) for name in ("n_samples", "n_batches")),
        tables.interval(row["accuracy_pct"], row["accuracy_low"], row["accuracy_high"], 0),
        *(tables.number(row[name]) for name in ("majority_pct", "rest_pct")),
        tables.difference_column("difference_pct_points")(row),
        row["reason"],
    ]


def _notes(rows: pd.DataFrame) -> tuple[str, ...]:
    """Training samples of the folds that are compared."""
    known = rows[(rows["kind"] == SPLIT) & rows["n_train_samples"].notna() & rows["rest_n_train_samples"].notna()]
    return tuple(
        f"{_model(row)}, {group_label(row)}: {row['n_train_samples']:.0f} training samples per fold, "
        f"{row['rest_n_train_samples']:.0f} under strict."
        for row in known.to_dict("records")
    )
