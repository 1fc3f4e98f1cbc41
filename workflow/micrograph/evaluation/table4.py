"""Table 4: nine models by scheme, nominal, ordinal and regression, with errors in the target's unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from micrograph.evaluation import bootstrap, ensembles, metrics, paper_pattern, summaries, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.labels import SCHEMES, scheme_label
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits.fit_spec import KEYS
from micrograph.target import Target

REGRESSION = "regression"
SPLIT = "test"  # what every protocol, and the paper, reports in this table
BEST = {  # flag of a row -> its metric
    "best_in_row": "accuracy",
    "best_rmse": "rmse",
    "best_mae": "mae",
    "best_kappa": "kappa",
}
# Mean absolute error less that of the same model under nominal, with the paired 95 % interval.
AGAINST = "against_nominal"
COLUMNS = [
    *KEYS,
    *summaries.MEASURED,
    *summaries.FLAGS,
    *("best_rmse", "best_mae", "best_kappa"),
    *(f"{AGAINST}{end}" for end in summaries.PAIRED),
]


def make_table(
    fits: Sequence[Fit],
    published: pd.DataFrame,
    baselines: Sequence[Fit] = (),
    *,
    resampling: Resampling,
    run: RunInfo,
    target: Target | None = None,
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
    target : Target, optional
        Whose bins regressions of ensembles become; by default the nearest of the classes.

    Returns
    -------
    DataFrame
        RMSE is that of a regression's predicted values, mean absolute error and kappa those of the classes they become.
        A row with a missing test prediction has none of the three; ``n_missing`` counts those. Networks of several
        seeds are followed by their ensemble. Each protocol ends with the majority class.

    Raises
    ------
    UserError
        If the fits differ in pre-training or policy.
    """
    return summaries.comparison(
        "table4", fits, published, lambda _, group: _rows(group, resampling, target), COLUMNS,
        one=("pretraining", "policy"), baselines=baselines, majority={"scheme": "none"}, resampling=resampling,
        run=run,
    )  # fmt: skip


def _rows(fits: Sequence[Fit], resampling: Resampling, target: Target | None) -> list[dict[str, Any]]:
    """One row per fit of a protocol, scheme by scheme."""
    fits = ensembles.with_ensembles(fits, target or resampling.classes)
    order = list(dict.fromkeys(fit.spec.scheme for fit in fits))
    fits = sorted(fits, key=lambda fit: order.index(fit.spec.scheme))
    best = {flag: metric for flag, metric in BEST.items() if resampling.ordered or metric not in summaries.ORDERED}
    rows = summaries.fit_rows(fits, "scheme", SPLIT, resampling, best)
    nominal = {(fit.spec.features, fit.spec.model): fit for fit in fits if fit.spec.scheme == "nominal"}
    for row, fit in zip(rows, fits, strict=True):
        reference = nominal.get((fit.spec.features, fit.spec.model), fit)
        if reference is not fit:
            pair = fit.split(SPLIT), reference.split(SPLIT)
            one, other = (metrics.score(frame, "mae", resampling.classes) for frame in pair)
            ends = bootstrap.paired_bootstrap(*pair, "mae", resampling)
            row |= bootstrap.columns(AGAINST, (one - other, *ends))
            row[f"{AGAINST}_discordant"] = summaries.discordant(*pair)
    return rows


def panels(table: pd.DataFrame, target: Target) -> list[Panel]:
    """Lay out Table 4: accuracy and RMSE in the paper's layout, errors of the ordered scale, then the details."""
    protocols = [name for name in tables.protocols(table) if name != summaries.PAPER]
    fits, notes = summaries.without_baselines(table), _missing_note(summaries.without_baselines(table))
    pattern = paper_pattern.note(table, [("scheme", "model"), ("model", "scheme")], f"{SPLIT}_pct")
    rmse, mae = (tables.in_unit(name, target) for name in ("RMSE", "MAE"))
    digits = tables.value_digits(target) if target.ordered else 0
    overview: Lines = [(tuple(SCHEMES), "accuracy %", tables.spread_column("test_pct"), "best_in_row", False)]
    overview += [((REGRESSION,), rmse, tables.spread_column("test_rmse", digits), "best_rmse", True)]
    pooled: Lines = [
        (tuple(SCHEMES), mae, tables.interval_column("mae", digits), "best_mae", True),
        (tuple(SCHEMES), "kappa", tables.interval_column("kappa", 2), "best_kappa", True),
    ]
    after = [
        (rmse, tables.spread_column("test_rmse", digits)),
        (f"RMSE, pooled {target.unit}".strip() + " [95 %]", tables.interval_column("rmse", digits)),
    ]
    title = "Mean absolute error and kappa"
    return [
        _grid(fits, tables.protocols(table), tables.OVERVIEW, "Test", overview,
              (*notes, *pattern, *tables.note_majority(table), *tables.note_without_network(table))),
        *([_grid(fits, protocols, title, "Test, pooled [95 %]", pooled, notes)] if target.ordered else []),
        *(tables.detail(table, target, name, SPLIT, KEY_COLUMNS, after=after if target.ordered else [])
          for name in protocols),
    ]  # fmt: skip


# What a line of a panel shows: schemes, label, cell, flag of the bold ones, whether a missing prediction is marked.
Lines = list[tuple[Sequence[str], str, Callable[[tables.Row], str], str, bool]]


def _grid(
    table: pd.DataFrame, protocols: Sequence[str], title: str, heading: str, shown: Lines, notes: tuple[str, ...]
) -> Panel:
    """Schemes in rows, models in columns."""
    models, rows = summaries.single_fits(table)["model"].unique(), []
    for protocol in protocols:
        values = table[table["protocol"] == protocol].set_index(["scheme", "model"])
        here = values.index.unique("scheme")
        lines = [
            [f"{scheme_label(scheme)}, {label}",
             *tables.cells(values, [(scheme, model) for model in models], text, flag, marks)]
            for schemes, label, text, flag, marks in shown
            for scheme in here
            if scheme in schemes
        ]  # fmt: skip
        rows += tables.headed(tables.HEADINGS[protocol, SPLIT], lines)
    return Panel(title, [heading, "Scheme", *models], rows, 2, notes)


def _missing_note(table: pd.DataFrame) -> tuple[str, ...]:
    """Which models have missing test predictions."""
    missing = table[table["n_missing"].fillna(0) > 0]
    if missing.empty:
        return ()
    counts = "; ".join(
        f"{row.model}, {scheme_label(row.scheme)}, {row.protocol}: {int(row.n_missing)}" for row in missing.itertuples()
    )
    return (f"{tables.MARK} Missing test predictions, counted as wrong: {counts}.",)


KEY_COLUMNS = [("Scheme", lambda row: scheme_label(row["scheme"])), ("Model", tables.model)]
