"""Read, check and write the sample sheet; growth batches and dates from labels; list the scans of a folder."""

from __future__ import annotations

import datetime
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from itertools import zip_longest
from pathlib import Path
from string import ascii_letters
from typing import Any, NamedTuple

import pandas as pd

from micrograph.errors import UserError, printable
from micrograph.scans import sheet_cells, sheet_formats
from micrograph.scans.levelling import METHODS
from micrograph.scans.quality import CHECKS
from micrograph.scans.sheet_cells import NUMBERS, to_number
from micrograph.scans.units import nm_per
from micrograph.target import Target

OPTIONAL = (
    *("growth_celsius", "growth_seconds", "substrate", "pressure_torr", "operator", "growth_date", "batch"),
    *("position", "kind", "width_nm", "z_unit", "levelling"),
)
OF_SCANS = ("sample", "scan", "position", "kind", "width_nm", "z_unit", "levelling")  # all others are of the film
KINDS = ("", "raw", "processed")
SUFFIXES = (".tsv", ".csv", ".xlsx")  # of a sheet of new scans
MAX_POSITION = 40  # characters in the name of a scan
TEXTS = ("substrate", "operator")  # growth variables that are not numbers
# Columns of the sheet, and of the tables made from it, that are not growth variables.
NO_VARIABLES = (
    *(*OF_SCANS, "film", "repeats", "batch", "growth_date", "height", "micrograph", "pixel_nm"),
    *("lines", "pixels", "lines_planned", "tall_nm", "channel", "direction", "source_sha256", "remarks", "fingerprint"),
    *("data", "quality", *CHECKS, "fold", "split", "group", "augmentation", "y_true", "y_true_value", "y_pred"),
)
FORMER_NAMES = {"grown": "growth_date"}  # of columns in sheets of earlier versions
MAX_WIDTH_NM = 1e9
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
PATTERNS = re.compile(r"\{.*\}|<.*>", re.DOTALL)  # Snakemake reads these in a path as wildcards and flags
N_THREADS, PATHS_PER_TASK = 16, 500  # of the check that files exist
# Columns of unique values: two spellings are one value if this function gives the same for both, and why.
UNIQUE = {
    "film": (str.casefold, "are one file name on many disks"),
    "scan": (os.path.normpath, "are one file"),
}
LABEL = re.compile(r"(?P<day>.+-\d{6})[A-Za-z]?-[^-]+")
# Names of a batch that hold a date: an ISO date, or the label of the study's samples up to the run.
ISO_DATE = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", re.ASCII)
LABEL_DATE = re.compile(r".+-(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)[A-Za-z]?", re.ASCII)
CENTURY = 2000  # of labels, which hold two digits of the year
FIRST_YEAR = 1900
COMMANDS = {  # what names a folder: how it is given
    "new_scans": "snakemake --cores 8 predict --config new_scans=FOLDER (or a scan, or a sheet)",
    "scans_folder": "snakemake --cores 2 scans --config scans_folder=FOLDER",
    "FOLDER": "micrograph scans FOLDER",
    "SCANS": "micrograph predict FOLDER (or a scan, or a sheet)",
}


