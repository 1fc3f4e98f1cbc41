"""Weights as files: PyTorch's own read once, fitted to a network, written as safetensors that names its origin.

PyTorch's own files are pickles. They are read here, with weights_only=True, which runs no code; everything downstream
reads safetensors. torch and safetensors are imported when a function needs them.
"""

import json
from pathlib import Path

from micrograph import io
from micrograph.errors import UserError
from micrograph.networks import backbones


def write(path, tensors, facts):
    """Write tensors by name and facts (a dict that JSON can say) as safetensors; same input, same bytes."""
    from safetensors.torch import save

    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with io.atomic_write(path) as partial:
        partial.write_bytes(save(whole, metadata={"micrograph": json.dumps(facts, sort_keys=True)}))


def state_dict(path, origin=None):
    """The tensors in a PyTorch or safetensors file, by name.

    A training checkpoint gives its "state_dict"; the prefix "module." of parallel training is taken off. Raises
    UserError if the file is damaged, holds anything that only a full unpickling could read, or holds no tensors.
    """
    import torch

    origin = origin or path
    if Path(path).suffix == ".safetensors":
        return backbones.read(path)
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0][:120]
        raise UserError(f"{origin}: no weights can be read from it safely ({reason}); use another file.") from None
    if isinstance(stored, dict) and isinstance(stored.get("state_dict"), dict):
        stored = stored["state_dict"]
    if not isinstance(stored, dict) or not stored or not all(torch.is_tensor(part) for part in stored.values()):
        raise UserError(
            f"{origin}: holds no state dict (names and tensors); save one with torch.save(net.state_dict())."
        )
    return {name.removeprefix("module."): tensor for name, tensor in stored.items()}


def fitted(backbone, stored, in_order, origin):
    """The state dict of the backbone with the stored tensors in it, complete and strict.

    in_order: where no stored name is the network's, tensors are taken in their order; kind (weight, bias, running
    mean ...) and shape must then agree one by one. Only batch-norm's counters may be missing, as in files of PyTorch
    before 0.4.1: they are 0 then, and nothing here reads them.
    """
    import torch

    network = backbones.build(backbone, backbones.classes_in(backbone, stored))
    wanted = network.state_dict()
    if in_order and not set(wanted) & set(stored):
        stored = renamed(stored, wanted, origin)
    counters = [name for name in wanted if name.endswith(".num_batches_tracked") and name not in stored]
    stored = stored | {name: torch.zeros_like(wanted[name]) for name in counters}
    return backbones.fill(network, stored, origin).state_dict()


def renamed(stored, wanted, origin):
    """The stored tensors under the wanted names, taken in order; UserError at the first of another kind or shape."""
    if len(stored) != len(wanted):
        raise UserError(
            f"{origin}: has {len(stored)} tensors, the network {len(wanted)}; use the weights of this network."
        )
    for (theirs, tensor), (ours, place) in zip(stored.items(), wanted.items(), strict=True):
        if theirs.rsplit(".", 1)[-1] != ours.rsplit(".", 1)[-1] or tensor.shape != place.shape:
            shapes = f"{theirs} {tuple(tensor.shape)} does not fit {ours} {tuple(place.shape)}"
            raise UserError(f"{origin}: {shapes}; use the weights of this network.")
    return dict(zip(wanted, stored.values(), strict=True))
