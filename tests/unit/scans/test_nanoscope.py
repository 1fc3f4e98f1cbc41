"""The NanoScope reader: every rule of the format on files whose numbers are worked out by hand, and real files."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.scans import nanoscope
from micrograph.scans.height_map import HeightMap, ReadOptions
from micrograph.scans.nanoscope import (
    ChannelError,
    ForceCurveError,
    HeaderError,
    NotNanoScopeError,
    ScanSizeError,
    TextModeError,
    TruncatedError,
    UnitError,
)

DATA_FROM = 2048


def image(
    raw,
    title="Height Sensor",
    internal="ZSensor",
    way="Trace",
    scale="V [Sens. ZsensSens] (0.0000000057 V/LSB) 16.00000 V",
    size="1 1 ~m",
    aspect="1:1",
    header_bytes=4,
    lines=None,
    more=(),
):
    """One image section and its data; `raw` is given with the top row first, as a person sees it."""
    rows, cols = raw.shape
    keys = [
        f"Bytes/pixel: {header_bytes}",
        f"Samps/line: {cols}",
        f"Number of lines: {lines or rows}",
        f"Aspect Ratio: {aspect}",
        f"Scan Size: {size}" if size else "Note: ",
        f"Line Direction: {way}",
        *more,
        f'@2:Image Data: S [{internal}] "{title}"',
        "@Z magnify: C [2:Z scale] 0.0014",
        f"@2:Z scale: {scale}",
    ]
    return keys, np.ascontiguousarray(raw[::-1]).tobytes()


def write(path, *images, version="0x09400202", plan=("Lines: 4", "Aspect Ratio: 1:1"), magic="*File list", line="\r\n"):
    """A NanoScope file with the given images; 100 nm/V is its height sensitivity, 7 nm/V one of another name."""
    keys = [magic, f"Version: {version}", "*Scanner list", "@Sens. Zsens: V 7.000000 nm/V", "*Ciao scan list"]
    keys += [*plan, "@Sens. ZsensSens: V 100.0000 nm/V", "@Sens. Phase: V 1.000000 "]
    offset = DATA_FROM
    for section, data in images:
        keys += ["*Ciao image list", f"Data offset: {offset}", f"Data length: {len(data)}", *section]
        offset += len(data)
    text = "".join(f"\\{key}{line}" for key in [*keys, "*File list end"]).encode("latin-1") + b"\x1a"
    path.write_bytes(text.ljust(DATA_FROM, b"\0") + b"".join(data for _, data in images))
    return path


@pytest.fixture
def raw():
    return (np.arange(16, dtype="<i4").reshape(4, 4) - 5) * 2**20


def test_heights_are_raw_times_zscale_times_the_sensitivity_that_it_names(tmp_path, raw):
    scan = nanoscope.read(write(tmp_path / "film", image(raw)))
    # 2**20 counts of 2**32 of 16 V at 100 nm/V: 0.390625 nm. Neither V/LSB nor "Sens. Zsens" gives that.
    np.testing.assert_allclose(scan.height_nm, (np.arange(16).reshape(4, 4) - 5) * 0.390625, rtol=1e-14)
    assert scan.height_nm.dtype == np.float64 and scan.height_nm.flags.c_contiguous
    assert (scan.width_nm, scan.tall_nm) == pytest.approx((1000, 1000), rel=1e-12)
    assert (scan.channel, scan.direction, scan.source, scan.lines_planned) == ("Height Sensor", "Trace", "film", 4)
    assert len(scan.source_sha256) == 64


def test_the_bottom_row_is_stored_first_whatever_the_frame_direction_says(tmp_path, raw):
    up = nanoscope.read(write(tmp_path / "up", image(raw, more=["Frame direction: Up"])))
    down = nanoscope.read(write(tmp_path / "down", image(raw, more=["Frame direction: Down"])))
    np.testing.assert_array_equal(up.height_nm, down.height_nm)
    assert up.height_nm[0, 0] < up.height_nm[-1, 0]


@pytest.mark.parametrize(
    ("scale", "sensitivity"),
    [("16000.0 mV", "100.0 nm/V"), ("16.0 V", "0.1 um/V"), ("16.0 V", "0.1 ~m/V"), ("16.0 V", "0.1 nm/mV")],
)
def test_prefixes_of_units_count(tmp_path, raw, scale, sensitivity):
    path = write(tmp_path / "film", image(raw, scale=f"V [Sens. ZsensSens] (0.1 V/LSB) {scale}"))
    path.write_bytes(path.read_bytes().replace(b"V 100.0000 nm/V", f"V {sensitivity}".encode().ljust(15)))
    assert nanoscope.read(path).height_nm[-1, -1] == pytest.approx(10 * 0.390625, rel=1e-12)


def test_keys_differ_in_case_between_versions(tmp_path, raw):
    path = write(tmp_path / "film", image(raw, size="2 2 ~m"))
    path.write_bytes(path.read_bytes().replace(b"Scan Size", b"Scan size").replace(b"Line Dir", b"Line dir"))
    assert nanoscope.read(path).width_nm == pytest.approx(2000)


def test_four_bytes_are_stored_from_version_9_2_on_whatever_the_header_says(tmp_path, raw):
    scan = nanoscope.read(write(tmp_path / "film", image(raw // 2**16, header_bytes=2), version="0x09200000"))
    assert scan.height_nm[-1, -1] == pytest.approx(10 * 0.390625, rel=1e-12)  # 16 counts of 2**16
    two = (raw // 2**20).astype("<i2")
    scan = nanoscope.read(write(tmp_path / "old", image(two, header_bytes=2), version="0x05120000"))
    assert scan.height_nm[-1, -1] == pytest.approx(10 * 1600 / 2**16, rel=1e-12)


def test_a_data_length_that_does_not_fit_the_pixels_is_refused(tmp_path, raw):
    with pytest.raises(HeaderError, match="64 bytes of data are not 4 lines of 4 pixels of 2 bytes"):
        nanoscope.read(write(tmp_path / "film", image(raw, header_bytes=2), version="0x05120000"))


def test_an_image_of_aspect_1_to_1_is_as_tall_as_its_scan_size(tmp_path, raw):
    scan = nanoscope.read(write(tmp_path / "film", image(raw[:3]), plan=("Lines: 4",)))
    assert (scan.height_nm.shape, scan.tall_nm) == ((3, 4), pytest.approx(1000))


def test_a_stopped_scan_is_as_tall_as_its_lines(tmp_path, raw):
    scan = nanoscope.read(write(tmp_path / "film", image(raw[:3], aspect="0.516184")))
    assert (scan.lines, scan.lines_planned) == (3, 4)
    assert (scan.width_nm, scan.tall_nm) == pytest.approx((1000, 750), rel=1e-12)


def test_a_flat_frame_is_as_tall_as_its_scan_list_says(tmp_path, raw):
    plan = ("Lines: 2", "Aspect Ratio: 2:1")
    scan = nanoscope.read(write(tmp_path / "film", image(raw[:2], aspect="2:1"), plan=plan))
    assert scan.tall_nm == pytest.approx(500, rel=1e-12)


def test_old_versions_mark_a_stopped_scan_by_its_valid_lines(tmp_path, raw):
    scan = nanoscope.read(write(tmp_path / "film", image(raw[:2], lines=4, more=["Valid data len Y: 2"])))
    assert (scan.lines, scan.lines_planned, scan.tall_nm) == (2, 4, pytest.approx(500))


def test_trace_and_retrace_are_kept_apart(tmp_path, raw):
    both = write(tmp_path / "both", image(raw, way="Retrace"), image(2 * raw, way="Trace"))
    back = write(tmp_path / "back", image(raw, way="Retrace"))
    read = {way: nanoscope.read(both, ReadOptions(direction=way)) for way in ("any", "trace", "retrace")}
    assert {way: scan.direction for way, scan in read.items()} == {
        "any": "Trace",
        "trace": "Trace",
        "retrace": "Retrace",
    }
    np.testing.assert_array_equal(read["trace"].height_nm, 2 * read["retrace"].height_nm)
    assert nanoscope.read(back, ReadOptions(direction="any")).direction == "Retrace"
    with pytest.raises(ChannelError, match="'trace' .*'Height Sensor' Retrace.*scans.direction"):
        nanoscope.read(back, ReadOptions(direction="trace"))
    with pytest.raises(UserError, match="scans.direction 'sideways' .*trace, retrace, any"):
        nanoscope.read(back, ReadOptions(direction="sideways"))


def test_channels_are_a_list_of_preferences_by_either_name(tmp_path, raw):
    path = write(tmp_path / "film", image(raw, title="Height", internal="Height"), image(2 * raw))
    assert nanoscope.read(path).channel == "Height Sensor"
    assert nanoscope.read(path, ReadOptions(("Height", "Height Sensor"))).channel == "Height"
    assert nanoscope.read(path, ReadOptions(("ZSensor",))).channel == "Height Sensor"
    with pytest.raises(ChannelError, match="'Phase' .*'Height' Trace, 'Height Sensor' Trace"):
        nanoscope.read(path, ReadOptions(("Phase",)))


def test_a_scale_without_soft_scale_is_never_taken_for_a_height(tmp_path, raw):
    path = write(tmp_path / "film", image(raw, title="Phase", internal="Phase", scale="V (0.0055 \xba/LSB) 360.0 \xba"))
    values, channel = nanoscope.read_channel(path, "Phase")
    assert channel.unit == "deg"
    assert values[-1, -1] == pytest.approx(10 * 360 / 2**12, rel=1e-12)
    with pytest.raises(UnitError, match="'Phase' is in 'deg'"):
        nanoscope.read(path, ReadOptions(("Phase",)))


@pytest.mark.parametrize("line", [b"V 100.0000 nN/V", b"V 100.0000     ", b"V 100.0000 nm/A", b"V 1.00000 nm\xb1/V"])
def test_heights_in_unknown_units_are_never_labelled_nm(tmp_path, raw, line):
    path = write(tmp_path / "film", image(raw))
    path.write_bytes(path.read_bytes().replace(b"V 100.0000 nm/V", line))
    with pytest.raises(UnitError, match="film: channel 'Height Sensor'"):
        nanoscope.read(path)


def test_a_missing_sensitivity_is_refused(tmp_path, raw):
    path = write(tmp_path / "film", image(raw))
    path.write_bytes(path.read_bytes().replace(b"@Sens. ZsensSens:", b"@Sens. ZSENSELES:"))
    with pytest.raises(UnitError, match="its sensitivity 'Sens. ZsensSens' is not in the header"):
        nanoscope.read(path)


@pytest.mark.parametrize("size", ["", "0 0 ~m", "1 1 V", "large"])
def test_a_missing_scan_size_is_an_error_and_never_a_guess(tmp_path, raw, size):
    with pytest.raises(ScanSizeError, match="film: .*no valid scan size"):
        nanoscope.read(write(tmp_path / "film", image(raw, size=size)))


def test_a_force_curve_is_refused_politely(tmp_path):
    text = "\\*Force file list\r\n\\Version: 0x08150308\r\n\\*Ciao force image list\r\n\\Samps/line: 512 512\r\n"
    (tmp_path / "curve").write_bytes((text + "\\*File list end\r\n").encode())
    with pytest.raises(ForceCurveError, match="force curve or force volume without an image"):
        nanoscope.read(tmp_path / "curve")


def test_a_force_volume_still_gives_the_image_that_it_holds(tmp_path, raw):
    path = write(tmp_path / "volume", image(raw), magic="*Force file list")
    assert nanoscope.read(path).lines == 4


def test_an_image_without_pixels_is_refused(tmp_path, raw):
    path = write(tmp_path / "film", image(raw))
    path.write_bytes(path.read_bytes().replace(b"Samps/line: 4", b"Samps/line: 0"))
    with pytest.raises(ChannelError, match="holds no pixels"):
        nanoscope.read(path)


def test_every_cut_off_file_is_refused_as_cut_off(tmp_path, raw):
    whole = write(tmp_path / "film", image(raw)).read_bytes()
    for size in (DATA_FROM, DATA_FROM + 1, len(whole) - 1):
        (tmp_path / "film").write_bytes(whole[:size])
        with pytest.raises(TruncatedError, match="truncated"):
            nanoscope.read(tmp_path / "film")


def test_a_file_cut_off_within_its_header_says_so_wherever_it_ends(tmp_path, raw):
    whole = write(tmp_path / "film", image(raw)).read_bytes()
    for size in range(len("\\*File list"), whole.index(b"\\*File list end")):
        (tmp_path / "film").write_bytes(whole[:size])
        with pytest.raises(TruncatedError, match="truncated .*header"):
            nanoscope.read(tmp_path / "film")


def test_a_transfer_in_text_mode_is_recognised(tmp_path):
    noise = np.random.default_rng(5).integers(-(2**20), 2**20, (64, 64)).astype("<i4")
    whole = write(tmp_path / "film", image(noise)).read_bytes()
    assert nanoscope.read(tmp_path / "film").lines == 64
    damages = {
        "LF for CR LF": whole.replace(b"\r\n", b"\n"),
        "CR LF for LF": whole.replace(b"\n", b"\r\n"),
        "CR LF for single LF": whole.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        "UTF-8": whole.decode("latin-1").encode("utf-8"),
        "UTF-8 with a sign": whole.replace(b"\\Version", b"\\Phase: \xba\r\n\\Version").decode("latin-1").encode(),
    }
    for name, damaged in damages.items():
        (tmp_path / "film").write_bytes(damaged)
        with pytest.raises(TextModeError, match="copy it again in binary mode"):
            pytest.fail(f"{name}: read as {nanoscope.read(tmp_path / 'film')}")


def test_a_header_without_its_end_does_not_hang(tmp_path, raw):
    path = write(tmp_path / "film", image(raw))
    path.write_bytes(path.read_bytes().replace(b"*File list end", b"*File list bad"))
    assert nanoscope.read(path).lines == 4


def test_a_wrong_file_is_refused_after_its_first_bytes(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 33)  # 8 GiB of nothing
    with pytest.raises(NotNanoScopeError, match="large: "):
        nanoscope.read(tmp_path / "large")
    with open(tmp_path / "large", "r+b") as file:
        file.write(b"\\*File list\r\n\\Version: 0x09400202\r\n")
    with pytest.raises(ChannelError, match="lists no image"):
        nanoscope.read(tmp_path / "large")


@pytest.mark.parametrize("name", ["none", "."])
def test_what_cannot_be_opened_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="cannot be read"):
        nanoscope.read(tmp_path / name)


def read_or_refused(path):
    try:
        scan = nanoscope.read(path)
    except UserError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return
    assert isinstance(scan, HeightMap) and np.isfinite(scan.height_nm).all()
    assert 0 < scan.width_nm < np.inf and 0 < scan.tall_nm < np.inf


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_give_a_height_map_or_refused_and_nothing_else(tmp_path, raw, data):
    whole = bytearray(write(tmp_path / "film", image(raw), image(raw, way="Retrace")).read_bytes())
    header = whole.index(b"\x1a")
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, header))] = data.draw(
            st.one_of(st.sampled_from(b"0189.-:\\@[]\r\n e"), st.integers(0, 255))
        )
    (tmp_path / "film").write_bytes(whole[: data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))])
    read_or_refused(tmp_path / "film")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from(
        [
            "Data offset",
            "Data length",
            "Bytes/pixel",
            "Samps/line",
            "Number of lines",
            "Lines",
            "Aspect Ratio",
            "Scan Size",
            "@2:Z scale",
            "@Sens. ZsensSens",
            "Version",
        ]
    ),
    value=st.one_of(st.integers().map(str), st.floats().map(str), st.text(max_size=12), st.just("9" * 5000)),
)
def test_any_value_of_any_key_gives_a_height_map_or_refused(tmp_path, raw, key, value):
    path = write(tmp_path / "film", image(raw, aspect="3:1"))
    lines = path.read_bytes()[:DATA_FROM].split(b"\r\n")
    lines = [
        f"\\{key}: {value}".encode("latin-1", "replace") if line.startswith(f"\\{key}:".encode()) else line
        for line in lines
    ]
    head = b"\r\n".join(lines).rstrip(b"\0")
    path.write_bytes(head.ljust(DATA_FROM, b"\0") + path.read_bytes()[DATA_FROM:])
    read_or_refused(path)


# Gwyddion drops the prefix of a scale in mV whose sensitivity has no unit: it says 258.5 V of 258.5 mV.
PREFIX_LOST = {("v5120000_ifidontrelapse_5.011", "AmplitudeError"): 1e-3}


def test_real_files_read_as_gwyddion_reads_them(shared_scans):
    golden = json.loads((shared_scans / "golden.json").read_text(encoding="utf-8"))
    compared = 0
    for name, expected in golden.items():
        for channel in expected["channels"]:
            values, found = nanoscope.read_channel(shared_scans / name, channel["title"])
            factor = PREFIX_LOST.get((name, channel["title"]), 1.0)
            assert values.shape == (found.rows, found.cols) == (channel["rows"], channel["cols"])
            assert (found.x_m, found.y_m) == pytest.approx((channel["x_m"], channel["y_m"]), rel=1e-12)
            assert found.unit == channel["z_unit"]
            got = [values.min(), values.max(), values.mean(), values[0, 0], values[-1, -1]]
            want = [channel[key] * factor for key in ("z_min", "z_max", "z_mean", "first_pixel", "last_pixel")]
            np.testing.assert_allclose(got, want, rtol=1e-6)
            compared += 1
    assert compared == 9


def test_heights_of_real_files_are_gwyddions_in_nanometres(shared_scans):
    golden = json.loads((shared_scans / "golden.json").read_text(encoding="utf-8"))
    ways = {}
    for name in [name for name, expected in golden.items() if expected["channels"]]:
        scan = nanoscope.read(shared_scans / name)
        expected = golden[name]["channels"][0]
        assert scan.height_nm.max() == pytest.approx(expected["z_max"] * 1e9, rel=1e-6)
        assert scan.width_nm == pytest.approx(expected["x_m"] * 1e9, rel=1e-12)
        ways[name.split("_")[0]] = scan.direction
    assert ways == {"v432": "Retrace", "v5120000": "Trace", "v5120130": "Retrace", "v940": "Retrace"}


@pytest.mark.parametrize(
    ("pattern", "kind", "sentence", "count"),
    [
        ("hdronly_*", TruncatedError, "truncated after its header", 4),
        ("force_*", ForceCurveError, "force curve or force volume without an image", 1),
    ],
)
def test_real_files_without_an_image_are_refused_with_the_right_sentence(shared_scans, pattern, kind, sentence, count):
    files = sorted(shared_scans.glob(pattern))
    assert len(files) == count
    for path in files:
        with pytest.raises(kind, match=sentence):
            nanoscope.read(path)
