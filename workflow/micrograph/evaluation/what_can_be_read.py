"""What can be read: which growth variables micrographs tell, against metadata, and with the target known.

`RULE` says how a verdict is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.evaluation import bootstrap, conclusions, tables, value_scores
from micrograph.evaluation.bootstrap import ENDS, Resampling
from micrograph.evaluation.conclusions import Estimate
from micrograph.evaluation.labels import column_label
from micrograph.evaluation.tables import Panel
from micrograph.evaluation.value_scores import SCORES
from micrograph.target import Target

NAME = "What can be read"
IMAGES, METADATA, TARGET, BOTH = INPUTS = ("micrographs", "metadata", "target", "micrographs+target")
KEYS = {IMAGES: "images", METADATA: "metadata", TARGET: "target", BOTH: "both"}  # in the names of columns
AHEAD, GAIN = "images_less_metadata", "gain_over_target"  # micrographs less metadata, both less the target alone
PAIRS = {AHEAD: (IMAGES, METADATA), GAIN: (BOTH, TARGET)}
READ, NOT_SHOWN = "yes", "not shown"
RULE = (
    "A variable is read where the 95 % interval of the balanced accuracy of micrographs, widened for the number of "
    "variables (Bonferroni), lies above that of a constant; with the target known, where that of the gain of "
    "micrographs and target over the target alone lies above 0. Otherwise, and with fewer than "
    f"{conclusions.MIN_BATCHES} growth days, this is not shown, which is no evidence that the film does not hold it."
)
COUNTS = ("n_classes", "n_samples", "n_scans", "n_batches", "repeats")
DECIMALS = 1  # of the intervals that are judged
COLUMNS = [
    *("variable", "is_target", "is_number", "labels", *COUNTS, "constant_pct"),
    *(f"balanced_{key}_pct{end}" for key in KEYS.values() for end in ENDS),
    *(f"{name}_pct_points{end}" for name in PAIRS for end in ENDS),
    *("verdict", "verdict_with_target"),
    *(f"{score}{end}" for score in SCORES for end in ENDS),
    *("constant_mae", "constant_rmse"),
    *(f"r2_{KEYS[name]}{end}" for name in (METADATA, TARGET, BOTH) for end in ENDS),
    *(f"r2_{name}{end}" for name in PAIRS for end in ENDS),
    "reason",
]


def make_table(
    predictions: pd.DataFrame, variables: pd.DataFrame, target: Target, *, resampling: Resampling, data: str
) -> pd.DataFrame:
    """Make the table: a row per growth variable.

    Parameters
    ----------
    predictions, variables : DataFrame
        Of `models.growth_variables.predict`.
    target : Target
        Of the study.
    resampling : Resampling
    data : str
        What the samples are, as ``simulated films``.

    Returns
    -------
    DataFrame
        ``balanced_{input}_pct``: balanced accuracy from micrographs (``images``), from the other metadata, from the
        target, and from micrographs and target (``both``); ``constant_pct`` that of any constant.
        ``images_less_metadata``, ``gain_over_target``: paired differences. Of numbers the errors of micrographs in the
        column's unit, those of the training mean, and R² of every input. Intervals are 95 %, over growth batches.
        ``verdict``: by `RULE`; ``reason``: why the variable is left out.
    """
    n_tested = int((variables["reason"].fillna("") == "").sum())
    rows = []
    for fact in variables.fillna({"labels": "", "reason": ""}).to_dict("records"):
        own = predictions[predictions["variable"] == fact["variable"]]
        row = {
            "variable": fact["variable"],
            "is_target": fact["variable"] == target.column,
            "is_number": fact["is_number"],
        }
        row |= {"labels": fact["labels"], "reason": fact["reason"]}
        if not fact["reason"]:
            row |= _classes(own[own["kind"] == "classes"], fact["labels"].split(" | "), n_tested, resampling)
            row["n_scans"] = fact["n_scans"]
            row |= _values(own[own["kind"] == "value"], resampling) if fact["is_number"] else {}
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COUNTS, "Int64")).assign(data=data)


def _classes(rows: pd.DataFrame, labels: Sequence[str], n_tested: int, resampling: Resampling) -> dict[str, Any]:
    """Return the balanced accuracies of a variable and their verdicts."""
    constant, batches = 100 / len(labels), rows["batch"].nunique()
    row: dict[str, Any] = {
        "n_classes": len(labels),
        "n_samples": rows["sample"].nunique(),
        "n_batches": batches,
        "repeats": rows["repeat"].nunique(),
        "constant_pct": constant,
    }
    scores = {name: _balanced_pct(own, len(labels), resampling) for name, own in rows.groupby("inputs")}
    row |= _columns("balanced_{}_pct", "{}_pct_points", scores)
    row["verdict"] = verdict(row, "balanced_images_pct", constant, batches, n_tested)
    if BOTH in scores:
        row["verdict_with_target"] = verdict(row, f"{GAIN}_pct_points", 0.0, batches, n_tested)
    return row


def _columns(single: str, paired: str, scores: Mapping[str, NDArray]) -> dict[str, float]:
    """Return the columns of every input's score, and of their paired differences."""
    row: dict[str, float] = {}
    for name, key in KEYS.items():
        row |= value_scores.columns(single.format(key), scores[name]) if name in scores else {}
    for name, (first, second) in PAIRS.items():
        if first in scores and second in scores:
            row |= value_scores.columns(paired.format(name), scores[first] - scores[second])
    return row


