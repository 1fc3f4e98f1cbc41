"""Every format of scans is detected by content and read; everything else is refused."""

import stat
import struct
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from micrograph.errors import UserError
from micrograph.scans import formats, gwyddion, surface_topography
from micrograph.scans.height_map import HeightMap, ReadOptions, write_gwy
from micrograph.scans.image_files import ExportedImage

GREYS = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3


def gsf(path, title="Height", unit="m", values=None):
    """A Gwyddion simple field, a small format of others: 3 lines of 4 pixels, 2 um wide."""
    values = np.arange(12, dtype="<f4").reshape(3, 4) * 1e-9 if values is None else values
    head = "Gwyddion Simple Field 1.0\nXRes = 4\nYRes = 3\nXReal = 2e-6\nYReal = 1.5e-6\nXYUnits = m\n"
    head = (head + f"ZUnits = {unit}\nTitle = {title}\n").encode("utf-8")
    path.write_bytes(head + b"\0" * (4 - len(head) % 4) + values.astype("<f4").tobytes())
    return path


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><body>Please log in</body></html>", "web page"),
        (b"\xef\xbb\xbf\r\n <HTML><head>", "web page"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE html><html>", "web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "web page"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "JPEG"),
        (b"GIF89a\1\0\1\0", "GIF"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x1f\x8b\x08\0", "gzip"),
    ],
)
def test_files_that_are_never_scans_are_refused_by_name_and_reason(tmp_path, data, reason):
    (tmp_path / "film.spm").write_bytes(data)
    with pytest.raises(UserError, match=f"film.spm: .*{reason}"):
        formats.read_scan(tmp_path / "film.spm")


@pytest.mark.parametrize("look", [formats.read_scan, formats.inspect])
def test_archives_and_other_images_are_refused_with_the_way_out(tmp_path, look):
    with zipfile.ZipFile(tmp_path / "scans.zip", "w") as archive:
        archive.writestr("film.spm", b"any")
    for name in ("film.bmp", "film.webp"):
        Image.fromarray(GREYS).save(tmp_path / name)
    for name, words in {"scans.zip": "zip .*extract", "film.bmp": "BMP .*PNG", "film.webp": "WebP .*PNG"}.items():
        with pytest.raises(UserError, match=f"{name}: a {words}"):
            look(tmp_path / name)


def test_folders_and_missing_files_are_refused(tmp_path):
    with pytest.raises(UserError, match=f"^{tmp_path}: this is a folder"):
        formats.read_scan(tmp_path)
    with pytest.raises(UserError, match="none.spm: no such file"):
        formats.read_scan(tmp_path / "none.spm")


def test_every_format_detects_its_own_files(tmp_path, shared_scans):
    Image.fromarray(GREYS).save(tmp_path / "image", format="PNG")
    (tmp_path / "other").write_bytes(b"Gwyddion Simple Field 1.0\n")
    nanoscope = shared_scans / "v432_scilab4spm_data1.007"
    files = {"nanoscope": nanoscope, "image": tmp_path / "image", "gwyddion": tmp_path / "other"}
    assert {name: formats.detect(path) for name, path in files.items()} == {name: name for name in formats.FORMATS}


def test_real_nanoscope_files_are_known_by_content(shared_scans, tmp_path):
    (tmp_path / "scan.png").write_bytes((shared_scans / "v432_scilab4spm_data1.007").read_bytes())
    scan = formats.read_scan(tmp_path / "scan.png")
    assert isinstance(scan, HeightMap) and scan.lines == 256


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.spm"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_images_keep_their_values(tmp_path, name, dtype):
    array = GREYS.astype(dtype) * (257 if dtype == np.uint16 else 1)
    Image.fromarray(array).save(tmp_path / name, format="TIFF" if name == "a.tif" else "PNG")
    found = formats.read_scan(tmp_path / name, ReadOptions(width_nm=500.0))
    assert isinstance(found, ExportedImage)
    np.testing.assert_array_equal(found.array, array)
    assert (found.array.dtype, found.width_nm, found.source) == (dtype, 500.0, name)
    assert formats.read_scan(tmp_path / name).width_nm is None


def test_colours_palettes_and_single_bits_are_read(tmp_path):
    colours = np.dstack([GREYS, GREYS[::-1], GREYS.T])
    image = Image.fromarray(colours)
    kinds = {"rgb": image, "rgba": image.convert("RGBA"), "p": image.quantize(64), "1": image.convert("1")}
    for name, kind in kinds.items():
        kind.save(tmp_path / f"{name}.png")
    shapes = {name: formats.read_scan(tmp_path / f"{name}.png").array.shape for name in kinds}
    assert shapes == {"rgb": (8, 8, 3), "rgba": (8, 8, 4), "p": (8, 8, 4), "1": (8, 8)}
    np.testing.assert_array_equal(formats.read_scan(tmp_path / "rgb.png").array, colours)


