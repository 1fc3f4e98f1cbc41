"""Occlusion by exact incremental inference: of every map, only the window that a hidden square can change is computed.

After S. Nakandala, A. Kumar, Y. Papakonstantinou, "Incremental and approximate inference for faster occlusion-based
deep CNN explanations", SIGMOD 2019. The untouched picture passes the network once, and its maps are kept. For every
place of the square each step then gathers what its window reads, changed values and kept ones side by side, into small
maps of one size, which the step turns into the next window without padding. The values are those of a full pass, up to
the order of sums. From where windows are nearly whole maps, whole maps are computed, of many places at a time.

The geometry is in reach.py. All indices depend on sizes alone: they are made once and serve all pictures.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from micrograph.attribution.incremental import fourier_conv, layer_graph, receptive_field
from micrograph.attribution.incremental.layer_graph import PICTURE


@dataclass(frozen=True)
class Chunk:
    """Windows that pass the early steps at once: places (w, 2) of their squares, down and across; sizes
    {place of a map: (rows, cols)}; tables {(step, map): rows to gather, (pictures * w * rows * cols,)}."""

    places: np.ndarray
    sizes: dict
    tables: dict


class Occluder:
    """Pictures of one size, hidden square by square, through one network.

    geometry: reach.Reach; amounts: memory.Amounts, how much is computed at once. The weights tell device and dtype.
    """

    def __init__(self, geometry, amounts):
        self.reach, self.pictures, self.amounts = geometry, amounts.pictures, amounts
        self.steps, self.sides = quickened(geometry), [int(one) for one in geometry.sides]
        self.count = geometry.lows.shape[1]
        weight = next(step.module.weight for step in self.steps if isinstance(step.module, nn.Conv2d))
        self.device, self.kind = weight.device, weight.dtype
        self.chunks = [chunk for group in self.reach.groups() for chunk in self.cut(*group)]
        self.kept = sorted({read for chunk in self.chunks for _, read in chunk.tables})
        self.handed = self.reach.handed_over()
        self.buffers = {place: self.buffer(place) for place in self.kept}
        self.waiting = {place: self.empty(amounts.late * self.sides[place] ** 2, place) for place in self.handed}

    def empty(self, rows, place):
        """Rows of zeros for a map."""
        return torch.zeros((rows, self.steps[place].channels), dtype=self.kind, device=self.device)

    def buffer(self, place):
        """A row of zeros, the kept maps of all pictures, and room for the windows of the largest chunk."""
        room = max(len(chunk.places) * np.prod(chunk.sizes[place]) for chunk in self.chunks)
        return self.empty(1 + self.pictures * (self.sides[place] ** 2 + int(room)), place)

    def cut(self, down, across):
        """The Chunks of one group."""
        pairs = np.stack(np.meshgrid(range(len(down.members)), range(len(across.members)), indexing="ij"), -1)
        pairs = pairs.reshape(-1, 2)
        most = max(1, self.amounts.windows // self.pictures)
        return [self.chunk(down, across, *part.T) for part in np.array_split(pairs, -(-len(pairs) // most))]

    def chunk(self, down, across, rows, cols):
        """The Chunk of some members of a group: rows of `down`, cols of `across`."""
        axes = (down, rows), (across, cols)
        sizes = {place: (int(down.sizes[place]), int(across.sizes[place])) for place in range(len(self.steps))}
        tables = {}
        for place, step in enumerate(self.steps[1 : self.reach.late], start=1):
            for read in layer_graph.reads(step):
                slid = step if read == step.source else layer_graph.ADDED
                wanted = [
                    receptive_field.sources(slid, self.sides[read], one.starts[place][some], one.sizes[place])
                    for one, some in axes
                ]
                self.tabulate(tables, place, read, axes, wanted)
        for read in self.reach.handed_over():
            everything = [np.broadcast_to(np.arange(self.sides[read]), (len(rows), self.sides[read]))] * 2
            self.tabulate(tables, len(self.steps), read, axes, everything)
        return Chunk(np.stack([down.members[rows], across.members[cols]], 1), sizes, tables)

    def tabulate(self, tables, place, read, axes, wanted):
        """Add the rows to gather, unless they are just the windows there are."""
        held = [one.starts[read][some][:, None] + np.arange(one.sizes[read]) for one, some in axes]
        if read != PICTURE and all(np.array_equal(*pair) for pair in zip(held, wanted, strict=True)):
            return
        side, count = self.sides[read], len(wanted[0])
        lows, highs = self.reach.lows[PICTURE], self.reach.highs[PICTURE]
        inside, changed, offset = [], [], []
        for rows, (one, some) in zip(wanted, axes, strict=True):
            low = one.starts[read][some][:, None]
            high = low + one.sizes[read]
            if read == PICTURE:
                low, high = (ends[one.members[some]][:, None] for ends in (lows, highs))
            inside.append((rows >= 0) & (rows < side))
            changed.append((rows >= low) & (rows < high))
            offset.append(rows - low)

        def both(parts, join):
            return join(parts[0][:, :, None], parts[1][:, None, :])

        tall, wide = (one.sizes[read] for one, _ in axes)
        number = np.arange(self.pictures)[:, None, None, None]
        window = (number * count + np.arange(count)[:, None, None]) * tall * wide
        window = window + both(offset, lambda row, col: row * wide + col) if read != PICTURE else number
        map_row = number * side**2 + both(wanted, lambda row, col: row * side + col)
        index = np.where(both(inside, np.logical_and), 1 + map_row, 0)
        index = np.where(both(changed, np.logical_and), 1 + self.pictures * side**2 + window, index)
        tables[place, read] = torch.from_numpy(index.reshape(self.pictures, -1).astype(np.int32)).to(self.device)

    def pooled(self, colour, fill):
        """(untouched (n, width), hidden (n, k, k, width)) float32 of pictures (n, 3, side, side) hidden by (n, 3)."""
        untouched, count = self.look(colour, fill), len(colour)
        hidden = torch.empty((count, self.count, self.count, untouched.shape[1]), device=self.device)
        queue, filled = [], 0
        for chunk in self.chunks:
            if filled + count * len(chunk.places) > self.amounts.late:
                self.finish(queue, filled, hidden)
                queue, filled = [], 0
            self.early(chunk, count, filled)
            queue.append(chunk.places)
            filled += count * len(chunk.places)
        self.finish(queue, filled, hidden)
        return untouched, hidden

    def look(self, colour, fill):
        """Pass the untouched pictures, keep their maps for all chunks; their pooled features."""
        maps = layer_graph.whole(self.steps, {PICTURE: colour.to(self.kind)}, keep=self.kept)
        for place in self.kept:
            rows = as_rows(maps[place])
            self.buffers[place][1 : 1 + len(rows)] = rows
        self.buffers[PICTURE][1 + self.pictures * self.sides[PICTURE] ** 2 :][: len(fill)] = fill
        return maps[len(self.steps) - 1].float().mean((2, 3))

    def early(self, chunk, count, filled):
        """Compute the chunk's windows of all maps up to the late steps, and hand them over as whole maps."""
        many, windows = count * len(chunk.places), {}
        for place, step in enumerate(self.steps[1 : self.reach.late], start=1):
            tall, wide = chunk.sizes[place]
            room = self.room(place, many * tall * wide)
            given = self.gather(chunk, place, step.source, count, windows)
            plus = None if step.plus is None else self.gather(chunk, place, step.plus, count, windows)
            compute(step, given, many, tall, wide, plus, room)
            windows[place] = room
        for read in self.handed:
            side = self.sides[read] ** 2
            room = self.waiting[read][filled * side : (filled + many) * side]
            self.gather(chunk, len(self.steps), read, count, windows, room)

    def room(self, place, rows):
        """Where the windows of a map are to be written."""
        if place not in self.buffers:
            return torch.empty((rows, self.steps[place].channels), dtype=self.kind, device=self.device)
        start = 1 + self.pictures * self.sides[place] ** 2
        return self.buffers[place][start : start + rows]

    def gather(self, chunk, place, read, count, windows, room=None):
        """The rows of the map `read` that the step `place` wants, of all windows."""
        table = chunk.tables.get((place, read))
        if table is None:
            return windows[read] if room is None else room.copy_(windows[read])
        index = table[:count].reshape(-1)
        if room is None:
            return self.buffers[read].index_select(0, index)
        return torch.index_select(self.buffers[read], 0, index, out=room)

    def finish(self, queue, filled, hidden):
        """The late steps and the mean, of all that waits, written where they belong."""
        maps = {
            place: as_maps(rows[: filled * self.sides[place] ** 2], filled, self.sides[place], self.sides[place])
            for place, rows in self.waiting.items()
        }
        made = layer_graph.whole(self.steps, maps, first=self.reach.late)[len(self.steps) - 1].float().mean((2, 3))
        done = 0
        for places in queue:
            many = len(hidden) * len(places)
            values = made[done : done + many].reshape(len(hidden), len(places), -1)
            hidden[:, places[:, 0], places[:, 1]] = values
            done += many


