"""Table 1: how many rows of every class a fold trains on and is scored on under each augmentation policy.

Counted from what was dealt and drawn (splits, images.tsv) by the functions that choose the rows of every fit; the
paper's counts, of one fold, stand beside.
"""

import numpy as np
import pandas as pd

from micrograph.evaluation import tables
from micrograph.splits import prediction_table, splitters

NAME = "Table 1"
PAPER = "paper"
COLUMNS = [
    *("protocol", "policy", "split", "growth_celsius", "rows", "rows_std", "pictures", "samples", "folds"),
    *("all_samples", "copies", "copies_least", "copies_most", "data"),
]


def make_table(copies, splits, published, *, classes, data, rng):
    """Table 1 as a data frame: protocol by policy by part by class, then the paper's counts as protocol "paper".

    copies: policy -> its images.tsv; splits: protocol -> its splits table; published: the paper's counts (policy, part,
    growth_celsius, rows); classes: Celsius; data: what the films are, as "simulated films"; rng: chooses rows as a fit
    does. Means over the folds: rows (with repeats), pictures (different ones among them), samples; rows_std: standard
    deviation. Of the whole study: all_samples, copies, copies_least and copies_most of a sample, 0 where a policy makes
    none. Train rows are those trained on, the others those scored. Raises UserError where copies and splits are not of
    the same samples.
    """
    rows = []
    for protocol, dealing in splits.items():
        for policy, made in copies.items():
            folds = prediction_table.make_folds(
                made["sample"], made["augmentation"], dealing, protocol=protocol, policy=policy, rng=rng
            )
            study = _study(folds[0].samples, classes)
            for part in splitters.SPLITS:
                words = {"protocol": protocol, "policy": policy, "split": part, "data": data}
                counted = _counted(folds, part, classes)
                rows += [words | study[celsius] | counted[celsius] for celsius in classes]
    printed = published.assign(protocol=PAPER, data="real films, the paper's")
    printed = printed[printed["growth_celsius"].isin(classes) & printed["policy"].isin(copies)]
    return pd.DataFrame(rows + printed.to_dict("records"), columns=COLUMNS)


def _counted(folds, part, classes):
    """Of every class: rows, pictures and samples of a part, as means over the folds."""
    found = {celsius: [] for celsius in classes}
    for fold in folds:
        chosen = fold.train_index if part == "train" else fold.score_index[part]
        for celsius, counts in found.items():
            here = chosen[fold.samples.y[chosen] == celsius]
            counts.append((len(here), len(np.unique(here)), len(np.unique(fold.samples.sample[here]))))
    return {celsius: _means(celsius, np.array(counts)) for celsius, counts in found.items()}


def _means(celsius, counts):
    """counts: (folds, 3) rows, pictures, samples of one class."""
    means = dict(zip(("rows", "pictures", "samples"), counts.mean(axis=0), strict=True))
    spread = counts[:, 0].std(ddof=1) if len(counts) > 1 else np.nan
    return means | {"growth_celsius": celsius, "rows_std": spread, "folds": len(counts)}


def _study(rows, classes):
    """Of every class: samples of the study, copies made of them, least and most of one sample."""
    found = {}
    for celsius in classes:
        here = rows.y == celsius
        most = pd.Series(rows.augmentation[here]).groupby(rows.sample[here]).max()
        found[celsius] = {
            "all_samples": len(most),
            "copies": most.sum(),
            "copies_least": most.min(),
            "copies_most": most.max(),
        }
    return found


def panels(table):
    """Table 1 as panels: one a protocol with the paper's counts beside, then the pictures that were made."""
    protocols = [name for name in table["protocol"].unique() if name != PAPER]
    return [*(_protocol(table, name) for name in protocols), _pictures(table[table["protocol"] == protocols[0]])]


def _protocol(table, protocol):
    """Policies and parts in rows, classes in columns, ours and the paper's."""
    here, paper = (
        table[table["protocol"] == name].set_index(["policy", "split", "growth_celsius"]) for name in (protocol, PAPER)
    )
    classes, rows, before = _classes(here), [], None
    for policy, part in dict.fromkeys((policy, part) for policy, part, _ in here.index):
        keys = [(policy, part, celsius) for celsius in classes]
        ours = [_rows(here.loc[key]) for key in keys]
        theirs = [tables.number(paper.loc[key, "rows"]) if key in paper.index else tables.DASH for key in keys]
        rows.append(["" if policy == before else policy, part, *ours, *theirs])
        before = policy
    headings = ["Policy", "Part", *(f"{celsius} °C" for celsius in classes)]
    headings += [f"Paper, real films: {celsius} °C" for celsius in classes]
    return tables.Panel(f"Protocol {protocol}: rows of every class", headings, rows, words=2)


def _rows(row):
    """Rows of a class: mean ± standard deviation, the number alone where every fold has it."""
    return tables.spread(row["rows"], row["rows_std"], 1) if row["rows_std"] > 0 else tables.number(row["rows"])


def _pictures(here):
    """What every policy made of the samples: samples x copies = pictures."""
    first = here.drop_duplicates(["policy", "growth_celsius"]).set_index(["policy", "growth_celsius"])
    classes = _classes(first)
    rows = [
        [policy, *(_made(first.loc[policy, celsius]) for celsius in classes)]
        for policy in first.index.unique(level="policy")
    ]
    headings = ["Policy", *(f"{celsius} °C" for celsius in classes)]
    return tables.Panel("Pictures made of all samples: samples x copies of each = pictures", headings, rows)


def _made(row):
    """13 x 8 to 9 = 115; without copies the samples alone."""
    if not row["copies_most"]:
        return f"{row['all_samples']:.0f}, as they are"
    least, most = f"{row['copies_least']:.0f}", f"{row['copies_most']:.0f}"
    copies = least if least == most else f"{least} to {most}"
    return f"{row['all_samples']:.0f} x {copies} = {row['copies']:.0f}"


def _classes(indexed):
    """The growth temperatures of an indexed table, in its order."""
    return list(indexed.index.unique(level="growth_celsius"))
