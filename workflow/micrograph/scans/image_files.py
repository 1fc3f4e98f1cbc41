"""Image files: PNG and TIFF files of grey values instead of heights, and TIFF files of heights."""

import hashlib
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.scans.height_map import DEFAULT_OPTIONS, HeightMap, Inspection, ReadOptions, crop_unscanned
from micrograph.scans.units import nm_per

if TYPE_CHECKING:
    from PIL.Image import Image

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0\x08\0", b"MM\0+\0\x08")  # the last two: BigTIFF
SIGNATURES = (b"\x89PNG\r\n\x1a\n", *TIFF_SIGNATURES)
INSTRUMENT_TAGS = {50432, 32768}  # of Park's and JPK's TIFF files: a thumbnail, with the heights in private tags
# Numbers of the tags of TIFF.
BITS, PHOTOMETRIC, DESCRIPTION, ORIENTATION = 258, 262, 270, 274
X_RESOLUTION, Y_RESOLUTION, SAMPLE_FORMAT = 282, 283, 339
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # values of SAMPLE_FORMAT
WHITE_IS_ZERO = 0  # value of PHOTOMETRIC
DTYPES = {"L": np.uint8, "RGB": np.uint8, "RGBA": np.uint8, "I;16": np.uint16, "I;16B": np.uint16, "I;16L": np.uint16}
CONVERTED_MODES = {"1": "L", "LA": "RGBA", "P": "RGBA", "PA": "RGBA"}
MAX_PIXELS = 1 << 26
MAX_WIDTH_NM = 1e9
MAX_ASPECT_DIFFERENCE = 0.01  # between the width and the height of a pixel
MAX_CHANNEL_DIFFERENCE = 8  # of 255, between the channels of a grey image after rounding
HEIGHT_CHANNEL = "TIFF heights"  # in the column `channel`
COLOURED = (
    "the picture is in colours: a colour map, a scale bar or labels become grey values that are not heights; "
    "export the heights, or a grey image without them"
)
# Units of values in descriptions: vunit and zunit of ImageJ, "z_unit": "nm" of JSON.
VALUE_UNIT = re.compile(r"""(?:\bv|\bz|\bvalue|\bheight)[ _-]?units?["']?\s*[=:]\s*["']?([^\s"',;}]+)""", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class ExportedImage:
    """An image that another program exported from a scan.

    Attributes
    ----------
    array : ndarray of shape (rows, columns) or (rows, columns, 3 or 4), uint8 or uint16
        Grey or colour values, 0 black.
    width_nm : float or None
        Physical width, None where it is not known.
    source, source_sha256 : str
        Name of the file and the SHA-256 of its bytes.
    remarks : tuple of str
        How the image differs from grey values of heights: clauses without a full stop.
    """

    array: NDArray
    width_nm: float | None
    source: str
    source_sha256: str
    remarks: tuple[str, ...] = ()

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


@dataclass(frozen=True, eq=False)
class _Stored:
    """The values of an image, and the tags of a TIFF (empty for PNG)."""

    array: NDArray
    tags: Mapping[int, Any]

    def tag(self, number: int, default: Any) -> Any:
        """Return the value of a tag, of the first sample where there is one for each."""
        value = self.tags.get(number, default)
        return value[0] if isinstance(value, tuple | list) and value else value

    @property
    def description(self) -> str:
        """The text of the image; strings of bytes are Latin-1, which `nm_per` allows for."""
        text = self.tags.get(DESCRIPTION, "")
        return text.decode("latin-1") if isinstance(text, bytes) else str(text)

    @property
    def holds_heights(self) -> bool:
        """Whether the values cannot be grey values: signed, floating-point, or of more than 16 bits."""
        return self.array.dtype not in (np.uint8, np.uint16)


def detect(path: str | Path, head: bytes) -> bool:
    """Return whether a file is a PNG or TIFF image.

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


def read(path: str | Path, options: ReadOptions = DEFAULT_OPTIONS) -> ExportedImage | HeightMap:
    """Read a PNG or TIFF image.

    Parameters
    ----------
    path : path
        The file.
    options : ReadOptions
        `width_nm` takes precedence over the width that ImageJ writes into a TIFF, `z_unit` over the unit of the values
        in its description.

    Returns
    -------
    ExportedImage or HeightMap
        Heights if the values have a unit, else grey values.

    Raises
    ------
    UserError
        If the image is damaged, too large or of several pages, or if floating-point, signed or 32-bit values have no
        unit.

    Notes
    -----
    Resolutions in dots per inch describe a printer and are ignored. Values of TIFF files whose white is zero are
    inverted; images with an orientation (EXIF) are turned.
    """
    with _sentences(path), open(path, "rb") as file:
        stored = _read_stored(path)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        width_nm = options.width_nm or _imagej_width_nm(path, stored)
        unit = options.z_unit or _value_unit(stored.description)
        if unit or stored.holds_heights:
            return _to_heights(path, stored, unit, width_nm, digest)
        remarks = (COLOURED,) if is_coloured(stored.array) else ()
        return ExportedImage(stored.array, width_nm, Path(path).name, digest, remarks)


def is_coloured(array: NDArray) -> bool:
    """Return whether an image shows colours and not grey values.

    Parameters
    ----------
    array : ndarray of shape (rows, columns) or (rows, columns, 3 or 4), uint8 or uint16
        The image.

    Returns
    -------
    bool
    """
    if array.ndim == 2:
        return False
    colours = array[:, :, :3].astype(float) * (255 / np.iinfo(array.dtype).max)
    return bool(np.ptp(colours, axis=2).max() > MAX_CHANNEL_DIFFERENCE)


def inspect(path: str | Path) -> Inspection:
    """Return what an image leaves to the sample sheet.

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
        If the image is damaged, too large or of several pages.
    """
    with _sentences(path):
        stored = _read_stored(path)
        missing = {
            "width_nm": not _imagej_width_nm(path, stored),
            "z_unit": stored.holds_heights and not _value_unit(stored.description),
        }
        return Inspection(missing=tuple(column for column, needed in missing.items() if needed))


@contextmanager
def _sentences(path: str | Path) -> Iterator[None]:
    """Turn whatever a library raises for a bad image into a UserError, and keep its warnings quiet."""
    from PIL import Image

    logger = logging.getLogger("tifffile")
    disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unusual metadata, and of sizes that _check_size refuses
            yield
    except UserError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UserError(f"{path}: the image cannot be read ({error.strerror}); name a readable file.") from None
    except Image.DecompressionBombError:
        raise UserError(f"{path}: the image is far too large; make it smaller than 8192 x 8192.") from None
    except Exception as error:  # the libraries raise whatever the damage happens to break
        raise UserError(f"{path}: the image is damaged ({type(error).__name__}); save it again.") from None
    finally:
        logger.disabled = disabled


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


def _read_stored(path: str | Path) -> _Stored:
    """Read an image with Pillow, or with tifffile if it is a TIFF whose numbers are not grey values."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with open(path, "rb") as file, Image.open(file, formats=("PNG", "TIFF")) as image:  # of a path it maps memory
            _check_size(path, image.width, image.height, getattr(image, "n_frames", 1))
            stored = _Stored(np.empty(0), dict(getattr(image, "tag_v2", {})))
            if stored.tag(SAMPLE_FORMAT, UNSIGNED) != UNSIGNED or stored.tag(BITS, 8) > 16:
                is_swapped = image.tag_v2.prefix == b"MM"  # type: ignore[attr-defined]  # of TIFF alone
                if (deep := _read_deep_tiff(path, needs_tifffile=is_swapped)) is not None:
                    return deep
            return replace(stored, array=_to_array(path, ImageOps.exif_transpose(image), stored))
    except UnidentifiedImageError:
        deep = _read_deep_tiff(path, needs_tifffile=True)
        return cast(_Stored, deep)


def _read_deep_tiff(path: str | Path, needs_tifffile: bool) -> _Stored | None:
    """Read a grey TIFF of any depth; None if tifffile does not know its compression and Pillow can be tried.

    Pillow knows no 64 bits, and swaps the bytes of compressed big-endian numbers.
    """
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = cast(Any, tiff.pages.first)
        if not isinstance(page.imagewidth, int) or not isinstance(page.imagelength, int):
            raise UserError(f"{path}: the image is damaged (its size is not a number); save it again.")
        _check_size(path, page.imagewidth, page.imagelength, 1 + _has_second_page(tiff))
        is_grey = page.shape == (page.imagelength, page.imagewidth) and page.dtype is not None
        if not is_grey or page.dtype.kind not in "iuf":
            raise UserError(f"{path}: the image has values of a kind that is not read; save it with 8 or 16 bits.")
        if max(np.add(page.dataoffsets, page.databytecounts)) > Path(path).stat().st_size:
            raise UserError(f"{path}: the image is damaged (truncated); save it again.")
        try:
            array = page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            if not needs_tifffile:
                return None
            raise UserError(f"{path}: the image is compressed; save it without compression.") from None
        tags = {tag.code: tag.value for tag in page.tags}
        for code in (X_RESOLUTION, Y_RESOLUTION):
            if code in tags:
                tags[code] = tags[code][0] / tags[code][1]
        array = _turn(array.astype(array.dtype.newbyteorder("=")), int(tags.get(ORIENTATION, 1)))
        return _Stored(_to_black_is_zero(_Stored(array, tags)), tags)


def _has_second_page(tiff: Any) -> bool:
    """Whether a file has more than one page; to count them would take as long as a damaged file makes it."""
    try:
        return tiff.pages[1] is not None
    except IndexError:
        return False


def _turn(array: NDArray, orientation: int) -> NDArray:
    """Turn an image by its EXIF orientation, 1 to 8."""
    array = array.T if orientation >= 5 else array
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return array[::rows, ::columns]


def _to_black_is_zero(stored: _Stored) -> NDArray:
    """Return unsigned values of 16 bits or fewer with 0 as black."""
    if stored.holds_heights or stored.tag(PHOTOMETRIC, 1) != WHITE_IS_ZERO:
        return stored.array
    return stored.array.dtype.type((1 << int(stored.tag(BITS, 16))) - 1) - stored.array


def _check_size(path: str | Path, width: int, height: int, n_pages: int) -> None:
    if width * height > MAX_PIXELS:
        raise UserError(f"{path}: the image has {width} x {height} pixels; make it smaller than 8192 x 8192.")
    if n_pages > 1:
        raise UserError(f"{path}: the image has {n_pages} or more pages; save the page of the scan as its own file.")


def _to_array(path: str | Path, image: "Image", stored: _Stored) -> NDArray:
    """Return the values of Pillow's image as they are stored; palettes and single bits become grey or colour values."""
    mode, sample_format = image.mode, stored.tag(SAMPLE_FORMAT, UNSIGNED)
    if mode in CONVERTED_MODES:
        return np.array(image.convert(CONVERTED_MODES[mode]))
    if mode == "F":
        return np.array(image, dtype=np.float32)
    if mode == "I":  # of signed and of 32-bit values; and of 16-bit PNG in some versions
        array = np.array(image, dtype=np.int32)
        if sample_format == SIGNED:
            return array
        return array.view(np.uint32) if stored.tag(BITS, 16) == 32 else array.astype(np.uint16)
    if mode not in DTYPES:
        raise UserError(f"{path}: the image has mode '{mode}'; save it with 8 or 16 bits, grey or RGB.")
    array = np.array(image).astype(DTYPES[mode])
    return (
        _to_black_is_zero(_Stored(array, stored.tags)) if array.dtype == np.uint16 else array
    )  # Pillow inverts 8 bits


def _to_heights(path: str | Path, stored: _Stored, unit: str | None, width_nm: float | None, digest: str) -> HeightMap:
    """Return the values of a grey image as heights."""
    to_nm = nm_per(unit or "")
    if stored.array.ndim != 2:
        raise UserError(f"{path}: z_unit is '{unit}', but colours are not heights; clear the cell z_unit of the sheet.")
    if unit and not to_nm:
        raise UserError(f"{path}: the unit of its values, '{unit}', is not a length; fill in z_unit (nm, um, m).")
    if not to_nm:
        kind = {FLOAT: "floating-point", SIGNED: "signed"}.get(stored.tag(SAMPLE_FORMAT, UNSIGNED), "unsigned")
        raise UserError(
            f"{path}: its values are {kind} numbers of {stored.tag(BITS, 8)} bits, so they are heights, and the file "
            "does not state their unit; fill in z_unit in the sheet, or save it as an image of 8 or 16 bits."
        )
    scale, offset = _calibration(stored.description)
    with np.errstate(over="ignore"):  # of absurd heights, which the levelling refuses
        height_nm = (offset + scale * stored.array.astype(np.float64)) * to_nm
    lines, pixels = height_nm.shape
    size_nm = width_nm or np.nan, (width_nm or np.nan) * lines / pixels
    return crop_unscanned(path, HeightMap(height_nm, *size_nm, HEIGHT_CHANNEL, "", Path(path).name, digest, lines))


def _value_unit(description: str) -> str | None:
    """Return the unit of the values that a description states; None if there is none, or it is not a length."""
    match = VALUE_UNIT.search(description)
    return match[1] if match and nm_per(match[1]) else None


def _calibration(description: str) -> tuple[float, float]:
    """Return scale and offset of the linear calibration (cf=0) that ImageJ writes, (1, 0) for none."""
    found = dict(re.findall(r"^(cf|c0|c1)=(\S+?)\s*$", description, re.MULTILINE))
    return (float(found["c1"]), float(found["c0"])) if found.get("cf") == "0" and len(found) == 3 else (1.0, 0.0)


def _imagej_width_nm(path: str | Path, stored: _Stored) -> float | None:
    """Return the width that ImageJ wrote; UserError if its pixels are not squares."""
    unit = re.search(r"^unit=(.+?)\s*$", stored.description, re.MULTILINE)
    to_nm = nm_per(unit[1]) if unit and stored.description.startswith("ImageJ") else None
    x, y = (float(stored.tag(code, 0) or 0) for code in (X_RESOLUTION, Y_RESOLUTION))
    if not to_nm or not x > 0:
        return None
    if y > 0 and abs(x / y - 1) > MAX_ASPECT_DIFFERENCE:
        raise UserError(f"{path}: its pixels are {to_nm / x:.4g} x {to_nm / y:.4g} nm; resample it to square pixels.")
    width_nm = stored.array.shape[1] / x * to_nm
    return width_nm if 0 < width_nm <= MAX_WIDTH_NM else None
