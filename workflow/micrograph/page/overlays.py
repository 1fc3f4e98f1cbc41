"""Attribution maps as colours to lay over a micrograph, transparent where a map says little.

Each film's map is drawn by its own strongest value, so that strengths of two films cannot be compared by eye; the page
says so and gives the strongest value as a number.
"""

from dataclasses import dataclass

import numpy as np

from micrograph.attribution import maps
from micrograph.results import map_drawing

LEVELS = 32  # steps of opacity: not told apart by eye, and small files
OPAQUE = 0.7  # the strongest value still lets the micrograph through


@dataclass(frozen=True)
class Scale:
    """The colours of one kind of map: of what speaks for the target, of what speaks against it (None: not drawn)."""

    positive: str
    negative: str | None
    words: str


CAM = Scale(
    "#f98e1f",
    None,
    "The stronger the orange, the more the place speaks for the network's answer; what speaks against it is not drawn.",
)
OCCLUSION = Scale(
    map_drawing.FOR,
    map_drawing.AGAINST,
    "Green where covering the place weakens the network's answer (the place speaks for it), red where it strengthens "
    "it.",
)


def paint(values, side, scale):
    """(side, side, 4) uint8 RGBA of a map, or None where it has no finite or no drawn value.

    values: (rows, cols) float, raw, not changed; enlarged by linear interpolation. Colour by sign, opacity by the share
    of the strongest drawn value, in LEVELS steps.
    """
    most = strongest(values, scale)
    if not most > 0:
        return None
    share = maps.enlarge(values, side).astype(float) / most
    opacity = np.round(np.clip(_seen(share, scale), 0, 1) * LEVELS) / LEVELS
    painted = np.empty((side, side, 4), dtype=np.uint8)
    painted[..., :3] = rgb(scale.positive)
    if scale.negative:
        painted[share < 0, :3] = rgb(scale.negative)
    painted[..., 3] = np.round(255 * OPAQUE * opacity)
    return painted


def strongest(values, scale):
    """The strongest value that is drawn, by which the map is divided; 0 where nothing is, NaN where one is not finite.

    values: (rows, cols) float.
    """
    values = np.asarray(values, dtype=float)
    return float(np.max(_seen(values, scale), initial=0.0)) if np.isfinite(values).all() else float("nan")


def _seen(values, scale):
    """How strongly each value is drawn."""
    return np.abs(values) if scale.negative else np.maximum(values, 0)


def rgb(colour):
    """The three bytes of a colour: "#f98e1f" -> (0, 184, 212)."""
    return tuple(bytes.fromhex(colour.removeprefix("#")))
