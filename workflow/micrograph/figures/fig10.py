"""Figure 10: attribution maps of correctly predicted samples of every temperature."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from micrograph.attribution import target_score
from micrograph.attribution.maps import Attributions, read
from micrograph.errors import UserError
from micrograph.evaluation.labels import fit_label
from micrograph.evaluation.summaries import Fit
from micrograph.figures import attribution_maps, style
from micrograph.figures.style import DOUBLE_MM, INK, SOFT
from micrograph.scans.rendering import read_png

PANEL_MM, APART_MM, EDGE_MM, BETWEEN_MM = 20.5, 1.0, 4.0, 5.0  # pictures, gaps, the page's edge, two films of a row
HEAD_MM, CLASS_MM, FILM_MM, FOOT_MM = 21.0, 6.0, 26.0, 15.0
FILMS_A_ROW = 2
COLUMNS = ("micrograph", None, "overlay", "occlusion")  # None: the name of the map


@dataclass(frozen=True)
class Selection:
    """The samples of one temperature that figure 10 shows.

    Parameters
    ----------
    celsius : int
    samples : tuple of str
    confidences : tuple of float or None
        Probability of the predicted temperature; None without probabilities.
    right, tested : int
        Number of correct and of all test samples of the temperature.
    """

    celsius: int
    samples: tuple
    confidences: tuple
    right: int
    tested: int


def select(predictions: pd.DataFrame, classes: Sequence[int], films_per_class: int) -> list[Selection]:
    """Select correctly predicted samples of each temperature at evenly spaced ranks of confidence.

    Parameters
    ----------
    predictions : DataFrame
        Table of predictions; each sample is tested once.
    classes : sequence of int
        Temperatures in degrees Celsius.
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
    found = []
    for celsius in classes:
        here = test[test["y_true"] == celsius]
        right = here[here["y_pred"].eq(celsius).fillna(False).astype(bool)]
        sure, confidence = _sureness(right, celsius)
        order = np.lexsort((right["sample"].to_numpy(str), -sure))
        kept = order[evenly_spaced(len(right), films_per_class)]
        found.append(
            Selection(
                celsius,
                tuple(right["sample"].iloc[kept]),
                tuple(confidence.iloc[kept]) if confidence is not None else (None,) * len(kept),
                len(right),
                len(here),
            )
        )
    return found


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


def _sureness(right, celsius):
    """(n,) by which films are ranked, and the confidences to be written (None for a regressor)."""
    scores = right.get(f"score_{celsius}")
    if scores is not None and scores.notna().all():
        return scores.to_numpy(float), scores
    return -np.abs(right["y_pred_value"].to_numpy(float) - celsius), None


def draw_files(
    maps: Sequence[str],
    fits: Sequence[Fit],
    samples: pd.DataFrame,
    classes: Sequence[int],
    films_per_class: int,
    data: str,
) -> Figure:
    """Draw figure 10 of one fit with maps and micrographs on disk; see `draw`.

    Parameters
    ----------
    maps : sequence of str
        Paths of the files of attribution maps.
    fits : sequence of one Fit
    samples : DataFrame
        Table of accepted samples.
    classes : sequence of int
        Temperatures in degrees Celsius.
    films_per_class : int
        Largest number of samples per temperature.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    Figure
    """
    images, (fit,) = [read_png(path) for path in samples["micrograph"]], fits
    return draw(read(maps), fit, samples, images, classes, films_per_class, data)


