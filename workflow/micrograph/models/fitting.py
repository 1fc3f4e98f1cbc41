"""One fit of a shallow model: every fold chosen, fitted, scored; its models and predictions.

The predictions table, the waist of the workflow, is made here for all shallow models; no torch is imported.
"""

import io
import json
import sys
import warnings
import zipfile
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import is_regressor

from micrograph import files
from micrograph.faults import Fault, known
from micrograph.models import classifiers, grids, policies, splits

SEEDS = 2**31
GAUSSIAN = "sklearn.gaussian_process"
TRUSTED = (
    "micrograph.models.estimators.KernelRidgeClassifier",
    "micrograph.models.estimators.RadiusClassifier",
    "micrograph.models.estimators.RadiusRegressor",
    "micrograph.models.estimators.UnitRows",
    f"{GAUSSIAN}._gpc._BinaryGaussianProcessClassifierLaplace",
    *(f"{GAUSSIAN}.kernels.{kernel}" for kernel in ("ConstantKernel", "Product", "RBF", "Sum", "WhiteKernel")),
    "sklearn.tree._tree.Tree",
)


@dataclass(frozen=True)
class Fold:
    """One fold's data: features of all samples, rows of each part, training rows with the policy's repeats, a seed."""

    features: np.ndarray
    labels: np.ndarray
    parts: dict
    training: np.ndarray
    seed: int


@dataclass(frozen=True)
class Study:
    """What a fit gives: models (fold -> fitted estimator), the choices table, the predictions table."""

    models: dict
    choices: pd.DataFrame
    predictions: pd.DataFrame


def fit_study(names, scores, table, *, protocol, policy, scheme, model, classes, grid, rng):
    """Choose, fit and score one model on every fold.

    names: (n,) samples; scores: K arrays (n, k_i), fold i's features of all n; table: the splits (splits.deal);
    protocol: strict or published; policy: aug3 or aug4; scheme: nominal or regression; model: SVC ... GBC; classes:
    growth temperatures in Celsius; grid: small or published; rng: numpy Generator. Returns a Study.

    A grid point is chosen by validation accuracy, the first in loop order among equals.
    strict: each fold takes its own choice (ties first go to the higher balanced accuracy), fitted on its training rows
    alone; test is scored once.
    published: the validation rows are each fold's best point, whose accuracy is what the paper reports; the best point
    of the best fold becomes the production model, refitted on every fold's training rows, and gives train and test
    rows and the models.
    Train rows hold every training sample once, without the policy's repeats.
    """
    settle = known(protocol, USED, "protocol")
    points = grids.points(model, scheme, protocol, grid)
    folds = _folds(names, scores, table, policy, rng)

    def fit(fold, settings):
        estimator = classifiers.build(model, scheme, protocol, settings, classes, fold.seed)
        target = fold.labels[fold.training]
        return estimator.fit(fold.features[fold.training], target if scheme == "nominal" else target.astype(float))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chosen = [_choose(fold, points, fit, protocol, classes) for fold in folds]
        used = settle(chosen)
        fitted = [
            choice.estimator if point == choice.point else fit(fold, points[point])
            for fold, choice, point in zip(folds, chosen, used, strict=True)
        ]
        answers = [
            _rows(table, names, i, part, choice.estimator if part == "validation" else last, folds[i], classes)
            for i, (choice, last) in enumerate(zip(chosen, fitted, strict=True))
            for part in splits.PARTS
        ]
    _say(caught)
    predictions = pd.concat(answers, ignore_index=True).sort_values(["fold", "part", "sample"], ignore_index=True)
    return Study(dict(enumerate(fitted)), _choices(chosen, used, points), predictions)


def _folds(names, scores, table, policy, rng):
    """The Fold of each fold, in order."""
    count = table["fold"].nunique()
    if len(scores) != count:
        raise Fault(f"the components hold {len(scores)} folds, the splits {count}: make both with one splits.folds.")
    truth = table.drop_duplicates("sample").set_index("sample")["growth_celsius"]
    splits.rows_seen(table, "published", 0, names)
    labels = truth.reindex(np.asarray(names, dtype=str)).to_numpy()
    if pd.isna(labels).any():
        lost = np.asarray(names, dtype=str)[pd.isna(labels)][0]
        raise Fault(f"sample {lost} has features but is not in the splits: make both from one table of samples.")
    labels = labels.astype(int)
    made = []
    for fold, (features, chance) in enumerate(zip(scores, rng.spawn(count), strict=True)):
        parts = {part: splits.rows(table, fold, part, names) for part in splits.PARTS}
        drawn = policies.training_rows(policy, labels[parts["train"]], chance)
        seed = int(chance.integers(SEEDS))
        made.append(Fold(np.asarray(features, dtype=float), labels, parts, parts["train"][drawn], seed))
    return made


@dataclass(frozen=True)
class Choice:
    """A fold's best grid point: its place in the grid, validation accuracies, and the estimator fitted there."""

    point: int
    accuracy: float
    balanced: float
    estimator: object


def _choose(fold, points, fit, protocol, classes):
    """The fold's Choice: the first strict improvement in loop order is kept."""
    rows = fold.parts["validation"]
    truth = fold.labels[rows]
    best = None
    for point, settings in enumerate(points):
        estimator = fit(fold, settings)
        right = _predicted(estimator, fold.features[rows], classes)[0] == truth
        balanced = float(np.mean([right[truth == label].mean() for label in np.unique(truth)]))
        choice = Choice(point, float(right.mean()), balanced, estimator)
        if best is None or _merit(choice, protocol) > _merit(best, protocol):
            best = choice
    return best


def _merit(choice, protocol):
    """What is compared between grid points; rounded, so that equal scores are equal on every machine."""
    if protocol == "strict":
        return round(choice.accuracy, 9), round(choice.balanced, 9)
    return (round(choice.accuracy, 9),)


