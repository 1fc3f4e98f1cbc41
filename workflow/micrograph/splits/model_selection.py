"""Which grid point a fold takes, and which its model uses: one rule for shallow models, MLP and CNN."""

from dataclasses import dataclass

import numpy as np

from micrograph.splits import protocols


@dataclass(frozen=True)
class Choice:
    """A fold's grid point: its place in the grid, and its scores from 0 to 1, plain and balanced, on the rows of the
    fold that points are compared on."""

    point: int
    accuracy: float
    balanced: float


def choose(predicted, truth, protocol):
    """The Choice of one fold by its own rows.

    predicted: (points, n) classes in Celsius of n rows, NaN where there is no answer (counted as wrong); truth: (n,);
    protocol: its name. The highest accuracy wins, of equals under strict the highest balanced accuracy, then the first
    in loop order: the paper's loop, which goes on only for a strict improvement.
    """
    return select([predicted], [truth], protocol, by_others=False)[0]


def select(predicted, truths, protocol, by_others=None):
    """The Choice of every fold, a list.

    predicted, truths: as of `choose`, fold by fold, of the rows of the part `chooser` of the protocol. by_others:
    choose each fold's point by the mean scores of the other folds, whose films are not those it is reported on; None:
    where the protocol reports validation and has not the leak `grid`.
    """
    read = protocols.parse(protocol)
    if by_others is None:
        by_others = read.reported == "validation" and "grid" not in read.leaks
    merit = MERITS[read.dress]
    found = np.array([_scores(*fold) for fold in zip(predicted, truths, strict=True)])  # (folds, 2, points)
    compared = (found.sum(axis=0) - found) / (len(found) - 1) if by_others else found
    return [_first(scores, own, merit) for scores, own in zip(compared, found, strict=True)]


def _scores(predicted, truth):
    """(accuracy, balanced accuracy) of every point: two arrays (points,)."""
    truth = np.asarray(truth, dtype=float)
    right = np.asarray(predicted, dtype=float) == truth
    balanced = np.mean([right[:, truth == label].mean(axis=1) for label in np.unique(truth)], axis=0)
    return right.mean(axis=1), balanced


def _first(compared, own, merit):
    """The Choice with the first of the best merits; compared, own: (2, points) scores."""
    merits = [merit(*scores) for scores in compared.T.tolist()]
    best = merits.index(max(merits))
    return Choice(best, float(own[0, best]), float(own[1, best]))


def refit_choice(choices, protocol):
    """The grid point that each fold's model uses, a list of ints. choices: the Choice of every fold, in order.

    published: every fold uses the point of the fold with the highest validation accuracy, the first among equals.
    strict, and published without the leak `grid`: every fold its own.
    """
    read = protocols.parse(protocol)
    if read.reported == "validation" and "grid" in read.leaks:
        return [max(choices, key=lambda choice: round(choice.accuracy, 9)).point] * len(choices)
    return [choice.point for choice in choices]


# What is compared between points; rounded, so that equal scores are equal on every machine.
MERITS = {
    "strict": lambda accuracy, balanced: (round(accuracy, 9), round(balanced, 9)),
    "published": lambda accuracy, balanced: (round(accuracy, 9),),
}
