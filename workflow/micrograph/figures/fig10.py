"""Figure 10: attribution maps of correctly predicted samples of every class."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from micrograph.attribution import target_score
from micrograph.attribution.maps import Attributions, read
from micrograph.errors import UserError
from micrograph.evaluation import attribution_tests
from micrograph.evaluation.calibration import calibrated
from micrograph.evaluation.labels import fit_label
from micrograph.evaluation.summaries import Fit
from micrograph.figures import attribution_maps, style
from micrograph.figures.style import DOUBLE_MM, SOFT
from micrograph.scans.rendering import read_png
from micrograph.splits import film_scans
from micrograph.target import Target

SIDE_MM, GAP_MM, EDGE_MM, SAMPLE_MM = 16.4, 0.8, 4.0, 90.0  # of a picture, between pictures, from sample to sample
HEAD_MM, CLASS_MM, ROW_MM, FOOT_MM = 21.0, 6.0, 22.0, 15.0
SAMPLES_PER_ROW = 2
LETTERS, LINE_MM = 120, 3.5  # of a line above the maps
RULE = (
    "Each sample is explained with the network of the fold that tests it, trained without its growth day.\n"
    "Shown: correctly predicted samples at evenly spaced ranks of confidence, the highest first."
)


@dataclass(frozen=True)
class Selection:
    """The samples of one class that figure 10 shows.

    Parameters
    ----------
    name : float
        The class.
    samples : tuple of str
    confidences : tuple of float or None
        Probability of the predicted class; None without probabilities.
    right, tested : int
        Number of correct and of all test samples of the class.
    """

    name: float
    samples: tuple
    confidences: tuple
    right: int
    tested: int


def select(predictions: pd.DataFrame, target: Target, films_per_class: int) -> list[Selection]:
    """Select correctly predicted samples of each class at evenly spaced ranks of confidence.

    Parameters
    ----------
    predictions : DataFrame
        Table of predictions; each sample is tested once.
    target : Target
    films_per_class : int
        Largest number of samples.

    Returns
    -------
    list of Selection

    Raises
    ------
    UserError
        If a sample is tested more than once.

    Notes
    -----
    Confidence is the score of the predicted class, or of a regressor the nearness of its value. Ties go by name.
    """
    test = predictions[predictions["split"] == "test"]
    for sample in test.loc[test.duplicated("sample"), "sample"]:
        raise UserError(
            f"Figure 10: sample {sample} is tested more than once; give predictions of the strict protocol."
        )
    selections = []
    for name in target.classes:
        here = test[test["y_true"] == name]
        right = here[here["y_pred"].eq(name).fillna(False).astype(bool)]
        scores = right.get(f"score_{target.key(name)}")
        is_probability = scores is not None and scores.notna().all()
        rank = scores if is_probability else -(right["y_pred_value"].astype(float) - name).abs()
        order = np.lexsort((right["sample"].to_numpy(str), -rank.to_numpy(float)))
        kept = order[evenly_spaced(len(right), films_per_class)]
        confidences = tuple(scores.iloc[kept]) if is_probability else (None,) * len(kept)
        selections.append(Selection(name, tuple(right["sample"].iloc[kept]), confidences, len(right), len(here)))
    return selections


def evenly_spaced(n_items: int, wanted: int) -> NDArray[np.int_]:
    """Give evenly spaced indices with the first and the last among them.

    Parameters
    ----------
    n_items : int
        Number of items.
    wanted : int
        Largest number of indices.

    Returns
    -------
    ndarray of int
    """
    count = min(n_items, wanted)
    if count < 2:
        return np.arange(count)
    return (2 * np.arange(count) * (n_items - 1) + count - 1) // (2 * (count - 1))


@style.context()
def draw(
    maps: Sequence[str],
    fits: Sequence[Fit],
    samples: pd.DataFrame,
    target: Target,
    films_per_class: int,
    tests: pd.DataFrame | None = None,
) -> Figure:
    """Draw figure 10: micrograph, CAM, overlay and occlusion map of samples of each class.

    Parameters
    ----------
    maps : sequence of str
        Paths of the files of attribution maps.
    fits : sequence of one Fit
        Predictions of the same networks under the strict protocol.
    samples : DataFrame
        Table of accepted samples, whose micrographs are read.
    target : Target
    films_per_class : int
        Largest number of samples per class.
    tests : DataFrame, optional
        Table of attribution tests: what it says against a map stands above the maps, and occlusion comes first where
        it says so of a class activation map.

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If a sample has no map or no micrograph.

    Notes
    -----
    A sample whose prediction differs when it is recomputed for the maps counts as wrong.
    """
    attributions, (fit,) = read(maps), fits
    selections = select(confirmed(calibrated(fit, target), attributions), target, films_per_class)
    warnings = {} if tests is None else _warnings(tests, attributions.weighted_name)
    text = "\n".join([RULE, *(textwrap.fill(warning, LETTERS) for warning in warnings.values())])
    head = HEAD_MM + LINE_MM * (text.count("\n") - RULE.count("\n"))
    down = [-(-len(one.samples) // SAMPLES_PER_ROW) for one in selections]
    tall = head + sum(CLASS_MM + ROW_MM * count for count in down) + FOOT_MM
    title = f"Attribution maps for the predicted class: {fit_title(fit)}"
    figure = style.canvas(DOUBLE_MM, tall, title, text)
    names = {
        "micrograph": "micrograph",
        "sum": "channel sum",
        "cam": attribution_maps.NAMES[attributions.weighted_name],
        "overlay": "overlay",
        "occlusion": "occlusion",
    }
    order = list(names)
    if warnings.keys() & {"cam", attributions.weighted_name}:
        order.insert(1, order.pop())
    for place, name in enumerate(order * SAMPLES_PER_ROW):
        block, column = divmod(place, len(order))
        middle = EDGE_MM + block * SAMPLE_MM + column * (SIDE_MM + GAP_MM) + SIDE_MM / 2
        style.text_mm(figure, middle, head - 3.6, names[name], ha="center")
    rows, top = samples.set_index("sample", drop=False), head
    marks = style.class_marks(target.classes, target.ordered)
    tested = film_scans.counted(samples)
    for one, count in zip(selections, down, strict=True):
        style.draw_symbol(figure, EDGE_MM + 1.3, top + 2.4, *marks[one.name])
        style.text_mm(figure, EDGE_MM + 3.6, top + 1, target.with_unit(one.name), weight="bold")
        right_of_name = EDGE_MM + max(17.5, 5.6 + 1.7 * len(target.with_unit(one.name)))
        style.text_mm(figure, right_of_name, top + 1, _counted(one, tested), color=SOFT)
        for place, (name, confidence) in enumerate(zip(one.samples, one.confidences, strict=True)):
            if name not in rows.index:
                raise UserError(f"sample {name} has predictions and is not in samples.tsv; fit the models again.")
            row, column = divmod(place, SAMPLES_PER_ROW)
            spot = EDGE_MM + column * SAMPLE_MM, top + CLASS_MM + row * ROW_MM
            _draw_sample(figure, *spot, order, attributions, rows.loc[name], confidence, target.unit)
        top += CLASS_MM + ROW_MM * count
    attribution_maps.draw_scales(figure, top + 2, attributions, "interpolated where over the micrograph")
    return figure


def _warnings(tests: pd.DataFrame, weighted: str) -> dict[str, str]:
    """Return what the tests say against the maps of the figure, by type of map."""
    said = {name: attribution_tests.shows_nothing(tests, name) for name in ("cam", weighted, "occlusion")}
    return {name: text for name, text in said.items() if text}


def confirmed(predictions: pd.DataFrame, attributions: Attributions) -> pd.DataFrame:
    """Remove the predictions that differ from those of the attributions.

    Parameters
    ----------
    predictions : DataFrame
    attributions : Attributions

    Returns
    -------
    DataFrame
        With ``y_pred`` missing where they differ.

    Raises
    ------
    UserError
        If a tested sample has no attributions.
    """
    again = predictions["sample"].map(pd.Series(attributions.y_pred.astype(float), index=attributions.samples))
    for sample in predictions.loc[(predictions["split"] == "test") & again.isna(), "sample"]:
        raise UserError(f"sample {sample} has predictions and no attribution maps; compute those of all folds.")
    return predictions.assign(y_pred=predictions["y_pred"].where(predictions["y_pred"] == again))


def fit_title(fit: Fit) -> str:
    """Name the networks: "CNN, nominal, pre-trained on imagenet, strict protocol".

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    str
    """
    spec = fit.spec
    return f"{fit_label(spec, ('model', 'scheme'))}, pre-trained on {spec.pretraining}, {spec.protocol} protocol"


def _counted(one: Selection, tested: str) -> str:
    """Write how many samples, or scans, are shown of how many."""
    correct, shown = f"{one.right} of {one.tested} {tested} correct", len(one.samples)
    if one.right == 0:
        return f"{correct}: none to show"
    return f"{correct}, {shown} shown" if shown < one.right else f"{correct}, all shown"


def _draw_sample(
    figure: Figure,
    left: float,
    top: float,
    order: Sequence[str],
    attributions: Attributions,
    row: Mapping,
    confidence: float | None,
    unit: str,
) -> None:
    """Draw one sample: a line of text, and its five pictures in this order."""
    i, image = attributions.index(row["sample"]), read_png(row["micrograph"])
    spots = {name: left + step * (SIDE_MM + GAP_MM) for step, name in enumerate(order)}
    axes = {name: style.axes_mm(figure, spot, top + 3.4, SIDE_MM, SIDE_MM) for name, spot in spots.items()}
    style.show_image(axes["micrograph"], image)
    style.scale_bar(axes["micrograph"], row.get("pixel_nm"))
    cam, flag = attributions.weighted_map(i), attributions.cam_flag[i]
    attribution_maps.show_cam(axes["sum"], attribution_maps.stretch(attributions.cam[i]), flag, image=image)
    attribution_maps.show_cam(axes["cam"], cam, flag)
    attribution_maps.show_cam(axes["overlay"], cam, flag, image=image)
    effects, flag = attributions.occlusion_map(i), attributions.occlusion_flag[i]
    attribution_maps.show_occlusion(axes["occlusion"], effects, flag, None, image)
    text = "" if confidence is None else f", confidence {100 * confidence:.0f} %"
    style.text_mm(figure, left, top, f"{style.shorten(row['sample'], 30)}{text}", fontsize=6.5)
    if not flag:
        unit = f" {unit}" if target_score.n_targets(attributions.scheme, (0, 1)) == 1 else ""
        text = f"occlusion scale ±{attribution_maps.largest(effects):#.2g}".rstrip(".") + unit
        right = left + len(order) * (SIDE_MM + GAP_MM) - GAP_MM
        style.text_mm(figure, right, top, text, fontsize=6, color=SOFT, ha="right")
