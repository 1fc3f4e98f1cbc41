"""Data leakage: validation and test accuracy by protocol and labels, and the effect of every leak.

Drawn from the table alone. A model has one colour and one marker; the reported split is filled, the other hollow; bars
are 95 % confidence intervals.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from micrograph.errors import UserError
from micrograph.evaluation import leakage, summaries
from micrograph.evaluation.labels import model_label
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, PAPER, SOFT
from micrograph.splits import protocols

# Colours for colour-blind readers (after Okabe and Ito 2008), each with its own marker.
COLOURS = ("#16407a", "#d9822b", "#1a9a75", "#b0457b", "#56a7d8", "#8a6d00", "#5a6472", "#c43c2c")
HEAD_MM, LEFT_MM, PANEL_MM, ROW_MM, LEGEND_MM = 9.5, 13.0, 51.0, 7.4, 4.2
WORDS_MM, AROUND_MM = 34.0, 21.0  # beside the panels of leaks; above and below them
TITLES = {
    "true": "true labels",
    "films": "labels permuted between samples",
    "batches": "labels permuted between growth days",
}
LEAKS = {
    "features_from_one_fold": "features of all folds\nfrom one network",
    "pca_on_all": "PCA fitted\non all samples",
    "selection_on_reported_split": "selection on the\nreported split",
    "validation_in_train_mode": "validation loss\nin training mode",
    "last_checkpoint": "last checkpoint,\nnot the best",
    "ungrouped": "samples of a day\non both sides",
}
# Base -> (the sign of its leaks, what the row of its slopes is called, and the row of its leaks).
BASES = {
    "strict": ("+", "strict: reports test accuracy", "strict with one leak added: change in test accuracy"),
    "published": (
        "-",
        "published: reports validation accuracy",
        "published with one leak closed: change in validation accuracy",
    ),
}


@style.context()
def draw(table: pd.DataFrame, data: str) -> Figure:
    """Draw validation and test accuracy by protocol and labels, and below the effects of single leaks.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.leakage`, of one pre-training, policy and scheme; means of models are not drawn.
    data : str
        Label of the data, a key of `style.BADGES`.

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
    marks = {model: _look(place) for place, model in enumerate(models)}
    rows = [(_slopes, table[table["protocol"] == base], PANEL_MM) for base in BASES]
    changed = {base: table[table["protocol"].str.startswith(f"{base}{sign}")] for base, (sign, *_) in BASES.items()}
    rows += [(_leaks, here, AROUND_MM + ROW_MM * len(_leaks_of(here))) for here in changed.values()]
    rows = [row for row in rows if not row[1].empty]
    if not rows or rows[0][0] is _leaks:
        raise UserError("the figure of leakage needs strict or published: add one to experiments.leakage.protocols.")
    top = HEAD_MM + LEGEND_MM * -(-(len(models) + 2) // 4)
    figure = style.canvas(DOUBLE_MM, top + sum(tall for *_, tall in rows), data)
    _head(figure, marks)
    for letter, (draw, here, tall) in zip("abcd", rows, strict=False):
        style.text_mm(figure, 1.5, top, letter, fontsize=8.5, weight="bold")
        draw(figure, here, marks, top)
        top += tall
    return figure


def _look(place):
    """Colour and shape of a model; where colours repeat, shapes differ."""
    around = place // len(COLOURS)
    return COLOURS[place % len(COLOURS)], style.MARKERS[(place + around) % len(style.MARKERS)]


def _leaks_of(rows):
    """Return the leaks that the protocols of these rows change, in one order."""
    return [leak for leak in LEAKS if rows["protocol"].str.endswith(leak).any()]


def _head(figure, marks):
    """Write the title and the key of all models."""
    style.text_mm(
        figure, 4, 2.2, "Validation and test accuracy by protocol, on true and permuted labels", weight="bold"
    )
    axes = style.hidden_axes(figure)
    for (features, model), (colour, shape) in marks.items():
        label = model_label(model, features)
        axes.plot([], [], shape, ms=4.4, label=label, **style.mark_fill(colour))
    axes.plot([], [], "o", ms=3.6, mfc=PAPER, mec=SOFT, mew=0.9, label="hollow: split not reported")
    axes.plot([], [], color=INK, lw=0.8, ls=(0, (2, 1.5)), label="chance level")
    style.legend_mm(figure, axes, 4, 7.0, 4, labelspacing=0.55)


def _columns(figure, rows, left, top, tall):
    """Axes side by side, one for every kind of labels: [(labels, axes)]; each says above it what its labels are."""
    labels = [name for name in TITLES if name in set(rows["labels"])]
    room = (DOUBLE_MM - left) / len(labels)
    made = [
        (name, style.axes_mm(figure, left + place * room, top, room - 5, tall)) for place, name in enumerate(labels)
    ]
    for place, (name, axes) in enumerate(made):
        axes.set_title(TITLES[name], loc="left", pad=4)
        axes.tick_params(axis="y", labelleft=place == 0)
    return made


def _slopes(figure, rows, marks, top):
    """One protocol: a panel a kind of labels."""
    style.text_mm(figure, 5.5, top + 0.3, BASES[rows["protocol"].iloc[0]][1], weight="bold")
    made = _columns(figure, rows, LEFT_MM, top + 9, PANEL_MM - 19)
    for name, axes in made:
        here = rows[rows["labels"] == name]
        _slope_panel(axes, here.to_dict("records"), marks, rows["reported"].iloc[0])
    made[0][1].set_ylabel("Accuracy (%)")


def _slope_panel(axes, rows, marks, reported):
    """Every model's validation and test accuracy, joined, each with its interval and its chance."""
    width = 0.56 / max(len(marks), 1)
    shifts = {model: width * (place - (len(marks) - 1) / 2) for place, model in enumerate(marks)}
    for row in rows:
        model = row["features"], row["model"]
        colour, shape = marks[model]
        spots = [place + shifts[model] for place in range(2)]
        values = [row[f"{part}_pct"] for part in leakage.PARTS]
        axes.plot(spots, values, color=colour, lw=0.9, alpha=0.55, zorder=2)
        for spot, part, value in zip(spots, leakage.PARTS, values, strict=True):
            chance = row[f"chance_{part}_pct"]
            axes.plot([spot - width / 2, spot + width / 2], [chance] * 2, color=INK, lw=0.8, ls=(0, (2, 1.5)), zorder=1)
            ends = [row[f"{part}_pct{end}"] for end in summaries.ENDS[1:]]
            if np.isfinite(ends).all():
                axes.plot([spot] * 2, ends, color=colour, lw=1.0, zorder=3, solid_capstyle="butt")
            _mark(axes, spot, value, colour, shape, part == reported)
    text = [part + ("\n(reported)" if part == reported else "\n") for part in leakage.PARTS]
    axes.set_xticks(range(2), text, linespacing=1.2)
    axes.set(xlim=(-0.45, 1.45), ylim=(0, 100))
    axes.set_yticks(range(0, 101, 20))
    axes.grid(axis="y", color=FAINT, lw=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", length=0)


def _mark(axes, across, value, colour, shape, filled):
    """Draw a mark, filled or hollow."""
    size = (4.4 if filled else 3.6) * (1.4 if shape == "*" else 1)
    axes.plot([across], [value], shape, ms=size, zorder=4, clip_on=False, **style.mark_fill(colour, not filled, 0.9))


def _leaks(figure, rows, marks, top):
    """Draw the leaks of one protocol: a panel a kind of labels, in it a row a leak, one axis for all."""
    protocol = protocols.parse(rows["protocol"].iloc[0])
    style.text_mm(figure, 5.5, top + 0.3, BASES[protocol.base][2], weight="bold")
    leaks = _leaks_of(rows)
    ends = rows[[f"change_pct_points{end}" for end in summaries.ENDS]].to_numpy(float)
    reach = 1.08 * max(5.0, np.max(np.abs(ends[np.isfinite(ends)]), initial=0.0))
    for name, axes in _columns(figure, rows, WORDS_MM, top + 9, len(leaks) * ROW_MM):
        for place, leak in enumerate(leaks):
            here = rows[(rows["labels"] == name) & rows["protocol"].str.endswith(leak)]
            _leak_row(axes, place, here.to_dict("records"), marks)
        axes.set(xlim=(-reach, reach), ylim=(len(leaks) - 0.5, -0.5), xlabel="change (percentage points)")
        axes.set_yticks(range(len(leaks)), [LEAKS[leak] for leak in leaks], linespacing=1.2)
        axes.tick_params(axis="y", length=0)
        axes.axvline(0, color=INK, lw=0.8, zorder=1)
        style.row_lines(axes, len(leaks))
        axes.grid(axis="x", color=FAINT, lw=0.4)
        axes.set_axisbelow(True)


def _leak_row(axes, place, rows, marks):
    """Draw what one leak changes in every model that it reaches."""
    step = 0.74 / len(marks)
    kept = {(row["features"], row["model"]): row for row in rows}
    for order, (model, (colour, shape)) in enumerate(marks.items()):
        value, *ends = (kept.get(model, {}).get(f"change_pct_points{end}", np.nan) for end in summaries.ENDS)
        down = place + step * (order - (len(marks) - 1) / 2)
        if np.isfinite(ends).all():
            axes.plot(ends, [down] * 2, color=colour, lw=1.0, zorder=2, solid_capstyle="butt")
        if np.isfinite(value):
            _mark(axes, value, down, colour, shape, True)
    if not kept:
        axes.text(0, place, "not run", ha="center", va="center", fontsize=6, color=SOFT, backgroundcolor=PAPER)
