"""The height map of one scan, the options for reading one, and its storage as a .gwy file (Gwyddion's format)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from micrograph import __version__
from micrograph.errors import UserError, lookup, printable
from micrograph.io import atomic_write

NM_PER_M = 1e9
CHANNELS = ("Height Sensor", "ZSensor", "Height")
# Value of scans.direction: the directions that a channel may have, in order of preference.
DIRECTIONS = {"trace": ("Trace",), "retrace": ("Retrace",), "any": ("Trace", "Retrace", "")}
META = ("channel", "direction", "source", "source_sha256", "lines_planned")


class BlankScanError(UserError):
    """The scan can be read, but shows no relief."""


class ReadOptions(NamedTuple):
    """What to read of a scan file. Every format takes the options that apply to it.

    Attributes
    ----------
    channels : sequence of str
        Names of height channels in order of preference.
    direction : {"any", "trace", "retrace"}
        Scan direction; "any" prefers the trace.
    gwyddion_timeout_seconds : float
        Longest run of Gwyddion's importer.
    width_nm : float or None
        Physical width of an image or channel that does not hold its own.
    z_unit : str or None
        Unit of the values of an image or channel that does not state it; makes the values of an image heights.
    """

    channels: Sequence[str] = CHANNELS
    direction: str = "any"
    gwyddion_timeout_seconds: float = 60.0
    width_nm: float | None = None
    z_unit: str | None = None

    def admitted_directions(self) -> tuple[str, ...]:
        """Return the directions that a channel may have, in order of preference; UserError for an unknown option."""
        return lookup(self.direction, DIRECTIONS, "scans.direction")


DEFAULT_OPTIONS = ReadOptions()


class Inspection(NamedTuple):
    """What a scan file states for the sample sheet, without its pixels being read where that can be avoided.

    Attributes
    ----------
    date : str
        When the scan was made, as the file writes it; empty where it does not.
    missing : tuple of str
        Columns of the sample sheet that have to state what the file does not: width_nm, z_unit.
    """

    date: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class HeightMap:
    """A height map and its metadata.

    Attributes
    ----------
    height_nm : ndarray of shape (lines, pixels), float64
        Heights; row 0 is the top of the scan.
    width_nm, tall_nm : float
        Physical extent of these rows along and across the scan lines, NaN where it is not known.
    channel : str
        Name of the channel.
    direction : {"Trace", "Retrace", ""}
        Scan direction, empty where the format does not state it.
    source, source_sha256 : str
        Name of the raw file and the SHA-256 of its bytes.
    lines_planned : int
        Lines of the complete scan; more than `lines` where the scan was stopped early.
    version : str
        Version of the file format, empty where the file does not state it.
    remarks : tuple of str
        What a person should know of how the file was read: clauses without a full stop, for tables and messages.
    """

    height_nm: NDArray[np.float64]
    width_nm: float
    tall_nm: float
    channel: str
    direction: str
    source: str
    source_sha256: str
    lines_planned: int
    version: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def lines(self) -> int:
        """Number of scan lines."""
        return self.height_nm.shape[0]

    @property
    def pixels(self) -> int:
        """Number of pixels of a line."""
        return self.height_nm.shape[1]


def crop_unscanned(path: str | Path, scan: HeightMap) -> HeightMap:
    """Leave out the lines at the top and bottom that were planned and not scanned.

    Parameters
    ----------
    path : path
        The file, for messages.
    scan : HeightMap
        All lines of the file.

    Returns
    -------
    HeightMap
        Without the lines at its edges that hold no number, those beside them that hold some, and two or more lines
        that hold one number. A remark says which they were.

    Raises
    ------
    UserError
        If no number is left.
    """
    missing = np.asarray(np.isnan(scan.height_nm))
    if missing.all():
        raise UserError(f"{path}: channel '{scan.channel}' holds no values; name another in scans.channels.")
    top = _count_unscanned(scan.height_nm, missing)
    bottom = _count_unscanned(scan.height_nm[::-1], missing[::-1])
    left = scan.lines - top - bottom
    if left < 1 or top + bottom == 0:
        return scan
    edges = [f"{n} at the {edge}" for n, edge in ((top, "top"), (bottom, "bottom")) if n]
    remark = f"{top + bottom} of {scan.lines} lines were not scanned and are left out ({', '.join(edges)})"
    height_nm = scan.height_nm[top : top + left]
    tall_nm = scan.tall_nm * left / scan.lines
    return replace(scan, height_nm=height_nm, tall_nm=tall_nm, remarks=(*scan.remarks, remark))


def _count_unscanned(height_nm: NDArray[np.float64], missing: NDArray[np.bool_]) -> int:
    """Count the unscanned lines at the top."""
    empty = np.asarray(missing.all(axis=1))
    if empty[0]:
        count = int(np.argmin(empty))
        return count + bool(missing[count].any())
    filled = (height_nm == height_nm[0, 0]).all(axis=1)
    count = len(filled) if filled.all() else int(np.argmin(filled))
    return count if 2 <= count < len(filled) else 0


def write_gwy(path: str | Path, height_map: HeightMap, extra: Mapping[str, str] | None = None) -> None:
    """Write a height map as a .gwy file in metres; equal maps give equal bytes.

    Parameters
    ----------
    path : path
        File to write.
    height_map : HeightMap
        The map; not modified.
    extra : mapping of str to str, optional
        Further metadata, shown by Gwyddion (for example the levelling). The software version is added.

    Raises
    ------
    UnwritableError
        If the disk is full or the folder is read-only.
    """
    from gwyfile.objects import GwyContainer, GwyDataField

    field = GwyDataField(
        height_map.height_nm / NM_PER_M,
        xreal=height_map.width_nm / NM_PER_M,
        yreal=height_map.tall_nm / NM_PER_M,
        si_unit_xy="m",
        si_unit_z="m",
    )
    meta = {name: str(getattr(height_map, name)) for name in META} | dict(extra or {})
    meta["software"] = f"micrograph {__version__}"
    meta = {name: printable(text) for name, text in sorted(meta.items())}
    # Without the type code gwyfile stores a string of one character as a number.
    container = GwyContainer(typecodes={"/0/data/title": "s"})
    container["/0/data"] = field
    container["/0/data/title"] = meta["channel"]
    container["/0/data/visible"] = True
    container["/0/meta"] = GwyContainer(meta, typecodes=dict.fromkeys(meta, "s"))
    with atomic_write(path) as partial:
        container.tofile(str(partial))


def read_gwy(path: str | Path) -> HeightMap:
    """Read a height map written by `write_gwy`.

    Parameters
    ----------
    path : path
        The .gwy file.

    Returns
    -------
    HeightMap

    Raises
    ------
    UserError
        If the file is missing, damaged or not written by this workflow.
    """
    import gwyfile

    try:
        container = gwyfile.load(str(path))
        field, meta = container["/0/data"], container["/0/meta"]
        height_nm = field.data * NM_PER_M
        size_nm = field.xreal * NM_PER_M, field.yreal * NM_PER_M
        known = {name: meta[name] for name in META}
        return HeightMap(height_nm, *size_nm, **known | {"lines_planned": int(known["lines_planned"])})
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); run the workflow again to make it.") from None
    except Exception as error:  # gwyfile raises whatever the damage happens to break
        reason = f"{type(error).__name__}: {error}"
        raise UserError(
            f"{Path(path)}: not a height map of this workflow ({reason}); delete it and run again."
        ) from None