@style.context()
def draw(
    attributions: Attributions,
    fit: Fit,
    samples: pd.DataFrame,
    images: Sequence[NDArray[np.uint8]],
    classes: Sequence[int],
    films_per_class: int,
    data: str,
) -> Figure:
    """Draw figure 10: micrograph, CAM, overlay and occlusion map of samples of each temperature.

    Parameters
    ----------
    attributions : Attributions
    fit : Fit
        Predictions of the same networks under the strict protocol.
    samples : DataFrame
        Table of accepted samples.
    images : sequence of ndarray of shape (pixels, pixels)
        Micrographs of the samples.
    classes : sequence of int
        Temperatures in degrees Celsius.
    films_per_class : int
        Largest number of samples per temperature.
    data : str
        Label of the data, a key of `style.BADGES`.

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
    rows = select(_still(fit.predictions, attributions), classes, films_per_class)
    down = [-(-len(one.samples) // FILMS_A_ROW) for one in rows]
    tall = HEAD_MM + sum(CLASS_MM + FILM_MM * count for count in down) + FOOT_MM
    figure = style.canvas(DOUBLE_MM, tall, data)
    _head(figure, attributions, fit)
    places = {name: place for place, name in enumerate(samples["sample"])}
    marks, top = style.class_marks(classes), HEAD_MM
    for one, count in zip(rows, down, strict=True):
        _class_line(figure, top, one, marks[one.celsius])
        for place, (name, sure) in enumerate(zip(one.samples, one.confidences, strict=True)):
            if name not in places:
                raise UserError(f"sample {name} has predictions and is not in samples.tsv; fit the models again.")
            film = samples.iloc[places[name]]
            spot = EDGE_MM + place % FILMS_A_ROW * _film_width(True), top + CLASS_MM + place // FILMS_A_ROW * FILM_MM
            _film(figure, spot, attributions, film, images[places[name]], sure)
        top += CLASS_MM + FILM_MM * count
    _foot(figure, top + 2, attributions)
    return figure


def _still(predictions, attributions):
    """Return the predictions, with none where those of the attributions differ."""
    predicted = pd.Series(attributions.y_pred.astype(float), index=attributions.samples)
    predicted = predictions["sample"].map(predicted)
    for sample in predictions.loc[(predictions["split"] == "test") & predicted.isna(), "sample"]:
        raise UserError(f"sample {sample} has predictions and no explanation; explain all folds of this network.")
    named = predictions["y_pred"]
    return predictions.assign(y_pred=named.where(named == predicted))


def _film_width(with_gap=False):
    return len(COLUMNS) * PANEL_MM + (len(COLUMNS) - 1) * APART_MM + (BETWEEN_MM if with_gap else 0)


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


def _head(figure, attributions, fit):
    style.text_mm(
        figure, EDGE_MM, 2.2, f"Attribution maps for the predicted temperature: {fit_title(fit)}", weight="bold"
    )
    rule = (
        "Each sample is attributions by the network of the fold that tests it, trained without its growth day.\n"
        "Shown: correctly predicted samples at evenly spaced ranks of confidence, the highest first."
    )
    style.text_mm(figure, EDGE_MM, 6.4, rule, color=SOFT, linespacing=1.4)
    named = [name or attribution_maps.NAMES[attributions.weighted_name] for name in COLUMNS]
    for block in range(FILMS_A_ROW):
        for place, name in enumerate(named):
            middle = EDGE_MM + block * _film_width(True) + place * (PANEL_MM + APART_MM) + PANEL_MM / 2
            style.text_mm(figure, middle, HEAD_MM - 3.6, name, ha="center", color=INK)


def _class_line(figure, top, one, mark):
    colour, marker = mark
    wide, tall = figure.get_size_inches() * style.MM_PER_INCH
    spot = [(EDGE_MM + 1.3) / wide], [1 - (top + 2.4) / tall]
    figure.add_artist(Line2D(*spot, color=colour, marker=marker, ms=5, mew=0, ls=""))
    style.text_mm(figure, EDGE_MM + 3.6, top + 1, style.celsius(one.celsius), weight="bold")
    style.text_mm(figure, EDGE_MM + 17.5, top + 1, _counted(one), color=SOFT)


def _counted(one):
    """How n_items films are shown of how n_items, in text."""
    correct, shown = f"{one.right} of {one.tested} samples correct", len(one.samples)
    if one.right == 0:
        return f"{correct}: none to show"
    return f"{correct}, {shown} shown" if shown < one.right else f"{correct}, all shown"


def _film(figure, spot, attributions, film, image, sure):
    """One film: a line of text, and its four pictures."""
    left, top = spot
    place = attributions.index(film["sample"])
    axes = [
        style.axes_mm(figure, left + step * (PANEL_MM + APART_MM), top + 3.4, PANEL_MM, PANEL_MM)
        for step in range(len(COLUMNS))
    ]
    style.show_image(axes[0], image)
    style.scale_bar(axes[0], film.get("pixel_nm"))
    cam = attributions.weighted_map(place)
    attribution_maps.show_cam(axes[1], cam, attributions.cam_flag[place])
    attribution_maps.show_overlay(axes[2], image, cam, attributions.cam_flag[place])
    hidden, flag = attributions.occlusion_map(place), attributions.occlusion_flag[place]
    attribution_maps.show_occlusion(axes[3], image, hidden, flag)
    confidence = "" if sure is None else f", confidence {100 * sure:.0f} %"
    style.text_mm(figure, left, top, f"{style.shorten(film['sample'], 30)}{confidence}", fontsize=6.5)
    if not flag:
        right = left + _film_width()
        text = f"scale ±{scale_label(hidden, attributions.scheme)}"
        style.text_mm(figure, right, top, text, fontsize=6, color=SOFT, ha="right")


def scale_label(values: NDArray[np.floating], scheme: str) -> str:
    """Format the largest effect of a map, for regression with its unit: "1.6", "12 °C".

    Parameters
    ----------
    values : ndarray
    scheme : str

    Returns
    -------
    str
    """
    text = f"{attribution_maps.largest(values):#.2g}".rstrip(".")
    return f"{text} °C" if target_score.n_targets(scheme, (0, 1)) == 1 else text


def _foot(figure, top, attributions):
    """Both scales and what they mean."""
    attribution_maps.cam_scale(figure, EDGE_MM + 1, top, 22, cam_legend(attributions))
    attribution_maps.occlusion_scale(figure, EDGE_MM + 76, top, 22, occlusion_legend(attributions))


def cam_legend(attributions: Attributions, drawing: str = "without interpolation,\ninterpolated in the overlay") -> str:
    """Explain the colours of class activation maps.

    Parameters
    ----------
    attributions : Attributions
    drawing : str
        How the maps are drawn.

    Returns
    -------
    str
    """
    name, (rows, columns) = attribution_maps.NAMES[attributions.weighted_name], attributions.cam.shape[1:]
    return f"{name} ÷ its largest value:\n{rows} × {columns} values, {drawing}"


def occlusion_legend(attributions: Attributions, scale: str = "scale") -> str:
    """Explain the colours of occlusion maps.

    Parameters
    ----------
    attributions : Attributions
    scale : str, default "scale"
        What the map is divided by.

    Returns
    -------
    str
    """
    side, patch = attributions.side, attributions.patch
    return (
        f"occlusion: decrease of the {target_score.describe(attributions.scheme)}\n"
        f"where {patch} × {patch} of {side} × {side} pixels are occluded, ÷ {scale}.\n"
        "Green, solid line at half: positive attribution; red, dashed: negative"
    )
