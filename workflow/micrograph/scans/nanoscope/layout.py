"""How the pixels of an image are stored, and how large it is: what the header states, weighed against the data.

Lengths, lines and bytes per pixel contradict each other in some healthy files: data longer than the pixels need, sizes
of another scan in the image list, two bytes per pixel in versions that usually store four. Every reading that the
lengths admit is listed; the one on which most statements agree is taken, after a look at the data where several compete
or the usual one does not fit.
"""

import math
import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.scans.nanoscope.header import (
    Header,
    HeaderError,
    Section,
    TextModeError,
    TruncatedError,
    integer,
    integers,
)
from micrograph.scans.nanoscope.images import FIRST_KNOWN_VERSION, ChannelError, is_image_list
from micrograph.scans.nanoscope.scale import base_unit

LENGTH = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
SCAN_SIZE = re.compile(rf"(?P<x>{LENGTH})\s+(?:(?P<y>{LENGTH})\s+)?(?P<unit>\S+)")
FIRST_32_BIT_VERSION = 0x09200000
WIDTHS = (2, 4)  # bytes of a stored pixel
MAX_PIXELS = 1 << 26
LOOKED_AT_BYTES = 1 << 20
ALTERNATION = 1.2  # of 16-bit words: above it every second word is the upper half of a 32-bit number
TOLERANCE = 0.01  # two sizes are equal


class ScanSizeError(UserError):
    """The header does not state the scan size."""


