"""Figure 2: samples by growth temperature, growth time and substrate."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, PAPER, SINGLE_MM, SOFT


@style.context()
def draw(samples: pd.DataFrame, classes: Sequence[int], data: str) -> Figure:
    """Draw figure 2: samples by growth temperature, with growth time and substrate where they are known.

    Parameters
    ----------
    samples : DataFrame
        Table of accepted samples.
    classes : sequence of int
        Temperatures in degrees Celsius.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    Figure
    """
    groups = {name: samples[samples["growth_celsius"] == name] for name in classes}
    marks = style.class_marks(classes)
    panels = [_count_bars]
    panels += [_growth_times] if _has(samples, "growth_seconds") else []
    panels += [_substrates] if _has(samples, "substrate") else []
    width = SINGLE_MM if len(panels) == 1 else DOUBLE_MM
    figure = style.canvas(width, 62, data)
    room = width / len(panels)
    for place, draw in enumerate(panels):
        left = 13 + 10 * (draw is _substrates)
        axes = style.axes_mm(figure, place * room + left, 11, room - left - 4, 40)
        draw(axes, groups, marks)
        if len(panels) > 1:
            style.text_mm(figure, place * room + 1.5, 5.4, "abc"[place], fontsize=8.5, weight="bold")
    return figure


def _has(samples, column):
    return column in samples and samples[column].notna().any()


def _count_bars(axes, groups, marks):
    total = sum(len(group) for group in groups.values())
    counts = [len(group) for group in groups.values()]
    places = np.arange(len(counts))
    axes.bar(places, counts, width=0.66, color=[marks[name][0] for name in groups])
    for place, count in enumerate(counts):
        axes.annotate(
            f"{count} ({100 * count / max(total, 1):.0f} %)",
            (place, count),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
        )
    axes.set(ylabel="Samples", xlabel="Growth temperature (°C)", ylim=(0, 1.14 * max(*counts, 1)))
    axes.set_xticks(places, [f"{name:g}" for name in groups])
    axes.set_title(f"{total} samples", loc="left", pad=5)


def _growth_times(axes, groups, marks):
    """One dot a sample, dots of equal time side by side; the bar is the median."""
    for place, (name, group) in enumerate(groups.items()):
        seconds = np.sort(group["growth_seconds"].dropna().to_numpy(float))
        colour, marker = marks[name]
        axes.scatter(place + _swarm(seconds), seconds / 60, s=9, color=colour, marker=marker, lw=0.3, edgecolor=PAPER)
        if len(seconds):
            axes.plot([place - 0.36, place + 0.36], [np.median(seconds) / 60] * 2, color=SOFT, lw=0.9, zorder=0)
    axes.set_xticks(range(len(groups)), [f"{name:g}" for name in groups])
    axes.set(xlabel="Growth temperature (°C)", ylabel="Growth time (min)", xlim=(-0.6, len(groups) - 0.4))
    axes.set_ylim(0, None)
    axes.set_title("Growth time (line: median)", loc="left", pad=5)


def _swarm(values, bins=24, half=0.34):
    """Sideways shifts that part equal values: symmetric within each of `bins` slices of the range."""
    if not len(values):
        return np.zeros(0)
    slices = np.floor((values - values.min()) / max(np.ptp(values), 1e-12) * (bins - 1e-9)).astype(int)
    order = pd.Series(slices).groupby(slices).cumcount().to_numpy()
    crowd = np.bincount(slices).max()
    step = half / max((crowd - 1) / 2, 4)
    return np.where(order % 2, 1, -1) * np.ceil(order / 2) * step


def _substrates(axes, groups, marks, most=7):
    """Stacked bars: samples a substrate, by class; the most frequent substrate on top, those past `most` as one."""
    named = {name: group["substrate"].fillna("not stated") for name, group in groups.items()}
    counts = pd.concat(named.values()).value_counts().sort_index(kind="stable")
    order = counts.sort_values(ascending=False, kind="stable").index
    text = {name: name if place < most else f"{len(order) - most} others" for place, name in enumerate(order)}
    shown = list(dict.fromkeys(text.values()))
    before = np.zeros(len(shown))
    for name, substrates in named.items():
        counts = substrates.map(text).value_counts().reindex(shown, fill_value=0).to_numpy()
        axes.barh(range(len(shown)), counts, left=before, height=0.62, color=marks[name][0], label=style.celsius(name))
        before = before + counts
    for place, count in enumerate(before):
        axes.annotate(f"{count:.0f}", (count, place), xytext=(2, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(shown)), [style.shorten(name, 16) for name in shown])
    axes.set(xlabel="Samples", xlim=(0, 1.12 * before.max()), ylim=(len(shown) - 0.4, -0.6))
    axes.set_title("Substrate", loc="left", pad=5)
    axes.legend(loc="lower right", handlelength=0.9, handleheight=0.9, borderaxespad=0)
