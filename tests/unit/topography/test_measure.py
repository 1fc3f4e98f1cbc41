"""All measures of one map: what must scale scales, what must stay stays, and real scans are measured whole."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_up_surfaces import gaussian, staircase
from micrograph.errors import UserError
from micrograph.scans import levelling
from micrograph.scans.formats import read_scan
from micrograph.topography import measure
from micrograph.topography.measure import HEIGHT_UNIT, MEASURES, measure_map
from micrograph.topography.roughness import SLOPES

PIXEL = (1000 / 256, 1000 / 256)
DIRECTION = "step_direction_degrees"


def film(shape=(256, 256), pixel_nm=PIXEL, seed=0):
    """Steps with a grainy film on them: every measure is known."""
    rough = gaussian(shape, pixel_nm, (10, 10), seed)
    return 0.1 * rough + staircase(shape, pixel_nm, 70, 35, step_nm=0.8)


def test_every_measure_has_a_number_and_a_name_and_the_map_is_left_alone():
    height = film()
    before = height.copy()
    found = measure_map(height, PIXEL)
    np.testing.assert_array_equal(height, before)
    assert list(found) == list(MEASURES)
    assert all(isinstance(value, float) and np.isfinite(value) for value in found.values()), found


def test_heights_in_another_unit_change_what_is_in_that_unit_alone():
    one, ten = measure_map(film(), PIXEL), measure_map(100 + 10 * film(), PIXEL)
    for name, kind in MEASURES.items():
        if name not in SLOPES:
            assert ten[name] == pytest.approx((10 if kind.unit == HEIGHT_UNIT else 1) * one[name], rel=1e-6), name
    assert ten["Sdq"] == pytest.approx(10 * one["Sdq"])


def test_a_wider_scan_of_the_same_pixels_has_longer_lengths_and_fewer_grains():
    one, two = (measure_map(film(), (size, size)) for size in (PIXEL[0], 2 * PIXEL[0]))
    for name in ("correlation_along_nm", "correlation_across_nm", "Sal_nm", "step_spacing_nm"):
        assert two[name] == pytest.approx(2 * one[name], rel=0.05), name
    for name in ("Sq", "Ssk", "coverage_pct", "Str", DIRECTION):
        assert two[name] == pytest.approx(one[name], rel=0.02), name


def test_a_map_on_its_side_swaps_along_and_across_and_turns_its_steps():
    one, turned = measure_map(film(), PIXEL), measure_map(film().T.copy(), PIXEL)
    assert turned["correlation_along_nm"] == pytest.approx(one["correlation_across_nm"], rel=0.01)
    assert turned["correlation_across_nm"] == pytest.approx(one["correlation_along_nm"], rel=0.01)
    assert turned["Sq"] == pytest.approx(one["Sq"])
    assert turned["step_spacing_nm"] == pytest.approx(one["step_spacing_nm"], rel=0.03)
    assert turned[DIRECTION] == pytest.approx(90 - one[DIRECTION], abs=3)


def test_the_microscopes_pixels_change_little():
    fine = film((512, 512), (1000 / 512, 1000 / 512))
    coarse = fine.reshape(256, 2, 256, 2).mean(axis=(1, 3))
    one, two = measure_map(fine, (1000 / 512, 1000 / 512)), measure_map(coarse, PIXEL)
    for name in MEASURES:
        if name not in SLOPES:  # of noise and edges, which the pixels of any microscope cut off
            assert two[name] == pytest.approx(one[name], rel=0.15), name


def test_a_scan_stopped_half_way_measures_the_same_film():
    whole, half = measure_map(film(), PIXEL), measure_map(film()[:150], PIXEL)
    for name in ("Sq", "correlation_along_nm", "step_spacing_nm", "grain_diameter_nm", "psd_slope"):
        assert half[name] == pytest.approx(whole[name], rel=0.25), name


@pytest.mark.parametrize("lines", [1, 2, 7, 8, 20, 74])
def test_a_scan_of_few_lines_tells_what_it_can(lines):
    found = measure_map(film()[:lines], PIXEL)
    assert np.isfinite([found[name] for name in ("Sq", "Sa", "Sku")]).all()
    assert np.isfinite(found["correlation_along_nm"]) == (lines >= 8)
    assert not np.isinf(list(found.values())).any()


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(2, 60)),
    pixel_nm=st.tuples(st.floats(0.2, 300), st.floats(0.2, 300)),
    greys=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_shape_and_the_pixels_numbers_are_numbers_or_missing(shape, pixel_nm, greys):
    height = np.random.default_rng(shape).normal(size=shape)
    height[0, :2] = 0, 5  # never blank
    found = measure_map((20 * height).astype(np.uint8) if greys else height, pixel_nm)
    assert list(found) == list(MEASURES)
    assert not np.isinf(list(found.values())).any()
    assert found["Sq"] > 0
    for name, kind in MEASURES.items():
        if kind.unit in (HEIGHT_UNIT, "nm", "1/um^2"):
            assert np.isnan(found[name]) or found[name] >= 0, name


def test_a_blank_map_is_refused():
    with pytest.raises(UserError, match="one height everywhere"):
        measure_map(np.ones((16, 16)), PIXEL)


def test_a_scan_of_512_lines_takes_a_fraction_of_a_second():
    height = film((512, 512), (1000 / 512, 1000 / 512))
    measure_map(height, PIXEL)
    start = time.process_time()
    measure_map(height, (1000 / 512, 1000 / 512))
    assert time.process_time() - start < 1.0  # some 50 ms where nothing else runs


@pytest.mark.parametrize(
    ("name", "rms_nm"),
    [
        ("v432_scilab4spm_data1.007", (0.5, 500)),
        ("v5120000_ifidontrelapse_5.011", (0.5, 500)),
        ("v5120130_jmarini_multi.000", (0.05, 500)),
        ("v940_spmconverter_AFM.spm", (0.05, 500)),
    ],
)
def test_real_scans_are_measured_in_sensible_numbers(shared_scans, name, rms_nm):
    scan = read_scan(shared_scans / name)
    pixel_nm = (scan.tall_nm / scan.lines, scan.width_nm / scan.pixels)
    found = measure_map(levelling.level(scan.height_nm), pixel_nm)
    assert rms_nm[0] < found["Sq"] < rms_nm[1]
    assert found["Sa"] <= found["Sq"] < found["Sdc"]
    assert found["Sku"] >= 1 + found["Ssk"] ** 2  # Pearson's inequality
    assert max(pixel_nm) / 2 < found["correlation_along_nm"] < scan.width_nm / 2
    assert 0 < found["Str"] <= 1 and 0 <= found["directionality"] <= 1
    assert 0 < found["coverage_pct"] < 100 and 0 < found["bimodality"] <= 1
    assert found["grain_density_um2"] > 0
    assert 0 < found["psd_slope"] < 7 or np.isnan(found["psd_slope"])


def test_the_mean_is_taken_out_and_the_map_left_alone():
    height = np.arange(12.0).reshape(3, 4)
    before = height.copy()
    level, pixel_nm = measure._check_map(height, (2, 3))
    np.testing.assert_array_equal(height, before)
    assert level.mean() == pytest.approx(0) and pixel_nm == (2.0, 3.0)


@pytest.mark.parametrize("height", [np.zeros((8, 8)), np.full((8, 8), 1e6)])
def test_a_map_of_one_height_is_refused(height):
    with pytest.raises(UserError, match="one height"):
        measure._check_map(height, (1, 1))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(bad):
    height = np.arange(12.0).reshape(3, 4)
    height[1, 1] = bad
    with pytest.raises(UserError, match="not finite"):
        measure._check_map(height, (1, 1))


@pytest.mark.parametrize("shape", [(5,), (0, 4), (2, 3, 4)])
def test_what_is_no_map_is_refused(shape):
    with pytest.raises(UserError, match="cannot be measured"):
        measure._check_map(np.ones(shape), (1, 1))


@pytest.mark.parametrize("pixel_nm", [(0, 1), (1, -2), (np.nan, 1), (1, np.inf)])
def test_pixels_without_a_size_are_refused(pixel_nm):
    with pytest.raises(UserError, match="give their size"):
        measure._check_map(np.arange(12.0).reshape(3, 4), pixel_nm)


def test_blocks_of_pixels_are_averaged_and_a_last_part_left_out():
    height = np.arange(20.0).reshape(4, 5)
    small, pixel_nm = measure._coarsen(height, (2.0, 2.0), grid_nm=4.0)
    np.testing.assert_array_equal(small, [[3.0, 5.0], [13.0, 15.0]])
    assert pixel_nm == (4.0, 4.0)


def test_each_side_has_its_own_blocks_and_coarse_pixels_stay():
    small, pixel_nm = measure._coarsen(np.ones((256, 512)), (1000 / 256, 1000 / 512), 4.0)
    assert small.shape == (256, 256) and pixel_nm == (1000 / 256, 1000 / 256)
    small, pixel_nm = measure._coarsen(np.ones((16, 16)), (10.0, 20.0), 4.0)
    assert small.shape == (16, 16) and pixel_nm == (10.0, 20.0)
