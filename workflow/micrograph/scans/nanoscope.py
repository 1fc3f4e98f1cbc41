r"""Read Bruker/Veeco NanoScope image files.

A file is a header of latin-1 lines ``\Key: value`` in sections ``\*Section``, followed by the images as little-endian
signed integers, the bottom row first. Keys differ in case between versions. Heights are
``raw * Z scale / 256**bytes per pixel * sensitivity``, where the Z scale names its sensitivity.
"""

import codecs
import math
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.io import sha256_file
from micrograph.scans.height_map import DEFAULT_OPTIONS, NM_PER_M, HeightMap, ReadOptions

MAGIC = re.compile(rb"[\\]\*(EC |Force )?File list", re.IGNORECASE)
HEADER_END = b"\\*File list end"
MAX_HEADER_BYTES = 1 << 20
CHUNK_BYTES = 1 << 16
CHANCE_COUNT = 16  # more bytes of a kind than arise by chance
RECODED = "its bytes were recoded as text"
PREFIXES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "\xb5": 1e-6, "~": 1e-6, "m": 1e-3, "": 1.0}
PREFIXES |= {"k": 1e3, "M": 1e6, "G": 1e9}
MAX_VALUE_LENGTH = 1000  # of a header value: the regular expressions backtrack
MAX_DIGITS = 18  # of an integer
# Control characters would reach tables and terminals with the name of a channel.
UNPRINTABLE = bytes([*range(32), *range(127, 160), 173])
PRINTABLE = bytes.maketrans(UNPRINTABLE + b"\t\n\r\xa0", b"?" * len(UNPRINTABLE) + b" \n\n ")
UNITS = ("Hz", "Pa", "eV", "m", "V", "N", "A", "W", "s")
DEGREES = ("\xba", "\xb0", "deg")
SENSITIVITY = re.compile(r"\S+\s+(?P<value>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?P<unit>\S{0,40})")
SCAN_SIZE = re.compile(r"(?P<x>[\d.]+(?:[eE][-+]?\d+)?)\s+(?:(?P<y>[\d.]+(?:[eE][-+]?\d+)?)\s+)?(?P<unit>\S+)")
IMAGE_DATA = re.compile(r'\S+\s+\[(?P<internal>[^\]]{0,60})\]\s*"(?P<title>[^"]{0,60})"')
Z_SCALE = re.compile(
    r"\S+\s+(?:\[(?P<soft>[^\]]{0,60})\]\s*)?(?:\(.*\)\s+)?"
    r"(?P<value>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>\S{0,40})"
)
BLOCK_ROWS = 32
MAX_EXTENT_M = 1.0  # no scanner reaches a metre
MAX_PIXELS = 1 << 26
MAX_LISTED = 12
FIRST_32_BIT_VERSION = 0x09200000


class NotNanoScopeError(UserError):
    """The file is not of a NanoScope instrument."""


class TruncatedError(UserError):
    """The file ends before its data do."""


class TextModeError(UserError):
    """A transfer in text mode changed the line ends, and with them the data."""


class HeaderError(UserError):
    """The header contradicts itself or lacks a number."""


class ScanSizeError(UserError):
    """The header does not state the scan size."""


class UnitError(UserError):
    """The values of a channel have no known unit, or are not lengths."""


class ForceCurveError(UserError):
    """The file is a force curve or force volume without an image."""


class ChannelError(UserError):
    """The file has no image of the requested channel and direction."""


Section = dict[str, str]


@dataclass(frozen=True)
class Header:
    """The header of a file.

    Attributes
    ----------
    path : path
        The file.
    size : int
        Size of the whole file in bytes.
    version : int
        Version of the format.
    sections : tuple of (str, dict of str to str)
        Name and values of every section, in the order of the file; keys in lower case.
    data_from : int
        Offset of the first image in bytes.
    damage : str
        What a transfer in text mode did to the file, empty for an intact file.
    truncated : bool
        Whether the file ends before its header does.
    """

    path: str | Path
    size: int
    version: int
    sections: tuple[tuple[str, Section], ...]
    data_from: int
    damage: str
    truncated: bool

    @property
    def scan_list(self) -> Section:
        """Values of the scan list section, empty where the header has none."""
        return next((values for name, values in self.sections if name.casefold().endswith("scan list")), {})

    @property
    def date(self) -> str:
        """Date of the scan as the instrument writes it, empty where it is missing."""
        return self.sections[0][1].get("date", "")


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
    offset, stored_bytes : int
        Offset of the data in the file and bytes of one pixel.
    rows_planned : int
        Rows of the complete scan.
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
    offset: int
    stored_bytes: int
    rows_planned: int


