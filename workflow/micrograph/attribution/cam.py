"""Class activation maps: the activations that a network pools before its head, weighted for a class.

Three variants are computed. The paper's map is the sum over all channels and is the same for every class. CAM (Zhou et
al. [1]_) weights the channels by the weights of the class; it is exact where the head is one linear layer, since a
linear layer of a mean is the mean of the linear layer. Grad-CAM (Selvaraju et al. [2]_) serves heads of more layers.

All maps are raw: the paper divides by the maximum and Grad-CAM keeps the positive part only; both belong to drawing.
Networks run in evaluation mode and float32 and are left as they were, but for their mode.

References
----------
.. [1] B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba, "Learning deep features for discriminative
   localization", CVPR 2016.
.. [2] R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra, "Grad-CAM: visual explanations from deep
   networks via gradient-based localization", ICCV 2017.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from micrograph.attribution import target_score
from micrograph.attribution.maps import interleave
from micrograph.errors import UserError, lookup
from micrograph.networks import backbones
from micrograph.networks.device import deterministic

BATCH_SIZE = 32
TOLERANCE = 1e-4  # relative, of a mean over pixels; rounding is far below
NOT_TRAINED = (nn.ReLU, nn.Dropout, nn.Identity)  # layers that a linear head may have beside its linear layer


@dataclass(frozen=True)
class Activations:
    """One forward pass of n images.

    Parameters
    ----------
    maps : Tensor of shape (n, n_channels, rows, cols)
        Input of the pooling layer, a leaf of the graph that leads to the outputs.
    pooled : Tensor of shape (n, n_features)
        Input of the head.
    outputs : Tensor of shape (n, n_outputs)
    head : Module
    """

    maps: torch.Tensor
    pooled: torch.Tensor
    outputs: torch.Tensor
    head: nn.Module


def class_activation_maps(
    network: nn.Module, backbone: str, inputs: torch.Tensor, scheme: str, classes: Sequence, min_values: int = 1
) -> tuple[NDArray[np.float32], str, NDArray[np.float32]]:
    """Compute the paper's map and the map of every target.

    Parameters
    ----------
    network : Module
        A backbone with a head (`replace_head`).
    backbone : str
        Name of the backbone.
    inputs : Tensor of float32, shape (n, 3, rows, cols)
        Images as the network takes them, n > 0.
    scheme : str
        Encoding of the target.
    classes : sequence of shape (n_classes,)
        Ascending.
    min_values : int, default 1
        Least number of values along each axis, see `interleave`.

    Returns
    -------
    summed : ndarray of shape (n, h, w)
        Sum over channels.
    map_type : {"cam_class", "grad_cam"}
        CAM where the head is linear in the pooled maps, otherwise Grad-CAM.
    weighted : ndarray of shape (n, n_targets, h, w)
        Map of every target, with both signs.
    """
    map_types = []

    def maps_of(shown: torch.Tensor) -> NDArray[np.float32]:
        made = []
        for batch in shown.split(BATCH_SIZE):
            activations = activate(network, backbone, batch)
            map_types.append("cam_class" if _is_linear(activations) else "grad_cam")
            if map_types[0] == "cam_class":
                weighted = cam(activations.maps, _last_linear(activations.head).weight)
            else:
                weighted = grad_cam(activations, scheme, classes)
            made.append(torch.cat([activations.maps.sum(1, keepdim=True), weighted], 1).detach().cpu())
        return torch.cat(made).numpy()

    with deterministic():
        made = interleave(maps_of, inputs, min_values)
    return np.ascontiguousarray(made[:, 0]), map_types[0], np.ascontiguousarray(made[:, 1:])


def activate(network: nn.Module, backbone: str, inputs: torch.Tensor) -> Activations:
    """Run one batch, without a graph up to the pooling layer and with one from there on.

    Parameters
    ----------
    network, backbone, inputs
        As in `class_activation_maps`.

    Raises
    ------
    UserError
        If the backbone does not pool maps.
    """
    row, network = backbones.get(backbone), network.eval()
    seen, head = {}, network.get_submodule(row.classifier)

    def start_graph(module, args):
        seen["maps"] = args[0].detach().float().requires_grad_()
        torch.set_grad_enabled(True)  # until the block below ends, which resets it
        return seen["maps"], *args[1:]

    def keep_pooled(module, args):
        seen["pooled"] = args[0]

    pool = network.get_submodule(row.blocks["pool"])
    with torch.no_grad(), pool.register_forward_pre_hook(start_graph), head.register_forward_pre_hook(keep_pooled):
        outputs = network(inputs)
    if seen["maps"].ndim != 4:
        raise UserError(f"backbone '{backbone}' pools no maps (channels, rows, cols); choose a convolutional one.")
    return Activations(seen["maps"], seen["pooled"], outputs, head)


def cam(maps: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Compute the class activation map of every class, after Zhou et al.

    Parameters
    ----------
    maps : Tensor or ndarray of shape (n, n_channels, rows, cols)
    weights : Tensor or ndarray of shape (n_targets, n_channels)
        Weights of the linear layer.

    Returns
    -------
    Tensor or ndarray of shape (n, n_targets, rows, cols)

    Notes
    -----
    The mean over all pixels, plus the bias, is the output of the class. Our heads have a ReLU between the mean and the
    linear layer. It changes nothing where maps are never negative (ResNet, EfficientNet); a channel with a negative
    mean contributes nothing to the output, and so nothing to the map.
    """
    count, channels, rows, cols = maps.shape
    active = ~(maps.mean((2, 3)) < 0)  # written so that a mean that is not a number stays visible
    flat = (maps * active[:, :, None, None]).reshape(count, channels, rows * cols)
    return (weights @ flat).reshape(count, len(weights), rows, cols)


