"""Read and check the sample sheet; find scans in folders; growth batches from names and dates."""

import csv
import datetime
import io
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from functools import partial
from itertools import zip_longest
from pathlib import Path

import pandas as pd

from micrograph.errors import UserError, _shown, printable

HINT = "snakemake --cores 8 predict --config new_scans=FOLDER"


def scans_in(place):
    """{path: [bytes, time of the last change in ns]} of the scans at `place`, sorted by path.

    place: a folder, whose folders are searched too, or one file. All in it that is no folder is named, be it a file, a
    pipe or a broken link, so that nothing is lost in silence, and so is a folder that may not be opened; what is in the
    files is looked at later, one by one. What has no size and time has zeros. Passed over are hidden files and folders,
    and links to folders, which could lead round in circles; `place` itself may be one. Raises UserError where no place is
    named, or nothing is there.
    """
    if place is None:
        raise UserError(f"new_scans names no scans to predict; say where they are: {HINT}")
    if not os.path.exists(place):
        raise UserError(f"new_scans: there is no folder and no scan {printable(place)}; correct the path: {HINT}")
    paths = sorted(_shown(place)) if os.path.isdir(place) else [Path(place)]
    if not paths:
        raise UserError(
            f"new_scans: the folder {printable(place)} holds no files; put scans there or name another: {HINT}"
        )
    return {str(path): _state(path) for path in paths}


def _state(path):
    """[bytes, time of the last change in ns], zeros where there are none."""
    try:
        found = path.stat()
    except OSError:
        return [0, 0]
    return [found.st_size, found.st_mtime_ns]


STUDY_LABEL = re.compile(r"(?P<day>.+-\d{6})[A-Za-z]?-[^-]+")
# Names of a batch that tell a day: a date by itself, or the label of the study's films as far as the run.
WRITTEN = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", re.ASCII)
LABELLED = re.compile(r".+-(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)[A-Za-z]?", re.ASCII)
CENTURY = 2000  # of labels, which hold two digits of the year
EARLIEST = 1900


def batch_of(label):
    """The growth day of a label in the study's style, "" for other labels: MCV1-210405a-07 -> MCV1-210405."""
    match = STUDY_LABEL.fullmatch(label)
    return match["day"] if match else ""


def grown(batch):
    """The day that a batch's name tells, as 2021-04-05, "" where it tells none.

    MCV1-210405 -> 2021-04-05; 2021-04-05 -> 2021-04-05; monday, MCV1-211340 -> "".
    """
    if match := WRITTEN.fullmatch(batch):
        return _iso(match, 0)
    match = LABELLED.fullmatch(batch)
    return _iso(match, CENTURY) if match else ""


def is_written(text):
    """Whether a text is a day that there is, from 1900 on, written as 2021-04-05."""
    match = WRITTEN.fullmatch(text)
    return bool(match and _iso(match, 0))


def _iso(match, century):
    """The date of a match, "" where the calendar has no such day."""
    year, month, day = (int(match[part]) for part in ("year", "month", "day"))
    try:
        found = datetime.date(century + year, month, day)
    except ValueError:
        return ""
    return found.isoformat() if found.year >= EARLIEST else ""


REQUIRED = ("sample", "growth_celsius", "scan")
OPTIONAL = ("growth_seconds", "substrate", "pressure_torr", "operator", "grown", "batch", "width_nm")
NUMBERS = ("growth_celsius", "growth_seconds", "pressure_torr", "width_nm")
NUMBER = re.compile(r"[0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?")
WIDEST_NM = 1e9
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
PATTERNS = re.compile(r"\{.*\}|<.*>", re.DOTALL)  # in a path these stand for something else where patterns name files
AT_A_TIME, PART = 16, 500  # threads that look for files, and paths that one looks for before its next turn
SEPARATORS = {",": "commas", ";": "semicolons", "|": "bars", " ": "spaces"}
# Two spellings of one thing: (what is equal for both, what to say of them).
ONE = {
    "sample": (str.casefold, "name one file on many disks"),
    "scan": (os.path.normpath, "are one file"),
}


def read(path, classes, files_must_exist=True):
    """Read and check the sheet at `path`: a data frame with REQUIRED and OPTIONAL columns, sorted by sample.

    classes: the growth temperatures that are told apart, in Celsius; a sample grown at another is a fault, so that
    none is dropped unseen. Numbers are floats, NaN where empty; `batch` is filled in from labels like
    MCV1-YYMMDDx-XX where the sheet has none, then `grown` (a day, as 2021-04-05) from batches that tell a day
    (days.grown). Columns without name and content are passed over.
    Raises UserError that lists every fault with its line in the file (the header is line 1).
    """
    return _checked(path, *_table(Path(path)), classes, files_must_exist)