class _ImageSection(NamedTuple):
    """Values of an image section, the number in its keys (``@2:Z scale``), and the two names of its channel."""

    values: Section
    number: str
    internal: str
    title: str

    @property
    def direction(self) -> str:
        return self.values.get("line direction", "").strip().capitalize()[:20]


def detect(path: str | Path, head: bytes) -> bool:
    """Tell whether a file is a NanoScope file.

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
    UserError
        One of the errors of this module: not a NanoScope file, a force curve, truncated, changed by a transfer in text
        mode, no such channel, no scan size, or values that are not lengths.
    """
    header = read_header(path)
    channel = _channel(header, _choose(header, options.channels, options))
    if channel.unit != "m":
        raise UnitError(
            f"{path}: channel '{channel.title}' is in '{channel.unit}', which is not a length; "
            f"name a height channel in scans.channels (available: {_available(header)})."
        )
    if abs(channel.factor) * 256**channel.stored_bytes > MAX_EXTENT_M:
        raise HeaderError(f"{path}: channel '{channel.title}' has heights of more than a metre; export it again.")
    height_nm = _values(header, channel, channel.factor * NM_PER_M)
    return HeightMap(
        height_nm=height_nm,
        width_nm=channel.x_m * NM_PER_M,
        tall_nm=channel.y_m * NM_PER_M,
        channel=channel.title,
        direction=channel.direction,
        source=Path(path).name,
        source_sha256=sha256_file(path),
        lines_planned=channel.rows_planned,
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
    channel = _channel(header, _choose(header, (title,), ReadOptions(direction=direction)))
    return _values(header, channel, channel.factor), channel


def check_heights(header: Header) -> None:
    """Check that at least one image holds heights; data are not read.

    Parameters
    ----------
    header : Header
        The header of the file.

    Raises
    ------
    UserError
        If there is none: a force curve, a truncated file, phases alone.
    """
    errors = []
    for image in _images(header):
        try:
            if _channel(header, image).unit == "m":
                return
        except UserError as error:
            errors.append(error)
    raise (errors or [ChannelError(f"{header.path}: no channel holds heights (available: {_available(header)}).")])[0]


def read_header(path: str | Path) -> Header:
    """Read the header of a file, 1 MiB at most.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    Header

    Raises
    ------
    NotNanoScopeError
        If the file is of another format.
    UserError
        If the file cannot be read or its header has no version.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(CHUNK_BYTES)
            if not MAGIC.match(head):
                raise NotNanoScopeError(f"{path}: this is not a NanoScope image file; name one.")
            while (end := _find_end(head)) < 0 and len(head) < MAX_HEADER_BYTES and (chunk := file.read(CHUNK_BYTES)):
                head += chunk
            size = os.fstat(file.fileno()).st_size
            text = head[:end] if end >= 0 else re.split(rb"[\x1a\0]", head, maxsplit=1)[0]  # before the padding
            sections = _sections(text)
            ranges = [_data_range(values) for name, values in sections if name.casefold().endswith("image list")]
            first = min((start for start, _ in ranges), default=0)
            last = max((stop for _, stop in ranges), default=0)
            damage = _text_mode_damage(file, text, size, first, last)
    except OSError as error:
        raise UserError(f"{path}: the scan cannot be read ({error.strerror or error}); name a readable file.") from None
    truncated = end < 0 and len(text) == size
    return Header(path, size, _version(path, sections, truncated), sections, first, damage, truncated)


def _find_end(head: bytes) -> int:
    """Return the offset of the line that ends the header, -1 where it is missing."""
    place = head.find(HEADER_END)
    return place if place >= 0 else head.lower().find(HEADER_END.lower())


def _sections(text: bytes) -> tuple[tuple[str, Section], ...]:
    """Split a header into sections; keys in lower case, because versions differ in it."""
    sections: list[tuple[str, Section]] = []
    values: Section = {}
    for line in text.translate(PRINTABLE).decode("latin-1").split("\n"):
        if line.startswith("\\*"):
            values = {}
            sections.append((line[2:].strip(), values))
        elif line[:1] == "\\":
            key, _, value = line.partition(": " if line[1:2] == "@" else ":")
            values[key[1:].rstrip().lower()] = value.strip()[:MAX_VALUE_LENGTH]
    return tuple(sections)


def _data_range(values: Section) -> tuple[int, int]:
    """Return the first and one past the last byte of an image's data, (0, 0) where they are not stated."""
    offset, length = _integers(values, "data offset")[:1], _integers(values, "data length")[:1]
    return (offset[0], offset[0] + length[0]) if offset and length and min(offset + length) >= 0 else (0, 0)


def _text_mode_damage(file: BinaryIO, text: bytes, size: int, first: int, last: int) -> str:
    """Describe what a transfer in text mode did to the file, empty for an intact file.

    Line ends of the header are CR LF; data hold single LF bytes by chance, about one in 256.
    """
    if b"\r\r\n" in text:
        return "its line ends were doubled by a transfer in text mode"
    if b"\r\n" not in text and size < last:
        return "its line ends were changed by a transfer in text mode"
    if b"\xef\xbf\xbd" in text or b"\xc2\xba" in text:
        return RECODED
    if 0 < last < size:
        file.seek(first)
        data = file.read(min(last - first, MAX_HEADER_BYTES))
        single, double = data.count(b"\n"), data.count(b"\r\n")
        if single > CHANCE_COUNT and single == double:
            return "line ends were inserted into its data by a transfer in text mode"
        if sum(byte > 0x7F for byte in data[: MAX_HEADER_BYTES >> 8]) > CHANCE_COUNT and _is_utf8(data):
            return RECODED
    return ""


def _is_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8, up to a character cut at their end; image data never are."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _truncated_header(path: str | Path) -> TruncatedError:
    return TruncatedError(f"{path}: the file is truncated within its header; copy or download it again.")


def _version(path: str | Path, sections: tuple[tuple[str, Section], ...], truncated: bool) -> int:
    text = sections[0][1].get("version", "") if sections else ""
    try:
        return int(text, 16)
    except ValueError:
        if truncated:
            raise _truncated_header(path) from None
        raise HeaderError(f"{path}: the header has no version; export the scan again.") from None


def _images(header: Header) -> list[_ImageSection]:
    """Return the image sections of a header; UserError where there is none."""
    images = []
    for name, values in header.sections:
        if not name.casefold().endswith("image list") or "force" in name.casefold():
            continue
        for key, value in values.items():
            match = IMAGE_DATA.match(value) if re.fullmatch(r"@\d+:image data", key) else None
            if match:
                images.append(_ImageSection(values, key[1 : key.index(":")], match["internal"], match["title"]))
    if images:
        return images
    if header.truncated:
        raise _truncated_header(header.path)
    if "force" in " ".join(name.casefold() for name, _ in header.sections):
        raise ForceCurveError(
            f"{header.path}: this is a force curve or force volume without an image; remove it from the scans."
        )
    raise ChannelError(f"{header.path}: its header lists no image in a known version of the format; export it again.")


def _choose(header: Header, channels: Sequence[str], options: ReadOptions) -> _ImageSection:
    """Return the image of the first requested channel in an admitted direction."""
    directions, images = options.admitted_directions(), _images(header)
    for name in channels:
        for direction in directions:
            for image in images:
                if name in (image.internal, image.title) and image.direction == direction:
                    return image
    requested = " or ".join(f"'{name}'" for name in channels)
    of_direction = "" if options.direction == "any" else f" in direction '{options.direction}'"
    raise ChannelError(
        f"{header.path}: no channel {requested}{of_direction} (available: {_available(header)}); "
        "set scans.channels and scans.direction."
    )


def _available(header: Header) -> str:
    names = [f"'{image.title or image.internal}' {image.direction}".rstrip() for image in _images(header)]
    more = [f"{len(names) - MAX_LISTED} more"] if len(names) > MAX_LISTED else []
    return ", ".join(names[:MAX_LISTED] + more)


def _channel(header: Header, image: _ImageSection) -> Channel:
    """Collect what the header states of one image, checked against the length of the file."""
    name, values = image.title or image.internal, image.values
    where = f"{header.path}: channel '{name}'"
    cols = _integer(values, "samps/line", where)
    lines = _integer(values, "number of lines", where)
    offset, length = (_integer(values, key, where) for key in ("data offset", "data length"))
    if min(cols, lines, length) < 1:
        raise ChannelError(f"{where} holds no pixels ({cols} x {lines}); remove the scan or name another channel.")
    _check_length(header, where, offset + length)
    bytes_header = _integer(values, "bytes/pixel", where)
    if bytes_header not in (2, 4):
        raise HeaderError(f"{where} has {bytes_header} bytes a pixel, only 2 and 4 are known; export it again.")
    stored = 4 if header.version >= FIRST_32_BIT_VERSION else bytes_header
    rows = _rows(values, where, (lines, cols), length, stored)
    if rows * cols > MAX_PIXELS:
        raise HeaderError(f"{where} has {cols} x {rows} pixels; export it smaller than 8192 x 8192.")
    factor, unit = _scale(header, image, where)
    x_m, y_m, planned = _extent(header, values, where, rows, lines)
    if not (0 < x_m <= MAX_EXTENT_M and 0 < y_m <= MAX_EXTENT_M):
        raise ScanSizeError(f"{where}: a scan of {x_m:g} m by {y_m:g} m is not possible; remove or export it again.")
    factor /= 256**bytes_header
    return Channel(name, image.internal, image.direction, rows, cols, unit, x_m, y_m, factor, offset, stored, planned)


def _check_length(header: Header, where: str, end: int) -> None:
    """Raise UserError where the file ends before the image, or was changed by a transfer in text mode."""
    if end > header.size and header.size <= header.data_from:
        raise TruncatedError(
            f"{where}: the file is truncated after its header (byte {header.size}); copy or download it again."
        )
    if header.damage:
        raise TextModeError(f"{header.path}: {header.damage}; copy it again in binary mode.")
    if end > header.size:
        raise TruncatedError(
            f"{where}: the file is truncated at byte {header.size} of {end}; copy or download it again."
        )


def _rows(values: Section, where: str, shape: tuple[int, int], length: int, stored: int) -> int:
    """Return the rows that are stored: all lines or, in old versions, the valid ones of a scan stopped early."""
    lines, cols = shape
    valid = _integers(values, "valid data len y") or [lines]
    for rows in (lines, valid[0]):
        if 0 < rows <= lines and length == cols * rows * stored:
            return rows
    raise HeaderError(
        f"{where}: {length} bytes of data are not {lines} lines of {cols} pixels of {stored} bytes; export it again."
    )


def _scale(header: Header, image: _ImageSection, where: str) -> tuple[float, str]:
    """Return the full range and its unit: the Z scale times the sensitivity that it names."""
    match = Z_SCALE.fullmatch(image.values.get(f"@{image.number}:z scale", "").strip())
    if not match:
        raise UnitError(f"{where} has no Z scale, so its values have no unit; export it again.")
    scale, unit = _base_unit(match["unit"])
    value = float(match["value"]) * scale
    if match["soft"] is not None:
        factor, numerator, denominator = _sensitivity(header, match["soft"], where)
        if numerator and denominator != unit:
            raise UnitError(
                f"{where}: its Z scale is in '{unit}', but '{match['soft']}' is per '{denominator}'; export it again."
            )
        value, unit = value * factor, numerator or unit
    if not math.isfinite(value):
        raise HeaderError(f"{where}: its Z scale is not finite; export it again.")
    return value, unit


def _sensitivity(header: Header, name: str, where: str) -> tuple[float, str, str]:
    """Return factor, unit and denominator unit of the header's line ``@name``; units may be empty."""
    key = f"@{name}".lower()
    lines = [values[key] for _, values in header.sections if key in values]
    match = SENSITIVITY.fullmatch(lines[0].strip()) if lines else None
    value = None
    if match:
        with suppress(ValueError):
            value = float(match["value"])
    if match is None or value is None:
        raise UnitError(f"{where}: its sensitivity '{name}' is not in the header; export it again.")
    numerator, slash, denominator = match["unit"].rpartition("/")
    if not slash:
        return value, "", ""
    up, numerator = _base_unit(numerator)
    down, denominator = _base_unit(denominator)
    return value * up / down, numerator, denominator


def _extent(header: Header, values: Section, where: str, rows: int, lines: int) -> tuple[float, float, int]:
    """Return width and height of the image in metres, and the lines of the complete scan.

    An image of aspect ratio 1:1 is as high as its scan size, however many lines it has. Any other ratio marks an image
    whose lines are counted against those of the scan list: stopped early, or planned with fewer lines than pixels.
    """
    x_m, full_m = _scan_size(values, where)
    if _aspect(values) == 1:
        return x_m, full_m * rows / lines, lines
    planned = _integer(header.scan_list, "lines", f"{header.path}: the scan list")
    if planned < 1:
        raise HeaderError(f"{header.path}: the scan list has {planned} lines; export it again.")
    return x_m, full_m / _aspect(header.scan_list) * rows / planned, max(rows, planned)


def _scan_size(values: Section, where: str) -> tuple[float, float]:
    """Return width and height of the full scan in metres; a missing size is an error and never guessed."""
    match = SCAN_SIZE.fullmatch(values.get("scan size", "").strip())
    unit, sizes = "", (math.nan, math.nan)
    if match:
        with suppress(ValueError):
            factor, unit = _base_unit(match["unit"])
            sizes = float(match["x"]) * factor, float(match["y"] or match["x"]) * factor
    if unit != "m" or not all(math.isfinite(size) and size > 0 for size in sizes):
        raise ScanSizeError(f"{where}: the header has no valid scan size; remove the scan or export it again.")
    return sizes


def _aspect(values: Section) -> float:
    """Return the ratio of width to height: 2 for "2:1", 1 where it is missing or unreadable."""
    numbers = re.fullmatch(r"\s*([\d.]+)\s*(?::\s*([\d.]+))?\s*", values.get("aspect ratio", "1:1"))
    if numbers is None:
        return 1.0
    try:
        ratio = float(numbers[1]) / float(numbers[2] or 1)
    except (ValueError, ZeroDivisionError):
        return 1.0
    return ratio if ratio > 0 else 1.0


def _integers(values: Section, key: str) -> list[int]:
    """Return the integers of a value, none where the key is missing or the value holds anything else."""
    words = values.get(key, "").split()
    try:
        return [int(word) for word in words] if all(len(word) <= MAX_DIGITS for word in words) else []
    except ValueError:
        return []


def _integer(values: Section, key: str, where: str) -> int:
    """Return the first integer of a value, not negative; HeaderError where there is none."""
    numbers = _integers(values, key)
    if not numbers or numbers[0] < 0:
        raise HeaderError(f"{where}: the header has no number for '{key}'; export it again.")
    return numbers[0]


def _base_unit(text: str) -> tuple[float, str]:
    """Split a unit into factor and base unit: "nm" is (1e-9, "m"); an unknown unit stays as it is."""
    if text in DEGREES:
        return 1.0, "deg"
    for unit in UNITS:
        prefix = text.removesuffix(unit)
        if prefix != text and prefix in PREFIXES:
            return PREFIXES[prefix], unit
    return 1.0, text


def _values(header: Header, channel: Channel, factor: float) -> NDArray[np.float64]:
    """Return the stored integers times `factor`, top row first, read in blocks of rows."""
    values = np.empty((channel.rows, channel.cols))
    upward = values[::-1]  # the bottom row is stored first
    raw = np.empty((min(BLOCK_ROWS, channel.rows), channel.cols), dtype=f"<i{channel.stored_bytes}")
    with open(header.path, "rb") as file:
        file.seek(channel.offset)
        for row in range(0, channel.rows, BLOCK_ROWS):
            block = raw[: channel.rows - row]
            if file.readinto(block.data.cast("B")) != block.nbytes:
                raise TruncatedError(
                    f"{header.path}: the file is truncated in channel '{channel.title}'; copy or download it again."
                )
            np.multiply(block, factor, out=upward[row : row + BLOCK_ROWS])
    return values
