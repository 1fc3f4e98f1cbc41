"""Figures on a dark ground: the colours of an SVG with their lightness reversed; images in it stay as they are."""

import re
from colorsys import hls_to_rgb, rgb_to_hls

GROUND, INK = (0x1B, 0x1F, 0x26), (0xE8, 0xEA, 0xEE)  # what white and black become: --card and --ink of the page
COLOUR = re.compile(r"(?<=[:\s\"])#([0-9a-fA-F]{6})(?=[;\s\"])")


def darken(svg: str) -> str:
    """Reverse the lightness of every colour of an SVG of matplotlib.

    Parameters
    ----------
    svg : str

    Returns
    -------
    str
        Hues stay. Elements without a colour, black by default, take that of black.

    Notes
    -----
    A filter of CSS would reverse micrographs and maps, too.
    """
    coloured = COLOUR.sub(lambda match: dark_colour(match[1]), svg)
    return re.sub(r"<svg\b", f'<svg fill="{dark_colour("000000")}"', coloured, count=1)


def dark_colour(colour: str) -> str:
    """Reverse the lightness of a colour between `INK` and `GROUND`.

    Parameters
    ----------
    colour : str
        Six hexadecimal digits.

    Returns
    -------
    str
        As "#1b1f26".
    """
    hue, lightness, saturation = rgb_to_hls(*(byte / 255 for byte in bytes.fromhex(colour)))
    grey = [(lightness * ground + (1 - lightness) * ink) / 255 for ground, ink in zip(GROUND, INK, strict=True)]
    mean = sum(grey) / 3
    shades = [one + tint - mean for one, tint in zip(grey, hls_to_rgb(hue, mean, saturation), strict=True)]
    return "#" + bytes(round(255 * min(1, max(0, shade))) for shade in shades).hex()
