"""Table 3: nine models by the domain that their network was pre-trained on, with the difference to ImageNet."""

from dataclasses import replace

import pandas as pd

from micrograph.evaluation import summaries, tables

NAME = "Table 3"
REFERENCE = "imagenet"  # the domain that the others are compared with
REPORTED = {"strict": "test", "published": "validation", summaries.PAPER: "validation"}
COLUMNS = [
    *("protocol", "pretraining", "policy", "features", "scheme", "model"),
    *summaries.MEASURED,
    *summaries.GAIN,
    *summaries.FLAGS,
]


def make_table(fits, published, baselines=(), *, classes, data, backbone, search, pixels, epochs, resamples, rng):
    """Table 3 as a data frame: protocol by pre-training domain by model, then the paper's numbers as protocol "paper".

    Arguments as of table2.table. Every domain goes on with the mean of those models that all domains of the protocol
    have: all their predictions together. The gain columns say by how many points of accuracy a fit, or the mean, is
    better than the same on imagenet, in the part that the protocol reports (strict: test; published: validation, as in
    the paper), with the paired 95 % interval. Each protocol ends with the majority baseline, strict also with
    `baselines`: Fit of models on features of fits.ALONE.
    """
    summaries.of_one(fits, ("policy", "scheme"), "table 3")
    rows, drawn = [], (classes, resamples, int(rng.integers(2**31)))
    for protocol, here in summaries.by_protocol(fits).items():
        rows += _rows(here, REPORTED[protocol], drawn)
        rows += summaries.alone(baselines, *drawn) if protocol == "strict" else []
        rows.append(summaries.baseline(here, *drawn) | {"pretraining": "none"})
    rows += summaries.paper_rows(published, "table3", fits, ("features", "policy", "scheme", "model"))
    made = {"data": data, "backbone": backbone, "search": search, "pixels": pixels, "epochs": epochs}
    return summaries.framed(rows, COLUMNS, made)


def _rows(here, part, drawn):
    """The rows of a protocol: domain by domain its fits, then their mean."""
    in_row = summaries.best_in_row(here, "pretraining", "accuracy", *drawn, part)
    overall = summaries.tied_with_best(here, "accuracy", *drawn)
    flags = {
        id(fit): {"best_in_row": one, "best_in_protocol": other}
        for fit, one, other in zip(here, in_row, overall, strict=True)
    }
    domains = _domains(here)
    shared = set.intersection(*({fit.spec.model for fit in some} for some in domains.values()))
    rows = []
    for some in domains.values():
        mean = [fit for fit in some if fit.spec.model in shared]
        for fit in [*some, *([_together(mean)] if len(mean) > 1 else [])]:
            row = fit.spec.columns() | summaries.summarise(fit.predictions, *drawn) | flags.get(id(fit), {})
            rows.append(row | _gain(fit, domains, shared, part, drawn))
    return rows


def _domains(here):
    """{pretraining: its fits}, in their order."""
    names = dict.fromkeys(fit.spec.pretraining for fit in here)
    return {name: [fit for fit in here if fit.spec.pretraining == name] for name in names}


def _together(some):
    """The fits of a domain as one: all their predictions."""
    spec = replace(some[0].spec, features="any", model=summaries.MEAN)
    return summaries.Fit(spec, pd.concat([fit.predictions for fit in some], ignore_index=True))


def _gain(fit, domains, shared, part, drawn):
    """The gain columns of a fit or a mean; nothing for the reference itself and where it was not run."""
    if fit.spec.pretraining == REFERENCE or REFERENCE not in domains:
        return {}
    same = {other.spec.model: other for other in domains[REFERENCE]}
    same[summaries.MEAN] = _together([other for name, other in same.items() if name in shared]) if shared else None
    reference = same.get(fit.spec.model)
    return summaries.gain(reference.predictions, fit.predictions, *drawn, part) if reference else {}


def panels(table):
    """Table 3 as panels: the overview in the paper's layout, then every protocol in detail."""
    protocols = [name for name in summaries.PROTOCOLS if name in set(table["protocol"])]
    part = REPORTED[summaries.PAPER]
    return [
        _overview(table, protocols),
        *(tables.detail(table, name, part, WORDS, after=AFTER) for name in protocols),
    ]


def _overview(table, protocols):
    """Domains in rows, models in columns, then each domain's relative difference to imagenet."""
    models = list(summaries.of_fits(table)["model"].unique())
    shown = [*models, *([summaries.MEAN] if summaries.MEAN in set(table["model"]) else [])]
    rows, compared = [], summaries.compared(table)
    for protocol in (*protocols, summaries.PAPER):
        rows += _block(compared[compared["protocol"] == protocol], protocol, shown)
    headings = ["Accuracy in %", "Pre-training", *models, *(["Mean"] if summaries.MEAN in shown else [])]
    return tables.Panel(
        "At a glance, in the paper's layout", headings, rows, words=2, notes=(*NOTES, *tables.alone(table))
    )


def _block(here, protocol, shown):
    """The rows of one protocol or of the paper."""
    name = f"{REPORTED[protocol]}_pct"
    if protocol == summaries.PAPER:
        here = pd.concat([here, _paper_means(here, name, shown)])
    values = here.set_index(["pretraining", "model"])
    domains = sorted(here["pretraining"].unique(), key=lambda domain: domain != REFERENCE)
    rows = [
        [domain, *tables.cells(values, [(domain, model) for model in shown], name, flag="best_in_row")]
        for domain in domains
    ]
    for domain in domains[1:]:
        if domains[0] == REFERENCE:
            rows.append([f"{domain}: change", *(_change(values, domain, model, name) for model in shown)])
    heading = tables.HEADINGS[protocol, REPORTED[protocol]]
    return [[heading if place == 0 else "", *row] for place, row in enumerate(rows)]


def _paper_means(here, name, shown):
    """The mean over the models that we show of the paper's accuracies, a row a domain."""
    means = here[here["model"].isin(shown)].groupby("pretraining", sort=False)[name].mean()
    columns = {"pretraining": means.index, "model": summaries.MEAN, name: means.to_numpy(), "best_in_row": False}
    return pd.DataFrame(columns)


def _change(values, domain, model, name):
    """(domain - imagenet) / imagenet in percent, marked where a paired bootstrap tells the two apart."""
    if (domain, model) not in values.index or (REFERENCE, model) not in values.index:
        return tables.DASH
    row = values.loc[domain, model]
    text = tables.relative(row[name], values.loc[(REFERENCE, model), name])
    return text + (tables.MARK if row["gain_points_low"] > 0 or row["gain_points_high"] < 0 else "")


NOTES = (
    f"Change: the relative difference to the accuracy of {REFERENCE}. {tables.MARK} a paired bootstrap over growth "
    "days tells the two apart (the details have the difference in points with its interval); of many comparisons a "
    "twentieth gets its mark by chance. The paper's numbers allow no such test.",
)
WORDS = [("Pre-training", lambda row: row["pretraining"]), ("Model", tables.model)]
AFTER = [
    (
        f"Against {REFERENCE}, points [95 %]",
        lambda row: tables.interval(
            row["gain_points"], row["gain_points_low"], row["gain_points_high"], 0, tables.signed
        ),
    )
]
