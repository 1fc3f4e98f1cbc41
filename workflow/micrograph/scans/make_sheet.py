"""Write a sample sheet to fill in: one row for every scan of a folder, with what files and their names state.

micrograph sheet FOLDER [--sheet samples.tsv]
"""

import os
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from micrograph.errors import UserError, printable
from micrograph.log import progress
from micrograph.scans import conversion, duplicates, film_names, formats, gwyddion, nanoscope, sample_sheet

COLUMNS = (
    *("sample", "growth_celsius", "scan", "batch", "growth_date", "operator"),
    *("growth_seconds", "substrate", "pressure_torr", "width_nm"),
)
SEVERAL = ("position", "kind")  # columns of a sheet with films of several scans
NEEDED = "needed"  # not a number, so that the sheet is refused until it is filled in
MAX_NAME = 190  # of a sample, so that a number fits behind it within the 200 characters that a sheet takes
NANOSCOPE_DATE = re.compile(r"\b(?P<month>[A-Z][a-z]{2})\s+(?P<day>\d{1,2})\s+(?P<year>\d{4})\s*$")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Of one scan in several files the raw one is kept.
FORMATS_BY_RAWNESS = ("nanoscope", "gwyddion", "image")
CONVERTED = (".gwy", ".gsf", ".txt", ".xyz", ".asc", ".csv")
PICTURE_OF = re.compile(r"(_\d{1,2})?(\.spm)?", re.IGNORECASE)  # between the name of a scan and .png

Row = dict[str, Any]
Skipped = list[tuple[str, str]]  # (path, reason)


def write_and_explain(folder: str | Path, sheet: str | Path) -> str:
    """Write the sheet as `write_sheet`; return what was left out, and what is left to fill in."""
    rows, skipped = write_sheet(folder, sheet)
    return "\n".join([*_skipped_lines(skipped), *_next_steps(rows, sheet)])


def write_sheet(folder: str | Path, sheet: str | Path) -> tuple[list[Row], Skipped]:
    """Write the sheet of the scans in a folder.

    Parameters
    ----------
    folder : path
        Searched with its subfolders.
    sheet : path
        File to write, as `sample_sheet.write` does. Paths in it are relative to its folder, from which the study is
        run; absolute for scans outside.

    Returns
    -------
    rows : list of dict
        Text by column (COLUMNS, and SEVERAL where films have several scans). Scans of one film (`film_names`) have one
        `sample`. What is to be predicted is never known and left empty.
    skipped : list of (str, str)
        Path and reason of everything that has no row.

    Raises
    ------
    UserError
        If the sheet exists, the folder does not or cannot be read, or there is no scan in it.
    """
    sheet = Path(sheet)
    _check_new(sheet)
    if not folder or not os.path.isdir(folder):
        raise UserError(f"{printable(folder) or 'FOLDER'}: no such folder; name the one that holds the scans.")
    scans, skipped = [], []
    for path, reason in progress(sorted(_walk(folder)), "files checked"):
        try:
            if not reason:
                scans.append(_row(path, sheet.parent))
        except (UserError, OSError) as error:
            reason = str(error).removeprefix(f"{path}: ").rstrip(".")
        skipped += [(path, reason)] if reason else []
    scans, copies = _without_copies(scans)
    scans, pictures = _without_pictures(scans)
    skipped += [*copies, *pictures]
    rows = _name_films(scans)
    if not rows:
        reasons = "\n".join(_skipped_lines(skipped))
        raise UserError(f"{reasons}\n{printable(folder)}: no scan found; name the folder that holds the scans.")
    _check_new(sheet)
    columns = [*COLUMNS, *(["z_unit"] if any(row["z_unit"] for row in rows) else [])]
    if _films(rows):
        columns[columns.index("batch") : columns.index("batch")] = SEVERAL
    sample_sheet.write(sheet, pd.DataFrame(rows).reindex(columns=columns))
    return rows, skipped


def sample_name(text: str) -> str:
    """Turn a text into a valid name of a sample.

    Parameters
    ----------
    text : str
        For example the name of a file.

    Returns
    -------
    str
        Letters, digits, '.', '_', '+', '-', at most MAX_NAME of them: accents are removed, all else becomes '_', and
        an empty result "scan".
    """
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", plain).lstrip("._+-")[:MAX_NAME].rstrip("._") or "scan"


def assign_sample_names(rows: list[Row]) -> list[Row]:
    """Give every row a unique `sample`, also on disks that ignore case.

    Parameters
    ----------
    rows : list of dict
        With `film`, a valid name (`sample_name`). The first row of a film keeps it, the others get _2, _3, ...

    Returns
    -------
    list of dict
        The same rows.
    """
    taken = {row["film"].casefold() for row in rows}
    numbers: dict[str, int] = {}
    for row in rows:
        film = row["film"].casefold()
        numbers[film] = numbers.get(film, 0) + 1
        row["sample"] = row["film"]
        if numbers[film] > 1:
            while f"{film}_{numbers[film]}" in taken:
                numbers[film] += 1
            row["sample"] = f"{row['film']}_{numbers[film]}"
            taken.add(f"{film}_{numbers[film]}")
    return rows


