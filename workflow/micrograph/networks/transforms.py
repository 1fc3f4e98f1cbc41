"""Transforms of micrographs: images of networks on one device, rotated and flipped a whole batch at a time.

The paper rotates every image by 0 to 180 degrees and flips it vertically and horizontally, each with p = 0.5. Here
one affine map per image does all three, on the training device and on one grey channel, which is then repeated three
times and normalised. What a rotated square leaves open is filled by reflection, so that no corner shows the angle; the
paper (protocol published) takes the nearest pixel and leaves corners black.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional

from micrograph.networks.backbones import Colour
from micrograph.scans import rendering


class Sampling(NamedTuple):
    """How images are sampled between their pixels and outside: mode and padding_mode of `grid_sample`."""

    mode: str
    padding_mode: str


resize = rendering.resize
SMOOTH = Sampling("bilinear", "reflection")


def read_images(paths: Iterable[str | Path], pixels: int) -> torch.Tensor:
    """Read micrographs, resized by area averaging.

    Parameters
    ----------
    paths : iterable of path
        8-bit grey PNG files.
    pixels : int
        Side of the images.

    Returns
    -------
    Tensor of shape (n, pixels, pixels), uint8

    Raises
    ------
    UserError
        If a file is missing, damaged or not an 8-bit grey image.
    """
    paths = list(paths)
    images = np.empty((len(paths), pixels, pixels), np.uint8)
    for row, path in enumerate(paths):
        images[row] = resize(rendering.read_png(path)[None], pixels)[0]
    return torch.from_numpy(images)


def random_rotations(count: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw rotations and flips.

    Parameters
    ----------
    count : int
        Number of images.
    rng : Generator
        Source of random numbers.

    Returns
    -------
    angles : ndarray of shape (count,)
        Radians in 0..pi.
    flips : ndarray of shape (count, 2)
        -1 (flipped) or 1, horizontally and vertically.
    """
    angles = rng.uniform(0.0, math.pi, count)
    return angles, np.where(rng.random((count, 2)) < 0.5, -1.0, 1.0)


def rotate_and_flip(
    grey: torch.Tensor, angles: NDArray[np.float64], flips: NDArray[np.float64], sampling: Sampling = SMOOTH
) -> torch.Tensor:
    """Rotate every image anticlockwise and then flip it.

    Parameters
    ----------
    grey : Tensor of shape (n, 1, side, side)
        Not modified.
    angles : ndarray of shape (n,)
        Radians.
    flips : ndarray of shape (n, 2)
        -1 or 1, horizontally and vertically.
    sampling : Sampling

    Returns
    -------
    Tensor of the same shape
    """
    return affine(grey, rotation_matrices(angles, flips), np.zeros((len(angles), 2)), sampling)


def rotation_matrices(angles: NDArray[np.float64], flips: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrices (n, 2, 2) of `affine` that rotate by (n,) radians and then flip by (n, 2) of -1 or 1."""
    cosine, sine = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cosine, -sine], 1), np.stack([sine, cosine], 1)], 1) * flips[:, None, :]


def affine(
    grey: torch.Tensor, matrices: NDArray[np.float64], shifts: NDArray[np.float64], sampling: Sampling = SMOOTH
) -> torch.Tensor:
    """Sample every image at ``matrix @ (x, y) + shift``, where x and y run from -1 to 1 over the result.

    Parameters
    ----------
    grey : Tensor of shape (n, 1, rows, cols)
        Not modified.
    matrices : ndarray of shape (n, 2, 2)
        Linear part of each map.
    shifts : ndarray of shape (n, 2)
        Translation of each map.
    sampling : Sampling

    Returns
    -------
    Tensor of the same shape
    """
    maps = np.concatenate([matrices, shifts[:, :, None]], axis=2)
    theta = torch.from_numpy(maps).to(grey.device, grey.dtype)
    grid = functional.affine_grid(theta, list(grey.shape), align_corners=False)
    return functional.grid_sample(grey, grid, align_corners=False, **sampling._asdict())


def normalise(grey: torch.Tensor, mean: Colour, std: Colour) -> torch.Tensor:
    """Repeat grey values three times and normalise them as the weights expect.

    Parameters
    ----------
    grey : Tensor of shape (n, 1, rows, cols)
        Values in 0..255.
    mean, std : tuple of 3 floats
        Of red, green and blue in 0..1.

    Returns
    -------
    Tensor of shape (n, 3, rows, cols), float32, channels last
    """
    means, stds = np.asarray(mean, float), np.asarray(std, float)
    shift, scale = (
        torch.tensor(part, dtype=torch.float32, device=grey.device).reshape(1, 3, 1, 1)
        for part in (-means / stds, 1 / (255 * stds))
    )
    return torch.addcmul(shift, grey.float(), scale).contiguous(memory_format=torch.channels_last)


def to_input(
    images: torch.Tensor,
    rows: ArrayLike,
    mean: Colour,
    std: Colour,
    rng: np.random.Generator | None = None,
    sampling: Sampling = SMOOTH,
) -> torch.Tensor:
    """Return the images of some rows as the input of a network.

    Parameters
    ----------
    images : Tensor of shape (n_images, rows, cols), uint8
        All images, on the device of the result.
    rows : array-like of int, shape (n,)
        Indices, which may repeat.
    mean, std : tuple of 3 floats
        Of red, green and blue in 0..1.
    rng : Generator, optional
        Rotate and flip every image at random.
    sampling : Sampling
        Of rotated images.

    Returns
    -------
    Tensor of shape (n, 3, rows, cols), float32
    """
    index = torch.from_numpy(np.asarray(rows, dtype=np.int64)).to(images.device)
    grey = images[index].float()[:, None]
    if rng is not None:
        grey = rotate_and_flip(grey, *random_rotations(len(grey), rng), sampling)
    return normalise(grey, mean, std)
