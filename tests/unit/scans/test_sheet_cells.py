"""What the cells of a sheet mean: read where one reading is possible, told, and refused where several are."""

import itertools

import pytest

from micrograph.errors import UserError
from micrograph.scans import sample_sheet, sheet_cells
from tables_of_films import COLUMNS


def read(folder, header, *rows, separator="\t", files_must_exist=False):
    """The sheet of these lines (cells between bars), and what was told of it."""
    text = "\n".join(separator.join(line.split("|")) for line in (header, *rows)) + "\n"
    (folder / "samples.txt").write_text(text, encoding="utf-8")
    told = []
    frame = sample_sheet.read(folder / "samples.txt", COLUMNS, files_must_exist, told.append)
    return frame, "".join(told)


def of_rows(folder, name, *cells):
    """The column of these cells, in the order of the rows."""
    rows = [f"film{number}|950|{number}.spm|{cell}" for number, cell in enumerate(cells)]
    batch = "" if name == "batch" else "|batch"
    rows = rows if name == "batch" else [f"{row}|day" for row in rows]
    return read(folder, f"sample|growth_celsius|scan|{name}{batch}", *rows)[0][name].tolist()


@pytest.mark.parametrize(
    ("written", "column"),
    [
        ("Growth Celsius", "growth_celsius"),
        ("GROWTH_CELSIUS", "growth_celsius"),
        ("growth_celsius (\u00b0C)", "growth_celsius"),
        ("growth celsius [\u00baC]", "growth_celsius"),
        ("growth_celsius / \u2103", "growth_celsius"),
        ("Growth (deg. C)", "growth_celsius"),
        ("Growth\u00a0seconds (s)", "growth_seconds"),
        ("Width (nm)", "width_nm"),
        ("Width nm", "width_nm"),
        ("pressure [Torr]", "pressure_torr"),
        ("Sample (name)", "sample"),
        ("Batch (growth day)", "batch"),
        ("growth_celsius (K)", ""),
        ("growth_celsius (\u00b0F)", ""),
        ("width (\u00b5m)", ""),
        ("width", ""),
        ("growth_second", ""),
        ("temperature (\u00b0C)", ""),
        ("", ""),
    ],
)
def test_a_header_names_a_column_in_any_case_and_in_its_own_unit_only(written, column):
    assert sheet_cells.find_column(written, COLUMNS.known) == column


DAY = ["2024-05-03", "2024-5-3", "2024/05/03", "2024.05.03", "03.05.2024", "3.5.2024", "3. 5. 2024", "20240503",
       "2024-05-03 14:30", "2024-05-03T14:30:00Z", "03.05.2024 00:00:00", "3 May 2024", "May 3, 2024", "3-May-24",
       "3. Mai 2024", "2024\u201305\u201303", "2024\u5e745\u67083\u65e5"]  # fmt: skip


@pytest.mark.parametrize("name", ["growth_date", "batch"])
def test_one_day_is_one_in_every_spelling_that_can_only_be_this_day(tmp_path, name):
    assert set(of_rows(tmp_path, name, *DAY)) == {"2024-05-03"}


def test_another_row_or_the_other_date_of_the_row_decides_whether_days_come_first(tmp_path):
    assert of_rows(tmp_path, "growth_date", "5/4/2024", "25/4/2024") == ["2024-04-05", "2024-04-25"]
    assert of_rows(tmp_path, "batch", "5/4/2024", "4/25/2024") == ["2024-05-04", "2024-04-25"]
    assert of_rows(tmp_path, "growth_date", "05.04.24", "6.4.2024") == ["2024-04-05", "2024-04-06"]
    assert of_rows(tmp_path, "growth_date", "4/4/2024") == ["2024-04-04"]
    rows = ["a|950|a.spm|2024-05-04|5/4/2024", "b|950|b.spm|2024-06-07|6/7/2024", "c|950|c.spm||6/8/2024"]
    frame, told = read(
        tmp_path, "sample|growth_celsius|scan|batch|growth_date", *rows[:2], rows[2].replace("||", "|x|")
    )
    assert frame["growth_date"].tolist() == ["2024-05-04", "2024-06-07", "2024-06-08"]
    assert "'5/4/2024' as '2024-05-04'" in told


@pytest.mark.parametrize(
    ("cells", "wrong"),
    [
        (["5/4/2024"], "5/4/2024"),
        (["05-04-2024"], "05-04-2024"),
        (["5/4/2024", "25/4/2024", "4/25/2024"], "5/4/2024"),  # the others contradict each other
        (["5/4/2024", "06.04.2024"], "5/4/2024"),  # points say nothing of slashes
        (["05.04.24", "2024-04-05"], "05.04.24"),
    ],
)
@pytest.mark.parametrize("name", ["growth_date", "batch"])
def test_a_day_of_several_readings_is_refused_and_all_are_named(tmp_path, name, cells, wrong):
    with pytest.raises(UserError, match=f"line 2: {name} '{wrong}' may be 20") as error:
        of_rows(tmp_path, name, *cells)
    assert str(error.value).count("may be") == 1 and "2024-04-05" in str(error.value)