def parse_date(text: str) -> str:
    """Parse a date as NanoScope writes it (04:49:10 PM Wed Dec 15 2021); "" for another text."""
    match = NANOSCOPE_DATE.search(text)
    if not match or match["month"] not in MONTHS or not 1 <= int(match["day"]) <= 31:
        return ""
    return f"{match['year']}-{MONTHS.index(match['month']) + 1:02d}-{int(match['day']):02d}"


def _skipped_lines(skipped: Skipped) -> list[str]:
    """List everything that has no row, by reason."""
    reasons: dict[str, list[str]] = {}
    for path, reason in skipped:
        reasons.setdefault(reason, []).append(printable(path))
    return [line for reason, paths in reasons.items() for line in (f"Not in the sheet, {reason}:", *_indent(paths))]


def _next_steps(rows: list[Row], sheet: str | Path) -> list[str]:
    """State what was written and what is left to fill in."""
    n_dates = sum(bool(row["batch"]) for row in rows)
    n_labelled = sum(bool(sample_sheet.batch_from_label(row["sample"])) for row in rows)
    n_images = sum(row["width_nm"] == NEEDED for row in rows)
    n_foreign = sum(row["format"] == "gwyddion" for row in rows) if not gwyddion.is_available() else 0
    folder = Path(sheet).parent
    lines = [f"{printable(sheet)}: written. Scans: {len(rows)}; with a growth date in their label: {n_labelled}."]
    films = [f"{name}: {', '.join(map(printable, scans))}" for name, scans in _films(rows).items()]
    lines += ["Films with several scans, by their names; give a scan of another film its own sample:"] if films else []
    lines += _indent(films)
    lines += [f"Scans that need Gwyddion's importer: {n_foreign} ({gwyddion.INSTALL})"] if n_foreign else []
    lines += [
        "Next:",
        "  1. Fill in growth_celsius, or in its place the column to be predicted; remove rows not wanted.",
    ]
    batch = f"     batch: samples grown on one day. Rows filled in with the date of the scan, to correct: {n_dates}."
    lines += [batch] if n_labelled < len(rows) else []
    width = f"     width_nm: width of an image in nm, empty if unknown. Rows that need it: {n_images}."
    n_heights = sum(row["z_unit"] == NEEDED for row in rows)
    unit = f"     z_unit: unit of the heights of an image (nm, um, m). Rows that need it: {n_heights}."
    lines += [*([width] if n_images else []), *([unit] if n_heights else [])]
    keys = f"classes, and scans.sheet: {Path(sheet).name}"
    lines += [f"  2. Copy the project's config/own.yaml to {folder}/config.yaml if it has none, and set {keys}."]
    named = shlex.quote(printable(folder))
    run = f"  3. make run STUDY={named}     (or micrograph run --directory {named}; see docs/own-scans.md)"
    return [*lines, run]


