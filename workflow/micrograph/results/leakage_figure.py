"""The figure of leakage: slopes from validation to test, and what each leak does to what is reported.

Drawn from the table of leakage.py alone, so that figure and table cannot differ. A model has one colour and one shape
throughout; the part that a protocol reports is filled, the other hollow; bars are 95 % intervals.
"""

import numpy as np

from micrograph.faults import Fault
from micrograph.results import leakage, style
from micrograph.results.style import DOUBLE_MM, FAINT, INK, PAPER, SOFT

# Colours that colour-blind readers tell apart (after Okabe and Ito 2008), each with a shape of its own.
COLOURS = ("#16407a", "#d9822b", "#1a9a75", "#b0457b", "#56a7d8", "#8a6d00", "#5a6472", "#c43c2c")
HEAD_MM, LEFT_MM, PANEL_MM, ROW_MM, LEGEND_MM = 9.5, 13.0, 52.0, 8.6, 4.2
TITLES = {
    "true": "true temperatures",
    "films": "temperatures dealt by chance, film by film",
    "batches": "temperatures dealt by chance, day by day",
}
LEAKS = {
    "one_fold": "features of all folds\nfrom one fold's network",
    "all_rows": "components fitted\non all films",
    "grid": "settings chosen on\nthe films reported",
    "train_mode": "validation loss\nin training mode",
    "last_weights": "last weights kept,\nnot the best",
    "ungrouped": "films of a day\non both sides",
}
# Base -> (the sign of its leaks, what the row of its slopes is called, and the panel of its leaks).
BASES = {
    "strict": ("+", "strict: reports test accuracy", "One leak added to strict: test accuracy"),
    "published": ("-", "published: reports validation accuracy", "One leak closed in published: validation accuracy"),
}


