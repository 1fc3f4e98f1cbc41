"""Read heights: choose the image of the film, check that it shows relief, and scale its integers."""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.io import sha256_file
from micrograph.scans import gwyddion
from micrograph.scans.height_map import DEFAULT_OPTIONS, NM_PER_M, BlankScanError, HeightMap, ReadOptions
from micrograph.scans.nanoscope.header import (
    MAGIC,
    Header,
    HeaderError,
    OldVersionError,
    TruncatedError,
    read_header,
)
from micrograph.scans.nanoscope.images import ChannelError, Image, available, choose_images, list_images
from micrograph.scans.nanoscope.layout import Layout, ScanSizeError, find_extent, find_layout
from micrograph.scans.nanoscope.scale import UnitError, full_range

BLOCK_ROWS = 32
MAX_EXTENT_M = 1.0  # no scanner reaches a metre
MAX_TEXT_BYTES = 1 << 27  # of a text export
MAX_COUNT = 1 << 31  # of a stored integer
SAMPLE_PIXELS = 1 << 16
SPREAD_PERCENTILES = (0.5, 99.5)
BLANK_NM = 1e-3  # no instrument resolves a picometre
NOISE_NM = 0.05  # up to here, or so many counts of the converter, a channel may be noise where another has much more
NOISE_COUNTS = 16
MUCH_MORE = 10  # times the height range of a channel of noise


@dataclass(frozen=True)
class Channel:
    """One image of a file.

    Attributes
    ----------
    title, internal : str
        Name in the menus of the instrument, and the short internal name (may be empty).
    direction : str
        "Trace", "Retrace" or empty.
    rows, cols : int
        Size of the image in pixels.
    unit : str
        SI unit, "deg", or the unit of the header.
    x_m, y_m : float
        Physical width and height of these rows in metres.
    factor : float
        Value of one count.
    layout : Layout
        How its pixels are stored.
    rows_planned : int
        Rows of the complete scan.
    remarks : tuple of str
        Where the header contradicts itself, and what was taken.
    """

    title: str
    internal: str
    direction: str
    rows: int
    cols: int
    unit: str
    x_m: float
    y_m: float
    factor: float
    layout: Layout
    rows_planned: int
    remarks: tuple[str, ...]


def detect(path: str | Path, head: bytes) -> bool:
    """Return whether a file is a NanoScope file.

    Parameters
    ----------
    path : path
        The file.
    head : bytes
        Its first bytes.

    Returns
    -------
    bool
    """
    return bool(MAGIC.match(head))


def read(path: str | Path, options: ReadOptions = DEFAULT_OPTIONS) -> HeightMap:
    """Read the heights of one scan.

    A channel without relief, such as that of a sensor that was off, is replaced by the next requested one with relief,
    with a remark. A file of an unknown version is read by Gwyddion's importer if that is installed.

    Parameters
    ----------
    path : path
        The file.
    options : ReadOptions
        Channels (by either of their two names) and direction.

    Returns
    -------
    HeightMap

    Raises
    ------
    BlankScanError
        If the requested channels hold no relief.
    UserError
        One of the errors of this package: not a NanoScope file, a force curve, truncated, changed by a transfer in text
        mode, no such channel, no scan size, values that are not lengths, or an old version.
    """
    header = read_header(path)
    try:
        channel, height_nm, remarks = _choose_heights(header, options)
    except OldVersionError as error:
        return _read_with_importer(path, options, header, error)
    return HeightMap(
        height_nm=height_nm,
        width_nm=channel.x_m * NM_PER_M,
        tall_nm=channel.y_m * NM_PER_M,
        channel=channel.title,
        direction=channel.direction,
        source=Path(path).name,
        source_sha256=sha256_file(path),
        lines_planned=channel.rows_planned,
        version=header.version_name,
        remarks=remarks,
    )


def read_channel(path: str | Path, title: str, direction: str = "any") -> tuple[NDArray[np.float64], Channel]:
    """Read one channel in its own unit.

    Parameters
    ----------
    path : path
        The file.
    title : str
        Either name of the channel.
    direction : {"any", "trace", "retrace"}
        Scan direction.

    Returns
    -------
    values : ndarray of shape (rows, cols)
        Row 0 is the top.
    channel : Channel

    Raises
    ------
    UserError
        As `read`, but for the unit.
    """
    header = read_header(path)
    channel = _channel(header, next(choose_images(header, ReadOptions((title,), direction))))
    return _values(header, channel, channel.factor), channel


