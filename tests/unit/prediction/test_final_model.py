"""Settings, epochs, cross-validation and training of the final model; no sample is tested by a network that saw it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from micrograph.errors import UserError
from micrograph.networks import finetune, transforms
from micrograph.networks.training import TrainingSettings
from micrograph.prediction import final_model, storage
from micrograph.splits.fit_spec import NetworkSpec
from tables_of_films import TARGET

from .conftest import CLASSES, model_settings


def search_results(*rows):
    return pd.DataFrame(rows, columns=["best_params", "validation_accuracy"])


def test_the_settings_of_most_folds_are_taken_and_of_equals_the_better_validated():
    one, two, three = (f'{{"learning_rate": {rate}}}' for rate in (0.1, 0.2, 0.3))
    assert final_model.most_selected(search_results((one, 0.9), (two, 0.1), (two, 0.2))) == {"learning_rate": 0.2}
    assert final_model.most_selected(search_results((one, 0.5), (two, 0.6), (three, 0.7))) == {"learning_rate": 0.3}
    assert final_model.most_selected(search_results((one, 0.5), (two, 0.5))) == {"learning_rate": 0.1}


def curves(*kept, point=0):
    return [pd.DataFrame({"point": point, "epoch": range(9), "kept": [int(e == k) for e in range(9)]}) for k in kept]


def test_it_trains_for_the_median_of_the_epochs_that_folds_kept():
    assert final_model.median_epochs(curves(0, 4, 2), 0) == 3
    assert final_model.median_epochs(curves(2, 3), 0) == 4
    assert final_model.median_epochs(curves(8, point=0) + curves(1, 1, point=1), 1) == 2
    with pytest.raises(UserError, match="keeps a network"):
        final_model.median_epochs(curves(1), 7)


def test_settings_off_the_grid_and_schemes_without_probabilities_raise(study):
    strange = study.search_results.assign(best_params='{"learning_rate": 9}')
    with pytest.raises(UserError, match="not a point of the grid"):
        final_model.training_settings(model_settings(), replace(study, search_results=strange))
    with pytest.raises(UserError, match="regression .* nominal, nnrank, corn"):
        final_model.train(model_settings(scheme="regression"), study)


def test_the_facts_hold_how_it_was_made(model, study):
    facts = model.facts
    assert facts["settings"]["epochs"] == 2 and facts["settings"]["learning_rate"] == 0.001
    assert facts["protocol"] == "all" and facts["fold"] is None and facts["classes"] == CLASSES
    assert facts["films"]["sample"] == study.samples["sample"].tolist()
    assert facts["novelty"]["ranges"]["width_nm"] == [1000, 1000]
    assert facts["novelty"]["ranges"]["relief_nm"][0] > 0.1
    assert facts["cross_validated"]["films"] == facts["strict"]["films"] == 18
    assert len(model.embeddings) == len(model.images) == 18
    assert not model.network.training and not model.backbone.training


def test_cross_validation_tests_every_sample_once_by_a_network_that_did_not_see_its_day(study, monkeypatch):
    seen = []

    def watched(images, table, *given):
        seen.append(table)
        return whole(images, table, *given)

    whole = finetune.select_fold
    monkeypatch.setattr(finetune, "select_fold", watched)
    settings = replace(final_model.training_settings(model_settings(), study), epochs=1)
    images = transforms.read_images(study.images["micrograph"], 32)
    predictions = final_model.cross_validate(model_settings(), study, settings, images, "cpu")
    assert predictions["sample"].tolist() == sorted(study.samples["sample"])
    for fold, table in enumerate(seen):
        train, test = (table[table["split"] == part] for part in ("train", "test"))
        assert not set(train["batch"]) & set(test["batch"])
        assert set(test["sample"]) == set(predictions.loc[predictions["fold"] == fold, "sample"])
        assert len(train) + len(test) == 18
    marks = predictions[[f"score_{celsius}" for celsius in CLASSES]].to_numpy()
    np.testing.assert_allclose(marks.sum(axis=1), 1, atol=1e-6)


def test_a_cross_validated_network_starts_from_weights_that_have_not_seen_its_test_samples(study, monkeypatch):
    started = []

    class Started(Exception):
        pass

    def selected(images, table, *given):
        return sorted(table.loc[table["split"] == "test", "sample"])

    def watched(fold, images, task, weights, *given):
        started.append((fold, weights))
        if len(started) == 3:
            raise Started
        return done

    settings = replace(final_model.training_settings(model_settings(), study), epochs=1)
    images = transforms.read_images(study.images["micrograph"], 32)
    done = train_fixed_epochs(study, images, study.samples.assign(split="train"), epochs=1)
    monkeypatch.setattr(finetune, "select_fold", selected)
    monkeypatch.setattr(finetune, "train_fixed_epochs", watched)
    strict = [f"fold{fold}.safetensors" for fold in range(3)]
    with pytest.raises(Started):
        final_model.cross_validate(
            model_settings(pretraining="films"), replace(study, fold_weights=strict), settings, images, "cpu"
        )
    tested = study.splits[study.splits["split"] == "test"].groupby("fold")["sample"]
    assert started == [(sorted(names), strict[fold]) for fold, names in tested]


@pytest.mark.parametrize(("pretraining", "paths"), [("films", []), ("films", ["a", "b"]), ("imagenet", ["a"])])
def test_every_fold_needs_weights_that_have_not_seen_its_test_samples(study, pretraining, paths):
    with pytest.raises(UserError, match=rf"{len(paths)} fold weights for 3 folds"):
        final_model.cross_validate(
            model_settings(pretraining=pretraining), replace(study, fold_weights=paths), {}, torch.zeros(0), "cpu"
        )


def train_fixed_epochs(study, images, table, epochs=2):
    settings = replace(TrainingSettings.from_dict(model_settings().training), epochs=epochs)
    spec = NetworkSpec("strict", "imagenet", "aug3", "nominal")
    table = table.assign(fold=0)
    rng, fold_rng = np.random.default_rng(1).spawn(2)
    fold = finetune.select_fold(study.images, table, 0, spec, fold_rng)
    task = finetune.TuningTask(spec, "efficientnet_lite0", [settings], TARGET)
    return finetune.train_fixed_epochs(fold, images, task, study.weights, rng, "cpu")


def test_training_takes_all_epochs_and_ignores_test_samples(study):
    images = transforms.read_images(study.images["micrograph"], 32)
    part = np.where(np.arange(18) < 4, "test", "train")
    table = study.samples.assign(split=part)
    spoilt = images.clone()
    spoilt[:4] = 255 - spoilt[:4]
    plain, other = (train_fixed_epochs(study, shown, table) for shown in (images, spoilt))
    assert plain.curve["epoch"].tolist() == [0, 1] and plain.curve["kept"].tolist() == [0, 1]
    assert plain.curve["validation_loss"].isna().all()
    for name, tensor in plain.network.state_dict().items():
        torch.testing.assert_close(tensor, other.network.state_dict()[name], rtol=0, atol=0)
    assert not np.allclose(plain.outputs[0][:4], other.outputs[0][:4])


def test_recomputed_statistics_are_the_means_over_all_batches():
    layer = torch.nn.BatchNorm1d(1, momentum=0.4)
    network = torch.nn.Sequential(layer, torch.nn.Dropout(0.5))
    batches = [torch.tensor(values).reshape(-1, 1) for values in ([0.0, 2.0], [4.0, 8.0])]
    finetune.recompute_batchnorm_statistics(network, batches)
    assert layer.running_mean.item() == pytest.approx(3.5)
    assert layer.running_var.item() == pytest.approx((2 + 8) / 2)
    assert layer.momentum == 0.4 and not network.training and not layer.training


def test_the_same_study_gives_the_same_bytes(study, model, model_path, tmp_path):
    again = final_model.train(model_settings(), study, "cpu")
    storage.write(tmp_path / "again.safetensors", again)
    assert (tmp_path / "again.safetensors").read_bytes() == model_path.read_bytes()
