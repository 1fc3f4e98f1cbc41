"""The channels of a scan file of any format but NanoScope's, and which of them holds the heights of the film."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.io import sha256_file
from micrograph.scans.height_map import CHANNELS, HeightMap, ReadOptions, crop_unscanned
from micrograph.scans.units import nm_per

# What makers call their height channels, in order of preference after scans.channels.
HEIGHT_NAMES = (
    *("Topography", "Topo", "Topographie", "Topograph", "Z", "Z-Axis", "Z Height", "Z Position", "Z Piezo", "Z Drive"),
    *("Z Detector", "Z-AxisSensor", "Height Measured", "Measured Height", "Capacitive Sensor Height", "Nominal Height"),
    *("Nominal Z", "Piezo Height", "Raw Height", "Height Raw", "Surface Height", "Surface", "Höhe", "STM", "Stage Z"),
)
# Words in the titles of lengths that are not heights.
NOT_HEIGHTS = {"amplitude", "deflection", "error", "excitation", "phase", "setpoint", "adhesion", "x", "y"}
DIRECTION_WORDS = {
    **dict.fromkeys(("trace", "forward", "fwd"), "Trace"),
    **dict.fromkeys(("retrace", "backward", "bwd", "reverse"), "Retrace"),
}
DIRECTION_WORD = re.compile(rf"({'|'.join(sorted(DIRECTION_WORDS, key=len, reverse=True))})", re.IGNORECASE)
PASS = re.compile(r"\d+(?P<direction>[fb]?)")  # 1F:Height
SILENT_WORDS = {"scan", "data", "channel", "image", "up", "down"}
MIN_EXTENT_NM, MAX_EXTENT_NM = 1e-3, 1e9
MAX_PIXELS = 1 << 26
MAX_LISTED = 12
UNTITLED = "untitled"


@dataclass(frozen=True, eq=False)
class Channel:
    """One image of a scan file.

    Attributes
    ----------
    number : int
        Its number in the file.
    title : str
        Its name with the scan direction, printable; may be empty.
    values : ndarray of shape (lines, pixels), float64
        In `unit_z`; row 0 the top, NaN where nothing was measured.
    size : (float, float)
        Width and height in `unit_xy`.
    unit_xy, unit_z : str
        As the file states them, empty if it does not.
    n_masked : int
        Pixels under a mask that somebody drew.
    """

    number: int
    title: str
    values: NDArray[np.float64]
    size: tuple[float, float]
    unit_xy: str
    unit_z: str
    n_masked: int = 0

    @property
    def direction(self) -> str:
        """Trace, Retrace, or empty if the title does not state it."""
        return _parse_title(self.title)[1]

    @property
    def has_relief(self) -> bool:
        """Whether its values are not all one."""
        measured = self.values[np.isfinite(self.values)]
        return bool(measured.size and np.ptp(measured) > 0)

    def describe(self) -> str:
        """Return number, title and size for messages."""
        lines, pixels = self.values.shape
        width, height = self.size
        to_nm = nm_per(self.unit_xy) or 1.0
        unit = "nm" if nm_per(self.unit_xy) else self.unit_xy
        return f"number {self.number} ({pixels} x {lines} pixels, {width * to_nm:.4g} x {height * to_nm:.4g} {unit})"


def read_heights(path: str | Path, channels: Sequence[Channel], options: ReadOptions) -> HeightMap:
    """Choose the channel that holds the heights and convert it to nm.

    Parameters
    ----------
    path : path
        The file.
    channels : sequence of Channel
        All its images.
    options : ReadOptions
        With `channels` as they are by default the names of HEIGHT_NAMES count too, and a file with a single channel of
        lengths needs no name. `z_unit` and `width_nm` serve a channel without units.

    Returns
    -------
    HeightMap
        With a remark on everything that another reader could see differently.

    Raises
    ------
    UserError
        If no channel holds heights, or if its size or values are not valid.
    """
    lengths = {channel: scale for channel in channels if (scale := _scale(channel, options))}
    chosen, remarks = _choose(path, channels, list(lengths), options)
    to_nm, size_nm = lengths[chosen]
    lines, pixels = chosen.values.shape
    if not all(MIN_EXTENT_NM <= length <= MAX_EXTENT_NM for length in size_nm) or chosen.values.size == 0:
        raise UserError(
            f"{path}: channel '{chosen.title}' has no valid scan size; export the scan again with its size."
        )
    if chosen.values.size > MAX_PIXELS:
        raise UserError(
            f"{path}: channel '{chosen.title}' has {pixels} x {lines} pixels; export it smaller than 8192 x 8192."
        )
    with np.errstate(over="ignore"):  # of absurd heights, which the levelling refuses
        height_nm = np.asarray(chosen.values, dtype=np.float64) * to_nm
    if chosen.n_masked:
        remarks.append(f"the mask of {chosen.n_masked} pixels in the file is not used")
    scan = HeightMap(
        height_nm=height_nm,
        width_nm=size_nm[0],
        tall_nm=size_nm[1],
        channel=chosen.title or UNTITLED,
        direction=chosen.direction,
        source=Path(path).name,
        source_sha256=sha256_file(path),
        lines_planned=lines,
        remarks=tuple(remarks),
    )
    return crop_unscanned(path, scan)


def _scale(channel: Channel, options: ReadOptions) -> tuple[float, tuple[float, float]] | None:
    """Return (nm per value, (width, height) in nm) of a channel of lengths over lengths, None for others."""
    to_nm = nm_per(channel.unit_z or options.z_unit or "")
    size_to_nm, (width, height) = nm_per(channel.unit_xy), channel.size
    if not channel.unit_xy and options.width_nm and width > 0:
        size_to_nm = options.width_nm / width
    return (to_nm, (width * size_to_nm, height * size_to_nm)) if to_nm and size_to_nm else None


def _choose(
    path: str | Path, channels: Sequence[Channel], lengths: Sequence[Channel], options: ReadOptions
) -> tuple[Channel, list[str]]:
    """Return the channel that holds the heights, and why it was taken where that is not obvious."""
    is_default = tuple(options.channels) == CHANNELS
    names = {name: _parse_title(name)[0] for name in (*options.channels, *(HEIGHT_NAMES if is_default else ()))}
    directions = options.admitted_directions()
    admitted = [channel for channel in lengths if channel.direction in ("", *directions)]
    ranked, remarks = _rank(admitted, names, directions), []
    if not ranked and is_default and (only := _only_length(admitted)):
        ranked = _rank(only, {"": _parse_title(only[0].title)[0]}, directions)
        remarks.append(f"channel '{only[0].title or UNTITLED}' is read because it is the only one in a unit of length")
    if not ranked:
        raise UserError(f"{path}: {_refusal(channels, lengths, options)}")
    chosen = next((channel for channel in ranked if channel.has_relief), ranked[0])
    if chosen is not ranked[0]:
        remarks.append(f"channel '{ranked[0].title}' is blank; '{chosen.title}' is read")
    same = [channel for channel in ranked if channel.title == chosen.title]
    if len(same) > 1:
        remarks.append(f"{len(same)} channels are called '{chosen.title or UNTITLED}'; {chosen.describe()} is read")
    return chosen, remarks


def _rank(channels: Iterable[Channel], names: dict[str, str], directions: Sequence[str]) -> list[Channel]:
    """Sort the channels of the given {name: its key} by name, direction, scanned area, pixels and number.

    The empty name stands for any title of the key.
    """
    ranks: list[tuple[tuple, Channel]] = []
    for channel in channels:
        key, direction = _parse_title(channel.title)
        for place, (name, wanted) in enumerate(names.items()):
            if channel.title == name or (key == wanted and (key or not name)):
                order = directions.index(direction) if direction else 0
                area = channel.size[0] * channel.size[1]
                is_other = channel.title != name and _parse_title(name)[1] != ""
                ranks.append(((place, is_other, order, -area, -channel.values.size, channel.number), channel))
                break
    return [channel for _, channel in sorted(ranks, key=lambda rank: rank[0])]


def _only_length(channels: Sequence[Channel]) -> list[Channel]:
    """Return the channels of lengths if they have one name, those that cannot be heights left out."""
    possible = [channel for channel in channels if not NOT_HEIGHTS & set(_words(channel.title))]
    return possible if len({_parse_title(channel.title)[0] for channel in possible}) == 1 else []


def _refusal(channels: Sequence[Channel], lengths: Sequence[Channel], options: ReadOptions) -> str:
    """State why no channel was taken, and what to do."""
    requested = " or ".join(f"'{name}'" for name in options.channels)
    listed = [f"'{channel.title}' in {channel.unit_z or 'no unit'}" for channel in channels[:MAX_LISTED]]
    available = f"(available: {', '.join(listed) or 'no image'})"
    if not lengths and any(not (channel.unit_z and channel.unit_xy) for channel in channels):
        return f"the file states no units {available}; fill in the columns z_unit and width_nm of the sheet."
    sides = sorted({channel.unit_xy for channel in channels if nm_per(channel.unit_z) and not nm_per(channel.unit_xy)})
    if not lengths and sides:
        return f"its width is in '{sides[0]}', which is not a length {available}; save the file with its size in nm."
    if not lengths:
        return f"no channel in metres or another unit of length {available}; export the height channel."
    return f"no channel {requested} {available}; set scans.channels and scans.direction."


def _words(title: str) -> list[str]:
    """Return the words of a title in lower case, for example z, axis, forward of Z-Axis forward."""
    spaced = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", DIRECTION_WORD.sub(r" \1 ", title))
    return [word.lower() for word in re.split(r"[\W_]+", spaced) if word]


def _parse_title(title: str) -> tuple[str, str]:
    """Return (key, direction) of a title: ("zaxis", "Trace") of Scan forward (Z-Axis)."""
    key, direction = "", ""
    for word in _words(title):
        if word in DIRECTION_WORDS:
            direction = DIRECTION_WORDS[word]
        elif match := PASS.fullmatch(word):
            direction = {"f": "Trace", "b": "Retrace", "": direction}[match["direction"]]
        elif word not in SILENT_WORDS:
            key += word
    return key, direction
