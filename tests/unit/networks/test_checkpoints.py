"""Checkpoints: what is written comes back, the same content is the same bytes, other files are refused."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from micrograph.errors import UserError
from micrograph.networks import backbones, checkpoints, heads, pretraining, replace_head

BACKBONE, CLASSES = "timm:mobilenetv3_small_050", [900, 950, 1000]
METADATA = {"backbone": BACKBONE, "classes": CLASSES, "settings": {"dropout": 0.2}, "data": "films"}


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return backbones.build("resnet18").eval()


@pytest.fixture(scope="module")
def start():
    return pretraining.random_backbone(BACKBONE, np.random.default_rng(0))


def saved(path, tensors, **metadata):
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, path, {"micrograph": json.dumps(metadata)})
    return path


def tuned(start, head):
    return replace_head.replace_head(start, BACKBONE, head, CLASSES, 0.2, np.random.default_rng(1)).eval()


def test_weights_come_back_as_they_were(resnet, tmp_path):
    again = checkpoints.load("resnet18", saved(tmp_path / "w.safetensors", resnet.state_dict(), backbone="resnet18"))
    assert not again.training
    assert all(torch.equal(part, again.state_dict()[name]) for name, part in resnet.state_dict().items())


def test_the_classifier_is_as_wide_as_the_file_says(resnet, tmp_path):
    tensors = resnet.state_dict() | {"fc.weight": torch.zeros(3, 512), "fc.bias": torch.zeros(3)}
    assert checkpoints.load("resnet18", saved(tmp_path / "w.safetensors", tensors)).fc.out_features == 3


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.pop("layer2.0.conv1.weight"), "missing layer2.0.conv1.weight"),
        (lambda t: t.update(extra=torch.zeros(1)), "unexpected extra"),
        (lambda t: t.update({"bn1.bias": torch.zeros(65)}), r"bn1.bias \(65,\) instead of \(64,\)"),
        (lambda t: [t.pop(name) for name in list(t) if name != "fc.weight"], r"missing bn1.bias, .* and \d+ more"),
    ],
    ids=["missing", "extra", "shape", "many"],
)
def test_weights_that_do_not_fit_are_refused_with_the_key(resnet, tmp_path, spoil, message):
    tensors = resnet.state_dict()
    spoil(tensors)
    with pytest.raises(UserError, match=message):
        checkpoints.load("resnet18", saved(tmp_path / "w.safetensors", tensors))


def test_weights_of_another_backbone_are_refused(resnet, tmp_path):
    path = saved(tmp_path / "w.safetensors", resnet.state_dict(), backbone="resnet18")
    with pytest.raises(UserError, match="resnet18, not of efficientnet_lite0"):
        checkpoints.load("efficientnet_lite0", path)


@pytest.mark.parametrize("content", [b"", b"<!doctype html>", b"\x80\x02}q\x00."])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    for read in (checkpoints.read, checkpoints.read_metadata):
        with pytest.raises(UserError, match=r"w.safetensors: not a readable safetensors file"):
            read(tmp_path / "w.safetensors")


@pytest.mark.parametrize("head", heads.HEADS)
def test_a_network_comes_back_as_it_was_written(start, head, tmp_path):
    network, metadata = tuned(start, head), METADATA | {"head": head}
    heads.fit_label_scaling(network, np.array(CLASSES))
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for path in paths:
        checkpoints.write_network(path, network, metadata)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again, read = checkpoints.read_network(paths[0])
    assert read == metadata and not again.training
    images = [torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))]
    np.testing.assert_array_equal(*(replace_head.forward(one, BACKBONE, head, images) for one in (network, again)))


def test_what_is_not_such_a_network_is_refused(start, tmp_path):
    checkpoints.write(tmp_path / "w.safetensors", start.state_dict(), {"backbone": BACKBONE})
    with pytest.raises(UserError, match="no fine-tuned network"):
        checkpoints.read_network(tmp_path / "w.safetensors")
    checkpoints.write_network(tmp_path / "n.safetensors", tuned(start, "nominal"), METADATA | {"head": "corn"})
    with pytest.raises(UserError, match="does not fit"):
        checkpoints.read_network(tmp_path / "n.safetensors")


def test_a_failed_write_leaves_nothing(start, tmp_path):
    with pytest.raises(TypeError):
        checkpoints.write_network(tmp_path / "n.safetensors", tuned(start, "nominal"), METADATA | {"data": object()})
    assert list(tmp_path.iterdir()) == []
