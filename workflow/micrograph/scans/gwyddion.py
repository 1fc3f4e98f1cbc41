"""All other formats, through Gwyddion's importer: an optional dependency, run as a process of its own.

The importer writes a .gwy file. It is read here and not by gwyfile, which fails on strings that are not UTF-8 and
allocates whatever a damaged length asks for.
"""

import errno
import os
import re
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.io import sha256_file, unwritable
from micrograph.scans.height_map import DEFAULT_OPTIONS, NM_PER_M, HeightMap, ReadOptions

INSTALL = "pip install 'gwyddionpy[converter]'"
MAGIC = b"GWYP"
SCALAR_BYTES = {"b": 1, "c": 1, "i": 4, "q": 8, "d": 8}
ARRAY_DTYPES = {"C": "S1", "I": "<i4", "Q": "<i8", "D": "<f8"}
MAX_DEPTH = 8
MAX_COMPONENTS = 1 << 16  # of one object in a .gwy file
MAX_BYTES = 1 << 30  # of a .gwy file
MAX_PIXELS = 1 << 26
MAX_EXTENT_NM = 1e9
MAX_LISTED = 12
SMALL_BYTES = 1 << 24  # a temporary folder with less room than this, and than the scan takes, is full
DIRECTION = re.compile(r"[\s_\-\[(]*(?P<direction>retrace|trace|backward|forward|bwd|fwd)[\])\s]*$", re.IGNORECASE)
DIRECTION_NAMES = {"trace": "Trace", "forward": "Trace", "fwd": "Trace"}
DIRECTION_NAMES |= dict.fromkeys(("retrace", "backward", "bwd"), "Retrace")

Fields = list[tuple[str, dict[str, Any]]]


def detect(path: str | Path, head: bytes) -> bool:
    """Accept every file: which formats the importer knows, only the importer can tell.

    Parameters
    ----------
    path : path
        The file.
    head : bytes
        Its first bytes.

    Returns
    -------
    bool
        True.
    """
    return True


def read(path: str | Path, options: ReadOptions = DEFAULT_OPTIONS) -> HeightMap:
    """Read the heights of one scan of any format that Gwyddion knows.

    Parameters
    ----------
    path : path
        The file. A .gwy file needs no importer.
    options : ReadOptions
        Channels, direction and time limit. The direction is taken from the end of a channel's title; a title without
        one counts for either.

    Returns
    -------
    HeightMap

    Raises
    ------
    UserError
        If the importer is not installed, does not know the format or exceeds its time, or if the file has no such
        channel or its values are not heights.
    """
    path = Path(path)
    with open(path, "rb") as file:
        is_gwy = file.read(len(MAGIC)) == MAGIC
    fields = _parse(path, _read_bytes(path, path) if is_gwy else _convert(path, options.gwyddion_timeout_seconds))
    title, direction, field = _choose(path, fields, options)
    height_nm, size_nm = _heights(path, title, field)
    return HeightMap(height_nm, *size_nm, title, direction, path.name, sha256_file(path), height_nm.shape[0])


def find_converter() -> str | None:
    """Find the program that runs Gwyddion's importer.

    Returns
    -------
    str or None
        The environment variable GWYDDIONPY_CONVERT, else the installed wheel, else `gwyconvert` on PATH, else None.
    """
    if path := os.environ.get("GWYDDIONPY_CONVERT"):
        return path
    try:
        from gwyddionpy_converter import binary_path

        return str(binary_path())
    except (ImportError, FileNotFoundError):
        return shutil.which("gwyconvert")


def _read_bytes(path: Path, gwy_path: Path) -> bytes:
    """Return the bytes of the .gwy file `gwy_path`, which is, or was converted from, the scan at `path`."""
    if gwy_path.stat().st_size > MAX_BYTES:
        raise UserError(f"{path}: its .gwy data exceed 1 GiB; export the height channel as its own file.")
    return gwy_path.read_bytes()


def _convert(path: Path, timeout_seconds: float) -> bytes:
    """Return the bytes of the .gwy file that the importer makes of the file at `path`."""
    program = find_converter()
    if program is None:
        raise UserError(
            f"{path}: neither a NanoScope file nor a PNG or TIFF image; "
            f"other formats need Gwyddion's importer: {INSTALL}."
        )
    with tempfile.TemporaryDirectory(prefix="micrograph-") as folder:
        out = Path(folder) / "scan.gwy"
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
                "raise scans.gwyddion_timeout_seconds or remove the scan."
            ) from None
        except OSError as error:
            raise UserError(f"{program}: Gwyddion's importer does not start ({error.strerror}); {INSTALL}.") from None
        if done.returncode != 0 and shutil.disk_usage(folder).free < min(path.stat().st_size, SMALL_BYTES):
            raise unwritable(folder, errno.ENOSPC)
        if done.returncode != 0 or not out.is_file():
            raise UserError(f"{path}: damaged, or in a format that Gwyddion's importer does not know; remove the scan.")
        return _read_bytes(path, out)


