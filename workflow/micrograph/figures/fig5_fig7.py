"""Confusion matrices of the fits of Table 2, and of a few fits beside the paper's (figures 5 and 7).

A cell holds the count and, below it, the share of its true class, which is also its shade.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.evaluation import metrics, seeds, summaries
from micrograph.evaluation.labels import features_label, scheme_label
from micrograph.evaluation.summaries import Fit
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, INK, PAPER, SINGLE_MM, SOFT
from micrograph.target import Target

FITS_OF_THE_PAPER = 10
LEFT_MM, TOP_MM = 15.0, 19.0  # margins of the matrices
ROW_MM = 9.5  # between two rows of matrices: the share that is right, and the classes
SHADES = ("#f7f9fc", "#c3d3e8", "#6d93c4", "#2a5796", "#0d2a56")  # of the share, from 0 to 100 %
LETTERS, LETTER_MM = 4, 1.2  # of the labels that the margin has room for; width of a letter
SMALL_MM = 7.0  # a cell less wide holds the count alone


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix.

    Parameters
    ----------
    counts : ndarray of shape (n_classes, n_classes + 1)
        True class by predicted one; the last column counts samples without a prediction.
    samples, folds : int
        Number of samples and of folds.
    pooled : bool
        Whether counts are sums over the folds of a run; otherwise means over folds.
    runs : str, optional
        Repeats of cross-validation and seeds, over which counts are means; empty for a single one.
    """

    counts: np.ndarray
    samples: int
    folds: int
    pooled: bool
    runs: str = ""

    @property
    def whole(self) -> bool:
        """Whether the counts are whole numbers."""
        return self.pooled and not self.runs


def count(predictions: pd.DataFrame, target: Target, split: str = "test") -> Matrix:
    """Count the predictions of one fit.

    Parameters
    ----------
    predictions : DataFrame
        Table of predictions, of one run of cross-validation or more.
    target : Target
    split : str, default "test"

    Returns
    -------
    Matrix
        Sums over folds where every sample is once in the split (strict protocol), otherwise means over folds.

    Raises
    ------
    UserError
        If there is no prediction of the split.
    """
    rows = predictions[predictions["split"] == split]
    if rows.empty:
        raise UserError(f"Confusion matrix: the predictions have no row of split '{split}'; choose another split.")
    counts = metrics.confusion(rows, target.classes)
    runs = [(run["sample"].nunique(), run["fold"].nunique(), len(run)) for run in seeds.by_run(rows)]
    samples, folds = round(sum(run[0] for run in runs) / len(runs)), runs[0][1]
    pooled = all(n_samples == n_rows for n_samples, _, n_rows in runs)
    return Matrix(counts / len(runs) / (1 if pooled else folds), samples, folds, pooled, seeds.runs_label(rows))


def published_matrix(published: pd.DataFrame, item: str, scheme: str, model: str, target: Target) -> Matrix | None:
    """Take a confusion matrix of the paper, a mean over its fits.

    Parameters
    ----------
    published : DataFrame
        resources/published/confusion.tsv.
    item : str
        "fig5" or "fig7".
    scheme, model : str
    target : Target

    Returns
    -------
    Matrix or None
        None where the paper has none.
    """
    names = [f"pred_{name:g}" for name in target.classes]
    rows = published[(published["item"] == item) & (published["scheme"] == scheme) & (published["model"] == model)]
    rows = rows.set_index("true_celsius")
    if not (set(target.classes) == set(rows.index) and set(names) <= set(rows)):
        return None
    counts = np.pad(rows.loc[list(target.classes), names].to_numpy(float), ((0, 0), (0, 1)))
    return Matrix(counts, round(counts.sum()), FITS_OF_THE_PAPER, pooled=False)


@style.context()
def draw_table2(fits: Sequence[Fit], target: Target, title: str = "", split: str = "test") -> Figure:
    """Draw the confusion matrices of the fits of Table 2, models in rows, features in columns.

    Parameters
    ----------
    fits : sequence of Fit
    target : Target
    title : str, default ""
    split : str, default "test"

    Returns
    -------
    Figure
    """
    counted = {(fit.spec.model, fit.spec.features): count(fit.predictions, target, split) for fit in fits}
    figure, bottom = _draw_grid(counted, str, features_label, target, title)
    style.text_mm(figure, LEFT_MM, bottom, f"{style.SPLITS[split][0]} split{_how_counted(list(counted.values()))}")
    return figure


@style.context()
def draw_beside_paper(
    fits: Sequence[Fit], published: pd.DataFrame, item: str, target: Target, title: str = ""
) -> Figure:
    """Draw figures 5 and 7: confusion matrices, protocols in rows, the paper's last.

    Parameters
    ----------
    fits : sequence of Fit
        Of one pre-training and one policy.
    published : DataFrame
        resources/published/confusion.tsv.
    item : str
        "fig5" or "fig7".
    target : Target
    title : str, default ""

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If there are no fits, or they differ in pre-training or policy.
    """
    summaries.check_same(fits, ("pretraining", "policy"), title or item)
    counted = {
        (protocol, (fit.spec.scheme, fit.spec.model)): count(fit.predictions, target)
        for protocol, here in summaries.by_protocol(fits).items()
        for fit in here
    }
    for column in dict.fromkeys(column for _, column in counted):
        matrix = published_matrix(published, item, *column, target)
        counted |= {(summaries.PAPER, column): matrix} if matrix else {}
    figure, bottom = _draw_grid(counted, _row_label, _column_label, target, title)
    for place, row in enumerate(dict.fromkeys(row for row, _ in counted)):
        how = _how_counted([matrix for (name, _), matrix in counted.items() if name == row])
        style.text_mm(figure, LEFT_MM, bottom + 3.4 * place, f"{_row_label(row)}{how}", color=SOFT)
    return figure


