"""Predict every growth variable of the sheet from micrographs, from the other metadata, and with the target known.

One linear model serves all inputs, so that they differ in what they know: ridge regression of values, logistic
regression of classes, which it weights equally. Image features are principal components of the training samples,
centred and scaled to unit length; a film has the mean features of its scans. Splits are strict and the variable's own:
growth batches are kept together, and the folds are stratified by its classes. The penalty is chosen on validation
samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from micrograph.models import metadata_features
from micrograph.models.estimators import CenteredNormalizer
from micrograph.splits import film_scans, stratified_groups
from micrograph.target import NAMES, Target, same_quantity

CLASSES, VALUE = "classes", "value"
NOTHING, IMAGES, METADATA, TARGET, BOTH = "nothing", "micrographs", "metadata", "target", "micrographs+target"
# What a model is given -> its parts. Given nothing, it predicts the mean of a value.
INPUTS = {
    NOTHING: (),
    IMAGES: (IMAGES,),
    METADATA: (METADATA,),
    TARGET: (TARGET,),
    BOTH: (IMAGES, TARGET),
}
COLUMNS = ["variable", "kind", "inputs", "repeat", "fold", "split", "sample", "batch", "y_true", "y_pred"]
VARIABLES = ["variable", "is_number", "labels", "n_known", "n_scans", "reason"]
LEAST_KNOWN = 0.5  # share of the samples
MOST_VALUES = 5  # numbers that are classes of their own; of more, thirds of the samples are
PENALTIES = (100.0, 10.0, 1.0, 0.1, 0.01)  # rows have a length of about 1
UNPENALISED = 10.0  # scale of the known target's columns, so that the penalty falls on the micrograph's


@dataclass(frozen=True, eq=False)
class Variable:
    """A growth variable of the n samples that have it, each in a class.

    Parameters
    ----------
    name : str
        Its column in the table of samples.
    rows : ndarray of int, shape (n,)
        Rows of the table of samples.
    label : ndarray of int, shape (n,)
        Index of each sample's class.
    labels : tuple of str
        Names of the classes.
    value : ndarray of shape (n,), optional
        Of a number.
    """

    name: str
    rows: NDArray[np.intp]
    label: NDArray[np.int64]
    labels: tuple[str, ...]
    value: NDArray[np.float64] | None = None


def by_film(samples: pd.DataFrame, features: NDArray) -> tuple[pd.DataFrame, NDArray]:
    """Merge the scans of every film.

    Parameters
    ----------
    samples : DataFrame
        Table of samples, a row per scan.
    features : ndarray of shape (n_scans, n_features)

    Returns
    -------
    films : DataFrame
        A row per film, named in ``sample``, with ``n_scans``.
    features : ndarray of shape (n_films, n_features)
        Means over the scans of a film.
    """
    place, _ = pd.factorize(film_scans.film_of(samples))
    films, counts = film_scans.films(samples), np.bincount(place)
    if len(films) == len(samples):
        return films.assign(n_scans=1), features
    means = np.zeros((len(films), features.shape[1]))
    np.add.at(means, place, features)
    return films.assign(n_scans=counts), (means / counts[:, None]).astype(features.dtype)


def find(samples: pd.DataFrame, name: str, folds: int) -> Variable | str:
    """Divide a column of the table of samples into classes.

    Parameters
    ----------
    samples : DataFrame
        Table of samples, a row per film.
    name : str
        Column.
    folds : int
        Number of folds; a class needs as many growth batches.

    Returns
    -------
    Variable or str
        Classes of a number are its values, or, where it has more than MOST_VALUES, thirds of the samples; samples of a
        class in too few batches are left out. A sentence where the column cannot be predicted.
    """
    column = samples.get(name, pd.Series(np.nan, samples.index))
    known = column.notna().to_numpy()
    if known.mean() < LEAST_KNOWN:
        return f"known of {known.sum()} of {len(samples)} samples: too few."
    is_number = pd.api.types.is_numeric_dtype(column)
    values = column[known].to_numpy(float) if is_number else column[known].astype(str).str.strip().to_numpy(str)
    if len(np.unique(values)) < 2:
        return f"{values[0]} in all samples that have it: nothing to predict."
    labels, label = _classes(values)
    batch = samples["batch"].to_numpy(str)[known]
    enough = [place for place in range(len(labels)) if len(set(batch[label == place])) >= folds]
    if len(enough) < 2:
        return f"fewer than two classes are in {folds} growth batches or more."
    kept = np.isin(label, enough)
    return Variable(
        name,
        np.flatnonzero(known)[kept],
        np.searchsorted(enough, label[kept]),
        tuple(labels[place] for place in enough),
        values[kept] if is_number else None,
    )


def _classes(values: NDArray) -> tuple[list[str], NDArray[np.int64]]:
    """Return the names of the classes of a column, and each value's class."""
    names, place = np.unique(values, return_inverse=True)
    if values.dtype.kind != "f":
        return [str(name) for name in names], place
    if len(names) <= MOST_VALUES:
        return [f"{name:g}" for name in names], place
    # A value on an edge is in the lower class, so that the largest value is no edge.
    edges = np.unique(np.minimum(np.quantile(values, [1 / 3, 2 / 3]), names[-2]))
    ends = [names[0], *edges, names[-1]]
    labels = [f"{low:.4g} to {high:.4g}" for low, high in zip(ends[:-1], ends[1:], strict=True)]
    return labels, np.searchsorted(edges, values, side="left")