@dataclass(frozen=True)
class Columns:
    """Columns of a study's sheet.

    Attributes
    ----------
    target : Target, optional
        Its column is required.
    extra : tuple of str
        The study's own columns, besides the target's.
    of_scans_only : bool
        Whether the sheet is of new scans, which have no batch, and need no growth conditions: all columns but OF_SCANS
        are ignored, and paths start at the sheet's folder.
    """

    target: Target | None = None
    extra: tuple[str, ...] = ()
    of_scans_only: bool = False

    @classmethod
    def from_config(cls, target: Mapping[str, Any], extra_columns: Iterable[str]) -> Columns:
        """Make the columns of the config's `target` and `scans.extra_columns`."""
        return cls(Target.from_config(target), tuple(extra_columns))

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that every sheet has, without empty cells."""
        return ("sample", *([self.target.column] if self.target else []), "scan")

    @property
    def known(self) -> list[str]:
        """All columns."""
        return list(dict.fromkeys([*self.required, *OPTIONAL, *self.extra]))

    @property
    def own(self) -> list[str]:
        """Columns that the study has named: their numbers may be zero or negative."""
        return [name for name in self.known if name not in ("sample", "scan", *OPTIONAL)]

    def find(self, name: str) -> str:
        """Return the column that a header names, by its present or former name; empty for others."""
        column = sheet_cells.find_column(name, (*self.known, *FORMER_NAMES))
        return FORMER_NAMES.get(column, column)


def read(
    path: str | Path,
    columns: Columns,
    files_must_exist: bool = True,
    notify: Callable[[str], object] | None = None,
) -> pd.DataFrame:
    """Read and check a sample sheet.

    Parameters
    ----------
    path : path
        The sheet: TSV, CSV (commas or semicolons) or .xlsx.
    columns : Columns
        Those of the study; a sample outside of the target's limits is an error.
    files_must_exist : bool, default True
        Whether missing scan files are errors.
    notify : callable, optional
        Called once with a text on what was read differently from how it is written, if anything was.

    Returns
    -------
    DataFrame
        A row per scan, sorted by sample, of `columns.known` and film: the sheet's `sample` is the film; `sample` is
        the same where the film has one scan, else film@position, or film@1, film@2, ... where positions are not given
        or not different. Numbers are floats, NaN where empty. An empty `batch` is filled in from
        labels like MCV1-YYMMDDx-XX, then an empty `growth_date` (ISO date) from the batch (`date_from_batch`). Batches
        that differ in case, spaces or the form of a date alone are one. Columns without name and content are ignored.

    Raises
    ------
    UserError
        Listing every error with its line of the file.
    """
    sheet = _read(path, columns)
    frame = _check(path, sheet, sheet.frame, files_must_exist)
    if notify and sheet.notes:
        lines = [printable(" ".join(note.split())) for note in sheet.notes]
        notify(f"{printable(path)}: read as follows; correct the sheet where that is wrong:\n  " + "\n  ".join(lines))
    return frame


def read_shard(path: str | Path, columns: Columns, index: int, scans_per_shard: int) -> pd.DataFrame:
    """Read the rows of one conversion job, as ``shard(read(...))`` gives them.

    Only these rows are checked, and not whether files exist: the whole sheet was checked when the run was planned.

    Parameters
    ----------
    path, columns
        As in `read`.
    index : int
        Number of the shard.
    scans_per_shard : int
        Rows of a shard.

    Returns
    -------
    DataFrame

    Raises
    ------
    UserError
        As `read`.
    """
    sheet = _read(path, columns)
    own = shard(sheet.frame.sort_values("sample", kind="stable"), index, scans_per_shard)
    return _check(path, sheet, own.sort_index(), files_must_exist=False)


def list_scan_cells(path: str | Path) -> list[str]:
    """Return the paths in the column `scan` of a sheet, unchecked and in no certain order.

    Parameters
    ----------
    path : path
        The sheet.

    Returns
    -------
    list of str

    Raises
    ------
    UserError
        If the file cannot be read as a table.
    """
    return [scan for scan in _read(path, Columns()).frame["scan"] if scan]


def write(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a sample sheet: .xlsx, .csv, or TSV under every other name.

    Parameters
    ----------
    path : path
        The file.
    frame : DataFrame
        The columns.

    Raises
    ------
    UserError
        If the name is of a format that is not written, or the disk does not take the file.
    """
    sheet_formats.write(path, frame, NUMBERS)


def shard(sheet: pd.DataFrame, index: int, scans_per_shard: int) -> pd.DataFrame:
    """Select the rows of one conversion job.

    Parameters
    ----------
    sheet : DataFrame
        Of `read`.
    index, scans_per_shard : int
        As in `read_shard`.

    Returns
    -------
    DataFrame
    """
    return sheet.iloc[index * scans_per_shard : (index + 1) * scans_per_shard]


def assign_shard_paths(sheet: pd.DataFrame, folder: str, scans_per_shard: int) -> pd.DataFrame:
    """Move the scans of a sheet into one folder per conversion job: {folder}/0000/{file}, {folder}/0001/{file}, ...

    Parameters
    ----------
    sheet : DataFrame
        Sorted by sample; not modified.
    folder : str
        Folder of all shards.
    scans_per_shard : int
        Rows of a shard.

    Returns
    -------
    DataFrame
    """
    paths = [f"{folder}/{row // scans_per_shard:04d}/{Path(scan).name}" for row, scan in enumerate(sheet["scan"])]
    return sheet.assign(scan=paths)


