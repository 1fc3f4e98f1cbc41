"""Crystal domains of a film: nucleation sites, growth until impingement, grain boundaries.

A domain grows as a polygon at a constant rate. Its three slow faces are 120 degrees apart, the three opposite ones
`truncation` times farther from the nucleus: 1 is a regular hexagon, 2 (and more) a triangle, in between a truncated
triangle. These are the shapes of MoS2, whose hexagonal crystal has two kinds of zigzag edges, Mo- and S-terminated, of
different growth rates.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Nuclei(NamedTuple):
    """Nuclei of a layer; arrays of one length.

    Attributes
    ----------
    x_nm, y_nm : ndarray
        Position, x to the right and y down from the top left pixel.
    angle : ndarray
        Direction of the first face's normal in radians, modulo 120 degrees.
    truncation : ndarray
        Shape of the domain, 1 to 2.
    apothem_nm : ndarray
        Distance of the slow faces from the nucleus at the end of growth.
    """

    x_nm: NDArray[np.float64]
    y_nm: NDArray[np.float64]
    angle: NDArray[np.float64]
    truncation: NDArray[np.float64]
    apothem_nm: NDArray[np.float64]

    def select(self, index: NDArray) -> "Nuclei":
        """Return the nuclei of a mask or of indices."""
        return Nuclei(*(values[index] for values in self))


def _corners(nuclei: Nuclei) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the corners of the grown domains relative to their nuclei.

    A corner joins a slow face (normal n, distance 1) and a fast one 60 degrees away (distance truncation): it lies at n
    plus or minus (2 truncation - 1) / sqrt(3) along the slow face. For a triangle the corners coincide in pairs.
    """
    along = (2 * nuclei.truncation - 1) / np.sqrt(3)
    normals = nuclei.angle + np.arange(3)[:, None] * 2 * np.pi / 3
    cosine, sine = np.cos(normals), np.sin(normals)
    x = np.concatenate([cosine - along * sine, cosine + along * sine])
    y = np.concatenate([sine + along * cosine, sine - along * cosine])
    return x * nuclei.apothem_nm, y * nuclei.apothem_nm


def grow_domains(
    nuclei: Nuclei,
    shape: tuple[int, int],
    pixel_nm: tuple[float, float],
    edge_noise: NDArray[np.float32] | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Grow domains until they impinge or growth ends.

    Parameters
    ----------
    nuclei : Nuclei
    shape : (int, int)
        Lines and pixels.
    pixel_nm : (float, float)
        Pixel size down and across.
    edge_noise : ndarray of `shape`, float32, optional
        Roughness of edges in nm; every domain takes it from another place, so that neighbours differ.
    rng : numpy Generator, optional
        Chooses these places; needed with `edge_noise`.

    Returns
    -------
    margin : ndarray of `shape`, float32
        How far growth went beyond a pixel in nm, 0 where it did not reach it.
    label : ndarray of `shape`, int32
        The domain that reached a pixel first, which is the one that went farthest beyond it; -1 where none did.
    """
    margin = np.zeros(shape, np.float32)
    label = np.full(shape, -1, np.int32)
    largest, shift = nuclei, np.empty((0, 2))
    if edge_noise is not None:
        if rng is None:
            raise ValueError("edge_noise needs an rng")
        shift = rng.random((nuclei.x_nm.size, 2))
        largest = nuclei._replace(apothem_nm=nuclei.apothem_nm + float(np.max(edge_noise)))
    x_corners, y_corners = _corners(largest)
    top, bottom = _pixel_range(nuclei.y_nm + y_corners, pixel_nm[0], shape[0])
    left, right = _pixel_range(nuclei.x_nm + x_corners, pixel_nm[1], shape[1])
    y_nm = np.arange(shape[0], dtype=np.float32) * np.float32(pixel_nm[0])
    x_nm = np.arange(shape[1], dtype=np.float32) * np.float32(pixel_nm[1])
    angles = nuclei.angle + np.arange(3)[:, None] * 2 * np.pi / 3
    normals = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    for index in np.flatnonzero((bottom > top) & (right > left)):
        rows, columns = slice(top[index], bottom[index]), slice(left[index], right[index])
        across = x_nm[columns] - np.float32(nuclei.x_nm[index])
        down = y_nm[rows, None] - np.float32(nuclei.y_nm[index])
        beyond = _polygon_distance(across, down, normals[0][:, index], normals[1][:, index], nuclei.truncation[index])
        np.subtract(np.float32(nuclei.apothem_nm[index]), beyond, out=beyond)
        if edge_noise is not None:
            beyond += _crop(edge_noise, beyond.shape, shift[index])
        first = beyond > margin[rows, columns]
        np.copyto(margin[rows, columns], beyond, where=first)
        np.copyto(label[rows, columns], index, where=first)
    return margin, label


def grain_boundaries(label: NDArray[np.int32], angle: NDArray[np.float64], tolerance: float = 0.1) -> NDArray[np.bool_]:
    """Find the pixels whose right or lower neighbour belongs to a domain of another orientation.

    Parameters
    ----------
    label : ndarray of shape (lines, pixels)
        Of `grow_domains`.
    angle : ndarray
        Orientation of every domain in radians.
    tolerance : float, default 0.1
        Domains merge without a boundary if their orientations differ by less, modulo 120 degrees.

    Returns
    -------
    ndarray of shape (lines, pixels), bool
    """
    turn = 2 * np.pi / 3
    angle = np.append(angle, 0.0).astype(np.float32)
    is_boundary = np.zeros(label.shape, bool)
    for axis in (0, 1):
        before = [slice(None), slice(None)]
        after = [slice(None), slice(None)]
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        first, second = label[tuple(before)], label[tuple(after)]
        rows, columns = np.nonzero((first != second) & (first >= 0) & (second >= 0))
        difference = np.abs(angle[first[rows, columns]] - angle[second[rows, columns]]) % turn
        differs = np.minimum(difference, turn - difference) > tolerance
        is_boundary[rows[differs], columns[differs]] = True
    return is_boundary


def _pixel_range(corners_nm: NDArray[np.float64], pixel_nm: float, size: int) -> tuple[NDArray, NDArray]:
    """Return first and one past the last pixel of each column of corners, clipped."""
    first = np.clip(np.floor(corners_nm.min(axis=0) / pixel_nm), 0, size).astype(int)
    last = np.clip(np.ceil(corners_nm.max(axis=0) / pixel_nm) + 1, 0, size).astype(int)
    return first, last


def _polygon_distance(
    across: NDArray[np.float32],
    down: NDArray[np.float32],
    cosine: NDArray[np.float32],
    sine: NDArray[np.float32],
    truncation: float,
) -> NDArray[np.float32]:
    """Return the apothem of the polygon through each pixel.

    across: (pixels,), down: (lines, 1) in nm from the nucleus; cosine, sine: (3,) of the normals of slow faces.
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


def _crop(field: NDArray[np.float32], shape: tuple[int, int], shift: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return a window of `shape` of a field, its corner at the fractions `shift` of the free range."""
    row = int(shift[0] * (field.shape[0] - shape[0] + 1))
    column = int(shift[1] * (field.shape[1] - shape[1] + 1))
    return field[row : row + shape[0], column : column + shape[1]]
