"""Pre-training: on what a backbone was trained before this study's labels, and the weights it left.

Adding one is adding a row to `PRETRAINING`. Whatever the origin, the weights are one safetensors file with metadata
(`checkpoints.WeightsMetadata`), so that features and fine-tuning treat all in the same way.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from micrograph.errors import UserError, lookup
from micrograph.networks import backbones, checkpoints
from micrograph.networks.backbones import Colour

if TYPE_CHECKING:
    import numpy as np
    from torch import nn


# By name where the weights come from: a package or download, a random generator, or training inside this study
# (`self_supervised.pretrain`, `supervised.pretrain`).
PRETRAINING = {
    "imagenet": "retrieved",  # labelled photographs
    "micronet": "retrieved",  # labelled micrographs of many materials
    "scratch": "random",
    "films": "self_supervised",  # micrographs of films, without labels
    "simulated": "supervised",  # simulated films of other laboratories, with the study's target
}


def origin(pretraining: str) -> str:
    """Return the origin of the weights of a pre-training: retrieved, random, self_supervised or supervised.

    Raises
    ------
    UserError
        If the name is unknown.
    """
    return lookup(pretraining, PRETRAINING, "pretraining")


def normalisation(backbone: str, pretraining: str, path: str | Path | None = None) -> tuple[Colour, Colour]:
    """Return mean and standard deviation of red, green and blue in 0..1 for images of a network of this pre-training.

    Parameters
    ----------
    backbone : str
        Name of the backbone.
    pretraining : str
        Name of the pre-training. Weights made in this study (scratch, films, simulated) take images as the backbone's
        first published weights do, so that pre-trainings differ in nothing else.
    path : path, optional
        File of the weights; what it says of itself comes first.

    Returns
    -------
    mean, std : tuple of 3 floats
    """
    origin(pretraining)  # is it known?
    metadata = checkpoints.read_metadata(path) if path else {}
    if "mean" in metadata and "std" in metadata:
        return tuple(metadata["mean"]), tuple(metadata["std"])
    return backbones.normalisation(backbone, pretraining)


def load_backbone(
    backbone: str, pretraining: str, path: str | Path | None = None, rng: "np.random.Generator | None" = None
) -> "nn.Module":
    """Load the backbone that training starts from.

    Parameters
    ----------
    backbone : str
        Name of the backbone.
    pretraining : str
        Name of the pre-training.
    path : path, optional
        File of the weights; only scratch needs none.
    rng : Generator, optional
        Source of random weights, where there is no file.

    Returns
    -------
    Module
        In evaluation mode.

    Raises
    ------
    UserError
        If the file is missing, or holds weights of another pre-training or backbone.
    ValueError
        If there is neither a file nor `rng`.
    """
    random = origin(pretraining) == "random"
    if path is None:
        if not random:
            raise UserError(f"pretraining {pretraining} of {backbone} needs a file of weights; make or retrieve it.")
        if rng is None:
            raise ValueError(f"pretraining {pretraining}: random weights need an rng")
        return random_backbone(backbone, rng)
    stored = checkpoints.read_metadata(path).get("pretraining", pretraining)
    if stored != pretraining:
        raise UserError(f"{path}: holds {stored} weights, not {pretraining}; set the pretraining to {stored}.")
    return checkpoints.load(backbone, path)


def random_backbone(backbone: str, rng: "np.random.Generator") -> "nn.Module":
    """Return the backbone with the random weights that timm initialises it with.

    Parameters
    ----------
    backbone : str
        Name of the backbone.
    rng : Generator
        Seeds them.

    Returns
    -------
    Module
        In evaluation mode.
    """
    from micrograph.networks.device import seeded  # imports torch

    with seeded(rng):
        return backbones.build(backbone).eval()
