"""Table 3: nine models by the domain that their network was pre-trained on, with the difference to ImageNet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from micrograph.evaluation import summaries, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits.fit_spec import KEYS

REFERENCE = "imagenet"  # the domain that the others are compared with
REPORTED = {"strict": "test", "published": "validation", summaries.PAPER: "validation"}
COLUMNS = [*KEYS, *summaries.MEASURED, *summaries.GAIN, *summaries.FLAGS]


def make_table(
    fits: Sequence[Fit],
    published: pd.DataFrame,
    baselines: Sequence[Fit] = (),
    *,
    resampling: Resampling,
    run: RunInfo,
) -> pd.DataFrame:
    """Make Table 3: protocol by pre-training domain by model, then the paper's values as protocol ``paper``.

    Parameters
    ----------
    fits : sequence of Fit
        Of one policy and scheme.
    published : DataFrame
        The paper's values.
    baselines : sequence of Fit
        Models on features of `summaries.ALONE`, shown below strict.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        Every domain goes on with the mean of those models that all domains of the protocol have: all their predictions
        together. ``gain_pct_points`` is the accuracy of a fit, or of the mean, less that of the same on ImageNet, on
        the split that the protocol reports (strict: test; published: validation, as in the paper), with the paired 95 %
        interval. Each protocol ends with the majority class.

    Raises
    ------
    UserError
        If the fits differ in policy or scheme.
    """
    summaries.check_same(fits, ("policy", "scheme"), "table 3")
    rows: list[dict[str, Any]] = []
    for protocol, group in summaries.by_protocol(fits).items():
        rows += _fit_rows(group, REPORTED[protocol], resampling)
        rows += summaries.without_network_rows(baselines, resampling) if protocol == "strict" else []
        rows.append(summaries.majority_row(group, resampling, pretraining="none"))
    rows += summaries.paper_rows(published, "table3", fits, ("features", "policy", "scheme", "model"))
    return summaries.make_frame(rows, COLUMNS, run)


def _fit_rows(fits: Sequence[Fit], split: str, resampling: Resampling) -> list[dict[str, Any]]:
    """Return the rows of a protocol: domain by domain its fits, then their mean."""
    in_row = summaries.best_in_row(fits, "pretraining", "accuracy", resampling, split)
    overall = summaries.best_overall(fits, "accuracy", resampling)
    flags = {
        fit.spec: {"best_in_row": row_best, "best_in_protocol": best}
        for fit, row_best, best in zip(fits, in_row, overall, strict=True)
    }
    domains = {
        name: [fit for fit in fits if fit.spec.pretraining == name]
        for name in dict.fromkeys(fit.spec.pretraining for fit in fits)
    }
    shared = set.intersection(*({fit.spec.model for fit in group} for group in domains.values()))
    rows = []
    for group in domains.values():
        averaged = [fit for fit in group if fit.spec.model in shared]
        for fit in [*group, *([_mean(averaged)] if len(averaged) > 1 else [])]:
            gain = _gain(fit, domains, shared, split, resampling)
            rows.append(summaries.fit_row(fit, resampling) | flags.get(fit.spec, {}) | gain)
    return rows


def _mean(fits: Sequence[Fit]) -> Fit:
    """Return the fits of a domain as one: all their predictions."""
    spec = replace(fits[0].spec, features="any", model=summaries.MEAN)
    return Fit(spec, pd.concat([fit.predictions for fit in fits], ignore_index=True))


def _gain(
    fit: Fit, domains: dict[str, list[Fit]], shared: Collection[str], split: str, resampling: Resampling
) -> dict[str, float]:
    """Return the gain columns of a fit or a mean; {} for the reference itself and where it was not run."""
    if fit.spec.pretraining == REFERENCE or REFERENCE not in domains:
        return {}
    references = {other.spec.model: other for other in domains[REFERENCE]}
    if shared:
        references[summaries.MEAN] = _mean([other for name, other in references.items() if name in shared])
    reference = references.get(fit.spec.model)
    if reference is None:
        return {}
    gain = summaries.accuracy_gain(reference.predictions, fit.predictions, resampling, split)
    return dict(zip(summaries.GAIN, gain, strict=True))


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay out Table 3: the overview in the paper's layout, then every protocol in detail."""
    protocols = [name for name in summaries.PROTOCOLS if name in set(table["protocol"])]
    split = REPORTED[summaries.PAPER]
    return [
        _overview(table, protocols),
        *(tables.detail(table, name, split, KEY_COLUMNS, after=AFTER) for name in protocols),
    ]


def _overview(table: pd.DataFrame, protocols: Sequence[str]) -> Panel:
    """Domains in rows, models in columns, then each domain's relative difference to ImageNet."""
    models = list(summaries.single_fits(table)["model"].unique())
    shown = [*models, *([summaries.MEAN] if summaries.MEAN in set(table["model"]) else [])]
    compared = summaries.without_baselines(table)
    rows = []
    for protocol in (*protocols, summaries.PAPER):
        rows += _block(compared[compared["protocol"] == protocol], protocol, shown)
    headings = ["Accuracy in %", "Pre-training", *models, *(["Mean"] if summaries.MEAN in shown else [])]
    notes = (NOTE, *tables.note_without_network(table))
    return Panel("At a glance, in the paper's layout", headings, rows, text_columns=2, notes=notes)


def _block(rows: pd.DataFrame, protocol: str, shown: Sequence[str]) -> list[list[str]]:
    """Return the lines of one protocol or of the paper."""
    name = f"{REPORTED[protocol]}_pct"
    if protocol == summaries.PAPER:
        rows = pd.concat([rows, _paper_means(rows, name, shown)])
    values = rows.set_index(["pretraining", "model"])
    domains = sorted(rows["pretraining"].unique(), key=lambda domain: domain != REFERENCE)
    lines = [
        [domain, *tables.cells(values, [(domain, model) for model in shown], name, flag="best_in_row")]
        for domain in domains
    ]
    for domain in domains[1:]:
        if domains[0] == REFERENCE:
            lines.append([f"{domain}: change", *(_change(values, domain, model, name) for model in shown)])
    return tables.headed(tables.HEADINGS[protocol, REPORTED[protocol]], lines)


def _paper_means(rows: pd.DataFrame, name: str, shown: Sequence[str]) -> pd.DataFrame:
    """Return the mean over the models that we show of the paper's accuracies, a row a domain."""
    means = rows[rows["model"].isin(shown)].groupby("pretraining", sort=False)[name].mean()
    columns = {"pretraining": means.index, "model": summaries.MEAN, name: means.to_numpy(), "best_in_row": False}
    return pd.DataFrame(columns)


def _change(values: pd.DataFrame, domain: str, model: str, name: str) -> str:
    """(domain - ImageNet) / ImageNet in percent, marked where a paired bootstrap distinguishes the two."""
    if (domain, model) not in values.index or (REFERENCE, model) not in values.index:
        return tables.DASH
    row = values.loc[domain, model]
    text = tables.relative(row[name], values.loc[(REFERENCE, model), name])
    return text + (tables.MARK if tables.excludes(row["gain_pct_points_low"], row["gain_pct_points_high"]) else "")


NOTE = (
    f"Change: difference relative to {REFERENCE}. {tables.MARK} The 95 % interval of the difference in points excludes "
    "0; the comparisons are not corrected for their number."
)
KEY_COLUMNS = [("Pre-training", lambda row: row["pretraining"]), ("Model", tables.model)]
AFTER = [(f"Difference to {REFERENCE}, points [95 %]", tables.interval_column("gain_pct_points", 0, tables.signed))]
