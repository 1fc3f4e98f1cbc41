"""The sample sheet."""

import os
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.scans import conversion, sample_sheet
from micrograph.splits import splitters
from micrograph.target import Target
from tables_of_films import COLUMNS

CLASSES = [900, 950, 1000]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.spm", "b.spm"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def write(folder, *lines):
    path = folder / "samples.tsv"
    path.write_text("\n".join("\t".join(line.split("|")) for line in lines) + "\n", encoding="utf-8")
    return path


def test_a_right_sheet_is_read_with_numbers_batches_and_in_order(folder):
    path = write(
        folder,
        "scan|sample|growth_celsius|growth_seconds|substrate",
        "b.spm|MCV1-210406b-02|1000||c-plane",
        "a.spm|MCV1-210405a-07|950|600|c-plane",
    )
    frame = sample_sheet.read(path, COLUMNS)
    assert frame["sample"].tolist() == ["MCV1-210405a-07", "MCV1-210406b-02"]
    assert frame["batch"].tolist() == ["MCV1-210405", "MCV1-210406"]
    assert frame["growth_celsius"].tolist() == [950, 1000]
    assert frame["growth_seconds"][0] == 600 and frame["growth_seconds"].isna()[1]


def test_two_runs_of_one_day_are_one_batch_and_other_labels_tell_none():
    assert (
        sample_sheet.batch_from_label("MCV1-210405a-07")
        == sample_sheet.batch_from_label("MCV1-210405b-01")
        == "MCV1-210405"
    )
    assert sample_sheet.batch_from_label("film 7") == ""


def test_all_errors_come_in_one_message_each_with_its_line(folder):
    path = write(
        folder,
        "sample|growth_celsius|scan|batch|growth_second",
        "x1|hot|a.spm|day1|1",
        "X1|1050|missing.spm|day1|1",
        "x3|950|a.spm||1",
        "../x4|950|b.spm|day1|",
        "x5||b.spm|day1|",
    )
    with pytest.raises(UserError) as error:
        sample_sheet.read(path, COLUMNS)
    message = str(error.value)
    for part in (
        "line 1: column 'growth_second' is not known; did you mean 'growth_seconds'?",
        "line 2: growth_celsius 'hot'",
        "line 3: growth_celsius 1050 is outside of the classes 900, 950, 1000 (875 to 1025)",
        "line 3: scan 'missing.spm' does not exist",
        "line 4: batch is empty, and the sample's name holds no growth date",
        "line 5: sample '../x4'",
        "line 6: growth_celsius is empty",
        "lines 2, 3: sample 'x1', 'X1' are one file name on many disks",
        "lines 2, 4: scan 'a.spm' occurs 2 times",
        "lines 5, 6: scan 'b.spm' occurs 2 times",
        "10 errors",
    ):
        assert part in message, part


def test_an_error_of_several_lines_is_one_error(folder):
    cells = ["", "", "950", "", "hot", ""]
    rows = [f"x{i}|{cell}|{'ab'[i % 2]}.spm|d" for i, cell in enumerate(cells)]
    message = fault_of(folder, "sample|growth_celsius|scan|batch", *rows)
    assert "lines 2-3, 5, 7: growth_celsius is empty" in message and "line 6: growth_celsius 'hot'" in message
    message = fault_of(folder, "sample|growth_celsius|scan|batch", "x1|900|a.spm|", "x2|950|b.spm|")
    assert "one error" in message and "lines 2-3: batch is empty, and the sample's name holds no growth date" in message


def test_line_numbers_count_blank_lines_and_blank_lines_are_no_samples(folder):
    path = write(folder, "sample|growth_celsius|scan|batch", "", "x|950|a.spm|d", "", "y|95o|b.spm|d")
    with pytest.raises(UserError, match="line 5: growth_celsius '95o'"):
        sample_sheet.read(path, COLUMNS)


SPREADSHEETS = {
    "a mark of UTF-8": ("", "\n", "", "\ufeff"),
    "Windows line ends": ("", "\r\n", "", ""),
    "quoted cells": ('"', "\n", "", ""),
    "tabs behind every line": ("", "\n", "\t\t", ""),
    "tabs behind the rows": ("", "\n", "row\t", ""),
}


