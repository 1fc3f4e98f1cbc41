"""The header of a NanoScope file: sections of keys and values, numbers and units in them, and signs of damage."""

import codecs
import math
import os
import re
from dataclasses import dataclass

from micrograph.faults import Fault

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


class NotNanoScope(Fault):
    """No file of a NanoScope instrument."""


class CutOff(Fault):
    """The file ends before its data does."""


class TextDamaged(Fault):
    """A transfer in text mode changed the line ends, and with them the data."""


class BadHeader(Fault):
    """The header contradicts itself or lacks a number."""


class NoScanSize(Fault):
    """The header does not say how large the scan is."""


class UnknownUnit(Fault):
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

    Raises NotNanoScope for another kind of file, Fault where it cannot be read.
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
        raise Fault(f"{path}: the scan cannot be read ({error.strerror or error}); name a readable file.") from None
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
