"""PNG and TIFF files of grey values or heights, of every depth and byte order; tifffile writes what Pillow does not."""

import itertools

import numpy as np
import pytest
import tifffile
from PIL import Image

from micrograph.errors import UserError
from micrograph.scans import formats, image_files
from micrograph.scans.height_map import HeightMap, ReadOptions
from micrograph.scans.image_files import ExportedImage

VALUES = np.random.default_rng(0).integers(0, 120, (20, 30))
IN_NM = ReadOptions(z_unit="nm", width_nm=60.0)


def write(path, values, **options):
    tifffile.imwrite(path, values, **{"photometric": "minisblack", "metadata": None} | options)
    return path


LAYOUTS = list(itertools.product("<>", [False, True], [None, "zlib"], [None, (16, 16)]))


@pytest.mark.parametrize(("byteorder", "bigtiff", "compression", "tile"), LAYOUTS)
def test_values_are_read_as_they_are_in_every_layout_of_tiff(tmp_path, byteorder, bigtiff, compression, tile):
    layout = {"byteorder": byteorder, "bigtiff": bigtiff, "compression": compression, "tile": tile}
    for dtype in ("i1", "i2", "i4", "i8", "u4", "u8", "f2", "f4", "f8"):
        values = (VALUES - 50 * (dtype[0] != "u")).astype(dtype)
        scan = formats.read_scan(write(tmp_path / "a.tif", values, **layout), IN_NM)
        np.testing.assert_array_equal(scan.height_nm, values.astype(float), dtype)
    for dtype in ("u1", "u2"):
        values = VALUES.astype(dtype)
        black = formats.read_scan(write(tmp_path / "a.tif", values, **layout))
        white = formats.read_scan(write(tmp_path / "a.tif", values, photometric="miniswhite", **layout))
        np.testing.assert_array_equal(black.array, values)
        np.testing.assert_array_equal(white.array, np.iinfo(dtype).max - values)
        assert black.array.dtype == white.array.dtype == np.dtype(dtype)


def test_heights_are_not_inverted_where_white_is_zero(tmp_path):
    path = write(tmp_path / "a.tif", VALUES.astype("f4"), photometric="miniswhite")
    np.testing.assert_array_equal(formats.read_scan(path, IN_NM).height_nm, VALUES)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", None])
def test_pillows_compressions_are_read(tmp_path, compression):
    for mode, dtype in (("F", "f4"), ("I;16", "u2"), ("L", "u1"), ("I", "i4")):
        Image.fromarray(VALUES.astype(dtype)).save(tmp_path / "a.tif", compression=compression)
        scan = formats.read_scan(tmp_path / "a.tif", IN_NM if mode in "FI" else ReadOptions())
        np.testing.assert_array_equal(scan.height_nm if isinstance(scan, HeightMap) else scan.array, VALUES)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_turned_images_are_turned_back(tmp_path, dtype, compression):
    values = VALUES.astype(dtype)
    turns = {1: values, 2: values[:, ::-1], 3: values[::-1, ::-1], 4: values[::-1], 5: values.T,
             6: np.rot90(values, -1), 7: values.T[::-1, ::-1], 8: np.rot90(values)}  # fmt: skip
    for orientation, upright in turns.items():
        tag = (274, "H", 1, orientation, True)
        path = write(tmp_path / "a.tif", values, extratags=[tag], compression=compression)
        scan = formats.read_scan(path, IN_NM if dtype[0] == "f" else ReadOptions(width_nm=60.0))
        np.testing.assert_array_equal(scan.height_nm if dtype[0] == "f" else scan.array, upright, str(orientation))
        assert (scan.pixels, scan.width_nm) == (upright.shape[1], 60.0)


def test_a_turned_png_is_turned_back(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(VALUES.astype("u1")).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(formats.read_scan(tmp_path / "a.png").array, np.rot90(VALUES, -1))


def imagej(path, unit, per_unit, values=None, end="\n", more=""):
    """A TIFF with the description that ImageJ writes: `unit` in bytes or text, `per_unit` pixels to it."""
    unit = unit if isinstance(unit, bytes) else unit.encode("latin-1")
    text = f"ImageJ=1.54f{end}unit=".encode() + unit + f"{end}loop=false{end}{more}".encode()
    values = VALUES.astype("u1") if values is None else values
    return write(path, values, description=text, resolution=(per_unit, per_unit), resolutionunit=1)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("unit", "nm"),
    [("nm", 1), ("nanometers", 1), ("um", 1e3), ("micron", 1e3), ("micrometer", 1e3), ("\\u00B5m", 1e3), ("mm", 1e6),
     ("cm", 1e7), (b"\xb5m", 1e3), (b"\xc2\xb5m", 1e3)],
)  # fmt: skip
def test_the_width_that_imagej_writes_is_read_in_every_unit(tmp_path, unit, nm, end):
    path = imagej(tmp_path / "a.tif", unit, round(nm / 50) or 1, end=end)
    expected = 30 * nm / (round(nm / 50) or 1)
    assert formats.read_scan(path).width_nm == pytest.approx(expected)
    assert formats.read_scan(path, ReadOptions(width_nm=5.0)).width_nm == 5.0
    assert image_files.inspect(path).missing == ()


