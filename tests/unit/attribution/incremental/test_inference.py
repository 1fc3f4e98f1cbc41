"""Incremental inference: what is computed by hand, and no more memory than was asked for."""

import weakref

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from micrograph.attribution import maps, occlusion
from micrograph.attribution.incremental import memory
from micrograph.networks import pretraining, replace_head

CLASSES = [900, 950, 1000]


class Tiny(nn.Module):
    """Two convolutions with the classifier's name of resnet18; `active` between them."""

    def __init__(self, active):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(4, 5, 1, bias=False)
        self.active, self.avgpool, self.fc = active, nn.AdaptiveAvgPool2d(1), nn.Linear(5, 2)

    def forward(self, colour):
        return self.fc(self.avgpool(self.second(self.active(self.first(colour)))).flatten(1))


def test_occlusion_of_a_linear_network_is_what_its_weights_give_the_window():
    torch.manual_seed(0)
    network, side, patch, stride = Tiny(nn.Identity()).eval(), 16, 5, 3
    picture = torch.randn(1, 3, side, side, requires_grad=True)
    with torch.enable_grad():
        slope = torch.stack([torch.autograd.grad(one, picture, retain_graph=True)[0] for one in network(picture)[0]])
    share = (slope * picture)[:, 0].detach().sum(1).numpy()  # of every pixel in both outputs
    hidden, plain = occlusion.occlude(network, "resnet18", picture.detach(), patch=patch, stride=stride)
    starts = maps.positions(side, patch, stride)
    expected = [[share[:, a : a + patch, b : b + patch].sum((1, 2)) for b in starts] for a in starts]
    np.testing.assert_allclose(plain[:, None, None] - hidden, np.array(expected)[None], rtol=1e-4, atol=1e-6)


def test_every_hidden_picture_answers_as_if_it_had_passed_the_network():
    torch.manual_seed(1)
    network, side, patch = Tiny(nn.ReLU()).eval(), 21, 4
    pictures = torch.randn(3, 3, side, side)
    hidden, plain = occlusion.occlude(network, "resnet18", pictures, patch=patch, stride=4, baseline="mean")
    starts = maps.positions(side, patch, 4)
    with torch.no_grad():
        np.testing.assert_allclose(plain, network(pictures).numpy(), rtol=1e-5, atol=1e-6)
        for number, picture in enumerate(pictures):
            for row, top in enumerate(starts):
                for col, left in enumerate(starts):
                    shown = picture.clone()
                    shown[:, top : top + patch, left : left + patch] = picture.mean((1, 2))[:, None, None]
                    answer = network(shown[None])[0].numpy()
                    np.testing.assert_allclose(hidden[number, row, col], answer, rtol=1e-5, atol=1e-6)


def test_bf16_gives_nearly_the_same_answers():
    start = pretraining.random_backbone("resnet18", np.random.default_rng(0))
    network = replace_head.replace_head(start, "resnet18", "nominal", CLASSES, 0.0, np.random.default_rng(1)).eval()
    picture = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    asked = {"patch": 16, "stride": 16}
    exact, _ = occlusion.occlude(network, "resnet18", picture, **asked)
    rough, _ = occlusion.occlude(network, "resnet18", picture, precision="bf16", **asked)
    assert np.abs(rough - exact).max() < 0.03 * np.abs(exact).max()


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
def test_maps_and_tables_stay_within_the_memory_asked_for(backbone, megabytes):
    start = pretraining.random_backbone(backbone, np.random.default_rng(0))
    network = replace_head.replace_head(start, backbone, "nominal", CLASSES, 0.0, np.random.default_rng(1)).eval()
    pictures = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        trunk, _ = occlusion.parted(network, backbone, pictures.device)
        with Live(trunk.parameters()) as live:
            first = maps.positions(64, 8, 8)
            way = occlusion.way_for(trunk, pictures, first, 8, torch.float32, megabytes, "occlusion")
            for one in range(0, 4, way.pictures):
                way.pooled(pictures[one : one + way.pictures], torch.zeros(4, 3)[one : one + way.pictures])
    assert 0.2 * megabytes < live.most / memory.MEGABYTE <= megabytes