def grad_cam(activations: Activations, scheme: str, classes: Sequence) -> torch.Tensor:
    """Compute Grad-CAM of every target, before its ReLU.

    Parameters
    ----------
    activations : Activations
    scheme, classes
        As in `class_activation_maps`.

    Returns
    -------
    Tensor of float32, shape (n, n_targets, rows, cols)

    Notes
    -----
    The channels are weighted by the mean over all pixels of the gradient of the target score. For a head that is
    linear in the pooled maps this is the map of `cam`, divided by the number of pixels.
    """
    scores = differentiable_scores(scheme, activations.outputs, classes)
    return torch.stack([weight_by_gradient(score, activations.maps) for score in scores.unbind(1)], 1)


def weight_by_gradient(scores: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Sum maps over channels, weighted by the mean gradient of each image's score.

    Parameters
    ----------
    scores : Tensor of shape (n,)
        One score an image, with a graph that leads to `maps`.
    maps : Tensor of shape (n, n_channels, rows, cols)

    Returns
    -------
    Tensor of shape (n, rows, cols)
    """
    # The gradient of the sum is that of each image's own score: in evaluation mode images do not mix.
    (gradients,) = torch.autograd.grad(scores.sum(), maps, retain_graph=True)
    return (gradients.mean((2, 3), keepdim=True) * maps).sum(1).detach()


def differentiable_scores(scheme: str, outputs: torch.Tensor, classes: Sequence) -> torch.Tensor:
    """Compute `target_score.target_scores` in torch, with a graph.

    Parameters
    ----------
    scheme : str
    outputs : Tensor of shape (n, n_outputs)
    classes : sequence
        As many as the scheme knows.

    Returns
    -------
    Tensor of shape (n, n_targets)
    """
    if lookup(scheme, target_score.TARGET_SCORES, "scheme").quantity != target_score.PROBABILITIES:
        return outputs
    exceedance = lookup(scheme, EXCEEDANCE, "scheme")(outputs)  # (n, n_classes - 1), descending
    one, zero = torch.ones_like(exceedance[:, :1]), torch.zeros_like(exceedance[:, :1])
    return -torch.cat([one, exceedance, zero], 1).diff(dim=1)


# The probability to be above each class but the last, as in target.decode.
EXCEEDANCE = {
    "nnrank": lambda outputs: outputs.cummin(1).values[:, 1:],
    "corn": lambda outputs: outputs.sigmoid().cumprod(1),
}


def linear_weights(activations: Activations) -> torch.Tensor | None:
    """Return the weights (n_outputs, n_features) of a head that is linear in the pooled maps; None of another."""
    return _last_linear(activations.head).weight if _is_linear(activations) else None


def _last_linear(head):
    """Return the only trained layer of a head, if it is linear; None where there are others."""
    layers = [module for module in head.modules() if not list(module.children())]
    trained = [layer for layer in layers if not isinstance(layer, NOT_TRAINED)]
    return trained[0] if len(trained) == 1 and isinstance(trained[0], nn.Linear) else None


def _is_linear(activations):
    """Whether the outputs are a linear layer of the mean of the maps, or of its positive part: then CAM is exact."""
    means = activations.maps.detach().mean((2, 3))
    if _last_linear(activations.head) is None or means.shape != activations.pooled.shape:
        return False
    bound = TOLERANCE * float(means.abs().nan_to_num(0, 0).max())
    return torch.allclose(means, activations.pooled, rtol=TOLERANCE, atol=bound, equal_nan=True)
