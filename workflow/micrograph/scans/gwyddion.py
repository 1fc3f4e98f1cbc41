"""All other formats, through Gwyddion's importer: an optional dependency, run as a process of its own.

The importer writes a .gwy file. It is read here and not by gwyfile, which fails on strings that are not UTF-8 and
allocates as much memory as a damaged length states.
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

from micrograph.errors import UserError
from micrograph.io import unwritable
from micrograph.scans import surface_topography
from micrograph.scans.channels import Channel, read_heights
from micrograph.scans.height_map import DEFAULT_OPTIONS, HeightMap, Inspection, ReadOptions

INSTALL = f"pip install 'gwyddionpy[converter]' (Linux on x86-64) or pip install {surface_topography.PACKAGE}"
MAGIC = b"GWYP"
# Signatures of files that are not scans unless the importer knows better: some makers' formats are zip files.
NOT_SCANS = {
    b"PK\x03\x04": "a zip archive or an office document; extract the scans from it",
    b"BM": "a BMP image; save it as PNG or TIFF",
    b"RIFF": "a WebP image, a film or a sound; save an image as PNG or TIFF",
}
SCALAR_BYTES = {"b": 1, "c": 1, "i": 4, "q": 8, "d": 8}
ARRAY_DTYPES = {"C": "S1", "I": "<i4", "Q": "<i8", "D": "<f8"}
MAX_DEPTH = 8
MAX_COMPONENTS = 1 << 16  # of one object in a .gwy file
MAX_BYTES = 1 << 30  # of a .gwy file
# Formats of the importers, by signature or, where that is ambiguous, by suffix.
SIGNATURES = (
    *(
        b"GWYP",
        b"GWYO",
        b"Gwyddion Simple Field 1.0",
        b"fileType      Image",
        b":NANONIS_VERSION:",
        b"\x01\xb0\x93\xff",
    ),
    *(b"\xaa\0S\0T\0i\0M\0a\0g\0e\0", b"STiMage", b"[DataSet]", b"ISO/TC 201 SPM data transfer format"),
    *(b"DIGITAL SURF", b"DSCOMPRESSED", b"[Paramco32]", b"II*\0", b"MM\0*", b"<SPML", b"#R3", b"ONTMATRX0101"),
    b"WSxM file copyright",
)
SUFFIXES = {
    *(".gwy", ".gsf", ".mi", ".top", ".ibw", ".jpk", ".jpk-force", ".jpk-qi-image", ".h5-jpk", ".nid", ".nhf", ".sxm"),
    *(".mtrx", ".sm2", ".sm3", ".sm4", ".stp", ".mdt", ".sur", ".spml", ".mul", ".ezd", ".afm", ".xqd"),
    *(".bcr", ".bcrf"),
}
SMALL_BYTES = 1 << 24  # a temporary folder with less room than this, and than the scan takes, is full


def detect(path: str | Path, head: bytes) -> bool:
    """Accept every file: only the importer itself knows which formats it reads.

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
        Channels, direction and time limit. The direction is taken from a channel's title; a title without one counts
        for either.

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
    if is_gwy:
        channels = _parse(path, _read_bytes(path, path))
    elif find_converter() is None and surface_topography.is_installed():
        channels = surface_topography.read_channels(path, options.gwyddion_timeout_seconds)
    else:
        channels = _parse(path, _convert(path, options.gwyddion_timeout_seconds))
    return read_heights(path, channels, options)


def inspect(path: str | Path) -> Inspection:
    """Return whether a file is a scan by its signature or suffix; the importer is not run.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    Inspection

    Raises
    ------
    UserError
        If the file is in no format that is known here.
    """
    with open(path, "rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf")
    if Path(path).suffix.lower() not in SUFFIXES and not head.startswith(SIGNATURES):
        _refuse_known(path, head)
        raise UserError(f"{path}: in no known format; if Gwyddion reads it, add a row by hand.")
    return Inspection()


def _refuse_known(path: str | Path, head: bytes) -> None:
    """Raise UserError that names the format of a file that is not a scan."""
    for signature, description in NOT_SCANS.items():
        if head.startswith(signature):
            raise UserError(f"{path}: {description}.")


def is_available() -> bool:
    """Return whether Gwyddion's importer or SurfaceTopography is installed."""
    return find_converter() is not None or surface_topography.is_installed()


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
            f"other formats need Gwyddion's importer or SurfaceTopography: {INSTALL}."
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
            with open(path, "rb") as file:
                _refuse_known(path, file.read(64))
            raise UserError(f"{path}: damaged, or in a format that Gwyddion's importer does not know; remove the scan.")
        return _read_bytes(path, out)


def _parse(path: Path, data: bytes) -> list[Channel]:
    """Return every image of a .gwy file; strings that are not UTF-8 are read as Latin-1."""
    try:
        if data[:4] != MAGIC:
            raise ValueError("not a .gwy file")
        _, container, _ = _object(memoryview(data)[4:], 0, MAX_DEPTH)
        numbers = sorted(int(match[1]) for key in container if (match := re.fullmatch(r"/(\d{1,9})/data", key)))
        return [_channel(number, container) for number in numbers]
    except (ValueError, IndexError, struct.error, KeyError, TypeError, AttributeError, OverflowError):
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


def _channel(number: int, container: dict[str, Any]) -> Channel:
    """Return image `number` of a .gwy file."""
    field, mask = container[f"/{number}/data"], container.get(f"/{number}/mask")
    rows, cols = int(field["yres"]), int(field["xres"])
    unit_xy, unit_z = (_printable((field.get(name) or {}).get("unitstr", "")) for name in ("si_unit_xy", "si_unit_z"))
    return Channel(
        number,
        _printable(container.get(f"/{number}/data/title", "")),
        np.asarray(field["data"], dtype=np.float64).reshape(max(rows, 0), max(cols, 0)),
        (float(field["xreal"]), float(field["yreal"])),
        unit_xy,
        unit_z,
        int(np.count_nonzero(np.asarray(mask["data"]) > 0)) if mask else 0,
    )


def _printable(text: str) -> str:
    """Return a string of the file for messages and tables: printable, 60 characters at most."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text)[:60])
