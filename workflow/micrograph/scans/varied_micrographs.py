"""Micrographs as other laboratories might have made them of a scan: other levelling, contrast and resolution."""

import numpy as np
from numpy.typing import NDArray

from micrograph.scans import levelling, rendering

CLIPPED = 2.0  # percent of the heights at either end, at most
GAMMA = 0.25  # standard deviation of the logarithm of the exponent of the grey scale
COARSEST = 0.5  # smallest resolution relative to the micrograph's pixels


def render_varied(height_nm: NDArray[np.float32], pixels: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Level a square scan by any method and render it with a contrast and a resolution of its own.

    Parameters
    ----------
    height_nm : ndarray of shape (n, n)
        Not levelled; not modified.
    pixels : int
        Side of the micrograph.
    rng : Generator

    Returns
    -------
    ndarray of shape (pixels, pixels), uint8

    Raises
    ------
    BlankScanError
        As `rendering.render`.
    """
    level_nm = levelling.level(height_nm.astype(np.float64), str(rng.choice(list(levelling.METHODS))))
    low, high = rng.uniform(0, CLIPPED, 2)
    resolution = int(rng.integers(round(COARSEST * pixels), pixels + 1))
    grey, _ = rendering.render(level_nm, resolution, (low, 100 - high))
    grey = rendering.to_uint8(255 * (grey / 255) ** rng.lognormal(0, GAMMA))
    return rendering.resize(grey[None], pixels)[0]
