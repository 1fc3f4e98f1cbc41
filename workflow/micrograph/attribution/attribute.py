"""Class activation maps and occlusion maps of samples, by one network, as the arrays of a file.

A sample of the study is attributed by the network of the fold that tests it (`attribute_fold`), a new scan by the final
model (`attribute`).
"""

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from micrograph.attribution import cam, occlusion
from micrograph.attribution.arrays import Computed
from micrograph.attribution.maps import AttributionSettings
from micrograph.errors import UserError
from micrograph.networks import heads, replace_head, training, transforms
from micrograph.networks.checkpoints import NetworkMetadata
from micrograph.networks.device import deterministic, resolve_device, resolve_dtype
from micrograph.target import Target

BATCH_SIZE = 64  # of the forward pass that gives the outputs, as when the study's predictions were made


def attribute_fold(
    network: nn.Module, metadata: NetworkMetadata, images: NDArray[np.uint8] | torch.Tensor, samples: pd.DataFrame,
    settings: AttributionSettings, device: str = "auto",
) -> dict[str, NDArray]:  # fmt: skip
    """Compute the maps of the samples that one fold tests.

    Parameters
    ----------
    network, metadata, images, settings, device
        As in `attribute`.
    samples : DataFrame
        Rows of `tested_samples` in the order of the images.

    Returns
    -------
    dict of ndarray
        ``samples``, ``fold`` and ``y_true`` (class), each of shape (n,), and the arrays
        of `attribute`, for `io.write_arrays`. Read them with `maps.read`.

    Raises
    ------
    UserError
        If there is not one image per sample, and as in `attribute`.
    """
    fold = metadata["fold"]
    if len(samples) != len(images):
        raise UserError(f"attribution of fold {fold}: {len(images)} images of {len(samples)} samples; give one each.")
    arrays = attribute(network, metadata, images, settings, device, description=f"occlusion of fold {fold}")
    return {
        "samples": samples["sample"].to_numpy(str),
        "fold": np.full(len(samples), fold),
        "y_true": samples["y_true"].to_numpy(),
        **arrays,
    }


def attribute(
    network: nn.Module, metadata: NetworkMetadata, images: NDArray[np.uint8] | torch.Tensor,
    settings: AttributionSettings, device: str = "auto", description: str = "occlusion",
) -> dict[str, NDArray]:  # fmt: skip
    """Compute outputs, class activation maps and occlusion maps of images.

    Parameters
    ----------
    network : Module
        A backbone with a head (`replace_head`); its mode and device change, nothing else.
    metadata : NetworkMetadata
        Of the network's file: backbone, head, target, classes, mean, std, pixels, settings.
    images : ndarray or Tensor of uint8, shape (n, side, side)
        n > 0; side is ``metadata["pixels"]``.
    settings : AttributionSettings
    device : {"auto", "cpu", "cuda", "mps"}
        A CPU uses one thread, so that results do not depend on the number of cores.
    description : str
        Begins the progress messages.

    Returns
    -------
    dict of ndarray
        The arrays of `maps.Attributions` but for ``samples``, ``fold`` and ``y_true``; ``cam_class`` or ``grad_cam``
        holds the map of every target.

    Raises
    ------
    UserError
        If the images are not those of the network, or if memory runs out.

    Notes
    -----
    The outputs are computed in the precision that the network was trained in, as the study's predictions were: a class
    predicted in bf16 is not always that of fp32.
    """
    checked, classes, scheme = _check(metadata, images), metadata["classes"], heads.get(metadata["head"]).scheme
    torch_device = resolve_device(device)
    network = network.to(torch_device)
    inputs = transforms.to_input(checked.to(torch_device), range(len(checked)), metadata["mean"], metadata["std"])
    with training.explain_out_of_memory(description, "attribution.memory_mb"):
        dtype = resolve_dtype(metadata["settings"].get("precision", "fp32"), torch_device)
        batches = inputs.split(BATCH_SIZE)
        outputs = replace_head.forward(network, metadata["backbone"], metadata["head"], batches, dtype)
        summed, map_type, weighted = cam.class_activation_maps(
            network, metadata["backbone"], inputs, scheme, classes, settings.cam_values
        )
        with deterministic():
            hidden, original = occlusion.occlude(network, metadata["backbone"], inputs, settings, 1, description)
    computed = Computed(outputs, summed, map_type, weighted, hidden, original, checked.shape[-1])
    return computed.arrays(scheme, Target.from_config(metadata["target"]), settings)


def _check(metadata: NetworkMetadata, images: NDArray[np.uint8] | torch.Tensor) -> torch.Tensor:
    """Return the images as a tensor; UserError where they are not those of the network."""
    images, side = torch.as_tensor(images), metadata["pixels"]
    if images.ndim != 3 or images.dtype != torch.uint8 or tuple(images.shape[1:]) != (side, side):
        raise UserError(
            f"attribution: images must be (n, {side}, {side}) of 8 bits, not {tuple(images.shape)} of {images.dtype}; "
            "resize them."
        )
    if not len(images):
        raise UserError("attribution: there is no image; give at least one.")
    return images


def tested_samples(images: pd.DataFrame, splits: pd.DataFrame, fold: int) -> pd.DataFrame:
    """Return the samples that a fold tests.

    Parameters
    ----------
    images : DataFrame
        A policy's images (sample, augmentation, micrograph); augmentation 0 is the micrograph itself.
    splits : DataFrame
        Splits of all folds.
    fold : int

    Returns
    -------
    DataFrame
        Columns sample, micrograph (path), batch and y_true, sorted by sample.

    Raises
    ------
    UserError
        If the fold tests no sample, or if a sample has no micrograph.
    """
    rows = splits.loc[(splits["fold"] == fold) & (splits["split"] == "test"), ["sample", "batch", "y_true"]]
    if rows.empty:
        raise UserError(f"fold {fold} tests no sample; choose a fold below splits.folds.")
    found = images.loc[images["augmentation"] == 0, ["sample", "micrograph"]].merge(rows, on="sample", how="right")
    for sample in found.loc[found["micrograph"].isna(), "sample"]:
        raise UserError(f"sample {sample} is tested and has no micrograph; make the images of this policy again.")
    return found.sort_values("sample", ignore_index=True)
