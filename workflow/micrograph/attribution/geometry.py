"""Geometry of occlusion: where a square of the picture is hidden, and the effects as a map. No torch is imported.

As Captum's: windows of patch x patch pixels start at 0, stride, 2 stride, ... along each axis, as many as cover the
picture; what the last one has outside the picture is cut off.
"""

import numpy as np

from micrograph.faults import Fault


def positions(side, patch, stride):
    """The first row (or column) of every window: (k,) ints. Fault unless 1 <= stride <= patch <= side."""
    if not 1 <= stride <= patch <= side:
        raise Fault(
            f"occlusion: a patch of {patch} pixels moved by {stride} does not cover a picture of {side}; "
            "choose attribution.stride <= attribution.patch <= the picture's side."
        )
    return stride * np.arange(-(-(side - patch) // stride) + 1)


def spread(effects, side, patch, stride):
    """Effects of windows (..., rows, cols) as a map of pixels (..., side, side): the mean over the windows of each."""
    cover = covered(side, patch, stride)
    if effects.shape[-2:] != (len(cover), len(cover)):
        raise Fault(f"occlusion: {effects.shape[-2:]} effects for {len(cover)} windows an axis; use the same geometry.")
    share = cover / cover.sum(axis=0)
    return share.T @ effects @ share


def covered(side, patch, stride):
    """Which pixels of an axis each window hides: (k, side) of 0 and 1."""
    starts, pixels = positions(side, patch, stride)[:, None], np.arange(side)
    return ((starts <= pixels) & (pixels < starts + patch)).astype(float)
