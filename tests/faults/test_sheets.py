"""Sample sheets with every fault that people and programs put into them, alone and together."""

import io
import itertools
import os
import zipfile

import pytest

from faults import judged
from micrograph.errors import UserError
from micrograph.scans import sample_sheet
from tables_of_films import COLUMNS as STUDY_COLUMNS

COLUMNS = ("sample", "growth_celsius", "scan", "batch", "growth_date", "width_nm")
GOOD = {
    "sample": "film",
    "growth_celsius": "950",
    "scan": "a.spm",
    "batch": "day",
    "growth_date": "",
    "width_nm": "500",
}

# What may be wrong in one row: what is put where, and a part of the sentence that comes of it.
ROWS = {
    "no sample": ({"sample": ""}, "sample is empty"),
    "no temperature": ({"growth_celsius": ""}, "growth_celsius is empty"),
    "no scan": ({"scan": ""}, "scan is empty"),
    "no batch": ({"batch": ""}, "holds no growth date"),
    "a temperature in words": ({"growth_celsius": "hot"}, "growth_celsius 'hot' is not a positive number"),
    "a temperature with its unit": ({"growth_celsius": "950 C"}, "growth_celsius '950 C' is not a positive number"),
    "two decimal commas": ({"growth_celsius": "950,0,0"}, "growth_celsius '950,0,0' is not a positive number"),
    "a day or a month first": (
        {"growth_date": "03/05/2024"},
        "growth_date '03/05/2024' may be 2024-03-05 or 2024-05-03",
    ),
    "two digits of a year": ({"growth_date": "03.05.24"}, "growth_date '03.05.24' may be 2003-05-24 or 2024-05-03"),
    "no day of the calendar": ({"growth_date": "31.04.2024"}, "growth_date '31.04.2024' is not a date"),
    "an error of a formula": ({"batch": "#REF!"}, "batch '#REF!' is an error of the spreadsheet"),
    "a file on a Windows disk": ({"scan": "C:\\ann\\none.spm"}, "scan 'C:\\ann\\none.spm' is a Windows path"),
    "a negative temperature": ({"growth_celsius": "-950"}, "growth_celsius '-950' is not a positive number"),
    "a temperature that is no number": ({"growth_celsius": "nan"}, "growth_celsius 'nan' is not a positive number"),
    "a temperature without end": ({"growth_celsius": "1e999"}, "growth_celsius '1e999' is not a positive number"),
    "an infinite temperature": ({"growth_celsius": "inf"}, "growth_celsius 'inf' is not a positive number"),
    "another temperature": (
        {"growth_celsius": "1030"},
        "1030 is outside of the classes 900, 950, 1000 (875 to 1025)",
    ),
    "half a spacing below": ({"growth_celsius": "874.5"}, "growth_celsius 874.5 is outside of the classes"),
    "Arabic digits": ({"growth_celsius": "\u0669\u0665\u0660"}, "is not a positive number"),
    "a sample that leads elsewhere": ({"sample": "../film"}, "is not a valid file name"),
    "a sample with a folder": ({"sample": "a/b"}, "is not a valid file name"),
    "a hidden sample": ({"sample": ".film"}, "is not a valid file name"),
    "a sample that is an option": ({"sample": "-rf"}, "is not a valid file name"),
    "a sample that is a command": ({"sample": "$(touch x)"}, "is not a valid file name"),
    "a sample with a pattern": ({"sample": "{film}"}, "is not a valid file name"),
    "a sample of 201 signs": ({"sample": "x" * 201}, "is not a valid file name"),
    "a sample in Chinese": ({"sample": "\u8584\u819c"}, "is not a valid file name"),
    "a scan that does not exist": ({"scan": "none.spm"}, "scan 'none.spm' does not exist"),
    "a scan that is a folder": ({"scan": "folder"}, "is a folder"),
    "a scan that is a pipe": ({"scan": "pipe"}, "is a device"),
    "a scan in a loop": ({"scan": "loop"}, "cannot be read (Too many levels"),
    "a scan behind a file": ({"scan": "a.spm/b"}, "cannot be read (Not a directory)"),
    "a scan of a long name": ({"scan": "n" * 300}, "cannot be read (File name too long)"),
    "a scan with a pattern": ({"scan": "{a}.spm"}, "has { } or < > in its path"),
    "a scan of the web": ({"scan": "https://example.org/a.spm"}, "does not exist"),
    "a width with its unit": ({"width_nm": "1 um"}, "width_nm '1 um' is not a positive number"),
    "a negative width": ({"width_nm": "-5"}, "width_nm '-5' is not a positive number"),
    "a width of nothing": ({"width_nm": "0"}, "width_nm '0' is not a positive number"),
    "a width of miles": ({"width_nm": "1e13"}, "exceeds one metre"),
}

