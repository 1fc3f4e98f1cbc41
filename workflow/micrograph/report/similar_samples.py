"""The training samples most similar to a test sample, in the features of its own fold.

The features of a fold are those of the network fine-tuned for it, which has not seen its test samples; so the similar
samples are all of other growth days.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.io import FeatureSet
from micrograph.splits import splitters

BLOCK = 512  # samples whose distances are in memory at a time


@dataclass(frozen=True)
class Neighbours:
    """The nearest training samples of each sample, nearest first.

    Parameters
    ----------
    indices : ndarray of shape (n_samples, n_neighbours)
        Index of the neighbour among the samples, -1 where there are fewer.
    distances : ndarray of shape (n_samples, n_neighbours)
        Euclidean distance, NaN where there are fewer.
    """

    indices: NDArray[np.int_]
    distances: NDArray[np.float64]


def nearest(
    names: Sequence[str],
    features: FeatureSet,
    splits: pd.DataFrame,
    n_neighbours: int = 5,
) -> Neighbours:
    """Find the nearest training samples of each sample.

    Parameters
    ----------
    names : sequence of str
        Samples, each tested by one fold.
    features : FeatureSet
        Fine-tuned features of every fold; only augmentation 0 counts.
    splits : DataFrame
        Splits of the strict protocol.
    n_neighbours : int, default 5

    Returns
    -------
    Neighbours
        Among equal distances, the sample that is first in `names` comes first.

    Raises
    ------
    UserError
        If a sample has no features or is tested by no fold.
    """
    originals = np.flatnonzero(np.asarray(features.augmentation) == 0)
    known = np.asarray(features.sample, dtype=str)[originals]
    index = {name: position for position, name in enumerate(np.asarray(names, dtype=str).tolist())}
    shape = (len(index), n_neighbours)
    neighbours = Neighbours(np.full(shape, -1), np.full(shape, np.nan))
    is_tested = np.zeros(len(index), dtype=bool)
    for fold, values in enumerate(features.values):
        values = np.asarray(values, dtype=float)[originals]
        training, test = (splitters.split_index(splits, fold, split, known) for split in ("train", "test"))
        train_index, test_index = ([index.get(name, -1) for name in known[rows].tolist()] for rows in (training, test))
        if min(train_index + test_index, default=0) < 0:
            raise UserError(
                f"fold {fold} has a sample that was not tested; make predictions and splits from one table of samples."
            )
        is_tested[test_index] = True
        _fill(neighbours, np.array(test_index, int), values[test], np.array(train_index, int), values[training])
    if not is_tested.all():
        missing = next(name for name, position in index.items() if not is_tested[position])
        raise UserError(f"sample {missing} is tested by no fold; make the splits again.")
    return neighbours


def _fill(
    neighbours: Neighbours,
    test_index: NDArray[np.int_],
    test: NDArray[np.float64],
    train_index: NDArray[np.int_],
    train: NDArray[np.float64],
) -> None:
    """Fill in the neighbours of the test samples of one fold."""
    from scipy.spatial.distance import cdist

    count = min(neighbours.indices.shape[1], len(train_index))
    order = np.argsort(train_index, kind="stable")  # among equal distances, the first sample
    train_index, train = train_index[order], train[order]
    for first in range(0, len(test_index), BLOCK):
        rows = test_index[first : first + BLOCK]
        distances = cdist(test[first : first + BLOCK], train)
        best = np.argsort(distances, axis=1, kind="stable")[:, :count]
        neighbours.indices[rows, :count] = train_index[best]
        neighbours.distances[rows, :count] = np.take_along_axis(distances, best, axis=1)
