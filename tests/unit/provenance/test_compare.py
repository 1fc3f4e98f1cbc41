"""Two folders of results: what is equal to the byte, and how far apart the rest is, by hand-made folders."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from micrograph import io
from micrograph.provenance import compare
from micrograph.provenance.record import NAME

PREDICTIONS = "sample\ty_pred\tscore_900\nA\t900\t0.5\nB\t950\t0.25\nC\t950\t\n"
SVC = "predictions/strict/SVC.tsv"


@pytest.fixture
def both(tmp_path):
    """Two equal folders of results with one file of several stages."""
    ours = tmp_path / "ours"
    for stage in ("predictions/strict", "tables", "micrographs", "splits"):
        (ours / stage).mkdir(parents=True)
    (ours / SVC).write_text(PREDICTIONS, encoding="utf-8")
    (ours / "tables/table1.tsv").write_text("name\tvalue\nx\t4\n", encoding="utf-8")
    (ours / "tables/table1.md").write_text("| 4 |\n", encoding="utf-8")
    io.write_arrays(ours / "splits/scores.npz", scores=np.array([1.0, 2.0, 4.0]), names=np.array(["a", "b"]))
    Image.fromarray(np.full((4, 4), 100, np.uint8)).save(ours / "micrographs/a.png")
    shutil.copytree(ours, tmp_path / "theirs")
    return ours, tmp_path / "theirs"


def differing(both):
    return {one.name: one for one in compare.compare_folders(*both) if one.verdict != compare.EQUAL}


def test_equal_folders_are_equal_file_by_file(both, capsys):
    compared = compare.compare_folders(*both)
    assert {one.verdict for one in compared} == {compare.EQUAL} and len(compared) == 5
    assert compare.main(list(map(str, both))) == 0
    assert "5 of 5 files are equal to the byte" in capsys.readouterr().out


def test_a_changed_score_is_reported_with_its_size_its_share_and_its_column(both, capsys):
    (both[1] / SVC).write_text(PREDICTIONS.replace("0.25", "0.75"), encoding="utf-8")
    (one,) = differing(both).values()
    assert one.verdict == compare.CLOSE and one.relative == pytest.approx(0.5 / 0.75) and one.classes == 0
    assert compare.main([*map(str, both), "--files"]) == 1
    printed = capsys.readouterr().out
    assert f"{SVC}: numbers differ, by up to 0.5 in score_900" in printed
    assert "4 of 5 files are equal to the byte" in printed


def test_changed_classes_are_counted_by_rows(both):
    (both[1] / SVC).write_text(PREDICTIONS.replace("950", "1000"), encoding="utf-8")
    rows = compare.summary(compare.compare_folders(*both))
    assert rows.loc["predictions", "classes"] == 2 and rows.loc["predictions", compare.CLOSE] == 1
    assert rows.loc["tables", [compare.EQUAL, compare.CLOSE]].tolist() == [2, 0]


def test_a_number_that_is_missing_on_one_side_is_infinitely_far(both):
    (both[1] / SVC).write_text(PREDICTIONS.replace("C\t950\t", "C\t950\t1"), encoding="utf-8")
    assert differing(both)[SVC].relative == np.inf


def test_the_same_numbers_written_otherwise_are_distinguished_from_other_numbers(both):
    (both[1] / SVC).write_text(PREDICTIONS.replace("0.5", "0.50"), encoding="utf-8")
    (one,) = differing(both).values()
    assert one.verdict == compare.CLOSE and one.relative == 0 and "equal as floating-point numbers" in one.detail


def test_other_text_another_length_another_name_are_no_matter_of_tolerance(both):
    (both[1] / "tables/table1.tsv").write_text("name\tvalue\ny\t4\n", encoding="utf-8")
    (both[1] / "tables/table1.md").write_text("| 5 |\n", encoding="utf-8")
    (both[1] / SVC).write_text(PREDICTIONS + "D\t900\t1\n", encoding="utf-8")
    io.write_arrays(both[1] / "splits/scores.npz", other=np.array([1.0]))
    found = differing(both)
    assert {one.verdict for one in found.values()} == {compare.OTHER} and len(found) == 4
    assert "name" in found["tables/table1.tsv"].detail and "shapes" in found[SVC].detail


def test_files_of_one_folder_alone_are_listed_and_records_and_marks_of_runs_are_not(both):
    (both[0] / "tables/mine.tsv").write_text("a\n", encoding="utf-8")
    (both[1] / "own.txt").write_text("b", encoding="utf-8")
    (both[0] / NAME).write_text("{}", encoding="utf-8")
    (both[0] / "tables/.snakemake_timestamp").write_text("", encoding="utf-8")
    found = differing(both)
    assert {one.verdict for one in found.values()} == {compare.ONE_SIDED}
    assert {name: one.detail for name, one in found.items()} == {
        "tables/mine.tsv": f"only in {both[0]}", "own.txt": f"only in {both[1]}",
    }  # fmt: skip
    assert compare.summary(compare.compare_folders(*both)).loc[".", compare.ONE_SIDED] == 1


def test_pictures_are_compared_by_their_pixels(both):
    pixels = np.full((4, 4), 100, np.uint8)
    pixels[2, 1] = 103
    Image.fromarray(pixels).save(both[1] / "micrographs/a.png")
    one = differing(both)["micrographs/a.png"]
    assert one.relative == pytest.approx(3 / 255) and "by up to 3 in pixels" in one.detail  # 255: the opacity


def test_tensors_and_height_maps_are_compared_by_their_numbers(tmp_path):
    from safetensors.numpy import save_file

    from micrograph.scans.height_map import HeightMap, write_gwy

    def written(name, step, setting):
        folder = tmp_path / name
        folder.mkdir()
        save_file({"weight": np.array([1, 2 + step], np.float32)}, folder / "a.safetensors", metadata={"s": setting})
        save_file({"weight": np.array([1, 2 + step], np.float32)}, folder / "b.safetensors", metadata={"s": "same"})
        heights_nm = np.array([[0.0, 8.0], [1.0, 2.0 + step]])
        write_gwy(folder / "a.gwy", HeightMap(heights_nm, 10.0, 10.0, "Height", "Trace", "a.spm", "0" * 64, 2))
        return folder

    found = {one.name: one for one in compare.compare_folders(written("one", 0.0, "x"), written("two", 0.5, "y"))}
    assert found["b.safetensors"].verdict == compare.CLOSE and found["b.safetensors"].relative == 0.2
    assert found["a.safetensors"].verdict == compare.OTHER
    assert found["a.gwy"].relative == pytest.approx(0.5 / 8)


@pytest.mark.parametrize("suffix", ["tsv", "npz", "safetensors", "png", "gwy"])
def test_a_damaged_file_is_a_verdict_and_ends_nothing(tmp_path, suffix):
    for name, content in (("ours", b"\x89PNG\x00\xffa\tb\n1\n"), ("theirs", b"")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"x.{suffix}").write_bytes(content)
    (one,) = compare.compare_folders(tmp_path / "ours", tmp_path / "theirs")
    assert one.verdict == compare.OTHER and "cannot be read" in one.detail


def test_equal_files_are_equal_whatever_is_in_them(tmp_path):
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        for suffix, content in (("tsv", b""), ("npz", b"x"), ("gwy", b"")):
            (tmp_path / name / f"x.{suffix}").write_bytes(content)
    assert {one.verdict for one in compare.compare_folders(tmp_path / "ours", tmp_path / "theirs")} == {compare.EQUAL}


def test_objects_that_would_be_unpickled_are_refused(tmp_path):
    for name, value in (("ours", 1), ("theirs", 2)):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "x.npz", x=np.array([{"a": value}], dtype=object))
    (one,) = compare.compare_folders(tmp_path / "ours", tmp_path / "theirs")
    assert one.verdict == compare.OTHER and "cannot be read" in one.detail


def test_a_folder_that_is_not_named_not_there_or_empty_ends_with_status_2(both, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for folder in ("", str(tmp_path / "none"), str(tmp_path / "empty")):
        for folders in ([folder, str(both[0])], [str(both[0]), folder]):
            with pytest.raises(SystemExit, match="2"):
                compare.main(folders)
            assert "make compare A=results B=other/results" in capsys.readouterr().err


def test_a_link_to_nothing_is_no_equal_file(both):
    (both[0] / "tables/table1.md").unlink()
    (both[0] / "tables/table1.md").symlink_to("nowhere")
    assert differing(both)["tables/table1.md"].verdict == compare.OTHER


def test_complex_numbers_differ_by_their_imaginary_part_too():
    ours, theirs = np.array([3 + 4j, 1]), np.array([3 + 4j, 1 + 2j])
    assert compare.largest_difference(ours, theirs) == (2, pytest.approx(2 / 5))
    missing = np.array([complex(np.nan, 1), 1])
    assert compare.largest_difference(missing, missing)[0] == 0
    assert compare.largest_difference(ours, missing)[0] == np.inf


numbers = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=3, max_size=3)


@given(numbers, numbers)
def test_the_distance_is_none_only_between_equals_and_the_same_both_ways(ours, theirs):
    one, two = np.array(ours), np.array(theirs)
    there, back = compare.largest_difference(one, two), compare.largest_difference(two, one)
    assert there == back
    assert (there[0] == 0) == bool(np.array_equal(one, two, equal_nan=True))
    assert compare.largest_difference(one, one) == (0, 0)
