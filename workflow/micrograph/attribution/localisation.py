"""Localisation: how much of a map lies on the known features of a simulated sample. No torch is imported.

Pointing game (Zhang et al. [1]_): whether the largest value of a map lies on the feature, or within a tolerance of it.
The tolerance is 1/80 of the image's side, one pixel of 80 and three of 224, since boundaries and steps are thinner than
a pixel; of several equal largest values (a CAM is constant beyond its outermost values) the share that hits counts.
Mass: the share of the map's positive part on the feature (relevance mass of Arras et al. [2]_).

Notes
-----
A map that is independent of the sample and has no preferred place scores the area: the share of the pixels that would
be hits, and the share of the image that shows the feature. A map that is large in the middle, or at the border where
convolutions meet the zero padding, does not: therefore the control by other samples' maps. The largest possible mass is
below 1 where a feature fills no pixel. A map that is positive everywhere (the paper's sum) has a mass near the area
whatever it shows.

Both measures use the scanned part of the image alone, so that a map that is small or large on the padding gains nothing
on the features; otherwise the maps of samples without padding would be no control. The padding itself is a feature of
the whole image.

References
----------
.. [1] J. Zhang, S. A. Bargal, Z. Lin, J. Brandt, X. Shen, S. Sclaroff, "Top-down neural attention by excitation
   backprop", International Journal of Computer Vision 126 (2018).
.. [2] L. Arras, A. Osman, W. Samek, "CLEVR-XAI: a benchmark dataset for the ground truth evaluation of neural network
   explanations", Information Fusion 81 (2022).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from micrograph.attribution.ground_truth import PADDING

TOLERANCE = 1 / 80  # of the side
PRESENT = 0.1  # a pixel with at least this share of a feature shows it
MAX_AREA = 0.99  # a feature with more than this area cannot be missed


def localisation(
    pixel_maps: NDArray, masks: Mapping[str, NDArray]
) -> list[tuple[str, str, NDArray[np.float64], float]]:
    """Compute pointing game and mass of several maps of one sample.

    Parameters
    ----------
    pixel_maps : ndarray of shape (k, side, side)
        Finite maps of both signs.
    masks : mapping of str to ndarray, shape (side, side)
        Share of each pixel, 0 to 1, that shows a feature; with padding (`ground_truth.feature_masks`).

    Returns
    -------
    list of (measure, feature, values, area)
        ``values`` has shape (k,); those of mass are NaN for maps without a positive value. Features that the sample
        lacks or has everywhere are left out.
    """
    padding = np.asarray(masks[PADDING], dtype=float)
    rows = []
    for feature, mask in masks.items():
        region = np.ones_like(padding) if feature == PADDING else 1 - padding
        rows.append(("pointing", feature, *pointing_game(pixel_maps, mask, region)))
        rows.append(("mass", feature, *relevance_mass(pixel_maps, mask, region)))
    return [row for row in rows if 0 < row[3] <= MAX_AREA]


def pointing_game(pixel_maps: NDArray, mask: NDArray, region: NDArray) -> tuple[NDArray[np.float64], float]:
    """Compute whether the largest value of each map within a region hits a feature.

    Parameters
    ----------
    pixel_maps : ndarray of shape (k, side, side)
    mask : ndarray of shape (side, side)
        Share of each pixel that shows the feature.
    region : ndarray of shape (side, side)
        Share of each pixel that belongs to the region; pixels with half or less are ignored.

    Returns
    -------
    values : ndarray of shape (k,)
        Share of the largest values that hit.
    area : float
        Share of the region that would be a hit.
    """
    from scipy import ndimage

    size = 2 * round(TOLERANCE * len(mask)) + 1
    hits, inside = ndimage.maximum_filter(mask >= PRESENT, size), region > 0.5
    if not inside.any() or not (mask >= PRESENT)[inside].any():
        return np.full(len(pixel_maps), np.nan), 0.0
    values = pixel_maps[:, inside]
    largest = values == values.max(axis=1, keepdims=True)
    return (largest & hits[inside]).sum(axis=1) / largest.sum(axis=1), float(hits[inside].mean())


def relevance_mass(pixel_maps: NDArray, mask: NDArray, region: NDArray) -> tuple[NDArray[np.float64], float]:
    """Compute the share of each map's positive part within a region that lies on a feature.

    Parameters
    ----------
    pixel_maps, mask, region
        As in `pointing_game`.

    Returns
    -------
    values : ndarray of shape (k,)
    area : float
        Share of the region that shows the feature.
    """
    positive = np.maximum(pixel_maps, 0, dtype=float).reshape(len(pixel_maps), -1)
    on_feature, total = positive @ np.ravel(mask * region), positive @ region.ravel()
    share = np.divide(on_feature, total, out=np.full(len(pixel_maps), np.nan), where=total > 0)
    return share, float((mask * region).sum() / max(region.sum(), 1e-12))