def read_shard(path, classes, index, scans_per_shard):
    """The rows of the sheet that conversion job `index` is for, as `shard(read(...))` gives them, but sooner.

    For jobs: these rows alone are checked, and no file is looked for, since the whole sheet was checked when the run
    was planned. Raises UserError as `read` does.
    """
    names, rows = _table(Path(path))
    place = names.index("sample") if "sample" in names else 0
    lines = sorted(rows, key=lambda line: rows[line][place : place + 1])
    own = lines[index * scans_per_shard : (index + 1) * scans_per_shard]
    return _checked(path, names, {line: rows[line] for line in own}, classes, files_must_exist=False)


def _checked(path, names, rows, classes, files_must_exist):
    """The data frame that `read` gives, of these rows; UserError that lists their faults."""
    faults = [*_column_faults(names), *_unnamed(names, rows)]
    named = [name for name in names if name]
    if set(REQUIRED) <= set(named) and len(set(named)) == len(named):
        cells = dict(zip(names, zip_longest(*rows.values(), fillvalue=""), strict=False))
        frame = pd.DataFrame(cells, index=list(rows), columns=[*REQUIRED, *OPTIONAL], dtype=object).fillna("")
        faults += _row_faults(frame, classes, files_must_exist) + _twice(frame, "sample") + _twice(frame, "scan")
        faults += _spelt_twice(frame, "operator")
    if faults:
        count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise UserError(
            f"{path}: {count} in the sample sheet:\n  "
            + "\n  ".join(printable(" ".join(fault.split())) for fault in faults)
        )
    for name in NUMBERS:
        frame[name] = frame[name].replace("", "nan").astype(float)
    frame["growth_celsius"] = frame["growth_celsius"].astype(int)
    frame["batch"] = frame["batch"].where(frame["batch"] != "", frame["sample"].map(batch_of))
    frame["grown"] = frame["grown"].where(frame["grown"] != "", frame["batch"].map(grown))
    return frame.sort_values("sample", ignore_index=True)


def shard(frame, index, scans_per_shard):
    """The rows of the sheet that conversion job `index` is for."""
    return frame.iloc[index * scans_per_shard : (index + 1) * scans_per_shard]


def _table(path):
    """(column names, {line in the file: cells}) of the sheet as text, blank rows dropped."""
    lines = _cells(path)
    names = next(iter(lines.values()), [])
    while names and not names[-1]:
        names.pop()
    for separator, word in SEPARATORS.items():
        if len(names) == 1 and separator in names[0] and all(name in names[0].lower() for name in REQUIRED):
            raise UserError(f"{path}: the columns are parted by {word}; save the sheet with tabs between them.")
    rows = {line: cells for line, cells in list(lines.items())[1:] if any(cells)}
    if not rows:
        raise UserError(f"{path}: the sample sheet has no rows; give it one row a sample.")
    return names, rows


