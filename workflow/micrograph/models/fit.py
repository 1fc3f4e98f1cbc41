"""Fits of a shallow model: every fold chosen, fitted and scored."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_regressor

from micrograph.errors import UserError
from micrograph.io import FeatureSet
from micrograph.models import grid_search, registry
from micrograph.splits import prediction_table, splitters
from micrograph.splits.fit_spec import FitTask
from micrograph.target import Prediction


def fit_folds(
    features: FeatureSet,
    table: pd.DataFrame,
    task: FitTask,
    rng: np.random.Generator,
    workers: int = 1,
    parts: Sequence[str] = splitters.SPLITS,
) -> prediction_table.FitResult:
    """Choose, fit and score one model on every fold.

    Parameters
    ----------
    features : FeatureSet
        Unknown values are NaN.
    table : DataFrame
        Splits, as of `splitters.split`.
    task : FitTask
        Its grid is of `registry.param_grid`.
    rng : Generator
        Draws the policy's rows and the models' seeds.
    workers : int, default 1
        Folds that are searched at a time; no result depends on it.
    parts : sequence of str
        Parts of the splits to predict.

    Returns
    -------
    prediction_table.FitResult
        Fitted models, the choices and the predictions.

    Raises
    ------
    UserError
        If features and splits do not belong together, or values are unknown that the model needs.

    Notes
    -----
    Points are compared by validation accuracy; the first of equals wins (`model_selection.select`). Under strict every
    fold fits its own choice (of equals that with the higher balanced accuracy), and predicts test once. Under published
    validation rows are predicted by each fold's own choice; the choice of the best fold is fitted in every fold, and
    predicts the train and test rows. Train rows hold every training sample once, without the policy's repeats.
    """
    folds = prediction_table.make_folds(
        features.sample, features.augmentation, table, protocol=task.spec.protocol, policy=task.spec.policy, rng=rng
    )
    values = _by_fold(features.values, len(folds), task.spec.model)
    searches = [
        grid_search.GridSearch(np.asarray(own, dtype=float), fold, task)
        for own, fold in zip(values, folds, strict=True)
    ]
    models: dict[tuple[int, int], BaseEstimator] = {}

    def predict(fold: prediction_table.FoldData, point: int, split: str) -> Prediction:
        search, key = searches[fold.fold], (fold.fold, point)
        if key not in models:
            models[key] = search.fit(task.grid[point])
        rows = search.features[fold.score_index[split]]
        return *grid_search.predict(models[key], rows, task.target), _class_scores(models[key], rows, task.target.codes)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(workers) as pool:
            y_pred = list(pool.map(grid_search.predict_grid, searches))
            training = None
            if registry.training_must_not_fall(task.spec.model, task.spec.scheme, task.spec.protocol):
                training = list(pool.map(grid_search.training_accuracy, searches))
        n_features = [own.shape[1] for own in values]
        refitted, *tables = prediction_table.select_and_predict(
            task, folds, predict, n_features, y_pred, parts, training
        )
    _print_warnings(caught)
    return prediction_table.FitResult({fold: models[fold, point] for fold, point in enumerate(refitted)}, *tables)


def _by_fold(values: Sequence[NDArray], folds: int, model: str) -> list[NDArray]:
    """Return the features of every fold; UserError where they are of other folds, or missing and needed."""
    values = list(values) * folds if len(values) == 1 else list(values)
    if len(values) != folds:
        raise UserError(
            f"the components hold {len(values)} folds, the splits {folds}: make both with one splits.folds."
        )
    if not registry.MODELS[model].missing_values and any(np.isnan(own).any() for own in values):
        able = ", ".join(name for name, row in registry.MODELS.items() if row.missing_values)
        raise UserError(f"{model} cannot learn from features with unknown values; choose {able}.")
    return values


def _class_scores(estimator, features, codes):
    """(n_rows, n_classes) probabilities where the estimator has them, otherwise decision values.

    NaN for a class unseen in training, and throughout for a regressor and for the one-against-one Gaussian process,
    which have neither. SVC's largest value need not be its prediction, which counts votes between pairs of classes.
    """
    methods = [name for name in ("predict_proba", "decision_function") if hasattr(estimator, name)]
    last = getattr(estimator, "steps", [("model", estimator)])[-1][1]
    scores = np.full((len(features), len(codes)), np.nan)
    if is_regressor(estimator) or not methods or getattr(last, "multi_class", None) == "one_vs_one":
        return scores
    values = getattr(estimator, methods[0])(features)
    if values.ndim == 1:
        values = np.column_stack([-values, values])
    scores[:, [list(codes).index(label) for label in estimator.classes_]] = values
    return scores


def _print_warnings(caught):
    """Print every kind of warning once, with its count: a grid makes hundreds of the same."""
    kinds = Counter(f"{entry.category.__name__}: {str(entry.message).splitlines()[0]}" for entry in caught)
    for kind, count in kinds.items():
        print(f"{count} times {kind}")
