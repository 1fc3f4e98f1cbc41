"""Tables of performance, made from predictions alone, beside the paper's numbers.

A fit's predictions lie at .../{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.tsv (house words); the path
says which fit they are.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from micrograph import files
from micrograph.faults import Fault
from micrograph.results import panels, scores

KEYS = ("protocol", "pretraining", "policy", "features", "scheme", "model")
BASELINE = "majority"
CHOSEN = "chosen"
PROTOCOLS = ("strict", "published")


@dataclass(frozen=True)
class Fit:
    """One fit: its words (KEYS) and its predictions."""

    words: dict
    predictions: pd.DataFrame


def gather(paths):
    """The Fit of every predictions file, in the order of the paths."""
    return [Fit(words_of(path), files.read_table(path)) for path in paths]


def words_of(path):
    """The words of a predictions file, from its last six path parts."""
    parts = Path(path).with_suffix("").parts[-len(KEYS) :]
    if len(parts) < len(KEYS):
        raise Fault(f"{path}: is not named as predictions are (.../{'/'.join(KEYS)}.tsv): give that file.")
    return dict(zip(KEYS, parts, strict=True))


def block_and_cev(features):
    """block2_cev85 -> ("block2", 85); features without components, as tuned, have no cev (None)."""
    block, _, cev = features.partition("_cev")
    return block, int(cev) if cev else None


def measured(predictions, classes, resamples, seed):
    """A fit's scores in one dict: accuracies over folds and pooled test scores with their 95 % intervals.

    Every interval is drawn anew from `seed`: rows of one table are redrawn by the same batches, and a row says the same
    whatever other rows stand beside it.
    """
    row = {}
    for part in scores.by_fold(predictions, "accuracy", classes).itertuples():
        row[f"{part.part}_pct"], row[f"{part.part}_pct_std"] = 100 * part.mean, 100 * part.std
    test = predictions[predictions["part"] == "test"]
    row["folds"], row["tested_samples"] = predictions["fold"].nunique(), test["sample"].nunique()
    for metric, name, factor in POOLED:
        low, high = scores.bootstrap(test, metric, classes, resamples, np.random.default_rng(seed))
        row[name] = factor * scores.score(test, metric, classes)
        row[f"{name}_low"], row[f"{name}_high"] = factor * low, factor * high
    return row


POOLED = (("accuracy", "pooled_pct", 100), ("balanced_accuracy", "balanced_pct", 100), ("macro_f1", "macro_f1", 1))


def printed(published, item, words, split, metric="accuracy_pct"):
    """The paper's (mean, std) for a fit; (NaN, NaN) where it has none. published: resources/published/values.tsv."""
    same = (published["item"] == item) & (published["split"] == split) & (published["metric"] == metric)
    for column, word in PRINTED.items():
        same &= published[column] == words[word]
    found = published.loc[same, ["mean", "std"]]
    return tuple(found.iloc[0].astype(float)) if len(found) else (np.nan, np.nan)


PRINTED = {
    "feature_set": "features",
    "pretraining": "pretraining",
    "augmentation": "policy",
    "scheme": "scheme",
    "model": "model",
}


