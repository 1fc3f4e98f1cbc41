"""NanoScope files that went wrong, with what is right (README of ../shared/cases); most hold one simulated film."""

import gwyddionpy
import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.scans import nanoscope
from micrograph.scans.height_map import BlankScanError, ReadOptions

FILM = (
    (256, 256),
    2000,
    2000,
    (-0.03, 45.04),
)  # (lines, pixels), width and height in nm, least and greatest height in nm
LARGE = (256, 512), 5000, 2500, (-0.14, 38.65)
# What is right, and the number of the image in Gwyddion's list, None where gwyddionpy reads nothing.
RIGHT = {
    "01-interleave/lift_main_retrace.spm": (*FILM, 0),
    "02-slow-axis/a_image_says_square.spm": (*LARGE, 0),
    "02-slow-axis/c_aspect_only.spm": (*LARGE, 0),
    "03-data-length/longer_by_512.spm": (*FILM, 0),
    "04-bogus-size/bogus_512_in_image_list.003": (*FILM, 0),
    "05-old-versions/nanoscope_e.000": (*FILM, 0),
    "05-old-versions/old_3.001": ((256, 256), 2000, 2000, (-6 * 0.01168, 961 * 0.01168), 0),
    "05-old-versions/old_4_2.001": ((256, 256), 2000, 2000, (-98 * 47.0512 / 2**16, 15635 * 47.0512 / 2**16), 0),
    "06-notes/gbk_note_0.spm": (*FILM, None),
    "06-notes/note_crcrlf.spm": (*FILM, 0),
    "06-notes/plain_ascii_note.spm": (*FILM, 0),
    "07-z-range/height_36_nm_per_V.spm": ((256, 256), 2000, 2000, (0, 44.96), 0),
    "07-z-range/height_sensor_20_um_range.spm": ((256, 256), 2000, 2000, (0, 45.19), 0),
    "08-two-bytes/resaved_16_bit_valid_half.spm": (*FILM, None),
    "09-blank-sensor/sensor_noise_only.spm": ((256, 256), 2000, 2000, (0, 45.05), 1),
    "09-blank-sensor/sensor_off.spm": ((256, 256), 2000, 2000, (0, 45.05), 1),
    "16-one-scan-many-files/A1_center.0_00001.spm": (*FILM, 0),
    "16-one-scan-many-files/A1_center_processed.spm": ((256, 256), 2000, 2000, (-0.62, 1.53), 0),
    "16-one-scan-many-files/A1_center_retrace.spm": ((256, 256), 2000, 2000, (0.0, 45.04), 0),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_case_is_read_right(shared_cases, name):
    shape, width_nm, tall_nm, limits_nm, number = RIGHT[name]
    scan = nanoscope.read(shared_cases / name)
    assert (scan.lines, scan.pixels) == shape
    assert (scan.width_nm, scan.tall_nm) == pytest.approx((width_nm, tall_nm), rel=1e-9)
    assert (scan.height_nm.min(), scan.height_nm.max()) == pytest.approx(limits_nm, abs=0.006, rel=1e-3)
    if number is not None:
        theirs = list(gwyddionpy.load(shared_cases / name, timeout=60).channels.values())[number].data * 1e9
        np.testing.assert_allclose(scan.height_nm, theirs, rtol=1e-6, atol=1e-12)


def test_cases_of_one_film_agree_within_a_count(shared_cases):
    film = nanoscope.read(shared_cases / "06-notes" / "plain_ascii_note.spm").height_nm
    for name, (*right, _) in RIGHT.items():
        if tuple(right) == FILM:
            assert np.abs(nanoscope.read(shared_cases / name).height_nm - film).max() < 0.01, name


REMARKS = {
    "01-interleave/lift_main_retrace.spm": (),
    "03-data-length/longer_by_512.spm": ("262656", "262144"),
    "04-bogus-size/bogus_512_in_image_list.003": ("512 x 512", "256 x 256"),
    "06-notes/gbk_note_0.spm": (),
    "08-two-bytes/resaved_16_bit_valid_half.spm": ("2 bytes", "128 of its 256 lines"),
    "09-blank-sensor/sensor_noise_only.spm": ("'Height Sensor' Retrace holds no relief", "'Height'"),
    "09-blank-sensor/sensor_off.spm": ("'Height Sensor' Retrace holds no relief", "'Height'"),
    "16-one-scan-many-files/A1_center_processed.spm": ("levelled before", "Full"),
}


@pytest.mark.parametrize("name", REMARKS)
def test_what_was_taken_of_a_case_is_noted(shared_cases, name):
    remarks = nanoscope.read(shared_cases / name).remarks
    assert bool(remarks) == bool(REMARKS[name])
    for fact in REMARKS[name]:
        assert fact in " ".join(remarks)


def test_the_interleave_pass_is_read_when_requested(shared_cases):
    path = shared_cases / "01-interleave" / "lift_main_retrace.spm"
    lift = nanoscope.read(path, ReadOptions(("Height (Interleave)",)))
    assert (lift.height_nm.min(), lift.height_nm.max()) == pytest.approx((-12.07, 13.07), abs=0.01)
    with pytest.raises(UserError, match="interleave"):
        nanoscope.read(path, ReadOptions(direction="trace"))


@pytest.mark.parametrize("name", ["sensor_off", "sensor_noise_only"])
def test_a_dead_sensor_requested_alone_names_the_good_channel(shared_cases, name):
    with pytest.raises(BlankScanError, match=f"{name}.spm: channel 'Height Sensor' .*'Height'"):
        nanoscope.read(shared_cases / "09-blank-sensor" / f"{name}.spm", ReadOptions(("Height Sensor",)))


def test_one_column_of_pixels_is_refused(shared_cases):
    with pytest.raises(UserError, match="one_pixel_wide.spm: .*1 x 512 pixels"):
        nanoscope.read(shared_cases / "10-one-pixel" / "one_pixel_wide.spm")
