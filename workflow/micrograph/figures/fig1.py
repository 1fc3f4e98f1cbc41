"""Figure 1: the flow of the study, from scan to prediction, with this run's numbers."""

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError
from micrograph.evaluation.labels import scheme_label
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, PAPER, SOFT
from micrograph.scans import formats, rendering
from micrograph.scans.height_map import HeightMap, ReadOptions, read_gwy
from micrograph.splits import film_scans, policies
from micrograph.target import Target


@dataclass(frozen=True)
class Images:
    """The images of the example sample.

    Parameters
    ----------
    sample : str
    raw, levelled : HeightMap or None
        None where the sample was read as a finished image.
    micrograph : ndarray of shape (pixels, pixels)
    pixel_nm : float
        nm per pixel of the micrograph; NaN where unknown.
    """

    sample: str
    raw: HeightMap | None
    levelled: HeightMap | None
    micrograph: np.ndarray
    pixel_nm: float


@dataclass(frozen=True)
class Run:
    """The numbers of one run.

    Parameters
    ----------
    counts, before, after : dict of int to int
        Class -> number of samples (films), and of training images (scans) before and after augmentation.
    batches : int
    grid : ndarray of str, shape (n_folds, n_batches)
        Split of each batch; "" where it is mixed.
    backbone : str
    blocks : list of (str, str, (int, int, int), int)
        Block, module, (channels, rows, columns), number of features.
    components : dict of (str, int) to (int, int)
        (block, explained variance) -> fewest and most components over folds.
    flow : dict
        As of `describe`.
    target : Target
    """

    counts: dict
    before: dict
    after: dict
    batches: int
    grid: np.ndarray
    backbone: str
    blocks: list
    components: dict
    flow: Mapping[str, Any]
    target: Target


def choose_example(samples: pd.DataFrame) -> pd.Series:
    """Choose the first of the finest square scans, of the largest class.

    Parameters
    ----------
    samples : DataFrame
        Table of accepted samples.

    Returns
    -------
    Series
        Its row; without a square scan the first of the finest.
    """
    largest_class = samples["y_true"].mode().iloc[0]
    order = pd.DataFrame(
        {
            "oblong": samples["lines"] != samples["pixels"],
            "coarse": -samples["lines"] * samples["pixels"],
            "rare": samples["y_true"] != largest_class,
            "sample": samples["sample"],
        }
    )
    return samples.loc[order.sort_values(list(order.columns)).index[0]]


def read_images(row: pd.Series, height_folders: Iterable[str], options: ReadOptions) -> Images:
    """Read the images of a sample.

    Parameters
    ----------
    row : Series
        Row of the table of accepted samples.
    height_folders : iterable of str
        Folders of height maps, one per shard, named like the folder of the micrograph.
    options : ReadOptions

    Returns
    -------
    Images
    """
    micrograph = Path(row["micrograph"])
    z_unit = row.get("z_unit") or None
    found = formats.read_scan(row["scan"], options._replace(z_unit=z_unit if isinstance(z_unit, str) else None))
    folders = {Path(folder).name: Path(folder) for folder in height_folders}
    raw = levelled = None
    if isinstance(found, HeightMap):
        raw = found
        levelled = read_gwy(folders[micrograph.parent.name] / f"{row['sample']}.gwy")
    return Images(row["sample"], raw, levelled, rendering.read_png(micrograph), row["pixel_nm"])


def read_some(path: str | Path, beginnings: tuple[str, ...]) -> dict[str, NDArray]:
    """Read some arrays of an NPZ file, which may be large.

    Parameters
    ----------
    path : str or Path
    beginnings : tuple of str
        Of the names of the arrays.

    Returns
    -------
    dict
    """
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files if name.startswith(beginnings)}


