"""What a protocol varies of the study besides its folds: temperatures dealt anew, and fewer films to learn from."""

import numpy as np

from micrograph import protocols
from micrograph.faults import Fault
from micrograph.models import deals

DRAWS = 2000  # of batches' labels, until every class lies in enough batches


def relabelled(samples, protocol, folds, rng):
    """The samples with the growth temperatures that the protocol, by its name, gives them; as they are where it deals
    none anew.

    samples: table with sample, batch, growth_celsius; folds: their number; rng: numpy Generator.
    shuffled_films: every film gets the temperature of some film. shuffled_batches: the temperatures, listed batch by
    batch in one random order, are laid on the films listed batch by batch in another, so that they stay together as
    they were; drawn until every class lies in more batches than there are folds, for else it could not be dealt into
    them, or in as many as it truly does. Either way every temperature stays as frequent as it was.
    """
    way = {None: _as_they_are, "films": _films, "batches": _batches}
    ordered = samples.sort_values("sample", ignore_index=True)
    return ordered.assign(growth_celsius=way[protocols.read(protocol).shuffled](ordered, folds, rng))


def _as_they_are(films, folds, rng):
    """(n,) temperatures, none dealt anew."""
    return films["growth_celsius"].to_numpy()


def _films(films, folds, rng):
    """(n,) temperatures dealt anew between films."""
    return rng.permutation(films["growth_celsius"].to_numpy())


def _batches(films, folds, rng):
    """(n,) temperatures dealt anew between batches, those of one batch kept together."""
    celsius, batch = films["growth_celsius"].to_numpy(), films["batch"].to_numpy(str)
    names, place = np.unique(batch, return_inverse=True)
    need = _spread(celsius, batch)
    for _ in range(DRAWS):
        given, taken = (np.argsort(rng.permutation(len(names))[place], kind="stable") for _ in range(2))
        dealt = np.empty_like(celsius)
        dealt[taken] = celsius[given]
        if all(have >= min(need[label], folds + 1) for label, have in _spread(dealt, batch).items()):
            return dealt
    raise Fault(
        f"in {DRAWS} draws no deal of the batches' temperatures spread every class over enough batches for {folds} "
        "folds: set experiments.leakage.n_permutations.batches to 0."
    )


def _spread(celsius, batch):
    """{class: number of batches it lies in}."""
    return {label: len(set(batch[celsius == label])) for label in np.unique(celsius)}


def thinned(table, protocol, rng):
    """The splits table with that share of each fold's training batches that the protocol, by its name, keeps.

    table: as of splits.deal; rng: numpy Generator. The share counts films; batches are taken whole, one after another,
    always the one after which the classes stand most as they do among all, of some random order: a greater share holds
    the batches of a smaller one. More than the share is kept where less would leave a class without a film. Validation
    and test stay, and what is left out stands in the table as deals.UNUSED.
    """
    share = protocols.read(protocol).share
    if share == protocols.WHOLE:
        return table
    kept = table.copy()
    for _, rows in table[table["part"] == "train"].groupby("fold"):
        order = _in_turn(rows, rng)
        films = rows["batch"].map(rows["batch"].value_counts()).groupby(rows["batch"]).first()[order].cumsum()
        enough = int(np.searchsorted(films.to_numpy(), share / protocols.WHOLE * len(rows))) + 1
        while set(rows.loc[rows["batch"].isin(order[:enough]), "growth_celsius"]) != set(rows["growth_celsius"]):
            enough += 1
        few = rows[rows["batch"].isin(order[:enough])]
        kept.loc[rows.index.difference(few.index), "part"] = deals.UNUSED
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