def test_the_size_that_imagej_writes_is_believed_and_dots_per_inch_are_not(tmp_path):
    image = Image.fromarray(GREYS)
    image.save(tmp_path / "ij.tif", tiffinfo={270: "ImageJ=1.53k\nunit=micron\n", 282: 4.0, 283: 4.0})
    image.save(tmp_path / "dpi.tif", dpi=(300, 300))
    assert formats.read_scan(tmp_path / "ij.tif").width_nm == pytest.approx(2000)  # 8 pixels, 4 a micrometre
    assert formats.read_scan(tmp_path / "ij.tif", ReadOptions(width_nm=5.0)).width_nm == 5.0
    assert formats.read_scan(tmp_path / "dpi.tif").width_nm is None


def test_images_that_cannot_be_used_are_refused(tmp_path):
    image = Image.fromarray(GREYS)
    image.save(tmp_path / "pages.tif", save_all=True, append_images=[image])
    Image.fromarray(GREYS.astype(np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(GREYS.astype(np.int32) * 10**6).save(tmp_path / "deep.tif")
    Image.new("1", (16384, 8192)).save(tmp_path / "bomb.png")
    Image.new("1", (16384, 16384)).save(tmp_path / "larger.png")
    sentences = {
        "pages.tif": "2 or more pages",
        "float.tif": "floating-point .*z_unit",
        "deep.tif": "signed .* 32 bits",
        "bomb.png": "8192 x 8192",
        "larger.png": "8192 x 8192",
    }
    for name, sentence in sentences.items():
        with pytest.raises(UserError, match=f"{name}: .*{sentence}"):
            formats.read_scan(tmp_path / name)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["PNG", "TIFF"]), data=st.data())
def test_damaged_images_are_read_or_refused(tmp_path, kind, data):
    Image.fromarray(GREYS).save(tmp_path / "p", format=kind)
    whole = bytearray((tmp_path / "p").read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "p").write_bytes(whole[: data.draw(st.integers(8, len(whole)))])
    try:
        assert isinstance(formats.read_scan(tmp_path / "p"), ExportedImage)
    except UserError as error:
        assert "\n" not in str(error)


def test_a_truncated_image_is_damaged(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)).save(tmp_path / "p.png")
    (tmp_path / "p.png").write_bytes((tmp_path / "p.png").read_bytes()[:2000])
    with pytest.raises(UserError, match="p.png: .*damaged"):
        formats.read_scan(tmp_path / "p.png")


def test_another_format_is_read_by_gwyddions_importer(tmp_path):
    pytest.importorskip("gwyddionpy_converter")
    scan = formats.read_scan(gsf(tmp_path / "h\u00f6he.gsf"))
    np.testing.assert_allclose(scan.height_nm, np.arange(12).reshape(3, 4), rtol=1e-6)
    assert (scan.width_nm, scan.tall_nm) == pytest.approx((2000, 1500))
    assert (scan.channel, scan.direction, scan.lines_planned) == ("Height", "", 3)
    with pytest.raises(UserError, match="'Height Sensor' or 'ZSensor' .*'Height'.*scans.channels"):
        formats.read_scan(tmp_path / "h\u00f6he.gsf", ReadOptions(channels=("Height Sensor", "ZSensor")))
    with pytest.raises(UserError, match="volt.gsf: no channel in .* unit of length .*'Height' in V"):
        formats.read_scan(gsf(tmp_path / "volt.gsf", unit="V"))


def park_tiff(path, counts, wide_um=2.0):
    """A TIFF as Park instruments write it: a coloured thumbnail, and in tags of their own the 16-bit heights.

    The layout is the one that Gwyddion's importer reads; heights are counts / 2 in nm, the bottom line first.
    """
    rows, cols = counts.shape

    def text(words, letters):
        return words.encode("utf-16-le").ljust(2 * letters, b"\0")

    head = struct.pack("<I", 0) + text("Z Height", 32) + text("NC-AFM", 8)
    head += struct.pack("<dIIII", 0.0, 0, 0, cols, rows) + struct.pack("<dIdIII", 0.0, 0, 0.0, 1, 1, 0)
    head += struct.pack("<6d", wide_um, wide_um, 0.0, 0.0, 1.0, 0.0) + text("V", 8)
    head += struct.pack("<5d", 0.0, 0.0, 1.0, 0.5, 0.0) + text("nm", 8) + struct.pack("<4i", 0, 0, 0, 0)
    tags = ImageFileDirectory_v2()
    values = {50432: (4, 0x0E031301), 50433: (4, 0x01000001), 50434: (7, counts.astype("<i2").tobytes())}
    for tag, (kind, value) in (values | {50435: (7, head.ljust(580, b"\0"))}).items():
        tags.tagtype[tag], tags[tag] = kind, value
    Image.fromarray(np.dstack([GREYS, GREYS.T, GREYS])).save(path, format="TIFF", tiffinfo=tags)
    return path


