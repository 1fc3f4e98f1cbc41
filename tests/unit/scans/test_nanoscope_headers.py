"""NanoScope files whose header contradicts itself, is old, or holds foreign text: one test for each kind.

Each file is written by the simulation and its header changed, so that what is right is what went in.
"""

import re
import shutil

import gwyddionpy
import numpy as np
import pytest

import small_scan
from micrograph.errors import UserError
from micrograph.scans import formats, gwyddion, nanoscope
from micrograph.scans.height_map import DEFAULT_OPTIONS, BlankScanError, ReadOptions
from micrograph.scans.nanoscope import (
    ChannelError,
    HeaderError,
    OldVersionError,
    ScanSizeError,
    TextModeError,
    TruncatedError,
    UnitError,
)
from micrograph.simulation import nanoscope_writer
from micrograph.simulation.nanoscope_writer import Channel, Frame

RETRACE, TRACE = ReadOptions(direction="retrace"), ReadOptions(direction="trace")
SIXTEEN, THIRTY_TWO, TEN = "0x08150300", "0x09400202", "0x10000106"
LINES, PIXELS = 24, 32


def film(lines=LINES, pixels=PIXELS):
    """Heights in nm: steps on a slope, 20 nm over all, the four corners different."""
    rows, cols = np.mgrid[0:lines, 0:pixels]
    noise = np.random.default_rng(1).normal(0, 0.05, (lines, pixels))
    return np.floor(rows / 5) + 0.4 * cols + noise


def write(path, *heights, version=THIRTY_TWO, directions=("Retrace", "Trace"), changes=(), planned=None):
    """Write heights as Height Sensor, each in a direction of its own, and change the header."""
    channels = [Channel("Height Sensor", way, height) for way, height in zip(directions, heights, strict=False)]
    frame = Frame(2000, 1500, planned or len(heights[0]))
    nanoscope_writer.write(path, channels, frame, version)
    return small_scan.rewrite(path, *changes)


def count_nm(path):
    """The value of one count of the first image."""
    head = path.read_bytes()[:80960].decode("latin-1")
    volts = float(re.search(r"Z scale: V \[[^]]*\] \([^)]*\) ([\d.]+) V", head)[1])
    return volts * 168.89 / 256 ** int(re.search(r"Bytes/pixel: (\d)", head)[1])


def assert_is(path, height=None, options=DEFAULT_OPTIONS, tolerance_nm=None):
    """Assert that a file is read as these heights, within about half a count; the scan."""
    scan = nanoscope.read(path, options)
    height = film() if height is None else height
    assert scan.height_nm.shape == height.shape
    assert np.abs(scan.height_nm - height).max() <= (tolerance_nm or 0.6 * count_nm(path))
    return scan


def change_nth(path, key, value, n):
    """Give the n-th line of a key (from 0) another value, or take it out (None)."""
    data = path.read_bytes()
    start = int(re.search(rb"\\Data offset: (\d+)", data)[1])
    lines = data[: data.index(b"\x1a")].split(b"\r\n")
    place = [i for i, line in enumerate(lines) if line.startswith(f"\\{key}:".encode())][n]
    lines[place : place + 1] = [] if value is None else [f"\\{key}: {value}".encode("latin-1")]
    path.write_bytes((b"\r\n".join(lines) + b"\x1a").ljust(start, b"\0") + data[start:])
    return path


# Main and interleave


@pytest.mark.parametrize(
    "spelling", ["Interleave", "interleave", "INTERLEAVE", "Interleaved", "Lift", "Interleave scan"]
)
@pytest.mark.parametrize("lifted", [0, 1])
def test_the_interleave_pass_is_not_the_film_unless_requested(tmp_path, spelling, lifted):
    heights = [film(), film()]
    heights[lifted] = -heights[lifted]
    path = change_nth(write(tmp_path / "film", *heights), "Scan Line", spelling, lifted)
    assert_is(path)
    lift = assert_is(path, -film(), ReadOptions(("Height Sensor (Interleave)",)))
    assert lift.channel == "Height Sensor (Interleave)"
    with pytest.raises(ChannelError, match=r"interleave \(lift\) pass.*'Height Sensor \(Interleave\)'"):
        nanoscope.read(path, ReadOptions(direction=("retrace", "trace")[lifted]))


