"""The noise floor: by hand, by the decomposition that it rests on, and one sentence without second scans."""

import numpy as np
import pandas as pd
import pytest

from made_up import RUN, resampling
from micrograph.evaluation import noise_floor, tables
from micrograph.evaluation.summaries import Fit
from micrograph.splits.fit_spec import FitSpec
from tables_of_films import TARGET

SPEC = FitSpec("strict", "imagenet", "aug3", "image", "regression", "CNN")


def fit(scans):
    """A fit of test predictions (film, scan, y_true, y_pred, value), every film of a day of its own."""
    names = ["film", "scan", "y_true", "y_pred", "y_pred_value"]
    frame = pd.DataFrame(scans, columns=names)
    frame["sample"] = frame["film"] + "@" + frame["scan"].astype(str)
    return Fit(SPEC, frame.assign(fold=0, split="test", augmentation=0, batch="day " + frame["film"]))


def test_a_table_by_hand():
    scans = [
        ("a", 1, 900, 900, 910.0), ("a", 2, 900, 950, 930.0),  # they disagree, one is wrong: all by disagreement
        ("b", 1, 950, 1000, 990.0), ("b", 2, 950, 1000, 1000.0),  # both wrong: none by disagreement
        ("c", 1, 950, 950, 950.0), ("c", 2, 950, 950, 950.0), ("c", 3, 950, 900, 920.0),
        ("d", 1, 1000, 900, 900.0),  # one scan
    ]  # fmt: skip
    (row,) = noise_floor.make_table([fit(scans)], resampling=resampling(50), run=RUN).to_dict("records")
    assert (row["n_samples"], row["n_scans"], row["n_batches"]) == (3, 7, 3)
    assert row["disagreeing_pct"] == pytest.approx(100 * 2 / 3)
    assert row["error_pct"] == pytest.approx(100 * (1 / 2 + 1 + 1 / 3) / 3)
    assert row["explained_pct"] == pytest.approx(100 * (1 / 2 + 1 / 3) / (1 / 2 + 1 + 1 / 3))
    squared = [(100 + 900) / 2, (1600 + 2500) / 2, 900 / 3]
    assert row["rmse"] == pytest.approx(np.sqrt(np.mean(squared)))
    assert row["spread"] == pytest.approx(np.sqrt((200 + 50 + 300) / 3))
    assert row["explained_variance_pct"] == pytest.approx(100 * (100 + 25 + 200) / sum(squared))
    assert np.isnan(row["disagreeing_pct_low"])  # of three days


def test_what_disagreement_does_not_make_is_the_error_of_the_films_means():
    rng = np.random.default_rng(0)
    films = np.repeat([f"f{number}" for number in range(30)], 3)
    values = 950 + rng.normal(size=90) * 20
    rows = [(film, scan, 950, 950, value) for film, scan, value in zip(films, [1, 2, 3] * 30, values, strict=True)]
    (row,) = noise_floor.make_table([fit(rows)], resampling=resampling(200), run=RUN).to_dict("records")
    of_means = np.mean((values.reshape(30, 3).mean(axis=1) - 950) ** 2)
    assert row["rmse"] ** 2 * (1 - row["explained_variance_pct"] / 100) == pytest.approx(of_means)
    assert row["explained_variance_pct_low"] < row["explained_variance_pct"] < row["explained_variance_pct_high"]


def test_films_of_one_scan_have_no_table_but_a_sentence():
    table = noise_floor.make_table([fit([("a", 1, 900, 900, 900.0)])], resampling=resampling(5), run=RUN)
    assert table.empty and noise_floor.NONE in tables.markdown(noise_floor.panels(table, TARGET), "")
