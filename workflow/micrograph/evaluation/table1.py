"""Table 1: how many rows of every class a fold trains on and is scored on under each augmentation policy.

Counted by the functions that choose the rows of every fit; the paper's counts, of one fold, stand beside.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from micrograph.evaluation import tables
from micrograph.evaluation.tables import Panel
from micrograph.splits import prediction_table, splitters
from micrograph.splits.prediction_table import FoldData, Samples
from micrograph.target import Target

NAME = "Table 1"
PAPER = "paper"
COLUMNS = [
    *("protocol", "policy", "split", "y_true", "rows", "rows_std", "images", "n_samples", "folds"),
    *("all_samples", "all_scans", "augmentations", "augmentations_min", "augmentations_max", "data"),
]


def make_table(
    augmentations: Mapping[str, pd.DataFrame],
    splits: Mapping[str, pd.DataFrame],
    published: pd.DataFrame,
    *,
    target: Target,
    data: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Make Table 1: protocol by policy by split by class, then the paper's counts as protocol ``paper``.

    Parameters
    ----------
    augmentations : mapping
        {policy: its table of augmented images}.
    splits : mapping
        {protocol: its splits}.
    published : DataFrame
        The paper's counts: policy, split, growth_celsius, rows.
    target : Target
    data : str
        What the samples are, as ``simulated films``.
    rng : Generator
        Chooses rows as a fit does.

    Returns
    -------
    DataFrame
        Means over the folds: ``rows`` (with repeats; those trained on, or those scored), ``images`` (different ones
        among them), ``n_samples`` (films). Of the whole study: ``all_samples`` (films), ``all_scans``,
        ``augmentations``, and the least and most of a scan; 0 where a policy makes none.

    Raises
    ------
    UserError
        If augmentations and splits are not of the same samples.
    """
    made = []
    for (protocol, split), (policy, images) in itertools.product(splits.items(), augmentations.items()):
        folds = prediction_table.make_folds(
            images["sample"], images["augmentation"], split, protocol=protocol, policy=policy, rng=rng
        )
        counts = _fold_counts(folds, target).join(_study_counts(folds[0].samples, target), on="y_true")
        made.append(counts.reset_index().assign(protocol=protocol, policy=policy, data=data))
    paper = published.rename(columns={"growth_celsius": "y_true"}).assign(
        protocol=PAPER, data="real films, the paper's"
    )
    paper = paper[paper["y_true"].isin(target.classes) & paper["policy"].isin(augmentations)]
    return pd.concat([*made, paper], ignore_index=True)[COLUMNS]


def _fold_counts(folds: Sequence[FoldData], target: Target) -> pd.DataFrame:
    """Of every split and class: rows, images and samples, as means over the folds."""
    frames = []
    for number, fold in enumerate(folds):
        for split in splitters.SPLITS:
            rows = fold.train_index if split == "train" else fold.score_index[split]
            columns = {"y_true": fold.samples.y[rows], "image": rows, "sample": fold.samples.film[rows]}
            frames.append(pd.DataFrame(columns).assign(fold=number, split=split))
    names = ["split", "y_true", "fold"]
    counts = (
        pd.concat(frames)
        .groupby(names)
        .agg(rows=("image", "size"), images=("image", "nunique"), n_samples=("sample", "nunique"))
    )
    every = pd.MultiIndex.from_product([splitters.SPLITS, target.classes, range(len(folds))], names=names)
    each = counts.reindex(every, fill_value=0).groupby(names[:2], sort=False)
    return each.mean().assign(rows_std=each["rows"].std(), folds=len(folds))


def _study_counts(samples: Samples, target: Target) -> pd.DataFrame:
    """Of every class: films and scans of the study, augmentations made of them, least and most of one scan."""
    columns = {name: getattr(samples, name) for name in ("sample", "film", "augmentation")}
    frame = pd.DataFrame(columns).assign(y_true=samples.y)
    most = frame.groupby(["y_true", "sample"])["augmentation"].max()
    counts = most.groupby("y_true").agg(["size", "sum", "min", "max"]).reindex(target.classes)
    counts.columns = ["all_scans", "augmentations", "augmentations_min", "augmentations_max"]
    counts.insert(0, "all_samples", frame.groupby("y_true")["film"].nunique())
    return counts.fillna({"all_samples": 0, "all_scans": 0, "augmentations": 0})


def panels(table: pd.DataFrame, target: Target) -> list[Panel]:
    """Lay Table 1 out: a panel per protocol with the paper's counts, then the augmented images."""
    protocols = [name for name in table["protocol"].unique() if name != PAPER]
    return [
        *(_protocol(table, target, name) for name in protocols),
        _images(table[table["protocol"] == protocols[0]], target),
    ]


def _protocol(table: pd.DataFrame, target: Target, protocol: str) -> Panel:
    """Policies and splits in rows, classes in columns, ours and the paper's."""
    ours, paper = (
        table[table["protocol"] == name].set_index(["policy", "split", "y_true"]) for name in (protocol, PAPER)
    )
    rows = []
    for policy, split in dict.fromkeys((policy, split) for policy, split, _ in ours.index):
        keys = [(policy, split, one) for one in target.classes]
        cells = tables.cells(ours, keys, _rows)
        cells += tables.cells(paper, keys, tables.number_column("rows")) if len(paper) else []
        rows.append([policy, split, *cells])
    named = [target.with_unit(one) for one in target.classes]
    headings = ["Policy", "Split", *named, *(f"Paper, real films: {name}" for name in named if len(paper))]
    title = f"Protocol {protocol}: images by class"
    return Panel(title, headings, tables.without_repeats(rows), text_columns=2)


def _rows(row: pd.Series) -> str:
    """Rows of a class: mean ± standard deviation, the number alone where every fold has it."""
    return tables.spread(row["rows"], row["rows_std"], 1) if row["rows_std"] > 0 else tables.number(row["rows"])


def _images(rows: pd.DataFrame, target: Target) -> Panel:
    """Return what every policy made of the samples: samples (and scans, if more) x augmentations = images."""
    first = rows.drop_duplicates(["policy", "y_true"]).set_index(["policy", "y_true"])
    lines = [
        [policy, *tables.cells(first, [(policy, one) for one in target.classes], _product)]
        for policy in first.index.unique(level="policy")
    ]
    headings = ["Policy", *(target.with_unit(one) for one in target.classes)]
    several = (rows["all_scans"] > rows["all_samples"]).any()
    title = "films, scans x images per scan" if several else "samples x images per sample"
    return Panel(f"Augmented images: {title} = images", headings, lines)


def _product(row: pd.Series) -> str:
    """13 x 8 to 9 = 115, of several scans a film 9, 13 x 8 to 9 = 115; without augmentations the numbers alone."""
    films, scans = f"{row['all_samples']:.0f}", f"{row['all_scans']:.0f}"
    counted = films if films == scans else f"{films}, {scans}"
    if not row["augmentations_max"] > 0:
        return f"{counted}, not augmented"
    least, most = f"{row['augmentations_min']:.0f}", f"{row['augmentations_max']:.0f}"
    each = least if least == most else f"{least} to {most}"
    return f"{counted} x {each} = {row['augmentations']:.0f}"
