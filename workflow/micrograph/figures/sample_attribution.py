"""Attribution maps of one sample for all temperatures, with its prediction."""

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from micrograph.attribution import maps, target_score
from micrograph.attribution.maps import Attributions
from micrograph.errors import UserError
from micrograph.evaluation.summaries import Fit
from micrograph.figures import attribution_maps, fig10, style
from micrograph.figures.fig6 import WRONG
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, SOFT

EDGE_MM, GAP_MM, TITLE_MM, HEAD_MM, FOOT_MM = 4.0, 4.0, 4.6, 13.0, 15.0
BINS = 24


@dataclass(frozen=True)
class Grid:
    """Square panels of a figure, each with a title above it.

    Parameters
    ----------
    figure : Figure
    side : float
        Side of a panel in mm.
    """

    figure: Figure
    side: float

    def spot(self, row: int, column: int) -> tuple[float, float]:
        """Return the upper left corner of a panel in mm."""
        return EDGE_MM + column * (self.side + GAP_MM), HEAD_MM + row * (TITLE_MM + self.side + 2)

    def axes(self, row: int, column: int, title: str, **settings: Any) -> Axes:
        """Add axes with a title; settings are those of the title."""
        left, top = self.spot(row, column)
        style.text_mm(self.figure, left, top + 0.8, title, **settings)
        return style.axes_mm(self.figure, left, top + TITLE_MM, self.side, self.side)


@style.context()
def draw(
    attributions: Attributions, sample: str, fit: Fit, samples: pd.DataFrame, image: NDArray[np.uint8], data: str
) -> Figure:
    """Draw the attribution maps of one sample: of the paper, and of every temperature on a common scale.

    Parameters
    ----------
    attributions : Attributions
    sample : str
        Its name.
    fit : Fit
        Predictions of the same networks under the strict protocol.
    samples : DataFrame
        Table of accepted samples.
    image : ndarray of shape (pixels, pixels)
        Micrograph of the sample.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If the sample has no map, no test prediction or no row in the table.
    """
    place, targets = attributions.index(sample), attributions.target_scores.shape[1]
    film, answer = _row(samples, sample), _row(fit.predictions[fit.predictions["split"] == "test"], sample)
    columns = max(4, targets + 1)
    side = (DOUBLE_MM - 2 * EDGE_MM - (columns - 1) * GAP_MM) / columns
    tall = HEAD_MM + 3 * (TITLE_MM + side + 2)
    figure = style.canvas(DOUBLE_MM, tall + FOOT_MM, data)
    grid = Grid(figure, side)
    _head(figure, attributions, place, fit, answer)
    _sum_of_maps(grid, attributions, place, film, image)
    _scores(grid, answer, attributions.classes)
    _every_target(grid, attributions, place, image)
    _known(grid, targets, attributions, place, film)
    _effects(grid, targets, attributions, place)
    _foot(figure, tall + 1, attributions)
    return figure


def _foot(figure, top, attributions):
    """Both scales; a row of the same maps has one."""
    text = fig10.cam_legend(attributions, "interpolated;\nin the second row ÷ the largest of the row")
    attribution_maps.cam_scale(figure, EDGE_MM + 1, top, 22, text)
    text = fig10.occlusion_legend(attributions, "the largest of the row")
    attribution_maps.occlusion_scale(figure, EDGE_MM + 76, top, 22, text)


def _row(table, sample):
    found = table[table["sample"] == sample]
    if found.empty:
        raise UserError(f"sample '{sample}' is attributions and not in the tables beside it; make both from one study.")
    return found.iloc[0]


def _head(figure, attributions, place, fit, answer):
    """Name, truth, answer; whose answer it is."""
    truth, predicted = answer["y_true"], answer["y_pred"]
    right = not pd.isna(predicted) and predicted == truth
    prediction = "no prediction" if pd.isna(predicted) else f"predicted {style.celsius(predicted)}"
    text = f"{answer['sample']}: true {style.celsius(truth)}, {prediction} {'✓' if right else '×'}"
    style.text_mm(figure, EDGE_MM, 2.2, text, weight="bold", color=INK if right else WRONG)
    text = f"{fig10.fit_title(fit)}, network of fold {attributions.fold[place]}, which tests this sample"
    again = attributions.y_pred[place]
    if pd.isna(predicted) or again != predicted:
        text += f"; recomputed for the maps: {style.celsius(again)}"
    style.text_mm(figure, EDGE_MM, 6.4, text, color=SOFT)


