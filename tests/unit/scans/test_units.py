"""Units of length in every spelling that files and people use."""

import pytest

from micrograph.scans.units import nm_per

UNITS = {
    1.0: ["nm", "NM", " nm ", "nanometer", "nanometers", "Nanometres"],
    1e3: ["um", "\u00b5m", "\u03bcm", "\\u00B5m", "\u00c2\u00b5m", "\u00ce\u00bcm", "micron", "microns", "micrometer",
          "micrometres", "~m"],
    1e6: ["mm", "MM", "millimeter"],
    1e7: ["cm", "centimetre"],
    1e9: ["m", "metre", "meters"],
    1e-3: ["pm", "picometre"],
    0.1: ["\u00c5", "\u212b", "A\u030a", "angstrom", "Angstroms", "\u00c3\u0085"],
    25.4e6: ["in", "inch"],
}  # fmt: skip


@pytest.mark.parametrize(("nm", "unit"), [(nm, unit) for nm, units in UNITS.items() for unit in units])
def test_a_length_is_understood_in_every_spelling(nm, unit):
    assert nm_per(unit) == pytest.approx(nm)


@pytest.mark.parametrize("unit", ["", "V", "A", "deg", "pixel", "Hz", "N", "Nm", "nm/V", "metric", "\ud800", "\\uZZZZ"])
def test_anything_else_is_no_length(unit):
    assert nm_per(unit) is None
