"""Receptive fields: the part of every map that a window of the image can change, and the values that are read for it.

Both axes of an image are the same, so everything is worked out once, on one axis, from sizes alone. A window at rows
[low, high) of a map changes the rows of the next map whose kernels touch it: 15 pixels become 10 or 11 of 112 rows
after ResNet18's first convolution, 8 to 14 of 56 in its first stage, all of 7 in its last.

Windows that are computed together must have one size at every layer. Their positions along an axis are therefore
grouped into a few classes, chosen so that the fewest values are computed needlessly; a group is a pair of a class down
and one across. A window smaller than that of its class is enlarged, inwards at the border; the additional values are
correct too.

Maps are stored as rows of channels, one row per pixel. What a layer reads is a list of such rows: of the changed
windows where they cover the pixel, of the map of the original image beside them, and a row of zeros outside the map.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from micrograph.attribution.incremental.layer_graph import Layer

MAX_CLASSES = 6  # of an axis; more save less than the smaller groups cost (measured)
GATHER_COST = 1.15  # times the products: what gathering windows and small maps add (measured)


@dataclass(frozen=True)
class WindowClass:
    """The windows of one class on one axis.

    Parameters
    ----------
    members : ndarray of int, shape (k,)
        Indices of the windows.
    starts : ndarray of int, shape (n_layers, k)
        First row of each window in every map.
    sizes : ndarray of int, shape (n_layers,)
        Rows of all windows in every map.
    """

    members: NDArray[np.intp]
    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]


class ReceptiveFields:
    """The geometry of one network, image size and patch.

    Parameters
    ----------
    layers : list of Layer
    side : int
        Pixels of the image.
    starts : ndarray of int, shape (k,)
        First pixel of every window along an axis.
    patch : int
        Pixels of a window.

    Attributes
    ----------
    sides : ndarray of int, shape (n_layers,)
        Sides of all maps.
    lows, highs : ndarray of int, shape (n_layers, k)
        Half-open range of every map that each window changes.
    costs : ndarray of float, shape (n_layers,)
        Multiplications for one pixel of every map.
    classes : list of WindowClass
    """

    def __init__(self, layers: list[Layer], side: int, starts: NDArray[np.intp], patch: int) -> None:
        self.layers = layers
        self.sides, self.lows, self.highs = changed_ranges(layers, side, starts, patch)
        self.costs = np.array([_multiplications(layer) for layer in layers])
        parts = _partition(self.highs - self.lows, self.costs, MAX_CLASSES)
        self.classes = [self._window_class(members) for members in parts]

    def _window_class(self, members):
        """Return the class of these windows: each layer's size is their largest, starts are moved inwards."""
        lows, highs = self.lows[:, members], self.highs[:, members]
        sizes = (highs - lows).max(axis=1)
        return WindowClass(members, np.minimum(lows, (self.sides - sizes)[:, None]), sizes)

    @property
    def grouped_costs(self) -> NDArray[np.float64]:
        """Multiplications of a window on average at every layer, its size being that of its group; (n_layers,)."""
        sizes = sum(len(one.members) * one.sizes for one in self.classes) / self.lows.shape[1]
        return self.costs * sizes**2

    @cached_property
    def first_whole(self) -> int:
        """Index of the first layer that is computed on whole maps: where the sum over all layers costs least."""
        whole, grouped = self.costs * self.sides**2, self.grouped_costs
        costs = [GATHER_COST * grouped[:index].sum() + whole[index:].sum() for index in range(1, len(self.layers) + 1)]
        return 1 + int(np.argmin(costs))

    def inputs_of_whole(self) -> list[int]:
        """Return the layers before `first_whole` whose maps are read from there on."""
        read = {index for layer in self.layers[self.first_whole :] for index in layer.inputs()}
        return sorted(index for index in read | {len(self.layers) - 1} if index < self.first_whole)


def changed_ranges(
    layers: list[Layer], side: int, starts: NDArray[np.intp], patch: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Compute the range of every map that each window changes.

    Parameters
    ----------
    layers, side, starts, patch
        As in `ReceptiveFields`.

    Returns
    -------
    sides : ndarray of int, shape (n_layers,)
    lows, highs : ndarray of int, shape (n_layers, k)
        Half-open; an empty range is given as one pixel beside it.
    """
    sides, lows, highs = [side], [starts], [np.minimum(starts + patch, side)]
    for layer in layers[1:]:
        source_side, before = sides[layer.source], layer.padding_before(sides[layer.source])
        output_side = layer.output_side(source_side)
        low = -(-(lows[layer.source] + before - layer.kernel + 1) // layer.stride)
        high = (highs[layer.source] - 1 + before) // layer.stride + 1
        if layer.residual is not None:
            low, high = np.minimum(low, lows[layer.residual]), np.maximum(high, highs[layer.residual])
        low = np.clip(low, 0, output_side - 1)
        sides.append(output_side)
        lows.append(low)
        highs.append(np.clip(high, low + 1, output_side))
    return np.array(sides), np.array(lows), np.array(highs)


def source_rows(layer: Layer, side: int, starts: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Return the rows of a source of this side that windows of a layer's map read.

    Parameters
    ----------
    layer : Layer
    side : int
        Side of the source.
    starts : ndarray of int, shape (k,)
        First row of each window of the layer's map.
    size : int
        Rows of each window.

    Returns
    -------
    ndarray of int, shape (k, n)
        Rows before 0 and from `side` on are padding. A kernel of 1 reads no rows between those it needs.
    """
    reading = (
        np.arange(size) * layer.stride if layer.kernel == 1 else np.arange((size - 1) * layer.stride + layer.kernel)
    )
    return starts[:, None] * layer.stride - layer.padding_before(side) + reading


def _multiplications(layer):
    """Multiplications for one pixel of a layer's map; for a sum 1 a channel."""
    return float(layer.channels if getattr(layer.module, "weight", None) is None else layer.module.weight.numel())


def _partition(sizes, costs, count):
    """Windows of these sizes (n_layers, k) in at most `count` classes: a list of ascending members.

    Starts with one class for every list of sizes and joins the two whose union costs least, again and again. The cost
    of a class is that of its members paired with one another.
    """
    kinds, kind = np.unique(sizes, axis=1, return_inverse=True)
    parts = [np.flatnonzero(kind.ravel() == one) for one in range(kinds.shape[1])]
    mean = sizes.mean(axis=1)

    def cost(members):
        return len(members) * (costs * mean * sizes[:, members].max(axis=1)).sum()

    while len(parts) > count:
        present = [cost(members) for members in parts]
        pairs = [(a, b) for a in range(len(parts)) for b in range(a)]
        extra = [cost(np.concatenate([parts[a], parts[b]])) - present[a] - present[b] for a, b in pairs]
        a, b = pairs[int(np.argmin(extra))]
        parts[b] = np.sort(np.concatenate([parts[a], parts[b]]))
        del parts[a]
    return parts