def table2(fits, published, *, classes, data, backbone, grid, resamples, rng):
    """Table 2: protocol by block and explained variance by model, the paper's validation accuracy beside.

    fits: from gather; published: the paper's values; data: what the films are, as "simulated films"; backbone, grid:
    what the fits were made with, so that the table says it; resamples: of the bootstrap.
    Rows keep the order of the fits, strict before published; strict goes on with what `chosen` gives, and each protocol
    ends with the majority baseline. Accuracies in percent, macro F1 from 0 to 1; components: mean number of features
    over the folds.
    """
    for word in ("pretraining", "policy", "scheme"):
        found = dict.fromkeys(fit.words[word] for fit in fits)
        if len(found) > 1:
            raise Fault(f"table 2 shows one {word}, not several ({word}: {', '.join(found)}): list one in experiments.")
    rows, seed = [], int(rng.integers(2**31))
    for protocol in PROTOCOLS:
        here = [fit for fit in fits if fit.words["protocol"] == protocol]
        for fit in here:
            row = fit.words | measured(fit.predictions, classes, resamples, seed)
            row["block"], row["cev"] = block_and_cev(fit.words["features"])
            row["components"] = fit.predictions.groupby("fold")["components"].first().mean()
            row["paper_validation_pct"], row["paper_validation_pct_std"] = printed(
                published, "table2", fit.words, "val"
            )
            rows.append(row)
        if here and protocol == "strict":
            words = here[0].words | {"features": "any", "model": CHOSEN}
            rows.append(words | measured(chosen(here, classes), classes, resamples, seed))
        if here:
            guess = scores.majority(here[0].predictions)
            words = here[0].words | {"features": "none", "model": BASELINE}
            rows.append(words | measured(guess, classes, resamples, seed) | {"components": 0})
    table = pd.DataFrame(rows, columns=COLUMNS).assign(data=data, backbone=backbone, grid=grid)
    return table.astype({"cev": "Int64"})


def chosen(fits, classes):
    """Predictions of a study that also leaves the choice of model to its validation films.

    In every fold those of the fit with the best validation accuracy there, of equals the one with the best balanced
    accuracy, then the first. Unlike the best row of a table this has not seen what it is tested on: over all folds the
    validation films are the test films, so the row that is best in one is best in the other, and flatters itself.
    """
    parts = []
    for fold in sorted(fits[0].predictions["fold"].unique()):
        here = [fit.predictions[fit.predictions["fold"] == fold] for fit in fits]
        merits = [_merit(rows[rows["part"] == "validation"], classes) for rows in here]
        parts.append(here[merits.index(max(merits))])
    return pd.concat(parts, ignore_index=True)


def _merit(rows, classes):
    return [round(scores.score(rows, metric, classes), 9) for metric in ("accuracy", "balanced_accuracy")]


def of_fits(table):
    """The rows of table 2 that are single fits."""
    return table[~table["model"].isin([CHOSEN, BASELINE])]


COLUMNS = [
    *("protocol", "pretraining", "policy", "features", "block", "cev", "scheme", "model"),
    *("folds", "tested_samples", "components"),
    *(f"{part}_pct{std}" for part in ("train", "validation", "test") for std in ("", "_std")),
    *(f"{name}{end}" for _, name, _ in POOLED for end in ("", "_low", "_high")),
    *("paper_validation_pct", "paper_validation_pct_std", "data", "backbone", "grid"),
]


def markdown(table, caption):
    """Table 2 as Markdown."""
    return panels.markdown(panels_of(table), caption)


def html(table, caption):
    """Table 2 as a self-contained page."""
    return panels.html(panels_of(table), caption, "Table 2")


def panels_of(table):
    """Table 2 as panels: the overview in the paper's layout, then every protocol in detail."""
    return [_overview(table), *(_detail(table, protocol) for protocol in table["protocol"].unique())]


def _overview(table):
    """Models in rows, features in columns: what each protocol calls its result, and the paper's."""
    fitted = of_fits(table)
    features, models = fitted["features"].unique(), fitted["model"].unique()
    told = [(protocol, *HEADLINE[protocol]) for protocol in fitted["protocol"].unique()]
    told.append(
        (
            fitted["protocol"].iloc[-1],
            "paper, real films: validation",
            "paper_validation_pct",
            "paper_validation_pct_std",
        )
    )
    rows = []
    for protocol, heading, mean, std in told:
        here = fitted[fitted["protocol"] == protocol].set_index(["model", "features"])
        for model in models:
            cells = [_cell(here, (model, name), mean, std) for name in features]
            rows.append([heading if model == models[0] else "", model, *cells])
    headings = ["Accuracy in %", "Model", *(_spoken(name) for name in features)]
    return panels.Panel("At a glance, in the paper's layout", headings, rows, words=2)


