"""One door for scans of every kind: known by their content, never by their extension."""

import hashlib
import os
import re
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from micrograph.errors import UserError, printable
from micrograph.scans import gwyddion, nanoscope
from micrograph.scans.nanoscope import MAGIC

PICTURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
INSTRUMENT_TAGS = {50432, 32768}  # of Park's and JPK's TIFF files, which show a thumbnail and hide the heights
# An XML file may be a scan (SPML), unless it goes on as a page or as a server's error.
PAGES = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--|<!doctype html|<html|<head|<body|<script|<error)", re.IGNORECASE)
OTHERS = {
    b"\xff\xd8\xff": "a JPEG picture, whose compression blurs fine relief; save it from its source as PNG or TIFF",
    b"GIF8": "a GIF picture; save it as PNG or TIFF",
    b"%PDF-": "a PDF document; name the scan itself",
    b"\x1f\x8b": "packed by gzip; unpack it",
    b"7z\xbc\xaf\x27\x1c": "a packed archive; unpack it and name the scan in it",
    b"Rar!": "a packed archive; unpack it and name the scan in it",
}
HEAD_BYTES = 512
MODES = {"L": np.uint8, "RGB": np.uint8, "RGBA": np.uint8, "I;16": np.uint16, "I;16B": np.uint16, "I;16L": np.uint16}
AS_GREY = {"1": "L", "LA": "RGBA", "P": "RGBA", "PA": "RGBA"}
PIXELS_AT_MOST = 1 << 26
WIDEST_NM = 1e9
IMAGEJ_NM = {"nm": 1.0, "um": 1e3, "\xb5m": 1e3, "\\u00B5m": 1e3, "micron": 1e3, "microns": 1e3}


@dataclass(frozen=True, eq=False)
class Picture:
    """A finished picture. array: (rows, columns) or (rows, columns, 3 or 4), uint8 or uint16; width_nm: None where no
    one says how wide it is; source: the file's name, source_sha256: of its bytes."""

    array: np.ndarray
    width_nm: float | None
    source: str
    source_sha256: str


def read(path, channels=nanoscope.CHANNELS, direction="any", gwyddion_timeout_seconds=60, width_nm=None):
    """Read one scan: a HeightMap of NanoScope files and of what Gwyddion imports, a Picture of PNG and TIFF.

    TIFF files of Park and JPK instruments are no pictures but scans, and go to Gwyddion's importer.

    channels, direction: as in nanoscope.read. width_nm: physical width of a finished picture, from the sample sheet.
    Raises UserError for a missing file, a folder, an empty file, a web page, and all that the readers refuse.
    """
    try:
        found = kind(path)
        if found == "nanoscope":
            return nanoscope.read(path, channels, direction)
        if found == "picture":
            return read_picture(path, width_nm)
        return gwyddion.read(path, channels, direction, gwyddion_timeout_seconds)
    except UserError as fault:
        if (shown := printable(path)) == str(path):
            raise
        raise UserError(str(fault).replace(str(path), shown)) from None


def kind(path):
    """What the first bytes of a file say that it is: "nanoscope", "picture", or "other", which Gwyddion may know.

    Raises UserError for a missing file, a folder, an empty file, a web page, and pictures and archives that are never read.
    """
    head = _head(Path(path))
    if MAGIC.match(head):
        return "nanoscope"
    for magic in PICTURES:
        if head.startswith(magic) and not _of_an_instrument(path):
            return "picture"
    for magic, thing in OTHERS.items():
        if head.startswith(magic):
            raise UserError(f"{path}: this is {thing}.")
    if PAGES.match(head.removeprefix(b"\xef\xbb\xbf")):
        raise UserError(
            f"{path}: this is a web page and no scan, perhaps a login or error page; download the scan again."
        )
    return "other"


