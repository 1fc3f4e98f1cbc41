r"""Write NanoScope image files as the instrument does, 16-bit and 32-bit.

Layout (of real files of versions 4.32 to 9.70 and of Gwyddion's importer): latin-1 header lines ended by CR LF, keys as
``\Name: value`` in ``\*Sections``, one image section for each channel, ``\*File list end``, Ctrl-Z, zeros up to the
first data offset, then one block of little-endian signed integers for each channel, the bottom row first.

``height_nm = raw * scale_volts / 256**header_bytes * sensitivity``

From version 0x09200000 on four bytes are stored whatever the header's Bytes/pixel says, and the instrument writes 4 for
the height sensor and 2 for the other channels. Older versions store two bytes.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from micrograph import io
from micrograph.errors import UserError, lookup

FULL_RANGE_VOLTS = 24.576
FIRST_32_BIT = 0x09200000


class ChannelType(NamedTuple):
    """What the header states of a channel.

    Attributes
    ----------
    soft : str
        Name of its soft scale.
    sensitivity, per_volt, unit
        Name, value and unit of its sensitivity.
    header_bytes : int
        Bytes/pixel of the header of 32-bit files.
    fits_scale : bool
        Whether 16-bit files fit the Z scale to the data, as they do for heights.
    """

    soft: str
    sensitivity: str
    per_volt: float
    unit: str
    header_bytes: int
    fits_scale: bool


CHANNEL_TYPES = {
    "Height Sensor": ChannelType("ZSensor", "ZsensSens", 168.89, "nm", 4, True),
    "Peak Force Error": ChannelType("", "ForceDeflSens", 53.9, "nN", 2, False),
}


# The header: what the instrument writes before the images, and for each of them ({blank}: the line ends in a space).
COMMON = r"""\*File list
\Version: {version}
\Date: {frame.date}
\Start context: OL2BIG
\Data length: {start}
\User Rating: 0
\Text: {blank}
\History: {frame.note}
\Navigator note: {blank}
\Engage X Pos: -19783.4 um
\Engage Y Pos: -42151.3 um
\*Equipment list
\Description: Dimension Icon
\Extender: None
\Torsion: No
\Sensor: None
\Scanner file: {frame.scanner}.scn
\*Scanner list
\Scanner type: Dim 4000
\Head Type: SG
\Serial Number: {frame.scanner}
\Piezo size: G
\File name: {frame.scanner}.scn
\Max scan size: 93
\Z min: -220
\Z max: 110
\@Sens. Zsens: V 23.46000 nm/V
\*Ciao scan list
\Parameter select: Main
\Operating mode: Image
\Scan Size: {frame.width_nm:g} nm
\X Offset: 0 nm
\Y Offset: 0 nm
\Rotate Ang.: {frame.rotation_degrees:g}
\Samps/line: {pixels}
\Lines: {frame.planned_lines}
\Y disable: Enabled
\Aspect Ratio: {aspect}
\Bidirectional Scan: Disabled
\Scan Rate: {frame.line_rate_hz:g}
\Tip Velocity: {micrometres_per_second:g}
\Units: Metric
\Capture direction: Down
\@MicroscopeList: S [SoftHarmoniXAutoPilot] "ScanAsyst"
\@2:SPMFeedbackList: S [SPMFb] "Peak Force"
\@Sens. DeflSens: V 77.00000 nm/V
{sensitivities}
\@Sens. Phase: V 1.000000 {blank}
\@Sample period: V (0.1000000 us/LSB) 26.00000 us
\@1:ZLimit: V [Sens. Zsens] (0.006713867 V/LSB) 330.0000 V
\@2:SoftHarmoniXSetpoint: V [Sens. ForceDeflSens] (0.0003750000 V/LSB) 0.01987500 V
\@2:TMSetPhase: V (0.005493164 º/LSB)       0 º
"""

IMAGE = r"""\*Ciao image list
\Data offset: {offset}
\Data length: {size}
\Bytes/pixel: {header_bytes}
\Start context: OL
\Data type: AFM
\Data Type Description: {blank}
\Note: {blank}
\Plane fit: 0 0 0 5
\Frame direction: Down
\Capture start line: 0
\Color Table Index: 12
\Relative frame time: {seconds:g}
\Samps/line: {pixels}
\Number of lines: {lines}
\Aspect Ratio: {aspect}
\Scan Size: {wide_um} {wide_um} ~m
\Scan Line: Main
\Line Direction: {channel.direction}
\Highpass: 0
\Lowpass: 0
\Realtime Planefit: Line
\Offline Planefit: None
\Valid data start X: 0
\Valid data start Y: 0
\Valid data len X: {pixels}
\Valid data len Y: {lines}
\Tip x width correction factor: 1
\Tip y width correction factor: 1
\Tip x width correction factor sigma: 1
\Tip y width correction factor sigma: 1
\@2:Image Data: S [{kind.soft}] "{channel.name}"
\@Z magnify: C [2:Z scale] 0.001421822 {blank}
\@2:Z scale: V {shown} {volts:#.7g} V
\@2:Z offset: V {shown}       0 V
"""


class Channel(NamedTuple):
    """One image of a file.

    Attributes
    ----------
    name : str
        A key of CHANNEL_TYPES.
    direction : {"Trace", "Retrace"}
    values : ndarray of shape (lines, pixels)
        In the unit of the channel type, row 0 the top.
    """

    name: str
    direction: str
    values: NDArray


class Frame(NamedTuple):
    """How the scan was taken.

    Attributes
    ----------
    width_nm, tall_nm : float
        Width of a line, and height of the complete scan.
    planned_lines : int
        Lines of the complete scan. The scan section states it with its aspect ratio; the image sections give the ratio
        of what was scanned, so that a scan stopped early can be recognised.
    date, note, line_rate_hz, rotation_degrees, scanner
        Further metadata.
    """

    width_nm: float
    tall_nm: float
    planned_lines: int
    date: str = "10:00:00 AM Mon Jan 01 2018"
    note: str = ""
    line_rate_hz: float = 1.0
    rotation_degrees: float = 0.0
    scanner: str = "1a005c"


def write(path: str | Path, channels: Sequence[Channel], frame: Frame, version: str = "0x09400202") -> None:
    """Write a NanoScope image file.

    Parameters
    ----------
    path : path
        File to write; it appears whole or not at all.
    channels : sequence of Channel
        Of one shape.
    frame : Frame
    version : str
        Of the format; from 0x09200000 on data are 32-bit, before 16-bit.

    Raises
    ------
    UserError
        If a channel is unknown or of another shape than the first, or its values exceed the range of the converter.
    """
    for channel in channels:
        lookup(channel.name, CHANNEL_TYPES, "channel")
        if channel.values.shape != channels[0].values.shape or channel.values.ndim != 2:
            raise UserError(f"{path}: channel '{channel.name}' has another shape than the first.")
    stored = 4 if int(version, 16) >= FIRST_32_BIT else 2
    blocks = [_digitise(path, channel, stored) for channel in channels]
    start = 80960 if stored == 4 else 40960
    size = stored * channels[0].values.size
    header = _header_lines(frame, channels[0].values.shape[1], version, start)
    for index, (channel, (volts, _)) in enumerate(zip(channels, blocks, strict=True)):
        header += _image_lines(channel, frame, volts, stored, start + index * size, size)
    text = "".join(line + "\r\n" for line in [*header, "\\*File list end"]).encode("latin-1") + b"\x1a"
    with io.atomic_write(path) as partial, open(partial, "wb") as out:
        out.write(text.ljust(start, b"\0"))
        for _, raw in blocks:
            out.write(np.ascontiguousarray(raw[::-1]).tobytes())


def _counts_per_unit(name: str, volts: float, header_bytes: int) -> float:
    """Compute the counts per nanometre (or nanonewton) of a channel."""
    return 256**header_bytes / (volts * CHANNEL_TYPES[name].per_volt)


def _digitise(path: str | Path, channel: Channel, stored: int) -> tuple[float, NDArray[np.integer]]:
    """Return the Z scale in volts, rounded as it will be printed, and the integers of one channel."""
    kind = CHANNEL_TYPES[channel.name]
    header_bytes = kind.header_bytes if stored == 4 else 2
    volts = FULL_RANGE_VOLTS
    if kind.fits_scale and stored == 2:
        reach = 2.05 * float(np.abs(channel.values).max()) / kind.per_volt
        volts = float(f"{min(max(reach, 1e-3), FULL_RANGE_VOLTS):.7g}")
    raw = np.rint(channel.values * _counts_per_unit(channel.name, volts, header_bytes))
    half = 256**header_bytes // 2
    if not np.all((raw >= -half) & (raw < half)):
        raise UserError(
            f"{path}: '{channel.name}' exceeds the converter's range of {volts * kind.per_volt:.0f} {kind.unit}; "
            "subtract an offset first."
        )
    return volts, raw.astype("<i4" if stored == 4 else "<i2")


def _header_lines(frame: Frame, pixels: int, version: str, start: int) -> list[str]:
    """Return the lines before the images: file, equipment, scanner and scan."""
    text = COMMON.format(
        frame=frame,
        blank="",
        pixels=pixels,
        version=version,
        start=start,
        aspect=_aspect(frame.width_nm, frame.tall_nm),
        micrometres_per_second=2e-3 * frame.width_nm * frame.line_rate_hz,
        sensitivities="\n".join(
            f"\\@Sens. {kind.sensitivity}: V {kind.per_volt:#.7g} {kind.unit}/V" for kind in CHANNEL_TYPES.values()
        ),
    )
    return text.splitlines()


def _image_lines(channel: Channel, frame: Frame, volts: float, stored: int, offset: int, size: int) -> list[str]:
    """Return the header lines of one channel."""
    kind = CHANNEL_TYPES[channel.name]
    header_bytes = kind.header_bytes if stored == 4 else 2
    lines, pixels = channel.values.shape
    least = FULL_RANGE_VOLTS / 256**header_bytes
    text = IMAGE.format(
        channel=channel,
        kind=kind,
        header_bytes=header_bytes,
        offset=offset,
        size=size,
        lines=lines,
        blank="",
        pixels=pixels,
        volts=volts,
        seconds=frame.planned_lines / frame.line_rate_hz,
        aspect=_aspect(frame.width_nm, frame.tall_nm * lines / frame.planned_lines),
        wide_um=f"{frame.width_nm / 1000:g}",
        shown=f"[Sens. {kind.sensitivity}] ({least:.{14 if header_bytes == 4 else 10}f} V/LSB)",
    )
    return text.splitlines()


def _aspect(width_nm: float, tall_nm: float) -> str:
    """Return width over height as the instrument prints it: ratios of small integers as 4:3, others as a number."""
    ratio = Fraction(width_nm / tall_nm).limit_denominator(16)
    close = abs(ratio * tall_nm / width_nm - 1) < 1e-3
    return f"{ratio.numerator}:{ratio.denominator}" if close else f"{width_nm / tall_nm:.6g}"
