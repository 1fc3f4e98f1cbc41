"""Read Bruker/Veeco NanoScope files: header, channels, height data."""

import codecs
import hashlib
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from micrograph.errors import UserError
from micrograph.scans.height_map import NM_PER_M, HeightMap

MAGIC = re.compile(rb"[\\]\*(EC |Force )?File list", re.IGNORECASE)
END = b"\\*File list end"
HEADER_BYTES = 1 << 20
PIECE_BYTES = 1 << 16
CHANCE = 16
RECODED = "its bytes were recoded as text"
PREFIXES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "\xb5": 1e-6, "~": 1e-6, "m": 1e-3, "": 1.0}
PREFIXES |= {"k": 1e3, "M": 1e6, "G": 1e9}
SIGNS_AT_MOST = 1000  # of a value: patterns try all ways to part it
DIGITS_AT_MOST = 18  # of a whole number: beyond lies no file, and no arithmetic of machines
# Signs that stand for nothing on paper would reach tables and terminals with a channel's name.
WITHOUT_SIGN = bytes([*range(32), *range(127, 160), 173])
PLAIN = bytes.maketrans(WITHOUT_SIGN + b"\t\n\r\xa0", b"?" * len(WITHOUT_SIGN) + b" \n\n ")
UNITS = ("Hz", "Pa", "eV", "m", "V", "N", "A", "W", "s")
DEGREES = ("\xba", "\xb0", "deg")
SENSITIVITY = re.compile(r"\S+\s+(?P<value>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?P<unit>\S{0,40})")
SCAN_SIZE = re.compile(r"(?P<x>[\d.]+(?:[eE][-+]?\d+)?)\s+(?:(?P<y>[\d.]+(?:[eE][-+]?\d+)?)\s+)?(?P<unit>\S+)")


class NotNanoScope(UserError):
    """No file of a NanoScope instrument."""


class CutOff(UserError):
    """The file ends before its data does."""


class TextDamaged(UserError):
    """A transfer in text mode changed the line ends, and with them the data."""


class BadHeader(UserError):
    """The header contradicts itself or lacks a number."""


class NoScanSize(UserError):
    """The header does not say how large the scan is."""


class UnknownUnit(UserError):
    """The values of a channel have no known unit, or not the one asked for."""


@dataclass(frozen=True)
class Header:
    """sections: (name, {key in lower case: value}) in the file's order; size: of the whole file in bytes.

    data_from: the first byte of data, as the header says. damage: what a transfer in text mode did, "" for nothing.
    cut: whether the file ends before its header does.
    """

    path: object
    size: int
    version: int
    sections: tuple
    data_from: int
    damage: str
    cut: bool

    def scan_list(self):
        """The section of the scan's own settings, {} where there is none."""
        return next((keys for name, keys in self.sections if name.casefold().endswith("scan list")), {})


