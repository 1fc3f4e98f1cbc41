"""One fit of a shallow model: every fold chosen, fitted, scored; its models and predictions. No torch is imported."""

import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.base import is_regressor

from micrograph.errors import UserError
from micrograph.models import grids, searches
from micrograph.splits import model_selection, prediction_table, splitters

FILLS_GAPS = ("OLR",)  # models that learn from features with unknown values (NaN)


def fit_folds(
    names, copies, scores, table, *, protocol, policy, scheme, model, classes, search, rng, workers=1,
    parts=splitters.PARTS,
):  # fmt: skip
    """Choose, fit and score one model on every fold; returns a waist.Study.

    names, copies: (n,), the sample and copy of every row; scores: K arrays (n, k_i), fold i's features of all n, or one
    array, of features that no fold had a part in, for all folds; table: the splits (splits.deal); protocol: its name;
    policy: aug1 ... aug4; scheme: nominal or regression, of OLR ordinal; model: SVC ... GBC, OLR; classes: growth
    temperatures in Celsius; search: default or published; rng: numpy Generator; workers: folds searched at once, which
    changes no result; parts: those that are predicted. Unknown features are NaN; OLR alone learns from them.

    A grid point is chosen by validation accuracy, the first in loop order among equals (choosing.choose_folds).
    strict: each fold takes its own choice (ties first go to the higher balanced accuracy), fitted on its training rows
    alone; test is scored once.
    published: the validation rows are each fold's best point, whose accuracy is what the paper reports; the best point
    of the best fold becomes the production model, refitted on every fold's training rows, and gives train and test
    rows and the models.
    Train rows hold every training sample once, without the policy's repeats.
    """
    points = grids.points(model, scheme, protocol, search)
    folds = prediction_table.make_folds(names, copies, table, protocol=protocol, policy=policy, rng=rng)
    scores = _of_folds(scores, len(folds), model)
    words = {"protocol": protocol, "scheme": scheme, "model": model, "classes": tuple(classes)}
    work = [
        searches.Search(np.asarray(features, dtype=float), fold, points, **words)
        for features, fold in zip(scores, folds, strict=True)
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(workers) as pool:
            compared = list(pool.map(searches.validated, work))
            chosen = model_selection.select(compared, [search.truth for search in work], protocol)
        used = model_selection.refit_choice(chosen, protocol)
        fitted = [searches.fit(search, points[point]) for search, point in zip(work, used, strict=True)]
        frames = [frame for one in zip(work, chosen, used, fitted, strict=True) for frame in _scored(*one, parts)]
    _say(caught)
    return prediction_table.Study(
        dict(enumerate(fitted)), prediction_table.choices(chosen, used, points), prediction_table.predictions(frames)
    )


def _of_folds(scores, folds, model):
    """The features of every fold; UserError where they are of other folds, or not known and the model needs them."""
    scores = list(scores) * folds if len(scores) == 1 else list(scores)
    if len(scores) != folds:
        raise UserError(
            f"the components hold {len(scores)} folds, the splits {folds}: make both with one splits.folds."
        )
    if model not in FILLS_GAPS and any(np.isnan(features).any() for features in scores):
        raise UserError(f"{model} cannot learn from features that are not known of some films: ask for OLR on them.")
    return scores


def _scored(search, choice, point, fitted, parts):
    """The predictions of the parts of a fold; those of validation by the point that was chosen there."""
    own = fitted if choice.point == point else searches.fit(search, search.points[choice.point])
    for part in parts:
        estimator = own if part == "validation" else fitted
        features = search.features[search.fold.parts[part]]
        predicted, value = searches.answered(estimator, features, search.classes)
        marks = _marks(estimator, features, search.classes)
        yield prediction_table.prediction_frame(
            search.fold, part, predicted, value, marks, search.classes, features.shape[1]
        )


def _marks(estimator, features, classes):
    """(n, classes) scores: probabilities where the model has them, otherwise its decision values.

    NaN for a class unseen in training, and throughout for a regressor and for the one-against-one Gaussian process,
    which have neither. SVC's largest value need not be its answer: that counts votes between pairs of classes.
    """
    ways = [name for name in ("predict_proba", "decision_function") if hasattr(estimator, name)]
    last = getattr(estimator, "steps", [("model", estimator)])[-1][1]
    if is_regressor(estimator) or not ways or getattr(last, "multi_class", None) == "one_vs_one":
        return np.full((len(features), len(classes)), np.nan)
    marks = getattr(estimator, ways[0])(features)
    if marks.ndim == 1:
        marks = np.column_stack([-marks, marks])
    placed = np.full((len(features), len(classes)), np.nan)
    placed[:, [list(classes).index(label) for label in estimator.classes_]] = marks
    return placed


def _say(caught):
    """Print every kind of warning once, with its number: a grid makes hundreds of the same."""
    kinds = Counter(f"{entry.category.__name__}: {str(entry.message).splitlines()[0]}" for entry in caught)
    for kind, times in kinds.items():
        print(f"{times} times {kind}")
