"""Attribution maps of one sample for all classes, with its prediction."""

import textwrap
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from micrograph.attribution import maps, target_score
from micrograph.attribution.maps import Attributions
from micrograph.errors import UserError
from micrograph.evaluation.calibration import calibrated
from micrograph.evaluation.summaries import Fit
from micrograph.figures import attribution_maps, fig10, style
from micrograph.figures.fig6 import WRONG
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, SOFT
from micrograph.target import Target

EDGE_MM, GAP_MM, TITLE_MM, HEAD_MM, FOOT_MM = 4.0, 4.0, 4.6, 13.0, 15.0
BINS = 24
DRAWING = "interpolated; in the second row ÷ the largest of the row"


@style.context()
def draw(
    attributions: Attributions, sample: str, fit: Fit, samples: pd.DataFrame, image: NDArray[np.uint8], target: Target
) -> Figure:
    """Draw the attribution maps of one sample: of the paper, and of every class on a common scale.

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
    target : Target

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If the sample has no map, no test prediction or no row in the table.
    """
    i, n_targets = attributions.index(sample), attributions.target_scores.shape[1]
    row = _row_of(samples, sample)
    prediction = _row_of(calibrated(fit, target).query("split == 'test'"), sample)
    names = [target.name] if n_targets == 1 else [target.with_unit(name) for name in attributions.classes.tolist()]
    columns = max(4, n_targets + 1)
    side = (DOUBLE_MM - 2 * EDGE_MM - (columns - 1) * GAP_MM) / columns
    tall = HEAD_MM + 3 * (TITLE_MM + side + 2)
    title, correct = _title(prediction, target)
    figure = style.canvas(DOUBLE_MM, tall + FOOT_MM, "", _network(attributions, i, fit, prediction["y_pred"], target))
    style.text_mm(figure, EDGE_MM, 2.2, title, weight="bold", color=INK if correct else WRONG)

    def panel(down: int, across: int, title: str, inset: tuple[float, float] = (0, 0), weight: str = "normal") -> Axes:
        """Add a square panel with a title, with room for labels at its left and below (shares of its side)."""
        left, top = EDGE_MM + across * (side + GAP_MM), HEAD_MM + down * (TITLE_MM + side + 2)
        style.text_mm(figure, left, top + 0.8, title, weight=weight)
        wide, high = side * (1 - inset[0]), side * (1 - inset[1])
        return style.axes_mm(figure, left + side - wide, top + TITLE_MM, wide, high)

    axes, flag = panel(0, 0, "micrograph"), maps.flag(attributions.cam[i])
    style.show_image(axes, image)
    style.scale_bar(axes, row.get("pixel_nm"))
    summed = attribution_maps.stretch(attributions.cam[i])
    attribution_maps.show_cam(panel(0, 1, "CAM of the paper (no class)"), summed, flag)
    attribution_maps.show_cam(panel(0, 2, "overlay"), summed, flag, image=image)
    _draw_scores(panel(0, 3, "prediction", (0.24, 0.2)), prediction, target)
    _draw_targets(panel, attributions, i, names, image)
    _write_facts(
        panel(1, n_targets, "target scores"), attributions, i, names, row.drop(target.columns, errors="ignore")
    )
    windows = attributions.windows(i)
    axes = panel(2, n_targets, f"effects of {windows.size} windows", (0.12, 0.2))
    _draw_effects(axes, windows, names[attributions.target[i]])
    attribution_maps.draw_scales(figure, tall + 1, attributions, DRAWING, "the largest of the row")
    return figure


def _row_of(table: pd.DataFrame, sample: str) -> pd.Series:
    rows = table[table["sample"] == sample]
    if rows.empty:
        raise UserError(f"sample '{sample}' has attributions and is not in the tables beside them; use one study's.")
    return rows.iloc[0]


def _title(prediction: pd.Series, target: Target) -> tuple[str, bool]:
    """Return name, truth and prediction as text, and whether it is correct."""
    truth, predicted = prediction["y_true"], prediction["y_pred"]
    correct = not pd.isna(predicted) and predicted == truth
    text = "no prediction" if pd.isna(predicted) else f"predicted {target.with_unit(predicted)}"
    return f"{prediction['sample']}: true {target.with_unit(truth)}, {text} {'✓' if correct else '×'}", correct


