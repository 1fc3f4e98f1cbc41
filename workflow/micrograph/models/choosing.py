"""Which grid point a fold takes, and which its model uses: one rule for shallow models, MLP and CNN."""

from dataclasses import dataclass

import numpy as np

from micrograph.faults import known


@dataclass(frozen=True)
class Choice:
    """A fold's best grid point: its place in the grid and its validation scores from 0 to 1, plain and balanced."""

    point: int
    accuracy: float
    balanced: float


def choose(predicted, truth, protocol):
    """The Choice of one fold.

    predicted: (points, n) classes in Celsius of n validation rows, NaN where there is no answer (counted as wrong);
    truth: (n,); protocol: strict or published. The highest accuracy wins, of equals under strict the highest balanced
    accuracy, then the first in loop order: the paper's loop, which goes on only for a strict improvement.
    """
    merit = known(protocol, MERITS, "protocol")
    truth = np.asarray(truth, dtype=float)
    right = np.asarray(predicted, dtype=float) == truth
    accuracy = right.mean(axis=1)
    balanced = np.mean([right[:, truth == label].mean(axis=1) for label in np.unique(truth)], axis=0)
    merits = [merit(*scores) for scores in zip(accuracy.tolist(), balanced.tolist(), strict=True)]
    best = merits.index(max(merits))
    return Choice(best, float(accuracy[best]), float(balanced[best]))


def used(choices, protocol):
    """The grid point that each fold's model uses, a list of ints. choices: the Choice of every fold, in order."""
    return known(protocol, USED, "protocol")(choices)


# What is compared between points; rounded, so that equal scores are equal on every machine.
MERITS = {
    "strict": lambda accuracy, balanced: (round(accuracy, 9), round(balanced, 9)),
    "published": lambda accuracy, balanced: (round(accuracy, 9),),
}


def _own(choices):
    """strict: every fold uses its own point."""
    return [choice.point for choice in choices]


def _production(choices):
    """published: every fold uses the point of the fold with the highest validation accuracy, the first among equals."""
    return [max(choices, key=lambda choice: round(choice.accuracy, 9)).point] * len(choices)


USED = {"strict": _own, "published": _production}
