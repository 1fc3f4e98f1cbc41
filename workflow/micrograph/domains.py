"""Domains of a film: where they nucleate, when growth reaches a pixel, where they meet.

A domain grows as a polygon at a constant rate. Its three fast-vanishing faces lie 120 degrees apart, the
three opposite ones `truncation` times farther out: 1 is a regular hexagon, 2 (and more) a triangle, in
between a truncated triangle, the shapes seen for MoS2, whose hexagonal crystal has two kinds of zigzag edges,
Mo- and S-terminated, that need not grow alike.
"""

from typing import NamedTuple

import numpy as np

NEVER = np.float32(np.inf)


class Nuclei(NamedTuple):
    """Arrays of one length, one entry a nucleus.

    x_nm, y_nm: place, x to the right and y down from the top left pixel; angle: direction of the first face's
    normal in radians, alike modulo 120 degrees; truncation: 1 to 2; reach_nm: distance of the near faces at
    the end.
    """

    x_nm: np.ndarray
    y_nm: np.ndarray
    angle: np.ndarray
    truncation: np.ndarray
    reach_nm: np.ndarray

    def keep(self, chosen):
        """The nuclei that `chosen` (mask or indices) picks."""
        return Nuclei(*(values[chosen] for values in self))


def corner_reach(truncation):
    """Distance of the corners from the nucleus, in units of the near faces' distance: 2 for a triangle."""
    return 2 / np.sqrt(3) * np.sqrt(1 + truncation**2 - truncation)


def grow(nuclei, shape, pixel_nm, frayed=None, rng=None):
    """Let the domains grow until they meet or time is over.

    pixel_nm: (down, across) size of a pixel. frayed: None for straight edges, else a field of `shape` in nm
    by which edges run ahead or behind; every domain takes it from another place of it (needs `rng`), so that
    neighbours differ. Returns (margin, label): margin (float32, shape) is how far growth went beyond a pixel
    in nm, at 0 it was just reached, negative never; label (int32) is the domain that came first, -1 where
    none came. The domain that has gone farthest beyond a pixel is the one that came first, as all faces move
    alike.
    """
    margin = np.full(shape, -NEVER, np.float32)
    label = np.full(shape, -1, np.int32)
    spread = 0.0 if frayed is None else float(np.max(frayed))
    half = (nuclei.reach_nm + spread) * corner_reach(nuclei.truncation) + max(pixel_nm)
    top, bottom = _window(nuclei.y_nm, half, pixel_nm[0], shape[0])
    left, right = _window(nuclei.x_nm, half, pixel_nm[1], shape[1])
    y_nm = np.arange(shape[0], dtype=np.float32) * np.float32(pixel_nm[0])
    x_nm = np.arange(shape[1], dtype=np.float32) * np.float32(pixel_nm[1])
    shift = None if frayed is None else rng.random((len(half), 2))
    for index in np.flatnonzero((bottom > top) & (right > left)):
        rows, columns = slice(top[index], bottom[index]), slice(left[index], right[index])
        gone = nuclei.reach_nm[index] - _distance(nuclei, index, y_nm[rows], x_nm[columns])
        if frayed is not None:
            gone += _piece(frayed, gone.shape, shift[index])
        first = gone > np.maximum(margin[rows, columns], 0)
        np.copyto(margin[rows, columns], gone, where=first)
        label[rows, columns][first] = index
    return margin, label


def boundaries(label, angle, together=0.1):
    """Mask of the pixels whose right or lower neighbour belongs to a domain of another orientation.

    Domains of one orientation merge without a seam: less than `together` radians apart modulo 120 degrees is one.
    """
    turn = 2 * np.pi / 3
    angle = np.append(angle, 0.0).astype(np.float32)
    found = np.zeros(label.shape, bool)
    for axis in (0, 1):
        here = [slice(None), slice(None)]
        there = [slice(None), slice(None)]
        here[axis], there[axis] = slice(None, -1), slice(1, None)
        first, second = label[tuple(here)], label[tuple(there)]
        rows, columns = np.nonzero((first != second) & (first >= 0) & (second >= 0))
        apart = np.abs(angle[first[rows, columns]] - angle[second[rows, columns]]) % turn
        seam = np.minimum(apart, turn - apart) > together
        found[rows[seam], columns[seam]] = True
    return found


def _window(centre_nm, half_nm, pixel_nm, size):
    """First and one-past-last pixel of the windows around the centres, clipped to the picture."""
    first = np.clip(np.floor((centre_nm - half_nm) / pixel_nm), 0, size).astype(int)
    last = np.clip(np.ceil((centre_nm + half_nm) / pixel_nm) + 1, 0, size).astype(int)
    return first, last


def _distance(nuclei, index, y_nm, x_nm):
    """Distance of the window's pixels from a nucleus in the polygon's own measure: that of its near faces."""
    across = x_nm - np.float32(nuclei.x_nm[index])
    down = (y_nm - np.float32(nuclei.y_nm[index]))[:, None]
    angles = nuclei.angle[index] + np.array([0, 2, 4]) * np.pi / 3
    cosine, sine = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    one = across * cosine[0] + down * sine[0]
    two = across * cosine[1] + down * sine[1]
    three = across * cosine[2] + down * sine[2]
    low = np.minimum(np.minimum(one, two), three)
    low *= np.float32(-1 / nuclei.truncation[index])
    np.maximum(one, two, out=one)
    np.maximum(one, three, out=one)
    return np.maximum(one, low, out=one)


def _piece(field, shape, shift):
    """A window of `shape` out of `field`, its corner chosen by `shift` (two numbers in 0..1)."""
    row = int(shift[0] * (field.shape[0] - shape[0] + 1))
    column = int(shift[1] * (field.shape[1] - shape[1] + 1))
    return field[row : row + shape[0], column : column + shape[1]]
