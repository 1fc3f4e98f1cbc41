"""Self-supervised pre-training: a backbone learns to recognise a micrograph in two random views.

VICReg on the training loop: the embeddings of two views of an image shall be near (invariance), every dimension shall
vary between images (variance), and no two dimensions shall be correlated (covariance). The paper of this study has no
such pre-training.

A view is what another scan of the film might show: another position and magnification (0.5 to 1 of the area), rotated
and flipped, with other brightness and contrast, out of focus, noisy. Both views of a batch are made at once.

References
----------
A. Bardes, J. Ponce, Y. LeCun, "VICReg", ICLR 2022.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from micrograph.errors import UserError
from micrograph.networks import backbones, checkpoints, depthwise_conv, pretraining, replace_head, training, transforms
from micrograph.networks.backbones import Colour
from micrograph.networks.checkpoints import WeightsMetadata
from micrograph.networks.device import resolve_device, resolve_dtype, seeded
from micrograph.networks.training import FitLog, FitOptions

EMBEDDING = 256  # dimensions
LOSS_WEIGHTS = {"invariance": 25.0, "variance": 25.0, "covariance": 1.0}  # VICReg's
AREA = (0.5, 1.0)  # of the image that a view shows
CONTRAST = (0.6, 1.4)
BRIGHTNESS = 40.0  # grey values of 255, up or down at most
NOISE = 15.0  # standard deviation in grey values at most
BLUR = 1.2  # standard deviation of the Gaussian, in pixels, at most
BLUR_RADIUS = 3  # pixels of the kernel to either side
MIN_IMAGES = 8
CHECK_IMAGES = 64  # images on which loss and spread are computed after every epoch
COLLAPSED = 0.1  # spread below which embeddings count as equal; VICReg aims at 1
METRICS = ("train_loss", "check_loss", "spread")  # columns of the curve
KEY = "pretraining.self_supervised"
LOG = FitLog("self-supervised pre-training", KEY, (f"{KEY}.batch_size", f"{KEY}.pixels"), METRICS)


@dataclass(frozen=True)
class Pretrained:
    """A pre-trained backbone.

    Parameters
    ----------
    network : Module
        In evaluation mode, on the processor.
    curve : DataFrame
        Epoch by epoch; here epoch, train_loss, check_loss, spread (mean standard deviation of the embeddings between
        images).
    metadata : dict
        What made the weights.
    """

    network: nn.Module
    curve: pd.DataFrame
    metadata: WeightsMetadata

    def write(self, path: str | Path) -> None:
        """Write the weights as safetensors (`pretraining.load_backbone` reads them).

        Parameters
        ----------
        path : path
            File to write.
        """
        checkpoints.write(path, self.network.state_dict(), self.metadata)


def pretrain(
    images: NDArray[np.uint8],
    *,
    backbone: str,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
    weights: str | Path | None = None,
    precision: str = "fp32",
    device: str = "auto",
) -> Pretrained:
    """Train a backbone on images without labels.

    Parameters
    ----------
    images : ndarray of shape (n, rows, cols), uint8
        Which they may be (strict: none of test samples) is the caller's to decide.
    backbone : str
        Name of the backbone.
    settings : mapping
        start (pre-training that it starts from), pixels (side of a view), epochs, batch_size, learning_rate.
    rng : Generator
        Source of all random numbers.
    weights : path, optional
        File of these weights; scratch needs none.
    precision : {"fp32", "bf16"}
        Of the computations.
    device : {"auto", "cpu", "cuda", "mps"}
        Device to train on.

    Returns
    -------
    Pretrained

    Raises
    ------
    UserError
        If there are fewer than `MIN_IMAGES` images, memory runs out, or a name is unknown.

    Notes
    -----
    A line in the log says where the embeddings collapsed.
    """
    start = settings["start"]
    start_rng, projector_rng, view_rng, check_rng, dropout_rng = rng.spawn(5)
    torch_device = resolve_device(device)
    with training.explain_out_of_memory(LOG.name, LOG.memory_keys[-1]):
        resized = torch.from_numpy(transforms.resize(np.asarray(images), settings["pixels"])).to(torch_device)
    if len(resized) < MIN_IMAGES:
        raise UserError(f"{LOG.name} on {len(resized)} images; it needs {MIN_IMAGES} or more.")
    mean, std = pretraining.normalisation(backbone, start, weights)
    first = pretraining.load_backbone(backbone, start, weights, start_rng)
    siamese = Siamese(first, backbone, projector_rng)
    depthwise_conv.accelerate(siamese.to(torch_device).to(memory_format=torch.channels_last))
    backbones.set_inplace(siamese)
    check_rows = check_rng.permutation(len(resized))[:CHECK_IMAGES]
    check_seed = check_rng.integers(2**63)

    def batches(epoch: int) -> Iterator[training.Batch]:
        order = view_rng.permutation(len(resized))
        for rows in np.array_split(order, max(1, len(order) // settings["batch_size"])):
            yield _batch(resized, rows, mean, std, view_rng)

    def check() -> Iterator[training.Batch]:
        yield _batch(resized, check_rows, mean, std, np.random.default_rng(check_seed))

    # Checked with batch statistics: the running ones need more steps than a short pre-training has.
    options = FitOptions(
        settings["learning_rate"], settings["epochs"], settings["epochs"], keep="last", validate_in="train",
        precision=resolve_dtype(precision, torch_device),
    )  # fmt: skip
    rows = training.fit(
        training.SingleNetwork(siamese), batches, check, vicreg_loss, options, dropout_rng, embedding_std, LOG
    )
    curve = _curve(rows)
    metadata: WeightsMetadata = {
        "backbone": backbone, "pretraining": "films", "source": f"{len(resized)} micrographs without labels",
        "start": start, "settings": dict(settings), "precision": precision, "mean": mean, "std": std,
    }  # fmt: skip
    backbones.set_inplace(siamese, False)
    return Pretrained(siamese.to_backbone(first).cpu().eval(), curve, metadata)


def _curve(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the curve's table; print a line where the embeddings collapsed."""
    names = dict(zip(training.METRICS, METRICS, strict=True))
    table = pd.DataFrame(rows).rename(columns=names)[["epoch", *METRICS]]
    last = table["spread"].iloc[-1]
    if last < COLLAPSED:
        print(
            f"{LOG.name}: the embeddings of all images are nearly equal (spread {last:.2g} instead of 1): nothing was "
            f"learned; change {KEY}.learning_rate, or raise batch_size.",
            flush=True,
        )
    return table


