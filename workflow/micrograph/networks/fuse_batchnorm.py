"""Folding: a network in evaluation mode made cheaper to run, its outputs the same up to rounding.

Batch normalisation is multiplied into the convolution before it, and the maps lie in memory as processors like them.
"""

import copy

import torch
from torch import nn

PIXELS = 64  # of the picture that shows which normalisation follows which convolution
DEVIATION = 1e-4  # relative; more than rounding means that a convolution's output had a second reader
LONG = 2000  # terms in a convolution's sum, from which the plain layout is exacter and no slower (measured, oneDNN)


class Plain(nn.Module):
    """A convolution that computes in the plain layout (channels, rows, cols) and takes and gives channels last."""

    def __init__(self, conv):
        super().__init__()
        self.conv = conv.to(memory_format=torch.contiguous_format)

    def forward(self, maps):
        return self.conv(maps.contiguous()).contiguous(memory_format=torch.channels_last)


def fuse(network):
    """A copy of the network in evaluation mode, with fewer modules and the same outputs up to rounding.

    Activations work in place here, since nobody looks at gradients; a hook must copy what it wants to keep.
    Which batch normalisation reads which convolution is seen by running one picture of noise through the network. A
    convolution that runs twice, or whose output the normalisation changes for a second reader, cannot be folded:
    the first is left as it is, the second raises ValueError.
    """
    kind = next(network.parameters()).dtype
    whole = copy.deepcopy(network).eval().double()  # what is compared below differs by more than rounding, or not
    noise = torch.randn(1, 3, PIXELS, PIXELS, generator=torch.Generator().manual_seed(0))
    noise = noise.to(next(whole.parameters()))
    with torch.no_grad():
        before, followers = pairs(whole, noise)
        for norm, conv in followers:
            merge(whole.get_submodule(conv), whole.get_submodule(norm))
            replace(whole, norm, remainder(whole.get_submodule(norm)))
        for module in whole.modules():
            if getattr(module, "inplace", None) is False:
                module.inplace = True
        after = whole(noise)
    if float((after - before).abs().max()) > DEVIATION * float(before.abs().max()):
        raise ValueError(f"{type(network).__name__}: folding its batch normalisation changes what it computes.")
    return whole.to(kind)


def pairs(network, picture):
    """(output, [(batch normalisation, convolution)] by module name, where the first reads what the second wrote)."""
    written, calls, read = {}, {}, {}
    handles = []

    def wrote(name):
        def hook(module, given, result):
            calls[name] = calls.get(name, 0) + 1
            written[id(result)] = (name, result)  # the tensor is kept, so that its id is not given away again

        return hook

    def reads(name):
        def hook(module, given):
            calls[name] = calls.get(name, 0) + 1
            read[name] = written.get(id(given[0]), ("", None))[0]

        return hook

    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(wrote(name)))
        elif remainder(module) is not None:
            handles.append(module.register_forward_pre_hook(reads(name)))
    try:
        output = network(picture)
    finally:
        for handle in handles:
            handle.remove()
    return output, [(norm, conv) for norm, conv in read.items() if conv and calls[norm] == calls[conv] == 1]


def remainder(module):
    """What is left of a batch normalisation once it is folded: nothing, or timm's activation; None for the rest."""
    if not isinstance(module, nn.BatchNorm2d) or module.running_var is None:
        return None
    if type(module) is nn.BatchNorm2d:
        return nn.Identity()
    return nn.Sequential(module.drop, module.act) if hasattr(module, "drop") and hasattr(module, "act") else None


def merge(conv, norm):
    """Scale a convolution's filters and set its bias so that it gives what the normalisation gave; in float64."""
    kind = conv.weight.dtype
    gain = (norm.running_var.double() + norm.eps).rsqrt()
    gain = gain if norm.weight is None else gain * norm.weight.double()
    offset = 0 if norm.bias is None else norm.bias.double()
    bias = 0 if conv.bias is None else conv.bias.double()
    conv.weight = nn.Parameter((conv.weight.double() * gain[:, None, None, None]).to(kind), requires_grad=False)
    bias = (bias - norm.running_mean.double()) * gain + offset
    conv.bias = nn.Parameter(bias.to(kind), requires_grad=False)


def lay_out(network, device, kind):
    """The network itself, moved to a device and a dtype, channels last.

    On a processor in float32, convolutions that sum LONG terms keep the plain layout: with channels last, oneDNN adds
    them up in one long chain, which rounds twice as badly as the published way does.
    """
    network = network.to(device, kind).to(memory_format=torch.channels_last)
    if device.type == "cpu" and kind is torch.float32:
        for name, module in list(network.named_modules()):
            if isinstance(module, nn.Conv2d) and module.weight[0].numel() >= LONG:
                replace(network, name, Plain(module))
    return network


def replace(network, name, module):
    """Put a module in another's place."""
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
