"""How alike two maps are: rank correlation, and how far two explanations of one film agree. No torch is imported.

Spearman's rank correlation asks for the order of the places alone: no scale, no floor, no colours. Places of one map
are neighbours and not independent, a CAM of 3 x 3 values has nine of them: one film's value says little, the mean over
films and the difference from the control is what counts.
"""

import numpy as np

from micrograph.attribution import map_types
from micrograph.scans import rendering

AGREE = {"cam": "occlusion_abs", "cam_class": "occlusion", "grad_cam": "occlusion"}  # without a sign with without one


def spearman(one, others):
    """Rank correlation of a map (...) with each of several of its shape (k, ...): (k,), ties share their mean rank.

    NaN where a map is flat or holds a value that is not finite.
    """
    first, rest = _ranks(one[None])[0], _ranks(others)
    size = np.linalg.norm(first) * np.linalg.norm(rest, axis=1)
    return np.divide(rest @ first, size, out=np.full(len(rest), np.nan), where=size > 0)


def _ranks(maps):
    """Ranks of each map's values about their mean, (k, values); NaN of maps that are not finite."""
    from scipy import stats

    flat = np.reshape(maps, (len(maps), -1)).astype(float)
    ranks = stats.rankdata(flat, axis=1) - (flat.shape[1] + 1) / 2
    return np.where(np.isfinite(flat).all(axis=1, keepdims=True), ranks, np.nan)


def agreement(arrays, name, i, rest):
    """Rank correlation of a film's CAM with its own occlusion map and with those of other films: (1 + k,).

    name: a kind of CAM. Both are compared at the CAM's resolution, occlusion averaged over each of its cells: the CAM
    has no more to say. The sum of all maps, which has no sign, is held against the size of the effects, a target's CAM
    against the effects with their sign. i: the film; rest: (k,) rows of the others.
    """
    cam = map_types.raw(arrays, name, np.array([i]))[0]
    laid = map_types.laid(arrays, AGREE[name], np.append(i, rest).astype(int))
    return spearman(cam, np.stack([rendering.resize_area(one.astype(float), *cam.shape) for one in laid]))
