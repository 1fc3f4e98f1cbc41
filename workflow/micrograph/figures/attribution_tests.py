"""Tests of the attribution maps: localisation, deletion and insertion, similarity after randomisation.

Drawn from the table alone. Marks are means with 95 % confidence intervals; hollow marks are the control, maps of other
samples.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from micrograph.evaluation.attribution_tests import ARTEFACTS, FEATURES, MAPS, WHOLE
from micrograph.evaluation.labels import scheme_label
from micrograph.figures import style
from micrograph.figures.style import DOUBLE_MM, FAINT, INK, SOFT

# Map -> (colour, marker): distinguished by shape, and in grey by lightness.
MARKS = {
    "cam": ("#9aa5b4", "s"),
    "cam_class": ("#7a2a8c", "D"),
    "grad_cam": ("#7a2a8c", "D"),
    "occlusion": ("#1a9a55", "o"),
    "occlusion_abs": ("#d9822b", "^"),
}
HEAD_MM, ROW_MM, LEFT_MM, GAP_MM, BELOW_MM = 18.0, 9.2, 27.0, 10.0, 16.0
LINES = {"deletion": "deletion\n(lower: better)", "insertion": "insertion\n(higher: better)"}
LIKE = {
    "agreement": "with occlusion\n(higher: better)",
    "randomised_head": "with itself,\nhead randomised",
    "randomised_all": "with itself,\nall randomised",
}
TICKS = (0.125, 0.25, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 4, 8)


@style.context()
def draw(table: pd.DataFrame, data: str) -> Figure:
    """Draw localisation of the maps where features are known, then deletion, insertion and similarity of maps.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.attribution_tests`.
    data : str
        Label of the data, a key of `style.BADGES`.

    Returns
    -------
    Figure
    """
    shown = [name for name in MAPS if name in set(table["map"])]
    features = [name for name in FEATURES if name in set(table["feature"])]
    first = HEAD_MM + (len(features) * ROW_MM + BELOW_MM if features else 0)
    below = 7 + ROW_MM * 1.15 * len(LIKE)
    figure = style.canvas(DOUBLE_MM, first + below + 10, data)
    _head(figure, table, shown)
    wide = (DOUBLE_MM - LEFT_MM - GAP_MM - 5) / 2
    if features:
        axes = style.axes_mm(figure, LEFT_MM, HEAD_MM + 4, wide, len(features) * ROW_MM)
        _mass(axes, table, shown, features)
        axes = style.axes_mm(figure, LEFT_MM + wide + GAP_MM, HEAD_MM + 4, wide, len(features) * ROW_MM)
        _pointing(axes, table, shown, features)
    axes = style.axes_mm(figure, LEFT_MM, first + 4, wide - 12, below - 7)
    _curves(axes, table, shown)
    axes = style.axes_mm(figure, LEFT_MM + wide + GAP_MM + 12, first + 4, wide - 12, below - 7)
    _likeness(axes, table, shown)
    panels = [(1.5, HEAD_MM - 1), (LEFT_MM + wide + 3, HEAD_MM - 1)] if features else []
    for letter, spot in zip("abcd", [*panels, (1.5, first - 1), (LEFT_MM + wide + 3, first - 1)], strict=False):
        style.text_mm(figure, *spot, letter, fontsize=8.5, weight="bold")
    return figure


def _head(figure, table, shown):
    """Write what is shown, of how many films, and the key of the marks."""
    first = table.iloc[0]
    text = f"Tests of the attribution maps: CNN, {scheme_label(first['scheme'])}, pre-trained on "
    text += f"{first['pretraining']}, {first['protocol']} protocol"
    style.text_mm(figure, 4, 2.2, text, weight="bold")
    counted = f"{table['n_samples'].max()} samples of {table['n_batches'].max()} growth days, each by the network"
    style.text_mm(figure, 4, 6.4, f"{counted} that tests it; bars: 95 % confidence intervals", color=SOFT)
    axes = style.hidden_axes(figure)
    for name in shown:
        colour, marker = MARKS[name]
        axes.plot([], [], marker, ms=4.2, label=MAPS[name], **style.mark_fill(colour))
    axes.plot([], [], "o", ms=3.4, **style.mark_fill(SOFT, hollow=True), label="hollow: map of another sample")
    style.legend_mm(figure, axes, 4, 10.6, len(shown) + 1, handlelength=1.2)


def _mass(axes, table, shown, features):
    """Share of the map on a feature, divided by the feature's share of the picture; 1 is a map that does not care."""
    rows = _rows(table, "mass")
    for place, feature in enumerate(features):
        for name, shift in _shifts(shown):
            row = rows.get((name, feature))
            if row:
                _mark(axes, place + shift, row["ratio"], row["ratio_low"], row["ratio_high"], name)
                _hollow(axes, place + shift, row["control_ratio"], name)
    axes.set_xscale("log", base=2)
    _lined(axes, [FEATURES[name] for name in features], 1)
    reach = _reach(rows, shown, features)
    ticks = [tick for tick in TICKS if 1 / reach <= tick <= reach]
    axes.set(xlim=(1 / reach, reach), xlabel="share of positive attribution ÷ share of the area")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_title("Attribution by feature (shaded: artefacts)", loc="left", pad=4)
    _apart(axes, features)


def _reach(rows, shown, features):
    """How far the logarithmic axis goes to either side of 1, so that all marks and intervals are on it."""
    ends = ("ratio", "ratio_low", "ratio_high", "control_ratio")
    here = [rows[name, feature] for name in shown for feature in features if (name, feature) in rows]
    values = np.array([row[end] for row in here for end in ends])
    values = values[np.isfinite(values) & (values > 0)]
    return 1.1 * max(1.4, *values, *(1 / values))


def _pointing(axes, table, shown, features):
    """How often the largest value lies on a feature, beside how often a random pixel does."""
    rows = _rows(table, "pointing")
    for place, feature in enumerate(features):
        for name, shift in _shifts(shown):
            row = rows.get((name, feature))
            if row:
                _mark(axes, place + shift, *(100 * row[part] for part in ("value", "low", "high")), name)
                _hollow(axes, place + shift, 100 * row["control"], name)
        areas = [100 * rows[name, feature]["area"] for name in shown if (name, feature) in rows]
        if areas:
            axes.plot([np.mean(areas)] * 2, [place - 0.42, place + 0.42], color=INK, lw=0.8, ls=(0, (2, 1.5)), zorder=1)
    _lined(axes, [""] * len(features), None)
    axes.set(xlim=(-2, 102), xlabel="samples with the maximum there (%); dashed: random")
    axes.set_title("Pointing game", loc="left", pad=4)
    _apart(axes, features)


def _curves(axes, table, shown):
    """Draw what deletion and insertion gain over another film's map."""
    reach = 0.0
    for place, measure in enumerate(LINES):
        rows = _rows(table, measure)
        for name, shift in _shifts(shown):
            row = rows.get((name, WHOLE))
            if row:
                ends = [row[part] for part in ("gain", "gain_low", "gain_high")]
                _mark(axes, place + shift, *ends, name)
                reach = np.nanmax(np.abs([reach, *ends]))
    _lined(axes, list(LINES.values()), 0)
    axes.set_xlabel("area under the curve − map of another sample")
    axes.set_title("Deletion and insertion", loc="left", pad=4)
    axes.set_xlim(-1.15 * (reach or 1), 1.15 * (reach or 1))
    axes.locator_params(axis="x", nbins=5)


def _likeness(axes, table, shown):
    """Rank correlations of maps; where they are of fewer films than the rest, it says of how many."""
    counts = {measure: table.loc[table["measure"] == measure, "n_samples"].max() for measure in LIKE}
    for place, measure in enumerate(LIKE):
        for name, shift in _shifts(shown):
            row = _rows(table, measure).get((name, WHOLE))
            if row:
                _mark(axes, place + shift, row["value"], row["low"], row["high"], name)
                _hollow(axes, place + shift, row["control"], name)
    fewer = {measure: f"\n({count:g} samples)" for measure, count in counts.items() if count < table["n_samples"].max()}
    _lined(axes, [text + fewer.get(measure, "") for measure, text in LIKE.items()], 0)
    least = np.nanmin([-0.2, *table.loc[table["measure"].isin(LIKE), ["low", "value", "control"]].min()])
    axes.set(xlim=(least - 0.05, 1.02), xlabel="rank correlation (randomised: absolute)")
    axes.set_title("Similarity of maps", loc="left", pad=4)


def _rows(table, measure):
    """{(map, feature): row as a dict} of one measure."""
    here = table[table["measure"] == measure]
    return {(row["map"], row["feature"]): row for row in here.to_dict("records")}


def _shifts(shown):
    """Every map and how far from the middle of its row it stands."""
    return zip(shown, 0.19 * (np.arange(len(shown)) - (len(shown) - 1) / 2), strict=True)


def _mark(axes, place, value, low, high, name):
    """Draw a mark with its interval; nothing without a value."""
    colour, marker = MARKS[name]
    if not np.isfinite(value):
        return
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([low, high], [place] * 2, color=colour, lw=1.2, zorder=2, solid_capstyle="butt")
    axes.plot([value], [place], marker, ms=4.2, zorder=4, clip_on=False, **style.mark_fill(colour))


def _hollow(axes, place, value, name):
    colour, marker = MARKS[name]
    if np.isfinite(value):
        axes.plot([value], [place], marker, ms=3.2, zorder=3, **style.mark_fill(colour, hollow=True))


def _lined(axes, text, middle):
    """Label the rows, from the top, and draw a line at the value without effect."""
    axes.set_ylim(len(text) - 0.45, -0.55)
    axes.set_yticks(range(len(text)), text, linespacing=1.2)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, lw=0.4)
    axes.set_axisbelow(True)
    if middle is not None:
        axes.axvline(middle, color=INK, lw=0.8, zorder=1)
    style.row_lines(axes, len(text))


def _apart(axes, features):
    """Shade the rows of what is not the film."""
    for place, feature in enumerate(features):
        if feature in ARTEFACTS:
            axes.axhspan(place - 0.5, place + 0.5, color="#fbeee9", lw=0, zorder=0)
