"""Deletion and insertion curves: the prediction while pixels are hidden, or shown, in the order of a map (RISE [1]_).

Pixels are ordered by the map, largest value first (of equal values the upper, then the left one), and hidden in the
image (deletion) or shown on a hidden image (insertion) in N_STEPS equal parts. The result is the area under the curve
over the share of pixels, by trapezoids. Hidden pixels get the baseline of the occlusion map. The curve is that of the
target's probability, of regression that of the predicted value, and the area is then in its unit. A map that orders
pixels as the network uses them has a small area in deletion and a large one in insertion.

Notes
-----
Images with hidden pixels are unlike those of training, so the level of a curve depends on the hiding as much as on the
map, and a coarse map hides whole regions where a fine one hides scattered pixels. Only a map of the same type is a fair
control, and map types must not be ranked among each other. Occlusion maps are made by hiding windows with the same
baseline: that they pass means that the effects of windows add up, and little more.

References
----------
.. [1] V. Petsiuk, A. Das, K. Saenko, "RISE: randomized input sampling for explanation of black-box models", BMVC 2018.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from micrograph import target

N_STEPS = 8


def curve_values(scheme: str, outputs: ArrayLike, classes: Sequence) -> NDArray[np.float64]:
    """Compute what a curve shows from raw outputs.

    Parameters
    ----------
    scheme : str
        Encoding of the target.
    outputs : array_like of shape (n, n_outputs)
    classes : sequence of shape (n_classes,)
        Ascending.

    Returns
    -------
    ndarray of shape (n, n_targets)
        Probabilities of the classes; of regression the predicted value.
    """
    _, value, probabilities = target.decode(scheme, outputs, classes)
    return value[:, None] if np.isnan(probabilities).all() else probabilities


def pixel_ranks(pixel_map: NDArray) -> NDArray[np.intp]:
    """Return the rank of every pixel in the order of a map, 0 for the largest value, shape (side, side)."""
    order = np.argsort(-pixel_map.ravel(), kind="stable")
    ranks = np.empty(order.size, dtype=int)
    ranks[order] = np.arange(order.size)
    return ranks.reshape(pixel_map.shape)


def step_masks(pixel_map: NDArray, n_steps: int = N_STEPS) -> NDArray[np.bool_]:
    """Return the hidden pixels at every step between the ends of both curves.

    Parameters
    ----------
    pixel_map : ndarray of shape (side, side)
    n_steps : int

    Returns
    -------
    ndarray of bool, shape (2, n_steps - 1, side, side)
        Of deletion and of insertion.
    """
    n_pixels = np.arange(1, n_steps)[:, None, None] * pixel_map.size / n_steps
    deleted = pixel_ranks(pixel_map) < n_pixels
    return np.stack([deleted, ~deleted])


def areas(pixel_maps: NDArray, predict: Callable[[NDArray], ArrayLike], n_steps: int = N_STEPS) -> NDArray[np.float64]:
    """Compute the areas under the deletion and insertion curves of several maps of one image.

    Parameters
    ----------
    pixel_maps : ndarray of shape (k, side, side)
    predict : callable
        Value of the curve, (n,), under masks (n, side, side), True where a pixel is hidden.
    n_steps : int

    Returns
    -------
    ndarray of shape (k, 2)
        Deletion and insertion.
    """
    side = pixel_maps.shape[-1]
    ends = np.stack([np.zeros((side, side), bool), np.ones((side, side), bool)])
    between = np.concatenate([step_masks(one, n_steps).reshape(-1, side, side) for one in pixel_maps])
    values = np.asarray(predict(np.concatenate([ends, between])), dtype=float)
    whole, hidden = values[:2]
    middle = values[2:].reshape(len(pixel_maps), 2, n_steps - 1).sum(axis=2)
    return ((whole + hidden) / 2 + middle) / n_steps
