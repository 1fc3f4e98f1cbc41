"""Images of the augmentation policies aug1 and aug2.

Augmentation 0 of a sample is scored, augmentations 1, 2, ... are trained on. aug1 crops windows at the resolution of
the scan; aug2 changes the micrograph by AutoAugment. A grey value is the same height in the micrograph and in every
window of it.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import lookup
from micrograph.log import progress
from micrograph.scans import image_files, rendering
from micrograph.scans.conversion import (
    DEFAULT_PREPROCESSING,
    IMAGE_CHANNEL,
    Preprocessing,
    naming_scan,
    render_scan,
)
from micrograph.scans.height_map import HeightMap, ReadOptions, read_gwy

COLUMNS = ("sample", "augmentation", "micrograph", "pixel_nm")
SEEDS = 2**31

# (image, pixel size in nm) of every augmentation; None where augmentation 0 is the micrograph itself.
Augmentations = list[tuple[NDArray[np.uint8] | None, float]]


class NativeMicrograph(NamedTuple):
    """A micrograph at the resolution of the scan.

    Attributes
    ----------
    grey : ndarray of shape (size, size), uint8
    pixel_nm : float
        Pixel size, NaN without an extent.
    filled : (int, int)
        Rows and columns that the scan fills in the middle; the rest is padding.
    """

    grey: NDArray[np.uint8]
    pixel_nm: float
    filled: tuple[int, int]


def augment_shard(
    policy: str,
    samples: pd.DataFrame,
    n_augmentations: Mapping[str, int],
    folder: str | Path,
    heights_folder: str | Path,
    preprocessing: Preprocessing = DEFAULT_PREPROCESSING,
    *,
    rng_of: Callable[[str], np.random.Generator],
) -> pd.DataFrame:
    """Make the images of some samples.

    Parameters
    ----------
    policy : {"aug1", "aug2"}
        A key of AUGMENTATIONS.
    samples : DataFrame
        Their rows of the table of samples.
    n_augmentations : mapping of sample to int
        Of `policies.n_augmentations` for all samples of the study.
    folder : path
        Where images are written as {sample}_{augmentation}.png.
    heights_folder : path
        Where their height maps are, {sample}.gwy.
    preprocessing : Preprocessing
        With which the micrographs were rendered.
    rng_of : callable sample -> numpy Generator
        One generator for each sample, so that its images do not depend on the shard.

    Returns
    -------
    DataFrame
        Of the columns COLUMNS, sorted by sample and augmentation.

    Raises
    ------
    UserError
        If the policy makes no images, or a height map, image or micrograph cannot be read.
    """
    augment = lookup(policy, AUGMENTATIONS, "policy")
    folder, rows = Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for row in progress(samples.sort_values("sample").to_dict("records"), "samples augmented"):
        count, rng = int(n_augmentations[row["sample"]]), rng_of(row["sample"])
        images = augment(row, count, Path(heights_folder), preprocessing, rng)
        for augmentation, (image, pixel_nm) in enumerate(images):
            path = row["micrograph"]
            if image is not None:
                path = str(folder / f"{row['sample']}_{augmentation}.png")
                rendering.write_png(path, image)
            rows.append((row["sample"], augmentation, path, pixel_nm))
    return pd.DataFrame(rows, columns=COLUMNS)


def collect(samples: pd.DataFrame, tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join the tables of all shards of a policy.

    Parameters
    ----------
    samples : DataFrame
        The table of all samples.
    tables : iterable of DataFrame
        Of `augment_shard`; none for a policy without images, where every sample has its micrograph as augmentation 0.

    Returns
    -------
    DataFrame
        Of the columns COLUMNS, sorted by sample and augmentation.

    Raises
    ------
    ValueError
        If the tables and `samples` are not of the same samples.
    """
    micrographs = samples.assign(augmentation=0)[list(COLUMNS)]
    tables = [table for table in tables if len(table)]
    joined = pd.concat(tables, ignore_index=True)[list(COLUMNS)] if tables else micrographs
    if sorted(joined.loc[joined["augmentation"] == 0, "sample"]) != sorted(samples["sample"]):
        raise ValueError("the augmented images and the table of samples are not of the same samples")
    return joined.sort_values(["sample", "augmentation"], ignore_index=True)


def with_notebook_errors(images: pd.DataFrame, errors: Set[str], rng: np.random.Generator) -> pd.DataFrame:
    """Return the table of images as the paper's notebook had it.

    Parameters
    ----------
    images : DataFrame
        Of `collect`; augmented images of aug1 among them.
    errors : set of str
        aug1_one_crop: every augmentation of a sample is the last. aug1_wrong_scan: augmentations are those of another
        sample, the same for all of one; whether it is tested does not matter.
    rng : Generator
        Draws the other samples.

    Returns
    -------
    DataFrame
        Augmentation 0 as it was.
    """
    made = images.sort_values(["sample", "augmentation"]).query("augmentation > 0")
    crops = {sample: rows["micrograph"].tolist() for sample, rows in made.groupby("sample")}
    shown = dict(zip(crops, crops, strict=True))
    if "aug1_wrong_scan" in errors:
        order = rng.permutation(list(crops))
        shown = dict(zip(order, np.roll(order, 1), strict=True))

    def crop(sample: str, augmentation: int) -> str:
        own = crops[shown[sample]]
        return own[-1] if "aug1_one_crop" in errors else own[(augmentation - 1) % len(own)]

    rows = zip(images["sample"], images["augmentation"], images["micrograph"], strict=True)
    paths = [crop(sample, number) if number else path for sample, number, path in rows]
    return images.assign(micrograph=paths)


