"""A network as a list of layers, each of which makes a map from a small window of an earlier one.

Read from the network's code by a symbolic trace (torch.fx). Networks of convolutions, activations, maximum pooling,
sums and a mean at the end are supported; a network with anything else is recognised as unsupported.
"""

import operator
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import torch
from torch import fx, nn
from torch.nn import functional

INPUT = 0  # index of the image in the list of layers
TOLERANCE = 1e-4  # relative; a larger deviation means that the trace misread the network

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.SiLU, nn.Hardswish, nn.GELU, nn.LeakyReLU, nn.ELU)
NO_OPERATION = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.Flatten)
ADDITIONS = {operator.add, operator.iadd, torch.add, "add", "add_"}
NOT_NEGATIVE = (nn.ReLU, nn.ReLU6)


@dataclass(frozen=True)
class Layer:
    """One map: a module applied to the map `source`, then a sum with the map `residual`, then an activation.

    Parameters
    ----------
    source : int
        Index of the layer that is read.
    channels : int
        Channels of this layer's map.
    module : Module, optional
        A convolution or a maximum pooling; None for the image, and for a sum alone.
    kernel, stride : int
        Of both axes; 1 without a module.
    padding : int
        Zeros on all sides, unless `same_padding`.
    same_padding : bool
        Padded as TensorFlow does.
    residual : int, optional
        Index of the layer that is added.
    activation : Module, optional
    """

    source: int
    channels: int
    module: nn.Module | None = None
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    same_padding: bool = False
    residual: int | None = None
    activation: nn.Module | None = None

    def padding_before(self, side: int) -> int:
        """Return the rows (and columns) of zeros before a source of this side."""
        if not self.same_padding:
            return self.padding
        return max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0) // 2

    def output_side(self, side: int) -> int:
        """Return the side of the map computed from a source of this side."""
        if self.same_padding:
            return -(-side // self.stride)
        return (side + 2 * self.padding - self.kernel) // self.stride + 1

    def inputs(self) -> list[int]:
        """Return the indices of the layers that are read."""
        return [index for index in (self.source, self.residual) if index is not None]


POINTWISE = Layer(source=-1, channels=0)  # how a sum reads its residual: pixel by pixel


class _Tracer(fx.Tracer):
    """Traces into everything but the modules that a layer is made of."""

    def is_leaf_module(self, module, name):
        return isinstance(module, nn.Conv2d) or "Pool" in type(module).__name__ or super().is_leaf_module(module, name)


def trace(trunk: nn.Module, side: int) -> list[Layer] | None:
    """Read the layers of a network.

    Parameters
    ----------
    trunk : Module
        Maps images (n, 3, side, side) to pooled features (n, width); batch normalisation fused, in evaluation mode.
    side : int
        Pixels of the image.

    Returns
    -------
    list of Layer, or None
        They share the network's weights; the features are the mean of the last layer's map. None where the network is
        not supported, or where its output for an image of noise is not that of the layers.
    """
    try:
        layers = _GraphReader(trunk).layers()
    except (NotImplementedError, fx.proxy.TraceError, TypeError):
        return None
    noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    noise = noise.to(next(trunk.parameters()))
    with torch.inference_mode():
        expected, ours = trunk(noise), forward(layers, {INPUT: noise})[len(layers) - 1].mean((2, 3))
    if expected.shape != ours.shape:
        return None
    return layers if float((expected - ours).abs().max()) <= TOLERANCE * float(expected.abs().max()) else None


def forward(
    layers: list[Layer], maps: Mapping[int, torch.Tensor], first: int = 1, keep: Collection[int] = ()
) -> dict[int, torch.Tensor]:
    """Run the layers from `first` on, on whole maps.

    Parameters
    ----------
    layers : list of Layer
    maps : mapping of int to Tensor, shape (n, channels, side, side)
        Maps before `first` that are read, by the index of the layer.
    first : int
    keep : collection of int
        Layers whose maps are returned.

    Returns
    -------
    dict of int to Tensor
        The last map and those to keep; others are released once they have been read.
    """
    maps = dict(maps)
    last_reader: dict[int, int] = {}
    for index, layer in enumerate(layers[first:], start=first):
        last_reader |= dict.fromkeys(layer.inputs(), index)
    for index, layer in enumerate(layers[first:], start=first):
        output = maps[layer.source] if layer.module is None else layer.module(maps[layer.source])
        output = output if layer.residual is None else output + maps[layer.residual]
        maps[index] = output if layer.activation is None else layer.activation(output)
        for source in layer.inputs():
            if last_reader[source] == index and source not in keep:
                maps.pop(source, None)
    return maps


def apply_to_windows(layer: Layer, windows: torch.Tensor) -> torch.Tensor:
    """Apply a layer's module to windows (n, channels, rows, cols) that include the padding; no sum, no activation."""
    if isinstance(layer.module, nn.Conv2d):
        conv = layer.module
        return functional.conv2d(windows, conv.weight, conv.bias, conv.stride, 0, 1, conv.groups)
    return functional.max_pool2d(windows, layer.kernel, layer.stride)


class _GraphReader:
    """Reads a trace once; raises NotImplementedError at the first operation that is not supported."""

    def __init__(self, trunk):
        self.modules = dict(trunk.named_modules())
        self.graph = _Tracer().trace(trunk)
        self.read = [Layer(source=-1, channels=3)]
        self.index = {}  # of every node of the trace in `read`; nodes without operation have their source's
        self.depth = [0]  # layers between the image and a map, at most
        self.pooled = set()  # nodes after the mean

    def layers(self):
        """Return the layers, by depth: those that read an early map come early."""
        for node in self.graph.nodes:
            if node.op == "placeholder" and not self.index:
                self.index[node] = INPUT
            elif node.op == "call_module":
                self._module(node, self.modules[node.target])
            elif node.target in ADDITIONS and not node.kwargs:
                self._sum(node)
            elif node.target in (torch.flatten, "flatten", "output") and node.args[0] in self.pooled:
                self._pass_through(node)
            else:
                raise NotImplementedError(str(node.target))
        order = sorted(range(len(self.read)), key=lambda index: self.depth[index])
        if order[-1] != self.index[node]:
            raise NotImplementedError("maps beside the last one")
        new = {old: index for index, old in enumerate(order)}
        ordered = [self.read[old] for old in order]
        return [replace(one, source=new.get(one.source, -1), residual=new.get(one.residual)) for one in ordered]

    def _pass_through(self, node):
        """Return a node without operation."""
        self.index[node] = self.index[node.args[0]]
        if node.args[0] in self.pooled:
            self.pooled.add(node)

    def _append(self, node, layer):
        self.read.append(layer)
        self.depth.append(1 + max(self.depth[read] for read in layer.inputs()))
        self.index[node] = len(self.read) - 1

    def _module(self, node, module):
        source = node.args[0]
        if isinstance(module, NO_OPERATION):
            self._pass_through(node)
        elif source in self.pooled:
            raise NotImplementedError("a layer after the mean")
        elif isinstance(module, ACTIVATIONS):
            self._activation(node, module)
        elif isinstance(module, nn.Conv2d):
            self._append(node, _convolution(self.index[source], module))
        elif isinstance(module, nn.MaxPool2d):
            self._append(node, _max_pool(self.index[source], module, self.read[self.index[source]]))
        elif _is_global_mean(module):
            self._pass_through(node)
            self.pooled.add(node)
        else:
            raise NotImplementedError(type(module).__name__)

    def _activation(self, node, module):
        """Join an activation to the layer before it, if nothing else reads that layer."""
        source = node.args[0]
        index = self.index[source]
        if len(source.users) > 1 or self.read[index].activation is not None or index == INPUT:
            raise NotImplementedError("an activation of a map with another reader")
        self.read[index] = replace(self.read[index], activation=module)
        self.index[node] = index

    def _sum(self, node):
        """Join a sum to the deeper of its two layers, if nothing else reads that layer."""
        if len(node.args) != 2 or not all(isinstance(arg, fx.Node) and arg in self.index for arg in node.args):
            raise NotImplementedError("a sum of other things than maps")
        early, late = sorted(node.args, key=lambda arg: self.depth[self.index[arg]])
        residual, index = self.index[early], self.index[late]
        layer = self.read[index]
        if len(late.users) > 1 or layer.residual is not None or layer.activation is not None or index == INPUT:
            self._append(node, Layer(index, layer.channels, residual=residual))
            return
        self.read[index] = replace(layer, residual=residual)
        self.depth[index] = max(self.depth[index], 1 + self.depth[residual])
        self.index[node] = index


def _convolution(source, module):
    """Return the layer of a convolution."""
    same = type(module).__name__ == "Conv2dSame"  # timm's: its padding depends on the size of the input
    square = all(len(set(pair)) == 1 for pair in (module.kernel_size, module.stride))
    padded = same or (not isinstance(module.padding, str) and len(set(module.padding)) == 1)
    if not square or not padded or module.dilation != (1, 1) or module.padding_mode != "zeros":
        raise NotImplementedError("a convolution of another kind")
    padding = 0 if same else module.padding[0]
    return Layer(source, module.out_channels, module, module.kernel_size[0], module.stride[0], padding, same)


def _max_pool(source, module, before):
    """Return the layer of a maximum pooling; its padding counts as zeros, which is right after a ReLU."""
    sizes = (module.kernel_size, module.stride, module.padding)
    plain = all(isinstance(size, int) for size in sizes) and module.dilation == 1 and not module.ceil_mode
    if not plain or not isinstance(before.activation, NOT_NEGATIVE):
        raise NotImplementedError("a maximum pooling of another kind")
    return Layer(source, before.channels, module, *sizes)


def _is_global_mean(module):
    """Whether a module is the mean over all pixels of a map: torch's, or timm's."""
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return module.output_size in (1, (1, 1))
    return (
        type(module).__name__ == "SelectAdaptivePool2d" and module.is_identity() is False and module.pool_type == "avg"
    )
