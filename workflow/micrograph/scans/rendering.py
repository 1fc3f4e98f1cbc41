"""Render a levelled height map, or an exported image, as the square 8-bit micrograph that the networks take."""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError, lookup
from micrograph.io import atomic_write
from micrograph.scans.height_map import BlankScanError

PIXELS = 224
CLIP_PERCENTILES = (0.5, 99.5)
WHITE = 255.0
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
LOW_BIT_DEPTH = 1 / 16  # of the 16-bit range, where 12 bits end
BLOCK_VALUES = 1 << 13  # heights filtered at a time, so that temporary arrays stay in the processor's cache
SAMPLE_STEP = 61
ASPECTS = ("pad", "crop", "stretch", "refuse")


def render(
    height_nm: ArrayLike,
    pixels: int = PIXELS,
    clip_percentiles: Sequence[float] = CLIP_PERCENTILES,
    aspect: str = "pad",
    width_nm: float | None = None,
    tall_nm: float | None = None,
) -> tuple[NDArray[np.uint8], float]:
    """Render a levelled height map as the study did.

    2x2 median filter, clipping to two percentiles, scaling to 0..255, area interpolation, rounding.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
        Levelled heights, row 0 the top; not modified.
    pixels : int
        Side of the micrograph.
    clip_percentiles : sequence of two float
        Percentiles of the heights that become black and white.
    aspect : {"pad", "crop", "stretch", "refuse"}
        What happens to a map that is not square in nanometres: "pad" adds bands of its mean grey, "crop" takes the
        central square, "stretch" distorts it to a square (as the study did), "refuse" raises UserError.
    width_nm, tall_nm : float, optional
        Physical extent of the map. Without it pixels count as squares.

    Returns
    -------
    grey : ndarray of shape (pixels, pixels), uint8
    pixel_nm : float
        Pixel size of the micrograph, NaN without an extent.

    Raises
    ------
    BlankScanError
        If both percentiles are one height.
    UserError
        If the map is not square and `aspect` is "refuse", or `aspect` is unknown.
    """
    # The study's code holds the bottom line first, and an even window is not centred: so filter upside down.
    filtered = _median_filter_2x2(np.asarray(height_nm, dtype=np.float64)[::-1])
    low, high = percentile_limits(filtered, clip_percentiles)
    if not high > low:
        raise BlankScanError("the height map shows no relief between its clip percentiles; remove the scan.")
    np.clip(filtered, low, high, out=filtered)
    grey, pixel_nm = _to_square(
        filtered, (low, WHITE / (high - low)), make_frame(filtered.shape, pixels, aspect, width_nm, tall_nm)
    )
    return np.ascontiguousarray(grey[::-1]), pixel_nm


def render_image(
    array: ArrayLike,
    pixels: int = PIXELS,
    aspect: str = "pad",
    width_nm: float | None = None,
    tall_nm: float | None = None,
) -> tuple[NDArray[np.uint8], float]:
    """Bring an exported image to the form of a micrograph; its contrast is kept.

    Parameters
    ----------
    array : ndarray of shape (rows, columns) or (rows, columns, 3 or 4), uint8 or uint16
        Grey or colour values, 0 black.
    pixels, aspect, width_nm, tall_nm
        As in `render`. `tall_nm` follows from `width_nm` where it is not given.

    Returns
    -------
    grey : ndarray of shape (pixels, pixels), uint8
    pixel_nm : float
        Pixel size of the micrograph, NaN without an extent.

    Raises
    ------
    BlankScanError
        If the image is one colour or grey.
    UserError
        If the array has another form or transparent pixels, or if a 16-bit image uses 12 bits or fewer, which would
        be rendered black.
    """
    array = np.asarray(array)
    if array.dtype not in (np.uint8, np.uint16) or array.ndim not in (2, 3) or 0 in array.shape:
        raise UserError(
            f"an image of type {array.dtype} and shape {array.shape} is not supported; save it with 8 or 16 bits."
        )
    full = float(np.iinfo(array.dtype).max)
    grey = _to_grey(array, full)
    one_colour = not np.ptp(array.reshape(grey.size, -1), axis=0).any()  # its grey may differ in the last bits
    if one_colour or np.ptp(grey) == 0:
        raise BlankScanError("the image is one colour everywhere; remove it.")
    if array.dtype == np.uint16 and grey.max() < full * LOW_BIT_DEPTH:
        raise UserError("the 16-bit image uses 12 bits or fewer; stretch it to the full range and save it again.")
    if width_nm and not tall_nm:
        tall_nm = width_nm * grey.shape[0] / grey.shape[1]
    return _to_square(grey, (0.0, WHITE / full), make_frame(grey.shape, pixels, aspect, width_nm, tall_nm))


