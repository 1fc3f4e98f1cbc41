"""Reads the image files of NanoScope instruments (Bruker, Veeco): heights with units, or a sentence why not.

Rules and where they come from: Gwyddion's importer was compared with other readers on real files, and this reader is
tested against Gwyddion's values. A file is known by its content, never by its extension.
"""

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from micrograph.faults import Fault
from micrograph.scans.heightmap import NM_PER_M, HeightMap
from micrograph.scans.nanoscope_header import (
    BadHeader,
    CutOff,
    NoScanSize,
    TextDamaged,
    UnknownUnit,
    base_unit,
    integer,
    integers,
    read_header,
    sensitivity,
    size_m,
    within_header,
)

CHANNELS = ("Height Sensor", "ZSensor", "Height")
DIRECTIONS = {"trace": ("Trace",), "retrace": ("Retrace",), "any": ("Trace", "Retrace", "")}
BLOCK_ROWS = 32
LARGEST_M = 1.0  # no scanner reaches a metre
PIXELS_AT_MOST = 1 << 26
LISTED_AT_MOST = 12
ALWAYS_FOUR_BYTES = 0x09200000
IMAGE_DATA = re.compile(r'\S+\s+\[(?P<internal>[^\]]{0,60})\]\s*"(?P<title>[^"]{0,60})"')
Z_SCALE = re.compile(
    r"\S+\s+(?:\[(?P<soft>[^\]]{0,60})\]\s*)?(?:\(.*\)\s+)?"
    r"(?P<value>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>\S{0,40})"
)


class ForceCurve(Fault):
    """A force curve or force volume: no image in it."""


class NoSuchChannel(Fault):
    """No image of the wanted channel and direction."""


@dataclass(frozen=True)
class Channel:
    """One image of a file. title: its name in the instrument's menus; internal: the short one, at times empty.

    x_m, y_m: physical size of these rows; unit: SI, "deg", or what the header says. The values are the stored integers
    times `factor`.
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


def channels(path):
    """The Channels of the file in its order. Raises Fault where it is no NanoScope file with images."""
    header = read_header(path)
    return [_channel(header, *found) for found in _images(header)]


def check(header):
    """Raise the Fault of a file in which no image is one of heights: a force curve, cut off, phases alone ...

    header: what nanoscope_header.read_header says of it; the data are not read.
    """
    faults = []
    for image in _images(header):
        try:
            if _channel(header, *image).unit == "m":
                return
        except Fault as fault:
            faults.append(fault)
    raise (faults or [NoSuchChannel(f"{header.path}: no channel holds heights; it has {_listed(header)}.")])[0]


def read_channel(path, title, direction="any"):
    """One channel in its own unit: ((rows, cols) float64 with row 0 the top, Channel)."""
    header = read_header(path)
    channel = _channel(header, *_choose(header, (title,), direction))
    return _values(header, channel, channel.factor), channel


def read(path, channels=CHANNELS, direction="any"):
    """Read the heights of one scan into a HeightMap.

    channels: names in order of preference, either of a channel's two names will do. direction: "trace", "retrace", or
    "any" for the trace where there is one; HeightMap.direction says which it was. Raises Fault, or a kind of it, in one
    sentence: no NanoScope file, a force curve, cut off, changed by a transfer as text, no such channel, no scan size,
    not in units of length.
    """
    header = read_header(path)
    channel = _channel(header, *_choose(header, channels, direction))
    if channel.unit != "m":
        raise UnknownUnit(
            f"{path}: channel '{channel.title}' is in '{channel.unit}', which is no length; "
            f"name a height channel in scans.channels (the file has {_listed(header)})."
        )
    if abs(channel.factor) * 256**channel.stored_bytes > LARGEST_M:
        raise BadHeader(f"{path}: channel '{channel.title}' has heights of more than a metre; export it anew.")
    height_nm = _values(header, channel, channel.factor * NM_PER_M)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return HeightMap(
        height_nm=height_nm,
        width_nm=channel.x_m * NM_PER_M,
        tall_nm=channel.y_m * NM_PER_M,
        channel=channel.title,
        direction=channel.direction,
        source=Path(path).name,
        source_sha256=digest,
        lines_planned=channel.rows_planned,
    )


def _images(header):
    """The image sections of a header with their names: (section, key number, internal name, title) each."""
    found = []
    for name, section in header.sections:
        if not name.casefold().endswith("image list") or "force" in name.casefold():
            continue
        for key, value in section.items():
            match = IMAGE_DATA.match(value) if re.fullmatch(r"@\d+:image data", key) else None
            if match:
                found.append((section, key[1 : key.index(":")], match["internal"], match["title"]))
    if not found:
        raise _without_images(header)
    return found


def _without_images(header):
    if header.cut:
        return within_header(header.path)
    names = " ".join(name.casefold() for name, _ in header.sections)
    if "force" in names:
        return ForceCurve(f"{header.path}: this is a force curve or force volume without an image; take it out.")
    return NoSuchChannel(
        f"{header.path}: its header lists no image that this version of the format names; export anew."
    )


def _direction(section):
    return section.get("line direction", "").strip().capitalize()[:20]


def _choose(header, names, direction):
    """The image section of the first name that is there in an admitted direction."""
    if direction not in DIRECTIONS:
        raise Fault(f"direction '{direction}' is not known; set scans.direction to one of: {', '.join(DIRECTIONS)}.")
    images = _images(header)
    for name in names:
        for wanted in DIRECTIONS[direction]:
            for image in images:
                if name in image[2:] and _direction(image[0]) == wanted:
                    return image
    asked = " or ".join(f"'{name}'" for name in names)
    way = "" if direction == "any" else f" in direction '{direction}'"
    raise NoSuchChannel(
        f"{header.path}: no channel {asked}{way}; it has {_listed(header)}; "
        "set scans.channels and scans.direction to one of these."
    )


def _listed(header):
    names = [f"'{title or internal}' ({_direction(section)})" for section, _, internal, title in _images(header)]
    more = [f"{len(names) - LISTED_AT_MOST} more"] if len(names) > LISTED_AT_MOST else []
    return ", ".join(names[:LISTED_AT_MOST] + more)


def _channel(header, section, number, internal, title):
    """Everything that the header says of one image, checked against the file's length."""
    where = f"{header.path}: channel '{title or internal}'"
    cols = integer(section, "samps/line", where)
    lines = integer(section, "number of lines", where)
    offset, length = (integer(section, key, where) for key in ("data offset", "data length"))
    if min(cols, lines, length) < 1:
        raise NoSuchChannel(f"{where} holds no pixels ({cols} x {lines}); take the file out or name another channel.")
    _check_length(header, where, offset + length)
    bytes_header = integer(section, "bytes/pixel", where)
    if bytes_header not in (2, 4):
        raise BadHeader(f"{where} has {bytes_header} bytes a pixel, only 2 and 4 are known; export it anew.")
    stored = 4 if header.version >= ALWAYS_FOUR_BYTES else bytes_header
    rows = _rows(section, where, cols, lines, length, stored)
    if rows * cols > PIXELS_AT_MOST:
        raise BadHeader(f"{where} has {cols} x {rows} pixels; export it smaller than 8192 x 8192.")
    factor, unit = _scale(header, section, number, where)
    x_m, y_m, planned = _extent(header, section, where, rows, lines)
    if not (0 < x_m <= LARGEST_M and 0 < y_m <= LARGEST_M):
        raise NoScanSize(f"{where}: a scan of {x_m:g} m by {y_m:g} m cannot be; take it out or export it anew.")
    factor /= 256**bytes_header
    name = title or internal
    return Channel(name, internal, _direction(section), rows, cols, unit, x_m, y_m, factor, offset, stored, planned)


