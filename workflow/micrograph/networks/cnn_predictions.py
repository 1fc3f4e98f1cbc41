"""Predictions of the CNN, and fine-tuned features, from the stored outputs of networks. No torch is imported.

A chunk of folds is a dict of arrays (`finetune.collect_outputs`): samples (n,), augmentation (n,), param_grid (JSON,
the hyperparameters of every grid point), and outputs_{fold}_{point} (n, n_outputs), the outputs of that network for
every row in evaluation mode. A grid point is thus chosen without a network in memory.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.io import FeatureSet
from micrograph.splits import prediction_table, protocols
from micrograph.splits.fit_spec import FitSpec, FitTask, feature_fold
from micrograph.target import Prediction, Target, decode_finite

Arrays = Mapping[str, NDArray[Any]]


def predict_cnn(
    chunks: Sequence[Arrays], table: pd.DataFrame, spec: FitSpec, target: Target, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose a grid point and predict, fold by fold.

    Parameters
    ----------
    chunks : sequence of mapping
        Outputs as the module describes them, together every fold once.
    table : DataFrame
        Splits.
    spec : FitSpec
        Protocol, policy and scheme. strict: every fold predicts with its own choice. published: validation rows with
        the fold's own best point, training and test rows with the best point of the best fold.
    target : Target
        In the target's unit, ascending.
    rng : Generator
        Draws the rows that a policy scores.

    Returns
    -------
    search_results, predictions : DataFrame
        Tables of `prediction_table`; a network has 0 components.

    Raises
    ------
    UserError
        If chunks are of different rows or grids, or a fold is missing or given twice.
    """
    samples, augmentation, grid, outputs = _join_chunks(chunks, range(table["fold"].nunique()))
    folds = prediction_table.make_folds(
        samples, augmentation, table, protocol=spec.protocol, policy=spec.policy, rng=rng
    )

    def predict(fold: prediction_table.FoldData, point: int, split: str) -> Prediction:
        rows = outputs[fold.fold][point][fold.score_index[split]]
        return decode_finite(spec.scheme, rows, target, ranks_all)

    ranks_all = protocols.parse(spec.protocol).ranks_all
    task = FitTask(spec, target, grid)
    return prediction_table.select_and_predict(task, folds, predict, [0] * len(folds))[1:]


def tuned_features(
    chunks: Sequence[Arrays], curves: pd.DataFrame, *, protocol: str, pretraining: str, folds: int
) -> FeatureSet:
    """Return the fine-tuned features of every row, fold by fold.

    Parameters
    ----------
    chunks : sequence of mapping
        Outputs of the head ``tuned``, which are the features.
    curves : DataFrame
        Training curves of all folds (fold, point, epoch, validation_accuracy, kept), which choose the grid point.
    protocol : str
        Every fold has its own network; with the leak `features_from_one_fold` one fold's gives the features of all
        (`fit_spec.feature_fold`), as in the paper, though it was trained on most held-out samples of the others.
    pretraining : str
    folds : int
        Number of folds.

    Returns
    -------
    FeatureSet
        100 features a row.

    Raises
    ------
    UserError
        As `predict_cnn`, and if no epoch of a fold was kept.
    """
    one_fold = "features_from_one_fold" in protocols.parse(protocol).leaks
    source = [feature_fold(pretraining, folds) if one_fold else fold for fold in range(folds)]
    samples, augmentation, grid, outputs = _join_chunks(chunks, source)
    best = {fold: _best_point(curves, fold, len(grid)) for fold in sorted(set(source))}
    return FeatureSet(samples, augmentation, [outputs[fold][best[fold]] for fold in source])


def _best_point(curves: pd.DataFrame, fold: int, points: int) -> int:
    """Return the grid point whose kept network has the best validation accuracy, the first among equals."""
    if points == 1:
        return 0
    kept = curves[(curves["fold"] == fold) & curves["kept"].eq(True)].sort_values("point")
    if kept.empty:
        raise UserError(f"fold {fold}: no epoch of any grid point was kept; lower the learning rates of its networks.")
    return int(kept["point"].to_numpy()[kept["validation_accuracy"].fillna(-1).round(9).to_numpy().argmax()])


def _join_chunks(
    chunks: Sequence[Arrays], folds: Iterable[int]
) -> tuple[NDArray[np.str_], NDArray[np.int64], list[dict[str, Any]], dict[int, list[NDArray[np.float32]]]]:
    """Return samples, augmentation, grid, and outputs by fold and point, of all chunks; UserError as `predict_cnn`."""
    first = chunks[0]
    grid = json.loads(str(first["param_grid"]))
    outputs = {}
    for chunk in chunks:
        for name in ("samples", "augmentation", "param_grid"):
            if not np.array_equal(chunk[name], first[name]):
                raise UserError(f"networks of one study were trained with different {name}: train all folds again.")
        for fold in sorted({int(name.split("_")[1]) for name in chunk if name.startswith("outputs_")}):
            if fold in outputs:
                raise UserError(f"fold {fold} of the networks was given twice: give the outputs of every fold once.")
            outputs[fold] = [chunk[f"outputs_{fold}_{point}"] for point in range(len(grid))]
    if missing := sorted(set(folds) - set(outputs)):
        raise UserError(f"fold {missing[0]} is missing from the networks' outputs: train the networks of all folds.")
    return first["samples"].astype(str), first["augmentation"].astype(int), grid, outputs