def predict(
    samples: pd.DataFrame,
    features: NDArray,
    target: Target,
    extra_columns: Sequence[str] = (),
    *,
    explained_variance: float,
    folds: int,
    repeats: int,
    stream: Callable[..., np.random.Generator],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict growth variables out of fold, from each of INPUTS.

    Parameters
    ----------
    samples : DataFrame
        Table of samples, a row per scan; with ``y_true``, the class of the study's target.
    features : ndarray of shape (n_scans, n_features)
        Features of the micrographs, in the order of the samples.
    target : Target
        Of the study; there is no row with the target known for it.
    extra_columns : sequence of str
        Columns of the sheet that are the study's own: growth variables as well.
    explained_variance : float
        Share of the variance that the principal components keep.
    folds, repeats : int
    stream : callable
        Returns the random generator named by its arguments.

    Returns
    -------
    predictions : DataFrame
        Test predictions of films in COLUMNS: of ``classes`` y_true and y_pred are indices of the labels, of ``value``
        numbers.
    variables : DataFrame
        A row per variable in VARIABLES: labels separated by " | ", or the reason why it is left out; n_known counts
        films, n_scans the scans of those that are predicted.
    """
    samples, features = by_film(samples, features)
    frames, found = [], []
    others = [name for name in (*NAMES, *extra_columns) if name not in target.columns]
    for name in dict.fromkeys([target.column, *others]):
        variable, n_known = find(samples, name, folds), int(samples[name].notna().sum()) if name in samples else 0
        if isinstance(variable, str):
            found.append((name, False, "", n_known, 0, variable))
            continue
        n_scans = int(samples["n_scans"].iloc[variable.rows].sum())
        found.append((name, variable.value is not None, " | ".join(variable.labels), n_known, n_scans, ""))
        parts = _parts(samples.iloc[variable.rows], features[variable.rows], name, target, extra_columns)
        for repeat in range(repeats):
            rng = stream("growth_variables", name, repeat)
            own = samples.iloc[variable.rows]
            frames += [
                frame.assign(variable=name, repeat=repeat)
                for frame in _repeat(own, variable, parts, explained_variance, folds, rng)
            ]
    predictions = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)
    return predictions[COLUMNS], pd.DataFrame(found, columns=VARIABLES)


def _parts(
    samples: pd.DataFrame, features: NDArray, name: str, target: Target, extra_columns: Sequence[str]
) -> dict[str, NDArray]:
    """{part of INPUTS: (n, n_columns) features}; of the target itself no part holds it."""
    classes = (samples["y_true"].to_numpy()[:, None] == np.unique(samples["y_true"])).astype(float)
    others = samples.drop(columns=[*same_quantity(name), "batch"], errors="ignore")
    names, metadata = metadata_features.compute(others, target, extra_columns)
    parts = {IMAGES: features} | ({METADATA: metadata} if names else {})
    if name == target.column:
        return parts
    return parts | {METADATA: np.column_stack([metadata, classes]), TARGET: classes}


def _repeat(
    samples: pd.DataFrame,
    variable: Variable,
    parts: dict[str, NDArray],
    explained_variance: float,
    folds: int,
    rng: np.random.Generator,
) -> Iterator[pd.DataFrame]:
    """Yield the test predictions of every fold, kind and input; samples: those of the variable."""
    batch = samples["batch"].to_numpy(str)
    own = stratified_groups.assign_folds(variable.label, batch, folds, rng)
    targets: dict[str, tuple[Callable[..., NDArray], NDArray | None]] = {
        CLASSES: (_classify, variable.label),
        VALUE: (_regress, variable.value),
    }
    for fold in range(folds):
        test, validation = own == fold, own == (fold + 1) % folds
        train = ~test & ~validation
        prepared = {part: _prepare(part, values, train, explained_variance) for part, values in parts.items()}
        for inputs, needed in INPUTS.items():
            if not parts.keys() >= set(needed):
                continue
            x = np.column_stack([np.zeros(len(own)), *(prepared[part] for part in needed)])
            for kind, (predict_rows, y) in targets.items():
                if y is not None and (needed or kind == VALUE):
                    columns = {"sample": samples["sample"].to_numpy(str), "batch": batch, "y_true": y}
                    frame = pd.DataFrame(columns | {"y_pred": predict_rows(x, y, train, validation)})[test]
                    yield frame.assign(kind=kind, inputs=inputs, fold=fold, split="test")


def _prepare(part: str, values: NDArray, train: NDArray[np.bool_], explained_variance: float) -> NDArray[np.float64]:
    """Return the features of a part as the model takes them, fitted on the training samples; rows of length about 1."""
    if part == TARGET:
        return UNPENALISED * values
    if part == IMAGES:
        values = values.astype(np.float64)
        solver = "full" if train.sum() <= values.shape[1] else "covariance_eigh"  # the cheaper one
        scores = PCA(explained_variance, svd_solver=solver).fit(values[train]).transform(values)
        return CenteredNormalizer().fit(scores[train]).transform(scores)
    scaled = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
    made = scaled.fit(values[train]).transform(values)
    return made / np.sqrt(made.shape[1])


def _regress(
    x: NDArray[np.float64], y: NDArray[np.float64], train: NDArray[np.bool_], validation: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the value of every row by ridge regression, at the penalty with the least validation error."""
    fits = (Ridge(alpha=penalty).fit(x[train], y[train]).predict(x) for penalty in PENALTIES)
    return min(fits, key=lambda outputs: round(float(((outputs - y)[validation] ** 2).sum()), 9))


def _classify(
    x: NDArray[np.float64], label: NDArray[np.int64], train: NDArray[np.bool_], validation: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the class of every row by logistic regression, at the penalty with the least validation loss.

    The loss, too, weights the classes equally. Linear regression of indicators would hide the middle one of three
    classes in a row.
    """
    weight = 1 / np.bincount(label[train])[label[validation]]

    def loss(probabilities: NDArray[np.float64]) -> float:
        own = probabilities[validation, label[validation]]
        return round(float(-(weight * np.log(own)).sum()), 9)

    fits = (
        LogisticRegression(C=1 / penalty, class_weight="balanced", max_iter=1000)
        .fit(x[train], label[train])
        .predict_proba(x)
        for penalty in PENALTIES
    )
    return min(fits, key=loss).argmax(axis=1)
