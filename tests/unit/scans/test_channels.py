"""Which channel of a file of other makers holds the heights, and what is said of the choice."""

import numpy as np
import pytest
from gwyfile.objects import GwyContainer, GwyDataField

from micrograph.errors import UserError
from micrograph.scans import formats
from micrograph.scans.channels import Channel, read_heights
from micrograph.scans.height_map import DEFAULT_OPTIONS, ReadOptions

RELIEF = np.arange(12.0).reshape(3, 4) * 1e-9


def choose(tmp_path, *channels, options=DEFAULT_OPTIONS):
    """The HeightMap of a file with channels of (title, unit), or (title, unit, values), each 2 x 1.5 um."""
    (tmp_path / "film").write_bytes(b"any")
    made = [
        Channel(number, title, *(values or (RELIEF * (number + 1),)), (2e-6, 1.5e-6), "m", unit)
        for number, (title, unit, *values) in enumerate(channels)
    ]
    return read_heights(tmp_path / "film", made, options)


@pytest.mark.parametrize(
    ("title", "direction"),
    [
        ("Topography", ""), ("Z Height", ""), ("Z-Axis forward", "Trace"), ("Z (Forward)", "Trace"),
        ("Z (Backward)", "Retrace"), ("HeightRetrace", "Retrace"), ("HeightTrace", "Trace"), ("ZSensor", ""),
        ("ZSensorTrace", "Trace"), ("Scan forward (Z-Axis)", "Trace"), ("1F:Height", "Trace"),
        ("Height(2B)", "Retrace"),
        ("Height (measured) [Trace]", "Trace"), ("measuredHeight", ""), ("height_retrace", "Retrace"), ("Topo", ""),
        ("Z 1_1 TraceUp", "Trace"), ("TOPOGRAPHY Scan bwd", "Retrace"), ("capacitiveSensorHeight", ""),
    ],
)  # fmt: skip
def test_the_usual_names_of_heights_are_known_beside_other_lengths(tmp_path, title, direction):
    scan = choose(tmp_path, ("Amplitude (Forward)", "m"), ("Error", "m"), ("Something", "nm"), (title, "m"))
    assert (scan.channel, scan.direction) == (title, direction)
    np.testing.assert_allclose(scan.height_nm, np.arange(12).reshape(3, 4) * 4, rtol=1e-12)
    assert (scan.width_nm, scan.tall_nm, scan.remarks) == (pytest.approx(2000), pytest.approx(1500), ())


def test_forward_comes_before_backward_and_lengths_before_all_else(tmp_path):
    channels = [("Z Backward", "m"), ("Z Forward", "m"), ("Height Forward", "V")]
    assert choose(tmp_path, *channels).channel == "Z Forward"
    assert choose(tmp_path, *channels, options=ReadOptions(direction="retrace")).channel == "Z Backward"


def test_names_in_the_config_come_first_and_others_do_not_stand_in_for_them(tmp_path):
    channels = [("Topography", "m"), ("My heights", "um")]
    options = ReadOptions(channels=("My heights",))
    assert choose(tmp_path, *channels, options=options).height_nm[0, 1] == pytest.approx(2e-6)  # 2e-9 um
    with pytest.raises(UserError, match="film: no channel 'Phase' .*'Topography' in m, 'My heights' in um"):
        choose(tmp_path, *channels, options=ReadOptions(channels=("Phase",)))
    backward = ReadOptions(channels=("Z Backward",))
    assert choose(tmp_path, ("Z Forward", "m"), ("Z Backward", "m"), options=backward).channel == "Z Backward"


def test_a_file_with_one_length_needs_no_name_and_has_a_remark(tmp_path):
    scan = choose(tmp_path, ("", "m"), ("Phase", "deg"), ("Amplitude", "m"))
    assert scan.channel == "untitled" and "only one in a unit of length" in scan.remarks[0]
    assert choose(tmp_path, ("Mine backward", "m"), ("Mine forward", "m")).channel == "Mine forward"
    with pytest.raises(UserError, match="'One' in m, 'Two' in m"):
        choose(tmp_path, ("One", "m"), ("Two", "m"))
    with pytest.raises(UserError, match="'Amplitude' in m"):
        choose(tmp_path, ("Amplitude", "m"))


def test_values_without_units_are_read_with_those_of_the_sheet(tmp_path):
    (tmp_path / "film").write_bytes(b"any")
    channel = Channel(0, "Unknown", RELIEF * 1e9, (4.0, 3.0), "", "")
    with pytest.raises(UserError, match="film: .*no units.* z_unit and width_nm"):
        read_heights(tmp_path / "film", [channel], DEFAULT_OPTIONS)
    scan = read_heights(tmp_path / "film", [channel], ReadOptions(z_unit="um", width_nm=500.0))
    assert (scan.width_nm, scan.tall_nm) == (500.0, 375.0) and scan.height_nm[0, 1] == pytest.approx(1000)


@pytest.mark.parametrize("unit", ["px", "1/m"])
def test_heights_over_anything_but_lengths_are_refused_with_the_unit_of_their_width(tmp_path, unit):
    (tmp_path / "film").write_bytes(b"any")
    with pytest.raises(UserError, match=f"film: its width is in '{unit}'"):
        read_heights(tmp_path / "film", [Channel(0, "Height", RELIEF, (4.0, 3.0), unit, "m")], DEFAULT_OPTIONS)


