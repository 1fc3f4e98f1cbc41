"""Sprite sheets: the pictures of many samples in few files, so that a page shows thousands with few requests.

Tile i is in sheet i // (across * down), row by row from the upper left; tiles without a sample are black, or
transparent in an overlay. Sheets are WebP. One sheet is in memory at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.log import progress

# Micrographs are compressed with loss (their noise costs much otherwise), overlays without: few colours, sharp edges.
LOSSY = {"quality": 80, "method": 2}
LOSSLESS = {"lossless": True, "quality": 50, "method": 4, "exact": False}


@dataclass(frozen=True)
class Grid:
    """The layout of a sheet.

    Parameters
    ----------
    tile : int
        Side of a tile in pixels.
    across, down : int
        Number of tiles in a row and in a column.
    """

    tile: int
    across: int
    down: int

    @property
    def capacity(self) -> int:
        """Number of tiles of a sheet."""
        return self.across * self.down


SMALL = Grid(96, 10, 10)  # thumbnails of the explorer
LARGE = Grid(224, 4, 4)  # the window of a sample; the size of a micrograph


@dataclass(frozen=True)
class Pictures:
    """The pictures of all samples, made on request.

    Parameters
    ----------
    count : int
        Number of samples.
    micrograph : callable
        ``micrograph(i)`` gives uint8 of shape (side, side).
    cam, occlusion : callable
        ``cam(i)`` gives an RGBA overlay, uint8 of shape (side, side, 4), or None where there is none.
    """

    count: int
    micrograph: Callable[[int], NDArray[np.uint8]]
    cam: Callable[[int], NDArray[np.uint8] | None]
    occlusion: Callable[[int], NDArray[np.uint8] | None]


def write(folder: Path, pictures: Pictures, relative_path: str) -> dict[str, dict]:
    """Write the sheets of all samples.

    Parameters
    ----------
    folder : Path
        An existing folder.
    pictures : Pictures
    relative_path : str
        Path of the folder relative to the page.

    Returns
    -------
    dict
        ``sheets`` and ``large``: the layout, and the paths of the sheets of each kind of picture.

    Raises
    ------
    UserError
        If Pillow cannot write WebP.
    """
    layout = {"sheets": asdict(SMALL), "large": asdict(LARGE)}
    for key, grid, kinds in (("sheets", SMALL, ("micrograph", "cam", "occlusion")), ("large", LARGE, ("micrograph",))):
        for kind in kinds:
            stem = kind if key == "sheets" else f"{key}_{kind}"
            names = _write_kind(folder, stem, pictures.count, getattr(pictures, kind), grid, kind != "micrograph")
            layout[key][kind] = [f"{relative_path}/{name}" for name in names]
    return layout


def _write_kind(folder: Path, stem: str, count: int, picture: Callable, grid: Grid, overlay: bool) -> list[str]:
    """Write all sheets of one kind of picture; return their file names."""
    names = [f"{stem}_{number:03d}.webp" for number in range(-(-count // grid.capacity))]
    for number, name in enumerate(progress(names, f"sheets of {stem}")):
        first = number * grid.capacity
        samples = range(first, min(first + grid.capacity, count))
        _save(folder / name, sheet([picture(sample) for sample in samples], grid, overlay), overlay)
    return names


def sheet(pictures: Sequence[NDArray[np.uint8] | None], grid: Grid, overlay: bool = False) -> NDArray[np.uint8]:
    """Join pictures into one sheet.

    Parameters
    ----------
    pictures : sequence of ndarray or None
        At most ``grid.capacity`` pictures as of `Pictures`, resized to the tile; None leaves a tile empty.
    grid : Grid
    overlay : bool, default False
        Whether the pictures are RGBA.

    Returns
    -------
    ndarray of shape (down * tile, across * tile) or (down * tile, across * tile, 4)
    """
    depth = (4,) if overlay else ()
    whole = np.zeros((grid.down * grid.tile, grid.across * grid.tile, *depth), dtype=np.uint8)
    for number, picture in enumerate(pictures):
        if picture is not None:
            top, left = (grid.tile * position for position in divmod(number, grid.across))
            whole[top : top + grid.tile, left : left + grid.tile] = _resize(picture, grid.tile)
    return whole


def _resize(picture: NDArray[np.uint8], tile: int) -> NDArray[np.uint8]:
    from PIL import Image

    picture = np.ascontiguousarray(picture, dtype=np.uint8)
    if picture.shape[:2] == (tile, tile):
        return picture
    return np.array(Image.fromarray(picture).resize((tile, tile), Image.Resampling.LANCZOS))


def _save(path: Path, pixels: NDArray[np.uint8], overlay: bool) -> None:
    """Write one sheet as WebP; the same pixels give the same bytes."""
    from PIL import Image, features

    if not features.check("webp"):
        raise UserError(
            f"{path.name}: this Pillow cannot write WebP; install one with libwebp, as in requirements.lock."
        )
    Image.fromarray(pixels).save(path, format="WEBP", **(LOSSLESS if overlay else LOSSY))