@dataclass(frozen=True)
class Layout:
    """The pixels of an image in the file.

    Attributes
    ----------
    rows, cols : int
        Size of the image in pixels.
    lines : int
        Lines that the section which gives the size states; more than `rows` where only the valid ones are stored.
    stored_bytes, scale_bytes : int
        Bytes of a stored pixel, and of the numbers whose full range is that of the Z scale.
    offset : int
        Offset of the data in the file; in a text export the number of values before them.
    of_scan_list : bool
        Whether the scan list gives the size, because that of the image list is wrong.
    remarks : tuple of str
        Where the header contradicts itself, and what was taken.
    """

    rows: int
    cols: int
    lines: int
    stored_bytes: int
    scale_bytes: int
    offset: int
    of_scan_list: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all pixels."""
        return self.rows * self.cols * self.stored_bytes


def find_layout(header: Header, values: Section, where: str) -> Layout:
    """Find out how the pixels of an image are stored.

    Parameters
    ----------
    header : Header
        The header of the file.
    values : dict of str to str
        Values of the image section.
    where : str
        File and channel, for messages.

    Returns
    -------
    Layout

    Raises
    ------
    UserError
        If the image holds no area, the file ends before the data or was changed by a transfer in text mode, or no
        reading of the header fits the data.
    """
    cols = integer(values, "samps/line", where)
    lines = _lines(values, where)
    if min(cols, lines) < 1:
        raise ChannelError(f"{where} holds no pixels ({cols} x {lines}); remove the scan or name another channel.")
    in_header = _header_bytes(header, values, where)
    usual = 4 if header.version >= FIRST_32_BIT_VERSION else in_header
    if header.text_from:
        layout = Layout(lines, cols, lines, in_header, in_header, _pixels_before(header, values))
    else:
        offset, length = (integer(values, key, where) for key in ("data offset", "data length"))
        if length < 1:
            raise ChannelError(f"{where} holds no pixels (no data); remove the scan or name another channel.")
        if offset < header.text_to:
            raise HeaderError(f"{where}: its data would begin at byte {offset}, within the header; export it again.")
        layout = Layout(lines, cols, lines, usual, in_header, offset)
        _check_length(header, where, offset + min(length, layout.size))
        layout = _weigh(header, values, where, layout)
    if min(layout.rows, layout.cols) < 2:
        raise ChannelError(f"{where} is {layout.cols} x {layout.rows} pixels, a line and no area; remove the scan.")
    if layout.rows * layout.cols > MAX_PIXELS:
        raise HeaderError(f"{where} has {layout.cols} x {layout.rows} pixels; export it smaller than 8192 x 8192.")
    return layout


def find_extent(header: Header, values: Section, where: str, layout: Layout) -> tuple[float, float, int, str]:
    """Find the physical size of an image.

    An image of aspect ratio 1:1 is as high as its scan size, however many lines it has. Any other ratio marks an image
    whose lines are counted against those of the scan list: stopped early, or planned with fewer lines than pixels. A
    "Slow Axis Size" (from version 10 on) is the height of the complete scan, whatever ratio and scan size say.

    Parameters
    ----------
    header, values, where
        As for `find_layout`.
    layout : Layout
        The pixels.

    Returns
    -------
    x_m, y_m : float
        Width and height in metres.
    lines_planned : int
        Lines of the complete scan.
    remark : str
        Where the header contradicts itself, and what was taken; may be empty.

    Raises
    ------
    ScanSizeError
        If the size is missing or not positive; it is never guessed.
    HeaderError
        If the lines of the complete scan are missing where they count.
    """
    scan_list = header.scan_list
    x_m, full_m = _scan_size(values, where)
    listed = _length(scan_list.get("scan size", ""))
    if layout.of_scan_list and listed:
        x_m, full_m = listed
    slow_m = _slow_axis_m(values, where) or _slow_axis_m(scan_list, where)
    planned, remark, is_crop = layout.lines, "", False
    if slow_m and listed and abs(listed[0] / x_m - 1) > TOLERANCE:
        samples = integers(scan_list, "samps/line")[:1] or [0]
        is_crop = samples[0] > 0 and abs(x_m / layout.cols * samples[0] / listed[0] - 1) < TOLERANCE
        if not is_crop:
            remark = f"its image list states a width of {x_m * 1e9:g} nm, its scan list {listed[0] * 1e9:g} nm, taken"
            x_m = listed[0]
    if _aspect(values) != 1 or is_crop:
        planned = integer(scan_list, "lines", f"{header.path}: the scan list")
        if planned < 1:
            raise HeaderError(f"{header.path}: the scan list has {planned} lines; export it again.")
        full_m /= _aspect(scan_list)
    return x_m, (slow_m or full_m) * layout.rows / planned, max(layout.rows, planned), remark


def _lines(values: Section, where: str) -> int:
    """Return the number of lines; NanoScope E states it behind the pixels of a line."""
    pair = integers(values, "samps/line")
    if "number of lines" not in values and len(pair) == 2 and pair[1] >= 0:
        return pair[1]
    return integer(values, "number of lines", where)


def _header_bytes(header: Header, values: Section, where: str) -> int:
    """Return the bytes per pixel that the header states; old versions state none and have 2."""
    if "bytes/pixel" not in values and header.version < FIRST_KNOWN_VERSION:
        return 2
    in_header = integer(values, "bytes/pixel", where)
    if in_header not in WIDTHS:
        raise HeaderError(f"{where} has {in_header} bytes per pixel, only 2 and 4 are known; export it again.")
    return in_header


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


def _weigh(header: Header, values: Section, where: str, stated: Layout) -> Layout:
    """Return the reading of the data on which most statements of the header agree.

    A reading is admitted if its pixels fill the data length, or end where the next image or the file does, or, for the
    size of the image list, leave less than half of the data length over.
    """
    length, space = integer(values, "data length", where), header.after(stated.offset) - stated.offset
    valid = replace(stated, rows=_valid_rows(values, stated.rows))
    listed = _listed(header, stated)

    def agreements(layout: Layout) -> list[bool]:
        shape = layout.rows, layout.cols
        return [
            layout.size == length,
            layout.size <= space,
            layout.size == space,
            layout.stored_bytes == stated.stored_bytes,
            shape == (stated.rows, stated.cols),
            shape == (valid.rows, valid.cols),
        ]

    admitted = []
    for shape in dict.fromkeys((stated, valid, *listed)):
        for width in WIDTHS:
            layout = replace(shape, stored_bytes=width)
            fits_whole = shape is stated and (layout.size == space or layout.size <= length < 2 * layout.size)
            if width >= stated.scale_bytes and (layout.size == length or fits_whole):
                admitted.append(layout)
    admitted.sort(key=lambda layout: -sum(agreements(layout)))
    for layout in admitted:
        exact, inside, _, usual, own, all_valid = agreements(layout)
        certain = inside and usual and own and (len(admitted) == 1 or (exact and all_valid))
        if certain or _looks_right(header, layout):
            return replace(layout, remarks=tuple(_contradictions(layout, stated, length, valid.rows)))
    also = "".join(f", nor {shape.lines} of {shape.cols} as its scan list says" for shape in listed)
    raise HeaderError(
        f"{where}: {length} bytes of data are not {stated.lines} lines of {stated.cols} pixels "
        f"of {stated.stored_bytes} bytes{also}; export it again."
    )


def _valid_rows(values: Section, rows: int) -> int:
    """Return the rows that the header marks as valid: all of them, or fewer of a scan stopped early."""
    valid = (integers(values, "valid data len y") or [rows])[0]
    return valid if 0 < valid <= rows else rows


def _pixels_before(header: Header, values: Section) -> int:
    """Return the number of pixels of the images before this one."""
    count = 0
    for name, other in header.sections:
        if other is values:
            break
        if is_image_list(name):
            count += math.prod((integers(other, key) or [0])[0] for key in ("samps/line", "number of lines"))
    return max(count, 0)


def _listed(header: Header, stated: Layout) -> list[Layout]:
    """Return the image in the size of the scan list, none where the scan list states none or the same."""
    cols, lines = (integers(header.scan_list, key)[:1] for key in ("samps/line", "lines"))
    if not cols or not lines or min(cols + lines) < 1 or (lines[0], cols[0]) == (stated.rows, stated.cols):
        return []
    return [replace(stated, rows=lines[0], cols=cols[0], lines=lines[0], of_scan_list=True)]


def _looks_right(header: Header, layout: Layout) -> bool:
    """Judge from the data whether they are numbers of so many bytes.

    The 16-bit words of an image differ less from the next one than those of 32-bit numbers, whose halves alternate.
    """
    with open(header.path, "rb") as file:
        file.seek(layout.offset)
        data = file.read(min(layout.size, LOOKED_AT_BYTES) // 4 * 4)
    words = np.frombuffer(data, dtype="<i2").astype(float)
    if np.ptp(words) == 0 or words.size < 4:
        return True
    alternates = bool(_mean_step(words, 1) > ALTERNATION * _mean_step(words, 2))
    if layout.stored_bytes == 2:
        return not alternates
    beyond_scale = int(np.abs(np.frombuffer(data, dtype="<i4").astype(np.int64)).max()) >= 256**layout.scale_bytes
    return alternates and not beyond_scale


def _mean_step(words: NDArray[np.float64], distance: int) -> float:
    return float(np.abs(words[distance:] - words[:-distance]).mean())


def _contradictions(layout: Layout, stated: Layout, length: int, valid_rows: int) -> list[str]:
    """Return remarks on what the header states otherwise than the data are."""
    remarks = []
    if layout.of_scan_list:
        remarks.append(
            f"its image list states {stated.cols} x {stated.rows} pixels, its scan list {layout.cols} x {layout.rows}, "
            "which fits the data and was taken"
        )
    elif valid_rows < layout.rows:
        remarks.append(f"only {valid_rows} of its {layout.rows} lines are marked as valid")
    if layout.stored_bytes != stated.stored_bytes:
        remarks.append(
            f"its data are of {layout.stored_bytes} bytes per pixel, its version usually stores {stated.stored_bytes}"
        )
    if layout.size != length:
        remarks.append(f"its header states {length} bytes of data, its pixels take {layout.size}")
    return remarks


def _scan_size(values: Section, where: str) -> tuple[float, float]:
    """Return width and height of the full scan in metres; a missing size is an error and never guessed."""
    sizes = _length(values.get("scan size", ""))
    if sizes is None:
        raise ScanSizeError(f"{where}: the header has no valid scan size; remove the scan or export it again.")
    return sizes


def _slow_axis_m(values: Section, where: str) -> float | None:
    """Return the height of the complete scan in metres, None where the section does not state it."""
    text = values.get("slow axis size", "")
    sizes = _length(text)
    if text and sizes is None:
        raise ScanSizeError(f"{where}: '{text[:20]}' is not a size of the slow axis; export the scan again.")
    return sizes[0] if sizes else None


def _length(text: str) -> tuple[float, float] | None:
    """Return one length twice, or two lengths, in metres; None where they are missing or not positive."""
    match = SCAN_SIZE.fullmatch(text.strip())
    if match is None:
        return None
    factor, unit = base_unit(match["unit"])
    sizes = float(match["x"]) * factor, float(match["y"] or match["x"]) * factor
    return sizes if unit == "m" and all(math.isfinite(size) and size > 0 for size in sizes) else None


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
