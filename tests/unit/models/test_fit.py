"""A fit selects on validation, tests once, learns nothing from permuted labels, and writes the same bytes twice."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from micrograph.errors import UserError
from micrograph.io import FeatureSet
from micrograph.models import fit, registry
from micrograph.splits import model_selection, splitters
from micrograph.splits.fit_spec import FitSpec, FitTask
from micrograph.target import Target
from tables_of_films import TARGET, films, shallow_fit

CLASSES = [900, 950, 1000]
FOLDS = 4


@pytest.fixture(scope="module")
def study():
    """Samples, their splits by protocol, and features in which temperature shows clearly."""
    frame = films((8, 24, 18), 20)
    rng = np.random.default_rng(4)
    features = rng.normal(size=(len(frame), 8))
    features[:, 0] += (frame["y_true"] - 950) / 25
    features[:, 1] += 2.0 * (frame["y_true"] == 950)
    tables = {
        protocol: splitters.split(frame, protocol, FOLDS, np.random.default_rng(2), TARGET)
        for protocol in ("strict", "published")
    }
    return frame["sample"].to_numpy(), features, tables


def fitted(study, protocol="strict", model="KRC", scheme="nominal", policy="aug3", values=None, seed=3, **more):
    """values: one array for all folds, or a list of those of each."""
    names, signal, tables = study
    values = signal if values is None else values
    augmentation = more.pop("augmentation", np.zeros(len(names), dtype=int))
    features = FeatureSet(names, augmentation, values if isinstance(values, list) else [values])
    spec = {"protocol": protocol, "policy": policy, "scheme": scheme, "model": model}
    return shallow_fit(features, tables[protocol], spec, np.random.default_rng(seed), **more)


@pytest.mark.parametrize("protocol", ["strict", "published"])
@pytest.mark.parametrize("scheme", ["nominal", "regression"])
@pytest.mark.parametrize("model", ["SVC", "RNN", "DTC"])
def test_predictions_have_one_row_a_fold_and_sample(study, protocol, scheme, model):
    table = fitted(study, protocol, model, scheme).predictions
    columns = ["fold", "split", "sample", "film", "augmentation", "batch"]
    columns += ["y_true", "y_true_value", "y_pred", "y_pred_value"]
    assert list(table.columns) == [*columns, "score_900", "score_950", "score_1000", "components"]
    keys = ["fold", "split", "sample", "batch"]
    expected = study[2][protocol].sort_values(keys[:3], ignore_index=True)
    pd.testing.assert_frame_equal(table[keys], expected[keys])
    assert (table["y_true"] == expected["y_true"]).all()
    assert (table["components"] == 8).all()
    marks = table[["score_900", "score_950", "score_1000"]]
    if scheme == "nominal":
        assert table["y_pred_value"].isna().all()
        assert marks.notna().all(axis=None)
    else:
        assert marks.isna().all(axis=None)
        nearest = np.select([table["y_pred_value"] <= 925, table["y_pred_value"] <= 975], [900, 950], 1000)
        answered = table["y_pred_value"].notna()
        assert (table["y_pred"].to_numpy(float)[answered] == nearest[answered]).all()


def test_test_features_change_no_strict_model(study):
    """Test features of fold 0 replaced by noise: its model and the validation predictions stay as they were."""
    names, features, tables = study
    held = splitters.split_index(tables["strict"], 0, "test", names)
    other = features.copy()
    other[held] = np.random.default_rng(0).normal(size=(len(held), 8)) * 100
    first, second = fitted(study), fitted(study, values=other)
    assert first.search_results.loc[0].equals(second.search_results.loc[0])
    for part in ("train", "validation"):
        one, two = (made.predictions.query(f"fold == 0 and split == '{part}'") for made in (first, second))
        pd.testing.assert_frame_equal(one, two)


def test_strict_chooses_the_first_best_point_on_validation(study):
    made = fitted(study, model="KNN", policy="aug4")
    points = registry.param_grid("KNN", "nominal", "strict", "default")
    names, features, tables = study
    truth = tables["strict"].drop_duplicates("sample").set_index("sample").loc[names, "y_true"].to_numpy()
    train, held = (splitters.split_index(tables["strict"], 1, part, names) for part in ("train", "validation"))
    merits = []
    for point in points:
        model = registry.make_estimator("KNN", "nominal", "strict", point, CLASSES, 0).fit(
            features[train], truth[train]
        )
        right = model.predict(features[held]) == truth[held]
        merits.append((round(right.mean(), 9), round(np.mean([right[truth[held] == c].mean() for c in CLASSES]), 9)))
    assert json.loads(made.search_results.loc[1, "best_params"]) == points[merits.index(max(merits))]
    assert made.search_results.loc[1, "validation_accuracy"] == pytest.approx(max(merits)[0])
    assert made.search_results["best_params"].equals(made.search_results["refit_params"])


def test_published_rnn_regression_answers_the_highest_class_without_neighbours_and_has_no_value(study):
    names, features, tables = study
    far = features.copy()
    test = splitters.split_index(tables["published"], 0, "test", names)
    far[test] += 1e6  # of the films that are tested in every fold, which scale nothing
    table = fitted(study, "published", "RNN", "regression", values=far).predictions.query("split == 'test'")
    assert (table["y_pred"] == 1000).all() and table["y_pred_value"].isna().all()


@pytest.mark.parametrize(
    ("protocol", "parts"),
    [
        ("published", ["train", "validation"]),
        ("published-scaler_on_validation", ["train"]),
        ("strict", ["train"]),
        ("strict+scaler_on_validation", ["train", "validation"]),
    ],
)
def test_features_are_scaled_by_the_rows_that_the_protocol_allows(study, protocol, parts):
    names, features, tables = study
    table = tables[protocol.split("-")[0].split("+")[0]]
    made = fitted((names, features, tables | {protocol: table}), protocol, "KNN", policy="aug4")
    for fold, model in made.models.items():
        rows = np.concatenate([splitters.split_index(table, fold, part, names) for part in parts])
        np.testing.assert_allclose(model[0].mean_, features[rows].mean(axis=0), rtol=1e-12)
        if protocol.startswith("published"):
            np.testing.assert_allclose(model[0].scale_, features[rows].std(axis=0), rtol=1e-12)


def test_the_published_tree_regressor_takes_a_point_only_where_its_training_accuracy_does_not_fall():
    y_true = np.array([900, 950, 1000, 1000])
    points = [[900, 900, 900, 900], [900, 950, 900, 900], [900, 950, 1000, 900], [900, 950, 1000, 1000]]
    plain = model_selection.select([points], [y_true], "published")
    assert plain[0].point == 3
    ruled = model_selection.select([points], [y_true], "published", training=[[0.5, 0.7, 0.6, 0.65]])
    assert ruled[0].point == 1  # 2 and 3 are better on validation, worse in training than 1
    wrong_first = model_selection.select([[[950, 900, 900, 900], *points]], [y_true], "published",
                                         training=[[1.0, 0.5, 0.7, 0.6, 0.7]])  # fmt: skip
    assert wrong_first[0].point == 4  # a point that is never right is not taken, however well it is trained
    again = model_selection.select([points], [y_true], "published", training=[[0.5, 0.7, 0.6, 0.7]])
    assert again[0].point == 3


def test_features_of_other_folds_or_samples_are_refused(study):
    names, features, tables = study
    with pytest.raises(UserError, match="3 folds, the splits 4"):
        fitted(study, values=[features] * 3)
    strange = np.append(names[1:], "MCV1-stranger")
    with pytest.raises(UserError, match="in the splits but not among"):
        fitted((strange, features, tables))
    with pytest.raises(UserError, match="MCV1-stranger has features but is not in the splits"):
        fitted((np.append(names, "MCV1-stranger"), np.vstack([features, features[:1]]), tables))


WRITE = """
import numpy as np
import pandas as pd
from micrograph import io
from micrograph.models import fit, registry, storage
from micrograph.splits import splitters
from micrograph.splits.fit_spec import FitSpec, FitTask
from micrograph.target import Target

