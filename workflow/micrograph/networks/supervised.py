"""Supervised pre-training: a backbone learns the study's target from simulated films of other laboratories.

It is fine-tuned on them as the networks of the study are on theirs, and stops early by growth days of its own that are
held out. The classifier is kept: a network of the study with the head ``nominal`` continues it, and predicts the
study's films before it has been trained on any of them. The paper has no such pre-training.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from micrograph.networks import backbones, finetune
from micrograph.networks.checkpoints import WeightsMetadata
from micrograph.networks.self_supervised import Pretrained
from micrograph.networks.training import TrainingSettings
from micrograph.splits.fit_spec import NetworkSpec
from micrograph.target import Target

HELD_OUT = 5  # one growth day in so many validates


def pretrain(
    images: NDArray[np.uint8],
    samples: pd.DataFrame,
    target: Target,
    *,
    backbone: str,
    start: str,
    settings: TrainingSettings,
    rng: np.random.Generator,
    weights: str | Path | None = None,
    device: str = "auto",
) -> Pretrained:
    """Train a backbone to tell the target of simulated films.

    Parameters
    ----------
    images : ndarray of shape (n, side, side), uint8
        Micrographs.
    samples : DataFrame of n rows
        sample, batch (growth day) and the target's column of every micrograph; none is a sample of the study.
    target : Target
        Of the study.
    backbone : str
        Name of the backbone.
    start : str
        Pre-training that it starts from.
    settings : TrainingSettings
        Of the head ``nominal``.
    rng : Generator
        Source of all random numbers.
    weights : path, optional
        File of the weights it starts from; scratch needs none.
    device : {"auto", "cpu", "cuda", "mps"}
        Device to train on.

    Returns
    -------
    Pretrained
        The backbone, with the classes of the target as its classifier's; its curve has the columns of `finetune.CURVE`.

    Raises
    ------
    UserError
        As `finetune.fine_tune`.
    """
    days = samples["batch"].unique()[::HELD_OUT]
    table = target.add_to(samples)[["sample", "batch", "y_true", "y_true_value"]]
    table = table.assign(fold=0, split=np.where(samples["batch"].isin(days), "validation", "train"))
    spec = NetworkSpec("strict", start, "aug3", "nominal")
    fold = finetune.select_fold(samples[["sample"]].assign(augmentation=0), table, 0, spec, rng)
    task = finetune.TuningTask(spec, backbone, [settings], target)
    tuned = finetune.fine_tune(fold, images, task, weights, rng, device)
    metadata: WeightsMetadata = {
        "backbone": backbone, "pretraining": "simulated", "source": f"{len(samples)} simulated films", "start": start,
        "settings": asdict(settings), "precision": settings.precision, "target": target.settings,
        "mean": tuned.metadata["mean"], "std": tuned.metadata["std"],
    }  # fmt: skip
    return Pretrained(_with_classifier(tuned.network, backbone), tuned.curve, metadata)


def _with_classifier(network: nn.Module, backbone: str) -> nn.Module:
    """Return a backbone whose classifier is the last layer of a network's head."""
    name = backbones.get(backbone).classifier
    network.set_submodule(name, network.get_submodule(f"{name}.last"))
    return network.eval()
