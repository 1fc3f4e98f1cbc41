"""The simulated study: its plan keeps its promises, and a sample is the same whoever else is made."""

import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.rng import random_stream
from micrograph.scans import nanoscope
from micrograph.scans.height_map import ReadOptions
from micrograph.simulation import simulate

SHARES = {900: 0.11, 950: 0.50, 1000: 0.39}
EQUAL = {900: 1 / 3, 950: 1 / 3, 1000: 1 / 3}


def plan(count=120, batches=44, shares=SHARES, seed=0):
    return simulate.plan_samples(count, batches, shares, random_stream(seed, "plan"))


def made(folder, seed=0, pixels=64, **changes):
    """Make one sample in `folder`: (bytes of the scan, bytes of the truth)."""
    row = {
        "sample": "MCV1-180312A-01",
        "growth_celsius": 950,
        "growth_seconds": 500,
        "substrate": "c-Sapphire",
        "pressure_torr": 50,
        "batch": "MCV1-180312",
        "scan": "a.spm",
    } | changes
    simulate.simulate_scan(row, seed, folder / "a.spm", folder / "a.npz", pixels)
    return (folder / "a.spm").read_bytes(), (folder / "a.npz").read_bytes()


def test_class_counts_follow_the_largest_remainder():
    assert simulate._class_counts(120, SHARES) == {900: 13, 950: 60, 1000: 47}  # 13.2, 60.0, 46.8
    assert simulate._class_counts(24, EQUAL) == {900: 8, 950: 8, 1000: 8}
    assert sum(simulate._class_counts(25, EQUAL).values()) == 25


@pytest.mark.parametrize("seed", range(8))
def test_the_default_plan_has_its_counts_its_days_and_rare_samples_apart(seed):
    sheet = plan(seed=seed)
    assert sheet["growth_celsius"].value_counts().to_dict() == {900: 13, 950: 60, 1000: 47}
    assert sheet["batch"].nunique() == 44
    days = sheet.groupby("growth_celsius")["batch"].nunique()
    assert days.min() >= 11
    assert (sheet.groupby("batch")["growth_celsius"].nunique() > 1).any()  # a day mixes temperatures now and then


def test_every_day_has_one_operator_and_every_operator_about_as_many_days():
    sheet = simulate.plan_samples(120, 44, SHARES, random_stream(0, "plan"), operators=4)
    assert (sheet.groupby("batch")["operator"].nunique() == 1).all()
    assert sheet.groupby("operator")["batch"].nunique().to_dict() == {f"operator {name}": 11 for name in (1, 2, 3, 4)}


def test_more_operators_than_days_are_refused():
    with pytest.raises(UserError, match="5 operators cannot share 4 days"):
        simulate.plan_samples(12, 4, EQUAL, random_stream(0, "plan"), operators=5)


def test_the_same_seed_gives_the_same_plan_and_another_another():
    assert plan(seed=3).equals(plan(seed=3))
    assert not plan(seed=3).equals(plan(seed=4))


@pytest.mark.parametrize(
    ("count", "batches", "shares", "said"),
    [(10, 11, SHARES, "11 days"), (10, 0, SHARES, "0 days"), (10, 5, {900: 0.5, 950: 0.6}, "sum to 1")],
)
def test_numbers_that_make_no_sense_are_refused(count, batches, shares, said):
    with pytest.raises(UserError, match=said):
        plan(count, batches, shares)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    assert made(tmp_path) == made(tmp_path)
    assert made(tmp_path, seed=0)[0] != made(tmp_path, seed=1)[0]


def test_the_truth_lies_on_the_scan_pixel_by_pixel(tmp_path):
    made(tmp_path)
    masks, pixel_nm = simulate.read_truth(tmp_path / "a.npz")
    picture = nanoscope.read(tmp_path / "a.spm", ReadOptions(direction="trace"))
    assert set(masks) == {*simulate.films.MASKS, "artefacts"}
    assert all(mask.shape == picture.height_nm.shape for mask in masks.values())
    assert pixel_nm == pytest.approx((1000 / 64, 1000 / 64))


def test_sizes_vary_and_a_few_scans_are_stopped_with_their_true_aspect(tmp_path):
    drawn = [simulate._draw_size(random_stream(0, "film", number)) for number in range(600)]
    stopped = [(size, lines) for size, lines in drawn if lines < size.lines]
    assert 0.02 < len(stopped) / 600 < 0.07
    assert 0.75 < np.mean([size.pixels == 256 for size, _ in drawn]) < 0.9
    assert {lines for _, lines in stopped} <= set(simulate.STOPPED_LINES)
    film, lines = next(number for number in range(600) if drawn[number][1] == 74), 74
    row = {"sample": film, "batch": "MCV1-180312", "growth_celsius": 950, "growth_seconds": 500}
    simulate.simulate_scan(row | {"substrate": "c-Sapphire"}, 0, tmp_path / "a.spm", tmp_path / "a.npz")
    read = nanoscope.read(tmp_path / "a.spm", ReadOptions(direction="trace"))
    size = drawn[film][0]
    assert read.height_nm.shape == (74, size.pixels)
    assert read.tall_nm == pytest.approx(size.aspect * 1000 * lines / size.lines)


def test_some_films_are_scanned_twice_and_everything_else_stays_as_it_was():
    once = plan(40, 12, EQUAL)
    twice = simulate.plan_samples(40, 12, EQUAL, random_stream(0, "plan"), scanned_twice=0.25)
    assert len(twice) == 50 and twice["scan"].is_unique
    pairs = twice[twice["sample"].duplicated(keep=False)].groupby("sample")["position"].agg(list)
    assert len(pairs) == 10 and all(places == ["center", "edge"] for places in pairs)
    first = twice[twice["position"] != "edge"].reset_index(drop=True)
    assert first.drop(columns=["position", "scan"]).equals(once.drop(columns="scan"))


def test_a_second_scan_shows_another_place_of_the_same_film_and_the_first_is_that_of_a_film_scanned_once(tmp_path):
    once = made(tmp_path)
    assert made(tmp_path, film="MCV1-180312A-01", sample="MCV1-180312A-01@center", position="center") == once
    second = made(tmp_path, film="MCV1-180312A-01", sample="MCV1-180312A-01@edge", position="edge")
    assert second != once
    day = simulate.growth_conditions.draw_day(random_stream(0, "day", "MCV1-180312"))
    row = {"growth_celsius": 950, "growth_seconds": 500, "substrate": "c-Sapphire"}
    drawn = [simulate.draw_conditions(row, day, random_stream(0, "film", name)) for name in ("a", "a", "b")]
    assert drawn[0] == drawn[1] != drawn[2]


def test_some_growth_runs_lie_between_the_classes_and_nearest_to_their_own():
    exact = plan(40, 12, EQUAL)["growth_celsius"]
    sheet = simulate.plan_samples(40, 12, EQUAL, random_stream(0, "plan"), between_classes=0.3)
    offset = (sheet["growth_celsius"] - exact).abs()
    assert 0 < (offset > 0).mean() < 0.6 and offset[offset > 0].between(5, 20).all()
    assert (offset.groupby(sheet["sample"].str.rpartition("-")[0]).nunique() == 1).all()
