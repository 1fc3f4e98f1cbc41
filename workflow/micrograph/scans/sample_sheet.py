"""Read and check the sample sheet; growth batches and dates from labels; list the scans of a folder."""

import csv
import datetime
import io
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from functools import partial
from itertools import zip_longest
from pathlib import Path

import pandas as pd

from micrograph.errors import UserError, printable
from micrograph.scans.levelling import METHODS
from micrograph.scans.units import nm_per

REQUIRED = ("sample", "growth_celsius", "scan")
OPTIONAL = (
    *("growth_seconds", "substrate", "pressure_torr", "operator", "growth_date", "batch"),
    *("width_nm", "z_unit", "levelling"),
)
FORMER_NAMES = {"grown": "growth_date"}  # of columns in sheets of earlier versions
NUMBERS = ("growth_celsius", "growth_seconds", "pressure_torr", "width_nm")
NUMBER = re.compile(r"[0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?")
MAX_WIDTH_NM = 1e9
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
PATTERNS = re.compile(r"\{.*\}|<.*>", re.DOTALL)  # Snakemake reads these in a path as wildcards and flags
N_THREADS, PATHS_PER_TASK = 16, 500  # of the check that files exist
SEPARATORS = {",": "commas", ";": "semicolons", "|": "bars", " ": "spaces"}
# Columns of unique values: two spellings are one value if this function gives the same for both, and why.
UNIQUE = {
    "sample": (str.casefold, "are one file name on many disks"),
    "scan": (os.path.normpath, "are one file"),
}
LABEL = re.compile(r"(?P<day>.+-\d{6})[A-Za-z]?-[^-]+")
# Names of a batch that hold a date: an ISO date, or the label of the study's samples up to the run.
ISO_DATE = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", re.ASCII)
LABEL_DATE = re.compile(r".+-(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)[A-Za-z]?", re.ASCII)
CENTURY = 2000  # of labels, which hold two digits of the year
FIRST_YEAR = 1900
PREDICT_COMMAND = "snakemake --cores 8 predict --config new_scans=FOLDER"

Rows = dict[int, list[str]]  # line of the file: its cells


def read(path: str | Path, classes: Collection[int], files_must_exist: bool = True) -> pd.DataFrame:
    """Read and check a sample sheet.

    Parameters
    ----------
    path : path
        The sheet.
    classes : collection of int
        Growth temperatures in degrees Celsius; a sample of another temperature is an error.
    files_must_exist : bool, default True
        Whether missing scan files are errors.

    Returns
    -------
    DataFrame
        Of the columns REQUIRED and OPTIONAL, sorted by sample. Numbers are floats, NaN where empty. An empty `batch` is
        filled in from labels like MCV1-YYMMDDx-XX, then an empty `growth_date` (ISO date) from the batch
        (`date_from_batch`). Columns without name and content are ignored.

    Raises
    ------
    UserError
        Listing every error with its line of the file (the header is line 1).
    """
    return _check(path, *_read_rows(Path(path)), classes, files_must_exist)


