"""Tables for people: cells escaped, missing numbers dashes, the best in bold, the same in Markdown and HTML."""

import numpy as np
import pandas as pd

from micrograph.evaluation import tables


def test_cells_are_escaped():
    panel = tables.Panel("a < b", ["x|y"], [["<b>"], [tables.Bold("<i>")]], notes=("1 < 2",))
    page = tables.html([panel], "3 < 4", "t")
    assert "&lt;b&gt;" in page and "<b>&lt;i&gt;</b>" in page and "1 &lt; 2" in page and "3 &lt; 4" in page
    text = tables.markdown([panel], "c")
    assert "x\\|y" in text and "| **<i>** |" in text and "1 < 2" in text


def test_missing_numbers_are_dashes():
    assert tables.spread(np.nan, 1) == "–"
    assert tables.spread(66.4, np.nan) == "66"
    assert tables.interval(0.5, np.nan, np.nan) == "0.50"
    assert tables.interval(0.5, 0.25, 0.75) == "0.50 [0.25, 0.75]"
    assert tables.number(pd.NA) == "–"


def test_minus_is_a_minus_and_nothing_is_never_negative():
    assert tables.number(-0.004, 2) == "0.00"
    assert tables.interval(-0.5, -1, -0.001) == "−0.50 [−1.00, 0.00]"
    assert tables.signed(-3) == "−3" and tables.signed(3) == "+3" and tables.signed(np.nan) == "–"


def test_only_what_is_among_the_best_is_bold_and_never_a_dash():
    assert isinstance(tables.best("66 ± 6", True), tables.Bold)
    assert not isinstance(tables.best("66 ± 6", False), tables.Bold)
    assert not isinstance(tables.best(tables.DASH, True), tables.Bold)
    assert tables.best("66", True) == "66"
