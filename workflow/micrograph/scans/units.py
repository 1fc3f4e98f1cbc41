"""Units of length as instruments, ImageJ and people write them."""

import re
import unicodedata
from contextlib import suppress

NM_BY_SYMBOL = {"m": 1e9, "cm": 1e7, "mm": 1e6, "um": 1e3, "nm": 1.0, "pm": 1e-3, "in": 25.4e6, "inch": 25.4e6}
NM_BY_WORD = {"metre": 1e9, "meter": 1e9, "micron": 1e3, "angstrom": 0.1, "ångström": 0.1, "å": 0.1}
NM_BY_PREFIX = {"centi": 1e-2, "milli": 1e-3, "micro": 1e-6, "nano": 1e-9, "pico": 1e-12, "": 1.0}
WORD = re.compile(rf"(?P<prefix>{'|'.join(NM_BY_PREFIX)})(?P<word>{'|'.join(NM_BY_WORD)})s?")
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")  # as ImageJ writes a micro sign
MICRO_SIGNS = str.maketrans({"\u03bc": "u", "~": "u"})  # after NFKC; NanoScope writes ~m


def nm_per(unit: str) -> float | None:
    """Return the length of a unit in nm.

    Parameters
    ----------
    unit : str
        For example nm, µm, um, micron, micrometers, mm or Å. A micro sign in UTF-8 that was read as Latin-1 is
        understood. "A" is ampere and not ångström.

    Returns
    -------
    float or None
        None for anything but a length.
    """
    unit = ESCAPE.sub(lambda match: chr(int(match[1], 16)), unit)
    with suppress(UnicodeError):
        unit = unit.encode("latin-1").decode("utf-8")
    unit = unicodedata.normalize("NFKC", unit).strip().translate(MICRO_SIGNS)
    if unit.isupper() or len(unit) > 2:
        unit = unit.lower()
    if unit in NM_BY_SYMBOL:
        return NM_BY_SYMBOL[unit]
    match = WORD.fullmatch(unit.lower())
    return NM_BY_PREFIX[match["prefix"]] * NM_BY_WORD[match["word"]] if match else None
