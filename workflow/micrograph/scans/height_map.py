"""The height map of one scan, and the .gwy file that Gwyddion opens which keeps it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from micrograph import __version__
from micrograph.errors import UserError
from micrograph.io import atomic_write

NM_PER_M = 1e9


@dataclass(frozen=True, eq=False)
class HeightMap:
    """One height map and what is known of the scan that it came from.

    height_nm: (lines, pixels) float64, row 0 the top. width_nm, tall_nm: physical extent of these rows.
    direction: "Trace", "Retrace", or "" where the format does not say. source: name of the raw file;
    source_sha256: of its bytes. lines_planned: the lines the scan was meant to have: more than `lines` where it was
    stopped early.
    """

    height_nm: np.ndarray
    width_nm: float
    tall_nm: float
    channel: str
    direction: str
    source: str
    source_sha256: str
    lines_planned: int

    @property
    def lines(self):
        """The lines that were scanned."""
        return self.height_nm.shape[0]

    @property
    def pixels(self):
        """The pixels of a line."""
        return self.height_nm.shape[1]


META = ("channel", "direction", "source", "source_sha256", "lines_planned")


def write_gwy(path, heightmap, extra=None):
    """Write the height map as a .gwy file in metres; the same map gives the same bytes.

    extra: dict of str, more lines for the metadata that Gwyddion shows (the levelling, say). The software version is
    added by itself.
    """
    from gwyfile.objects import GwyContainer, GwyDataField

    field = GwyDataField(
        heightmap.height_nm / NM_PER_M,
        xreal=heightmap.width_nm / NM_PER_M,
        yreal=heightmap.tall_nm / NM_PER_M,
        si_unit_xy="m",
        si_unit_z="m",
    )
    meta = {name: str(getattr(heightmap, name)) for name in META} | dict(extra or {})
    meta["software"] = f"micrograph {__version__}"
    meta = {name: text.replace("\0", " ") for name, text in sorted(meta.items())}
    # Without the type code gwyfile stores a text of one letter as a number.
    container = GwyContainer(typecodes={"/0/data/title": "s"})
    container["/0/data"] = field
    container["/0/data/title"] = meta["channel"]
    container["/0/data/visible"] = True
    container["/0/meta"] = GwyContainer(meta, typecodes=dict.fromkeys(meta, "s"))
    with atomic_write(path) as partial:
        container.tofile(str(partial))


def read_gwy(path):
    """Read a HeightMap that write_gwy wrote. Raises UserError where the file is damaged or someone else's."""
    import gwyfile

    try:
        container = gwyfile.load(str(path))
        field, meta = container["/0/data"], container["/0/meta"]
        height_nm = field.data * NM_PER_M
        size_nm = field.xreal * NM_PER_M, field.yreal * NM_PER_M
        known = {name: meta[name] for name in META}
        return HeightMap(height_nm, *size_nm, **known | {"lines_planned": int(known["lines_planned"])})
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); make the height map anew.") from None
    except Exception as error:  # gwyfile raises whatever the damage happens to break
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{Path(path)}: no height map of this workflow ({reason}); delete it and run again.") from None