@pytest.mark.parametrize("key", ["Scan line", "SCAN LINE", "@Scan line", "@2:Scan Line"])
def test_the_key_of_the_pass_has_several_forms(tmp_path, key):
    path = write(tmp_path / "film", -film(), film(), directions=("Trace", "Trace"))
    small_scan.rewrite(change_nth(path, "Scan Line", "Interleave", 0), ("\\Scan Line:", f"\\{key}:"))
    assert_is(path)


@pytest.mark.parametrize(("first", "second"), [(None, "Main"), ("Interleave", None), ("", "Main")])
@pytest.mark.parametrize("way", ["Trace", "Retrace"])
def test_an_image_that_does_not_state_its_pass_comes_after_main_and_before_interleave(tmp_path, first, second, way):
    path = write(tmp_path / "film", -film(), film(), directions=("Trace", way))
    assert_is(change_nth(change_nth(path, "Scan Line", second, 1), "Scan Line", first, 0))


def test_a_file_of_one_unstated_pass_is_read(tmp_path):
    assert_is(change_nth(write(tmp_path / "film", film()), "Scan Line", None, 0))


def test_a_file_of_the_interleave_pass_alone_is_refused(tmp_path):
    path = write(tmp_path / "film", film(), film(), changes=[("Scan Line: Main", "Scan Line: Interleave")])
    with pytest.raises(ChannelError, match=r"film: .*interleave \(lift\) pass, which does not show the film"):
        nanoscope.read(path)
    with pytest.raises(UserError, match="no channel holds heights"):
        nanoscope.check_heights(nanoscope.read_header(path))


def test_one_of_several_images_of_a_name_is_taken_with_a_remark(tmp_path):
    path = write(tmp_path / "film", film(), -film(), directions=("Trace", "Trace"))
    assert "2 of its images" in assert_is(path).remarks[0]


# The height of the field


@pytest.mark.parametrize(
    "size", ["750 nm", "0.75 ~m", "0,75 ~m", "0.75 um", "0.75 \xb5m", "0.75 \xc2\xb5m", "750 750 nm"]
)
@pytest.mark.parametrize("image", ["2 2 ~m", "2 0.5 ~m", "2 1.5 ~m"])
@pytest.mark.parametrize("aspects", [("1:1", "1:1"), ("4:1", "1:1"), ("1:1", "4:1"), ("2:1", "2:1"), ("8:3", "8:3")])
def test_the_slow_axis_decides_the_height(tmp_path, size, image, aspects):
    path = write(tmp_path / "film", film(), version=TEN)
    changes = [("Scan Size: 2000 nm", f"Scan Size: 2000 nm\r\n\\Slow Axis Size: {size}"),
               ("Scan Size: 2 2 ~m", f"Scan Size: {image}")]  # fmt: skip
    small_scan.rewrite(path, *changes)
    change_nth(change_nth(path, "Aspect Ratio", aspects[1], 1), "Aspect Ratio", aspects[0], 0)
    scan = nanoscope.read(path)
    assert (scan.width_nm, scan.tall_nm) == pytest.approx((2000, 750), rel=1e-12)
    assert scan.version == "10.00"


def test_a_stopped_scan_is_as_tall_as_its_share_of_the_slow_axis(tmp_path):
    changes = [("Scan Size: 2000 nm", "Scan Size: 2000 nm\r\n\\Slow Axis Size: 3000 nm")]
    path = write(tmp_path / "film", film(), version=TEN, changes=changes, planned=48)
    assert (nanoscope.read(path).tall_nm, nanoscope.read(path).lines_planned) == (pytest.approx(1500), 48)
    theirs = next(iter(gwyddionpy.load(path, timeout=60).channels.values()))
    assert theirs.yreal * 1e9 == pytest.approx(1500)


