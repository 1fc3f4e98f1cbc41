"""How the production model comes about: settings, passes, the rehearsal; nothing is learnt where it is asked."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from micrograph.errors import UserError
from micrograph.networks import finetune, transforms
from micrograph.networks.training import TrainingSettings
from micrograph.prediction import final_model, model_card, storage
from micrograph.splits.fit_spec import NetworkSpec

from .conftest import CLASSES, recipe


def choices(*rows):
    return pd.DataFrame(rows, columns=["chosen", "validation_accuracy"])


def test_the_settings_of_most_folds_are_taken_and_of_equals_the_better_validated():
    one, two, three = (f'{{"learning_rate": {rate}}}' for rate in (0.1, 0.2, 0.3))
    assert final_model.chosen(choices((one, 0.9), (two, 0.1), (two, 0.2))) == {"learning_rate": 0.2}
    assert final_model.chosen(choices((one, 0.5), (two, 0.6), (three, 0.7))) == {"learning_rate": 0.3}
    assert final_model.chosen(choices((one, 0.5), (two, 0.5))) == {"learning_rate": 0.1}


def curves(*kept, point=0):
    return [pd.DataFrame({"point": point, "epoch": range(9), "kept": [int(e == k) for e in range(9)]}) for k in kept]


def test_it_learns_for_the_median_of_the_passes_that_folds_kept():
    assert final_model.passes(curves(0, 4, 2), 0) == 3
    assert final_model.passes(curves(2, 3), 0) == 4
    assert final_model.passes(curves(8, point=0) + curves(1, 1, point=1), 1) == 2
    with pytest.raises(UserError, match="keep no network"):
        final_model.passes(curves(1), 7)


def test_settings_that_were_not_tried_and_schemes_without_probabilities_are_a_fault(study):
    strange = study.search_results.assign(chosen='{"learning_rate": 9}')
    with pytest.raises(UserError, match="the settings do not hold"):
        final_model.settled(recipe(), replace(study, choices=strange))
    with pytest.raises(UserError, match="regression gives no probabilities; choose one of: nominal, nnrank, corn"):
        final_model.train(recipe(scheme="regression"), study)


def test_the_facts_tell_how_it_was_made(model, study):
    facts = model.facts
    assert facts["settings"]["epochs"] == 2 and facts["settings"]["learning_rate"] == 0.001
    assert facts["protocol"] == "all" and facts["fold"] is None and facts["classes"] == CLASSES
    assert facts["films"]["sample"] == study.films["sample"].tolist()
    assert facts["novelty"]["ranges"]["width_nm"] == [1000, 1000]
    assert facts["novelty"]["ranges"]["relief_nm"][0] > 0.1
    assert facts["rehearsed"]["films"] == facts["strict"]["films"] == 18
    assert len(model.looks) == len(model.pictures) == 18
    assert not model.network.training and not model.backbone.training


def test_the_rehearsal_asks_every_film_once_of_a_network_that_did_not_see_its_day(study, monkeypatch):
    seen = []

    def watched(samples, copies, table, *given):
        seen.append(table)
        return whole(samples, copies, table, *given)

    whole = finetune.select_fold
    monkeypatch.setattr(finetune, "select_fold", watched)
    settings = replace(final_model.settled(recipe(), study), epochs=1)
    images = transforms.read_images(study.copies["micrograph"], 32)
    said = final_model.rehearse(recipe(), study, settings, images, "cpu")
    assert said["sample"].tolist() == sorted(study.films["sample"])
    for fold, table in enumerate(seen):
        learnt, asked = (table[table["split"] == part] for part in ("train", "test"))
        assert not set(learnt["batch"]) & set(asked["batch"])
        assert set(asked["sample"]) == set(said.loc[said["fold"] == fold, "sample"])
        assert len(learnt) + len(asked) == 18
    marks = said[[f"score_{celsius}" for celsius in CLASSES]].to_numpy()
    np.testing.assert_allclose(marks.sum(axis=1), 1, atol=1e-6)


def test_the_rehearsal_of_a_fold_starts_from_weights_that_have_not_seen_its_test_films(study, monkeypatch):
    asked = []

    class Started(Exception):
        pass

    def selected(samples, copies, table, *given):
        return sorted(table.loc[table["split"] == "test", "sample"])

    def watched(fold, images, spec, settings, classes, backbone, weights, *given):
        asked.append((fold, weights))
        if len(asked) == 3:
            raise Started
        return done

    settings = replace(final_model.settled(recipe(), study), epochs=1)
    images = transforms.read_images(study.copies["micrograph"], 32)
    done = to_the_end(study, images, study.films.assign(split="train"), epochs=1)
    monkeypatch.setattr(finetune, "select_fold", selected)
    monkeypatch.setattr(finetune, "train_fixed_epochs", watched)
    strict = [f"fold{fold}.safetensors" for fold in range(3)]
    with pytest.raises(Started):
        final_model.rehearse(
            recipe(pretraining="films"), replace(study, rehearsal_weights=strict), settings, images, "cpu"
        )
    tested = study.splits[study.splits["split"] == "test"].groupby("fold")["sample"]
    assert asked == [(sorted(names), strict[fold]) for fold, names in tested]


@pytest.mark.parametrize(("pretraining", "paths"), [("films", []), ("films", ["a", "b"]), ("imagenet", ["a"])])
def test_films_that_were_seen_are_not_rehearsed_on(study, pretraining, paths):
    with pytest.raises(UserError, match=rf"there are {len(paths)} rehearsal weights for 3 folds; give each fold those"):
        final_model.rehearse(
            recipe(pretraining=pretraining), replace(study, rehearsal_weights=paths), {}, torch.zeros(0), "cpu"
        )


def to_the_end(study, images, table, epochs=2):
    settings = replace(TrainingSettings.from_dict(recipe().training), epochs=epochs)
    spec = NetworkSpec("strict", "imagenet", "aug3", "nominal")
    table = table.assign(fold=0)
    rng, fold_rng = np.random.default_rng(1).spawn(2)
    fold = finetune.select_fold(study.copies["sample"], study.copies["augmentation"], table, 0, spec, fold_rng)
    backbone = "efficientnet_lite0"
    return finetune.train_fixed_epochs(fold, images, spec, settings, CLASSES, backbone, study.weights, rng, "cpu")


def test_training_to_the_end_takes_all_passes_and_no_look_at_films_that_are_only_asked(study):
    images = transforms.read_images(study.copies["micrograph"], 32)
    part = np.where(np.arange(18) < 4, "test", "train")
    table = study.films.assign(split=part)
    spoilt = images.clone()
    spoilt[:4] = 255 - spoilt[:4]
    plain, other = (to_the_end(study, shown, table) for shown in (images, spoilt))
    assert plain.curve["epoch"].tolist() == [0, 1] and plain.curve["kept"].tolist() == [0, 1]
    assert plain.curve["validation_loss"].isna().all()
    for name, tensor in plain.network.state_dict().items():
        torch.testing.assert_close(tensor, other.network.state_dict()[name], rtol=0, atol=0)
    assert not np.allclose(plain.outputs[0][:4], other.outputs[0][:4])


def test_settled_statistics_are_the_means_over_all_batches():
    layer = torch.nn.BatchNorm1d(1, momentum=0.4)
    network = torch.nn.Sequential(layer, torch.nn.Dropout(0.5))
    batches = [(torch.tensor(values).reshape(1, -1, 1),) for values in ([0.0, 2.0], [4.0, 8.0])]
    finetune.recompute_batchnorm_statistics(network, batches)
    assert layer.running_mean.item() == pytest.approx(3.5)
    assert layer.running_var.item() == pytest.approx((2 + 8) / 2)
    assert layer.momentum == 0.4 and not network.training and not layer.training


def test_the_same_study_gives_the_same_bytes(study, model, model_path, tmp_path):
    again = final_model.train(recipe(), study, "cpu")
    storage.write(tmp_path / "again.safetensors", again)
    assert (tmp_path / "again.safetensors").read_bytes() == model_path.read_bytes()


def test_the_card_says_what_it_is_how_good_and_what_it_does_not_know(model):
    text = model_card.card(model.facts)
    for words in (
        "simulated films",
        "do not use it on real scans",
        "rehearsed",
        "aimed at 80 %",
        "a single growth day",
    ):
        assert (words in text) == (words != "a single growth day")
    assert "None" not in text and "nan" not in text
    real = model_card.card(model.facts | {"data": "real films"})
    assert "do not use it on real scans" not in real


def test_the_card_gives_counts_instead_of_an_interval_of_equal_values(model):
    checked = model.facts["checked"] | {"covered_900": [1.0, None, None, 13, 7], "alone": [0.5, 0.25, 0.75, 18, 9]}
    sure = model.facts["rehearsed"] | {"accuracy": [1.0, 1.0, 1.0]}
    text = model_card.card(model.facts | {"checked": checked, "rehearsed": sure})
    assert "| true class in the set, films of 900 °C | 100.0 % (13 films of 7 growth days) |" in text
    assert "| sets of one class | 50.0 % (25.0 % to 75.0 %) |" in text
    assert "| accuracy | 100.0 % (18 films of 9 growth days) |" in text
    assert "100.0 % to 100.0 %" not in text


def test_the_card_counts_by_film_and_by_day_and_says_how_much_one_study_scatters(model):
    text = model_card.card(model.facts)
    assert text.count("the same, every growth day counted alike") == 2
    assert "scatters around it by about 13.3 percentage points" in text and "c = 80 %, D = 9" in text
    assert "farther by look alone" in text and "look so" not in text


def test_the_card_says_where_the_network_that_measures_looks_has_seen_the_films(model):
    assert "has seen these films in its pretraining" not in model_card.card(model.facts)
    assert "has seen these films in its pretraining" in model_card.card(model.facts | {"pretraining": "films"})


def test_the_card_owns_up_to_limits_that_are_endless(model):
    calibration = model.facts["calibration"] | {"set_limit": None, "reach_celsius": None}
    text = model_card.card(model.facts | {"calibration": calibration})
    assert text.count("too few growth days") == 2
