"""Occlusion against Captum and full passes, whatever the network, the patch and the memory."""

import copy

import numpy as np
import pytest
import torch
from captum.attr import Occlusion

from micrograph.attribution import maps, occlusion
from micrograph.errors import UserError
from micrograph.networks import pretraining, replace_head, transforms

from .conftest import BACKBONE, small_network

CLASSES, SETTINGS = [900, 950, 1000], maps.AttributionSettings(16, 16)


@pytest.fixture(scope="module", params=["resnet18", "efficientnet_lite0"])
def trained(request):
    """(network, backbone) with statistics of batch normalisation that are not those of a new network."""
    start = pretraining.random_backbone(request.param, np.random.default_rng(0))
    network = replace_head.replace_head(start, request.param, "nominal", CLASSES, 0.0, np.random.default_rng(1))
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1, generator=generator)
                module.running_var.uniform_(0.7, 1.3, generator=generator)
                module.weight.uniform_(0.7, 1.3, generator=generator)
                module.bias.uniform_(-0.2, 0.4, generator=generator)
    return network.eval(), request.param


def images(count, side, seed=3):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def captum_map(network, image, patch, stride, target, baseline):
    fill = 0 if baseline == "zero" else image.mean((2, 3), keepdim=True).expand_as(image)
    found = Occlusion(network).attribute(
        image, target=target, strides=(3, stride, stride), sliding_window_shapes=(3, patch, patch), baselines=fill,
        perturbations_per_eval=16,
    )  # fmt: skip
    return found[0, 0].detach().numpy()


@pytest.mark.parametrize(
    ("side", "patch", "stride", "baseline"),
    [(64, 15, 7, "zero"), (67, 13, 13, "zero"), (61, 20, 11, "mean"), (40, 40, 40, "zero"), (48, 9, 8, "mean")],
)
def test_maps_equal_captums_for_every_class(trained, side, patch, stride, baseline):
    network, backbone = trained
    inputs = images(2, side)
    settings = maps.AttributionSettings(patch, stride, baseline)
    hidden, plain = occlusion.occlude(network, backbone, inputs, settings)
    effects = (plain[:, None, None] - hidden).transpose(0, 3, 1, 2)
    ours = maps.windows_to_pixels(effects, side, patch, stride)
    for target in range(len(CLASSES)):
        theirs = captum_map(network, inputs[1:], patch, stride, target, baseline)
        assert np.abs(ours[1, target] - theirs).max() < 3e-5 * max(1.0, np.abs(plain).max())


def test_memory_and_other_images_change_nothing_beyond_rounding(trained):
    network, backbone = trained
    inputs = images(3, 64)
    large, small = maps.AttributionSettings(12, 8), maps.AttributionSettings(12, 8, memory_mb=64)
    together, _ = occlusion.occlude(network, backbone, inputs, large)
    tight, _ = occlusion.occlude(network, backbone, inputs, small)
    alone, _ = occlusion.occlude(network, backbone, inputs[2:], small)
    scale = np.abs(together).max()
    assert np.abs(together - tight).max() < 1e-5 * scale
    assert np.abs(together[2:] - alone).max() < 1e-5 * scale


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (1, 3, 64, 60), (3, 64, 64)])
def test_images_of_another_shape_are_refused(trained, shape):
    network, backbone = trained
    with pytest.raises(UserError, match="must be"):
        occlusion.occlude(network, backbone, torch.zeros(shape), SETTINGS)


def test_a_network_with_unsupported_layers_passes_whole_with_a_message(caplog):
    caplog.set_level("INFO", "micrograph")
    network, _ = small_network("nominal", 32)
    inputs = images(1, 32)
    hidden, plain = occlusion.occlude(network, BACKBONE, inputs, maps.AttributionSettings(14, 10))
    assert "whole passes" in caplog.text
    ours = maps.windows_to_pixels((plain[:, None, None] - hidden).transpose(0, 3, 1, 2), 32, 14, 10)
    expected = captum_map(network, inputs, 14, 10, 1, "zero")
    assert np.abs(ours[0, 1] - expected).max() < 3e-5 * max(1, np.abs(plain).max())


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_masked_outputs_are_those_of_the_image_with_these_pixels_replaced(baseline):
    network, metadata = small_network("nnrank", 32, dropout=0.2)
    metadata |= {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (32, 32), dtype=np.uint8)
    masks = rng.random((occlusion.MASK_BATCH + 3, 32, 32)) < 0.5
    masks[0], masks[1] = False, True
    before = copy.deepcopy(network.state_dict())
    found = occlusion.MaskedForward(occlusion.FoldNetwork(network, metadata, device="cpu"), baseline).outputs(
        image, masks
    )
    inputs = transforms.normalise(torch.from_numpy(image)[None, None], metadata["mean"], metadata["std"])
    fill = inputs.mean((2, 3), keepdim=True) * (baseline == "mean")
    with torch.no_grad():
        plain = network(torch.where(torch.from_numpy(masks)[:, None], fill, inputs)).numpy()
    np.testing.assert_allclose(found, plain, rtol=1e-3, atol=1e-5)
    assert all(torch.equal(part, before[name]) for name, part in network.state_dict().items())
    assert isinstance(network.get_submodule("classifier"), torch.nn.Sequential)
