r"""The header of a NanoScope file: latin-1 lines ``\Key: value`` in sections ``\*Section``.

Keys differ in case between versions. Notes may hold any code page and any line end, so whether a transfer changed the
file is judged by its first line, which is never a note, by the offsets and by the data.
"""

import codecs
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from micrograph.errors import UserError

MAGIC = re.compile(rb"[\\?]\*(EC |Force )?File list", re.IGNORECASE)
TEXT_MAGIC = b"?"  # first byte of a file whose values are text
HEADER_END = b"\\*File list end"
MAX_HEADER_BYTES = 1 << 20
CHUNK_BYTES = 1 << 16
CHANCE_COUNT = 16  # more bytes of a kind than arise by chance
PROSE_BYTES = 64  # more printable bytes in a row than data hold by chance
PRINTABLE_TEXT = bytes([*range(32, 127), *b"\t\r\n"])
# The degree sign that the instrument writes as one byte, in UTF-8; a note may hold these bytes in another code page.
RECODED_DEGREE = re.compile(rb"^\\@[^\r\n]*\xc2\xba", re.MULTILINE)
RECODED = "its bytes were recoded as text"
MAX_VALUE_LENGTH = 1000  # of a header value: the regular expressions backtrack
MAX_DIGITS = 18  # of an integer
# Control characters would reach tables and terminals with the name of a channel.
UNPRINTABLE = bytes([*range(32), *range(127, 160), 173])
PRINTABLE = bytes.maketrans(UNPRINTABLE + b"\t\n\r\xa0", b"?" * len(UNPRINTABLE) + b" \n\n ")
SCAN_LISTS = ("scan list", "afm list", "stm list")  # endings of their names; the last two in old versions
# Values whose numbers have a decimal comma in some languages, beside those of keys with @.
NUMBERS = {"scan size", "slow axis size", "aspect ratio", "z scale", "z scale height", "z sensitivity", "z max"}
COMMA = re.compile(r"(?<![\d.,])(\d+),(\d+)(?![\d.,])")
THOUSAND_DIGITS = 3
VERSION = re.compile(r"(0x)?[\da-f]{1,8}", re.IGNORECASE)

Section = dict[str, str]


class NotNanoScopeError(UserError):
    """The file is not of a NanoScope instrument."""


class TruncatedError(UserError):
    """The file ends before its data do."""


class TextModeError(UserError):
    """A transfer in text mode changed the line ends, and with them the data."""


class HeaderError(UserError):
    """The header contradicts itself or lacks a number."""


