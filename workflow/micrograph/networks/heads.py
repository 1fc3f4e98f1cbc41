"""Heads and losses: what replaces a backbone's classifier, and the loss that it is trained with.

A head is trained by a scheme (`target` says what its outputs mean). Adding one is adding a row to `HEADS`. Losses take
several networks at a time: outputs (n_networks, batch, n_outputs), targets (n_networks, batch) or (n_networks, batch,
n_outputs), weights (n_networks, batch), and give one loss per network, (n_networks,). A row of weight 0 is ignored.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from micrograph import target
from micrograph.errors import lookup
from micrograph.networks.device import seeded

HIDDEN = 100  # units of the hidden layer, as in the paper

Layers = list[tuple[str, nn.Module]]
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


class LabelScaling(nn.Module):
    """Transform standardised values back to the target's unit: ``centre + spread * value``, of the training labels.

    Parameters
    ----------
    shape : tuple of int, optional
        Shape of centre and spread: () of one network, (n_networks, 1, 1) of several.

    Notes
    -----
    The mean squared error of the output is that of the standardised value times ``spread`` squared, a factor that Adam
    is invariant to: training through this layer is training on a standardised target.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(shape))
        self.register_buffer("spread", torch.ones(shape))

    def forward(self, values: Tensor) -> Tensor:
        """Transform values of any shape that broadcasts."""
        return self.centre + self.spread * values.float()

    def fit(self, labels: Sequence[NDArray]) -> None:
        """Take mean and standard deviation (1 where all labels are equal) of the training labels.

        Parameters
        ----------
        labels : sequence of ndarray
            One array a network, in the target's unit.
        """
        spread = [np.std(values) or 1.0 for values in labels]
        for buffer, values in ((self.centre, [np.mean(values) for values in labels]), (self.spread, spread)):
            buffer.copy_(torch.tensor(values, dtype=torch.float32).reshape(buffer.shape))


@dataclass(frozen=True)
class Head:
    """A head.

    Parameters
    ----------
    scheme : str
        Row of `target.SCHEMES` that it is trained by.
    layers : callable
        (n_inputs, n_outputs, dropout) to a list of (name, module).
    loss : callable
        As the module describes it.
    """

    scheme: str
    layers: Callable[[int, int, float], Layers]
    loss: Loss


def make_head(
    name: str, n_inputs: int, classes: Sequence[float], dropout: float, rng: np.random.Generator
) -> nn.Sequential:
    """Return a new head with random weights.

    Parameters
    ----------
    name : str
        Row of `HEADS`.
    n_inputs : int
        Pooled features of the backbone.
    classes : sequence of float
        In the target's unit, ascending.
    dropout : float
        Probability in 0..1.
    rng : Generator
        Seeds the weights.

    Returns
    -------
    Sequential
        Maps (batch, n_inputs) to (batch, n_outputs).

    Raises
    ------
    UserError
        If the head is unknown.
    """
    row = get(name)
    with seeded(rng):
        layers = row.layers(n_inputs, target.output_width(row.scheme, classes), dropout)
    return nn.Sequential(OrderedDict(layers))


def get(name: str) -> Head:
    """Return a row of `HEADS`; every scheme is the name of its own head. UserError if it is unknown."""
    return lookup(name, HEADS, "head")


def fit_label_scaling(network: nn.Module, labels: NDArray) -> None:
    """Fit the `LabelScaling` of a network, if it has one, to the training labels.

    Parameters
    ----------
    network : Module
        Changed.
    labels : ndarray of shape (n,)
        In the target's unit.
    """
    for module in network.modules():
        if isinstance(module, LabelScaling):
            module.fit([labels])


def output_layers(name: str, head: nn.Sequential) -> nn.Sequential:
    """Return the layers of a head whose outputs are stored: all, but of ``tuned`` those up to its 100 features.

    Parameters
    ----------
    name : str
        Row of `HEADS`.
    head : Sequential
        From `make_head`.

    Returns
    -------
    Sequential
        Shares the weights of `head`.
    """
    if name != "tuned":
        return head
    layers = [layer for layer, _ in head.named_children()]
    return head[: layers.index("hidden") + 1]


def class_outputs(head: nn.Sequential, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the head ``tuned`` makes of its own 100 features: the outputs of its classes.

    Parameters
    ----------
    head : Sequential
        From `make_head`, in evaluation mode.
    features : ndarray of shape (n, 100)
        As of `output_layers`.

    Returns
    -------
    ndarray of shape (n, n_classes), float32
    """
    with torch.inference_mode():
        return head[len(output_layers("tuned", head)) :](torch.tensor(features)).numpy()


def accuracy(scheme: str, classes: target.Classes) -> Loss:
    """Return a function that computes the weighted share of rows decoded into their class.

    Parameters
    ----------
    scheme : str
        Row of `target.SCHEMES`.
    classes : sequence of float, or Target
        In the target's unit, ascending.

    Returns
    -------
    callable
        (outputs, targets, weights) to one accuracy a network, as losses are.
    """

    def score(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        flat = outputs.detach().float().cpu().numpy()
        y_pred = target.decode(scheme, flat.reshape(-1, flat.shape[-1]), classes)[0]
        y_true = target.labels(scheme, targets.cpu().numpy(), classes)
        correct = torch.as_tensor(y_pred.reshape(y_true.shape) == y_true, device=weights.device)
        return _mean(correct.float(), weights)

    return score


def _linear(n_inputs: int, n_outputs: int, dropout: float) -> Layers:
    return [("active", nn.ReLU()), ("drop", nn.Dropout(dropout)), ("last", nn.Linear(n_inputs, n_outputs))]


def _two_layers(n_inputs: int, n_outputs: int, dropout: float) -> Layers:
    return [
        ("active", nn.ReLU()),
        ("drop", nn.Dropout(dropout)),
        ("hidden", nn.Linear(n_inputs, HIDDEN)),
        ("active_hidden", nn.ReLU()),
        ("drop_hidden", nn.Dropout(dropout)),
        ("last", nn.Linear(HIDDEN, n_outputs)),
    ]


def _nnrank(n_inputs: int, n_outputs: int, dropout: float) -> Layers:
    return [*_two_layers(n_inputs, n_outputs, dropout), ("sigmoid", nn.Sigmoid())]


def _regression(n_inputs: int, n_outputs: int, dropout: float) -> Layers:
    return [*_two_layers(n_inputs, n_outputs, dropout), ("degrees", LabelScaling())]


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Average over the batch with weights, (n_networks,)."""
    return (values * weights).sum(1) / weights.sum(1)


def _cross_entropy(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    losses = functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none")
    return _mean(losses.reshape(targets.shape), weights)


def _squared_error(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Sum squared errors over outputs."""
    return _mean((outputs - targets).square().sum(-1), weights)


def _conditional_cross_entropy(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Train output k on the rows above class k-1 alone (CORN); the mean over all these pairs."""
    mask = torch.cat([torch.ones_like(targets[..., :1]), targets[..., :-1]], -1) * weights[..., None]
    losses = functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
    return (losses * mask).sum((1, 2)) / mask.sum((1, 2))


HEADS = {
    "nominal": Head("nominal", _linear, _cross_entropy),  # the paper's has no dropout: set it to 0
    "nnrank": Head("nnrank", _nnrank, _squared_error),
    "corn": Head("corn", _two_layers, _conditional_cross_entropy),
    "regression": Head("regression", _regression, _squared_error),
    "tuned": Head("nominal", _two_layers, _cross_entropy),  # its layer `hidden` gives the fine-tuned features
}
