"""Receptive fields: the windows that a hidden patch can change, and no others."""

import numpy as np
import pytest
import torch

from micrograph.attribution import maps
from micrograph.attribution.incremental import layer_graph, memory, receptive_field
from micrograph.errors import UserError
from micrograph.networks import backbones, fuse_batchnorm


def read(name):
    network = backbones.build(name).eval()
    network.set_submodule(backbones.get(name).classifier, torch.nn.Identity())
    return layer_graph.trace(fuse_batchnorm.fuse(network), 64)


@pytest.fixture(scope="module")
def resnet():
    return read("resnet18")


def test_15_pixels_change_10_or_11_rows_after_the_first_convolution(resnet):
    sides, lows, highs = receptive_field.changed_ranges(resnet, 224, np.array([0, 5, 100, 210]), 15)
    assert sides[1] == 112
    # a kernel of 7 at 2 o - 3 ... 2 o + 3 touches 100 ... 114 for o = 49 ... 58
    assert (lows[1], highs[1])[0].tolist() == [0, 1, 49, 104]
    assert highs[1].tolist() == [9, 12, 59, 112]


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0"])
def test_nothing_outside_of_the_ranges_changes(name):
    layers, side, patch = read(name), 65, 9
    starts = maps.window_starts(side, patch, 8)
    ranges = receptive_field.changed_ranges(layers, side, starts, patch)
    torch.manual_seed(0)
    picture = torch.randn(1, 3, side, side)
    with torch.no_grad():
        before = layer_graph.forward(layers, {0: picture}, keep=range(len(layers)))
        for window, start in enumerate(starts):
            hidden = picture.clone()
            hidden[:, :, start : start + patch] = 0
            after = layer_graph.forward(layers, {0: hidden}, keep=range(len(layers)))
            for layer, (low, high) in enumerate(zip(ranges[1][:, window], ranges[2][:, window], strict=True)):
                rows = (before[layer] != after[layer]).any(dim=(0, 1, 3)).nonzero()
                assert len(rows) == 0 or (low <= rows.min() and rows.max() < high)


def test_every_window_is_in_one_class_whose_windows_hold_it(resnet):
    starts = maps.window_starts(224, 15, 5)
    found = receptive_field.ReceptiveFields(resnet, 224, starts, 15)
    assert len(found.classes) <= receptive_field.MAX_CLASSES
    assert sorted(np.concatenate([one.members for one in found.classes])) == list(range(43))
    for one in found.classes:
        ends = one.starts + one.sizes[:, None]
        assert (one.starts >= 0).all() and (ends <= found.sides[:, None]).all()
        assert (one.starts <= found.lows[:, one.members]).all() and (ends >= found.highs[:, one.members]).all()


def test_less_memory_means_smaller_batches_down_to_one(resnet):
    arguments = resnet, 80, maps.window_starts(80, 8, 4), 8, 100, 4
    large, small = memory.plan(*arguments, 500)[1], memory.plan(*arguments, 40)[1]
    assert large.images >= small.images and large.windows > small.windows
    with pytest.raises(UserError, match="attribution.memory_mb"):
        memory.plan(*arguments, 1)