def _network(attributions: Attributions, i: int, fit: Fit, predicted: float, target: Target) -> str:
    """Name the network, and its prediction for the maps where that differs."""
    text = f"{fig10.fit_title(fit)}, network of fold {attributions.fold[i]}, which tests this sample"
    again = attributions.y_pred[i]
    if pd.isna(predicted) or again != predicted:
        text += f"; recomputed for the maps: {target.with_unit(again)}"
    return text


def _draw_scores(axes: Axes, prediction: pd.Series, target: Target) -> None:
    """Draw a bar per class, as long as its calibrated probability; of a regressor write the value."""
    classes = target.classes
    scores = [prediction.get(name, np.nan) for name in target.score_columns]
    if not np.isfinite(scores).all():
        axes.set_axis_off()
        known = np.isfinite(prediction["y_pred_value"])
        text = style.value(prediction["y_pred_value"], target).removeprefix("value ") if known else "not calibrated"
        axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=12 if known else 7, transform=axes.transAxes)
        return
    marks, rows = style.class_marks(classes, target.ordered), range(len(classes))
    axes.barh(rows, scores, height=0.56, color=[marks[name][0] for name in classes])
    for row, score in zip(rows, scores, strict=True):
        axes.annotate(f"{100 * score:.0f} %", (score, row), xytext=(2, 0), textcoords="offset points", va="center")
    axes.set_yticks(rows, [style.shorten(target.with_unit(name), 12) for name in classes])
    axes.tick_params(axis="y", length=0, pad=2)
    axes.set(xlim=(0, 1.28), xticks=[0, 0.5, 1], xlabel="probability, calibrated", ylim=(len(classes) - 0.4, -0.6))
    axes.spines["bottom"].set_bounds(0, 1)


def _draw_targets(panel: Callable, attributions: Attributions, i: int, names: Sequence[str], image: NDArray) -> None:
    """Draw a column per target: its class activation map over the micrograph, its occlusion map below."""
    cam_name = attribution_maps.NAMES[attributions.weighted_name]
    for down, name, one, show in (
        (1, cam_name, attributions.weighted_map, attribution_maps.show_cam),
        (2, "occlusion", attributions.occlusion_map, attribution_maps.show_occlusion),
    ):
        drawn = [one(i, target) for target in range(len(names))]
        flags = [maps.flag(values) for values in drawn]
        valid = [attribution_maps.largest(values) for values, flag in zip(drawn, flags, strict=True) if not flag]
        for target, (values, flag) in enumerate(zip(drawn, flags, strict=True)):
            weight = "bold" if target == attributions.target[i] else "normal"
            axes = panel(down, target, f"{name}, {names[target]}", weight=weight)
            show(axes, values, flag, max(valid, default=0.0), image)


def _write_facts(axes: Axes, attributions: Attributions, i: int, names: Sequence[str], row: Mapping) -> None:
    """Write the scores that the maps of the row explain, and what is known of the growth."""
    axes.set_axis_off()
    values = [f"{value:.4g}" if abs(value) >= 100 else f"{value:.2f}" for value in attributions.target_scores[i]]
    scores = [f"{name}: {value.replace('-', '−')}" for name, value in zip(names, values, strict=True)]
    facts = style.growth_facts(row, ("growth_seconds", "pressure_torr", "substrate"))
    kind = textwrap.fill(f"{target_score.describe(attributions.scheme)}:", 34)
    text = "\n".join([kind, *scores, "", *facts])
    axes.text(0, 0.975, text, va="top", fontsize=6.5, color=SOFT, linespacing=1.5, transform=axes.transAxes)


def _draw_effects(axes: Axes, windows: NDArray[np.floating], target: str) -> None:
    """Draw how many windows raise and lower the score of the predicted class, and how strongly."""
    if maps.flag(windows):
        axes.text(0.5, 0.5, "none to show", ha="center", va="center", color=SOFT, transform=axes.transAxes)
        return
    reach = 1.05 * attribution_maps.largest(windows)
    counts, edges = np.histogram(windows, bins=BINS, range=(-reach, reach))
    middles = (edges[1:] + edges[:-1]) / 2
    colours = np.where(middles > 0, attribution_maps.POSITIVE, attribution_maps.NEGATIVE)
    axes.bar(middles, counts, width=edges[1] - edges[0], color=colours, edgecolor=FAINT, lw=0.3)
    axes.axvline(0, color=INK, lw=0.7)
    axes.set(xlabel=f"effect on {target}", xlim=(-reach, reach))