def _cells(path):
    """{line in the file: its cells, stripped}; a quoted cell may hold tabs and line ends."""
    lines, line = {}, 1
    try:
        reader = csv.reader(io.StringIO(_text(path)), delimiter="\t", strict=True)
        for cells in reader:
            lines[line] = [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error:
        raise UserError(
            f"{path}: line {line}: a cell begins with a quotation mark and does not end with one; take the marks out."
        ) from None
    return lines


def _text(path):
    """The sheet's text; UserError where it is missing, not to be read, or no text."""
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # a pipe would be waited for
            raise UserError(f"{path}: the sample sheet is no file; set scans.sheet.")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(
            f"{path}: there is no such sample sheet; write one (README.md, 'Your own scans') or set scans.sheet."
        ) from None
    except OSError as error:
        raise UserError(f"{path}: the sample sheet cannot be read ({error.strerror}); set scans.sheet.") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UserError(f"{path}: this is no UTF-8 text (a workbook, perhaps); save the sheet as TSV in UTF-8.")
    return text


def _column_faults(names):
    """Sentences on columns that are missing, not known, or there twice."""
    legal = [*REQUIRED, *OPTIONAL]
    for name in dict.fromkeys(filter(None, names)):
        if name not in legal:
            near = get_close_matches(name, legal, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(legal)}."
            yield f"line 1: column '{name}' is not known; {hint}"
        if names.count(name) > 1:
            yield f"line 1: column '{name}' stands {names.count(name)} times; keep one."
    for name in REQUIRED:
        if name not in names:
            yield f"line 1: column '{name}' is missing; it must be there."


def _unnamed(names, rows):
    """Sentences on cells that stand in no named column."""
    for line, cells in rows.items():
        for place, cell in enumerate(cells, start=1):
            if cell and (place > len(names) or not names[place - 1]):
                yield f"line {line}: '{cell}' stands in column {place}, which has no name in line 1; move or name it."


def _row_faults(frame, classes, files_must_exist):
    """Sentences on single cells, line by line. Every value is judged once, however many lines hold it."""
    at_files = _file_faults(frame["scan"].unique()) if files_must_exist else {}
    # (cells, what is wrong with one of them), in the order in which a line's faults are told
    checks = [
        *[(frame[name], partial(_empty, name=name)) for name in REQUIRED],
        (frame["sample"], _sample_fault),
        *[(frame[name], partial(_number_fault, name=name)) for name in NUMBERS],
        (frame["growth_celsius"], partial(_class_fault, classes=classes)),
        (frame["width_nm"], _width_fault),
        (frame["grown"], _day_fault),
        (frame["sample"].where(frame["batch"] == "", ""), _batch_fault),
        (frame["scan"], partial(_scan_fault, at_files=at_files)),
    ]
    found = []
    for place, (cells, judge) in enumerate(checks):
        wrong = {value: fault for value in cells.unique() if (fault := judge(value))}
        faulty = cells[cells.isin(list(wrong))] if wrong else cells[:0]
        found += [(line, place, f"line {line}: {wrong[value]}") for line, value in faulty.items()]
    return [sentence for _, _, sentence in sorted(found)]


def _empty(cell, name):
    return "" if cell else f"{name} is empty; fill it in."


def _sample_fault(sample):
    if not sample or FILE_NAME.fullmatch(sample):
        return ""
    return (
        f"sample '{sample}' cannot name files; use letters, digits, '.', '_', '+' and '-', "
        "beginning with a letter or digit, 200 at most."
    )


def _number_fault(cell, name):
    return f"{name} '{cell}' is no positive number; write it plainly, as 950." if cell and not _number(cell) else ""


def _class_fault(cell, classes):
    if _number(cell) in (None, *classes):
        return ""
    return (
        f"growth_celsius {cell} is none of the classes {', '.join(map(str, classes))}; "
        "take the row out or add it to classes in the config."
    )


def _width_fault(cell):
    return f"width_nm {cell} is more than a metre; write it in nanometres." if (_number(cell) or 0) > WIDEST_NM else ""


def _day_fault(cell):
    return f"grown '{cell}' is no day; write it as 2021-04-05." if cell and not is_written(cell) else ""


def _batch_fault(sample):
    if not sample or batch_of(sample):
        return ""
    return f"sample '{sample}' tells no growth day (MCV1-YYMMDDx-XX would); fill in the column batch."


def _scan_fault(scan, at_files):
    odd = "has { } or < > in its path, which stand for patterns of names; rename the file or folder."
    fault = odd if PATTERNS.search(scan) else at_files.get(scan)
    return f"scan '{scan}' {fault}" if fault else ""


def _file_faults(scans):
    """{scan: what is wrong with its file}; many at a time, for a file server takes its time over each."""
    parts = [[scan for scan in scans[start : start + PART] if scan] for start in range(0, len(scans), PART)]
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        told = threads.map(lambda part: {scan: fault for scan in part if (fault := _file_fault(scan))}, parts)
        return {scan: fault for part in told for scan, fault in part.items()}


def _file_fault(scan):
    """What is wrong with the file at the path of a scan, "" for nothing."""
    try:
        mode = os.stat(scan).st_mode
    except FileNotFoundError:
        return "is not there; correct the path."
    except (OSError, ValueError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or error}); correct the path or the file's rights."
    if not stat.S_ISREG(mode):
        return f"is a {'folder' if stat.S_ISDIR(mode) else 'device'} and no file; correct the path."
    return "" if os.access(scan, os.R_OK) else "may not be read by you; correct the file's rights."


def _number(text):
    """The positive finite number that `text` says in plain digits, None where it says none."""
    try:
        value = float(text) if NUMBER.fullmatch(text) else 0.0
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _twice(frame, name):
    """Sentences on values of a column that occur more than once, be it in another spelling."""
    same, why = ONE[name]
    filled = frame.loc[frame[name] != "", name]
    keys = filled.map(same)
    again, faults = keys.duplicated(keep=False), []
    for _, values in filled[again].groupby(keys[again], sort=True):
        spellings = ", ".join(f"'{value}'" for value in dict.fromkeys(values))
        lines = f"lines {', '.join(map(str, values.index))}: {name}"
        if values.nunique() > 1:
            faults.append(f"{lines} {spellings} {why}; each may stand once.")
        else:
            faults.append(f"{lines} {spellings} stands {len(values)} times; each may stand once.")
    return faults


def _spelt_twice(frame, name):
    """Sentences on words of a column that differ in capitals or spaces alone: one thing that would count as two."""
    found = {}
    for value in filter(None, frame[name].unique()):
        found.setdefault(" ".join(value.casefold().split()), []).append(f"'{value}'")
    return [f"{name} {', '.join(same)}: one word in several spellings; use one." for same in found.values() if same[1:]]


def in_shards(frame, folder, scans_per_shard):
    """The same sheet with every scan in its conversion job's folder: {folder}/0000/{file}, {folder}/0001/{file}, ..."""
    places = [f"{folder}/{row // scans_per_shard:04d}/{Path(scan).name}" for row, scan in enumerate(frame["scan"])]
    return frame.assign(scan=places)
