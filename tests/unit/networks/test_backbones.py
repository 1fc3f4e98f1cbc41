"""Backbones: the table says what the networks do; weights fit wholly or not at all."""

import json

import pytest
import torch
from safetensors.torch import save_file

from micrograph.errors import UserError
from micrograph.networks import backbones, features


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return backbones.build("resnet18").eval()


def saved(path, tensors, **facts):
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, path, {"micrograph": json.dumps(facts)})
    return path


@pytest.mark.parametrize("name", backbones.BACKBONES)
def test_every_block_has_the_shape_that_the_table_says(name):
    network = backbones.build(name).eval()
    with torch.inference_mode():
        maps = features.run(network, features.modules_of(name), torch.zeros(1, 3, 224, 224))
    for block, (_, shape) in backbones.BACKBONES[name].blocks.items():
        assert (*maps[block].shape[1:], 1, 1)[:3] == shape, block


def test_resnet18_has_the_widths_of_the_paper():
    assert [width for *_, width in features.describe("resnet18")] == [100352, 50176, 25088, 512]


def test_blocks_at_another_size_are_measured():
    shapes = {block: shape for block, _, shape, _ in features.describe("resnet18", size=64)}
    assert shapes == {"block2": (128, 8, 8), "block3": (256, 4, 4), "block4": (512, 2, 2), "pool": (512, 1, 1)}


@pytest.mark.parametrize("name", backbones.BACKBONES)
def test_nothing_works_in_place_so_backward_hooks_hold(name):
    network = backbones.build(name).eval()
    assert not [part for part in network.modules() if getattr(part, "inplace", False)]
    seen = []
    module = network.get_submodule(backbones.BACKBONES[name].blocks["block4"][0])
    module.register_full_backward_hook(lambda part, inner, outer: seen.append(outer[0].shape))
    network(torch.rand(1, 3, 64, 64)).sum().backward()
    assert seen[0][1] == backbones.BACKBONES[name].blocks["block4"][1][0]


@pytest.mark.parametrize("name", backbones.BACKBONES)
def test_what_libraries_do_in_place_changes_no_gradient(name):
    torch.manual_seed(0)
    network = backbones.build(name, 3).eval()
    slopes = []
    for on in (True, False):
        backbones.in_place(network, on)
        assert on == any(getattr(part, "inplace", False) for part in network.modules())
        network.zero_grad()
        network(torch.ones(2, 3, 64, 64)).square().sum().backward()
        slopes.append([part.grad for part in network.parameters()])
    assert all(torch.equal(inside, outside) for inside, outside in zip(*slopes, strict=True))


def test_torchvisions_own_resnet_breaks_there():
    from torchvision.models import resnet18

    network = resnet18().eval()
    network.layer4[1].bn2.register_full_backward_hook(lambda part, inner, outer: None)
    with pytest.raises(RuntimeError, match="modified inplace"):
        network(torch.rand(1, 3, 64, 64)).sum().backward()


def test_weights_come_back_as_they_were(resnet, tmp_path):
    again = backbones.load("resnet18", saved(tmp_path / "w.safetensors", resnet.state_dict(), backbone="resnet18"))
    assert not again.training
    picture = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(again(picture), resnet(picture), rtol=0, atol=0)


def test_a_classifier_of_another_size_is_built_as_the_file_says(resnet, tmp_path):
    tensors = resnet.state_dict() | {"fc.weight": torch.zeros(3, 512), "fc.bias": torch.zeros(3)}
    assert backbones.load("resnet18", saved(tmp_path / "w.safetensors", tensors)).fc.out_features == 3


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda t: t.pop("layer2.0.conv1.weight"), "missing layer2.0.conv1.weight"),
        (lambda t: t.update(extra=torch.zeros(1)), "unexpected extra"),
        (lambda t: t.update({"net.conv1.weight": t.pop("conv1.weight")}), "unexpected net.conv1.weight"),
        (lambda t: t.update({"bn1.bias": torch.zeros(65)}), r"of another shape bn1.bias \(65,\) instead of \(64,\)"),
    ],
    ids=["missing", "extra", "renamed", "shape"],
)
def test_weights_that_do_not_fit_are_refused_with_the_key(resnet, tmp_path, spoil, complaint):
    tensors = resnet.state_dict()
    spoil(tensors)
    with pytest.raises(UserError, match=complaint):
        backbones.load("resnet18", saved(tmp_path / "w.safetensors", tensors))


def test_only_the_first_keys_are_named(resnet, tmp_path):
    with pytest.raises(UserError, match=r"missing bn1.bias, bn1.num_batches_tracked, bn1.running_mean and \d+ more"):
        backbones.load("resnet18", saved(tmp_path / "w.safetensors", {"fc.weight": torch.zeros(1000, 512)}))


def test_weights_of_another_network_are_refused(resnet, tmp_path):
    path = saved(tmp_path / "w.safetensors", resnet.state_dict(), backbone="resnet18")
    with pytest.raises(UserError, match="holds weights of resnet18, not of efficientnet_lite0"):
        backbones.load("efficientnet_lite0", path)


@pytest.mark.parametrize("content", [b"", b"<!doctype html>", b"\x80\x02}q\x00."])
def test_what_is_no_safetensors_file_is_refused(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="not a readable safetensors file"):
        backbones.load("resnet18", tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("resnet81", "backbone 'resnet81' is not known; choose one of: efficientnet_lite0, resnet18"),
        ("keras:resnet18", "choose one of: torchvision, timm"),
        ("torchvision:resnet81", "torchvision has no classifier 'resnet81'"),
        ("timm:resnet81", "timm has no network 'resnet81'"),
        ("torchvision:densenet121", "no module that gives one number a channel"),
    ],
)
def test_unknown_and_unfit_networks_are_refused(name, sentence):
    with pytest.raises(UserError, match=sentence):
        backbones.row(name)


def test_unknown_pretraining_lists_the_known():
    with pytest.raises(
        UserError, match="pretraining of resnet18 'films' is not known; choose one of: imagenet, micronet"
    ):
        backbones.weights("resnet18", "films")


def test_a_network_called_by_its_full_name_gets_the_same_row():
    found, table = backbones.row("torchvision:resnet18"), backbones.row("resnet18")
    assert (found.blocks, found.classifier) == (table.blocks, table.classifier)
    assert found.weights["imagenet"].source == table.weights["imagenet"].source
    assert table.weights["imagenet"].sha256.startswith(found.weights["imagenet"].prefix)


def test_another_network_by_name_gives_all_blocks():
    network = backbones.build("timm:mobilenetv3_small_100").eval()
    with torch.inference_mode():
        maps = features.run(network, features.modules_of("timm:mobilenetv3_small_100"), torch.zeros(1, 3, 224, 224))
    assert [maps[block].shape[-1] for block in ("block2", "block3", "block4")] == [28, 14, 7]
    assert maps["pool"].flatten(1).shape == (1, 576)
