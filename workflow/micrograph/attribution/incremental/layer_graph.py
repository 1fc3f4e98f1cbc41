"""A network as a list of steps: each makes a map from an earlier one by looking at a small window of it.

Read from the network's own code by a symbolic trace (torch.fx), so that any network of convolutions, activations,
maximum pooling, sums and a mean at the end is understood; one that does anything else is not, and is told apart.
"""

import operator
from dataclasses import dataclass, replace

import torch
from torch import fx, nn
from torch.nn import functional

PICTURE = 0  # the place of the picture in the list
DEVIATION = 1e-4  # relative; more than rounding means that the trace misread the network

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.SiLU, nn.Hardswish, nn.GELU, nn.LeakyReLU, nn.ELU)
NOTHING = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.Flatten)
SUMS = {operator.add, operator.iadd, torch.add, "add", "add_"}
NOT_NEGATIVE = (nn.ReLU, nn.ReLU6)


@dataclass(frozen=True)
class Step:
    """One map, of `channels`: `module` slid over the map `source`, the map `plus` added, then `active`.

    source, plus: places in the list of steps; plus: None where nothing is added. kernel, stride: of both axes. same:
    padded as TensorFlow does, else by `padding` on all sides. module: a convolution, a maximum pooling; None for the
    picture, and for a sum alone (kernel 1).
    """

    source: int
    channels: int
    module: nn.Module | None = None
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    same: bool = False
    plus: int | None = None
    active: nn.Module | None = None

    def before(self, side):
        """Rows (and columns) of zeros in front of a source of this side."""
        if not self.same:
            return self.padding
        return max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0) // 2

    def side(self, side):
        """The side of the map made from a source of this side."""
        if self.same:
            return -(-side // self.stride)
        return (side + 2 * self.padding - self.kernel) // self.stride + 1


ADDED = Step(source=-1, channels=0)  # how a sum reads what it adds: pixel by pixel


class Tracer(fx.Tracer):
    """Looks into everything but the modules that a step is made of."""

    def is_leaf_module(self, module, name):
        return isinstance(module, nn.Conv2d) or "Pool" in type(module).__name__ or super().is_leaf_module(module, name)


def read(trunk, side):
    """The steps of a folded network without classifier, the last one's map pooled by its mean; None if it has others.

    trunk: maps (n, 3, side, side) to (n, width), in evaluation mode. The steps share its weights. They are compared
    with the network on one picture of noise.
    """
    try:
        steps = _Reader(trunk).steps()
    except (NotImplementedError, fx.proxy.TraceError, TypeError):
        return None
    noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    noise = noise.to(next(trunk.parameters()))
    with torch.inference_mode():
        said, ours = trunk(noise), whole(steps, {PICTURE: noise})[len(steps) - 1].mean((2, 3))
    fits = said.shape == ours.shape and float((said - ours).abs().max()) <= DEVIATION * float(said.abs().max())
    return steps if fits else None


def whole(steps, maps, first=1, keep=()):
    """All steps from `first` on, on whole maps; nothing incremental.

    maps: {place: (n, channels, side, side)} of what they read before `first`. Returns the last map and those to `keep`,
    {place: map}; the others are let go once they have been read.
    """
    maps, last = dict(maps), {}
    for place, step in enumerate(steps[first:], start=first):
        last |= dict.fromkeys(reads(step), place)
    for place, step in enumerate(steps[first:], start=first):
        made = maps[step.source] if step.module is None else step.module(maps[step.source])
        made = made if step.plus is None else made + maps[step.plus]
        maps[place] = made if step.active is None else step.active(made)
        for read in reads(step):
            if last[read] == place and read not in keep:
                maps.pop(read, None)
    return maps


def reads(step):
    """The places of the maps that a step reads."""
    return [place for place in (step.source, step.plus) if place is not None]


class _Reader:
    """Goes through the trace once; raises NotImplementedError at the first thing that is no step."""

    def __init__(self, trunk):
        self.modules = dict(trunk.named_modules())
        self.graph = Tracer().trace(trunk)
        self.made = [Step(source=-1, channels=3)]
        self.place = {}  # of every node of the trace in `made`; nodes that change nothing share their source's
        self.depth = [0]  # steps between the picture and a map, at most
        self.pooled = set()  # nodes after the mean

    def steps(self):
        """The steps, by depth: what reads an early map comes early."""
        for node in self.graph.nodes:
            if node.op == "placeholder" and not self.place:
                self.place[node] = PICTURE
            elif node.op == "call_module":
                self.module(node, self.modules[node.target])
            elif node.target in SUMS and not node.kwargs:
                self.sum(node)
            elif node.target in (torch.flatten, "flatten", "output") and node.args[0] in self.pooled:
                self.follow(node)
            else:
                raise NotImplementedError(str(node.target))
        order = sorted(range(len(self.made)), key=lambda place: self.depth[place])
        if order[-1] != self.place[node]:
            raise NotImplementedError("maps beside the last one")
        new = {old: place for place, old in enumerate(order)}
        ordered = [self.made[old] for old in order]
        return [replace(one, source=new.get(one.source, -1), plus=new.get(one.plus)) for one in ordered]

    def follow(self, node):
        """A node that changes nothing."""
        self.place[node] = self.place[node.args[0]]
        if node.args[0] in self.pooled:
            self.pooled.add(node)

    def add(self, node, step):
        self.made.append(step)
        self.depth.append(1 + max(self.depth[read] for read in (step.source, step.plus) if read is not None))
        self.place[node] = len(self.made) - 1

    def module(self, node, module):
        given = node.args[0]
        if isinstance(module, NOTHING):
            self.follow(node)
        elif given in self.pooled:
            raise NotImplementedError("something behind the mean")
        elif isinstance(module, ACTIVATIONS):
            self.active(node, module)
        elif isinstance(module, nn.Conv2d):
            self.add(node, convolution(self.place[given], module))
        elif isinstance(module, nn.MaxPool2d):
            self.add(node, maximum(self.place[given], module, self.made[self.place[given]]))
        elif is_mean(module):
            self.follow(node)
            self.pooled.add(node)
        else:
            raise NotImplementedError(type(module).__name__)

    def active(self, node, module):
        """An activation joins the step before it, where nobody else reads what that step made."""
        given = node.args[0]
        place = self.place[given]
        if len(given.users) > 1 or self.made[place].active is not None or place == PICTURE:
            raise NotImplementedError("an activation beside another reader")
        self.made[place] = replace(self.made[place], active=module)
        self.place[node] = place

    def sum(self, node):
        """A sum joins the deeper of its two steps, where nobody else reads that."""
        if len(node.args) != 2 or not all(isinstance(given, fx.Node) and given in self.place for given in node.args):
            raise NotImplementedError("a sum of other things than maps")
        early, late = sorted(node.args, key=lambda given: self.depth[self.place[given]])
        plus, place = self.place[early], self.place[late]
        step = self.made[place]
        if len(late.users) > 1 or step.plus is not None or step.active is not None or place == PICTURE:
            self.add(node, Step(place, step.channels, plus=plus))
            return
        self.made[place] = replace(step, plus=plus)
        self.depth[place] = max(self.depth[place], 1 + self.depth[plus])
        self.place[node] = place


def convolution(source, module):
    """The step of a convolution."""
    same = type(module).__name__ == "Conv2dSame"  # timm's: pads by the input's size
    square = all(len(set(pair)) == 1 for pair in (module.kernel_size, module.stride))
    padded = same or (not isinstance(module.padding, str) and len(set(module.padding)) == 1)
    if not square or not padded or module.dilation != (1, 1) or module.padding_mode != "zeros":
        raise NotImplementedError("a convolution of another kind")
    padding = 0 if same else module.padding[0]
    return Step(source, module.out_channels, module, module.kernel_size[0], module.stride[0], padding, same)


def maximum(source, module, before):
    """The step of a maximum pooling; its padding counts as zeros, which is right behind a ReLU."""
    sizes = (module.kernel_size, module.stride, module.padding)
    plain = all(isinstance(size, int) for size in sizes) and module.dilation == 1 and not module.ceil_mode
    if not plain or not isinstance(before.active, NOT_NEGATIVE):
        raise NotImplementedError("a maximum pooling of another kind")
    return Step(source, before.channels, module, *sizes)


def is_mean(module):
    """Whether a module is the mean over all places of a map: torch's, or timm's."""
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return module.output_size in (1, (1, 1))
    return (
        type(module).__name__ == "SelectAdaptivePool2d" and module.is_identity() is False and module.pool_type == "avg"
    )


def apply(step, windows):
    """The step's module on windows (n, channels, rows, cols) whose padding is already there; no sum, no activation."""
    if isinstance(step.module, nn.Conv2d):
        conv = step.module
        return functional.conv2d(windows, conv.weight, conv.bias, conv.stride, 0, 1, conv.groups)
    return functional.max_pool2d(windows, step.kernel, step.stride)
