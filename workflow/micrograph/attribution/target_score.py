"""Evidence: the numbers that an attribution explains, one column a target, read off a network's outputs.

| scheme       | columns             | what a column is                                                     |
|--------------|---------------------|----------------------------------------------------------------------|
| nominal      | one a class         | the output before the softmax: no class gains by what others lose    |
| nnrank, corn | one a class         | the probability of the class, as schemes.decode has it               |
| regression   | 1                   | the predicted temperature, degrees Celsius                           |

No torch is imported; cam.differentiable is the same in torch, for gradients.
"""

from dataclasses import dataclass

import numpy as np

from micrograph import target
from micrograph.errors import UserError, lookup

OUTPUTS, PROBABILITIES, DEGREES = "outputs", "probabilities", "degrees"


@dataclass(frozen=True)
class Kind:
    """One row: what is explained, and the words that a figure writes beside its numbers."""

    of: str
    words: str


KINDS = {
    "nominal": Kind(OUTPUTS, "output of the class before the softmax"),
    "nnrank": Kind(PROBABILITIES, "probability of the class"),
    "corn": Kind(PROBABILITIES, "probability of the class"),
    "regression": Kind(DEGREES, "predicted temperature in degrees Celsius"),
}


def words(scheme):
    """What a column of the evidence is, for captions and axes."""
    return lookup(scheme, KINDS, "scheme").words


def width(scheme, classes):
    """How many columns the evidence has: one a class, of regression one."""
    return 1 if lookup(scheme, KINDS, "scheme").of == DEGREES else len(classes)


def evidence(scheme, outputs, classes):
    """What the outputs of a network say for every target.

    outputs: (..., o), as the table of schemes.py has them, not changed; classes: growth temperatures in Celsius,
    rising. Returns (..., t) float64, t = width(scheme, classes). Raises UserError for another number of outputs and for
    an unknown scheme.
    """
    kind = lookup(scheme, KINDS, "scheme")
    outputs = np.asarray(outputs, dtype=float)
    flat = outputs.reshape(-1, outputs.shape[-1])
    scores = target.decode(scheme, flat, classes)[2]  # checks the width as well
    return (scores if kind.of == PROBABILITIES else flat).reshape(*outputs.shape[:-1], width(scheme, classes)).copy()


def targets(scheme, y_pred, classes):
    """The column (n,) int that explains each film's prediction: that of its class, of regression 0.

    y_pred: (n,), each one of the classes (rising); UserError where one is not.
    """
    predicted, classes = np.asarray(y_pred, dtype=float), np.asarray(classes, dtype=float)
    places = np.minimum(np.searchsorted(classes, predicted), len(classes) - 1)
    if (classes[places] != predicted).any():
        strange = predicted[classes[places] != predicted][0]
        raise UserError(
            f"{strange:g} C is none of the classes ({', '.join(f'{one:g}' for one in classes)}); correct it."
        )
    return np.zeros_like(places) if width(scheme, classes) == 1 else places
