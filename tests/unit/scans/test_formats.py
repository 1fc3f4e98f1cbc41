"""Scans of every kind, known by their content; and every kind of file that is none."""

import stat
import struct
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from micrograph.errors import UserError
from micrograph.scans import formats, gwyddion
from micrograph.scans.formats import Picture
from micrograph.scans.height_map import HeightMap, write_gwy

GREYS = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3


def gsf(path, title="Height", unit="m", values=None):
    """A Gwyddion simple field, a small format of others: 3 lines of 4 pixels, 2 um wide."""
    values = np.arange(12, dtype="<f4").reshape(3, 4) * 1e-9 if values is None else values
    head = "Gwyddion Simple Field 1.0\nXRes = 4\nYRes = 3\nXReal = 2e-6\nYReal = 1.5e-6\nXYUnits = m\n"
    head = (head + f"ZUnits = {unit}\nTitle = {title}\n").encode("utf-8")
    path.write_bytes(head + b"\0" * (4 - len(head) % 4) + values.astype("<f4").tobytes())
    return path


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty; fetch the scan again"),
        (b"<!DOCTYPE html><html><body>Please log in</body></html>", "a web page and no scan"),
        (b"\xef\xbb\xbf\r\n <HTML><head>", "a web page and no scan"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE html><html>", "a web page and no scan"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "a web page and no scan"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a JPEG picture, .*; save it from its source as PNG or TIFF"),
        (b"GIF89a\1\0\1\0", "a GIF picture; save it as PNG"),
        (b"%PDF-1.7\n", "a PDF document; name the scan itself"),
        (b"\x1f\x8b\x08\0", "packed by gzip; unpack it"),
    ],
)
def test_what_is_no_scan_gets_its_sentence(tmp_path, data, sentence):
    (tmp_path / "film.spm").write_bytes(data)
    with pytest.raises(UserError, match=f"film.spm: .*{sentence}"):
        formats.read(tmp_path / "film.spm")


def test_folders_and_missing_files_get_their_sentences(tmp_path):
    with pytest.raises(UserError, match="this is a folder and no scan"):
        formats.read(tmp_path)
    with pytest.raises(UserError, match="there is no such scan; name an existing file"):
        formats.read(tmp_path / "none.spm")


def test_real_nanoscope_files_are_known_by_content(shared_scans, tmp_path):
    (tmp_path / "scan.png").write_bytes((shared_scans / "v432_scilab4spm_data1.007").read_bytes())
    scan = formats.read(tmp_path / "scan.png")
    assert isinstance(scan, HeightMap) and scan.lines == 256


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.spm"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_keep_their_numbers(tmp_path, name, dtype):
    array = GREYS.astype(dtype) * (257 if dtype == np.uint16 else 1)
    Image.fromarray(array).save(tmp_path / name, format="TIFF" if name == "a.tif" else "PNG")
    found = formats.read(tmp_path / name, width_nm=500.0)
    assert isinstance(found, Picture)
    np.testing.assert_array_equal(found.array, array)
    assert (found.array.dtype, found.width_nm, found.source) == (dtype, 500.0, name)
    assert formats.read(tmp_path / name).width_nm is None


def test_colours_palettes_and_single_bits_are_read(tmp_path):
    colours = np.dstack([GREYS, GREYS[::-1], GREYS.T])
    image = Image.fromarray(colours)
    kinds = {"rgb": image, "rgba": image.convert("RGBA"), "p": image.quantize(64), "1": image.convert("1")}
    for name, kind in kinds.items():
        kind.save(tmp_path / f"{name}.png")
    shapes = {name: formats.read(tmp_path / f"{name}.png").array.shape for name in kinds}
    assert shapes == {"rgb": (8, 8, 3), "rgba": (8, 8, 4), "p": (8, 8, 4), "1": (8, 8)}
    np.testing.assert_array_equal(formats.read(tmp_path / "rgb.png").array, colours)


def test_the_size_that_imagej_writes_is_believed_and_dots_per_inch_are_not(tmp_path):
    image = Image.fromarray(GREYS)
    image.save(tmp_path / "ij.tif", tiffinfo={270: "ImageJ=1.53k\nunit=micron\n", 282: 4.0, 283: 4.0})
    image.save(tmp_path / "dpi.tif", dpi=(300, 300))
    assert formats.read(tmp_path / "ij.tif").width_nm == pytest.approx(2000)  # 8 pixels, 4 a micrometre
    assert formats.read(tmp_path / "ij.tif", width_nm=5.0).width_nm == 5.0
    assert formats.read(tmp_path / "dpi.tif").width_nm is None


def test_pictures_that_cannot_be_used_are_faults(tmp_path):
    image = Image.fromarray(GREYS)
    image.save(tmp_path / "pages.tif", save_all=True, append_images=[image])
    Image.fromarray(GREYS.astype(np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(GREYS.astype(np.int32) * 10**6).save(tmp_path / "deep.tif")
    Image.new("1", (16384, 8192)).save(tmp_path / "bomb.png")
    Image.new("1", (16384, 16384)).save(tmp_path / "larger.png")
    sentences = {
        "pages.tif": "2 pages",
        "float.tif": "of the kind 'F'",
        "deep.tif": "32 bits",
        "bomb.png": "make it smaller than 8192 x 8192",
        "larger.png": "make it smaller than 8192 x 8192",
    }
    for name, sentence in sentences.items():
        with pytest.raises(UserError, match=f"{name}: .*{sentence}"):
            formats.read(tmp_path / name)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["PNG", "TIFF"]), data=st.data())
