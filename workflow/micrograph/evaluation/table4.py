"""Table 4: nine models by scheme, nominal, ordinal and regression, with the error in degrees."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from micrograph.evaluation import bootstrap, metrics, summaries, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.labels import SCHEMES, scheme_label
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits.fit_spec import KEYS

REGRESSION = "regression"
SPLIT = "test"  # what every protocol, and the paper, reports in this table
# Mean absolute error less that of the same model under nominal, with the paired 95 % interval.
AGAINST = [f"against_nominal_celsius{end}" for end in summaries.ENDS]
COLUMNS = [
    *KEYS,
    *summaries.MEASURED,
    *summaries.FLAGS,
    *("best_rmse", "best_mae", "best_kappa"),
    *AGAINST,
]
BEST = {  # flag of a row -> its metric
    "best_in_row": "accuracy",
    "best_rmse": "rmse_celsius",
    "best_mae": "mae_celsius",
    "best_kappa": "kappa",
}


def make_table(
    fits: Sequence[Fit],
    published: pd.DataFrame,
    baselines: Sequence[Fit] = (),
    *,
    resampling: Resampling,
    run: RunInfo,
) -> pd.DataFrame:
    """Make Table 4: protocol by scheme by model, then the paper's values as protocol ``paper``.

    Parameters
    ----------
    fits : sequence of Fit
        Of one pre-training and policy.
    published : DataFrame
        The paper's values.
    baselines : sequence of Fit
        Models on features of `summaries.ALONE`, shown below strict.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        RMSE is that of a regression's predicted values, mean absolute error and kappa those of the classes they become.
        A row with a missing test prediction has none of the three; ``n_missing`` counts those. Each protocol ends with
        the majority class.

    Raises
    ------
    UserError
        If the fits differ in pre-training or policy.
    """
    summaries.check_same(fits, ("pretraining", "policy"), "table 4")
    rows: list[dict[str, Any]] = []
    for protocol, group in summaries.by_protocol(fits).items():
        rows += _fit_rows(group, resampling)
        rows += summaries.without_network_rows(baselines, resampling) if protocol == "strict" else []
        rows.append(summaries.majority_row(group, resampling, scheme="none"))
    fields = [name for name in KEYS if name != "protocol"]
    rows += summaries.paper_rows(published, "table4", fits, fields)
    return summaries.make_frame(rows, COLUMNS, run)


def _fit_rows(fits: Sequence[Fit], resampling: Resampling) -> list[dict[str, Any]]:
    """One row a fit of a protocol, scheme by scheme."""
    order = list(dict.fromkeys(fit.spec.scheme for fit in fits))
    fits = sorted(fits, key=lambda fit: order.index(fit.spec.scheme))
    flags = {name: summaries.best_in_row(fits, "scheme", metric, resampling, SPLIT) for name, metric in BEST.items()}
    flags["best_in_protocol"] = summaries.best_overall(fits, "accuracy", resampling)
    return [
        summaries.fit_row(fit, resampling)
        | {name: best[place] for name, best in flags.items()}
        | _against_nominal(fit, fits, resampling)
        for place, fit in enumerate(fits)
    ]


def _against_nominal(fit: Fit, fits: Sequence[Fit], resampling: Resampling) -> dict[str, float]:
    """Return the columns AGAINST of a fit; {} for nominal ones, and where the model was not fitted as one."""
    model = fit.spec.features, fit.spec.model
    nominal = [one for one in fits if one.spec.scheme == "nominal" and (one.spec.features, one.spec.model) == model]
    if not nominal or nominal[0] is fit:
        return {}
    one, other = (each.split(SPLIT) for each in (fit, nominal[0]))
    ends = bootstrap.paired_bootstrap(one, other, "mae_celsius", resampling)
    one, other = (metrics.score(frame, "mae_celsius", resampling.classes) for frame in (one, other))
    return dict(zip(AGAINST, (one - other, *ends), strict=True))


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay out Table 4: accuracy and RMSE in the paper's layout, errors of the ordered scale, then the details."""
    protocols = [name for name in summaries.PROTOCOLS if name in set(table["protocol"])]
    compared = summaries.without_baselines(table)
    return [
        _overview(compared, [*protocols, summaries.PAPER], tables.note_without_network(table)),
        _ordered(compared, protocols),
        *(tables.detail(table, name, SPLIT, KEY_COLUMNS, after=AFTER) for name in protocols),
    ]


