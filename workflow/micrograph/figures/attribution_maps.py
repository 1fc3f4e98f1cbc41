"""Attribution maps as colours over the micrograph."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from micrograph.attribution import maps
from micrograph.figures import style
from micrograph.figures.style import FAINT, SOFT

# Below zero blue, zero black, above it through red to yellow: the lightness of either arm rises with the amount.
HEAT = (
    *((0.0, "#9fd4ff"), (0.25, "#2f78c4"), (0.5, "#07070c"), (0.64, "#5a1470"), (0.78, "#c23a4b")),
    *((0.9, "#f98e1f"), (1.0, "#fbf3a0")),
)
FOR, AGAINST = "#35e07a", "#dd1f4b"  # light green and dark red: told apart by lightness as well as by hue
LINES = {0.5: "solid", -0.5: "dashed"}  # and by the line at half of the largest effect
SIGNED = (AGAINST, "#e9ebee", FOR)
HEAT_COVER, TINT_COVER = 0.82, 0.7  # how much of the picture the strongest colour covers
NAMES = {"cam_class": "CAM", "grad_cam": "Grad-CAM"}
SAID = {maps.ALL_ZERO: "is zero everywhere", maps.NOT_FINITE: "holds values\nthat are no numbers"}


@cache
def colours(shades):
    """The colour map of HEAT or SIGNED."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("shades", shades)


def largest(values):
    """The largest absolute value of a map, which its colours are divided by."""
    return float(np.abs(values).max())


def shares(values, scale=None):
    """A map divided by `scale` (its own largest absolute value), cut at -1 and 1; zeros stay zeros."""
    values = np.asarray(values, dtype=float)
    scale = largest(values) if scale is None else scale
    return np.clip(values / scale, -1, 1) if scale > 0 else np.zeros_like(values)


def overlaid(picture, values, scale=None):
    """A class activation map over a micrograph: (side, side, 3) uint8.

    picture: (side, side) uint8; values: (h, w), raw, enlarged as by maps.upsample. The more a place counts, the more
    its colour covers.
    """
    part = maps.upsample(shares(values, scale), picture.shape[0])
    return _over(picture, colours(HEAT)((1 + part) / 2)[..., :3], HEAT_COVER * np.abs(part) ** 0.8)


def tinted(picture, values, scale=None):
    """An occlusion map over a micrograph: (side, side, 3) uint8, green where it speaks for, red where against.

    picture: (side, side) uint8; values: (any, any), raw.
    """
    part = maps.upsample(shares(values, scale), picture.shape[0])
    colours = np.where(part[..., None] > 0, style.rgb(FOR), style.rgb(AGAINST))
    return _over(picture, colours, TINT_COVER * np.abs(part))


def _over(picture, colours, cover):
    grey = np.repeat(picture[..., None] / 255.0, 3, axis=-1)
    return np.uint8(np.round(255 * (grey + (colours - grey) * cover[..., None])))


def show_heat(axes, values, flag="", scale=None):
    """A class activation map alone, a block a value."""
    if not _said(axes, flag):
        axes.imshow(shares(values, scale), cmap=colours(HEAT), vmin=-1, vmax=1, interpolation="nearest")
        _frame(axes)


def show_overlay(axes, picture, values, flag="", scale=None):
    """A class activation map over its micrograph."""
    if not _said(axes, flag):
        axes.imshow(overlaid(picture, values, scale), interpolation="antialiased")
        _frame(axes)


def show_occlusion(axes, picture, values, flag="", scale=None):
    """An occlusion map over its micrograph, lines at half of the scale: solid for, dashed against."""
    if _said(axes, flag):
        return
    axes.imshow(tinted(picture, values, scale), interpolation="antialiased")
    part = maps.upsample(shares(values, scale), picture.shape[0])
    for level, line in LINES.items():
        if part.min() < level < part.max():
            colour = FOR if level > 0 else "#ff8fa8"
            axes.contour(part, [level], colors=[colour], linestyles=[line], linewidths=0.5)
    _frame(axes)


def _said(axes, flag):
    """Write what is wrong with a map in its place; whether anything is."""
    if not flag:
        return False
    axes.set_facecolor("#f4f5f7")
    axes.text(0.5, 0.5, f"not drawn:\nthe map\n{SAID[flag]}", ha="center", va="center", fontsize=6, color=SOFT,
              transform=axes.transAxes, linespacing=1.3)  # fmt: skip
    _frame(axes)
    for spine in axes.spines.values():
        spine.set(linestyle=(0, (3, 2)))
    return True


def _frame(axes):
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=SOFT, linewidth=0.5)


def heat_scale(figure, left, top, width, words):
    """The scale of class activation maps, its words to the right of it."""
    _scale(figure, left, top, width, HEAT, words)


def occlusion_scale(figure, left, top, width, words):
    """The scale of occlusion maps with their two lines, its words to the right of it."""
    axes = _scale(figure, left, top, width, SIGNED, words)
    for level, line in LINES.items():
        axes.axvline(level, color=style.INK, lw=0.7, ls="-" if line == "solid" else (0, (1.6, 1.2)))


def _scale(figure, left, top, width, shades, words):
    axes = style.axes_mm(figure, left, top, width, 2.4)
    axes.imshow(np.linspace(-1, 1, 256)[None], cmap=colours(shades), extent=(-1, 1, 0, 1), aspect="auto")
    axes.set_yticks([])
    axes.set_xticks([-1, 0, 1], ["−1", "0", "1"])
    axes.tick_params(length=1.5, pad=1.2)
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT, linewidth=0.5)
    style.text_mm(figure, left + width + 2.5, top - 0.4, words, fontsize=6, color=SOFT, linespacing=1.35)
    return axes


LEVELS = 32  # steps of opacity: indistinguishable by eye, and small files
OPAQUE = 0.7  # the largest value still shows the micrograph


@dataclass(frozen=True)
class Scale:
    """The colours of one kind of overlay.

    Parameters
    ----------
    positive : str
        Colour of positive attribution.
    negative : str or None
        Colour of negative attribution; None if it is not drawn.
    description : str
    """

    positive: str
    negative: str | None
    description: str


CAM = Scale("#f98e1f", None, "Orange: positive attribution; negative attribution is not drawn.")
OCCLUSION = Scale(
    FOR,
    AGAINST,
    "Green: positive attribution (occlusion lowers the score); red: negative attribution (occlusion raises it).",
)


def paint(values, side, scale):
    """(side, side, 4) uint8 RGBA of a map, or None where it has no finite or no drawn value.

    values: (rows, cols) float, raw, not changed; enlarged by linear interpolation. Colour by sign, opacity by the share
    of the strongest drawn value, in LEVELS steps.
    """
    most = strongest(values, scale)
    if not most > 0:
        return None
    share = maps.upsample(values, side).astype(float) / most
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
