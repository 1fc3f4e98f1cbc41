"""The MLP's fit: a row a fold and sample, chosen on validation, the same bytes twice, predictions as stored."""

import json

import numpy as np
import pytest
import torch

from micrograph import target
from micrograph.errors import UserError
from micrograph.io import FeatureSet
from micrograph.networks import checkpoints, mlp
from micrograph.splits import splitters
from micrograph.splits.fit_spec import FitSpec, FitTask
from tables_of_films import TARGET, films

CLASSES = [900, 950, 1000]
FOLDS = 4
SETTINGS = {"learning_rate": 0.02, "batch_size": 8, "dropout": 0.2, "hidden_layer_sizes": [16, 8]}
SETTINGS |= {"epochs": 25, "patience": 6}


@pytest.fixture(scope="module")
def study():
    """Samples, their splits by protocol, and features in which temperature shows clearly."""
    frame = films((8, 24, 18), 20)
    rng = np.random.default_rng(4)
    values = rng.normal(size=(len(frame), 10))
    values[:, :3] += (frame["y_true"].to_numpy()[:, None] - 950) / 25
    values[:, 3:6] += 2.0 * (frame["y_true"].to_numpy()[:, None] == 950)
    tables = {
        protocol: splitters.split(frame, protocol, FOLDS, np.random.default_rng(2), TARGET)
        for protocol in ("strict", "published")
    }
    return frame["sample"].to_numpy(), values, tables


def fitted(study, protocol="strict", scheme="nominal", values=None, grid=None, **how):
    """values: one array for all folds, or a list of those of each; how: settings."""
    samples, signal, tables = study
    values = signal if values is None else values
    features = FeatureSet(
        samples, np.zeros(len(samples), int), values if isinstance(values, list) else [values] * FOLDS
    )
    settings = SETTINGS | how
    spec = FitSpec(protocol, "imagenet", "aug3", "tuned", scheme, "MLP")
    task = FitTask(spec, TARGET, grid or mlp.param_grid(settings, "default"))
    rng = np.random.default_rng(3)
    return mlp.fit_folds(features, tables[protocol], task, settings["epochs"], settings["patience"], rng, "cpu")


def accuracy(table, part="test"):
    rows = table[table["split"] == part]
    return (rows["y_true"] == rows["y_pred"]).mean()


def test_the_summed_loss_of_nnrank_changes_its_mlps_and_no_others(study):
    samples, signal, tables = study
    tables = tables | {"published+nnrank_loss_summed": tables["published"]}
    for scheme, same in (("nnrank", False), ("nominal", True)):
        mean, summed = (
            fitted((samples, signal, tables), f"published{more}", scheme).predictions
            for more in ("", "+nnrank_loss_summed")
        )
        assert mean["score_950"].equals(summed["score_950"]) == same


@pytest.mark.parametrize("protocol", ["strict", "published"])
@pytest.mark.parametrize("scheme", list(target.SCHEMES))
def test_the_fit_learns_and_has_the_columns_of_predictions(study, protocol, scheme):
    found = fitted(study, protocol, scheme)
    columns = ["fold", "split", "sample", "film", "augmentation", "batch"]
    columns += ["y_true", "y_true_value", "y_pred", "y_pred_value"]
    assert list(found.predictions.columns) == [*columns, "score_900", "score_950", "score_1000", "components"]
    assert len(found.predictions) == FOLDS * len(study[0])
    assert set(found.predictions["components"]) == {10}
    assert found.predictions["y_pred_value"].notna().all() == (scheme == "regression")
    assert found.predictions["score_950"].isna().all() == (scheme == "regression")
    assert accuracy(found.predictions) > 0.75
    assert list(found.models) == list(range(FOLDS))


def test_a_strict_fold_learns_nothing_from_held_out_features(study):
    names, values, tables = study
    table = tables["strict"]
    spoiled = values.copy()
    held = table[(table["fold"] == 0) & (table["split"] == "test")]["sample"]
    spoiled[np.isin(names, held)] = 1e6
    plain, other = (fitted(study, values=one) for one in (values, spoiled))
    for name, parameters in plain.models[0].parameters.items():
        np.testing.assert_array_equal(parameters, other.models[0].parameters[name])


def test_published_features_stay_raw(study):
    parameters = fitted(study, "published").models[0].parameters
    assert not parameters["mean"].any()
    assert (parameters["std"] == 1).all()


def test_the_same_seed_gives_the_same_bytes(study, tmp_path):
    for name in ("one", "two"):
        mlp.write_models(tmp_path / f"{name}.safetensors", fitted(study, scheme="corn").models)
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


