"""Batch sizes of incremental inference, so that activations and index tables fit into a given memory."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from micrograph.attribution.incremental.layer_graph import INPUT, Layer
from micrograph.attribution.incremental.receptive_field import ReceptiveFields
from micrograph.errors import UserError

MAX_WINDOWS = 96  # in the early layers at once: their maps then stay in a processor's cache (measured)
MAX_WHOLE = 128  # whole maps in the late layers at once
MEGABYTE = 1e6
INDEX_BYTES, FLOAT_BYTES = 4, 4


@dataclass(frozen=True)
class BatchSizes:
    """What is computed at once: images; windows, of all images, in early layers; whole maps in late layers."""

    images: int
    windows: int
    whole: int


def plan(
    layers: list[Layer], side: int, starts: NDArray[np.intp], patch: int, n_images: int, itemsize: int,
    megabytes: float,
) -> tuple[ReceptiveFields, BatchSizes]:  # fmt: skip
    """Choose the geometry and the largest batch sizes that fit into the memory.

    Parameters
    ----------
    layers, side, starts, patch
        As in `ReceptiveFields`.
    n_images : int
        Images at once, at most.
    itemsize : int
        Bytes of a value of a map.
    megabytes : float

    Returns
    -------
    ReceptiveFields
    BatchSizes

    Raises
    ------
    UserError
        If not even one window fits.
    """
    fields = ReceptiveFields(layers, side, starts, patch)
    group = len(starts) ** 2 / len(fields.classes) ** 2
    sizes = BatchSizes(min(n_images, max(1, round(MAX_WINDOWS / group))), MAX_WINDOWS, MAX_WHOLE)
    while _bytes(fields, sizes, itemsize) > megabytes * MEGABYTE:
        if sizes == BatchSizes(1, 1, 1):
            least = int(np.ceil(_bytes(fields, sizes, itemsize) / MEGABYTE))
            raise UserError(
                f"occlusion: {megabytes} MB are too few for one window; set attribution.memory_mb to {least}."
            )
        sizes = shrink(sizes)
    return fields, sizes


def shrink(sizes: BatchSizes) -> BatchSizes:
    """Halve the windows of the early layers, or the other sizes, in turn."""
    if sizes.windows > max(sizes.whole // 2, 1):
        return replace(sizes, images=min(sizes.images, sizes.windows // 2), windows=sizes.windows // 2)
    return replace(sizes, images=max(1, sizes.images // 2), whole=max(1, sizes.whole // 2))


def _bytes(fields, sizes, itemsize):
    """Bytes of maps, tables and pooled features of one batch of images, at most."""
    layers, first_whole = fields.layers, fields.first_whole
    channels = np.array([layer.channels for layer in layers])
    maps = fields.sides**2 * channels
    windows = np.max([one.sizes for one in fields.classes], axis=0) ** 2 * channels
    kept, handed = _gathered(fields), fields.inputs_of_whole()
    buffers = sum(sizes.images * maps[index] + sizes.windows * windows[index] for index in kept)
    buffers += sizes.whole * maps[handed].sum()
    early = max((_early_values(fields, index, windows) for index in range(1, first_whole)), default=0) * sizes.windows
    late = max((_whole_values(fields, index, maps) for index in range(first_whole, len(layers))), default=0)
    late *= sizes.whole
    original = max(_whole_values(fields, index, maps) for index in range(1, len(layers))) * sizes.images
    original += sizes.images * maps[kept].sum()
    pooled = sizes.images * len(fields.lows[INPUT]) ** 2 * channels[-1] * FLOAT_BYTES
    values = buffers + max(early, late, original)
    return itemsize * values + pooled + INDEX_BYTES * _table_rows(fields) * sizes.images


def _gathered(fields):
    """Return the maps that some early layer may gather rows from."""
    early = enumerate(fields.layers[1 : fields.first_whole], start=1)
    read = {
        source
        for _, layer in early
        for source in layer.inputs()
        if source == layer.residual or layer.kernel * layer.stride > 1
    }
    return sorted(read | set(fields.inputs_of_whole()))


def _early_values(fields, index, windows):
    """Values of one window while an early layer runs, beside the buffers: what it reads, its result three times."""
    layer = fields.layers[index]
    size = max((one.sizes[index] - 1) * layer.stride + layer.kernel for one in fields.classes)
    return size**2 * fields.layers[layer.source].channels + 3 * windows[index] + windows[layer.source]


def _whole_values(fields, index, maps):
    """Values of one image while a layer runs on whole maps, with one more map that waits for a later sum."""
    layer = fields.layers[index]
    side = fields.sides[layer.source]
    padded = ((side + layer.kernel) / side) ** 2 if layer.same_padding else 0
    waiting = max(maps[read] for read in layer.inputs())
    return maps[layer.source] * (1 + padded) + maps[index] * 2 + waiting


def _table_rows(fields):
    """Rows of all tables of one image."""
    total = 0
    for index, layer in enumerate(fields.layers[1 : fields.first_whole], start=1):
        for read in layer.inputs():
            kernel, stride = (layer.kernel, layer.stride) if read == layer.source else (1, 1)
            rows = [len(one.members) * ((one.sizes[index] - 1) * stride + kernel) for one in fields.classes]
            total += sum(rows) ** 2
    count = len(fields.lows[INPUT])
    return total + sum((count * fields.sides[read]) ** 2 for read in fields.inputs_of_whole())
