"""The films of the training part that are most like a tested film, in the features of its own fold.

Fold k's features are those of the network fine-tuned for fold k, which has not seen the films that fold k tests; so a
tested film's neighbours are all of other growth days.
"""

from dataclasses import dataclass

import numpy as np

from micrograph.errors import UserError
from micrograph.splits import splitters

BLOCK = 512  # films whose distances are in memory at a time


@dataclass(frozen=True)
class Near:
    """Neighbours of n films, nearest first: places (n, count) int, -1 where there are fewer; distances (n, count)
    float, NaN there; training (n,) int: how many films they were chosen from."""

    places: np.ndarray
    distances: np.ndarray
    training: np.ndarray


def nearest(names, features, table, count=5):
    """The Near of the films `names` (n,), each tested once: places are places in `names`.

    features: the io.FeatureSet of fine-tuned features;
    copies other than 0 count for nothing. table: the strict splits. Euclidean distance in the values as they are; of
    equals the film that comes first. Raises UserError where a film has no features or is tested by no fold.
    """
    samples, copies, scores = features.sample, features.augmentation, features.values
    own = np.flatnonzero(np.asarray(copies) == 0)
    known = np.asarray(samples, dtype=str)[own]
    place = {name: position for position, name in enumerate(np.asarray(names, dtype=str).tolist())}
    found = Near(np.full((len(place), count), -1), np.full((len(place), count), np.nan), np.zeros(len(place), int))
    tested = np.zeros(len(place), dtype=bool)
    for fold, values in enumerate(scores):
        values = np.asarray(values, dtype=float)[own]
        training, test = (splitters.split_index(table, fold, part, known) for part in ("train", "test"))
        there, here = ([place.get(name, -1) for name in known[rows].tolist()] for rows in (training, test))
        if min(there + here, default=0) < 0:
            raise UserError(
                f"fold {fold} holds a film that was not tested; make predictions and splits from one table."
            )
        tested[here] = True
        _fill(found, np.array(here, int), values[test], np.array(there, int), values[training])
    if not tested.all():
        lost = next(name for name, position in place.items() if not tested[position])
        raise UserError(f"sample {lost} is tested by no fold; deal the splits again.")
    return found


def _fill(found, here, queries, there, values):
    """Write the neighbours of one fold's tested films into `found`."""
    from scipy.spatial.distance import cdist

    count = min(found.places.shape[1], len(there))
    order = np.argsort(there, kind="stable")  # of equals the film that comes first
    there, values = there[order], values[order]
    for first in range(0, len(here), BLOCK):
        rows = here[first : first + BLOCK]
        far = cdist(queries[first : first + BLOCK], values)
        best = np.argsort(far, axis=1, kind="stable")[:, :count]
        found.places[rows, :count] = there[best]
        found.distances[rows, :count] = np.take_along_axis(far, best, axis=1)
        found.training[rows] = len(there)
