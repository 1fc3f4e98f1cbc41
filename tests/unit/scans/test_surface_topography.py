"""Files of other makers through Gwyddion's importer and through SurfaceTopography: both read the same."""

import sys

import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.scans import formats, gwyddion
from micrograph.scans.height_map import ReadOptions

# Of each real file channel, direction, (lines, pixels), width and range of the heights in nm, as Gwyddion shows them.
FILES = {
    "ct_example_ps.tiff": ("Z Height", "", (512, 512), 1000, (-14.98, 21.71)),
    "ct_gwyddion-export-german.txt": ("My Channel Name", "", (4, 3), 12340, (-6e9, 9e9)),
    "ct_mi-1.mi": ("Topography", "", (256, 256), 20000, (-629.96, -464.32)),
    "ct_nid-1.nid": ("Z-Axis forward", "Trace", (256, 256), 20000, (-1982.6, -925.39)),
    "ct_sur-2.sur": ("Z", "", (484, 563), 1961492, (8911.8, 10388.0)),
    "ct_top-1.top": ("Topography", "", (256, 256), 600, (115.04, 133.92)),
    "px_A151216.123306-02602.sxm": ("Z (Forward)", "Trace", (128, 128), 2, (-21.862, -21.862)),
    "px_Au_mica_2023_Y_A_diPAMY_195.sxm": ("Z (Forward)", "Trace", (256, 256), 4, (0.017244, 0.017244)),
    "sd_GwiddionReader_chip.gsf": ("Topography", "", (300, 300), 80000, (12514.9, 19495.4)),
}
BOTH = (
    "ct_example_ps.tiff",
    "ct_gwyddion-export-german.txt",
    "ct_mi-1.mi",
    "ct_nid-1.nid",
    "ct_sur-2.sur",
    "ct_top-1.top",
)


@pytest.fixture
def without_gwyddion(monkeypatch, tmp_path):
    """Hide Gwyddion's importer; SurfaceTopography has to be there."""
    pytest.importorskip("SurfaceTopography")
    monkeypatch.setitem(sys.modules, "gwyddionpy_converter", None)
    monkeypatch.delenv("GWYDDIONPY_CONVERT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.parametrize("name", FILES)
def test_heights_of_other_makers_are_found_without_a_name_in_the_config(shared_cases, name):
    if gwyddion.find_converter() is None:
        pytest.skip("Gwyddion's importer is not installed")
    channel, direction, shape, width_nm, limits = FILES[name]
    scan = formats.read_scan(shared_cases / "18-other-makers" / name)
    assert (scan.channel, scan.direction, scan.height_nm.shape) == (channel, direction, shape)
    assert scan.width_nm == pytest.approx(width_nm, rel=1e-4)
    assert (scan.height_nm.min(), scan.height_nm.max()) == pytest.approx(limits, rel=1e-4)


@pytest.mark.parametrize("name", BOTH)
def test_surface_topography_and_gwyddion_agree(shared_cases, without_gwyddion, monkeypatch, name):
    path = shared_cases / "18-other-makers" / name
    theirs = formats.read_scan(path)
    monkeypatch.undo()
    if gwyddion.find_converter() is None:
        pytest.skip("Gwyddion's importer is not installed")
    ours = formats.read_scan(path)
    measured = np.isfinite(theirs.height_nm)  # a .sur file marks points without a value, which Gwyddion reads as lowest
    assert measured.mean() > 0.999
    np.testing.assert_allclose(theirs.height_nm[measured], ours.height_nm[measured], rtol=1e-9)
    assert (theirs.width_nm, theirs.tall_nm) == pytest.approx((ours.width_nm, ours.tall_nm))
    assert (theirs.direction, theirs.source_sha256) == (ours.direction, ours.source_sha256)


def test_a_wave_without_units_is_read_with_those_of_the_sheet(shared_cases):
    if not gwyddion.is_available():
        pytest.skip("neither Gwyddion's importer nor SurfaceTopography is installed")
    path = shared_cases / "18-other-makers" / "ct_10x10-one_channel_without_name.ibw"
    with pytest.raises(UserError, match="no units .*z_unit and width_nm"):
        formats.read_scan(path)
    scan = formats.read_scan(path, ReadOptions(z_unit="nm", width_nm=500.0))
    assert (scan.height_nm.min(), scan.height_nm.max(), scan.width_nm) == (1.0, 2.0, 500.0)


def test_what_surface_topography_does_not_know_is_refused_and_what_hangs_is_stopped(tmp_path, without_gwyddion):
    (tmp_path / "film.xyz").write_bytes(bytes(range(256)) * 16)
    with pytest.raises(UserError, match="film.xyz: .*SurfaceTopography does not know"):
        formats.read_scan(tmp_path / "film.xyz")
    with pytest.raises(UserError, match="film.xyz: .*longer than 0.01 s; raise scans.gwyddion_timeout_seconds"):
        formats.read_scan(tmp_path / "film.xyz", ReadOptions(gwyddion_timeout_seconds=0.01))
