"""New scans and their predictions, as one picture for a talk."""

from __future__ import annotations

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
COLUMNS, SIDE_MM, GAP_MM, TEXT_MM = 6, 26.0, 3.0, 19.0


@dataclass(frozen=True)
class Shown:
    """What is shown of one scan: its name, micrograph, lines of text, and probabilities, empty without an answer."""

    name: str
    micrograph: NDArray[np.uint8]
    lines: tuple[str, ...]
    probabilities: Mapping[float, float]


@style.context()
def draw(scans: Sequence[Shown], target: Target) -> Figure:
    """Draw micrographs with the answer below and the probabilities of all classes as bars.

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
    wide, tall = columns * (SIDE_MM + GAP_MM) + GAP_MM, rows * (SIDE_MM + TEXT_MM) + 8
    figure = style.canvas(max(wide, 70), tall, "New scans")
    marks = style.class_marks(target.classes, target.ordered)
    for number, scan in enumerate(scans):
        left = GAP_MM + number % COLUMNS * (SIDE_MM + GAP_MM)
        top = 8 + number // COLUMNS * (SIDE_MM + TEXT_MM)
        axes = style.axes_mm(figure, left, top, SIDE_MM, SIDE_MM)
        axes.imshow(scan.micrograph, cmap="gray", vmin=0, vmax=255)
        axes.set_axis_off()
        name = scan.name if len(scan.name) <= 20 else f"{scan.name[:17]}..."
        text = "\n".join([name, *scan.lines])
        below = style.axes_mm(figure, left, top + SIDE_MM + 1, SIDE_MM, 2)
        start = 0.0
        for one, share in scan.probabilities.items():
            below.barh(0, share, left=start, color=marks[one][0])
            start += share
        below.set(xlim=(0, 1))
        below.set_axis_off()
        below.text(0, -1.2, text, fontsize=5.5, va="top", transform=below.transData, clip_on=False)
    return figure
