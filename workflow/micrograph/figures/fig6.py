"""Figure 6: every test micrograph with true and predicted class, and growth time and substrate below."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import ceil

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.evaluation.labels import fit_label
from micrograph.evaluation.summaries import Fit
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, INK, SOFT
from micrograph.scans.rendering import read_png
from micrograph.splits import film_scans
from micrograph.target import Target

PER_PAGE, COLUMNS = 27, 3
TOP_MM, TALL_MM, SIDE_MM = 16.0, 19.8, 18.0
LEFT_MM, TIME_MM, SUBSTRATE_MM, PANEL_MM = 27.0, 22.0, 20.0, 12.0  # of panels b and c, and the space above each
MOST = 6  # substrates, the rarest of more as one
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
        raise UserError("Figure 6: the predictions have no row of split 'test'; fit the models again.")
    rows = []
    for sample, here in test.groupby("sample", sort=True):
        votes = here["y_pred"].value_counts(dropna=False).sort_index(kind="stable", na_position="last")
        truth, most = here["y_true"].iloc[0], votes.to_numpy(int).argmax()
        predicted = votes.index[most]
        rows.append(
            {
                "sample": sample,
                "y_true": truth,
                "y_pred": np.nan if pd.isna(predicted) else float(predicted),
                "y_pred_value": here["y_pred_value"].mean(),
                "votes": int(votes.iloc[most]),
                "fits": len(here),
                "right": bool(predicted == truth) if not pd.isna(predicted) else False,
            }
        )
    return pd.DataFrame(rows)


@style.context()
def draw_pages(fits: Sequence[Fit], samples: pd.DataFrame, target: Target) -> list[Figure]:
    """Draw figure 6: every test micrograph with its prediction, 27 per page, by class and name.

    Growth time and substrate of the samples of a page stand below, where any is known and not the target.

    Parameters
    ----------
    fits : sequence of one Fit
    samples : DataFrame
        Table of accepted samples, whose micrographs are read.
    target : Target

    Returns
    -------
    list of Figure

    Raises
    ------
    UserError
        If a tested sample is not among `samples`.
    """
    (fit,) = fits
    known = samples.drop(columns=["y_true", "y_true_value"], errors="ignore")
    rows = predictions_by_sample(fit.predictions).merge(known, on="sample", how="left", indicator=True)
    for lost in rows.loc[rows["_merge"] == "left_only", "sample"]:
        raise UserError(f"sample {lost} has predictions and is not in samples.tsv; fit the models again.")
    rows = rows.sort_values(["y_true", "sample"], kind="stable", ignore_index=True)
    marks, title = (
        style.class_marks(target.classes, target.ordered),
        fit_label(fit.spec, ("model", "scheme", "features")),
    )
    n_right, n_fits, n_pages = int(rows["right"].sum()), int(rows["fits"].max()), ceil(len(rows) / PER_PAGE)
    line = f"{n_right} of {len(rows)} test {film_scans.counted(rows)} correct ({100 * n_right / len(rows):.0f} %), "
    line += "each tested once, out of fold" if n_fits == 1 else f"each tested in {n_fits} folds; majority vote"
    others = rows.drop(columns=target.columns, errors="ignore")
    substrates = _common(rows["substrate"]) if _is_known(others, "substrate") else []
    panels = [(_draw_growth_times, TIME_MM)] if _is_known(others, "growth_seconds") else []
    panels += [(partial(_draw_substrates, names=substrates), SUBSTRATE_MM)] if substrates else []
    rows["number"] = np.arange(1, len(rows) + 1)
    pages = []
    for number in range(n_pages):
        here = rows.iloc[number * PER_PAGE : (number + 1) * PER_PAGE]
        page = f"; page {number + 1} of {n_pages}" if n_pages > 1 else ""
        below = TOP_MM + ceil(len(here) / COLUMNS) * TALL_MM
        tall = below + sum(PANEL_MM + high for _, high in panels)
        figure = style.canvas(DOUBLE_MM, tall, f"{title}, {fit.spec.protocol} protocol", line + page)
        style.show_image(style.axes_mm(figure, 4.4, 11, 2.4, 2.4), np.full((2, 2), 255), frame=WRONG)
        style.text_mm(figure, 8.2, 10.8, "thick frame and ×: wrong prediction" + "; hollow in b and c" * bool(panels))
        for place, row in enumerate(here.to_dict("records")):
            down, across = divmod(place, COLUMNS)
            _draw_sample(figure, 4 + across * (DOUBLE_MM - 4) / COLUMNS, TOP_MM + down * TALL_MM, row, marks, target)
        for letter, (draw_panel, high) in zip("bc", panels, strict=False):
            axes = style.axes_mm(figure, LEFT_MM, below + 3, DOUBLE_MM - LEFT_MM - 4, high)
            style.letter_panel(figure, 1.5, below + 1.5, letter)
            draw_panel(axes, here, marks)
            axes.set(xlim=(here["number"].iloc[0] - 0.7, here["number"].iloc[0] + PER_PAGE - 0.3))
            axes.set_xticks(here["number"])
            axes.set_xlabel("Sample", labelpad=1)
            below += PANEL_MM + high
        if panels:
            style.letter_panel(figure, 1.5, TOP_MM - 3.4, "a")
        pages.append(figure)
    return pages


def _is_known(rows: pd.DataFrame, column: str) -> bool:
    return column in rows and rows[column].notna().any()


def _common(substrates: pd.Series) -> list[str]:
    """List the most frequent substrates; the rest as "others"."""
    counts = substrates.value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    return [*counts.index[:MOST], *(["others"] if len(counts) > MOST else [])]


def _draw_growth_times(axes: Axes, rows: pd.DataFrame, marks: Mapping) -> None:
    """Draw a mark per sample at its growth time."""
    _draw_marks(axes, rows, rows["growth_seconds"].to_numpy(float) / 60, marks)
    axes.set(ylabel="Growth time (min)")
    axes.set_ylim(0, None)
    axes.grid(axis="x")


def _draw_substrates(axes: Axes, rows: pd.DataFrame, marks: Mapping, names: Sequence[str]) -> None:
    """Draw a mark per sample in the row of its substrate."""
    given = rows["substrate"].where(rows["substrate"].isin(names) | rows["substrate"].isna(), "others")
    _draw_marks(axes, rows, given.map({name: place for place, name in enumerate(names)}).to_numpy(float), marks)
    style.label_rows(axes, [style.shorten(name, 16) for name in names])


def _draw_marks(axes: Axes, rows: pd.DataFrame, values: NDArray[np.float64], marks: Mapping) -> None:
    """Draw the marks of a panel, hollow where the prediction is wrong; nothing where the value is missing."""
    for value, row in zip(values, rows.to_dict("records"), strict=True):
        colour, marker = marks.get(row["y_true"], (SOFT, "o"))
        axes.plot([row["number"]], [value], clip_on=False, **style.mark_look(colour, marker, hollow=not row["right"]))


def _draw_sample(figure: Figure, left: float, top: float, row: Mapping, marks: Mapping, target: Target) -> None:
    """Draw one micrograph and, beside it, its prediction."""
    axes = style.axes_mm(figure, left, top, SIDE_MM, SIDE_MM)
    style.show_image(axes, read_png(row["micrograph"]), frame=None if row["right"] else WRONG)
    style.scale_bar(axes, row.get("pixel_nm"))
    beside, truth, predicted = left + SIDE_MM + 2.2, row["y_true"], row["y_pred"]
    if truth in marks:
        style.draw_symbol(figure, beside + 1.1, top + 5.3, *marks[truth])
    name = f"{row['number']}  {style.shorten(row['sample'], 24)}"
    style.text_mm(figure, beside, top + 0.2, name, fontsize=6, color=SOFT)
    style.text_mm(figure, beside + 3, top + 4, style.shorten(f"true {target.with_unit(truth)}", 21))
    verdict = "no prediction" if pd.isna(predicted) else style.shorten(f"predicted {target.with_unit(predicted)}", 21)
    look = {"color": INK} if row["right"] else {"color": WRONG, "weight": "bold"}
    style.text_mm(figure, beside, top + 8, f"{'✓' if row['right'] else '×'} {verdict}", **look)
    votes = [f"{row['votes']} of {row['fits']} folds"] if row["fits"] > 1 else []
    votes += [] if pd.isna(row["y_pred_value"]) else [style.value(row["y_pred_value"], target)]
    style.text_mm(figure, beside, top + 12, ", ".join(votes), fontsize=6.5, color=SOFT)
