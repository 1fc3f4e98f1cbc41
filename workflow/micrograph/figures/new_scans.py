"""New scans and their predictions, as one picture for a talk."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from micrograph.figures import style
from micrograph.target import Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 12  # scans
COLUMNS, SIDE_MM, GAP_MM, TEXT_MM = 6, 26.0, 3.0, 20.0
LINES, CHARACTERS = 6, 27  # of the text below a micrograph, in a line
LEGEND_MM, LEGEND_ROW_MM = 40.0, 4.0  # of a class


@dataclass(frozen=True)
class Shown:
    """What is shown of one scan: its name, micrograph, lines of text, and probabilities, empty without an answer."""

    name: str
    micrograph: NDArray[np.uint8]
    lines: tuple[str, ...]
    probabilities: Mapping[float, float]


@style.context()
def draw(scans: Sequence[Shown], target: Target) -> Figure:
    """Draw micrographs with the answer below, the probabilities of all classes as bars, and the classes' colours.

    Parameters
    ----------
    scans : sequence of Shown
        At most `SHOWN`.
    target : Target
        Of the model.

    Returns
    -------
    Figure
    """
    columns = min(len(scans), COLUMNS)
    rows = -(-len(scans) // COLUMNS)
    wide, tall = max(columns * (SIDE_MM + GAP_MM) + GAP_MM, 70), rows * (SIDE_MM + TEXT_MM) + 8
    a_row = int(wide // LEGEND_MM)
    figure = style.canvas(wide, tall + LEGEND_ROW_MM * -(-len(target.classes) // a_row), "New scans")
    marks = style.class_marks(target.classes, target.ordered)
    for number, scan in enumerate(scans):
        left = GAP_MM + number % COLUMNS * (SIDE_MM + GAP_MM)
        top = 8 + number // COLUMNS * (SIDE_MM + TEXT_MM)
        axes = style.axes_mm(figure, left, top, SIDE_MM, SIDE_MM)
        axes.imshow(scan.micrograph, cmap="gray", vmin=0, vmax=255)
        axes.set_axis_off()
        lines = [
            style.shorten(scan.name, 20),
            *(part for line in scan.lines for part in textwrap.wrap(line, CHARACTERS)),
        ]
        text = "\n".join(lines if len(lines) <= LINES else [*lines[: LINES - 1], "…"])
        below = style.axes_mm(figure, left, top + SIDE_MM + 1, SIDE_MM, 2)
        start = 0.0
        for one, share in scan.probabilities.items():
            below.barh(0, share, left=start, color=marks[one][0])
            start += share
        below.set(xlim=(0, 1))
        below.set_axis_off()
        below.text(0, -1.2, text, fontsize=5.5, va="top", transform=below.transData, clip_on=False)
    looks = {
        style.shorten(target.with_unit(one), CHARACTERS): {"color": marks[one][0], "lw": 4} for one in target.classes
    }
    style.legend_mm(figure, GAP_MM + 1, tall, a_row, looks, fontsize=6, handletextpad=1.2)
    return figure