def samples_of_shard(samples: pd.DataFrame, micrographs_folder: str | Path) -> pd.DataFrame:
    """Select the samples of a shard.

    Parameters
    ----------
    samples : DataFrame
        The table of all samples.
    micrographs_folder : path
        Folder of the micrographs of the shard.

    Returns
    -------
    DataFrame
    """
    inside = [Path(path).parent == Path(micrographs_folder) for path in samples["micrograph"]]
    return samples[inside]


def _windows(
    row: dict[str, Any], count: int, heights_folder: Path, preprocessing: Preprocessing, rng: np.random.Generator
) -> Augmentations:
    """aug1: the central window, then `count` random ones.

    A micrograph not larger than a window is taken whole each time, enlarged if necessary.
    """
    native = _native_micrograph(row, heights_folder, preprocessing)
    size, window = len(native.grey), preprocessing.pixels
    if size <= window:
        print(f"{row['sample']}: {size} pixels a side, not larger than a window ({window}): all windows are equal.")
        whole = rendering.to_uint8(rendering.resize_area(native.grey.astype(float), window, window))
        return [(whole, native.pixel_nm * size / window)] * (count + 1)
    middle = (size - window) // 2
    corners = [tuple(_random_start(size, filled, window, rng) for filled in native.filled) for _ in range(count)]
    corners.insert(0, (middle, middle))
    return [(native.grey[top : top + window, left : left + window], native.pixel_nm) for top, left in corners]


def _random_start(size: int, filled: int, window: int, rng: np.random.Generator) -> int:
    """Return the start of a random window along one axis that holds no more padding than necessary."""
    start = (size - filled) // 2
    first, last = sorted((start, start + filled - window))
    return int(rng.integers(max(first, 0), min(last, size - window) + 1))


def _native_micrograph(row: dict[str, Any], heights_folder: Path, preprocessing: Preprocessing) -> NativeMicrograph:
    """Render the micrograph of a sample with as many pixels as its scan has."""
    scan: HeightMap | image_files.ExportedImage
    size_nm: tuple[float | None, float | None] = (None, None)
    with naming_scan(row["scan"]):
        if row["channel"] == IMAGE_CHANNEL:
            width_nm = float(row["width_nm"]) if row["width_nm"] > 0 else None
            scan = image_files.read(row["scan"], ReadOptions(width_nm=width_nm))
        else:
            scan = read_gwy(heights_folder / f"{row['sample']}.gwy")
            size_nm = scan.width_nm, scan.tall_nm
        size, filled = _native_size(scan.lines, scan.pixels, *size_nm, preprocessing.aspect)
        grey, pixel_nm = render_scan(scan, replace(preprocessing, pixels=size))
    return NativeMicrograph(grey, pixel_nm, filled)


def _native_size(
    lines: int, pixels: int, width_nm: float | None, tall_nm: float | None, aspect: str
) -> tuple[int, tuple[int, int]]:
    """Return the side in pixels of a square micrograph at the resolution of a scan, and what the scan fills of it.

    Where pixels are not square, their longer side decides and the other is averaged.
    """
    width, tall = (width_nm, tall_nm) if width_nm and tall_nm and tall_nm > 0 else (pixels, lines)
    side = min(width, tall) if aspect == "crop" else max(width, tall)
    size = round(side / max(width / pixels, tall / lines))
    if aspect == "stretch":
        return size, (size, size)
    rows, cols = (min(size, max(1, round(size * extent / side))) for extent in (tall, width))
    return size, (rows, cols)


def _autoaugmented(
    row: dict[str, Any], count: int, heights_folder: Path, preprocessing: Preprocessing, rng: np.random.Generator
) -> Augmentations:
    """aug2: the micrograph itself, without a new file, then `count` AutoAugmented ones."""
    grey = rendering.read_png(row["micrograph"])
    changed = [(_autoaugment(grey, rng), row["pixel_nm"]) for _ in range(count)]
    return [(None, row["pixel_nm"]), *changed]


def _autoaugment(grey: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Apply torchvision's AutoAugment policy learned on ImageNet to a grey image, once.

    Cubuk et al., AutoAugment: Learning Augmentation Strategies from Data, CVPR 2019.
    """
    import torch
    from PIL import Image
    from torchvision.transforms import AutoAugment, AutoAugmentPolicy

    transform = AutoAugment(AutoAugmentPolicy.IMAGENET)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(int(rng.integers(SEEDS)))
        return np.array(transform(Image.fromarray(grey)))


# Policy: makes the augmentations of one sample (row, count, heights_folder, preprocessing, rng).
AUGMENTATIONS: dict[str, Callable[..., Augmentations]] = {"aug1": _windows, "aug2": _autoaugmented}
