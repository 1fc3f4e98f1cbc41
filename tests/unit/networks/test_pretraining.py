"""Pre-training: every origin's weights are read alike."""

import numpy as np
import pytest
import torch

import random_weights
from micrograph.errors import UserError
from micrograph.networks import backbones, checkpoints, pretraining

BACKBONE = "timm:mobilenetv3_small_050"


def rng(seed=0):
    return np.random.default_rng(seed)


def same(network, other):
    theirs = other.state_dict()
    return all(torch.equal(part, theirs[name]) for name, part in network.state_dict().items())


@pytest.mark.parametrize("call", [pretraining.origin, lambda name: pretraining.load_backbone("resnet18", name)])
def test_an_unknown_pretraining_lists_the_known(call):
    with pytest.raises(UserError, match="'micro'.*imagenet, micronet, scratch, films"):
        call("micro")


def test_random_weights_follow_from_the_rng_alone_and_leave_torchs_generator():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (pretraining.random_backbone(BACKBONE, rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert same(first, again) and not same(first, other) and not first.training


def test_random_weights_are_written_and_read_like_any_others(tmp_path):
    paths = [random_weights.write(BACKBONE, tmp_path / name, rng()) for name in ("a", "b")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    read = pretraining.load_backbone(BACKBONE, "scratch", paths[0])
    assert same(read, pretraining.load_backbone(BACKBONE, "scratch", rng=rng()))
    assert checkpoints.read_metadata(paths[0])["pretraining"] == "scratch"


def test_weights_of_another_pretraining_are_refused(tmp_path):
    path = random_weights.write(BACKBONE, tmp_path / "w.safetensors", rng())
    with pytest.raises(UserError, match="scratch weights, not imagenet"):
        pretraining.load_backbone(BACKBONE, "imagenet", path)


@pytest.mark.parametrize("name", ["imagenet", "films"])
def test_only_scratch_starts_without_a_file(name):
    with pytest.raises(UserError, match=f"pretraining {name} of resnet18"):
        pretraining.load_backbone("resnet18", name, rng=rng())


def test_the_normalisation_in_a_file_comes_first(tmp_path):
    tensors = {"one": torch.zeros(1)}
    checkpoints.write(tmp_path / "w.safetensors", tensors, {"mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]})
    checkpoints.write(tmp_path / "none.safetensors", tensors, {})
    table = backbones.normalisation("resnet18", "imagenet")
    assert pretraining.normalisation("resnet18", "films", tmp_path / "w.safetensors") == ((0.1, 0.2, 0.3), (1, 2, 3))
    assert pretraining.normalisation("resnet18", "films", tmp_path / "none.safetensors") == table
    assert pretraining.normalisation("resnet18", "scratch") == table
