"""A sheet to fill in: it lists what can be read, names what cannot, guesses nothing, and passes once filled in."""

import os
import subprocess
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

import small_scan
from micrograph.errors import UserError
from micrograph.scans import make_sheet, sample_sheet
from micrograph.scans.formats import read_scan
from micrograph.scans.height_map import write_gwy
from micrograph.simulation import nanoscope_writer
from project import MICROGRAPH
from tables_of_films import COLUMNS


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """The bytes of a small scan as an instrument writes it, taken on the 15th of December 2021."""
    return small_scan.write(tmp_path_factory.mktemp("scan") / "a.spm", 8)


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """scans(number): the bytes of one of many small scans, all of one time and of different films."""
    folder = tmp_path_factory.mktemp("scans")
    return lambda number: small_scan.write(folder / "a.spm", 8, number)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """An empty folder, which is where the tests stand."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put_at(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def filled_in(sheet, **cells):
    """The sheet as its user leaves it, read by the workflow."""
    frame = pd.read_csv(sheet, sep="\t", dtype=str, keep_default_na=False)
    assert (frame["growth_celsius"] == "").all()  # never guessed
    frame.assign(growth_celsius="950", **cells).to_csv(sheet, sep="\t", index=False)
    return sample_sheet.read(sheet, COLUMNS)


def test_a_row_tells_the_path_the_day_of_the_scan_and_nothing_that_nobody_knows(study, scan):
    put_at(study, "scans/film 17.spm", scan)
    rows, skipped = make_sheet.write_sheet("scans", "samples.tsv")
    assert Path("samples.tsv").read_text(encoding="utf-8").splitlines() == [
        "sample\tgrowth_celsius\tscan\tbatch\tgrowth_date\toperator\tgrowth_seconds\tsubstrate\tpressure_torr\twidth_nm",
        "film_17\t\tscans/film 17.spm\t2021-12-15\t\t\t\t\t\t",
    ]
    assert len(rows) == 1 and skipped == []
    with pytest.raises(UserError, match="growth_celsius is empty"):
        sample_sheet.read("samples.tsv", COLUMNS)
    assert filled_in("samples.tsv")["batch"].tolist() == ["2021-12-15"]


def test_names_as_the_study_gave_them_tell_the_label_and_the_growth_day(study, scans):
    put_at(study, "MCV1-211025B-NT_10389_21834_177558_MCV1-211025B-NT_211122_center_1um.0_00000.spm", scans(1))
    put_at(study, "MCV1-211026A-NT-C-1um.0_00001.spm", scans(2))
    make_sheet.write_sheet(".", "samples.tsv")
    frame = filled_in("samples.tsv")
    assert frame["sample"].tolist() == ["MCV1-211025B-NT", "MCV1-211026A-NT"]
    assert frame["batch"].tolist() == ["MCV1-211025", "MCV1-211026"]  # of growth, not the day of the scan


def test_scans_of_one_film_share_its_name_and_their_places_stand_beside(study, scans):
    names = (
        "MCV1-211025B-NT_center-1 um.0_00001.spm",
        "x/mcv1-211025b-nt_edge1um.0_00003_cs.spm",
        "MCV1-211025B-2.spm",
    )
    for number, name in enumerate(names):
        put_at(study, name, scans(number))
    rows, skipped = make_sheet.write_sheet(".", "samples.tsv")
    assert skipped == []
    assert [(row["sample"], row["position"], row["kind"]) for row in rows] == [
        ("MCV1-211025B-2", "", "raw"),
        ("MCV1-211025B-NT", "center", "raw"),
        ("MCV1-211025B-NT", "edge", "processed"),
    ]
    header = Path("samples.tsv").read_text(encoding="utf-8").splitlines()[0].split("\t")
    assert header[:6] == ["sample", "growth_celsius", "scan", "position", "kind", "batch"]
    listed = "\n".join(make_sheet._next_steps(rows, "samples.tsv"))
    assert names[0] in listed and names[1] in listed and names[2] not in listed


def test_scans_of_one_film_on_several_days_have_the_first_day_as_batch(study):
    rng = np.random.default_rng(0)
    for number, day in enumerate(("16", "15")):
        date = f"04:49:10 PM Wed Dec {day} 2021"
        height_map(Path(f"scans/A1.0_0000{number}.spm"), rng.normal(size=(16, 16)), date=date)
    rows, _ = make_sheet.write_sheet("scans", "samples.tsv")
    assert [(row["sample"], row["batch"]) for row in rows] == [("A1", "2021-12-15")] * 2


def test_a_name_that_another_file_has_by_nature_is_not_given_away(study, scans):
    for number, name in enumerate(("a.spm", "a_2.spm", "A.txt", "b/a.spm")):
        put_at(study, name, scans(number))
    rows, _ = make_sheet.write_sheet(".", "samples.tsv")
    assert {row["scan"]: row["sample"] for row in rows} == {
        "A.txt": "A",
        "a.spm": "a_3",
        "a_2.spm": "a_2",
        "b/a.spm": "a_4",
    }


def test_counters_of_old_instruments_tell_films_apart(study, scans):
    for number in ("000", "001"):
        put_at(study, f"film.{number}", scans(int(number)))
    rows, _ = make_sheet.write_sheet(".", "samples.tsv")
    assert [row["sample"] for row in rows] == ["film.000", "film.001"]


def test_paths_are_relative_to_the_folder_of_the_sheet_where_the_study_runs(study, scans, monkeypatch):
    put_at(study, "study/scans/in.spm", scans(1))
    put_at(study, "elsewhere/out.spm", scans(2))
    make_sheet.write_sheet(".", "study/samples.tsv")
    monkeypatch.chdir(study / "study")
    assert filled_in("samples.tsv")["scan"].tolist() == ["scans/in.spm", str(study / "elsewhere/out.spm")]


def test_a_image_waits_for_its_width_unless_it_knows_it(study):
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    grey.save("film.png")
    Path("text.png").write_text("no picture", encoding="utf-8")
    tags = {270: "ImageJ=1.53\nunit=nm\n", 282: 0.008}
    grey.save("known.tif", tiffinfo=tags)
    rows, _ = make_sheet.write_sheet(".", "samples.tsv")
    assert [(row["sample"], row["width_nm"]) for row in rows] == [("film", "needed"), ("known", "")]
    with pytest.raises(UserError, match="width_nm 'needed'"):
        filled_in("samples.tsv", batch="monday")
    Path("samples.tsv").unlink()
    make_sheet.write_sheet(".", "samples.tsv")
    assert filled_in("samples.tsv", batch="monday", width_nm=["1000", ""])["width_nm"].tolist()[0] == 1000


def test_what_is_no_scan_is_named_with_its_reason(study, scan, scans):
    for name, content in {
        "good.spm": scan,
        "cut.spm": scan[:-7],
        "notes.txt": b"grown on a Monday",
        "page.spm": b"<!DOCTYPE html><html>please log in</html>",
        "empty.spm": b"",
        "photo.jpg": b"\xff\xd8\xff\xe0",
        "{cycle}.spm": scan,
        "a<b>/c.spm": scan,
        " lead/x.spm": scans(1),
        "sub/copy of good.spm": scan,
        "tab\tbed.spm": scan,
        ".hidden.spm": scan,
        ".git/x.spm": scan,
        "results/micrographs/0000/a.png": b"\x89PNG\r\n\x1a\n",
    }.items():
        put_at(study / "s", name, content)
    os.symlink("..", study / "s" / "round")
    os.symlink("nowhere", study / "s" / "link")
    os.mkfifo(study / "s" / "pipe")
    rows, skipped = make_sheet.write_sheet("s", "samples.tsv")
    assert [row["scan"] for row in rows] == ["s/ lead/x.spm", "s/good.spm"]
    reasons = {path.removeprefix("s/"): reason for path, reason in skipped}
    for name, words in {
        "cut.spm": "truncated",
        "notes.txt": "no known format",
        "page.spm": "web page",
        "empty.spm": "the file is empty",
        "photo.jpg": "JPEG",
        "{cycle}.spm": "patterns",
        "a<b>/c.spm": "patterns",
        "tab\tbed.spm": "characters",
        "round": "link to a folder",
        "link": "broken symbolic link",
        "pipe": "not a regular file",
        "results": "results of a study",
        "sub/copy of good.spm": "a copy of s/good.spm",
    }.items():
        assert words in reasons.pop(name), name
    assert reasons == {}
    said = "\n".join(make_sheet._skipped_lines(skipped))
    assert "tab\\x09bed.spm" in said and all(line.isprintable() for line in said.splitlines())


def test_a_name_that_is_no_utf8_is_skipped_and_named(study, scan):
    put_at(study, "good.spm", scan)
    with open(b"b\xff.spm", "wb") as file:
        file.write(scan)
    rows, skipped = make_sheet.write_sheet(".", "samples.tsv")
    assert len(rows) == 1
    assert "\n".join(make_sheet._skipped_lines(skipped)).endswith("    ./b\\xff.spm")


def test_a_sheet_that_is_there_is_never_overwritten(study, scan):
    put_at(study, "a.spm", scan)
    Path("samples.tsv").write_text("my work", encoding="utf-8")
    os.symlink("nowhere", "link.tsv")
    for sheet in ("samples.tsv", "link.tsv"):
        with pytest.raises(UserError, match="is kept"):
            make_sheet.write_sheet(".", sheet)
    assert Path("samples.tsv").read_text(encoding="utf-8") == "my work"


@pytest.mark.parametrize("folder", ["", "nowhere", "a.spm", "empty"])
def test_a_folder_without_scans_is_one_sentence_and_no_sheet(study, scan, folder):
    put_at(study, "a.spm", scan)
    (study / "empty").mkdir()
    with pytest.raises(UserError, match="name the (one|folder) that holds the scans"):
        make_sheet.write_sheet(folder, "samples.tsv")
    assert not Path("samples.tsv").exists()


def test_real_files_of_instruments_are_sorted_into_scans_and_others(shared_scans, study):
    rows, skipped = make_sheet.write_sheet(shared_scans, "samples.tsv")
    days = {os.path.basename(row["scan"])[:5]: row["batch"] for row in rows}
    assert days == {"v432_": "2012-08-29", "v5120": "2014-10-17", "v940_": "2021-12-15"}
    assert len(rows) == 4 and len(rows) + len(skipped) == len(list(shared_scans.iterdir()))
    assert sum("force curve" in reason for _, reason in skipped) == 1
    assert sum("truncated" in reason for _, reason in skipped) == 4
    assert len(filled_in("samples.tsv")) == 4


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("04:49:10 PM Wed Dec 15 2021", "2021-12-15"),
        ("09:23:09 PM Wed Aug 29 2012", "2012-08-29"),
        ("04:49:10 PM Mi Dez 15 2021", ""),
        ("Wed Dec 32 2021", ""),
        ("", ""),
    ],
)
def test_a_day_is_told_or_left_empty(text, day):
    assert make_sheet.parse_date(text) == day


def height_map(path, height_nm, direction="Trace", date="04:49:10 PM Wed Dec 15 2021"):
    """Write a NanoScope file of these heights, 1 um wide."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = nanoscope_writer.Frame(1000, 1000, len(height_nm), date=date, line_rate_hz=1, rotation_degrees=0)
    channels = [nanoscope_writer.Channel("Height Sensor", direction, height_nm)]
    nanoscope_writer.write(path, channels, frame, "0x09400202")


