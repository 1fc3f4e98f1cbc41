"""Attribution maps as colours over the micrograph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from micrograph.attribution import maps, target_score
from micrograph.attribution.maps import Attributions
from micrograph.figures import style
from micrograph.figures.style import FAINT, INK, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

# Below zero blue, zero black, above it through red to yellow: the lightness of either arm rises with the amount.
HEAT = (
    *((0.0, "#9fd4ff"), (0.25, "#2f78c4"), (0.5, "#07070c"), (0.64, "#5a1470"), (0.78, "#c23a4b")),
    *((0.9, "#f98e1f"), (1.0, "#fbf3a0")),
)
POSITIVE, NEGATIVE = "#35e07a", "#dd1f4b"  # light green and dark red: they differ in lightness, too
LINES = {0.5: "solid", -0.5: "dashed"}  # and by the line at half of the largest effect
SIGNED = (NEGATIVE, "#e9ebee", POSITIVE)
HEAT_COVER = 0.82  # how much of the image the strongest colour covers
LEVELS, OPAQUE = 32, 0.7  # steps of opacity (more are not seen, and make files large), and the greatest opacity
NAMES = {"cam_class": "CAM", "grad_cam": "Grad-CAM"}
FLAGS = {maps.ALL_ZERO: "is zero everywhere", maps.NOT_FINITE: "has values\nthat are not finite"}


@cache
def colours(shades: tuple) -> LinearSegmentedColormap:
    """Make the colour map of `HEAT` or `SIGNED`.

    Parameters
    ----------
    shades : tuple

    Returns
    -------
    LinearSegmentedColormap
    """
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("shades", shades)


def largest(values: NDArray[np.floating]) -> float:
    """Return the largest absolute value of a map.

    Parameters
    ----------
    values : ndarray

    Returns
    -------
    float
    """
    return float(np.abs(values).max())


def normalise(values: NDArray[np.floating], scale: float | None = None) -> NDArray[np.float64]:
    """Divide a map by a scale and clip it to -1 and 1.

    Parameters
    ----------
    values : ndarray
    scale : float, optional
        Its largest absolute value by default.

    Returns
    -------
    ndarray
    """
    values = np.asarray(values, dtype=float)
    scale = largest(values) if scale is None else scale
    return np.clip(values / scale, -1, 1) if scale > 0 else np.zeros_like(values)


def stretch(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scale a map so that its lowest value is 0 and its highest 1, as the paper's map is drawn; 0 where all are equal.

    Parameters
    ----------
    values : ndarray

    Returns
    -------
    ndarray
    """
    values = np.asarray(values, dtype=float)
    return normalise(values - values.min())


def overlay_cam(
    image: NDArray[np.uint8], values: NDArray[np.floating], scale: float | None = None
) -> NDArray[np.uint8]:
    """Lay a class activation map over a micrograph; larger values are more opaque.

    Parameters
    ----------
    image : ndarray of shape (side, side)
    values : ndarray of shape (rows, columns)
        The map, upsampled as by `maps.upsample`.
    scale : float, optional
        As of `normalise`.

    Returns
    -------
    ndarray of shape (side, side, 3)
    """
    part = maps.upsample(normalise(values, scale), image.shape[0])
    grey, heat = image[..., None] / 255.0, colours(HEAT)((1 + part) / 2)[..., :3]
    return np.round(255 * (grey + (heat - grey) * HEAT_COVER * np.abs(part[..., None]) ** 0.8)).astype(np.uint8)


def show_cam(
    axes: Axes,
    values: NDArray[np.floating],
    flag: str = "",
    scale: float | None = None,
    image: NDArray[np.uint8] | None = None,
) -> None:
    """Show a class activation map, without interpolation or laid over its micrograph.

    Parameters
    ----------
    axes : Axes
    values : ndarray of shape (rows, columns)
    flag : str, default ""
        Why the map is invalid; then it is not drawn.
    scale : float, optional
        As of `normalise`.
    image : ndarray of shape (side, side), optional
        The micrograph.
    """
    style.set_frame(axes)
    if flag:
        _write_flag(axes, flag)
    elif image is not None:
        axes.imshow(overlay_cam(image, values, scale), interpolation="antialiased")
    else:
        axes.imshow(normalise(values, scale), cmap=colours(HEAT), vmin=-1, vmax=1, interpolation="nearest")


def show_occlusion(
    axes: Axes, values: NDArray[np.floating], flag: str, scale: float | None, image: NDArray[np.uint8]
) -> None:
    """Show an occlusion map over its micrograph, with contours at half of the scale (dashed: negative).

    Parameters
    ----------
    axes, values, flag, scale, image
        As of `show_cam`.
    """
    style.set_frame(axes)
    if flag:
        _write_flag(axes, flag)
        return
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    if (tint := paint(values, image.shape[0], OCCLUSION, scale)) is not None:
        axes.imshow(tint, interpolation="antialiased")
    part = maps.upsample(normalise(values, scale), image.shape[0])
    for level, line in LINES.items():
        if part.min() < level < part.max():
            colour = POSITIVE if level > 0 else "#ff8fa8"
            axes.contour(part, [level], colors=[colour], linestyles=[line], linewidths=0.5)