def _overview(table: pd.DataFrame, protocols: Sequence[str], notes: tuple[str, ...]) -> Panel:
    """Schemes in rows, models in columns: accuracy, then the error of the regressions."""
    models = summaries.single_fits(table)["model"].unique()
    rows = []
    for protocol in protocols:
        values = table[table["protocol"] == protocol].set_index(["scheme", "model"])
        lines = [
            [f"{scheme_label(scheme)}, accuracy %", *_cells(values, scheme, models, "test_pct", "best_in_row")]
            for scheme in _schemes(values)
        ]
        if REGRESSION in values.index:
            error = _cells(values, REGRESSION, models, "test_rmse_celsius", "best_rmse", _with_missing(values))
            lines.append([f"{scheme_label(REGRESSION)}, RMSE °C", *error])
        rows += tables.headed(tables.HEADINGS[protocol, SPLIT], lines)
    headings = ["Test", "Scheme", *models]
    notes = (*_notes(table), *notes)
    return Panel("At a glance, in the paper's layout", headings, rows, text_columns=2, notes=notes)


def _schemes(values: pd.DataFrame) -> list[str]:
    """Return the schemes of a table indexed by scheme and model."""
    return [scheme for scheme in values.index.get_level_values("scheme").unique() if scheme in SCHEMES]


def _cells(
    values: pd.DataFrame,
    scheme: str,
    models: Sequence[str],
    name: str,
    flag: str,
    missing: Collection[tuple[str, str]] = (),
) -> list[str]:
    """tables.cells of a scheme's models, marked where a test prediction is missing."""
    cells = tables.cells(values, [(scheme, model) for model in models], name, flag=flag)
    return [
        f"{cell}{tables.MARK}" if (scheme, model) in missing else cell
        for cell, model in zip(cells, models, strict=True)
    ]


def _with_missing(values: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the (scheme, model) of the fits with missing test predictions."""
    return set(values.index[values["n_missing"].fillna(0) > 0])


def _ordered(table: pd.DataFrame, protocols: Sequence[str]) -> Panel:
    """Mean absolute error and kappa of all test predictions together, schemes in rows, models in columns."""
    models = summaries.single_fits(table)["model"].unique()
    rows = []
    for protocol in protocols:
        values = table[table["protocol"] == protocol].set_index(["scheme", "model"])
        missing, lines = _with_missing(values), []
        for name, unit, digits, flag in (("mae_celsius", "MAE °C", 0, "best_mae"), ("kappa", "kappa", 2, "best_kappa")):
            for scheme in _schemes(values):
                cells = [_pooled(values, (scheme, model), name, digits, flag, missing) for model in models]
                lines.append([f"{scheme_label(scheme)}, {unit}", *cells])
        rows += tables.headed(tables.HEADINGS[protocol, SPLIT], lines)
    headings = ["Test, pooled [95 %]", "Scheme", *models]
    return Panel("Mean absolute error and kappa", headings, rows, text_columns=2, notes=_notes(table))


def _pooled(
    values: pd.DataFrame, key: tuple[str, str], name: str, digits: int, flag: str, missing: Collection[tuple[str, str]]
) -> str:
    if key not in values.index:
        return tables.DASH
    row = values.loc[key]
    text = tables.best(tables.interval_column(name, digits)(row), row[flag])
    return f"{text}{tables.MARK}" if key in missing else text


def _notes(table: pd.DataFrame) -> tuple[str, ...]:
    """Which models have missing test predictions."""
    missing = table[table["n_missing"].fillna(0) > 0]
    if missing.empty:
        return ()
    counts = "; ".join(
        f"{row.model}, {scheme_label(row.scheme)}, {row.protocol}: {int(row.n_missing)}" for row in missing.itertuples()
    )
    return (f"{tables.MARK} Missing test predictions, counted as wrong: {counts}.",)


KEY_COLUMNS = [("Scheme", lambda row: scheme_label(row["scheme"])), ("Model", tables.model)]
AFTER = [
    ("RMSE °C", tables.spread_column("test_rmse_celsius")),
    ("RMSE, pooled °C [95 %]", tables.interval_column("rmse_celsius")),
]
