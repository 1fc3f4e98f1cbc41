"""Regression: errors of predicted values and prediction intervals, beside a predictor that ignores the micrograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, summaries, tables, uncertainty, value_scores
from micrograph.evaluation.bootstrap import ENDS, Resampling
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.evaluation.value_scores import SCORES
from micrograph.splits.fit_spec import KEYS
from micrograph.target import Target

NAME = "Table of regression"
MEAN, MEDIAN = "mean", "median"
CONSTANTS = {MEAN: "mean of the training samples", MEDIAN: "median of the training samples"}
# Score -> the constant that it is compared with: the one that is best by it.
REFERENCE = {"mae": MEDIAN, "rmse": MEAN}
COVERED = ("covered_pct", "covered_by_day_pct", "constant_covered_pct", "constant_covered_by_day_pct")
COLUMNS = [
    *KEYS,
    *(f"{name}{end}" for name in SCORES for end in ENDS),
    *(f"{name}_change{end}" for name in REFERENCE for end in ENDS),
    *("nominal_coverage_pct", "interval_width", "constant_interval_width"),
    *(f"{name}{end}" for name in COVERED for end in ENDS),
    *("n_samples", "n_batches", "n_missing", "folds"),
]


def make_table(fits: Sequence[Fit], coverage: float, *, resampling: Resampling, run: RunInfo) -> pd.DataFrame:
    """Make the table of regression: protocol by protocol its fits, then the constant predictors.

    Parameters
    ----------
    fits : sequence of Fit
        With predicted values.
    coverage : float
        Nominal coverage of the intervals, 0 to 1.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        Scores of all test predictions, in the target's unit, with 95 % intervals over growth batches.
        ``{score}_change``: the score less that of the best constant by it (the training median for the absolute, the
        training mean for the squared error), paired. Of the protocol strict: ``interval_width``, the mean width of
        prediction intervals, and ``covered_pct`` and ``covered_by_day_pct``, the share of samples in their interval
        and the mean over days, which is what is nominal; ``constant_``: of the shortest interval of true values of
        other days. A fit with missing predictions has neither scores nor intervals.

    Raises
    ------
    UserError
        If there are no fits.
    """
    if not fits:
        raise UserError(f"{NAME}: there are no regressions; list the scheme regression in experiments.table4.")
    rows = []
    for protocol, group in summaries.by_protocol(fits).items():
        constants = {name: constant_fit(group[0], name) for name in CONSTANTS}
        references = {name: _resampled(fit, resampling) for name, fit in constants.items()}
        for fit in [*group, *constants.values()]:
            row = _score_row(fit, references, resampling)
            rows.append(row | (_interval_row(fit, coverage, resampling) if protocol == "strict" else {}))
    return run.add_to(pd.DataFrame(rows, columns=COLUMNS))


def constant_fit(fit: Fit, name: str) -> Fit:
    """Return the predictor that gives every sample of a fold the mean or median of its training samples."""
    train = fit.split("train").drop_duplicates(["fold", "sample"]).groupby("fold")["y_true_value"]
    values = train.mean() if name == MEAN else train.median()
    spec = replace(fit.spec, features="none", model=name)
    return Fit(spec, fit.predictions.assign(y_pred_value=fit.predictions["fold"].map(values)))


def _resampled(fit: Fit, resampling: Resampling) -> dict[str, NDArray[np.float64]]:
    test = fit.split("test")
    return value_scores.resampled(test["y_true_value"], test["y_pred_value"], test["batch"], resampling)


def _score_row(fit: Fit, references: Mapping[str, Mapping[str, NDArray]], resampling: Resampling) -> dict[str, Any]:
    """Return the scores of a fit, and their change against the constants."""
    test, scores = fit.split("test"), _resampled(fit, resampling)
    is_constant = fit.spec.model in CONSTANTS
    row: dict[str, Any] = fit.spec.columns() | {
        "n_samples": test["sample"].nunique(),
        "n_batches": test["batch"].nunique(),
        "n_missing": int(test["y_pred_value"].isna().sum()),
        "folds": fit.predictions["fold"].nunique() // len(summaries.by_repeat(fit.predictions)),
    }
    for name in SCORES:
        if not (is_constant and name == "rank_correlation"):  # constants of several folds are ranked by their folds
            row |= value_scores.columns(name, scores[name])
    for name, reference in REFERENCE.items():
        if not is_constant:
            row |= value_scores.columns(f"{name}_change", scores[name] - references[reference][name])
    return row


def intervals(fit: Fit, coverage: float) -> pd.DataFrame:
    """Return the prediction interval of every test sample, from the errors of samples of other growth batches.

    Parameters
    ----------
    fit : Fit
        By the protocol strict: each sample's prediction is of a model that was not trained on its batch.
    coverage : float
        Nominal coverage, 0 to 1.

    Returns
    -------
    DataFrame
        A row per test sample, its values averaged over repeats: sample, batch, y_true_value, y_pred_value, low, high;
        constant_low and constant_high: the shortest interval of the true values of other batches that has the coverage
        where their own batch weighs as much as another. Infinite with too few batches.

    References
    ----------
    Y. Lee, R. F. Barber, R. Willett, "Distribution-free inference with hierarchical data", 2023.
    """
    test = fit.split("test")
    rows = (
        test[test["augmentation"] == 0]
        .groupby(["sample", "batch"], as_index=False)[["y_true_value", "y_pred_value"]]
        .mean()
    )
    batches, true = rows["batch"].to_numpy(str), rows["y_true_value"].to_numpy(float)
    reach = uncertainty.reach_without_own_batch((rows["y_pred_value"] - true).abs(), batches, coverage)
    ends = np.full((len(rows), 2), [-np.inf, np.inf])
    others = len(np.unique(batches)) - 1
    if coverage * (others + 1) <= others:
        for name in np.unique(batches):
            own = batches == name
            ends[own] = uncertainty.constant_interval(true[~own], batches[~own], coverage * (others + 1) / others)
    return rows.assign(
        low=rows["y_pred_value"] - reach, high=rows["y_pred_value"] + reach,
        constant_low=ends[:, 0], constant_high=ends[:, 1],
    )  # fmt: skip


def _interval_row(fit: Fit, coverage: float, resampling: Resampling) -> dict[str, Any]:
    """Return width and coverage of a fit's intervals and of the constant one; of constants nothing."""
    if fit.spec.model in CONSTANTS or fit.split("test")["y_pred_value"].isna().any():
        return {}
    rows = intervals(fit, coverage)
    days, batch = np.unique(rows["batch"].to_numpy(str), return_inverse=True)
    weights = resampling.weights(len(days))
    row: dict[str, Any] = {"nominal_coverage_pct": 100 * coverage}
    for prefix in ("", "constant_"):
        low, high = (rows[f"{prefix}{end}"] for end in ("low", "high"))
        within = 100.0 * rows["y_true_value"].between(low - uncertainty.ROUNDING, high + uncertainty.ROUNDING)
        row[f"{prefix}interval_width"] = float((high - low).mean())
        by_day = np.bincount(batch, within) / np.bincount(batch)
        for name, (values, place) in {
            "covered_pct": (within.to_numpy(float), batch),
            "covered_by_day_pct": (by_day, np.arange(len(days))),
        }.items():
            row |= bootstrap.columns(f"{prefix}{name}", uncertainty.mean_interval(values, place, weights)[:3])
    return row