@pytest.mark.parametrize("names", [["1-2-3", "1-2-4"], ["10.11.12", "10.11.13"], ["45415", "45416"], ["2", "02"]])
def test_names_of_batches_that_need_not_be_dates_are_left_alone(tmp_path, names):
    assert of_rows(tmp_path, "batch", *names) == names


def test_day_numbers_of_spreadsheets_are_days(tmp_path):
    assert of_rows(tmp_path, "growth_date", "45415", "45415.75") == ["2024-05-03", "2024-05-03"]
    assert of_rows(tmp_path, "batch", "45415", "2024-05-03") == ["2024-05-03", "2024-05-03"]


def test_batches_that_differ_in_case_or_spaces_are_one_and_others_are_not(tmp_path):
    cells = ["Run 7", "run 7", "RUN\u00a07", "Run  7", "Run7", "Run 8", "M\u00e4rz", "Ma\u0308rz", "Run 1 2", "Run 12"]
    assert of_rows(tmp_path, "batch", *cells) == [*["Run 7"] * 5, "Run 8", *["M\u00e4rz"] * 2, "Run 1 2", "Run 12"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *[("run_7", "run 7"), ("run7", "run-7"), ("2021-04-05a", "2021-04-05")],
        *[("2021-04-05", "MCV1-210405"), ("MCV1-210405a", "MCV1-210405"), ("210405", "2021-04-05")],
    ],
)
def test_batches_that_may_be_one_are_named(tmp_path, first, second):
    for cells in ((first, second), (second, first)):
        with pytest.raises(UserError) as error:
            of_rows(tmp_path, "batch", *cells)
        assert f"'{first}'" in str(error.value) and f"'{second}'" in str(error.value)


def test_two_runs_and_two_instruments_of_one_day_may_be_batches_of_their_own(tmp_path):
    cells = ["MCV1-210405a", "MCV1-210405b", "ABC2-210405"]
    assert of_rows(tmp_path, "batch", *cells) == cells


@pytest.mark.parametrize(
    ("cell", "value"),
    [("0,5", 0.5), ("950,25", 950.25), ("1 250", 1250), ("1\u00a0250,5", 1250.5), ("1'250", 1250), ("1.250,5", 1250.5),
     ("1,250.5", 1250.5), ("1,250,000", 1250000), ("1.250.000", 1250000), ("1,5e3", 1500), ("0,125", 0.125),
     ("1.250", 1.25)],
)  # fmt: skip
def test_numbers_are_read_with_the_marks_of_their_country(tmp_path, cell, value):
    assert of_rows(tmp_path, "width_nm", cell) == [value]


def test_three_digits_behind_a_comma_are_decided_by_the_sheet_or_refused(tmp_path):
    assert of_rows(tmp_path, "width_nm", "1,250", "0,5") == [1.25, 0.5]
    assert of_rows(tmp_path, "width_nm", "1,250", "0.5") == [1250, 0.5]
    for cells in (["1,250"], ["1,250", "0.5", "0,5"], ["1.250", "0,5"]):
        with pytest.raises(UserError, match="line 2: width_nm '1.250' may be 1.250 or 1250"):
            of_rows(tmp_path, "width_nm", *cells)
    assert read(tmp_path, "sample|growth_celsius|scan|batch|width_nm", "a|1.000,0|a.spm|d|1,250", separator=";")[0].loc[
        0, ["growth_celsius", "width_nm"]
    ].tolist() == [1000, 1.25]
    frame, _ = read(tmp_path, "sample|growth_celsius|scan|batch", "a|1,000|a.spm|d", "b|950,000|b.spm|d", "c|900|c|d")
    assert frame["growth_celsius"].tolist() == [1000, 950, 900]  # the classes decide


@pytest.mark.parametrize("cell", ["#N/A", "#NV", "n/a", "NaN", "NA", "-", "\u2014", "null", "\u00a0", "\u200b"])
def test_cells_without_a_value_are_empty(tmp_path, cell):
    row = f"a|950|a.spm|d|{cell}|{cell}"
    frame, _ = read(tmp_path, "sample|growth_celsius|scan|batch|width_nm|growth_date", row)
    assert frame["width_nm"].isna().all() and frame["growth_date"].tolist() == [""]


def test_an_operator_may_be_called_na_and_no_needed_cell_is_emptied(tmp_path):
    header = "sample|growth_celsius|scan|batch|operator"
    assert read(tmp_path, header, "a|950|a.spm|d|NA", "b|950|b.spm|d|#N/A")[0]["operator"].tolist() == ["NA", ""]
    for row in ("#N/A|950|a.spm|d|", "a|#N/A|a.spm|d|", "a|950|a.spm|#N/A|"):
        with pytest.raises(UserError, match="line 2"):
            read(tmp_path, header, row)


