"""Pointing game and mass: how much of a map lies on what a film is known to have. No torch is imported.

Pointing game: J. Zhang et al., "Top-down neural attention by excitation backprop", IJCV 126 (2018): does the largest
value of a map lie on the feature, or within a tolerance of it? Here the tolerance is 1/80 of the picture's side, one
pixel of 80 and three of 224, since seams and steps are thinner than a pixel; of equal largest values (a CAM is flat
beyond its outermost values) the share that hits counts. Mass: the share of the map's positive part on the feature.

A map that knows nothing of the film but is strong anywhere alike scores the area: the share of the pixels that would
be hits, and the share of the picture that shows the feature. A map that knows nothing but is strong in the middle, or
at the border where convolutions meet the padding with zeros, does not: therefore the control by other films' maps.
The best possible mass is below 1 where a feature fills no pixel. A map that is positive everywhere (the paper's sum)
spreads its floor over everything, and its mass is near the area whatever it shows.

Bands around a film are no film. Both measures look at the scanned part alone, so that a map which is weak or strong on
the bands gains nothing on the features; the bands themselves are a feature of the whole picture. Otherwise the maps of
other, unpadded films would be no control.
"""

import numpy as np

from micrograph.attribution.ground_truth import PADDING

TOLERANCE = 1 / 80  # of the side
SHOWN = 0.1  # a pixel with at least this share of a feature shows it
EVERYWHERE = 0.99  # a feature with more than this area cannot be missed, and says nothing


def tested(laid, masks):
    """Pointing and mass of several maps over one film: rows (measure, feature, values (k,), area).

    laid: (k, side, side) finite maps of both signs; masks: {feature: (side, side) in 0..1} with padding (truth.masks).
    No row for a feature that the film does not have or has everywhere. values of mass are NaN for maps that are
    nowhere positive in the part looked at.
    """
    bands = np.asarray(masks[PADDING], dtype=float)
    rows = []
    for feature, shares in masks.items():
        part = np.ones_like(bands) if feature == PADDING else 1 - bands
        rows += [("pointing", feature, *pointing(laid, shares, part)), ("mass", feature, *mass(laid, shares, part))]
    return [row for row in rows if 0 < row[3] <= EVERYWHERE]


def pointing(laid, shares, part):
    """(values (k,), area): whether each map's largest value within `part` hits, and the share of `part` that would.

    part: (side, side) in 0..1, what is looked at; a pixel that is mostly not part of it is left out.
    """
    from scipy import ndimage

    reach = 2 * round(TOLERANCE * len(shares)) + 1
    hits, inside = ndimage.maximum_filter(shares >= SHOWN, reach), part > 0.5
    if not inside.any() or not (shares >= SHOWN)[inside].any():
        return np.full(len(laid), np.nan), 0.0
    values = laid[:, inside]
    top = values == values.max(axis=1, keepdims=True)
    return (top & hits[inside]).sum(axis=1) / top.sum(axis=1), float(hits[inside].mean())


def mass(laid, shares, part):
    """(values (k,), area): the share of each map's positive part within `part` on the feature; and that of `part`."""
    positive = np.maximum(laid, 0, dtype=float).reshape(len(laid), -1)
    on, all_of_it = positive @ np.ravel(shares * part), positive @ part.ravel()
    share = np.divide(on, all_of_it, out=np.full(len(laid), np.nan), where=all_of_it > 0)
    return share, float((shares * part).sum() / max(part.sum(), 1e-12))
