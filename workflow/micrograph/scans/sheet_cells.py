"""What the cells of a sample sheet mean: headers, numbers, dates, batches, paths as spreadsheet programs write them.

A cell is rewritten only where one reading is possible; the sheet as a whole may decide (another row's date may show
whether days or months come first). Everything else stays as it is, for the checks of `sample_sheet`, or is an error.
"""

import datetime
import math
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import pairwise

import pandas as pd

from micrograph.target import Target

NUMBERS = ("growth_celsius", "growth_seconds", "pressure_torr", "width_nm")
NUMBER = re.compile(r"[0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?")
DAYS = ("growth_date", "batch")  # columns that may hold dates
# The last word of a column of numbers is its unit; these are one with it, without case, spaces and signs.
UNITS = {
    "celsius": ("c", "oc", "degc", "degreec", "degreesc", "degcelsius", "degreescelsius", "celsius"),
    "seconds": ("s", "sec", "secs", "second", "seconds"),
    "torr": ("torr",),
    "nm": ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
}
SEPARATE_UNIT = re.compile(r"[\s()\[\]/,]")
REMARK = re.compile(r"[(\[][^()\[\]]*[)\]]")
# Cells without a value. Those of a second kind may be someone's initials, and count in columns of numbers and dates.
EMPTY = {"#n/a", "#nv", "#n/v", "n/a", "<na>", "nan", "-", "--", "\u2013", "\u2014"}
EMPTY_NUMBERS = EMPTY | {"na", "n.a.", "null", "none", "nil"}
SPREADSHEET_ERRORS = re.compile(r"#[A-Z\u00c0-\u00dc0/]+[!?]")

INVISIBLE = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF])
DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFE63, 0xFF0D], "-")

GROUPED = re.compile(r"[0-9]{1,3}(?P<mark>[ '\u2019.,])[0-9]{3}(?:(?P=mark)[0-9]{3})*(?P<rest>(?:[.,][0-9]+)?)")
COMMA = re.compile(r"[0-9]*,[0-9]+(?:[eE][-+]?[0-9]+)?")
THREE = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")  # 1,234 is one and a bit, or a thousand and more

CENTURY, FIRST_YEAR = 2000, 1900
FIRST_SERIAL, LAST_SERIAL = 36526, 73050  # 2000 to 2099, as spreadsheet programs count days
TIME = re.compile(
    r"(?<=\d)(?:T|,? +)\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\s*(?:[AaPp]\.?[Mm]\.?|Z|[-+]\d\d:?\d\d)?", re.ASCII
)
PARTS = re.compile(r"(\d{1,4}) ?([./-]) ?(\d{1,2}) ?\2 ?(\d{1,4})\.?", re.ASCII)
COMPACT = re.compile(r"(?:19|20)\d{6}", re.ASCII)
SERIAL = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)
EAST_ASIAN = str.maketrans({"\u5e74": "-", "\u6708": "-", "\u65e5": None})
DAY, MONTH, YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<month>[^\W\d]{3,9})", r"(?P<year>\d{4})"
NAMED = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{DAY}\.?[ -]?{MONTH}\.?,?[ -](?P<year>\d{{4}}|\d{{2}})",
        rf"{MONTH}\.? ?{DAY},? {YEAR}",
        rf"{YEAR}[ -]{MONTH}\.?[ -]{DAY}",
    )
]
MONTHS = (
    *(("january", "januar"), ("february", "februar"), ("march", "m\u00e4rz", "mrz"), ("april",), ("may", "mai")),
    *(("june", "juni"), ("july", "juli"), ("august",), ("september",), ("october", "oktober"), ("november",)),
    ("december", "dezember"),
)
Dates = dict[str, str]  # separator and order, as /dmy, or "iso": ISO date
ListFolder = Callable[[str], dict[str, list[str]]]  # folder -> its names by the same name without case

DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


