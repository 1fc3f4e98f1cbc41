"""Figure 2: samples by growth temperature, growth time and substrate."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, PAPER, SINGLE_MM, SOFT


@style.context()
def draw(samples: pd.DataFrame, classes: Sequence[int]) -> Figure:
    """Draw figure 2: samples by growth temperature, with growth time and substrate where they are known.

    Parameters
    ----------
    samples : DataFrame
        Table of accepted samples.
    classes : sequence of int
        Temperatures in degrees Celsius.

    Returns
    -------
    Figure
    """
    groups = {name: samples[samples["growth_celsius"] == name] for name in classes}
    marks = style.class_marks(classes)
    panels: list[Callable] = [_draw_counts]
    panels += [_draw_growth_times] if _is_known(samples, "growth_seconds") else []
    panels += [_draw_substrates] if _is_known(samples, "substrate") else []
    figure = style.canvas(SINGLE_MM if len(panels) == 1 else DOUBLE_MM, 62)
    room = (SINGLE_MM if len(panels) == 1 else DOUBLE_MM) / len(panels)
    for place, draw_panel in enumerate(panels):
        left = 23 if draw_panel is _draw_substrates else 13
        axes = style.axes_mm(figure, place * room + left, 11, room - left - 4, 40)
        draw_panel(axes, groups, marks)
        if len(panels) > 1:
            style.letter_panel(figure, place * room + 1.5, 5.4, "abc"[place])
    return figure


def _is_known(samples: pd.DataFrame, column: str) -> bool:
    return column in samples and samples[column].notna().any()


def _draw_counts(axes: Axes, groups: Mapping[int, pd.DataFrame], marks: Mapping) -> None:
    counts = [len(group) for group in groups.values()]
    bars = axes.bar(range(len(counts)), counts, width=0.66, color=[marks[name][0] for name in groups])
    axes.bar_label(bars, [f"{count} ({100 * count / max(sum(counts), 1):.0f} %)" for count in counts], padding=2)
    axes.set(ylabel="Samples", xlabel="Growth temperature (°C)", ylim=(0, 1.14 * max(*counts, 1)))
    axes.set_xticks(range(len(counts)), [f"{name:g}" for name in groups])
    axes.set_title(f"{sum(counts)} samples", loc="left", pad=5)


def _draw_growth_times(axes: Axes, groups: Mapping[int, pd.DataFrame], marks: Mapping) -> None:
    """Draw one dot a sample, dots of equal time side by side; the line is the median."""
    for place, (name, group) in enumerate(groups.items()):
        minutes = np.sort(group["growth_seconds"].dropna().to_numpy(float)) / 60
        colour, marker = marks[name]
        axes.scatter(place + _swarm(minutes), minutes, s=9, color=colour, marker=marker, lw=0.3, edgecolor=PAPER)
        if len(minutes):
            axes.plot([place - 0.36, place + 0.36], [np.median(minutes)] * 2, color=SOFT, lw=0.9, zorder=0)
    axes.set_xticks(range(len(groups)), [f"{name:g}" for name in groups])
    axes.set(xlabel="Growth temperature (°C)", ylabel="Growth time (min)", xlim=(-0.6, len(groups) - 0.4))
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


def _draw_substrates(axes: Axes, groups: Mapping[int, pd.DataFrame], marks: Mapping, most: int = 7) -> None:
    """Draw stacked bars: samples a substrate, by class; the most frequent on top, those past `most` as one."""
    named = {name: group["substrate"].fillna("not stated") for name, group in groups.items()}
    counts = pd.concat(named.values()).value_counts().sort_index(kind="stable")
    order = counts.sort_values(ascending=False, kind="stable").index
    text = {name: name if place < most else f"{len(order) - most} others" for place, name in enumerate(order)}
    shown = list(dict.fromkeys(text.values()))
    before = np.zeros(len(shown))
    for name, substrates in named.items():
        counts = substrates.map(text).value_counts().reindex(shown, fill_value=0).to_numpy()
        bars = axes.barh(
            range(len(shown)), counts, left=before, height=0.62, color=marks[name][0], label=style.celsius(name)
        )
        before = before + counts
    axes.bar_label(bars, [f"{count:.0f}" for count in before], padding=2)
    axes.set_yticks(range(len(shown)), [style.shorten(name, 16) for name in shown])
    axes.set(xlabel="Samples", xlim=(0, 1.12 * before.max()), ylim=(len(shown) - 0.4, -0.6))
    axes.set_title("Substrate", loc="left", pad=5)
    axes.legend(loc="lower right", handlelength=0.9, handleheight=0.9, borderaxespad=0)
