"""The unit of a channel and the value of its full range: the Z scale times the sensitivity that it names."""

import math
import re
from contextlib import suppress

from micrograph.errors import UserError
from micrograph.scans.nanoscope.header import Header, HeaderError
from micrograph.scans.nanoscope.images import FIRST_KNOWN_VERSION, Image, old_version

PREFIXES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "\xb5": 1e-6, "~": 1e-6, "m": 1e-3, "": 1.0}
PREFIXES |= dict.fromkeys(("\xc2\xb5", "\xce\xbc"), 1e-6)  # micro signs in UTF-8, as Latin-1
PREFIXES |= {"k": 1e3, "M": 1e6, "G": 1e9}
UNITS = ("Hz", "Pa", "eV", "m", "V", "N", "A", "W", "s")
DEGREES = ("\xba", "\xb0", "deg")
NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
SENSITIVITY = re.compile(r"\S+\s+(?P<value>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?P<unit>\S{0,40})")
Z_SCALE = re.compile(
    rf"\S+\s+(?:\[(?P<soft>[^\]]{{0,60}})\]\s*)?(?:\(.*\)\s+)?(?P<value>{NUMBER})\s*(?P<unit>\S{{0,40}})"
)
Z_SCALE_4_2 = re.compile(rf"(?P<value>{NUMBER})\s*(?P<unit>[^\s(]{{1,40}})\s*(?:\(.*\))?")
STEPS_3 = 1 << 15  # versions before 4: the controller's range is from -1 to 1


class UnitError(UserError):
    """The values of a channel have no known unit, or are not lengths."""


def full_range(header: Header, image: Image, where: str) -> tuple[float, str]:
    """Return the value of the full range of the converter, and its unit.

    Parameters
    ----------
    header : Header
        The header of the file, which holds the sensitivities.
    image : Image
        The image section, which holds the Z scale.
    where : str
        File and channel, for messages.

    Returns
    -------
    value : float
        Of 256**(bytes per pixel in the header) counts.
    unit : str
        SI unit, "deg", or the unit of the header.

    Raises
    ------
    UserError
        If the Z scale or its sensitivity is missing, has no unit or is not finite.
    """
    if image.number:
        value, unit = _full_range(header, image, where)
    elif "z scale" in image.values:
        value, unit = _full_range_4_2(image, where)
    else:
        value, unit = _full_range_3(header, image)
    if not math.isfinite(value):
        raise HeaderError(f"{where}: its Z scale is not finite; export it again.")
    return value, unit


def base_unit(text: str) -> tuple[float, str]:
    """Split a unit into factor and base unit: "nm" is (1e-9, "m"); an unknown unit stays as it is."""
    if text in DEGREES:
        return 1.0, "deg"
    for unit in UNITS:
        prefix = text.removesuffix(unit)
        if prefix != text and prefix in PREFIXES:
            return PREFIXES[prefix], unit
    return 1.0, text


def _full_range(header: Header, image: Image, where: str) -> tuple[float, str]:
    """Full range from version 4.3 on: ``@2:Z scale: V [Sens. Zsens] (0.0067 V/LSB) 440.0 V``."""
    text = image.values.get(f"@{image.number}:z scale", "").strip()
    match = Z_SCALE.fullmatch(text)
    if not match and not text and header.version < FIRST_KNOWN_VERSION:
        raise old_version(header, "it states no Z scale")
    if not match:
        raise UnitError(f"{where} has no Z scale, so its values have no unit; export it again.")
    scale, unit = base_unit(match["unit"])
    value = float(match["value"]) * scale
    if match["soft"] is not None:
        factor, numerator, denominator = _sensitivity(header, match["soft"], where)
        if numerator and denominator != unit:
            raise UnitError(
                f"{where}: its Z scale is in '{unit}', but '{match['soft']}' is per '{denominator}'; export it again."
            )
        value, unit = value * factor, numerator or unit
    return value, unit


def _full_range_4_2(image: Image, where: str) -> tuple[float, str]:
    """Full range in version 4.2: ``Z scale: 47.05 nm (862)``."""
    match = Z_SCALE_4_2.fullmatch(image.values["z scale"].strip())
    if not match:
        raise UnitError(f"{where} has a Z scale without a unit; export it again.")
    scale, unit = base_unit(match["unit"])
    return float(match["value"]) * scale, unit


def _full_range_3(header: Header, image: Image) -> tuple[float, str]:
    """Full range of heights before version 4: a share of the controller's range, in volts, times nm/V."""
    scanner = header.section("scanner list", "microscope list")
    matches = [
        re.fullmatch(rf"({NUMBER})", image.values.get("z scale height", "")),
        re.fullmatch(rf"({NUMBER})(?: V)?", header.section("controller list").get("z max", "")),
        re.fullmatch(rf"({NUMBER})(?: nm/V)?", scanner.get("z sensitivity", "")),
    ]
    if image.title != "Height" or None in matches:
        raise old_version(header, f"the scale of '{image.title}' is not stated in a known way")
    share, volts, nm_per_volt = (float(match[1]) for match in matches if match)
    return share / STEPS_3 * volts * nm_per_volt * 1e-9, "m"


def _sensitivity(header: Header, name: str, where: str) -> tuple[float, str, str]:
    """Return factor, unit and denominator unit of the header's line ``@name``; units may be empty."""
    key = f"@{name}".lower()
    lines = [values[key] for _, values in header.sections if key in values]
    match = SENSITIVITY.fullmatch(lines[0].strip()) if lines else None
    value = None
    if match:
        with suppress(ValueError):
            value = float(match["value"])
    if match is None or value is None:
        raise UnitError(f"{where}: its sensitivity '{name}' is not in the header; export it again.")
    numerator, slash, denominator = match["unit"].rpartition("/")
    if not slash:
        return value, "", ""
    up, numerator = base_unit(numerator)
    down, denominator = base_unit(denominator)
    return value * up / down, numerator, denominator
