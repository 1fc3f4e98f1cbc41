"""Occlusion by exact incremental inference: of every map, only the window that a hidden patch can change is computed.

After Nakandala et al. [1]_. The original image passes the network once, and its maps are kept. For every window each
layer then gathers what it reads, changed values and kept ones side by side, into small maps of one size, and computes
the next window from them without padding. The values are those of a full pass, up to the order of sums. From the layer
on where windows are nearly whole maps, whole maps are computed, of many windows at a time.

The geometry is in `receptive_field`. All indices depend on sizes alone: they are made once and serve all images.

References
----------
.. [1] S. Nakandala, A. Kumar, Y. Papakonstantinou, "Incremental and approximate inference for faster occlusion-based
   deep CNN explanations", SIGMOD 2019.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from micrograph.attribution.incremental import layer_graph, receptive_field
from micrograph.attribution.incremental.layer_graph import INPUT
from micrograph.attribution.incremental.memory import BatchSizes
from micrograph.attribution.incremental.receptive_field import ReceptiveFields


@dataclass(frozen=True)
class _Chunk:
    """Windows that pass the early layers at once.

    windows: (w, 2), their indices down and across; sizes: {layer: (rows, cols)} of their maps; tables: {(layer,
    source): rows to gather, (n_images, w * rows * cols)}.
    """

    windows: NDArray[np.intp]
    sizes: dict[int, tuple[int, int]]
    tables: dict[tuple[int, int], torch.Tensor]


class IncrementalOcclusion:
    """Pooled features of images with every window hidden, by one network, for images of one size.

    Parameters
    ----------
    fields : ReceptiveFields
        The weights of its layers determine device and dtype.
    sizes : BatchSizes

    Attributes
    ----------
    images : int
        Images to pass at once, at most.
    """

    def __init__(self, fields: ReceptiveFields, sizes: BatchSizes) -> None:
        self.fields, self.images, self.batch_sizes = fields, sizes.images, sizes
        self.layers, self.sides = fields.layers, [int(one) for one in fields.sides]
        self.n_windows = fields.lows.shape[1]
        weight = next(layer.module.weight for layer in self.layers if isinstance(layer.module, nn.Conv2d))
        self.device, self.dtype = weight.device, weight.dtype
        self.chunks = [chunk for pair in product(fields.classes, repeat=2) for chunk in self._cut(*pair)]
        self.kept = sorted({source for chunk in self.chunks for _, source in chunk.tables})
        self.handed = self.fields.inputs_of_whole()
        self.buffers = {index: self._buffer(index) for index in self.kept}
        self.waiting = {index: self._empty(sizes.whole * self.sides[index] ** 2, index) for index in self.handed}

    def features(self, inputs: torch.Tensor, fill: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the pooled features of images and of the images with every window hidden.

        Parameters
        ----------
        inputs : Tensor of shape (n, 3, side, side)
        fill : Tensor of shape (n, 3)
            Value of hidden pixels.

        Returns
        -------
        original : Tensor of float32, shape (n, n_features)
        hidden : Tensor of float32, shape (n, n_windows, n_windows, n_features)
        """
        original, count = self._keep_maps(inputs, fill), len(inputs)
        hidden = torch.empty((count, self.n_windows, self.n_windows, original.shape[1]), device=self.device)
        queue: list[NDArray[np.intp]] = []
        filled = 0
        for chunk in self.chunks:
            if filled + count * len(chunk.windows) > self.batch_sizes.whole:
                self._run_whole(queue, filled, hidden)
                queue, filled = [], 0
            self._run_windows(chunk, count, filled)
            queue.append(chunk.windows)
            filled += count * len(chunk.windows)
        self._run_whole(queue, filled, hidden)
        return original, hidden

    def _empty(self, rows, index):
        """Rows of zeros for a map."""
        return torch.zeros((rows, self.layers[index].channels), dtype=self.dtype, device=self.device)

    def _buffer(self, index):
        """Return a row of zeros, the kept maps of all images, and space for the windows of the largest chunk."""
        most = max(len(chunk.windows) * np.prod(chunk.sizes[index]) for chunk in self.chunks)
        return self._empty(1 + self.images * (self.sides[index] ** 2 + int(most)), index)

    def _cut(self, down, across):
        """Return the chunks of one group."""
        pairs = np.stack(np.meshgrid(range(len(down.members)), range(len(across.members)), indexing="ij"), -1)
        pairs = pairs.reshape(-1, 2)
        most = max(1, self.batch_sizes.windows // self.images)
        return [self._chunk(down, across, *part.T) for part in np.array_split(pairs, -(-len(pairs) // most))]

    def _chunk(self, down, across, rows, cols):
        """Return the chunk of some members of a group: rows of `down`, cols of `across`."""
        axes = (down, rows), (across, cols)
        sizes = {index: (int(down.sizes[index]), int(across.sizes[index])) for index in range(len(self.layers))}
        tables = {}
        for index, layer in enumerate(self.layers[1 : self.fields.first_whole], start=1):
            for source in layer.inputs():
                reader = layer if source == layer.source else layer_graph.POINTWISE
                wanted = [
                    receptive_field.source_rows(reader, self.sides[source], one.starts[index][some], one.sizes[index])
                    for one, some in axes
                ]
                self._tabulate(tables, index, source, axes, wanted)
        for source in self.fields.inputs_of_whole():
            everything = [np.broadcast_to(np.arange(self.sides[source]), (len(rows), self.sides[source]))] * 2
            self._tabulate(tables, len(self.layers), source, axes, everything)
        return _Chunk(np.stack([down.members[rows], across.members[cols]], 1), sizes, tables)

    def _tabulate(self, tables, index, source, axes, wanted):
        """Add the rows to gather, unless they are just those of the windows."""
        held = [one.starts[source][some][:, None] + np.arange(one.sizes[source]) for one, some in axes]
        if source != INPUT and all(np.array_equal(*pair) for pair in zip(held, wanted, strict=True)):
            return
        side, count = self.sides[source], len(wanted[0])
        lows, highs = self.fields.lows[INPUT], self.fields.highs[INPUT]
        inside, changed, offset = [], [], []
        for rows, (one, some) in zip(wanted, axes, strict=True):
            low = one.starts[source][some][:, None]
            high = low + one.sizes[source]
            if source == INPUT:
                low, high = (ends[one.members[some]][:, None] for ends in (lows, highs))
            inside.append((rows >= 0) & (rows < side))
            changed.append((rows >= low) & (rows < high))
            offset.append(rows - low)

        def both(parts, join):
            return join(parts[0][:, :, None], parts[1][:, None, :])

        height, width = (one.sizes[source] for one, _ in axes)
        image = np.arange(self.images)[:, None, None, None]
        window = (image * count + np.arange(count)[:, None, None]) * height * width
        window = window + both(offset, lambda row, col: row * width + col) if source != INPUT else image
        map_row = image * side**2 + both(wanted, lambda row, col: row * side + col)
        table = np.where(both(inside, np.logical_and), 1 + map_row, 0)
        table = np.where(both(changed, np.logical_and), 1 + self.images * side**2 + window, table)
        tables[index, source] = torch.from_numpy(table.reshape(self.images, -1).astype(np.int32)).to(self.device)

    def _keep_maps(self, inputs, fill):
        """Pass the original images and keep their maps for all chunks; their pooled features."""
        maps = layer_graph.forward(self.layers, {INPUT: inputs.to(self.dtype)}, keep=self.kept)
        for index in self.kept:
            rows = _as_rows(maps[index])
            self.buffers[index][1 : 1 + len(rows)] = rows
        self.buffers[INPUT][1 + self.images * self.sides[INPUT] ** 2 :][: len(fill)] = fill
        return maps[len(self.layers) - 1].float().mean((2, 3))

    def _run_windows(self, chunk, count, filled):
        """Compute the chunk's windows of all early layers, and hand them over as whole maps."""
        n_maps, windows = count * len(chunk.windows), {}
        for index, layer in enumerate(self.layers[1 : self.fields.first_whole], start=1):
            height, width = chunk.sizes[index]
            out = self._output(index, n_maps * height * width)
            rows = self._gather(chunk, index, layer.source, count, windows)
            residual = None if layer.residual is None else self._gather(chunk, index, layer.residual, count, windows)
            _compute(layer, rows, n_maps, height, width, residual, out)
            windows[index] = out
        for index in self.handed:
            area = self.sides[index] ** 2
            out = self.waiting[index][filled * area : (filled + n_maps) * area]
            self._gather(chunk, len(self.layers), index, count, windows, out)

    def _output(self, index, rows):
        """Where the windows of a map are written."""
        if index not in self.buffers:
            return torch.empty((rows, self.layers[index].channels), dtype=self.dtype, device=self.device)
        start = 1 + self.images * self.sides[index] ** 2
        return self.buffers[index][start : start + rows]

    def _gather(self, chunk, index, source, count, windows, out=None):
        """Return the rows of the map `source` that the layer `index` reads, of all windows."""
        table = chunk.tables.get((index, source))
        if table is None:
            return windows[source] if out is None else out.copy_(windows[source])
        rows = table[:count].reshape(-1)
        if out is None:
            return self.buffers[source].index_select(0, rows)
        return torch.index_select(self.buffers[source], 0, rows, out=out)

    def _run_whole(self, queue, filled, hidden):
        """Compute the late layers and the mean of all waiting maps, and write them to their windows."""
        maps = {
            index: _as_maps(rows[: filled * self.sides[index] ** 2], filled, self.sides[index], self.sides[index])
            for index, rows in self.waiting.items()
        }
        last = layer_graph.forward(self.layers, maps, first=self.fields.first_whole)[len(self.layers) - 1]
        pooled, done = last.float().mean((2, 3)), 0
        for windows in queue:
            n_maps = len(hidden) * len(windows)
            values = pooled[done : done + n_maps].reshape(len(hidden), len(windows), -1)
            hidden[:, windows[:, 0], windows[:, 1]] = values
            done += n_maps


def _compute(layer, rows, n_maps, height, width, residual, out):
    """Write a layer's windows (n_maps, height, width) into `out`, rows of channels, from the rows that they read."""
    conv = layer.module
    if isinstance(conv, nn.Conv2d) and layer.kernel == 1 and conv.groups == 1:
        bias = rows.new_zeros(()) if conv.bias is None else conv.bias
        torch.addmm(bias, rows, conv.weight.flatten(1).t(), out=out)
        if residual is not None:
            out.add_(residual)
    else:
        shape = [(size - 1) * layer.stride + layer.kernel for size in (height, width)]
        values = rows if conv is None else _as_rows(layer_graph.apply_to_windows(layer, _as_maps(rows, n_maps, *shape)))
        torch.add(values, residual, out=out) if residual is not None else out.copy_(values)
    if layer.activation is not None:
        layer.activation(out)


def _as_maps(rows, count, height, width):
    """Rows of channels as maps (count, channels, height, width), channels last; no copy."""
    return rows.view(count, height, width, -1).permute(0, 3, 1, 2)


def _as_rows(maps):
    """Return maps (n, channels, height, width) as rows of channels; no copy where they are stored channels last."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
