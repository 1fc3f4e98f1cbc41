"""Features from the sample sheet: numbers, one-hot categories, unknown values, and what batch columns leak."""

import numpy as np
import pandas as pd
import pytest

from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import metrics
from micrograph.models import metadata_features, storage
from micrograph.splits import splitters
from tables_of_films import shallow_fit

CLASSES = [900, 950, 1000]
SHEET = pd.DataFrame(
    {
        "sample": ["a", "b", "c"],
        "batch": ["day1", "day1", "day2"],
        "growth_seconds": [100.0, np.nan, 100 * np.e],
        "pressure_torr": [50.0, 60.0, np.nan],
        "growth_date": ["2000-01-01", None, "2001-01-01"],
        "substrate": ["c-Sapphire", None, " c-Sapphire"],
        "operator": [None, None, None],
    }
)


def test_every_column_by_hand():
    names, values = metadata_features.compute(SHEET)
    found = dict(zip(names, values.T, strict=True))
    expected = {
        "log growth_seconds": [np.log(100), np.nan, np.log(100) + 1],
        "pressure_torr": [50, 60, np.nan],
        "growth_date": [0, np.nan, 366 / 365.25],
        "substrate c-Sapphire": [1, 0, 1],
        "substrate not given": [0, 1, 0],
        "batch day1": [1, 1, 0],
        "batch day2": [0, 0, 1],
    }
    assert list(found) == list(expected)
    for name, column in expected.items():
        assert found[name] == pytest.approx(column, nan_ok=True), name


def test_a_sheet_of_batches_alone_gives_batches_alone():
    names, values = metadata_features.compute(SHEET[["sample", "batch"]])
    assert names == ["batch day1", "batch day2"] and values.tolist() == [[1, 0], [1, 0], [0, 1]]


def test_temperature_and_scan_are_no_features_and_the_sheet_is_not_modified():
    sheet = SHEET.assign(growth_celsius=[900, 950, 1000], scan=["x", "y", "z"], width_nm=1000.0, micrograph="m")
    kept = sheet.copy()
    assert metadata_features.compute(sheet)[0] == metadata_features.compute(SHEET)[0]
    pd.testing.assert_frame_equal(sheet, kept)


def test_features_of_a_sample_do_not_depend_on_other_samples():
    names, values = metadata_features.compute(SHEET)
    fewer, some = metadata_features.compute(SHEET[:2])
    for name, column in zip(fewer, some.T, strict=True):
        assert column == pytest.approx(values[:2, names.index(name)], nan_ok=True)


def study(labels_by_day):
    """Films, three a day, whose temperature is the day's; growth times are unknown of some and tell nothing."""
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(len(labels_by_day)), 3)
    seconds = np.where(rng.random(len(day)) < 0.2, np.nan, rng.uniform(100, 1600, len(day)))
    return pd.DataFrame(
        {
            "sample": [f"s{place:03d}" for place in range(len(day))],
            "batch": [f"MCV1-{name:06d}" for name in day],
            "growth_celsius": np.asarray(labels_by_day)[day],
            "growth_seconds": seconds,
        }
    )


def fitted(sheet, protocol, path, model="OLR", scheme="ordinal"):
    _, values = metadata_features.compute(sheet)
    io.FeatureSet(sheet["sample"], np.zeros(len(sheet), int), [values]).write(path)
    features = io.FeatureSet.read(path)
    table = splitters.split(sheet, protocol, 4, np.random.default_rng(2))
    spec = {"protocol": protocol, "features": "metadata", "scheme": scheme, "model": model}
    return shallow_fit(features, table, spec, np.random.default_rng(3))


def test_a_batch_tells_its_temperature_where_it_stands_on_both_sides_and_nothing_where_it_does_not(tmp_path):
    """Chance level: a balanced accuracy of 1/3; several permutations, for each is a small study."""
    found = {"published": [], "strict": []}
    for seed in range(3):
        sheet = study(np.random.default_rng(seed).permutation(np.repeat(CLASSES, 10)))
        for protocol, values in found.items():
            made = fitted(sheet, protocol, tmp_path / "metadata.npz").predictions
            values.append(metrics.score(made[made["split"] == "test"], "balanced_accuracy", CLASSES))
    assert np.mean(found["published"]) > 0.7
    assert np.mean(found["strict"]) < 0.47


def test_a_fit_on_metadata_gives_probabilities_no_values_and_models_that_come_back_from_disk(tmp_path):
    sheet = study(np.random.default_rng(5).permutation(np.repeat(CLASSES, 8)))
    made = fitted(sheet, "strict", tmp_path / "metadata.npz")
    marks = made.predictions[["score_900", "score_950", "score_1000"]].to_numpy()
    assert marks.sum(axis=1) == pytest.approx(1)
    assert (np.array(CLASSES)[marks.argmax(axis=1)] == made.predictions["y_pred"]).all()
    assert made.predictions["y_pred_value"].isna().all()
    storage.write_models(tmp_path / "one.skops", made.models)
    storage.write_models(tmp_path / "two.skops", fitted(sheet, "strict", tmp_path / "metadata.npz").models)
    assert (tmp_path / "one.skops").read_bytes() == (tmp_path / "two.skops").read_bytes()
    read = storage.read_models(tmp_path / "one.skops")
    values = metadata_features.compute(sheet)[1]
    assert (read[1].predict_proba(values) == made.models[1].predict_proba(values)).all()


def test_other_models_refuse_unknown_values(tmp_path):
    sheet = study(np.repeat(CLASSES, 6))
    with pytest.raises(UserError, match="KNN .*OLR"):
        fitted(sheet, "strict", tmp_path / "metadata.npz", "KNN", "nominal")
