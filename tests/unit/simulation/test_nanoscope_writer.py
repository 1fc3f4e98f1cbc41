"""NanoScope files as we write them: Gwyddion's own importer and the file's own header agree with what went in."""

import re

import gwyddionpy
import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.scans import nanoscope
from micrograph.scans.height_map import ReadOptions
from micrograph.simulation import nanoscope_writer
from micrograph.simulation.nanoscope_writer import Channel, Frame

SIXTEEN, THIRTY_TWO = "0x08150300", "0x09400202"


def surface(lines, pixels, seed=0):
    """A tilted random surface in nm whose four corners differ."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:lines, 0:pixels]
    return 0.2 * rows - 0.05 * columns + rng.normal(size=(lines, pixels))


def written(path, height, frame, version):
    """Write trace, retrace (5 nm higher) and the error signal; return the path."""
    channels = [
        Channel("Height Sensor", "Trace", height),
        Channel("Height Sensor", "Retrace", height + 5),
        Channel("Peak Force Error", "Trace", 0.01 * height),
    ]
    nanoscope_writer.write(path, channels, frame, version)
    return path


FRAMES = {
    "square": ((64, 64), Frame(1000, 1000, 64), 1000),
    "four to three": ((48, 64), Frame(1000, 750, 48), 750),
    "oblong pixels": ((32, 64), Frame(1000, 1000, 32), 1000),
    "stopped": ((20, 64), Frame(1000, 1000, 64), 312.5),
    "stopped, four to three": ((24, 64), Frame(1000, 750, 48), 375),
    "stopped, oblong pixels": ((24, 64), Frame(1000, 1000, 32), 750),
}


@pytest.mark.parametrize("version", [SIXTEEN, THIRTY_TWO])
@pytest.mark.parametrize("kind", FRAMES)
def test_gwyddion_reads_sizes_exactly_and_heights_within_one_count(tmp_path, kind, version):
    shape, frame, tall_nm = FRAMES[kind]
    height = surface(*shape)
    read = gwyddionpy.load(written(tmp_path / "a.spm", height, frame, version), timeout=60)
    trace, retrace, error = read.channels.values()
    assert trace.data.shape == shape
    assert (trace.xreal * 1e9, trace.yreal * 1e9) == pytest.approx((1000, tall_nm), rel=1e-9)
    assert (trace.si_unit_z, error.si_unit_z) == ("m", "N")
    count_nm = 1 / nanoscope_writer._counts_per_unit(
        "Height Sensor", scale_volts(tmp_path / "a.spm"), bytes_of(version)
    )
    assert np.abs(trace.data * 1e9 - height).max() <= count_nm
    assert np.ptp(trace.data) * 1e9 == pytest.approx(np.ptp(height), abs=count_nm)
    assert np.abs(retrace.data * 1e9 - height - 5).max() <= count_nm
    assert np.abs(error.data * 1e9 - 0.01 * height).max() <= 24.576 * 53.9 / 65536


def scale_volts(path):
    """The first Z scale in a file's header."""
    return float(re.search(rb"Z scale: V \[[^]]*\] \([^)]*\) ([\d.]+) V", path.read_bytes())[1])


def bytes_of(version):
    """Bytes a height in the versions written here."""
    return 4 if version == THIRTY_TWO else 2


@pytest.mark.parametrize("version", [SIXTEEN, THIRTY_TWO])
@pytest.mark.parametrize("kind", FRAMES)
def test_our_own_reader_agrees_with_gwyddion(tmp_path, kind, version):
    shape, frame, _ = FRAMES[kind]
    path = written(tmp_path / "a.spm", surface(*shape), frame, version)
    theirs = next(iter(gwyddionpy.load(path, timeout=60).channels.values()))
    ours = nanoscope.read(path, ReadOptions(direction="trace"))
    assert ours.height_nm == pytest.approx(theirs.data * 1e9, rel=1e-6, abs=1e-9)
    assert (ours.width_nm, ours.tall_nm) == pytest.approx((theirs.xreal * 1e9, theirs.yreal * 1e9), rel=1e-6)


@pytest.mark.parametrize(("version", "start"), [(SIXTEEN, 40960), (THIRTY_TWO, 80960)])
def test_the_file_is_laid_out_as_the_instrument_does(tmp_path, version, start):
    height = surface(16, 32)
    data = written(tmp_path / "a.spm", height, Frame(1000, 1000, 16), version).read_bytes()
    header, padding = data[:start].split(b"\\*File list end\r\n\x1a")
    assert set(padding) == {0}
    assert header.startswith(b"\\*File list\r\n\\Version: " + version.encode())
    assert header.count(b"\n") == header.count(b"\r\n")
    sections = re.findall(rb"\\\*([^\r]*)", header)
    assert sections == [b"File list", b"Equipment list", b"Scanner list", b"Ciao scan list"] + [b"Ciao image list"] * 3
    assert re.findall(rb"Scan Size: 1 1 (\S+)", header) == [b"~m"] * 3
    assert header.decode("latin-1").count("º") == 2
    stored = 4 if version == THIRTY_TWO else 2
    assert len(data) == start + 3 * 16 * 32 * stored
    first = np.frombuffer(data[start:], f"<i{stored}", count=32)  # the bottom row comes first
    count_nm = 1 / nanoscope_writer._counts_per_unit("Height Sensor", scale_volts(tmp_path / "a.spm"), stored)
    assert first * count_nm == pytest.approx(height[-1], abs=count_nm)


def test_the_32_bit_versions_say_two_bytes_of_the_error_and_store_four(tmp_path):
    path = written(tmp_path / "a.spm", surface(16, 16), Frame(1000, 1000, 16), THIRTY_TWO)
    header = path.read_bytes()[:80960].decode("latin-1")
    assert re.findall(r"Bytes/pixel: (\d)", header) == ["4", "4", "2"]
    assert re.findall(r"Data length: (\d+)", header) == ["80960", "1024", "1024", "1024"]


def test_heights_beyond_the_converter_are_refused_and_leave_no_file(tmp_path):
    with pytest.raises(UserError, match="subtract an offset"):
        written(tmp_path / "a.spm", surface(8, 8) + 1e5, Frame(1000, 1000, 8), THIRTY_TWO)
    assert not list(tmp_path.iterdir())


def test_an_unknown_channel_and_unequal_shapes_are_refused(tmp_path):
    frame = Frame(1000, 1000, 8)
    with pytest.raises(UserError, match="choose one of: Height Sensor, Peak Force Error"):
        nanoscope_writer.write(tmp_path / "a.spm", [Channel("Colour", "Trace", surface(8, 8))], frame)
    pair = [Channel("Height Sensor", "Trace", surface(8, 8)), Channel("Height Sensor", "Retrace", surface(8, 9))]
    with pytest.raises(UserError, match="another shape"):
        nanoscope_writer.write(tmp_path / "a.spm", pair, frame)
