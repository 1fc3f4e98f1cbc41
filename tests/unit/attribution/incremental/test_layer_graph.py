"""Layers: networks are read as they compute, or not at all."""

import pytest
import torch
from torch import nn

from micrograph.attribution.incremental import layer_graph
from micrograph.networks import backbones, fuse_batchnorm


def trunk(name):
    network = backbones.build(name).eval()
    network.set_submodule(backbones.get(name).classifier, nn.Identity())
    return fuse_batchnorm.fuse(network)


@pytest.mark.parametrize(
    ("name", "convolutions"), [("resnet18", 20), ("efficientnet_lite0", 49), ("timm:mobilenetv2_050", 52)]
)
def test_every_convolution_is_a_layer(name, convolutions):
    network = trunk(name)
    found = layer_graph.trace(network, 64)
    modules = [layer.module for layer in found if isinstance(layer.module, nn.Conv2d)]
    assert len(modules) == len({id(module) for module in modules}) == convolutions


class Small(nn.Module):
    """A convolution, then another module, then the mean."""

    def __init__(self, then):
        super().__init__()
        self.conv, self.then, self.pool = nn.Conv2d(3, 4, 3, padding=1), then, nn.AdaptiveAvgPool2d(1)

    def forward(self, inputs):
        return torch.flatten(self.pool(self.then(self.conv(inputs))), 1)


class Squeeze(nn.Module):
    """Every pixel depends on all others."""

    def forward(self, maps):
        return maps * maps.mean((2, 3), keepdim=True).sigmoid()


class Branch(nn.Module):
    """A sum of three maps."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 5, padding=2)

    def forward(self, maps):
        return self.a(maps) + self.b(maps) + maps


@pytest.mark.parametrize("then", [nn.Identity(), nn.ReLU(), nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 2, 1)), Branch()])
def test_networks_of_local_operations_are_supported(then):
    assert layer_graph.trace(Small(then).eval(), 16) is not None


@pytest.mark.parametrize(
    "then",
    [
        Squeeze(),
        nn.MaxPool2d(3, 2, 1),  # its border is minus infinity, ours zero: wrong where maps are negative
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 4, (1, 3)),
        nn.Upsample(scale_factor=2),
        nn.InstanceNorm2d(4),
    ],
)
def test_networks_with_other_operations_are_not_supported(then):
    assert layer_graph.trace(Small(then).eval(), 16) is None
