"""Occlusion: outputs of a network with parts of the image hidden, by windows or by masks.

The effect of a window is the target score of the image minus that of the image with the window hidden, positive where
the window is evidence for the target (Zeiler and Fergus [1]_; equal to Captum's ``Occlusion``).

References
----------
.. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from micrograph import log
from micrograph.attribution import maps
from micrograph.attribution.incremental import inference, layer_graph, memory
from micrograph.attribution.maps import BASELINES, AttributionSettings, window_starts
from micrograph.errors import UserError, lookup
from micrograph.networks import fuse_batchnorm, transforms
from micrograph.networks.checkpoints import NetworkMetadata
from micrograph.networks.device import deterministic, resolve_device, resolve_dtype
from micrograph.networks.replace_head import split_head

WINDOW_BATCH, MASK_BATCH = 16, 32  # images that pass a network at once


def occlude(
    network: nn.Module, backbone: str, inputs: torch.Tensor, settings: AttributionSettings,
    threads: int | None = None, description: str = "occlusion",
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    """Compute the outputs for every image with every window hidden, and for the images themselves.

    Parameters
    ----------
    network : Module
        A backbone with a head (`replace_head`); not modified.
    backbone : str
        Name of the backbone.
    inputs : Tensor of float32, shape (n, 3, side, side)
        Images as the network takes them, on the device to compute on.
    settings : AttributionSettings
        The mean baseline is that of each image and channel.
    threads : int, optional
        Threads of the processor; unchanged by default.
    description : str
        Begins the progress messages.

    Returns
    -------
    occluded : ndarray of float32, shape (n, n_windows, n_windows, n_outputs)
    original : ndarray of float32, shape (n, n_outputs)
        Raw outputs in evaluation mode.

    Raises
    ------
    UserError
        If there is no image, if images are not square, if windows do not cover them, or if the memory does not suffice
        for one window.

    Notes
    -----
    Outputs are computed by incremental inference where the network's layers permit it. Otherwise a message is
    printed, and every occluded image passes the whole network.
    """
    if not len(inputs):
        raise UserError(f"{description}: there is no image; give at least one.")
    if inputs.ndim != 4 or inputs.shape[1] != 3 or inputs.shape[2] != inputs.shape[3]:
        raise UserError(
            f"{description}: inputs must be (n, 3, side, side), not {tuple(inputs.shape)}; make them square."
        )
    starts = window_starts(inputs.shape[-1], settings.patch, settings.stride)
    fill = lookup(settings.baseline, BASELINES, "baseline").value(inputs.mean((2, 3)))
    with torch.inference_mode(), deterministic(threads or torch.get_num_threads()):
        trunk, head = split_head(network, backbone)
        trunk = fuse_batchnorm.fuse(trunk.to(inputs.device)).to(memory_format=torch.channels_last)
        head = copy.deepcopy(head).eval().float().to(inputs.device)
        method = _method(trunk, inputs, starts, settings, description)
        occluded, original = [], []
        for start in log.progress(range(0, len(inputs), method.images), description):
            some = slice(start, start + method.images)
            whole, hidden = method.features(inputs[some], fill[some])
            original.append(head(whole).float().cpu().numpy())
            occluded.append(head(hidden.flatten(0, 2)).float().cpu().numpy().reshape(*hidden.shape[:3], -1))
    return np.concatenate(occluded), np.concatenate(original)


def _method(trunk, inputs, starts, settings, description):
    """Incremental inference where the network's layers are known; otherwise whole passes, with a message."""
    layers = layer_graph.trace(trunk, inputs.shape[-1])
    dtype = resolve_dtype(settings.precision, inputs.device)
    trunk = trunk.to(dtype)
    if layers is None:
        log.notice(f"{description}: incremental inference lacks a layer of this network; whole passes")
        masks = maps.window_masks(inputs.shape[-1], settings.patch, settings.stride)
        return _WholePasses(trunk, torch.from_numpy(masks).to(inputs.device), dtype)
    side, patch, n_images = inputs.shape[-1], settings.patch, len(inputs)
    plan = memory.plan(layers, side, starts, patch, n_images, dtype.itemsize, settings.memory_mb)
    return inference.IncrementalOcclusion(*plan)


