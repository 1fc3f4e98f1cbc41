"""Data leakage: validation and test accuracy by protocol and labels, and the effect of every leak.

Drawn from the table alone. A model has one colour and one marker; the reported split is filled, the other hollow; bars
are 95 % confidence intervals.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from micrograph.errors import UserError
from micrograph.evaluation import leakage, summaries
from micrograph.evaluation.labels import model_label
from micrograph.figures import style
from micrograph.figures.style import DASHED, DOUBLE_MM, INK, PAPER, SOFT
from micrograph.splits import protocols

# Colours for colour-blind readers (after Okabe and Ito 2008), each with its own marker.
COLOURS = ("#16407a", "#d9822b", "#1a9a75", "#b0457b", "#56a7d8", "#8a6d00", "#5a6472", "#c43c2c")
HEAD_MM, LEFT_MM, PANEL_MM, ROW_MM, LEGEND_MM = 9.5, 13.0, 51.0, 7.4, 4.2
NAMES_MM, AROUND_MM = 34.0, 21.0  # left of the panels of leaks; above and below them
TITLES = {
    "true": "true labels",
    "films": "labels permuted between samples",
    "batches": "labels permuted between growth days",
}
LEAKS = {
    "features_from_one_fold": "features of all folds\nfrom one network",
    "pca_on_all": "PCA fitted\non all samples",
    "scaler_on_validation": "features scaled with\nvalidation samples",
    "selection_on_reported_split": "selection on the\nreported split",
    "validation_in_train_mode": "validation loss\nin training mode",
    "last_checkpoint": "last checkpoint,\nnot the best",
    "ungrouped": "samples of a day\non both sides",
}
# Base -> (the sign of its leaks, the heading of its slopes, and of its leaks).
BASES = {
    "strict": ("+", "strict: reports test accuracy", "strict with one leak added: change in test accuracy"),
    "published": (
        "-",
        "published: reports validation accuracy",
        "published with one leak closed: change in validation accuracy",
    ),
}
Marks = Mapping[tuple[str, str], tuple[str, str]]  # (features, model) -> (colour, marker)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw validation and test accuracy by protocol and labels, and below the effects of single leaks.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.leakage`, of one pre-training, policy and scheme; means of models are not drawn.

    Returns
    -------
    Figure

    Raises
    ------
    UserError
        If neither the strict nor the published protocol was run.
    """
    table = table[table["model"] != leakage.ALL]
    models = list(dict.fromkeys(zip(table["features"], table["model"], strict=True)))
    marks = {model: _mark_of(place) for place, model in enumerate(models)}
    rows = [(_draw_slopes, table[table["protocol"] == base], PANEL_MM) for base in BASES]
    changed = [table[table["protocol"].str.startswith(f"{base}{sign}")] for base, (sign, *_) in BASES.items()]
    rows += [(_draw_leaks, here, AROUND_MM + ROW_MM * len(_leaks_of(here))) for here in changed]
    rows = [row for row in rows if not row[1].empty]
    if not rows or rows[0][0] is _draw_leaks:
        raise UserError("the figure of leakage needs strict or published: add one to experiments.leakage.protocols.")
    top = HEAD_MM + LEGEND_MM * -(-(len(models) + 2) // 4)
    title = "Validation and test accuracy by protocol, on true and permuted labels"
    figure = style.canvas(DOUBLE_MM, top + sum(tall for *_, tall in rows), title)
    looks = {model_label(model, features): style.mark_look(*marks[features, model]) for features, model in models}
    looks |= {"hollow: split not reported": style.mark_look(SOFT, hollow=True), "chance level": DASHED}
    style.legend_mm(figure, 4, 7.0, 4, looks, labelspacing=0.55)
    for letter, (draw_row, here, tall) in zip("abcd", rows, strict=False):
        style.letter_panel(figure, 1.5, top, letter)
        draw_row(figure, here, marks, top)
        top += tall
    return figure


def _mark_of(place: int) -> tuple[str, str]:
    """Return the colour and the marker of a model; where colours repeat, markers differ."""
    around = place // len(COLOURS)
    return COLOURS[place % len(COLOURS)], style.MARKERS[(place + around) % len(style.MARKERS)]


def _leaks_of(rows: pd.DataFrame) -> list[str]:
    return [leak for leak in LEAKS if rows["protocol"].str.endswith(leak).any()]


def _panels(figure: Figure, rows: pd.DataFrame, left: float, top: float, tall: float) -> dict[str, Axes]:
    """Add axes side by side, one for each kind of labels, with its title."""
    labels = [name for name in TITLES if name in set(rows["labels"])]
    room = (DOUBLE_MM - left) / len(labels)
    panels = {name: style.axes_mm(figure, left + i * room, top, room - 5, tall) for i, name in enumerate(labels)}
    for name, axes in panels.items():
        axes.set_title(TITLES[name], loc="left", pad=4)
    return panels


def _draw_slopes(figure: Figure, rows: pd.DataFrame, marks: Marks, top: float) -> None:
    """Draw one protocol: a panel per kind of labels."""
    style.text_mm(figure, 5.5, top + 0.3, BASES[rows["protocol"].iloc[0]][1], weight="bold")
    for place, (name, axes) in enumerate(_panels(figure, rows, LEFT_MM, top + 9, PANEL_MM - 19).items()):
        _slope_panel(axes, rows[rows["labels"] == name].to_dict("records"), marks, rows["reported"].iloc[0])
        axes.tick_params(axis="y", labelleft=place == 0)
        axes.set_ylabel("Accuracy (%)" if place == 0 else "")


def _slope_panel(axes: Axes, rows: Sequence[Mapping], marks: Marks, reported: str) -> None:
    """Draw every model's validation and test accuracy, joined, each with its interval and its chance level."""
    width = 0.56 / max(len(marks), 1)
    shifts = {model: width * (place - (len(marks) - 1) / 2) for place, model in enumerate(marks)}
    for row in rows:
        model = row["features"], row["model"]
        spots = [place + shifts[model] for place in range(2)]
        values = [row[f"{part}_pct"] for part in leakage.PARTS]
        axes.plot(spots, values, color=marks[model][0], lw=0.9, alpha=0.55, zorder=2)
        for spot, part, value in zip(spots, leakage.PARTS, values, strict=True):
            axes.plot([spot - width / 2, spot + width / 2], [row[f"chance_{part}_pct"]] * 2, **DASHED)
            ends = [row[f"{part}_pct{end}"] for end in summaries.ENDS[1:]]
            style.mark(axes, value, spot, ends, style.mark_look(*marks[model], part != reported), vertical=True)
    text = [part + ("\n(reported)" if part == reported else "\n") for part in leakage.PARTS]
    axes.set_xticks(range(2), text, linespacing=1.2)
    axes.set(xlim=(-0.45, 1.45), ylim=(0, 100), yticks=range(0, 101, 20))
    axes.grid(axis="y")
    axes.tick_params(axis="x", length=0)


def _draw_leaks(figure: Figure, rows: pd.DataFrame, marks: Marks, top: float) -> None:
    """Draw the leaks of one protocol: a panel per kind of labels, in it a row per leak, one axis for all."""
    base = protocols.parse(rows["protocol"].iloc[0]).base
    style.text_mm(figure, 5.5, top + 0.3, BASES[base][2], weight="bold")
    leaks = _leaks_of(rows)
    ends = rows[[f"change_pct_points{end}" for end in summaries.ENDS]].to_numpy(float)
    reach = 1.08 * max(5.0, np.max(np.abs(ends[np.isfinite(ends)]), initial=0.0))
    panels = _panels(figure, rows, NAMES_MM, top + 9, len(leaks) * ROW_MM)
    for place, (name, axes) in enumerate(panels.items()):
        for row, leak in enumerate(leaks):
            here = rows[(rows["labels"] == name) & rows["protocol"].str.endswith(leak)]
            _draw_leak(axes, row, here.to_dict("records"), marks)
        style.label_rows(axes, [LEAKS[leak] if place == 0 else "" for leak in leaks])
        axes.set(xlim=(-reach, reach), xlabel="change (percentage points)")
        axes.axvline(0, color=INK, lw=0.8, zorder=1)


def _draw_leak(axes: Axes, place: int, rows: Sequence[Mapping], marks: Marks) -> None:
    """Draw what one leak changes in every model."""
    shifts = dict(zip(marks, 0.74 / len(marks) * (np.arange(len(marks)) - (len(marks) - 1) / 2), strict=True))
    for row in rows:
        model = row["features"], row["model"]
        value, *ends = (row[f"change_pct_points{end}"] for end in summaries.ENDS)
        style.mark(axes, value, place + shifts[model], ends, style.mark_look(*marks[model]))
    if not rows:
        axes.text(0, place, "not run", ha="center", va="center", fontsize=6, color=SOFT, backgroundcolor=PAPER)