@pytest.fixture
def one_film(study):
    """A film's raw scan with an export, a levelled copy, a converted copy and the other direction beside it."""
    rng = np.random.default_rng(3)
    relief = gaussian_filter(rng.normal(size=(64, 64)), 2) * 30
    tilt = np.linspace(0, 40, 64)[:, None] + np.linspace(0, 25, 64)
    height_map(Path("scans/A1.0_00001.spm"), relief + tilt)
    height_map(Path("scans/A1_flat.spm"), relief - relief.mean(axis=1, keepdims=True))
    height_map(
        Path("scans/A1_retrace.spm"), np.roll(relief, 1, axis=1) + tilt + rng.normal(size=(64, 64)) * 0.2, "Retrace"
    )
    grey = np.interp(relief, np.percentile(relief, [1, 99]), [0, 255]).astype(np.uint8)
    Image.fromarray(grey).resize((200, 200)).save("scans/A1.0_00001_1.spm.png")
    raw = read_scan("scans/A1.0_00001.spm")
    write_gwy("scans/A1.gwy", raw)
    return study, relief


def test_of_one_scan_in_several_files_the_raw_one_is_kept_and_the_others_are_named(one_film):
    rows, skipped = make_sheet.write_sheet("scans", "samples.tsv")
    assert [row["scan"] for row in rows] == ["scans/A1.0_00001.spm"]
    assert sorted(Path(path).name for path, _ in skipped) == [
        *("A1.0_00001_1.spm.png", "A1.gwy", "A1_flat.spm", "A1_retrace.spm")
    ]
    assert all("one scan with scans/A1.0_00001.spm" in reason for _, reason in skipped)