def batch_from_label(label: str) -> str:
    """Return the growth day in a label of the study's style: MCV1-210405 of MCV1-210405a-07.

    Parameters
    ----------
    label : str
        Name of a sample.

    Returns
    -------
    str
        Empty for other labels.
    """
    match = LABEL.fullmatch(label)
    return match["day"] if match else ""


def date_from_batch(batch: str) -> str:
    """Return the date in the name of a batch: 2021-04-05 of MCV1-210405 and of 2021-04-05.

    Parameters
    ----------
    batch : str
        Name of a batch.

    Returns
    -------
    str
        ISO date, empty for other names.
    """
    if match := ISO_DATE.fullmatch(batch):
        return _to_iso(match, 0)
    match = LABEL_DATE.fullmatch(batch)
    return _to_iso(match, CENTURY) if match else ""


def _is_date(text: str) -> bool:
    """Return whether a text is an ISO date from 1900 on."""
    match = ISO_DATE.fullmatch(text)
    return bool(match and _to_iso(match, 0))


def list_scans(path: str | Path | None, key: str = "new_scans", out: str | Path | None = None) -> dict[str, list[int]]:
    """List the new scans at a path.

    Parameters
    ----------
    path : path
        A file, or a folder that is searched with its subfolders. Hidden files and folders are skipped, and so are links
        to folders, which may form cycles.
    key : str
        What named it, a key of COMMANDS, for messages.
    out : path, optional
        Where results will be written.

    Returns
    -------
    dict of str to [int, int]
        Path: size in bytes and time of the last change in ns, sorted by path; zeros where they are not known. Anything
        but a folder is listed, also pipes, broken links and folders that cannot be opened, so that each gets its error.

    Raises
    ------
    UserError
        If no path is given, nothing is at it, or `out` is in it.
    """
    if not path:
        raise UserError(f"{key} is not set; name the scans: {COMMANDS[key]}")
    if not os.path.exists(path):
        raise UserError(f"{key}: no such file or folder {printable(path)}; correct the path: {COMMANDS[key]}")
    if out is not None and Path(out).resolve().is_relative_to(Path(path).resolve()):
        raise UserError(
            f"{key}: results would go to {printable(out)}, in the folder of the scans, {printable(path)}; write them "
            "elsewhere, or name a folder that does not hold it."
        )
    paths = sorted(_visible_files(path)) if os.path.isdir(path) else [Path(path)]
    if not paths:
        raise UserError(
            f"{key}: the folder {printable(path)} holds no files; add scans or name another: {COMMANDS[key]}"
        )
    return {str(path): _size_and_time(path) for path in paths}


def list_new_scans(
    path: str | Path | None,
    key: str = "new_scans",
    out: str | Path | None = None,
    notify: Callable[[str], object] | None = None,
) -> dict[str, dict[str, Any]]:
    """List the scans to predict, of a folder or of a sheet.

    Parameters
    ----------
    path : path
        As of `list_scans`, or a sheet (SUFFIXES) with the columns sample and scan, and others of OF_SCANS; its paths
        start at its own folder, as those of `make_sheet`.
    key, out
        As of `list_scans`.
    notify : callable, optional
        As of `read`.

    Returns
    -------
    dict of str to dict
        Path: `state`, its size and time as of `list_scans`; of a sheet, sorted by sample, also `film` and, where given,
        kind, width_nm, z_unit and levelling.

    Raises
    ------
    UserError
        As of `list_scans` and `read`.
    """
    listed = list_scans(path, key, out)
    if path is None or not is_sheet(path):
        return {scan: {"state": state} for scan, state in listed.items()}
    sheet = read(path, Columns(of_scans_only=True), notify=notify)
    rows = sheet[["film", "kind", "width_nm", "z_unit", "levelling"]].to_dict("records")
    return {
        scan: {"state": _size_and_time(Path(scan))}
        | {str(name): value for name, value in row.items() if pd.notna(value) and value != ""}
        for scan, row in zip(sheet["scan"], rows, strict=True)
    }


def is_sheet(path: str | Path) -> bool:
    """Return whether a path is a file that is named as a sheet."""
    return Path(path).suffix.lower() in SUFFIXES and not os.path.isdir(path)


def _visible_files(folder: str | Path) -> Iterator[Path]:
    """Yield all paths below a folder but hidden ones, and the folders that cannot be opened, in no order."""
    closed = []
    for parent, subfolders, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        yield from (Path(parent) / name for name in names if not name.startswith("."))
    yield from closed


