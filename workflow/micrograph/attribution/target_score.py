"""Target scores: the numbers that an attribution explains, one column per target, computed from a network's outputs.

| scheme       | columns             | meaning of a column                                               |
|--------------|---------------------|-------------------------------------------------------------------|
| nominal      | one per class       | output before the softmax: no class gains by what others lose     |
| nnrank, corn | one per class       | probability of the class, as by `target.decode`                   |
| regression   | 1                   | predicted value, in the unit of the growth variable               |

No torch is imported; `cam.differentiable_scores` is the same in torch, for gradients.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from micrograph import target
from micrograph.errors import UserError, lookup

OUTPUTS, PROBABILITIES, VALUE = "outputs", "probabilities", "value"


@dataclass(frozen=True)
class TargetScore:
    """One row of TARGET_SCORES: the quantity that is explained, and its name in captions and on axes."""

    quantity: str
    text: str


TARGET_SCORES = {
    "nominal": TargetScore(OUTPUTS, "output of the class before the softmax"),
    "nnrank": TargetScore(PROBABILITIES, "probability of the class"),
    "corn": TargetScore(PROBABILITIES, "probability of the class"),
    "regression": TargetScore(VALUE, "predicted value"),
}


def describe(scheme: str) -> str:
    """Return the name of a scheme's target score, for captions and axes."""
    return lookup(scheme, TARGET_SCORES, "scheme").text


def n_targets(scheme: str, classes: Sequence) -> int:
    """Return the number of targets: one per class, of regression one."""
    return 1 if lookup(scheme, TARGET_SCORES, "scheme").quantity == VALUE else len(classes)


def target_scores(scheme: str, outputs: ArrayLike, classes: Sequence) -> NDArray[np.float64]:
    """Compute the scores of all targets from raw outputs.

    Parameters
    ----------
    scheme : str
        Encoding of the target, a row of TARGET_SCORES.
    outputs : array_like of shape (..., n_outputs)
        Raw outputs of a network; not modified.
    classes : sequence of shape (n_classes,)
        Ascending.

    Returns
    -------
    ndarray of shape (..., n_targets)

    Raises
    ------
    UserError
        If the scheme is unknown or has another number of outputs.
    """
    row = lookup(scheme, TARGET_SCORES, "scheme")
    outputs = np.asarray(outputs, dtype=float)
    flat = outputs.reshape(-1, outputs.shape[-1])
    probabilities = target.decode(scheme, flat, classes)[2]  # checks the number of outputs as well
    scores = probabilities if row.quantity == PROBABILITIES else flat
    return scores.reshape(*outputs.shape[:-1], n_targets(scheme, classes)).copy()


def predicted_target(scheme: str, y_pred: ArrayLike, classes: Sequence) -> NDArray[np.intp]:
    """Return the target that belongs to each prediction: the column of its class, of regression 0.

    Parameters
    ----------
    scheme : str
    y_pred : array_like of shape (n,)
        Predicted classes.
    classes : sequence of shape (n_classes,)
        Ascending.

    Returns
    -------
    ndarray of int, shape (n,)

    Raises
    ------
    UserError
        If a prediction is not one of the classes.
    """
    predicted, known = np.asarray(y_pred, dtype=float), np.asarray(classes, dtype=float)
    columns = np.minimum(np.searchsorted(known, predicted), len(known) - 1)
    unknown = predicted[known[columns] != predicted]
    if len(unknown):
        raise UserError(
            f"{unknown[0]:g} is not one of the classes ({', '.join(f'{one:g}' for one in known)}); correct it."
        )
    return np.zeros_like(columns) if n_targets(scheme, classes) == 1 else columns
