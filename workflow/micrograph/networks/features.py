"""Features: the outputs of a backbone's blocks, of all blocks in one forward pass.

A row of features is a block's map flattened in the order channels, rows, columns: value ``(c * rows + r) * cols + k``
is channel c at row r and column k. The pooled block has one value per channel.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from micrograph.errors import UserError
from micrograph.networks import backbones, transforms
from micrograph.networks.backbones import Colour
from micrograph.networks.device import deterministic, resolve_device, resolve_dtype
from micrograph.networks.fuse_batchnorm import fuse

THREADS = 2  # of the processor, always
IDENTITY: tuple[Colour, Colour] = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)  # mean and std that leave images in 0..1


class Block(NamedTuple):
    """A block of a backbone: its name, the module it ends at, and (channels, rows, cols) of its map."""

    name: str
    module: str
    shape: tuple[int, int, int]


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
    modules: Mapping[str, str],
    images: NDArray[np.uint8],
    mean: Colour,
    std: Colour,
    *,
    batch_size: int = 16,
    precision: str = "fp32",
    device: str = "auto",
) -> dict[str, NDArray[np.float32]]:
    """Compute the outputs of all blocks for all images.

    Parameters
    ----------
    network : Module
        From `checkpoints.load`; not modified.
    modules : mapping of str to str
        Module at which each block ends, in the order of the forward pass (`backbones.Backbone.blocks`).
    images : ndarray of shape (n, rows, cols), uint8
        n > 0.
    mean, std : tuple of 3 floats
        Normalisation of red, green and blue in 0..1 that the weights expect; `IDENTITY` leaves images in 0..1, as the
        paper's features were computed.
    batch_size : int, default 16
        Images of a forward pass. The same number gives the same bytes, another changes the last digits.
    precision : {"fp32", "bf16"}
        bf16 adds noise, about 1 % of the largest value for resnet18, 7 % for efficientnet_lite0.
    device : {"auto", "cpu", "cuda", "mps"}
        Device to compute on.

    Returns
    -------
    dict of str to ndarray of shape (n, n_features)
        Features by block, rows in the order of the images.

    Raises
    ------
    UserError
        If images are not grey uint8.
    """
    if images.ndim != 3 or images.dtype != np.uint8:
        raise UserError(f"features: images must be (n, rows, cols) uint8, not {images.shape} {images.dtype}.")
    torch_device = resolve_device(device)
    dtype = resolve_dtype(precision, torch_device)
    fused = fuse(network).to(torch_device, dtype).to(memory_format=torch.channels_last)
    parts: dict[str, list[NDArray[np.float32]]] = {block: [] for block in modules}
    with torch.inference_mode(), deterministic(THREADS):
        for batch in torch.from_numpy(images).split(batch_size):
            inputs = transforms.normalise(batch.to(torch_device)[:, None], mean, std).to(dtype)
            for block, maps in forward_blocks(fused, modules, inputs).items():
                parts[block].append(maps.flatten(1).cpu().numpy())
    return {block: np.concatenate(part) for block, part in parts.items()}


def forward_blocks(network: nn.Module, modules: Mapping[str, str], images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Run one forward pass up to the last block.

    Parameters
    ----------
    network : Module
        Its hooks are removed afterwards.
    modules : mapping of str to str
        Module at which each block ends.
    images : Tensor of shape (n, 3, rows, cols)
        Normalised images.

    Returns
    -------
    dict of str to Tensor
        Output of each block, float32.
    """
    outputs = {}

    def keep(block: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
            outputs[block] = output.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
            if len(outputs) == len(modules):
                raise _LastBlockReached

        return hook

    with ExitStack() as hooks, suppress(_LastBlockReached):
        for block, module in modules.items():
            hooks.enter_context(network.get_submodule(module).register_forward_hook(keep(block)))
        network(images)
    return outputs
