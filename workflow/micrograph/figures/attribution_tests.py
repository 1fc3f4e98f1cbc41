"""Tests of the attribution maps: localisation, deletion and insertion, similarity after randomisation.

Drawn from the table alone. Marks are means with 95 % confidence intervals; hollow marks are the control, maps of other
samples.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from micrograph.evaluation.attribution_tests import ARTEFACTS, FEATURES, MAPS, WHOLE
from micrograph.evaluation.labels import scheme_label
from micrograph.figures import style
from micrograph.figures.style import DASHED, DOUBLE_MM, INK, SOFT

# Map -> (colour, marker): distinguished by shape, and in grey by lightness.
MARKS = {
    "cam": ("#9aa5b4", "s"),
    "cam_class": ("#7a2a8c", "D"),
    "grad_cam": ("#7a2a8c", "D"),
    "occlusion": ("#1a9a55", "o"),
    "occlusion_abs": ("#d9822b", "^"),
}
HEAD_MM, ROW_MM, LEFT_MM, RIGHT_MM, WIDE_MM, BELOW_MM = 18.0, 9.2, 27.0, 107.5, 70.5, 16.0
ENDS = {column: [f"{column}{end}" for end in ("", "_low", "_high")] for column in ("value", "ratio", "gain")}
LINES = {"deletion": "deletion\n(lower: better)", "insertion": "insertion\n(higher: better)"}
SIMILARITIES = {
    "agreement": "with occlusion\n(higher: better)",
    "randomised_head": "with itself,\nhead randomised",
    "randomised_all": "with itself,\nall randomised",
}
TICKS = (0.125, 0.25, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 4, 8)


@style.context()
def draw(table: pd.DataFrame) -> Figure:
    """Draw localisation of the maps where features are known, then deletion, insertion and similarity of maps.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.attribution_tests`.

    Returns
    -------
    Figure
    """
    shown = [name for name in MAPS if name in set(table["map"])]
    features = [name for name in FEATURES if name in set(table["feature"])]
    tall = len(features) * ROW_MM
    first = HEAD_MM + (tall + BELOW_MM if features else 0)
    below = ROW_MM * 1.15 * len(SIMILARITIES)
    network = table.iloc[0]
    title = (
        f"Tests of the attribution maps: CNN, {scheme_label(network['scheme'])}, pre-trained on "
        f"{network['pretraining']}, {network['protocol']} protocol"
    )
    counted = f"{table['n_samples'].max()} samples of {table['n_batches'].max()} growth days"
    line = f"{counted}, each by the network that tests it; bars: 95 % confidence intervals"
    figure = style.canvas(DOUBLE_MM, first + below + 17, title, line)
    looks = {MAPS[name]: style.mark_look(*MARKS[name]) for name in shown}
    looks["hollow: map of another sample"] = style.mark_look(SOFT, hollow=True)
    style.legend_mm(figure, 4, 10.6, len(looks), looks, handlelength=1.2)
    panels = [
        (_draw_deletion, LEFT_MM, first, WIDE_MM - 12, below),
        (_draw_similarity, RIGHT_MM + 12, first, WIDE_MM - 12, below),
    ]
    if features:
        mass, pointing = (LEFT_MM, HEAD_MM, WIDE_MM, tall), (RIGHT_MM, HEAD_MM, WIDE_MM, tall)
        panels = [(_draw_mass, *mass), (_draw_pointing, *pointing), *panels]
    for letter, (panel, left, top, width, height) in zip("abcd", panels, strict=False):
        style.letter_panel(figure, 1.5 if left == LEFT_MM else 100.5, top - 1, letter)
        panel(style.axes_mm(figure, left, top + 4, width, height), table, shown, features)
    return figure


def _draw_mass(axes: Axes, table: pd.DataFrame, shown: Sequence[str], features: Sequence[str]) -> None:
    """Draw the share of the map on a feature, divided by the feature's share of the picture; 1 without localisation."""
    rows = table[table["measure"] == "mass"]
    _draw_marks(axes, [rows[rows["feature"] == name] for name in features], shown, "ratio", "control_ratio")
    _draw_rows(axes, [FEATURES[name] for name in features], 1, features)
    values = rows.loc[rows["map"].isin(shown), [*ENDS["ratio"], "control_ratio"]].to_numpy(float)
    values = values[np.isfinite(values) & (values > 0)]
    reach = 1.1 * max(1.4, *values, *(1 / values))
    ticks = [tick for tick in TICKS if 1 / reach <= tick <= reach]
    axes.set_xscale("log", base=2)
    axes.set(xlim=(1 / reach, reach), xlabel="share of positive attribution ÷ share of the area")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_title("Attribution by feature (shaded: artefacts)", loc="left", pad=4)


def _draw_pointing(axes: Axes, table: pd.DataFrame, shown: Sequence[str], features: Sequence[str]) -> None:
    """Draw how often the largest value lies on a feature, beside how often a random pixel does."""
    rows = table[table["measure"] == "pointing"]
    groups = [rows[rows["feature"] == name] for name in features]
    _draw_marks(axes, groups, shown, "value", "control", 100)
    for place, here in enumerate(groups):
        area = 100 * here.loc[here["map"].isin(shown), "area"].mean()
        axes.plot([area] * 2, [place - 0.42, place + 0.42], **DASHED)
    _draw_rows(axes, [""] * len(features), None, features)
    axes.set(xlim=(-2, 102), xlabel="samples whose maximum is on it (%); dashed: random")
    axes.set_title("Pointing game", loc="left", pad=4)


def _draw_deletion(axes: Axes, table: pd.DataFrame, shown: Sequence[str], features: Sequence[str]) -> None:
    """Draw what deletion and insertion gain over another sample's map."""
    groups = [table[(table["measure"] == measure) & (table["feature"] == WHOLE)] for measure in LINES]
    _draw_marks(axes, groups, shown, "gain")
    _draw_rows(axes, list(LINES.values()), 0)
    reach = 1.15 * (np.nanmax([0, *(here[ENDS["gain"]].abs().max().max() for here in groups)]) or 1)
    axes.set(xlim=(-reach, reach), xlabel="area under the curve − map of another sample")
    axes.locator_params(axis="x", nbins=5)
    axes.set_title("Deletion and insertion", loc="left", pad=4)


def _draw_similarity(axes: Axes, table: pd.DataFrame, shown: Sequence[str], features: Sequence[str]) -> None:
    """Draw rank correlations of maps; the number of samples where it is smaller than elsewhere."""
    groups = [table[(table["measure"] == measure) & (table["feature"] == WHOLE)] for measure in SIMILARITIES]
    _draw_marks(axes, groups, shown, "value", "control")
    counts = [here["n_samples"].max() for here in groups]
    fewer = [f"\n({count:g} samples)" if count < table["n_samples"].max() else "" for count in counts]
    _draw_rows(axes, [text + more for text, more in zip(SIMILARITIES.values(), fewer, strict=True)], 0)
    least = np.nanmin([-0.2, *(here[["value_low", "value", "control"]].min().min() for here in groups)])
    axes.set(xlim=(least - 0.05, 1.02), xlabel="rank correlation (randomised: absolute)")
    axes.set_title("Similarity of maps", loc="left", pad=4)


def _draw_marks(
    axes: Axes, groups: Sequence[pd.DataFrame], shown: Sequence[str], column: str, control: str = "", factor: float = 1
) -> None:
    """Draw a row of marks for each group of rows: a map beside the other, hollow its control."""
    shifts = dict(zip(shown, 0.19 * (np.arange(len(shown)) - (len(shown) - 1) / 2), strict=True))
    for place, here in enumerate(groups):
        for row in here[here["map"].isin(shown)].to_dict("records"):
            down = place + shifts[row["map"]]
            value, *ends = (factor * row[name] for name in ENDS[column])
            style.mark(axes, value, down, ends, style.mark_look(*MARKS[row["map"]]))
            if control:
                look = style.mark_look(*MARKS[row["map"]], hollow=True)
                style.mark(axes, factor * row[control], down, (np.nan, np.nan), look)


def _draw_rows(axes: Axes, names: Sequence[str], middle: float | None, features: Sequence[str] = ()) -> None:
    """Label the rows, draw a line at the value without effect, and shade artefacts of the measurement."""
    style.label_rows(axes, names)
    if middle is not None:
        axes.axvline(middle, color=INK, lw=0.8, zorder=1)
    for place, feature in enumerate(features):
        if feature in ARTEFACTS:
            axes.axhspan(place - 0.5, place + 0.5, color="#fbeee9", lw=0, zorder=0)
