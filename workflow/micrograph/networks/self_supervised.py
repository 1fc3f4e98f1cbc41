"""Pre-training without labels: a backbone learns to know a micrograph again in two different views of it.

VICReg (A. Bardes, J. Ponce, Y. LeCun, ICLR 2022) on the one training loop: the embeddings of two views of a picture
shall be near (invariance), every number of them shall differ between pictures (variance), and no two numbers shall say
the same (covariance). The paper of this study has no such domain.

Views are what one film may look like in another scan: another place and magnification (0.5 to 1 of the area), turned
and mirrored, with other brightness and contrast, out of focus, noisy. Both views of a batch are made at once.
"""

import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from micrograph.errors import UserError
from micrograph.networks import (
    backbones,
    depthwise_conv,
    fuse_batchnorm,
    pretraining,
    replace_head,
    training,
    transforms,
    weights,
)
from micrograph.networks.device import device_of, kind_of, seeded

EMBEDDED = 256  # numbers in an embedding
WEIGHTS = {"invariance": 25.0, "variance": 25.0, "covariance": 1.0}  # the paper's
AREA = (0.5, 1.0)  # of the picture that a view shows
CONTRAST = (0.6, 1.4)
BRIGHTNESS = 40.0  # grey values of 255, up or down at most
NOISE = 15.0  # standard deviation in grey values at most
BLUR = 1.2  # of the Gaussian, in pixels, at most
REACH = 3  # pixels that a blur looks to either side
FEWEST = 8  # pictures that can say anything about each other
CHECKED = 64  # pictures on which the loss and the spread are read off after every epoch
WHAT, MEMORY = (
    "pre-training without labels",
    ("pretraining.self_supervised.batch_size", "pretraining.self_supervised.pixels"),
)
NAMES = ("train_loss", "check_loss", "spread")  # of the curve
COLLAPSED = 0.1  # spread below which embeddings count as one and the same; VICReg wants 1


@dataclass(frozen=True)
class Pretrained:
    """A backbone with its new weights, in evaluation mode, on the processor; the curve: epoch, train_loss, check_loss
    and spread (the mean standard deviation of embeddings between pictures); what made it, for its file."""

    network: nn.Module
    curve: pd.DataFrame
    facts: dict

    def write(self, path):
        """Write the weights as safetensors like those of every other domain (domains.start reads them)."""
        weights.write(path, self.network.state_dict(), self.facts)