def test_a_part_cut_out_of_a_scan_keeps_its_pixel_size(tmp_path):
    changes = [("Scan Size: 2000 nm", "Scan Size: 4000 nm\r\n\\Slow Axis Size: 3000 nm")]
    path = write(tmp_path / "film", film(), version=TEN, changes=changes)
    scan = nanoscope.read(change_nth(change_nth(path, "Samps/line", 2 * PIXELS, 0), "Lines", 2 * LINES, 0))
    assert (scan.width_nm, scan.tall_nm) == pytest.approx((2000, 1500))


def test_two_widths_of_one_scan_are_remarked_on(tmp_path):
    changes = [("Scan Size: 2000 nm", "Scan Size: 5000 nm\r\n\\Slow Axis Size: 2500 nm")]
    scan = nanoscope.read(write(tmp_path / "film", film(), version=TEN, changes=changes))
    assert (scan.width_nm, scan.tall_nm) == pytest.approx((5000, 2500))
    assert "2000 nm" in scan.remarks[0] and "5000 nm" in scan.remarks[0]


@pytest.mark.parametrize("size", ["0 nm", "-5 nm", "large", "2 V"])
def test_a_slow_axis_that_is_no_length_is_refused(tmp_path, size):
    changes = [("Scan Size: 2000 nm", f"Scan Size: 2000 nm\r\n\\Slow Axis Size: {size}")]
    with pytest.raises(ScanSizeError, match="film.*slow axis"):
        nanoscope.read(write(tmp_path / "film", film(), version=TEN, changes=changes))


# How the pixels are stored


def test_data_may_be_longer_than_the_pixels_need(tmp_path):
    whole = write(tmp_path / "film", film(), film() + 1).read_bytes()
    size, start = LINES * PIXELS * 4, 80960
    gap = whole[: start + size] + b"\x55" * 512 + whole[start + size :]
    (tmp_path / "film").write_bytes(gap)
    path = change_nth(change_nth(tmp_path / "film", "Data offset", start + size + 512, 1), "Data length", size + 512, 1)
    assert str(size + 512) in assert_is(path, options=RETRACE).remarks[0]
    assert_is(path, film() + 1, TRACE)
    assert_is(change_nth(path, "Data length", size + 512, 2), film() + 1, TRACE)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TruncatedError):
        nanoscope.read(path, TRACE)


@pytest.mark.parametrize("bogus", [(2 * PIXELS, 2 * LINES), (PIXELS, 2 * LINES), (8, 8), (2 * PIXELS, LINES)])
def test_sizes_of_the_scan_list_hold_where_those_of_the_image_list_are_bogus(tmp_path, bogus):
    path = write(tmp_path / "film", film(), version=SIXTEEN)
    change_nth(change_nth(path, "Samps/line", bogus[0], 1), "Number of lines", bogus[1], 0)
    change_nth(path, "Valid data len Y", bogus[1], 0)
    scan = assert_is(path)
    assert scan.width_nm == pytest.approx(2000)
    assert f"{bogus[0]} x {bogus[1]}" in scan.remarks[0] and f"{PIXELS} x {LINES}" in scan.remarks[0]


def test_sizes_that_fit_nowhere_are_refused_with_both(tmp_path):
    path = write(tmp_path / "film", film(), version=SIXTEEN)
    for key, number, n in (("Samps/line", 100, 0), ("Lines", 90, 0), ("Samps/line", 99, 1), ("Number of lines", 89, 0)):
        change_nth(path, key, number, n)
    with pytest.raises(HeaderError, match=rf"{LINES * PIXELS * 2} bytes .*89 lines of 99 .*90 of 100"):
        nanoscope.read(path)


