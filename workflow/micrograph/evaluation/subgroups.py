"""Subgroups of samples by how they were grown and scanned; they do not depend on predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.splits import film_scans
from micrograph.target import NAMES, Target, same_quantity

IMAGE_CHANNEL = "picture"  # in the column `channel` of exported images
MOST_VALUES = 4  # of a number, each of which is a group of its own; of more, thirds of the samples
TOLERANCE = 0.02  # lengths that differ by less are the same
NOT_STATED = "not stated"
NONE = pd.Series(dtype=float)
Named = list[tuple[str, pd.Series]]  # [(name, which samples)]


def known_samples(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the table of accepted scans with ``film`` and ``batch_size``, the number of films of their batch."""
    samples = samples.assign(film=film_scans.film_of(samples))
    return samples.assign(batch_size=samples.groupby("batch")["film"].transform("nunique"))


def groups(
    samples: pd.DataFrame, target: Target, extra_columns: Sequence[str] = ()
) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Group the samples of `known_samples` in every way of `SUBGROUPS`, and by the other growth variables of the sheet.

    Parameters
    ----------
    samples : DataFrame
    target : Target
        Its column is left out, and so are columns that state it, or another column, in another unit.
    extra_columns : sequence of str
        Columns of the sheet that are the study's own.

    Returns
    -------
    dict
        {kind: {name of a group: which samples, (n,) bool}}; NOT_STATED are the samples of which nothing is known. None
        or one for a kind in which the samples do not differ. Groups of ``scan_quality`` may overlap, those of the other
        kinds do not.
    """
    others = {name: _by_column(name) for name in (*NAMES, *extra_columns) if name in samples and name not in SUBGROUPS}
    elsewhere = {kind for name in others for kind in same_quantity(name)[1:] if samples.get(kind, NONE).isna().all()}
    return {
        kind: {name: np.asarray(members, dtype=bool) for name, members in grouping(samples)}
        for kind, grouping in (SUBGROUPS | others).items()
        if kind not in (*target.columns, *elsewhere)
    }


def _by_column(column: str) -> Callable[[pd.DataFrame], Named]:
    """Group by a column: by a number with its unit, or by a text."""

    def grouping(samples: pd.DataFrame) -> Named:
        if not pd.api.types.is_numeric_dtype(samples[column]):
            return _by_text(column)(samples)
        _, unit = NAMES.get(column, ("", ""))
        return _by_number(column, f"{{}} {unit}".strip())(samples)

    return grouping


def _by_number(column: str, template: str) -> Callable[[pd.DataFrame], Named]:
    """Group by a number; template: the group's name, of a value or "low to high"."""

    def grouping(samples: pd.DataFrame) -> Named:
        values = (
            pd.to_numeric(samples[column], errors="coerce") if column in samples else pd.Series(np.nan, samples.index)
        )
        return [*_values(values, template), *_unknown(values.isna())]

    return grouping


def _values(values: pd.Series, template: str) -> Named:
    """Each value by itself, or thirds of the samples."""
    distinct = np.sort(values.dropna().unique())
    if len(distinct) <= MOST_VALUES:
        return [(template.format(f"{value:g}"), values == value) for value in distinct]
    edges = np.quantile(values.dropna(), [1 / 3, 2 / 3], method="lower")
    place = np.searchsorted(np.unique(edges), values)  # 0: up to the first edge
    thirds = [values.notna() & (place == third) for third in range(3)]
    return [(template.format(_span(values[third])), third) for third in thirds if third.any()]


def _span(values: pd.Series) -> str:
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _by_text(column: str) -> Callable[[pd.DataFrame], Named]:
    """Group by a text of the sheet, the most frequent first."""

    def grouping(samples: pd.DataFrame) -> Named:
        texts = samples[column] if column in samples else pd.Series("", samples.index)
        texts = texts.map(lambda text: "" if pd.isna(text) else str(text))
        order = texts[texts != ""].value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable")
        return [*((text, texts == text) for text in order.index), *_unknown(texts == "")]

    return grouping


def _unknown(missing: pd.Series) -> Named:
    return [(NOT_STATED, missing)] if missing.any() else []


def _by_scan(samples: pd.DataFrame) -> Named:
    """Group by what may be wrong with a scan or distinguishes it from most; no group is empty or holds all samples."""
    lines, planned = (samples[name].astype(float) for name in ("lines", "lines_planned"))
    wide, tall, pixels = (samples[name].astype(float) for name in ("width_nm", "tall_nm", "pixels"))
    picture = samples["channel"] == IMAGE_CHANNEL
    named = [
        ("stopped early", lines < planned),
        ("field planned not square", _differ(tall * planned / lines, wide)),
        ("pixels not square", _differ(tall / lines, wide / pixels)),
        ("another width than most", _differ(wide, wide.median()) if wide.notna().any() else picture & False),
        ("finished picture, no heights", picture),
        ("retrace", samples["direction"].astype(str).str.lower() == "retrace"),
    ]
    if "quality" in samples:
        named += [("quality flag", samples["quality"].notna() & samples["quality"].ne(""))]
    channels = samples.loc[~picture, "channel"].dropna().value_counts().sort_index()
    others = channels.drop(channels.idxmax()).index if len(channels) else []
    named += [(f"channel {name}", samples["channel"] == name) for name in others]
    resolutions = _values(pixels, "{} pixels a line")
    named += [min(resolutions, key=lambda group: group[1].sum())] if len(resolutions) == 2 else resolutions
    return [(name, members) for name, members in named if members.any() and not members.all()]


def _differ(one: pd.Series, other: pd.Series | float) -> pd.Series:
    """Where two lengths are known and differ by more than TOLERANCE."""
    return (one / other - 1).abs() > TOLERANCE


# Kind -> the function that groups samples by it.
SUBGROUPS: dict[str, Callable[[pd.DataFrame], Named]] = {
    "growth_seconds": _by_number("growth_seconds", "{} s"),
    "substrate": _by_text("substrate"),
    "batch_size": _by_number("batch_size", "{} in the batch"),
    "scan_quality": _by_scan,
    "pressure_torr": _by_number("pressure_torr", "{} Torr"),
    "operator": _by_text("operator"),
}