# What may be wrong with a sheet as a whole: its text made of the sound text, and a part of the sentence.
TEXTS = {
    "empty": (lambda text: "", "has no rows"),
    "only its names": (lambda text: text.splitlines()[0], "has no rows"),
    "no names": (lambda text: "\n".join(text.splitlines()[1:]), "is not known"),
    "another unit": (lambda text: text.replace("width_nm", "width (um)"), "write it in the unit of 'width_nm'"),
    "decimals or thousands": (lambda text: text.replace("500", "1,250", 1), "width_nm '1,250' may be 1.250 or 1250"),
    "a column in two spellings": (
        lambda text: text.replace("growth_date\t", "Batch\t"),
        "column 'batch' occurs 2 times",
    ),
    "a name in two cases": (
        lambda text: text.replace("film1\t", "FILM 0\t").replace("film0", "film_0"),
        "are one file",
    ),
    "two marks in batches": (lambda text: text.replace("day\t", "run_7\t", 1).replace("day\t", "run-7\t"), "'run-7'"),
    "spaces": (lambda text: text.replace("\t", " "), "the columns are separated by spaces"),
    "a missing column": (lambda text: text.replace("growth_celsius", "growth"), "column 'growth_celsius' is missing"),
    "a misspelt column": (lambda text: text.replace("width_nm", "width_mn"), "did you mean 'width_nm'?"),
    "a column twice": (lambda text: text.replace("width_nm", "batch"), "column 'batch' occurs 2 times"),
    "a note beside": (lambda text: text.replace("500\n", "500\tgood\n", 1), "which has no name in line 1"),
    "an open quotation": (lambda text: text.replace("film1", '"film1'), "does not end with one"),
    "a zero byte": (lambda text: text.replace("film1", "fi\0lm1"), "not UTF-8 text"),
    "a sample in two cases": (lambda text: text.replace("film1", "FILM0"), "are one file name on many disks"),
    "a scan twice": (lambda text: text.replace("b.spm", "a.spm"), "scan 'a.spm' occurs 2 times"),
    "a scan in two spellings": (lambda text: text.replace("b.spm", "./a.spm"), "are one file"),
}
BYTES = {
    "half of UTF-16": lambda text: text.encode("utf-16")[:-1],
    "Chinese in its old encoding": lambda text: text.replace("day", "\u5468\u4e00").encode("gbk"),
    "a damaged workbook": lambda text: b"PK\3\4" + b"\0" * 100,
    "an old workbook": lambda text: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504,
    "an archive": lambda text: archive_of("notes.txt"),
    "a spreadsheet of another kind": lambda text: archive_of("mimetype"),
    "a workbook without its parts": lambda text: archive_of("xl/workbook.xml"),
    "a picture": lambda text: b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "a web page": lambda text: b"<!DOCTYPE html>\n<html>\n</html>\n",
}


def archive_of(name):
    """The bytes of a ZIP file with one member."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr(name, "text")
    return archive.getvalue()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two scans, and things that are none."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.spm", "b.spm"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


def text_of(*rows):
    """A sheet's text."""
    lines = ["\t".join(COLUMNS), *("\t".join(row[name] for name in COLUMNS) for row in rows)]
    return "\n".join(lines) + "\n"


SOUND = text_of({**GOOD, "sample": "film0"}, {**GOOD, "sample": "film1", "scan": "b.spm"})


def fault_of(folder, content):
    """What the sheet's reader says, in bounded time."""
    (folder / "samples.tsv").write_bytes(content.encode() if isinstance(content, str) else content)
    with judged.within(20), pytest.raises(UserError) as fault:
        sample_sheet.read(folder / "samples.tsv", STUDY_COLUMNS)
    return str(fault.value)


def test_the_sound_sheet_is_read(folder):
    (folder / "samples.tsv").write_text(SOUND, encoding="utf-8")
    assert sample_sheet.read(folder / "samples.tsv", STUDY_COLUMNS)["sample"].tolist() == ["film0", "film1"]


@pytest.mark.parametrize("name", ROWS)
def test_an_error_in_a_row_is_reported_with_its_line_and_no_other_is(folder, name):
    change, sentence = ROWS[name]
    message = fault_of(folder, text_of({**GOOD, "sample": "sound", "scan": "b.spm"}, {**GOOD, **change}))
    assert sentence in message and "one error in the sample sheet" in message and "line 3" in message, message


@pytest.mark.parametrize("name", TEXTS)
def test_an_error_of_the_whole_sheet_is_reported(folder, name):
    change, sentence = TEXTS[name]
    assert sentence in fault_of(folder, change(SOUND))


@pytest.mark.parametrize("name", BYTES)
def test_what_is_not_a_sheet_is_reported(folder, name):
    message = fault_of(folder, BYTES[name](SOUND))
    assert str(folder / "samples.tsv") in message and "Error" not in message


def test_any_two_errors_are_both_reported(folder):
    pairs = list(itertools.combinations(ROWS.items(), 2))
    for (_, first), (_, second) in pairs[:: judged.count(8, 1)]:
        message = fault_of(
            folder, text_of({**GOOD, "sample": "one", **first[0]}, {**GOOD, "sample": "two", **second[0]})
        )
        assert first[1] in message and second[1] in message, message


def test_all_errors_of_rows_come_in_one_message(folder):
    message = fault_of(
        folder, text_of(*({**GOOD, "sample": f"film{n}", **row[0]} for n, row in enumerate(ROWS.values())))
    )
    assert not [sentence for _, sentence in ROWS.values() if sentence not in message]


@pytest.mark.parametrize("place", ["folder", "loop", "none.tsv", "n" * 300, "a.spm/b", "pipe"])
def test_what_is_no_file_is_refused_at_once_and_never_waited_for(folder, place):
    with judged.within(10), pytest.raises(UserError) as fault:
        sample_sheet.read(folder / place, STUDY_COLUMNS)
    assert place in str(fault.value)
