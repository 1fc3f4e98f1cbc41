"""Figure 2: micrographs of every class; samples by class, growth time and substrate."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from micrograph.figures import style
from micrograph.figures.fig10 import evenly_spaced
from micrograph.figures.style import DOUBLE_MM, PAPER, SOFT
from micrograph.scans.rendering import read_png
from micrograph.splits import film_scans
from micrograph.target import Target

PER_CLASS, SIDE_MM, GAP_MM, EDGE_MM = 8, 20.6, 1.2, 5.0  # micrographs of a class, in a row
HEAD_MM, ROW_MM, PANELS_MM = 9.0, 26.0, 62.0
MANY = 6  # classes, without shares and legend


@style.context()
def draw(samples: pd.DataFrame, target: Target) -> Figure:
    """Draw figure 2: micrographs and samples by class; growth time and substrate where known and not the target.

    Parameters
    ----------
    samples : DataFrame
        Table of accepted samples, whose micrographs are read.
    target : Target

    Returns
    -------
    Figure

    Notes
    -----
    Shown are the samples at evenly spaced ranks in the order of their names, each with its first scan.
    """
    n_scans, samples = len(samples), film_scans.films(samples)
    groups = {name: samples[samples["y_true"] == name] for name in target.classes}
    marks = style.class_marks(target.classes, target.ordered)
    others = samples.drop(columns=target.columns, errors="ignore")
    panels: list[Callable] = [_draw_counts]
    panels += [_draw_growth_times] if _is_known(others, "growth_seconds") else []
    panels += [_draw_substrates] if _is_known(others, "substrate") else []
    below = HEAD_MM + ROW_MM * len(groups)
    figure = style.canvas(DOUBLE_MM, below + PANELS_MM + style.aslant_mm(target.labels))
    style.letter_panel(figure, 1.5, 2.2, "a")
    for row, (name, group) in enumerate(groups.items()):
        _draw_micrographs(
            figure, HEAD_MM + ROW_MM * row, group.sort_values("sample"), target.with_unit(name), marks[name]
        )
    room = DOUBLE_MM / max(len(panels), 2)
    for place, draw_panel in enumerate(panels):
        left = 23 if draw_panel is _draw_substrates else 13
        axes = style.axes_mm(figure, place * room + left, below + 11, room - left - 4, 40)
        draw_panel(axes, groups, marks, target)
        style.letter_panel(figure, place * room + 1.5, below + 5.4, "bcd"[place])
    counted = f"{len(samples)} samples"
    figure.axes[-len(panels)].set_title(
        counted if n_scans == len(samples) else f"{counted}, {n_scans} scans", loc="left", pad=5
    )
    return figure


def _draw_micrographs(figure: Figure, top: float, group: pd.DataFrame, name: str, look: tuple) -> None:
    """Draw a row of micrographs of one class, framed in its colour."""
    shown = group.iloc[evenly_spaced(len(group), PER_CLASS)]
    style.draw_symbol(figure, EDGE_MM + 1.3, top - 1.8, *look)
    style.text_mm(figure, EDGE_MM + 3.6, top - 3.2, name, weight="bold")
    style.text_mm(
        figure,
        EDGE_MM + max(17.5, 5.6 + 1.7 * len(name)),
        top - 3.2,
        f"{len(shown)} of {len(group)} samples",
        color=SOFT,
    )
    for column, row in enumerate(shown.to_dict("records")):
        axes = style.axes_mm(figure, EDGE_MM + column * (SIDE_MM + GAP_MM), top + 0.6, SIDE_MM, SIDE_MM)
        style.show_image(axes, read_png(row["micrograph"]), frame=look[0])
        style.scale_bar(axes, row.get("pixel_nm"))


def _is_known(samples: pd.DataFrame, column: str) -> bool:
    return column in samples and samples[column].notna().any()


def _draw_counts(axes: Axes, groups: Mapping[float, pd.DataFrame], marks: Mapping, target: Target) -> None:
    counts = [len(group) for group in groups.values()]
    bars = axes.bar(range(len(counts)), counts, width=0.66, color=[marks[name][0] for name in groups])
    shares = [f" ({100 * count / max(sum(counts), 1):.0f} %)" if len(counts) < MANY else "" for count in counts]
    axes.bar_label(bars, [f"{count}{share}" for count, share in zip(counts, shares, strict=True)], padding=2)
    axes.set(ylabel="Samples", ylim=(0, 1.14 * max(*counts, 1)))
    style.label_classes(axes, target)


def _draw_growth_times(axes: Axes, groups: Mapping[float, pd.DataFrame], marks: Mapping, target: Target) -> None:
    """Draw one dot per sample, dots of equal time side by side; the line is the median."""
    for place, (name, group) in enumerate(groups.items()):
        minutes = np.sort(group["growth_seconds"].dropna().to_numpy(float)) / 60
        colour, marker = marks[name]
        axes.scatter(place + _swarm(minutes), minutes, s=9, color=colour, marker=marker, lw=0.3, edgecolor=PAPER)
        if len(minutes):
            axes.plot([place - 0.36, place + 0.36], [np.median(minutes)] * 2, color=SOFT, lw=0.9, zorder=0)
    style.label_classes(axes, target)
    axes.set(ylabel="Growth time (min)", xlim=(-0.6, len(groups) - 0.4))
    axes.set_ylim(0, None)
    axes.set_title("Growth time (line: median)", loc="left", pad=5)


def _swarm(values: NDArray, bins: int = 24, half: float = 0.34) -> NDArray:
    """Return sideways shifts that separate equal values: symmetric within each of `bins` slices of the range."""
    if not len(values):
        return np.zeros(0)
    slices = np.floor((values - values.min()) / max(np.ptp(values), 1e-12) * (bins - 1e-9)).astype(int)
    order = pd.Series(slices).groupby(slices).cumcount().to_numpy()
    step = half / max((np.bincount(slices).max() - 1) / 2, 4)
    return np.where(order % 2, 1, -1) * np.ceil(order / 2) * step


def _draw_substrates(
    axes: Axes, groups: Mapping[float, pd.DataFrame], marks: Mapping, target: Target, most: int = 7
) -> None:
    """Draw stacked bars: samples per substrate, by class; the most frequent on top, those past `most` as one."""
    named = {name: group["substrate"].fillna("not stated") for name, group in groups.items()}
    counts = pd.concat(named.values()).value_counts().sort_index(kind="stable")
    order = counts.sort_values(ascending=False, kind="stable").index
    text = {name: name if place < most else f"{len(order) - most} others" for place, name in enumerate(order)}
    shown = list(dict.fromkeys(text.values()))
    before = np.zeros(len(shown))
    for name, substrates in named.items():
        counts = substrates.map(text).value_counts().reindex(shown, fill_value=0).to_numpy()
        bars = axes.barh(
            range(len(shown)), counts, left=before, height=0.62, color=marks[name][0], label=target.with_unit(name)
        )
        before = before + counts
    axes.bar_label(bars, [f"{count:.0f}" for count in before], padding=2)
    axes.set_yticks(range(len(shown)), [style.shorten(name, 16) for name in shown])
    with_legend = len(groups) < MANY  # right of the bars
    axes.set(xlabel="Samples", xlim=(0, (1.6 if with_legend else 1.12) * before.max()), ylim=(len(shown) - 0.4, -0.6))
    axes.set_title("Substrate", loc="left", pad=5)
    if with_legend:
        axes.legend(loc="lower right", handlelength=0.9, handleheight=0.9, borderaxespad=0)