class Siamese(nn.Module):
    """A copy of a backbone without its classifier, and a projector of its pooled features into embeddings.

    Parameters
    ----------
    start : Module
        Network of the backbone; not modified.
    backbone : str
        Name of the backbone.
    rng : Generator
        Seeds the projector's weights.
    """

    def __init__(self, start: nn.Module, backbone: str, rng: np.random.Generator) -> None:
        super().__init__()
        self.classifier, old = replace_head.get_classifier(start, backbone)
        self.trunk = copy.deepcopy(start, {id(old): nn.Identity()})
        with seeded(rng):
            first, last = nn.Linear(old.in_features, EMBEDDING), nn.Linear(EMBEDDING, EMBEDDING)
            self.projector = nn.Sequential(first, nn.BatchNorm1d(EMBEDDING), nn.ReLU(), last)
            nn.init.kaiming_normal_(last.weight)  # so that embeddings begin with a spread near 1

    def forward(self, views: Tensor) -> Tensor:
        """Map (n, 3, rows, cols) to (n, EMBEDDING)."""
        return self.projector(self.trunk(views))

    def to_backbone(self, start: nn.Module) -> nn.Module:
        """Return the trunk with a copy of the classifier of `start`: all names of the backbone's weights."""
        self.trunk.set_submodule(self.classifier, copy.deepcopy(start.get_submodule(self.classifier)))
        return self.trunk


def _batch(
    resized: Tensor, rows: NDArray[np.int64], mean: Colour, std: Colour, rng: np.random.Generator
) -> training.Batch:
    """Return two views of n images: inputs (1, 2n, 3, side, side), first views before second; targets are zeros."""
    index = torch.from_numpy(np.concatenate([rows, rows])).to(resized.device)
    inputs = transforms.normalise(random_views(resized[index].float()[:, None], rng), mean, std)[None]
    ones = torch.ones((1, len(index)), device=resized.device)
    return inputs, torch.zeros_like(ones), ones


