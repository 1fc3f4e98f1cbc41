"""A backbone with a head in its classifier's place: made, asked, written and read.

Files are safetensors, whole or not there at all, with the settings that made the network inside (JSON).
"""

import copy

import numpy as np
import torch

from micrograph.errors import UserError
from micrograph.networks import backbones, fuse_batchnorm, heads, weights
from micrograph.networks.device import deterministic


def replace_head(start, backbone, head, classes, dropout, rng):
    """A copy of the network `start`, a new head in its classifier's place.

    backbone: its name; head: a row of heads.HEADS; classes: in Celsius, rising; dropout: in 0..1; rng: numpy Generator.
    Raises UserError for a backbone without a linear classifier.
    """
    place, old = classifier(start, backbone)
    network = copy.deepcopy(start, {id(old): torch.nn.Identity()})
    fuse_batchnorm.replace(network, place, heads.head(head, old.in_features, classes, dropout, rng))
    return network


def classifier(network, backbone):
    """(name, module) of the linear classifier of a backbone; UserError where it has none."""
    place = backbones.row(backbone).classifier
    module = dict(network.named_modules()).get(place) if place else None
    if not isinstance(module, torch.nn.Linear):
        raise UserError(f"backbone '{backbone}' has no linear classifier that a head could replace; choose another.")
    return place, module


def follow(network, momentum):
    """Let the running statistics of all batch normalisation, in place, follow each batch by the weight `momentum`.

    PyTorch's 0.1 forgets where they came from after some thirty steps; fine-tuning on a few dozen films has no more,
    and is then validated by statistics that are half those of the pre-training.
    """
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = momentum


def forward(network, backbone, head, batches, kind=torch.float32):
    """What the network says to the pictures of all batches: (n, outputs) float32, in evaluation mode.

    batches: iterable of (B, 3, rows, cols) on the network's device; kind: the dtype that the backbone computes in
    (features.kind_of), the head computes in float32. Outputs are as schemes.py has them; of the head tuned the 100
    values that are its features. The network is left as it was, but for its mode.
    """
    place = backbones.row(backbone).classifier
    whole = network.get_submodule(place)
    says = heads.answering(head, whole)
    network.eval()
    fuse_batchnorm.replace(network, place, torch.nn.Identity())
    parts = []
    try:
        with torch.inference_mode(), deterministic():
            for batch in batches:
                with torch.autocast(batch.device.type, kind, enabled=kind is not torch.float32):
                    pooled = network(batch)
                parts.append(says(pooled.float()).cpu())
    finally:
        fuse_batchnorm.replace(network, place, whole)
    return torch.cat(parts).numpy()


def write(path, network, facts):
    """Write a network and facts (a dict that JSON can say: backbone, head, classes, settings with its dropout, ...).

    The same network and facts give the same bytes.
    """
    weights.write(path, network.state_dict(), facts)


def read(path):
    """(network in evaluation mode, facts) of a file of `write`; UserError where it is none or its tensors do not fit."""
    facts = backbones.describe_file(path)
    if "head" not in facts:
        raise UserError(f"{path}: holds no fine-tuned network; give a file of results/networks.")
    name, dropout = facts["backbone"], facts["settings"]["dropout"]
    blank = replace_head(
        backbones.build(name), name, facts["head"], facts["classes"], dropout, np.random.default_rng(0)
    )
    return backbones.fill(blank, backbones.read(path), path), facts
