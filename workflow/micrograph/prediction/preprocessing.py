"""Seeing: one new scan from raw file to micrograph, as the study's scans were brought there, with its measures."""

import numbers
from dataclasses import dataclass

import numpy as np

from micrograph.errors import UserError, printable
from micrograph.prediction import novelty
from micrograph.scans import levelling, rendering
from micrograph.scans.conversion import PICTURE
from micrograph.scans.formats import Picture, read


class Blank(UserError):
    """A scan that can be read, and shows nothing."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A new scan. scan: its path, printable; micrograph: (pixels, pixels) uint8; pixel_nm: of the micrograph, NaN where
    nobody knows; measures: {width_nm, lines, pixels, scan_pixel_nm, relief_nm}, NaN where there is none; strange:
    sentences on what is unlike the study already in the file; channel: that of the heights, or "picture"."""

    scan: str
    sha256: str
    micrograph: np.ndarray
    pixel_nm: float
    measures: dict
    channel: str
    strange: tuple


def convert_scan(path, settings, width_nm=None):
    """The Seen of one file.

    settings: scans.conversion.Settings of the study; width_nm: of a finished picture, where its file does not say it.
    Raises UserError for all that cannot be read or drawn and for a width that is none, Blank where there is nothing to see.
    """
    name = printable(path)
    _check_width(name, width_nm)
    try:
        found = read(path, settings.channels, settings.direction, settings.gwyddion_timeout_seconds, width_nm)
        return _picture(name, found, settings) if isinstance(found, Picture) else _heights(name, found, settings)
    except UserError as fault:
        said = str(fault).replace(str(path), name)
        raise type(fault)(said if name in said else f"{name}: {said}") from None


def _check_width(name, width_nm):
    """UserError where the width that was given is no length; None was not given."""
    number = isinstance(width_nm, numbers.Real) and not isinstance(width_nm, bool)
    if width_nm is not None and not (number and 0 < width_nm < np.inf):
        raise UserError(f"{name}: width_nm is {width_nm!r}; give the picture's width in nanometres, a number above 0.")


def _heights(name, found, settings):
    """The Seen of a height map."""
    level_nm = _levelled(found.height_nm, settings.levelling)
    relief = novelty.relief_nm(level_nm)
    if not relief > 0:
        raise Blank("the height map shows no relief; take the scan out.")
    size = {"width_nm": found.width_nm, "tall_nm": found.tall_nm}
    grey, pixel_nm = rendering.render(level_nm, settings.pixels, settings.clip_percentiles, settings.aspect, **size)
    measures = _measures(found.width_nm, *level_nm.shape, relief)
    return Seen(name, found.source_sha256, grey, pixel_nm, measures, found.channel, ())


def _levelled(height_nm, method):
    """heights.level; what it refuses though all values are numbers is Blank."""
    try:
        return levelling.level(height_nm, method)
    except UserError as fault:
        sound = height_nm.ndim == 2 and height_nm.shape[1] > levelling.LINE_DEGREE + 1 and np.isfinite(height_nm).all()
        raise (Blank if sound else UserError)(str(fault)) from None


def _picture(name, found, settings):
    """The Seen of a finished picture, which is neither levelled nor stretched."""
    channels = found.array.reshape(found.array.shape[0] * found.array.shape[1], -1)
    if not np.ptp(channels, axis=0).any():
        raise Blank("the picture is one colour everywhere; take it out.")
    grey, pixel_nm = rendering.picture(found.array, settings.pixels, settings.aspect, found.width_nm)
    measures = _measures(found.width_nm or np.nan, *found.array.shape[:2], np.nan)
    strange = novelty.strange_picture(found.array)
    return Seen(name, found.source_sha256, grey, pixel_nm, measures, PICTURE, tuple(strange))


def _measures(width_nm, lines, pixels, relief):
    return {
        "width_nm": float(width_nm), "lines": lines, "pixels": pixels,
        "scan_pixel_nm": float(width_nm) / pixels, "relief_nm": relief,
    }  # fmt: skip