def read_header(path):
    """Read the Header of the file at `path`, at most 1 MiB of it, and never further than its end.

    Raises NotNanoScope for another kind of file, UserError where it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(PIECE_BYTES)
            if not MAGIC.match(head):
                raise NotNanoScope(f"{path}: this is no NanoScope image file; name one that is.")
            while (end := _end_line(head)) < 0 and len(head) < HEADER_BYTES and (piece := file.read(PIECE_BYTES)):
                head += piece
            size = os.fstat(file.fileno()).st_size
            text = head[:end] if end >= 0 else _before_padding(head)
            sections = _sections(text)
            ends = [_end(keys) for name, keys in sections if name.casefold().endswith("image list")]
            first, last = min((first for first, _ in ends), default=0), max((last for _, last in ends), default=0)
            damage = _damage(file, text, size, first, last)
    except OSError as error:
        raise UserError(f"{path}: the scan cannot be read ({error.strerror or error}); name a readable file.") from None
    cut = end < 0 and len(text) == size
    return Header(path, size, _version(path, sections, cut), sections, first, damage, cut)


def integers(section, key):
    """The whole numbers of a value, [] where the key is missing, says something else or more than a file can hold."""
    words = section.get(key, "").split()
    try:
        return [int(word) for word in words] if all(len(word) <= DIGITS_AT_MOST for word in words) else []
    except ValueError:
        return []


def integer(section, key, where):
    """The first whole number of a value, not negative; BadHeader where there is none."""
    numbers = integers(section, key)
    if not numbers or numbers[0] < 0:
        raise BadHeader(f"{where}: the header has no number for '{key}'; export it anew.")
    return numbers[0]


def base_unit(text):
    """(factor, unit): "nm" is (1e-9, "m"), the sign for degrees (1, "deg"); an unknown unit stays as it is."""
    if text in DEGREES:
        return 1.0, "deg"
    for unit in UNITS:
        prefix = text.removesuffix(unit)
        if prefix != text and prefix in PREFIXES:
            return PREFIXES[prefix], unit
    return 1.0, text


def sensitivity(header, name, where):
    """(factor, unit, per unit) of the line `@name`, "" for units it does not give; UnknownUnit where it is missing."""
    found = [keys[f"@{name}".lower()] for _, keys in header.sections if f"@{name}".lower() in keys]
    match = SENSITIVITY.fullmatch(found[0].strip()) if found else None
    try:
        value = float(match["value"])
    except (TypeError, ValueError):
        raise UnknownUnit(f"{where}: its sensitivity '{name}' is not in the header; export it anew.") from None
    numerator, slash, denominator = match["unit"].rpartition("/")
    if not slash:
        return value, "", ""
    up, numerator = base_unit(numerator)
    down, denominator = base_unit(denominator)
    return value * up / down, numerator, denominator


def size_m(section, where):
    """(width, height) of the full scan in metres. Raises NoScanSize: a size is never guessed."""
    match = SCAN_SIZE.fullmatch(section.get("scan size", "").strip())
    try:
        factor, unit = base_unit(match["unit"])
        sizes = float(match["x"]) * factor, float(match["y"] or match["x"]) * factor
    except (TypeError, ValueError):
        unit, sizes = "", ()
    if unit != "m" or not all(math.isfinite(size) and size > 0 for size in sizes):
        raise NoScanSize(f"{where}: the header tells no scan size; take it out or export it anew with its size.")
    return sizes


def _end_line(head):
    """Where the line that ends the header stands, -1 where it does not."""
    place = head.find(END)
    return place if place >= 0 else head.lower().find(END.lower())


def _before_padding(head):
    """The bytes of a header without its end line: up to the padding behind it."""
    return re.split(rb"[\x1a\0]", head, maxsplit=1)[0]


def _sections(text):
    """Sections of keys; the key in lower case, because versions differ in it."""
    sections, keys = [], {}
    for line in text.translate(PLAIN).decode("latin-1").split("\n"):
        if line.startswith("\\*"):
            keys = {}
            sections.append((line[2:].strip(), keys))
        elif line[:1] == "\\":
            key, _, value = line.partition(": " if line[1:2] == "@" else ":")
            keys[key[1:].rstrip().lower()] = value.strip()[:SIGNS_AT_MOST]
    return tuple(sections)


def _end(keys):
    """(first, last) byte of an image's data, (0, 0) where the header does not say."""
    offset, length = integers(keys, "data offset")[:1], integers(keys, "data length")[:1]
    return (offset[0], offset[0] + length[0]) if offset and length and min(offset + length) >= 0 else (0, 0)


def _damage(file, text, size, first, last):
    """What a transfer in text mode did to the file, "" for nothing.

    Line ends within the header are CR LF; the data hold single LF bytes by chance, about one in 256.
    """
    if b"\r\r\n" in text:
        return "its line ends were doubled by a transfer in text mode"
    if b"\r\n" not in text and size < last:
        return "its line ends were changed by a transfer in text mode"
    if b"\xef\xbf\xbd" in text or b"\xc2\xba" in text:
        return RECODED
    if 0 < last < size:
        file.seek(first)
        data = file.read(min(last - first, HEADER_BYTES))
        single, double = data.count(b"\n"), data.count(b"\r\n")
        if single > CHANCE and single == double:
            return "line ends were put into its data by a transfer in text mode"
        if sum(byte > 0x7F for byte in data[: HEADER_BYTES >> 8]) > CHANCE and _is_utf8(data):
            return RECODED
    return ""


def _is_utf8(data):
    """Whether the bytes, up to a character cut in two at their end, are UTF-8: integers by chance never are."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def within_header(path):
    """The fault of a file that ends before its header does."""
    return CutOff(f"{path}: the file is cut off within its header; fetch it again.")


def _version(path, sections, cut):
    text = sections[0][1].get("version", "") if sections else ""
    try:
        return int(text, 16)
    except ValueError:
        if cut:
            raise within_header(path) from None
        raise BadHeader(f"{path}: the header tells no version; export it anew.") from None


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


class ForceCurve(UserError):
    """A force curve or force volume: no image in it."""


class NoSuchChannel(UserError):
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
    """The Channels of the file in its order. Raises UserError where it is no NanoScope file with images."""
    header = read_header(path)
    return [_channel(header, *found) for found in _images(header)]


def check(header):
    """Raise the UserError of a file in which no image is one of heights: a force curve, cut off, phases alone ...

    header: what nanoscope_header.read_header says of it; the data are not read.
    """
    faults = []
    for image in _images(header):
        try:
            if _channel(header, *image).unit == "m":
                return
        except UserError as fault:
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
    "any" for the trace where there is one; HeightMap.direction says which it was. Raises UserError, or a kind of it, in one
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
        raise UserError(
            f"direction '{direction}' is not known; set scans.direction to one of: {', '.join(DIRECTIONS)}."
        )
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
    """UserError where the file ends before the channel, or was changed by a transfer as text."""
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