def _own(chosen):
    """strict: every fold uses its own point."""
    return [choice.point for choice in chosen]


def _production(chosen):
    """published: every fold uses the point of the fold with the highest validation accuracy, the first among equals."""
    return [max(chosen, key=lambda choice: round(choice.accuracy, 9)).point] * len(chosen)


USED = {"strict": _own, "published": _production}


def _predicted(estimator, features, classes):
    """(class in Celsius, value in Celsius) as floats; a classifier has no value (NaN), a lost query neither."""
    output = np.asarray(estimator.predict(features), dtype=float)
    if is_regressor(estimator):
        return classifiers.to_class(output, classes), output
    return output, np.full(len(output), np.nan)


def _rows(table, names, fold, part, estimator, data, classes):
    """The predictions of one part of one fold, a frame in the waist's columns, sorted by sample.

    A regressor without an answer (NaN) leaves value and predicted empty; scores.py counts that as wrong.
    """
    rows = data.parts[part]
    rows = rows[np.argsort(np.asarray(names, dtype=str)[rows])]
    features = data.features[rows]
    here = table[(table["fold"] == fold) & (table["part"] == part)].sort_values("sample", ignore_index=True)
    predicted, value = _predicted(estimator, features, classes)
    frame = here[["fold", "part", "sample", "batch"]].assign(
        truth_celsius=here["growth_celsius"],
        predicted_celsius=pd.array(predicted, dtype="Float64").astype("Int64"),
        value_celsius=value,
    )
    frame[[f"score_{celsius}" for celsius in classes]] = _marks(estimator, features, classes)
    return frame.assign(components=features.shape[1])


def _marks(estimator, features, classes):
    """(n, classes) scores: probabilities where the model has them, otherwise its decision values.

    NaN for a class unseen in training, and throughout for a regressor and for the one-against-one Gaussian process,
    which have neither. SVC's largest value need not be its answer: that counts votes between pairs of classes.
    """
    ways = [name for name in ("predict_proba", "decision_function") if hasattr(estimator, name)]
    last = getattr(estimator, "steps", [("model", estimator)])[-1][1]
    if not ways or getattr(last, "multi_class", None) == "one_vs_one":
        return np.full((len(features), len(classes)), np.nan)
    marks = getattr(estimator, ways[0])(features)
    if marks.ndim == 1:
        marks = np.column_stack([-marks, marks])
    placed = np.full((len(features), len(classes)), np.nan)
    placed[:, [list(classes).index(label) for label in estimator.classes_]] = marks
    return placed


def _choices(chosen, used, points):
    """One row a fold: the grid's size, the point chosen there, its validation scores, the point its model used."""
    return pd.DataFrame(
        {
            "fold": range(len(chosen)),
            "points": len(points),
            "validation_accuracy": [choice.accuracy for choice in chosen],
            "validation_balanced": [choice.balanced for choice in chosen],
            "chosen": [json.dumps(points[choice.point]) for choice in chosen],
            "used": [json.dumps(points[point]) for point in used],
        }
    )


def _say(caught):
    """Print every kind of warning once, with its number: a grid makes hundreds of the same."""
    kinds = Counter(f"{entry.category.__name__}: {str(entry.message).splitlines()[0]}" for entry in caught)
    for kind, times in kinds.items():
        print(f"{times} times {kind}")


def write_models(path, models):
    """Write fold -> fitted estimator as one .skops; the same models give the same bytes."""
    stored = _skops().dumps({str(fold): model for fold, model in models.items()})
    with files.whole(path) as partial:
        partial.write_bytes(_plain(stored))


def read_models(path):
    """Read what write_models wrote: fold -> estimator. Loads nothing but scikit-learn's types and those in TRUSTED."""
    skops = _skops()
    strange = sorted(set(skops.get_untrusted_types(file=path)) - set(TRUSTED))
    if strange:
        raise Fault(f"{path}: holds types that this pipeline never writes ({', '.join(strange)}): do not load it.")
    return {int(fold): model for fold, model in skops.load(path, trusted=list(TRUSTED)).items()}


def _skops():
    """skops.io, imported without torch.

    It lists scikit-learn's estimators by importing every package in there, one of which would import torch, 3 s a job;
    an absent torch is passed over.
    """
    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None
    try:
        import skops.io
    finally:
        if hidden:
            del sys.modules["torch"]
    return skops.io


def _plain(stored):
    """The bytes of a .skops without its times and memory addresses: members numbered in order, dates fixed."""
    source = zipfile.ZipFile(io.BytesIO(stored))
    schema = json.loads(source.read("schema.json"))
    numbers, members = {}, {}
    _renumber(schema, numbers, members)
    text = json.dumps(schema, separators=(",", ":"))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for old, new in members.items():
            archive.writestr(zipfile.ZipInfo(new), source.read(old))
        archive.writestr(zipfile.ZipInfo("schema.json"), text, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _renumber(node, numbers, members):
    """Replace, in place, every object's address by its order of appearance, and its member's name with it.

    Plain values (JsonNode) get a number each: whether two equal strings are one object is up to the interpreter.
    """
    if isinstance(node, list):
        for inner in node:
            _renumber(inner, numbers, members)
    if not isinstance(node, dict):
        return
    if "__id__" in node:
        address = (node["__id__"], len(numbers)) if node.get("__loader__") == "JsonNode" else node["__id__"]
        node["__id__"] = numbers.setdefault(address, len(numbers) + 1)
    if isinstance(node.get("file"), str):
        suffix = node["file"].rpartition(".")[2]
        node["file"] = members.setdefault(node["file"], f"{len(members) + 1}.{suffix}")
    for inner in node.values():
        _renumber(inner, numbers, members)
