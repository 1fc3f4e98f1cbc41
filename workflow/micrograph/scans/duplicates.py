"""Find one scan in several files: raw, flattened, converted, exported as a picture, or in the other scan direction.

Two files hold one scan if their micrographs, averaged over SIDE x SIDE blocks, correlate and their widths do not
contradict. Copies of one scan correlate by 0.95 and more, different films of one recipe by less than 0.4.
"""

import base64
import binascii
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

SIDE = 24
CORRELATION, CORRELATION_SAME_TIME = 0.9, 0.7  # least of one scan: by heights alone, and where the time agrees
WIDTH_TOLERANCE = 0.02
CHUNK = 1000  # rows compared at once


def fingerprint(micrograph: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Reduce a micrograph to its relief in SIDE x SIDE blocks, without the parabola of every row and column.

    Levelled and unlevelled files of one scan differ by these.

    Parameters
    ----------
    micrograph : ndarray of shape (pixels, pixels)
        Padding is constant along rows or columns and leaves no relief.

    Returns
    -------
    ndarray of shape (SIDE * SIDE,)
        From -127 to 127; zeros where there is no relief.
    """
    from PIL import Image

    image = Image.fromarray(micrograph.astype(np.float32))
    blocks = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), float)
    parabolas = np.vander(np.linspace(-1, 1, SIDE), 3)
    project = parabolas @ np.linalg.pinv(parabolas)
    blocks = blocks - blocks @ project
    blocks = blocks - project @ blocks
    largest = np.abs(blocks).max()
    return np.rint(blocks / largest * 127 if largest > 1e-6 else blocks * 0).astype(np.int8).ravel()


def to_text(values: NDArray[np.int8]) -> str:
    """Return a fingerprint as text for a table (base64)."""
    return base64.b64encode(values.tobytes()).decode("ascii")


def from_text(text: object) -> NDArray[np.int8]:
    """Return the fingerprint of `to_text`, zeros where a table has none."""
    try:
        values = np.frombuffer(base64.b64decode(text if isinstance(text, str) else "", validate=True), np.int8)
    except binascii.Error:
        values = np.zeros(0, np.int8)
    return values if len(values) == SIDE * SIDE else np.zeros(SIDE * SIDE, np.int8)


def find(
    fingerprints: Sequence[NDArray[np.int8]], width_nm: ArrayLike, time: Sequence[str] | None = None
) -> list[list[int]]:
    """Group scans that are one.

    Parameters
    ----------
    fingerprints : sequence of n ndarrays of shape (SIDE * SIDE,)
        Zeros belong to no group.
    width_nm : array_like of shape (n,)
        NaN where unknown, which contradicts no width.
    time : sequence of n str, optional
        When the instrument made the scan, empty where unknown. Scans of different times are not one.

    Returns
    -------
    list of list of int
        Positions of the scans of each group of two and more, ascending.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(fingerprints)
    if count < 2:
        return []
    values = np.stack(fingerprints).astype(np.float32)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1)
    width, times = np.asarray(width_nm, float), np.asarray(time if time is not None else [""] * count, str)
    pairs = []
    for start in range(0, count, CHUNK):
        rows = slice(start, start + CHUNK)
        known = (times[rows, None] != "") & (times != "")
        same_time = known & (times[rows, None] == times)
        least = np.where(same_time, CORRELATION_SAME_TIME, CORRELATION)
        contradicting = np.abs(width[rows, None] - width) > WIDTH_TOLERANCE * width  # never of NaN
        similar = (values[rows] @ values.T >= least) & ~contradicting & ~(known & ~same_time)
        pairs.append(np.argwhere(similar) + [start, 0])
    first, second = np.concatenate(pairs).T
    _, group = connected_components(coo_array((np.ones(len(first)), (first, second)), shape=(count, count)))
    order = np.argsort(group, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    return sorted(members.tolist() for members in groups if len(members) > 1)
