"""Model parameter randomisation test: whether a map depends on what the network has learned (Adebayo et al. [1]_).

A map that does not change when the weights of the head, or all weights, are random shows the edges of the image or the
geometry of the network, and does not explain what was learned.

The result is the absolute value of Spearman's correlation between a sample's map and the map of the randomised network
for the same target, the mean over N_HEADS random heads. The sign is dropped because a random head prefers a class as
often as it avoids it: with it, the mean would be about 0 for any linear head, whatever the map shows.

Notes
-----
Unrelated maps do not score 0 either, the less so the coarser they are. The control, other samples' maps against the
same randomised map, shows what unrelated maps score. A result above the control means that the map shows, in part, what
any network would respond to in this sample; with a random head alone, what the trained layers before it respond to,
whichever class it is evidence for. The paper's sum over channels does not depend on the head, so its result for a
random head is 1 by definition.

A network with random weights starts as its library initialises it, its batch normalisation measured on the images;
otherwise its activations fade and its maps are rounding errors. Windows of the occlusion map are subsampled to
MAX_WINDOWS per axis, and MAX_SAMPLES samples of a fold are drawn: one random network per fold limits this test, not the
number of samples, and intervals over batches do not contain the variance of that draw.

References
----------
.. [1] J. Adebayo, J. Gilmer, M. Muelly, I. Goodfellow, M. Hardt, B. Kim, "Sanity checks for saliency maps", NeurIPS
   2018.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from micrograph.attribution import cam, maps, occlusion, similarity, target_score
from micrograph.attribution.maps import Attributions
from micrograph.attribution.occlusion import FoldNetwork
from micrograph.networks import backbones, finetune, heads, pretraining, replace_head, transforms
from micrograph.networks.checkpoints import NetworkMetadata
from micrograph.networks.device import deterministic, resolve_device

N_HEADS = 8
MAX_SAMPLES = 12
MAX_WINDOWS = 6
BATCH_SIZE = 32


def randomisation_test(
    tested: FoldNetwork, images: NDArray[np.uint8], attributions: Attributions,
    controls: Sequence[NDArray[np.intp]], rng: np.random.Generator,
) -> list[tuple[int, str, str, NDArray[np.float64]]]:  # fmt: skip
    """Compare the maps of some samples with those of a random head and of a random network.

    Parameters
    ----------
    tested : FoldNetwork
        Network of the fold.
    images : ndarray of uint8, shape (n, side, side)
    attributions : Attributions
        Of the same n samples.
    controls : sequence of ndarray of int
        Indices of the control samples of every sample.
    rng : Generator

    Returns
    -------
    list of (index, map_type, measure, values)
        ``measure`` is randomised_head or randomised_all; ``values``, of shape (1 + k,), are those of the sample's own
        map and of its k controls.
    """
    usable = np.logical_or.reduce([attributions.valid(name) for name in attributions.map_types()])
    drawn = np.sort(rng.permutation(np.flatnonzero(usable))[:MAX_SAMPLES])
    if not len(drawn):
        return []
    inputs = _inputs(images, tested)
    random = replace(tested, network=random_network(tested.metadata, inputs, rng))
    rows = []
    for measure, other in (("randomised_head", tested), ("randomised_all", random)):
        randomised = _maps(other, images[drawn], attributions, attributions.target[drawn], rng)
        for position, i in enumerate(drawn):
            compared = _compare(attributions, randomised, position, i, controls[i])
            rows += [(i, map_type, measure, values) for map_type, values in compared]
    return rows


def random_network(metadata: NetworkMetadata, inputs: torch.Tensor, rng: np.random.Generator) -> nn.Module:
    """Make a network with random weights and batch normalisation measured on images.

    Parameters
    ----------
    metadata : NetworkMetadata
        Backbone, head and classes.
    inputs : Tensor of float32, shape (n, 3, side, side)
        Images as the network takes them.
    rng : Generator

    Returns
    -------
    Module
        In evaluation mode, on the device of the inputs.
    """
    backbone = metadata["backbone"]
    start = pretraining.random_backbone(backbone, rng)
    network = replace_head.replace_head(start, backbone, metadata["head"], metadata["classes"], 0.0, rng)
    network = network.to(inputs.device)
    batches = (batch for batch in inputs.split(BATCH_SIZE) if len(batch) > 1 or len(inputs) == 1)
    finetune.recompute_batchnorm_statistics(network, batches)
    return network


def random_heads(tested: FoldNetwork, rng: np.random.Generator, count: int = N_HEADS) -> list[nn.Module]:
    """Make heads like that of a network with random weights, in evaluation mode."""
    metadata = tested.metadata
    own = tested.network.get_submodule(backbones.get(metadata["backbone"]).classifier)
    width = next(part for part in own.modules() if isinstance(part, nn.Linear)).in_features
    made = [heads.make_head(metadata["head"], width, metadata["classes"], 0.0, rng) for _ in range(count)]
    return [head.eval().to(resolve_device(tested.device)) for head in made]


def _maps(tested, images, attributions, targets, rng):
    """{map type: [(n, h, w) of each random head]}, each sample's map of its own target."""
    random = random_heads(tested, rng)
    effects = _effects(tested, random, images, attributions, targets)
    with deterministic():
        inputs = _inputs(images, tested)
        network = copy.deepcopy(tested.network).to(inputs.device)

        def maps_of(shown: torch.Tensor) -> NDArray:
            activations = cam.activate(network, tested.metadata["backbone"], shown)
            weighted = [_grad_cam(activations, head, attributions, targets) for head in random]
            return np.stack([activations.maps.sum(1).detach().cpu().numpy(), *weighted])

        summed, *weighted = cam.interleave(maps_of, inputs, attributions.cam.shape[-1])
    return {"cam": [summed] * len(random), attributions.weighted_name: weighted, "occlusion": list(effects)}