class OldVersionError(UserError):
    """The file is of a version so old that its rules are not known here."""


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
        Version of the format, 0 where an old file states none.
    sections : tuple of (str, dict of str to str)
        Name and values of every section, in the order of the file; keys in lower case.
    text_to : int
        Bytes of the header's text.
    data_from : int
        Offset of the first image in bytes.
    text_from : int
        Offset of the values of a text export, 0 for a binary file.
    damage : str
        What a transfer in text mode did to the file, empty for an intact file.
    truncated : bool
        Whether the file ends before its header does.
    """

    path: str | Path
    size: int
    version: int
    sections: tuple[tuple[str, Section], ...]
    text_to: int
    data_from: int
    text_from: int
    damage: str
    truncated: bool

    @property
    def scan_list(self) -> Section:
        """Values of the scan list section, empty where the header has none."""
        return self.section(*SCAN_LISTS)

    @property
    def date(self) -> str:
        """Date of the scan as the instrument writes it, empty where it is missing."""
        return self.sections[0][1].get("date", "")

    @property
    def version_name(self) -> str:
        """Version as people write it: "9.40" for 0x09400202, empty where the header states none."""
        return f"{self.version >> 24:x}.{self.version >> 16 & 0xFF:02x}" if self.version else ""

    def section(self, *endings: str) -> Section:
        """Return the values of the first section whose name ends in one of `endings`, empty where there is none."""
        return next((values for name, values in self.sections if name.casefold().endswith(endings)), {})

    def after(self, offset: int) -> int:
        """Return the offset of the first image after `offset`, or the end of the file."""
        return min((start for start, _ in _data_ranges(self.sections) if start > offset), default=self.size)


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
        If the file cannot be read, is a text export of another kind, or its version is not a number.
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
            ranges = _data_ranges(sections)
            first = min((start for start, _ in ranges), default=0)
            last = max((stop for _, stop in ranges), default=0)
            is_text = head.startswith(TEXT_MAGIC)
            if is_text and end < 0:
                raise truncated_header(path)
            text_from = end + len(HEADER_END) if is_text else 0
            damage = "" if is_text else _text_mode_damage(file, text, size, first, last)
    except OSError as error:
        raise UserError(f"{path}: the scan cannot be read ({error.strerror or error}); name a readable file.") from None
    truncated = end < 0 and len(text) == size
    if not is_text and end >= 0 and _is_prose(head[end + len(HEADER_END) :]):
        raise UserError(f"{path}: a table of numbers under a NanoScope header; name the binary file it was made from.")
    version = _version(path, sections, truncated)
    return Header(path, size, version, sections, len(text), first, text_from, damage, truncated)


def truncated_header(path: str | Path) -> TruncatedError:
    """Return the error for a file that ends within its header."""
    return TruncatedError(f"{path}: the file is truncated within its header; copy or download it again.")


def integers(values: Section, key: str) -> list[int]:
    """Return the integers of a value, none where the key is missing or the value holds anything else."""
    words = values.get(key, "").split()
    try:
        return [int(word) for word in words] if all(len(word) <= MAX_DIGITS for word in words) else []
    except ValueError:
        return []


def integer(values: Section, key: str, where: str) -> int:
    """Return the first integer of a value, not negative; HeaderError where there is none."""
    numbers = integers(values, key)
    if not numbers or numbers[0] < 0:
        raise HeaderError(f"{where}: the header has no number for '{key}'; export it again.")
    return numbers[0]


def _find_end(head: bytes) -> int:
    """Return the offset of the line that ends the header, -1 where it is missing."""
    place = head.find(HEADER_END)
    return place if place >= 0 else head.lower().find(HEADER_END.lower())


def _sections(text: bytes) -> tuple[tuple[str, Section], ...]:
    """Split a header into sections; keys in lower case, because versions differ in it."""
    sections: list[tuple[str, Section]] = []
    values: Section = {}
    for line in text.translate(PRINTABLE).decode("latin-1").split("\n"):
        if line.startswith(("\\*", "?*")):
            values = {}
            sections.append((line[2:].strip(), values))
        elif line[:1] == "\\":
            key, _, value = line.partition(": " if line[1:2] == "@" else ":")
            values[key[1:].rstrip().lower()] = value.strip()[:MAX_VALUE_LENGTH]
    _write_points(sections)
    return tuple(sections)


def _write_points(sections: list[tuple[str, Section]]) -> None:
    """Write decimal commas as points.

    A comma before three digits stays where other numbers have points: it may be one of thousands, and is then refused
    with the number that it stands in.
    """
    numeric = [(values, key) for _, values in sections for key in values if key.startswith("@") or key in NUMBERS]
    pointed = any(re.search(r"\d\.\d", values[key]) for values, key in numeric)

    def write_point(match: re.Match[str]) -> str:
        ambiguous = pointed and len(match[2]) == THOUSAND_DIGITS
        return match[0] if ambiguous else f"{match[1]}.{match[2]}"

    for values, key in numeric:
        if "," in values[key]:
            values[key] = COMMA.sub(write_point, values[key])


def _data_ranges(sections: tuple[tuple[str, Section], ...]) -> list[tuple[int, int]]:
    """Return the first and one past the last byte of the data of every image that states them."""
    ranges = []
    for name, values in sections:
        offset, length = integers(values, "data offset")[:1], integers(values, "data length")[:1]
        if name.casefold().endswith("image list") and offset and length and offset[0] >= 0 and length[0] > 0:
            ranges.append((offset[0], offset[0] + length[0]))
    return ranges


def _text_mode_damage(file: BinaryIO, text: bytes, size: int, first: int, last: int) -> str:
    """Describe what a transfer in text mode did to the file, empty for an intact file.

    Line ends of the header are CR LF; data hold single LF bytes by chance, about one in 256.
    """
    first_line = text[: text.find(b"\n") + 1]
    if first_line.endswith(b"\r\r\n") and size > last:
        return "its line ends were doubled by a transfer in text mode"
    if not first_line.endswith(b"\r\n") and size < last:
        return "its line ends were changed by a transfer in text mode"
    if 0 < last < size:
        if RECODED_DEGREE.search(text):
            return RECODED
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


def _is_prose(data: bytes) -> bool:
    """Whether text follows the header: columns of numbers, as an export writes them."""
    start = data.strip(b"\r\n")[:PROSE_BYTES]
    return len(start) == PROSE_BYTES and not start.translate(None, PRINTABLE_TEXT)


def _version(path: str | Path, sections: tuple[tuple[str, Section], ...], truncated: bool) -> int:
    text = sections[0][1].get("version", "") if sections else ""
    version = int(text, 16) if VERSION.fullmatch(text) else 0
    if version == 0 and truncated:
        raise truncated_header(path)
    if version == 0 and text:
        raise HeaderError(f"{path}: '{text[:MAX_DIGITS]}' is not a version of the format; export the scan again.")
    return version