def _write_flag(axes: Axes, flag: str) -> None:
    """Write what is wrong with a map in its place."""
    style.set_frame(axes, linestyle=(0, (3, 2)))
    axes.set_facecolor("#f4f5f7")
    text: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 6, "color": SOFT, "linespacing": 1.3}
    axes.text(0.5, 0.5, f"not drawn:\nthe map\n{FLAGS[flag]}", transform=axes.transAxes, **text)


def draw_scales(
    figure: Figure, top: float, attributions: Attributions, drawing: str, occlusion_scale: str = "scale"
) -> None:
    """Draw the colour scales of both kinds of map side by side, and what they mean.

    Parameters
    ----------
    figure : Figure
    top : float
        In mm.
    attributions : Attributions
    drawing : str
        How class activation maps are drawn.
    occlusion_scale : str, default "scale"
        What occlusion maps are divided by.
    """
    rows, columns = attributions.cam.shape[1:]
    name, side, patch = NAMES[attributions.weighted_name], attributions.side, attributions.patch
    cam = (
        f"{name} ÷ its largest value, channel sum from\n"
        f"lowest (0) to highest (1): {rows} × {columns} values,\n{drawing}"
    )
    occlusion = (
        f"occlusion: decrease of the {target_score.describe(attributions.scheme)}\n"
        f"where {patch} × {patch} of {side} × {side} pixels are occluded, ÷ {occlusion_scale}.\n"
        "Green, solid line at half: positive attribution; red, dashed: negative"
    )
    for left, shades, text in ((5, HEAT, cam), (80, SIGNED, occlusion)):
        axes = style.axes_mm(figure, left, top, 22, 2.4)
        axes.imshow(np.linspace(-1, 1, 256)[None], cmap=colours(shades), extent=(-1, 1, 0, 1), aspect="auto")
        style.set_frame(axes, color=FAINT)
        axes.set_xticks([-1, 0, 1], ["−1", "0", "1"])
        axes.tick_params(length=1.5, pad=1.2)
        style.text_mm(figure, left + 24.5, top - 0.4, text, fontsize=6, color=SOFT, linespacing=1.35)
    for level, line in LINES.items():
        axes.axvline(level, color=INK, lw=0.7, ls="-" if line == "solid" else (0, (1.6, 1.2)))


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
    POSITIVE,
    NEGATIVE,
    "Green: positive attribution (occlusion lowers the score); red: negative attribution (occlusion raises it).",
)


def paint(values: NDArray[np.floating], side: int, scale: Scale, most: float | None = None) -> NDArray[np.uint8] | None:
    """Draw a map as an RGBA overlay.

    Parameters
    ----------
    values : ndarray of shape (rows, columns)
    side : int
        Side of the overlay in pixels.
    scale : Scale
    most : float, optional
        The value drawn most strongly; the largest drawn value by default.

    Returns
    -------
    ndarray of shape (side, side, 4) or None
        Colour by sign, opacity by the share of `most`, in `LEVELS` steps; None where there is
        nothing finite to draw.
    """
    most = largest_shown(values, scale) if most is None else most
    if not most > 0:
        return None
    share = maps.upsample(values, side).astype(float) / most
    opacity = np.round(np.clip(_shown(share, scale), 0, 1) * LEVELS) / LEVELS
    painted = np.empty((side, side, 4), dtype=np.uint8)
    painted[..., :3] = _bytes(scale.positive)
    if scale.negative:
        painted[share < 0, :3] = _bytes(scale.negative)
    painted[..., 3] = np.round(255 * OPAQUE * opacity)
    return painted


def largest_shown(values: NDArray[np.floating], scale: Scale) -> float:
    """Return the largest value that is drawn, by which a map is divided.

    Parameters
    ----------
    values : ndarray of shape (rows, columns)
    scale : Scale

    Returns
    -------
    float
        0 where nothing is drawn, NaN where a value is not finite.
    """
    values = np.asarray(values, dtype=float)
    return float(np.max(_shown(values, scale), initial=0.0)) if np.isfinite(values).all() else float("nan")


def _shown(values: NDArray, scale: Scale) -> NDArray:
    """How strongly each value is drawn."""
    return np.abs(values) if scale.negative else np.maximum(values, 0)


def _bytes(colour: str) -> tuple[int, ...]:
    """Return the three bytes of a colour: "#f98e1f" -> (249, 142, 31)."""
    return tuple(bytes.fromhex(colour.removeprefix("#")))
