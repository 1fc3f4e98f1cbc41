"""Reach: the windows that a hidden square can change, and no others."""

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
    return layer_graph.read(fuse_batchnorm.fuse(network), 64)


@pytest.fixture(scope="module")
def resnet():
    return read("resnet18")


def test_15_pixels_reach_10_or_11_rows_behind_the_first_convolution(resnet):
    sides, lows, highs = receptive_field.spans(resnet, 224, np.array([0, 5, 100, 210]), 15)
    assert sides[1] == 112
    # a kernel of 7 at 2 o - 3 ... 2 o + 3 touches 100 ... 114 for o = 49 ... 58
    assert (lows[1], highs[1])[0].tolist() == [0, 1, 49, 104]
    assert highs[1].tolist() == [9, 12, 59, 112]


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0"])
def test_nothing_outside_of_its_reach_changes(name):
    made, side, patch = read(name), 65, 9
    first = maps.positions(side, patch, 8)
    spans = receptive_field.spans(made, side, first, patch)
    torch.manual_seed(0)
    picture = torch.randn(1, 3, side, side)
    with torch.no_grad():
        before = layer_graph.whole(made, {0: picture}, keep=range(len(made)))
        for place, start in enumerate(first):
            hidden = picture.clone()
            hidden[:, :, start : start + patch] = 0
            after = layer_graph.whole(made, {0: hidden}, keep=range(len(made)))
            for step, (low, high) in enumerate(zip(spans[1][:, place], spans[2][:, place], strict=True)):
                rows = (before[step] != after[step]).any(dim=(0, 1, 3)).nonzero()
                assert len(rows) == 0 or (low <= rows.min() and rows.max() < high)


def test_every_window_is_in_one_class_whose_windows_hold_it(resnet):
    first = maps.positions(224, 15, 5)
    found = receptive_field.Reach(resnet, 224, first, 15)
    assert len(found.classes) <= receptive_field.CLASSES
    assert sorted(np.concatenate([one.members for one in found.classes])) == list(range(43))
    for one in found.classes:
        ends = one.starts + one.sizes[:, None]
        assert (one.starts >= 0).all() and (ends <= found.sides[:, None]).all()
        assert (one.starts <= found.lows[:, one.members]).all() and (ends >= found.highs[:, one.members]).all()


def test_a_third_of_the_multiplications_of_resnet18_is_left(resnet):
    whole, exact, grouped = receptive_field.Reach(resnet, 224, maps.positions(224, 15, 5), 15).multiplications()
    assert whole == pytest.approx(1.814e9, rel=0.01)  # the known number of ResNet18 without its classifier
    assert exact < grouped < 1.1 * exact < 0.4 * whole


def test_the_late_steps_begin_where_windows_are_nearly_whole_maps(resnet):
    found = receptive_field.Reach(resnet, 224, maps.positions(224, 15, 5), 15)
    assert found.sides[found.late] == 7
    everything = receptive_field.Reach(resnet, 64, np.array([0]), 64)
    assert everything.late == 1


def test_less_memory_means_less_at_once_down_to_one(resnet):
    asked = resnet, 80, maps.positions(80, 8, 4), 8, 100, 4
    large, small = memory.plan(*asked, 500)[1], memory.plan(*asked, 40)[1]
    assert large.pictures >= small.pictures and large.windows > small.windows
    with pytest.raises(UserError, match="attribution.memory_mb to"):
        memory.plan(*asked, 1)


def test_amounts_shrink_in_turn_and_keep_their_order():
    one = memory.Amounts(4, 96, 128)
    while one != memory.Amounts(1, 1, 1):
        less = memory.smaller(one)
        assert less != one
        assert less.pictures <= less.windows <= less.late
        one = less