def _size_and_time(path: Path) -> list[int]:
    try:
        state = path.stat()
    except OSError:
        return [0, 0]
    return [state.st_size, state.st_mtime_ns]


def _to_iso(match: re.Match[str], century: int) -> str:
    """Return the date of a match, empty where the calendar has no such day."""
    year, month, day = (int(match[part]) for part in ("year", "month", "day"))
    try:
        date = datetime.date(century + year, month, day)
    except ValueError:
        return ""
    return date.isoformat() if date.year >= FIRST_YEAR else ""


class _Sheet(NamedTuple):
    """A sheet as read, not yet checked.

    frame: all rows, DataFrame of str by line of the file; header, errors: sentences on the header, and (line, sentence)
    on rows; complete: whether every column is there once, so that cells can be checked; notes: what was understood;
    columns: those of the study; numbers: columns of numbers.
    """

    frame: pd.DataFrame
    header: list[str]
    errors: list[tuple[int, str]]
    complete: bool
    notes: list[str]
    columns: Columns
    numbers: tuple[str, ...] = NUMBERS


def _read(path: str | Path, columns: Columns) -> _Sheet:
    """Return the cells of a sheet by their meaning."""
    known, target = columns.known, columns.target
    table = sheet_formats.read(path, lambda names: len({*map(columns.find, names)} - {""}))
    names = [columns.find(name) or name for name in table.names]
    if len(names) == 1 and all(name in names[0].lower() for name in columns.required):
        raise UserError(f"{path}: the columns are separated by spaces; save the sheet as TSV, CSV or .xlsx.")
    if columns.of_scans_only and not {"scan", "sample"} & set(names):
        raise UserError(
            f"{path}: a sheet of new scans needs the columns scan (path) and sample (film), and line "
            f"{table.header_line} names neither. Heights as text are not read; save such a scan as .gwy or TIFF."
        )
    header = list(_column_errors(names, table.header_line, columns))
    errors = [*table.errors, *_unnamed_cells(names, table)]
    if columns.of_scans_only:
        names = [name if name in OF_SCANS else "" for name in names]
    read_as = zip(table.names, names, strict=True)
    renamed = [f"'{name}' as {column}" for name, column in read_as if column not in ("", name)]
    notes = [*table.notes, *([f"columns: {', '.join(renamed)}"] if renamed else [])]
    cells = dict(zip(names, zip_longest(*table.rows.values(), fillvalue=""), strict=False))
    frame = pd.DataFrame(cells, index=list(table.rows), columns=known, dtype=object).fillna("")
    named = [name for name in names if name]
    if not set(columns.required) <= set(named) or len(set(named)) < len(named):
        return _Sheet(frame, header, errors, False, notes, columns)
    places = {place: name for place, name in enumerate(names) if name in known}
    dates = {(line, places[place]) for line, place in table.dates if line in table.rows and place in places}
    folder = os.path.dirname(path) if columns.of_scans_only else ""
    reading = sheet_cells.read_cells(frame, target, columns.own, table.separator, dates, table.epoch, folder)
    reading.rewrite("scan", partial(_under, folder=folder), noted=False)
    frame["batch"] = frame["batch"].where(frame["batch"] != "", frame["sample"].map(batch_from_label))
    sheet_cells.merge_spellings(reading)
    frame.insert(1, "film", frame["sample"])
    frame["sample"] = _name_scans(frame)
    notes += [*reading.notes(), *(_between_classes(frame, target) if target else [])]
    return _Sheet(frame, header, errors + reading.errors, True, notes, columns, reading.numbers)


def _under(cell: str, folder: str) -> str:
    return os.path.join(folder, cell) if cell and not sheet_cells.DRIVE.match(cell) else cell


def _name_scans(frame: pd.DataFrame) -> pd.Series:
    """Return a name for every row that no other row has: no film's name has an @."""
    names = frame["film"].copy()
    for film, rows in frame[names.duplicated(keep=False) & (names != "")].groupby("film"):
        places = rows["position"].map(lambda text: re.sub(r"[^A-Za-z0-9.+-]+", "-", text).strip("-.")[:MAX_POSITION])
        if (places == "").any() or places.str.casefold().duplicated().any():
            order = rows.assign(second=rows["kind"] == "processed").sort_values(["second", "scan"], kind="stable").index
            places = pd.Series(map(str, range(1, len(order) + 1)), index=order)
        names[places.index] = f"{film}@" + places
    return names


