"""Height maps in .gwy files: what goes in comes out, here and in Gwyddion's own importer."""

import subprocess

import numpy as np
import pytest

from micrograph import __version__
from micrograph.errors import UserError
from micrograph.scans import gwyddion
from micrograph.scans.height_map import HeightMap, read_gwy, write_gwy


@pytest.fixture
def heightmap():
    height_nm = np.array([[0.0, 1.5, -2.0, 3.25], [4.0, 5.0, 6.0, 7.0]])
    return HeightMap(height_nm, 1000.0, 250.0, "Height Sensor", "Trace", "film.spm", "ab" * 32, 3)


def test_a_height_map_comes_back_as_it_went_in(tmp_path, heightmap):
    write_gwy(tmp_path / "film.gwy", heightmap, {"levelling": "published"})
    back = read_gwy(tmp_path / "film.gwy")
    np.testing.assert_allclose(back.height_nm, heightmap.height_nm, rtol=1e-15)
    assert (back.width_nm, back.tall_nm) == pytest.approx((1000.0, 250.0), rel=1e-15)
    assert (back.channel, back.direction, back.source) == ("Height Sensor", "Trace", "film.spm")
    assert (back.source_sha256, back.lines_planned, back.lines, back.pixels) == ("ab" * 32, 3, 2, 4)


def test_texts_of_one_letter_or_none_stay_texts(tmp_path):
    one = HeightMap(np.eye(2), 1.0, 1.0, "Z", "", "a", "0", 7)
    write_gwy(tmp_path / "one.gwy", one)
    back = read_gwy(tmp_path / "one.gwy")
    assert (back.channel, back.direction, back.source, back.lines_planned) == ("Z", "", "a", 7)


def test_the_same_height_map_gives_the_same_bytes(tmp_path, heightmap):
    write_gwy(tmp_path / "a.gwy", heightmap, {"x": "1", "levelling": "facet"})
    write_gwy(tmp_path / "b.gwy", heightmap, {"levelling": "facet", "x": "1"})
    assert (tmp_path / "a.gwy").read_bytes() == (tmp_path / "b.gwy").read_bytes()


def test_gwyddions_own_importer_reads_the_same_map(tmp_path, heightmap):
    pytest.importorskip("gwyddionpy_converter")
    gwyddionpy = pytest.importorskip("gwyddionpy")
    write_gwy(tmp_path / "film.gwy", heightmap, {"levelling": "published"})
    # gwyddionpy opens .gwy files by itself; the converter is Gwyddion.
    subprocess.run([gwyddion.find_converter(), tmp_path / "film.gwy", tmp_path / "again.gwy"], check=True, timeout=60)
    channel = gwyddionpy.load(tmp_path / "again.gwy").channels["Height Sensor"]
    np.testing.assert_allclose(channel.data * 1e9, heightmap.height_nm, rtol=1e-15)
    assert (channel.xreal, channel.yreal) == pytest.approx((1e-6, 2.5e-7), rel=1e-12)
    assert (channel.si_unit_xy, channel.si_unit_z) == ("m", "m")
    assert channel.meta["source_sha256"] == "ab" * 32
    assert channel.meta["levelling"] == "published"
    assert channel.meta["software"] == f"micrograph {__version__}"


@pytest.mark.parametrize("data", [b"", b"GWYP", b"GWYPGwyContainer\0\xff\xff\xff\xff", b"<html>"])
def test_a_damaged_height_map_is_refused_by_name(tmp_path, data):
    (tmp_path / "film.gwy").write_bytes(data)
    with pytest.raises(UserError, match="film.gwy: not a height map"):
        read_gwy(tmp_path / "film.gwy")


def test_a_missing_height_map_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_gwy(tmp_path / "none.gwy")
