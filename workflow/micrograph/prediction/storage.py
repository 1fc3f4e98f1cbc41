"""The final model as one safetensors file: networks, embeddings and images of the study's samples, metadata as JSON.

A file that was changed is refused: the metadata hold a SHA-256 of all tensors and of the metadata themselves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from micrograph.attribution import attribute
from micrograph.attribution.maps import AttributionSettings
from micrograph.errors import UserError
from micrograph.networks import backbones, checkpoints
from micrograph.prediction import novelty

VERSION = 6  # of the file's layout
NETWORK, BACKBONE, EMBEDDINGS, IMAGES = "network.", "backbone.", "films.looks", "films.pictures"  # names of tensors
COMMAND = "snakemake --cores 8 results/final_model/model.safetensors"


@dataclass(frozen=True, eq=False)
class FinalModel:
    """The final model.

    Parameters
    ----------
    network : Module
        Fine-tuned on all samples; in evaluation mode, on the CPU.
    backbone : Module
        The network before fine-tuning, for embeddings.
    facts : dict
        JSON values; see `final_model.train`.
    embeddings : ndarray of float32, shape (n, k)
        Of the study's samples (`novelty.embed`).
    images : ndarray of uint8, shape (n, side, side)
        Their micrographs, small.
    """

    network: torch.nn.Module
    backbone: torch.nn.Module
    facts: dict[str, Any]
    embeddings: NDArray[np.float32]
    images: NDArray[np.uint8]

    def attribute(self, images: NDArray[np.uint8], device: str = "auto") -> dict[str, NDArray[Any]]:
        """Compute outputs and attribution maps of images, see `attribute.attribute`.

        All is fp32, so that a scan has the same answer on every processor and from the ONNX file.
        """
        settings = replace(AttributionSettings(**self.facts["attribution"]), precision="fp32")
        facts = self.facts | {"settings": {**self.facts["settings"], "precision": "fp32"}}
        return attribute.attribute(self.network, cast(checkpoints.NetworkMetadata, facts), images, settings, device)

    def embed(self, micrographs: Iterable[NDArray[np.uint8]], device: str = "auto") -> NDArray[np.float32]:
        """Compute the embeddings of micrographs, see `novelty.embed`."""
        return novelty.embed(self.backbone, self.facts, micrographs, device)


def write(path: str | Path, model: FinalModel) -> None:
    """Write the model, whole or not at all; the same model gives the same bytes."""
    networks = {NETWORK: model.network, BACKBONE: model.backbone}
    tensors = {f"{kind}{name}": part for kind, net in networks.items() for name, part in net.state_dict().items()}
    for name, array in ((EMBEDDINGS, model.embeddings), (IMAGES, model.images)):
        tensors[name] = torch.from_numpy(np.ascontiguousarray(array))
    facts = json.loads(json.dumps(model.facts)) | {"final_model": VERSION}
    checkpoints.write(path, tensors, facts | {"sha256": digest(tensors, facts)})


def read(path: str | Path) -> FinalModel:
    """Read a file of `write`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    FinalModel

    Raises
    ------
    UserError
        If the file is missing, damaged, changed, not a final model, or of another version.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such final model; correct the path, or train it: {COMMAND}")
    facts, tensors = _open(path)
    if not isinstance(facts, dict) or facts.get("final_model") != VERSION:
        raise UserError(f"{path}: not a final model of this version; train it again: {COMMAND}")
    expected = facts.pop("sha256", "")
    if digest(tensors, facts) != expected:
        raise UserError(
            f"{path}: changed after it was written (its checksum differs); copy it again, or train it again: {COMMAND}"
        )
    embeddings, images = (tensors.pop(name).numpy() for name in (EMBEDDINGS, IMAGES))
    own, before = (
        {name.removeprefix(kind): part for name, part in tensors.items() if name.startswith(kind)}
        for kind in (NETWORK, BACKBONE)
    )
    backbone = backbones.build(facts["backbone"], checkpoints.n_classes(facts["backbone"], before))
    network = checkpoints.load_state_dict(
        checkpoints.build_network(backbone, cast(checkpoints.NetworkMetadata, facts)), own, path
    )
    backbone = checkpoints.load_state_dict(backbone, before, path)
    return FinalModel(network, backbone, facts | {"sha256": expected}, embeddings, images)


def _open(path: str | Path) -> tuple[Any, dict[str, torch.Tensor]]:
    """Read metadata and tensors of any safetensors file."""
    try:
        return checkpoints.read_metadata(path), checkpoints.read(path)
    except (UserError, ValueError, RecursionError):  # not safetensors, or metadata that are not JSON
        raise UserError(
            f"{path}: cannot be read as a final model (truncated, empty or something else); copy it again, "
            f"or train it again: {COMMAND}"
        ) from None


def digest(tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hexadecimal digits, of tensors (names, values, types, shapes) and of JSON metadata."""
    sha256 = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        values = np.ascontiguousarray(tensor.detach().cpu().numpy())
        sha256.update(f"{name} {values.dtype.str} {values.shape}".encode())
        sha256.update(values.data)
    return sha256.hexdigest()