def describe(
    samples: pd.DataFrame,
    splits: pd.DataFrame,
    features: Iterable[str | Path],
    components: Iterable[str | Path],
    target: Target,
    flow: Mapping[str, Any],
) -> Run:
    """Collect the numbers of a run.

    Parameters
    ----------
    samples, splits : DataFrame
    features : iterable of path
        Files in folders named by block.
    components : iterable of path
        Files named ``{block}_cev{variance}.npz``.
    target : Target
    flow : mapping
        ``protocol``, ``pretraining``, ``policy``, ``scheme`` (names), ``models`` (list of names), and ``networks``:
        ``pixels``, ``epochs`` (numbers), ``policies``, ``pretraining``, ``schemes``, ``models`` (lists of names).

    Returns
    -------
    Run
    """
    first = splits[(splits["fold"] == splits["fold"].min()) & (splits["split"] == "train")]
    scans = first["y_true"].to_numpy()
    labels = np.repeat(scans, first["repeats"]) if "repeats" in first else scans
    drawn = policies.train_index(flow["policy"], labels, np.zeros(len(labels), int), np.random.default_rng(0))
    heads = {Path(path).parent.name: read_some(path, ("backbone", "module", "shape")) for path in features}
    shapes = {block: tuple(int(size) for size in arrays["shape"]) for block, arrays in heads.items()}
    kept = {}
    for path in components:
        block, variance = Path(path).stem.split("_cev")
        numbers = [len(values) for values in read_some(path, ("explained_",)).values()]
        if not numbers:
            raise UserError("Figure 1: a components file holds no fold; make it again (results/pca).")
        kept[block, int(variance)] = min(numbers), max(numbers)
    return Run(
        counts=_counts(film_scans.films(samples)["y_true"], target),
        before=_counts(scans, target),
        after=_counts(labels[drawn], target),
        batches=samples["batch"].nunique(),
        grid=_grid(splits),
        backbone=str(next(iter(heads.values()))["backbone"]),
        blocks=[(name, str(heads[name]["module"]), shape, int(np.prod(shape))) for name, shape in shapes.items()],
        components=kept,
        flow=flow,
        target=target,
    )


def _counts(y_true: ArrayLike, target: Target) -> dict[float, int]:
    return {name: int((np.asarray(y_true) == name).sum()) for name in target.classes}


def _grid(splits: pd.DataFrame) -> NDArray:
    """Return the split of each growth day by fold; days are ordered by the fold that tests them."""
    parts = splits.groupby(["fold", "batch"])["split"].agg(lambda part: part.iloc[0] if part.nunique() == 1 else "")
    grid = parts.unstack(fill_value="")
    first = grid.to_numpy() == "test"
    order = np.lexsort((grid.columns, np.where(first.any(axis=0), first.argmax(axis=0), len(grid))))
    return grid.to_numpy()[:, order]


TALL_MM = 169
ROUND = "round,pad=0,rounding_size=1.2"  # the corners of boxes
HEIGHTS = LinearSegmentedColormap.from_list("heights", ["#1d0f08", "#6b3a14", "#c98a2b", "#f3d58a", "#fffdf4"])
PARTS = {"train": "#d3dbe5", "validation": "#6f9bd1", "test": "#15396b"}  # part -> its shade in the folds' grid
TESTED = {"strict": "each sample tested once.", "published": "one test set for all folds."}
TESTED["as_run"] = TESTED["published"]
FRONT, TOP, SIDE = "#9db8d9", "#cfdded", "#6a8bb3"  # the faces of a block of features


@style.context()
def draw(
    samples: pd.DataFrame,
    splits: pd.DataFrame,
    features: Iterable[str],
    components: Iterable[str],
    heights: Iterable[str],
    target: Target,
    flow: Mapping[str, Any],
    reading: Mapping[str, Any],
) -> Figure:
    """Draw figure 1 from the files of a run.

    Parameters
    ----------
    samples, splits : DataFrame
    features, components, heights : iterable of str
        Paths.
    target : Target
    flow : mapping
        As of `describe`.
    reading : mapping
        ``channels`` and ``direction`` of the scan, as of `ReadOptions`.

    Returns
    -------
    Figure
    """
    images = read_images(choose_example(samples), heights, ReadOptions(**reading))
    return draw_run(describe(samples, splits, features, components, target, flow), images)


