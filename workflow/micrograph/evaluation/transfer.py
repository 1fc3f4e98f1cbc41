"""What pre-training on simulated films gives: accuracy by pre-training and by the share of the training samples.

The fits are of one model by the protocols of the learning curve (strict.share25), and by strict.share0, where a network
that learned the target from simulated films predicts the study's samples without training on any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, learning_curve, metrics, summaries, tables
from micrograph.evaluation.bootstrap import ENDS, Resampling
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.table3 import REFERENCE
from micrograph.evaluation.tables import Panel
from micrograph.splits.fit_spec import KEYS, ON_TARGET

SCORES = {"accuracy": "test_pct", "balanced_accuracy": "balanced_pct"}
COLUMNS = [
    *KEYS,
    *("share_pct", "n_train_samples", "n_train_batches"),
    *(f"{name}{end}" for name in SCORES.values() for end in ENDS),
    *summaries.GAIN,
    *("majority_pct", "constant_balanced_pct", "n_source_films"),
    *("folds", "repeats", "test_repeat_std", "n_samples", "n_batches"),
]
WHOLE_NUMBERS = ["share_pct", "n_source_films", "folds", "repeats", "n_samples", "n_batches"]


def make_table(fits: Sequence[Fit], n_source: int, *, resampling: Resampling, run: RunInfo) -> pd.DataFrame:
    """Make the table: pre-training by pre-training, a row per share, the smallest first.

    Parameters
    ----------
    fits : sequence of Fit
        Of every share, 100 percent too.
    n_source : int
        Number of simulated films of other laboratories that ``simulated`` learned the target from.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        ``test_pct`` and ``balanced_pct`` are pooled test accuracy and balanced accuracy with 95 % intervals over growth
        days; ``gain`` is the accuracy less that of ImageNet weights on the same share, in points. ``majority_pct`` is
        the accuracy of the class most frequent in all training samples of the fold, ``constant_balanced_pct`` the
        balanced accuracy of any constant prediction. ``n_train_samples`` and ``n_train_batches`` are means over folds.

    Raises
    ------
    UserError
        If there are no fits.
    """
    if not fits:
        raise UserError("the table transfer has no predictions to show: name shares in experiments.transfer.")
    reference = {learning_curve.share(fit): fit for fit in fits if fit.spec.pretraining == REFERENCE}
    rows = [
        _row(fit, curve[-1], reference.get(learning_curve.share(fit)), n_source, resampling)
        for curve in learning_curve.by_fit(fits)
        for fit in curve
    ]
    return run.add_to(pd.DataFrame(rows, columns=COLUMNS)).astype(dict.fromkeys(WHOLE_NUMBERS, "Int64"))


def _row(fit: Fit, whole: Fit, reference: Fit | None, n_source: int, resampling: Resampling) -> dict[str, Any]:
    """Return the numbers of one fit; whole: the fit on all training samples, reference: that of ImageNet weights."""

    def score(predictions: pd.DataFrame, metric: str = "accuracy") -> float:
        return metrics.score(predictions[predictions["split"] == "test"], metric, resampling.classes)

    test, train, repeats = fit.split("test"), fit.split("train"), summaries.by_repeat(fit.predictions)
    counts = train.groupby("fold")[["sample", "batch"]].nunique().mean() if len(train) else {"sample": 0, "batch": 0}
    row: dict[str, Any] = learning_curve.whole(fit).columns() | {
        "share_pct": learning_curve.share(fit),
        "n_train_samples": counts["sample"],
        "n_train_batches": counts["batch"],
        "majority_pct": 100 * score(metrics.majority_class_baseline(whole.predictions)),
        "constant_balanced_pct": 100 / test["y_true"].nunique(),
        "n_source_films": n_source if fit.spec.pretraining in ON_TARGET else pd.NA,
        "folds": fit.predictions["fold"].nunique() // len(repeats),
        "repeats": len(repeats),
        "test_repeat_std": 100 * summaries.std_over_repeats(fit.predictions, score),
        "n_samples": test["sample"].nunique(),
        "n_batches": test["batch"].nunique(),
    }
    ends = bootstrap.intervals(test, SCORES, resampling)
    for metric, name in SCORES.items():
        row |= bootstrap.columns(name, (score(test, metric), *ends[metric]), 100)
    if reference is not None and reference is not fit:
        row |= summaries.accuracy_gain("gain_pct_points", reference.predictions, fit.predictions, resampling)
    return row


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay the table out as one panel: pre-training by pre-training, a row per share."""
    columns = [("Pre-training", lambda row: row["pretraining"]), *SHOWN]
    if (table["repeats"] > 1).any():
        columns.append(("Test, SD over repeats, points", tables.number_column("test_repeat_std", 1)))
    films = table["n_source_films"].dropna()
    second = ", a second setting of the simulator that grew the study's own" * int(
        table["data"].eq("simulated films").all()
    )
    notes = tuple(f"simulated: {count:.0f} simulated films of other laboratories{second}." for count in set(films))
    return [tables.panel("Accuracy by pre-training and number of training samples", table, columns, notes=notes)]


SHOWN = [
    ("Share of the training samples %", tables.number_column("share_pct")),
    ("Training samples per fold", tables.number_column("n_train_samples")),
    ("Growth days per fold", tables.number_column("n_train_batches")),
    ("Balanced accuracy % [95 %]", tables.interval_column("balanced_pct", 1)),
    ("Constant prediction, balanced %", tables.number_column("constant_balanced_pct", 1)),
    ("Test % [95 %]", tables.interval_column("test_pct", 1)),
    ("Majority class %", tables.number_column("majority_pct", 1)),
    ("Change from ImageNet, points [95 %]", tables.interval_column("gain_pct_points", 1, tables.signed)),
]