def _sum_of_maps(grid, attributions, place, film, image):
    """Draw the micrograph and the paper's class activation map, which depends on no class."""
    axes = grid.axes(0, 0, "micrograph")
    style.show_image(axes, image)
    style.scale_bar(axes, film.get("pixel_nm"))
    values = attributions.cam[place]
    flag = maps.flag(values)
    attribution_maps.show_cam(grid.axes(0, 1, "CAM of the paper (no class)"), values, flag)
    attribution_maps.show_overlay(grid.axes(0, 2, "overlay"), image, values, flag)


def _scores(grid, answer, classes):
    """Draw a bar a temperature, as long as its probability; of a regressor its value on the line of temperatures."""
    axes = grid.axes(0, 3, "prediction")
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


def _every_target(grid, attributions, place, image):
    """Draw a column a target: its class activation map over the micrograph, its occlusion map below."""
    targets = range(attributions.target_scores.shape[1])
    cams = [attributions.weighted_map(place, target) for target in targets]
    hidden = [attributions.occlusion_map(place, target) for target in targets]
    name = attribution_maps.NAMES[attributions.weighted_name]
    for target in targets:
        text = _target(attributions, target)
        shown = "bold" if target == attributions.target[place] else "normal"
        axes = grid.axes(1, target, f"{name}, {text}", weight=shown)
        attribution_maps.show_overlay(axes, image, cams[target], maps.flag(cams[target]), _together(cams))
        axes = grid.axes(2, target, f"occlusion, {text}", weight=shown)
        attribution_maps.show_occlusion(axes, image, hidden[target], maps.flag(hidden[target]), _together(hidden))


def _together(drawn):
    """One scale for all maps that can be drawn."""
    return max((attribution_maps.largest(values) for values in drawn if not maps.flag(values)), default=0.0)


def _target(attributions, target):
    single = attributions.target_scores.shape[1] == 1
    return "temperature" if single else style.celsius(attributions.classes[target])


def _known(grid, column, attributions, place, film):
    """Write the evidence that the maps of the row belong to, and what is known of the film."""
    left, top = grid.spot(1, column)
    kind = textwrap.fill(f"{target_score.describe(attributions.scheme)}:", 34)
    lines = [
        f"{_target(attributions, target)}: {_number(value)}"
        for target, value in enumerate(attributions.target_scores[place])
    ]
    seconds, substrate, pressure = (film.get(name) for name in ("growth_seconds", "substrate", "pressure_torr"))
    facts = [] if seconds is None or pd.isna(seconds) else [f"{seconds:.0f} s growth"]
    facts += [] if pressure is None or pd.isna(pressure) else [f"{pressure:g} Torr"]
    facts += [] if substrate is None or pd.isna(substrate) else [style.shorten(str(substrate), 24)]
    style.text_mm(grid.figure, left, top + 0.8, "attributions scores")
    text = "\n".join([kind, *lines, "", *facts])
    style.text_mm(grid.figure, left, top + TITLE_MM + 1, text, fontsize=6.5, color=SOFT, linespacing=1.5)


def _number(value):
    return f"{value:.4g}" if abs(value) >= 100 else f"{value:.2f}".replace("-", "−")


def _effects(grid, column, attributions, place):
    """How many windows speak for and against the predicted temperature, and how strongly."""
    windows = attributions.windows(place)
    axes = grid.axes(2, column, f"effects of {windows.size} windows")
    box = axes.get_position()
    axes.set_position([box.x0 + 0.12 * box.width, box.y0 + 0.2 * box.height, 0.88 * box.width, 0.8 * box.height])
    if maps.flag(windows):
        axes.text(0.5, 0.5, "none to show", ha="center", va="center", color=SOFT, transform=axes.transAxes)
        return
    reach = 1.05 * attribution_maps.largest(windows)
    counts, edges = np.histogram(windows, bins=BINS, range=(-reach, reach))
    middles = (edges[1:] + edges[:-1]) / 2
    colours = [attribution_maps.POSITIVE if middle > 0 else attribution_maps.NEGATIVE for middle in middles]
    axes.bar(middles, counts, width=edges[1] - edges[0], color=colours, edgecolor=FAINT, lw=0.3)
    axes.axvline(0, color=INK, lw=0.7)
    axes.set(xlabel=f"effect on {_target(attributions, attributions.target[place])}", xlim=(-reach, reach))
    axes.tick_params(labelsize=6)
