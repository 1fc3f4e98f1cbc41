"""Levelling: what must vanish vanishes, what must stay stays, and the published way is pySPM's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.scans import formats, levelling, quality

METHODS = sorted(levelling.METHODS)


def relief(lines=40, pixels=48, seed=0):
    """Smooth hills, as a film has them."""
    rng = np.random.default_rng(seed)
    rough = rng.normal(size=(lines, pixels)).cumsum(axis=0).cumsum(axis=1)
    return rough / np.abs(rough).max()


def tilt_and_bow(lines=40, pixels=48):
    y, x = np.mgrid[0:lines, 0:pixels] / pixels
    return 300 + 40 * x - 25 * y + 8 * x**2


@pytest.mark.parametrize("method", METHODS)
def test_the_mean_is_zero_and_the_input_is_left_alone(method):
    height_nm = relief() + tilt_and_bow()
    before = height_nm.copy()
    level_nm = levelling.level(height_nm, method)
    np.testing.assert_array_equal(height_nm, before)
    assert level_nm.shape == height_nm.shape
    assert abs(level_nm.mean()) < 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_tilt_bow_and_line_offsets_vanish(method):
    rng = np.random.default_rng(1)
    offsets = rng.normal(0, 0.2, (40, 1)) if method != "published" else 0
    noise = rng.normal(0, 1e-3, (40, 48))
    level_nm = levelling.level(tilt_and_bow() + offsets + noise, method)
    assert np.abs(level_nm).max() < 0.05


@pytest.mark.parametrize("method", ["published", "median"])
def test_a_plane_added_to_a_scan_changes_nothing(method):
    y, x = np.mgrid[0:40, 0:48]
    plain, tilted = levelling.level(relief(), method), levelling.level(relief() + 100 + 3.5 * x - 1.25 * y, method)
    np.testing.assert_allclose(plain, tilted, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("lines", [1, 2, 3, 5])
def test_scans_stopped_after_few_lines_are_levelled_too(method, lines):
    level_nm = levelling.level(relief(lines=lines) + tilt_and_bow(lines=lines), method)
    assert level_nm.shape == (lines, 48)
    assert np.isfinite(level_nm).all() and np.ptp(level_nm) < 10


def test_overwriting_gives_the_same():
    height_nm = relief()
    expected = levelling.level(height_nm)
    np.testing.assert_array_equal(levelling.level(height_nm, overwrite=True), expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("height_nm", [np.zeros((8, 8)), np.full((8, 8), 1234.5)])
def test_a_blank_map_is_refused(method, height_nm):
    with pytest.raises(UserError, match="no relief"):
        levelling.level(height_nm, method)


def test_a_map_that_is_blank_once_it_is_level_is_refused():
    with pytest.raises(UserError, match="no relief"):
        levelling.level(tilt_and_bow())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(bad):
    height_nm = relief()
    height_nm[3, 4] = bad
    with pytest.raises(UserError, match="not finite"):
        levelling.level(height_nm)
    height_nm[5, 6] = -bad
    with pytest.raises(UserError, match="not finite"):
        levelling.level(height_nm)


@pytest.mark.parametrize("shape", [(0, 8), (8, 3), (8,), (2, 8, 8)])
def test_shapes_that_are_no_maps_are_refused(shape):
    with pytest.raises(UserError, match="cannot be levelled"):
        levelling.level(np.ones(shape))


def test_an_unknown_method_is_answered_with_the_known_ones():
    with pytest.raises(UserError, match="'splines' is not known; choose one of: published, median, facet"):
        levelling.level(relief(), "splines")


def test_a_scar_takes_the_line_that_was_scanned_before_it():
    # |above - below| = 1 is less than half of |pixel - below|: 9 is a scar, 2.5 (twice 1 is not less than 1.5) is none.
    height_nm = np.array([[0.0, 0.0], [9.0, 2.5], [1.0, 1.0]])
    levelling._remove_scars(height_nm)
    np.testing.assert_array_equal(height_nm, [[0.0, 0.0], [0.0, 2.5], [1.0, 1.0]])


def test_a_scar_of_two_lines_is_judged_by_the_corrected_line_above():
    height_nm = np.array([[0.0], [8.0], [9.0], [1.0]])
    levelling._remove_scars(height_nm)
    # Line 1: |0 - 9| is not less than |8 - 9| / 2, it stays. Line 2: |8 - 1| is not less than |9 - 1| / 2, it stays.
    np.testing.assert_array_equal(height_nm.ravel(), [0, 8, 9, 1])
    height_nm = np.array([[0.0], [8.0], [1.0], [7.0], [2.0]])
    levelling._remove_scars(height_nm)
    # Line 1: |0 - 1| < |8 - 1| / 2, it becomes 0. Line 2: |0 - 7| < |1 - 7| / 2 is false. Line 3: |1 - 2| < 5 / 2.
    np.testing.assert_array_equal(height_nm.ravel(), [0, 0, 1, 1, 2])


def test_scars_are_corrected_line_after_line_whatever_the_block(monkeypatch):
    height_nm = np.random.default_rng(3).normal(size=(70, 9))
    expected = height_nm.copy()
    for line in range(1, 69):
        for pixel in range(9):
            above, here, below = expected[line - 1 : line + 2, pixel]
            if abs(above - below) < 0.5 * abs(here - below):
                expected[line, pixel] = above
    levelling._remove_scars(height_nm)
    np.testing.assert_array_equal(height_nm, expected)


@given(lines=st.integers(1, 12), pixels=st.integers(4, 40), degree=st.integers(0, 2))
@settings(max_examples=40, deadline=None)
def test_every_line_loses_exactly_its_own_polynomial(lines, pixels, degree):
    height_nm = np.random.default_rng(lines * 100 + pixels).normal(size=(lines, pixels))
    expected = height_nm.copy()
    for line in expected:
        line -= np.polyval(np.polyfit(np.arange(pixels), line, degree), np.arange(pixels))
    levelling._level_lines(height_nm, degree)
    np.testing.assert_allclose(height_nm, expected, atol=1e-9)


def test_the_published_way_is_pyspms_and_a_polyfit_a_line():
    pyspm = pytest.importorskip("pySPM")
    rng = np.random.default_rng(7)
    for lines, pixels in ((64, 64), (23, 64), (3, 16)):
        height_nm = relief(lines, pixels) * 5 + tilt_and_bow(lines, pixels) + rng.normal(0, 0.3, (lines, 1))
        height_nm += rng.normal(0, 0.05, (lines, pixels))
        scan = pyspm.SPM_image(height_nm[::-1].copy())  # pySPM holds the bottom line first
        scan.correct_plane()
        scan.corr_fit2d(nx=2, ny=1)
        scan.filter_scars_removal(0.5)
        expected = scan.pixels.copy()
        for line in expected:
            line -= np.polyval(np.polyfit(np.arange(pixels), line, 2), np.arange(pixels))
        np.testing.assert_allclose(levelling.level(height_nm), (expected - expected.mean())[::-1], atol=1e-9)


def terraces(lines=64, pixels=64):
    """Three flat terraces on a tilted stage, and a tall island that covers a third of some lines."""
    y, x = np.mgrid[0:lines, 0:pixels]
    film = 0.22 * np.floor(x / 22.0)
    film[20:44, 40:60] += 8.0
    return film, film + 0.03 * x - 0.05 * y


def test_facets_level_the_terraces_whatever_stands_on_them():
    film, tilted = terraces()
    found = levelling._subtract_facet_tilt(tilted + np.random.default_rng(2).normal(0, 1e-3, tilted.shape))
    slopes = (
        np.polyfit(np.arange(20), found[:, :20].mean(axis=0), 1)[0],
        np.polyfit(np.arange(64), found[:, :20].mean(axis=1), 1)[0],
    )
    assert np.abs(slopes).max() < 1e-3


@pytest.mark.parametrize("method", ["median", "facet"])
def test_the_robust_ways_keep_an_island_high_and_its_lines_level(method):
    _, tilted = terraces()
    level_nm = levelling.level(tilted + np.random.default_rng(2).normal(0, 0.01, tilted.shape), method)
    ground = np.median(level_nm)
    assert np.median(level_nm[20:44, 40:60]) - ground == pytest.approx(8.0, abs=0.5)
    beside = np.abs(level_nm[20:44, 2:38].mean(axis=1) - level_nm[:20, 2:38].mean())
    assert beside.max() < 0.1
    # The published way digs a trench beside the island.
    published = levelling.level(tilted, "published")
    assert np.abs(published[20:44, 2:38].mean(axis=1) - published[:20, 2:38].mean()).max() > 0.3


def film_and_scan(extra, size=128):
    """Terraces with islands, and the scan of it: tilt, bow, offsets of all lines, noise, and `extra` on top."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:size, 0:size]
    film = 0.3 * np.floor((x + 0.3 * y) / 40) + 0.65 * (np.hypot(x - 30, y - 90) < 9)
    scan = film + extra(y, x) + 0.1 * x - 0.04 * y + 2 * (x / size) ** 2
    return film, scan + rng.normal(0, 0.3, (size, 1)) + rng.normal(0, NOISE_NM, (size, size))


