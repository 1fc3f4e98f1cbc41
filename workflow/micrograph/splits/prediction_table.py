"""Data of a fold, and the tables of predictions and of search results, the same for shallow models, MLP and CNN.

The table of predictions is the interface between fitting and evaluation. Its columns: fold, split, sample, film,
augmentation, batch, y_true, y_true_value, y_pred, y_pred_value, score_{class} ..., components; sorted by fold, split,
sample, augmentation. Columns of search results: fold, n_candidates (size of the grid), validation_accuracy,
validation_balanced, best_params, refit_params (settings as JSON). Neither torch nor scikit-learn is imported here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError
from micrograph.splits import film_scans, model_selection, policies, protocols, splitters
from micrograph.splits.fit_spec import FitTask
from micrograph.splits.model_selection import Choice
from micrograph.target import Prediction, Target

KEYS = ["fold", "split", "sample", "augmentation"]
SEEDS = 2**31

Predict = Callable[["FoldData", int, str], Prediction]  # (fold, grid point, split) to predictions of the scored rows


@dataclass(frozen=True, eq=False)
class Samples:
    """What is known of the n rows of features or images.

    Parameters
    ----------
    sample : ndarray of str, shape (n,)
        Names.
    film : ndarray of str, shape (n,)
    augmentation : ndarray of int, shape (n,)
        0: the micrograph itself.
    batch : ndarray of str, shape (n,)
    y : ndarray of shape (n,)
        Class.
    value : ndarray of float, shape (n,)
        In the target's unit; NaN of a target without order.
    """

    sample: NDArray[np.str_]
    film: NDArray[np.str_]
    augmentation: NDArray[np.int64]
    batch: NDArray[np.str_]
    y: NDArray
    value: NDArray[np.float64]


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

    def scaler_rows(self, protocol: str) -> NDArray[np.intp]:
        """Return the rows that the scaling of features is fitted on.

        strict: the training rows with the policy's repeats; published: once each. With the leak
        ``scaler_on_validation`` those of validation, too, which the authors' notebooks scale with before they split.
        """
        parsed = protocols.parse(protocol)
        train = self.train_index if parsed.estimators == "strict" else np.unique(self.train_index)
        if "scaler_on_validation" not in parsed.leaks:
            return train
        return np.concatenate([train, self.score_index["validation"]])


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
        train = repeated(samples, rows["train"], table, fold)
        drawn = train[:0]  # of a network that is not trained on the study
        if len(train):
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
    y_true, value = rows["y_true"].to_numpy(), rows["y_true_value"].to_numpy(float)
    film = film_scans.film_of(rows.reset_index()).to_numpy(str)
    return Samples(sample, film, augmentation, rows["batch"].to_numpy(str), y_true, value)


def rows_in_split(samples: Samples, table: pd.DataFrame, fold: int, split: str) -> NDArray[np.intp]:
    """Return the rows, ascending and with augmented ones, whose sample is in a split of a fold."""
    inside = table.loc[(table["fold"] == fold) & (table["split"] == split), "sample"]
    return np.flatnonzero(np.isin(samples.sample, inside.to_numpy(str)))


def repeated(samples: Samples, rows: NDArray[np.intp], table: pd.DataFrame, fold: int) -> NDArray[np.intp]:
    """Repeat the training rows of a fold as its splits say (`film_scans.add_repeats`)."""
    if "repeats" not in table or (table["repeats"] == 1).all():
        return rows
    of_sample = table[table["fold"] == fold].set_index("sample")["repeats"]
    return np.repeat(rows, of_sample[samples.sample[rows]])


def scored_rows(
    samples: Samples, rows: NDArray[np.intp], split: str, protocol: str, policy: str, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return those of the `rows` of a split that are scored (`policies.score_index`), by sample and augmentation."""
    chosen = policies.score_index(policy, protocol, split, samples.y[rows], samples.augmentation[rows], rng)
    kept = rows[chosen]
    return kept[np.lexsort((samples.augmentation[kept], samples.sample[kept]))]


def select_and_predict(
    task: FitTask,
    folds: Sequence[FoldData],
    predict: Predict,
    n_features: Sequence[int],
    y_pred: Sequence[NDArray] | None = None,
    parts: Sequence[str] = splitters.SPLITS,
    training: Sequence[NDArray] | None = None,
) -> tuple[list[int], pd.DataFrame, pd.DataFrame]:
    """Choose a grid point for every fold, and tabulate the predictions.

    Parameters
    ----------
    task : FitTask
        Its `grid` has the points.
    folds : sequence of FoldData
    predict : callable
        (fold, grid point, split) to classes, values and scores of the rows ``fold.score_index[split]``.
    n_features : sequence of int
        Number of features of every fold.
    y_pred : sequence of ndarray of shape (n_points, n), optional
        For every fold the classes that each point predicts on the protocol's selection split; by default of `predict`.
    parts : sequence of str
        Splits to predict.
    training : sequence of ndarray of shape (n_points,), optional
        Training accuracies of every fold, as of `model_selection.select`.

    Returns
    -------
    refitted : list of int
        Grid point of every fold's model.
    search_results, predictions : DataFrame
        See the module. Validation rows are predicted at the point that the fold chose.
    """
    protocol, points = task.spec.protocol, range(len(task.grid))
    split = protocols.parse(protocol).selection_split
    if y_pred is None:
        y_pred = [np.stack([predict(fold, point, split)[0] for point in points]) for fold in folds]
    y_true = [fold.samples.y[fold.score_index[split]] for fold in folds]
    choices = model_selection.select(y_pred, y_true, protocol, training=training)
    refitted = model_selection.refit_choice(choices, protocol)
    frames = [
        prediction_frame(
            fold, part, predict(fold, choice.point if part == "validation" else point, part), task.target
        ).assign(components=width)
        for fold, choice, point, width in zip(folds, choices, refitted, n_features, strict=True)
        for part in parts
    ]
    table = pd.concat(frames, ignore_index=True).sort_values(KEYS, ignore_index=True)
    return refitted, search_table(choices, refitted, task.grid), table


def prediction_frame(fold: FoldData, split: str, prediction: Prediction, target: Target) -> pd.DataFrame:
    """Tabulate the predictions of one split of one fold.

    Parameters
    ----------
    fold : FoldData
    split : str
    prediction : tuple of ndarray
        Class and continuous value, of shape (m,), and scores (m, n_classes) of the rows
        ``fold.score_index[split]``; NaN where there is none.
    target : Target

    Returns
    -------
    DataFrame
    """
    rows, samples = fold.score_index[split], fold.samples
    y_pred, y_value, scores = prediction
    is_whole = np.issubdtype(samples.y.dtype, np.integer)
    predicted = pd.array(np.asarray(y_pred, dtype=float), dtype="Float64")
    frame = pd.DataFrame(
        {
            "fold": fold.fold,
            "split": split,
            "sample": samples.sample[rows],
            "film": samples.film[rows],
            "augmentation": samples.augmentation[rows],
            "batch": samples.batch[rows],
            "y_true": samples.y[rows],
            "y_true_value": samples.value[rows],
            "y_pred": predicted.astype("Int64") if is_whole else predicted,
            "y_pred_value": np.asarray(y_value, dtype=float),
        }
    )
    frame[target.score_columns] = scores
    return frame


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
