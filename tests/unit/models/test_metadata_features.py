"""Features from the sample sheet: numbers, one-hot categories, unknown values, and what batch columns leak."""

import numpy as np
import pandas as pd
import pytest

from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import metrics
from micrograph.models import metadata_features
from micrograph.splits import splitters
from micrograph.target import Target
from tables_of_films import TARGET, shallow_fit

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
    names, values = metadata_features.compute(SHEET, TARGET)
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


def study(labels_by_day):
    """Films, three a day, whose temperature is the day's; growth times are unknown of some and tell nothing."""
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(len(labels_by_day)), 3)
    seconds = np.where(rng.random(len(day)) < 0.2, np.nan, rng.uniform(100, 1600, len(day)))
    return TARGET.add_to(
        pd.DataFrame(
            {
                "sample": [f"s{place:03d}" for place in range(len(day))],
                "batch": [f"MCV1-{name:06d}" for name in day],
                "growth_celsius": np.asarray(labels_by_day)[day],
                "growth_seconds": seconds,
            }
        )
    )


def fitted(sheet, protocol, path, model="OLR", scheme="ordinal"):
    _, values = metadata_features.compute(sheet, TARGET)
    io.FeatureSet(sheet["sample"], np.zeros(len(sheet), int), [values]).write(path)
    features = io.FeatureSet.read(path)
    table = splitters.split(sheet, protocol, 4, np.random.default_rng(2), TARGET)
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


def test_other_models_refuse_unknown_values(tmp_path):
    sheet = study(np.repeat(CLASSES, 6))
    with pytest.raises(UserError, match="KNN .*OLR"):
        fitted(sheet, "strict", tmp_path / "metadata.npz", "KNN", "nominal")


@pytest.mark.parametrize(
    "target",
    [
        {"column": "growth_celsius", "classes": CLASSES},
        {"column": "growth_seconds", "bins": [0, 300, 3600]},
        {"column": "substrate", "classes": ["a", "b"]},
        {"column": "operator", "classes": ["a", "b"]},
        {"column": "liner", "classes": ["a", "b"]},
        {"column": "flow", "bins": [0, 5, 10]},
    ],
)
def test_the_target_is_never_among_the_features_and_every_other_column_is(target):
    """The target is planted in every column; that of the target alone is left out."""
    rng = np.random.default_rng(0)
    numbers, texts = ("growth_celsius", "growth_seconds", "pressure_torr", "flow"), ("substrate", "operator", "liner")
    sheet = pd.DataFrame({name: rng.uniform(1, 9, 12) for name in numbers})
    sheet = sheet.assign(**{name: rng.choice(["a", "b"], 12) for name in texts}, batch="d", growth_date="2001-01-01")
    names, _ = metadata_features.compute(sheet, Target.from_config(target), ("flow", "liner"))
    kinds = {name.removeprefix("log ").split(" ")[0] for name in names}
    assert kinds == {*numbers, *texts, "batch", "growth_date"} - {target["column"]}


@pytest.mark.parametrize("name", [None, "growth time"])
def test_the_target_in_another_unit_is_not_among_the_features(name):
    column = "growth_minutes" if name is None else "minutes_at_temperature"
    target = Target.from_config({"column": column, "name": name, "bins": [0, 5, 20]})
    seconds = [120.0, 480, 900]
    sheet = pd.DataFrame(
        {
            "batch": list("abc"),
            "growth_seconds": seconds,
            column: np.divide(seconds, 60),
            "pressure_torr": [50.0, 60, 70],
        }
    )
    names, _ = metadata_features.compute(sheet, target, [column])
    assert "pressure_torr" in names and not [one for one in names if "seconds" in one or "minutes" in one]
