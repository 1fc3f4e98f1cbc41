"""What a protocol varies of the study besides its folds: temperatures dealt anew, and fewer films to learn from."""

import numpy as np

from micrograph.errors import UserError
from micrograph.splits import protocols

DRAWS = 2000  # of batches' labels, until every class lies in enough batches


def permute_labels(samples, protocol, folds, rng):
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
    return ordered.assign(growth_celsius=way[protocols.parse(protocol).shuffled](ordered, folds, rng))


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
    raise UserError(
        f"in {DRAWS} draws no deal of the batches' temperatures spread every class over enough batches for {folds} "
        "folds: set experiments.leakage.n_permutations.batches to 0."
    )


def _spread(celsius, batch):
    """{class: number of batches it lies in}."""
    return {label: len(set(batch[celsius == label])) for label in np.unique(celsius)}
