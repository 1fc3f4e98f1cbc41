"""What simulated films show, pixel by pixel: ground truth for attribution."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from micrograph.errors import UserError
from micrograph.scans import rendering
from micrograph.simulation import films, simulate


def shown(folders, samples, side, aspect, pixels):
    """truth.Masks of these films, found in the truth folders of all shards; None where there are none: films are real.

    side: pixels of a side of the networks' pictures; aspect, pixels: as the micrographs were drawn. Raises UserError for a
    simulated film without truth.
    """
    paths = {path.stem: path for folder in folders for path in Path(folder).glob("*.npz")}
    for lost in sorted(set(samples) - set(paths)) if paths else []:
        raise UserError(f"sample {lost} has no truth in {folders[0]} or beside it; simulate the films again.")
    return Masks({name: paths[name] for name in samples}, side, aspect, pixels) if paths else None


BACKGROUND, PADDING = "background", "padding"
MARKED = ("boundaries", "domains", "islands", "terraces", "pits", "particles", "artefacts")
FEATURES = (*MARKED, BACKGROUND, PADDING)

assert {*MARKED} == {*films.MASKS, "artefacts"}


def masks(path, side, aspect="pad", pixels=rendering.PIXELS):
    """Where every feature of a simulated film is: {feature: (side, side) float32}, the share of each pixel.

    path: a truth file of simulate.scan_sample; side: pixels of a side of the pictures that the network sees; aspect and
    pixels: as the micrograph was drawn (images.micrograph), from which the pictures are averaged. Features in the order
    of FEATURES; without bands, padding is 0 everywhere. Raises UserError for a file that is missing or holds other masks.
    """
    marked, pixel_nm = _read(path)
    lines, wide = marked["domains"].shape
    size = {"width_nm": wide * pixel_nm[1], "tall_nm": lines * pixel_nm[0]}
    shown = {name: _small(rendering.placed(marked[name], pixels, aspect, **size), side) for name in MARKED}
    inside = _small(rendering.placed(np.ones((lines, wide)), pixels, aspect, **size), side)
    shown |= {BACKGROUND: np.clip(inside - shown["domains"], 0, 1), PADDING: np.clip(1 - inside, 0, 1)}
    return {name: np.float32(np.where(shown[name] > 1e-9, shown[name], 0)) for name in FEATURES}


class Masks(Mapping):
    """{sample: masks} of many films, read one film at a time when it is asked for, so that memory does not grow.

    paths: {sample: truth file}; side, aspect, pixels: as of `masks`.
    """

    def __init__(self, paths, side, aspect="pad", pixels=rendering.PIXELS):
        self._paths, self._as = dict(paths), (side, aspect, pixels)

    def __getitem__(self, sample):
        return masks(self._paths[sample], *self._as)

    def __iter__(self):
        return iter(self._paths)

    def __len__(self):
        return len(self._paths)


def _small(shares, side):
    return shares if shares.shape == (side, side) else rendering.resize_area(shares, side, side)


def _read(path):
    """The stored masks and pixel_nm (down, across); UserError where the file is missing or none of ours."""
    try:
        marked, pixel_nm = simulate.read_truth(path)
    except (OSError, ValueError, KeyError):
        raise UserError(f"{path}: the truth of this film is missing or damaged; delete it and run again.") from None
    missing = [name for name in MARKED if name not in marked]
    if missing:
        raise UserError(f"{path}: the truth has no mask '{missing[0]}'; simulate the film again.")
    return marked, pixel_nm