def _to_grey(array: NDArray, full: float) -> NDArray[np.float64]:
    """Return the brightness, (rows, columns), of one, three or four channels."""
    if array.ndim == 2:
        return array.astype(np.float64)
    if array.shape[2] not in (3, 4):
        raise UserError(f"the image has {array.shape[2]} channels; save it as grey or RGB.")
    if array.shape[2] == 4 and array[:, :, 3].min() < full:
        raise UserError("the image has transparent pixels; save it without transparency.")
    return array[:, :, :3] @ LUMA


def _median_filter_2x2(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filter as ``scipy.ndimage.median_filter(array, size=2)`` does, several times faster."""
    rows, cols = array.shape
    filtered = np.empty((rows, cols))
    block = max(1, min(rows, BLOCK_VALUES // cols))
    scratch = np.empty((3, block, cols))
    for top in range(0, rows, block):
        source, out = array[top : top + block], filtered[top : top + block]
        low, high, both_high = scratch[:, : len(source)]
        for pick, result in ((np.minimum, low), (np.maximum, high)):
            pick(source[0], array[max(top - 1, 0)], out=result[0])
            pick(source[1:], source[:-1], out=result[1:])
        np.maximum(low[:, 1:], low[:, :-1], out=out[:, 1:])
        np.minimum(high[:, 1:], high[:, :-1], out=both_high[:, 1:])
        np.maximum(out[:, 1:], both_high[:, 1:], out=out[:, 1:])
        out[:, 0] = high[:, 0]
    return filtered


def percentile_limits(array: NDArray[np.float64], percentiles: Sequence[float]) -> tuple[float, ...]:
    """Compute percentiles near the ends of the range as ``numpy.percentile`` does, several times faster.

    Parameters
    ----------
    array : ndarray
        Values.
    percentiles : sequence of float
        Percentiles, 0 to 100.

    Returns
    -------
    tuple of float
    """
    flat = array.ravel()
    ranks = [percentile / 100 * (flat.size - 1) for percentile in percentiles]
    sample = np.sort(flat[::SAMPLE_STEP])
    return tuple(_order_statistic(flat, sample, rank) for rank in ranks)


def _order_statistic(values: NDArray[np.float64], sample: NDArray[np.float64], rank: float) -> float:
    """Return the linearly interpolated value of a fractional rank; `sample` is a sorted part of `values`."""
    first, last = int(rank), len(values) - 1
    guess = min(len(sample) - 1, 3 * first // SAMPLE_STEP + SAMPLE_STEP)
    if rank > last / 2:
        guess = max(0, len(sample) - 1 - 3 * (last - first) // SAMPLE_STEP - SAMPLE_STEP)
        few = values[values >= sample[guess]]
        skipped = len(values) - len(few)
    else:
        few, skipped = values[values <= sample[guess]], 0
    if not 0 <= first - skipped < len(few) - 1:
        few, skipped = values, 0
    pair = [first - skipped, min(first - skipped + 1, len(few) - 1)]
    below, above = np.partition(few, pair)[pair]
    return below + (above - below) * (rank - first)


def _area_weights(size_in: int, size_out: int, start: float = 0.0, stop: float | None = None) -> NDArray[np.float64]:
    """Compute the weights of area interpolation along one axis."""
    edges = np.linspace(start, size_in if stop is None else stop, size_out + 1)
    pixels = np.arange(size_in)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    overlap = np.clip(overlap, 0, None)
    return overlap / overlap.sum(axis=1, keepdims=True)


def resize(images: NDArray[np.uint8], pixels: int) -> NDArray[np.uint8]:
    """Resize images by area averaging, rounding halves up.

    Parameters
    ----------
    images : ndarray of shape (n, rows, cols), uint8
        Returned unchanged where they have the size.
    pixels : int
        Side of the result.

    Returns
    -------
    ndarray of shape (n, pixels, pixels), uint8

    Raises
    ------
    UserError
        If images are not of this shape and type.
    """
    if images.ndim != 3 or images.dtype != np.uint8:
        raise UserError(f"images must be (n, rows, cols) uint8, not {images.shape} {images.dtype}.")
    if images.shape[1:] == (pixels, pixels):
        return images
    resized = [to_uint8(resize_area(image.astype(float), pixels, pixels)) for image in images]
    return np.stack(resized) if resized else np.empty((0, pixels, pixels), np.uint8)


def resize_area(
    array: NDArray[np.float64], rows: int, cols: int, box: tuple[float, float, float, float] | None = None
) -> NDArray[np.float64]:
    """Resize by area interpolation.

    Parameters
    ----------
    array : ndarray of shape (rows_in, cols_in)
        Values.
    rows, cols : int
        Size of the result.
    box : (top, bottom, left, right), optional
        The part of `array` to resize, in its pixels.

    Returns
    -------
    ndarray of shape (rows, cols)
    """
    if box:
        top, bottom, left, right = box
        return (
            _area_weights(array.shape[0], rows, top, bottom)
            @ array
            @ _area_weights(array.shape[1], cols, left, right).T
        )
    return _resize_rows(_resize_rows(array, rows).T, cols).T


def _resize_rows(array: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Resize the first axis. 512 to 224 is 32 times 16 to 7, which takes less to compute."""
    parts = math.gcd(array.shape[0], rows)
    weights = _cached_weights(array.shape[0] // parts, rows // parts)
    return (weights @ array.reshape(parts, -1, array.shape[1])).reshape(rows, array.shape[1])


@lru_cache(maxsize=2)
def _cached_weights(size_in: int, size_out: int) -> NDArray[np.float64]:
    """Return the weights for scans of one size, as most scans of a study are."""
    return _area_weights(size_in, size_out)


class Frame(NamedTuple):
    """Position of a map in its square micrograph.

    Attributes
    ----------
    pixels : int
        Side of the micrograph.
    box : (top, bottom, left, right) or None
        The part of the map that is shown, in its pixels; None for all of it.
    rows, cols, top, left : int
        Size and corner of the part of the micrograph that it fills.
    pixel_nm : float
        Width of a pixel of the micrograph, NaN without an extent.
    pixel_aspect : float
        Height of a pixel over its width; 1 unless the map is stretched.
    """

    pixels: int
    box: tuple[float, float, float, float] | None
    rows: int
    cols: int
    top: int
    left: int
    pixel_nm: float
    pixel_aspect: float = 1.0

    def crop(self, micrograph: NDArray) -> NDArray:
        """Return the view of a micrograph, (pixels, pixels), that the map fills; bands around it are left out."""
        return micrograph[self.top : self.top + self.rows, self.left : self.left + self.cols]


def make_frame(
    shape: tuple[int, int],
    pixels: int = PIXELS,
    aspect: str = "pad",
    width_nm: float | None = None,
    tall_nm: float | None = None,
) -> Frame:
    """Position a map in its micrograph.

    Parameters
    ----------
    shape : (int, int)
        Lines and pixels of the map.
    pixels, aspect, width_nm, tall_nm
        As in `render`.

    Returns
    -------
    Frame

    Raises
    ------
    UserError
        If the map is not square and `aspect` is "refuse", or `aspect` is unknown.
    """
    lookup(aspect, dict.fromkeys(ASPECTS), "micrographs.aspect")
    rows, cols = shape
    width, tall, has_size = float(cols), float(rows), False
    if width_nm and tall_nm and np.isfinite([width_nm, tall_nm]).all():
        width, tall, has_size = float(width_nm), float(tall_nm), True
    box, filled, side = None, (pixels, pixels), max(width, tall)
    is_square = round(pixels * min(width, tall) / side) == pixels
    if not is_square and aspect == "refuse":
        raise UserError(f"the scan is not square ({width:.6g} x {tall:.6g}); set micrographs.aspect to pad or crop.")
    if not is_square and aspect == "pad":
        filled = max(1, round(pixels * tall / side)), max(1, round(pixels * width / side))
    if not is_square and aspect == "crop":
        side = min(width, tall)
        spare_rows, spare_cols = rows * (1 - side / tall) / 2, cols * (1 - side / width) / 2
        box = spare_rows, rows - spare_rows, spare_cols, cols - spare_cols
    pixel_aspect = 1.0
    if not is_square and aspect == "stretch":
        side, pixel_aspect = width, tall / width
    top, left = (pixels - filled[0]) // 2, (pixels - filled[1]) // 2
    return Frame(pixels, box, *filled, top, left, side / pixels if has_size else float("nan"), pixel_aspect)


def to_micrograph_frame(
    values: ArrayLike,
    pixels: int = PIXELS,
    aspect: str = "pad",
    width_nm: float | None = None,
    tall_nm: float | None = None,
) -> NDArray[np.float64]:
    """Resample values of every pixel of a map, such as a mask, onto the micrograph that `render` makes of this map.

    Parameters
    ----------
    values : ndarray of shape (lines, pixels)
        Numbers or bool, row 0 the top.
    pixels, aspect, width_nm, tall_nm
        As in `render`.

    Returns
    -------
    ndarray of shape (pixels, pixels)
        Area averages, 0 in the bands around a padded map.

    Notes
    -----
    The median filter of `render` shifts the map by half a pixel; so does the mean over the same windows that is taken
    of `values`.
    """
    values = np.asarray(values, dtype=np.float64)[::-1]  # upside down as in `render`
    values = (values + values[np.maximum(np.arange(len(values)) - 1, 0)]) / 2
    values = (values + values[:, np.maximum(np.arange(values.shape[1]) - 1, 0)]) / 2
    frame = make_frame(values.shape, pixels, aspect, width_nm, tall_nm)
    field = np.zeros((pixels, pixels))
    frame.crop(field)[:] = resize_area(values, frame.rows, frame.cols, frame.box)
    return np.ascontiguousarray(field[::-1])


def _to_square(grey: NDArray[np.float64], scale: tuple[float, float], frame: Frame) -> tuple[NDArray[np.uint8], float]:
    """Resize a map into its frame as uint8; `scale` is the value of black and the factor to 0..255."""
    resized = resize_area(grey, frame.rows, frame.cols, frame.box)
    resized -= scale[0]
    resized *= scale[1]
    field = np.full((frame.pixels, frame.pixels), to_uint8(resized.mean()))
    frame.crop(field)[:] = to_uint8(resized)
    return field, frame.pixel_nm


def to_uint8(grey: ArrayLike) -> NDArray[np.uint8]:
    """Round values of 0..255 to uint8.

    Parameters
    ----------
    grey : ndarray
        Values; beyond the range they are clipped.

    Returns
    -------
    ndarray of uint8
        Halves are rounded up, also where the last bits of the arithmetic are just below a half.
    """
    return np.clip(np.asarray(grey) + (0.5 + 1e-9), 0, WHITE).astype(np.uint8)


def write_png(path: str | Path, grey: NDArray[np.uint8]) -> None:
    """Write a grey image as PNG; equal images give equal bytes.

    Parameters
    ----------
    path : path
        File to write.
    grey : ndarray of shape (rows, columns), uint8
        Grey values.

    Raises
    ------
    UnwritableError
        If the disk is full or the folder is read-only.
    """
    from PIL import Image

    with atomic_write(path) as partial:
        Image.fromarray(np.ascontiguousarray(grey, dtype=np.uint8)).save(partial, format="PNG", compress_level=6)


def read_png(path: str | Path) -> NDArray[np.uint8]:
    """Read a grey PNG written by `write_png`.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    ndarray of shape (rows, columns), uint8

    Raises
    ------
    UserError
        If the file is missing, damaged or not 8-bit grey.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.mode != "L":
                raise UserError(f"{path}: not an 8-bit grey micrograph; delete it and run again.")
            return np.array(image)
    except OSError:
        raise UserError(f"{Path(path)}: the micrograph is missing or damaged; delete it and run again.") from None
