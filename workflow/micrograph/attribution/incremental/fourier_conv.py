"""3x3 convolutions of small maps as products of their Fourier coefficients: the same sums with a quarter of the work.

A map of s x s pixels with a border of zeros, convolved with a 3x3 kernel, is a circular convolution of side s + 1, of
which s x s values are wanted: what wraps around falls into the row and column that are not. So the coefficients of a
map times those of the kernel are those of the result, channel by channel: one matrix product over channels for every
frequency. Maps are real, so half of the frequencies tell the other half; and a product of complex numbers takes three
real products (Gauss): for 7x7 maps 94 products of real numbers instead of 441.

All three parts are matrix products: coefficients of the maps, products over channels, and back. The transforms are
those of an orthogonal basis, which keeps rounding errors as small as those of the direct sums.
"""

import numpy as np
import torch
from torch import nn

KERNEL = 3
LARGEST = 7  # side of maps; beyond it the transforms cost more than they save (measured)
LEAST = 64  # channels
WORTH = 2.0  # the time of a product, over that of one in the direct sums (measured)


def serves(module, side):
    """Whether a module is a convolution that this way serves better, on maps of this side."""
    return (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (KERNEL, KERNEL)
        and module.stride == module.padding == module.dilation == (1, 1)
        and module.groups == 1
        and module.padding_mode == "zeros"
        and min(module.in_channels, module.out_channels) >= LEAST
        and side <= LARGEST
    )


def products(side):
    """How many products of real numbers, per pair of channels, maps of this side take."""
    return len(frequencies(side + 1))


def share(module, side):
    """The time that this way takes, as a part of what the direct sums take; 1 where it does not serve."""
    return WORTH * products(side) / (KERNEL * side) ** 2 if serves(module, side) else 1.0


class Spectral(nn.Module):
    """A 3x3 convolution with a border of zeros, of maps of one side only; in evaluation, no gradients."""

    def __init__(self, conv, side):
        super().__init__()
        weight = conv.weight.detach().flatten(2).permute(2, 1, 0)  # (9, in, out)
        fine = torch.promote_types(weight.dtype, torch.float32)
        there, kernel, back = (torch.from_numpy(part).to(weight.device, fine) for part in bases(side))
        taps = (kernel @ weight.to(fine).reshape(KERNEL**2, -1)).reshape(-1, *weight.shape[1:])
        self.side = side
        for name, part in (("there", there), ("taps", taps), ("back", back)):
            self.register_buffer(name, part.to(weight.dtype))
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach().clone())

    def forward(self, maps):
        """(n, in, side, side) to (n, out, side, side), channels last."""
        count = len(maps)
        rows = maps.permute(0, 2, 3, 1).reshape(count, self.side**2, -1)
        parts = torch.matmul(self.there, rows).transpose(0, 1)
        made = torch.matmul(self.back, torch.bmm(parts, self.taps).transpose(0, 1))
        if self.bias is not None:
            made += self.bias
        return made.reshape(count, self.side, self.side, -1).permute(0, 3, 1, 2)


def bases(side):
    """(there (p, side^2), kernel (p, 9), back (side^2, p)) float64: kernel * there, product by product, then back."""
    length = side + 1
    place = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2)
    tap = np.stack(np.meshgrid(*[np.arange(KERNEL)] * 2, indexing="ij"), -1).reshape(-1, 2)
    there, kernel, back = [], [], []
    for frequency, part in frequencies(length):
        turn = 2 * np.pi / length * np.asarray(frequency)
        of_map = np.exp(-1j * (place @ turn))
        of_kernel = np.exp(1j * ((tap - 1) @ turn))  # networks correlate: tap 1 lies on the pixel itself
        of_result = np.exp(1j * (place @ turn)) / length**2
        for row, parts in zip((there, kernel, back), GAUSS[part](of_map, of_kernel, of_result), strict=True):
            row.append(parts)
    return np.array(there), np.array(kernel), np.array(back).T


# The product of a + bi, c + di and e as ac, bd and (a + b)(c + d), each times what it adds to the real part of the
# result; twice, for the frequency that mirrors it.
GAUSS = {
    "alone": lambda a, c, e: (a.real, c.real, e.real),
    "real": lambda a, c, e: (a.real, c.real, 2 * (e.real + e.imag)),
    "imaginary": lambda a, c, e: (a.imag, c.imag, 2 * (e.imag - e.real)),
    "sum": lambda a, c, e: (a.real + a.imag, c.real + c.imag, -2 * e.imag),
}


def frequencies(length):
    """The products to form: a list of (frequency (down, across), row of GAUSS); mirrored frequencies once."""
    found = []
    for down in range(length):
        for across in range(length):
            mirror = (-down % length, -across % length)
            if (down, across) == mirror:
                found.append(((down, across), "alone"))
            elif (down, across) < mirror:
                found += [((down, across), part) for part in ("real", "imaginary", "sum")]
    return found
