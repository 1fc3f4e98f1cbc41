"""Convolutions by Fourier coefficients: the values of the direct sums, with fewer products."""

import pytest
import torch
from torch import nn

from micrograph.attribution.incremental import fourier_conv


@pytest.mark.parametrize("side", range(1, 8))
def test_maps_are_those_of_the_convolution(side):
    torch.manual_seed(side)
    conv = nn.Conv2d(6, 5, 3, padding=1).double()
    maps = torch.randn(4, 6, side, side).double()
    with torch.no_grad():
        found = fourier_conv.FourierConv2d(conv, side)(maps)
        torch.testing.assert_close(found, conv(maps), rtol=1e-12, atol=1e-12)


def test_a_convolution_without_bias_has_none():
    conv = nn.Conv2d(2, 2, 3, padding=1, bias=False).double()
    assert not fourier_conv.FourierConv2d(conv, 4)(torch.zeros(1, 2, 4, 4).double()).any()


def test_rounding_is_as_small_as_that_of_the_direct_sums():
    torch.manual_seed(0)
    conv, maps = nn.Conv2d(256, 256, 3, padding=1), torch.randn(2, 256, 7, 7).relu()
    with torch.no_grad():
        found, direct = fourier_conv.FourierConv2d(conv, 7)(maps), conv(maps)
        exact = conv.double()(maps.double())
    assert (found - exact).abs().max() < 10 * (direct - exact).abs().max()


def test_7x7_maps_take_94_products_instead_of_441():
    # an 8x8 circle of frequencies: 4 are real, 60 come in pairs of three products
    assert fourier_conv.n_products(7) == 4 + 30 * 3
    assert fourier_conv.n_products(1) == 4  # all of a 2x2 circle are real


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(64, 64, 3, padding=1, stride=2),
        nn.Conv2d(64, 64, 3),
        nn.Conv2d(64, 64, 5, padding=1),
        nn.Conv2d(64, 64, 3, padding=1, groups=64),
        nn.Conv2d(3, 64, 3, padding=1),
    ],
)
def test_other_convolutions_are_computed_directly(conv):
    assert not fourier_conv.is_faster(conv, 7)
    assert fourier_conv.relative_cost(conv, 7) == 1


def test_it_is_faster_for_small_maps_of_many_channels_only():
    conv = nn.Conv2d(64, 64, 3, padding=1)
    assert fourier_conv.is_faster(conv, 7)
    assert not fourier_conv.is_faster(conv, 8)
