"""Checkpoints: weights and fine-tuned networks as safetensors, and PyTorch's files read into them.

PyTorch's own files are pickles. They are read here alone, with ``weights_only=True``, which runs no code. Written files
are whole or absent, hold their metadata as JSON, and the same content gives the same bytes.
"""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

from micrograph import io
from micrograph.errors import UserError
from micrograph.networks import backbones

if TYPE_CHECKING:
    from torch import Tensor, nn

KEY = "micrograph"  # of safetensors' metadata, under which ours stands as JSON


class WeightsMetadata(TypedDict, total=False):
    """Metadata of a file of pre-trained weights."""

    backbone: str
    pretraining: str
    source: str  # URL, package file or user's file; the images of pre-training in a study
    sha256: str  # of the source
    mean: tuple[float, float, float]  # of red, green and blue in 0..1
    std: tuple[float, float, float]
    start: str  # of pre-training in a study: the pre-training that it started from, its settings, its precision
    settings: dict[str, Any]
    precision: str
    target: dict[str, Any]  # `Target.settings`, of pre-training with labels


class NetworkMetadata(TypedDict, total=False):
    """Metadata of a file of a fine-tuned network."""

    backbone: str
    pretraining: str
    head: str
    target: dict[str, Any]  # `Target.settings`
    classes: list[float]  # in the target's unit, ascending
    policy: str
    protocol: str
    fold: int | None  # None where all samples were learnt from
    search: str  # of the hyperparameters
    mean: tuple[float, float, float]  # of red, green and blue in 0..1
    std: tuple[float, float, float]
    pixels: int  # side of the images
    settings: dict[str, Any]  # of training, see `training.TrainingSettings`
    data: str


def write(
    path: str | Path, tensors: Mapping[str, "Tensor"], metadata: Mapping[str, Any], sort_keys: bool = True
) -> None:
    """Write tensors and metadata as safetensors.

    Parameters
    ----------
    path : path
        File to write.
    tensors : mapping of str to Tensor
        Tensors by name, on any device.
    metadata : mapping
        Values that JSON can represent.
    sort_keys : bool, default True
        Sort the keys of the metadata.
    """
    from safetensors.torch import save

    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with io.atomic_write(path) as partial:
        partial.write_bytes(save(copies, metadata={KEY: json.dumps(metadata, sort_keys=sort_keys)}))


