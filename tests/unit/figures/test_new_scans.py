"""The picture of new scans: every scan's text stays below it, and the colours of the classes are named."""

import numpy as np
import pytest

from micrograph.figures import new_scans
from micrograph.target import Target
from tables_of_films import TARGET

SUBSTRATE = Target.from_config({"column": "substrate", "classes": ["c-plane sapphire", "A-plane sapphire", "SiO2"]})
LONG = ("c-plane sapphire (52 %)", "trained on (film 7)", "c-plane sapphire or A-plane sapphire or SiO2 on silicon")


@pytest.mark.parametrize("target", [TARGET, SUBSTRATE])
@pytest.mark.parametrize("count", [1, 7])
def test_texts_stay_below_their_scan_and_classes_are_named(target, count):
    probabilities = dict(zip(target.classes, (0.5, 0.3, 0.2), strict=True))
    picture = np.zeros((8, 8), np.uint8)
    scans = [
        new_scans.Shown(f"a_scan_with_a_long_name_{one}.spm", picture, LONG, probabilities) for one in range(count)
    ]
    figure = new_scans.draw(scans, target)
    figure.canvas.draw()
    step = (new_scans.SIDE_MM + new_scans.GAP_MM) / 25.4 * figure.dpi
    for axes in figure.axes[1::2]:
        box = axes.texts[0].get_window_extent()
        assert box.width < step and box.y0 > 0 and LONG[1] in axes.texts[0].get_text()
        row = [other for other in figure.axes[::2] if other.get_window_extent().y1 < axes.get_window_extent().y0]
        assert all(other.get_window_extent().y1 < box.y0 for other in row)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [target.with_unit(one) for one in target.classes]
