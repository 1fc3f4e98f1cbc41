"""Truth: where a simulated film has its boundaries, domains, islands ... in the frame of its micrograph.

The masks of the simulation know every pixel of the scan; a network sees the scan placed in a square, perhaps between
bands, and averaged down to its pictures' side. Masks go the same way (images.placed), so that a map of the network and
a mask lie on each other. A feature is a share of each pixel, since seams and steps are narrower than a pixel.

| feature    | where                                                                                   |
|------------|-----------------------------------------------------------------------------------------|
| boundaries | seams between domains of other orientation, one pixel of the scan wide                  |
| domains    | the film: a layer or more                                                               |
| islands    | a second layer or more                                                                  |
| terraces   | the foot of a step of the crystal, one pixel of the scan wide, film above it or not     |
| pits       | holes through the film                                                                  |
| particles  | caps of particles, and upright plates                                                   |
| artefacts  | scars, the first line of a jump, the lines of a worn tip: of the instrument             |
| background | bare crystal: scanned and no domain (a particle may lie on it)                          |
| padding    | the bands around a scan that was stopped or is not square: no film at all               |

Real films have no such truth. What masks do not say: levelling mends most scars, so that a network may see little of
what is marked as artefacts; the tip widens what stands out by about a pixel of the scan, and the feedback drags it.
"""

from collections.abc import Mapping

import numpy as np

from micrograph.faults import Fault
from micrograph.scans import images
from micrograph.simulated import films, simulate

BACKGROUND, PADDING = "background", "padding"
MARKED = ("boundaries", "domains", "islands", "terraces", "pits", "particles", "artefacts")
FEATURES = (*MARKED, BACKGROUND, PADDING)

assert {*MARKED} == {*films.MASKS, "artefacts"}


def masks(path, side, aspect="pad", pixels=images.PIXELS):
    """Where every feature of a simulated film is: {feature: (side, side) float32}, the share of each pixel.

    path: a truth file of simulate.scan_sample; side: pixels of a side of the pictures that the network sees; aspect and
    pixels: as the micrograph was drawn (images.micrograph), from which the pictures are averaged. Features in the order
    of FEATURES; without bands, padding is 0 everywhere. Raises Fault for a file that is missing or holds other masks.
    """
    marked, pixel_nm = _read(path)
    lines, wide = marked["domains"].shape
    size = {"width_nm": wide * pixel_nm[1], "tall_nm": lines * pixel_nm[0]}
    shown = {name: _small(images.placed(marked[name], pixels, aspect, **size), side) for name in MARKED}
    inside = _small(images.placed(np.ones((lines, wide)), pixels, aspect, **size), side)
    shown |= {BACKGROUND: np.clip(inside - shown["domains"], 0, 1), PADDING: np.clip(1 - inside, 0, 1)}
    return {name: np.float32(np.where(shown[name] > 1e-9, shown[name], 0)) for name in FEATURES}


class Masks(Mapping):
    """{sample: masks} of many films, read one film at a time when it is asked for, so that memory does not grow.

    paths: {sample: truth file}; side, aspect, pixels: as of `masks`.
    """

    def __init__(self, paths, side, aspect="pad", pixels=images.PIXELS):
        self._paths, self._as = dict(paths), (side, aspect, pixels)

    def __getitem__(self, sample):
        return masks(self._paths[sample], *self._as)

    def __iter__(self):
        return iter(self._paths)

    def __len__(self):
        return len(self._paths)


def _small(shares, side):
    return shares if shares.shape == (side, side) else images.resize_area(shares, side, side)


def _read(path):
    """The stored masks and pixel_nm (down, across); Fault where the file is missing or none of ours."""
    try:
        marked, pixel_nm = simulate.read_truth(path)
    except (OSError, ValueError, KeyError):
        raise Fault(f"{path}: the truth of this film is missing or damaged; delete it and run again.") from None
    missing = [name for name in MARKED if name not in marked]
    if missing:
        raise Fault(f"{path}: the truth has no mask '{missing[0]}'; simulate the film again.")
    return marked, pixel_nm
