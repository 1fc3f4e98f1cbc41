"""Table 2: shallow models by block and explained variance of their features, fine-tuned features last."""

from dataclasses import replace

from micrograph.evaluation import summaries, tables

NAME = "Table 2"
BLOCKS, TUNED, ANY = "blocks", "tuned", "any"  # what a chosen row chose from
REPORTED = {"strict": "test", "published": "validation", summaries.PAPER: "validation"}
COLUMNS = [
    *("protocol", "pretraining", "policy", "features", "block", "cev", "scheme", "model", "components"),
    *summaries.MEASURED,
    *summaries.GAIN,
    *summaries.FLAGS,
]


def make_table(fits, published, *, classes, data, backbone, search, pixels, epochs, resamples, rng):
    """Table 2 as a data frame: protocol by features by model, then the paper's numbers as protocol "paper".

    fits: Fit of every fit; published: the paper's values; classes: Celsius; data: what the films are, as
    "simulated films"; backbone, search, pixels, epochs: what the fits were made with, so that the table says it;
    resamples: of the bootstrap.
    Rows keep the order of the fits, fine-tuned features last, strict before published. Strict goes on with what
    fits.chosen makes of block features, of fine-tuned ones (with the gain over the former in points) and of all; each
    protocol ends with the majority baseline. Components: mean number of features over the folds.
    """
    summaries.of_one(fits, ("pretraining", "policy", "scheme"), "table 2")
    rows, drawn = [], (classes, resamples, int(rng.integers(2**31)))
    for protocol, here in summaries.by_protocol(fits).items():
        here = sorted(here, key=lambda fit: fit.spec.features == TUNED)
        rows += _rows(here, REPORTED[protocol], drawn)
        if protocol == "strict":
            rows += _chosen(here, drawn)
        rows.append(summaries.baseline(here, *drawn) | {"components": 0})
    rows += summaries.paper_rows(published, "table2", fits, ("features", "pretraining", "policy", "scheme", "model"))
    for row in rows:
        row["block"], row["cev"] = summaries.block_and_cev(row["features"])
    made = {"data": data, "backbone": backbone, "search": search, "pixels": pixels, "epochs": epochs}
    return summaries.framed(rows, COLUMNS, made).astype({"cev": "Int64"})


def _rows(here, part, drawn):
    """One row a fit of a protocol."""
    rows = [fit.spec.columns() | summaries.summarise(fit.predictions, *drawn) for fit in here]
    in_row = summaries.best_in_row(here, "model", "accuracy", *drawn, part)
    overall = summaries.tied_with_best(here, "accuracy", *drawn)
    for row, fit, one, other in zip(rows, here, in_row, overall, strict=True):
        row["components"] = fit.predictions.groupby("fold")["components"].first().mean()
        row["best_in_row"], row["best_in_protocol"] = one, other
    return rows


def _chosen(here, drawn):
    """The rows chosen in each fold from block features, from fine-tuned ones and from all."""
    groups = {
        BLOCKS: [fit for fit in here if fit.spec.features != TUNED],
        TUNED: [fit for fit in here if fit.spec.features == TUNED],
        ANY: here,
    }
    found = {name: summaries.chosen_per_fold(group, drawn[0]) for name, group in groups.items() if group}
    rows = {
        name: replace(here[0].spec, features=name, model=summaries.CHOSEN).columns()
        | summaries.summarise(frame, *drawn)
        for name, frame in found.items()
    }
    if len(found) < len(groups):
        return [rows[ANY]]
    rows[TUNED] |= summaries.gain(found[BLOCKS], found[TUNED], *drawn)
    return list(rows.values())


def panels(table):
    """Table 2 as panels: the overview in the paper's layout, then every protocol in detail."""
    protocols = [name for name in summaries.PROTOCOLS if name in set(table["protocol"])]
    return [
        _overview(table, protocols),
        *(tables.detail(table, name, REPORTED[summaries.PAPER], WORDS, COMPONENTS) for name in protocols),
    ]


def _overview(table, protocols):
    """Models in rows, features in columns: what each protocol calls its result, and the paper's."""
    ours = summaries.of_fits(table)
    features, models = ours["features"].unique(), ours["model"].unique()
    rows = []
    for protocol in (*protocols, summaries.PAPER):
        part = REPORTED[protocol]
        here = table[table["protocol"] == protocol].set_index(["model", "features"])
        for model in models:
            keys = [(model, name) for name in features]
            heading = tables.HEADINGS[protocol, part] if model == models[0] else ""
            rows.append([heading, model, *tables.cells(here, keys, f"{part}_pct", flag="best_in_row")])
    headings = ["Accuracy in %", "Model", *(_spoken(name) for name in features)]
    return tables.Panel("At a glance, in the paper's layout", headings, rows, words=2)


def _spoken(features):
    block, cev = summaries.block_and_cev(features)
    return f"{block}, {cev} %" if cev else block


def _named(row):
    """What a row's features are called."""
    if row["model"] == summaries.BASELINE:
        return "none"
    return _spoken(row["features"])


WORDS = [
    ("Features", _named),
    ("Model", tables.model),
]
COMPONENTS = [("Components", lambda row: tables.number(row["components"] or float("nan")))]
