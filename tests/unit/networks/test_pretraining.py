"""Pre-training domains: every one has an origin, and its weights are read alike."""

import numpy as np
import pytest
import torch

import random_weights
from micrograph.errors import UserError
from micrograph.networks import backbones, pretraining, weights
from micrograph.networks.pretraining import load_backbone

BACKBONE = "timm:mobilenetv3_small_050"


def rng(seed=0):
    return np.random.default_rng(seed)


def same(network, other):
    theirs = other.state_dict()
    return all(torch.equal(part, theirs[name]) for name, part in network.state_dict().items())


def test_every_domain_has_a_known_origin_and_words():
    assert {row.origin for row in pretraining.PRETRAINING.values()} == set(pretraining.ORIGINS)
    assert all(row.words for row in pretraining.PRETRAINING.values())


@pytest.mark.parametrize("ask", [pretraining.domain, lambda name: pretraining.load_backbone("resnet18", name)])
def test_an_unknown_domain_lists_the_known(ask):
    sentence = "pretraining 'micro' is not known; choose one of: imagenet, micronet, scratch, films"
    with pytest.raises(UserError, match=sentence):
        ask("micro")


def test_random_weights_follow_from_the_rng_alone_and_leave_torchs_generator():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (pretraining.scratch(BACKBONE, rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert same(first, again) and not same(first, other) and not first.training


def test_random_weights_are_written_and_read_like_any_others(tmp_path):
    paths = [random_weights.write(BACKBONE, tmp_path / name, rng()) for name in ("a", "b")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert same(
        pretraining.load_backbone(BACKBONE, "scratch", paths[0]),
        pretraining.load_backbone(BACKBONE, "scratch", rng=rng()),
    )
    assert backbones.describe_file(paths[0])["pretraining"] == "scratch"


def test_weights_of_another_domain_are_refused(tmp_path):
    path = random_weights.write(BACKBONE, tmp_path / "w.safetensors", rng())
    with pytest.raises(UserError, match="holds scratch weights, not imagenet"):
        pretraining.load_backbone(BACKBONE, "imagenet", path)


@pytest.mark.parametrize("pretraining", ["imagenet", "films"])
def test_only_scratch_starts_without_a_file(pretraining):
    with pytest.raises(UserError, match=f"pretraining {pretraining} of resnet18 needs a file of weights"):
        load_backbone("resnet18", pretraining, rng=rng())


def test_a_file_says_its_own_normalisation(tmp_path):
    tensors = {"one": torch.zeros(1)}
    weights.write(tmp_path / "w.safetensors", tensors, {"mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]})
    weights.write(tmp_path / "silent.safetensors", tensors, {})
    table = backbones.normalisation("resnet18", "imagenet")
    assert pretraining.normalisation("resnet18", "films", tmp_path / "w.safetensors") == ((0.1, 0.2, 0.3), (1, 2, 3))
    assert pretraining.normalisation("resnet18", "films", tmp_path / "silent.safetensors") == table
    assert pretraining.normalisation("resnet18", "scratch") == table
