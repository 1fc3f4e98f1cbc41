"""Fusing batch normalisation into convolutions: a network for inference with the same outputs up to rounding."""

import copy
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from typing import Any, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

PIXELS = 64  # side of the image that shows which normalisation reads which convolution
TOLERANCE = 1e-4  # relative; more than rounding means that a convolution's output had a second reader


def fuse(network: nn.Module) -> nn.Module:
    """Return a copy of a network with its batch normalisation multiplied into the convolutions before.

    Parameters
    ----------
    network : Module
        Not modified.

    Returns
    -------
    Module
        In evaluation mode, with the same outputs up to rounding. Its activations work in place: a hook must copy what
        it keeps.

    Raises
    ------
    ValueError
        If a convolution that was fused has a second reader, so that the outputs changed.

    Notes
    -----
    Which normalisation reads which convolution is observed on one image of noise. A convolution that runs twice stays
    as it is.
    """
    dtype = next(network.parameters()).dtype
    fused = copy.deepcopy(network).eval().double()  # outputs then differ by more than rounding, or not at all
    noise = torch.randn(1, 3, PIXELS, PIXELS, generator=torch.Generator().manual_seed(0))
    noise = noise.to(next(fused.parameters()))
    with torch.no_grad():
        before, followers = _followers(fused, noise)
        for norm, conv in followers:
            module = cast(nn.BatchNorm2d, fused.get_submodule(norm))
            fused.set_submodule(conv, fuse_conv_bn_eval(cast(nn.Conv2d, fused.get_submodule(conv)), module))
            fused.set_submodule(norm, cast(nn.Module, _remainder(module)))
        modules: Iterable[Any] = fused.modules()  # PyTorch's types know of tensors and modules as attributes alone
        for module in modules:
            if getattr(module, "inplace", None) is False:
                module.inplace = True
        after = fused(noise)
    if float((after - before).abs().max()) > TOLERANCE * float(before.abs().max()):
        raise ValueError(f"{type(network).__name__}: fusing its batch normalisation changes its outputs.")
    return fused.to(dtype)


def _followers(network: nn.Module, image: torch.Tensor) -> tuple[torch.Tensor, list[tuple[str, str]]]:
    """Return the output, and (normalisation, convolution) by name, where the first reads what the second computed."""
    calls: Counter[str] = Counter()
    computed, read = {}, {}

    def after_convolution(name: str, module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        calls[name] += 1
        computed[id(output)] = (name, output)  # the tensor is kept, so that its id is not given away again

    def before_normalisation(name: str, module: nn.Module, inputs: Any) -> None:
        calls[name] += 1
        read[name] = computed.get(id(inputs[0]), ("", None))[0]

    with ExitStack() as hooks:
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d):
                hooks.enter_context(module.register_forward_hook(partial(after_convolution, name)))
            elif _remainder(module) is not None:
                hooks.enter_context(module.register_forward_pre_hook(partial(before_normalisation, name)))
        output = network(image)
    return output, [(norm, conv) for norm, conv in read.items() if conv and calls[norm] == calls[conv] == 1]


def _remainder(module: nn.Module) -> nn.Module | None:
    """Return what is left of a fused normalisation: nothing, or timm's activation; None for other modules."""
    if not isinstance(module, nn.BatchNorm2d) or module.running_var is None:
        return None
    if type(module) is nn.BatchNorm2d:
        return nn.Identity()
    drop, act = getattr(module, "drop", None), getattr(module, "act", None)
    return nn.Sequential(drop, act) if isinstance(drop, nn.Module) and isinstance(act, nn.Module) else None
