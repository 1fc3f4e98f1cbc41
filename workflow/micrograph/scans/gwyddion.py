"""Scans in the many other formats, through Gwyddion's importer: an optional extra, run as a process of its own."""

import errno
import hashlib
import os
import re
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from micrograph.errors import UserError
from micrograph.io import unwritable
from micrograph.scans.height_map import NM_PER_M, HeightMap

INSTALL = "pip install 'gwyddionpy[converter]'"
MAGIC = b"GWYP"
WIDTHS = {"b": 1, "c": 1, "i": 4, "q": 8, "d": 8}
ARRAYS = {"C": "S1", "I": "<i4", "Q": "<i8", "D": "<f8"}
NESTED = 8
PARTS_AT_MOST = 1 << 16  # of one object in a .gwy file
BYTES_AT_MOST = 1 << 30  # of a .gwy file
PIXELS_AT_MOST = 1 << 26
LARGEST_NM = 1e9
LISTED_AT_MOST = 12
SMALL_BYTES = 1 << 24  # a temporary folder with less room than this, and than the scan takes, is full
WAY = re.compile(r"[\s_\-\[(]*(?P<way>retrace|trace|backward|forward|bwd|fwd)[\])\s]*$", re.IGNORECASE)
WAYS = {"trace": "Trace", "forward": "Trace", "fwd": "Trace"} | dict.fromkeys(("retrace", "backward", "bwd"), "Retrace")
DIRECTIONS = {"trace": ("Trace",), "retrace": ("Retrace",), "any": ("Trace", "Retrace", "")}


def read(path, channels, direction, timeout_seconds=60):
    """Read the heights of one scan of any format that Gwyddion knows into a HeightMap.

    channels, direction: as in nanoscope.read; the direction is taken from the end of a channel's title, and a title
    that tells none counts for either. A .gwy file needs no converter. Raises UserError where the converter is not
    installed, knows no such format, takes longer than timeout_seconds, or the file has no such channel or its values
    are no heights.
    """
    path = Path(path)
    with open(path, "rb") as file:
        native = file.read(len(MAGIC)) == MAGIC
    fields = _fields(path, _bytes(path, path) if native else _converted(path, timeout_seconds))
    title, way, field = _choose(path, fields, channels, direction)
    values, size_nm = _heights(path, title, field)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return HeightMap(values, *size_nm, title, way, path.name, digest, values.shape[0])


def _bytes(path, data_path):
    """All bytes of a .gwy file, which is the scan at `path` or was made of it."""
    if data_path.stat().st_size > BYTES_AT_MOST:
        raise UserError(f"{path}: its .gwy data take more than 1 GiB; save the height channel by itself.")
    return data_path.read_bytes()


def converter():
    """Path of Gwyddion's converter, None where it is not installed: GWYDDIONPY_CONVERT, the wheel, then PATH."""
    named = os.environ.get("GWYDDIONPY_CONVERT")
    if named:
        return named
    try:
        from gwyddionpy_converter import binary_path

        return str(binary_path())
    except (ImportError, FileNotFoundError):
        return shutil.which("gwyconvert")