@pytest.mark.parametrize("scheme", list(target.SCHEMES))
def test_what_was_stored_predicts_as_the_table_has_it(study, tmp_path, scheme):
    found = fitted(study, scheme=scheme)
    mlp.write_models(tmp_path / "models.safetensors", found.models)
    models = mlp.read_models(tmp_path / "models.safetensors")
    assert models[2].settings == json.loads(found.search_results.loc[2, "refit_params"])
    rows = found.predictions[(found.predictions["fold"] == 2) & (found.predictions["split"] == "test")]
    features = study[1][[list(study[0]).index(name) for name in rows["sample"]]]
    predicted, value, scores = models[2].predict(features)
    np.testing.assert_array_equal(predicted, rows["y_pred"].to_numpy(float))
    np.testing.assert_allclose(value, rows["y_pred_value"])
    np.testing.assert_allclose(scores, rows[[f"score_{celsius}" for celsius in CLASSES]])


@pytest.mark.parametrize("together", [1, 32])
@pytest.mark.parametrize("scheme", ["nominal", "regression"])
def test_a_fold_whose_models_diverge_is_an_error(study, monkeypatch, capsys, scheme, together):
    """Features of 1e39 are no float32: no weights can come of them."""
    monkeypatch.setitem(mlp.BUNDLE_SIZE, "cpu", together)
    scores = [study[1] * (1e39 if fold == 2 else 1.0) for fold in range(FOLDS)]
    message = f"fold 2: .*training.mlp.{scheme}.learning_rate"
    with pytest.raises(UserError, match=message), np.errstate(over="ignore"):
        fitted(study, "published", scheme, values=scores, epochs=3)
    assert f'MLP {scheme} of fold 2, {{"learning_rate": 0.02, "dropout": 0.5' in capsys.readouterr().out


@pytest.mark.parametrize(("protocol", "scheme"), [("strict", "regression"), ("published", "nnrank")])
def test_a_point_that_diverges_beside_others_is_passed_over(study, protocol, scheme):
    grid = [mlp.param_grid(SETTINGS, "default")[0] | {"learning_rate": rate} for rate in (float("inf"), 0.02)]
    found = fitted(study, protocol, scheme, grid=grid)
    assert all(json.loads(point)["learning_rate"] == 0.02 for point in found.search_results["refit_params"])
    assert accuracy(found.predictions) > 0.75


def test_a_model_without_weights_predicts_nan():
    nothing = np.full((2, 2), np.nan)
    parameters = {"mean": np.zeros(2), "std": np.ones(2)}
    parameters |= {f"weight{layer}": nothing for layer in "123"} | {f"bias{layer}": nothing[0] for layer in "123"}
    for scheme in target.SCHEMES:
        width = target.output_width(scheme, CLASSES[:2])
        last = {"weight3": nothing[:, :width], "bias3": nothing[0, :width]} | {"centre": [950.0], "spread": [1.0]}
        last = {name: np.asarray(part) for name, part in last.items()}
        model = mlp.MLP(scheme, {"column": "growth_celsius", "classes": CLASSES[:2]}, {}, parameters | last)
        assert not model.is_finite()
        assert all(np.isnan(part).all() for part in model.predict(np.ones((3, 2))))


def test_the_published_grid_is_the_papers():
    points = mlp.param_grid(SETTINGS, "published")
    assert len(points) == 144
    assert points[0] == {"learning_rate": 0.02, "dropout": 0, "batch_size": 16, "hidden_layer_sizes": [600, 150]}
    assert points[1]["hidden_layer_sizes"] == [600, 100]
    assert points[-1] == {"learning_rate": 0.02, "dropout": 0.5, "batch_size": 100, "hidden_layer_sizes": [200, 50]}


def test_the_default_search_begins_with_the_configured_point_and_repeats_none():
    points = mlp.param_grid(SETTINGS, "default")
    assert points[0] == {"learning_rate": 0.02, "dropout": 0.2, "batch_size": 8, "hidden_layer_sizes": [16, 8]}
    assert len({json.dumps(point) for point in points}) == len(points) == 4


def test_bad_input_is_named(study, tmp_path):
    with pytest.raises(UserError, match="3 folds, the splits 4"):
        fitted(study, values=[study[1]] * 3)
    with pytest.raises(UserError, match="'small'.*default, published"):
        mlp.param_grid(SETTINGS, "small")
    other = tmp_path / "other.safetensors"
    checkpoints.write(other, {"a": torch.zeros(1)}, {"backbone": "resnet18"})
    with pytest.raises(UserError, match="other.safetensors"):
        mlp.read_models(other)
