"""Fits of a shallow model: every fold chosen, fitted and scored."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_regressor

from micrograph.errors import UserError
from micrograph.models import grid_search, registry
from micrograph.splits import model_selection, prediction_table, splitters


def fit_folds(
    names: Sequence[str],
    copies: ArrayLike,
    scores: Sequence[NDArray],
    table: pd.DataFrame,
    *,
    protocol: str,
    policy: str,
    scheme: str,
    model: str,
    classes: Sequence[int],
    search: str,
    rng: np.random.Generator,
    workers: int = 1,
    parts: Sequence[str] = splitters.SPLITS,
) -> prediction_table.FitResult:
    """Choose, fit and score one model on every fold.

    Parameters
    ----------
    names, copies : array_like of shape (n_rows,)
        Sample and augmentation of every row of features.
    scores : sequence of ndarray of shape (n_rows, n_features)
        Features of every fold, or one array for all folds. Unknown values are NaN.
    table : DataFrame
        Splits, as of `splitters.split`.
    protocol, policy, scheme, model : str
        Names of the fit (`registry.MODELS`).
    classes : sequence of int
        Classes in Celsius, rising.
    search : str
        Parameter grid, as of `registry.param_grid`.
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
    param_grid = registry.param_grid(model, scheme, protocol, search)
    folds = prediction_table.make_folds(names, copies, table, protocol=protocol, policy=policy, rng=rng)
    searches = [
        grid_search.GridSearch(
            np.asarray(features, dtype=float), fold, param_grid, protocol, scheme, model, tuple(classes)
        )
        for features, fold in zip(_by_fold(scores, len(folds), model), folds, strict=True)
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(workers) as pool:
            compared = list(pool.map(grid_search.predict_grid, searches))
        choices = model_selection.select(compared, [one.y_selection for one in searches], protocol)
        refitted = model_selection.refit_choice(choices, protocol)
        models = [one.fit(param_grid[point]) for one, point in zip(searches, refitted, strict=True)]
        frames = [
            frame
            for one in zip(searches, choices, refitted, models, strict=True)
            for frame in _predictions(*one, parts)
        ]
    _print_warnings(caught)
    return prediction_table.FitResult(
        dict(enumerate(models)),
        prediction_table.search_table(choices, refitted, param_grid),
        prediction_table.concatenate(frames),
    )


def _by_fold(scores, folds, model):
    """Return the features of every fold; UserError where they are of other folds, or missing and needed."""
    scores = list(scores) * folds if len(scores) == 1 else list(scores)
    if len(scores) != folds:
        raise UserError(
            f"the components hold {len(scores)} folds, the splits {folds}: make both with one splits.folds."
        )
    if not registry.MODELS[model].missing_values and any(np.isnan(features).any() for features in scores):
        able = ", ".join(name for name, row in registry.MODELS.items() if row.missing_values)
        raise UserError(f"{model} cannot learn from features with unknown values; choose {able}.")
    return scores


def _predictions(search, choice, refitted, model, parts):
    """Return the predictions of the parts of a fold; those of validation by the point that the fold chose."""
    chosen = model if choice.point == refitted else search.fit(search.param_grid[choice.point])
    for part in parts:
        estimator = chosen if part == "validation" else model
        features = search.features[search.fold.score_index[part]]
        y_pred, y_value = grid_search.predict(estimator, features, search.classes)
        scores = _class_scores(estimator, features, search.classes)
        yield prediction_table.prediction_frame(
            search.fold, part, y_pred, y_value, scores, search.classes, features.shape[1]
        )


def _class_scores(estimator, features, classes):
    """(n_rows, n_classes) probabilities where the estimator has them, otherwise decision values.

    NaN for a class unseen in training, and throughout for a regressor and for the one-against-one Gaussian process,
    which have neither. SVC's largest value need not be its prediction, which counts votes between pairs of classes.
    """
    methods = [name for name in ("predict_proba", "decision_function") if hasattr(estimator, name)]
    last = getattr(estimator, "steps", [("model", estimator)])[-1][1]
    scores = np.full((len(features), len(classes)), np.nan)
    if is_regressor(estimator) or not methods or getattr(last, "multi_class", None) == "one_vs_one":
        return scores
    values = getattr(estimator, methods[0])(features)
    if values.ndim == 1:
        values = np.column_stack([-values, values])
    scores[:, [list(classes).index(label) for label in estimator.classes_]] = values
    return scores


def _print_warnings(caught):
    """Print every kind of warning once, with its count: a grid makes hundreds of the same."""
    kinds = Counter(f"{entry.category.__name__}: {str(entry.message).splitlines()[0]}" for entry in caught)
    for kind, count in kinds.items():
        print(f"{count} times {kind}")
