"""One film, looked into: both class activation maps, what speaks for and against every temperature, how strongly.

As figure 10, for any film by its name, told right or wrong; the maps of all temperatures share a scale, so that they
can be compared. Maps come from attribution/maps.py, their drawing from map_drawing.py.
"""

import textwrap
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from micrograph.attribution import maps, target_score
from micrograph.errors import UserError
from micrograph.figures import attribution_maps, fig10, style
from micrograph.figures.fig6 import WRONG
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, SOFT

EDGE_MM, GAP_MM, TITLE_MM, HEAD_MM, FOOT_MM = 4.0, 4.0, 4.6, 13.0, 15.0
BINS = 24


@dataclass(frozen=True)
class Grid:
    """Square places of a figure, `side` mm wide, each with room for a title above it."""

    figure: Figure
    side: float

    def spot(self, row, column):
        """The left upper corner of a place, in mm."""
        return EDGE_MM + column * (self.side + GAP_MM), HEAD_MM + row * (TITLE_MM + self.side + 2)

    def axes(self, row, column, title, **settings):
        """Axes with a title."""
        left, top = self.spot(row, column)
        style.text_mm(self.figure, left, top + 0.8, title, **settings)
        return style.axes_mm(self.figure, left, top + TITLE_MM, self.side, self.side)


@style.look()
def one(explained, sample, fit, samples, image, data):
    """One film: micrograph, the paper's map, what the network says; then map by map every temperature.

    explained: maps.Attributions; sample: a name; fit: Fit, the predictions of the same networks (strict); samples:
    the table of accepted samples; image: (pixels, pixels) uint8, the film's; data: as in figures.py. UserError where
    the film has no maps, no test prediction or no row in the table.
    """
    place, targets = explained.index(sample), explained.evidence.shape[1]
    film, answer = _row(samples, sample), _row(fit.predictions[fit.predictions["split"] == "test"], sample)
    columns = max(4, targets + 1)
    side = (DOUBLE_MM - 2 * EDGE_MM - (columns - 1) * GAP_MM) / columns
    tall = HEAD_MM + 3 * (TITLE_MM + side + 2)
    figure = style.canvas(DOUBLE_MM, tall + FOOT_MM, data)
    grid = Grid(figure, side)
    _head(figure, explained, place, fit, answer)
    _sum_of_maps(grid, explained, place, film, image)
    _scores(grid, answer, explained.classes)
    _every_target(grid, explained, place, image)
    _known(grid, targets, explained, place, film)
    _effects(grid, targets, explained, place)
    _foot(figure, tall + 1, explained)
    return figure


def _foot(figure, top, explained):
    """Both scales; a row of the same maps has one."""
    words = fig10.heat_words(explained, "smooth over pictures;\nin the second row ÷ the row's largest")
    attribution_maps.heat_scale(figure, EDGE_MM + 1, top, 22, words)
    words = fig10.occlusion_words(explained, "the row's largest")
    attribution_maps.occlusion_scale(figure, EDGE_MM + 76, top, 22, words)


def _row(table, sample):
    found = table[table["sample"] == sample]
    if found.empty:
        raise UserError(f"sample '{sample}' is explained and not in the tables beside it; make both from one study.")
    return found.iloc[0]


def _head(figure, explained, place, fit, answer):
    """Name, truth, answer; whose answer it is."""
    truth, said = answer["y_true"], answer["y_pred"]
    right = not pd.isna(said) and said == truth
    told = "no answer" if pd.isna(said) else f"told as {style.celsius(said)}"
    words = f"{answer['sample']}: grown at {style.celsius(truth)}, {told} {'✓' if right else '×'}"
    style.text_mm(figure, EDGE_MM, 2.2, words, weight="bold", color=INK if right else WRONG)
    words = f"{fig10.fit_title(fit)}, the network of fold {explained.fold[place]}, which tests this film"
    again = explained.predicted[place]
    if pd.isna(said) or again != said:
        words += f"; asked again for the maps it says {style.celsius(again)}"
    style.text_mm(figure, EDGE_MM, 6.4, words, color=SOFT)


def _sum_of_maps(grid, explained, place, film, image):
    """The micrograph and the paper's class activation map, which knows no class."""
    axes = grid.axes(0, 0, "micrograph")
    style.show_picture(axes, image)
    style.scale_bar(axes, film.get("pixel_nm"))
    values = explained.cam[place]
    flag = maps.flag(values)
    attribution_maps.show_heat(grid.axes(0, 1, "the paper's CAM: no class"), values, flag)
    attribution_maps.show_overlay(grid.axes(0, 2, "its overlay"), image, values, flag)