@style.context()
def draw_run(run: Run, images: Images) -> Figure:
    """Draw figure 1.

    Parameters
    ----------
    run : Run
    images : Images
        Of the example sample.

    Returns
    -------
    Figure
    """
    figure = style.canvas(DOUBLE_MM, TALL_MM)
    paper = style.axes_mm(figure, 0, 0, DOUBLE_MM, TALL_MM, zorder=-1)
    paper.set(xlim=(0, DOUBLE_MM), ylim=(TALL_MM, 0))
    paper.set_axis_off()
    marks = style.class_marks(run.target.classes, run.target.ordered)
    _draw_scan(figure, paper, images)
    _draw_samples(figure, run, marks)
    _draw_folds(figure, paper, run)
    _draw_network(figure, paper, run, images)
    _draw_components(figure, run)
    _draw_policy(figure, run, marks)
    _draw_models(figure, paper, run)
    _draw_fine_tuning(figure, paper, run)
    return figure


def _write_heading(figure: Figure, left: float, top: float, name: str, text: str) -> None:
    style.text_mm(figure, left, top, name, fontsize=8.5, weight="bold", va="baseline")
    style.text_mm(figure, left + 4, top, text, weight="bold", va="baseline")


def _arrow(paper: Axes, start: tuple[float, float], end: tuple[float, float], text: str = "") -> None:
    """Draw an arrow between two points (mm), its text above it."""
    look = {"arrowstyle": "-|>,head_length=3.2,head_width=1.6", "mutation_scale": 1, "color": SOFT, "lw": 0.9}
    paper.annotate("", end, start, arrowprops=look | {"shrinkA": 0, "shrinkB": 0})
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - 1.2
    paper.text(*middle, text, ha="center", va="bottom", fontsize=6, color=SOFT, linespacing=1.15)


def _draw_scan(figure: Figure, paper: Axes, images: Images) -> None:
    """Panels a to c: the raw scan, its levelled height map, its micrograph."""
    top, side = 13, 34
    for left, name, text, height in ((4, "a", "Raw scan", images.raw), (53, "b", "Height map", images.levelled)):
        _write_heading(figure, left, top - 2, name, text)
        axes = style.axes_mm(figure, left, top, side, side)
        if height is None:
            axes.text(0.5, 0.5, "none: read as\na finished image", ha="center", va="center", color=SOFT)
            axes.set(xticks=[], yticks=[])
            continue
        text = f"{height.pixels} × {height.lines} pixels, range {_draw_heights(axes, height):.3g} nm"
        _draw_colour_bar(figure, left, top + side + 1.2, side)
        style.text_mm(figure, left + side / 2, top + side + 3.4, text, ha="center", fontsize=6)
    _write_heading(figure, 102, top - 2, "c", "Micrograph")
    axes = style.axes_mm(figure, 102, top, side, side)
    style.show_image(axes, images.micrograph)
    style.scale_bar(axes, images.pixel_nm, fontsize=6.5)
    text = "{1} × {0} pixels, 8-bit grey".format(*images.micrograph.shape)
    style.text_mm(figure, 102 + side / 2, top + side + 3.4, text, ha="center", fontsize=6)
    middle = top + side / 2
    _arrow(paper, (39.5, middle), (51.5, middle), "level")
    _arrow(paper, (88.5, middle), (100.5, middle), "clip,\nresize")
    _arrow(paper, (137.5, middle), (146, middle))
    style.text_mm(figure, 4, 3.4, f"Sample {images.sample}", fontsize=6, color=SOFT)


