"""Training curves of the networks: training and validation loss by epoch, fold by fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import summaries
from micrograph.evaluation.labels import SCHEMES
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, INK, PAPER, SOFT
from micrograph.splits.fit_spec import NetworkSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSSES = {"train": "train_loss", "validation": "validation_loss"}
HEADS = SCHEMES | {"tuned": "tuned features"}
COLUMNS, TALL_MM = 5, 36.0
SHOWN = 0.98  # share of a head's losses that its axis holds
RING: dict[str, Any] = {"mfc": PAPER, "mec": INK, "mew": 0.7, "ms": 3.2, "marker": "o", "ls": ""}


def read(paths: Iterable[str]) -> dict[NetworkSpec, pd.DataFrame]:
    """Read training curves and join the chunks of each network.

    Parameters
    ----------
    paths : iterable of str
        Files as of ``NetworkSpec.curves_path``.

    Returns
    -------
    dict of NetworkSpec to DataFrame
        All folds: fold, point, epoch, losses, kept.
    """
    tables: dict[NetworkSpec, list[pd.DataFrame]] = {}
    for path in paths:
        tables.setdefault(NetworkSpec.from_path(path), []).append(io.read_table(path))
    return {spec: pd.concat(here) for spec, here in tables.items()}


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


@style.context()
def draw(curves: Iterable[str]) -> Figure:
    """Draw training and validation loss by epoch, a panel per network.

    Parameters
    ----------
    curves : iterable of str
        Paths, as of `read`.

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
    networks = {spec: selected_points(rows) for spec, rows in read(curves).items()}
    if not networks:
        raise UserError("Training curves: no network was fine-tuned; list tuned features or the CNN in experiments.")
    columns = min(COLUMNS, len(networks))
    width = max(style.SINGLE_MM, DOUBLE_MM / COLUMNS * columns)
    top, room = (12.0 if width > 120 else 16.0), width / columns
    figure = style.canvas(
        width, top + TALL_MM * ceil(len(networks) / columns), "Training curves: loss by epoch", left=3
    )
    order = sorted(networks, key=lambda spec: summaries.PROTOCOLS.index(spec.protocol))
    for place, spec in enumerate(order):
        down, across = divmod(place, columns)
        left, above = across * room + 3, top + down * TALL_MM
        axes = style.axes_mm(figure, left + 5.5, above + 7, room - 10.5, 21)
        limits = _limits([rows for other, rows in networks.items() if other.head == spec.head])
        _draw_panel(axes, networks[spec], *limits)
        style.text_mm(figure, left, above + 3.4, HEADS.get(spec.head, spec.head), weight="bold", va="bottom")
        text = f"{spec.protocol}, {spec.pretraining}, {spec.policy}"
        style.text_mm(figure, left, above + 6.2, text, fontsize=6, color=SOFT, va="bottom")
        axes.set_xlabel("Epoch" if place + columns >= len(networks) else "", labelpad=1)
    looks = {style.SPLITS[split][0]: {"color": style.SPLITS[split][1], "lw": 1.5} for split in LOSSES}
    looks |= {"one fold": {"color": SOFT, "lw": 0.5, "alpha": 0.7}, "selected epoch": RING}
    style.legend_mm(figure, 3, 6.8, 4 if width > 120 else 2, looks, columnspacing=1.2)
    return figure


def _limits(tables: Sequence[pd.DataFrame]) -> tuple[int, float]:
    """Return the last epoch and the highest loss that the panels of one head show."""
    rows = pd.concat(tables)
    losses = rows[list(LOSSES.values())].to_numpy(float)
    return int(rows["epoch"].max()), 1.08 * float(np.nanquantile(losses, SHOWN))


def _draw_panel(axes: Axes, rows: pd.DataFrame, last: int, highest: float) -> None:
    for split, name in LOSSES.items():
        colour = style.SPLITS[split][1]
        folds = rows.pivot(index="epoch", columns="fold", values=name)
        axes.plot(folds.index, folds.to_numpy(), color=colour, lw=0.5, alpha=0.45)
        mean = folds.dropna().mean(axis=1)
        axes.plot(mean.index, mean, color=colour, lw=1.5)
    kept = rows[rows["kept"] == 1]
    axes.plot(kept["epoch"], kept["validation_loss"], **RING, zorder=3)
    axes.set(xlim=(-0.03 * last - 0.2, 1.04 * last + 0.2), ylim=(0, highest))
    axes.locator_params(axis="y", nbins=4)
    axes.locator_params(axis="x", nbins=4, integer=True)
    axes.grid(axis="y")
    axes.tick_params(pad=1.5)
