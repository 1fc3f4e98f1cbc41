"""Scans without a study: everything of a folder is measured, drawn or listed, and the folder is left as it is."""

import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from micrograph import io
from micrograph.errors import UserError
from micrograph.measurement import folder, levelling_check
from micrograph.scans import levelling, sample_sheet
from micrograph.scans.conversion import Preprocessing
from micrograph.scans.height_map import HeightMap, read_gwy, write_gwy


def film(path, lines=64, pixels=64, seed=0):
    """A rough film, 1000 nm wide, as a .gwy file, which needs no other program to be read."""
    rough = np.random.default_rng(seed).normal(size=(lines, pixels)).cumsum(axis=0).cumsum(axis=1)
    write_gwy(path, HeightMap(rough, 1000.0, 1000.0 * lines / pixels, "Height", "Trace", "x", "0", lines))
    return rough


@pytest.fixture
def scans(tmp_path):
    """Scans of one stem, in subfolders, with spaces and umlauts, an image, and files that are no scans; read-only."""
    place = tmp_path / "Messungen März"
    film(place / "a.gwy")
    film(place / "a.spm", seed=1)
    film(place / "Probe 1" / "a.gwy", lines=30, seed=2)
    film(place / "Probe 1" / "große Fläche.001", seed=3)
    Image.fromarray(np.random.default_rng(9).integers(0, 256, (50, 50)).astype(np.uint8)).save(place / "export.png")
    (place / "page.spm").write_text("<html>log in</html>", encoding="utf-8")
    (place / "empty.000").write_bytes(b"")
    for path in [place, *place.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield place
    for path in [place, *place.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def tree(place):
    return {str(path.relative_to(place)): os.stat(path).st_mtime_ns for path in place.rglob("*")}


def test_every_file_is_measured_and_drawn_or_listed_with_its_reason(scans, tmp_path):
    before, out = tree(scans), tmp_path / "out"
    summary = folder.measure_new_folder(scans, out, Preprocessing(levelling="median"))
    assert tree(scans) == before
    table = io.read_table(out / "measures.tsv").set_index("scan")
    rejected = io.read_table(out / "rejected.tsv").set_index("scan")["reason"]
    assert len(table) == 5 and set(table["levelling"].dropna()) == {"median"}
    assert table.loc[f"{scans}/Probe 1/große Fläche.001", "sample"].endswith(".001")
    assert "this is a web page" in rejected[f"{scans}/page.spm"]
    assert "empty" in rejected[f"{scans}/empty.000"]
    assert {*table.index, *rejected.index} == {str(path) for path in scans.rglob("*") if path.is_file()}
    assert "5 scans measured" in summary and f"{scans}/page.spm" in summary
    for scan, row in table.iterrows():
        with Image.open(out / row["micrograph"]) as picture:
            assert max(picture.size) > 400
        if not scan.endswith(".png"):
            kept = read_gwy(out / row["height"]).height_nm
            expected = levelling.level(read_gwy(scan).height_nm, "median")
            np.testing.assert_allclose(kept, expected, atol=1e-9)
            assert row["Sq"] == pytest.approx(expected.std()) and row["Sz"] == pytest.approx(np.ptp(expected))
    for column in ("micrograph", "height", "sample"):
        assert table[column].dropna().is_unique
    assert (out / "levelling_check.pdf").read_bytes().startswith(b"%PDF")
    assert [path.name for path in (out / "levelling_check").iterdir()] == ["page01.png"]


def test_files_whose_names_are_no_text_are_measured(tmp_path):
    place = tmp_path / "scans"
    for number, name in enumerate((b"Gl\xfchen.gwy", b"two\nlines.gwy")):
        film(place / "film.gwy", seed=number)
        os.rename(place / "film.gwy", os.fsencode(place) + b"/" + name)
    folder.measure_new_folder(place, tmp_path / "out", Preprocessing())
    table = io.read_table(tmp_path / "out" / "measures.tsv")
    assert list(table["scan"]) == [f"{place}/Gl\\xfchen.gwy", f"{place}/two\\x0alines.gwy"]
    assert len(set(table["Sq"])) == 2


def test_one_file_may_be_named_in_place_of_a_folder(scans, tmp_path):
    folder.measure_new_folder(scans / "a.gwy", tmp_path / "out", Preprocessing())
    assert list(io.read_table(tmp_path / "out" / "measures.tsv")["sample"]) == ["a"]


def test_a_folder_of_no_scans_a_missing_and_an_empty_one_are_a_sentence_each(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "page.txt").write_text("<html>", encoding="utf-8")
    (tmp_path / "nothing").mkdir()
    for name, words in {"notes": "no scan", "nothing": "holds no files", "nowhere": "no such file or folder"}.items():
        with pytest.raises(UserError, match=words) as caught:
            folder.measure_new_folder(tmp_path / name, tmp_path / "out", Preprocessing())
        assert str(tmp_path / name) in str(caught.value)


def test_nothing_is_written_into_the_folder_of_the_scans_or_over_other_files(scans, tmp_path):
    with pytest.raises(UserError, match="in the folder of the scans"):
        folder.measure_new_folder(scans, scans / "Probe 1" / "out", Preprocessing())
    with pytest.raises(UserError, match="in the folder of the scans"):
        sample_sheet.list_scans(tmp_path, "scans_folder", tmp_path / "results" / "scans")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "measures.tsv").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="exists and is kept"):
        folder.measure_new_folder(scans, tmp_path / "kept", Preprocessing())
    assert (tmp_path / "kept" / "measures.tsv").read_text(encoding="utf-8") == "mine"