def read(path: str | Path) -> dict[str, "Tensor"]:
    """Read the tensors of a safetensors file.

    Parameters
    ----------
    path : path
        File to read.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    UserError
        If the file is missing or not safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from None


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the metadata that `write` left in a safetensors file.

    Parameters
    ----------
    path : path
        File to read.

    Returns
    -------
    dict
        Empty for a file of another origin.

    Raises
    ------
    UserError
        If the file is missing or not safetensors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as opened:
            return json.loads((opened.metadata() or {}).get(KEY, "{}"))
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from None


def load(backbone: str, path: str | Path) -> "nn.Module":
    """Load a backbone with the weights of a safetensors file.

    Parameters
    ----------
    backbone : str
        Name of the backbone.
    path : path
        File of its weights. The classifier gets as many outputs as the file has.

    Returns
    -------
    Module
        In evaluation mode.

    Raises
    ------
    UserError
        If the file is of another backbone, or names or shapes of its tensors differ.
    """
    tensors = read(path)
    stored = read_metadata(path).get("backbone", backbone)
    if stored != backbone:
        raise UserError(
            f"{path}: holds weights of {stored}, not of {backbone}; set the backbone to {stored} or retrieve again."
        )
    return load_state_dict(backbones.build(backbone, n_classes(backbone, tensors)), tensors, path)


def n_classes(backbone: str, tensors: Mapping[str, "Tensor"]) -> int:
    """Return the number of outputs of the classifier in a state dict, 1000 where it has none.

    Parameters
    ----------
    backbone : str
        Name of the backbone.
    tensors : mapping of str to Tensor
        Its state dict.

    Returns
    -------
    int
    """
    weight = tensors.get(f"{backbones.get(backbone).classifier}.weight")
    return backbones.IMAGENET_CLASSES if weight is None or weight.ndim == 0 else int(weight.shape[0])


def load_state_dict(network: "nn.Module", tensors: Mapping[str, "Tensor"], path: str | Path) -> "nn.Module":
    """Load a state dict into a network, every key and shape equal.

    Parameters
    ----------
    network : Module
        Changed.
    tensors : mapping of str to Tensor
        State dict.
    path : path
        Its file, for messages.

    Returns
    -------
    Module
        The network in evaluation mode.

    Raises
    ------
    UserError
        If a key is missing or unexpected, or a shape differs.
    """
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        problems = [textwrap.shorten(line.strip(), 200) for line in str(error).splitlines()[1:4]]
        kind = type(network).__name__
        raise UserError(
            f"{path}: does not fit this {kind} ({' '.join(problems)}); retrieve the right weights."
        ) from None
    return network.eval()


def read_network(path: str | Path) -> tuple["nn.Module", NetworkMetadata]:
    """Read a fine-tuned network.

    Parameters
    ----------
    path : path
        File of a fine-tuned network (`finetune.FineTuned.write`).

    Returns
    -------
    network : Module
        In evaluation mode.
    metadata : NetworkMetadata

    Raises
    ------
    UserError
        If the file holds no fine-tuned network, or its tensors do not fit.
    """
    metadata = cast(NetworkMetadata, read_metadata(path))
    if "head" not in metadata:
        raise UserError(f"{path}: holds no fine-tuned network; give a file of results/networks.")
    network = build_network(backbones.build(metadata["backbone"]), metadata)
    return load_state_dict(network, read(path), path), metadata


def build_network(backbone: "nn.Module", metadata: NetworkMetadata) -> "nn.Module":
    """Return a copy of a backbone with the head that the metadata name, the head's weights random.

    Parameters
    ----------
    backbone : Module
        Network of ``metadata["backbone"]``.
    metadata : NetworkMetadata
        At least backbone, head, classes and the dropout in settings.

    Returns
    -------
    Module
    """
    import numpy as np

    from micrograph.networks.replace_head import replace_head

    name, dropout = metadata["backbone"], metadata["settings"]["dropout"]
    return replace_head(backbone, name, metadata["head"], metadata["classes"], dropout, np.random.default_rng(0))


def read_state_dict(path: str | Path, origin: str | None = None) -> dict[str, "Tensor"]:
    """Read the tensors of a PyTorch or safetensors file.

    The ``state_dict`` of a training checkpoint is taken out of it, and the prefix ``module.`` of parallel training off
    its names.

    Parameters
    ----------
    path : path
        File to read.
    origin : str, optional
        Name of the file in messages.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    UserError
        If the file is damaged, holds anything that only a full unpickling could read, or holds no tensors.
    """
    import torch

    origin = origin or str(path)
    if Path(path).suffix == ".safetensors":
        return read(path)
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0][:120]
        raise UserError(f"{origin}: no weights can be read from it safely ({reason}); use another file.") from None
    if isinstance(stored, dict) and isinstance(stored.get("state_dict"), dict):
        stored = stored["state_dict"]
    if not isinstance(stored, dict) or not stored or not all(torch.is_tensor(part) for part in stored.values()):
        raise UserError(f"{origin}: holds no state dict; save one with torch.save(network.state_dict()).")
    return {name.removeprefix("module."): tensor for name, tensor in stored.items()}


def convert(backbone: str, tensors: Mapping[str, "Tensor"], in_order: bool, origin: str) -> dict[str, "Tensor"]:
    """Return a state dict of the backbone with the tensors of a file in it.

    Parameters
    ----------
    backbone : str
        Name of the backbone.
    tensors : mapping of str to Tensor
        From `read_state_dict`. The counters of batch normalisation may be missing, as in files of PyTorch before 0.4.1:
        they become 0, and nothing reads them.
    in_order : bool
        Where no name is the network's, take the tensors in their order; their kind (weight, bias, running mean ...) and
        shape must agree one by one.
    origin : str
        Name of the file in messages.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    UserError
        If the tensors are not those of the backbone.
    """
    import torch

    network = backbones.build(backbone, n_classes(backbone, tensors))
    expected = network.state_dict()
    if in_order and not expected.keys() & tensors.keys():
        tensors = _rename_in_order(tensors, expected, origin)
    counters = [name for name in expected if name.endswith(".num_batches_tracked") and name not in tensors]
    tensors = {**tensors, **{name: torch.zeros_like(expected[name]) for name in counters}}
    return load_state_dict(network, tensors, origin).state_dict()


def _rename_in_order(
    tensors: Mapping[str, "Tensor"], expected: Mapping[str, "Tensor"], origin: str
) -> dict[str, "Tensor"]:
    """Rename the tensors in their order; UserError at the first that differs in kind or shape."""
    if len(tensors) != len(expected):
        raise UserError(
            f"{origin}: has {len(tensors)} tensors, the network {len(expected)}; use the weights of this network."
        )
    for (name, tensor), (own_name, own) in zip(tensors.items(), expected.items(), strict=True):
        if name.rsplit(".", 1)[-1] != own_name.rsplit(".", 1)[-1] or tensor.shape != own.shape:
            shapes = f"{name} {tuple(tensor.shape)} does not fit {own_name} {tuple(own.shape)}"
            raise UserError(f"{origin}: {shapes}; use the weights of this network.")
    return dict(zip(expected, tensors.values(), strict=True))


def _unreadable(path: str | Path, error: Exception) -> UserError:
    return UserError(f"{path}: not a readable safetensors file ({error}); make or retrieve it again.")