def check_heights(header: Header) -> None:
    """Check that at least one image of the main pass holds heights, as far as the header states.

    Parameters
    ----------
    header : Header
        The header of the file.

    Raises
    ------
    UserError
        If there is none: a force curve, a truncated file, phases alone. A file of an old version passes where
        Gwyddion's importer is installed.
    """
    errors: list[UserError] = []
    try:
        for image in list_images(header):
            try:
                if image.scan_line != "interleave" and _channel(header, image).unit == "m":
                    return
            except OldVersionError:
                raise
            except UserError as error:
                errors.append(error)
    except OldVersionError:
        if gwyddion.find_converter() is None:
            raise
        return
    raise (errors or [ChannelError(f"{header.path}: no channel holds heights (available: {available(header)}).")])[0]


def _choose_heights(header: Header, options: ReadOptions) -> tuple[Channel, NDArray[np.float64], tuple[str, ...]]:
    """Return the first requested channel, or the next one with relief where it holds none, its heights and remarks."""
    images = choose_images(header, options)
    first = next(images)
    channel, height_nm = _heights(header, first)
    n_same = sum((image.name, image.direction) == (first.name, first.direction) for image in list_images(header))
    if n_same > 1:
        remark = f"{n_same} of its images are '{channel.title}' {channel.direction}, the first was taken"
        channel = replace(channel, remarks=(*channel.remarks, remark))
    spread_nm = _spread_nm(height_nm)
    if spread_nm > _noise_nm(channel):
        return channel, height_nm, channel.remarks
    for _, other, other_nm in _others(header, images, first, spread_nm):
        name = f"'{channel.title}' {channel.direction}".rstrip()
        return other, other_nm, (*other.remarks, f"{name} holds no relief, so '{other.title}' was taken")
    if np.ptp(height_nm) > BLANK_NM:
        return channel, height_nm, channel.remarks
    everywhere = (image for image in list_images(header) if image.scan_line != "interleave")
    good = next((image.name for image, *_ in _others(header, everywhere, first, spread_nm)), "")
    way_out = f"'{good}' does, name it in scans.channels" if good else "remove the scan"
    raise BlankScanError(f"{header.path}: channel '{channel.title}' shows no relief; {way_out}.")


def _others(
    header: Header, images: Iterator[Image], first: Image, spread_nm: float
) -> Iterator[tuple[Image, Channel, NDArray[np.float64]]]:
    """Yield the images whose relief is much larger than `spread_nm`; those that cannot be read are passed over."""
    for image in images:
        if image is first:
            continue
        try:
            channel, height_nm = _heights(header, image)
        except UserError:
            continue
        if _spread_nm(height_nm) > max(_noise_nm(channel), MUCH_MORE * spread_nm):
            yield image, channel, height_nm


def _heights(header: Header, image: Image) -> tuple[Channel, NDArray[np.float64]]:
    """Return a channel and its heights in nm; UserError for other quantities and for absurd heights."""
    channel = _channel(header, image)
    if channel.unit != "m":
        raise UnitError(
            f"{header.path}: channel '{channel.title}' is in '{channel.unit}', which is not a length; "
            f"name a height channel in scans.channels (available: {available(header)})."
        )
    height_nm: NDArray[np.float64] = np.empty((0, 0))
    is_absurd = abs(channel.factor) * 256**channel.layout.scale_bytes > MAX_EXTENT_M
    if not is_absurd:
        height_nm = _values(header, channel, channel.factor * NM_PER_M)
        is_absurd = max(height_nm.max(), -height_nm.min()) > MAX_EXTENT_M * NM_PER_M
    if is_absurd:
        raise HeaderError(
            f"{header.path}: channel '{channel.title}' has heights of more than a metre; export it again."
        )
    n_bytes = channel.layout.scale_bytes
    if max(height_nm.max(), -height_nm.min()) > abs(channel.factor) * NM_PER_M * 256**n_bytes:
        raise HeaderError(
            f"{header.path}: channel '{channel.title}' holds numbers beyond the {n_bytes} bytes per pixel "
            "of its header; export it again."
        )
    return channel, height_nm


