"""The production model as one safetensors file: networks, what is known of the study's films, and all facts as JSON.

A reader refuses a file that was changed: the facts hold a SHA-256 of all tensors and of the facts themselves.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from micrograph.errors import UserError
from micrograph.networks import backbones, checkpoints

VERSION = 2  # of the file's form
NETWORK, BACKBONE, LOOKS, PICTURES = "network.", "backbone.", "films.looks", "films.pictures"
COMMAND = "snakemake --cores 8 results/final_model/model.safetensors"
WAY_OUT = f"train it: {COMMAND}"


@dataclass(frozen=True, eq=False)
class Production:
    """A production model. network: fine-tuned on all films; backbone: as it was before, which says what a film looks
    like; both in evaluation mode, on the processor; facts: a dict, see production.make; looks: (n, C) float32 of the
    study's films (novelty.texture); pictures: (n, side, side) uint8, their micrographs, small."""

    network: torch.nn.Module
    backbone: torch.nn.Module
    facts: dict
    looks: np.ndarray
    pictures: np.ndarray

    @property
    def films(self):
        """The study's films: a table with sample, batch and growth conditions, in the order of looks and pictures."""
        return pd.DataFrame(self.facts["films"])


def write(path, production):
    """Write the model, whole or not at all; the same model gives the same bytes."""
    parts = {NETWORK: production.network, BACKBONE: production.backbone}
    tensors = {f"{kind}{name}": part for kind, net in parts.items() for name, part in net.state_dict().items()}
    tensors |= {name: torch.from_numpy(np.ascontiguousarray(part))
                for name, part in ((LOOKS, production.looks), (PICTURES, production.pictures))}  # fmt: skip
    facts = json.loads(json.dumps(production.facts)) | {"production": VERSION}
    checkpoints.write(path, tensors, facts | {"sha256": digest(tensors, facts)})


def read(path):
    """The Production in a file of `write`; UserError where it is missing, something else, of another form or changed."""
    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such production model; correct the path, or {WAY_OUT}")
    facts, tensors = _opened(path)
    if not isinstance(facts, dict) or facts.get("production") != VERSION:
        raise UserError(f"{path}: holds no production model of this version; train it again: {COMMAND}")
    said = facts.pop("sha256", "")
    if digest(tensors, facts) != said:
        raise UserError(
            f"{path}: was changed after it was written (its checksum differs); copy it anew, or "
            f"train it again: {COMMAND}"
        )
    looks, pictures = (tensors.pop(name).numpy() for name in (LOOKS, PICTURES))
    name = facts["backbone"]
    own, before = (
        {key.removeprefix(kind): part for key, part in tensors.items() if key.startswith(kind)}
        for kind in (NETWORK, BACKBONE)
    )
    start = backbones.build(name, checkpoints.n_classes(name, before))
    blank = checkpoints.build_network(start, facts)
    network, start = checkpoints.load_state_dict(blank, own, path), checkpoints.load_state_dict(start, before, path)
    return Production(network, start, facts | {"sha256": said}, looks, pictures)


def _opened(path):
    """What the file says of itself, and its tensors."""
    try:
        return checkpoints.read_metadata(path), checkpoints.read(path)
    except (UserError, ValueError, RecursionError):  # no safetensors file, or one whose words are no JSON
        raise UserError(
            f"{path}: cannot be read as a production model (cut off, empty or something else); copy it anew, "
            f"or train it again: {COMMAND}"
        ) from None


def digest(tensors, facts):
    """SHA-256, in hexadecimal digits, of tensors by name (values, kinds, shapes) and of facts (a dict of JSON)."""
    sum_of_all = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        values = np.ascontiguousarray(tensor.detach().cpu().numpy())
        sum_of_all.update(f"{name} {values.dtype.str} {values.shape}".encode())
        sum_of_all.update(values.data)
    return sum_of_all.hexdigest()
