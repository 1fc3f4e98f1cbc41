"""How occlusion is computed: which pictures at a time, by which way, with which heads. Called through occlusion.py."""

import copy

import numpy as np
import torch

from micrograph import job
from micrograph.attribution import occlusion
from micrograph.faults import Fault, known
from micrograph.networks import chance, features, folding

BATCH = 16


def occlude(network, backbone, colour, *, patch, stride, baseline, precision, memory_mb, threads, heads, what):
    """See occlusion.occlude."""
    if colour.ndim != 4 or colour.shape[2] != colour.shape[3] or not colour.is_floating_point():
        raise Fault(f"{what}: pictures must be (n, 3, side, side) floats, not {tuple(colour.shape)} {colour.dtype}.")
    starts = occlusion.positions(colour.shape[-1], patch, stride)
    kind = features.kind_of(precision, colour.device)
    place, own = _parted(network, backbone)
    asked = [copy.deepcopy(head).eval().to(colour.device) for head in ([own] if heads is None else heads)]
    trunk = copy.deepcopy(network, {id(own): torch.nn.Identity()}).eval()
    folding.replace(trunk, place, torch.nn.Identity())
    found = [[] for _ in asked]
    with torch.inference_mode(), chance.repeatable(threads or torch.get_num_threads()):
        trunk = folding.lay_out(folding.fold(trunk), colour.device, kind)
        fill = fills(colour, baseline)
        for row in job.progress(range(len(colour)), what):
            pooled = plain(trunk, colour[row], fill[row], starts, patch, kind)
            for parts, head in zip(found, asked, strict=True):
                parts.append(head(pooled).cpu().numpy())
    pairs = [apart(np.stack(parts), len(starts)) for parts in found]
    return pairs[0] if heads is None else pairs


def _parted(network, backbone):
    from micrograph.networks import backbones

    place = backbones.row(backbone).classifier
    return place, network.get_submodule(place)


def apart(outputs, count):
    """(n, 1 + count * count, o) as (n, count, count, o) of the windows and (n, o) of the picture as it is."""
    return outputs[:, 1:].reshape(len(outputs), count, count, -1), outputs[:, 0]


def fills(colour, baseline):
    """What windows are hidden by: (n, 3, 1, 1)."""
    known(baseline, dict.fromkeys(occlusion.BASELINES), "baseline")
    mean = colour.mean((2, 3), keepdim=True)
    return torch.zeros_like(mean) if baseline == "zero" else mean


def plain(trunk, picture, fill, starts, patch, kind):
    """Pooled features (1 + windows, width) float32 of a picture (3, side, side) and of it with every window hidden."""
    corners = [(None, None)] + [(top, left) for top in starts for left in starts]
    parts = []
    for first in range(0, len(corners), BATCH):
        some = corners[first : first + BATCH]
        shown = picture.repeat(len(some), 1, 1, 1)
        for one, (top, left) in zip(shown, some, strict=True):
            if top is not None:
                one[:, top : top + patch, left : left + patch] = fill
        parts.append(trunk(shown.to(kind).contiguous(memory_format=torch.channels_last)).float())
    return torch.cat(parts)