@style.look()
def leakage_figure(table, data_label):
    """The figure: a row of slopes a protocol, true and shuffled labels side by side; below, each leak by itself.

    table: of leakage.table, one pre-training, policy and scheme; data_label: "simulated films" or "real films".
    """
    models = list(dict.fromkeys(zip(table["features"], table["model"], strict=True)))
    marks = {
        model: (COLOURS[i % len(COLOURS)], style.MARKERS[i % len(style.MARKERS)]) for i, model in enumerate(models)
    }
    bases = [name for name in BASES if name in set(table["protocol"])]
    labels = [name for name in TITLES if name in set(table.loc[table["protocol"].isin(bases), "labels"])]
    if not bases:
        raise Fault("the figure of leakage needs strict or published: add one to experiments.leakage.protocols.")
    leaks = [leak for leak in LEAKS if any(_leaking(table, base, leak) is not None for base in BASES)]
    head = HEAD_MM + LEGEND_MM * -(-(len(models) + 2) // 4)
    slopes = len(bases) * PANEL_MM
    below = len(leaks) * ROW_MM + 14 if leaks else 0
    figure = style.canvas(DOUBLE_MM, head + slopes + below + 2, data_label)
    _head(figure, marks)
    for row, base in enumerate(bases):
        style.text_mm(figure, 1.5, head + row * PANEL_MM, "abc"[row], fontsize=8.5, weight="bold")
        _slopes(figure, table[table["protocol"] == base], labels, marks, head + row * PANEL_MM)
    if leaks:
        style.text_mm(figure, 1.5, head + slopes, "abc"[len(bases)], fontsize=8.5, weight="bold")
        _leaks(figure, table, leaks, marks, head + slopes)
    return figure


def _leaking(table, base, leak):
    """The rows of a base with one leak changed, on true labels; None where it was not run."""
    here = table[(table["protocol"] == f"{base}{BASES[base][0]}{leak}") & (table["labels"] == "true")]
    return None if here.empty else here


def _head(figure, marks):
    """The title and the marks of all models."""
    style.text_mm(figure, 4, 2.2, "What does each protocol report, and would it be there for new films?", weight="bold")
    axes = style.axes_mm(figure, 2, 2, 1, 1)
    axes.set_axis_off()
    for (features, model), (colour, shape) in marks.items():
        words = f"{model}, {style.features_words(features)}"
        axes.plot([], [], shape, ms=4.4, mfc=colour, mec=PAPER, mew=0.4, label=words)
    axes.plot([], [], "o", ms=3.6, mfc=PAPER, mec=SOFT, mew=0.9, label="hollow: not what is reported")
    axes.plot([], [], color=INK, lw=0.8, ls=(0, (2, 1.5)), label="chance")
    corner = 4 / DOUBLE_MM, 1 - 7.0 / (figure.get_size_inches()[1] * style.MM_PER_INCH)
    spread = {"columnspacing": 1.4, "borderpad": 0, "borderaxespad": 0, "handlelength": 1.4, "labelspacing": 0.55}
    figure.legend(*axes.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=corner, ncols=4, **spread)


def _slopes(figure, rows, labels, marks, top):
    """One protocol: a panel a kind of labels."""
    room = (DOUBLE_MM - LEFT_MM) / len(labels)
    style.text_mm(figure, 5.5, top + 0.3, BASES[rows["protocol"].iloc[0]][1], weight="bold")
    for place, name in enumerate(labels):
        axes = style.axes_mm(figure, LEFT_MM + place * room, top + 9, room - 5, PANEL_MM - 19)
        here = rows[rows["labels"] == name]
        _slope_panel(axes, here.to_dict("records"), marks, rows["reported"].iloc[0])
        axes.set_title(TITLES[name], loc="left", pad=4)
        axes.set_ylabel("Accuracy (%)" if place == 0 else "")
        axes.tick_params(axis="y", labelleft=place == 0)


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
            ends = [row[f"{part}_pct{end}"] for end in leakage.ENDS[1:]]
            if np.isfinite(ends).all():
                axes.plot([spot] * 2, ends, color=colour, lw=1.0, zorder=3, solid_capstyle="butt")
            _mark(axes, spot, value, colour, shape, part == reported)
    if not rows:
        axes.text(0.5, 50, "not run", ha="center", va="center", color=SOFT)
    words = [part + ("\n(reported)" if part == reported else "\n") for part in leakage.PARTS]
    axes.set_xticks(range(2), words, linespacing=1.2)
    axes.set(xlim=(-0.45, 1.45), ylim=(0, 100))
    axes.set_yticks(range(0, 101, 20))
    axes.grid(axis="y", color=FAINT, lw=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", length=0)


def _mark(axes, across, value, colour, shape, filled):
    """A mark, filled or hollow."""
    fill = {"mfc": colour, "mec": PAPER, "mew": 0.4} if filled else {"mfc": PAPER, "mec": colour, "mew": 0.9}
    axes.plot([across], [value], shape, ms=4.4 if filled else 3.6, zorder=4, clip_on=False, **fill)


def _leaks(figure, table, leaks, marks, top):
    """Two panels: each leak added to strict, each closed in published; a row a leak, one axis for both."""
    left, gap = 34.0, 6.0
    wide = (DOUBLE_MM - left - gap - 5) / 2
    changes = table.loc[table["labels"] == "true", [f"change_points{end}" for end in leakage.ENDS]]
    reach = 1.08 * max(5.0, np.nanmax(np.abs(changes.to_numpy(float)), initial=0.0))
    for place, (base, (*_, title)) in enumerate(BASES.items()):
        axes = style.axes_mm(figure, left + place * (wide + gap), top + 5, wide, len(leaks) * ROW_MM)
        for row, leak in enumerate(leaks):
            _leak_row(axes, row, _leaking(table, base, leak), marks)
        axes.set_ylim(len(leaks) - 0.5, -0.5)
        axes.set_yticks(range(len(leaks)), [LEAKS[leak] for leak in leaks], linespacing=1.2)
        axes.tick_params(axis="y", length=0, labelleft=place == 0)
        axes.axvline(0, color=INK, lw=0.8, zorder=1)
        for line in np.arange(len(leaks) - 1) + 0.5:
            axes.axhline(line, color=FAINT, lw=0.5, zorder=0)
        axes.grid(axis="x", color=FAINT, lw=0.4)
        axes.set_axisbelow(True)
        axes.set(xlim=(-reach, reach), xlabel="change of the reported accuracy (points)")
        axes.set_title(title, loc="left", pad=4, weight="bold")


def _leak_row(axes, place, rows, marks):
    """What one leak does to every model."""
    if rows is None:
        axes.text(0, place, "not run", ha="center", va="center", fontsize=6, color=SOFT, backgroundcolor=PAPER)
        return
    step = 0.74 / max(len(marks), 1)
    kept = {(row["features"], row["model"]): row for row in rows.to_dict("records")}
    for order, (model, (colour, shape)) in enumerate(marks.items()):
        if model not in kept:
            continue
        down = place + step * (order - (len(marks) - 1) / 2)
        value, *ends = (kept[model][f"change_points{end}"] for end in leakage.ENDS)
        if np.isfinite(ends).all():
            axes.plot(ends, [down] * 2, color=colour, lw=1.0, zorder=2, solid_capstyle="butt")
        axes.plot([value], [down], shape, ms=4.0, mfc=colour, mec=PAPER, mew=0.4, zorder=3)
