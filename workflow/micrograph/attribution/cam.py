"""Class activation maps: where the maps that a network pools before it answers are large, and for which class.

summed: the paper's map, the sum over all channels, the same for every class. weighted: B. Zhou, A. Khosla and others,
CVPR 2016, the sum of the channels by the weights of the class; exact, since a linear layer of a mean is the mean of the
linear layer. gradient: R. R. Selvaraju and others, ICCV 2017 (Grad-CAM), for heads of more layers.

All maps are raw: the paper divides by the maximum, Grad-CAM keeps the positive part only; both belong to the drawing.
Networks are looked at in evaluation mode and float32, and are left as they were, but for their mode.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from micrograph.attribution import target_score
from micrograph.errors import UserError, lookup
from micrograph.networks import backbones
from micrograph.networks.device import deterministic

SHOWN = 32  # pictures that pass the network at once
CLOSE = 1e-4  # relative; rounding of a mean is far below
SILENT = (nn.ReLU, nn.Dropout, nn.Identity)  # what a head with a single linear layer may have beside it


@dataclass(frozen=True)
class Look:
    """One pass over n pictures. maps: (n, C, h, w), what the pool reads, a leaf of the graph that leads to outputs;
    pooled: (n, width), what the head reads; outputs: (n, o); head: the module that gave them."""

    maps: torch.Tensor
    pooled: torch.Tensor
    outputs: torch.Tensor
    head: nn.Module


def explain(network, backbone, colour, scheme, classes):
    """Both maps of every picture, as numpy float32: (summed (n, h, w), name, weighted (n, t, h, w)).

    network: with a head in its classifier's place (headed.py); backbone: its name; colour: (n, 3, rows, cols) float32
    tensor as the network takes it, n > 0; scheme, classes: what the outputs mean (schemes.py). The name is cam_class
    where the head is linear in the pooled maps (Zhou's, t = o), else grad_cam (signed, one a column of the evidence).
    """
    parts, name = [], None
    with deterministic():
        for batch in colour.split(SHOWN):
            seen = look(network, backbone, batch)
            name = name or ("cam_class" if is_linear(seen) else "grad_cam")
            wanted = weighted(seen.maps, last_linear(seen.head).weight) if name == "cam_class" else None
            wanted = _gradient(seen, scheme, classes) if wanted is None else wanted
            parts.append([part.detach().cpu() for part in (summed(seen.maps), wanted)])
    whole, theirs = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
    return whole, name, theirs


def look(network, backbone, colour):
    """The Look of one batch: the network runs without a graph up to its pool, and with one from there on."""
    row, network = backbones.get(backbone), network.eval()
    seen, head = {}, network.get_submodule(row.classifier)

    def open_graph(module, given):
        seen["maps"] = given[0].detach().float().requires_grad_()
        torch.set_grad_enabled(True)  # until the block below ends, which puts it back
        return seen["maps"], *given[1:]

    def read(module, given):
        seen["pooled"] = given[0]

    with torch.no_grad(), _hooks((network.get_submodule(row.blocks["pool"]), open_graph), (head, read)):
        outputs = network(colour)
    if seen["maps"].ndim != 4:
        raise UserError(f"backbone '{backbone}' pools no maps (channels, rows, cols); choose a convolutional one.")
    return Look(seen["maps"], seen["pooled"], outputs, head)


@contextmanager
def _hooks(*pairs):
    """Hooks before modules, gone afterwards, come what may. pairs: (module, hook)."""
    handles = [module.register_forward_pre_hook(hook) for module, hook in pairs]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def last_maps(network, backbone, colour):
    """What the pool module of the backbone reads: (n, C, h, w) float32, without a graph."""
    return look(network, backbone, colour).maps.detach()


def summed(maps):
    """The paper's map: (n, h, w), the sum over channels of maps (n, C, h, w), array or tensor."""
    return maps.sum(1)


def weighted(maps, weights):
    """Zhou's map of every class: (n, t, h, w) of maps (n, C, h, w) and weights (t, C), arrays or tensors.

    Its mean over all places, plus the bias, is the output of the class: our heads have a ReLU between mean and weights,
    which does nothing to maps that are never negative (ResNet, EfficientNet); a channel whose mean is negative counts
    for nothing, as it does in the output.
    """
    count, channels, rows, cols = maps.shape
    heard = ~(maps.mean((2, 3)) < 0)  # so written, a mean that is not a number stays visible
    flat = (maps * heard[:, :, None, None]).reshape(count, channels, rows * cols)
    return (weights @ flat).reshape(count, len(weights), rows, cols)


def gradient(network, backbone, colour, scheme, classes):
    """Grad-CAM of every column of the evidence: (n, t, h, w) float32 tensor, of both signs, before its ReLU.

    The channels are summed by the mean over all places of the evidence's gradient. Of a head that is linear in the
    pooled maps this is Zhou's map over h * w. Arguments are those of `explain`.
    """
    return _gradient(look(network, backbone, colour), scheme, classes)


def _gradient(seen, scheme, classes):
    columns = differentiable(scheme, seen.outputs, classes)
    found = []
    for column in columns.unbind(1):
        (slopes,) = torch.autograd.grad(column.sum(), seen.maps, retain_graph=True)  # pictures do not mix: eval mode
        found.append((slopes.mean((2, 3), keepdim=True) * seen.maps).sum(1))
    return torch.stack(found, 1).detach()


def differentiable(scheme, outputs, classes):
    """evidence.evidence in torch: (n, t) of outputs (n, o), with a graph. classes: as many as the scheme knows."""
    if lookup(scheme, target_score.KINDS, "scheme").of != target_score.PROBABILITIES:
        return outputs
    above = lookup(scheme, ABOVE, "scheme")(outputs)  # (n, K - 1), falling
    ends = torch.ones_like(above[:, :1]), torch.zeros_like(above[:, :1])
    return -torch.cat([ends[0], above, ends[1]], 1).diff(dim=1)


# The chance to be above each class but the last, as schemes.decode has it.
ABOVE = {
    "nnrank": lambda outputs: outputs.cummin(1).values[:, 1:],
    "corn": lambda outputs: outputs.sigmoid().cumprod(1),
}


def last_linear(head):
    """The single linear layer of a head (the head itself, where it is one); None where it has another layer to it."""
    layers = [module for module in head.modules() if not list(module.children())]
    spoken = [layer for layer in layers if not isinstance(layer, SILENT)]
    return spoken[0] if len(spoken) == 1 and isinstance(spoken[0], nn.Linear) else None


def is_linear(seen):
    """Whether outputs are a linear layer of the mean of the maps, or of its positive part: then Zhou's map is exact."""
    means = seen.maps.detach().mean((2, 3))
    if last_linear(seen.head) is None or means.shape != seen.pooled.shape:
        return False
    bound = CLOSE * float(means.abs().nan_to_num(0, 0).max())
    return torch.allclose(means, seen.pooled, rtol=CLOSE, atol=bound, equal_nan=True)