def test_a_blank_channel_gives_way_to_one_with_relief(tmp_path):
    scan = choose(tmp_path, ("Height Sensor", "m", np.zeros((3, 4))), ("Height", "m"))
    assert scan.channel == "Height" and "'Height Sensor' is blank" in scan.remarks[0]
    assert (
        choose(tmp_path, ("Z", "m", np.ones((3, 4))), ("Amplitude", "m")).channel == "Z"
    )  # no other height: refused later


def gwy(path, *fields, masks=()):
    """A .gwy file of (title, heights in nm, width in nm, ...), with a mask of one pixel on the images in `masks`."""
    container = GwyContainer(typecodes={f"/{number}/data/title": "s" for number in range(len(fields))})
    for number, (title, height_nm, width_nm) in enumerate(fields):
        tall_nm = width_nm * height_nm.shape[0] / height_nm.shape[1]
        size = {"xreal": width_nm * 1e-9, "yreal": tall_nm * 1e-9, "si_unit_xy": "m"}
        container[f"/{number}/data"] = GwyDataField(height_nm * 1e-9, si_unit_z="m", **size)
        if title is not None:
            container[f"/{number}/data/title"] = title
        if number in masks:
            mask = np.zeros(height_nm.shape)
            mask[0, 0] = 1
            container[f"/{number}/mask"] = GwyDataField(mask, **size)
    container.tofile(str(path))
    return path


def relief(lines, pixels, seed=0):
    return np.random.default_rng(seed).normal(size=(lines, pixels))


def test_of_several_channels_of_one_name_the_whole_scan_is_read_whatever_their_order(tmp_path):
    whole, levelled, crop = relief(16, 16), relief(16, 16, 1), relief(8, 8, 2)
    enlarged = relief(64, 64, 3)  # a crop that was resampled to more pixels
    scan = formats.read_scan(
        gwy(tmp_path / "a.gwy", ("Height", crop, 500), ("Height", enlarged, 400), ("Height", whole, 1000),
            ("Height", levelled, 1000))
    )  # fmt: skip
    np.testing.assert_allclose(scan.height_nm, whole, atol=1e-9)
    assert "4 channels" in scan.remarks[0] and "number 2 (16 x 16 pixels, 1000 x 1000 nm)" in scan.remarks[0]


def test_a_mask_is_not_used_and_that_is_noted(tmp_path):
    heights = relief(16, 16)
    scan = formats.read_scan(gwy(tmp_path / "a.gwy", ("Height", heights, 1000), masks=(0,)))
    np.testing.assert_allclose(scan.height_nm, heights, atol=1e-9)
    assert "mask of 1 pixels" in scan.remarks[0]


@pytest.mark.parametrize("value", [np.nan, 7.0])
def test_lines_that_were_not_scanned_are_named_and_left_out(tmp_path, value):
    heights = relief(16, 8)
    top, bottom = heights.copy(), heights.copy()
    top[:4], bottom[10:] = value, value
    upper = formats.read_scan(gwy(tmp_path / "a.gwy", ("Height", top, 800)))
    lower = formats.read_scan(gwy(tmp_path / "b.gwy", ("Height", bottom, 800)))
    np.testing.assert_allclose(upper.height_nm, heights[4:], atol=1e-9)
    np.testing.assert_allclose(lower.height_nm, heights[:10], atol=1e-9)
    assert (upper.tall_nm, lower.tall_nm) == (pytest.approx(1200), pytest.approx(1000))
    assert (upper.lines_planned, lower.lines_planned, lower.width_nm) == (16, 16, pytest.approx(800))
    assert "4 of 16 lines" in upper.remarks[0] and "6 of 16 lines" in lower.remarks[0]


def test_a_line_that_was_scanned_in_part_goes_with_the_unscanned_ones(tmp_path):
    heights = relief(16, 8)
    heights[10:], heights[9, 5:] = np.nan, np.nan
    scan = formats.read_scan(gwy(tmp_path / "a.gwy", ("Height", heights, 800)))
    assert scan.lines == 9 and "7 of 16 lines" in scan.remarks[0]
    with pytest.raises(UserError, match="a.gwy: channel 'Height' holds no values"):
        formats.read_scan(gwy(tmp_path / "a.gwy", ("Height", np.full((8, 8), np.nan), 800)))


def test_the_cases_of_gwy_files(shared_cases):
    folder = shared_cases / "13-gwy"
    scan = formats.read_scan(folder / "three_heights.gwy")
    assert (scan.lines, scan.pixels, scan.width_nm) == (256, 256, pytest.approx(2000))
    assert (scan.height_nm.min(), scan.height_nm.max()) == (
        pytest.approx(-0.027, abs=1e-3),
        pytest.approx(45.035, abs=1e-3),
    )
    assert "3 channels" in scan.remarks[0] and "number 0 (256 x 256 pixels, 2000 x 2000 nm)" in scan.remarks[0]
    np.testing.assert_array_equal(formats.read_scan(folder / "no_title.gwy").height_nm, scan.height_nm)
    stopped = formats.read_scan(folder / "nan_unscanned_lines.gwy")
    np.testing.assert_array_equal(stopped.height_nm, scan.height_nm[:150])
    assert (stopped.lines_planned, stopped.tall_nm) == (256, pytest.approx(2000 * 150 / 256))
    assert "106 of 256 lines" in stopped.remarks[0]
