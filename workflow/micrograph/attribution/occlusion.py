"""Occlusion: what a network says when a square of the picture is hidden, for every place of the square.

Geometry and meaning are Captum's (M. D. Zeiler, R. Fergus, ECCV 2014): windows of patch x patch pixels start at 0,
stride, 2 stride, ... along each axis, as many as cover the picture; what the last one has outside the picture is cut
off. The effect of a window is the evidence for a class of the picture minus that of the picture with the window hidden:
positive where the window speaks for the class.

torch is imported where it is needed: the geometry costs nothing.
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


def occlude(
    network, backbone, colour, *, patch, stride, baseline="zero", precision="fp32", memory_mb=500, threads=None,
    heads=None, what="occlusion",
):  # fmt: skip
    """What the network says to every picture with every window hidden, and to the pictures as they are.

    network: with a head in its classifier's place (headed.py), left alone; backbone: its name; colour:
    (n, 3, side, side) float32 tensor as the network takes it, on the device to compute on; patch, stride: pixels;
    baseline: zero or mean (of the picture itself, per channel); precision: fp32 or bf16 of the backbone, the head
    computes in float32; memory_mb: megabytes that maps may take at a time; threads: of the processor (None: as they
    are); what: the first words of the progress lines.

    Returns occluded (n, rows, cols, outputs) and untouched (n, outputs), float32, raw outputs of the head in evaluation
    mode. With heads, a list of modules (B, width) -> (B, outputs), the same of each of them in turn: a list of such
    pairs, for the price of one. torch.nn.Identity() gives the pooled features themselves.
    """
    from micrograph.attribution import occluding

    return occluding.occlude(
        network, backbone, colour, patch=patch, stride=stride, baseline=baseline, precision=precision,
        memory_mb=memory_mb, threads=threads, heads=heads, what=what,
    )  # fmt: skip