def _balanced_pct(rows: pd.DataFrame, n_classes: int, resampling: Resampling) -> NDArray[np.float64]:
    """Return the balanced accuracy of all rows, then of every resample of their batches, in percent.

    A resample without one of the classes has none, as in `metrics`.
    """
    names, batch = np.unique(rows["batch"].to_numpy(str), return_inverse=True)
    true = rows["y_true"].to_numpy(int)
    counts = np.zeros((len(names), 2, n_classes))
    right = rows["y_pred"].to_numpy(int) == true
    for place, weight in enumerate((np.ones(len(true)), right.astype(float))):
        np.add.at(counts[:, place], (batch, true), weight)
    weights = np.vstack([np.ones(len(names)), resampling.weights(len(names))])
    total, correct = np.moveaxis(bootstrap.resample(weights, counts), 1, 0)
    recall = np.divide(correct, total, out=np.full(total.shape, np.nan), where=total > 0)
    return 100 * recall[:, total[0] > 0].mean(axis=1)


def _values(rows: pd.DataFrame, resampling: Resampling) -> dict[str, float]:
    """Return the errors of a number's predictions."""
    scores = {
        name: value_scores.resampled(own["y_true"], own["y_pred"], own["batch"], resampling)
        for name, own in rows.groupby("inputs")
    }
    row: dict[str, float] = {}
    for score in SCORES:
        row |= value_scores.columns(score, scores[IMAGES][score])
    row |= {f"constant_{score}": float(scores["nothing"][score][0]) for score in ("mae", "rmse")}
    return row | _columns("r2_{}", "r2_{}", {name: each["r2"] for name, each in scores.items()})


def verdict(row: Mapping[str, Any], column: str, reference: float, n_batches: int, n_tested: int) -> str:
    """Apply `RULE` to a column of a row with its interval."""
    value, low, high = (row[f"{column}{end}"] for end in ENDS)
    wide = conclusions.widened(Estimate("", value, low, high), n_tested)
    few = bool(conclusions.too_few(n_batches))
    return READ if not few and round(wide.low, DECIMALS) > round(reference, DECIMALS) else NOT_SHOWN


def label(column: str, target: Target) -> str:
    """Name a growth variable, with its unit where it is known: growth time (s)."""
    return target.named if column == target.column else column_label(column)


def panels(table: pd.DataFrame, target: Target) -> list[Panel]:
    """Lay the table out: classes, classes with the target known, values, and what is left out."""
    out = table["reason"].fillna("") != ""
    read, numbers = table[~out], table[~out & table["is_number"].astype(bool)]
    others = read[read["verdict_with_target"].notna()]
    first = [("Growth variable", lambda row: label(row["variable"], target))]
    several = bool((read["n_scans"] > read["n_samples"]).any())
    classes = [column for column in CLASSES if column[0] != "Scans" or several]
    shown = [
        tables.panel("Classes", read, [*first, *classes], 2, notes=(RULE,)),
        tables.panel(f"Classes, with the {target.name} known", others, [*first, *_given(target.name)], 1),
        tables.panel("Values of numbers", numbers, [*first, *VALUES], 1),
        tables.panel("Left out", table[out], [*first, ("Reason", tables.text_column("reason"))], 2),
    ]
    return [panel for panel in shown if panel.rows]


def _number(name: str) -> Callable[[tables.Row], str]:
    """Return the function of a row that formats an error with its interval, to three digits of the constant's."""

    def text(row: tables.Row) -> str:
        size = row["constant_mae"]
        digits = max(0, 2 - int(np.floor(np.log10(size)))) if np.isfinite(size) and size > 0 else 2
        value, low, high = (row.get(f"{name}{end}", np.nan) for end in ENDS)
        return tables.interval(value, low, high, digits)

    return text


def _given(name: str) -> list[tables.Column]:
    """Return the columns of a model that knows the study's target."""
    return [
        (f"From the {name} alone, balanced accuracy % [95 %]", tables.interval_column("balanced_target_pct")),
        ("Micrographs, too, %", tables.interval_column("balanced_both_pct")),
        ("Gain, points", tables.difference_column(f"{GAIN}_pct_points")),
        (f"Read with the {name} known", lambda row: row["verdict_with_target"]),
    ]


CLASSES: list[tables.Column] = [
    ("Classes", lambda row: row["labels"].replace(" | ", ", ")),
    ("Samples", tables.number_column("n_samples")),
    ("Scans", tables.number_column("n_scans")),
    ("Growth days", tables.number_column("n_batches")),
    ("Constant, %", tables.number_column("constant_pct")),
    ("Micrographs, balanced accuracy % [95 %]", tables.interval_column("balanced_images_pct")),
    ("Other metadata, %", tables.interval_column("balanced_metadata_pct")),
    ("Micrographs less metadata, points", tables.difference_column(f"{AHEAD}_pct_points")),
    ("Read off micrographs", lambda row: row["verdict"]),
]
VALUES: list[tables.Column] = [
    ("MAE [95 %]", _number("mae")),
    ("MAE, training mean", _number("constant_mae")),
    ("RMSE [95 %]", _number("rmse")),
    ("RMSE, training mean", _number("constant_rmse")),
    ("R² [95 %]", tables.interval_column("r2", 2)),
    ("Rank correlation [95 %]", tables.interval_column("rank_correlation", 2)),
    ("R², other metadata", tables.interval_column("r2_metadata", 2)),
    ("Gain in R² where the target is known", tables.difference_column(f"r2_{GAIN}", 2)),
]