@dataclass
class Reading:
    """What was made of a sheet's cells.

    Attributes
    ----------
    frame : DataFrame of str
        By line of the file.
    errors : list of (int, str)
        Line and sentence.
    changed : dict of str to dict
        Of a column: what was read differently from how it is written, {written: (read, lines)}.
    numbers : tuple of str
        Columns of numbers.
    """

    frame: pd.DataFrame
    errors: list[tuple[int, str]] = field(default_factory=list)
    changed: dict[str, dict[str, tuple[str, list[int]]]] = field(default_factory=dict)
    numbers: tuple[str, ...] = NUMBERS

    def replace(self, name: str, values: pd.Series, noted: bool = True) -> None:
        """Put values in the place of cells of a column, and note what changed."""
        before = self.frame.loc[values.index, name]
        different = before[before != values]
        for line, cell in different.items() if noted else ():
            read, lines = self.changed.setdefault(name, {}).setdefault(cell, (values[line], []))
            lines.append(line)
        self.frame.loc[different.index, name] = values[different.index]

    def rewrite(self, name: str, function: Callable[[str], str], noted: bool = True) -> None:
        """Apply a function to every distinct cell of a column."""
        cells = self.frame[name]
        self.replace(name, cells.map({cell: function(cell) for cell in cells.unique()}), noted)

    def notes(self) -> list[str]:
        """State what was read differently: one line per column, with an example of each change at most three times."""
        lines = []
        for name, cells in self.changed.items():
            shown = [f"'{cell}' as '{read}'" if read else f"'{cell}' as empty" for cell, (read, _) in cells.items()]
            first = next(iter(cells.values()))[1][0]
            more = f", and {len(shown) - 3} more" if len(shown) > 3 else ""
            lines.append(f"{name}: {', '.join(shown[:3])}{more} (from line {first})")
        return lines


def find_column(name: str, known: Collection[str]) -> str:
    """Return the known column that a header names, with any case, signs and the column's own unit.

    Parameters
    ----------
    name : str
        As the header has it: "Growth Celsius", "growth_celsius (°C)", "Width [nm]".
    known : collection of str
        Names of columns.

    Returns
    -------
    str
        Empty where none is meant, or another unit.
    """
    if name in known:
        return name
    key, plain = _fold(name), _fold(REMARK.sub("", name))
    for column in known:
        own, unit = _fold(column), column.rsplit("_", 1)[-1]
        if key == own:
            return column
        if column not in NUMBERS:
            if plain == own:
                return column
        elif SEPARATE_UNIT.search(name):
            words, base = UNITS[unit], own.removesuffix(unit)
            if any(key in (own + word, base + word) for word in words):
                return column
    return ""


def to_number(text: str) -> float | None:
    """Return a finite number in ASCII digits, None for any other text."""
    try:
        value = float(text) if NUMBER.fullmatch(text.removeprefix("-")) else math.inf
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_cells(
    frame: pd.DataFrame,
    target: Target | None,
    own: Collection[str],
    separator: str,
    dates: set[tuple[int, str]],
    epoch: datetime.date,
    folder: str = "",
) -> Reading:
    """Read the cells of all rows.

    Parameters
    ----------
    frame : DataFrame of str
        All known columns, by line of the file.
    target : Target, optional
        Its limits decide what 1,000 is; where it has no order, its classes how names are written.
    own : collection of str
        Columns that the study has named. Those whose cells are all numbers are columns of numbers.
    separator : str
        Of the file: behind semicolons commas are decimal. Empty of a workbook.
    dates : set of (int, str)
        Line and column of the cells that a workbook stores as dates.
    epoch : date
        Day 0 of date serials.
    folder : str, default ""
        Where the paths of scans start; empty: the current one.

    Returns
    -------
    Reading
    """
    reading = Reading(frame)
    for name in frame.columns:
        reading.rewrite(name, partial(_clean_path, folder=folder) if name == "scan" else _clean)
    is_target = {target.column: target.ordered} if target else {}
    reading.numbers += tuple(name for name in own if is_target.get(name, _are_numbers(frame[name])))
    for name in frame.columns:
        if name not in ("sample", "scan", *is_target):
            empty = EMPTY_NUMBERS if name in (*reading.numbers, "growth_date") else EMPTY
            reading.rewrite(name, partial(_without, words=empty))
            cells = reading.frame[name]
            wrong = cells[cells.map(lambda cell: SPREADSHEET_ERRORS.fullmatch(cell) is not None)]
            reading.errors += [
                (line, f"{name} '{cell}' is an error of the spreadsheet; write the value.")
                for line, cell in wrong.items()
                if name not in reading.numbers
            ]
    reading.errors += [
        (line, f"{name} is stored as a date ({frame.at[line, name]}); format the column as text and write it again.")
        for line, name in sorted(dates)
        if name not in DAYS
    ]
    reading.errors += _samples_of_two_spellings(reading.frame["sample"])
    reading.rewrite("sample", _with_underscores)
    reading.rewrite("scan", partial(_find_windows_path, list_folder=cache(_list_folder), folder=folder))
    _read_numbers(reading, target, own, separator)
    if target and not target.ordered:
        classes = {" ".join(label.casefold().split()): label for label in target.labels}
        reading.rewrite(target.column, lambda cell: classes.get(" ".join(cell.casefold().split()), cell))
    _read_dates(reading, is_workbook=not separator, epoch=epoch)
    return reading