def test_a_scan_that_cannot_be_measured_is_listed_and_the_others_go_on(scans, tmp_path, monkeypatch):
    def measure(height_nm, pixel_nm, *_):
        if len(height_nm) == 30:
            raise FloatingPointError("of a kind that nobody foresaw")
        return {"Sq": 1.0}

    monkeypatch.setattr(folder, "measure_map", measure)
    folder.measure_new_folder(scans, tmp_path / "out", Preprocessing())
    rejected = io.read_table(tmp_path / "out" / "rejected.tsv").set_index("scan")["reason"]
    reason = rejected[f"{scans}/Probe 1/a.gwy"]
    assert "FloatingPointError" in reason and f"{scans}/Probe 1/a.gwy" in reason
    assert len(io.read_table(tmp_path / "out" / "measures.tsv")) == 4


def test_the_check_shows_the_method_of_the_row_and_flags_and_is_paged(tmp_path):
    rough = film(tmp_path / "a.gwy")
    rows = [{"sample": f"film{number}", "scan": str(tmp_path / "a.gwy"), "levelling": ""} for number in range(9)]
    rows[1]["levelling"] = "facet"
    pairs = list(levelling_check.read_pairs(rows, Preprocessing(levelling="median"), {"jumps": -1}))
    assert [pair.levelling for pair in pairs[:3]] == ["median", "facet", "median"]
    assert "jumps" in pairs[0].flags
    np.testing.assert_allclose(pairs[1].raw_nm, rough)
    np.testing.assert_allclose(pairs[1].level_nm, levelling.level(rough, "facet"))
    first, second = levelling_check.draw(pairs)
    assert len(first.axes) == 16 and len(second.axes) == 2  # eight scans on a page, each before and after
    words = [text.get_text() for text in first.texts]
    assert "film1" in words and any(text.startswith("facet: ") and "jumps" in text for text in words)


def test_a_plane_is_taken_from_raw_heights_and_nothing_else():
    y, x = np.mgrid[0:20, 0:30]
    wave = np.sin(2 * np.pi * (x + 0.5) / 30 * 2) * np.cos(2 * np.pi * (y + 0.5) / 20 * 2)
    np.testing.assert_allclose(levelling_check._without_plane(5 + 3 * x - 2 * y + wave), wave, atol=1e-9)


def test_a_table_without_scans_of_heights_still_has_a_page():
    assert len(levelling_check.draw(levelling_check.read_pairs(pd.DataFrame().to_dict("records")))) == 1