def test_of_copies_the_one_whose_name_tells_the_growth_day_is_kept(study, scan):
    for name in ("scans/a.spm", "scans/of Ann/MCV1-210405a-07.spm", "scans/film (copy).spm"):
        put_at(study, name, scan)
    rows, skipped = make_sheet.write_sheet("scans", "samples.tsv")
    assert [row["scan"] for row in rows] == ["scans/of Ann/MCV1-210405a-07.spm"]
    assert [reason for _, reason in skipped] == ["a copy of scans/of Ann/MCV1-210405a-07.spm"] * 2


def test_other_films_of_the_same_time_and_scans_of_another_time_are_kept(one_film):
    _, relief = one_film
    height_map(Path("scans/B1.0_00001.spm"), relief[::-1])
    height_map(Path("scans/later.spm"), relief, date="05:49:10 PM Wed Dec 15 2021")
    rows, _ = make_sheet.write_sheet("scans", "samples.tsv")
    assert {row["scan"] for row in rows} == {f"scans/{name}.spm" for name in ("A1.0_00001", "B1.0_00001", "later")}


def test_a_picture_named_after_a_scan_is_no_scan_of_its_own_also_where_it_looks_otherwise(study, scans):
    put_at(study, "A1.0_00001.spm", scans(1))
    for name in ("A1.0_00001_1.spm.png", "A1.0_00002.png"):
        Image.effect_noise((64, 64), 50).save(name)
    rows, skipped = make_sheet.write_sheet(".", "samples.tsv")
    assert [(row["scan"], row["kind"]) for row in rows] == [("A1.0_00001.spm", "raw"), ("A1.0_00002.png", "processed")]
    assert skipped == [("./A1.0_00001_1.spm.png", "a picture of ./A1.0_00001.spm, by its name")]


