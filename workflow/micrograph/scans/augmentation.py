"""The pictures that an augmentation policy makes of every sample: copy 0 is scored, copies 1, 2, ... are trained on.

aug1 cuts windows out of the micrograph's field of view at the scan's own resolution; aug2 changes the micrograph itself
by AutoAugment. A grey stands for the same height in the micrograph and in every window of it.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from micrograph.errors import UserError, lookup
from micrograph.log import progress
from micrograph.scans import rendering
from micrograph.scans.conversion import PICTURE, Settings
from micrograph.scans.formats import read_picture
from micrograph.scans.height_map import read_gwy

COLUMNS = ("sample", "augmentation", "micrograph", "pixel_nm")
SEEDS = 2**31


class Field(NamedTuple):
    """A micrograph at the scan's own resolution, (n, n) uint8; nm a pixel, NaN without a size; (rows, columns) that the
    scan fills in its middle, the rest is padding."""

    grey: np.ndarray
    pixel_nm: float
    filled: tuple


def draw_shard(policy, samples, wanted, folder, heights_folder, settings=Settings(), *, rng_of):  # noqa: B008 (frozen)
    """Draw the pictures of some samples: their table, of the columns COLUMNS, sorted by sample and copy.

    policy: aug1 or aug2; samples: their rows of samples.tsv; wanted: sample -> number of copies
    (policies.copies_wanted of ALL samples); settings: those that the micrographs were drawn with; rng_of: sample -> its
    numpy Generator, so that a sample's pictures do not depend on who shares its shard. Pictures become
    folder/{sample}_{copy}.png, height maps are heights_folder/{sample}.gwy. Raises UserError for a policy that makes no
    pictures, and for a height map, picture or micrograph that cannot be read.
    """
    copies_of = lookup(policy, MAKERS, "policy")
    folder, rows = Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for row in progress(samples.sort_values("sample").to_dict("records"), "samples copied"):
        drawn = copies_of(row, int(wanted[row["sample"]]), Path(heights_folder), settings, rng_of(row["sample"]))
        for copy, (picture, pixel_nm) in enumerate(drawn):
            path = row["micrograph"]
            if picture is not None:
                path = str(folder / f"{row['sample']}_{copy}.png")
                rendering.write_png(path, picture)
            rows.append((row["sample"], copy, path, pixel_nm))
    return pd.DataFrame(rows, columns=COLUMNS)


def gather(samples, drawn):
    """All pictures of a policy, of the columns COLUMNS, sorted by sample and copy.

    samples: the table of all samples; drawn: the shards' tables; none for a policy that makes no pictures, where every
    sample has its micrograph as copy 0. Raises ValueError where the shards are not of these samples.
    """
    own = samples.assign(augmentation=0)[list(COLUMNS)]
    tables = [table for table in drawn if len(table)]
    joined = pd.concat(tables, ignore_index=True)[list(COLUMNS)] if tables else own
    if sorted(joined.loc[joined["augmentation"] == 0, "sample"]) != sorted(samples["sample"]):
        raise ValueError("the pictures of the policy and the table of samples are not of the same samples")
    return joined.sort_values(["sample", "augmentation"], ignore_index=True)


def of_shard(samples, micrographs_folder):
    """The rows of samples.tsv whose micrographs lie in the folder of a shard."""
    inside = [Path(path).parent == Path(micrographs_folder) for path in samples["micrograph"]]
    return samples[inside]


def _windows(row, count, heights_folder, settings, rng):
    """aug1: (picture, nm a pixel) of the central window, then of `count` random ones.

    A field no larger than the window is taken whole each time, enlarged if need be, and the log says so.
    """
    field = _field(row, heights_folder, settings)
    size, window = len(field.grey), settings.pixels
    if size <= window:
        print(f"{row['sample']}: {size} pixels a side and no more than a window ({window}): all its copies are alike.")
        whole = rendering.to_bytes(rendering.resize_area(field.grey.astype(float), window, window))
        return [(whole, field.pixel_nm * size / window)] * (count + 1)
    middle = (size - window) // 2
    corners = [tuple(_place(size, filled, window, rng) for filled in field.filled) for _ in range(count)]
    corners.insert(0, (middle, middle))
    return [(field.grey[top : top + window, left : left + window], field.pixel_nm) for top, left in corners]


def _place(size, filled, window, rng):
    """Where a random window starts along one axis, so that no more of it lies in the padding than must."""
    start = (size - filled) // 2
    first, last = sorted((start, start + filled - window))
    return int(rng.integers(max(first, 0), min(last, size - window) + 1))


def _field(row, heights_folder, settings):
    """The Field of one sample: its micrograph, drawn with as many pixels as the scan has."""
    try:
        if row["channel"] == PICTURE:
            width_nm = float(row["width_nm"]) if row["width_nm"] > 0 else None
            found = read_picture(row["scan"], width_nm)
            size, filled = _own_size(*found.array.shape[:2], None, None, settings.aspect)
            grey, pixel_nm = rendering.picture(found.array, size, settings.aspect, found.width_nm)
        else:
            found = read_gwy(heights_folder / f"{row['sample']}.gwy")
            nm = found.width_nm, found.tall_nm
            size, filled = _own_size(*found.height_nm.shape, *nm, settings.aspect)
            grey, pixel_nm = rendering.render(found.height_nm, size, settings.clip_percentiles, settings.aspect, *nm)
    except UserError as fault:
        raise UserError(str(fault) if str(row["scan"]) in str(fault) else f"{row['scan']}: {fault}") from None
    return Field(grey, pixel_nm, filled)


def _own_size(lines, pixels, width_nm, tall_nm, aspect):
    """(pixels a side of a square field at a scan's own resolution, (rows, columns) of it that the scan fills).

    Where pixels are not square, the side on which they are longer decides and the other is averaged.
    """
    width, tall = (width_nm, tall_nm) if width_nm and tall_nm else (pixels, lines)
    shown = min(width, tall) if aspect == "crop" else max(width, tall)
    size = round(shown / max(width / pixels, tall / lines))
    return size, tuple(min(size, max(1, round(size * extent / shown))) for extent in (tall, width))


def _autoaugmented(row, count, heights_folder, settings, rng):
    """aug2: the micrograph as it is (None: no new file), then `count` AutoAugmented ones."""
    grey = rendering.read_png(row["micrograph"])
    changed = [(autoaugment(grey, rng), row["pixel_nm"]) for _ in range(count)]
    return [(None, row["pixel_nm"]), *changed]


def autoaugment(grey, rng):
    """One draw of the AutoAugment policy learned on ImageNet (Cubuk and others 2019), as torchvision has it.

    grey: (rows, columns) uint8, not changed; returns the same. Corners that a rotation bares are black. Its colour
    operation does nothing to greys. torch's own generator is left where it was.
    """
    import torch
    from PIL import Image
    from torchvision.transforms import AutoAugment, AutoAugmentPolicy

    change = AutoAugment(AutoAugmentPolicy.IMAGENET)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(int(rng.integers(SEEDS)))
        return np.array(change(Image.fromarray(grey)))


MAKERS = {"aug1": _windows, "aug2": _autoaugmented}
