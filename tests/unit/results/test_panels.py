"""Tables for people: cells escaped, missing numbers dashes, the best in bold, the same in Markdown and HTML."""

import numpy as np
import pandas as pd

from micrograph.results import panels


def test_cells_are_escaped():
    panel = panels.Panel("a < b", ["x|y"], [["<b>"], [panels.Bold("<i>")]], notes=("1 < 2",))
    page = panels.html([panel], "3 < 4", "t")
    assert "&lt;b&gt;" in page and "<b>&lt;i&gt;</b>" in page and "1 &lt; 2" in page and "3 &lt; 4" in page
    text = panels.markdown([panel], "c")
    assert "x\\|y" in text and "| **<i>** |" in text and "1 < 2" in text


def test_missing_numbers_are_dashes():
    assert panels.spread(np.nan, 1) == "–"
    assert panels.spread(66.4, np.nan) == "66"
    assert panels.interval(0.5, np.nan, np.nan) == "0.50"
    assert panels.interval(0.5, 0.25, 0.75) == "0.50 [0.25, 0.75]"
    assert panels.number(pd.NA) == "–"


def test_minus_is_a_minus_and_nothing_is_never_negative():
    assert panels.number(-0.004, 2) == "0.00"
    assert panels.interval(-0.5, -1, -0.001) == "−0.50 [−1.00, 0.00]"
    assert panels.signed(-3) == "−3" and panels.signed(3) == "+3" and panels.signed(np.nan) == "–"


def test_only_what_is_among_the_best_is_bold_and_never_a_dash():
    assert isinstance(panels.best("66 ± 6", True), panels.Bold)
    assert not isinstance(panels.best("66 ± 6", False), panels.Bold)
    assert not isinstance(panels.best(panels.DASH, True), panels.Bold)
    assert panels.best("66", True) == "66"
