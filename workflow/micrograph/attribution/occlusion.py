"""Occlusion: what a network says when a square of the picture is hidden, for every place of the square (geometry.py).

The effect of a window is the evidence for a class of the picture minus that of the picture with the window hidden:
positive where the window speaks for the class (M. D. Zeiler, R. Fergus, ECCV 2014; equal to Captum's).
"""

import copy

import numpy as np
import torch

from micrograph import log
from micrograph.attribution import maps
from micrograph.attribution.incremental import inference, layer_graph, memory
from micrograph.attribution.maps import BASELINES
from micrograph.errors import UserError, lookup
from micrograph.networks import backbones, fuse_batchnorm
from micrograph.networks.device import deterministic, resolve_dtype

PLAIN = 16  # pictures that pass a network at once where nothing is incremental


def occlude(
    network, backbone, colour, *, patch, stride, baseline="zero", precision="fp32", memory_mb=500, threads=None,
    heads=None, what="occlusion",
):  # fmt: skip
    """What the network says to every picture with every window hidden, and to the pictures as they are.

    network: with a head in its classifier's place (headed.py), left alone; backbone: its name; colour:
    (n, 3, side, side) float32 tensor as the network takes it, on the device to compute on; patch, stride: pixels;
    baseline: zero or mean (of the picture itself, per channel); precision: fp32 or bf16 of the backbone, the head
    computes in float32; memory_mb: megabytes that maps may take at a time; threads: of the processor (None: as they
    are); what: the first words of the progress lines.

    Returns occluded (n, rows, cols, outputs) and untouched (n, outputs), float32, raw outputs of the head in evaluation
    mode. With heads, a list of modules (B, width) -> (B, outputs), the same of each of them in turn: a list of such
    pairs, for the price of one. torch.nn.Identity() gives the pooled features themselves.
    """
    if not len(colour):
        raise UserError(f"{what}: there is no picture to occlude; give at least one.")
    if colour.ndim != 4 or colour.shape[1] != 3 or colour.shape[2] != colour.shape[3]:
        raise UserError(f"{what}: pictures must be (n, 3, side, side), not {tuple(colour.shape)}; make them square.")
    first = maps.positions(colour.shape[-1], patch, stride)
    kind = resolve_dtype(precision, colour.device)
    fill = lookup(baseline, BASELINES, "baseline").of(colour.mean((2, 3)))
    with torch.inference_mode(), deterministic(threads or torch.get_num_threads()):
        trunk, own = parted(network, backbone, colour.device)
        asked = [ready(head, colour.device) for head in ([own] if heads is None else heads)]
        found = [([], []) for _ in asked]
        way = way_for(trunk, colour, first, patch, kind, memory_mb, what)
        rounds = range(0, len(colour), way.pictures)
        for start in log.progress(rounds, what):
            some = slice(start, start + way.pictures)
            untouched, hidden = way.pooled(colour[some], fill[some])
            for head, (shown, covered) in zip(asked, found, strict=True):
                shown.append(head(untouched).float().cpu().numpy())
                covered.append(head(hidden.flatten(0, 2)).float().cpu().numpy().reshape(*hidden.shape[:3], -1))
    pairs = [(np.concatenate(covered), np.concatenate(shown)) for shown, covered in found]
    return pairs[0] if heads is None else pairs


def parted(network, backbone, device):
    """(a folded copy of the network without its head, channels last on the device; the head)."""
    place = backbones.get(backbone).classifier
    head = network.get_submodule(place)
    trunk = copy.deepcopy(network, {id(head): torch.nn.Identity()})
    return fuse_batchnorm.fuse(trunk.to(device)).to(memory_format=torch.channels_last), head


def ready(head, device):
    """A copy of a head in evaluation mode, in float32, on the device."""
    return copy.deepcopy(head).eval().float().to(device)


def way_for(trunk, colour, first, patch, kind, memory_mb, what):
    """The incremental way, where the network's steps can be read; else the plain one, and a line says so."""
    made = layer_graph.read(trunk, colour.shape[-1])
    trunk = trunk.to(kind)
    if made is None:
        print(f"{what}: this network is not understood step by step; every hidden picture passes it whole", flush=True)
        return Plain(trunk, first, patch, kind)
    plan = memory.plan(made, colour.shape[-1], first, patch, len(colour), kind.itemsize, memory_mb)
    return inference.Occluder(*plan)


class Plain:
    """Every picture with every window hidden passes the whole network, as in Captum, but many at a time."""

    pictures = 1

    def __init__(self, trunk, first, patch, kind):
        self.trunk, self.first, self.patch, self.kind = trunk, first, patch, kind

    def pooled(self, colour, fill):
        """As incremental.Occluder's, of one picture."""
        places = [(top, left) for top in self.first for left in self.first]
        parts = [self.look(colour)]
        for start in range(0, len(places), PLAIN):
            some = places[start : start + PLAIN]
            shown = colour.repeat(len(some), 1, 1, 1)
            for one, (top, left) in zip(shown, some, strict=True):
                one[:, top : top + self.patch, left : left + self.patch] = fill[0][:, None, None]
            parts.append(self.look(shown))
        whole = torch.cat(parts)
        return whole[:1], whole[1:].reshape(1, len(self.first), len(self.first), -1)

    def look(self, shown):
        """The pooled features (n, width) float32 of pictures."""
        return self.trunk(shown.to(self.kind).contiguous(memory_format=torch.channels_last)).flatten(1).float()
