"""Ground truth for attribution: which pixels of a simulated sample show which feature."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.scans import rendering
from micrograph.simulation import films, simulate

BACKGROUND, PADDING = "background", "padding"
SIMULATED = ("boundaries", "domains", "islands", "terraces", "pits", "particles", "artefacts")
FEATURES = (*SIMULATED, BACKGROUND, PADDING)

Masks = dict[str, NDArray[np.float32]]  # by feature, (side, side)

assert {*SIMULATED} == {*films.MASKS, "artefacts"}


def find_masks(
    folders: Sequence[str | Path], samples: Iterable[str], side: int, aspect: str, pixels: int
) -> dict[str, Callable[[], Masks]] | None:
    """Find the masks of samples in the truth folders of all shards.

    Parameters
    ----------
    folders : sequence of path
    samples : iterable of str
    side, aspect, pixels
        As in `feature_masks`.

    Returns
    -------
    dict of str to callable, or None
        Reads the masks of a sample, so that memory does not grow with their number. None where there is no truth at
        all: the samples are real.

    Raises
    ------
    UserError
        If a simulated sample has no truth.
    """
    paths = {path.stem: path for folder in folders for path in Path(folder).glob("*.npz")}
    for sample in sorted(set(samples) - set(paths)) if paths else []:
        raise UserError(
            f"sample {sample} has no ground truth in {folders[0]} or beside it; simulate the samples again."
        )
    return {name: partial(feature_masks, paths[name], side, aspect, pixels) for name in samples} if paths else None


def feature_masks(path: str | Path, side: int, aspect: str = "pad", pixels: int = rendering.PIXELS) -> Masks:
    """Compute the share of every pixel that shows a feature.

    Parameters
    ----------
    path : path
        Truth file of `simulate.simulate_scan`.
    side : int
        Side of the network's input in pixels.
    aspect : {"pad", "crop", "stretch"}
    pixels : int
        How the micrograph was rendered, from which the input is averaged.

    Returns
    -------
    dict of str to ndarray of float32, shape (side, side)
        In the order of FEATURES; padding is 0 everywhere where the scan is square.

    Raises
    ------
    UserError
        If the file is missing, damaged or lacks a mask.
    """
    masks, pixel_nm = _read(path)
    lines, columns = masks["domains"].shape
    width_nm, tall_nm = columns * pixel_nm[1], lines * pixel_nm[0]
    in_frame = partial(rendering.to_micrograph_frame, pixels=pixels, aspect=aspect, width_nm=width_nm, tall_nm=tall_nm)
    shares = {name: _shrink(in_frame(masks[name]), side) for name in SIMULATED}
    inside = _shrink(in_frame(np.ones((lines, columns))), side)
    shares |= {BACKGROUND: np.clip(inside - shares["domains"], 0, 1), PADDING: np.clip(1 - inside, 0, 1)}
    return {name: np.where(shares[name] > 1e-9, shares[name], 0).astype(np.float32) for name in FEATURES}


def _shrink(shares, side):
    return shares if shares.shape == (side, side) else rendering.resize_area(shares, side, side)


def _read(path):
    """Return the stored masks and pixel_nm (down, across); UserError where the file is missing or damaged."""
    try:
        masks, pixel_nm = simulate.read_truth(path)
    except (OSError, ValueError, KeyError):
        raise UserError(
            f"{path}: the ground truth of this sample is missing or damaged; delete it and run again."
        ) from None
    missing = [name for name in SIMULATED if name not in masks]
    if missing:
        raise UserError(f"{path}: the ground truth has no mask '{missing[0]}'; simulate the sample again.")
    return masks, pixel_nm
