"""Reduce the training batches of every fold, for the learning curve and the experiment transfer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from micrograph.splits import film_scans, group_splits, protocols


def subsample_batches(table: pd.DataFrame, protocol: str, rng: np.random.Generator) -> pd.DataFrame:
    """Keep the protocol's share of every fold's training films.

    Parameters
    ----------
    table : DataFrame
        Splits.
    protocol : str
        Its name; the percentage of training samples is its share.
    rng : Generator

    Returns
    -------
    DataFrame
        The splits; training samples left out have the split `group_splits.UNUSED`, validation and test stay.

    Notes
    -----
    Batches are kept whole. They are taken in a random order, changed so that the classes stand after every batch as
    nearly as possible in their proportions among all: a larger share holds the batches of a smaller one. More than the
    share is kept where less would leave a class without a sample.
    """
    share = protocols.parse(protocol).share
    if share == protocols.WHOLE:
        return table
    if share == 0:
        return table.assign(split=table["split"].replace("train", group_splits.UNUSED))
    kept = table.copy()
    for _, rows in table[table["split"] == "train"].groupby("fold"):
        films = film_scans.films_by_fold(rows)
        order = _order(films, rng)
        samples = films["batch"].map(films["batch"].value_counts()).groupby(films["batch"]).first()[order].cumsum()
        count = int(np.searchsorted(samples.to_numpy(), share / protocols.WHOLE * len(films))) + 1
        while set(rows.loc[rows["batch"].isin(order[:count]), "y_true"]) != set(rows["y_true"]):
            count += 1
        left_out = rows.index[~rows["batch"].isin(order[:count])]
        kept.loc[left_out, "split"] = group_splits.UNUSED
    return kept


def _order(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """List the batches in the order in which they are taken."""
    counts = rows.groupby(["batch", "y_true"]).size().unstack(fill_value=0)
    proportions = counts.sum() / counts.sum().sum()
    left, taken, held = list(rng.permutation(counts.index.to_numpy(str))), [], np.zeros(counts.shape[1])
    while left:
        after = held + counts.loc[left].to_numpy()
        expected = after.sum(axis=1, keepdims=True) * proportions.to_numpy()
        taken.append(left.pop(int((((after - expected) ** 2) / expected).sum(axis=1).round(9).argmin())))
        held = held + counts.loc[taken[-1]].to_numpy()
    return taken
