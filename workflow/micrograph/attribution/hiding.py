"""A network asked about one picture with parts of it hidden, many at a time."""

import copy

import numpy as np
import torch

from micrograph.attribution.baselines import BASELINES
from micrograph.faults import known
from micrograph.networks import backbones, chance, features, folding, pictures

BATCH = 32


class Asked:
    """A network that says what it makes of pictures with pixels hidden. The network itself is left alone.

    facts: of the network's file (backbone, mean, std); baseline: a row of BASELINES; precision: fp32 or bf16, of the
    backbone; device: auto, cpu or cuda.
    """

    def __init__(self, network, facts, baseline, precision="fp32", device="auto"):
        self.facts, self.fill, self.device = (
            facts,
            known(baseline, BASELINES, "baseline").of,
            features.device_of(device),
        )
        self.kind = features.kind_of(precision, self.device)
        place = backbones.row(facts["backbone"]).classifier
        own = network.get_submodule(place)
        trunk = copy.deepcopy(network, {id(own): torch.nn.Identity()}).eval()
        folding.replace(trunk, place, torch.nn.Identity())
        self.trunk = folding.lay_out(folding.fold(trunk), self.device, self.kind)
        self.head = copy.deepcopy(own).eval().to(self.device)

    def pooled(self, picture, hidden):
        """The pooled features (k, width), a tensor, of a picture (side, side) uint8 with each set of pixels hidden.

        hidden: (k, side, side) bool. The same sums each time, on one thread of the processor.
        """
        grey = torch.from_numpy(picture).to(self.device)[None, None]
        colour = pictures.colours(grey, self.facts["mean"], self.facts["std"])
        fill = self.fill(colour.mean((2, 3), keepdim=True))
        hidden = torch.from_numpy(np.ascontiguousarray(hidden)).to(self.device)[:, None]
        with torch.inference_mode(), chance.repeatable():
            parts = [
                self.trunk(torch.where(some, fill, colour).to(self.kind, memory_format=torch.channels_last)).float()
                for some in hidden.split(BATCH)
            ]
            return torch.cat(parts)

    def outputs(self, picture, hidden):
        """The raw outputs (k, o) float32 numpy for the same."""
        pooled = self.pooled(picture, hidden)
        with torch.inference_mode(), chance.repeatable():
            return self.head(pooled).cpu().numpy()
