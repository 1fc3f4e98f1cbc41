"""Reach: what part of every map a window of the picture can change, and where the values around it are taken from.

Both axes of a picture are alike, so everything is worked out once, on one axis, from sizes alone. A window at rows
[lo, hi) of a map reaches the rows of the next map whose kernels touch it: 15 pixels become 10 or 11 of 112 rows behind
ResNet18's first convolution, 8 to 14 of 56 in its first layer, all of 7 in its last.

Windows that are computed together must be of one size at every step. Their places along an axis therefore fall into a
few classes, chosen so that the fewest values are computed in vain; a group is all pairs of one class down and one
across. A window smaller than its class's is grown, inwards at the border: what it then computes in vain is right too.

Maps lie in memory as rows of channels, one row a pixel. What a step reads is a list of such rows: from the changed
windows where they cover the pixel, from the map of the untouched picture beside them, a row of zeros outside the map.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from micrograph.attribution.incremental import fourier_conv
from micrograph.attribution.incremental.layer_graph import reads

CLASSES = 6  # of an axis; more save less than the smaller groups cost (measured)
GATHERED = 1.15  # times the work itself: what gathering windows and small maps add (measured)


@dataclass(frozen=True)
class Windows:
    """The windows of one class on one axis: places (k,) of its members; starts (steps, k), sizes (steps,) of them."""

    members: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray


class Reach:
    """The geometry of one network, picture size and patch.

    steps: steps.read; side: of the picture; first: (k,) first pixels of the windows; patch: their side.
    sides: (steps,) of all maps; lows, highs: (steps, k), the half-open range of every map that each window changes;
    fourier: whether whole maps may be convolved by their Fourier coefficients (spectral.py).
    costs: (steps,) multiplications for one pixel of every map; classes: list of Windows.
    """

    def __init__(self, steps, side, first, patch, fourier=True):
        self.steps, self.patch, self.fourier = steps, patch, fourier
        self.sides, self.lows, self.highs = spans(steps, side, first, patch)
        self.costs = np.array([work(step) for step in steps])
        parts = partition(self.highs - self.lows, self.costs, CLASSES)
        self.classes = [self.windows(members) for members in parts]

    def windows(self, members):
        """The class of these members: each step's size is its largest, starts are moved inwards where needed."""
        lows, highs = self.lows[:, members], self.highs[:, members]
        sizes = (highs - lows).max(axis=1)
        return Windows(members, np.minimum(lows, (self.sides - sizes)[:, None]), sizes)

    @cached_property
    def late(self):
        """The first step that is computed on whole maps: where that costs least, all steps together."""
        pairs = zip(self.steps, self.sides, strict=True)
        shares = [fourier_conv.share(step.module, side) if self.fourier else 1.0 for step, side in pairs]
        whole = self.costs * self.sides**2 * shares
        costs = [GATHERED * self.grouped[:place].sum() + whole[place:].sum() for place in range(1, len(self.steps) + 1)]
        return 1 + int(np.argmin(costs))

    def spectral(self):
        """The places of the steps whose convolutions go by Fourier coefficients."""
        late = range(self.late, len(self.steps)) if self.fourier else ()
        return [place for place in late if fourier_conv.serves(self.steps[place].module, self.sides[place])]

    def handed_over(self):
        """The places of the maps made before `late` that are read from there on."""
        read = {place for step in self.steps[self.late :] for place in reads(step)} | {len(self.steps) - 1}
        return sorted(place for place in read if place < self.late)

    def groups(self):
        """All pairs (down, across) of Windows."""
        return [(down, across) for down in self.classes for across in self.classes]

    @property
    def grouped(self):
        """(steps,) multiplications of a window, on the mean, sizes being those of its group."""
        sizes = sum(len(one.members) * one.sizes for one in self.classes) / self.lows.shape[1]
        return self.costs * sizes**2

    def multiplications(self):
        """(whole, exact, grouped): of one picture passed plainly; of a window on the mean, exactly, and in groups."""
        exact = (self.highs - self.lows).mean(axis=1)
        return tuple(float(part.sum()) for part in (self.costs * self.sides**2, self.costs * exact**2, self.grouped))


def work(step):
    """Multiplications for one pixel of a step's map; for an addition 1 a channel."""
    return float(step.channels if getattr(step.module, "weight", None) is None else step.module.weight.numel())


def spans(steps, side, first, patch):
    """(sides, lows, highs) of all maps: see Reach. An empty range is given as one pixel beside it."""
    sides, lows, highs = [side], [first], [np.minimum(first + patch, side)]
    for step in steps[1:]:
        given, before = sides[step.source], step.before(sides[step.source])
        made = step.side(given)
        low = -(-(lows[step.source] + before - step.kernel + 1) // step.stride)
        high = (highs[step.source] - 1 + before) // step.stride + 1
        if step.plus is not None:
            low, high = np.minimum(low, lows[step.plus]), np.maximum(high, highs[step.plus])
        low = np.clip(low, 0, made - 1)
        sides.append(made)
        lows.append(low)
        highs.append(np.clip(high, low + 1, made))
    return np.array(sides), np.array(lows), np.array(highs)


def partition(sizes, costs, count):
    """Windows (steps, k) of these sizes in at most `count` classes: a list of rising members.

    Begins with one class for every list of sizes and joins the two whose join costs least, again and again. The cost of
    a class is that of its members paired with one another.
    """
    kinds, kind = np.unique(sizes, axis=1, return_inverse=True)
    parts = [np.flatnonzero(kind.ravel() == one) for one in range(kinds.shape[1])]
    mean = sizes.mean(axis=1)

    def price(members):
        return len(members) * (costs * mean * sizes[:, members].max(axis=1)).sum()

    while len(parts) > count:
        prices = [price(members) for members in parts]
        pairs = [(a, b) for a in range(len(parts)) for b in range(a)]
        extra = [price(np.concatenate([parts[a], parts[b]])) - prices[a] - prices[b] for a, b in pairs]
        a, b = pairs[int(np.argmin(extra))]
        parts[b] = np.sort(np.concatenate([parts[a], parts[b]]))
        del parts[a]
    return parts


def sources(step, side, starts, size):
    """The rows (k, n) of a map of this side that `size` values of a step's map read, from `starts` (k,) on.

    Rows before 0 and from `side` on are padding. A kernel of 1 reads no rows between those it needs.
    """
    reading = np.arange(size) * step.stride if step.kernel == 1 else np.arange((size - 1) * step.stride + step.kernel)
    return starts[:, None] * step.stride - step.before(side) + reading
