"""What figure 1 tells of a run: its numbers, gathered from what is on disk, and its example sample.

flow_figure.py draws it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from micrograph.faults import Fault
from micrograph.models import policies
from micrograph.scans import formats, images, nanoscope
from micrograph.scans.heightmap import HeightMap, read_gwy


@dataclass(frozen=True)
class Pictures:
    """The example sample: its raw and levelled HeightMap (None where it came as a finished picture), its micrograph.

    micrograph: (pixels, pixels) uint8; pixel_nm: nm a micrograph's pixel, NaN where unknown.
    """

    sample: str
    raw: HeightMap | None
    levelled: HeightMap | None
    micrograph: np.ndarray
    pixel_nm: float


@dataclass(frozen=True)
class Run:
    """The numbers of one run: counts and rows are {class: n}; grid is (folds, batches) of part names, "" where mixed.

    blocks: [(block, module, (channels, rows, cols), width)]; components: {(block, cev): (fewest, most) over folds}.
    """

    counts: dict
    batches: int
    protocol: str
    grid: np.ndarray
    backbone: str
    pretraining: str
    blocks: list
    components: dict
    policy: str
    before: dict
    after: dict
    scheme: str
    models: list
    networks: dict


def example(samples):
    """The row of the sample that the figure shows: of the finest whole square scans of the commonest class, the first.

    samples: the table of accepted samples. Where no scan is square, the first of the finest.
    """
    commonest = samples["growth_celsius"].mode().iloc[0]
    order = pd.DataFrame(
        {
            "oblong": samples["lines"] != samples["pixels"],
            "coarse": -samples["lines"] * samples["pixels"],
            "rare": samples["growth_celsius"] != commonest,
            "sample": samples["sample"],
        }
    )
    return samples.loc[order.sort_values(list(order.columns)).index[0]]


def pictures(row, height_folders, channels=nanoscope.CHANNELS, direction="any"):
    """The Pictures of one row of the accepted samples.

    height_folders: of all shards; the shard's name is that of the folder in which the micrograph lies.
    """
    micrograph = Path(row["micrograph"])
    found = formats.read(row["scan"], channels, direction)
    folders = {Path(folder).name: Path(folder) for folder in height_folders}
    levelled = None
    if isinstance(found, HeightMap):
        levelled = read_gwy(folders[micrograph.parent.name] / f"{row['sample']}.gwy")
    raw = found if levelled else None
    return Pictures(row["sample"], raw, levelled, images.read_png(micrograph), row["pixel_nm"])


def feature_heads(paths):
    """{block: its backbone, module and shape} of features files in folders named by block; the values stay on disk."""
    return {Path(path).parent.name: _some(path, ("backbone", "module", "shape")) for path in paths}


def component_heads(paths):
    """{(block, cev): explained_0, explained_1, ...} of components files named {block}_cev{cev}.npz."""
    heads = {tuple(Path(path).stem.split("_cev")): _some(path, ("explained_",)) for path in paths}
    return {(block, int(cev)): arrays for (block, cev), arrays in heads.items()}


def _some(path, beginnings):
    """The arrays of an NPZ whose names begin so."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files if name.startswith(beginnings)}


def describe(samples, splits, features, components, classes, words):
    """The Run that the files on disk tell of.

    samples, splits: tables; features: {block: arrays} from feature_heads; components: {(block, cev): arrays} from
    component_heads; classes: temperatures (C); words: {"protocol", "pretraining", "policy", "scheme": name, "models":
    names, "networks": what networks are trained, {"pixels", "epochs": numbers, "policies", "pretraining", "schemes",
    "models": names}}.
    """
    first = splits[(splits["fold"] == splits["fold"].min()) & (splits["part"] == "train")]
    labels = first["growth_celsius"].to_numpy()
    own = np.zeros(len(labels), dtype=int)
    drawn = labels[policies.training_rows(words["policy"], labels, own, np.random.default_rng(0))]
    blocks = [
        (block, str(arrays["module"]), tuple(int(size) for size in arrays["shape"]), int(np.prod(arrays["shape"])))
        for block, arrays in features.items()
    ]
    return Run(
        counts=_counts(samples["growth_celsius"], classes),
        batches=samples["batch"].nunique(),
        grid=_grid(splits),
        backbone=str(next(iter(features.values()))["backbone"]),
        blocks=blocks,
        components={name: _kept(arrays) for name, arrays in components.items()},
        before=_counts(labels, classes),
        after=_counts(drawn, classes),
        **words,
    )


def _counts(celsius, classes):
    return {name: int((np.asarray(celsius) == name).sum()) for name in classes}


def _kept(arrays):
    """Fewest and most components over the folds of one fit."""
    kept = [len(values) for name, values in arrays.items() if name.startswith("explained_")]
    if not kept:
        raise Fault("Figure 1: a components file holds no fold; make it again (results/components).")
    return min(kept), max(kept)


def _grid(splits):
    """(folds, batches): the part in which each growth day's samples are; days ordered by the fold that tests them."""
    parts = splits.groupby(["fold", "batch"])["part"].agg(lambda part: part.iloc[0] if part.nunique() == 1 else "")
    grid = parts.unstack(fill_value="")
    first = grid.to_numpy() == "test"
    order = np.lexsort((grid.columns, np.where(first.any(axis=0), first.argmax(axis=0), len(grid))))
    return grid.to_numpy()[:, order]