def _draw_heights(axes: Axes, height: HeightMap) -> float:
    """Show a HeightMap between its 0.5 and 99.5 percentiles, true to scale; returns that range in nm."""
    low, high = np.nanpercentile(height.height_nm, [0.5, 99.5])
    across = height.width_nm / height.pixels
    axes.imshow(
        height.height_nm,
        HEIGHTS,
        vmin=low,
        vmax=high,
        aspect=height.tall_nm / height.lines / across if across > 0 else 1,
    )
    style.set_frame(axes)
    style.scale_bar(axes, across, fontsize=6.5)
    return high - low


def _draw_colour_bar(figure: Figure, left: float, top: float, wide: float) -> None:
    axes = style.axes_mm(figure, left, top, wide, 1.3)
    axes.imshow(np.linspace(0, 1, 256)[None], cmap=HEIGHTS, aspect="auto")
    axes.set_axis_off()


def _draw_samples(figure: Figure, run: Run, marks: Mapping) -> None:
    """Panel d: counts by class."""
    left, wide, total = 152, 28, sum(run.counts.values())
    _write_heading(figure, left, 11, "d", f"{total} samples")
    bar = style.axes_mm(figure, left, 13, wide, 3.6)
    before = 0
    for name, count in run.counts.items():
        bar.barh(0, count, left=before, height=1, color=marks[name][0])
        bar.text(before + count / 2, 0.62, style.shorten(run.target.label(name), 10), ha="center", va="top", fontsize=6)
        ink = PAPER if np.mean(marks[name][0]) < 0.5 else INK
        bar.text(before + count / 2, 0.02, f"{count}", ha="center", va="center", fontsize=6, color=ink)
        before += count
    bar.set(xlim=(0, max(total, 1)), ylim=(0.5, -0.5))
    bar.set_axis_off()


def _draw_folds(figure: Figure, paper: Axes, run: Run) -> None:
    """Panel d, below: the split of each batch in each fold."""
    (folds, batches), left, top = run.grid.shape, 152, 24.5
    shades = np.array([[to_rgb(PARTS.get(part, FAINT)) for part in row] for row in run.grid])
    axes = style.axes_mm(figure, left, top, 28, 18)
    style.show_matrix(axes, shades)
    axes.hlines(np.arange(1, folds) - 0.5, -0.5, batches - 0.5, color=PAPER, lw=0.6)
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f"{run.batches} batches", labelpad=1.5)
    axes.set_ylabel(f"{folds} folds", labelpad=1.5)
    axes.set_title(f"{run.flow['protocol']} protocol", fontsize=6.5, pad=2)
    axes.spines[:].set_visible(False)
    for shift, (part, shade) in zip((-4, 8.8, 23.2), PARTS.items(), strict=True):
        paper.add_patch(Rectangle((left + shift, top + 22.4), 1.8, 1.8, facecolor=shade))
        paper.text(left + shift + 2.4, top + 23.4, style.SPLITS[part][0], fontsize=6, va="center_baseline")


def _draw_network(figure: Figure, paper: Axes, run: Run, images: Images) -> None:
    """Panel e: the backbone's blocks, each as high as its map is wide, with module, shape and number of features."""
    base, left, step = 83, 30, 150 / len(run.blocks)
    _write_heading(figure, 22, 61, "e", f"Features of {run.backbone}, {run.flow['pretraining']} weights, one pass")
    axes = style.axes_mm(figure, 4, 69, 13, 13)
    style.show_image(axes, images.micrograph)
    paper.plot([119, 119, 10.5, 10.5], [53.5, 56, 56, 64], color=SOFT, lw=0.9, solid_joinstyle="round")
    _arrow(paper, (10.5, 63), (10.5, 68))
    rows_most = max(shape[1] for _, _, shape, _ in run.blocks)
    before = 17.5
    for place, (block, module, shape, width) in enumerate(run.blocks):
        channels, rows, columns = shape
        spot = left + place * step
        high, thick = 1.2 + 14 * rows / rows_most, 1.5 + 0.42 * np.sqrt(channels)
        _arrow(paper, (before, 75.5), (spot - 1, 75.5))
        edge = _draw_slab(paper, spot, 75.5 + high / 2, thick, high)
        before = edge + 1
        paper.text(spot, base + 3, block, weight="bold", va="baseline")
        lines = f"{module}\n{channels} × {rows} × {columns}\n{_thousands(width)} features"
        paper.text(spot, base + 5, lines, va="top", fontsize=6, linespacing=1.35)
    paper.plot([30, 178], [97.5, 97.5], color=SOFT, lw=0.9)
    _arrow(paper, (40, 97.5), (40, 101.5))