def _disagreements(frame: pd.DataFrame, numbers: Sequence[str]) -> list[str]:
    """Return an error for every film whose rows differ in what belongs to the film."""
    names = [name for name in frame if name not in (*OF_SCANS, "film")]
    several = frame[frame["film"].duplicated(keep=False) & (frame["film"] != "")]
    values = several[names].apply(lambda cells: cells.map(_comparable) if cells.name in numbers else cells)
    errors = []
    for film, rows in values.groupby(several["film"]):
        differing = [name for name in names if rows[name].nunique() > 1]
        if differing:
            shown = [f"{name} ({', '.join(several.loc[rows.index, name].unique()) or 'empty'})" for name in differing]
            lines = ", ".join(map(str, rows.index))
            errors.append(f"lines {lines}: the scans of sample '{film}' differ in {'; '.join(shown)}; write one value.")
    return errors


def _comparable(cell: str) -> str:
    return cell if (value := to_number(cell)) is None else str(value)


def _between_classes(frame: pd.DataFrame, target: Target) -> Iterator[str]:
    """Yield a note on values that are not a class, where classes are exact values."""
    numbers = {cell: value for cell in frame[target.column].unique() if (value := to_number(cell)) is not None}
    exact = target.ordered and target.labels == tuple(f"{one:.9g}" for one in target.classes)
    between = [cell for cell, value in numbers.items() if target.within(value) and value not in target.classes]
    if exact and between:
        shown = [f"'{cell}' in class {target.label(target.to_class([numbers[cell]])[0])}" for cell in between]
        yield f"{target.column}: {', '.join(shown[:3])}{f', and {len(shown) - 3} more' if len(shown) > 3 else ''}"


def _check(path: str | Path, sheet: _Sheet, rows: pd.DataFrame, files_must_exist: bool) -> pd.DataFrame:
    """Return the data frame that `read` gives, of these rows; UserError that lists their errors."""
    frame, target = rows.copy(), sheet.columns.target
    of_lines = [(line, 0, error) for line, error in sheet.errors if line in frame.index]
    reported = {(line, error.split(" ", 1)[0]) for line, _, error in of_lines}
    if sheet.complete:
        of_cells = _cell_errors(frame, sheet, files_must_exist)
        of_lines += [one for one in of_cells if (one[0], one[2].split(" ", 1)[0]) not in reported]  # one error a cell
    by_text: dict[str, list[int]] = {}
    for line, _, error in sorted(of_lines):
        by_text.setdefault(error, []).append(line)
    errors = [*sheet.header, *(f"{_lines(lines)}: {error}" for error, lines in by_text.items())]
    if sheet.complete:
        errors += _duplicates(frame, "film") + _duplicates(frame, "scan") + _disagreements(frame, sheet.numbers)
        texts = [name for name in ("operator", *sheet.columns.own) if name not in sheet.numbers]
        errors += [error for name in texts for error in _spellings(frame, name)]
        errors += _batch_spellings(frame)
    if errors:
        count = "one error" if len(errors) == 1 else f"{len(errors)} errors"
        lines = [printable(" ".join(error.split())) for error in errors]
        raise UserError(f"{path}: {count} in the sample sheet:\n  " + "\n  ".join(lines))
    for name in sheet.numbers:
        frame[name] = frame[name].replace("", "nan").astype(float)
    if target and target.ordered and not (frame[target.column] % 1).any():
        frame[target.column] = frame[target.column].astype(int)
    frame["growth_date"] = frame["growth_date"].where(frame["growth_date"] != "", frame["batch"].map(date_from_batch))
    return frame.sort_values("sample", ignore_index=True)


def _column_errors(names: list[str], line: int, columns: Columns) -> Iterator[str]:
    """Yield the errors of the header: missing, unknown and repeated columns."""
    known = columns.known
    for name in dict.fromkeys(filter(None, names)):
        if name not in known and not columns.of_scans_only:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known columns: {', '.join(known)}."
            hint += " Name a growth variable of your own in scans.extra_columns of the config; leave other columns out."
            if near and near[0] in NUMBERS and sheet_cells.REMARK.search(name):
                hint = f"write it in the unit of '{near[0]}'."
            yield f"line {line}: column '{name}' is not known; {hint}"
        if names.count(name) > 1:
            yield f"line {line}: column '{name}' occurs {names.count(name)} times; keep one."
    for name in columns.required:
        if name not in names:
            near = get_close_matches(name, filter(None, names), n=1, cutoff=0.8) if columns.of_scans_only else []
            way_out = f"rename '{near[0]}'" if near else "add it"
            yield f"line {line}: column '{name}' is missing; {way_out}."


