"""Fine-tuning on one fold: it learns, sees what its protocol allows, and repeats itself to the byte."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from micrograph.errors import UserError
from micrograph.networks import checkpoints, cnn_predictions, finetune, replace_head, transforms
from micrograph.networks.training import TrainingSettings
from micrograph.splits import splitters
from micrograph.splits.fit_spec import FitSpec, NetworkSpec
from micrograph.target import Target
from project import PROJECT
from tables_of_films import TARGET

BACKBONE, CLASSES = "timm:mobilenetv3_small_050", [900, 950, 1000]
SIDE = 32
SETTINGS = TrainingSettings(2e-3, 8, 0.0, epochs=1, patience=5, precision="fp32", batch_norm_momentum=0.4, pixels=SIDE)


@pytest.fixture(scope="module")
def films():
    """24 films of 12 days, their splits (strict), and images whose grey follows from the class."""
    rng = np.random.default_rng(0)
    labels = np.array([CLASSES[i % 3] for i in range(24)])
    batches = [f"b{i // 6 * 3 + i % 3:02d}" for i in range(24)]
    samples = pd.DataFrame({"sample": [f"s{i:02d}" for i in range(24)], "batch": batches, "y_true": labels})
    samples["y_true_value"] = 1.0 * labels
    noise = rng.integers(-20, 20, (24, SIDE, SIDE))
    images = (noise + (60 + (labels - 900))[:, None, None]).astype(np.uint8)
    return samples, splitters.split(samples, "strict", 3, rng, TARGET), images


def tune(films, seed=1, images=None, fold=0, augmentations=(0,), search="default", **changed):
    """Fine-tune on one fold; changed: settings, parts of the spec, and classes."""
    samples, table, own = films
    settings = replace(SETTINGS, **{name: changed.pop(name) for name in list(changed) if hasattr(SETTINGS, name)})
    target = changed.pop("target", TARGET)
    spec = NetworkSpec(**({"protocol": "strict", "pretraining": "scratch", "policy": "aug3", "head": "nominal"}
                                   | changed))  # fmt: skip
    rng, fold_rng = np.random.default_rng(seed).spawn(2)
    selected = finetune.select_fold(rows(samples, augmentations), table, fold, spec, fold_rng)
    task = finetune.TuningTask(spec, BACKBONE, finetune.param_grid(spec.head, settings, search), target)
    return finetune.fine_tune(selected, own if images is None else images, task, None, rng, "cpu")


def rows(samples, augmentations=(0,)):
    """The rows of images: every sample with every augmentation."""
    names = np.repeat(samples["sample"], len(augmentations))
    return pd.DataFrame({"sample": names, "augmentation": np.tile(augmentations, len(samples))})


def state(tuned):
    return tuned.network.state_dict()


def rows_of(films, part):
    return splitters.split_index(films[1], 0, part, films[0]["sample"])


def spoiled(films, part):
    """The images, those of one part replaced by noise."""
    images = films[2].copy()
    rows = rows_of(films, part)
    images[rows] = np.random.default_rng(9).integers(0, 256, images[rows].shape)
    return images


@pytest.mark.parametrize("head", ["nominal", "nnrank", "corn", "regression"])
def test_a_network_learns(films, head):
    """Judged by batch statistics, as in the paper: the running ones need more steps than a test has time for."""
    curve = tune(films, head=head, protocol="published", epochs=25, patience=25).curve
    assert curve["train_loss"].iloc[-5:].mean() < 0.75 * curve["train_loss"].iloc[0]
    assert curve["validation_accuracy"].iloc[-5:].mean() > 0.6


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(films, tmp_path):
    before, paths = torch.get_num_threads(), [tmp_path / f"{i}.safetensors" for i in range(3)]
    try:
        for path, seed, threads in zip(paths, (1, 1, 2), (1, 2, 1), strict=True):
            torch.set_num_threads(threads)
            torch.rand(threads)
            tune(films, seed=seed, dropout=0.3, head="tuned").write(path, data="simulated films")
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()


def test_a_written_network_names_what_made_it_and_has_the_same_outputs(films, tmp_path):
    tuned = tune(films, head="tuned", fold=2)
    tuned.write(tmp_path / "fold2.safetensors", data="simulated films")
    network, facts = checkpoints.read_network(tmp_path / "fold2.safetensors")
    assert TrainingSettings.from_dict(facts["settings"]) == SETTINGS and facts["data"] == "simulated films"
    known = ("backbone", "pretraining", "head", "classes", "policy", "protocol", "fold", "pixels")
    assert [facts[name] for name in known] == [BACKBONE, "scratch", "tuned", CLASSES, "aug3", "strict", 2, SIDE]
    shown = transforms.to_input(torch.from_numpy(films[2]), range(24), facts["mean"], facts["std"])
    again = replace_head.forward(network, BACKBONE, "tuned", [shown])
    assert again.shape == (24, 100)
    np.testing.assert_allclose(again, tuned.outputs[0], rtol=1e-3, atol=1e-4)


def outputs_of(films, tuned, scale=1.0, normalised=False):
    """The tuned features of grey images in 0..1, times `scale`."""
    mean, std = tuned.metadata["mean"], tuned.metadata["std"]
    grey = torch.from_numpy(films[2].astype(np.float32))[:, None].repeat(1, 3, 1, 1) / 255 * scale
    if normalised:
        grey = (grey - torch.tensor(mean).reshape(1, 3, 1, 1)) / torch.tensor(std).reshape(1, 3, 1, 1)
    return replace_head.forward(tuned.network, BACKBONE, "tuned", [grey])


def test_faults_of_tuned_features_change_what_the_trained_network_sees_and_nothing_else(films):
    plain = tune(films, head="tuned", protocol="published")
    bare = tune(films, head="tuned", protocol="published+features_not_normalised")
    assert all(torch.equal(part, state(bare)[name]) for name, part in state(plain).items())
    close = {"rtol": 1e-3, "atol": 1e-4}
    np.testing.assert_allclose(plain.outputs[0], outputs_of(films, plain, normalised=True), **close)
    np.testing.assert_allclose(bare.outputs[0], outputs_of(films, plain), **close)
    assert not np.allclose(plain.outputs[0], bare.outputs[0], rtol=0.1)


def test_the_range_of_aug2_is_255_times_as_large_for_augmented_images_alone(films):
    samples, _, images = films
    both = np.repeat(images, 2, axis=0)
    tuned = tune(films, head="tuned", policy="aug2", protocol="as_run", images=both, augmentations=(0, 1))
    small, large = tuned.outputs[0][::2], tuned.outputs[0][1::2]
    np.testing.assert_allclose(small, outputs_of(films, tuned), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(large, outputs_of(films, tuned, scale=255.0), rtol=1e-3, atol=1e-2)


def test_as_run_networks_learn_degrees_and_start_far_from_them(films):
    scaled, degrees = (tune(films, head="regression", protocol=name).outputs[0] for name in ("published", "as_run"))
    assert 900 < scaled.mean() < 1000 and degrees.mean() < 500


def test_the_summed_loss_of_nnrank_changes_its_networks_and_no_others(films):
    for head, same in (("nnrank", False), ("nominal", True)):
        mean, summed = (tune(films, head=head, protocol=f"published{more}") for more in ("", "+nnrank_loss_summed"))
        assert all(torch.equal(part, state(summed)[name]) for name, part in state(mean).items()) == same


def test_test_images_are_never_used(films):
    plain, other = tune(films), tune(films, images=spoiled(films, "test"))
    assert all(torch.equal(part, state(other)[name]) for name, part in state(plain).items())
    pd.testing.assert_frame_equal(plain.curve, other.curve)
    rest = np.setdiff1d(np.arange(24), rows_of(films, "test"))
    np.testing.assert_allclose(plain.outputs[0][rest], other.outputs[0][rest], rtol=1e-4, atol=1e-5)


def test_strict_validation_leaves_the_network_alone_and_the_papers_moves_its_statistics(films):
    for protocol, moved in (("strict", False), ("published", True)):
        plain = tune(films, protocol=protocol)
        other = tune(films, protocol=protocol, images=spoiled(films, "validation"))
        assert plain.curve["train_loss"].equals(other.curve["train_loss"])
        assert not plain.curve["validation_loss"].equals(other.curve["validation_loss"])
        same = {name: torch.equal(part, state(other)[name]) for name, part in state(plain).items()}
        assert all(same[name] for name, _ in plain.network.named_parameters())
        assert any(not same[name] for name in same if name.endswith("running_mean")) == moved


def test_strict_keeps_the_best_weights_and_the_papers_way_the_last(films):
    for protocol, place in (("strict", "validation_loss"), ("published", "epoch")):
        curve = tune(films, protocol=protocol, epochs=5, patience=9, learning_rate=0.02).curve
        best = curve["epoch"].max() if place == "epoch" else curve[place].idxmin()
        assert curve.index[curve["kept"] == 1].tolist() == [best]


@pytest.mark.parametrize("policy", ["aug1", "aug2"])
def test_policies_with_augmentations_train_on_them_and_all_rows_have_outputs(films, policy):
    samples, _, own = films
    images = np.repeat(own, 3, axis=0)
    plain = tune(films, images=images, augmentations=(0, 1, 2), policy=policy)
    spoilt = images.copy()
    spoilt[0::3][rows_of(films, "train")] = 0
    other = tune(films, images=spoilt, augmentations=(0, 1, 2), policy=policy)
    assert plain.outputs[0].shape == (72, 3)
    assert all(torch.equal(part, state(other)[name]) for name, part in state(plain).items())


def test_the_grids_are_the_papers_in_its_order():
    own = replace(SETTINGS, learning_rate=3e-4, batch_size=16, dropout=0.35)
    assert finetune.param_grid("nnrank", own) == [own]
    sizes = {head: len(finetune.param_grid(head, own, "published")) for head in finetune.GRIDS}
    assert sizes == {"nominal": 21, "nnrank": 105, "corn": 105, "regression": 21, "tuned": 1}
    first, second, *_ = finetune.param_grid("nominal", own, "published")
    assert first == replace(own, learning_rate=1e-2, batch_size=24) and second.batch_size == 32


def test_a_point_that_diverges_is_passed_over_and_the_network_is_that_of_the_chosen_one(films, monkeypatch, capsys):
    monkeypatch.setitem(finetune.GRIDS, "nominal", {"learning_rate": [1e-3, 1e30, 5e-3]})
    tuned = tune(films, search="published", epochs=3)
    assert len(tuned.grid) == len(tuned.outputs) == 3
    assert np.isnan(tuned.outputs[1]).all() and "training.nominal.learning_rate" in capsys.readouterr().out
    curves, arrays = finetune.collect_outputs(rows(films[0]), dict.fromkeys(range(3), tuned))
    assert list(curves) == ["fold", *finetune.CURVE] and sorted(set(curves["point"])) == [0, 2]
    spec = FitSpec("strict", "scratch", "aug3", "image", "nominal", "CNN")
    choices, predictions = cnn_predictions.predict_cnn([arrays], films[1], spec, TARGET, np.random.default_rng(0))
    assert json.loads(choices["refit_params"][0]) == {
        name: tuned.metadata["settings"][name] for name in ("learning_rate", "batch_size", "dropout")
    }
    assert len(predictions) == 3 * 24


@pytest.mark.parametrize("rates", [None, [1e30, 1e35]])
def test_a_grid_whose_points_all_diverge_is_an_error(films, monkeypatch, rates):
    if rates:
        monkeypatch.setitem(finetune.GRIDS, "nominal", {"learning_rate": rates})
    with pytest.raises(UserError, match="fold 0: .*training.nominal.learning_rate"):
        tune(films, learning_rate=1e30, epochs=3, search="published" if rates else "default")


@pytest.mark.parametrize(("rows", "size", "sizes"), [(7, 3, [3, 4]), (6, 3, [3, 3]), (8, 3, [3, 3, 2]), (2, 5, [2]),
                                                     (3, 1, [1, 1, 1]), (1, 4, [1]), (6, 5, [6])])  # fmt: skip
def test_batches_hold_all_rows_in_order_and_none_is_single(rows, size, sizes):
    parts = finetune.split_batches(np.arange(rows) * 2, size)
    assert [len(part) for part in parts] == sizes
    assert np.concatenate(parts).tolist() == (np.arange(rows) * 2).tolist()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"head": "ordinal"}, "ordinal.*nominal, nnrank, corn, regression, tuned"),
        ({"search": "all"}, "'all'.*default, published"),
        ({"target": Target.from_config({"column": "growth_celsius", "classes": [900, 950]})}, "1000"),
        ({"images": np.zeros((23, 8, 8), np.uint8)}, r"\(24, rows, cols\) uint8"),
    ],
)
def test_what_is_unknown_or_does_not_fit_is_refused(films, changed, message):
    with pytest.raises(UserError, match=message):
        tune(films, **changed)


def test_folds_trained_in_parallel_are_those_trained_one_after_another_to_the_byte(films, capfd):
    fits = {fold: partial(tune, films, fold=fold, dropout=0.2, epochs=2) for fold in range(3)}
    serial, parallel = finetune.run_parallel(fits, 1), finetune.run_parallel(fits, 2)
    assert list(serial) == list(parallel) == [0, 1, 2]
    for fold, one in serial.items():
        other = parallel[fold]
        pd.testing.assert_frame_equal(one.curve, other.curve, check_exact=True)
        assert one.outputs[0].tobytes() == other.outputs[0].tobytes() and one.metadata == other.metadata
        assert all(torch.equal(part, state(other)[name]) for name, part in state(one).items())
    assert serial[0].outputs[0].tobytes() != serial[1].outputs[0].tobytes()
    assert capfd.readouterr().out.count("network of fold 2") == 4, "two epochs, twice, all in one log"


KILLED = """
import sys
sys.path[:0] = ["workflow", "tests", "tests/unit/networks"]
import test_finetune as here
tuned = here.tune(here.films.__wrapped__(), epochs=10000, patience=10000)
tuned.write(sys.argv[1])
"""


def test_a_killed_fit_leaves_nothing(films, tmp_path):
    path = tmp_path / "networks" / "fold0.safetensors"
    command = [sys.executable, "-u", "-c", KILLED, str(path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as running:
        assert "epoch 1 of" in running.stdout.readline()
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert not path.parent.exists()
