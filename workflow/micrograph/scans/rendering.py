"""From a levelled height map, or from a finished picture, to the 8-bit micrograph that the networks see."""

import math
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from micrograph.errors import UserError, lookup
from micrograph.io import atomic_write

PIXELS = 224
CLIP_PERCENTILES = (0.5, 99.5)
WHITE = 255.0
GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601: how bright red, green and blue look
FEW_BITS = 1 / 16
BLOCK_VALUES = 1 << 13  # heights filtered at a time, so that what is made on the way stays in the processor's cache
SAMPLE_STEP = 61
ASPECTS = ("pad", "crop", "refuse")


def render(height_nm, pixels=PIXELS, clip_percentiles=CLIP_PERCENTILES, aspect="pad", width_nm=None, tall_nm=None):
    """Draw a levelled height map as a square 8-bit picture, as the study did.

    2x2 median filter, clip to two percentiles, scale to 0..255, area interpolation to pixels x pixels, round. Returns
    ((pixels, pixels) uint8, nm a pixel or NaN where no size is given). Without a size pixels count as squares.
    aspect: what becomes of a map that is not square in nanometres (the study squashed these): "pad" keeps it whole
    between bands of its mean grey, "crop" takes the square in its middle, "refuse" raises UserError. Raises UserError for a
    map that is one grey.
    """
    # The study's code holds the bottom line first, and an even window leans to one side: so it runs upside down.
    filtered = median_2x2(np.asarray(height_nm, dtype=np.float64)[::-1])
    low, high = clip_limits(filtered, clip_percentiles)
    if not high > low:
        raise UserError("the height map shows no relief between its clip percentiles; take the scan out.")
    np.clip(filtered, low, high, out=filtered)
    grey, pixel_nm = _square(filtered, (low, WHITE / (high - low)), pixels, aspect, width_nm, tall_nm)
    return np.ascontiguousarray(grey[::-1]), pixel_nm


def picture(array, pixels=PIXELS, aspect="pad", width_nm=None, tall_nm=None):
    """Bring a finished picture to the micrograph's form: (uint8 square, nm a pixel or NaN).

    array: (rows, columns) or (rows, columns, 3 or 4), uint8 or uint16, 0 black. Neither levelled nor stretched: who
    finished it chose its greys. Raises UserError for other arrays, transparent pixels, one grey everywhere, and 16-bit
    pictures that use 12 bits or fewer, which would come out black.
    """
    array = np.asarray(array)
    if array.dtype not in (np.uint8, np.uint16) or array.ndim not in (2, 3) or 0 in array.shape:
        raise UserError(
            f"a picture of type {array.dtype} and shape {array.shape}; save it with 8 or 16 bits a channel."
        )
    full = float(np.iinfo(array.dtype).max)
    grey = _grey(array, full)
    if np.ptp(grey) == 0:
        raise UserError("the picture is one grey everywhere; take it out.")
    if array.dtype == np.uint16 and grey.max() < full * FEW_BITS:
        raise UserError("the 16-bit picture uses 12 bits or fewer; stretch it to the full range and save it again.")
    if width_nm and not tall_nm:
        tall_nm = width_nm * grey.shape[0] / grey.shape[1]
    return _square(grey, (0.0, WHITE / full), pixels, aspect, width_nm, tall_nm)


def _grey(array, full):
    """One channel of brightness, float64, from one, three or four."""
    if array.ndim == 2:
        return array.astype(np.float64)
    if array.shape[2] not in (3, 4):
        raise UserError(f"the picture has {array.shape[2]} channels; save it as grey or RGB.")
    if array.shape[2] == 4 and array[:, :, 3].min() < full:
        raise UserError("the picture has transparent pixels; save it without transparency.")
    return array[:, :, :3] @ GREY


