"""Fast gradients of depthwise and 1x1 convolutions on a processor.

oneDNN, PyTorch's library for convolutions on processors, has slow paths for the gradients of depthwise convolutions:
5x5 weights in any precision, and in bf16 the input's gradient at stride 2. They took 80 % of the time of fine-tuning
EfficientNet-Lite0 in bf16. The same sums are composed here of the fast paths:

- the gradient of 5x5 weights from two 5x3 ones on shifted inputs (columns 0..2 and 2..4 cover 0..4);
- the input's gradient at stride 2 as a convolution at stride 1 of the output's gradient, zeros between its values.

A 1x1 convolution of channels-last maps in float32 is computed as a matrix product: faster for many channels, its
gradients above all, and for batches below `SMALL_BATCH`, which PyTorch on one thread does not give to oneDNN.

Results differ from PyTorch's by rounding alone. On other devices, and for other kernels, PyTorch computes.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FAST_COLUMNS = 3  # of the widest kernels whose weight gradients are fast in oneDNN
SMALL_BATCH = 16  # images
MANY_CHANNELS = 40  # in and out, from which the matrix product is faster than oneDNN (measured, AVX2)

Pair = tuple[int, int]  # of rows, of columns


def accelerate(network: nn.Module) -> nn.Module:
    """Replace the forward pass of a network's depthwise and 1x1 convolutions by one with fast gradients.

    Parameters
    ----------
    network : Module
        Changed; names and values of its parameters stay. Convolutions may be nn.Conv2d or timm's Conv2dSame.

    Returns
    -------
    Module
        The network itself.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and _is_depthwise(module):
            module.forward = _DepthwiseForward(module)  # type: ignore[method-assign, assignment]  # of this module alone
        elif isinstance(module, nn.Conv2d) and _is_pointwise(module):
            module.forward = _PointwiseForward(module)  # type: ignore[method-assign, assignment]
    return network


def _is_depthwise(module: nn.Conv2d) -> bool:
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


class _DepthwiseForward:
    """The forward pass of one module; it holds the module, whose parameters may be moved or loaded."""

    def __init__(self, module: nn.Conv2d) -> None:
        self.module = module
        self.same = type(module).__name__ == "Conv2dSame"  # timm's, padded as TensorFlow does

    def __call__(self, maps: Tensor) -> Tensor:
        module = self.module
        if maps.device.type != "cpu" or not torch.is_grad_enabled():
            return type(module).forward(module, maps)
        weight, bias, padding = module.weight, module.bias, module.padding
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            maps, weight, bias = maps.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        if self.same:
            from timm.layers import pad_same

            maps, padding = pad_same(maps, list(module.kernel_size), list(module.stride)), (0, 0)
        result = _Depthwise.apply(maps, weight, module.stride, padding)
        return result if bias is None else result + bias[:, None, None]


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution of maps (n, channels, rows, cols) with weights (channels, 1, side, side)."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(maps, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight = ctx.saved_tensors
        grad = grad.contiguous(memory_format=torch.channels_last)
        needs_input, needs_weight = ctx.needs_input_grad[:2]
        arguments = (grad, maps, weight, ctx.stride, ctx.padding)
        return (
            _input_gradient(*arguments) if needs_input else None,
            _weight_gradient(*arguments) if needs_weight else None,
            None,
            None,
        )


def _input_gradient(grad: Tensor, maps: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """Compute the gradient of the maps (n, channels, rows, cols) from that of the output (n, channels, r, c)."""
    if stride == (1, 1) or grad.dtype is torch.float32:
        return _native(grad, maps, weight, stride, padding, [True, False, False])[0]
    side = weight.shape[-1]
    rows, cols = (size + 2 * pad - side + 1 for size, pad in zip(maps.shape[2:], padding, strict=True))
    spread = grad.new_zeros((len(grad), rows, cols, grad.shape[1])).permute(0, 3, 1, 2)
    spread[:, :, :: stride[0], :: stride[1]] = grad
    return functional.conv2d(spread, weight.flip(2, 3), None, 1, [side - 1 - pad for pad in padding], 1, len(weight))


def _weight_gradient(grad: Tensor, maps: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """Compute the gradient of the weights (channels, 1, side, side)."""
    side = weight.shape[-1]
    if side == FAST_COLUMNS:
        return _native(grad, maps, weight, stride, padding, [False, True, False])[1]
    wide = stride[1] * (grad.shape[3] - 1) + FAST_COLUMNS
    rows = padding[0] if maps.shape[2] < side else 0  # oneDNN is slow for kernels taller than the maps
    result = weight.new_empty(weight.shape)
    for left in (0, side - FAST_COLUMNS):
        before = padding[1] - left
        shifted = functional.pad(maps, (before, wide - before - maps.shape[3], rows, rows))
        taps = result[..., left : left + FAST_COLUMNS]
        taps.copy_(_native(grad, shifted, taps, stride, (padding[0] - rows, 0), [False, True, False])[1])
    return result


def _native(
    grad: Tensor, maps: Tensor, weight: Tensor, stride: Pair, padding: Pair, mask: list[bool]
) -> tuple[Any, ...]:
    """Compute PyTorch's own gradients of maps, weights and bias; None where the mask is False."""
    return torch.ops.aten.convolution_backward(
        grad, maps, weight, None, stride, padding, [1, 1], False, [0, 0], len(weight), mask
    )


def _is_pointwise(module: nn.Conv2d) -> bool:
    return (
        module.kernel_size == module.stride == (1, 1)
        and module.groups == 1
        and module.padding in ((0, 0), 0, "valid", "same")
    )


class _PointwiseForward:
    """The forward pass of one 1x1 convolution."""

    def __init__(self, module: nn.Conv2d) -> None:
        self.module = module

    def __call__(self, maps: Tensor) -> Tensor:
        module = self.module
        fp32 = maps.device.type == "cpu" and maps.dtype is torch.float32 and not torch.is_autocast_enabled("cpu")
        faster = len(maps) < SMALL_BATCH or min(module.in_channels, module.out_channels) >= MANY_CHANNELS
        if not fp32 or not faster or not maps.is_contiguous(memory_format=torch.channels_last):
            return type(module).forward(module, maps)
        return functional.linear(maps.permute(0, 2, 3, 1), module.weight.flatten(1), module.bias).permute(0, 3, 1, 2)
