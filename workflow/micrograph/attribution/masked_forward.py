"""A network asked about one picture with parts of it hidden, many at a time."""

import copy

import numpy as np
import torch

from micrograph.attribution.maps import BASELINES
from micrograph.errors import lookup
from micrograph.networks import backbones, fuse_batchnorm, transforms
from micrograph.networks.device import deterministic, resolve_device, resolve_dtype

BATCH = 32


class MaskedForward:
    """A network that says what it makes of pictures with pixels hidden. The network itself is left alone.

    facts: of the network's file (backbone, mean, std); baseline: a row of BASELINES; precision: fp32 or bf16, of the
    backbone; device: auto, cpu or cuda.
    """

    def __init__(self, network, facts, baseline, precision="fp32", device="auto"):
        self.facts, self.fill, self.device = (
            facts,
            lookup(baseline, BASELINES, "baseline").of,
            resolve_device(device),
        )
        self.kind = resolve_dtype(precision, self.device)
        place = backbones.get(facts["backbone"]).classifier
        own = network.get_submodule(place)
        trunk = copy.deepcopy(network, {id(own): torch.nn.Identity()}).eval()
        trunk.set_submodule(place, torch.nn.Identity())
        self.trunk = fuse_batchnorm.to_channels_last(fuse_batchnorm.fuse(trunk), self.device, self.kind)
        self.head = copy.deepcopy(own).eval().to(self.device)

    def pooled(self, picture, hidden):
        """The pooled features (k, width), a tensor, of a picture (side, side) uint8 with each set of pixels hidden.

        hidden: (k, side, side) bool. The same sums each time, on one thread of the processor.
        """
        grey = torch.from_numpy(picture).to(self.device)[None, None]
        colour = transforms.normalise(grey, self.facts["mean"], self.facts["std"])
        fill = self.fill(colour.mean((2, 3), keepdim=True))
        hidden = torch.from_numpy(np.ascontiguousarray(hidden)).to(self.device)[:, None]
        with torch.inference_mode(), deterministic():
            parts = [
                self.trunk(torch.where(some, fill, colour).to(self.kind, memory_format=torch.channels_last)).float()
                for some in hidden.split(BATCH)
            ]
            return torch.cat(parts)

    def outputs(self, picture, hidden):
        """The raw outputs (k, o) float32 numpy for the same."""
        pooled = self.pooled(picture, hidden)
        with torch.inference_mode(), deterministic():
            return self.head(pooled).cpu().numpy()
