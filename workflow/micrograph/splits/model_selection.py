"""Choose a grid point for every fold, by one rule for shallow models, MLP and CNN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from micrograph.splits import protocols


@dataclass(frozen=True)
class Choice:
    """The grid point of a fold.

    Parameters
    ----------
    point : int
        Index in the grid.
    accuracy, balanced : float
        Accuracy and balanced accuracy, 0 to 1, on the fold's own samples of the selection split.
    """

    point: int
    accuracy: float
    balanced: float


def choose(y_pred: ArrayLike, y_true: ArrayLike, protocol: str) -> Choice:
    """Choose the point of one fold by its own rows.

    Parameters
    ----------
    y_pred : array_like of shape (n_points, n)
        Classes; NaN, a missing prediction, counts as wrong.
    y_true : array_like of shape (n,)
    protocol : str
        Its name.

    Returns
    -------
    Choice
        Highest accuracy; of equals under strict the highest balanced accuracy; then the first, as in the paper's loop.
    """
    return select([y_pred], [y_true], protocol, by_others=False)[0]


def select(
    y_pred: Sequence[ArrayLike],
    y_true: Sequence[ArrayLike],
    protocol: str,
    by_others: bool | None = None,
    training: Sequence[ArrayLike] | None = None,
) -> list[Choice]:
    """Choose the point of every fold.

    Parameters
    ----------
    y_pred, y_true : sequence
        Fold by fold, as of `choose`, of the protocol's selection split.
    protocol : str
        Its name.
    by_others : bool, optional
        Choose each fold's point by the mean scores of the other folds, whose samples are not those that it reports.
        By default where the protocol reports validation and has not the leak ``selection_on_reported_split``.
    training : sequence of array_like of shape (n_points,), optional
        Training accuracies. In the order of the grid a point is then taken if its score is the highest so far and its
        training accuracy not below that of the point taken last: the authors' rule for one model.

    Returns
    -------
    list of Choice
    """
    parsed = protocols.parse(protocol)
    if by_others is None:
        by_others = parsed.reported_split == "validation" and "selection_on_reported_split" not in parsed.leaks
    criterion = CRITERIA[parsed.estimators]
    scores = np.array([_scores(*fold) for fold in zip(y_pred, y_true, strict=True)])  # (folds, 2, points)
    compared = (scores.sum(axis=0) - scores) / (len(scores) - 1) if by_others else scores
    never = [None] * len(scores)
    folds = zip(compared, scores, never if training is None else training, strict=True)
    return [_best(of_fold, own, criterion, trained) for of_fold, own, trained in folds]


def _scores(y_pred: ArrayLike, y_true: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Accuracy and balanced accuracy of every point."""
    y_true = np.asarray(y_true, dtype=float)
    right = np.asarray(y_pred, dtype=float) == y_true
    balanced = np.mean([right[:, y_true == label].mean(axis=1) for label in np.unique(y_true)], axis=0)
    return right.mean(axis=1), balanced


def _best(
    compared: NDArray[np.float64], own: NDArray[np.float64], criterion: Callable, training: ArrayLike | None
) -> Choice:
    """Choose the first of the best points; compared, own: (2, n_points) scores; training as of `select`."""
    values = [criterion(*scores) for scores in compared.T.tolist()]
    point = values.index(max(values))
    if training is not None:
        trained = np.round(np.asarray(training, dtype=float), 9)
        taken: list[int] = []
        for later, value in enumerate(values):
            if value > (values[taken[-1]] if taken else (0.0,)) and (not taken or trained[later] >= trained[taken[-1]]):
                taken.append(later)
        point = taken[-1] if taken else 0
    return Choice(point, float(own[0, point]), float(own[1, point]))


def refit_choice(choices: Sequence[Choice], protocol: str) -> list[int]:
    """Return the point that each fold's model is fitted with.

    Parameters
    ----------
    choices : sequence of Choice
        Fold by fold.
    protocol : str
        Its name.

    Returns
    -------
    list of int
        published: for every fold the point of the fold with the highest validation accuracy, the first among equals.
        strict, and published without the leak ``selection_on_reported_split``: each fold's own.
    """
    parsed = protocols.parse(protocol)
    if parsed.reported_split == "validation" and "selection_on_reported_split" in parsed.leaks:
        return [max(choices, key=lambda choice: round(choice.accuracy, 9)).point] * len(choices)
    return [choice.point for choice in choices]


# What is compared between points; rounded, so that equal scores are equal on every machine.
CRITERIA = {
    "strict": lambda accuracy, balanced: (round(accuracy, 9), round(balanced, 9)),
    "published": lambda accuracy, balanced: (round(accuracy, 9),),
}