def _grad_cam(activations, head, attributions, targets):
    """Grad-CAM (n, h, w) of each sample's target with another head; of a linear head CAM up to a factor."""
    with torch.enable_grad():
        scores = cam.differentiable_scores(attributions.scheme, head(activations.pooled), attributions.classes)
        own = scores[np.arange(len(targets)), targets]
        return cam.weight_by_gradient(own, activations.maps).cpu().numpy()


def _effects(tested, random, images, attributions, targets):
    """Effects (n_heads, n, rows, cols) of some windows on the score of each sample's target."""
    side, step = attributions.side, _step(attributions.occlusion.shape[-1])
    windows = maps.window_masks(side, attributions.patch, attributions.stride, step)
    masks = np.concatenate([np.zeros((1, side, side), bool), windows.reshape(-1, side, side)])
    forward = occlusion.MaskedForward(tested, attributions.baseline)
    effects = np.empty((len(random), len(images), *windows.shape[:2]))
    for i, image in enumerate(images):
        features = forward.features(image, masks)
        for head, of_head in zip(random, effects, strict=True):
            with torch.inference_mode():
                outputs = head(features).cpu().numpy()
            scores = target_score.target_scores(attributions.scheme, outputs, attributions.classes)[:, targets[i]]
            of_head[i] = (scores[0] - scores[1:]).reshape(windows.shape[:2])
    return effects


def _step(n_windows):
    """Return the distance between windows that leaves MAX_WINDOWS or fewer along an axis."""
    return -(-n_windows // MAX_WINDOWS)


def _compare(attributions, randomised, position, i, controls):
    """(map type, values (1 + k,)) of one sample: its own maps and those of its controls against the randomised ones."""
    rows = np.append(i, controls).astype(int)
    for map_type, by_head in randomised.items():
        if attributions.valid(map_type)[i]:
            trained = attributions.values(map_type, rows)
            if map_type == "occlusion":
                step = _step(trained.shape[-1])
                trained = trained[:, ::step, ::step]
            correlations = np.abs([similarity.spearman(one[position], trained) for one in by_head])
            finite = np.isfinite(correlations).all(axis=1)
            if finite.any():
                yield map_type, correlations[finite].mean(axis=0)


def _inputs(images, tested):
    grey = torch.from_numpy(np.ascontiguousarray(images)).to(resolve_device(tested.device))[:, None]
    return transforms.normalise(grey, tested.metadata["mean"], tested.metadata["std"])
