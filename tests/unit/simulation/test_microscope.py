"""The microscope: the tip, the feedback, the faults of a scan, and masks that follow the picture."""

import numpy as np
import pytest
from scipy import signal

from micrograph.simulation import films, microscope

QUIET = microscope.Instrument(
    tip_radius_nm=1e-3, lag_pixels=0, noise_nm=0, streak_nm=0,
    line_offset_nm=0, n_bands=0, n_scars=0, tilt_degrees=0, bow_nm=0, drift=0
)  # fmt: skip
PIXEL_NM = (2.0, 2.0)


def film_of(height_nm):
    """A Film of given heights, with a mask of what is above 0."""
    height_nm = np.asarray(height_nm, np.float32)
    return films.Film(height_nm, {"domains": height_nm > 0}, PIXEL_NM)


def bump(size=64):
    """A flat film with one pixel 8 nm high in its middle."""
    height = np.zeros((size, size), np.float32)
    height[size // 2, size // 2] = 8
    return film_of(height)


def test_the_tip_draws_itself_over_a_spike():
    seen = microscope._dilate(bump().height_nm, PIXEL_NM, QUIET._replace(tip_radius_nm=10.0))
    # Over a spike the paraboloid tip's own shape appears: 8 nm - x^2 / (2 * 10 nm).
    across = np.arange(-4, 5) * 2.0
    assert seen[32, 28:37] == pytest.approx(8 - across**2 / 20, abs=1e-5)
    assert seen[28:37, 32] == pytest.approx(8 - across**2 / 20, abs=1e-5)
    assert seen[35, 35] == pytest.approx(8 - 2 * 6**2 / 20, abs=1e-5)


def test_dilation_never_lowers_and_leaves_a_plane_alone():
    rng = np.random.default_rng(0)
    height = rng.normal(size=(40, 40)).astype(np.float32)
    before = height.copy()
    assert np.all(microscope._dilate(height, PIXEL_NM, QUIET._replace(tip_radius_nm=5.0)) >= height)
    assert np.array_equal(height, before)
    assert np.all(microscope._dilate(np.ones((9, 9), np.float32), PIXEL_NM, QUIET) == 1)


def test_trace_and_retrace_lag_to_opposite_sides():
    scan = microscope.scan_film(bump(), QUIET._replace(lag_pixels=1.5), np.random.default_rng(1))
    trace, retrace = (half[32] - np.median(half[32]) for half in (scan.trace_nm, scan.retrace_nm))
    assert trace[33] > 1 > abs(trace[31])
    assert retrace[31] > 1 > abs(retrace[33])


def test_drift_moves_the_masks_with_the_picture():
    rng = np.random.default_rng(3)
    height = np.zeros((80, 80))
    height[:, 40:50] = 5.0
    scan = microscope.scan_film(film_of(height), QUIET._replace(drift=0.1), rng)
    level = scan.trace_nm - np.median(scan.trace_nm, axis=1, keepdims=True)
    assert np.mean((level > 2.5) == scan.masks["domains"]) > 0.99
    assert scan.masks["domains"][0].argmax() != scan.masks["domains"][-1].argmax()


def test_scars_are_where_the_artefact_mask_says_and_nowhere_else():
    scan = microscope.scan_film(film_of(np.zeros((64, 64))), QUIET._replace(n_scars=6.0), np.random.default_rng(4))
    level = np.abs(scan.trace_nm - np.median(scan.trace_nm, axis=1, keepdims=True)) > 1e-3
    assert level.any()
    assert not np.any(level & ~scan.masks["artefacts"])


def test_a_stopped_scan_has_its_first_lines_only():
    film = bump()
    whole = microscope.scan_film(film, microscope.Instrument(), np.random.default_rng(5))
    stopped = microscope.scan_film(film, microscope.Instrument(), np.random.default_rng(5), lines=40)
    assert stopped.trace_nm.shape == (40, 64)
    assert all(mask.shape == (40, 64) for mask in stopped.masks.values())
    assert np.array_equal(stopped.trace_nm, whole.trace_nm[:40])


@pytest.mark.parametrize("lag", [0.01, 0.3, 2.0])
@pytest.mark.parametrize("direction", [1, -1])
def test_the_lag_is_the_first_order_low_pass_of_scipy_to_the_last_bit(lag, direction):
    height = np.random.default_rng(2).normal(0, 5, (6, 300)).astype(np.float32)
    keep = np.exp(-1 / lag) if lag > 0.05 else 0.0
    ahead = height[:, ::direction]
    start = np.float32(keep) * ahead[:, :1]
    late, _ = signal.lfilter(np.float32([1 - keep]), np.float32([1, -keep]), ahead, axis=1, zi=start)
    np.testing.assert_array_equal(microscope._lag(height, lag, direction), late[:, ::direction])