def random_views(grey: Tensor, rng: np.random.Generator) -> Tensor:
    """Return one random view of each image.

    Parameters
    ----------
    grey : Tensor of shape (n, 1, side, side)
        Values in 0..255; not modified.
    rng : Generator
        Source of random numbers.

    Returns
    -------
    Tensor of the same shape, values in 0..255
    """
    count = len(grey)
    zoom = np.sqrt(rng.uniform(*AREA, count))[:, None, None]
    angles, flips = rng.uniform(0, 2 * np.pi, count), np.where(rng.random((count, 2)) < 0.5, -1.0, 1.0)
    rotation = transforms.rotation_matrices(angles, flips)
    shift = rng.uniform(-1, 1, (count, 2)) * (1 - zoom[:, 0])
    views = gaussian_blur(transforms.affine(grey, rotation * zoom, shift), rng.uniform(0, BLUR, count))
    contrast, brightness = rng.uniform(*CONTRAST, count), rng.uniform(-BRIGHTNESS, BRIGHTNESS, count)
    noise = rng.standard_normal(grey.shape, dtype=np.float32) * rng.uniform(0, NOISE, (count, 1, 1, 1))
    middle = views.mean((2, 3), keepdim=True)
    views = (views - middle) * _column(contrast, grey) + middle + _column(brightness, grey)
    return (views + torch.from_numpy(noise.astype(np.float32)).to(grey.device)).clamp(0, 255)


def _column(values: NDArray[np.float64], like: Tensor) -> Tensor:
    """Return (n,) numbers as an (n, 1, 1, 1) tensor on the device of `like`."""
    return torch.from_numpy(values.astype(np.float32)).to(like.device).reshape(-1, 1, 1, 1)


def gaussian_blur(grey: Tensor, sigmas: NDArray[np.float64]) -> Tensor:
    """Blur every image with a Gaussian of its own width, edges repeated.

    Parameters
    ----------
    grey : Tensor of shape (n, 1, rows, cols)
        Not modified.
    sigmas : ndarray of shape (n,)
        Standard deviations in pixels. torchvision's blur has one for all images.

    Returns
    -------
    Tensor of the same shape
    """
    offsets = np.arange(-BLUR_RADIUS, BLUR_RADIUS + 1)
    gaussians = np.exp(-0.5 * (offsets / np.maximum(sigmas, 1e-3)[:, None]) ** 2)
    kernels = torch.from_numpy((gaussians / gaussians.sum(1, keepdims=True)).astype(np.float32)).to(grey.device)
    padded = functional.pad(grey, (BLUR_RADIUS,) * 4, mode="replicate").transpose(0, 1)
    across = functional.conv2d(padded, kernels[:, None, None, :], groups=len(grey))
    return functional.conv2d(across, kernels[:, None, :, None], groups=len(grey)).transpose(0, 1)


def vicreg_loss(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Compute VICReg's loss.

    Parameters
    ----------
    outputs : Tensor of shape (1, 2n, EMBEDDING)
        Embeddings of first and second views.
    targets, weights : Tensor
        Not used.

    Returns
    -------
    Tensor of shape (1,)
    """
    first, second = outputs[0].chunk(2)
    invariance = (first - second).square().mean()
    parts = [(_variance(part), _covariance(part)) for part in (first, second)]
    variance, covariance = (sum(pair) for pair in zip(*parts, strict=True))
    total = LOSS_WEIGHTS["invariance"] * invariance + LOSS_WEIGHTS["variance"] * variance / 2
    return (total + LOSS_WEIGHTS["covariance"] * covariance)[None]


def _variance(embeddings: Tensor) -> Tensor:
    """Average how far the standard deviations of the dimensions are below 1."""
    return functional.relu(1 - (embeddings.var(0) + 1e-4).sqrt()).mean()


def _covariance(embeddings: Tensor) -> Tensor:
    """Sum squared covariances between different dimensions, over their number."""
    centred = embeddings - embeddings.mean(0)
    matrix = centred.T @ centred / (len(embeddings) - 1)
    return (matrix.square().sum() - matrix.diagonal().square().sum()) / embeddings.shape[1]


def embedding_std(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Compute the mean standard deviation of embeddings between images.

    Parameters
    ----------
    outputs : Tensor of shape (1, 2n, EMBEDDING)
        Embeddings of first and second views.
    targets, weights : Tensor
        Not used.

    Returns
    -------
    Tensor of shape (1,)
    """
    return outputs[0].float().chunk(2)[0].std(0).mean()[None]
