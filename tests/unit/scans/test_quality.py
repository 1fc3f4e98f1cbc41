"""Quality of scans: each defect gives its flag and no other, at the size that was put in."""

import numpy as np
import pandas as pd
import pytest

from micrograph.scans import levelling, quality


def scan(size=128, seed=0):
    """A film of islands with noise, tilt and small line offsets, and nothing wrong with it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size]
    islands = 0.65 * ((np.sin(x / 6) + np.sin(y / 7)) > 0.8)
    return islands + 0.1 * x - 0.05 * y + rng.normal(0, 0.1, (size, 1)) + rng.normal(0, 0.05, (size, size))


def of(raw_nm, method="median"):
    return quality.measure(raw_nm, levelling.level(raw_nm, method))


def test_a_good_scan_has_no_flag():
    measures = of(scan())
    assert quality.flags(measures) == ""
    assert measures["scar_pct"] == measures["saturated_pct"] == measures["blank_line_pct"] == measures["jumps"] == 0


def test_scars_are_found_to_the_pixel_whether_up_or_down_and_up_to_four_lines():
    raw = scan()
    truth = np.zeros(raw.shape, bool)
    for line, first, last, lines, height in ((20, 10, 60, 1, 5), (40, 50, 120, 4, 3), (80, 5, 30, 2, -4)):
        truth[line : line + lines, first:last] = True
        raw[line : line + lines, first:last] += height
    found = quality.find_scars(raw)
    assert (found == truth).mean() > 0.999
    measures = of(raw)
    assert measures["scar_pct"] == pytest.approx(100 * truth.mean(), rel=0.05)
    assert quality.flags(measures) == "scars"


def test_a_particle_is_no_scar():
    y, x = np.mgrid[0:128, 0:128]
    assert of(scan() + 30 * np.exp(-((y - 60) ** 2 + (x - 60) ** 2) / 200))["scar_pct"] == 0


def clipped(raw):
    return np.minimum(raw, np.quantile(raw, 0.95))


def with_blank_lines(raw):
    raw[70:75] = raw[69]
    return raw


def with_step(raw):
    raw[64:] += 30
    return raw


def with_worn_tip(raw):
    raw[:32] += np.random.default_rng(1).normal(0, 0.3, (32, 128))
    return raw


@pytest.mark.parametrize(
    ("defect", "measure", "size"),
    [
        (clipped, "saturated_pct", 5),
        (with_blank_lines, "blank_line_pct", 100 * 5 / 128),
        (with_step, "jumps", 1),
        (with_worn_tip, "noise_ratio", 6),
    ],
)
def test_every_defect_is_flagged_and_measured(defect, measure, size):
    measures = of(defect(scan()))
    assert measures[measure] == pytest.approx(size, rel=0.25)
    assert quality.CHECKS[measure].flag in quality.flags(measures)


def test_offsets_that_a_levelling_leaves_are_seen():
    y, x = np.mgrid[0:128, 0:128]
    raw = scan() + 60 * np.exp(-((y - 60) ** 2 + (x - 40) ** 2) / 400)
    published, median = of(raw, "published"), of(raw, "median")
    assert "line offsets" in quality.flags(published) and "line offsets" not in quality.flags(median)


def test_few_pixels_of_background_are_flagged():
    level = levelling.level(scan(), "median")
    level[::6, ::6] += 50  # particles of a pixel, each with a foot of two pixels on all sides
    measures = quality.measure(scan(), level)
    assert measures["masked_pct"] > 100 * 25 / 36  # heights of the film beyond 2.5 sigma are masked, too
    assert "little background" in quality.flags(measures)


def test_thresholds_decide_and_a_scan_of_few_lines_or_an_image_has_no_flag():
    measures = of(scan())
    assert quality.flags(measures, {"noise_ratio": measures["noise_ratio"] - 1e-6}) == "noise changes"
    assert np.isnan(list(of(scan()[:8]).values())).all()
    assert quality.flags({}) == quality.flags(of(scan()[:8])) == ""
    table = pd.DataFrame({"sample": ["a", "b"], "jumps": [3.0, np.nan], "scar_pct": [2.0, np.nan]})
    assert list(quality.add_flags(table)["quality"]) == ["scars, jumps", ""]