def test_a_width_in_pixels_or_of_another_program_is_none(tmp_path):
    assert formats.read_scan(imagej(tmp_path / "a.tif", "pixel", 2)).width_nm is None
    write(tmp_path / "b.tif", VALUES.astype("u1"), description="unit=nm\n", resolution=(2, 2))
    assert formats.read_scan(tmp_path / "b.tif").width_nm is None
    assert image_files.inspect(tmp_path / "b.tif").missing == ("width_nm",)


def test_pixels_that_are_no_squares_are_refused(tmp_path):
    text = "ImageJ=1.54f\nunit=nm\n"
    write(tmp_path / "a.tif", VALUES.astype("u1"), description=text, resolution=(2, 4), resolutionunit=1)
    with pytest.raises(UserError, match="a.tif: its pixels are 0.5 x 0.25 nm"):
        formats.read_scan(tmp_path / "a.tif")


def test_floating_point_heights_need_a_unit_from_the_file_or_the_sheet(tmp_path):
    values = VALUES.astype("f4") / 8
    bare = write(tmp_path / "bare.tif", values)
    with pytest.raises(UserError, match="bare.tif: .*floating-point numbers of 32 bits.*z_unit"):
        formats.read_scan(bare)
    assert image_files.inspect(bare).missing == ("width_nm", "z_unit")
    scan = formats.read_scan(bare, ReadOptions(z_unit="\u00b5m"))
    assert isinstance(scan, HeightMap) and np.isnan([scan.width_nm, scan.tall_nm]).all()
    np.testing.assert_allclose(scan.height_nm, values * 1e3)
    with pytest.raises(UserError, match="bare.tif: .*'volts', is not a length"):
        formats.read_scan(bare, ReadOptions(z_unit="volts"))
    own = formats.read_scan(imagej(tmp_path / "own.tif", "um", 10, values, more="vunit=pm\n"))
    np.testing.assert_allclose(own.height_nm, values * 1e-3)
    assert (own.width_nm, own.tall_nm, own.lines_planned) == (pytest.approx(3000), pytest.approx(2000), 20)
    text = '{"z_unit": "nm", "width": 3}'
    np.testing.assert_array_equal(
        formats.read_scan(write(tmp_path / "c.tif", values, description=text)).height_nm, values
    )


def test_a_linear_calibration_of_imagej_turns_counts_into_heights(tmp_path):
    more = "cf=0\nc0=-5.0\nc1=0.25\nvunit=nm\n"
    scan = formats.read_scan(imagej(tmp_path / "a.tif", "nm", 2, VALUES.astype("u2"), more=more))
    np.testing.assert_allclose(scan.height_nm, VALUES * 0.25 - 5)


def test_unscanned_lines_of_tiff_heights_are_left_out(tmp_path):
    values = VALUES.astype("f4")
    values[12:] = np.nan
    scan = formats.read_scan(write(tmp_path / "a.tif", values), IN_NM)
    assert (scan.lines, scan.lines_planned, scan.tall_nm) == (12, 20, pytest.approx(24)) and "8 of 20" in scan.remarks[
        0
    ]


def test_colours_are_flagged_and_grey_in_three_channels_is_not(tmp_path):
    grey = np.dstack([VALUES] * 3).astype("u1")
    coloured = grey.copy()
    coloured[:4, :4] = 255, 0, 0  # a red label
    for array, flags in ((grey, 0), (coloured, 1)):
        Image.fromarray(array).save(tmp_path / "a.png")
        remarks = formats.read_scan(tmp_path / "a.png").remarks
        assert len(remarks) == flags and all("colour" in remark for remark in remarks)
    Image.fromarray(grey[:, :, 0]).convert("P").save(tmp_path / "grey_palette.png")
    assert formats.read_scan(tmp_path / "grey_palette.png").remarks == ()
    with pytest.raises(UserError, match="colours are not heights"):
        formats.read_scan(tmp_path / "a.png", IN_NM)


def test_a_truncated_tiff_of_heights_is_refused(tmp_path):
    for dtype in ("f4", "f8"):
        path = write(tmp_path / "a.tif", VALUES.astype(dtype))
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(UserError, match="a.tif: the image is damaged"):
            formats.read_scan(path, IN_NM)


def test_the_cases_of_tiff(shared_cases):
    folder = shared_cases / "11-tiff"
    black, white = (formats.read_scan(folder / f"II_{name}_is_zero.tif") for name in ("black", "white"))
    assert isinstance(black, ExportedImage) and black.array.dtype == np.uint16
    np.testing.assert_array_equal(black.array, white.array)
    assert formats.read_scan(folder / "bigtiff_8.tif").array.shape == (256, 256)
    heights = formats.read_scan(folder / "float32_nm.tif", ReadOptions(z_unit="nm", width_nm=2000.0)).height_nm
    assert (heights.min(), heights.max()) == (pytest.approx(-0.6233, abs=1e-4), pytest.approx(1.5309, abs=1e-4))
    counts = formats.read_scan(folder / "signed16.tif", ReadOptions(z_unit="pm")).height_nm
    np.testing.assert_allclose(counts, heights, atol=0.51e-3)  # the same film, rounded to picometres
    for name, kind in (("float32_nm.tif", "floating-point"), ("signed16.tif", "signed")):
        with pytest.raises(UserError, match=f"{name}: .*{kind} .*z_unit"):
            formats.read_scan(folder / name)


def test_the_cases_of_imagej(shared_cases):
    files = sorted((shared_cases / "12-imagej").iterdir())
    assert [formats.read_scan(path).width_nm for path in files] == [pytest.approx(2000)] * len(files) and files