VALID = [LINES, LINES // 2]


@pytest.mark.parametrize("valid", VALID)
@pytest.mark.parametrize("version", ["0x09200000", THIRTY_TWO, TEN])
def test_two_bytes_are_read_in_versions_that_usually_store_four(tmp_path, version, valid):
    path = write(tmp_path / "film", film(), film() + 1, version=SIXTEEN, changes=[(SIXTEEN, version)])
    small_scan.rewrite(path, (f"Valid data len Y: {LINES}", f"Valid data len Y: {valid}"))
    assert any("2 bytes" in remark for remark in assert_is(path, options=RETRACE).remarks)
    assert_is(path, film() + 1, TRACE)


@pytest.mark.parametrize("valid", VALID)
def test_four_bytes_are_read_in_versions_that_usually_store_two(tmp_path, valid):
    changes = [(THIRTY_TWO, SIXTEEN), (f"Valid data len Y: {LINES}", f"Valid data len Y: {valid}")]
    assert_is(write(tmp_path / "film", film(), film() + 1, changes=changes), options=RETRACE)


def in_two_of_four_bytes(path, **asked):
    """A file whose heights are scaled to two bytes and stored in four, as the height channel of version 9.20 on."""
    write(path, film(), version=SIXTEEN, **asked)
    head, raw = path.read_bytes()[:40960], np.frombuffer(path.read_bytes()[40960:], "<i2")
    path.write_bytes(head + raw.astype("<i4").tobytes())
    return change_nth(path, "Data length", 4 * raw.size, 1)


@pytest.mark.parametrize("version", [SIXTEEN, THIRTY_TWO])
def test_numbers_of_two_bytes_are_read_from_four(tmp_path, version):
    assert_is(small_scan.rewrite(in_two_of_four_bytes(tmp_path / "film"), (SIXTEEN, version)))


def test_a_stopped_scan_of_four_bytes_is_not_taken_for_a_whole_one_of_two(tmp_path):
    path = small_scan.rewrite(in_two_of_four_bytes(tmp_path / "film"), (SIXTEEN, THIRTY_TWO))
    change_nth(change_nth(path, "Lines", 2 * LINES, 0), "Number of lines", 2 * LINES, 0)  # half of them are stored
    assert assert_is(path).lines_planned == 2 * LINES


def test_the_offset_of_the_next_image_tells_where_a_data_length_is_wrong(tmp_path):
    for version, size in ((SIXTEEN, 2), (THIRTY_TWO, 4)):
        path = write(tmp_path / "film", film(), film() + 1, version=version)
        change_nth(path, "Data length", LINES * PIXELS * size - 100, 1)
        assert any(str(LINES * PIXELS * size) in remark for remark in assert_is(path, options=RETRACE).remarks)


def test_a_width_that_nothing_supports_is_refused(tmp_path):
    path = write(tmp_path / "film", film(), changes=[("Bytes/pixel: 4", "Bytes/pixel: 2"), (THIRTY_TWO, SIXTEEN)])
    with pytest.raises(HeaderError, match="bytes of data are not"):  # four bytes with numbers beyond the Z scale
        nanoscope.read(path)
    path = write(tmp_path / "film", film(), version=SIXTEEN, changes=[("Bytes/pixel: 2", "Bytes/pixel: 4")])
    with pytest.raises(HeaderError, match="bytes of data are not"):
        nanoscope.read(path)


@pytest.mark.parametrize("valid", [7, 1])
def test_lines_that_are_not_valid_are_remarked_on(tmp_path, valid):
    changes = [(f"Valid data len Y: {LINES}", f"Valid data len Y: {valid}")]
    scan = assert_is(write(tmp_path / "film", film(), changes=changes))
    assert f"{valid} of its {LINES} lines" in scan.remarks[0]


@pytest.mark.parametrize("shape", [(1, 32), (32, 1), (1, 1)])
def test_a_line_is_no_film(tmp_path, shape):
    with pytest.raises(ChannelError, match=f"{shape[1]} x {shape[0]} pixels"):
        nanoscope.read(write(tmp_path / "film", film(*shape)))


# Heights


@pytest.mark.parametrize(("volts", "sensitivity"), [(440, 36.0), (24.576, 842.6266), (440, 150.0)])
def test_a_large_range_of_two_bytes_stored_in_four_is_read(tmp_path, volts, sensitivity):
    path = small_scan.rewrite(in_two_of_four_bytes(tmp_path / "film"), (SIXTEEN, THIRTY_TWO))
    scale = re.search(rb"(\d+\.\d+) V\r\n\\@2:Z offset", path.read_bytes())[1].decode()
    small_scan.rewrite(path, (f"{scale} V\r\n", f"{volts:.5f} V\r\n"), ("V 168.8900 nm/V", f"V {sensitivity:.5f} nm/V"))
    factor = volts * sensitivity / (float(scale) * 168.89)
    assert_is(path, film() * factor, tolerance_nm=0.51 * volts * sensitivity / 2**16)


def test_a_sensor_that_only_drifts_gives_way_to_a_channel_with_relief(tmp_path):
    drift = np.linspace(0, 30, LINES)[:, None] + np.linspace(0, 5, PIXELS)
    path = write(tmp_path / "film", drift, film(), directions=("Trace", "Retrace"))
    change_nth(path, "@2:Image Data", 'S [Height] "Height"', 1)
    assert_is(path)


def test_numbers_beyond_the_bytes_that_the_header_states_are_refused(tmp_path):
    path = write(tmp_path / "film", film() * 20, changes=[("Bytes/pixel: 4", "Bytes/pixel: 2")])
    with pytest.raises(HeaderError, match="film: .*2 bytes per pixel"):
        nanoscope.read(path)


def test_data_within_the_header_are_refused(tmp_path):
    path = change_nth(write(tmp_path / "film", film()), "Data offset", 100, 0)
    with pytest.raises(HeaderError, match="film: .*byte 100"):
        nanoscope.read(path)


def test_heights_of_more_than_a_metre_are_refused(tmp_path):
    with pytest.raises(HeaderError, match="more than a metre"):
        nanoscope.read(write(tmp_path / "film", film(), changes=[("V 168.8900 nm/V", "V 168.8900 m/V")]))


DEAD = {
    "zero": np.zeros((LINES, PIXELS)),
    "constant": np.full((LINES, PIXELS), 3.5),
    "counts": np.random.default_rng(2).integers(-3, 4, (LINES, PIXELS)) * 1e-6,
    "picometres": np.random.default_rng(2).normal(0, 1e-4, (LINES, PIXELS)),
}


def write_beside(path, dead, alive, **asked):
    """A file of a Height Sensor and a Height, both Retrace."""
    write(path, dead, alive, directions=("Retrace", "Retrace"), **asked)
    return change_nth(path, "@2:Image Data", 'S [Height] "Height"', 1)


@pytest.mark.parametrize("kind", DEAD)
def test_a_height_takes_the_place_of_a_dead_height_sensor(tmp_path, kind):
    path = write_beside(tmp_path / "film", DEAD[kind], film())
    scan = assert_is(path)
    assert scan.channel == "Height" and any("'Height Sensor' Retrace holds no relief" in text for text in scan.remarks)
    with pytest.raises(BlankScanError, match="'Height Sensor' shows no relief; 'Height' does"):
        nanoscope.read(path, ReadOptions(("Height Sensor",)))


def test_noise_of_ten_picometres_gives_way_to_a_height_and_a_flat_film_does_not(tmp_path):
    noise = np.random.default_rng(5).normal(0, 0.005, (LINES, PIXELS))
    assert_is(write_beside(tmp_path / "film", noise, film()))
    assert_is(write_beside(tmp_path / "film", noise, noise[::-1]), noise)
    assert_is(write_beside(tmp_path / "film", 20 * noise, film()), 20 * noise)


def test_noise_of_a_few_counts_of_sixteen_bits_gives_way_to_a_height(tmp_path):
    noise = np.random.default_rng(3).integers(-3, 4, film().shape) * 0.0633  # of 24.576 V at 168.89 nm/V
    path = write_beside(tmp_path / "film", noise + 1000 * (np.arange(PIXELS) == 0), film() * 2, version=SIXTEEN)
    data = bytearray(path.read_bytes())
    data[40960 : 40960 + 2 * noise.size] = np.rint(noise / 0.0633).astype("<i2").tobytes()
    path.write_bytes(data)
    assert nanoscope.read(path).channel == "Height"


def test_a_sound_height_sensor_stays_and_so_does_a_flat_film_alone(tmp_path):
    scan = assert_is(write_beside(tmp_path / "film", film(), film() * 20))
    assert (scan.channel, scan.remarks) == ("Height Sensor", ())
    flat = np.random.default_rng(4).normal(0, 0.03, (LINES, PIXELS))
    assert assert_is(write(tmp_path / "film", flat, version=SIXTEEN), flat).remarks == ()


@pytest.mark.parametrize("kind", DEAD)
def test_a_file_without_any_relief_is_refused(tmp_path, kind):
    with pytest.raises(BlankScanError, match="film: .*no relief"):
        nanoscope.read(write(tmp_path / "film", DEAD[kind], DEAD[kind]))


def test_a_scan_that_may_have_been_levelled_before_is_noted(tmp_path):
    changes = [("Offline Planefit: None", "Offline Planefit: Flatten")]
    assert "Flatten" in assert_is(write(tmp_path / "film", film(), changes=changes)).remarks[0]


# Numbers and notes


@pytest.mark.parametrize("version", [SIXTEEN, THIRTY_TWO])
def test_decimal_commas_are_read_as_points(tmp_path, version):
    path = write(tmp_path / "film", film(), version=version, changes=[("Scan Size: 2 2 ~m", "Scan Size: 2,000 2,0 ~m")])
    scale = nanoscope.read(write(tmp_path / "points", film(), version=version)).height_nm
    data = path.read_bytes()
    head = re.sub(rb"(\\@[^\r]*)", lambda match: re.sub(rb"(\d)\.(\d)", rb"\1,\2", match[1]), data[:40960])
    path.write_bytes(head + data[40960:])
    scan = nanoscope.read(path)
    np.testing.assert_array_equal(scan.height_nm, scale)
    assert scan.width_nm == pytest.approx(2000)


@pytest.mark.parametrize(
    ("change", "error"),
    [(("2 2 ~m", "2,000 2,000 nm"), ScanSizeError), (("V 168.8900 nm/V", "V 1,168.89 nm/V"), UnitError)],
)
def test_a_comma_that_may_be_of_thousands_is_refused(tmp_path, change, error):
    with pytest.raises(error):
        nanoscope.read(write(tmp_path / "film", film(), changes=[change]))


NOTES = {
    "GBK": "MoS2 \u9ad8\u6e29\u5408\u6210\u83b7\u5f97 950 \u7ea6".encode("gbk") + b"\xc2\xba\xef\xbf\xbd",
    "Shift-JIS": "\u8868\u9762 \u30bd\u30fc\u30b9 950 \u80fd".encode("shift-jis"),  # trail bytes 0x5c, a backslash
    "Big5": "\u529f\u80fd \u6a23\u54c1 950 \u84cb".encode("big5"),
    "UTF-8": "\u8868\u9762 950 \u00b0C \u00ba".encode(),
    "EUC-KR": "\uc2dc\ub8cc 950".encode("euc-kr"),
    "CR CR LF": b"wrapped by the\r\r\nedit box\r\r\nagain\r\r\n",
    "LF": b"one\ntwo\n\\three\n",
    "CR": b"one\rtwo",
    "a colon": b"Scan Size: 5 5 V\r\r\n: and more",
}


@pytest.mark.parametrize("key", [b"\\History: ", b"\\Note: ", b"\\Text: "])
@pytest.mark.parametrize("note", NOTES)
def test_any_note_is_no_damage(tmp_path, note, key):
    scan = assert_is(write(tmp_path / "film", film(), changes=[(key, key + NOTES[note])]))
    assert scan.width_nm == pytest.approx(2000)


def test_doubled_line_ends_are_damage_where_they_move_the_data(tmp_path):
    whole = write(tmp_path / "film", film()).read_bytes()
    assert_is(small_scan.rewrite(tmp_path / "film", ("\r\n", "\r\r\n")))
    end = whole.index(b"\x1a")
    (tmp_path / "film").write_bytes(whole[:end].replace(b"\r\n", b"\r\r\n") + whole[end:])
    with pytest.raises(TextModeError, match="doubled"):
        nanoscope.read(tmp_path / "film")


def test_a_header_recoded_as_text_is_damage_where_it_moves_the_data(tmp_path):
    data = write(tmp_path / "film", film()).read_bytes()
    end = data.index(b"\x1a")
    (tmp_path / "film").write_bytes(data[:end].decode("latin-1").encode() + data[end:])
    with pytest.raises(TextModeError, match="recoded"):
        nanoscope.read(tmp_path / "film")


# Old versions, compared with Gwyddion's importer


def old_file(path, sections, values, raw, version=None, magic="\\*File list"):
    """A file of an old version: lists (name, lines) before the image, and the lines of the image's own list."""
    lines = [magic, *([f"\\Version: {version}"] if version else []), "\\Start context: OL", "\\Data length: 8192"]
    for name, keys in sections:
        lines += [f"\\*{name}", *(f"\\{key}" for key in keys)]
    lines += ["\\Data offset: 8192", f"\\Data length: {2 * raw.size}", f"\\Samps/line: {raw.shape[1]}"]
    lines += [*(f"\\{key}" for key in values), "\\*File list end"]
    head = "".join(line + "\r\n" for line in lines).encode("latin-1")
    path.write_bytes((head + b"\x1a").ljust(8192, b"\0") + np.ascontiguousarray(raw[::-1]).astype("<i2").tobytes())
    return path


RAW = (100 * film()).astype(int)
SCANNER = ("Scanner list", ["@Sens. Zscan: V 11.39026 nm/V", "Z sensitivity: 11.4"])
SCAN = ["Scan Size: 2000 nm", f"Samps/line: {PIXELS}", f"Lines: {LINES}", "Aspect Ratio: 1:1"]
OLD = {
    "4.2": ("0x04220200", [SCANNER, ("NC Afm list", SCAN), ("NCAFM image list", [])],
            [f"Number of lines: {LINES}", "Image data: Height", "Z scale: 47.0512 nm (862)", "Scan size: 2000 nm"],
            47.0512 / 2**16),
    "4.2 STM": ("0x04200000", [SCANNER, ("Stm list", SCAN), ("STM image list", [])],
                [f"Number of lines: {LINES}", "Image data: Height", "Z scale: 0.0470512 um (862)", "Scan size: 2 um"],
                47.0512 / 2**16),
    "3": (None, [("Microscope list", SCANNER[1]), ("Controller list", ["Z max: 440", "In1 max: 10"]),
                 ("Afm list", SCAN), ("AFM image list", [])],
          [f"Number of lines: {LINES}", "Image data: Height", "Z scale height: 5000", "Scan size: 2000 nm"],
          5000 / 2**15 * 440 * 11.4 / 2**16),
    "NanoScope E": ("0x04430006", [("Microscope list", SCANNER[1]), ("Afm list", SCAN), ("AFM image list", [])],
                    ["Bytes/pixel: 2", "Scan size: 2 2 ~m", '@2:Image Data: S [Height] "Height"',
                     "@2:Z scale: V [Sens. Zscan] (0.0003 V/LSB) 20.00000 V"],
                    20 * 11.39026 / 2**16),
}  # fmt: skip


def write_old(path, name):
    """A file of an old version and the value of its counts in nm."""
    version, sections, values, nm = OLD[name]
    old_file(path, sections, values, RAW, version)
    if name == "NanoScope E":
        change_nth(path, "Samps/line", f"{PIXELS} {LINES}", 1)  # the lines stand behind the pixels of a line
    return nm


@pytest.mark.parametrize("name", OLD)
def test_old_versions_are_read_as_gwyddion_reads_them(tmp_path, name):
    nm = write_old(tmp_path / "film", name)
    scan = nanoscope.read(tmp_path / "film")
    np.testing.assert_allclose(scan.height_nm, RAW * nm, rtol=1e-12)
    assert (scan.width_nm, scan.tall_nm, scan.channel) == (pytest.approx(2000), pytest.approx(2000), "Height")
    assert scan.version == {"4.2": "4.22", "4.2 STM": "4.20", "3": "", "NanoScope E": "4.43"}[name]
    theirs = next(iter(gwyddionpy.load(tmp_path / "film", timeout=60).channels.values()))
    np.testing.assert_allclose(scan.height_nm, theirs.data * 1e9, rtol=1e-9)
    assert theirs.xreal * 1e9 == pytest.approx(2000)


@pytest.mark.parametrize("version", [SIXTEEN, THIRTY_TWO])
def test_a_text_export_is_read_as_gwyddion_reads_it(tmp_path, version):
    path = write(tmp_path / "film", film(), film() + 1, version=version)
    scan, trace = (nanoscope.read(path, ReadOptions(direction=way)) for way in ("retrace", "trace"))
    data = path.read_bytes()
    start, size = (40960, "<i2") if version == SIXTEEN else (80960, "<i4")
    head = data[: data.index(b"\x1a")].replace(b"\\*File list\r\n\\V", b"?*File list\r\n\\V")
    numbers = np.frombuffer(data[start:], size)
    body = b"\r\n".join(b" ".join(b"%d" % number for number in row) for row in numbers.reshape(-1, PIXELS))
    path.write_bytes(head + body)
    assert formats.detect(path) == "nanoscope"
    np.testing.assert_array_equal(nanoscope.read(path, RETRACE).height_nm, scan.height_nm)
    np.testing.assert_array_equal(nanoscope.read(path, TRACE).height_nm, trace.height_nm)
    path.write_bytes(head + body[: -len(body) // 4])
    with pytest.raises(TruncatedError, match="text ends"):
        nanoscope.read(path)
    path.write_bytes(head + body[:9] + b"x" + body[10:])
    with pytest.raises(UserError, match="text"):
        nanoscope.read(path)


def test_columns_of_numbers_under_a_header_are_named_as_such(tmp_path):
    data = write(tmp_path / "film", film()).read_bytes()
    (tmp_path / "film").write_bytes(data[: data.index(b"\x1a")] + b"Height_Sensor(nm)\r\n" + b"1.25\r\n" * 768)
    with pytest.raises(UserError, match="table of numbers"):
        nanoscope.read(tmp_path / "film")


UNKNOWN = ("0x04100000", [SCANNER, ("Afm list", SCAN), ("AFM image list", [])],
           [f"Number of lines: {LINES}", "Image data: Height", "Z magnify image: 3", "Scan size: 2000 nm"])  # fmt: skip


def test_an_old_version_of_unknown_rules_is_named_with_the_way_out(tmp_path, monkeypatch):
    version, sections, values = UNKNOWN
    path = old_file(tmp_path / "film", sections, values, RAW, version)
    for converter in ("/bin/false", shutil.which("false")):
        monkeypatch.setenv("GWYDDIONPY_CONVERT", converter)
        with pytest.raises(OldVersionError, match=r"film: .*4\.10.*open it in NanoScope"):
            nanoscope.read(path)


def test_an_old_version_of_unknown_rules_goes_to_gwyddions_importer(tmp_path, monkeypatch):
    version, sections, values = UNKNOWN
    write_old(tmp_path / "known", "4.2")
    converter = tmp_path / "convert"  # stands for an importer that knows the file: it converts another
    converter.write_text(f'#!/bin/sh\nexec "{gwyddion.find_converter()}" "{tmp_path}/known" "$2"\n')
    converter.chmod(0o755)
    monkeypatch.setenv("GWYDDIONPY_CONVERT", str(converter))
    scan = nanoscope.read(old_file(tmp_path / "film", sections, values, RAW, version))
    assert scan.height_nm.shape == RAW.shape and scan.version == "4.10" and "Gwyddion" in scan.remarks[-1]