@pytest.mark.parametrize("kind", SPREADSHEETS)
def test_what_spreadsheets_add_changes_nothing(folder, kind):
    quote, end, tail, mark = SPREADSHEETS[kind]
    rows = ["sample|growth_celsius|scan|batch", "x|950|a.spm|day 1", "y|1000|b.spm|day 2"]
    plain = sample_sheet.read(write(folder, *rows), COLUMNS)
    lines = ["\t".join(f"{quote}{cell}{quote}" for cell in row.split("|")) for row in rows]
    tails = ["" if tail.startswith("row") else tail, *[tail.removeprefix("row")] * 2]
    text = mark + "".join(line + tail + end for line, tail in zip(lines, tails, strict=True))
    (folder / "samples.tsv").write_bytes(text.encode())
    assert sample_sheet.read(folder / "samples.tsv", COLUMNS).equals(plain)


def fault_of(folder, *lines):
    with pytest.raises(UserError) as error:
        sample_sheet.read(write(folder, *lines), COLUMNS)
    return str(error.value)


@contextmanager
def without_roots_rights():
    """The block runs as nobody where the tests run as root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_scan_that_may_not_be_read_is_named_before_the_run(folder):
    folder.chmod(0o755)
    (folder / "a.spm").chmod(0)
    write(folder, "sample|growth_celsius|scan|batch", "x|950|a.spm|d")
    with without_roots_rights(), pytest.raises(UserError, match="scan 'a.spm' is not readable"):
        sample_sheet.read("samples.tsv", COLUMNS)


def test_signs_that_form_no_pattern_may_stand_in_a_path(folder):
    for name in ("scan {.spm", "5 > 3.spm", "100 % & $HOME 'quoted' # 1.spm"):
        (folder / name).write_bytes(b"")
        sheet = write(folder, "sample|growth_celsius|scan|batch", f"x|950|{name}|d")
        assert sample_sheet.read(sheet, COLUMNS)["scan"].tolist() == [name]


@pytest.mark.parametrize("width", ["1e308", "-5", "1 um", "1_000", "1,2,3", "\u0661\u0660"])
def test_a_width_that_no_scan_has_is_refused(folder, width):
    assert "line 2: width_nm" in fault_of(folder, "sample|growth_celsius|scan|batch|width_nm", f"x|950|a.spm|d|{width}")


@given(st.text(max_size=40))
def test_any_text_as_temperature_is_read_or_refused_and_never_crashes(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("sheet") / "samples.tsv"
    path.write_text(f"sample\tgrowth_celsius\tscan\tbatch\nx\t{text}\ta\td\n", encoding="utf-8", newline="")
    try:
        frame = sample_sheet.read(path, COLUMNS, files_must_exist=False)
    except UserError as error:
        assert "samples.tsv" in str(error)
    else:
        assert set(frame["growth_celsius"]) <= set(CLASSES)


def test_shards_part_the_sheet_without_loss(folder):
    path = write(folder, "sample|growth_celsius|scan|batch", *[f"x{i}|950|s{i}|d" for i in range(7)])
    frame = sample_sheet.read(path, COLUMNS, files_must_exist=False)
    parts = [sample_sheet.shard(frame, index, 3)["sample"].tolist() for index in range(3)]
    assert [len(part) for part in parts] == [3, 3, 1]
    assert sum(parts, []) == frame["sample"].tolist()


def test_a_job_reads_its_own_rows_as_the_whole_sheet_has_them(folder):
    lines = [f"x{(7 * i) % 10}|950|s{i}|d{i % 3}|{i or ''}" for i in range(10)]
    path = write(folder, "sample|growth_celsius|scan|batch|width_nm", *lines)
    frame = sample_sheet.read(path, COLUMNS, files_must_exist=False)
    for index in range(4):
        own = sample_sheet.read_shard(path, COLUMNS, index, 3)
        assert own.equals(sample_sheet.shard(frame, index, 3).reset_index(drop=True)), index


def test_a_sheet_that_was_spoilt_after_planning_is_refused_by_the_job_that_meets_it(folder):
    path = write(folder, "sample|growth_celsius|scan|batch", "x1|950|a|d", "x2|95o|b|d", "x3||c")
    assert sample_sheet.read_shard(path, COLUMNS, 0, 1)["sample"].tolist() == ["x1"]
    with pytest.raises(UserError, match="line 3: growth_celsius '95o'"):
        sample_sheet.read_shard(path, COLUMNS, 1, 1)
    with pytest.raises(UserError, match="line 4: growth_celsius is empty"):
        sample_sheet.read_shard(path, COLUMNS, 2, 1)


def test_every_missing_file_of_thousands_is_named_with_its_line(folder):
    scans = ["a.spm" if i == 0 else f"s{i}.spm" for i in range(2000)]
    for scan in scans:
        (folder / scan).touch()
    for lost in (1, 777, 1999):
        (folder / scans[lost]).unlink()
    message = fault_of(folder, "sample|growth_celsius|scan|batch", *[f"x{i}|950|{s}|d" for i, s in enumerate(scans)])
    said = [f"line {lost + 2}: scan 's{lost}.spm' does not exist; correct the path." for lost in (1, 777, 1999)]
    assert message.splitlines()[1:] == [f"  {sentence}" for sentence in said]


def test_faults_are_told_line_by_line_and_short_rows_are_empty_cells(folder):
    message = fault_of(
        folder, "sample|growth_celsius|scan|batch|width_nm", "?|950|a.spm|d", "x|1050", "y|hot|b.spm|d|-1"
    )
    beginnings = [line.strip().split(" ", 3)[:3] for line in message.splitlines()[1:]]
    assert beginnings == [
        ["line", "2:", "sample"],
        ["line", "3:", "scan"],
        ["line", "3:", "growth_celsius"],
        ["line", "3:", "batch"],
        ["line", "4:", "growth_celsius"],
        ["line", "4:", "width_nm"],
    ]


def test_empty_columns_between_the_named_ones_are_passed_over(folder):
    path = write(folder, "sample|growth_celsius|||scan|batch", "x|950|||a.spm|d")
    assert sample_sheet.read(path, COLUMNS).loc[0, ["scan", "batch"]].tolist() == ["a.spm", "d"]


def test_the_day_of_growth_is_taken_from_batches_that_tell_it_where_its_cell_is_empty(folder):
    rows = [
        "a1|950|1.spm|day 1||anna",
        "MCV1-210405a-07|950|2.spm|||",
        "c|950|3.spm|2021-12-15||bo",
        "d|950|4.spm|2021-12-15|2021-11-30|bo",
        "e|950|5.spm|monday||",
    ]
    path = write(folder, "sample|growth_celsius|scan|batch|growth_date|operator", *rows)
    frame = sample_sheet.read(path, COLUMNS, files_must_exist=False).set_index("sample")
    days = {"a1": "", "MCV1-210405a-07": "2021-04-05", "c": "2021-12-15", "d": "2021-11-30", "e": ""}
    assert frame["growth_date"].to_dict() == days
    assert frame["operator"].to_dict() == {"a1": "anna", "MCV1-210405a-07": "", "c": "bo", "d": "bo", "e": ""}


@pytest.mark.parametrize("day", ["30.2.2021", "2021-02-30", "20211301", "4.31.2021", "0021-04-05", "monday", "7"])
def test_a_day_that_is_none_is_refused(folder, day):
    message = fault_of(folder, "sample|growth_celsius|scan|batch|growth_date", f"x|950|a.spm|d|{day}")
    assert f"line 2: growth_date '{day}' is not a date" in message


def test_a_levelling_that_is_none_is_refused_with_the_known_ones(folder):
    message = fault_of(folder, "sample|growth_celsius|scan|batch|levelling", "x|950|a.spm|d|flatten")
    for words in ("line 2", "'flatten'", "published, median, facet"):
        assert words in message


def test_one_operator_in_two_spellings_is_refused_and_two_operators_are_not(folder):
    rows = ["x|950|a.spm|d|Ann", "y|950|b.spm|d|ann"]
    assert "operator 'Ann', 'ann': one name in several spellings" in fault_of(
        folder, "sample|growth_celsius|scan|batch|operator", *rows
    )
    path = write(folder, "sample|growth_celsius|scan|batch|operator", rows[0], rows[1].replace("|ann", "|Anna"))
    assert sample_sheet.read(path, COLUMNS)["operator"].tolist() == ["Ann", "Anna"]


@pytest.mark.parametrize(
    ("batch", "day"),
    [
        ("MCV1-210405", "2021-04-05"),
        ("MCV1-210405a", "2021-04-05"),
        ("2020-02-29", "2020-02-29"),
        ("2021-02-29", ""),
        ("MCV1-211340", ""),
        ("210405", ""),  # perhaps a number
        ("monday", ""),
        ("", ""),
        ("MCV1-210405a-07", ""),  # a film, not a batch
        ("MCV1-\u0662\u0661\u0660\u0664\u0660\u0665", ""),
    ],
)
def test_a_batch_tells_its_day_or_none(batch, day):
    assert sample_sheet.date_from_batch(batch) == day


@pytest.mark.parametrize("text", ["2021-4-5", "5.4.2021", "20210405", "1899-12-31", "2021-02-29", "", "2021-04-05 "])
def test_what_is_not_written_as_a_day_is_none(text):
    assert not sample_sheet._is_date(text)


def test_the_day_of_a_label_is_one_that_is_written():
    assert sample_sheet._is_date(sample_sheet.date_from_batch(sample_sheet.batch_from_label("MCV1-210405a-07")))


def sheet_of(folder, header, *rows, **settings):
    """A sheet of these rows, read for a target."""
    (folder / "a.spm").touch()
    lines = ["\t".join(["sample", "scan", "batch", *header])]
    lines += ["\t".join([f"x{place}", f"{place}.spm", "d", *row]) for place, row in enumerate(rows)]
    (folder / "samples.tsv").write_text("\n".join(lines), encoding="utf-8")
    told = []
    target = Target.from_config(settings["target"])
    columns = sample_sheet.Columns(target, settings.get("extra", ()))
    frame = sample_sheet.read(folder / "samples.tsv", columns, False, told.append)
    return target.add_to(frame), "".join(told)


def test_a_column_of_the_laboratory_is_the_target(tmp_path):
    target = {"column": "precursor_flow_sccm", "bins": [-1, 0, 2.5, 10]}
    frame, _ = sheet_of(tmp_path, ["Precursor flow (sccm)"], ["0"], ["2,5"], ["-0.5"], ["2.6"], target=target)
    assert frame["precursor_flow_sccm"].tolist() == [0, 2.5, -0.5, 2.6]
    assert frame["y_true"].tolist() == [-0.5, 1.25, -0.5, 6.25]
    with pytest.raises(UserError, match="line 2: precursor_flow_sccm 11 is outside of the classes -1 to 0"):
        sheet_of(tmp_path, ["precursor_flow_sccm"], ["11"], ["1"], target=target)
    with pytest.raises(UserError, match="column 'precursor_flow_sccm' is missing"):
        sheet_of(tmp_path, ["growth_celsius"], ["950"], ["900"], target=target)


def test_a_target_of_names_is_written_as_the_config_has_it(tmp_path):
    target = {"column": "substrate", "classes": ["c-plane sapphire", "silicon"]}
    frame, told = sheet_of(tmp_path, ["substrate"], ["Silicon"], ["c-plane  Sapphire"], target=target)
    assert frame["substrate"].tolist() == ["silicon", "c-plane sapphire"] and frame["y_true"].tolist() == [1, 0]
    assert "'Silicon' as 'silicon'" in told and frame["growth_celsius"].isna().all()
    with pytest.raises(UserError, match="line 2: substrate glass is not one of the classes c-plane sapphire, silicon;"):
        sheet_of(tmp_path, ["substrate"], ["glass"], target=target)


def test_a_film_between_two_classes_is_of_the_nearest_and_the_user_is_told(tmp_path):
    target = {"column": "growth_celsius", "classes": [900, 950, 1000]}
    frame, told = sheet_of(tmp_path, ["growth_celsius"], ["900"], ["937.5"], target=target)
    assert frame["growth_celsius"].tolist() == [900, 937.5] and frame["y_true"].tolist() == [900, 950]
    assert "growth_celsius: '937.5' in class 950" in told


def test_extra_columns_are_numbers_where_every_cell_is_one(tmp_path):
    target = {"column": "growth_celsius", "classes": [900, 950]}
    rows = [["900", "0,5", "quartz", "n/a"], ["950", "-1", "", "3"]]
    names = ["growth_celsius", "bias_volt", "liner", "flow"]
    frame, _ = sheet_of(tmp_path, names, *rows, target=target, extra=("bias_volt", "liner", "flow"))
    assert frame["bias_volt"].tolist() == [0.5, -1] and frame["liner"].tolist() == ["quartz", ""]
    assert frame["flow"].isna().tolist() == [True, False]
    with pytest.raises(UserError, match="column 'liner' is not known; .* scans.extra_columns"):
        sheet_of(tmp_path, names, *rows, target=target, extra=("bias_volt", "flow"))


def test_no_column_of_the_tables_can_be_a_growth_variable():
    variables = {"growth_celsius", "growth_seconds", "pressure_torr", *sample_sheet.TEXTS}
    made = {*conversion.CONDITIONS, *conversion.FILES, *splitters.COLUMNS}
    assert made - variables <= {*sample_sheet.NO_VARIABLES}


FILMS = "sample|growth_celsius|scan|batch|growth_seconds|position|kind"


def test_scans_of_one_film_have_names_of_their_own_that_no_film_can_have(folder):
    path = write(
        folder,
        FILMS,
        "a|950|1|d|60|center 2|raw",
        "a|950.0|2|d|60|edge|",
        "b|950|6|d||center|",
        "b|950|5|d||center|processed",
        "c|950|4|d|||",
        "c_1|950|7|d|||",
        "c|950|3|d|||",
    )
    frame = sample_sheet.read(path, COLUMNS, files_must_exist=False)
    names = dict(zip(frame["scan"], frame["sample"], strict=True))
    assert names == {"1": "a@center-2", "2": "a@edge", "6": "b@1", "5": "b@2", "3": "c@1", "4": "c@2", "7": "c_1"}
    assert frame["film"].tolist() == ["a", "a", "b", "b", "c", "c", "c_1"]
    for index in range(4):
        own = sample_sheet.read_shard(path, COLUMNS, index, 2)
        assert own.equals(sample_sheet.shard(frame, index, 2).reset_index(drop=True)), index


def test_what_belongs_to_a_film_must_be_the_same_in_all_its_rows(folder):
    message = fault_of(folder, FILMS, "a|950|a.spm|d|60|center|raw", "a|900|b.spm|e||edge|cooked")
    assert "lines 2, 3: the scans of sample 'a' differ in growth_celsius (950, 900)" in message
    assert "growth_seconds (60, ); batch (d, e)" in message and "kind 'cooked'" in message and "2 errors" in message


def test_a_sheet_of_new_scans_needs_neither_batches_nor_growth_conditions(folder):
    path = write(
        folder,
        "scan|sample|kind|width_nm|growth_celsius|remark",
        "b.spm|film-1|processed|1000.5|950 °C|scratched",
        "a.spm|film-1||||",
    )
    notes = []
    found = sample_sheet.list_new_scans(path.name, notify=notes.append)
    assert list(found) == ["a.spm", "b.spm"]  # raw ones first
    assert found["a.spm"] == {"state": [0, os.stat("a.spm").st_mtime_ns], "film": "film-1"}
    assert found["b.spm"] == found["a.spm"] | {
        "state": [0, os.stat("b.spm").st_mtime_ns], "kind": "processed", "width_nm": 1000.5,
    }  # fmt: skip
    assert notes == []  # on ignored columns neither


def test_paths_in_a_sheet_of_new_scans_start_at_its_folder_as_in_a_sheet_that_is_made(folder):
    (folder / "new/sub {1}").mkdir(parents=True)
    for name in ("A.spm", "sub {1}/b.spm", "sub {1}/c.spm"):
        (folder / "new" / name).write_bytes(b"")
    write(folder / "new", "scan|sample", r"sub {1}\b.spm|F1", r"C:\data\sub {1}\C.SPM|F2", "A.spm|F3", "../a.spm|F4")
    expected = ["sub {1}/b.spm", "sub {1}/c.spm", "A.spm", "../a.spm"]
    for path in ("new/samples.tsv", folder / "new/samples.tsv"):
        assert list(sample_sheet.list_new_scans(path)) == [os.path.join(os.path.dirname(path), one) for one in expected]


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        (["scan|batch", "a.spm|1"], "line 1: column 'sample' is missing; add it"),
        (["scan,samples", "a.spm,1"], "line 1: column 'sample' is missing; rename 'samples'"),
        (["1.0,2.0", "1.5,2.5"], "columns scan .path. and sample .film., and line 1 names neither"),
        (["scan|sample", "c.spm|1"], "line 2: scan 'c.spm' does not exist"),
        (["scan|sample", "a.spm|1", "a.spm|2"], "lines 2, 3: scan 'a.spm' occurs 2 times"),
        (["scan|sample", "a.spm|"], "line 2: sample is empty"),
    ],
)
def test_errors_of_a_sheet_of_new_scans_name_the_line(folder, lines, part):
    with pytest.raises(UserError, match=part):
        sample_sheet.list_new_scans(write(folder, *lines).name)
