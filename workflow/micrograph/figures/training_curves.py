"""Training curves of the networks: training and validation loss by epoch, fold by fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import summaries
from micrograph.evaluation.labels import SCHEMES
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, PAPER, SOFT
from micrograph.splits.fit_spec import NetworkSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOSSES = {"train": "train_loss", "validation": "validation_loss"}
HEADS = SCHEMES | {"tuned": "tuned features"}
COLUMNS, TALL_MM = 5, 36.0
SHOWN = 0.98  # share of a head's losses that its axis holds


@dataclass(frozen=True)
class Curves:
    """The training curves of one network.

    Parameters
    ----------
    spec : NetworkSpec
    rows : DataFrame
        All folds: fold, point, epoch, losses, kept.
    """

    spec: NetworkSpec
    rows: pd.DataFrame


def read(paths: Iterable[str]) -> list[Curves]:
    """Read training curves and join the chunks of each network.

    Parameters
    ----------
    paths : iterable of str
        Files as of ``NetworkSpec.curves_path``.

    Returns
    -------
    list of Curves
    """
    found: dict[NetworkSpec, list[pd.DataFrame]] = {}
    for path in paths:
        found.setdefault(NetworkSpec.from_path(path), []).append(io.read_table(path))
    return [Curves(spec, pd.concat(tables)) for spec, tables in found.items()]


def selected_points(rows: pd.DataFrame) -> pd.DataFrame:
    """Select the grid point with the best validation accuracy in each fold.

    Parameters
    ----------
    rows : DataFrame
        Training curves of one network.

    Returns
    -------
    DataFrame
        Among equals, or without an accuracy, the point of the lowest validation loss, then the first.
    """
    kept = rows[rows["kept"] == 1]
    order = {"fold": True, "validation_accuracy": False, "validation_loss": True, "point": True}
    kept = kept.sort_values(list(order), ascending=list(order.values()), kind="stable")
    best = kept.drop_duplicates("fold").set_index("fold")["point"]
    return rows[rows["point"] == rows["fold"].map(best)]


def draw_files(curves: Iterable[str], data: str) -> Figure:
    """Draw the training curves in files; see `draw`.

    Parameters
    ----------
    curves : iterable of str
        Paths.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    Figure
    """
    return draw(read(curves), data)


@style.context()
def draw(curves: Sequence[Curves], data: str) -> Figure:
    """Draw training and validation loss by epoch, a panel per network.

    Parameters
    ----------
    curves : sequence of Curves
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If there is no network.

    Notes
    -----
    Thin lines are folds, strong lines means over the folds while all of them train. Panels of one head share axes,
    which hold 98 % of its losses.
    """
    if not curves:
        raise UserError("Training curves: no network was fine-tuned; ask for tuned features or the CNN in experiments.")
    curves = sorted(curves, key=lambda each: summaries.PROTOCOLS.index(each.spec.protocol))
    curves = [Curves(each.spec, selected_points(each.rows)) for each in curves]
    columns = min(COLUMNS, len(curves))
    width = max(style.SINGLE_MM, DOUBLE_MM / COLUMNS * columns)
    top, room = (12.0 if width > 120 else 16.0), width / columns
    figure = style.canvas(width, top + TALL_MM * ceil(len(curves) / columns), data)
    limits = {head: _limits([each.rows for each in curves if each.spec.head == head]) for head in _heads(curves)}
    for place, each in enumerate(curves):
        down, across = divmod(place, columns)
        spot = across * room + 8.5, top + down * TALL_MM + 7
        axes = style.axes_mm(figure, *spot, room - 10.5, 21)
        _panel(axes, each.rows, limits[each.spec.head])
        _named(figure, spot, each.spec)
        axes.set_xlabel("Epoch" if place + columns >= len(curves) else "", labelpad=1)
    style.text_mm(figure, 3, 2.2, "Training curves: loss by epoch", weight="bold")
    _legend(figure, width)
    return figure


def _heads(curves):
    return dict.fromkeys(each.spec.head for each in curves)


def _limits(tables):
    """(last epoch, highest loss) that the panels of one head show."""
    rows = pd.concat(tables)
    losses = rows[list(LOSSES.values())].to_numpy(float)
    return int(rows["epoch"].max()), 1.08 * float(np.nanquantile(losses, SHOWN))


def _panel(axes, rows, limits):
    for part, name in LOSSES.items():
        colour = style.SPLITS[part][1]
        folds = rows.pivot(index="epoch", columns="fold", values=name)
        axes.plot(folds.index, folds.to_numpy(), color=colour, lw=0.5, alpha=0.45)
        whole = folds.dropna()
        axes.plot(whole.index, whole.mean(axis=1), color=colour, lw=1.5)
    kept = rows[rows["kept"] == 1]
    ring = {"marker": "o", "s": 9, "facecolor": PAPER, "edgecolor": INK, "lw": 0.7, "zorder": 3}
    axes.scatter(kept["epoch"], kept["validation_loss"], **ring)
    axes.set(xlim=(-0.03 * limits[0] - 0.2, 1.04 * limits[0] + 0.2), ylim=(0, limits[1]))
    axes.locator_params(axis="y", nbins=4)
    axes.locator_params(axis="x", nbins=4, integer=True)
    axes.grid(axis="y", color=FAINT, lw=0.4)
    axes.tick_params(pad=1.5)


def _named(figure, spot, spec):
    """Two lines above a panel: the head, and what the network was made with."""
    left, top = spot[0] - 5.5, spot[1]
    style.text_mm(figure, left, top - 3.6, HEADS.get(spec.head, spec.head), weight="bold", va="bottom")
    line = f"{spec.protocol}, {spec.pretraining}, {spec.policy}"
    style.text_mm(figure, left, top - 0.8, line, fontsize=6, color=SOFT, va="bottom")


def _legend(figure, width):
    axes = style.hidden_axes(figure)
    for part in LOSSES:
        axes.plot([], [], color=style.SPLITS[part][1], lw=1.5, label=style.SPLITS[part][0])
    axes.plot([], [], color=SOFT, lw=0.5, alpha=0.7, label="one fold")
    axes.plot([], [], "o", ms=3.2, mfc=PAPER, mec=INK, mew=0.7, label="selected epoch")
    style.legend_mm(figure, axes, 3, 6.8, 4 if width > 120 else 2, columnspacing=1.2)
