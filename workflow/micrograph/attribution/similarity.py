"""Similarity of maps: rank correlation, and the agreement of two kinds of map of one sample. No torch is imported.

Spearman's rank correlation depends on the order of the values alone, not on scale, offset or colours. Neighbouring
values of a map are not independent and a CAM of 3 x 3 has nine of them: the value of one sample means little; the mean
over samples and the difference from the control count.
"""

import numpy as np
from numpy.typing import NDArray

from micrograph.attribution.maps import Attributions
from micrograph.scans import rendering

# The occlusion map that each class activation map is compared with: without sign where the map has none.
OCCLUSION_OF = {"cam": "occlusion_abs", "cam_class": "occlusion", "grad_cam": "occlusion"}


def spearman(one: NDArray, others: NDArray) -> NDArray[np.float64]:
    """Compute the rank correlation of a map with several others; ties get their mean rank.

    Parameters
    ----------
    one : ndarray of shape (...)
    others : ndarray of shape (k, ...)

    Returns
    -------
    ndarray of shape (k,)
        NaN where either map is constant or not finite.
    """
    first, rest = _centred_ranks(one[None])[0], _centred_ranks(others)
    norms = np.linalg.norm(first) * np.linalg.norm(rest, axis=1)
    return np.divide(rest @ first, norms, out=np.full(len(rest), np.nan), where=norms > 0)


def _centred_ranks(maps):
    """Ranks of each map's values minus their mean, (k, n_values); NaN for maps that are not finite."""
    from scipy import stats

    flat = np.reshape(maps, (len(maps), -1)).astype(float)
    ranks = stats.rankdata(flat, axis=1) - (flat.shape[1] + 1) / 2
    return np.where(np.isfinite(flat).all(axis=1, keepdims=True), ranks, np.nan)


def agreement(attributions: Attributions, map_type: str, i: int, controls: NDArray[np.intp]) -> NDArray[np.float64]:
    """Compute the rank correlation of a class activation map with occlusion maps.

    Parameters
    ----------
    attributions : Attributions
    map_type : str
        A row of OCCLUSION_OF.
    i : int
        Index of the sample.
    controls : ndarray of int, shape (k,)
        Indices of control samples.

    Returns
    -------
    ndarray of shape (1 + k,)
        With the occlusion map of the sample itself and with those of the controls.

    Notes
    -----
    Maps are compared at the resolution of the class activation map, effects averaged over each of its cells.
    """
    cam = attributions.values(map_type, np.array([i]))[0]
    occlusion = attributions.pixel_maps(OCCLUSION_OF[map_type], np.append(i, controls).astype(int))
    return spearman(cam, np.stack([rendering.resize_area(one.astype(float), *cam.shape) for one in occlusion]))
