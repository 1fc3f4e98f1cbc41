"""Detect the format of a scan file by its content, never by its extension, and read it."""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from micrograph.errors import UserError, printable
from micrograph.scans import gwyddion, image_files, nanoscope
from micrograph.scans.height_map import DEFAULT_OPTIONS, HeightMap, Inspection, ReadOptions
from micrograph.scans.image_files import ExportedImage

HEAD_BYTES = 512
# An XML file may be a scan (SPML), unless it continues as an HTML page or the error of a server.
WEB_PAGE = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--|<!doctype html|<html|<head|<body|<script|<error)", re.IGNORECASE)
# Signatures of common files that are never scans: what they are, and what to do.
REFUSED = {
    b"\xff\xd8\xff": "a JPEG image, whose compression blurs fine relief; export it as PNG or TIFF",
    b"GIF8": "a GIF image; export it as PNG or TIFF",
    b"%PDF-": "a PDF document; name the scan file instead",
    b"\x1f\x8b": "compressed with gzip; decompress it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; extract the scan from it",
    b"Rar!": "a RAR archive; extract the scan from it",
}


class Format(NamedTuple):
    """One file format.

    Attributes
    ----------
    detect : callable (path, head) -> bool
        Whether a file is of this format. `head` are its first `HEAD_BYTES` bytes.
    read : callable (path, ReadOptions) -> HeightMap or ExportedImage
        Reads a file of this format; raises UserError.
    inspect : callable (path) -> Inspection
        Returns what the file states for the sample sheet; raises UserError for a file that is not a scan.
    """

    detect: Callable[[str | Path, bytes], bool]
    read: Callable[[str | Path, ReadOptions], HeightMap | ExportedImage]
    inspect: Callable[[str | Path], Inspection]


def _inspect_nanoscope(path: str | Path) -> Inspection:
    header = nanoscope.read_header(path)
    nanoscope.check_heights(header)
    return Inspection(date=header.date)


# The only list of formats, tried in this order. The last takes every file that is left.
FORMATS = {
    "nanoscope": Format(nanoscope.detect, nanoscope.read, _inspect_nanoscope),
    "image": Format(image_files.detect, image_files.read, image_files.inspect),
    "gwyddion": Format(gwyddion.detect, gwyddion.read, gwyddion.inspect),
}


def detect(path: str | Path) -> str:
    """Detect the format of a file by its first bytes.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    str
        A key of FORMATS. "gwyddion" only says that no other format applies.

    Raises
    ------
    UserError
        If the file is missing, a folder, a pipe, empty, a web page, or an image or archive of `REFUSED`.
    """
    head = _read_head(Path(path))
    for signature, description in REFUSED.items():
        if head.startswith(signature):
            raise UserError(f"{path}: this is {description}.")
    if WEB_PAGE.match(head.removeprefix(b"\xef\xbb\xbf")):
        raise UserError(f"{path}: this is a web page, perhaps a login or error page; download the scan again.")
    return next(name for name, row in FORMATS.items() if row.detect(path, head))


def read_scan(path: str | Path, options: ReadOptions = DEFAULT_OPTIONS) -> HeightMap | ExportedImage:
    """Read one scan of any format.

    Parameters
    ----------
    path : path
        The file.
    options : ReadOptions
        Channels, direction, and what the file does not state.

    Returns
    -------
    HeightMap or ExportedImage
        An ExportedImage of PNG and TIFF files of grey values, a HeightMap of all others.

    Raises
    ------
    UserError
        In one sentence, for everything that `detect` and the reader of the format refuse.
    """
    try:
        return FORMATS[detect(path)].read(path, options)
    except UserError as error:
        if (shown := printable(path)) == str(path):
            raise
        raise type(error)(str(error).replace(str(path), shown)) from None


def inspect(path: str | Path) -> Inspection:
    """Return what a scan file of any format states for the sample sheet.

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
        If the file is not a scan.
    """
    return FORMATS[detect(path)].inspect(path)


def _read_head(path: Path) -> bytes:
    """Return the first bytes of a regular file that is not empty; a pipe, which would block, is not opened."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            closed = not os.access(path, os.R_OK | os.X_OK)
            reason = "this folder cannot be opened; correct its permissions" if closed else "this is a folder"
            raise UserError(f"{path}: {reason}{'' if closed else '; name a scan file in it'}.")
        if not stat.S_ISREG(mode):
            raise UserError(f"{path}: this is not a regular file; name a scan file.")
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except UserError:  # a ValueError
        raise
    except FileNotFoundError:
        reason = "broken symbolic link" if os.path.islink(path) else "no such file"
        raise UserError(f"{path}: {reason}; name an existing scan.") from None
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error)
        raise UserError(f"{path}: the scan cannot be read ({reason}); name a readable file.") from None
    if not head:
        raise UserError(f"{path}: the file is empty; copy or download the scan again.")
    return head