def _parse(path: Path, data: bytes) -> Fields:
    """Return (title, data field) of every channel of a .gwy file; strings that are not UTF-8 are read as Latin-1."""
    try:
        if data[:4] != MAGIC:
            raise ValueError("not a .gwy file")
        _, container, _ = _object(memoryview(data)[4:], 0, MAX_DEPTH)
        keys = sorted(
            (key for key in container if re.fullmatch(r"/\d+/data", key)), key=lambda key: int(key.split("/")[1])
        )
        return [(_printable(container.get(f"{key}/title", "")), container[key]) for key in keys]
    except (ValueError, IndexError, struct.error, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: the .gwy data are damaged; export the scan again.") from None


def _object(view: memoryview, at: int, depth: int) -> tuple[str, dict[str, Any], int]:
    """Return (type name, components, end) of the serialised object at offset `at`."""
    if depth < 0:
        raise ValueError("nested too deeply")
    name, at = _string(view, at)
    (size,) = struct.unpack_from("<I", view, at)
    at, end, components = at + 4, at + 4 + size, {}
    if end > len(view):
        raise ValueError("truncated")
    while at < end:
        key, at = _string(view, at)
        components[key], at = _component(view, at, depth)
        if len(components) > MAX_COMPONENTS:
            raise ValueError("too many components")
    return name, components, end


def _component(view: memoryview, at: int, depth: int) -> tuple[Any, int]:
    """Return (value, end) of the component whose type code is at offset `at`."""
    code, at = chr(view[at]), at + 1
    if code == "s":
        return _string(view, at)
    if code == "o":
        _, components, at = _object(view, at, depth - 1)
        return components, at
    if code in SCALAR_BYTES:
        scalar = {"b": "?", "c": "B"}.get(code, code)
        return struct.unpack_from(f"<{scalar}", view, at)[0], at + SCALAR_BYTES[code]
    (count,) = struct.unpack_from("<I", view, at)
    at += 4
    if code in ARRAY_DTYPES:
        values = np.frombuffer(view, dtype=ARRAY_DTYPES[code], count=count, offset=at)
        return values, at + values.nbytes
    if code not in "SO" or count > MAX_COMPONENTS:
        raise ValueError(f"unknown type {code}, or too many elements")
    elements = []
    for _ in range(count):
        element, at = _string(view, at) if code == "S" else _object(view, at, depth - 1)[1:]
        elements.append(element)
    return elements, at


def _string(view: memoryview, at: int) -> tuple[str, int]:
    """Return (text, end) of the zero-terminated string at offset `at`."""
    end = at
    piece = bytes(view[at : at + 256])
    while b"\0" not in piece:
        end += 256
        if end > len(view):
            raise ValueError("truncated")
        piece = bytes(view[end : end + 256])
    end += piece.index(b"\0")
    raw = bytes(view[at:end])
    try:
        return raw.decode("utf-8"), end + 1
    except UnicodeDecodeError:
        return raw.decode("latin-1"), end + 1


def _choose(path: Path, fields: Fields, options: ReadOptions) -> tuple[str, str, dict[str, Any]]:
    """Return (title, direction, field) of the first requested channel in an admitted direction."""
    for name in options.channels:
        for admitted in options.admitted_directions():
            for title, field in fields:
                match = DIRECTION.search(title)
                direction = DIRECTION_NAMES[match["direction"].lower()] if match else ""
                base = title[: match.start()] if match else title
                if name in (title, base) and direction in (admitted, ""):
                    return title, direction, field
    requested = " or ".join(f"'{name}'" for name in options.channels)
    available = ", ".join(f"'{title}'" for title, _ in fields[:MAX_LISTED]) or "no image"
    raise UserError(f"{path}: no channel {requested} (available: {available}); set scans.channels and scans.direction.")


def _heights(path: Path, title: str, field: dict[str, Any]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Return the heights in nm, (lines, pixels), and the physical (width, height) in nm of a data field in metres."""
    try:
        rows, cols = int(field["yres"]), int(field["xres"])
        values = np.asarray(field["data"], dtype=np.float64).reshape(max(rows, 0), max(cols, 0))
        size = float(field["xreal"]) * NM_PER_M, float(field["yreal"]) * NM_PER_M
        units = [_printable(field.get(name, {}).get("unitstr", "")) for name in ("si_unit_xy", "si_unit_z")]
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
        raise UserError(f"{path}: the .gwy data of channel '{title}' are damaged; export the scan again.") from None
    if units != ["m", "m"]:
        raise UserError(
            f"{path}: channel '{title}' is in '{units[1]}' over '{units[0]}' and not in metres; "
            "name a height channel in scans.channels."
        )
    if not all(0 < length <= MAX_EXTENT_NM for length in size) or values.size == 0:
        raise UserError(f"{path}: channel '{title}' has no valid scan size; export the scan again with its size.")
    if values.size > MAX_PIXELS:
        raise UserError(f"{path}: channel '{title}' has {cols} x {rows} pixels; export it smaller than 8192 x 8192.")
    with np.errstate(over="ignore"):  # of absurd heights, which the levelling refuses
        return values * NM_PER_M, size


def _printable(text: str) -> str:
    """Return a string of the file for messages and tables: printable, 60 characters at most."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text)[:60])
