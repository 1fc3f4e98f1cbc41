"""Data of a fold, and the tables of predictions and of search results, the same for shallow models, MLP and CNN.

The table of predictions is the interface between fitting and evaluation. Its columns: fold, split, sample,
augmentation, batch, y_true, y_pred, y_pred_value, score_{class} ..., components; sorted by fold, split, sample,
augmentation. Columns of search results: fold, points (size of the grid), validation_accuracy, validation_balanced,
chosen, used (settings as JSON). Neither torch nor scikit-learn is imported here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError
from micrograph.splits import policies, splitters
from micrograph.splits.model_selection import Choice

KEYS = ["fold", "split", "sample", "augmentation"]
SEEDS = 2**31


@dataclass(frozen=True, eq=False)
class Samples:
    """What is known of the n rows of features or images.

    Parameters
    ----------
    sample : ndarray of str, shape (n,)
        Names.
    augmentation : ndarray of int, shape (n,)
        0: the micrograph itself.
    batch : ndarray of str, shape (n,)
    y : ndarray of int, shape (n,)
        Class in Celsius.
    """

    sample: NDArray[np.str_]
    augmentation: NDArray[np.int64]
    batch: NDArray[np.str_]
    y: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FoldData:
    """One fold, as indices into the rows of its samples.

    Parameters
    ----------
    fold : int
        Its number.
    samples : Samples
    score_index : dict of str to ndarray of int
        Rows scored, by split, sorted by sample and augmentation.
    train_index : ndarray of int
        Rows trained on, with the policy's repeats.
    seed : int
        Of what the model draws.
    """

    fold: int
    samples: Samples
    score_index: dict[str, NDArray[np.intp]]
    train_index: NDArray[np.intp]
    seed: int


@dataclass(frozen=True, eq=False)
class FitResult:
    """What a fit returns.

    Parameters
    ----------
    models : dict of int to model
        The fitted model of every fold.
    search_results, predictions : DataFrame
        See the module.
    """

    models: dict[int, Any]
    search_results: pd.DataFrame
    predictions: pd.DataFrame


def make_folds(
    sample: ArrayLike,
    augmentation: ArrayLike,
    table: pd.DataFrame,
    *,
    protocol: str,
    policy: str,
    rng: np.random.Generator,
) -> list[FoldData]:
    """Choose the rows that are trained on and scored, for every fold.

    Parameters
    ----------
    sample, augmentation : array_like of shape (n,)
        Of the rows of features or images, in any order.
    table : DataFrame
        Splits.
    protocol : str
        Its name.
    policy : str
    rng : Generator

    Returns
    -------
    list of FoldData

    Raises
    ------
    UserError
        If rows and splits are not of the same samples, or a sample has no row of its micrograph.
    """
    samples = match_samples(sample, augmentation, table)
    folds = []
    for fold, fold_rng in enumerate(rng.spawn(table["fold"].nunique())):
        rows = {split: rows_in_split(samples, table, fold, split) for split in splitters.SPLITS}
        train = rows["train"]
        drawn = policies.train_index(policy, samples.y[train], samples.augmentation[train], fold_rng)
        seed = int(fold_rng.integers(SEEDS))
        score_index = {
            split: scored_rows(samples, rows[split], split, protocol, policy, fold_rng) for split in splitters.SPLITS
        }
        folds.append(FoldData(fold, samples, score_index, train[drawn], seed))
    return folds


def match_samples(sample: ArrayLike, augmentation: ArrayLike, table: pd.DataFrame) -> Samples:
    """Look up batch and class of rows in the splits.

    Parameters
    ----------
    sample, augmentation : array_like of shape (n,)
    table : DataFrame
        Splits.

    Returns
    -------
    Samples

    Raises
    ------
    UserError
        If rows and splits are not of the same samples, or a sample has no row of its micrograph.
    """
    sample, augmentation = np.asarray(sample, dtype=str), np.asarray(augmentation, dtype=int)
    known = table.drop_duplicates("sample").set_index("sample")
    for missing in sorted(set(known.index) - set(sample)):
        raise UserError(f"sample {missing} is in the splits but not among the samples: make both from one table.")
    for missing in sorted(set(sample) - set(known.index)):
        raise UserError(f"sample {missing} has features but is not in the splits: make both from one table of samples.")
    for missing in sorted(set(known.index) - set(sample[augmentation == 0])):
        raise UserError(
            f"sample {missing} has augmented images but not its micrograph (augmentation 0): make the policy's images "
            "again."
        )
    rows = known.loc[sample]
    return Samples(sample, augmentation, rows["batch"].to_numpy(str), rows["growth_celsius"].to_numpy(int))


def rows_in_split(samples: Samples, table: pd.DataFrame, fold: int, split: str) -> NDArray[np.intp]:
    """Return the rows, ascending and with augmented ones, whose sample is in a split of a fold."""
    inside = table.loc[(table["fold"] == fold) & (table["split"] == split), "sample"]
    return np.flatnonzero(np.isin(samples.sample, inside.to_numpy(str)))


def scored_rows(
    samples: Samples, rows: NDArray[np.intp], split: str, protocol: str, policy: str, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return those of the `rows` of a split that are scored (`policies.score_index`), by sample and augmentation."""
    chosen = policies.score_index(policy, protocol, split, samples.y[rows], samples.augmentation[rows], rng)
    kept = rows[chosen]
    return kept[np.lexsort((samples.augmentation[kept], samples.sample[kept]))]


def prediction_frame(
    fold: FoldData,
    split: str,
    y_pred: ArrayLike,
    y_value: ArrayLike,
    scores: NDArray,
    classes: Sequence[int],
    components: int,
) -> pd.DataFrame:
    """Tabulate the predictions of one split of one fold.

    Parameters
    ----------
    fold : FoldData
    split : str
    y_pred, y_value : array_like of shape (m,)
        Class and continuous value in Celsius of the rows ``fold.score_index[split]``; NaN where there is none.
    scores : ndarray of shape (m, n_classes)
    classes : sequence of int
        Celsius.
    components : int
        Number of features.

    Returns
    -------
    DataFrame
    """
    rows, samples = fold.score_index[split], fold.samples
    frame = pd.DataFrame(
        {
            "fold": fold.fold,
            "split": split,
            "sample": samples.sample[rows],
            "augmentation": samples.augmentation[rows],
            "batch": samples.batch[rows],
            "y_true": samples.y[rows],
            "y_pred": pd.array(np.asarray(y_pred, dtype=float), dtype="Float64").astype("Int64"),
            "y_pred_value": np.asarray(y_value, dtype=float),
        }
    )
    frame[[f"score_{celsius}" for celsius in classes]] = scores
    return frame.assign(components=components)


def concatenate(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join the frames of all splits and folds to the sorted table of predictions."""
    return pd.concat(frames, ignore_index=True).sort_values(KEYS, ignore_index=True)


def search_table(choices: Sequence[Choice], refitted: Sequence[int], grid: Sequence[dict]) -> pd.DataFrame:
    """Tabulate the search results.

    Parameters
    ----------
    choices : sequence of Choice
        Fold by fold.
    refitted : sequence of int
        Point that each fold's model is fitted with.
    grid : sequence of dict
        Settings of the points.

    Returns
    -------
    DataFrame
    """
    return pd.DataFrame(
        {
            "fold": range(len(choices)),
            "n_candidates": len(grid),
            "validation_accuracy": [choice.accuracy for choice in choices],
            "validation_balanced": [choice.balanced for choice in choices],
            "best_params": [json.dumps(grid[choice.point]) for choice in choices],
            "refit_params": [json.dumps(grid[point]) for point in refitted],
        }
    )
