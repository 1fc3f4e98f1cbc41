"""Noise floor: how far the scans of one film disagree, and how much of the error that explains.

Of two scans of one film with different predictions at least one is wrong, whatever the film is. The least share of
wrong predictions of a film is therefore that of the scans outside of its most frequent class; the mean squared error of
its values is that of their mean plus their variance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.evaluation import bootstrap, tables
from micrograph.evaluation.bootstrap import ENDS, Resampling
from micrograph.evaluation.confounders import FEWEST
from micrograph.evaluation.labels import fit_labels
from micrograph.evaluation.summaries import Fit, RunInfo, specs
from micrograph.evaluation.tables import Panel
from micrograph.target import Target

NAME = "Table of the noise floor"
NONE = "Every film has one scan, so that disagreement between scans cannot be measured."
# Means over films: column, factor, and the measures of a film whose mean, or ratio of means, it is.
SHARES = {
    "disagreeing_pct": (100, "disagrees", None),
    "error_pct": (100, "error", None),
    "explained_pct": (100, "floor", "error"),
    "explained_variance_pct": (100, "variance", "squared_error"),
}
COLUMNS = [
    *("protocol", "pretraining", "policy", "features", "scheme", "model", "n_samples", "n_scans", "n_batches"),
    *(f"{name}{end}" for name in SHARES for end in ENDS),
    *("spread", "rmse"),
]


def make_table(fits: Iterable[Fit], *, resampling: Resampling, run: RunInfo) -> pd.DataFrame:
    """Make the table of the noise floor.

    Parameters
    ----------
    fits : iterable of Fit
        Predictions of scans, not of films.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        A row per fit, of the films with several scans in the test split; empty where there are none. Every film counts
        once. ``disagreeing_pct``: films whose scans have different predictions; ``error_pct``: wrong predictions of
        scans; ``explained_pct``: share of these that disagreement alone makes. Of values: ``spread``, the standard
        deviation between the scans of a film; ``rmse`` of scans; ``explained_variance_pct``, the share of the mean
        squared error that the differences between the scans of a film make. 95 % intervals from a bootstrap over growth
        days, with FEWEST of them or more.
    """
    rows = [
        fit.spec.columns() | _measure(films, resampling) for fit in fits if len(films := by_film(fit.split("test")))
    ]
    table = run.add_to(pd.DataFrame(rows, columns=COLUMNS))
    return table.astype(dict.fromkeys(("n_samples", "n_scans", "n_batches"), "Int64"))


def by_film(scans: pd.DataFrame) -> pd.DataFrame:
    """Measure every film with several scans, fold by fold.

    Parameters
    ----------
    scans : DataFrame
        Predictions of scans.

    Returns
    -------
    DataFrame
        film, batch, count (of scans), disagrees (0 or 1), error and floor (shares of its scans); of values variance and
        squared_error (means over the scans) and between (variance with count - 1), NaN without values.
    """
    scans = scans[scans["augmentation"] == 0].copy()
    error = scans["y_pred_value"] - scans["y_true_value" if "y_true_value" in scans else "y_true"].astype(float)
    scans["prediction"] = scans["y_pred"].astype("Float64").fillna(-np.inf)  # a missing one is a class of its own
    scans["wrong"] = (scans["y_pred"] != scans["y_true"]).fillna(True).astype(float)
    scans["squared_error"] = error**2
    groups = scans[scans.groupby(["fold", "film"])["sample"].transform("nunique") > 1].groupby(["fold", "film"])
    most = groups["prediction"].agg(lambda classes: classes.value_counts(normalize=True).max()).astype(float)
    films = pd.DataFrame(
        {
            "batch": groups["batch"].first(),
            "count": groups.size(),
            "disagrees": (groups["prediction"].nunique() > 1).astype(float),
            "error": groups["wrong"].mean(),
            "floor": 1 - most,
            "variance": groups["y_pred_value"].var(ddof=0),
            "squared_error": groups["squared_error"].mean(),
            "between": groups["y_pred_value"].var(ddof=1),
        }
    )
    return films.reset_index()


def _measure(films: pd.DataFrame, resampling: Resampling) -> dict[str, Any]:
    """Return the numbers of one fit."""
    batches, batch = np.unique(films["batch"].to_numpy(str), return_inverse=True)
    row: dict[str, Any] = {"n_samples": films["film"].nunique(), "n_batches": len(batches)}
    row["n_scans"] = int(films.drop_duplicates("film")["count"].sum())
    for name, (factor, part, whole) in SHARES.items():
        values = np.stack([films[part], films[whole] if whole else np.ones(len(films))], axis=1).astype(float)
        sums = bootstrap.cluster_sums(values, batch, len(batches))
        ends = (np.nan, np.nan)
        if len(batches) >= FEWEST:
            ends = bootstrap.interval(_ratio(bootstrap.resample(resampling.weights(len(batches)), sums)))
        row |= bootstrap.columns(name, (float(_ratio(sums.sum(axis=0))), *ends), factor)
    return row | {
        name: float(np.sqrt(films[of].mean())) for name, of in {"spread": "between", "rmse": "squared_error"}.items()
    }


def _ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first of two sums over the second; NaN over zero."""
    part, whole = sums[..., 0], sums[..., 1]
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def panels(table: pd.DataFrame, target: Target) -> list[Panel]:
    """Lay the table out: classes, and values of the regressions; one sentence where every film has one scan."""
    if table.empty:
        return [Panel("Scans of one film", ["Result"], [[NONE]])]
    named = table.assign(name=fit_labels(specs(table), always=("model", "scheme")))
    made = [tables.panel("Predicted classes", named, [*FIRST, *CLASSES])]
    values = named[named["spread"].notna()]
    return [*made, tables.panel("Predicted values", values, [*FIRST, *_values(target)])] if len(values) else made


def _values(target: Target) -> list[tables.Column]:
    """Return the columns of values, in the target's unit."""
    unit, digits = f", {target.unit}" if target.unit else "", tables.value_digits(target)
    return [
        (f"SD between the scans of a film{unit}", tables.number_column("spread", digits)),
        (f"RMSE of scans{unit}", tables.number_column("rmse", digits)),
        ("Mean squared error by disagreement % [95 %]", tables.interval_column("explained_variance_pct")),
    ]


FIRST: list[tables.Column] = [
    ("Model", lambda row: row["name"]),
    ("Films with several scans", tables.number_column("n_samples")),
    ("Scans", tables.number_column("n_scans")),
    ("Growth days", tables.number_column("n_batches")),
]
CLASSES: list[tables.Column] = [
    ("Films whose scans disagree % [95 %]", tables.interval_column("disagreeing_pct")),
    ("Wrong scans % [95 %]", tables.interval_column("error_pct")),
    ("of these by disagreement alone % [95 %]", tables.interval_column("explained_pct")),
]