def _converted(path, timeout_seconds):
    """The bytes of the .gwy file that the converter makes of the file at `path`."""
    program = converter()
    if program is None:
        raise UserError(
            f"{path}: neither a NanoScope file nor a picture; other formats need Gwyddion's importer: {INSTALL}."
        )
    with tempfile.TemporaryDirectory(prefix="micrograph-") as room:
        out = Path(room) / "scan.gwy"
        env = os.environ | {"LC_ALL": "C", "GTK_MODULES": "", "GDK_PIXBUF_MODULE_FILE": os.devnull}
        try:
            done = subprocess.run(
                [program, str(path.resolve()), str(out)],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=timeout_seconds,
                env=env,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UserError(
                f"{path}: Gwyddion's importer took longer than {timeout_seconds:g} s; "
                "raise scans.gwyddion_timeout_seconds or take the scan out."
            ) from None
        except OSError as error:
            raise UserError(f"{program}: Gwyddion's converter does not start ({error.strerror}); {INSTALL}.") from None
        if done.returncode != 0 and shutil.disk_usage(room).free < min(path.stat().st_size, SMALL_BYTES):
            raise unwritable(room, errno.ENOSPC)
        if done.returncode != 0 or not out.is_file():
            raise UserError(f"{path}: in no format that Gwyddion's importer knows, or damaged; take it out.")
        return _bytes(path, out)


def _fields(path, data):
    """[(title, data field)] of a .gwy file; bytes that are no UTF-8 are kept as Latin-1."""
    try:
        if data[:4] != MAGIC:
            raise ValueError("no .gwy file")
        _, container, _ = _thing(memoryview(data)[4:], 0, NESTED)
        keys = sorted(
            (key for key in container if re.fullmatch(r"/\d+/data", key)), key=lambda key: int(key.split("/")[1])
        )
        return [(_plain(container.get(f"{key}/title", "")), container[key]) for key in keys]
    except (ValueError, IndexError, struct.error, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: the .gwy data is damaged; export the scan anew.") from None


def _thing(view, at, depth):
    """(type name, its components as a dict, next place) of the serialized object at `at`."""
    if depth < 0:
        raise ValueError("nested too deeply")
    name, at = _string(view, at)
    (size,) = struct.unpack_from("<I", view, at)
    at, end, parts = at + 4, at + 4 + size, {}
    if end > len(view):
        raise ValueError("cut off")
    while at < end:
        key, at = _string(view, at)
        parts[key], at = _component(view, at, depth)
        if len(parts) > PARTS_AT_MOST:
            raise ValueError("too many parts")
    return name, parts, end


def _component(view, at, depth):
    """(value, next place) of the component whose type letter stands at `at`."""
    kind, at = chr(view[at]), at + 1
    if kind == "s":
        return _string(view, at)
    if kind == "o":
        _, parts, at = _thing(view, at, depth - 1)
        return parts, at
    if kind in WIDTHS:
        code = {"b": "?", "c": "B"}.get(kind, kind)
        return struct.unpack_from(f"<{code}", view, at)[0], at + WIDTHS[kind]
    (count,) = struct.unpack_from("<I", view, at)
    at += 4
    if kind in ARRAYS:
        values = np.frombuffer(view, dtype=ARRAYS[kind], count=count, offset=at)
        return values, at + values.nbytes
    if kind not in "SO" or count > PARTS_AT_MOST:
        raise ValueError(f"unknown type {kind}, or too many")
    many = []
    for _ in range(count):
        one, at = _string(view, at) if kind == "S" else _thing(view, at, depth - 1)[1:]
        many.append(one)
    return many, at


def _string(view, at):
    """(text, next place) of the text that ends in a zero byte."""
    end = at
    piece = bytes(view[at : at + 256])
    while b"\0" not in piece:
        end += 256
        if end > len(view):
            raise ValueError("cut off")
        piece = bytes(view[end : end + 256])
    end += piece.index(b"\0")
    raw = bytes(view[at:end])
    try:
        return raw.decode("utf-8"), end + 1
    except UnicodeDecodeError:
        return raw.decode("latin-1"), end + 1


def _choose(path, fields, channels, direction):
    """(title, direction, field) of the first wanted channel in an admitted direction."""
    if direction not in DIRECTIONS:
        raise UserError(
            f"direction '{direction}' is not known; set scans.direction to one of: {', '.join(DIRECTIONS)}."
        )
    for name in channels:
        for wanted in DIRECTIONS[direction]:
            for title, field in fields:
                match = WAY.search(title)
                way = WAYS[match["way"].lower()] if match else ""
                plain = title[: match.start()] if match else title
                if name in (title, plain) and way in (wanted, ""):
                    return title, way, field
    asked = " or ".join(f"'{name}'" for name in channels)
    has = ", ".join(f"'{title}'" for title, _ in fields[:LISTED_AT_MOST]) or "no image at all"
    raise UserError(
        f"{path}: no channel {asked}; it has {has}; set scans.channels and scans.direction to one of these."
    )


def _heights(path, title, field):
    """((lines, pixels) nm, (width_nm, tall_nm)) of a data field in metres."""
    try:
        rows, cols = int(field["yres"]), int(field["xres"])
        values = np.asarray(field["data"], dtype=np.float64).reshape(max(rows, 0), max(cols, 0))
        size = float(field["xreal"]) * NM_PER_M, float(field["yreal"]) * NM_PER_M
        units = [_plain(field.get(name, {}).get("unitstr", "")) for name in ("si_unit_xy", "si_unit_z")]
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
        raise UserError(f"{path}: the .gwy data of channel '{title}' is damaged; export the scan anew.") from None
    if units != ["m", "m"]:
        raise UserError(
            f"{path}: channel '{title}' is in '{units[1]}' over '{units[0]}' and not in metres; "
            "name a height channel in scans.channels."
        )
    if not all(0 < length <= LARGEST_NM for length in size) or values.size == 0:
        raise UserError(f"{path}: channel '{title}' tells no scan size; export the scan anew with its size.")
    if values.size > PIXELS_AT_MOST:
        raise UserError(f"{path}: channel '{title}' has {cols} x {rows} pixels; export it smaller than 8192 x 8192.")
    with np.errstate(over="ignore"):  # of heights beyond all measure, which the levelling refuses
        return values * NM_PER_M, size


def _plain(text):
    """A text of the file as sentences and tables can hold it: printable, and 60 signs at most."""
    return "".join(sign if sign.isprintable() else "?" for sign in str(text)[:60])
