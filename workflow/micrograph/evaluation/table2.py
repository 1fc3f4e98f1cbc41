"""Table 2: shallow models by block and explained variance of their features, fine-tuned features last."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from micrograph.evaluation import paper_pattern, summaries, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits import protocols
from micrograph.target import Target

BLOCKS, TUNED, ANY = "blocks", "tuned", "any"  # features among which a fold selects
REPORTED = {
    **{name: protocols.parse(name).reported_split for name in summaries.PROTOCOLS},
    summaries.PAPER: "validation",
}
NO_NEIGHBOURS = "a sample without neighbours within the radius gets the lowest class, as in the notebooks of the paper."
COLUMNS = [
    *("protocol", "pretraining", "policy", "features", "block", "explained_variance_pct"),
    *("scheme", "model", "components", "channels", "values"),
    *summaries.MEASURED,
    *summaries.GAIN,
    *summaries.FLAGS,
]


def make_table(
    fits: Sequence[Fit],
    published: pd.DataFrame,
    shapes: Mapping[str, Sequence[int]],
    channels: pd.DataFrame,
    *,
    resampling: Resampling,
    run: RunInfo,
) -> pd.DataFrame:
    """Make Table 2: protocol by features by model, then the paper's values as protocol ``paper``.

    Parameters
    ----------
    fits : sequence of Fit
        Of one pre-training, policy and scheme.
    published : DataFrame
        The paper's values.
    shapes : mapping of str to (int, int, int)
        Block -> channels, rows and columns of its output.
    channels : DataFrame
        The paper's row Channels: ``features``, ``channels``, the number of values that models learn from.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        Rows in the order of the fits, strict first, fine-tuned features last. Strict goes on with what each fold would
        select from block features, from fine-tuned ones (with the gain over the former) and from all; each protocol
        ends with the majority class. ``components`` is the mean number of features over the folds, of the paper its
        row Channels; ``channels`` and ``values`` are those of the block before PCA.

    Raises
    ------
    UserError
        If the fits differ in pre-training, policy or scheme.
    """

    def rows_of(protocol: str, group: list[Fit]) -> list[dict[str, Any]]:
        group = sorted(group, key=lambda fit: fit.spec.features == TUNED)
        rows = summaries.fit_rows(group, "model", REPORTED[protocol], resampling)
        for row, fit in zip(rows, group, strict=True):
            row["components"] = fit.predictions.groupby("fold")["components"].first().mean()
        return rows + (_selected_rows(group, resampling) if protocol == "strict" else [])

    same = ("pretraining", "policy", "scheme")
    table = summaries.comparison("table2", fits, published, rows_of, COLUMNS, one=same, resampling=resampling, run=run)
    parts = [summaries.block_and_variance(name) for name in table["features"]]
    table["block"], table["explained_variance_pct"] = zip(*parts, strict=True)
    table["components"] = table["components"].mask(table["model"] == summaries.BASELINE, 0)
    paper = table["protocol"] == summaries.PAPER
    printed = table["features"].map(channels.set_index("features")["channels"])
    table["components"] = table["components"].where(~paper, printed)
    sizes = {block: (shape[0], math.prod(shape)) for block, shape in shapes.items()}
    for place, name in enumerate(("channels", "values")):
        numbers = table["block"].map({block: size[place] for block, size in sizes.items()})
        table[name] = numbers.mask(paper).astype("Int64")
    return table.astype({"explained_variance_pct": "Int64"})


def _selected_rows(fits: Sequence[Fit], resampling: Resampling) -> list[dict[str, Any]]:
    """Return the rows selected in each fold from block features, from fine-tuned ones and from all."""
    groups = {
        BLOCKS: [fit for fit in fits if fit.spec.features != TUNED],
        TUNED: [fit for fit in fits if fit.spec.features == TUNED],
        ANY: fits,
    }
    if not groups[BLOCKS] or not groups[TUNED]:
        groups = {ANY: fits}
    selected = {
        name: Fit(
            replace(fits[0].spec, features=name, model=summaries.SELECTED),
            summaries.selected_per_fold(group, resampling.classes),
        )
        for name, group in groups.items()
    }
    rows = {name: summaries.fit_row(fit, resampling) for name, fit in selected.items()}
    if TUNED in rows:
        pair = selected[BLOCKS].predictions, selected[TUNED].predictions
        rows[TUNED] |= summaries.accuracy_gain("gain_pct_points", *pair, resampling)
    return list(rows.values())


def panels(table: pd.DataFrame, target: Target) -> list[Panel]:
    """Lay out Table 2: the overview in the paper's layout, then every protocol in detail."""
    protocols = [name for name in tables.protocols(table) if name != summaries.PAPER]
    return [
        _overview(table),
        *(tables.detail(table, target, name, REPORTED[summaries.PAPER], KEY_COLUMNS, COMPONENTS) for name in protocols),
    ]


def _overview(table: pd.DataFrame) -> Panel:
    """Models in rows, features in columns: what each protocol reports, and the paper's."""
    fits = summaries.single_fits(table)
    features, models = fits["features"].unique(), fits["model"].unique()
    rows = [["before PCA", "Channels (values)", *(_size(table, name) for name in features)]]
    for protocol in tables.protocols(table):
        split = REPORTED[protocol]
        values = table[table["protocol"] == protocol].set_index(["model", "features"])
        text = tables.spread_column(f"{split}_pct")
        lines = [
            [model, *tables.cells(values, [(model, name) for name in features], text, "best_in_row")]
            for model in models
        ]
        counts = values.reset_index().groupby("features")["components"].first()
        line = ["Channels", *(tables.number(counts.get(name)) for name in features)]
        rows += tables.headed(tables.HEADINGS[protocol, split], [line, *lines])
    headings = ["Accuracy in %", "Model", *(_short_label(name) for name in features)]
    pattern = paper_pattern.note(table, [("model", "features")], f"{REPORTED[summaries.PAPER]}_pct")
    return Panel(tables.OVERVIEW, headings, rows, 2, (*_note_radius(fits), *pattern, *tables.note_majority(table)))


def _note_radius(fits: pd.DataFrame) -> tuple[str, ...]:
    """Say what explains low accuracies of the radius neighbours, where the table has them."""
    rows = fits[fits["model"].eq("RNN") & fits["protocol"].isin(paper_pattern.FOLLOWING)]
    named = " and ".join(rows["protocol"].unique())
    return (f"RNN under {named}: {NO_NEIGHBOURS}",) if named else ()


def _size(table: pd.DataFrame, features: str) -> str:
    """Write channels and values of a block; a dash for fine-tuned features, which have no PCA."""
    row = table[(table["features"] == features) & (table["protocol"] != summaries.PAPER)].iloc[0]
    return tables.DASH if tables.missing(row["values"]) else f"{row['channels']:.0f} ({row['values']:.0f})"


def _short_label(features: str) -> str:
    block, variance = summaries.block_and_variance(features)
    return f"{block}, {variance} %" if variance else {TUNED: "fine-tuned"}.get(block, block)


KEY_COLUMNS = [
    ("Features", lambda row: "none" if row["model"] == summaries.BASELINE else _short_label(row["features"])),
    ("Model", tables.model),
]
COMPONENTS = [("Components", lambda row: tables.number(row["components"] or float("nan")))]
