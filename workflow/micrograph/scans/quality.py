"""Quality of a levelled scan: what is measured on the raw and the levelled heights, and the flags of a scan."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.scans import levelling

HeightArray = NDArray[np.float64]

SCAR_LINES = 4  # the widest scar
SCAR_SIGMAS = 5  # of the differences between neighbouring lines
SCAR_LENGTH = 1 / 32  # of a line, the shortest scar
NOISE_LINES = 16  # over which the noise is averaged


class Check(NamedTuple):
    """One measure of the quality of a scan.

    Attributes
    ----------
    flag : str
        Name of the flag that a scan gets whose measure exceeds the threshold.
    threshold : float
        Default of `heights.quality` in the config, which gives the reason.
    """

    flag: str
    threshold: float


CHECKS = {
    "line_offset_pct": Check("line offsets", 75),
    "scar_pct": Check("scars", 0.5),
    "masked_pct": Check("little background", 50),
    "saturated_pct": Check("saturated", 0.5),
    "blank_line_pct": Check("blank lines", 0),
    "jumps": Check("jumps", 0),
    "noise_ratio": Check("noise changes", 3),
}
COLUMNS = ("levelling", *CHECKS)


def measure(raw_nm: HeightArray, level_nm: HeightArray) -> dict[str, float]:
    """Measure the quality of one scan.

    Parameters
    ----------
    raw_nm, level_nm : ndarray of shape (lines, pixels)
        Heights as read, and levelled.

    Returns
    -------
    dict of str to float
        line_offset_pct: offsets of lines that are left, less their tilt and bow, over the relief, both as (robust)
        standard deviations. scar_pct: share of the raw pixels in scars. masked_pct: share of the pixels that are not of
        the background. saturated_pct: share of the raw pixels at the highest and lowest height. blank_line_pct: share
        of the raw lines that have one height or repeat the line before. jumps: places where the film of one line does
        not continue in the next. noise_ratio: noise of the noisiest 16 lines over that of the quietest, which shows a
        worn or changed tip. NaN where a scan has fewer than 16 lines.
    """
    lines, pixels = raw_nm.shape
    if lines < NOISE_LINES:
        return dict.fromkeys(CHECKS, float("nan"))
    difference = np.diff(raw_nm, axis=0)
    jumped = levelling.continuing(difference).sum(axis=1) < levelling.LEAST_SHARE * pixels
    is_blank = np.ptp(raw_nm, axis=1) == 0
    is_blank[1:] |= ~difference.any(axis=1)
    extreme = (raw_nm == raw_nm.max()) | (raw_nm == raw_nm.min())
    measures = {
        "line_offset_pct": 100 * _line_offset_ratio(level_nm),
        "scar_pct": 100 * find_scars(raw_nm).mean(),
        "masked_pct": 100 * (1 - levelling.background(level_nm).mean()),
        "saturated_pct": 100 * max(extreme.sum() - 2, 0) / extreme.size,
        "blank_line_pct": 100 * is_blank.mean(),
        "jumps": (jumped & ~np.pad(jumped, (1, 0))[:-1]).sum(),
        "noise_ratio": _noise_ratio(raw_nm),
    }
    return {name: float(value) for name, value in measures.items()}


def find_scars(raw_nm: HeightArray) -> NDArray[np.bool_]:
    """Find scars: parts of one to four lines that stand out of the line before and of the line after.

    Parameters
    ----------
    raw_nm : ndarray of shape (lines, pixels)
        Heights as read.

    Returns
    -------
    ndarray of bool, shape (lines, pixels)

    Notes
    -----
    They stand out by more than five robust standard deviations of the differences between neighbouring lines, over a
    32nd of a line or more, all up or all down.
    """
    work = raw_nm - levelling.line_offsets(raw_nm)
    limit = SCAR_SIGMAS * levelling.robust_sigma(np.diff(work, axis=0))
    length = max(int(work.shape[1] * SCAR_LENGTH), 3)
    scars = np.zeros(work.shape, bool)
    for sign in (1, -1):
        heights = sign * work
        lowest = heights[1:-1]
        for width in range(1, SCAR_LINES + 1):
            outside = np.maximum(heights[: -width - 1], heights[width + 1 :])
            stands_out = _long_runs(lowest - outside > limit, length)
            for line in range(width):
                scars[1 + line : 1 + line + len(stands_out)] |= stands_out
            lowest = np.minimum(lowest[:-1], heights[1 + width : -1])
    return scars


def _long_runs(marked: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Keep runs of at least `length` pixels along the lines (binary opening)."""
    total = np.pad(marked, ((0, 0), (1, 0))).cumsum(axis=1)
    starts = total[:, length:] - total[:, :-length] == length
    ends = np.pad(starts, ((0, 0), (length, length - 1))).cumsum(axis=1)
    return ends[:, length:] > ends[:, :-length]


def _line_offset_ratio(level_nm: HeightArray) -> float:
    """Return the offsets of lines, less their tilt and bow, over the relief, both as robust standard deviations."""
    relief = levelling.robust_sigma(level_nm)
    offset = levelling.line_offsets(level_nm)[:, 0]
    line = np.arange(len(offset))
    offset = offset - np.polyval(np.polyfit(line, offset, 2), line)
    return float(offset.std() / relief) if relief > 0 else 0.0


def _noise_ratio(raw_nm: HeightArray) -> float:
    """Return the noise of the noisiest 16 lines over that of the quietest, from second differences along the lines."""
    noise = np.median(np.abs(np.diff(raw_nm, 2, axis=1)), axis=1)
    whole = noise[: len(noise) // NOISE_LINES * NOISE_LINES].reshape(-1, NOISE_LINES)
    medians = np.median(whole, axis=1)
    return float(medians.max() / medians.min()) if len(medians) and medians.min() > 0 else 0.0


def flags(measures: Mapping[str, Any], thresholds: Mapping[str, float] | None = None) -> str:
    """Name what is wrong with a scan.

    Parameters
    ----------
    measures : mapping
        With the measures of CHECKS; those that are missing or NaN (of an exported image) give no flag.
    thresholds : mapping of str to float, optional
        Of `heights.quality`; by default those of CHECKS.

    Returns
    -------
    str
        Flags separated by commas, empty for none.
    """
    limits = {name: check.threshold for name, check in CHECKS.items()} | dict(thresholds or {})
    found = [check.flag for name, check in CHECKS.items() if measures.get(name, np.nan) > limits[name]]
    return ", ".join(found)


def add_flags(levelled: pd.DataFrame, thresholds: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Add the column `quality` to a table with the measures of CHECKS.

    Parameters
    ----------
    levelled : DataFrame
    thresholds : mapping of str to float, optional
        As in `flags`.

    Returns
    -------
    DataFrame
    """
    return levelled.assign(quality=[flags(row, thresholds) for row in levelled.to_dict("records")])