def read_shard(path: str | Path, classes: Collection[int], index: int, scans_per_shard: int) -> pd.DataFrame:
    """Read the rows of one conversion job, as ``shard(read(...))`` gives them.

    Only these rows are checked, and not whether files exist: the whole sheet was checked when the run was planned.

    Parameters
    ----------
    path, classes
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
    names, rows = _read_rows(Path(path))
    column = names.index("sample") if "sample" in names else 0
    lines = sorted(rows, key=lambda line: rows[line][column : column + 1])
    own = lines[index * scans_per_shard : (index + 1) * scans_per_shard]
    return _check(path, names, {line: rows[line] for line in own}, classes, files_must_exist=False)


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
    """Tell whether a text is an ISO date from 1900 on."""
    match = ISO_DATE.fullmatch(text)
    return bool(match and _to_iso(match, 0))


def list_scans(path: str | Path | None) -> dict[str, list[int]]:
    """List the new scans at a path.

    Parameters
    ----------
    path : path
        A file, or a folder that is searched with its subfolders. Hidden files and folders are skipped, and so are links
        to folders, which may form cycles.

    Returns
    -------
    dict of str to [int, int]
        Path: size in bytes and time of the last change in ns, sorted by path; zeros where they are not known. Anything
        but a folder is listed, also pipes, broken links and folders that cannot be opened, so that each gets its error.

    Raises
    ------
    UserError
        If no path is given or nothing is at it.
    """
    if path is None:
        raise UserError(f"new_scans is not set; name the scans to predict: {PREDICT_COMMAND}")
    if not os.path.exists(path):
        raise UserError(f"new_scans: no such file or folder {printable(path)}; correct the path: {PREDICT_COMMAND}")
    paths = sorted(_visible_files(path)) if os.path.isdir(path) else [Path(path)]
    if not paths:
        raise UserError(
            f"new_scans: the folder {printable(path)} holds no files; add scans or name another: {PREDICT_COMMAND}"
        )
    return {str(path): _size_and_time(path) for path in paths}


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


def _check(
    path: str | Path, names: list[str], rows: Rows, classes: Collection[int], files_must_exist: bool
) -> pd.DataFrame:
    """Return the data frame that `read` gives, of these rows; UserError that lists their errors."""
    errors = [*_column_errors(names), *_unnamed_cells(names, rows)]
    named = [name for name in names if name]
    if set(REQUIRED) <= set(named) and len(set(named)) == len(named):
        cells = dict(zip(names, zip_longest(*rows.values(), fillvalue=""), strict=False))
        frame = pd.DataFrame(cells, index=list(rows), columns=[*REQUIRED, *OPTIONAL], dtype=object).fillna("")
        errors += _cell_errors(frame, classes, files_must_exist)
        errors += _duplicates(frame, "sample") + _duplicates(frame, "scan") + _spellings(frame, "operator")
    if errors:
        count = "one error" if len(errors) == 1 else f"{len(errors)} errors"
        lines = [printable(" ".join(error.split())) for error in errors]
        raise UserError(f"{path}: {count} in the sample sheet:\n  " + "\n  ".join(lines))
    for name in NUMBERS:
        frame[name] = frame[name].replace("", "nan").astype(float)
    frame["growth_celsius"] = frame["growth_celsius"].astype(int)
    frame["batch"] = frame["batch"].where(frame["batch"] != "", frame["sample"].map(batch_from_label))
    frame["growth_date"] = frame["growth_date"].where(frame["growth_date"] != "", frame["batch"].map(date_from_batch))
    return frame.sort_values("sample", ignore_index=True)


def _read_rows(path: Path) -> tuple[list[str], Rows]:
    """Return the column names and the rows that are not blank, as text."""
    lines = _read_cells(path)
    names = [FORMER_NAMES.get(name, name) for name in next(iter(lines.values()), [])]
    while names and not names[-1]:
        names.pop()
    for separator, word in SEPARATORS.items():
        if len(names) == 1 and separator in names[0] and all(name in names[0].lower() for name in REQUIRED):
            raise UserError(f"{path}: the columns are separated by {word}; save the sheet as tab-separated text (TSV).")
    rows = {line: cells for line, cells in list(lines.items())[1:] if any(cells)}
    if not rows:
        raise UserError(f"{path}: the sample sheet has no rows; add one row for each sample.")
    return names, rows


def _read_cells(path: Path) -> Rows:
    """Return the stripped cells of every line; a quoted cell may hold tabs and line ends."""
    lines, line = {}, 1
    try:
        reader = csv.reader(io.StringIO(_read_text(path)), delimiter="\t", strict=True)
        for cells in reader:
            lines[line] = [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error:
        raise UserError(
            f"{path}: line {line}: a cell starts with a quotation mark and does not end with one; remove the marks."
        ) from None
    return lines


def _read_text(path: Path) -> str:
    """Return the text of the sheet; UserError where it is missing, unreadable, or not text."""
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a pipe would block
            raise UserError(f"{path}: the sample sheet is not a regular file; set scans.sheet.")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such sample sheet; write one (README.md, 'Your own scans') or set scans.sheet."
        ) from None
    except OSError as error:
        raise UserError(f"{path}: the sample sheet cannot be read ({error.strerror}); set scans.sheet.") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UserError(f"{path}: not UTF-8 text (perhaps a workbook); save the sheet as TSV in UTF-8.")
    return text


def _column_errors(names: list[str]) -> Iterator[str]:
    """Yield the errors of the header: missing, unknown and repeated columns."""
    known = [*REQUIRED, *OPTIONAL]
    for name in dict.fromkeys(filter(None, names)):
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known columns: {', '.join(known)}."
            yield f"line 1: column '{name}' is not known; {hint}"
        if names.count(name) > 1:
            yield f"line 1: column '{name}' occurs {names.count(name)} times; keep one."
    for name in REQUIRED:
        if name not in names:
            yield f"line 1: column '{name}' is missing; add it."


def _unnamed_cells(names: list[str], rows: Rows) -> Iterator[str]:
    """Yield the errors of cells outside of named columns."""
    for line, cells in rows.items():
        for number, cell in enumerate(cells, start=1):
            if cell and (number > len(names) or not names[number - 1]):
                yield f"line {line}: '{cell}' is in column {number}, which has no name in line 1; move or name it."


def _cell_errors(frame: pd.DataFrame, classes: Collection[int], files_must_exist: bool) -> list[str]:
    """Return the errors of single cells, line by line. Every distinct value is checked once."""
    file_errors = _file_errors(frame["scan"].unique()) if files_must_exist else {}
    checks: list[tuple[pd.Series, Callable[[str], str]]] = [
        *[(frame[name], partial(_empty_error, name=name)) for name in REQUIRED],
        (frame["sample"], _sample_error),
        *[(frame[name], partial(_number_error, name=name)) for name in NUMBERS],
        (frame["growth_celsius"], partial(_class_error, classes=classes)),
        (frame["width_nm"], _width_error),
        (frame["z_unit"], _unit_error),
        (frame["growth_date"], _date_error),
        (frame["levelling"], _levelling_error),
        (frame["sample"].where(frame["batch"] == "", ""), _batch_error),
        (frame["scan"], partial(_scan_error, file_errors=file_errors)),
    ]
    errors = []
    for order, (cells, check) in enumerate(checks):
        wrong = {value: error for value in cells.unique() if (error := check(value))}
        affected = cells[cells.isin(list(wrong))] if wrong else cells[:0]
        errors += [(line, order, f"line {line}: {wrong[value]}") for line, value in affected.items()]
    return [error for _, _, error in sorted(errors)]


def _empty_error(cell: str, name: str) -> str:
    return "" if cell else f"{name} is empty; fill it in."


def _sample_error(sample: str) -> str:
    if not sample or FILE_NAME.fullmatch(sample):
        return ""
    return (
        f"sample '{sample}' is not a valid file name; use letters, digits, '.', '_', '+' and '-', "
        "starting with a letter or digit, at most 200."
    )


def _number_error(cell: str, name: str) -> str:
    is_wrong = cell and not _to_number(cell)
    return f"{name} '{cell}' is not a positive number; write it as 950." if is_wrong else ""


def _class_error(cell: str, classes: Collection[int]) -> str:
    if _to_number(cell) in (None, *classes):
        return ""
    return (
        f"growth_celsius {cell} is not one of the classes {', '.join(map(str, classes))}; "
        "remove the row or add it to classes in the config."
    )


def _width_error(cell: str) -> str:
    too_wide = (_to_number(cell) or 0) > MAX_WIDTH_NM
    return f"width_nm {cell} exceeds one metre; write it in nanometres." if too_wide else ""


def _unit_error(cell: str) -> str:
    return f"z_unit '{cell}' is not a unit of length; write nm, um or m." if cell and not nm_per(cell) else ""


def _date_error(cell: str) -> str:
    return f"growth_date '{cell}' is not a date; write it as 2021-04-05." if cell and not _is_date(cell) else ""


def _levelling_error(cell: str) -> str:
    if cell in ("", *METHODS):
        return ""
    return f"levelling '{cell}' is not a method; write {', '.join(METHODS)}, or clear the cell for heights.levelling."


def _batch_error(sample: str) -> str:
    if not sample or batch_from_label(sample):
        return ""
    return f"sample '{sample}' holds no growth date (as MCV1-YYMMDDx-XX does); fill in the column batch."


def _scan_error(scan: str, file_errors: Mapping[str, str]) -> str:
    pattern = "has { } or < > in its path, which Snakemake reads as patterns; rename the file or folder."
    error = pattern if PATTERNS.search(scan) else file_errors.get(scan)
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
        return "does not exist; correct the path."
    except (OSError, ValueError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or error}); correct the path or the permissions."
    if not stat.S_ISREG(mode):
        return f"is a {'folder' if stat.S_ISDIR(mode) else 'device'} and not a file; correct the path."
    return "" if os.access(scan, os.R_OK) else "is not readable; correct the permissions."


def _to_number(text: str) -> float | None:
    """Return a positive finite number in ASCII digits, None for any other text."""
    try:
        value = float(text) if NUMBER.fullmatch(text) else 0.0
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _duplicates(frame: pd.DataFrame, name: str) -> list[str]:
    """Return the errors of values that occur more than once in a column, also in different spellings."""
    normalise, reason = UNIQUE[name]
    filled = frame.loc[frame[name] != "", name]
    keys = filled.map(normalise)
    repeated, errors = keys.duplicated(keep=False), []
    for _, values in filled[repeated].groupby(keys[repeated], sort=True):
        spellings = ", ".join(f"'{value}'" for value in dict.fromkeys(values))
        lines = f"lines {', '.join(map(str, values.index))}: {name} {spellings}"
        errors.append(f"{lines} {reason if values.nunique() > 1 else f'occurs {len(values)} times'}; keep one.")
    return errors


def _spellings(frame: pd.DataFrame, name: str) -> list[str]:
    """Return the errors of values that differ in case or spaces alone and would count as different."""
    spellings: dict[str, list[str]] = {}
    for value in filter(None, frame[name].unique()):
        spellings.setdefault(" ".join(value.casefold().split()), []).append(f"'{value}'")
    same = [values for values in spellings.values() if len(values) > 1]
    return [f"{name} {', '.join(values)}: one name in several spellings; use one." for values in same]
