"""Thin out the training part of the folds batch by batch, for the learning curve."""

import numpy as np

from micrograph.splits import group_splits, protocols


def subsample_batches(table, protocol, rng):
    """The splits table with that share of each fold's training batches that the protocol, by its name, keeps.

    table: as of splits.deal; rng: numpy Generator. The share counts films; batches are taken whole, one after another,
    always the one after which the classes stand most as they do among all, of some random order: a greater share holds
    the batches of a smaller one. More than the share is kept where less would leave a class without a film. Validation
    and test stay, and what is left out stands in the table as deals.UNUSED.
    """
    share = protocols.parse(protocol).share
    if share == protocols.WHOLE:
        return table
    kept = table.copy()
    for _, rows in table[table["split"] == "train"].groupby("fold"):
        order = _in_turn(rows, rng)
        films = rows["batch"].map(rows["batch"].value_counts()).groupby(rows["batch"]).first()[order].cumsum()
        enough = int(np.searchsorted(films.to_numpy(), share / protocols.WHOLE * len(rows))) + 1
        while set(rows.loc[rows["batch"].isin(order[:enough]), "growth_celsius"]) != set(rows["growth_celsius"]):
            enough += 1
        few = rows[rows["batch"].isin(order[:enough])]
        kept.loc[rows.index.difference(few.index), "split"] = group_splits.UNUSED
    return kept


def _in_turn(rows, rng):
    """The batches of a part, a list, in the order in which they are taken."""
    counts = rows.groupby(["batch", "growth_celsius"]).size().unstack(fill_value=0)
    wanted = counts.sum() / counts.sum().sum()
    waiting, taken, held = list(rng.permutation(counts.index.to_numpy(str))), [], np.zeros(counts.shape[1])
    while waiting:
        after = held + counts.loc[waiting].to_numpy()
        expected = after.sum(axis=1, keepdims=True) * wanted.to_numpy()
        taken.append(waiting.pop(int((((after - expected) ** 2) / expected).sum(axis=1).round(9).argmin())))
        held = held + counts.loc[taken[-1]].to_numpy()
    return taken
