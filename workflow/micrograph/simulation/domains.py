"""Domains of a film: where they nucleate, when growth reaches a pixel, where they meet.

A domain grows as a polygon at a constant rate. Its three fast-vanishing faces lie 120 degrees apart, the
three opposite ones `truncation` times farther out: 1 is a regular hexagon, 2 (and more) a triangle, in
between a truncated triangle, the shapes seen for MoS2, whose hexagonal crystal has two kinds of zigzag edges,
Mo- and S-terminated, that need not grow alike.
"""

from typing import NamedTuple

import numpy as np


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


def corners(nuclei):
    """Corners of the grown domains relative to their nuclei: (x_nm, y_nm), each (6, nuclei).

    A corner joins a near face (normal n, distance 1) and a far one 60 degrees aside (distance truncation): it lies at n
    plus or minus (2 truncation - 1) / sqrt(3) along the near face. For a triangle the corners coincide in pairs.
    """
    aside = (2 * nuclei.truncation - 1) / np.sqrt(3)
    normals = nuclei.angle + np.arange(3)[:, None] * 2 * np.pi / 3
    cosine, sine = np.cos(normals), np.sin(normals)
    x = np.concatenate([cosine - aside * sine, cosine + aside * sine])
    y = np.concatenate([sine + aside * cosine, sine - aside * cosine])
    return x * nuclei.reach_nm, y * nuclei.reach_nm


def grow(nuclei, shape, pixel_nm, frayed=None, rng=None):
    """Let the domains grow until they meet or time is over.

    pixel_nm: (down, across) size of a pixel. frayed: None for straight edges, else a field of `shape` in nm by which
    edges run ahead or behind; every domain takes it from another place of it (needs `rng`), so that neighbours differ.
    Returns (margin, label): margin (float32, shape) is how far growth went beyond a pixel in nm, 0 where it never came;
    label (int32) is the domain that came first, -1 where none came. The domain that has gone farthest beyond a pixel
    is the one that came first, as all faces move alike.
    """
    margin = np.zeros(shape, np.float32)
    label = np.full(shape, -1, np.int32)
    reach = nuclei if frayed is None else nuclei._replace(reach_nm=nuclei.reach_nm + float(np.max(frayed)))
    right_of, below = corners(reach)
    top, bottom = _window(nuclei.y_nm + below, pixel_nm[0], shape[0])
    left, right = _window(nuclei.x_nm + right_of, pixel_nm[1], shape[1])
    y_nm = np.arange(shape[0], dtype=np.float32) * np.float32(pixel_nm[0])
    x_nm = np.arange(shape[1], dtype=np.float32) * np.float32(pixel_nm[1])
    shift = None if frayed is None else rng.random((nuclei.x_nm.size, 2))
    angles = nuclei.angle + np.arange(3)[:, None] * 2 * np.pi / 3
    normals = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    for index in np.flatnonzero((bottom > top) & (right > left)):
        rows, columns = slice(top[index], bottom[index]), slice(left[index], right[index])
        across = x_nm[columns] - np.float32(nuclei.x_nm[index])
        down = y_nm[rows, None] - np.float32(nuclei.y_nm[index])
        gone = _distance(across, down, normals[0][:, index], normals[1][:, index], nuclei.truncation[index])
        np.subtract(np.float32(nuclei.reach_nm[index]), gone, out=gone)
        if frayed is not None:
            gone += _piece(frayed, gone.shape, shift[index])
        first = gone > margin[rows, columns]
        np.copyto(margin[rows, columns], gone, where=first)
        np.copyto(label[rows, columns], index, where=first)
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


def _window(ends_nm, pixel_nm, size):
    """First and one-past-last pixel between the least and the greatest of each column of ends_nm, clipped."""
    first = np.clip(np.floor(ends_nm.min(axis=0) / pixel_nm), 0, size).astype(int)
    last = np.clip(np.ceil(ends_nm.max(axis=0) / pixel_nm) + 1, 0, size).astype(int)
    return first, last


def _distance(across, down, cosine, sine, truncation):
    """Distance from a nucleus in the polygon's own measure, that of its near faces, whose normals are given.

    across: (pixels,), down: (lines, 1) in nm from the nucleus; cosine, sine: (3,). All float32.
    """
    one = across * cosine[0] + down * sine[0]
    two = across * cosine[1] + down * sine[1]
    three = across * cosine[2] + down * sine[2]
    low = np.minimum(one, two)
    np.minimum(low, three, out=low)
    low *= np.float32(-1 / truncation)
    np.maximum(one, two, out=one)
    np.maximum(one, three, out=one)
    return np.maximum(one, low, out=one)


def _piece(field, shape, shift):
    """A window of `shape` out of `field`, its corner chosen by `shift` (two numbers in 0..1)."""
    row = int(shift[0] * (field.shape[0] - shape[0] + 1))
    column = int(shift[1] * (field.shape[1] - shape[1] + 1))
    return field[row : row + shape[0], column : column + shape[1]]
