"""Files cut, flipped, misnamed, absurd or no files: a right scan or one sentence, in bounded time and memory."""

import os
import re
import resource
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from faults import judged, specimens
from micrograph.errors import UserError
from micrograph.scans import gwyddion
from micrograph.scans.height_map import HeightMap, write_gwy
from project import PROJECT

FLIPS = judged.count(60, 2000)
GIB = 1 << 30


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Sound files by name."""
    return specimens.write_all(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def no_importer(monkeypatch):
    """A converter that knows no format, so that a thousand files of no kind do not start Gwyddion a thousand times."""
    monkeypatch.setenv("GWYDDIONPY_CONVERT", "/bin/false")


def read_as(path, data):
    """What becomes of these bytes under this name."""
    path.write_bytes(data)
    return judged.micrograph(path)


def test_the_sound_files_are_read_before_they_are_damaged(sound):
    needs_importer = {"film.gsf"} if gwyddion.find_converter() is None else set()
    for name, path in sound.items():
        if name not in needs_importer:
            assert isinstance(judged.micrograph(path), np.ndarray), name
    assert len(sound) == 37


def test_simulated_scans_and_pictures_cut_at_and_around_every_part_are_refused_or_right(sound, tmp_path, no_importer):
    for name, path in sound.items():
        whole = path.read_bytes()
        for place in specimens.boundaries(whole):
            found = read_as(tmp_path / name, whole[:place])
            if name.endswith(".spm") and place < len(whole) - 3 * 64 * 64 * 4:
                assert isinstance(found, UserError), (name, place)
            if place == 0:
                assert "the file is empty" in str(found)


def test_real_scans_cut_at_and_around_every_section_and_image_are_refused_or_right(shared_scans, tmp_path, no_importer):
    cut = 0
    for path in sorted(shared_scans.glob("*_*")):
        whole = path.read_bytes()
        uncut = judged.micrograph(path)
        for place in specimens.boundaries(whole):
            found = read_as(tmp_path / path.name, whole[:place])
            if isinstance(found, np.ndarray):  # cut behind its heights: then these are all there
                np.testing.assert_array_equal(found, uncut)
            cut += 1
    assert cut > 300


def flipped(whole, rng, most):
    """The bytes with one to `most` bits turned over, most of them in the first tenth, where headers are."""
    data = bytearray(whole)
    for _ in range(rng.integers(1, most + 1)):
        reach = len(data) if rng.random() < 0.3 else max(len(data) // 10, 64)
        data[rng.integers(min(reach, len(data)))] ^= 1 << rng.integers(8)
    return bytes(data)


def test_flipped_bits_in_headers_and_data_give_a_scan_or_a_sentence(sound, tmp_path, no_importer):
    rng = np.random.default_rng(21)
    for name, path in sound.items():
        whole = path.read_bytes()
        for _ in range(FLIPS):
            read_as(tmp_path / name, flipped(whole, rng, 8))


def test_flipped_bits_in_scans_of_other_makers_through_surface_topography_give_a_scan_or_a_sentence(
    shared_cases, tmp_path, monkeypatch
):
    """Its readers run in a process of their own, a second each."""
    pytest.importorskip("SurfaceTopography")
    monkeypatch.setattr(gwyddion, "find_converter", lambda: None)
    rng = np.random.default_rng(23)
    for path in sorted((shared_cases / "18-other-makers").iterdir())[:: judged.count(3, 1)]:
        for _ in range(judged.count(1, 20)):
            read_as(tmp_path / path.name, flipped(path.read_bytes(), rng, 30))


def test_flipped_bits_in_real_scans_give_a_scan_or_a_sentence(shared_scans, tmp_path, no_importer):
    rng = np.random.default_rng(22)
    for path in sorted(shared_scans.glob("*_*")):
        whole = path.read_bytes()
        for _ in range(judged.count(8, 200)):
            read_as(tmp_path / path.name, flipped(whole, rng, 30))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".gwy", ".spm", ".txt", ".000", ".jpg", ""])
def test_an_extension_says_nothing(sound, tmp_path, suffix):
    for name, path in sound.items():
        if name != "film.gsf":
            (tmp_path / f"x{suffix}").write_bytes(path.read_bytes())
            np.testing.assert_array_equal(judged.micrograph(tmp_path / f"x{suffix}"), judged.micrograph(path))


# What a channel may hold that is no relief.
CHANNELS = {
    "NaN": np.full((16, 16), np.nan),
    "one NaN": np.where(
        np.arange(256).reshape(16, 16) == 100, np.nan, specimens.relief(16, 16, np.random.default_rng(0))
    ),
    "infinite": np.full((16, 16), np.inf),
    "constant": np.full((16, 16), 4.5),
    "zero": np.zeros((16, 16)),
    "tilted only": np.add.outer(np.arange(16.0), 3 * np.arange(16.0)),
    "huge": specimens.relief(16, 16, np.random.default_rng(0)) * 1e200,
    "largest": np.where(np.arange(256).reshape(16, 16) % 2, 1.7e308, -1.7e308),
    "least": specimens.relief(16, 16, np.random.default_rng(0)) * 1e-310,
    "three pixels a line": specimens.relief(16, 3, np.random.default_rng(0)),
    "one column": specimens.relief(16, 1, np.random.default_rng(0)),
    "one pixel": np.ones((1, 1)),
}


@pytest.mark.parametrize("levelling", ["published", "median", "facet"])
@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_without_relief_is_refused_by_every_levelling(tmp_path, name, levelling):
    with np.errstate(over="ignore"):
        write_gwy(tmp_path / "x.gwy", HeightMap(CHANNELS[name], 100.0, 100.0, "Height", "Trace", "x", "0" * 64, 16))
    found = judged.micrograph(tmp_path / "x.gwy", levelling)
    assert isinstance(found, UserError), found
    judged.one_sentence(found)


@pytest.mark.parametrize("aspect", ["pad", "crop"])
@pytest.mark.parametrize("levelling", ["published", "median", "facet"])
@pytest.mark.parametrize("shape", [(1, 64), (2, 64), (3, 5), (64, 4), (1, 4), (600, 4)])
def test_scans_of_one_line_and_of_four_columns_are_drawn_or_refused(tmp_path, shape, levelling, aspect):
    heights = specimens.relief(*shape, np.random.default_rng(1))
    frame = specimens.nanoscope_writer.Frame(1000.0, 1000.0, max(64, shape[0]))
    specimens.nanoscope_writer.write(
        tmp_path / "x.spm", [specimens.nanoscope_writer.Channel("Height Sensor", "Trace", heights)], frame
    )
    judged.micrograph(tmp_path / "x.spm", levelling, aspect)


@pytest.mark.parametrize("levelling", ["published", "median", "facet"])
def test_a_saturated_channel_is_drawn_where_any_relief_is_left(tmp_path, levelling):
    heights = np.clip(specimens.relief(64, 64, np.random.default_rng(2)) * 1e4, -2000, 2000)
    frame = specimens.nanoscope_writer.Frame(1000.0, 1000.0, 64)
    specimens.nanoscope_writer.write(
        tmp_path / "x.spm", [specimens.nanoscope_writer.Channel("Height Sensor", "Trace", heights)], frame
    )
    judged.micrograph(tmp_path / "x.spm", levelling)
    data = bytearray((tmp_path / "x.spm").read_bytes())
    data[80960:] = b"\xff\xff\xff\x7f" * ((len(data) - 80960) // 4)  # the largest number in every pixel
    assert "no relief" in str(read_as(tmp_path / "x.spm", bytes(data)))


NUMBERS = ["0", "-1", "1", "3", "1000000000", "9" * 19, "9" * 400, "9" * 4299, "9" * 4300, "9" * 5000, "1e9", "nan",
           "inf", "-0", "24.5760.", "1.2.3", ".", "5.", "1e", "0x10", "1_000", "\u00b2", "", " ", "64 64 64", "64.5",
           "\x1b[2J", "%s%n", "{0}"]  # fmt: skip
KEYS = ["Version", "Data offset", "Data length", "Bytes/pixel", "Samps/line", "Number of lines", "Lines",
        "Valid data len Y", "Aspect Ratio", "Scan Size", "Line Direction", "@2:Z scale", "@Sens. ZsensSens",
        "@2:Image Data", "Scan Line", "Slow Axis Size", "Z scale", "Z scale height", "Z max", "Image data",
        "Offline Planefit"]  # fmt: skip


def with_value(whole, key, value):
    """The file with every line of this key saying `value`, the data where they were where there is room."""
    start, line_end = min(int(place) for place in re.findall(rb"\\Data offset: (\d+)", whole)), b"\r\n"
    lines = [f"\\{key}: {value}".encode("latin-1") if line.startswith(f"\\{key}:".encode()) else line
             for line in whole[:start].rstrip(b"\0").split(line_end)]  # fmt: skip
    return line_end.join(lines).ljust(start, b"\0") + whole[start:]


NANOSCOPES = ["square32.spm", "stopped32.spm", "lift.001", "old_3.001", "old_4_2.001"]


@pytest.mark.parametrize("name", NANOSCOPES)
@pytest.mark.parametrize("key", KEYS)
def test_absurd_numbers_in_a_header_give_a_scan_or_a_sentence_and_take_no_memory(
    sound, tmp_path, no_importer, name, key
):
    """By day each value is tried in one of the files, at night in all of them."""
    whole, values = sound[name].read_bytes(), []
    units = ["", " ~m", " nm/V", " V [Sens. ZsensSens] (0.1 V/LSB) 1 V"]
    for number in NUMBERS:
        for unit in units if key in ("Scan Size", "@2:Z scale", "@Sens. ZsensSens") else [""]:
            values += [number + unit, f"V {number}{unit}", f"{number} {number}{unit}"]
    tracemalloc.start()
    for value in values[judged.count(NANOSCOPES.index(name), 0) :: judged.count(len(NANOSCOPES), 1)]:
        read_as(tmp_path / name, with_value(whole, key, value))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20  # 32 MiB: some thirty times the file


@pytest.mark.parametrize("damage", [
    (b"[Sens. ZsensSens]", b"[Sens. Zsens\xb5\xb1\xff]"), (b"~m", b"\xb5m"), (b"~m", "\u00b5m".encode()),
    (b"\xba", "\u00ba".encode()), (b'"Height Sensor"', b'"H\xf6he"'), (b'"Height Sensor"', b'"\x1b[31mHeight\x07"'),
    (b'"Height Sensor"', b'"' + b"x" * 5000 + b'"'), (b"\r\n", b"\n"), (b"\r\n", b"\r"), (b"\\", b"/"),
])  # fmt: skip
def test_other_encodings_and_odd_signs_in_a_header_give_a_scan_or_a_sentence(sound, tmp_path, no_importer, damage):
    whole = sound["square32.spm"].read_bytes()
    found = read_as(tmp_path / "x.spm", whole[:80960].replace(*damage)[:80960].ljust(80960, b"\0") + whole[80960:])
    if damage == (b"~m", b"\xb5m"):
        assert isinstance(found, np.ndarray)  # the micro sign of Latin-1, as Windows writes it


def sparse(path, start, size):
    """A file that begins with `start` and is as long as it is said to be, taking no room on the disk."""
    with open(path, "wb") as file:
        file.write(start)
        file.truncate(size)


LARGE = {  # name: how the ten-gigabyte file begins
    "zeros.spm": b"",
    "header.spm": b"\\*File list\r\n\\Version: 0x09400202\r\n",
    "gwyddion.gwy": b"GWYPGwyContainer\0\xff\xff\xff\xff" + b"/0/data\0S\xff\xff\xff\xff",
    "picture.png": b"\x89PNG\r\n\x1a\n",
    "picture.tif": b"II*\0\x08\0\0\0\xff\xff",
    "archive.zip": b"PK\3\4",
}


def large(sound, folder):
    """Ten gigabytes of every kind, a NanoScope file among them whose header is right in all it says."""
    for name, start in LARGE.items():
        sparse(folder / name, start, 10 * GIB)
    head = sound["square32.spm"].read_bytes()[:80960]
    side = 50_000
    for key, value in (("Samps/line", side), ("Number of lines", side), ("Lines", side), ("Data length", 4 * side**2)):
        head = with_value(head, key, str(value))
    sparse(folder / "whole.spm", head, 80960 + 4 * side**2)


CHILD = """
import resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from faults import judged
for path in sys.argv[1:]:
    judged.SECONDS_A_FILE = 60
    began = time.monotonic()
    found = judged.read(path)
    print(type(found).__name__, f"{time.monotonic() - began:.1f} s", str(found)[-120:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")), "KiB")
"""


def test_ten_gigabytes_of_any_kind_are_refused_without_being_taken_into_memory(sound, tmp_path):
    large(sound, tmp_path)
    names = [*LARGE, "whole.spm"]
    env = os.environ | {"PYTHONPATH": f"{PROJECT / 'workflow'}:{PROJECT / 'tests'}", "GWYDDIONPY_CONVERT": "/bin/false"}
    done = subprocess.run([sys.executable, "-c", CHILD, *[str(tmp_path / name) for name in names]], env=env, text=True,
                          capture_output=True, timeout=400)  # fmt: skip
    assert done.returncode == 0, done.stderr
    *printed, memory = done.stdout.splitlines()
    assert len(printed) == len(names) and not [
        line for line in printed if line.startswith(("HeightMap", "ExportedImage"))
    ], printed
    assert int(memory.split()[0]) < 300 << 10, memory  # 300 MiB, Python and its libraries among them


def test_what_is_no_file_is_refused_at_once(tmp_path):
    (tmp_path / "folder.spm").mkdir()
    os.mkfifo(tmp_path / "pipe.spm")
    (tmp_path / "loop.spm").symlink_to("loop.spm")
    (tmp_path / "far.spm").symlink_to("nowhere.spm")
    (tmp_path / "null.spm").symlink_to(os.devnull)
    (tmp_path / "endless.spm").symlink_to("/dev/zero")
    (tmp_path / "behind.spm").symlink_to("folder.spm/..")
    for path in sorted(tmp_path.iterdir()):
        assert isinstance(judged.read(path), UserError)
    for name in ("none.spm", "n" * 300, "a\0b.spm", "folder.spm/x/y", ""):
        found = judged.read(tmp_path / name)
        assert isinstance(found, UserError), name


def test_reading_thousands_of_damaged_files_has_left_memory_and_files_alone():
    """Runs last: what all tests above needed together."""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 << 20  # 4 GiB, in KiB
    assert len(os.listdir("/proc/self/fd")) < 200


def test_a_control_sign_in_a_name_reaches_no_sentence_and_no_table(sound, tmp_path):
    whole = sound["square32.spm"].read_bytes()
    (tmp_path / "x.spm").write_bytes(whole.replace(b'"Height Sensor"', b'"\x1b[31mHeight\x07"'))
    assert judged.read(tmp_path / "x.spm", channels=("ZSensor",)).channel == "?[31mHeight?"
    (tmp_path / "\x1b[2J\u20ac.spm").write_bytes(b"")
    assert "\\x1b[2J\u20ac.spm: the file is empty" in str(judged.read(tmp_path / "\x1b[2J\u20ac.spm"))
