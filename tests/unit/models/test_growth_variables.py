"""Growth variables: what is planted in the micrographs' features is read off them, and nothing else."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from micrograph.models import growth_variables
from micrograph.models.growth_variables import BOTH, CLASSES, IMAGES, METADATA, NOTHING, TARGET, VALUE
from micrograph.rng import random_stream
from micrograph.target import Target

FOLDS = 4
TARGET_OF_STUDY = Target.from_config({"column": "growth_celsius", "classes": [900, 950, 1000]})


@pytest.fixture(scope="module")
def study():
    """A samples table and features: these hold the target and the flow, but not the pressure or the substrate."""
    rng = np.random.default_rng(0)
    count = 160
    y_true, flow = rng.choice([900, 950, 1000], count), rng.uniform(1, 9, count)
    samples = pd.DataFrame(
        {
            "sample": [f"film{place:03d}" for place in range(count)],
            "batch": [f"day{place // 3:02d}" for place in range(count)],
            "growth_celsius": y_true,
            "y_true": y_true,
            "growth_seconds": np.round(flow, 3),
            "pressure_torr": 100.0,
            "substrate": np.where(np.arange(count) % 2, "c-plane", " a-plane"),
            "operator": np.where(np.arange(count) < 20, "one", None),
        }
    )
    features = rng.normal(size=(count, 30))
    features[:, 0] += 3 * (y_true - 950) / 50
    features[:, 1] += 2 * (flow - 5)
    return samples, features.astype(np.float32)


@pytest.fixture(scope="module")
def predicted(study):
    return growth_variables.predict(
        *study, TARGET_OF_STUDY, ["flow"], explained_variance=0.95, folds=FOLDS, repeats=2,
        stream=partial(random_stream, 1),
    )  # fmt: skip


def accuracy(predictions, variable, inputs, kind=CLASSES):
    rows = predictions[(predictions["variable"] == variable) & (predictions["inputs"] == inputs)]
    rows = rows[rows["kind"] == kind]
    if kind == VALUE:
        return (
            1 - ((rows["y_pred"] - rows["y_true"]) ** 2).sum() / ((rows["y_true"] - rows["y_true"].mean()) ** 2).sum()
        )
    return (rows["y_pred"] == rows["y_true"]).groupby(rows["y_true"]).mean().mean()


def test_only_what_the_features_hold_is_read(predicted):
    predictions, _ = predicted
    assert accuracy(predictions, "growth_celsius", IMAGES) > 0.75
    assert accuracy(predictions, "growth_seconds", IMAGES) > 0.7
    assert accuracy(predictions, "growth_seconds", IMAGES, VALUE) > 0.7
    assert accuracy(predictions, "substrate", IMAGES) == pytest.approx(0.5, abs=0.12)
    for variable in ("growth_celsius", "growth_seconds", "substrate"):
        assert accuracy(predictions, variable, METADATA) < 0.65, variable


def test_with_the_target_known_only_the_other_variables_are_predicted(predicted):
    predictions, _ = predicted
    own = predictions[predictions["variable"] == "growth_celsius"]
    assert set(own["inputs"]) == {NOTHING, IMAGES, METADATA}
    assert accuracy(predictions, "growth_seconds", BOTH) > accuracy(predictions, "growth_seconds", TARGET) + 0.2


def test_what_the_target_alone_explains_is_no_gain_of_the_micrographs(study):
    samples, features = study
    samples = samples.assign(flow=samples["y_true"] + np.random.default_rng(1).normal(0, 30, len(samples)))
    predictions, _ = growth_variables.predict(
        samples[["sample", "batch", "growth_celsius", "y_true", "flow"]], features, TARGET_OF_STUDY, ["flow"],
        explained_variance=0.95, folds=FOLDS, repeats=1, stream=partial(random_stream, 1),
    )  # fmt: skip
    assert accuracy(predictions, "flow", IMAGES, VALUE) > 0.3
    gain = accuracy(predictions, "flow", BOTH, VALUE) - accuracy(predictions, "flow", TARGET, VALUE)
    assert gain == pytest.approx(0, abs=0.03)


def test_every_sample_is_tested_once_a_repeat_with_its_batch_left_out(study, predicted):
    predictions, _ = predicted
    for _, rows in predictions.groupby(["variable", "kind", "inputs", "repeat"]):
        assert sorted(rows["sample"]) == sorted(study[0]["sample"])
        assert (rows.groupby("batch")["fold"].nunique() == 1).all()


def test_classes_and_reasons(predicted):
    facts = predicted[1].set_index("variable")
    assert facts["labels"]["growth_celsius"] == "900 | 950 | 1000"
    assert len(facts["labels"]["growth_seconds"].split(" | ")) == 3
    assert facts["labels"]["substrate"] == "a-plane | c-plane" and not facts["is_number"]["substrate"]
    assert "100" in facts["reason"]["pressure_torr"]
    assert facts["reason"]["operator"].startswith("known of 20 of 160")
    assert facts["reason"]["flow"].startswith("known of 0 of 160")


def test_a_class_in_fewer_batches_than_folds_is_left_out(study):
    samples = study[0].assign(substrate=["glass"] * 9 + ["c-plane", "a-plane"] * 75 + ["c-plane"])
    variable = growth_variables.find(samples, "substrate", FOLDS)
    assert variable.labels == ("a-plane", "c-plane") and len(variable.rows) == 151
    samples["substrate"] = ["glass"] * 9 + ["c-plane"] * 151
    assert "fewer than two classes" in growth_variables.find(samples, "substrate", FOLDS)


def test_thirds_hold_a_third_of_the_samples_unless_values_are_equal(study):
    samples = study[0]
    variable = growth_variables.find(samples, "growth_seconds", FOLDS)
    assert np.bincount(variable.label).tolist() == [54, 53, 53]
    mostly = samples.assign(growth_seconds=[600.0] * 130 + list(range(30)))
    assert len(growth_variables.find(mostly, "growth_seconds", FOLDS).labels) == 2


def test_films_count_once_whatever_the_number_of_their_scans(study):
    """Scans with the film's features twice, and noise that cancels, give the films' own predictions."""
    samples, features = study
    scans = pd.concat([samples.assign(film=samples["sample"], sample=samples["sample"] + f"@{n}") for n in (1, 2)])
    noise = np.random.default_rng(5).integers(-3, 4, features.shape)
    given = {"explained_variance": 0.95, "folds": FOLDS, "repeats": 1, "stream": partial(random_stream, 1)}
    whole = (features * 64).round() / 64  # so that sums are exact
    alone, facts = growth_variables.predict(samples, whole, TARGET_OF_STUDY, **given)
    twice, counted = growth_variables.predict(
        scans, np.concatenate([whole + noise, whole - noise]).astype(np.float32), TARGET_OF_STUDY, **given
    )
    pd.testing.assert_frame_equal(alone, twice)
    assert counted["n_known"].equals(facts["n_known"])
    read = counted["reason"] == ""
    assert read.any() and (counted.loc[read, "n_scans"] == 2 * facts.loc[read, "n_scans"]).all()