def test_a_scan_that_hides_behind_a_thumbnail_is_never_taken_for_an_image(tmp_path, monkeypatch):
    counts = np.arange(12).reshape(3, 4)
    path = park_tiff(tmp_path / "park.tiff", counts)
    if gwyddion.find_converter():
        scan = formats.read_scan(path, ReadOptions(channels=("Z Height",)))
        np.testing.assert_allclose(scan.height_nm, counts[::-1] / 2, atol=1e-9)
        assert (scan.width_nm, scan.channel) == (pytest.approx(2000), "Z Height")
    monkeypatch.setenv("GWYDDIONPY_CONVERT", str(tmp_path / "none"))
    with pytest.raises(UserError, match="importer does not start"):
        formats.read_scan(path)


def test_a_real_scan_reads_the_same_through_gwyddion(shared_scans):
    pytest.importorskip("gwyddionpy_converter")
    path = shared_scans / "v940_spmconverter_AFM.spm"  # its header has a byte that is no UTF-8
    ours, theirs = formats.read_scan(path), gwyddion.read(path, ReadOptions(("ZSensor",)))
    np.testing.assert_allclose(ours.height_nm, theirs.height_nm, rtol=1e-12)
    assert (ours.width_nm, ours.tall_nm) == pytest.approx((theirs.width_nm, theirs.tall_nm))
    assert ours.source_sha256 == theirs.source_sha256


def test_a_format_that_no_one_knows_is_refused(tmp_path):
    pytest.importorskip("gwyddionpy_converter")
    (tmp_path / "film.xyz").write_bytes(bytes(range(256)) * 16)
    with pytest.raises(UserError, match="film.xyz: .*Gwyddion's importer does not know"):
        formats.read_scan(tmp_path / "film.xyz")


def without_gwyddion(monkeypatch, folder):
    """Hide Gwyddion's importer."""
    monkeypatch.setitem(sys.modules, "gwyddionpy_converter", None)
    monkeypatch.delenv("GWYDDIONPY_CONVERT", raising=False)
    monkeypatch.setenv("PATH", str(folder))


def test_without_the_importer_the_sentence_says_how_to_install_it(tmp_path, monkeypatch):
    without_gwyddion(monkeypatch, tmp_path)
    monkeypatch.setattr(surface_topography, "is_installed", lambda: False)
    with pytest.raises(UserError, match=r"pip install 'gwyddionpy\[converter\]' .* pip install SurfaceTopography"):
        formats.read_scan(gsf(tmp_path / "film.gsf"))


def converter_that(tmp_path, monkeypatch, does):
    """Put a program that `does` something in the converter's place."""
    program = tmp_path / "converter"
    program.write_text(f"#!{sys.executable}\nimport os, sys, time\n{does}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("GWYDDIONPY_CONVERT", str(program))


def test_an_importer_that_hangs_is_stopped(tmp_path, monkeypatch):
    converter_that(tmp_path, monkeypatch, "time.sleep(60)")
    with pytest.raises(UserError, match="took longer than 0.5 s; raise scans.gwyddion_timeout_seconds"):
        formats.read_scan(gsf(tmp_path / "film.gsf"), ReadOptions(gwyddion_timeout_seconds=0.5))


@pytest.fixture
def gwy(tmp_path):
    scan = HeightMap(np.arange(12.0).reshape(3, 4), 2000.0, 1500.0, "Height [Retrace]", "", "a.spm", "0", 3)
    write_gwy(tmp_path / "film.gwy", scan, {"note": "50 QQ wide"})
    return tmp_path / "film.gwy"


def test_a_gwy_file_is_read_without_the_importer_whatever_bytes_its_texts_hold(gwy, monkeypatch):
    monkeypatch.setenv("GWYDDIONPY_CONVERT", "none")
    gwy.write_bytes(gwy.read_bytes().replace(b"50 QQ wide", b"50 \xb1\xba wide"))
    scan = formats.read_scan(gwy)
    np.testing.assert_allclose(scan.height_nm, np.arange(12).reshape(3, 4), atol=1e-12)
    assert (scan.channel, scan.direction) == ("Height [Retrace]", "Retrace")
    with pytest.raises(UserError, match="no channel"):
        formats.read_scan(gwy, ReadOptions(direction="trace"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_gwy_file_is_a_height_map_or_refused(gwy, data):
    whole = bytearray(gwy.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = gwy.with_name("damaged.gwy")
    damaged.write_bytes(whole[: data.draw(st.integers(4, len(whole)))])
    try:
        assert isinstance(formats.read_scan(damaged), HeightMap)
    except UserError as error:
        assert "\n" not in str(error)
