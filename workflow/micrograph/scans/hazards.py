"""Hazards of a sample sheet that no check can settle: what only who grew the films knows, and what results rest on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

import pandas as pd

from micrograph.errors import UserError, printable
from micrograph.scans import film_names, formats, make_sheet, sample_sheet
from micrograph.target import Target

FILES_AT_MOST = 2000  # whose headers are read
NAMED = 5  # samples named in a sentence
FEW_DAYS = 12  # growth days of a class, below which no conclusion rests on it
# Ends of a film's name that seem to name a place or a size on it, beyond those of `film_names`: _fov2, _loc3, _500nm.
FIELD_OF_VIEW = re.compile(
    r"[ _.-]+((fov|field|loc|location|spot|pos|position|area|site)[ _-]?\d+|\d+(\.\d+)?[ _]?(nm|um|µm))$",
    re.IGNORECASE,
)


def find(samples: pd.DataFrame, target: Target | None = None) -> list[str]:
    """Find what in a sheet may be wrong, or too little, without being an error.

    Parameters
    ----------
    samples : DataFrame
        Sheet, or table of accepted samples: sample, batch, scan, and film where films have several scans; with a target
        also y_true.
    target : Target, optional
        Its classes of few growth days are named.

    Returns
    -------
    list of str
        A sentence for each hazard, with the samples.
    """
    rows = samples.head(FILES_AT_MOST).astype({"sample": str, "batch": str, "scan": str}).to_dict("records")
    days = {row["sample"]: _scan_day(row["scan"]) for row in rows}
    found = [_guessed(rows, days), _several_scans(samples), _fields_of_view(rows), _contradicting(rows, days)]
    found += [] if target is None else [_rare_classes(samples, target)]
    return [sentence for sentence in found if sentence]


def _rare_classes(samples: pd.DataFrame, target: Target) -> str:
    """Describe classes that were grown on few days."""
    films = samples.assign(film=samples.get("film", samples["sample"])).groupby("y_true")[["film", "batch"]].nunique()
    rare = films[films["batch"] < FEW_DAYS]
    if rare.empty:
        return ""
    named = "; ".join(f"{target.with_unit(one)}: {row.film} on {row.batch}" for one, row in rare.iterrows())
    return (
        f"Classes grown on fewer than {FEW_DAYS} days (films, days): {named}. Balanced accuracy counts them as much as "
        "the others, on very few films: read the confusion matrix beside it."
    )


def _scan_day(scan: str) -> str:
    """Return the day on which a file says that it was scanned, as 2021-12-15; "" where it says none."""
    try:
        return make_sheet.parse_date(formats.inspect(scan).date)
    except (UserError, OSError):
        return ""


def _guessed(rows: list[dict], days: Mapping[str, str]) -> str:
    """Describe batches that are the day of the scan."""
    guessed = [row["sample"] for row in rows if row["batch"] and row["batch"] == days[row["sample"]]]
    if not guessed:
        return ""
    return (
        f"The batch of {len(guessed)} of {len(rows)} scans is the day of the scan ({_listed(guessed)}): correct it "
        "where films were grown on another day. Films of one growth day in several batches make accuracies too high."
    )


def _several_scans(samples: pd.DataFrame) -> str:
    """Describe films with several scans."""
    if "film" not in samples:
        return ""
    counts = samples["film"].value_counts()
    several = counts[counts > 1]
    if several.empty:
        return ""
    return f"Films with several scans: {len(several)} ({_listed(map(str, several.index))}); each counts as one film."


def _fields_of_view(rows: list[dict]) -> str:
    """Describe files whose names differ in a place or size alone, and that count as films of their own."""
    films: dict[tuple[str, str], list[dict]] = {}
    for row in rows:
        folder, name = film_names.film_key(row["scan"])
        films.setdefault((folder, FIELD_OF_VIEW.sub("", name)), []).append(row)
    apart = [group for group in films.values() if len({row.get("film", row["sample"]) for row in group}) > 1]
    if not apart:
        return ""
    groups = "; ".join(", ".join(row["sample"] for row in group) for group in apart[:NAMED])
    more = f"; and {len(apart) - NAMED} more films" if len(apart) > NAMED else ""
    return (
        f"These scans seem to be fields of view of one film, and count as films of their own: {groups}{more}. Give "
        "them one film in the sheet, or keep one row of each."
    )


def _contradicting(rows: list[dict], days: Mapping[str, str]) -> str:
    """Describe files whose name has a later day than their header, or another day than a batch taken from it."""
    wrong = []
    for row in rows:
        stem, scanned = os.path.basename(row["scan"]), days[row["sample"]]
        named = sample_sheet.date_from_batch(sample_sheet.batch_from_label(row["sample"])) or _day_in(stem)
        if named and scanned and (scanned < named or (row["batch"] == scanned and named != scanned)):
            wrong.append(f"{row['sample']} (name {named}, header {scanned})")
    if not wrong:
        return ""
    return (
        f"The day in the file's name contradicts the day of the scan in its header: {_listed(wrong)}. One of the two "
        "is not the growth day; correct batch and growth_date in the sheet."
    )


def _day_in(name: str) -> str:
    match = sample_sheet.ISO_DATE.search(name)
    return match[0] if match else ""


def _listed(names: Iterable[str]) -> str:
    names = [printable(name) for name in names]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
