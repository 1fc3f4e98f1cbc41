"""The benchmark realism: its measures by hand, and a run on pictures of one's own."""

import numpy as np
import pandas as pd
import pytest
from scipy import linalg

from benchmarks import bench_realism as realism
from micrograph import io
from micrograph.scans.rendering import write_png


def test_frechet_distance_of_normal_distributions_of_one_feature():
    """Means 1 and 5, variances 2 and 32: 4^2 + (sqrt 32 - sqrt 2)^2 = 16 + 18."""
    first, second = np.array([[0.0, 0], [2, 0]]), np.array([[1.0, 0], [9, 0]])
    assert realism.frechet(first, second) == pytest.approx(34)
    assert realism.frechet(first, first + [3, 0]) == pytest.approx(9)
    assert realism.frechet(first, first[:, ::-1] - [-1, 1]) == pytest.approx(4)  # variances 2 along different features


def test_frechet_distance_is_that_of_the_matrix_square_root():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(50, 4)), rng.normal(1, 2, size=(40, 4)) @ rng.normal(size=(4, 4))
    covariances = np.cov(first.T), np.cov(second.T)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    means = ((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum()
    assert realism.frechet(first, second) == pytest.approx(means + np.trace(sum(covariances) - 2 * root))


def test_exceedance_is_the_share_of_pairs_ties_half_without_nan():
    assert realism.exceedance(np.array([1.0, 2, 3]), np.array([2.0])) == pytest.approx(0.5)
    assert np.isnan(realism.exceedance(np.array([3.0]), np.array([np.nan])))
    assert realism.exceedance(np.array([3.0, np.nan]), np.array([1.0, 2, 3, 4, np.nan])) == pytest.approx(2.5 / 4)


def test_halves_are_every_other_day_with_whole_days():
    days = ["220103", "220101", "220102", "220101", "220104"]
    assert realism.halves(days).tolist() == ["look_at", "look_at", "held_out", "look_at", "held_out"]


def test_central_part_is_averaged_over_area():
    """The central 600 nm of 1000 nm in 10 pixels are 6 pixels, two for each of three."""
    image = np.add.outer(10 * np.arange(10), np.arange(10)).astype(np.uint8)
    # Means of pixels 2 and 3, 4 and 5, 6 and 7 in either direction; halves are rounded up: 27.5, 29.5, 31.5, ...
    expected = np.add.outer([25, 45, 65], [2.5, 4.5, 6.5])
    assert np.abs(realism.central(image, 1000, 600, 3) - expected).max() <= 0.5


def test_nearest_values_are_those_at_the_centres_of_the_new_pixels():
    """Pixels of 2 from 2 to 8: their centres 3, 5 and 7 are where pixels 3, 5 and 7 begin."""
    image = np.add.outer(10 * np.arange(10), np.arange(10)).astype(np.uint8)
    assert realism.central(image, 1000, 600, 3, "nearest").tolist() == [[33, 35, 37], [53, 55, 57], [73, 75, 77]]


def test_farthest_are_the_rows_whose_nearest_column_is_far():
    distances = np.array([[0.1, 0.9], [0.8, 0.7], [0.5, 0.3]])
    own, nearest = realism.farthest(distances, 2)
    assert own.tolist() == [1, 2] and nearest.tolist() == [1, 1]


def test_drawn_days_are_whole_but_the_last():
    days = np.repeat(["a", "b", "c", "d"], 3)
    rows = realism.drawn_days(days, 7, np.random.default_rng(1))
    assert len(rows) == len(set(rows)) == 7
    assert sorted(np.unique(days[rows], return_counts=True)[1]) == [1, 3, 3]


def test_two_samples_are_distinguished_where_they_differ_and_else_not():
    rng = np.random.default_rng(2)
    days = np.array([f"day {number}" for number in range(80)]).repeat(2)
    labels = np.repeat([0, 1], 80)
    same = rng.normal(size=(160, 5))
    assert realism.two_sample_correct(same + 6 * labels[:, None], labels, days, rng).mean() > 0.98
    assert 0.35 < np.mean([realism.two_sample_correct(same, labels, days, rng).mean() for _ in range(3)]) < 0.65


def test_what_a_day_has_in_common_does_not_tell_samples_apart():
    """Every day has a feature of its own: known days would be classified without error."""
    rng = np.random.default_rng(3)
    day = np.arange(40).repeat(4)
    values, labels = 5 * np.eye(40)[day] + 0.01 * rng.normal(size=(160, 40)), np.repeat([0, 1], 80)
    assert realism.two_sample_correct(values, labels, day.astype(str), rng).mean() < 0.7


def test_interval_is_that_of_days():
    """Right on one day of two: resamples of two days are right in 0, 1 or 2 of them."""
    half = np.array([1.0, 1, 0, 0]), np.array(["a", "a", "b", "b"])
    all_right = np.ones(4), np.array(["c", "c", "d", "d"])
    found = realism.interval(half, all_right, 50, np.random.default_rng(4))
    assert found == {"value": 75, "low": 50, "high": 100}


def test_medians_and_intervals_of_measures():
    frame = pd.DataFrame({"Sq": [1.0, 2.0, 3.0, np.nan]})
    days = np.array(["a", "b", "c", "d"])
    (row,) = realism.compare_measures(frame, days, frame + 10, days, 200, np.random.default_rng(5))
    assert (row["real_n"], row["real_median"], row["simulated_median"]) == (3, 2, 12)
    assert row["real_low"] == 1 and row["real_high"] == 3 and row["simulated_exceeds"] == 1


def test_a_run_writes_tables_of_the_half_that_is_asked_for(tmp_path):
    rng = np.random.default_rng(6)
    rows = [(f"f{number}", f"f{number}.png", f"day {number // 2:02d}", 600) for number in range(24)]
    sheet = pd.DataFrame(rows, columns=["sample", "scan", "batch", "width_nm"])
    io.write_table(tmp_path / "samples.tsv", sheet)
    for scan in sheet["scan"]:
        write_png(tmp_path / scan, rng.integers(0, 255, (40, 40)).astype(np.uint8))
    assert realism.run(tmp_path, tmp_path / "out", films=30, draws=3, half="held_out") == []
    measures, distances = (io.read_table(tmp_path / f"out/realism_{name}.tsv") for name in ("measures", "distances"))
    assert set(measures["films"]) == set(distances["films"]) == {"held_out"}
    assert measures["real_n"].max() == 12 and measures["simulated_n"].max() == 30
    found = distances.set_index("quantity")["value"]
    assert found["frechet_ratio"] > 2 and found["two_sample_pct"] > 90  # noise is no film
    assert (tmp_path / "out/realism_worst.png").stat().st_size > 10_000