def _scores(grid, answer, classes):
    """A bar a temperature, as long as its probability; of a regressor its value on the line of temperatures."""
    axes = grid.axes(0, 3, "what the network says")
    marks = style.class_marks(list(classes))
    rows = range(len(classes))
    axes.set_yticks(rows, [style.celsius(name) for name in classes])
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, direction="in", pad=2)
    scores = [answer.get(f"score_{name}", np.nan) for name in classes]
    if np.isfinite(scores).all():
        axes.barh(rows, scores, height=0.56, color=[marks[name][0] for name in classes])
        for row, score in zip(rows, scores, strict=True):
            axes.annotate(f"{100 * score:.0f} %", (score, row), xytext=(2, 0), textcoords="offset points", va="center")
        axes.set(xlim=(0, 1.28), xticks=[0, 0.5, 1], xlabel="probability")
        axes.spines["bottom"].set_bounds(0, 1)
    else:
        axes.axis("off")
        axes.text(0.5, 0.5, f"{answer['y_pred_value']:.0f} °C", ha="center", va="center", fontsize=12,
                  transform=axes.transAxes)  # fmt: skip
    box = axes.get_position()
    axes.set_position([box.x0 + 0.24 * box.width, box.y0 + 0.2 * box.height, 0.76 * box.width, 0.8 * box.height])


def _every_target(grid, explained, place, image):
    """A column a target: its class activation map over the micrograph, its occlusion map below."""
    targets = range(explained.evidence.shape[1])
    cams = [explained.weighted_map(place, target) for target in targets]
    hidden = [explained.occlusion_map(place, target) for target in targets]
    name = attribution_maps.NAMES[explained.weighted_name]
    for target in targets:
        words = _target(explained, target)
        shown = "bold" if target == explained.target[place] else "normal"
        axes = grid.axes(1, target, f"{name}, {words}", weight=shown)
        attribution_maps.show_overlay(axes, image, cams[target], maps.flag(cams[target]), _together(cams))
        axes = grid.axes(2, target, f"occlusion, {words}", weight=shown)
        attribution_maps.show_occlusion(axes, image, hidden[target], maps.flag(hidden[target]), _together(hidden))


def _together(drawn):
    """One scale for all maps that can be drawn."""
    return max((attribution_maps.largest(values) for values in drawn if not maps.flag(values)), default=0.0)


def _target(explained, target):
    single = explained.evidence.shape[1] == 1
    return "temperature" if single else style.celsius(explained.classes[target])


def _known(grid, column, explained, place, film):
    """The evidence that the maps of the row belong to, and what is known of the film."""
    left, top = grid.spot(1, column)
    kind = textwrap.fill(f"{target_score.describe(explained.scheme)}:", 34)
    lines = [
        f"{_target(explained, target)}: {_number(value)}" for target, value in enumerate(explained.evidence[place])
    ]
    seconds, substrate, pressure = (film.get(name) for name in ("growth_seconds", "substrate", "pressure_torr"))
    facts = [] if seconds is None or pd.isna(seconds) else [f"{seconds:.0f} s growth"]
    facts += [] if pressure is None or pd.isna(pressure) else [f"{pressure:g} Torr"]
    facts += [] if substrate is None or pd.isna(substrate) else [fig10.cut(str(substrate), 24)]
    style.text_mm(grid.figure, left, top + 0.8, "what the maps explain")
    words = "\n".join([kind, *lines, "", *facts])
    style.text_mm(grid.figure, left, top + TITLE_MM + 1, words, fontsize=6.5, color=SOFT, linespacing=1.5)


def _number(value):
    return f"{value:.4g}" if abs(value) >= 100 else f"{value:.2f}".replace("-", "−")


def _effects(grid, column, explained, place):
    """How many windows speak for and against the predicted temperature, and how strongly."""
    windows = explained.windows(place)
    axes = grid.axes(2, column, f"effects of all {windows.size} windows")
    box = axes.get_position()
    axes.set_position([box.x0 + 0.12 * box.width, box.y0 + 0.2 * box.height, 0.88 * box.width, 0.8 * box.height])
    if maps.flag(windows):
        axes.text(0.5, 0.5, "none to show", ha="center", va="center", color=SOFT, transform=axes.transAxes)
        return
    reach = 1.05 * attribution_maps.largest(windows)
    counts, edges = np.histogram(windows, bins=BINS, range=(-reach, reach))
    middles = (edges[1:] + edges[:-1]) / 2
    colours = [attribution_maps.FOR if middle > 0 else attribution_maps.AGAINST for middle in middles]
    axes.bar(middles, counts, width=edges[1] - edges[0], color=colours, edgecolor=FAINT, lw=0.3)
    axes.axvline(0, color=INK, lw=0.7)
    axes.set(xlabel=f"effect on {_target(explained, explained.target[place])}", xlim=(-reach, reach))
    axes.tick_params(labelsize=6)
