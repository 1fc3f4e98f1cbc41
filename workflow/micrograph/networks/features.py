"""Features: the outputs of a network's blocks, for all blocks in one pass over the pictures.

A feature row is a block's map flattened in the order channels, rows, columns: value (c * rows + r) * cols + k is
channel c at row r and column k. The pooled block has one value a channel.
"""

from contextlib import contextmanager, suppress

import numpy as np
import torch

from micrograph.errors import UserError
from micrograph.networks import backbones, libraries
from micrograph.networks.device import device_of, exact, kind_of
from micrograph.networks.fuse_batchnorm import fuse, lay_out


class Enough(Exception):
    """Ends a forward pass at the last block: what would follow it, the classifier, is not wanted."""


def describe(backbone, size=libraries.SIZE):
    """The blocks of a backbone in flow order: a list of (block, module, (channels, rows, cols), width)."""
    blocks = backbones.row(backbone).blocks
    shapes = {block: shape for block, (_, shape) in blocks.items()}
    if size != libraries.SIZE:
        network = backbones.build(backbone).eval()
        with torch.inference_mode():
            maps = run(network, modules_of(backbone), torch.zeros(1, 3, size, size))
        shapes = {block: (*one.shape[1:], 1, 1)[:3] for block, one in maps.items()}
    return [(block, module, shapes[block], int(np.prod(shapes[block]))) for block, (module, _) in blocks.items()]


def modules_of(backbone):
    """{block: module name} of a backbone, in flow order: what `extract` wants to be told about a network."""
    return {block: module for block, (module, _) in backbones.row(backbone).blocks.items()}


def extract(network, modules, images, mean, std, batch=16, precision="fp32", device="auto", normalise=True, count=None):
    """The outputs of all blocks for all pictures: {block: (n, width) float32}, rows in the pictures' order.

    network: as backbones.load gives it; it is left alone. modules: {block: module name}, in flow order. images:
    (n, rows, cols) uint8, or an iterable of such arrays together with `count`, the number of pictures in all of them,
    so that only one of them need be in memory. mean, std: of red, green, blue, in 0..1, as the weights expect;
    normalise=False leaves the pictures in 0..1, as the paper's features were made. precision: fp32 or bf16 (adds noise:
    about 1 % of the largest value for resnet18, 7 % for efficientnet_lite0; where the processor has no bf16
    arithmetic, fp32 is computed and a line says so). device: auto, cpu or cuda.

    The same batch gives the same bytes; another batch changes the last digits only. Raises UserError for pictures that
    are not grey uint8, and for another number of pictures than `count`.
    """
    device = device_of(device)
    kind = kind_of(precision, device)
    if isinstance(images, np.ndarray):
        images, count = [images], len(images)
    folded = lay_out(fuse(network), device, kind)
    shift, scale = scaling(mean, std, normalise, device)
    tables, done = {}, 0
    with torch.inference_mode(), exact():
        for pictures in regrouped(images, batch):
            grey = torch.from_numpy(pictures).to(device).float()[:, None]
            colour = torch.addcmul(shift, grey, scale).to(kind).contiguous(memory_format=torch.channels_last)
            for block, maps in run(folded, modules, colour).items():
                flat = maps.flatten(1).cpu().numpy()
                table = tables.setdefault(block, np.empty((count, flat.shape[1]), np.float32))
                table[done : done + len(flat)] = flat[: count - done]
            done += len(pictures)
            if done > count:
                break
    if done != count:
        raise UserError(
            f"features: {'more' if done > count else done} pictures came instead of {count}; correct the count."
        )
    return tables


def run(network, modules, pictures):
    """One forward pass up to the last of the modules: {block: its output}. Hooks are gone afterwards, come what may."""
    with hooked(network, modules) as seen, suppress(Enough):
        network(pictures)
    return seen


@contextmanager
def hooked(network, modules):
    """Hooks that copy every block's output into the dict given, and end the forward pass once all are there."""
    seen, handles = {}, []

    def keep(block):
        def hook(module, given, result):
            seen[block] = result.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
            if len(seen) == len(modules):
                raise Enough

        return hook

    try:
        for block, module in modules.items():
            handles.append(network.get_submodule(module).register_forward_hook(keep(block)))
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def regrouped(arrays, batch):
    """Arrays of pictures cut and joined to batches of `batch` (the last may be smaller), each checked."""
    waiting = None
    for array in arrays:
        if array.ndim != 3 or array.dtype != np.uint8:
            raise UserError(
                f"features: pictures must be (n, rows, cols) of 8 bits, not {array.shape} of {array.dtype}."
            )
        waiting = array if waiting is None or not len(waiting) else np.concatenate([waiting, array])
        whole = len(waiting) - len(waiting) % batch
        for start in range(0, whole, batch):
            yield np.ascontiguousarray(waiting[start : start + batch])
        waiting = waiting[whole:]
    if waiting is not None and len(waiting):
        yield np.ascontiguousarray(waiting)


def scaling(mean, std, normalise, device):
    """(shift, scale) of shape (1, 3, 1, 1): colour = shift + scale * grey for grey values 0..255."""
    mean, std = (np.asarray(part, float) for part in ((mean, std) if normalise else ((0, 0, 0), (1, 1, 1))))
    return (
        torch.tensor(part, dtype=torch.float32, device=device).reshape(1, 3, 1, 1)
        for part in (-mean / std, 1 / (255 * std))
    )