def _check_length(header, where, end):
    """Fault where the file ends before the channel, or was changed by a transfer as text."""
    if end > header.size and header.size <= header.data_from:
        raise CutOff(f"{where}: the file is cut off after its header (byte {header.size}); fetch it again.")
    if header.damage:
        raise TextDamaged(f"{header.path}: {header.damage}; copy it again in binary mode.")
    if end > header.size:
        raise CutOff(f"{where}: the file is cut off at byte {header.size} of {end}; fetch it again.")


def _rows(section, where, cols, lines, length, stored):
    """The rows that are stored: all lines, or in old versions the valid ones of a scan stopped early."""
    valid = integers(section, "valid data len y") or [lines]
    for rows in (lines, valid[0]):
        if 0 < rows <= lines and length == cols * rows * stored:
            return rows
    raise BadHeader(f"{where}: {length} bytes are no {lines} lines of {cols} pixels of {stored} bytes; export it anew.")


def _scale(header, section, number, where):
    """(value of the full range, its unit): the Z scale times the sensitivity that it names."""
    match = Z_SCALE.fullmatch(section.get(f"@{number}:z scale", "").strip())
    if not match:
        raise UnknownUnit(f"{where} has no Z scale, so its values have no unit; export it anew.")
    scale, unit = base_unit(match["unit"])
    value = float(match["value"]) * scale
    if match["soft"] is not None:
        factor, numerator, denominator = sensitivity(header, match["soft"], where)
        if numerator and denominator != unit:
            raise UnknownUnit(f"{where}: its scale is in '{unit}', '{match['soft']}' per '{denominator}'; export anew.")
        value, unit = value * factor, numerator or unit
    if not math.isfinite(value):
        raise BadHeader(f"{where}: its Z scale is no number; export it anew.")
    return value, unit


def _extent(header, section, where, rows, lines):
    """(x_m, y_m, planned lines).

    An image that calls its aspect ratio 1:1 is as tall as its scan size, however many lines it has. Any other ratio
    marks one whose lines are counted against those of the scan list: stopped early, or planned flat.
    """
    x_m, full_m = size_m(section, where)
    if _aspect(section) == 1:
        return x_m, full_m * rows / lines, lines
    plan = header.scan_list()
    planned = integer(plan, "lines", f"{header.path}: the scan list")
    if planned < 1:
        raise BadHeader(f"{header.path}: the scan list has {planned} lines; export it anew.")
    return x_m, full_m / _aspect(plan) * rows / planned, max(rows, planned)


def _aspect(section):
    """The ratio of width to height: of "2:1" it is 2, of a missing or unreadable one 1."""
    numbers = re.fullmatch(r"\s*([\d.]+)\s*(?::\s*([\d.]+))?\s*", section.get("aspect ratio", "1:1"))
    try:
        ratio = float(numbers[1]) / float(numbers[2] or 1)
    except (TypeError, ValueError, ZeroDivisionError):
        return 1.0
    return ratio if ratio > 0 else 1.0


def _values(header, channel, factor):
    """The stored integers times `factor`, top row first (they are stored bottom row first), read a few at a time."""
    values = np.empty((channel.rows, channel.cols))
    upward = values[::-1]
    raw = np.empty((min(BLOCK_ROWS, channel.rows), channel.cols), dtype=f"<i{channel.stored_bytes}")
    with open(header.path, "rb") as file:
        file.seek(channel.offset)
        for row in range(0, channel.rows, BLOCK_ROWS):
            block = raw[: channel.rows - row]
            if file.readinto(memoryview(block).cast("B")) != block.nbytes:
                raise CutOff(f"{header.path}: the file is cut off in channel '{channel.title}'; fetch it again.")
            np.multiply(block, factor, out=upward[row : row + BLOCK_ROWS])
    return values
