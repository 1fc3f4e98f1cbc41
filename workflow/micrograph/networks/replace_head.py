"""A backbone with a head in the place of its classifier: built, and run."""

import copy
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from micrograph.errors import UserError
from micrograph.networks import backbones, heads
from micrograph.networks.device import deterministic


def replace_head(
    start: nn.Module, backbone: str, head: str, classes: Sequence[float], dropout: float, rng: np.random.Generator
) -> nn.Module:
    """Return a copy of a network with a new head in the place of its classifier.

    Parameters
    ----------
    start : Module
        Network of the backbone; not modified.
    backbone : str
        Name of the backbone.
    head : str
        Row of `heads.HEADS`.
    classes : sequence of float
        In the target's unit, ascending.
    dropout : float
        Probability in 0..1.
    rng : Generator
        Source of the head's weights.

    Returns
    -------
    Module

    Raises
    ------
    UserError
        If the backbone has no linear classifier.
    """
    name, old = get_classifier(start, backbone)
    network = copy.deepcopy(start, {id(old): nn.Identity()})
    network.set_submodule(name, heads.make_head(head, old.in_features, classes, dropout, rng))
    return network


def continue_head(network: nn.Module, start: nn.Module, backbone: str) -> None:
    """Let the last layer of a new head continue that of a backbone that learned the target.

    Parameters
    ----------
    network : Module
        From `replace_head`, with the head ``nominal``; changed.
    start : Module
        The backbone, with a classifier of as many classes.
    backbone : str
        Name of the backbone.

    Raises
    ------
    UserError
        If the classes differ in number.
    """
    name, learned = get_classifier(start, backbone)
    last = cast(nn.Linear, network.get_submodule(f"{name}.last"))
    if learned.out_features != last.out_features:
        raise UserError(
            f"the weights were pre-trained for {learned.out_features} classes, the target has {last.out_features}; "
            "pre-train again."
        )
    last.load_state_dict(learned.state_dict())


def get_classifier(network: nn.Module, backbone: str) -> tuple[str, nn.Linear]:
    """Return the classifier of a backbone.

    Parameters
    ----------
    network : Module
        Network of the backbone.
    backbone : str
        Name of the backbone.

    Returns
    -------
    name : str
        Of the module in the network.
    module : Linear

    Raises
    ------
    UserError
        If there is no linear classifier.
    """
    name = backbones.get(backbone).classifier
    module = dict(network.named_modules()).get(name) if name else None
    if not isinstance(module, nn.Linear):
        raise UserError(f"backbone '{backbone}' has no linear classifier that a head could replace; choose another.")
    return name, module


def split_head(network: nn.Module, backbone: str) -> tuple[nn.Module, nn.Module]:
    """Split a network into its trunk and its head.

    Parameters
    ----------
    network : Module
        From `replace_head`; not modified.
    backbone : str
        Name of the backbone.

    Returns
    -------
    trunk : Module
        A copy that returns the input of the head.
    head : Module
        The network's own head, not a copy.
    """
    head = network.get_submodule(backbones.get(backbone).classifier)
    return copy.deepcopy(network, {id(head): nn.Identity()}), head


def forward(
    network: nn.Module, backbone: str, head: str, batches: Iterable[torch.Tensor], dtype: torch.dtype = torch.float32
) -> NDArray[np.float32]:
    """Compute the outputs of a network in evaluation mode.

    Parameters
    ----------
    network : Module
        From `replace_head`; unchanged but for its mode.
    backbone : str
        Name of the backbone.
    head : str
        Row of `heads.HEADS`.
    batches : iterable of Tensor of shape (batch, 3, rows, cols)
        Images on the device of the network.
    dtype : dtype, default float32
        Of the backbone's computations; the head computes in float32.

    Returns
    -------
    ndarray of shape (n, n_outputs), float32
        As `target` describes them; of the head ``tuned`` its features.
    """
    trunk, own_head = split_head(network.eval(), backbone)
    outputs_of = heads.output_layers(head, cast(nn.Sequential, own_head))
    outputs = []
    with torch.inference_mode(), deterministic():
        for batch in batches:
            with torch.autocast(batch.device.type, dtype, enabled=dtype is not torch.float32):
                pooled = trunk(batch)
            outputs.append(outputs_of(pooled.float()).cpu())
    return torch.cat(outputs).numpy()
