"""Features: the outputs of a backbone's blocks, of all blocks in one forward pass.

A row of features is a block's map flattened in the order channels, rows, columns: value ``(c * rows + r) * cols + k``
is channel c at row r and column k. The pooled block has one value a channel.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from micrograph.errors import UserError
from micrograph.networks import backbones
from micrograph.networks.backbones import Colour
from micrograph.networks.device import deterministic, resolve_device, resolve_dtype
from micrograph.networks.fuse_batchnorm import fuse, to_channels_last

THREADS = 2  # of the processor, always
IDENTITY: tuple[Colour, Colour] = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)  # mean and std that leave images in 0..1


class Block(NamedTuple):
    """A block of a backbone: its name, the module it ends at, and (channels, rows, cols) of its map."""

    name: str
    module: str
    shape: tuple[int, int, int]

    @property
    def n_features(self) -> int:
        """Number of values of the flattened map."""
        return int(np.prod(self.shape))


class _LastBlockReached(Exception):  # noqa: N818
    """Ends a forward pass before the classifier."""


def describe_blocks(backbone: str, pixels: int) -> list[Block]:
    """Return the blocks of a backbone in the order of the forward pass.

    Parameters
    ----------
    backbone : str
        Name of the backbone.
    pixels : int
        Side of the images.

    Returns
    -------
    list of Block
    """
    modules = backbones.get(backbone).blocks
    with torch.random.fork_rng(devices=[]):
        network = backbones.build(backbone).eval()
    with torch.inference_mode():
        maps = forward_blocks(network, modules, torch.zeros(1, 3, pixels, pixels))
    return [Block(name, module, (*maps[name].shape[1:], 1, 1)[:3]) for name, module in modules.items()]


def extract(
    network: nn.Module,
    modules: dict[str, str],
    images: NDArray[np.uint8] | Iterable[NDArray[np.uint8]],
    mean: Colour,
    std: Colour,
    *,
    batch_size: int = 16,
    precision: str = "fp32",
    device: str = "auto",
    count: int | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Compute the outputs of all blocks for all images.

    Parameters
    ----------
    network : Module
        From `checkpoints.load`; not modified.
    modules : dict of str to str
        Module at which each block ends, in the order of the forward pass (`backbones.Backbone.blocks`).
    images : ndarray of shape (n, rows, cols), uint8, or iterable of such arrays
        An iterable need not be in memory as a whole, and takes `count`.
    mean, std : tuple of 3 floats
        Normalisation of red, green and blue in 0..1 that the weights expect; `IDENTITY` leaves images in 0..1, as the
        paper's features were computed.
    batch_size : int, default 16
        Images of a forward pass. The same number gives the same bytes, another changes the last digits.
    precision : {"fp32", "bf16"}
        bf16 adds noise, about 1 % of the largest value for resnet18, 7 % for efficientnet_lite0.
    device : {"auto", "cpu", "cuda"}
        Device to compute on.
    count : int, optional
        Number of images in an iterable.

    Returns
    -------
    dict of str to ndarray of shape (n, n_features)
        Features by block, rows in the order of the images.

    Raises
    ------
    UserError
        If images are not grey uint8, or their number is not `count`.
    ValueError
        If `count` is missing.
    """
    torch_device = resolve_device(device)
    dtype = resolve_dtype(precision, torch_device)
    if isinstance(images, np.ndarray):
        images, count = [images], len(images)
    if count is None:
        raise ValueError("features: count must be given for an iterable of images")
    fused = to_channels_last(fuse(network), torch_device, dtype)
    shift, scale = shift_and_scale(mean, std, torch_device)
    features: dict[str, NDArray[np.float32]] = {}
    done = 0
    with torch.inference_mode(), deterministic(THREADS):
        for batch in _rebatch(images, batch_size):
            grey = torch.from_numpy(batch).to(torch_device).float()[:, None]
            colour = torch.addcmul(shift, grey, scale).to(dtype).contiguous(memory_format=torch.channels_last)
            for block, maps in forward_blocks(fused, modules, colour).items():
                flat = maps.flatten(1).cpu().numpy()
                table = features.setdefault(block, np.empty((count, flat.shape[1]), np.float32))
                table[done : done + len(flat)] = flat[: count - done]
            done += len(batch)
            if done > count:
                break
    if done != count:
        raise UserError(f"features: {'more than ' * (done > count)}{min(done, count)} images instead of {count}.")
    return features


def forward_blocks(network: nn.Module, modules: dict[str, str], images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Run one forward pass up to the last block.

    Parameters
    ----------
    network : Module
        Its hooks are removed afterwards.
    modules : dict of str to str
        Module at which each block ends.
    images : Tensor of shape (n, 3, rows, cols)
        Normalised images.

    Returns
    -------
    dict of str to Tensor
        Output of each block, float32.
    """
    with _hooks(network, modules) as outputs, suppress(_LastBlockReached):
        network(images)
    return outputs


@contextmanager
def _hooks(network: nn.Module, modules: dict[str, str]) -> Iterator[dict[str, torch.Tensor]]:
    """Hooks that copy every block's output into the dict yielded, and end the forward pass after the last."""
    outputs, handles = {}, []

    def keep(block):
        def hook(module, inputs, output):
            outputs[block] = output.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
            if len(outputs) == len(modules):
                raise _LastBlockReached

        return hook

    try:
        for block, module in modules.items():
            handles.append(network.get_submodule(module).register_forward_hook(keep(block)))
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _rebatch(arrays: Iterable[NDArray[np.uint8]], batch_size: int) -> Iterator[NDArray[np.uint8]]:
    """Arrays of images cut and joined to batches (the last may be smaller), each checked."""
    rest = None
    for array in arrays:
        if array.ndim != 3 or array.dtype != np.uint8:
            raise UserError(f"features: images must be (n, rows, cols) uint8, not {array.shape} {array.dtype}.")
        rest = array if rest is None or not len(rest) else np.concatenate([rest, array])
        whole = len(rest) - len(rest) % batch_size
        for start in range(0, whole, batch_size):
            yield np.ascontiguousarray(rest[start : start + batch_size])
        rest = rest[whole:]
    if rest is not None and len(rest):
        yield np.ascontiguousarray(rest)


def shift_and_scale(mean: Colour, std: Colour, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the coefficients that normalise grey values: ``colour = shift + scale * grey``, grey in 0..255.

    Parameters
    ----------
    mean, std : tuple of 3 floats
        Normalisation of red, green and blue in 0..1.
    device : device
        Device of the result.

    Returns
    -------
    shift, scale : Tensor of shape (1, 3, 1, 1)
    """
    means, stds = np.asarray(mean, float), np.asarray(std, float)
    shift, scale = (
        torch.tensor(part, dtype=torch.float32, device=device).reshape(1, 3, 1, 1)
        for part in (-means / stds, 1 / (255 * stds))
    )
    return shift, scale
