"""Schemes: how growth temperatures become targets of a network, and its outputs an answer. No torch is imported.

| scheme     | targets                          | outputs                                   | answer                   |
|------------|----------------------------------|-------------------------------------------|--------------------------|
| nominal    | place of the class, 0 .. K-1     | K, before the softmax                     | the largest output       |
| nnrank     | 1 up to the class, 0 beyond (K)  | K, after the sigmoid                      | leading outputs above .5 |
| corn       | 1 if above class k, else 0 (K-1) | K-1 logits of "above k, if above k-1"     | chances above .5         |
| regression | the temperature (1)              | 1, degrees Celsius                        | the nearest class        |

nnrank: J. Cheng, Z. Wang, G. Pollastri, IJCNN 2008, as the paper uses it. corn: X. Shi, W. Cao, S. Raschka, "Deep
neural networks for rank-consistent ordinal regression based on conditional probabilities", 2021 (not in the paper).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from micrograph.errors import UserError, lookup

HALF = 0.5


@dataclass(frozen=True)
class Scheme:
    """One row: how many outputs K classes need, targets from places, places from targets, an answer from outputs."""

    width: Callable
    encode: Callable
    places: Callable
    decode: Callable


def output_width(scheme, classes):
    """How many outputs a network of this scheme has."""
    return lookup(scheme, SCHEMES, "scheme").width(len(classes))


def encode(scheme, labels_celsius, classes):
    """What a network of this scheme is trained towards.

    labels_celsius: (n,) growth temperatures; classes: the known ones, rising. Returns (n,) int64 places for nominal,
    otherwise (n, outputs) float32. Raises UserError for a temperature that is no class.
    """
    row = lookup(scheme, SCHEMES, "scheme")
    labels, classes = np.asarray(labels_celsius), np.asarray(classes)
    places = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    if (classes[places] != labels).any():
        strange = labels[classes[places] != labels][0]
        raise UserError(f"{strange} C is none of the classes ({', '.join(map(str, classes))}): correct classes.")
    return row.encode(places, classes)


def labels(scheme, wanted, classes):
    """The growth temperatures (n,) in Celsius that these targets stand for: the inverse of `targets`."""
    places = lookup(scheme, SCHEMES, "scheme").places(np.asarray(wanted), classes)
    return np.asarray(classes)[places]


def decode(scheme, outputs, classes):
    """What a network's outputs say.

    outputs: (n, outputs), as the table above has them; classes: growth temperatures in Celsius, rising. Returns
    predicted_celsius (n,) floats, always one of the classes; value_celsius (n,), NaN for all but regression; scores
    (n, classes), probabilities of the classes, NaN for regression. Raises UserError for another number of outputs.

    nominal: scores are the softmax; of equal outputs the lower class wins. nnrank: where no leading output is above
    0.5, the lowest class. The outputs need not fall from left to right; their running minimum does, and is above 0.5
    just where all outputs up to there are, so the scores are the differences of that minimum, begun at 1. corn: the
    chance to be above class k is the product of the conditional ones up to k, which falls by itself; scores are its
    differences. In both the answer is the median class, and need not be the one with the highest score.
    """
    row = lookup(scheme, SCHEMES, "scheme")
    outputs, classes = np.asarray(outputs, dtype=float), np.asarray(classes, dtype=float)
    if outputs.ndim != 2 or outputs.shape[1] != row.width(len(classes)):
        raise UserError(
            f"{scheme}: outputs of shape {outputs.shape} for {len(classes)} classes, (n, {row.width(len(classes))}) "
            "wanted: use the classes that the network was trained with."
        )
    return row.decode(outputs, classes)


def _softmax(outputs, classes):
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return classes[outputs.argmax(axis=1)], _nothing(outputs), powers / powers.sum(axis=1, keepdims=True)


def _leading(outputs, classes):
    lowest = np.minimum.accumulate(outputs, axis=1)
    return _ranked(lowest[:, 1:], outputs, classes)


def _conditional(outputs, classes):
    chances = 0.5 * (1 + np.tanh(outputs / 2))  # the sigmoid, without overflow
    return _ranked(np.cumprod(chances, axis=1), outputs, classes)


def _ranked(above, outputs, classes):
    """Class and probabilities from the chances (n, classes - 1), falling, to be above each class but the last."""
    ends = np.ones((len(above), 1)), np.zeros((len(above), 1))
    scores = -np.diff(np.hstack([ends[0], above, ends[1]]), axis=1)
    return classes[(above > HALF).sum(axis=1)], _nothing(outputs), scores


def _degrees(outputs, classes):
    value = outputs[:, 0]
    return to_class(value, classes), value, np.full((len(value), len(classes)), np.nan)


def _nothing(outputs):
    return np.full(len(outputs), np.nan)


SCHEMES = {
    "nominal": Scheme(
        width=lambda count: count,
        encode=lambda places, classes: places.astype(np.int64),
        places=lambda wanted, classes: wanted,
        decode=_softmax,
    ),
    "nnrank": Scheme(
        width=lambda count: count,
        encode=lambda places, classes: (np.arange(len(classes)) <= places[:, None]).astype(np.float32),
        places=lambda wanted, classes: wanted.sum(axis=-1).astype(int) - 1,
        decode=_leading,
    ),
    "corn": Scheme(
        width=lambda count: count - 1,
        encode=lambda places, classes: (np.arange(len(classes) - 1) < places[:, None]).astype(np.float32),
        places=lambda wanted, classes: wanted.sum(axis=-1).astype(int),
        decode=_conditional,
    ),
    "regression": Scheme(
        width=lambda count: 1,
        encode=lambda places, classes: classes[places, None].astype(np.float32),
        places=lambda wanted, classes: np.searchsorted(np.asarray(classes), wanted[..., 0]),
        decode=_degrees,
    ),
}


def to_class(values, classes):
    """The class of each value in Celsius: halfway values go to the lower class (<= 925 is 900, <= 975 is 950).

    values: (n,) floats; returns (n,) floats, NaN where the value is NaN.
    """
    values, classes = np.asarray(values, dtype=float), np.asarray(classes, dtype=float)
    halfway = (classes[1:] + classes[:-1]) / 2
    return np.where(np.isnan(values), np.nan, classes[np.searchsorted(halfway, values, side="left")])
