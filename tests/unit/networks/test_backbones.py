"""Backbones: timm's blocks are the paper's, hooks are not broken by in-place operations, unfit networks are refused."""

import pytest
import torch

from micrograph.errors import UserError
from micrograph.networks import backbones, features

SHAPES = {
    "efficientnet_lite0": [(40, 28, 28), (112, 14, 14), (320, 7, 7), (1280, 1, 1)],
    "resnet18": [(128, 28, 28), (256, 14, 14), (512, 7, 7), (512, 1, 1)],
    "timm:mobilenetv3_small_100": [(24, 28, 28), (48, 14, 14), (576, 7, 7), (576, 1, 1)],
}


@pytest.mark.parametrize("name", SHAPES)
def test_blocks_end_at_maps_of_28_14_and_7_rows_and_the_pool(name):
    blocks = features.describe_blocks(name, 224)
    assert [block.name for block in blocks] == ["block2", "block3", "block4", "pool"]
    assert [block.shape for block in blocks] == SHAPES[name]


def test_looking_a_backbone_up_draws_no_random_number():
    backbones.get.cache_clear()
    state = torch.random.get_rng_state()
    features.describe_blocks("resnet18", 32)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("classes", [1000, 3])
def test_timms_resnet18_is_torchvisions_to_the_bit(classes):
    from torchvision.models import resnet18

    networks = []
    for build in (lambda: backbones.build("resnet18", classes), lambda: resnet18(num_classes=classes)):
        torch.manual_seed(3)
        networks.append(build().eval())
    ours, theirs = (network.state_dict() for network in networks)
    assert list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)
    image = torch.rand(2, 3, 64, 64)
    assert torch.equal(networks[0](image), networks[1](image))


@pytest.mark.parametrize("name", backbones.BACKBONES)
def test_nothing_is_in_place_so_that_backward_hooks_hold(name):
    network = backbones.build(name).eval()
    assert not [part for part in network.modules() if getattr(part, "inplace", False)]
    seen = []
    module = network.get_submodule(backbones.get(name).blocks["block4"])
    module.register_full_backward_hook(lambda part, inner, outer: seen.append(outer[0].shape[1]))
    network(torch.rand(1, 3, 64, 64)).sum().backward()
    assert seen == [SHAPES[name][2][0]]


@pytest.mark.parametrize("name", backbones.BACKBONES)
def test_in_place_operations_change_no_gradient(name):
    torch.manual_seed(0)
    network = backbones.build(name, 3).eval()
    gradients = []
    for inplace in (True, False):
        backbones.set_inplace(network, inplace)
        assert inplace == any(getattr(part, "inplace", False) for part in network.modules())
        network.zero_grad()
        network(torch.ones(2, 3, 64, 64)).square().sum().backward()
        gradients.append([part.grad for part in network.parameters()])
    assert all(torch.equal(inside, outside) for inside, outside in zip(*gradients, strict=True))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet81", "resnet81.*efficientnet_lite0, resnet18"),
        ("torchvision:resnet18", "torchvision:resnet18.*timm:resnet18"),
        ("timm:resnet81", "resnet81"),
        ("timm:vit_tiny_patch16_224", "timm:vit_tiny_patch16_224"),
    ],
)
def test_unknown_and_unfit_networks_are_refused(name, message):
    with pytest.raises(UserError, match=message):
        backbones.get(name)


def test_normalisation_is_that_of_the_weights_and_not_always_timms():
    assert backbones.normalisation("efficientnet_lite0", "imagenet") == ((127 / 255,) * 3, (128 / 255,) * 3)
    imagenet = (backbones.IMAGENET_MEAN, backbones.IMAGENET_STD)
    assert (
        backbones.normalisation("resnet18", "lab") == backbones.normalisation("timm:resnet18", "imagenet") == imagenet
    )
