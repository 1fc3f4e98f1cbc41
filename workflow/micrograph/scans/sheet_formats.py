"""Files of sample sheets: tab-, comma- or semicolon-separated text in any usual encoding, and .xlsx workbooks."""

import codecs
import csv
import datetime
import io
import os
import re
import stat
import warnings
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from micrograph.errors import UserError
from micrograph.io import atomic_write, write_table

Rows = dict[int, list[str]]  # line of the file: its cells
Recognise = Callable[[list[str]], int]  # number of known columns that a header names

TABS = "\t"
SEPARATORS = {TABS: "tabs", ";": "semicolons", ",": "commas", "|": "bars"}
SEPARATOR_LINE = re.compile(r"sep=(?P<separator>[\t;,|])", re.IGNORECASE)  # first line of some spreadsheet exports
# A mark of UTF-32 begins with the mark of UTF-16.
MARKS = (
    *((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")),
)
UNMARKED_HEAD = 40  # bytes of a UTF-16 text without a mark that show which byte comes first
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
FOREIGN = re.compile(rb"[\x80-\xff]{4}")  # East Asian or Cyrillic words; no Western language has four in a row
MARKUP = re.compile(r"\s*<(!doctype|html|\?xml|table)", re.IGNORECASE)
LINE_END = re.compile(r"\r+\n|\r")
MAX_BYTES, MAX_UNPACKED_BYTES, MAX_COLUMNS = 100_000_000, 500_000_000, 256
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
WORKBOOK, NOT_WRITTEN = ".xlsx", (".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
FORMULA, MERGED = re.compile(rb"<f[ >/]"), re.compile(rb'<mergeCell [^>]*ref="([A-Z]+\d+:[A-Z]+\d+)"')
PADDED = re.compile(r"0{2,20}")  # number format of numbers with leading zeros
SAVE_AS = "save it as .xlsx, or as TSV or CSV in UTF-8"
MAX_COLUMN_WIDTH = 80  # characters
EPOCH = datetime.date(1899, 12, 30)  # day 0 of date serials, but in workbooks of old Macs


@dataclass
class Table:
    """The cells of a file, as text.

    Attributes
    ----------
    names : list of str
        Header, without the empty cells at its end.
    header_line : int
        Its line of the file.
    rows : dict of int to list of str
        Line of the file: its cells, of every line that is not blank.
    notes : list of str
        How the file was read, where that is not as a TSV in UTF-8.
    errors : list of (int, str)
        Line and sentence.
    separator : str
        Empty of a workbook.
    dates : set of (int, int)
        Line and position of the cells that a workbook stores as dates.
    epoch : date
        Day 0 of date serials.
    """

    names: list[str]
    header_line: int
    rows: Rows
    notes: list[str] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)
    separator: str = TABS
    dates: set[tuple[int, int]] = field(default_factory=set)
    epoch: datetime.date = EPOCH


def read(path: str | Path, recognise: Recognise) -> Table:
    """Read the cells of a sheet; its content decides on its format.

    Parameters
    ----------
    path : path
        The file.
    recognise : callable
        Number of known columns that a header names; decides between separators, and between worksheets.

    Returns
    -------
    Table

    Raises
    ------
    UserError
        If the file is missing, unreadable or no table, or has no rows.
    """
    data = _read_bytes(Path(path))
    if data.startswith(OLE):
        raise UserError(f"{path}: an old (.xls) or password-protected workbook; {SAVE_AS}.")
    table = _read_workbook(path, data, recognise) if data.startswith(ZIP) else _read_text(path, data, recognise)
    if not table.rows:
        raise UserError(f"{path}: the sample sheet has no rows; add one row for each sample.")
    return table


def write(path: str | Path, frame: pd.DataFrame, numbers: Collection[str] = ()) -> None:
    """Write a sheet: a workbook (.xlsx), commas (.csv), or tabs (every other name).

    Parameters
    ----------
    path : path
        The file.
    frame : DataFrame
        The columns; missing values are left empty.
    numbers : collection of str
        Columns of numbers. In a workbook all others are text, which a spreadsheet program does not turn into dates.

    Raises
    ------
    UserError
        If the name is of a format that is not written, or the disk does not take the file.
    """
    suffix = Path(path).suffix.lower()
    if suffix in NOT_WRITTEN:
        raise UserError(f"{path}: {suffix} is not written; name the sheet .tsv, .csv or .xlsx.")
    if suffix == WORKBOOK:
        _write_workbook(path, frame, numbers)
    elif suffix == ".csv":
        with atomic_write(path) as partial:  # without the mark Excel misreads letters beyond ASCII
            frame.to_csv(partial, index=False, lineterminator="\n", encoding="utf-8-sig")
    else:
        write_table(path, frame)


def _read_bytes(path: Path) -> bytes:
    """Return the bytes of a regular file; a pipe, which would block, is not opened."""
    try:
        state = os.stat(path)
        if not stat.S_ISREG(state.st_mode) and not stat.S_ISDIR(state.st_mode):
            raise UserError(f"{path}: the sample sheet is not a regular file; set scans.sheet.")
        if state.st_size > MAX_BYTES:
            raise UserError(f"{path}: {state.st_size} bytes are not a sample sheet; set scans.sheet.")
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such sample sheet; write one (README.md, 'Your own scans') or set scans.sheet."
        ) from None
    except OSError as error:
        raise UserError(f"{path}: the sample sheet cannot be read ({error.strerror}); set scans.sheet.") from None


def _read_text(path: str | Path, data: bytes, recognise: Recognise) -> Table:
    text, encoding = _decode(path, data)
    notes = [f"encoding: {encoding}"] if encoding else []
    first, separator = 1, ""
    head, _, rest = text.partition("\n")
    if match := SEPARATOR_LINE.fullmatch(head.strip(" ")):
        text, first, separator = rest, 2, match["separator"]
    separator = separator or _find_separator(text, recognise)
    notes += [f"columns separated by {SEPARATORS[separator]}"] if separator != TABS else []
    lines = _split(path, text, separator, first)
    filled = [line for line, cells in lines.items() if any(cells)]
    if not filled:
        return Table([], 1, {})
    header = lines[filled[0]]
    table = Table(_trim(header), filled[0], {line: lines[line] for line in filled[1:]}, notes, separator=separator)
    lengths = {len(cells) for cells in table.rows.values()}
    if separator == "," and len(lengths) > 1:
        table.errors += [
            (line, f"{len(cells)} cells stand under {len(header)} names; quote cells that hold a comma.")
            for line, cells in table.rows.items()
            if len(cells) > len(header) and not any(cells[len(header) :])  # others are reported as cells without a name
        ]
    return table


def _decode(path: str | Path, data: bytes) -> tuple[str, str]:
    """Return the text with Unix line ends, and its encoding where that is not UTF-8."""
    encoding = next((encoding for mark, encoding in MARKS if data.startswith(mark)), "") or _unmarked(data)
    foreign, name = False, "" if encoding.startswith("utf-8") else encoding.upper()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        foreign = encoding != "utf-8" or FOREIGN.search(data) is not None
        text, name = data.decode("cp1252", errors="replace"), "Windows-1252 (Latin-1)"
    if foreign or CONTROLS.search(text) or "\ufffd" in text:
        raise UserError(f"{path}: not UTF-8 text, nor of another format of sheets; {SAVE_AS}.")
    if MARKUP.match(text):
        raise UserError(f"{path}: a web page or XML, not a sheet; {SAVE_AS}.")
    return LINE_END.sub("\n", text), name


def _unmarked(data: bytes) -> str:
    """Return the encoding of a text without a mark: in UTF-16 every other byte of an English header is zero."""
    even, odd = data[:UNMARKED_HEAD:2], data[1:UNMARKED_HEAD:2]
    if len(data) >= UNMARKED_HEAD and all(even) and not any(odd):
        return "utf-16-le"
    return "utf-16-be" if len(data) >= UNMARKED_HEAD and all(odd) and not any(even) else "utf-8"


def _find_separator(text: str, recognise: Recognise) -> str:
    """Return the separator that gives the most known columns; tabs where none gives one."""
    header = next((line for line in text.split("\n") if line.strip()), "")
    counts = {separator: recognise(_first_record(header, separator)) for separator in SEPARATORS}
    best = max(counts, key=lambda separator: counts[separator])
    return best if counts[best] else TABS


def _first_record(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []


def _split(path: str | Path, text: str, separator: str, first: int) -> Rows:
    """Return the stripped cells of every line; a quoted cell may hold separators and line ends."""
    lines, line = {}, first
    try:
        reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
        for cells in reader:
            lines[line] = [cell.strip() for cell in cells]
            line = reader.line_num + first
    except csv.Error:
        raise UserError(
            f"{path}: line {line}: a cell starts with a quotation mark and does not end with one; remove the marks."
        ) from None
    return lines


def _trim(names: list[str]) -> list[str]:
    """Return the names without empty ones at the end."""
    return names[: max((number for number, name in enumerate(names, start=1) if name), default=0)]


def _read_workbook(path: str | Path, data: bytes, recognise: Recognise) -> Table:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        names, size = set(archive.namelist()), sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise UserError(f"{path}: a damaged workbook; {SAVE_AS}.") from None
    if "xl/workbook.xml" not in names:
        raise UserError(f"{path}: a spreadsheet or archive of another program; {SAVE_AS}.")
    if size > MAX_UNPACKED_BYTES:
        raise UserError(f"{path}: a workbook of {size} bytes is not a sample sheet; set scans.sheet.")
    try:
        tables = _read_worksheets(archive, data)
    except UserError:
        raise
    except Exception:  # openpyxl raises whatever the damage happens to break
        raise UserError(f"{path}: a damaged workbook; {SAVE_AS}.") from None
    return _choose(path, tables, recognise)


def _choose(path: str | Path, tables: dict[str, Table], recognise: Recognise) -> Table:
    """Return the one worksheet that has the columns of a sample sheet."""
    counts = {title: recognise(table.names) for title, table in tables.items() if table.names}
    likely = [title for title, count in counts.items() if count > 1] or list(counts)
    if len(likely) > 1:
        titles = ", ".join(f"'{title}'" for title in likely)
        raise UserError(f"{path}: which worksheet is the sample sheet ({titles})? Remove the others, or save it alone.")
    if not likely:
        return Table([], 1, {})
    table = tables[likely[0]]
    table.notes.append(f"worksheet '{likely[0]}' of a workbook" if len(tables) > 1 else "a workbook")
    return table


def _read_worksheets(archive: zipfile.ZipFile, data: bytes) -> dict[str, Table]:
    """Return the tables of a workbook by title: the visible worksheets, or the hidden ones where none is visible."""
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parts that are not read, such as drop-down lists
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheets = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"] or workbook.worksheets
        tables = {sheet.title: _read_worksheet(sheet, archive) for sheet in sheets}
        formulas = {sheet.title for sheet in sheets if FORMULA.search(archive.read(sheet._worksheet_path))}
        if formulas:
            written = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
            for title in formulas:
                _check_formulas(tables[title], written[title])
    return tables


def _read_worksheet(sheet: Any, archive: zipfile.ZipFile) -> Table:
    from openpyxl.utils import range_boundaries

    lines, dates = {}, set()
    for line, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), start=1):
        if texts := _trim([_to_text(cell) for cell in cells]):
            lines[line] = texts
            dates |= {(line, place) for place, cell in enumerate(cells) if isinstance(cell.value, datetime.date)}
    if not lines:
        return Table([], 1, {}, separator="")
    header, *body = lines
    for match in MERGED.finditer(archive.read(sheet._worksheet_path)):
        left, top, _, bottom = range_boundaries(match[1].decode())
        if top > header:  # a merged cell is of all its rows
            _fill_down(lines, dates, left - 1, top, [line for line in body if top < line <= bottom])
    epoch = sheet.parent.epoch.date()
    rows = {line: lines[line] for line in body}
    return Table(lines[header], header, rows, separator="", dates=dates, epoch=epoch)


