"""Table 2: shallow models by block and explained variance of their features, fine-tuned features last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from micrograph.evaluation import summaries, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits.fit_spec import KEYS

BLOCKS, TUNED, ANY = "blocks", "tuned", "any"  # what a chosen row chose from
REPORTED = {"strict": "test", "published": "validation", summaries.PAPER: "validation"}
COLUMNS = [
    *(
        "protocol",
        "pretraining",
        "policy",
        "features",
        "block",
        "explained_variance_pct",
        "scheme",
        "model",
        "components",
    ),
    *summaries.MEASURED,
    *summaries.GAIN,
    *summaries.FLAGS,
]


def make_table(fits: Sequence[Fit], published: pd.DataFrame, *, resampling: Resampling, run: RunInfo) -> pd.DataFrame:
    """Make Table 2: protocol by features by model, then the paper's values as protocol ``paper``.

    Parameters
    ----------
    fits : sequence of Fit
        Of one pre-training, policy and scheme.
    published : DataFrame
        The paper's values.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        Rows in the order of the fits, strict first, fine-tuned features last. Strict goes on with what each fold would
        choose from block features, from fine-tuned ones (with the gain over the former in points) and from all; each
        protocol ends with the majority class. ``components`` is the mean number of features over the folds.

    Raises
    ------
    UserError
        If the fits differ in pre-training, policy or scheme.
    """
    summaries.check_same(fits, ("pretraining", "policy", "scheme"), "table 2")
    rows: list[dict[str, Any]] = []
    for protocol, group in summaries.by_protocol(fits).items():
        group = sorted(group, key=lambda fit: fit.spec.features == TUNED)
        rows += _fit_rows(group, REPORTED[protocol], resampling)
        if protocol == "strict":
            rows += _chosen_rows(group, resampling)
        rows.append(summaries.majority_row(group, resampling) | {"components": 0})
    fields = [name for name in KEYS if name != "protocol"]
    rows += summaries.paper_rows(published, "table2", fits, fields)
    for row in rows:
        row["block"], row["explained_variance_pct"] = summaries.block_and_variance(row["features"])
    return summaries.make_frame(rows, COLUMNS, run).astype({"explained_variance_pct": "Int64"})


def _fit_rows(fits: Sequence[Fit], split: str, resampling: Resampling) -> list[dict[str, Any]]:
    """One row a fit of a protocol."""
    in_row = summaries.best_in_row(fits, "model", "accuracy", resampling, split)
    overall = summaries.best_overall(fits, "accuracy", resampling)
    return [
        summaries.fit_row(fit, resampling)
        | {
            "components": fit.predictions.groupby("fold")["components"].first().mean(),
            "best_in_row": row_best,
            "best_in_protocol": best,
        }
        for fit, row_best, best in zip(fits, in_row, overall, strict=True)
    ]


def _chosen_rows(fits: Sequence[Fit], resampling: Resampling) -> list[dict[str, Any]]:
    """Return the rows selected in each fold from block features, from fine-tuned ones and from all."""
    groups = {
        BLOCKS: [fit for fit in fits if fit.spec.features != TUNED],
        TUNED: [fit for fit in fits if fit.spec.features == TUNED],
        ANY: fits,
    }
    chosen = {
        name: Fit(
            replace(fits[0].spec, features=name, model=summaries.SELECTED),
            summaries.chosen_per_fold(group, resampling.classes),
        )
        for name, group in groups.items()
        if group
    }
    rows = {name: summaries.fit_row(fit, resampling) for name, fit in chosen.items()}
    if len(chosen) < len(groups):
        return [rows[ANY]]
    gain = summaries.accuracy_gain(chosen[BLOCKS].predictions, chosen[TUNED].predictions, resampling)
    rows[TUNED] |= dict(zip(summaries.GAIN, gain, strict=True))
    return list(rows.values())


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay out Table 2: the overview in the paper's layout, then every protocol in detail."""
    protocols = [name for name in summaries.PROTOCOLS if name in set(table["protocol"])]
    return [
        _overview(table, protocols),
        *(tables.detail(table, name, REPORTED[summaries.PAPER], KEY_COLUMNS, COMPONENTS) for name in protocols),
    ]


def _overview(table: pd.DataFrame, protocols: Sequence[str]) -> Panel:
    """Models in rows, features in columns: what each protocol reports, and the paper's."""
    fits = summaries.single_fits(table)
    features, models = fits["features"].unique(), fits["model"].unique()
    rows = []
    for protocol in (*protocols, summaries.PAPER):
        split = REPORTED[protocol]
        values = table[table["protocol"] == protocol].set_index(["model", "features"])
        for model in models:
            keys = [(model, name) for name in features]
            heading = tables.HEADINGS[protocol, split] if model == models[0] else ""
            rows.append([heading, model, *tables.cells(values, keys, f"{split}_pct", flag="best_in_row")])
    headings = ["Accuracy in %", "Model", *(_short_label(name) for name in features)]
    return Panel("At a glance, in the paper's layout", headings, rows, text_columns=2)


def _short_label(features: str) -> str:
    block, variance = summaries.block_and_variance(features)
    return f"{block}, {variance} %" if variance else {TUNED: "fine-tuned"}.get(block, block)


KEY_COLUMNS = [
    ("Features", lambda row: "none" if row["model"] == summaries.BASELINE else _short_label(row["features"])),
    ("Model", tables.model),
]
COMPONENTS = [("Components", lambda row: tables.number(row["components"] or float("nan")))]