TARGET = Target.from_config({"column": "growth_celsius", "classes": [900, 950, 1000]})
names = [f"MCV1-{place:06d}" for place in range(25)]
frame = pd.DataFrame({"sample": names, "batch": names, "growth_celsius": np.repeat([900, 950, 1000], [4, 12, 9])})
frame = TARGET.add_to(frame)
features = np.random.default_rng(4).normal(size=(25, 8))
table = splitters.split(frame, "strict", 3, np.random.default_rng(2), TARGET)
for model in ("KRC", "DTC"):
    task = FitTask(FitSpec("strict", "imagenet", "aug3", "tuned", "nominal", model), TARGET,
                   registry.param_grid(model, "nominal", "strict", "default"))
    made = fit.fit_folds(io.FeatureSet(np.array(names), np.zeros(25, int), [features]), table, task,
                         np.random.default_rng(1))
    storage.write_models(f"{folder}/{model}.skops", made.models)
    io.write_table(f"{folder}/{model}.tsv", made.predictions)
"""
APART = f"import sys; folder = sys.argv[1]{WRITE}assert 'torch' not in sys.modules"


def test_two_processes_write_the_same_bytes_and_import_no_torch(tmp_path, request):
    environment = os.environ | {"PYTHONPATH": str(request.config.rootpath / "workflow"), "PYTHONHASHSEED": "1"}
    exec(WRITE, {"folder": tmp_path / "here"})
    subprocess.run([sys.executable, "-c", APART, tmp_path / "there"], check=True, env=environment)
    written = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert len(written) == 4
    for name in written:
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes(), name


def test_the_number_of_workers_changes_nothing(study):
    one, two = (fitted(study, model="DTC", workers=workers) for workers in (1, 3))
    pd.testing.assert_frame_equal(one.predictions, two.predictions)
    pd.testing.assert_frame_equal(one.search_results, two.search_results)


def test_bins_with_fractions_are_fitted_by_classifiers_and_values_by_regressors():
    """Growth times in three uneven bins: the regression learns the times themselves, not the middles of their bins."""
    rng = np.random.default_rng(0)
    minutes = rng.uniform(0, 20.5, 90)
    samples = pd.DataFrame({"sample": [f"s{place:02d}" for place in range(90)], "growth_minutes": minutes})
    samples["batch"] = samples["sample"]
    target = Target.from_config({"column": "growth_minutes", "bins": [0, 5, 10, 20.5]})
    table = splitters.split(target.add_to(samples), "strict", 3, rng, target)
    angle = minutes / 8  # strict keeps only the direction of features
    features = FeatureSet(samples["sample"], np.zeros(90, int), [np.stack([np.cos(angle), np.sin(angle)], 1)])
    for model, scheme in (("GBC", "nominal"), ("DTC", "nominal"), ("GBC", "regression")):
        spec = FitSpec("strict", "imagenet", "aug3", "tuned", scheme, model)
        task = FitTask(spec, target, registry.param_grid(model, scheme, "strict", "default"))
        test = fit.fit_folds(features, table, task, np.random.default_rng(1)).predictions.query("split == 'test'")
        assert set(test["y_true"]) == set(target.classes) and (test["y_pred"] == test["y_true"]).mean() > 0.85
        if scheme == "regression":
            assert (test["y_pred_value"] - test["y_true_value"]).abs().mean() < 1
            assert (test["y_pred"] == target.to_class(test["y_pred_value"])).all()
        else:
            assert list(test.columns)[-4:-1] == ["score_0-5", "score_5-10", "score_10-20.5"]
