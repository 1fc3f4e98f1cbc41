r"""Read Bruker/Veeco NanoScope image files.

A file is a header of latin-1 lines ``\Key: value`` in sections ``\*Section``, followed by the images as little-endian
signed integers, the bottom row first. Heights are ``raw * Z scale / 256**bytes per pixel * sensitivity``, where the
Z scale names its sensitivity.

`header` reads the header, `images` lists the images and finds the film's, `layout` weighs what the header states of
their pixels and size, `scale` finds their unit, and `reader` reads them.
"""

from micrograph.scans.nanoscope.header import (
    Header,
    HeaderError,
    NotNanoScopeError,
    OldVersionError,
    TextModeError,
    TruncatedError,
    read_header,
)
from micrograph.scans.nanoscope.images import ChannelError, ForceCurveError
from micrograph.scans.nanoscope.layout import ScanSizeError
from micrograph.scans.nanoscope.reader import Channel, check_heights, detect, read, read_channel
from micrograph.scans.nanoscope.scale import UnitError

__all__ = [
    "Channel",
    "ChannelError",
    "ForceCurveError",
    "Header",
    "HeaderError",
    "NotNanoScopeError",
    "OldVersionError",
    "ScanSizeError",
    "TextModeError",
    "TruncatedError",
    "UnitError",
    "check_heights",
    "detect",
    "read",
    "read_channel",
    "read_header",
]
