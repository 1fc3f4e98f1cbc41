"""Formats of other makers through SurfaceTopography, where Gwyddion's importer is not installed: macOS, ARM.

An optional dependency (MIT licence). Its readers run in a process of their own, which can be stopped, as Gwyddion's do.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from micrograph.errors import UserError
from micrograph.scans.channels import Channel

PACKAGE = "SurfaceTopography"
PIXELS_LIMIT = 1 << 26


def is_installed() -> bool:
    """Return whether SurfaceTopography can be imported."""
    return find_spec(PACKAGE) is not None


def read_channels(path: str | Path, timeout_seconds: float) -> list[Channel]:
    """Read all images of a file.

    Parameters
    ----------
    path : path
        A file of any format that SurfaceTopography knows.
    timeout_seconds : float
        Longest run of its reader.

    Returns
    -------
    list of Channel
        Points that were not measured are NaN.

    Raises
    ------
    UserError
        If SurfaceTopography does not know the format, or exceeds its time.
    """
    with tempfile.TemporaryDirectory(prefix="micrograph-") as folder:
        command = [sys.executable, "-m", __name__, str(Path(path).resolve()), folder]
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        try:
            done = subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout_seconds, env=env, check=False
            )
        except subprocess.TimeoutExpired:
            raise UserError(
                f"{path}: {PACKAGE} took longer than {timeout_seconds:g} s; "
                "raise scans.gwyddion_timeout_seconds or remove the scan."
            ) from None
        index = Path(folder, "channels.json")
        if done.returncode != 0 or not index.is_file():
            raise UserError(f"{path}: damaged, or in a format that {PACKAGE} does not know; remove the scan.")
        rows = json.loads(index.read_text(encoding="utf-8"))
        return [
            Channel(
                values=np.load(Path(folder, f"{row['number']}.npy"), allow_pickle=False),
                **row | {"size": tuple(row["size"])},
            )
            for row in rows
        ]


def _export(path: str, folder: str) -> None:
    """Write all images of a file into a folder: {number}.npy, and channels.json with the rest of each Channel."""
    from SurfaceTopography.IO import open_topography

    rows = []
    for number, channel in enumerate(open_topography(path).channels):
        if channel.dim != 2 or channel.physical_sizes is None or np.prod(channel.nb_grid_pts) > PIXELS_LIMIT:
            continue
        topography = channel.topography()
        values = np.ma.filled(np.ma.asarray(topography.heights(), dtype=np.float64), np.nan)
        np.save(Path(folder, f"{number}.npy"), values.T)  # theirs are indexed [x, y]
        unit = topography.unit or ""
        is_height = str(channel.data_kind).endswith("HEIGHT")
        title = "".join(letter if letter.isprintable() else "?" for letter in str(channel.name or "")[:60])
        size = [float(length) for length in topography.physical_sizes]
        rows.append(
            {
                "number": number,
                "title": title,
                "size": size,
                "unit_xy": unit,
                "unit_z": unit if is_height else f"({channel.data_kind.name.lower()})",
            }
        )
    Path(folder, "channels.json").write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    _export(*sys.argv[1:])