def _films(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Return the scans of every film with several."""
    films: dict[str, list[str]] = {}
    for row in rows:
        films.setdefault(row["sample"], []).append(row["scan"])
    return {name: scans for name, scans in films.items() if len(scans) > 1}


def _name_films(rows: list[Row]) -> list[Row]:
    """Give all scans of a film one `sample`, and one batch: the first of their days."""
    films: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        films.setdefault(row["key"], []).append(row)
    for first, scans in zip(assign_sample_names([scans[0] for scans in films.values()]), films.values(), strict=True):
        batch = min(filter(None, (row["batch"] for row in scans)), default="")
        for row in scans:
            row |= {"sample": first["sample"], "batch": batch}
    return rows


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _check_new(sheet: Path) -> None:
    if os.path.lexists(sheet):
        raise UserError(f"{sheet}: this sheet exists and is kept; name another (SHEET=), or move it.")


def _walk(folder: str | Path) -> Iterator[tuple[str, str]]:
    """Yield (path, reason why it is not a scan, empty for files) of everything visible below a folder, in no order."""
    closed: list[OSError] = []
    for parent, subfolders, names in os.walk(folder, onerror=closed.append):
        visible = [name for name in subfolders if not name.startswith(".")]
        links = [name for name in visible if os.path.islink(os.path.join(parent, name))]
        yield from ((os.path.join(parent, name), "a link to a folder; name the folder itself") for name in links)
        if "results" in visible and os.path.isdir(os.path.join(parent, "results", "micrographs")):
            yield os.path.join(parent, "results"), "the results of a study"
            visible.remove("results")
        subfolders[:] = [name for name in visible if name not in links]
        yield from ((os.path.join(parent, name), "") for name in names if not name.startswith("."))
    yield from ((error.filename, "a folder that cannot be opened; correct its permissions") for error in closed)


def _row(path: str, folder: Path) -> Row:
    """Return the row of one scan, with its format and the film that it seems to be of; UserError for other files."""
    scan, name = _relative_path(path, folder), formats.detect(path)
    film = film_names.parse(os.path.basename(path))
    row: Row = {
        "path": path,
        "scan": scan,
        "format": name,
        "film": sample_name(film.film),
        "key": film_names.film_key(path),
        "position": film.position,
        "kind": "processed" if name == "image" else film.kind,
        "batch": "",
        "width_nm": "",
        "z_unit": "",
    }
    facts = formats.inspect(path)
    row |= dict.fromkeys(facts.missing, NEEDED)
    row["date"] = facts.date
    row["batch"] = "" if sample_sheet.batch_from_label(row["film"]) else parse_date(facts.date)
    return row


def _without_pictures(rows: list[Row]) -> tuple[list[Row], Skipped]:
    """Leave out the pictures that are named after a scan: A1.0_00001_1.spm.png beside A1.0_00001.spm."""
    scans = {os.path.splitext(row["path"])[0]: row["path"] for row in rows if row["format"] != "image"}
    pictures = {}
    for row in rows:
        stem = os.path.splitext(row["path"])[0]
        beginnings = (stem[:length] for length in range(len(stem), 0, -1)) if row["format"] == "image" else ()
        of_scan = (name for name in beginnings if name in scans and PICTURE_OF.fullmatch(stem[len(name) :]))
        if name := next(of_scan, ""):
            pictures[row["path"]] = f"a picture of {printable(scans[name])}, by its name"
    return [row for row in rows if row["path"] not in pictures], list(pictures.items())


def _without_copies(rows: list[Row]) -> tuple[list[Row], Skipped]:
    """Keep of one scan in several files the raw one; return the rows kept, and the others with the reason.

    Files are read only where they may be copies: where two have one time, or one has none.
    """
    dates = Counter(row["date"] for row in rows)
    suspects = [row for row in rows if "" in dates or dates[row["date"]] > 1]
    converted = [_convert(row) for row in progress(suspects, "files compared")] if len(suspects) > 1 else []
    prints = [duplicates.fingerprint(scan.micrograph) if scan else duplicates.from_text("") for scan in converted]
    widths = [scan.measures["width_nm"] if scan else float("nan") for scan in converted]
    digests = {row["path"]: scan.sha256 for row, scan in zip(suspects, converted, strict=False) if scan}
    copies: dict[str, str] = {}
    for group in duplicates.find(prints, widths, [row["date"] for row in suspects][: len(prints)]):
        raw: dict[str, Row] = {}  # by time, which only files in the instrument's format state
        for row in sorted((suspects[number] for number in group), key=_distance_from_raw):
            of_time = raw.get(row["date"]) or (next(iter(raw.values()), None) if not row["date"] else None)
            if of_time:
                name, is_same = printable(of_time["path"]), digests[row["path"]] == digests[of_time["path"]]
                copies[row["path"]] = f"a copy of {name}" if is_same else f"one scan with {name}, which seems to be raw"
            else:
                raw[row["date"]] = row
    return [row for row in rows if row["path"] not in copies], sorted(copies.items())


def _convert(row: Row) -> conversion.ConvertedScan | None:
    """Return the micrograph of a row's file, None where it cannot be made."""
    try:
        return conversion.convert_scan(row["path"], z_unit="nm" if row["z_unit"] else None)
    except (UserError, OSError):
        return None


def _distance_from_raw(row: Row) -> tuple[float, bool, bool, bool, int, str]:
    """Order files of one scan, the one that seems to be raw first; of copies, one whose name has the growth day."""
    name, is_processed = os.path.basename(row["path"]), False
    if row["format"] == "nanoscope":
        sections = nanoscope.read_header(row["path"]).sections
        filters = {values.get("offline planefit", "none").strip().casefold() for _, values in sections}
        is_processed = bool(filters - {"none", ""})
    rank = FORMATS_BY_RAWNESS.index(row["format"]) + 1.5 * name.casefold().endswith(CONVERTED)
    is_unlabelled = not sample_sheet.batch_from_label(row["film"])
    is_secondary = film_names.SECONDARY.search(name) is not None
    return rank, is_processed, is_secondary, is_unlabelled, len(row["path"]), row["path"]


def _relative_path(path: str, folder: Path) -> str:
    """Return the path of a scan as the sheet holds it; UserError for one that a sheet cannot hold."""
    absolute = os.path.abspath(path)
    relative = os.path.relpath(absolute, os.path.abspath(folder))
    cell = absolute if relative.startswith(os.pardir) else relative
    if printable(cell) != cell:
        raise UserError("its path has characters that a sheet cannot hold; rename the file or folder")
    if cell != cell.strip():
        raise UserError("its path begins or ends with a space; rename the file or folder")
    if sample_sheet.PATTERNS.search(cell):
        raise UserError("its path has { } or < >, which Snakemake reads as patterns; rename the file or folder")
    return cell
