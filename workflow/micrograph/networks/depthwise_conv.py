"""Convolutions whose backward pass is as fast as their forward pass on a processor: depthwise ones, and 1x1 ones.

oneDNN, which PyTorch computes convolutions with on processors, has slow paths for the gradients of depthwise
convolutions: 5x5 weights in any precision, and in bf16 the input's gradient at stride 2. They took 80 % of the time
that fine-tuning EfficientNet-Lite0 in bf16 takes. The same sums are put together here from the fast paths:

- the gradient of 5x5 weights from two 5x3 ones on shifted inputs (columns 0..2 and 2..4 of the taps cover 0..4);
- the input's gradient at stride 2 as a convolution at stride 1 of the output's gradient, zeros between its values.

A 1x1 convolution of channels-last maps in float32 is computed as the matrix product that it is: faster for many
channels, its gradients above all, and for fewer than FEW pictures, which PyTorch on one thread does not give to oneDNN.

Results differ from PyTorch's by rounding alone. Other devices and other kernels go PyTorch's way.
"""

import torch
from torch import nn
from torch.nn import functional

NARROW = 3  # columns of the widest kernels that oneDNN has fast weight gradients for
FEW = 16  # pictures
MANY = 40  # channels, in and out, from which the matrix product is faster than oneDNN (measured, AVX2)


def quicken(network):
    """Let the depthwise and 1x1 convolutions of the network, in place, compute this way; returns the network.

    Names and values of the parameters stay. Serves torchvision's nn.Conv2d and timm's Conv2dSame.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and _fits(module):
            module.forward = _Forward(module)
        elif isinstance(module, nn.Conv2d) and _is_product(module):
            module.forward = _Product(module)
    return network


def _fits(module):
    side = module.kernel_size[0]
    return (
        module.groups == module.in_channels == module.out_channels > 1
        and module.kernel_size == (side, side)
        and side in (3, 5)
        and module.stride[0] == module.stride[1] in (1, 2)
        and module.dilation == (1, 1)
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
    )


class _Forward:
    """The forward pass of one module; holds the module, not its parameters, so that moves and loads are seen."""

    def __init__(self, module):
        self.module = module
        self.same = type(module).__name__ == "Conv2dSame"  # timm's: pads by the input's size, as TensorFlow does

    def __call__(self, maps):
        module = self.module
        if maps.device.type != "cpu" or not torch.is_grad_enabled():
            return type(module).forward(module, maps)
        weight, bias, padding = module.weight, module.bias, module.padding
        if torch.is_autocast_enabled("cpu"):
            kind = torch.get_autocast_dtype("cpu")
            maps, weight, bias = maps.to(kind), weight.to(kind), None if bias is None else bias.to(kind)
        if self.same:
            maps, padding = functional.pad(maps, _same_pads(maps, module)), (0, 0)
        result = _Depthwise.apply(maps, weight, module.stride, padding)
        return result if bias is None else result + bias[:, None, None]


def _same_pads(maps, module):
    """(left, right, top, bottom) so that the output has ceil(size / stride) rows and columns."""
    pads = []
    for size, side, stride in zip(maps.shape[:1:-1], module.kernel_size[::-1], module.stride[::-1], strict=True):
        whole = max((-(-size // stride) - 1) * stride + side - size, 0)
        pads += [whole // 2, whole - whole // 2]
    return tuple(pads)


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution of maps (n, channels, rows, cols) with weights (channels, 1, side, side)."""

    @staticmethod
    def forward(ctx, maps, weight, stride, padding):
        ctx.save_for_backward(maps, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(maps, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx, slope):
        maps, weight = ctx.saved_tensors
        slope = slope.contiguous(memory_format=torch.channels_last)
        of_maps, of_weight = ctx.needs_input_grad[:2]
        given = (slope, maps, weight, ctx.stride, ctx.padding)
        return (
            gradient_of_maps(*given) if of_maps else None,
            gradient_of_weight(*given) if of_weight else None,
            None,
            None,
        )


def gradient_of_maps(slope, maps, weight, stride, padding):
    """Every output's slope (n, channels, r, c) spread over its window: the shape of the maps."""
    if stride == (1, 1) or slope.dtype is torch.float32:
        return _native(slope, maps, weight, stride, padding, [True, False, False])[0]
    side = weight.shape[-1]
    rows, cols = (size + 2 * pad - side + 1 for size, pad in zip(maps.shape[2:], padding, strict=True))
    spread = slope.new_zeros((len(slope), rows, cols, slope.shape[1])).permute(0, 3, 1, 2)
    spread[:, :, :: stride[0], :: stride[1]] = slope
    return functional.conv2d(spread, weight.flip(2, 3), None, 1, [side - 1 - pad for pad in padding], 1, len(weight))


def gradient_of_weight(slope, maps, weight, stride, padding):
    """The gradient of the weights (channels, 1, side, side), summed over pictures and places."""
    side = weight.shape[-1]
    if side == NARROW:
        return _native(slope, maps, weight, stride, padding, [False, True, False])[1]
    wide = stride[1] * (slope.shape[3] - 1) + NARROW
    rows = padding[0] if maps.shape[2] < side else 0  # oneDNN is slow about kernels that are taller than the maps
    whole = weight.new_empty(weight.shape)
    for left in (0, side - NARROW):
        before = padding[1] - left
        part = functional.pad(maps, (before, wide - before - maps.shape[3], rows, rows))
        taps = whole[..., left : left + NARROW]
        taps.copy_(_native(slope, part, taps, stride, (padding[0] - rows, 0), [False, True, False])[1])
    return whole


def _native(slope, maps, weight, stride, padding, wanted):
    """PyTorch's own gradients of maps, weights and bias; None for those that are not wanted."""
    none = [0, 0]
    return torch.ops.aten.convolution_backward(
        slope, maps, weight, None, stride, padding, [1, 1], False, none, len(weight), wanted
    )


def _is_product(module):
    return (
        module.kernel_size == module.stride == (1, 1)
        and module.groups == 1
        and module.padding in ((0, 0), 0, "valid", "same")
    )


class _Product:
    """The forward pass of one 1x1 convolution; holds the module, as _Forward does."""

    def __init__(self, module):
        self.module = module

    def __call__(self, maps):
        module = self.module
        exact = maps.device.type == "cpu" and maps.dtype is torch.float32 and not torch.is_autocast_enabled("cpu")
        worth = len(maps) < FEW or min(module.in_channels, module.out_channels) >= MANY
        if not exact or not worth or not maps.is_contiguous(memory_format=torch.channels_last):
            return type(module).forward(module, maps)
        return functional.linear(maps.permute(0, 2, 3, 1), module.weight.flatten(1), module.bias).permute(0, 3, 1, 2)
