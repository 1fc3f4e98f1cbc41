"""Heads and losses: what stands in a backbone's classifier's place, and what it is trained to make small.

A head belongs to a scheme (schemes.py says what its outputs mean). Adding one is adding a row to HEADS. Losses take
several networks at a time: outputs (M, B, outputs), targets (M, B) or (M, B, outputs), weights (M, B), and give one
loss a network, (M,); a row of weight 0 counts for nothing.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from micrograph import target
from micrograph.errors import lookup
from micrograph.networks.device import seeded

HIDDEN = 100  # nodes of the middle layer of all heads that have one, as in the paper


class Degrees(nn.Module):
    """Puts a standardised value back into degrees Celsius: centre + spread * value, both of the training labels.

    The mean squared error of its output is that of the standardised value times spread squared, a factor that Adam
    takes no notice of: training in Celsius through this layer is training on a standardised target.
    """

    def __init__(self, shape=()):
        super().__init__()
        self.register_buffer("centre", torch.zeros(shape))
        self.register_buffer("spread", torch.ones(shape))

    def forward(self, values):
        return self.centre + self.spread * values.float()

    def measure(self, labels):
        """Take mean and standard deviation (1 where they are all equal) of training labels, one array a network."""
        spread = [np.std(celsius) or 1.0 for celsius in labels]
        for buffer, values in ((self.centre, [np.mean(celsius) for celsius in labels]), (self.spread, spread)):
            buffer.copy_(torch.tensor(values, dtype=torch.float32).reshape(buffer.shape))


def _linear(width, outputs, dropout):
    return [("active", nn.ReLU()), ("drop", nn.Dropout(dropout)), ("last", nn.Linear(width, outputs))]


def _two_layers(width, outputs, dropout):
    return [
        ("active", nn.ReLU()),
        ("drop", nn.Dropout(dropout)),
        ("hidden", nn.Linear(width, HIDDEN)),
        ("active_hidden", nn.ReLU()),
        ("drop_hidden", nn.Dropout(dropout)),
        ("last", nn.Linear(HIDDEN, outputs)),
    ]


def _nnrank(width, outputs, dropout):
    return [*_two_layers(width, outputs, dropout), ("chance", nn.Sigmoid())]


def _regression(width, outputs, dropout):
    return [*_two_layers(width, outputs, dropout), ("degrees", Degrees())]


@dataclass(frozen=True)
class Head:
    """One row: the scheme, and a maker of named layers, called with (width in, outputs, dropout)."""

    scheme: str
    layers: Callable


HEADS = {
    "nominal": Head("nominal", _linear),  # the paper has no dropout here: a dropout of 0 is its head
    "nnrank": Head("nnrank", _nnrank),
    "corn": Head("corn", _two_layers),
    "regression": Head("regression", _regression),
    "tuned": Head("nominal", _two_layers),  # the values of its layer `hidden` are the fine-tuned features
}


def scheme_of(name):
    """The scheme that a head is trained by."""
    return lookup(name, HEADS, "head").scheme


def head(name, width_in, classes, dropout, rng):
    """A new head with random weights: a module that maps (B, width_in) to (B, outputs).

    name: a row of HEADS; classes: growth temperatures in Celsius; dropout: probability in 0..1; rng: numpy Generator.
    """
    row = lookup(name, HEADS, "head")
    with seeded(rng):
        layers = row.layers(width_in, target.output_width(row.scheme, classes), dropout)
    return nn.Sequential(OrderedDict(layers))


def measure(module, labels_celsius):
    """Let the layers of `module` that answer in degrees, if there are any, know the training labels (n,)."""
    for part in module.modules():
        if isinstance(part, Degrees):
            part.measure([labels_celsius])


def answering(name, module):
    """The part of a head whose outputs are stored as its answer: all of it, but for `tuned` up to its 100 values.

    Shares the weights of `module`; put it into the head's place while the answers are computed.
    """
    if name != "tuned":
        return module
    names = [part for part, _ in module.named_children()]
    return module[: names.index("hidden") + 1]


def loss(scheme):
    """The loss of a scheme: a function of outputs, targets and weights (see the module) that gives one a network."""
    return lookup(scheme, LOSSES, "scheme")


def accuracy(scheme, classes):
    """A function of outputs, targets and weights: the weighted share of rows decoded into their class, (M,)."""

    def score(outputs, targets, weights):
        flat = outputs.detach().float().cpu().numpy()
        predicted = target.decode(scheme, flat.reshape(-1, flat.shape[-1]), classes)[0]
        truth = target.labels(scheme, targets.cpu().numpy(), classes)
        right = torch.as_tensor(predicted.reshape(truth.shape) == truth, device=weights.device)
        return _mean(right.float(), weights)

    return score


def _mean(each, weights):
    """The weighted mean over the batch, (M,)."""
    return (each * weights).sum(1) / weights.sum(1)


def _entropy(outputs, targets, weights):
    """Cross-entropy."""
    each = functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none")
    return _mean(each.reshape(targets.shape), weights)


def _squares(outputs, targets, weights):
    """Squared error, summed over the outputs: of one output in degrees, the mean squared error in Celsius."""
    return _mean((outputs - targets).square().sum(-1), weights)


def _steps(outputs, targets, weights):
    """Shi, Cao and Raschka's: question k is put to the rows above class k-1 only; the mean over all questions put."""
    asked = torch.cat([torch.ones_like(targets[..., :1]), targets[..., :-1]], -1) * weights[..., None]
    each = functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
    return (each * asked).sum((1, 2)) / asked.sum((1, 2))


LOSSES = {"nominal": _entropy, "nnrank": _squares, "corn": _steps, "regression": _squares}