def quickened(geometry):
    """The steps, with convolutions of whole small maps done by their Fourier coefficients."""
    made = list(geometry.steps)
    for place in geometry.spectral():
        made[place] = replace(made[place], module=fourier_conv.Spectral(made[place].module, int(geometry.sides[place])))
    return made


def compute(step, given, many, tall, wide, plus, room):
    """Write a step's windows (many, tall, wide) into `room`, rows of channels, from the rows that they read."""
    conv = step.module
    if isinstance(conv, nn.Conv2d) and step.kernel == 1 and conv.groups == 1:
        bias = given.new_zeros(()) if conv.bias is None else conv.bias
        torch.addmm(bias, given, conv.weight.flatten(1).t(), out=room)
        if plus is not None:
            room.add_(plus)
    else:
        shape = [(size - 1) * step.stride + step.kernel for size in (tall, wide)]
        made = given if conv is None else as_rows(layer_graph.apply(step, as_maps(given, many, *shape)))
        torch.add(made, plus, out=room) if plus is not None else room.copy_(made)
    if step.active is not None:
        step.active(room)


def as_maps(rows, count, tall, wide):
    """Rows of channels as maps (count, channels, tall, wide), channels last; no copy."""
    return rows.view(count, tall, wide, -1).permute(0, 3, 1, 2)


def as_rows(maps):
    """Maps (n, channels, rows, cols) as rows of channels; no copy where they lie channels last."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
