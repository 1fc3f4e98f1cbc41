"""Occlusion equals Captum's, whatever the network, the patch and the memory; and it leaves the network alone."""

import copy

import numpy as np
import pytest
import torch
from captum.attr import Occlusion

from micrograph.attribution import maps, occlusion
from micrograph.errors import UserError
from micrograph.networks import pretraining, replace_head

CLASSES = [900, 950, 1000]


@pytest.fixture(scope="module", params=["resnet18", "efficientnet_lite0"])
def trained(request):
    """(network, backbone) with statistics of batch normalisation that are not those of a new network."""
    start = pretraining.random_backbone(request.param, np.random.default_rng(0))
    network = replace_head.replace_head(start, request.param, "nominal", CLASSES, 0.0, np.random.default_rng(1))
    chance = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1, generator=chance)
                module.running_var.uniform_(0.7, 1.3, generator=chance)
                module.weight.uniform_(0.7, 1.3, generator=chance)
                module.bias.uniform_(-0.2, 0.4, generator=chance)
    return network.eval(), request.param


def films(count, side, seed=3):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def captums(network, picture, patch, stride, target, baseline):
    fill = 0 if baseline == "zero" else picture.mean((2, 3), keepdim=True).expand_as(picture)
    found = Occlusion(network).attribute(
        picture, target=target, strides=(3, stride, stride), sliding_window_shapes=(3, patch, patch), baselines=fill,
        perturbations_per_eval=16,
    )  # fmt: skip
    return found[0, 0].detach().numpy()


@pytest.mark.parametrize(
    ("side", "patch", "stride", "baseline"),
    [(64, 15, 7, "zero"), (67, 13, 13, "zero"), (61, 20, 11, "mean"), (40, 40, 40, "zero"), (48, 9, 8, "mean")],
)
def test_maps_equal_captums_for_every_class(trained, side, patch, stride, baseline):
    network, backbone = trained
    shown = films(2, side)
    hidden, plain = occlusion.occlude(network, backbone, shown, patch=patch, stride=stride, baseline=baseline)
    effects = (plain[:, None, None] - hidden).transpose(0, 3, 1, 2)
    ours = maps.spread(effects, side, patch, stride)
    for target in range(len(CLASSES)):
        theirs = captums(network, shown[1:], patch, stride, target, baseline)
        assert np.abs(ours[1, target] - theirs).max() < 3e-5 * max(1.0, np.abs(plain).max())


def test_memory_and_company_change_nothing_beyond_rounding(trained):
    network, backbone = trained
    shown = films(3, 64)
    asked = {"patch": 12, "stride": 8}
    together, _ = occlusion.occlude(network, backbone, shown, memory_mb=500, **asked)
    tight, _ = occlusion.occlude(network, backbone, shown, memory_mb=64, **asked)
    alone, _ = occlusion.occlude(network, backbone, shown[2:], memory_mb=64, **asked)
    scale = np.abs(together).max()
    assert np.abs(together - tight).max() < 1e-5 * scale
    assert np.abs(together[2:] - alone).max() < 1e-5 * scale


def test_heads_asked_together_answer_as_each_alone_and_identity_gives_what_they_read(trained):
    network, backbone = trained
    own = network.get_submodule({"resnet18": "fc", "efficientnet_lite0": "classifier"}[backbone])
    shown, asked = films(1, 48), {"patch": 16, "stride": 16}
    (hidden, plain), (read, _) = occlusion.occlude(network, backbone, shown, heads=[own, torch.nn.Identity()], **asked)
    alone, plain_alone = occlusion.occlude(network, backbone, shown, **asked)
    assert np.array_equal(hidden, alone) and np.array_equal(plain, plain_alone)
    with torch.no_grad():
        again = own(torch.from_numpy(read)).numpy()
    np.testing.assert_allclose(again, hidden, rtol=1e-4, atol=1e-5)


def test_the_network_and_the_pictures_are_left_alone(trained):
    network, backbone = trained
    shown = films(1, 48)
    before, kept = copy.deepcopy(network.state_dict()), shown.clone()
    occlusion.occlude(network, backbone, shown, patch=16, stride=16)
    assert torch.equal(shown, kept)
    assert all(torch.equal(before[name], values) for name, values in network.state_dict().items())
    assert not [module for module in network.modules() if module._forward_hooks or module._forward_pre_hooks]


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (1, 3, 64, 60), (3, 64, 64)])
def test_pictures_of_another_shape_are_a_fault(trained, shape):
    network, backbone = trained
    with pytest.raises(UserError, match="must be"):
        occlusion.occlude(network, backbone, torch.zeros(shape), patch=8, stride=4)


def test_no_picture_is_a_fault(trained):
    with pytest.raises(UserError, match="no picture"):
        occlusion.occlude(*trained, torch.zeros((0, 3, 64, 64)), patch=8, stride=4)


def test_a_network_that_is_not_known_step_by_step_is_occluded_whole_and_says_so(capsys):
    backbone = "timm:mobilenetv3_small_050"
    start = pretraining.random_backbone(backbone, np.random.default_rng(0))
    network = replace_head.replace_head(start, backbone, "nominal", CLASSES, 0.0, np.random.default_rng(1)).eval()
    shown = films(1, 32)
    hidden, plain = occlusion.occlude(network, backbone, shown, patch=14, stride=10)
    assert "every hidden picture passes it whole" in capsys.readouterr().out
    ours = maps.spread((plain[:, None, None] - hidden).transpose(0, 3, 1, 2), 32, 14, 10)
    assert np.abs(ours[0, 1] - captums(network, shown, 14, 10, 1, "zero")).max() < 3e-5 * max(1, np.abs(plain).max())
