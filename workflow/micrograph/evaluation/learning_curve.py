"""Learning curve: accuracy on new growth days by the number of training samples, and what the last of them added.

The protocols train on a share of each fold's training samples (strict.share25): whole growth days are left out of
training, a larger share holds the days of a smaller one, and the same samples select hyperparameters and are tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, metrics, summaries, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.labels import fit_labels
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits import protocols
from micrograph.splits.fit_spec import KEYS, FitSpec

NAME = "Learning curve"
STEPS = ("gain", "rise")  # against the next smaller share, against the smallest
COLUMNS = [
    *KEYS,
    *("share_pct", "n_train_samples", "n_train_batches"),
    *(f"test_pct{end}" for end in bootstrap.ENDS),
    *(f"{step}_pct_points{end}" for step in STEPS for end in summaries.PAIRED),
    *(
        "majority_pct",
        "folds",
        "repeats",
        "test_repeat_std",
        "gain_repeat_std",
        "rise_repeat_std",
        "n_samples",
        "n_batches",
    ),
]
WHOLE_NUMBERS = ["share_pct", "folds", "repeats", "n_samples", "n_batches"]


def make_table(fits: Sequence[Fit], *, resampling: Resampling, run: RunInfo) -> pd.DataFrame:
    """Make the learning curve: fit by fit, a row per share, the smallest first.

    Parameters
    ----------
    fits : sequence of Fit
        Of every share, 100 percent too.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        ``test_pct`` is pooled test accuracy; ``gain`` that less the same of the next smaller share, ``rise`` less that
        of the smallest, in points; 95 % intervals resample the tested growth days, not those left out of training.
        ``n_train_samples`` and ``n_train_batches`` are means over the folds. ``_repeat_std`` is the standard deviation
        over repeats of the cross-validation, in points; it includes the choice of training days.

    Raises
    ------
    UserError
        If there are no fits.
    """
    if not fits:
        raise UserError("the learning curve has no predictions to show: name models in experiments.learning_curve.")
    rows = [_row(place, curve, resampling) for curve in by_fit(fits) for place in range(len(curve))]
    return run.add_to(pd.DataFrame(rows, columns=COLUMNS)).astype(dict.fromkeys(WHOLE_NUMBERS, "Int64"))


def share(fit: Fit) -> int:
    """Return the share of the training samples in percent."""
    return protocols.parse(fit.spec.protocol).share


def whole(fit: Fit) -> FitSpec:
    """Return the spec of a fit without its share."""
    return replace(fit.spec, protocol=replace(protocols.parse(fit.spec.protocol), share=protocols.WHOLE).name)


def by_fit(fits: Sequence[Fit]) -> list[list[Fit]]:
    """Return the fits of every curve, by ascending share, in the order in which the curves come first."""
    curves: dict[FitSpec, list[Fit]] = {}
    for fit in fits:
        curves.setdefault(whole(fit), []).append(fit)
    return [sorted(curve, key=share) for curve in curves.values()]


def _row(place: int, curve: Sequence[Fit], resampling: Resampling) -> dict[str, Any]:
    """Return the numbers of one point of a curve."""

    def accuracy(predictions: pd.DataFrame) -> float:
        return metrics.score(predictions[predictions["split"] == "test"], "accuracy", resampling.classes)

    fit, test = curve[place], curve[place].split("test")
    train, repeats = fit.split("train").groupby("fold"), summaries.by_repeat(fit.predictions)
    row: dict[str, Any] = whole(fit).columns() | {
        "share_pct": share(fit),
        "n_train_samples": train["sample"].nunique().mean(),
        "n_train_batches": train["batch"].nunique().mean(),
        "majority_pct": 100 * accuracy(metrics.majority_class_baseline(fit.predictions)),
        "repeats": len(repeats),
        "folds": fit.predictions["fold"].nunique() // len(repeats),
        "test_repeat_std": 100 * summaries.std_over_repeats(fit.predictions, accuracy),
        "n_samples": test["sample"].nunique(),
        "n_batches": test["batch"].nunique(),
    }
    ends = bootstrap.bootstrap(test, "accuracy", resampling)
    row |= bootstrap.columns("test_pct", (accuracy(test), *ends), 100)
    for step, less in {"gain": curve[place - 1], "rise": curve[0]}.items() if place else ():
        row |= summaries.accuracy_gain(f"{step}_pct_points", less.predictions, fit.predictions, resampling)
        others = summaries.by_repeat(less.predictions)
        if len(others) == len(repeats) > 1:
            each = [accuracy(one) - accuracy(other) for one, other in zip(repeats, others, strict=True)]
            row[f"{step}_repeat_std"] = 100 * float(np.std(each, ddof=1))
    return row


def names(table: pd.DataFrame) -> list[str]:
    """Name the fit of each row by its model, its features and what else distinguishes it."""
    return fit_labels(summaries.specs(table), always=("model", "features"))


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay the learning curve out as one panel: fit by fit, a row per share."""
    columns = [("Model", lambda row: row["name"]), *SHOWN, *(REPEATS if (table["repeats"] > 1).any() else [])]
    return [tables.panel("Accuracy by number of training samples", table.assign(name=names(table)), columns)]


SHOWN = [
    ("Share of the training samples %", tables.number_column("share_pct")),
    ("Training samples per fold", tables.number_column("n_train_samples")),
    ("Growth days per fold", tables.number_column("n_train_batches")),
    ("Test % [95 %]", tables.interval_column("test_pct", 1)),
    ("Change from the next smaller share, points [95 %]", tables.interval_column("gain_pct_points", 1, tables.signed)),
    ("Change from the smallest share, points [95 %]", tables.interval_column("rise_pct_points", 1, tables.signed)),
    ("Majority class %", tables.number_column("majority_pct", 1)),
]
REPEATS = [
    ("Test, SD over repeats, points", tables.number_column("test_repeat_std", 1)),
    ("Change from the next smaller share, SD over repeats, points", tables.number_column("gain_repeat_std", 1)),
]