def pretrain(images, *, backbone, settings, rng, start="imagenet", weights=None, precision="fp32", device="auto"):
    """Train a backbone on pictures without their labels. Returns Pretrained.

    images: (n, rows, cols) uint8; which they may be (strict: never those of test samples) is the caller's to see to.
    start: the pretraining whose weights are at the path `weights`; scratch needs none. settings: {pixels (a side of a
    view), epochs, batch, learning_rate}; rng: numpy Generator; precision: fp32 or bf16; device: auto, cpu or cuda.
    Where the embeddings collapse into one, a line says so. Raises UserError for fewer than FEWEST pictures.
    """
    of_start, of_projector, of_views, of_checks, of_drops = rng.spawn(5)
    spot, pixels = device_of(device), settings["pixels"]
    with training.explained(WHAT, MEMORY[-1]):
        album = torch.from_numpy(transforms.shrink(np.asarray(images), pixels)).to(spot)
    if len(album) < FEWEST:
        raise UserError(f"pre-training without labels on {len(album)} pictures; give it {FEWEST} or more.")
    mean, std = pretraining.normalisation(backbone, start, weights)
    first = pretraining.load_backbone(backbone, start, weights, of_start)
    siamese = Siamese(first, backbone, of_projector)
    depthwise_conv.quicken(siamese.to(spot, memory_format=torch.channels_last))
    backbones.in_place(siamese)
    checks = of_checks.permutation(len(album))[:CHECKED]
    check_seed = of_checks.integers(2**63)

    def epoch(number):
        order = of_views.permutation(len(album))
        for rows in np.array_split(order, max(1, len(order) // settings["batch"])):
            yield batch(album, rows, mean, std, of_views)

    def check():
        yield batch(album, checks, mean, std, np.random.default_rng(check_seed))

    # Checked with batch statistics: the running ones need more steps than a short pre-training has.
    curve = training.fit(
        training.Single(siamese), epoch, check, loss, learning_rate=settings["learning_rate"],
        epochs=settings["epochs"], patience=settings["epochs"], rng=of_drops, keep="last", score=spread,
        validate_in="train", what=WHAT, key="pretraining.self_supervised", lower=MEMORY,
        names=NAMES, precision=kind_of(precision, spot),
    )  # fmt: skip
    table = curve_of(curve)
    facts = {"backbone": backbone, "pretraining": "films", "source": f"{len(album)} micrographs without labels",
             "start": start, "settings": dict(settings), "precision": precision, "mean": mean, "std": std}  # fmt: skip
    backbones.in_place(siamese, on=False)
    return Pretrained(siamese.whole(first).cpu().eval(), table, facts)


def curve_of(rows):
    """The curve's table; a line is printed where the embeddings ended up all the same."""
    names = dict(zip(training.NAMES, NAMES, strict=True))
    table = pd.DataFrame(rows).rename(columns=names)[["epoch", *NAMES]]
    last = table["spread"].iloc[-1]
    if last < COLLAPSED:
        print(
            f"{WHAT}: the embeddings of all pictures are nearly the same (spread {last:.2g} instead of 1): "
            "nothing was learned; change pretraining.self_supervised.learning_rate, or raise batch_size.",
            flush=True,
        )
    return table


class Siamese(nn.Module):
    """A copy of a backbone, without its classifier, and a projector of its pooled values into embeddings."""

    def __init__(self, start, backbone, rng):
        super().__init__()
        self.place, old = replace_head.classifier(start, backbone)
        self.trunk = copy.deepcopy(start, {id(old): nn.Identity()})
        width = old.in_features
        with seeded(rng):
            self.projector = nn.Sequential(
                nn.Linear(width, EMBEDDED), nn.BatchNorm1d(EMBEDDED), nn.ReLU(), nn.Linear(EMBEDDED, EMBEDDED)
            )
            nn.init.kaiming_normal_(self.projector[-1].weight)  # so that embeddings begin with a spread near 1

    def forward(self, views):
        """(n, 3, rows, cols) to (n, EMBEDDED)."""
        return self.projector(self.trunk(views))

    def whole(self, start):
        """The trunk with the classifier of `start` in its place again: all names of the backbone's weights."""
        network = self.trunk
        fuse_batchnorm.replace(network, self.place, copy.deepcopy(start.get_submodule(self.place)))
        return network


def batch(album, rows, mean, std, rng):
    """(inputs (1, 2n, 3, side, side), targets, weights (1, 2n)): two views of each of n pictures, first all the first
    ones. There are no targets: zeros."""
    rows = torch.from_numpy(np.concatenate([rows, rows])).to(album.device)
    shown = transforms.colours(views(album[rows].float()[:, None], rng), mean, std)[None]
    ones = torch.ones((1, len(rows)), device=album.device)
    return shown, torch.zeros_like(ones), ones


def views(grey, rng):
    """One random view of each picture. grey: (n, 1, side, side), 0..255; returns the same shape, again 0..255."""
    count = len(grey)
    zoom = np.sqrt(rng.uniform(*AREA, count))[:, None, None]
    angles, mirrors = rng.uniform(0, 2 * np.pi, count), np.where(rng.random((count, 2)) < 0.5, -1.0, 1.0)
    cosine, sine = np.cos(angles), np.sin(angles)
    turned = np.stack([np.stack([cosine, -sine], 1), np.stack([sine, cosine], 1)], 1) * mirrors[:, None, :]
    shift = rng.uniform(-1, 1, (count, 2)) * (1 - zoom[:, 0])
    seen = blur(transforms.warp(grey, turned * zoom, shift), rng.uniform(0, BLUR, count))
    contrast, brightness = rng.uniform(*CONTRAST, count), rng.uniform(-BRIGHTNESS, BRIGHTNESS, count)
    noise = rng.standard_normal(grey.shape, dtype=np.float32) * rng.uniform(0, NOISE, (count, 1, 1, 1))
    contrast, brightness = (_column(values, grey) for values in (contrast, brightness))
    middle = seen.mean((2, 3), keepdim=True)
    noise = torch.from_numpy(noise.astype(np.float32)).to(grey.device)
    return ((seen - middle) * contrast + middle + brightness + noise).clamp(0, 255)


def _column(values, like):
    """(n,) numbers as an (n, 1, 1, 1) tensor on the device of `like`."""
    return torch.from_numpy(values.astype(np.float32)).to(like.device).reshape(-1, 1, 1, 1)


def blur(grey, sigmas):
    """Every picture (n, 1, rows, cols) through a Gaussian of its own width (n,) in pixels, edges repeated."""
    offsets = np.arange(-REACH, REACH + 1)
    kernels = np.exp(-0.5 * (offsets / np.maximum(sigmas, 1e-3)[:, None]) ** 2)
    kernels = torch.from_numpy((kernels / kernels.sum(1, keepdims=True)).astype(np.float32)).to(grey.device)
    padded = functional.pad(grey, (REACH,) * 4, mode="replicate").transpose(0, 1)
    across = functional.conv2d(padded, kernels[:, None, None, :], groups=len(grey))
    return functional.conv2d(across, kernels[:, None, :, None], groups=len(grey)).transpose(0, 1)


def loss(outputs, targets, weights):
    """VICReg's loss of embeddings (1, 2n, d), first and second views: (1,). Targets and weights are not looked at."""
    first, second = outputs[0].chunk(2)
    invariance = (first - second).square().mean()
    parts = [(_variance(part), _covariance(part)) for part in (first, second)]
    variance, covariance = (sum(pair) for pair in zip(*parts, strict=True))
    total = WEIGHTS["invariance"] * invariance + WEIGHTS["variance"] * variance / 2
    return (total + WEIGHTS["covariance"] * covariance)[None]


def _variance(part):
    """How far the standard deviations of the numbers (n, d) are below 1, on average."""
    return functional.relu(1 - (part.var(0) + 1e-4).sqrt()).mean()


def _covariance(part):
    """The sum of squared covariances between different numbers (n, d), over d."""
    centred = part - part.mean(0)
    matrix = centred.T @ centred / (len(part) - 1)
    return (matrix.square().sum() - matrix.diagonal().square().sum()) / part.shape[1]


def spread(outputs, targets, weights):
    """The mean standard deviation, between pictures, of the numbers in embeddings (1, 2n, d): (1,)."""
    return outputs[0].float().chunk(2)[0].std(0).mean()[None]