NOISE_NM = 0.05
ARTEFACTS = {
    "no artefact": lambda y, x: 0.0 * x,
    "tall particles": lambda y, x: sum(
        height * np.exp(-((y - down) ** 2 + (x - across) ** 2) / 2 / 5**2)
        for down, across, height in ((40, 30, 60), (44, 60, 45), (42, 90, 30), (100, 64, 80))
    ),
    "a scar of most of a line": lambda y, x: 20.0 * ((y >= 50) & (y < 52) & (x >= 10) & (x < 110)),
    "a hole of most of a line": lambda y, x: -20.0 * ((y == 50) & (x >= 10) & (x < 110)),
    "a scar on the first and the last line": lambda y, x: 9.0 * (((y == 0) | (y == 127)) & (x < 100)),
    "a step between two lines": lambda y, x: 40.0 * (y >= 64),
    "a jump within a line": lambda y, x: 25.0 * ((y > 64) | ((y == 64) & (x > 40))),
    "a plateau wider than half a line": lambda y, x: 8.0 * ((y > 30) & (y < 80) & (x > 30) & (x < 115)),
}
LOST = {"a step between two lines", "a jump within a line"}  # levelled away: no line tells them from an offset


def beside(level_nm, film, artefact):
    """Residuals off the artefact, less the tilt and bow that are left: (their rms, rms of the medians of lines)."""
    y, x = np.mgrid[-1 : 1 : len(film) * 1j, -1 : 1 : len(film) * 1j]
    surface = np.stack([np.ones_like(x), x, y, x * x, y * y], axis=-1)
    residual = level_nm - film
    residual = residual - surface @ np.linalg.lstsq(surface[~artefact], residual[~artefact], rcond=None)[0]
    lines = [np.median(line[~hidden]) for line, hidden in zip(residual, artefact, strict=True) if not hidden.all()]
    return np.sqrt((residual[~artefact] ** 2).mean()), np.sqrt(np.square(lines).mean())


