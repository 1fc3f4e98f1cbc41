"""Attribution maps of a fold's samples: worked out a second way, read back, reproducible."""

import numpy as np
import pandas as pd
import pytest
import torch

from micrograph import io, target
from micrograph.attribution import attribute, cam, maps, target_score
from micrograph.errors import UserError
from micrograph.networks import heads, replace_head, transforms
from micrograph.networks.device import resolve_dtype

from .conftest import BACKBONE, CLASSES, random_images, small_network

SIDE = 32
SETTINGS = maps.AttributionSettings(patch=14, stride=10, memory_mb=100)
STARTS = (0, 10, 20)  # the last window is cut off at the border
IMAGES = random_images(3, SIDE)


def network_and_maps(head):
    network, metadata = small_network(head, SIDE, dropout=0.2)
    return network, metadata, attribute.attribute(network, metadata, IMAGES, SETTINGS, "cpu")


def inputs_of(metadata):
    return transforms.to_input(torch.from_numpy(IMAGES), range(3), metadata["mean"], metadata["std"])


def scores(network, metadata, inputs):
    with torch.no_grad():
        return target_score.target_scores(heads.get(metadata["head"]).scheme, network(inputs).numpy(), CLASSES)


@pytest.mark.parametrize("head", ["nominal", "nnrank", "corn", "regression"])
def test_effects_are_decreases_of_the_score_and_targets_what_is_predicted(head):
    network, metadata, found = network_and_maps(head)
    inputs = inputs_of(metadata)
    original = scores(network, metadata, inputs)
    np.testing.assert_allclose(found["target_scores"], original, rtol=1e-4, atol=1e-5)
    for row, top in enumerate(STARTS):
        for column, left in enumerate(STARTS):
            hidden = inputs.clone()
            hidden[:, :, top : top + 14, left : left + 14] = 0
            decrease = original - scores(network, metadata, hidden)
            atol = 1e-5 * np.abs(original).max()
            np.testing.assert_allclose(found["occlusion"][:, :, row, column], decrease, rtol=1e-3, atol=atol)
    predicted = target.decode(head, found["outputs"], CLASSES)[0]
    assert found["y_pred"].tolist() == predicted.tolist()
    assert found["target"].tolist() == target_score.predicted_target(head, predicted, CLASSES).tolist()
    summed, name, weighted = cam.class_activation_maps(network, BACKBONE, inputs, head, CLASSES)
    np.testing.assert_array_equal(found["cam"], summed)
    np.testing.assert_array_equal(found[name], weighted)
    assert found["occlusion"].dtype == np.float32 and found["scheme"] == head


def test_a_fold_is_written_and_read_back(tmp_path):
    network, metadata, alone = network_and_maps("nominal")
    samples = pd.DataFrame({"sample": ["a", "b", "c"], "y_true": [900, 950, 1000]})
    arrays = attribute.attribute_fold(network, metadata, IMAGES, samples, SETTINGS, "cpu")
    io.write_arrays(tmp_path / "fold3.npz", **arrays)
    read = maps.read([tmp_path / "fold3.npz"])
    assert read.samples.tolist() == ["a", "b", "c"] and read.y_true.tolist() == [900, 950, 1000]
    assert read.fold.tolist() == [3, 3, 3] and read.classes.tolist() == CLASSES
    assert (read.side, read.patch, read.stride, read.baseline, read.scheme) == (SIDE, 14, 10, "zero", "nominal")
    assert read.occlusion_map(0).shape == (SIDE, SIDE)
    np.testing.assert_array_equal(read.cam, alone["cam"])
    np.testing.assert_array_equal(read.occlusion, alone["occlusion"])
    assert set(read.cam_flag) == set(read.occlusion_flag) == {""}


def test_maps_of_a_network_with_constant_outputs_are_flagged():
    network, metadata = small_network("nominal", SIDE)
    with torch.no_grad():
        network.classifier.last.weight.zero_()
    found = attribute.attribute(network, metadata, IMAGES, SETTINGS, "cpu")
    assert set(found["cam_flag"]) == set(found["occlusion_flag"]) == {"all zero"}


def test_outputs_are_computed_in_the_precision_of_the_training():
    network, metadata = small_network("nominal", SIDE)
    metadata = {**metadata, "settings": {**metadata["settings"], "precision": "bf16"}}
    found = attribute.attribute(network, metadata, IMAGES, SETTINGS, "cpu")
    dtype = resolve_dtype("bf16", torch.device("cpu"))
    expected = replace_head.forward(network, BACKBONE, "nominal", [inputs_of(metadata)], dtype)
    np.testing.assert_array_equal(found["outputs"], expected)


def test_bad_input_is_refused():
    network, metadata = small_network("nominal", SIDE)
    for images, named in (
        (IMAGES[:, :30], r"\(n, 32, 32\) of 8 bits, not \(3, 30, 32\) of torch.uint8"),
        (IMAGES.astype(float), "not .* of torch.float64"),
        (IMAGES[:0], "no image"),
    ):
        with pytest.raises(UserError, match=named):
            attribute.attribute(network, metadata, images, SETTINGS, "cpu")
    two = pd.DataFrame({"sample": ["a", "b"], "y_true": [900, 950]})
    with pytest.raises(UserError, match="fold 3: 3 images of 2 samples"):
        attribute.attribute_fold(network, metadata, IMAGES, two, SETTINGS, "cpu")
    large = maps.AttributionSettings(patch=40, stride=10)
    with pytest.raises(UserError, match="does not cover an image of 32"):
        attribute.attribute(network, metadata, IMAGES, large, "cpu")


def test_tested_samples_are_those_of_the_fold_with_their_own_micrograph():
    splits = pd.DataFrame({
        "sample": ["c", "a", "b", "a"], "fold": [1, 1, 1, 0], "split": ["test", "test", "train", "train"],
        "batch": ["x", "y", "x", "y"], "y_true": [900, 950, 900, 950],
    })  # fmt: skip
    images = pd.DataFrame(
        {"sample": ["a", "a", "b", "c"], "augmentation": [0, 1, 0, 0], "micrograph": ["a0", "a1", "b0", "c0"]}
    )
    found = attribute.tested_samples(images, splits, 1)
    assert found.to_dict("list") == {
        "sample": ["a", "c"], "micrograph": ["a0", "c0"], "batch": ["y", "x"], "y_true": [950, 900]
    }  # fmt: skip
    with pytest.raises(UserError, match="fold 2"):
        attribute.tested_samples(images, splits, 2)
    with pytest.raises(UserError, match="sample c"):
        attribute.tested_samples(images[:3], splits, 1)
