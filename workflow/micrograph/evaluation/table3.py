"""Table 3: nine models by the domain that their network was pre-trained on, with the difference to ImageNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from micrograph.evaluation import ensembles, paper_pattern, summaries, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.models import registry
from micrograph.splits import protocols
from micrograph.splits.fit_spec import KEYS
from micrograph.target import Target

REFERENCE = "imagenet"  # the domain that the others are compared with
REPORTED = {
    **{name: protocols.parse(name).reported_split for name in summaries.PROTOCOLS},
    summaries.PAPER: "validation",
}
COLUMNS = [*KEYS, *summaries.MEASURED, *summaries.GAIN, *summaries.FLAGS]


def make_table(
    fits: Sequence[Fit],
    published: pd.DataFrame,
    baselines: Sequence[Fit] = (),
    *,
    resampling: Resampling,
    run: RunInfo,
    target: Target | None = None,
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
    target : Target, optional
        Whose bins regressions of ensembles become; by default the nearest of the classes.

    Returns
    -------
    DataFrame
        Networks of several seeds are followed by their ensemble. Every domain goes on with the mean of those models
        that all domains of the protocol have: all their predictions together. ``gain_pct_points`` is the accuracy of a
        fit, or of the mean, less that of the same on ImageNet, on the split that the protocol reports (strict: test;
        published: validation, as in the paper), with the paired 95 % interval. Each protocol ends with the majority
        class.

    Raises
    ------
    UserError
        If the fits differ in policy or scheme.
    """
    return summaries.comparison(
        "table3", fits, published,
        lambda protocol, group: _rows(group, REPORTED[protocol], resampling, target), COLUMNS,
        one=("policy", "scheme"), baselines=baselines, majority={"pretraining": "none"},
        fields=("features", "policy", "scheme", "model"), resampling=resampling, run=run,
    )  # fmt: skip


def _rows(fits: Sequence[Fit], split: str, resampling: Resampling, target: Target | None) -> list[dict[str, Any]]:
    """Return the rows of a protocol: domain by domain its fits, then their mean."""
    fits = ensembles.with_ensembles(fits, target or resampling.classes)
    compared = summaries.fit_rows(fits, "pretraining", split, resampling)
    rows = {fit.spec: row for fit, row in zip(fits, compared, strict=True)}
    domains: dict[str, dict[str, Fit]] = {}
    for fit in fits:
        domains.setdefault(fit.spec.pretraining, {})[fit.spec.model] = fit
    shared = {model for model in set.intersection(*map(set, domains.values())) if model in registry.MODELS}
    made = []
    for models in domains.values():
        if len(shared) > 1:
            models[summaries.MEAN] = _mean([fit for model, fit in models.items() if model in shared])
        for model, fit in models.items():
            row = rows.get(fit.spec) or summaries.fit_row(fit, resampling)
            made.append(row | _gain(fit, domains.get(REFERENCE, {}).get(model), split, resampling))
    return made


def _mean(fits: Sequence[Fit]) -> Fit:
    """Return the fits of a domain as one: all their predictions."""
    spec = replace(fits[0].spec, features="any", model=summaries.MEAN)
    return Fit(spec, pd.concat([fit.predictions for fit in fits], ignore_index=True))


def _gain(fit: Fit, reference: Fit | None, split: str, resampling: Resampling) -> dict[str, float]:
    """Return the gain columns of a fit or a mean; {} for the reference itself and where it was not run."""
    if reference is None or reference is fit:
        return {}
    return summaries.accuracy_gain("gain_pct_points", reference.predictions, fit.predictions, resampling, split)


def panels(table: pd.DataFrame, target: Target) -> list[Panel]:
    """Lay out Table 3: the overview in the paper's layout, then every protocol in detail."""
    protocols = [name for name in tables.protocols(table) if name != summaries.PAPER]
    split = REPORTED[summaries.PAPER]
    return [
        _overview(table),
        *(tables.detail(table, target, name, split, KEY_COLUMNS, after=AFTER) for name in protocols),
    ]


def _overview(table: pd.DataFrame) -> Panel:
    """Domains in rows, models in columns, then each domain's relative difference to ImageNet."""
    models = [*summaries.single_fits(table)["model"].unique()]
    models += [summaries.MEAN] if summaries.MEAN in set(table["model"]) else []
    compared = summaries.without_baselines(table)
    rows = []
    for protocol in tables.protocols(table):
        rows += _block(compared[compared["protocol"] == protocol], protocol, models)
    headings = ["Accuracy in %", "Pre-training", *({summaries.MEAN: "Mean"}.get(model, model) for model in models)]
    compared = [("model", "pretraining"), ("pretraining", "model")]
    pattern = paper_pattern.note(table, compared, f"{REPORTED[summaries.PAPER]}_pct")
    return Panel(
        tables.OVERVIEW,
        headings,
        rows,
        2,
        (NOTE, *pattern, *tables.note_majority(table), *tables.note_without_network(table)),
    )


def _block(rows: pd.DataFrame, protocol: str, models: Sequence[str]) -> list[list[str]]:
    """Return the lines of one protocol or of the paper."""
    name = f"{REPORTED[protocol]}_pct"
    if protocol == summaries.PAPER:  # the mean over the models that we show
        means = rows[rows["model"].isin(models)].groupby("pretraining", sort=False, as_index=False)[name].mean()
        rows = pd.concat([rows, means.assign(model=summaries.MEAN, best_in_row=False)])
    values = rows.set_index(["pretraining", "model"])
    domains = sorted(rows["pretraining"].unique(), key=lambda domain: domain != REFERENCE)
    text = tables.spread_column(name)
    lines = [
        [domain, *tables.cells(values, [(domain, model) for model in models], text, "best_in_row")]
        for domain in domains
    ]
    for domain in domains[1:] if REFERENCE in domains else []:
        lines.append([f"{domain}: change", *(_change(values, domain, model, name) for model in models)])
    return tables.headed(tables.HEADINGS[protocol, REPORTED[protocol]], lines)


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