@pytest.mark.parametrize("method", ["median", "facet"])
@pytest.mark.parametrize("name", ARTEFACTS)
def test_the_film_beside_an_artefact_is_level_to_the_noise(name, method):
    film, scan = film_and_scan(ARTEFACTS[name])
    y, x = np.mgrid[0:128, 0:128]
    added = ARTEFACTS[name](y, x)
    artefact = (y == 64) if name in LOST else np.abs(added) > NOISE_NM
    rms, lines = beside(levelling.level(scan, method), film, artefact)
    assert rms < 2 * NOISE_NM and lines < NOISE_NM


@pytest.mark.parametrize("method", METHODS)
def test_a_film_of_grains_is_left_without_tilt(method):
    rng = np.random.default_rng(8)
    y, x = np.mgrid[0:96, 0:96]
    places = rng.uniform(0, 96, (2, 300, 1, 1))
    down = y - places[0]
    down = np.where(down < 0, 3 * down, down)  # of a worn tip: steep on one side, so that most of the film goes down
    grain = rng.uniform(3, 8, (300, 1, 1)) - np.hypot(down, x - places[1]) / 2
    level_nm = levelling.level(grain.max(axis=0).clip(0) + 0.02 * y - 0.05 * x, method)
    for lines in (0, 1):
        rise = np.polyfit(np.linspace(-1, 1, 96), level_nm.mean(axis=lines), 1)[0]
        assert abs(rise) < 0.5 * level_nm.std()


@pytest.mark.parametrize("method", ["median", "facet"])
@pytest.mark.parametrize("count", [0.02, 0.16, 0.3])
def test_heights_in_coarse_counts_are_levelled_as_fine_ones_are(count, method):
    _, scan = film_and_scan(ARTEFACTS["no artefact"])
    coarse = np.round(scan / count) * count
    difference = levelling.level(coarse, method) - levelling.level(scan, method)
    assert difference.std() < 1.4 * count / np.sqrt(12)  # the error of rounding, and no slope on top of it
    assert quality.measure(coarse, coarse)["jumps"] == 0


@pytest.mark.parametrize("method", ["median", "facet"])
@pytest.mark.parametrize("name", ["particles", "step_and_scar"])
def test_particles_a_step_and_a_scar_leave_the_film_of_the_cases_level(shared_cases, name, method):
    film = np.load(shared_cases / "17-particles" / "truth.npy")
    raw = formats.read_scan(shared_cases / "17-particles" / f"{name}.spm").height_nm
    y, x = np.mgrid[0:256, 0:256]
    # The film has offsets of its lines, which no levelling can keep; the tilt of the scan is known to 1e-3 nm.
    offsets = np.cumsum(np.median(np.diff(film, axis=0, prepend=film[:1]), axis=1))[:, None]
    added = raw - film - 0.11718 * x - 0.04688 * y - 40 * (y >= 128) * (name == "step_and_scar")
    artefact, noise = np.abs(added - np.median(added)) > 0.3, 0.037
    rms, lines = beside(levelling.level(raw, method), film - offsets, artefact)
    assert rms < 1.3 * noise and lines < 0.5 * noise