def _head(path):
    """The first bytes of a file that is there and not empty; a pipe, which would be waited for, is not opened."""
    try:
        kind = os.stat(path).st_mode
        if stat.S_ISDIR(kind):
            raise UserError(f"{path}: {_folder(path)}.")
        if not stat.S_ISREG(kind):
            raise UserError(f"{path}: this is no file that can be read; name a scan's own file.")
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        raise UserError(f"{path}: {_missing(path)}; name an existing file.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: the scan cannot be read ({reason}); name a readable file.") from None
    if not head:
        raise UserError(f"{path}: the file is empty; fetch the scan again.")
    return head


def _folder(path):
    if os.access(path, os.R_OK | os.X_OK):
        return "this is a folder and no scan; name a file in it"
    return "this folder cannot be opened; correct its rights"


def _missing(path):
    return "this link leads to no file" if os.path.islink(path) else "there is no such scan"


def _of_an_instrument(path):
    """Whether the picture is the thumbnail of a scan that is stored beside it in the same TIFF file."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, and of sizes that are checked later
            with Image.open(path, formats=("TIFF",)) as image:
                return bool(INSTRUMENT_TAGS & set(image.tag_v2))
    except Exception:  # no TIFF, or a damaged one: read_picture says so
        return False


def read_picture(path, width_nm=None):
    """Read a PNG or TIFF of 8 or 16 bits into a Picture.

    width_nm from the sheet counts before the size that ImageJ writes into a TIFF. Resolutions in dots per inch are
    those of printers and are not believed. Raises UserError for damaged, too large, many-paged and floating-point pictures.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, and of sizes that are checked here
            with Image.open(path, formats=("PNG", "TIFF")) as image:
                _check_picture(path, image)
                width_nm = width_nm or _imagej_width_nm(image)
                array = _array(path, image)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except UserError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UserError(f"{path}: the picture cannot be read ({error.strerror}); name a readable file.") from None
    except Image.DecompressionBombError:
        raise UserError(f"{path}: the picture is far too large; make it smaller than 8192 x 8192.") from None
    except Exception as error:  # Pillow raises whatever the damage happens to break
        raise UserError(f"{path}: the picture is damaged ({type(error).__name__}); save it again.") from None
    return Picture(array, width_nm, Path(path).name, digest)


def imagej_width_nm(path):
    """The width in nm that ImageJ wrote into a TIFF, None where there is none; the pixels are not read."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("TIFF",)) as image:
                return _imagej_width_nm(image)
    except Exception:  # no TIFF, or a damaged one: read_picture says so
        return None


def _check_picture(path, image):
    if image.width * image.height > PIXELS_AT_MOST:
        raise UserError(
            f"{path}: the picture has {image.width} x {image.height} pixels; make it smaller than 8192 x 8192."
        )
    if getattr(image, "n_frames", 1) > 1:
        raise UserError(f"{path}: the picture has {image.n_frames} pages; save the one that is meant by itself.")


def _array(path, image):
    """The picture's numbers as they are, uint8 or uint16; palettes and single bits become greys or colours."""
    mode = image.mode
    if mode in AS_GREY:
        return np.array(image.convert(AS_GREY[mode]))
    if mode == "I":  # how Pillow holds some 16-bit pictures
        array = np.array(image)
        if array.min() < 0 or array.max() > np.iinfo(np.uint16).max:
            raise UserError(f"{path}: the picture has 32 bits a pixel; save it with 8 or 16.")
        return array.astype(np.uint16)
    if mode not in MODES:
        raise UserError(f"{path}: the picture is of the kind '{mode}'; save it with 8 or 16 bits, grey or RGB.")
    return np.array(image).astype(MODES[mode])


def _imagej_width_nm(image):
    """The width in nm that ImageJ wrote into a TIFF, None where there is none."""
    tags = getattr(image, "tag_v2", {})
    unit = re.search(r"^unit=(\S+)$", str(tags.get(270, "")), re.MULTILINE)
    per_unit = float(tags.get(282, 0) or 0)
    if not str(tags.get(270, "")).startswith("ImageJ") or not unit or unit[1] not in IMAGEJ_NM or not per_unit > 0:
        return None
    width_nm = image.width / per_unit * IMAGEJ_NM[unit[1]]
    return width_nm if 0 < width_nm <= WIDEST_NM else None