class _WholePasses:
    """Every image with every window hidden passes the whole network, as in Captum, several at a time."""

    images = 1

    def __init__(self, trunk: nn.Module, masks: torch.Tensor, dtype: torch.dtype) -> None:
        self.trunk, self.masks, self.dtype = trunk, masks, dtype

    def features(self, inputs: torch.Tensor, fill: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As inference.IncrementalOcclusion's, of one image."""
        masks = self.masks.flatten(0, 1)[:, None]
        parts = [torch.where(some, fill[0][:, None, None], inputs) for some in masks.split(WINDOW_BATCH)]
        pooled = torch.cat([self._pool(part) for part in parts])
        return self._pool(inputs), pooled.reshape(1, *self.masks.shape[:2], -1)

    def _pool(self, batch: torch.Tensor) -> torch.Tensor:
        return self.trunk(batch.to(self.dtype).contiguous(memory_format=torch.channels_last)).flatten(1).float()


@dataclass(frozen=True)
class FoldNetwork:
    """A network of the study, and how it is run when its maps are tested.

    Parameters
    ----------
    network : Module
        A backbone with a head (`replace_head`); never modified.
    metadata : NetworkMetadata
        Of the network's file.
    precision : {"fp32", "bf16"}, default "fp32"
        Precision of the backbone where pixels are hidden.
    device : {"auto", "cpu", "cuda", "mps"}
        A CPU uses one thread, so that results do not depend on the number of cores.
    """

    network: nn.Module
    metadata: NetworkMetadata
    precision: str = "fp32"
    device: str = "auto"


class MaskedForward:
    """A network that runs on images with masked pixels replaced by the baseline.

    Parameters
    ----------
    tested : FoldNetwork
    baseline : {"zero", "mean"}
        Fill of masked pixels: a row of BASELINES.
    """

    def __init__(self, tested: FoldNetwork, baseline: str) -> None:
        self.metadata, self.device = tested.metadata, resolve_device(tested.device)
        self.baseline = lookup(baseline, BASELINES, "baseline").value
        self.dtype = resolve_dtype(tested.precision, self.device)
        trunk, head = split_head(tested.network, self.metadata["backbone"])
        trunk = fuse_batchnorm.fuse(trunk).to(self.device, self.dtype)
        self.trunk = trunk.to(memory_format=torch.channels_last)
        self.head = copy.deepcopy(head).eval().to(self.device)

    def features(self, image: NDArray[np.uint8], masks: NDArray[np.bool_]) -> torch.Tensor:
        """Compute the pooled features of an image under each mask.

        Parameters
        ----------
        image : ndarray of uint8, shape (side, side)
        masks : ndarray of bool, shape (k, side, side)
            True where a pixel is hidden.

        Returns
        -------
        Tensor of float32, shape (k, n_features)
        """
        grey = torch.from_numpy(image).to(self.device)[None, None]
        inputs = transforms.normalise(grey, self.metadata["mean"], self.metadata["std"])
        fill = self.baseline(inputs.mean((2, 3), keepdim=True))
        hidden = torch.from_numpy(np.ascontiguousarray(masks)).to(self.device)[:, None]
        with torch.inference_mode(), deterministic():
            parts = [
                self.trunk(torch.where(some, fill, inputs).to(self.dtype, memory_format=torch.channels_last)).float()
                for some in hidden.split(MASK_BATCH)
            ]
            return torch.cat(parts)

    def outputs(self, image: NDArray[np.uint8], masks: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Compute the raw outputs (k, n_outputs) of an image under each mask; see `features`."""
        features = self.features(image, masks)
        with torch.inference_mode(), deterministic():
            return self.head(features).cpu().numpy()