def _with_underscores(cell: str) -> str:
    """Return the name of a sample without spaces."""
    return re.sub(r"\s+", "_", cell)


def _samples_of_two_spellings(names: pd.Series) -> Iterator[tuple[int, str]]:
    """Yield an error for every sample that is written like an earlier one but for spaces; they may be two films."""
    first: dict[str, tuple[int, str]] = {}
    for line, cell in names.items():
        earlier, spelling = first.setdefault(_with_underscores(cell), (line, cell))
        if cell != spelling:
            yield line, f"sample '{cell}' is written '{spelling}' in line {earlier}; write one film in one way."


def merge_spellings(reading: Reading) -> None:
    """Give batches that differ in case or spaces alone one spelling, the first of the sheet."""
    first: dict[str, str] = {}
    for batch in filter(None, reading.frame["batch"].unique()):
        first.setdefault(batch_key(batch), batch)
    reading.rewrite("batch", lambda cell: first.get(batch_key(cell), cell))


def batch_key(batch: str, separators: str = r"\s") -> str:
    """Return what two spellings of one batch share: no case, and no separators but those between digits.

    Parameters
    ----------
    batch : str
    separators : str
        Characters of a regular expression's set.

    Returns
    -------
    str
        For example run7 of "Run 7", and "run1 2" of "Run 1 2", which is not run 12.
    """
    words = re.split(f"[{separators}]+", batch.casefold())
    gaps = [" " if one[-1:].isdigit() and other[:1].isdigit() else "" for one, other in pairwise(words)]
    return "".join(word + gap for word, gap in zip(words, [*gaps, ""], strict=True))


