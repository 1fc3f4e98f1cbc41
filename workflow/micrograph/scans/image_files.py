"""Exported images: PNG and TIFF files of 8 or 16 bits that hold grey values instead of heights."""

import hashlib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.scans.height_map import DEFAULT_OPTIONS, ReadOptions

if TYPE_CHECKING:
    from PIL.Image import Image

SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*")
INSTRUMENT_TAGS = {50432, 32768}  # of Park's and JPK's TIFF files: a thumbnail, with the heights in private tags
DTYPES = {"L": np.uint8, "RGB": np.uint8, "RGBA": np.uint8, "I;16": np.uint16, "I;16B": np.uint16, "I;16L": np.uint16}
CONVERTED_MODES = {"1": "L", "LA": "RGBA", "P": "RGBA", "PA": "RGBA"}
MAX_PIXELS = 1 << 26
MAX_WIDTH_NM = 1e9
IMAGEJ_UNITS_NM = {"nm": 1.0, "um": 1e3, "\xb5m": 1e3, "\\u00B5m": 1e3, "micron": 1e3, "microns": 1e3}


@dataclass(frozen=True, eq=False)
class ExportedImage:
    """An image that another program exported from a scan.

    Attributes
    ----------
    array : ndarray of shape (rows, columns) or (rows, columns, 3 or 4), uint8 or uint16
        Grey or colour values.
    width_nm : float or None
        Physical width, None where it is not known.
    source, source_sha256 : str
        Name of the file and the SHA-256 of its bytes.
    """

    array: NDArray
    width_nm: float | None
    source: str
    source_sha256: str

    @property
    def lines(self) -> int:
        """Number of rows."""
        return self.array.shape[0]

    @property
    def pixels(self) -> int:
        """Number of columns."""
        return self.array.shape[1]

    @property
    def tall_nm(self) -> float | None:
        """Physical height, None where the width is not known; pixels are squares."""
        return self.width_nm * self.lines / self.pixels if self.width_nm else None


def detect(path: str | Path, head: bytes) -> bool:
    """Tell whether a file is a PNG or TIFF image.

    TIFF files of Park and JPK instruments are not: they show a thumbnail, and Gwyddion reads the heights in them.

    Parameters
    ----------
    path : path
        The file.
    head : bytes
        Its first bytes.

    Returns
    -------
    bool
    """
    return head.startswith(SIGNATURES) and not _is_instrument_tiff(path)


def read(path: str | Path, options: ReadOptions = DEFAULT_OPTIONS) -> ExportedImage:
    """Read a PNG or TIFF image of 8 or 16 bits.

    Parameters
    ----------
    path : path
        The file.
    options : ReadOptions
        `width_nm` takes precedence over the width that ImageJ writes into a TIFF.

    Returns
    -------
    ExportedImage

    Raises
    ------
    UserError
        If the image is damaged, too large, of several pages or of floating-point values.

    Notes
    -----
    Resolutions in dots per inch describe a printer and are ignored.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unusual metadata, and of sizes that _check_size refuses
            with Image.open(path, formats=("PNG", "TIFF")) as image:
                _check_size(path, image)
                width_nm = options.width_nm or _imagej_width_nm(image)
                array = _to_array(path, image)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except UserError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UserError(f"{path}: the image cannot be read ({error.strerror}); name a readable file.") from None
    except Image.DecompressionBombError:
        raise UserError(f"{path}: the image is far too large; make it smaller than 8192 x 8192.") from None
    except Exception as error:  # Pillow raises whatever the damage happens to break
        raise UserError(f"{path}: the image is damaged ({type(error).__name__}); save it again.") from None
    return ExportedImage(array, width_nm, Path(path).name, digest)


def imagej_width_nm(path: str | Path) -> float | None:
    """Return the width in nm that ImageJ wrote into a TIFF, None where there is none; pixels are not read.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    float or None
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("TIFF",)) as image:
                return _imagej_width_nm(image)
    except Exception:  # not a TIFF, or damaged: `read` reports it
        return None


def _is_instrument_tiff(path: str | Path) -> bool:
    """Whether the image is the thumbnail of a scan that the same TIFF file holds in private tags."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("TIFF",)) as image:
                return bool(INSTRUMENT_TAGS & set(image.tag_v2))  # type: ignore[attr-defined]  # of TIFF alone
    except Exception:  # not a TIFF, or damaged: `read` reports it
        return False


def _check_size(path: str | Path, image: "Image") -> None:
    if image.width * image.height > MAX_PIXELS:
        raise UserError(
            f"{path}: the image has {image.width} x {image.height} pixels; make it smaller than 8192 x 8192."
        )
    n_pages = getattr(image, "n_frames", 1)
    if n_pages > 1:
        raise UserError(f"{path}: the image has {n_pages} pages; save the page of the scan as its own file.")


def _to_array(path: str | Path, image: "Image") -> NDArray:
    """Return the values as uint8 or uint16; palettes and single bits become grey or colour values."""
    mode = image.mode
    if mode in CONVERTED_MODES:
        return np.array(image.convert(CONVERTED_MODES[mode]))
    if mode == "I":  # Pillow's mode for some 16-bit images
        array = np.array(image)
        if array.min() < 0 or array.max() > np.iinfo(np.uint16).max:
            raise UserError(f"{path}: the image has 32 bits per pixel; save it with 8 or 16.")
        return array.astype(np.uint16)
    if mode not in DTYPES:
        raise UserError(f"{path}: the image has mode '{mode}'; save it with 8 or 16 bits, grey or RGB.")
    return np.array(image).astype(DTYPES[mode])


def _imagej_width_nm(image: "Image") -> float | None:
    tags = getattr(image, "tag_v2", {})
    unit = re.search(r"^unit=(\S+)$", str(tags.get(270, "")), re.MULTILINE)
    per_unit = float(tags.get(282, 0) or 0)
    if not str(tags.get(270, "")).startswith("ImageJ") or not unit or unit[1] not in IMAGEJ_UNITS_NM:
        return None
    if not per_unit > 0:
        return None
    width_nm = image.width / per_unit * IMAGEJ_UNITS_NM[unit[1]]
    return width_nm if 0 < width_nm <= MAX_WIDTH_NM else None