def test_the_five_files_of_the_case_are_one_scan(shared_cases, study):
    rows, skipped = make_sheet.write_sheet(shared_cases / "16-one-scan-many-files", "samples.tsv")
    assert [Path(row["scan"]).name for row in rows] == ["A1_center.0_00001.spm"] and len(skipped) == 4


def test_the_sheet_may_be_a_workbook(study, scans):
    put_at(study, "scans/film 17.spm", scans(1))
    put_at(study, "scans/18.spm", scans(2))
    make_sheet.write_sheet("scans", "samples.xlsx")
    book = openpyxl.load_workbook("samples.xlsx")
    assert book.active["A2"].value == "18" and book.active["D2"].value == "2021-12-15"
    for cell in ("B2", "B3"):
        book.active[cell] = 950
    book.save("samples.xlsx")
    frame = sample_sheet.read("samples.xlsx", COLUMNS)
    assert frame["scan"].tolist() == ["scans/18.spm", "scans/film 17.spm"]
    assert frame["batch"].tolist() == ["2021-12-15"] * 2


@given(st.text(max_size=300))
def test_every_text_becomes_a_name_that_a_sheet_takes(text):
    name = make_sheet.sample_name(text)
    assert sample_sheet.FILE_NAME.fullmatch(f"{name}_99999999")
    assert make_sheet.sample_name(name) == name


LETTERS = st.sampled_from("aA\u00e4\u00c4bB1_-. '\"#{}<>=\u00b5\u4e2d\u0301\u3000\u2028")


@settings(max_examples=40, deadline=None)
@given(names=st.sets(st.text(LETTERS, min_size=1, max_size=12), min_size=1, max_size=12))
def test_no_file_vanishes_and_the_sheet_passes_whatever_the_names_are(tmp_path_factory, scan, names):
    names = {name for name in names if not name.startswith(".")} | {"one.spm"}
    place = tmp_path_factory.mktemp("names")
    for name in names:
        put_at(place / "scans", name, scan)
    rows, skipped = make_sheet.write_sheet(place / "scans", place / "samples.tsv")
    listed = [place / row["scan"] for row in rows] + [Path(path) for path, _ in skipped]
    assert sorted(listed) == sorted(place / "scans" / name for name in names)
    here = os.getcwd()
    os.chdir(place)
    try:
        assert len(filled_in("samples.tsv")) == len(rows)
    finally:
        os.chdir(here)


def test_the_command_says_what_is_left_to_do(study, scan):
    put_at(study, "scans/film.spm", scan)
    put_at(study, "scans/notes.txt", b"grown on a Monday")
    command = [*MICROGRAPH, "sheet", "scans"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "scans/notes.txt" in done.stdout and "Scans: 1;" in done.stdout
    assert "Fill in growth_celsius" in done.stdout and "make run STUDY=. " in done.stdout
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1 and "is kept" in again.stderr and "Traceback" not in again.stderr


def test_the_unit_of_heights_in_an_image_is_requested_where_the_file_states_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    heights = np.random.default_rng(0).normal(size=(2, 16, 16)).astype(np.float32)
    Image.fromarray(heights[0]).save("bare.tif")
    Image.fromarray(heights[1]).save("own.tif", tiffinfo={270: "ImageJ=1.54f\nunit=nm\nvunit=nm\n", 282: 2.0, 283: 2.0})
    rows, _ = make_sheet.write_sheet(tmp_path, "samples.tsv")
    assert [(row["sample"], row["width_nm"], row["z_unit"]) for row in rows] == [
        ("bare", "needed", "needed"),
        ("own", "", ""),
    ]
    with pytest.raises(UserError, match="z_unit 'needed' is not a unit of length"):
        filled_in("samples.tsv", batch="monday", width_nm=["1000", ""])