def median_2x2(array):
    """scipy.ndimage.median_filter(array, size=2): the third of four, window offsets -1 and 0, edges repeated."""
    rows, cols = array.shape
    filtered = np.empty((rows, cols))
    block = max(1, min(rows, BLOCK_VALUES // cols))
    scratch = np.empty((3, block, cols))
    for top in range(0, rows, block):
        here, done = array[top : top + block], filtered[top : top + block]
        low, high, both_high = scratch[:, : len(here)]
        for pick, out in ((np.minimum, low), (np.maximum, high)):
            pick(here[0], array[max(top - 1, 0)], out=out[0])
            pick(here[1:], here[:-1], out=out[1:])
        np.maximum(low[:, 1:], low[:, :-1], out=done[:, 1:])
        np.minimum(high[:, 1:], high[:, :-1], out=both_high[:, 1:])
        np.maximum(done[:, 1:], both_high[:, 1:], out=done[:, 1:])
        done[:, 0] = high[:, 0]
    return filtered


def clip_limits(array, percents):
    """numpy.percentile(array, percents) for two percents near the ends, from the values near the ends alone."""
    flat = array.ravel()
    places = [percent / 100 * (flat.size - 1) for percent in percents]
    sample = np.sort(flat[::SAMPLE_STEP])
    return tuple(_order_statistic(flat, sample, place) for place in places)


def _order_statistic(values, sample, place):
    """The value at `place` (0 the smallest) between two by linear interpolation; `sample` is a sorted part of them."""
    first, last = int(place), len(values) - 1
    guess = min(len(sample) - 1, 3 * first // SAMPLE_STEP + SAMPLE_STEP)
    if place > last / 2:
        guess = max(0, len(sample) - 1 - 3 * (last - first) // SAMPLE_STEP - SAMPLE_STEP)
        few = values[values >= sample[guess]]
        skipped = len(values) - len(few)
    else:
        few, skipped = values[values <= sample[guess]], 0
    if not 0 <= first - skipped < len(few) - 1:
        few, skipped = values, 0
    pair = [first - skipped, min(first - skipped + 1, len(few) - 1)]
    below, above = np.partition(few, pair)[pair]
    return below + (above - below) * (place - first)


def area_matrix(size_in, size_out, start=0.0, stop=None):
    """(size_out, size_in) weights: each row averages its share of the pixels between `start` and `stop`.

    Every row sums to one, so that a picture keeps its mean; enlarging repeats pixels.
    """
    edges = np.linspace(start, size_in if stop is None else stop, size_out + 1)
    places = np.arange(size_in)
    overlap = np.minimum(edges[1:, None], places + 1) - np.maximum(edges[:-1, None], places)
    overlap = np.clip(overlap, 0, None)
    return overlap / overlap.sum(axis=1, keepdims=True)


def resize_area(array, rows, cols, box=None):
    """Area interpolation of `array`, or of the box (top, bottom, left, right) of it in pixels, to (rows, cols)."""
    top, bottom, left, right = box or (0.0, array.shape[0], 0.0, array.shape[1])
    if box:
        return area_matrix(array.shape[0], rows, top, bottom) @ array @ area_matrix(array.shape[1], cols, left, right).T
    return _shrink(_shrink(array, rows).T, cols).T


def _shrink(array, rows):
    """Area interpolation of the first axis. 512 to 224 is 32 times 16 to 7, and so much less to compute."""
    parts = math.gcd(array.shape[0], rows)
    weights = _shares(array.shape[0] // parts, rows // parts)
    return (weights @ array.reshape(parts, -1, array.shape[1])).reshape(rows, array.shape[1])


@lru_cache(maxsize=2)
def _shares(size_in, size_out):
    """The area matrix of scans of one size, which the scans of a study mostly are."""
    return area_matrix(size_in, size_out)


class Frame(NamedTuple):
    """Where a map stands in its square picture.

    box: (top, bottom, left, right) of what is shown of the map, in its pixels, or None for all of it; it fills `rows`
    rows from `top` and `cols` columns from `left` of the picture; pixel_nm: nm a pixel, NaN where no size is given.
    """

    box: tuple | None
    rows: int
    cols: int
    top: int
    left: int
    pixel_nm: float


def frame(shape, pixels=PIXELS, aspect="pad", width_nm=None, tall_nm=None):
    """The Frame of a map of this shape in a picture of pixels x pixels; aspect and sizes as in `micrograph`."""
    lookup(aspect, dict.fromkeys(ASPECTS), "micrographs.aspect")
    rows, cols = shape
    sized = bool(width_nm and tall_nm) and np.isfinite([width_nm, tall_nm]).all()
    width, tall = (float(width_nm), float(tall_nm)) if sized else (float(cols), float(rows))
    box, filled, shown = None, (pixels, pixels), max(width, tall)
    fits = round(pixels * min(width, tall) / shown) == pixels
    if not fits and aspect == "refuse":
        raise UserError(f"the scan is not square ({width:.6g} x {tall:.6g}); set micrographs.aspect to pad or crop.")
    if not fits and aspect == "pad":
        filled = max(1, round(pixels * tall / shown)), max(1, round(pixels * width / shown))
    if not fits and aspect == "crop":
        shown = min(width, tall)
        spare_rows, spare_cols = rows * (1 - shown / tall) / 2, cols * (1 - shown / width) / 2
        box = spare_rows, rows - spare_rows, spare_cols, cols - spare_cols
    top, left = (pixels - filled[0]) // 2, (pixels - filled[1]) // 2
    return Frame(box, *filled, top, left, shown / pixels if sized else float("nan"))


def placed(values, pixels=PIXELS, aspect="pad", width_nm=None, tall_nm=None):
    """What is known of every pixel of a map, in the frame that `micrograph` draws this map in.

    values: (lines, pixels of a line) numbers or bool, row 0 the top. Returns (pixels, pixels) float64: area averages
    of `values`, 0 in the bands around a map that is padded. The 2x2 median filter of `micrograph` moves what it shows
    by half a pixel of the scan; so does the mean over the same windows here.
    """
    values = np.asarray(values, dtype=np.float64)[::-1]  # upside down as in `micrograph`
    values = (values + values[np.maximum(np.arange(len(values)) - 1, 0)]) / 2
    values = (values + values[:, np.maximum(np.arange(values.shape[1]) - 1, 0)]) / 2
    place = frame(values.shape, pixels, aspect, width_nm, tall_nm)
    field = np.zeros((pixels, pixels))
    _window(field, place)[:] = resize_area(values, place.rows, place.cols, place.box)
    return np.ascontiguousarray(field[::-1])


def _window(field, place):
    return field[place.top : place.top + place.rows, place.left : place.left + place.cols]


def _square(grey, scale, pixels, aspect, width_nm, tall_nm):
    """Resize a map to a square uint8 picture; `scale` is (black, factor) that brings it to 0..255."""
    place = frame(grey.shape, pixels, aspect, width_nm, tall_nm)
    drawn = resize_area(grey, place.rows, place.cols, place.box)
    drawn -= scale[0]
    drawn *= scale[1]
    field = np.full((pixels, pixels), to_bytes(drawn.mean()))
    _window(field, place)[:] = to_bytes(drawn)
    return field, place.pixel_nm


def to_bytes(grey):
    """Round 0..255 to uint8. Halves go up, also where the last bits of the arithmetic leave them just below."""
    return np.clip(grey + (0.5 + 1e-9), 0, WHITE).astype(np.uint8)


def write_png(path, grey):
    """Write a (rows, columns) uint8 picture as PNG; the same picture gives the same bytes."""
    from PIL import Image

    with atomic_write(path) as partial:
        Image.fromarray(np.ascontiguousarray(grey, dtype=np.uint8)).save(partial, format="PNG", compress_level=6)


def read_png(path):
    """Read an 8-bit grey PNG that write_png wrote: (rows, columns) uint8. Raises UserError for anything else."""
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.mode != "L":
                raise UserError(f"{path}: no 8-bit grey micrograph; delete it and run again.")
            return np.array(image)
    except OSError:
        raise UserError(f"{Path(path)}: the micrograph is missing or damaged; delete it and run again.") from None