def _spread_nm(height_nm: NDArray[np.float64]) -> float:
    """Return the height range without its extremes, of a sample of the pixels; of a mere tilt or drift what is left."""
    step = math.isqrt(height_nm.size // SAMPLE_PIXELS) + 1
    sample = height_nm[::step, ::step]
    x, y = np.meshgrid(*(np.linspace(-1, 1, length) for length in sample.shape[::-1]))
    surface = np.stack([np.ones_like(x), x, y, y * y], axis=-1).reshape(-1, 4)
    values = sample.ravel() - sample.mean()
    level = values - surface @ np.linalg.lstsq(surface, values, rcond=None)[0]
    spread_nm, level_nm = (float(np.ptp(np.percentile(each, SPREAD_PERCENTILES))) for each in (values, level))
    return level_nm if level_nm <= NOISE_NM else spread_nm


def _noise_nm(channel: Channel) -> float:
    """Return the height range up to which a channel may hold nothing but the noise of its converter."""
    return max(NOISE_NM, NOISE_COUNTS * abs(channel.factor) * NM_PER_M)


def _channel(header: Header, image: Image) -> Channel:
    """Collect what the header states of one image, checked against the length of the file."""
    where = f"{header.path}: channel '{image.name}'"
    layout = find_layout(header, image.values, where)
    value, unit = full_range(header, image, where)
    x_m, y_m, planned, remark = find_extent(header, image.values, where, layout)
    if not (0 < x_m <= MAX_EXTENT_M and 0 < y_m <= MAX_EXTENT_M):
        raise ScanSizeError(f"{where}: a scan of {x_m:g} m by {y_m:g} m is not possible; remove or export it again.")
    remarks = [*layout.remarks, *([remark] if remark else [])]
    if (planefit := image.values.get("offline planefit", "None")[:20]) not in ("None", ""):
        remarks.append(f"it may have been levelled before: its header states the offline planefit '{planefit}'")
    return Channel(
        title=image.name,
        internal=image.internal,
        direction=image.direction,
        rows=layout.rows,
        cols=layout.cols,
        unit=unit,
        x_m=x_m,
        y_m=y_m,
        factor=value / 256**layout.scale_bytes,
        layout=layout,
        rows_planned=planned,
        remarks=tuple(remarks),
    )


def _read_with_importer(path: str | Path, options: ReadOptions, header: Header, error: OldVersionError) -> HeightMap:
    """Read a file of an old version with Gwyddion's importer; `error` where that is not there or fails."""
    if gwyddion.find_converter() is None:
        raise error
    try:
        scan = gwyddion.read(path, options)
    except UserError:
        raise error from None
    remark = f"a file of the old NanoScope version {header.version_name or 'before 4'}, read by Gwyddion's importer"
    return replace(scan, version=header.version_name, remarks=(*scan.remarks, remark))


def _values(header: Header, channel: Channel, factor: float) -> NDArray[np.float64]:
    """Return the stored integers times `factor`, top row first."""
    values = np.empty((channel.rows, channel.cols))
    upward = values[::-1]  # the bottom row is stored first
    if header.text_from:
        np.multiply(_text_values(header, channel), factor, out=upward)
        return values
    raw = np.empty((min(BLOCK_ROWS, channel.rows), channel.cols), dtype=f"<i{channel.layout.stored_bytes}")
    with open(header.path, "rb") as file:
        file.seek(channel.layout.offset)
        for row in range(0, channel.rows, BLOCK_ROWS):  # in blocks, which take less memory
            block = raw[: channel.rows - row]
            if file.readinto(block.data.cast("B")) != block.nbytes:
                raise TruncatedError(
                    f"{header.path}: the file is truncated in channel '{channel.title}'; copy or download it again."
                )
            np.multiply(block, factor, out=upward[row : row + BLOCK_ROWS])
    return values


def _text_values(header: Header, channel: Channel) -> NDArray[np.float64]:
    """Return the integers of a channel of a text export, in the order of the file."""
    layout, shape = channel.layout, (channel.rows, channel.cols)
    if header.size > MAX_TEXT_BYTES:
        raise HeaderError(f"{header.path}: a text export of more than 128 MiB; name the binary file it was made from.")
    with open(header.path, "rb") as file:
        file.seek(header.text_from)
        text = file.read().lstrip(b"\x1a\0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # what older numpy makes of words between the numbers
            numbers = np.fromstring(text, dtype=np.float64, sep=" ")
    except (ValueError, DeprecationWarning):
        raise HeaderError(f"{header.path}: its text holds more than numbers; export it again.") from None
    numbers = numbers[layout.offset : layout.offset + channel.rows * channel.cols]
    if numbers.size < channel.rows * channel.cols:
        raise TruncatedError(f"{header.path}: the text ends within channel '{channel.title}'; copy or export it again.")
    if not np.all(np.abs(numbers) <= MAX_COUNT):
        raise HeaderError(f"{header.path}: the text of channel '{channel.title}' holds no integers; export it again.")
    return numbers.reshape(shape)
