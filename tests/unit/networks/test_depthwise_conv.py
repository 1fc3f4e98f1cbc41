"""Accelerated convolutions, depthwise and 1x1: PyTorch's numbers, forward and backward."""

import copy

import pytest
import torch
from torch import nn

from micrograph.networks import backbones, depthwise_conv


def convolution(side, stride, bias=False, channels=8, kind=nn.Conv2d, padding=None):
    torch.manual_seed(side + stride)
    padding = side // 2 if padding is None else padding
    return kind(channels, channels, side, stride=stride, padding=padding, groups=channels, bias=bias)


def gradients(module, maps, dtype=torch.float32):
    """Output and the gradients of maps and parameters, for one fixed slope of the output."""
    maps = maps.clone().requires_grad_()
    module.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
        result = module(maps)
    slope = torch.randn(result.shape, generator=torch.Generator().manual_seed(1)).to(result.dtype)
    result.backward(slope)
    return [result.detach(), maps.grad, *(part.grad for part in module.parameters())]


def maps_of(rows, cols, channels=8):
    made = torch.randn(3, channels, rows, cols, generator=torch.Generator().manual_seed(0))
    return made.contiguous(memory_format=torch.channels_last)


def assert_same(ours, plain, tolerance):
    for mine, theirs in zip(ours, plain, strict=True):
        assert mine.shape == theirs.shape and mine.dtype == theirs.dtype
        assert float((mine - theirs).abs().max()) <= tolerance * float(theirs.abs().max())


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("rows", "cols", "padding"), [(9, 9, None), (12, 7, 0), (5, 6, 1), (11, 10, 2), (3, 3, None)])
@pytest.mark.parametrize("bias", [False, True])
def test_the_gradients_are_pytorchs(side, stride, rows, cols, padding, bias):
    plain = convolution(side, stride, bias, padding=padding)
    accelerated = depthwise_conv.accelerate(copy.deepcopy(plain))
    assert type(accelerated.forward).__name__ == "_DepthwiseForward"
    assert_same(gradients(accelerated, maps_of(rows, cols)), gradients(plain, maps_of(rows, cols)), 1e-5)


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_in_bf16_they_are_as_near_to_float32_as_pytorchs(side, stride):
    plain = convolution(side, stride)
    exact = gradients(plain, maps_of(12, 12))
    accelerated = depthwise_conv.accelerate(copy.deepcopy(plain))
    rough = gradients(accelerated, maps_of(12, 12), torch.bfloat16)
    assert rough[0].dtype is torch.bfloat16 and rough[1].dtype is torch.float32
    for mine, theirs in zip(rough, exact, strict=True):
        assert float((mine.float() - theirs).abs().max()) < 0.02 * float(theirs.abs().max())


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [8, 9])
def test_timms_padding_by_size_is_kept(side, stride, size):
    from timm.layers import Conv2dSame

    plain = convolution(side, stride, kind=Conv2dSame, padding=0)
    accelerated = depthwise_conv.accelerate(copy.deepcopy(plain))
    ours, theirs = gradients(accelerated, maps_of(size, size)), gradients(plain, maps_of(size, size))
    assert ours[0].shape[-1] == -(-size // stride)
    assert_same(ours, theirs, 1e-5)


@pytest.mark.parametrize("images", [3, 16])  # PyTorch computes fewer than 16 in another way
@pytest.mark.parametrize(("channels", "outputs"), [(8, 48), (48, 40)])
@pytest.mark.parametrize("bias", [False, True])
def test_1x1_convolutions_are_pytorchs(images, channels, outputs, bias):
    torch.manual_seed(0)
    plain = nn.Conv2d(channels, outputs, 1, bias=bias)
    accelerated = depthwise_conv.accelerate(copy.deepcopy(plain))
    assert type(accelerated.forward).__name__ == "_PointwiseForward"
    maps = torch.randn(images, channels, 6, 5).contiguous(memory_format=torch.channels_last)
    ours, theirs = gradients(accelerated, maps), gradients(plain, maps)
    assert_same(ours, theirs, 1e-5)
    assert ours[0].is_contiguous(memory_format=torch.channels_last)


def test_by_hand():
    """Two 1x1-wide taps seen: with maps of ones and slopes of ones every tap's gradient counts the places it reads."""
    accelerated = depthwise_conv.accelerate(convolution(5, 1, channels=2))
    ones = torch.ones(1, 2, 6, 6, requires_grad=True)
    accelerated(ones).sum().backward()
    reach = torch.tensor([4.0, 5, 6, 5, 4])  # rows of six that a tap at offset -2..2 reads inside the image
    torch.testing.assert_close(accelerated.weight.grad[0, 0], reach[:, None] * reach)


def test_what_is_no_depthwise_convolution_stays():
    kinds = [
        nn.Conv2d(8, 8, 3),
        nn.Conv2d(8, 16, 3, groups=8),
        nn.Conv2d(8, 8, 7, groups=8),
        nn.Conv2d(8, 8, 3, groups=8, dilation=2),
        nn.Conv2d(8, 8, 3, groups=8, stride=3),
        nn.Conv2d(8, 8, 3, groups=8, padding="same"),
        nn.Conv2d(8, 8, 3, groups=8, padding=1, padding_mode="reflect"),
        nn.Conv2d(1, 1, 3),
        nn.Conv2d(48, 48, 1, stride=2),
        nn.Conv2d(48, 48, 1, groups=2),
        nn.Conv2d(48, 48, 1, padding=1),
    ]
    for part in kinds:
        assert "forward" not in depthwise_conv.accelerate(nn.Sequential(part))[0].__dict__


def test_a_whole_network_keeps_its_names_and_numbers():
    torch.manual_seed(0)
    plain = backbones.build("efficientnet_lite0", 3).eval()
    accelerated = depthwise_conv.accelerate(copy.deepcopy(plain))
    assert list(accelerated.state_dict()) == list(plain.state_dict())
    image = torch.rand(2, 3, 64, 64)
    results = []
    for network in (accelerated, plain):
        network.zero_grad()
        network(image).square().sum().backward()
        results.append({name: part.grad for name, part in network.named_parameters()})
    for name, slope in results[1].items():
        assert float((results[0][name] - slope).abs().max()) <= 1e-4 * float(slope.abs().max()) + 1e-9, name
    with torch.no_grad():
        torch.testing.assert_close(accelerated(image), plain(image), rtol=0, atol=0)
