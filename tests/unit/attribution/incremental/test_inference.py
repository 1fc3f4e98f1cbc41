"""Incremental inference: values computed by hand, within the memory given."""

import weakref

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from micrograph.attribution import maps, occlusion
from micrograph.attribution.incremental import inference, layer_graph, memory
from micrograph.networks import fuse_batchnorm, pretraining, replace_head

CLASSES = [900, 950, 1000]


class Tiny(nn.Module):
    """Two convolutions with the classifier's name of resnet18; `active` between them."""

    def __init__(self, active):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(4, 5, 1, bias=False)
        self.active, self.avgpool, self.fc = active, nn.AdaptiveAvgPool2d(1), nn.Linear(5, 2)

    def forward(self, inputs):
        return self.fc(self.avgpool(self.second(self.active(self.first(inputs)))).flatten(1))


def test_effects_of_a_linear_network_are_the_contributions_of_the_window():
    torch.manual_seed(0)
    network, side, patch, stride = Tiny(nn.Identity()).eval(), 16, 5, 3
    image = torch.randn(1, 3, side, side, requires_grad=True)
    with torch.enable_grad():
        gradients = torch.stack([torch.autograd.grad(one, image, retain_graph=True)[0] for one in network(image)[0]])
    contributions = (gradients * image)[:, 0].detach().sum(1).numpy()  # of every pixel in both outputs
    settings = maps.AttributionSettings(patch, stride)
    hidden, original = occlusion.occlude(network, "resnet18", image.detach(), settings)
    starts = maps.window_starts(side, patch, stride)
    expected = [[contributions[:, a : a + patch, b : b + patch].sum((1, 2)) for b in starts] for a in starts]
    np.testing.assert_allclose(original[:, None, None] - hidden, np.array(expected)[None], rtol=1e-4, atol=1e-6)


class Live(TorchDispatchMode):
    """Counts the bytes of all tensors made under it that are still there, and the most there have been.

    Those of `known` are not counted.
    """

    def __init__(self, known):
        super().__init__()
        self.bytes, self.most, self.owners = 0, 0, {}
        self.known = {tensor.untyped_storage().data_ptr() for tensor in known}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, torch.Tensor):
                self.count(tensor)
        return made

    def count(self, tensor):
        storage = tensor.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if key in self.known:
            return
        if key not in self.owners:
            self.owners[key] = 0
            self.bytes += size
            self.most = max(self.most, self.bytes)
        self.owners[key] += 1
        weakref.finalize(tensor, self.drop, key, size)

    def drop(self, key, size):
        self.owners[key] -= 1
        if not self.owners[key]:
            del self.owners[key]
            self.bytes -= size


@pytest.mark.parametrize("megabytes", [20, 60])
@pytest.mark.parametrize("backbone", ["resnet18", "efficientnet_lite0"])
def test_maps_and_tables_stay_within_the_memory(backbone, megabytes):
    start = pretraining.random_backbone(backbone, np.random.default_rng(0))
    network = replace_head.replace_head(start, backbone, "nominal", CLASSES, 0.0, np.random.default_rng(1)).eval()
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        trunk = fuse_batchnorm.fuse(replace_head.split_head(network, backbone)[0]).to(memory_format=torch.channels_last)
        layers = layer_graph.trace(trunk, 64)
        with Live(trunk.parameters()) as live:
            plan = memory.plan(layers, 64, maps.window_starts(64, 8, 8), 8, len(images), 4, megabytes)
            method = inference.IncrementalOcclusion(*plan)
            for i in range(0, len(images), method.images):
                method.features(images[i : i + method.images], torch.zeros(4, 3)[i : i + method.images])
    assert 0.2 * megabytes < live.most / memory.MEGABYTE <= megabytes
