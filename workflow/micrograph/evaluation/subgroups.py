"""Groups of films by how they were grown and scanned: who is compared with the rest in the table of confounders.

Samples are the table of accepted samples (conversion.SAMPLES), with what the shards' levelled tables tell beside
(conversion.LEVELLED). Nothing here knows an answer.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

IMAGE_CHANNEL = "picture"  # in the column `channel` of exported images
MOST_VALUES = 4  # of a number, each of which is a group of its own; of more, thirds of the films
APART = 0.02  # lengths that differ by less are the same
NOT_STATED = "not stated"
TOLD_BY_SCANS = ("sample", "lines", "pixels", "lines_planned", "width_nm", "tall_nm", "channel", "direction")


@dataclass(frozen=True)
class Group:
    """Films that are alike in one thing: kind, name (words), and which they are: a bool for each sample. missing: of
    these nobody knows."""

    kind: str
    name: str
    members: np.ndarray
    missing: bool = False


def known_films(samples, levelled):
    """The samples with what the levelled tables say of their scans, and batch_size: films in their batch.

    samples: the table of samples; levelled: the shards' tables. Finished pictures have no planned lines but their own.
    """
    told = pd.concat([table.reindex(columns=TOLD_BY_SCANS) for table in levelled], ignore_index=True)
    kept = samples.drop(columns=[name for name in TOLD_BY_SCANS[1:] if name in samples])
    films = kept.merge(told.drop_duplicates("sample"), on="sample", how="left")
    return films.assign(batch_size=films.groupby("batch")["sample"].transform("size"))


def groups(films):
    """{kind: its Groups} of the films (known_films). Every kind is there; one that tells nothing apart has no group,
    or one.

    growth_seconds, batch_size, pressure_torr: by value, or thirds of the films where there are more than MOST_VALUES;
    substrate, operator: by the sheet's words; scan_quality: what may be wrong with a scan, or makes it unlike most
    others, each by itself, so that a film may be in several of these groups.
    """
    return {kind: [_named(kind, *group) for group in way(films)] for kind, way in KINDS.items()}


def _named(kind, name, members):
    return Group(kind, name, np.asarray(members, dtype=bool), name == NOT_STATED)


def _by_number(name, said):
    """The way of grouping by a number; said: a value, or "from to to", in words -> the group's name."""

    def way(films):
        values = pd.to_numeric(films[name], errors="coerce") if name in films else pd.Series(np.nan, films.index)
        return [*_values(values, said), *_unknown(values.isna())]

    return way


def _values(values, said):
    distinct = np.sort(values.dropna().unique())
    if len(distinct) <= MOST_VALUES:
        return [(said(f"{value:g}"), values == value) for value in distinct]
    edges = np.quantile(values.dropna(), [1 / 3, 2 / 3], method="lower")
    place = np.searchsorted(np.unique(edges), values)  # 0: up to the first edge
    thirds = [values.notna() & (place == third) for third in range(3)]
    return [(said(_span(values[here])), here) for here in thirds if here.any()]


def _span(values):
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _by_word(name):
    """The way of grouping by a word, the commonest first."""

    def way(films):
        words = films[name] if name in films else pd.Series("", films.index)
        words = words.map(lambda word: "" if pd.isna(word) else str(word))
        order = words[words != ""].value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable")
        return [*((word, words == word) for word in order.index), *_unknown(words == "")]

    return way


def _unknown(missing):
    return [(NOT_STATED, missing)] if missing.any() else []


def _by_scan(films):
    """What may be wrong with a scan: groups with a film at least, none that all films are in."""
    lines, planned = (films[name].astype(float) for name in ("lines", "lines_planned"))
    wide, tall, pixels = (films[name].astype(float) for name in ("width_nm", "tall_nm", "pixels"))
    drawn = films["channel"] == IMAGE_CHANNEL
    found = [
        ("stopped early", lines < planned),
        ("field planned not square", _differ(tall * planned / lines, wide)),
        ("pixels not square", _differ(tall / lines, wide / pixels)),
        ("another width than most", _differ(wide, wide.median()) if wide.notna().any() else drawn & False),
        ("finished picture, no heights", drawn),
        ("retrace", films["direction"] == "retrace"),
    ]
    channels = films.loc[~drawn, "channel"].dropna().value_counts().sort_index()
    others = channels.drop(channels.idxmax()).index if len(channels) else []
    found += [(f"channel {name}", films["channel"] == name) for name in others]
    resolutions = _values(pixels, lambda pixels: f"{pixels} pixels a line")
    found += [min(resolutions, key=lambda group: group[1].sum())] if len(resolutions) == 2 else resolutions
    return [(name, members) for name, members in found if members.any() and not members.all()]


def _differ(one, other):
    """Where two lengths are known and differ by more than APART."""
    return (one / other - 1).abs() > APART


# Kind -> its way: films -> [(name, which of them)].
KINDS = {
    "growth_seconds": _by_number("growth_seconds", lambda value: f"{value} s"),
    "substrate": _by_word("substrate"),
    "batch_size": _by_number("batch_size", lambda value: f"{value} in the batch"),
    "scan_quality": _by_scan,
    "pressure_torr": _by_number("pressure_torr", lambda value: f"{value} Torr"),
    "operator": _by_word("operator"),
}