def _fold(name: str) -> str:
    """Return letters and digits without case: "Growth Celsius (°C)" -> "growthcelsiusc"."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", name).casefold() if sign.isalnum())


def _clean(cell: str) -> str:
    """Return a cell without invisible characters, with plain spaces, plain dashes and composed letters."""
    if cell.isascii():
        return cell.strip()
    cell = unicodedata.normalize("NFC", cell.translate(INVISIBLE)).translate(DASHES)
    return "".join(" " if sign.isspace() and sign not in "\n\t" else sign for sign in cell).strip()


def _without(cell: str, words: Collection[str]) -> str:
    """Return a cell, empty where it is one of these words."""
    return "" if cell.casefold() in words else cell


def _clean_path(cell: str, folder: str = "") -> str:
    """Return a path without the marks that copying puts around it; one that exists stays as it is."""
    if cell.isascii() or os.path.lexists(os.path.join(folder, cell)):
        return cell
    cell = cell.translate(INVISIBLE).strip()
    plain = _clean(cell)
    return plain if os.path.lexists(os.path.join(folder, plain)) else cell


def _find_windows_path(cell: str, list_folder: ListFolder, folder: str = "") -> str:
    r"""Return the file of a Windows path: of scans\a.spm, or of the last parts of C:\Users\ann\a.spm."""
    plain = cell.strip('"')
    if not DRIVE.match(plain) and "\\" not in plain or os.path.lexists(os.path.join(folder, cell)):
        return cell
    parts = [part for part in re.split(r"[\\/]+", plain) if part not in ("", ".")]
    if DRIVE.match(plain):
        starts = range(0 if plain.startswith("\\\\") else 1, len(parts))
        return next((found for start in starts if (found := _find(parts[start:], list_folder, folder))), cell)
    return _find(parts, list_folder, folder) or "/".join(parts)


def _find(parts: Sequence[str], list_folder: ListFolder, folder: str) -> str:
    """Return the path of these parts below a folder, in the case that the disk has; empty where none is."""
    path = ""
    for part in parts:
        here = os.path.join(path, part)
        if part != os.pardir and not os.path.lexists(os.path.join(folder, here)):
            same = list_folder(os.path.join(folder, path) or os.curdir).get(part.casefold(), [])
            if len(same) != 1:
                return ""
            here = os.path.join(path, same[0])
        path = here
    return path if os.path.isfile(os.path.join(folder, path)) else ""


def _list_folder(folder: str) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    with suppress(OSError):
        for name in os.listdir(folder):
            names.setdefault(name.casefold(), []).append(name)
    return names


def _are_numbers(cells: pd.Series) -> bool:
    """Return whether cells, but empty ones, are all numbers, at least one."""
    words = {cell for cell in cells.unique() if cell.casefold() not in EMPTY_NUMBERS | {""}}
    return bool(words) and all(to_number(_readings(word, True, True, None, True)[0]) is not None for word in words)


def _read_numbers(reading: Reading, target: Target | None, own: Collection[str], separator: str) -> None:
    """Write the numbers with a decimal point and nothing else beside digits."""
    cells = [cell for name in reading.numbers for cell in reading.frame[name].unique() if not cell.isdigit()]
    marks = {_decimal_mark(cell) for cell in cells}
    commas, points = "," in marks or separator == ";", "." in marks
    for name in reading.numbers:
        limits = target if target and name == target.column else None
        read = {cell: _readings(cell, commas, points, limits, name in own) for cell in reading.frame[name].unique()}
        reading.rewrite(name, {cell: of[0] if len(of) == 1 else cell for cell, of in read.items()}.__getitem__)
        reading.errors += [
            (
                line,
                f"{name} '{cell}' may be {' or '.join(read[cell])}; write it with a decimal point and no other mark.",
            )
            for line, cell in reading.frame[name].items()
            if len(read.get(cell, ())) > 1
        ]


def _decimal_mark(cell: str) -> str:
    """Return the decimal mark of a number that can only be read in one way, else the empty string."""
    if THREE.fullmatch(cell):
        return ""
    if match := GROUPED.fullmatch(cell):
        return match["rest"][:1]
    return "," if COMMA.fullmatch(cell) else "." if "." in cell and NUMBER.fullmatch(cell) else ""


def _readings(cell: str, commas: bool, points: bool, target: Target | None, any_sign: bool = False) -> list[str]:
    """Return what a number may be; the cell itself if it is not a number.

    `commas` and `points` state whether others of the sheet are written with a decimal comma or point.
    """
    if any_sign and cell[:1] in ("-", "+") and cell[1:2].isdigit():
        sign = cell[0].strip("+")
        return [sign + read for read in _readings(cell[1:], commas, points, None)]
    if cell.isdigit() or not cell.isascii() and "\u2019" not in cell:
        return [cell]
    if THREE.fullmatch(cell):
        fraction, thousands = re.sub("[.,]", ".", cell), re.sub("[.,]", "", cell)
        if target and (chosen := [text for text in (fraction, thousands) if target.within(float(text))]):
            return chosen
        is_decimal, is_group = (commas, points) if "," in cell else (True, commas and not points)
        return [fraction] * is_decimal + [thousands] * is_group or [fraction, thousands]
    if NUMBER.fullmatch(cell) and cell:
        return [cell]
    match = GROUPED.fullmatch(cell)
    if match and match["rest"][:1] != match["mark"] and not (cell.startswith("0") and match["mark"] in ".,"):
        whole = cell.removesuffix(match["rest"])
        return [re.sub(r"\D", "", whole) + match["rest"].replace(",", ".")]
    return [cell.replace(",", ".")] if COMMA.fullmatch(cell) else [cell]


def _read_dates(reading: Reading, is_workbook: bool, epoch: datetime.date) -> None:
    """Write the dates of the columns growth_date and batch as 2024-05-03, and name those with several readings."""
    cells = {name: reading.frame[name] for name in DAYS}
    dates = {cell: _dates_of(cell) for name in DAYS for cell in cells[name].unique()}
    single = {cell: next(iter(of.values())) for cell, of in dates.items() if len(set(of.values())) == 1}
    for name in DAYS:
        if name == "growth_date" or is_workbook or single:
            serials = {cell: day for cell in cells[name].unique() if (day := _date_of_serial(cell, epoch))}
            cells[name] = cells[name].map(lambda cell, serials=serials: serials.get(cell, cell))
            single |= {day: day for day in serials.values()}
    orders = {order for cell, of in dates.items() if len(of) == 1 and "iso" not in of for order in of}
    chosen: dict[str, dict[int, str]] = {name: {} for name in DAYS}
    open_cells = []
    for name, other in (DAYS, DAYS[::-1]):
        for line, cell in cells[name].items():
            if cell in single:
                chosen[name][line] = single[cell]
            elif of := dates.get(cell):
                day = single.get(cells[other][line], "")  # the row's other date
                fitting = {order for order, date in of.items() if date == day}
                orders |= fitting
                chosen[name] |= {line: day} if fitting else {}
                open_cells += [] if fitting else [(name, line, cell, of)]
    is_date = any(chosen["batch"].values()) or any(
        _has_year(cell) for name, _, cell, _ in open_cells if name == "batch"
    )
    for name, line, cell, of in open_cells:
        fitting = {date for order, date in of.items() if order in orders}
        if len(fitting) == 1:
            chosen[name][line] = fitting.pop()
        elif name == "growth_date" or is_date:  # a sheet's batches may all be called like 1-2-3
            readings = " or ".join(sorted(set(of.values())))
            reading.errors.append((line, f"{name} '{cell}' may be {readings}; write it as 2021-04-05."))
    for name in DAYS:
        reading.replace(name, pd.Series(chosen[name], dtype=object))


def _has_year(text: str) -> bool:
    """Return whether a date has all four digits of its year."""
    return re.search(r"\d{4}", text) is not None


def _dates_of(text: str) -> Dates:
    """Return the dates that a text may be, by the order of its parts; one date under two orders where they agree."""
    text = TIME.sub("", text.translate(EAST_ASIAN)).strip() if not text.isalpha() else ""
    if COMPACT.fullmatch(text):
        return _valid([("iso", text[:4], text[4:6], text[6:])])
    for pattern in NAMED:
        if match := pattern.fullmatch(text):
            return _valid([("iso", _full(match["year"]), _month(match["month"]), match["day"])])
    match = PARTS.fullmatch(text)
    if not match:
        return {}
    first, mark, second, third = match.groups()
    if len(first) == 4 and len(third) <= 2:
        return _valid([("iso", first, second, third)])
    if len(first) > 2 or len(third) not in (2, 4):
        return {}
    orders = [(f"{mark}dmy", _full(third), second, first)]  # with points the day is first
    if mark != ".":
        orders.append((f"{mark}mdy", _full(third), first, second))
    if len(first) == len(third) == 2:
        orders.append((f"{mark}ymd", _full(first), second, third))
    return _valid(orders)


def _valid(orders: Iterable[tuple[str, str, str, str]]) -> Dates:
    """Return the dates that are in the calendar, from 1900 on."""
    dates = {}
    for order, *parts in orders:
        try:
            date = datetime.date(*(int(part) for part in parts))
        except ValueError:
            continue
        if date.year >= FIRST_YEAR:
            dates[order] = date.isoformat()
    return dates


def _full(year: str) -> str:
    return year if len(year) == 4 else str(CENTURY + int(year))


def _month(word: str) -> str:
    """Return the number of a month from its English or German name, or three letters of it and more; else 0."""
    word = word.casefold()
    return next((str(n) for n, names in enumerate(MONTHS, 1) if any(name.startswith(word) for name in names)), "0")


def _date_of_serial(text: str, epoch: datetime.date) -> str:
    """Return the ISO date of a spreadsheet's day number from 2000 to 2099."""
    if not SERIAL.fullmatch(text):
        return ""
    date = epoch + datetime.timedelta(days=int(float(text)))
    return date.isoformat() if FIRST_SERIAL <= int(float(text)) <= LAST_SERIAL else ""
