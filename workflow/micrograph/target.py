"""The growth variable that is predicted, and its encodings for networks.

No torch is imported.

| scheme     | targets                          | outputs                                 | prediction               |
|------------|----------------------------------|-----------------------------------------|--------------------------|
| nominal    | index of the class, 0 .. K-1     | K logits                                | the largest output       |
| nnrank     | 1 up to the class, 0 above (K)   | K, after the sigmoid                    | leading outputs above .5 |
| corn       | 1 if above class k, else 0 (K-1) | K-1 logits of "above k, if above k-1"   | probabilities above .5   |
| regression | the value (1)                    | 1, in the target's unit                 | the nearest class        |

Classes are ascending, in the target's unit; those of a target without order are 0 .. K-1.

References
----------
nnrank: J. Cheng, Z. Wang, G. Pollastri, IJCNN 2008, as the paper uses it. corn: X. Shi, W. Cao, S. Raschka, "Deep
neural networks for rank-consistent ordinal regression based on conditional probabilities", 2021 (not in the paper).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError, lookup

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Classes: TypeAlias = "Sequence[float] | Target"  # exact classes, ascending, or a target, whose bins may be uneven
Prediction = tuple[Floats, Floats, Floats]  # y_pred (n,), value (n,), scores (n, n_classes)
PAPER_TARGET = "growth_celsius"  # what the paper predicts; of another target it has no values
# Name and unit of the sheet's own columns.
NAMES = {
    "growth_celsius": ("growth temperature", "°C"),
    "growth_seconds": ("growth time", "s"),
    "growth_minutes": ("growth time", "min"),
    "pressure_torr": ("pressure", "Torr"),
    "substrate": ("substrate", ""),
    "operator": ("operator", ""),
}


@dataclass(frozen=True)
class Target:
    """The growth variable that is predicted from the micrographs.

    Parameters
    ----------
    column : str
        Of the sample sheet.
    name : str
        As texts call it, for example growth temperature.
    unit : str
        Empty where it has none.
    classes : tuple of float
        The value that stands for each class, ascending, whole numbers as int. Of bins their middles, without order 0 ..
        K-1.
    labels : tuple of str
        How the classes are called, without unit: 950, 5-10 (a bin), sapphire.
    edges : tuple of float
        The K+1 limits of ordered classes; a value on a limit is in the lower class. Of exact classes they are halfway
        between them, and half a spacing outside. Empty without order.
    ordered : bool
        Whether classes have an order and values are numbers: otherwise there are no ordinal schemes, no regression and
        no errors in units.
    """

    column: str
    name: str
    unit: str
    classes: tuple[float, ...]
    labels: tuple[str, ...]
    edges: tuple[float, ...]
    ordered: bool

    @classmethod
    def from_config(cls, settings: Mapping[str, Any]) -> Target:
        """Make the target of the config's section `target`.

        Parameters
        ----------
        settings : mapping
            column; classes (numbers, or texts: without order) or bins (edges); optional name and unit.

        Returns
        -------
        Target
        """
        column = settings["column"]
        name, unit = NAMES.get(column, (column.replace("_", " "), ""))
        name, unit = settings.get("name") or name, unit if settings.get("unit") is None else settings["unit"]
        if bins := settings.get("bins"):
            edges = tuple(_plain(edge) for edge in bins)
            between = " to " if edges[0] < 0 else "-"
            labels = tuple(f"{low:.9g}{between}{high:.9g}" for low, high in pairwise(edges))
            middles = tuple(_plain((low + high) / 2) for low, high in pairwise(edges))
            return cls(column, name, unit, middles, labels, edges, True)
        classes = settings["classes"]
        if isinstance(classes[0], str):
            return cls(column, name, unit, tuple(range(len(classes))), tuple(classes), (), False)
        values = tuple(_plain(value) for value in classes)
        halfway = [_plain((low + high) / 2) for low, high in pairwise(values)]
        edges = (_plain(2 * values[0] - halfway[0]), *halfway, _plain(2 * values[-1] - halfway[-1]))
        return cls(column, name, unit, values, tuple(f"{value:.9g}" for value in values), edges, True)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that `from_config` makes the same target of."""
        named = {"column": self.column, "name": self.name, "unit": self.unit}
        if not self.ordered:
            return named | {"classes": list(self.labels)}
        exact = named | {"classes": list(self.classes)}
        return exact if self == Target.from_config(exact) else named | {"bins": list(self.edges)}

    @property
    def codes(self) -> NDArray[np.int64]:
        """What scikit-learn's classifiers learn as classes: 0 .. K-1 where one is a fraction, which they refuse."""
        is_whole = all(isinstance(one, int) for one in self.classes)
        return np.asarray(self.classes if is_whole else range(len(self.classes)))

    @property
    def schemes(self) -> tuple[str, ...]:
        """Rows of SCHEMES that the target allows."""
        return tuple(SCHEMES) if self.ordered else ("nominal",)

    @property
    def decimals(self) -> int:
        """Decimals with which values are written: one more digit than the least distance of two classes has."""
        least = min((high - low for low, high in pairwise(self.classes)), default=1)
        return max(0, 1 - math.floor(math.log10(least)))

    def amount(self, value: float) -> str:
        """Return a value as text, with its unit: 967 °C."""
        return f"{value:.{self.decimals}f} {self.unit}".strip()

    @property
    def columns(self) -> list[str]:
        """The target's column, and others of the sheet that state it in another unit."""
        return same_quantity(self.column, self.name)

    @property
    def named(self) -> str:
        """Name with unit, for axes and columns: growth temperature (°C)."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @cached_property
    def _labels(self) -> dict[float, str]:
        return dict(zip(self.classes, self.labels, strict=True))

    def label(self, one: float) -> str:
        """Return how a class is called: 950."""
        return self._labels[one]

    def with_unit(self, one: float) -> str:
        """Return how a class is called, with its unit: 950 °C."""
        return f"{self.label(one)} {self.unit}".strip()

    def key(self, one: float) -> str:
        """Return a class as part of names of files and columns: 950, c-plane_sapphire."""
        return re.sub(r"[^\w.+-]+", "_", self.label(one))

    @property
    def score_columns(self) -> list[str]:
        """Columns of predictions with the scores of the classes."""
        return [f"score_{self.key(one)}" for one in self.classes]

    def to_class(self, values: ArrayLike) -> NDArray:
        """Return the class of each value: its bin, the nearest exact class, or of texts the class called so.

        Parameters
        ----------
        values : array-like of shape (n,)
            In the target's unit; values outside of the limits are in the outermost class. Without order: texts.

        Returns
        -------
        ndarray of shape (n,)
            int where all classes are whole numbers and every value has one; else float, NaN where there is none.
        """
        index = {text: one for one, text in self._labels.items()}
        texts = [index.get(str(value), np.nan) for value in np.asarray(values)] if not self.ordered else []
        found = to_class(values, self) if self.ordered else np.array(texts, dtype=float)
        is_whole = not np.isnan(found).any() and all(isinstance(one, int) for one in self.classes)
        return found.astype(int) if is_whole else found

    def add_to(self, samples: pd.DataFrame) -> pd.DataFrame:
        """Add the columns y_true (class) and y_true_value (value; NaN without order) to a table with its column."""
        values = samples[self.column]
        y_true = self.to_class(values)
        for sample in samples.loc[np.isnan(y_true), "sample"]:
            raise UserError(f"sample {sample} has no {self.name}: fill in {self.column}, or correct target.classes.")
        return samples.assign(y_true=y_true, y_true_value=values.astype(float) if self.ordered else np.nan)

    def within(self, value: float) -> bool:
        """Return whether a value of an ordered target is inside of the outermost limits."""
        return self.edges[0] <= value <= self.edges[-1]


def same_quantity(column: str, name: str = "") -> list[str]:
    """Return the columns of the sheet that state what a column states, itself first.

    Parameters
    ----------
    column : str
    name : str
        Of what it states; by default that of NAMES. growth_minutes states the growth time, as growth_seconds does.
    """
    label = name or NAMES.get(column, ("",))[0]
    return [column, *(other for other, (known, _) in NAMES.items() if known == label and other != column)]


def growth_variables(samples: pd.DataFrame, target: Target, extra: Iterable[str] = ()) -> dict[str, tuple[str, str]]:
    """Name what a table of samples tells about growth beside the target.

    Parameters
    ----------
    samples : DataFrame
    target : Target
    extra : iterable of str
        The study's own columns (`scans.extra_columns`).

    Returns
    -------
    dict of str to (str, str)
        Column -> name and unit; columns that the table lacks, or that have no value, are left out.
    """
    others = (name for name in dict.fromkeys((*NAMES, *extra)) if name not in target.columns)
    columns = [name for name in others if name in samples and samples[name].notna().any()]
    return {name: NAMES.get(name, (name.replace("_", " "), "")) for name in columns}


def _plain(value: float) -> float:
    """Return a number with the digits that tables have, as int where it is whole."""
    value = float(f"{value:.9g}")
    return int(value) if value.is_integer() else value


@dataclass(frozen=True)
class Scheme:
    """A scheme.

    Parameters
    ----------
    n_outputs : callable
        Number of classes to number of outputs.
    encode : callable
        (indices of classes, classes) to targets.
    indices : callable
        Targets to indices of classes; of a regression its class is that of the value.
    decode : callable
        (outputs, classes) to a prediction.
    """

    n_outputs: Callable[[int], int]
    encode: Callable[[NDArray[np.int64], NDArray], NDArray]
    indices: Callable[[NDArray], NDArray[np.int64]]
    decode: Callable[[Floats, Floats], Prediction]


def output_width(scheme: str, classes: Classes) -> int:
    """Return the number of outputs of a network.

    Parameters
    ----------
    scheme : str
        Row of `SCHEMES`.
    classes : sequence of float, or Target
        Ascending.

    Returns
    -------
    int

    Raises
    ------
    UserError
        If the scheme is unknown.
    """
    return lookup(scheme, SCHEMES, "scheme").n_outputs(len(_values(classes)))


def encode(scheme: str, y: ArrayLike, classes: Classes, values: ArrayLike | None = None) -> NDArray:
    """Encode classes as the targets that a network is trained towards.

    Parameters
    ----------
    scheme : str
        Row of `SCHEMES`.
    y : array-like of shape (n,)
        Classes of the samples.
    classes : sequence of float, or Target
        All classes, ascending.
    values : array-like of shape (n,), optional
        What a regression learns, in the target's unit; by default the classes.

    Returns
    -------
    ndarray of shape (n,), int64, for nominal, else (n, n_outputs), float32

    Raises
    ------
    UserError
        If the scheme is unknown, or a value is not a class.
    """
    row = lookup(scheme, SCHEMES, "scheme")
    y_true, known = np.asarray(y), _values(classes)
    indices = np.minimum(np.searchsorted(known, y_true), len(known) - 1)
    if (known[indices] != y_true).any():
        unknown = y_true[known[indices] != y_true][0]
        raise UserError(f"{unknown} is not one of the classes ({', '.join(map(str, known))}): correct the target.")
    if scheme == "regression" and values is not None:
        return np.asarray(values, dtype=np.float32)[:, None]
    return row.encode(indices, known)


def labels(scheme: str, targets: ArrayLike, classes: Classes) -> NDArray:
    """Return the classes that were encoded as these targets.

    Parameters
    ----------
    scheme : str
        Row of `SCHEMES`.
    targets : array-like of shape (..., n_outputs), or (...,) for nominal
        From `encode`.
    classes : sequence of float, or Target
        All classes, ascending.

    Returns
    -------
    ndarray of shape (...,)
    """
    targets, row = np.asarray(targets), lookup(scheme, SCHEMES, "scheme")
    if scheme == "regression":
        return to_class(targets[..., 0], classes)
    return _values(classes)[row.indices(targets)]


def decode(scheme: str, outputs: ArrayLike, classes: Classes) -> Prediction:
    """Decode a network's outputs.

    Parameters
    ----------
    scheme : str
        Row of `SCHEMES`.
    outputs : array-like of shape (n, n_outputs)
        As the module describes them.
    classes : sequence of float, or Target
        Ascending.

    Returns
    -------
    y_pred : ndarray of shape (n,)
        One of the classes.
    value : ndarray of shape (n,)
        The regression's own value; NaN for other schemes.
    scores : ndarray of shape (n, n_classes)
        Probabilities of the classes; NaN for regression.

    Raises
    ------
    UserError
        If the scheme is unknown, or the number of outputs is another.

    Notes
    -----
    nominal: the scores are the softmax; of equal outputs the lower class is predicted. nnrank: the lowest class, where
    no leading output is above 0.5. The outputs need not decrease from left to right; their running minimum does, and is
    above 0.5 just where all outputs up to there are, so the scores are the differences of that minimum, begun at 1.
    corn: the probability of a class above k is the product of the conditional ones up to k; the scores are its
    differences. In both the prediction is the median class, not always the one with the highest score.
    """
    row = lookup(scheme, SCHEMES, "scheme")
    values = np.asarray(outputs, dtype=float)
    known = _values(classes)
    width = row.n_outputs(len(known))
    if values.ndim != 2 or values.shape[1] != width:
        raise UserError(
            f"{scheme}: outputs of shape {values.shape} for {len(known)} classes, not (n, {width}): use the classes "
            "that the network was trained with."
        )
    y_pred, value, scores = row.decode(values, known.astype(float))
    return (to_class(value, classes) if scheme == "regression" else y_pred), value, scores


def decode_finite(scheme: str, outputs: ArrayLike, classes: Classes, ranks_all: bool = True) -> Prediction:
    """Decode a network's outputs, with NaN in the rows of a network that diverged.

    Parameters
    ----------
    scheme, classes
        As of `decode`.
    outputs : array-like of shape (n, n_outputs)
        May hold infinite values and NaN.
    ranks_all : bool
        nnrank: predict the lowest class where the first output is not above 0.5; otherwise NaN, as in the paper.

    Returns
    -------
    y_pred, value, scores : ndarray
        As of `decode`; NaN where an output is not finite.
    """
    outputs = np.asarray(outputs)
    finite = np.isfinite(outputs).all(axis=1)
    y_pred, value, scores = decode(scheme, np.where(finite[:, None], outputs, 0.0), classes)
    if scheme == "nnrank" and not ranks_all:
        y_pred = np.where(outputs[:, 0] > 0.5, y_pred, np.nan)
    return np.where(finite, y_pred, np.nan), np.where(finite, value, np.nan), np.where(finite[:, None], scores, np.nan)


def decode_scores(scheme: str, scores: Floats, values: Floats, classes: Classes) -> Floats:
    """Predict from probabilities of classes, or values of a regression, as from those that `decode` returns.

    Parameters
    ----------
    scheme : str
        Row of `SCHEMES`.
    scores : ndarray of shape (n, n_classes)
    values : ndarray of shape (n,)
    classes : array-like of shape (n_classes,)
        Ascending.

    Returns
    -------
    ndarray of shape (n,)
        nominal: the class of the highest score, of equal ones the lower; nnrank, corn: the median class; regression:
        the class nearest to the value. NaN where there are no scores, or no value.
    """
    if scheme == "regression":
        return to_class(values, classes)
    index = scores.argmax(axis=1) if scheme == "nominal" else (scores.cumsum(axis=1)[:, :-1] < 0.5).sum(axis=1)
    return np.where(np.isnan(scores).any(axis=1), np.nan, _values(classes)[index])


def to_class(values: ArrayLike, classes: Classes) -> Floats:
    """Return the class of each value; halfway values go to the lower class (<= 925 is 900, <= 975 is 950).

    Parameters
    ----------
    values : array-like of shape (n,)
        In the target's unit.
    classes : sequence of float, or Target

    Returns
    -------
    ndarray of shape (n,)
        NaN where the value is NaN.
    """
    known, values = _values(classes).astype(float), np.asarray(values, dtype=float)
    inner = np.asarray(classes.edges[1:-1]) if isinstance(classes, Target) else (known[1:] + known[:-1]) / 2
    return np.where(np.isnan(values), np.nan, known[np.searchsorted(inner, values, side="left")])


def _values(classes: Classes) -> NDArray:
    return np.asarray(classes.classes if isinstance(classes, Target) else classes)


def _decode_nominal(outputs: Floats, classes: Floats) -> Prediction:
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return classes[outputs.argmax(axis=1)], np.full(len(outputs), np.nan), powers / powers.sum(axis=1, keepdims=True)


def _decode_nnrank(outputs: Floats, classes: Floats) -> Prediction:
    return _decode_ranks(np.minimum.accumulate(outputs, axis=1)[:, 1:], classes)


def _decode_corn(outputs: Floats, classes: Floats) -> Prediction:
    conditional = 0.5 * (1 + np.tanh(outputs / 2))  # the sigmoid, without overflow
    return _decode_ranks(np.cumprod(conditional, axis=1), classes)


def _decode_ranks(above: NDArray[np.floating], classes: Floats) -> Prediction:
    """Decode the decreasing probabilities (n, n_classes - 1) of a class above each but the last."""
    ends = np.ones((len(above), 1)), np.zeros((len(above), 1))
    scores = -np.diff(np.hstack([ends[0], above, ends[1]]), axis=1)
    return classes[(above > 0.5).sum(axis=1)], np.full(len(above), np.nan), scores


def _decode_regression(outputs: Floats, classes: Floats) -> Prediction:
    value = outputs[:, 0]
    return np.full(len(value), np.nan), value, np.full((len(value), len(classes)), np.nan)


SCHEMES = {
    "nominal": Scheme(
        n_outputs=lambda count: count,
        encode=lambda indices, classes: indices.astype(np.int64),
        indices=lambda targets: targets,
        decode=_decode_nominal,
    ),
    "nnrank": Scheme(
        n_outputs=lambda count: count,
        encode=lambda indices, classes: (np.arange(len(classes)) <= indices[:, None]).astype(np.float32),
        indices=lambda targets: targets.sum(axis=-1).astype(int) - 1,
        decode=_decode_nnrank,
    ),
    "corn": Scheme(
        n_outputs=lambda count: count - 1,
        encode=lambda indices, classes: (np.arange(len(classes) - 1) < indices[:, None]).astype(np.float32),
        indices=lambda targets: targets.sum(axis=-1).astype(int),
        decode=_decode_corn,
    ),
    "regression": Scheme(
        n_outputs=lambda count: 1,
        encode=lambda indices, classes: classes[indices, None].astype(np.float32),
        indices=lambda targets: np.zeros(len(targets), int),
        decode=_decode_regression,
    ),
}
