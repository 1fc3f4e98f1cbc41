"""Files of sheets: every encoding, separator and workbook gives the same rows, and what is written is read."""

import datetime
import time

import openpyxl
import pandas as pd
import pytest

from micrograph.errors import UserError
from micrograph.scans import sample_sheet, sheet_formats
from tables_of_films import COLUMNS

HEADER = ["sample", "growth_celsius", "scan", "batch", "substrate", "width_nm"]
ROWS = [["a", "950", "a, b.spm", "M\u00e4rz 1", "c; Al2O3", "500"], ["b", "1000", "b.spm", "day 2", "", ""]]


def text_of(separator, end="\r\n", quote='"'):
    return "".join(
        separator.join(f"{quote}{cell}{quote}" for cell in row) + end for row in ([HEADER, *ROWS] if quote else ROWS)
    )


def read(path, **options):
    told = []
    return sample_sheet.read(path, COLUMNS, files_must_exist=False, notify=told.append, **options), "".join(told)


def plain(folder):
    path = folder / "plain.tsv"
    path.write_text(text_of("\t"), encoding="utf-8", newline="")
    return read(path)[0]


@pytest.mark.parametrize("separator", list(sheet_formats.SEPARATORS))
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_every_encoding_and_separator_gives_the_same_rows(tmp_path, separator, encoding, end):
    path = tmp_path / "samples.any"
    path.write_bytes(text_of(separator, end).encode(encoding))
    frame, told = read(path)
    assert frame.equals(plain(tmp_path))
    assert (told == "") == (separator == "\t" and encoding in ("utf-8", "utf-8-sig"))


def test_a_line_that_names_the_separator_is_no_row_and_counts_as_a_line(tmp_path):
    path = tmp_path / "samples.csv"
    path.write_text("sep=;\r\n" + text_of(";"), encoding="utf-8", newline="")
    assert read(path)[0].equals(plain(tmp_path))
    path.write_text("sep=;\n\nsample;growth_celsius;scan;batch\na;95o;a;d\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 4: growth_celsius '95o'"):
        read(path)


def test_a_decimal_comma_between_commas_is_refused_and_never_moves_a_cell(tmp_path):
    path = tmp_path / "samples.csv"
    path.write_text("sample,growth_celsius,scan,batch,width_nm,operator\na,950,a,d,1,5,\nb,950,b,d,2,ann\n")
    with pytest.raises(UserError, match="line 2: 7 cells stand under 6 names"):
        read(path)


def workbook(path, rows, **formats):
    """Write rows of values as they are; formats: number format by cell."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, number_format in formats.items():
        book.active[cell].number_format = number_format
    book.save(path)
    return book


def test_a_workbook_is_read_with_its_numbers_dates_and_padded_names(tmp_path):
    path = tmp_path / "samples.xlsx"
    day = datetime.datetime(2024, 5, 3)
    rows = [
        ["Sample", "Growth Celsius", "scan", "batch", "growth_date", "width_nm"],
        ["a", 950, "a.spm", day, day.replace(hour=14), 500.5],
        [],
        [7, 950.0, "b.spm", "03.05.2024", 45415, "0,5"],
        ["c", "1000", "c.spm", datetime.date(2024, 5, 4), None, "#N/A"],
    ]
    workbook(path, rows, A4="000")
    frame, told = read(path)
    assert frame["sample"].tolist() == ["007", "a", "c"]
    assert frame["growth_celsius"].tolist() == [950, 950, 1000]
    assert frame["batch"].tolist() == ["2024-05-03", "2024-05-03", "2024-05-04"]
    assert frame["growth_date"].tolist() == ["2024-05-03", "2024-05-03", "2024-05-04"]
    assert frame["width_nm"].tolist()[:2] == [0.5, 500.5] and frame["width_nm"].isna()[2]
    assert "workbook" in told


def test_a_name_that_the_program_made_a_date_is_refused(tmp_path):
    rows = [["sample", "growth_celsius", "scan", "batch"], [datetime.datetime(2024, 5, 3), 950, "a", "d"]]
    workbook(tmp_path / "s.xlsx", rows)
    with pytest.raises(UserError, match="line 2: sample is stored as a date"):
        read(tmp_path / "s.xlsx")


def test_a_formula_counts_with_its_stored_result_only(tmp_path):
    workbook(
        tmp_path / "s.xlsx", [["sample", "growth_celsius", "scan", "batch", "width_nm"], ["a", 950, "a", "d", "=5*100"]]
    )
    with pytest.raises(UserError, match="line 2: column 5 holds a formula without a result"):
        read(tmp_path / "s.xlsx")


def test_a_merged_cell_is_of_all_its_rows(tmp_path):
    path = tmp_path / "s.xlsx"
    book = workbook(path, [["sample", "growth_celsius", "scan", "batch"], *([name, 950, name, None] for name in "abc")])
    book.active["D2"] = "day 1"
    book.active["D4"] = "day 2"
    book.active.merge_cells("D2:D3")
    book.save(path)
    assert read(path)[0]["batch"].tolist() == ["day 1", "day 1", "day 2"]


def test_the_worksheet_with_the_columns_is_read_and_of_two_none_is_guessed(tmp_path):
    path = tmp_path / "s.xlsx"
    book = workbook(path, [["sample", "growth_celsius", "scan", "batch"], ["a", 950, "a", "d"]])
    notes = book.create_sheet("notes", 0)
    notes.append(["furnace", "serviced on Monday"])
    book.save(path)
    assert read(path)[0]["sample"].tolist() == ["a"]
    book.copy_worksheet(book["Sheet"]).title = "old"
    book.save(path)
    with pytest.raises(UserError, match="'Sheet', 'old'"):
        read(path)
    book["old"].sheet_state = "hidden"
    book.save(path)
    assert read(path)[0]["sample"].tolist() == ["a"]


@pytest.mark.parametrize("name", ["samples.tsv", "samples.csv", "samples.xlsx", "samples.txt"])
def test_what_is_written_is_read_again(tmp_path, name):
    frame = pd.DataFrame([dict(zip(HEADER, row, strict=True)) for row in ROWS], dtype=object)
    frame.loc[0, "scan"] = "=1+1.spm"
    sample_sheet.write(tmp_path / name, frame)
    back = read(tmp_path / name)[0]
    assert back["scan"].tolist() == ["=1+1.spm", "b.spm"] and back["batch"].tolist() == ["M\u00e4rz 1", "day 2"]
    assert back["width_nm"].tolist()[0] == 500
    assert sorted(sample_sheet.list_scan_cells(tmp_path / name)) == ["=1+1.spm", "b.spm"]


def test_a_name_of_a_format_that_is_not_written_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"\.ods is not written"):
        sample_sheet.write(tmp_path / "samples.ods", pd.DataFrame())


@pytest.mark.parametrize("name", ["samples.tsv", "samples.csv", "samples.xlsx"])
def test_a_thousand_rows_take_less_than_a_second(tmp_path, name):
    rows = [[f"film {n}", "950,0", f"{n}.spm", f"{n % 28 + 1}.5.2024", "sapphire", "500"] for n in range(1000)]
    sample_sheet.write(tmp_path / name, pd.DataFrame(rows, columns=HEADER))
    read(tmp_path / name)
    start = time.process_time()
    assert len(read(tmp_path / name)[0]) == 1000
    assert time.process_time() - start < 1
