"""Deletion and insertion: how the evidence for the answer goes while the pixels go that a map thinks most of.

V. Petsiuk, A. Das, K. Saenko, "RISE", BMVC 2018. Pixels are ordered by the map, the largest value first (of equal ones
the upper, then the left one), and hidden (deletion) or shown on a hidden picture (insertion) in STEPS equal parts; the
value is the area under the curve over the share of pixels, by trapezoids. What is hidden becomes the baseline that the
occlusion map was made with.

The curve is that of the target's probability (nominal: softmax; nnrank, corn: of the class, as schemes.decode has it);
of regression the answer in degrees Celsius, where a map ranks what speaks for a higher temperature, and the area is in
degrees. A map that orders pixels as the network uses them has a small area in deletion and a large one in insertion.

Pictures with pixels hidden are like none of training, so that the level of a curve says as much about the hiding as
about the map, and a coarse map hides whole regions where a fine one speckles: only a map of the same kind, with the
same grain, is a fair control (of one other film, since a map costs 2 (STEPS - 1) answers of the network), and kinds are
not to be ranked among each other. Occlusion maps are made by hiding windows with the same baseline, and so know the
answers beforehand: that they pass says that the effects of windows add up, and little more. A CAM knows nothing of
hiding; that it passes, or fails, says something.
"""

import numpy as np

from micrograph import target

STEPS = 8


def strength(scheme, outputs, classes):
    """What a curve shows of every target: (n, t) probabilities of the classes; of regression (n, 1) degrees Celsius."""
    _, value, scores = target.decode(scheme, outputs, classes)
    return value[:, None] if np.isnan(scores).all() else scores


def ranks(laid):
    """The place of every pixel in the order of a map (side, side), 0 its largest value: (side, side) ints."""
    order = np.argsort(-laid.ravel(), kind="stable")
    places = np.empty(order.size, dtype=int)
    places[order] = np.arange(order.size)
    return places.reshape(laid.shape)


def hidden(laid, steps=STEPS):
    """What is hidden on the way: (2, steps - 1, side, side) bool, deletion and insertion, without their two ends."""
    gone = np.arange(1, steps)[:, None, None] * laid.size / steps
    deleted = ranks(laid) < gone
    return np.stack([deleted, ~deleted])


def areas(laid, says, steps=STEPS):
    """Areas under the curves of several maps over one picture: (k, 2), deletion and insertion.

    laid: (k, side, side) maps; says: a function of (n, side, side) bool, what is hidden, that gives (n,) numbers.
    """
    side = laid.shape[-1]
    ends = np.stack([np.zeros((side, side), bool), np.ones((side, side), bool)])
    between = np.concatenate([hidden(one, steps).reshape(-1, side, side) for one in laid])
    said = np.asarray(says(np.concatenate([ends, between])), dtype=float)
    whole, nothing = said[:2]
    middle = said[2:].reshape(len(laid), 2, steps - 1).sum(axis=2)
    return ((whole + nothing) / 2 + middle) / steps
