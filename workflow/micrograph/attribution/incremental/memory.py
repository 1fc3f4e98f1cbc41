"""How many pictures and windows are computed at once, so that maps and tables stay within the memory asked for."""

from dataclasses import dataclass, replace

import numpy as np

from micrograph.attribution.incremental import fourier_conv
from micrograph.attribution.incremental.layer_graph import PICTURE, reads
from micrograph.attribution.incremental.receptive_field import Reach
from micrograph.errors import UserError

WINDOWS = 96  # that pass the early steps at once: their maps then stay in a processor's cache (measured)
LATE = 128  # windows that pass the late steps at once
MEGABYTE = 1e6
INDEX, FLOAT = 4, 4  # bytes


@dataclass(frozen=True)
class Amounts:
    """What is computed at once: pictures; windows, of all pictures, in the early steps and in the late ones."""

    pictures: int
    windows: int
    late: int


def plan(steps, side, first, patch, pictures, itemsize, megabytes):
    """(reach.Reach, Amounts): the geometry, and the largest amounts for at most this number of pictures that fit.

    itemsize: bytes of a value of a map. Fourier coefficients of kernels are used where they take two thirds of the
    memory at most. UserError where not even one window at a time fits.
    """
    reached = Reach(steps, side, first, patch)
    if itemsize * coefficients(reached) > megabytes * MEGABYTE * 2 / 3:
        reached = Reach(steps, side, first, patch, fourier=False)
    group = len(first) ** 2 / len(reached.classes) ** 2
    tried = Amounts(min(pictures, max(1, round(WINDOWS / group))), WINDOWS, LATE)
    while needed(reached, tried, itemsize) > megabytes * MEGABYTE:
        if tried == Amounts(1, 1, 1):
            least = int(np.ceil(needed(reached, tried, itemsize) / MEGABYTE))
            raise UserError(
                f"occlusion: {megabytes} MB are too few for one window; set attribution.memory_mb to {least}."
            )
        tried = smaller(tried)
    return reached, tried


def smaller(amounts):
    """Less at once: by turns half the windows of the early steps, and half of the rest."""
    if amounts.windows > max(amounts.late // 2, 1):
        return replace(amounts, pictures=min(amounts.pictures, amounts.windows // 2), windows=amounts.windows // 2)
    pictures, late = (max(1, part // 2) for part in (amounts.pictures, amounts.late))
    return replace(amounts, pictures=pictures, late=late)


def coefficients(reach):
    """Values that the Fourier coefficients of kernels take."""
    modules = [(reach.steps[place].module, reach.sides[place]) for place in reach.spectral()]
    return sum(fourier_conv.products(side) * module.in_channels * module.out_channels for module, side in modules)


def needed(reach, amounts, itemsize):
    """Bytes that maps, tables, coefficients and the pooled features of one round of pictures take, at most."""
    steps, late = reach.steps, reach.late
    channels = np.array([step.channels for step in steps])
    maps = reach.sides**2 * channels
    windows = np.max([one.sizes for one in reach.classes], axis=0) ** 2 * channels
    kept, handed = gathered(reach), reach.handed_over()
    buffers = sum(amounts.pictures * maps[place] + amounts.windows * windows[place] for place in kept)
    buffers += amounts.late * maps[handed].sum()
    early = max((early_values(reach, place, windows) for place in range(1, late)), default=0) * amounts.windows
    after = max((late_values(reach, place, maps) for place in range(late, len(steps))), default=0) * amounts.late
    before = max(late_values(reach, place, maps) for place in range(1, len(steps))) * amounts.pictures
    before += amounts.pictures * maps[kept].sum()
    pooled = amounts.pictures * len(reach.lows[PICTURE]) ** 2 * channels[-1] * FLOAT
    values = buffers + max(early, after, before) + coefficients(reach)
    return itemsize * values + pooled + INDEX * table_rows(reach) * amounts.pictures


def gathered(reach):
    """The places of the maps that some early step may gather rows from."""
    early = enumerate(reach.steps[1 : reach.late], start=1)
    near = {read for _, step in early for read in reads(step) if read == step.plus or step.kernel * step.stride > 1}
    return sorted(near | set(reach.handed_over()))


def early_values(reach, place, windows):
    """Values that one window takes while an early step runs, beside the buffers: what it reads, its result thrice."""
    step = reach.steps[place]
    size = max((one.sizes[place] - 1) * step.stride + step.kernel for one in reach.classes)
    return size**2 * reach.steps[step.source].channels + 3 * windows[place] + windows[step.source]


def late_values(reach, place, maps):
    """Values that one picture takes while a step runs on whole maps, with one map more that waits for a later sum."""
    step = reach.steps[place]
    side = reach.sides[step.source]
    padded = ((side + step.kernel) / side) ** 2 if step.same else 0
    spread = fourier_conv.products(side) / side**2 if place in reach.spectral() else 0
    waiting = max(maps[read] for read in reads(step))
    return maps[step.source] * (1 + padded + spread) + maps[place] * (2 + spread) + waiting


def table_rows(reach):
    """Rows of all tables of one picture."""
    total = 0
    for place, step in enumerate(reach.steps[1 : reach.late], start=1):
        for read in reads(step):
            kernel, stride = (step.kernel, step.stride) if read == step.source else (1, 1)
            long = [len(one.members) * ((one.sizes[place] - 1) * stride + kernel) for one in reach.classes]
            total += sum(long) ** 2
    count = len(reach.lows[PICTURE])
    return total + sum((count * reach.sides[read]) ** 2 for read in reach.handed_over())