def test_damaged_pictures_are_pictures_or_faults(tmp_path, kind, data):
    Image.fromarray(GREYS).save(tmp_path / "p", format=kind)
    whole = bytearray((tmp_path / "p").read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "p").write_bytes(whole[: data.draw(st.integers(8, len(whole)))])
    try:
        assert isinstance(formats.read(tmp_path / "p"), Picture)
    except UserError as fault:
        assert "\n" not in str(fault)


def test_a_cut_off_picture_is_damaged(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)).save(tmp_path / "p.png")
    (tmp_path / "p.png").write_bytes((tmp_path / "p.png").read_bytes()[:2000])
    with pytest.raises(UserError, match="p.png: the picture is damaged"):
        formats.read(tmp_path / "p.png")


def test_another_format_is_read_by_gwyddions_importer(tmp_path):
    pytest.importorskip("gwyddionpy_converter")
    scan = formats.read(gsf(tmp_path / "h\u00f6he.gsf"))
    np.testing.assert_allclose(scan.height_nm, np.arange(12).reshape(3, 4), rtol=1e-6)
    assert (scan.width_nm, scan.tall_nm) == pytest.approx((2000, 1500))
    assert (scan.channel, scan.direction, scan.lines_planned) == ("Height", "", 3)
    with pytest.raises(UserError, match="no channel 'Height Sensor' or 'ZSensor'; it has 'Height'; set scans.channels"):
        formats.read(tmp_path / "h\u00f6he.gsf", channels=("Height Sensor", "ZSensor"))
    with pytest.raises(UserError, match="is in 'V' over 'm' and not in metres"):
        formats.read(gsf(tmp_path / "volt.gsf", unit="V"))


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


def test_a_scan_that_hides_behind_a_thumbnail_is_never_taken_for_a_picture(tmp_path, monkeypatch):
    counts = np.arange(12).reshape(3, 4)
    path = park_tiff(tmp_path / "park.tiff", counts)
    if gwyddion.converter():
        scan = formats.read(path, channels=("Z Height",))
        np.testing.assert_allclose(scan.height_nm, counts[::-1] / 2, atol=1e-9)
        assert (scan.width_nm, scan.channel) == (pytest.approx(2000), "Z Height")
    monkeypatch.setenv("GWYDDIONPY_CONVERT", str(tmp_path / "none"))
    with pytest.raises(UserError, match="converter does not start"):
        formats.read(path)


def test_a_real_scan_reads_the_same_through_gwyddion(shared_scans):
    pytest.importorskip("gwyddionpy_converter")
    path = shared_scans / "v940_spmconverter_AFM.spm"  # its header has a byte that is no UTF-8
    ours, theirs = formats.read(path), gwyddion.read(path, ("ZSensor",), "any")
    np.testing.assert_allclose(ours.height_nm, theirs.height_nm, rtol=1e-12)
    assert (ours.width_nm, ours.tall_nm) == pytest.approx((theirs.width_nm, theirs.tall_nm))
    assert ours.source_sha256 == theirs.source_sha256


def test_a_format_that_no_one_knows_is_a_fault(tmp_path):
    pytest.importorskip("gwyddionpy_converter")
    (tmp_path / "film.xyz").write_bytes(bytes(range(256)) * 16)
    with pytest.raises(UserError, match="in no format that Gwyddion's importer knows"):
        formats.read(tmp_path / "film.xyz")


def test_without_the_importer_the_sentence_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gwyddionpy_converter", None)
    monkeypatch.delenv("GWYDDIONPY_CONVERT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"Gwyddion's importer: pip install 'gwyddionpy\[converter\]'"):
        formats.read(gsf(tmp_path / "film.gsf"))


def converter_that(tmp_path, monkeypatch, does):
    """Put a program that `does` something in the converter's place."""
    program = tmp_path / "converter"
    program.write_text(f"#!{sys.executable}\nimport os, sys, time\n{does}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("GWYDDIONPY_CONVERT", str(program))


def test_an_importer_that_hangs_is_stopped(tmp_path, monkeypatch):
    converter_that(tmp_path, monkeypatch, "time.sleep(60)")
    with pytest.raises(UserError, match="took longer than 0.5 s; raise scans.gwyddion_timeout_seconds"):
        formats.read(gsf(tmp_path / "film.gsf"), gwyddion_timeout_seconds=0.5)


def test_an_importer_that_is_not_there_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setenv("GWYDDIONPY_CONVERT", str(tmp_path / "none"))
    with pytest.raises(UserError, match="converter does not start"):
        formats.read(gsf(tmp_path / "film.gsf"))


@pytest.fixture
def gwy(tmp_path):
    scan = HeightMap(np.arange(12.0).reshape(3, 4), 2000.0, 1500.0, "Height [Retrace]", "", "a.spm", "0", 3)
    write_gwy(tmp_path / "film.gwy", scan, {"note": "50 QQ wide"})
    return tmp_path / "film.gwy"


def test_a_gwy_file_is_read_without_the_importer_whatever_bytes_its_texts_hold(gwy, monkeypatch):
    monkeypatch.setenv("GWYDDIONPY_CONVERT", "none")
    gwy.write_bytes(gwy.read_bytes().replace(b"50 QQ wide", b"50 \xb1\xba wide"))
    scan = formats.read(gwy)
    np.testing.assert_allclose(scan.height_nm, np.arange(12).reshape(3, 4), atol=1e-12)
    assert (scan.channel, scan.direction) == ("Height [Retrace]", "Retrace")
    with pytest.raises(UserError, match="no channel"):
        formats.read(gwy, direction="trace")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_gwy_file_is_a_height_map_or_a_fault(gwy, data):
    whole = bytearray(gwy.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = gwy.with_name("damaged.gwy")
    damaged.write_bytes(whole[: data.draw(st.integers(4, len(whole)))])
    try:
        assert isinstance(formats.read(damaged), HeightMap)
    except UserError as fault:
        assert "\n" not in str(fault)
