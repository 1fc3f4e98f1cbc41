"""Baselines without images: majority class, growth metadata, physical features; the network's gain over them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from micrograph.errors import UserError
from micrograph.evaluation import metrics, summaries, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits.fit_spec import KEYS
from micrograph.target import Target

NAME = "Baselines"
FEATURES = {"none": "none", **summaries.ALONE, "image": "micrographs"}
ABOVE, AHEAD = "above_majority_pct_points", "network_gain_pct_points"
COLUMNS = [*KEYS, *summaries.MEASURED, *(f"{name}{end}" for name in (ABOVE, AHEAD) for end in summaries.PAIRED)]


def make_table(
    fits: Sequence[Fit], network: Fit | None = None, *, resampling: Resampling, run: RunInfo
) -> pd.DataFrame:
    """Make the table of baselines: protocol by protocol the majority class, then the fits, with strict the network.

    Parameters
    ----------
    fits : sequence of Fit
        Models on metadata or physical features.
    network : Fit, optional
        The strict network on micrographs.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        ``above_majority_pct_points``: test accuracy less that of the majority class; ``network_gain_pct_points``: that
        of the network less that of the row. Both under strict, with paired 95 % intervals.

    Raises
    ------
    UserError
        If there are no fits.
    """
    if not fits:
        raise UserError(f"{NAME}: there are no fits to show; name features and models in experiments.baselines.")
    rows = []
    for protocol, group in summaries.by_protocol(fits).items():
        strict = protocol == "strict"
        majority = summaries.majority_fit(group[0], scheme="none")
        for fit in [majority, *group, *([network] if strict and network else [])]:
            rows.append(summaries.fit_row(fit, resampling) | (_differences(fit, network, resampling) if strict else {}))
    return summaries.make_frame(rows, COLUMNS, run)


def _differences(fit: Fit, network: Fit | None, resampling: Resampling) -> dict[str, float]:
    """Return the columns ABOVE and AHEAD of one row; nothing is compared with itself."""
    row: dict[str, float] = {}
    if fit.spec.model != summaries.BASELINE:
        majority = metrics.majority_class_baseline(fit.predictions)
        row |= summaries.accuracy_gain(ABOVE, majority, fit.predictions, resampling)
    if network and fit is not network:
        row |= summaries.accuracy_gain(AHEAD, fit.predictions, network.predictions, resampling)
    return row


def panels(table: pd.DataFrame, target: Target) -> list[Panel]:
    """Lay the table out, a panel per protocol."""
    shown = [*SHOWN, *tables.pooled_columns(target)]
    return [
        tables.panel(f"Protocol {protocol}", rows, [*shown, *(STRICT if protocol == "strict" else [])], 3, n_repeated=0)
        for protocol, rows in table.groupby("protocol", sort=False)
    ]


SHOWN = [
    ("Features", lambda row: FEATURES.get(row["features"], row["features"])),
    ("Model", lambda row: tables.SUMMARIES.get(row["model"], row["model"])),
    ("Policy", lambda row: tables.DASH if row["model"] == summaries.BASELINE else row["policy"]),
    ("Validation %", tables.spread_column("validation_pct")),
    ("Balanced test accuracy % [95 %]", tables.interval_column("balanced_pct")),
    ("Test accuracy, pooled % [95 %]", tables.interval_column("pooled_pct")),
]
STRICT = [
    ("Above majority class, points [95 %]", tables.difference_column(ABOVE)),
    ("CNN minus row, points [95 %]", tables.difference_column(AHEAD)),
]
