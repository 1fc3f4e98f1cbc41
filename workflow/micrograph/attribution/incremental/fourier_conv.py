"""3x3 convolutions of small maps as products of Fourier coefficients: the same sums with a quarter of the products.

A map of s x s pixels, zero-padded and convolved with a 3x3 kernel, is a circular convolution of side s + 1 of which
s x s values are used: what wraps around falls into the unused row and column. So the coefficients of the result are
those of the map times those of the kernel, channel by channel: one matrix product over channels for every frequency.
Maps are real, so half of the frequencies determine the rest, and a complex product takes three real ones (Gauss): for
7x7 maps 94 real products instead of 441.

Both transforms and the product are matrix products. The basis is orthogonal, which keeps rounding errors as small as
those of the direct sums.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

KERNEL = 3
MAX_SIDE = 7  # of maps; beyond it the transforms cost more than they save (measured)
MIN_CHANNELS = 64
PRODUCT_COST = 2.0  # time of a product over that of a product in the direct sums (measured)


class FourierConv2d(nn.Module):
    """A zero-padded 3x3 convolution of maps of one side; for inference, without gradients.

    Parameters
    ----------
    conv : Conv2d
    side : int
        Side of the maps.
    """

    analysis: torch.Tensor
    coefficients: torch.Tensor
    synthesis: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, conv: nn.Conv2d, side: int) -> None:
        super().__init__()
        weight = conv.weight.detach().flatten(2).permute(2, 1, 0)  # (9, in, out)
        dtype = torch.promote_types(weight.dtype, torch.float32)
        analysis, kernel, synthesis = (torch.from_numpy(part).to(weight.device, dtype) for part in _bases(side))
        products = (kernel @ weight.to(dtype).reshape(KERNEL**2, -1)).reshape(-1, *weight.shape[1:])
        self.side = side
        for name, part in (("analysis", analysis), ("coefficients", products), ("synthesis", synthesis)):
            self.register_buffer(name, part.to(weight.dtype))
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach().clone())

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Convolve maps (n, in, side, side) to (n, out, side, side), channels last."""
        count = len(maps)
        rows = maps.permute(0, 2, 3, 1).reshape(count, self.side**2, -1)
        transformed = torch.matmul(self.analysis, rows).transpose(0, 1)
        output = torch.matmul(self.synthesis, torch.bmm(transformed, self.coefficients).transpose(0, 1))
        if self.bias is not None:
            output += self.bias
        return output.reshape(count, self.side, self.side, -1).permute(0, 3, 1, 2)


def is_faster(module: nn.Module | None, side: int) -> bool:
    """Return whether a module is a convolution that `FourierConv2d` computes faster, on maps of this side."""
    return (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (KERNEL, KERNEL)
        and module.stride == module.padding == module.dilation == (1, 1)
        and module.groups == 1
        and module.padding_mode == "zeros"
        and min(module.in_channels, module.out_channels) >= MIN_CHANNELS
        and side <= MAX_SIDE
    )


def n_products(side: int) -> int:
    """Return the number of real products per pair of channels for maps of this side."""
    return len(_frequencies(side + 1))


def relative_cost(module: nn.Module | None, side: int) -> float:
    """Return the time over that of the direct sums; 1 where those are computed."""
    return PRODUCT_COST * n_products(side) / (KERNEL * side) ** 2 if is_faster(module, side) else 1.0


def _bases(side: int) -> tuple[NDArray, NDArray, NDArray]:
    """Return transforms (p, side^2) of a map, (p, 9) of a kernel, (side^2, p) of products back to a map; float64."""
    length = side + 1
    pixel = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2)
    tap = np.stack(np.meshgrid(*[np.arange(KERNEL)] * 2, indexing="ij"), -1).reshape(-1, 2)
    rows = []
    for frequency, part in _frequencies(length):
        turn = 2 * np.pi / length * np.asarray(frequency)
        of_map = np.exp(-1j * (pixel @ turn))
        of_kernel = np.exp(1j * ((tap - 1) @ turn))  # networks correlate: tap 1 lies on the pixel itself
        of_result = np.exp(1j * (pixel @ turn)) / length**2
        rows.append(GAUSS[part](of_map, of_kernel, of_result))
    analysis, kernel, synthesis = (np.array(part) for part in zip(*rows, strict=True))
    return analysis, kernel, synthesis.T


# The product of a + bi, c + di and e as ac, bd and (a + b)(c + d), each times what it adds to the real part of the
# result; twice, for the frequency that mirrors it.
GAUSS = {
    "self-mirrored": lambda a, c, e: (a.real, c.real, e.real),
    "real": lambda a, c, e: (a.real, c.real, 2 * (e.real + e.imag)),
    "imaginary": lambda a, c, e: (a.imag, c.imag, 2 * (e.imag - e.real)),
    "sum": lambda a, c, e: (a.real + a.imag, c.real + c.imag, -2 * e.imag),
}


def _frequencies(length: int) -> list[tuple[tuple[int, int], str]]:
    """Return the products to form: (frequency (down, across), row of GAUSS); mirrored frequencies once."""
    products = []
    for down in range(length):
        for across in range(length):
            mirror = (-down % length, -across % length)
            if (down, across) == mirror:
                products.append(((down, across), "self-mirrored"))
            elif (down, across) < mirror:
                products += [((down, across), part) for part in ("real", "imaginary", "sum")]
    return products