def _unnamed_cells(names: list[str], table: sheet_formats.Table) -> Iterator[tuple[int, str]]:
    """Yield the line and error of cells outside of named columns."""
    for line, cells in table.rows.items():
        for number, cell in enumerate(cells, start=1):
            if cell and (number > len(names) or not names[number - 1]):
                place = f"column {number}, which has no name in line {table.header_line}"
                yield line, f"'{cell}' is in {place}; move or name it."


def _cell_errors(frame: pd.DataFrame, sheet: _Sheet, files_must_exist: bool) -> list[tuple[int, int, str]]:
    """Return (line, rank, error) of single cells. Every distinct value is checked once."""
    columns, target = sheet.columns, sheet.columns.target
    file_errors = _file_errors(frame["scan"].unique()) if files_must_exist else {}
    checks: list[tuple[pd.Series, Callable[[str], str]]] = [
        *[(frame["film" if name == "sample" else name], partial(_empty_error, name=name)) for name in columns.required],
        (frame["film"], _sample_error),
        *[(frame[name], partial(_number_error, name=name, any_sign=name in columns.own)) for name in sheet.numbers],
        *([(frame[target.column], partial(_class_error, target=target, columns=columns))] if target else []),
        (frame["width_nm"], _width_error),
        (frame["z_unit"], _unit_error),
        (frame["growth_date"], _date_error),
        (frame["levelling"], _levelling_error),
        (frame["kind"], _kind_error),
        *([] if columns.of_scans_only else [(frame["film"].where(frame["batch"] == "", ""), _batch_error)]),
        (frame["scan"], partial(_scan_error, file_errors=file_errors, patterns=not columns.of_scans_only)),
    ]
    errors = []
    for order, (cells, check) in enumerate(checks, start=1):
        wrong = {value: error for value in cells.unique() if (error := check(value))}
        affected = cells[cells.isin(list(wrong))] if wrong else cells[:0]
        errors += [(line, order, wrong[value]) for line, value in affected.items()]
    return errors


def _empty_error(cell: str, name: str) -> str:
    return "" if cell else f"{name} is empty; fill it in."


def _sample_error(sample: str) -> str:
    if not sample or FILE_NAME.fullmatch(sample):
        return ""
    return (
        f"sample '{sample}' is not a valid file name; use letters, digits, '.', '_', '+' and '-', "
        "starting with a letter or digit, at most 200."
    )


def _number_error(cell: str, name: str, any_sign: bool) -> str:
    value = to_number(cell)
    if not cell or value is not None and (any_sign or value > 0):
        return ""
    return f"{name} '{cell}' is not a {'' if any_sign else 'positive '}number; write it as 950."


def _class_error(cell: str, target: Target, columns: Columns) -> str:
    value = to_number(cell)
    if not cell or (not target.ordered and cell in target.labels):
        return ""
    if target.ordered and (_number_error(cell, "", target.column in columns.own) or target.within(value or 0.0)):
        return ""
    what = "outside of" if target.ordered else "not one of"
    limits = f" ({target.edges[0]:.9g} to {target.edges[-1]:.9g})" if target.ordered else ""
    return (
        f"{target.column} {cell} is {what} the classes {', '.join(target.labels)}{limits}; "
        "remove the row or change target in the config."
    )


def _width_error(cell: str) -> str:
    too_wide = (to_number(cell) or 0) > MAX_WIDTH_NM
    return f"width_nm {cell} exceeds one metre; write it in nanometres." if too_wide else ""


def _unit_error(cell: str) -> str:
    return f"z_unit '{cell}' is not a unit of length; write nm, um or m." if cell and not nm_per(cell) else ""


def _date_error(cell: str) -> str:
    return f"growth_date '{cell}' is not a date; write it as 2021-04-05." if cell and not _is_date(cell) else ""


def _levelling_error(cell: str) -> str:
    if cell in ("", *METHODS):
        return ""
    return f"levelling '{cell}' is not a method; write {', '.join(METHODS)}, or clear the cell for heights.levelling."


