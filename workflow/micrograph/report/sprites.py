"""Sprite sheets: the pictures of many films in few files, so that a page shows thousands with a handful of requests.

Tile i of n stands in sheet i // (across * down), at place i % (across * down), row by row from the upper left; tiles
without a film at the end of the last sheet are black, or transparent in an overlay. Sheets are WebP. One sheet is in
memory at a time, whatever the number of films.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from micrograph.errors import UserError
from micrograph.log import progress

# Micrographs are coded with loss (their noise costs much otherwise), overlays without: few colours, exact edges.
LOSSY = {"quality": 80, "method": 2}
LOSSLESS = {"lossless": True, "quality": 50, "method": 4, "exact": False}


@dataclass(frozen=True)
class Grid:
    """How a sheet is divided: tiles of `tile` x `tile` pixels, so many across and down."""

    tile: int
    across: int
    down: int

    @property
    def room(self):
        """Tiles a sheet."""
        return self.across * self.down


SMALL = Grid(96, 10, 10)  # the explorer's thumbnails
LARGE = Grid(224, 4, 4)  # a film's own page; the size of a micrograph


@dataclass(frozen=True)
class Drawn:
    """The pictures of n films, made when they are asked for.

    micrograph(i): (side, side) uint8; cam(i), occlusion(i): (side, side, 4) uint8 RGBA to be laid over it, or None
    where there is none. Sides may differ.
    """

    count: int
    micrograph: Callable
    cam: Callable
    occlusion: Callable


def write(folder, drawn, inside="sheets"):
    """Write the sheets of all films into `folder`, an existing folder; what the page must know of them as a dict.

    inside: the folder's path as the page sees it. Returns {"sheets": {"tile", "across", "down", "micrograph": [paths],
    "cam": [...], "occlusion": [...]}, "large": {the same, micrographs alone}}.
    """
    made = {"sheets": dict(vars(SMALL)), "large": dict(vars(LARGE))}
    for key, grid, kinds in (("sheets", SMALL, ("micrograph", "cam", "occlusion")), ("large", LARGE, ("micrograph",))):
        for kind in kinds:
            stem = kind if key == "sheets" else f"{key}_{kind}"
            names = _write_kind(folder, stem, drawn.count, getattr(drawn, kind), grid, kind != "micrograph")
            made[key][kind] = [f"{inside}/{name}" for name in names]
    return made


def _write_kind(folder, stem, count, picture, grid, overlay):
    """Write all sheets of one kind; their file names."""
    names = [f"{stem}_{number:03d}.webp" for number in range(-(-count // grid.room))]
    for number, name in enumerate(progress(names, f"sheets of {stem}")):
        first = number * grid.room
        films = range(first, min(first + grid.room, count))
        _save(folder / name, sheet([picture(film) for film in films], grid, overlay), overlay)
    return names


def sheet(pictures, grid, overlay=False):
    """One sheet of at most grid.room pictures: uint8 (down * tile, across * tile), with a last axis of 4 for overlays.

    pictures: as Drawn has them, None for an empty tile; other sizes than the tile's are brought to it.
    """
    depth = (4,) if overlay else ()
    whole = np.zeros((grid.down * grid.tile, grid.across * grid.tile, *depth), dtype=np.uint8)
    for place, picture in enumerate(pictures):
        if picture is not None:
            top, left = (grid.tile * part for part in divmod(place, grid.across))
            whole[top : top + grid.tile, left : left + grid.tile] = fitted(picture, grid.tile)
    return whole


def fitted(picture, tile):
    """A square uint8 picture (side, side) or (side, side, 4) brought to (tile, tile), untouched where it is that."""
    from PIL import Image

    picture = np.ascontiguousarray(picture, dtype=np.uint8)
    if picture.shape[:2] == (tile, tile):
        return picture
    return np.array(Image.fromarray(picture).resize((tile, tile), Image.Resampling.LANCZOS))


def _save(path, pixels, overlay):
    """Write one sheet as WebP; the same pixels give the same bytes."""
    from PIL import Image, features

    if not features.check("webp"):
        raise UserError(
            f"{path.name}: this Pillow cannot write WebP; install one with libwebp, as in requirements.lock."
        )
    Image.fromarray(pixels).save(path, format="WEBP", **(LOSSLESS if overlay else LOSSY))
