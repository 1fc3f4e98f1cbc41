"""Figure 6: every test micrograph with true and predicted temperature, growth time and substrate."""

from collections.abc import Sequence
from math import ceil

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.evaluation.labels import fit_label
from micrograph.evaluation.summaries import Fit
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, INK, SOFT
from micrograph.scans.rendering import read_png

PER_PAGE, COLUMNS = 27, 3
TOP_MM, TALL_MM, SIDE_MM = 16.0, 25.6, 23.0
WRONG = "#c2410c"  # vermilion; a wrong sample also has a thick frame and a cross, for colour-blind readers


def predictions_by_sample(predictions: pd.DataFrame) -> pd.DataFrame:
    """Join the test predictions of each sample by majority vote.

    Parameters
    ----------
    predictions : DataFrame
        Table of predictions.

    Returns
    -------
    DataFrame
        One row per sample: sample, y_true, y_pred (of equal votes the lower, missing where most are missing),
        y_pred_value (mean), votes, fits, right.

    Raises
    ------
    UserError
        If there is no test prediction.
    """
    test = predictions[predictions["split"] == "test"]
    if test.empty:
        raise UserError("Figure 6: the predictions have no row of part 'test'; fit the models again.")
    rows = []
    for sample, here in test.groupby("sample", sort=True):
        votes = here["y_pred"].value_counts(dropna=False).sort_index(kind="stable", na_position="last")
        truth, most = here["y_true"].iloc[0], votes.to_numpy(int).argmax()
        predicted = votes.index[most]
        rows.append(
            {
                "sample": sample,
                "y_true": int(truth),
                "y_pred": np.nan if pd.isna(predicted) else float(predicted),
                "y_pred_value": here["y_pred_value"].mean(),
                "votes": int(votes.iloc[most]),
                "fits": len(here),
                "right": bool(predicted == truth) if not pd.isna(predicted) else False,
            }
        )
    return pd.DataFrame(rows)


def draw_files(fits: Sequence[Fit], samples: pd.DataFrame, classes: Sequence[int], data: str) -> list[Figure]:
    """Draw figure 6 of one fit with the micrographs on disk; see `draw_pages`.

    Parameters
    ----------
    fits : sequence of one Fit
    samples : DataFrame
        Table of accepted samples.
    classes : sequence of int
        Temperatures in degrees Celsius.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    list of Figure
    """
    (fit,) = fits
    return draw_pages(fit, samples, [read_png(path) for path in samples["micrograph"]], classes, data)


@style.context()
def draw_pages(
    fit: Fit, samples: pd.DataFrame, images: Sequence[NDArray[np.uint8]], classes: Sequence[int], data: str
) -> list[Figure]:
    """Draw figure 6: every test micrograph with its prediction, 27 a page, by temperature and name.

    Parameters
    ----------
    fit : Fit
    samples : DataFrame
        Table of accepted samples.
    images : sequence of ndarray of shape (pixels, pixels)
        Micrographs of the samples.
    classes : sequence of int
        Temperatures in degrees Celsius.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    list of Figure

    Raises
    ------
    UserError
        If a tested sample is not among `samples`.
    """
    films = predictions_by_sample(fit.predictions).merge(
        samples.assign(place=range(len(samples))), on="sample", how="left"
    )
    for lost in films.loc[films["place"].isna(), "sample"]:
        raise UserError(f"sample {lost} has predictions and is not in samples.tsv; fit the models again.")
    films = films.sort_values(["y_true", "sample"], kind="stable", ignore_index=True)
    count = ceil(len(films) / PER_PAGE)
    marks = style.class_marks(classes)
    drawn = []
    for number in range(count):
        here = films.iloc[number * PER_PAGE : (number + 1) * PER_PAGE]
        figure = style.canvas(DOUBLE_MM, TOP_MM + ceil(len(here) / COLUMNS) * TALL_MM, data)
        _head(figure, fit, films, number, count)
        for place, film in enumerate(here.to_dict("records")):
            down, across = divmod(place, COLUMNS)
            spot = 4 + across * (DOUBLE_MM - 4) / COLUMNS, TOP_MM + down * TALL_MM
            _film(figure, spot, film, images[int(film["place"])], marks)
        drawn.append(figure)
    return drawn


def _head(figure, fit, films, number, count):
    title = f"{fit_label(fit.spec, ('model', 'scheme', 'features'))}, {fit.spec.protocol} protocol"
    style.text_mm(figure, 4, 2.2, title, weight="bold")
    right, most = int(films["right"].sum()), int(films["fits"].max())
    how = "each tested once, out of fold" if most == 1 else f"each tested in {most} folds; majority vote"
    page = f"; page {number + 1} of {count}" if count > 1 else ""
    line = f"{right} of {len(films)} test samples correct ({100 * right / len(films):.0f} %), {how}{page}"
    style.text_mm(figure, 4, 6.4, line, color=SOFT)
    axes = style.axes_mm(figure, 4.4, 11, 2.4, 2.4)
    style.show_image(axes, np.full((2, 2), 255), frame=WRONG)
    style.text_mm(figure, 8.2, 10.8, "thick frame and ×: wrong prediction")


def _film(figure, spot, film, image, marks):
    """One micrograph and, beside it, what is known of it and the prediction."""
    left, top = spot
    axes = style.axes_mm(figure, left, top, SIDE_MM, SIDE_MM)
    style.show_image(axes, image, frame=None if film["right"] else WRONG)
    style.scale_bar(axes, film.get("pixel_nm"))
    beside, truth = left + SIDE_MM + 2.2, film["y_true"]
    if truth in marks:
        _dot(figure, beside + 1.1, top + 5.3, *marks[truth])
    style.text_mm(figure, beside, top + 0.2, style.shorten(film["sample"], 24), fontsize=6, color=SOFT)
    style.text_mm(figure, beside + 3, top + 4, f"true {style.celsius(truth)}")
    colour = INK if film["right"] else WRONG
    style.text_mm(figure, beside, top + 8, _verdict(film), color=colour, weight="normal" if film["right"] else "bold")
    for line, text in enumerate(_known(film)):
        style.text_mm(figure, beside, top + 12 + 3.5 * line, text, fontsize=6.5, color=SOFT)


def _dot(figure, left, top, colour, marker):
    """Draw a class's mark with its middle at (left, top) in mm; without axes, of which a page has many."""
    wide, tall = figure.get_size_inches() * style.MM_PER_INCH
    figure.add_artist(Line2D([left / wide], [1 - top / tall], color=colour, marker=marker, ms=4.2, mew=0, ls=""))


def _verdict(film):
    """Return the prediction as text: "✓ predicted 950 °C", "× no answer"."""
    predicted = film["y_pred"]
    sign = "✓" if film["right"] else "×"
    return f"{sign} no prediction" if pd.isna(predicted) else f"{sign} predicted {style.celsius(predicted)}"


def _known(film):
    """Lines on a film: votes and the regressor's own value, growth time, substrate, as far as they are known."""
    value, seconds, substrate = (film.get(name) for name in ("y_pred_value", "growth_seconds", "substrate"))
    details = [f"{film['votes']} of {film['fits']} folds"] if film["fits"] > 1 else []
    details += [] if pd.isna(value) else [f"value {value:.0f} °C"]
    lines = [", ".join(details)] if details else []
    lines += [] if seconds is None or pd.isna(seconds) else [f"{seconds:.0f} s growth"]
    lines += [] if substrate is None or pd.isna(substrate) else [style.shorten(str(substrate), 22)]
    return lines
