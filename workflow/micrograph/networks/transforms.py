"""Micrographs as networks are trained on them: all of them on one device, turned and mirrored a whole batch at a time.

The paper turns every picture by 0 to 180 degrees and mirrors it up and down and left and right, each with p = 0.5. Here
one affine map a picture does all three at once, on the training device and on one grey channel, which is then shown
thrice and normalised; nothing is done picture by picture.

What a turned square leaves open, its corners, is filled with the picture's own mirror image at its edges, so that no
corner tells the angle; corners="black" leaves it black, as in the paper (protocol published).
"""

import math

import numpy as np
import torch
from torch.nn import functional

from micrograph.errors import UserError, lookup
from micrograph.networks.features import scaling
from micrograph.scans import rendering

CORNERS = {"mirrored": "reflection", "black": "zeros"}  # our words: grid_sample's
HALF_TURN = math.pi


def read(paths, pixels, device="cpu"):
    """The micrographs at `paths` (8-bit grey PNG), area-averaged: (n, pixels, pixels) uint8 on the device.

    Raises UserError for a file that is missing, damaged or no 8-bit grey picture.
    """
    paths = list(paths)
    taken = np.empty((len(paths), pixels, pixels), np.uint8)
    for place, path in enumerate(paths):
        taken[place] = shrink(rendering.read_png(path)[None], pixels)[0]
    return torch.from_numpy(taken).to(device)


def shrink(pictures, pixels):
    """Area-averaged pictures (n, pixels, pixels) uint8 of pictures (n, rows, cols) uint8; rounded, halves up."""
    if pictures.ndim != 3 or pictures.dtype != np.uint8:
        raise UserError(f"pictures must be (n, rows, cols) of 8 bits, not {pictures.shape} of {pictures.dtype}.")
    if pictures.shape[1:] == (pixels, pixels):
        return pictures
    small = [rendering.to_bytes(rendering.resize_area(one.astype(float), pixels, pixels)) for one in pictures]
    return np.stack(small) if small else np.empty((0, pixels, pixels), np.uint8)


def draw_turns(count, rng):
    """(angles, mirrors): (n,) radians from 0 to 180 degrees, and (n, 2) of -1 or 1: mirrored sideways, up and down."""
    angles = rng.uniform(0.0, HALF_TURN, count)
    return angles, np.where(rng.random((count, 2)) < 0.5, -1.0, 1.0)


def turn(grey, angles, mirrors, corners="mirrored"):
    """Every picture turned anticlockwise by its angle and then mirrored, bilinear between pixels.

    grey: (n, 1, rows, cols) float on any device, square; angles: (n,) radians; mirrors: (n, 2) of -1 and 1 (sideways,
    up and down); corners: mirrored or black. Returns the same shape; grey is not changed.
    """
    cosine, sine = np.cos(angles), np.sin(angles)
    matrix = np.stack([np.stack([cosine, -sine], 1), np.stack([sine, cosine], 1)], 1) * mirrors[:, None, :]
    return warp(grey, matrix, np.zeros((len(matrix), 2)), corners)


def warp(grey, matrix, shift, corners="mirrored"):
    """Pictures looked up, bilinear, at matrix @ (x, y) + shift, where x and y run from -1 to 1 over the result.

    grey: (n, 1, rows, cols) float; matrix: (n, 2, 2); shift: (n, 2). Returns the same shape.
    """
    padding = lookup(corners, CORNERS, "filling of corners")
    maps = np.concatenate([matrix, shift[:, :, None]], axis=2)
    maps = torch.from_numpy(maps).to(grey.device, grey.dtype)
    places = functional.affine_grid(maps, list(grey.shape), align_corners=False)
    return functional.grid_sample(grey, places, mode="bilinear", padding_mode=padding, align_corners=False)


def colours(grey, mean, std):
    """Grey values 0..255, (n, 1, rows, cols), as the weights expect them: (n, 3, rows, cols), channels last.

    mean, std: of red, green and blue, in 0..1.
    """
    shift, scale = scaling(mean, std, True, grey.device)
    return torch.addcmul(shift, grey.float(), scale).contiguous(memory_format=torch.channels_last)


def to_input(pictures, rows, mean, std, rng=None, corners="mirrored"):
    """The pictures of some rows, as a network takes them: (n, 3, rows, cols) float32 on the pictures' device.

    pictures: (all, rows, cols) uint8 tensor; rows: (n,) indices, which may repeat. With an rng (numpy Generator) every
    picture is turned and mirrored by chance; without, they are shown as they are.
    """
    rows = torch.from_numpy(np.asarray(rows, dtype=np.int64)).to(pictures.device)
    grey = pictures[rows].float()[:, None]
    if rng is not None:
        grey = turn(grey, *draw_turns(len(grey), rng), corners)
    return colours(grey, mean, std)