def _kind_error(cell: str) -> str:
    return "" if cell in KINDS else f"kind '{cell}' is neither raw nor processed; write one of them, or clear the cell."


def _batch_error(sample: str) -> str:
    if not sample or batch_from_label(sample):
        return ""
    return "batch is empty, and the sample's name holds no growth date (as MCV1-YYMMDDx-XX does); fill it in."


def _scan_error(scan: str, file_errors: Mapping[str, str], patterns: bool) -> str:
    error = "has { } or < > in its path, which Snakemake reads as patterns; rename the file or folder."
    if not patterns or not PATTERNS.search(scan):
        error = file_errors.get(scan, "")
    return f"scan '{scan}' {error}" if error else ""


def _file_errors(scans: Sequence[str]) -> dict[str, str]:
    """Return the error of every scan whose file has one; in threads, because file servers are slow."""
    parts = [
        [scan for scan in scans[start : start + PATHS_PER_TASK] if scan]
        for start in range(0, len(scans), PATHS_PER_TASK)
    ]
    with ThreadPoolExecutor(N_THREADS) as threads:
        checked = threads.map(lambda part: {scan: error for scan in part if (error := _file_error(scan))}, parts)
        return {scan: error for part in checked for scan, error in part.items()}


def _file_error(scan: str) -> str:
    try:
        mode = os.stat(scan).st_mode
    except FileNotFoundError:
        if sheet_cells.DRIVE.match(scan):
            return "is a Windows path, and no file of its name is here; copy the scan here and write its new path."
        return "does not exist; correct the path."
    except (OSError, ValueError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or error}); correct the path or the permissions."
    if not stat.S_ISREG(mode):
        return f"is a {'folder' if stat.S_ISDIR(mode) else 'device'} and not a file; correct the path."
    return "" if os.access(scan, os.R_OK) else "is not readable; correct the permissions."


def _lines(numbers: Sequence[int]) -> str:
    """Write ascending line numbers: "line 2", "lines 2-15, 17"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return f"line{'s' if len(numbers) > 1 else ''} {', '.join('-'.join(map(str, run)) for run in runs)}"


def _duplicates(frame: pd.DataFrame, name: str) -> list[str]:
    """Return the errors of values that occur more than once in a column, also in different spellings.

    A film may have several scans, in one spelling.
    """
    normalise, reason = UNIQUE[name]
    filled = frame.loc[frame[name] != "", name]
    keys = filled.map(normalise)
    repeated, errors = keys.duplicated(keep=False), []
    for _, values in filled[repeated].groupby(keys[repeated], sort=True):
        if name == "film" and values.nunique() == 1:
            continue
        spellings = ", ".join(f"'{value}'" for value in dict.fromkeys(values))
        lines = f"lines {', '.join(map(str, values.index))}: {'sample' if name == 'film' else name} {spellings}"
        errors.append(f"{lines} {reason if values.nunique() > 1 else f'occurs {len(values)} times'}; keep one.")
    return errors


def _spellings(frame: pd.DataFrame, name: str) -> list[str]:
    """Return the errors of values that differ in case or spaces alone and would count as different."""
    spellings: dict[str, list[str]] = {}
    for value in filter(None, frame[name].unique()):
        spellings.setdefault(" ".join(value.casefold().split()), []).append(f"'{value}'")
    same = [values for values in spellings.values() if len(values) > 1]
    return [f"{name} {', '.join(values)}: one name in several spellings; use one." for values in same]


def _batch_spellings(frame: pd.DataFrame) -> list[str]:
    """Return the errors of batches that may be one: run7, run_7 and run-7, or one day as date, label and run."""
    same: dict[str, dict[str, None]] = {}
    batches = [batch for batch in frame["batch"].unique() if batch]
    for batch in batches:
        same.setdefault(sheet_cells.batch_key(batch, r"\s_-"), {})[batch] = None
        plain = batch.rstrip(ascii_letters)  # 2024-05-03 of 2024-05-03a
        day = date_from_batch(plain) or date_from_batch(f"day-{plain}")  # also of 240503
        for form in (day, plain) if day else ():
            if form != batch and form in batches:
                same.setdefault(form, {form: None})[batch] = None
    names = [", ".join(f"'{batch}'" for batch in group) for group in same.values() if len(group) > 1]
    return [
        f"batch {group}: one batch in several spellings, or one growth day in several forms; use one."
        for group in names
    ]
