"""Bundles: networks of one shape that are trained together, one step for all of them.

What training.fit wants of a bundle: `models` (how many it began with), `here` (the numbers of those it holds now),
`network(inputs)` from (M, B, ...) to (M, B, outputs) for the M models held, `parameters()`, `train()`, `eval()`,
`keep(which)`, `narrow(which)` and `restore()`.
"""

import numpy as np
import torch
from torch import nn

from micrograph.networks import schemes
from micrograph.networks.heads import Degrees

DRAWN = 1 << 14  # random numbers drawn ahead for each model


class Single:
    """A bundle of one network. Weights and buffers (batch statistics) are kept and restored."""

    models = 1

    def __init__(self, module):
        self.module, self.here, self._kept = module, np.arange(1), None

    def network(self, inputs):
        """(1, B, ...) to (1, B, outputs)."""
        return self.module(inputs[0])[None]

    def parameters(self):
        """The parameters that are trained."""
        return [part for part in self.module.parameters() if part.requires_grad]

    def train(self):
        """Dropout and batch statistics as in training."""
        self.module.train()

    def eval(self):
        """No dropout, stored batch statistics."""
        self.module.eval()

    def keep(self, which):
        """Remember the present weights where which[0] is set."""
        if which[0]:
            self._kept = {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}

    def narrow(self, which):
        """One network cannot be fewer."""

    def restore(self):
        """Put the weights that were kept last back, if there are any; evaluation mode."""
        if self._kept is not None:
            self.module.load_state_dict(self._kept)
            self._kept = None
        self.eval()


class Stacked(nn.Module):
    """A bundle of M multilayer perceptrons: Linear(in, l1) ReLU Linear(l1, l2) ReLU Dropout Linear(l2, outputs).

    Weights are (M, in, out), biases (M, 1, out). Each model has a dropout and random numbers of its own: trained in a
    bundle or alone it becomes the same model, up to the rounding of sums. nnrank ends in a sigmoid, regression in
    degrees Celsius (`measure` takes the training labels).
    """

    def __init__(self, scheme, width_in, widths, classes, dropouts, rngs):
        """scheme: of schemes.py; widths: (l1, l2); dropouts: (M,) in 0..1; rngs: M numpy Generators, weights first."""
        super().__init__()
        self.models, self.scheme = len(rngs), scheme
        self.here = np.arange(self.models)
        sides = [width_in, *widths, schemes.width(scheme, classes)]
        for layer, (fan, out) in enumerate(zip(sides[:-1], sides[1:], strict=True), start=1):
            for name, rows in (("weight", fan), ("bias", 1)):
                values = np.stack([_uniform(rng, (rows, out), fan**-0.5) for rng in rngs])
                self.register_parameter(f"{name}{layer}", nn.Parameter(torch.from_numpy(values)))
        self.masks = Masks(dropouts, rngs)
        if scheme == "regression":
            self.degrees = Degrees((self.models, 1, 1))
        self._kept = {name: torch.full_like(part, torch.nan) for name, part in self.state_dict().items()}

    def network(self, inputs):
        """(M, B, in) to (M, B, outputs)."""
        return self(inputs)

    def forward(self, inputs):
        hidden = torch.relu(torch.baddbmm(self.bias1, inputs, self.weight1))
        hidden = torch.relu(torch.baddbmm(self.bias2, hidden, self.weight2))
        if self.training:
            hidden = self.masks(hidden)
        return self._ended(torch.baddbmm(self.bias3, hidden, self.weight3))

    def _ended(self, outputs):
        if self.scheme == "nnrank":
            return torch.sigmoid(outputs)
        return self.degrees(outputs) if self.scheme == "regression" else outputs

    def measure(self, labels):
        """Take in the training labels in Celsius, one array a model: before training for regression, else unused."""
        if self.scheme == "regression":
            self.degrees.measure(labels)
            self._kept |= {f"degrees.{name}": part.clone() for name, part in self.degrees.named_buffers()}

    def keep(self, which):
        """Remember the present weights of the models with these numbers. which: (models,) bool."""
        if not which.any():
            return
        rows = torch.from_numpy(np.flatnonzero(which[self.here]))
        places = torch.from_numpy(self.here[which[self.here]])
        for name, part in self.state_dict().items():
            kept = self._kept[name]
            kept[places.to(kept.device)] = part[rows.to(part.device)].to(kept.device)

    @torch.no_grad()
    def narrow(self, which):
        """Go on with some of the models held. which: (M,) bool; the parameters stay the same objects."""
        rows = torch.from_numpy(np.flatnonzero(which))
        self.here = self.here[which]
        self.masks.narrow(which)
        self._hold(lambda name, part: part[rows.to(part.device)])

    @torch.no_grad()
    def restore(self):
        """Hold all models again, each with the weights kept last, NaN where none ever were; evaluation mode."""
        self.here = np.arange(self.models)
        self._hold(lambda name, part: self._kept[name].to(part.device))
        self.eval()

    def numbers(self):
        """What each model held is made of: a dict of numpy arrays each, weights (in, out), all else flat."""
        parts = {name.rpartition(".")[2]: part.cpu().numpy() for name, part in self.state_dict().items()}
        flat = {
            name: part if name.startswith("weight") else part.reshape(len(part), -1) for name, part in parts.items()
        }
        return [{name: part[model].copy() for name, part in flat.items()} for model in range(len(self.here))]

    def _hold(self, chosen):
        for name, part in [*self.named_parameters(), *self.named_buffers()]:
            part.grad = None
            part.data = chosen(name, part.detach()).clone()


class Masks:
    """Dropout with a probability and a stream of random numbers for each of M models."""

    def __init__(self, dropouts, rngs):
        """dropouts: (M,) probabilities; rngs: M numpy Generators, or none where nothing is ever dropped."""
        self.kept = 1 - np.asarray(dropouts, dtype=np.float32)
        self.rngs, self.used = list(rngs), 0
        self.drawn = np.empty((len(self.rngs), 0), np.float32)

    def __call__(self, hidden):
        """(M, B, width): each value kept with its model's probability and divided by it, else 0."""
        if (self.kept == 1).all():
            return hidden
        count = hidden[0].numel()
        if self.used + count > self.drawn.shape[1]:
            ahead = max(count, DRAWN)
            self.drawn, self.used = np.stack([rng.random(ahead, dtype=np.float32) for rng in self.rngs]), 0
        drawn = self.drawn[:, self.used : self.used + count]
        self.used += count
        kept = self.kept[:, None]
        factors = np.where(drawn < kept, 1 / np.maximum(kept, 1e-6), 0).astype(np.float32)
        return hidden * torch.from_numpy(factors).to(hidden.device).reshape(hidden.shape)

    def narrow(self, which):
        """Go on with some of the models. which: (M,) bool."""
        self.kept, self.drawn = self.kept[which], self.drawn[which]
        self.rngs = [rng for rng, stays in zip(self.rngs, which, strict=True) if stays]


def _uniform(rng, shape, bound):
    """Uniform in -bound..bound, float32: PyTorch's own first weights and biases of a linear layer."""
    return (2 * rng.random(shape, dtype=np.float32) - 1) * np.float32(bound)