def panels(table: pd.DataFrame, target: Target) -> list[Panel]:
    """Lay the table out: errors of each protocol, then the prediction intervals."""
    unit, digits = f", {target.unit}" if target.unit else "", tables.value_digits(target)
    errors: list[tables.Column] = [
        ("Model", _model),
        (f"MAE{unit} [95 %]", tables.interval_column("mae", digits)),
        ("Less training median", tables.difference_column("mae_change", digits)),
        (f"RMSE{unit} [95 %]", tables.interval_column("rmse", digits)),
        ("Less training mean", tables.difference_column("rmse_change", digits)),
        ("R² [95 %]", tables.interval_column("r2", 2)),
        ("Rank correlation [95 %]", tables.interval_column("rank_correlation", 2)),
    ]
    with_intervals = table[table["interval_width"].notna()]
    nominal = tables.number(table["nominal_coverage_pct"].max())
    widths: list[tables.Column] = [
        ("Model", _model),
        (f"Mean width{unit}", tables.number_column("interval_width", digits)),
        (f"Constant interval{unit}", tables.number_column("constant_interval_width", digits)),
        ("Covered, mean over days % [95 %]", tables.interval_column("covered_by_day_pct")),
        ("Constant, mean over days %", tables.interval_column("constant_covered_by_day_pct")),
        ("Samples covered, %", tables.interval_column("covered_pct")),
    ]
    title = f"Prediction intervals, strict, nominal coverage {nominal} %"
    notes = (TOO_FEW,) if np.isinf(with_intervals["interval_width"].astype(float)).any() else ()
    made = [
        tables.panel(f"Errors, protocol {protocol}", rows, errors)
        for protocol, rows in table.groupby("protocol", sort=False)
    ]
    return [*made, *([tables.panel(title, with_intervals, widths, notes=notes)] if len(with_intervals) else [])]


TOO_FEW = "There are too few growth days for an interval that has this coverage: it is infinite."


def _model(row: tables.Row) -> str:
    return CONSTANTS.get(row["model"], row["model"])
