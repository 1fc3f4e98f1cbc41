"""What figure 1 tells of a run: its numbers, gathered from what is on disk, and its example sample.

flow_figure.py draws it.
"""

from dataclasses import dataclass

import numpy as np

from micrograph import policies
from micrograph.faults import Fault


@dataclass(frozen=True)
class Pictures:
    """The example sample: raw_nm (lines, pixels) before levelling or None, height_nm levelled, micrograph uint8.

    raw_pixel_nm, pixel_nm: nm a pixel across of the height maps and of the micrograph; None where unknown.
    """

    sample: str
    raw_nm: np.ndarray | None
    height_nm: np.ndarray | None
    micrograph: np.ndarray
    raw_pixel_nm: float | None = None
    pixel_nm: float | None = None


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


def describe(samples, splits, features, components, classes, words):
    """The Run that the files on disk tell of.

    samples, splits: tables; features: {block: arrays of its NPZ}; components: {(block, cev): arrays of its NPZ};
    classes: temperatures (C); words: {"protocol", "pretraining", "policy", "scheme": name, "models": names}.
    """
    first = splits[(splits["fold"] == splits["fold"].min()) & (splits["part"] == "train")]
    labels = first["growth_celsius"].to_numpy()
    drawn = labels[policies.training_rows(words["policy"], labels, np.random.default_rng(0))]
    blocks = [
        (block, str(arrays["module"]), tuple(int(size) for size in arrays["shape"]), int(arrays["values"].shape[1]))
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