def _draw_slab(paper: Axes, left: float, bottom: float, thick: float, high: float) -> float:
    """Draw a block of feature maps as a box in perspective; return its right edge."""
    depth = 0.34 * high
    front = [(left, bottom), (left + thick, bottom), (left + thick, bottom - high), (left, bottom - high)]
    over = [front[3], front[2], (front[2][0] + depth, front[2][1] - depth), (front[3][0] + depth, front[3][1] - depth)]
    flank = [front[1], front[2], over[2], (front[1][0] + depth, front[1][1] - depth)]
    for corners, shade in ((front, FRONT), (over, TOP), (flank, SIDE)):
        paper.add_patch(Polygon(corners, closed=True, facecolor=shade, edgecolor=PAPER, lw=0.5, joinstyle="round"))
    return left + thick + depth


def _count(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", "\u2009")


def _draw_components(figure: Figure, run: Run) -> None:
    """Panel f: how few components keep the variance, on a logarithmic axis."""
    _write_heading(figure, 4, 105, "f", "Components by explained variance")
    axes = style.axes_mm(figure, 17, 112, 47, 18.5)
    kinds = sorted({cev for _, cev in run.components})
    tones = dict(zip(kinds, ("#15396b", "#6f9bd1", "#b3c7e2"), strict=False))
    for row, (block, _, _, width) in enumerate(run.blocks):
        kept = {cev: run.components[block, cev] for cev in kinds if (block, cev) in run.components}
        fewest = min([low for low, _ in kept.values()], default=width)
        axes.plot([fewest, width], [row, row], color=FAINT, lw=1.2, zorder=1)
        axes.plot(width, row, "o", ms=4, mfc=PAPER, mec=SOFT, mew=0.8)
        for cev, (low, high) in kept.items():
            axes.plot([low, high], [row, row], color=tones.get(cev, SOFT), lw=4, solid_capstyle="round", zorder=3)
            number = f"{low}" if low == high else f"{low}–{high}"
            shift, side = ((-4.5, -2.3), "right") if cev == kinds[0] else ((-3, 3.2), "left")
            axes.annotate(number, (low, row), shift, textcoords="offset points", ha=side, fontsize=6)
    for cev in kinds:
        axes.plot([], [], color=tones.get(cev, SOFT), lw=4, solid_capstyle="round", label=f"{cev} %")
    axes.plot([], [], "o", ms=4, mfc=PAPER, mec=SOFT, label="all features")
    axes.set_xscale("log")
    axes.set_xticks([1, 10, 100, 1000, 10000], ["1", "10", "100", "1000", "10\u2009000"])
    axes.minorticks_off()
    least = min([low for low, _ in run.components.values()], default=20)
    axes.set(xlim=(min(2.5, least / 8), 2.5e5), ylim=(len(run.blocks) - 0.5, -0.8), xlabel="Features per sample")
    axes.set_yticks(range(len(run.blocks)), [block for block, *_ in run.blocks])
    spacing = {"columnspacing": 1.1, "handletextpad": 0.6, "handlelength": 1.0, "borderaxespad": 0}
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.98), ncols=3, **spacing)