HEADLINE = {
    "strict": ("strict: test", "test_pct", "test_pct_std"),
    "published": ("published: validation", "validation_pct", "validation_pct_std"),
}


def _cell(here, key, mean, std):
    if key not in here.index:
        return panels.DASH
    row = here.loc[key]
    return panels.spread(row[mean], row[std])


def _spoken(features):
    block, cev = block_and_cev(features)
    return f"{block}, {cev} %" if cev else block


def _detail(table, protocol):
    """One protocol, a row a fit."""
    here = table[table["protocol"] == protocol]
    rows, before = [], None
    for row in here.itertuples():
        name, model = SUMMARIES.get(row.model, (_spoken(row.features), row.model))
        rows.append(["" if row.features == before else name, model, *_figures(row)])
        before = row.features
    headings = ["Features", "Model", "Components", "Train %", "Validation %", "Test %", "Test, pooled %", "Balanced %"]
    headings += ["Macro F1 [95 %]", "Paper, real films, validation %"]
    return panels.Panel(f"Protocol {protocol}", headings, rows, words=2)


SUMMARIES = {CHOSEN: ("chosen in each fold", "any"), BASELINE: ("majority class", "none")}


def _figures(row):
    return [
        panels.number(row.components or np.nan),
        panels.spread(row.train_pct, row.train_pct_std),
        panels.spread(row.validation_pct, row.validation_pct_std),
        panels.spread(row.test_pct, row.test_pct_std),
        panels.number(row.pooled_pct),
        panels.number(row.balanced_pct),
        panels.interval(row.macro_f1, row.macro_f1_low, row.macro_f1_high),
        panels.spread(row.paper_validation_pct, row.paper_validation_pct_std),
    ]


def caption2(table):
    """Table 2's caption: what is shown, from what, how to read it, what would surprise (paragraphs)."""
    first, tested = table.iloc[0], table.groupby("protocol", sort=False)["tested_samples"].first()
    asked = [TESTED[protocol].format(samples=count) for protocol, count in tested.items()]
    base = ", ".join(
        f"{row.pooled_pct:.0f} % ({row.protocol})" for row in table[table["model"] == BASELINE].itertuples()
    )
    honest = " The row chosen in each fold is one." if CHOSEN in set(table["model"]) else ""
    return (
        f"Table 2. Growth temperature told from a micrograph by shallow models, by depth of the network block that the "
        f"features are taken from and by the share of variance that their principal components keep. Data: "
        f"{first['data']}; network {first['backbone']} pre-trained on {first['pretraining']}, policy "
        f"{first['policy']}, {first['grid']} grids of settings, {first['folds']} folds. {' '.join(asked)}\n\n"
        f"How to read it: mean ± standard deviation over folds; pooled, balanced and macro F1 count all test "
        f"predictions together. In brackets the 95 % interval from redrawing whole growth days with the fitted models "
        f"kept (table2.tsv has it for all three). Components: how many the model saw, mean over folds. Validation "
        f"accuracy is that of the settings chosen on it, and so too high. Always naming the temperature most frequent "
        f"in training gets {base} of the test predictions right. Overlap of two intervals is no test of two models: "
        f"all are asked about the same films; nor is the best row of many a fair result.{honest}\n\n"
        f"The paper's column is its validation accuracy, the only one it reports here: 262 real films, of 900, 950 and "
        f"1000 °C, ResNet18, whole grids. It is there for orientation; nearest to it in protocol is our published "
        f"validation.\n\n"
        f"What would surprise: a model far above its validation accuracy on strict test films, or published validation "
        f"accuracies below test accuracies in most rows, since settings were chosen on that validation. "
        f"An RNN that falls to the share of the lowest temperature under the published protocol does not surprise: "
        f"there it calls every film without a neighbour in its radius that, as in the paper."
    )


TESTED = {
    "strict": "Strict: each of {samples} films is tested once, by a model that saw no film of its growth day.",
    "published": "Published: the same {samples} films are tested in every fold, so that ± says nothing about other "
    "films; components have seen them, and growth days stand on both sides.",
}