def _fill_down(lines: Rows, dates: set[tuple[int, int]], place: int, top: int, below: list[int]) -> None:
    """Copy one cell to the lines below."""
    if len(lines.get(top, [])) <= place:
        return
    for line in below:
        lines[line] += [""] * (place + 1 - len(lines[line]))
        lines[line][place] = lines[top][place]
        dates |= {(line, place)} if (top, place) in dates else set()


def _check_formulas(table: Table, sheet: Any) -> None:
    """Add the errors of formulas without a stored result, which only a spreadsheet program can compute."""
    for line, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), start=1):
        for place, cell in enumerate(cells):
            if cell.data_type == "f" and not "".join(table.rows.get(line, [])[place : place + 1]):
                error = f"column {place + 1} holds a formula without a result; open and save the sheet in Excel."
                table.errors.append((line, error))


def _to_text(cell: Any) -> str:
    """Return the text of a workbook's cell: whole numbers without a point, dates as 2024-05-03."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "seconds")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    text = str(value)
    if isinstance(value, int) and PADDED.fullmatch(str(cell.number_format)):
        text = text.zfill(len(cell.number_format))
    return LINE_END.sub("\n", text).strip()


def _write_workbook(path: str | Path, frame: pd.DataFrame, numbers: Collection[str]) -> None:
    import openpyxl
    from openpyxl.utils import get_column_letter

    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title, sheet.freeze_panes = "samples", "A2"
    for number, name in enumerate(frame.columns, start=1):
        values = [name, *("" if pd.isna(value) else value for value in frame[name])]
        width = max(len(str(value)) for value in values)
        sheet.column_dimensions[get_column_letter(number)].width = min(width + 2, MAX_COLUMN_WIDTH)
        for line, value in enumerate(values, start=1):
            cell = sheet.cell(line, number, value if value != "" else None)
            if isinstance(value, str) and value:
                cell.data_type = "s"  # not a formula, where it begins with =
            cell.number_format = "General" if name in numbers else "@"
    with atomic_write(path) as partial:
        workbook.save(partial)
