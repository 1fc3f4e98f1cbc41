"""Confusion matrices: of many fits (Table 2's), and of a few beside the paper's (figures 5 and 7).

Functions as in figures.py: tables in, a Figure out, inputs left alone. In a cell stands the count, and below it the
share of its true class, which is also its shade.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from micrograph.errors import UserError
from micrograph.evaluation import metrics, summaries
from micrograph.evaluation.labels import features_label, scheme_label
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, INK, PAPER, SINGLE_MM, SOFT

FITS_OF_THE_PAPER = 10
ROW_MM = 9.5  # between two rows of matrices: the share that is right, and the temperatures
SHADES = ("#f7f9fc", "#c3d3e8", "#6d93c4", "#2a5796", "#0d2a56")  # of the share, from 0 to 100 %
SMALL_MM = 7.0  # a cell less wide holds the count alone


@dataclass(frozen=True)
class Matrix:
    """counts (classes, classes + 1), the last column for rows without an answer; of how many samples and folds;
    pooled: whether the counts are sums over the folds of a deal, else means over the folds; deals: how often the folds
    were dealt, of which counts are means."""

    counts: np.ndarray
    samples: int
    folds: int
    pooled: bool
    deals: int = 1

    @property
    def whole(self):
        """Whether the counts are whole numbers, not means."""
        return self.pooled and self.deals == 1


def count(predictions, classes, part="test"):
    """The Matrix of one fit's predictions, rows true, columns predicted.

    predictions: the waist's table, of one deal of the folds or more (fits.gather). Where every sample stands once in
    the part (strict) the counts are pooled over the folds of a deal, and means over deals; where folds repeat samples
    (published) they are means over folds, and samples are those of one fold. UserError where the part has no row.
    """
    rows = predictions[predictions["split"] == part]
    if rows.empty:
        raise UserError(f"Confusion matrix: the predictions have no row of part '{part}'; choose another part.")
    counts = metrics.confusion(rows, classes)
    deals = [(deal["sample"].nunique(), deal["fold"].nunique(), len(deal)) for deal in summaries.by_repeat(rows)]
    samples, folds = round(sum(deal[0] for deal in deals) / len(deals)), deals[0][1]
    pooled = all(samples_of_deal == rows_of_deal for samples_of_deal, _, rows_of_deal in deals)
    return Matrix(counts / len(deals) / (1 if pooled else folds), samples, folds, pooled, len(deals))


def printed(published, item, scheme, model, classes):
    """The Matrix that the paper prints for a model, a mean over its fits, or None where it prints none.

    published: resources/published/confusion.tsv; item: "fig5" or "fig7".
    """
    names = [f"pred_{name:g}" for name in classes]
    rows = published[(published["item"] == item) & (published["scheme"] == scheme) & (published["model"] == model)]
    rows = rows.set_index("true_celsius")
    if not (set(classes) == set(rows.index) and set(names) <= set(rows)):
        return None
    counts = np.pad(rows.loc[list(classes), names].to_numpy(float), ((0, 0), (0, 1)))
    return Matrix(counts, round(counts.sum()), FITS_OF_THE_PAPER, pooled=False)


def draw_table2(fits, classes, data, title):
    """Confusion matrices of the fits of Table 2; as :func:`draw_by_features`."""
    predictions = {(fit.spec.features, fit.spec.model): fit.predictions for fit in fits}
    return draw_by_features(predictions, classes, data, title=title)


@style.look()
def draw_by_features(predictions, classes, data, part="test", title=""):
    """Confusion matrices of many fits: a row of matrices a model, a column a feature set.

    predictions: {(features, model): the waist's table}, in the order of drawing; what is missing stays empty.
    """
    counted = {(model, features): count(table, classes, part) for (features, model), table in predictions.items()}
    figure, left, bottom = _grid(counted, str, features_label, classes, data)
    style.text_mm(figure, left, 2.2, title, weight="bold")
    style.text_mm(figure, left, bottom, f"{style.PARTS[part][0]} part{_how_counted(counted.values())}")
    return figure


@style.look()
def draw_beside_paper(fits, published, item, classes, data, title=""):
    """Figures 5 and 7: test predictions of a few models, a row of matrices a protocol, the last row the paper's.

    fits: Fit, of one pre-training and one policy; published: resources/published/confusion.tsv; item: "fig5" or
    "fig7"; classes: temperatures (C); title: what is shown. The paper's row is left out where it has none of the
    models or other temperatures.
    """
    summaries.check_same(fits, ("pretraining", "policy"), title or item)
    counted = {}
    for protocol, here in summaries.by_protocol(fits).items():
        for fit in here:
            counted[protocol, (fit.spec.scheme, fit.spec.model)] = count(fit.predictions, classes)
    for column in dict.fromkeys(column for _, column in counted):
        matrix = printed(published, item, *column, classes)
        counted |= {(summaries.PAPER, column): matrix} if matrix else {}
    figure, left, bottom = _grid(counted, _row_words, _model_words, classes, data)
    style.text_mm(figure, left, 2.2, title, weight="bold")
    for place, row in enumerate(dict.fromkeys(row for row, _ in counted)):
        ways = [matrix for (name, _), matrix in counted.items() if name == row]
        style.text_mm(figure, left, bottom + 3.4 * place, f"{_row_words(row)}{_how_counted(ways)}", color=SOFT)
    return figure


def _row_words(row):
    return "paper, real films" if row == summaries.PAPER else row


def _model_words(column):
    scheme, model = column
    return f"{model}, {scheme_label(scheme)}"


def _how_counted(matrices):
    """How many samples and folds the matrices count, where it is the same for all of them."""
    ways = {(matrix.samples, matrix.folds, matrix.pooled, matrix.deals) for matrix in matrices}
    if len(ways) > 1:
        return ""
    samples, folds, pooled, deals = ways.pop()
    how = f"sum over {folds} folds" if pooled else f"mean over {folds} fits"
    return f": {samples} films, {how}" + (f", mean of {deals} deals" if deals > 1 else "")


def _grid(counted, row_words, column_words, classes, data):
    """A figure with every Matrix of {(row, column): Matrix} in its place, and the bar of shades.

    Returns (figure, left margin in mm, where there is room for a line of words below in mm).
    """
    if not counted:
        raise UserError("Confusion matrices: there are no predictions to count; ask for models in experiments.")
    rows, columns = (list(dict.fromkeys(key[side] for key in counted)) for side in (0, 1))
    width = len(classes) + any(matrix.counts[:, -1].any() for matrix in counted.values())
    names = [f"{name:g}" for name in classes] + ["none"]
    side, gap, left, top = _layout(len(columns), width)
    spare = 4 * (side / width < SMALL_MM)
    tall = top + len(rows) * (side + ROW_MM) + 12 + spare + 3.4 * len(rows)
    figure = style.canvas(max(left + len(columns) * (side + gap), SINGLE_MM), tall, data)
    for (row, column), matrix in counted.items():
        across, down = columns.index(column), rows.index(row)
        spot = left + across * (side + gap), top + down * (side + ROW_MM)
        axes = style.axes_mm(figure, *spot, side, side)
        shown = _draw(axes, matrix.counts[:, :width], matrix.whole, names, small=side / width < SMALL_MM)
        lowest = max(place for place, name in enumerate(rows) if (name, column) in counted)
        _edges(axes, column == next(name for name in columns if (row, name) in counted), down == lowest)
    for across, column in enumerate(columns):
        middle = left + across * (side + gap) + side / 2
        words = _fitting(column_words(column), side + gap)
        style.text_mm(figure, middle, top - 5.2, words, ha="center", va="bottom", weight="bold")
    for down, row in enumerate(rows):
        middle = top + down * (side + ROW_MM) + side / 2
        words = {"fontsize": 8, "weight": "bold", "va": "center", "rotation": 90}
        style.text_mm(figure, 1.5, middle, row_words(row), **words)
    bottom = top + len(rows) * (side + ROW_MM) + 3.5 + spare
    bar = style.axes_mm(figure, left, bottom, 40, 2.2)
    figure.colorbar(shown, cax=bar, orientation="horizontal", ticks=[0, 50, 100]).outline.set_linewidth(0.4)
    style.text_mm(figure, left + 43, bottom, "% of the true class")
    return figure, left, bottom + 7.8


def _layout(columns, width):
    """Side, gap, left and top margin (mm) of matrices of `width` cells that fill two columns of a page at most."""
    left, gap = 15.0, 4.0 if columns < 7 else 2.0
    return min((DOUBLE_MM - left) / columns - gap, max(38.0, 8.5 * width)), gap, left, 19.0


def _fitting(words, room_mm):
    """A heading on two lines where one would be wider than room_mm (bold, 7 points: 1.6 mm a letter)."""
    if 1.6 * len(words) <= room_mm:
        return words
    first, comma, second = words.removesuffix(" of variance").partition(", ")
    return f"{first}\n{second}" if comma else first.replace(" ", "\n", 1)


def _draw(axes, counts, whole, names, small):
    """One matrix; small: without the shares in words, temperatures upright."""
    totals = counts.sum(axis=1, keepdims=True)
    share = 100 * np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    shown = axes.imshow(share, cmap=LinearSegmentedColormap.from_list("share", SHADES), vmin=0, vmax=100, aspect="auto")
    for (row, column), number in np.ndenumerate(counts):
        ink = PAPER if share[row, column] > 58 else INK
        words = f"{number:.0f}" if whole or small else f"{number:.1f}"
        if small:
            axes.text(column, row, words, ha="center", va="center", color=ink, fontsize=6)
            continue
        axes.text(column, row - 0.04, words, ha="center", va="bottom", color=ink, fontsize=8)
        axes.text(column, row + 0.10, f"{share[row, column]:.0f} %", ha="center", va="top", color=ink, fontsize=6)
    axes.set_title(f"{100 * np.trace(counts) / max(counts.sum(), 1e-12):.1f} % right", fontsize=6.5, pad=2.5)
    axes.set_xticks(range(counts.shape[1]), names[: counts.shape[1]])
    axes.set_yticks(range(len(counts)), names[: len(counts)])
    axes.tick_params(length=0, pad=2)
    axes.tick_params(axis="x", rotation=90 if small else 0)
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.4)
    return shown


def _edges(axes, first_column, last_row):
    """Names of the axes and labels of temperature only at the outer edge."""
    axes.set_ylabel("True (°C)" if first_column else "", labelpad=2)
    axes.set_xlabel("Predicted (°C)" if last_row else "", labelpad=2)
    axes.tick_params(labelleft=first_column, labelbottom=last_row)