def test_spaces_of_names_become_underscores_and_two_names_never_become_one(tmp_path):
    header = "sample|growth_celsius|scan|batch"
    frame, told = read(tmp_path, header, "film 17|950|a.spm|d", "film\u00a018|950|b.spm|d", "film\u201319|950|c.spm|d")
    assert frame["sample"].tolist() == ["film-19", "film_17", "film_18"] and "'film 17' as 'film_17'" in told
    with pytest.raises(UserError, match="line 3: sample 'film_17' is written 'film 17' in line 2"):
        read(tmp_path, header, "film 17|950|a.spm|d", "film_17|950|b.spm|d")


@pytest.mark.parametrize(
    "written",
    ["scans\\a.spm", ".\\scans\\a.spm", "SCANS\\A.SPM", "C:\\Users\\ann\\scans\\a.spm", "C:\\ann\\Scans\\a.SPM",
     "C:/Users/ann/scans/a.spm", "\\\\server\\share\\scans\\a.spm", '"C:\\ann\\scans\\a.spm"',
     "\u202aC:\\ann\\scans\\a.spm"],
)  # fmt: skip
def test_a_windows_path_is_the_file_of_its_last_parts(tmp_path, monkeypatch, written):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    for scan in ("scans/a.spm", "a.spm"):
        (tmp_path / scan).touch()
    cell = '"' + written.replace('"', '""') + '"'
    rows = ["sample|growth_celsius|scan|batch", f"a|950|{cell}|d"]
    frame, told = read(tmp_path, *rows, files_must_exist=True)
    assert frame["scan"].tolist() == ["scans/a.spm"] and "as 'scans/a.spm'" in told


def test_two_windows_paths_of_one_name_are_not_taken_for_one_file_in_silence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.spm").touch()
    rows = ["a|950|C:\\monday\\a.spm|d", "b|950|C:\\tuesday\\a.spm|d"]
    with pytest.raises(UserError, match=r"lines 2, 3: scan 'a\.spm' occurs 2 times"):
        read(tmp_path, "sample|growth_celsius|scan|batch", *rows)
    with pytest.raises(UserError, match="line 2: .*is a Windows path, and no file of its name"):
        read(tmp_path, "sample|growth_celsius|scan|batch", "a|950|C:\\ann\\b.spm|d", files_must_exist=True)


def test_a_file_whose_name_holds_a_backslash_is_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a\\b.spm").touch()
    frame, told = read(tmp_path, "sample|growth_celsius|scan|batch", "a|950|a\\b.spm|d", files_must_exist=True)
    assert frame["scan"].tolist() == ["a\\b.spm"] and not told


def test_a_plain_sheet_is_read_without_a_word(tmp_path):
    header = "sample|growth_celsius|scan|batch|growth_date|operator|width_nm"
    assert read(tmp_path, header, "a|950|a.spm|2021-04-05|2021-04-05|Ann|0.5e3")[1] == ""


def test_a_job_understands_its_rows_by_the_whole_sheet(tmp_path):
    """What one row says of the others holds in every shard, also the order of the names."""
    rows = ["z 1|950|1|run 7|25/4/2024|0,5", "z_0|950|2|Run 7|5/4/2024|1,250", "B|950|3|2024/4/5|5/4/2024|2"]
    frame, _ = read(tmp_path, "sample|growth_celsius|scan|batch|growth_date|width_nm", *rows)
    for index in range(3):
        own = sample_sheet.read_shard(tmp_path / "samples.txt", COLUMNS, index, 1)
        assert own.equals(sample_sheet.shard(frame, index, 1).reset_index(drop=True))


GROWN = ["2024-05-03", "2024-05-03", "2024-05-04", "2024-05-04"]


def test_every_sheet_of_the_cases_has_its_two_films(shared_cases, monkeypatch):
    folder = shared_cases / "14-sheets"
    monkeypatch.chdir(folder)
    sheets = [path for path in sorted(folder.iterdir()) if path.suffix != ".spm"]
    assert len(sheets) == 8
    for path in sheets:
        told = []
        frame = sample_sheet.read(path, COLUMNS, notify=told.append)
        assert frame["growth_celsius"].tolist() == [950, 1000] and frame["width_nm"].isna().all(), path
        assert frame["scan"].tolist() == ["film_17.spm", "film_18.spm"], path
        assert frame["growth_date"].tolist() == frame["batch"].tolist() == ["2024-05-03", "2024-05-04"], path
        assert len(told) == 1 and path.name in told[0]


def test_the_eight_films_of_the_case_were_grown_in_three_batches(shared_cases):
    path = shared_cases / "15-one-day-two-spellings" / "samples.tsv"
    frame = sample_sheet.read(path, COLUMNS, files_must_exist=False)
    groups = [len(list(group)) for _, group in itertools.groupby(frame["batch"])]
    assert groups == [4, 2, 2] and frame["batch"].nunique() == 3