def _draw_policy(figure: Figure, run: Run, marks: Mapping) -> None:
    """Panel g: training rows of a class before and after the policy, in the first fold."""
    _write_heading(figure, 74, 105, "g", f"Policy {run.flow['policy']}, first fold")
    axes = style.axes_mm(figure, 83, 110, 29, 20.5)
    for place, name in enumerate(run.counts):
        axes.bar(place, run.after[name], width=0.66, color=PAPER, edgecolor=marks[name][0], lw=0.8, hatch="//////")
        axes.bar(place, run.before[name], width=0.66, color=marks[name][0])
        axes.text(place, run.after[name], f"{run.before[name]}→{run.after[name]}", ha="center", va="bottom", fontsize=6)
    style.label_classes(axes, run.target)
    axes.set(ylabel="Training images", ylim=(0, 1.15 * max(*run.after.values(), 1)))


def _draw_models(figure: Figure, paper: Axes, run: Run) -> None:
    """Panels h and i: the models, and what they leave behind."""
    _write_heading(figure, 121, 105, "h", "Models")
    _arrow(paper, (67, 119.5), (73.5, 119.5))
    _arrow(paper, (114, 119.5), (121, 119.5))
    folds, models, protocol = len(run.grid), run.flow["models"], run.flow["protocol"]
    fits = len(run.components) * len(models) * folds
    tall = min(7.0, 25 / max(len(models), 1) - 1.2)
    for place, model in enumerate(models):
        top = 108 + place * (tall + 1.3)
        paper.add_patch(FancyBboxPatch((123, top), 15, tall, boxstyle=ROUND, fc=TOP, ec=SIDE, lw=0.6))
        paper.text(130.5, top + tall / 2, model, ha="center", va="center_baseline", weight="bold")
    _arrow(paper, (139.5, 119.5), (146.5, 119.5))
    _write_heading(figure, 148, 105, "i", "Predictions")
    text = (
        f"{_count(models, 'model')} × {_count(run.components, 'set')} of\ncomponents × {folds} folds\n"
        f"= {fits} fits, {run.flow['scheme']}\n\nSelected on\nvalidation samples;\n{TESTED[protocol]}"
    )
    paper.text(150, 108, text, va="top", fontsize=6.5, linespacing=1.35)
    paper.add_patch(Rectangle((148, 108), 0.5, 22.5, facecolor=SIDE, lw=0))


def _draw_fine_tuning(figure: Figure, paper: Axes, run: Run) -> None:
    """Panel j: the other way from the micrograph, through networks that are trained on the films themselves."""
    _write_heading(figure, 4, 145, "j", "Fine-tuned networks, one per fold")
    networks, folds = run.flow["networks"], len(run.grid)
    seen = "{pixels} × {pixels} pixels, rotated and mirrored\nup to {epochs} epochs under policies".format(**networks)
    _draw_box(paper, (6, 148.5), (45, 17), "Micrographs", f"{seen}\n{_listed(networks['policies'])}")
    _arrow(paper, (52, 157), (58, 157))
    trained = f"all weights trained, from\n{_listed(networks['pretraining'])}\n{folds} folds"
    _draw_box(paper, (59, 148.5), (42, 17), run.backbone, trained)
    _arrow(paper, (102, 157), (108, 152.3))
    _arrow(paper, (102, 157), (108, 161.7))
    fed = [model for model in networks["models"] if model != "CNN"]
    _draw_box(paper, (109, 148.5), (70, 7.8), "Head of 100 values", f"tuned features → {_listed(fed)}")
    _draw_box(paper, (109, 157.7), (70, 7.8), "CNN", f"a head each: {_listed(networks['schemes'])}")


def _draw_box(paper: Axes, corner: tuple, size: tuple, title: str, lines: str) -> None:
    """Draw a box with a title and lines of text below it."""
    paper.add_patch(FancyBboxPatch(corner, size[0], size[1], boxstyle=ROUND, fc=PAPER, ec=SIDE, lw=0.6))
    paper.text(corner[0] + 2, corner[1] + 3.2, title, weight="bold", va="baseline")
    paper.text(corner[0] + 2, corner[1] + 4.4, lines, va="top", fontsize=6, linespacing=1.3)


def _listed(names: Sequence[str]) -> str:
    """Names in a row, those of schemes as they are written."""
    return ", ".join(scheme_label(str(name)) for name in names)