def _row_label(row: str) -> str:
    return "paper, real films" if row == summaries.PAPER else row


def _column_label(column: tuple[str, str]) -> str:
    scheme, model = column
    return f"{model}, {scheme_label(scheme)}"


def _how_counted(matrices: Sequence[Matrix]) -> str:
    """Write how many samples and folds the matrices count, where it is the same for all of them."""
    ways = {(matrix.samples, matrix.folds, matrix.pooled, matrix.runs) for matrix in matrices}
    if len(ways) > 1:
        return ""
    samples, folds, pooled, runs = ways.pop()
    how = f"sum over {folds} folds" if pooled else f"mean over {folds} folds"
    return f": {samples} samples, {how}" + (f", mean of {runs}" if runs else "")


def _draw_grid(
    counted: dict[tuple, Matrix], row_label: Callable, column_label: Callable, target: Target, title: str
) -> tuple[Figure, float]:
    """Draw every matrix of {(row, column): matrix}, and the colour bar.

    Returns the figure, and where there is room for lines of text below in mm.
    """
    if not counted:
        raise UserError("Confusion matrices: there are no predictions to count; list models in experiments.")
    rows, columns = (list(dict.fromkeys(key[side] for key in counted)) for side in (0, 1))
    width = len(target.classes) + any(matrix.counts[:, -1].any() for matrix in counted.values())
    names, unit = [style.shorten(label, 10) for label in target.labels] + ["none"], target.unit and f" ({target.unit})"
    long = max(map(len, names))
    left_mm = LEFT_MM + max(0.0, LETTER_MM * (long - LETTERS))
    gap = 4.0 if len(columns) < 7 else 2.0
    side = min((DOUBLE_MM - left_mm) / len(columns) - gap, max(38.0, 8.5 * width))
    small = side / width < SMALL_MM
    upright = small or LETTER_MM * long > side / width
    bottom = TOP_MM + len(rows) * (side + ROW_MM) + 3.5 + max(4 * small, LETTER_MM * (long - 3) * upright)
    wide = max(left_mm + len(columns) * (side + gap), SINGLE_MM)
    figure = style.canvas(wide, bottom + 8.5 + 3.4 * len(rows), title, left=left_mm)
    for (row, column), matrix in counted.items():
        across, down = columns.index(column), rows.index(row)
        axes = style.axes_mm(figure, left_mm + across * (side + gap), TOP_MM + down * (side + ROW_MM), side, side)
        shown = _draw_matrix(axes, matrix.counts[:, :width], matrix.whole, names, small, upright)
        first = column == next(name for name in columns if (row, name) in counted)
        last = down == max(place for place, name in enumerate(rows) if (name, column) in counted)
        axes.set_ylabel(f"True{unit}" if first else "", labelpad=2)
        axes.set_xlabel(f"Predicted{unit}" if last else "", labelpad=2)
        axes.tick_params(labelleft=first, labelbottom=last)
    for across, column in enumerate(columns):
        middle, text = left_mm + across * (side + gap) + side / 2, _wrap(column_label(column), side + gap)
        style.text_mm(figure, middle, TOP_MM - 5.2, text, ha="center", va="bottom", weight="bold")
    for down, row in enumerate(rows):
        middle = TOP_MM + down * (side + ROW_MM) + side / 2
        style.text_mm(figure, 1.5, middle, row_label(row), fontsize=8, weight="bold", va="center", rotation=90)
    bar = style.axes_mm(figure, left_mm, bottom, 40, 2.2)
    scale = figure.colorbar(shown, cax=bar, orientation="horizontal", ticks=[0, 50, 100])
    cast(QuadMesh, scale.solids).set_rasterized(False)
    scale.outline.set_linewidth(0.4)
    style.text_mm(figure, left_mm + 43, bottom, "% of true class")
    return figure, bottom + 7.8


def _wrap(text: str, room_mm: float) -> str:
    """Break a heading into two lines where one would be wider than room_mm (bold, 7 points: 1.6 mm a letter)."""
    if 1.6 * len(text) <= room_mm:
        return text
    first, comma, second = text.removesuffix(" of variance").partition(", ")
    return f"{first}\n{second}" if comma else first.replace(" ", "\n", 1)


def _draw_matrix(
    axes: Axes, counts: NDArray, whole: bool, names: Sequence[str], small: bool, upright: bool
) -> QuadMesh:
    """Draw one matrix; small: without the shares in text; upright: labels of predicted classes."""
    totals = counts.sum(axis=1, keepdims=True)
    share = 100 * np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    colours = LinearSegmentedColormap.from_list("share", SHADES)
    shown = style.show_matrix(axes, share, cmap=colours, vmin=0, vmax=100)
    for (row, column), number in np.ndenumerate(counts):
        text: dict[str, Any] = {"ha": "center", "color": PAPER if share[row, column] > 58 else INK, "fontsize": 6}
        count = f"{number:.0f}" if whole or small else f"{number:.1f}"
        if small:
            axes.text(column, row, count, va="center", **text)
        else:
            axes.text(column, row - 0.04, count, va="bottom", **text | {"fontsize": 8})
            axes.text(column, row + 0.10, f"{share[row, column]:.0f} %", va="top", **text)
    axes.set_title(f"{100 * np.trace(counts) / max(counts.sum(), 1e-12):.1f} % correct", fontsize=6.5, pad=2.5)
    axes.set_xticks(range(counts.shape[1]), names[: counts.shape[1]], rotation=90 if upright else 0)
    axes.set_yticks(range(len(counts)), names[: len(counts)])
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.4)
    return shown
