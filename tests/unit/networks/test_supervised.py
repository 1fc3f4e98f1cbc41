"""Supervised pre-training: the network learns the target, and goes on with its classifier in the study."""

import numpy as np
import pandas as pd
import pytest

from micrograph.errors import UserError
from micrograph.networks import checkpoints, cnn_predictions, finetune, pretraining, supervised
from micrograph.networks.training import TrainingSettings
from micrograph.splits import splitters, subsampling
from micrograph.splits.fit_spec import FitSpec, NetworkSpec
from micrograph.target import Target
from tables_of_films import TARGET

BACKBONE, SIDE = "timm:mobilenetv3_small_050", 32
SETTINGS = TrainingSettings(
    2e-3, 8, 0.0, epochs=12, patience=12, precision="fp32", batch_norm_momentum=0.4, pixels=SIDE
)


def films(count, prefix, seed=0):
    """Samples of three classes, three a growth day, and images whose grey follows from the class."""
    rng = np.random.default_rng(seed)
    celsius = np.array([900, 950, 1000])[np.arange(count) % 3]
    samples = pd.DataFrame({
        "sample": [f"{prefix}{place:02d}" for place in range(count)],
        "batch": [f"{prefix} day {place // 6 * 3 + place % 3}" for place in range(count)],
        "growth_celsius": celsius,
    })  # fmt: skip
    grey = rng.integers(-10, 10, (count, SIDE, SIDE)) + (50 + 1.5 * (celsius - 900))[:, None, None]
    return samples, grey.astype(np.uint8)


@pytest.fixture(scope="module")
def pretrained():
    samples, images = films(36, "other")
    return supervised.pretrain(
        images, samples, TARGET, backbone=BACKBONE, start="scratch", settings=SETTINGS, device="cpu",
        rng=np.random.default_rng(1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def weights(pretrained, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "simulated.safetensors"
    pretrained.write(path)
    return path


def study(share=100):
    """The study's samples, their images, and the strict splits with a share of the training samples."""
    samples, images = films(24, "own", seed=5)
    samples = TARGET.add_to(samples)
    table = splitters.split(samples, "strict", 3, np.random.default_rng(0), TARGET)
    name = "strict" if share == 100 else f"strict.share{share}"
    return samples, images, subsampling.subsample_batches(table, name, np.random.default_rng(0)), name


def tune(weights, share=100, head="nominal", learning_rate=1e-6, target=TARGET, pretraining="simulated"):
    samples, images, table, name = study(share)
    spec = NetworkSpec(name, pretraining, "aug3", head)
    settings = TrainingSettings(**{**vars(SETTINGS), "epochs": 1, "learning_rate": learning_rate})
    fold = finetune.select_fold(samples.assign(augmentation=0), table, 0, spec, np.random.default_rng(0))
    task = finetune.TuningTask(spec, BACKBONE, [settings], target)
    return samples, finetune.fine_tune(fold, images, task, weights, np.random.default_rng(2), "cpu")


def test_weights_name_what_made_them_and_have_the_targets_classes(pretrained, weights):
    facts = checkpoints.read_metadata(weights)
    assert (facts["pretraining"], facts["start"], facts["source"]) == ("simulated", "scratch", "36 simulated films")
    assert Target.from_config(facts["target"]) == TARGET
    assert pretraining.load_backbone(BACKBONE, "simulated", weights).classifier.out_features == 3
    assert list(pretrained.curve) == finetune.CURVE and pretrained.curve["validation_accuracy"].max() > 0.6


def test_without_training_samples_the_network_predicts_as_it_learned_from_the_other_films(weights):
    samples, untrained = tune(weights, share=0)
    assert untrained.curve.empty and np.isfinite(untrained.outputs[0]).all()
    predicted = np.array([900, 950, 1000])[untrained.outputs[0].argmax(1)]
    assert (predicted == samples["y_true"]).mean() > 0.6
    _, nearly = tune(weights, learning_rate=1e-9)
    assert np.corrcoef(nearly.outputs[0].ravel(), untrained.outputs[0].ravel())[0, 1] > 0.5, "the head goes on"


def test_predictions_without_training_cover_every_sample_once(weights):
    _, _, table, name = study(0)
    assert set(table["split"]) == {"validation", "test", "unused"}
    chunks = []
    for fold in range(3):
        samples, tuned = tune(weights, share=0)
        chunks.append(finetune.collect_outputs(samples.assign(augmentation=0), {fold: tuned})[1])
    spec = FitSpec(name, "simulated", "aug3", "image", "nominal", "CNN")
    predictions = cnn_predictions.predict_cnn(chunks, table, spec, TARGET, np.random.default_rng(0))[1]
    assert set(predictions["split"]) == {"validation", "test"}
    assert sorted(predictions.query("split == 'test'")["sample"]) == sorted(study()[0]["sample"])


@pytest.mark.parametrize("head", ["tuned", "regression"])
def test_other_heads_start_anew_and_cannot_predict_untrained(weights, head):
    assert np.isfinite(tune(weights, head=head)[1].outputs[0]).all()
    with pytest.raises(UserError, match=f"no sample to train the {head} network of simulated on"):
        tune(weights, share=0, head=head)


def test_another_number_of_classes_is_refused(weights):
    two = Target.from_config({"column": "growth_celsius", "bins": [800, 960, 1100]})
    samples, images, table, name = study()
    table = table.assign(y_true=two.to_class(table["y_true_value"]))
    spec = NetworkSpec(name, "simulated", "aug3", "nominal")
    fold = finetune.select_fold(samples.assign(augmentation=0), table, 0, spec, np.random.default_rng(0))
    task = finetune.TuningTask(spec, BACKBONE, [SETTINGS], two)
    with pytest.raises(UserError, match="pre-trained for 3 classes, the target has 2"):
        finetune.fine_tune(fold, images, task, weights, np.random.default_rng(2), "cpu")
