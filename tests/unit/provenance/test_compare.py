"""Two folders of results: what is equal to the byte, and how far apart the rest is, by hand-made folders."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from micrograph import io
from micrograph.provenance import compare, contents
from micrograph.scans.height_map import HeightMap, write_gwy

PREDICTIONS = "sample\tpredicted_celsius\tscore_900\nA\t900\t0.5\nB\t950\t0.25\nC\t950\t\n"


@pytest.fixture
def both(tmp_path):
    """Two equal folders of results with one file of most stages."""
    ours = tmp_path / "ours"
    for stage in ("predictions/strict", "tables", "networks", "micrographs", "splits"):
        (ours / stage).mkdir(parents=True)
    (ours / "predictions/strict/SVC.tsv").write_text(PREDICTIONS, encoding="utf-8")
    (ours / "tables/table1.tsv").write_text("name\tvalue\nx\t4\n", encoding="utf-8")
    (ours / "tables/table1.md").write_text("| 4 |\n", encoding="utf-8")
    io.write_arrays(ours / "splits/scores.npz", scores=np.array([1.0, 2.0, 4.0]), names=np.array(["a", "b"]))
    Image.fromarray(np.full((4, 4), 100, np.uint8)).save(ours / "micrographs/a.png")
    shutil.copytree(ours, tmp_path / "theirs")
    return ours, tmp_path / "theirs"


def verdicts(both):
    return {one.name: one for one in compare.folders(*both) if one.verdict != compare.EQUAL}


def test_equal_folders_are_equal_file_by_file(both, capsys):
    compared = compare.folders(*both)
    assert {one.verdict for one in compared} == {compare.EQUAL} and len(compared) == 5
    assert compare.main(list(map(str, both))) == 0
    assert "5 of 5 files are equal to the byte" in capsys.readouterr().out


def test_a_changed_score_is_told_with_its_size_its_share_and_its_column(both, capsys):
    path = both[1] / "predictions/strict/SVC.tsv"
    path.write_text(PREDICTIONS.replace("0.25", "0.75"), encoding="utf-8")
    (one,) = verdicts(both).values()
    assert one.verdict == compare.CLOSE and one.stage == "predictions"
    assert (one.distance.absolute, one.distance.where) == (0.5, "score_900")
    assert one.distance.relative == pytest.approx(0.5 / 0.75)
    assert (one.distance.classes, one.distance.rows) == (0, 3)
    assert compare.main([*map(str, both), "--files"]) == 1
    printed = capsys.readouterr().out
    assert (
        "predictions/strict/SVC.tsv: numbers differ, by up to 0.5, by up to 6.7e-01 of the largest in score_900"
        in printed
    )
    assert "4 of 5 files are equal to the byte" in printed


def test_changed_classes_are_counted_by_rows(both):
    path = both[1] / "predictions/strict/SVC.tsv"
    path.write_text(PREDICTIONS.replace("950", "1000"), encoding="utf-8")
    heading, *rows = compare.by_stage(compare.folders(*both))
    row = dict(zip(heading, next(row for row in rows if row[0] == "predictions"), strict=True))
    assert row["classes changed"] == "2 of 3" and row["numbers differ"] == "1"


def test_a_number_that_is_missing_on_one_side_is_infinitely_far_and_on_both_sides_equal(both):
    path = both[1] / "predictions/strict/SVC.tsv"
    path.write_text(PREDICTIONS.replace("C\t950\t", "C\t950\t1"), encoding="utf-8")
    assert verdicts(both)["predictions/strict/SVC.tsv"].distance.absolute == np.inf
    missing = {"x": np.array([np.nan, 1.0, np.inf])}
    assert contents.distance(missing, missing).absolute == 0


def test_the_same_numbers_written_otherwise_are_told_from_other_numbers(both):
    (both[1] / "predictions/strict/SVC.tsv").write_text(PREDICTIONS.replace("0.5", "0.50"), encoding="utf-8")
    (one,) = verdicts(both).values()
    assert one.verdict == compare.CLOSE and one.distance.absolute == 0 and "same numbers" in one.remark


def test_other_words_another_length_another_name_are_no_matter_of_tolerance(both):
    (both[1] / "tables/table1.tsv").write_text("name\tvalue\ny\t4\n", encoding="utf-8")
    (both[1] / "tables/table1.md").write_text("| 5 |\n", encoding="utf-8")
    (both[1] / "predictions/strict/SVC.tsv").write_text(PREDICTIONS + "D\t900\t1\n", encoding="utf-8")
    io.write_arrays(both[1] / "splits/scores.npz", other=np.array([1.0]))
    found = verdicts(both)
    assert {one.verdict for one in found.values()} == {compare.OTHER}
    assert found["tables/table1.tsv"].remark == "1 text differs"
    assert "bytes alone" in found["tables/table1.md"].remark
    assert "(3,) and (4,)" in found["predictions/strict/SVC.tsv"].remark
    assert "other names: names, other, scores" in found["splits/scores.npz"].remark


def test_files_of_one_folder_alone_are_listed_and_marks_of_runs_are_not(both):
    (both[0] / "tables/mine.tsv").write_text("a\n", encoding="utf-8")
    (both[1] / "own.txt").write_text("b", encoding="utf-8")
    (both[0] / "provenance.json").write_text("{}", encoding="utf-8")
    (both[0] / "tables/.snakemake_timestamp").write_text("", encoding="utf-8")
    found = verdicts(both)
    assert {name: one.verdict for name, one in found.items()} == {
        "tables/mine.tsv": compare.OURS_ONLY, "own.txt": compare.THEIRS_ONLY,
    }  # fmt: skip
    assert found["own.txt"].stage == "others"


def test_pictures_are_compared_by_their_pixels(both):
    pixels = np.full((4, 4), 100, np.uint8)
    pixels[2, 1] = 103
    Image.fromarray(pixels).save(both[1] / "micrographs/a.png")
    distance = verdicts(both)["micrographs/a.png"].distance
    assert distance.absolute == 3 and distance.relative == pytest.approx(3 / 255)  # 255: the opacity


def test_tensors_and_height_maps_are_compared_by_their_numbers(tmp_path):
    from safetensors.numpy import save_file

    def written(name, step, setting):
        folder = tmp_path / name
        folder.mkdir()
        save_file({"weight": np.array([1, 2 + step], np.float32)}, folder / "a.safetensors", metadata={"s": setting})
        save_file({"weight": np.array([1, 2 + step], np.float32)}, folder / "b.safetensors", metadata={"s": "same"})
        heights_nm = np.array([[0.0, 8.0], [1.0, 2.0 + step]])
        write_gwy(folder / "a.gwy", HeightMap(heights_nm, 10.0, 10.0, "Height", "Trace", "a.spm", "0" * 64, 2))
        return folder

    found = {one.name: one for one in compare.folders(written("one", 0.0, "x"), written("two", 0.5, "y"))}
    assert found["b.safetensors"].verdict == compare.CLOSE
    assert (found["b.safetensors"].distance.absolute, found["b.safetensors"].distance.relative) == (0.5, 0.2)
    assert found["a.safetensors"].remark == "1 text differs"
    assert found["a.gwy"].distance.absolute == pytest.approx(0.5)
    assert found["a.gwy"].distance.relative == pytest.approx(0.5 / 8)


@pytest.mark.parametrize("suffix", ["tsv", "npz", "safetensors", "png", "gwy"])
def test_a_damaged_file_is_a_verdict_and_ends_nothing(tmp_path, suffix):
    for name, content in (("ours", b"\x89PNG\x00\xffa\tb\n1\n"), ("theirs", b"")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"x.{suffix}").write_bytes(content)
    (one,) = compare.folders(tmp_path / "ours", tmp_path / "theirs")
    assert one.verdict == compare.OTHER and f"x.{suffix}" in one.remark and "cannot be read" in one.remark


def test_equal_files_are_equal_whatever_is_in_them(tmp_path):
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        for suffix, content in (("tsv", b""), ("npz", b"x"), ("gwy", b"")):
            (tmp_path / name / f"x.{suffix}").write_bytes(content)
    assert {one.verdict for one in compare.folders(tmp_path / "ours", tmp_path / "theirs")} == {compare.EQUAL}


def test_objects_that_would_be_unpickled_are_refused(tmp_path):
    for name, value in (("ours", 1), ("theirs", 2)):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "x.npz", x=np.array([{"a": value}], dtype=object))
    (one,) = compare.folders(tmp_path / "ours", tmp_path / "theirs")
    assert one.verdict == compare.OTHER and "cannot be read" in one.remark


def test_a_folder_that_is_not_named_not_there_or_empty_is_one_sentence_and_status_2(both, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for named, part in (("", "is not named"), ("none", "no such folder"), ("empty", "no file in this folder")):
        folder = str(tmp_path / named) if named else ""
        for words in ([folder, str(both[0])], [str(both[0]), folder]):
            assert compare.main(words) == 2
            printed = capsys.readouterr()
            assert part in printed.err and "make compare A=results B=other/results" in printed.err
            assert len(printed.err.splitlines()) == 1 and not printed.out


def test_a_link_to_nothing_is_no_file_of_the_other_folder_alone(both):
    for folder, name in ((both[0], "tables/table1.md"), (both[1], "tables/table1.tsv"), (both[1], "gone")):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to("nowhere")
    found = verdicts(both)
    assert found["tables/table1.md"].verdict == compare.OTHER and "in A:" in found["tables/table1.md"].remark
    assert found["tables/table1.tsv"].verdict == compare.OTHER and "in B:" in found["tables/table1.tsv"].remark
    assert found["gone"].verdict == compare.THEIRS_ONLY


def one_table(tmp_path, ours, theirs):
    for name, text in (("ours", ours), ("theirs", theirs)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.tsv").write_text(text, encoding="utf-8")
    (one,) = compare.folders(tmp_path / "ours", tmp_path / "theirs")
    return one


@pytest.mark.parametrize(("ours", "theirs", "apart"), [
    (2**60, 2**60 + 1, 1), (-(2**70), 2 - 2**70, 2), (2**60, "1.5", 2**60), (2**60, "", np.inf), ("", 2**60, np.inf),
])  # fmt: skip
def test_large_whole_numbers_in_tables_are_compared_as_such(tmp_path, ours, theirs, apart):
    one = one_table(tmp_path, f"y\tx\n0\t1\n0\t{ours}\n", f"y\tx\n0\t1\n0\t{theirs}\n")
    assert one.verdict == compare.CLOSE and one.distance.absolute == apart and one.distance.relative > 0
    assert "same numbers" not in one.remark


def test_large_whole_numbers_written_otherwise_and_missing_ones_are_the_same(tmp_path):
    one = one_table(tmp_path, f"x\ty\n+{2**60}\t\n\t1\n", f"x\ty\n{2**60}\t\n\t1.0\n")
    assert one.distance.absolute == 0 and "same numbers" in one.remark


def test_a_column_that_carries_the_name_of_another_is_compared_too(tmp_path):
    one = one_table(tmp_path, "x\tx\n1\t2\n", "x\tx\n9\t2\n")
    assert one.verdict == compare.CLOSE and (one.distance.absolute, one.distance.where) == (8, "x")


@pytest.mark.parametrize("kinds", [(np.int64, np.int64), (np.uint64, np.int64), (np.uint64, np.uint64)])
def test_large_whole_numbers_in_arrays_are_compared_as_such(kinds):
    ours, theirs = ({"x": np.array([3, 2**60 + step], kind)} for step, kind in zip((0, 1), kinds, strict=True))
    there = contents.distance(ours, theirs)
    assert there.absolute == 1 and there.relative == pytest.approx(2.0**-60)
    assert contents.distance(ours, ours).absolute == 0


def test_complex_numbers_differ_by_their_imaginary_part_too():
    ours, theirs = {"x": np.array([3 + 4j, 1])}, {"x": np.array([3 + 4j, 1 + 2j])}
    there = contents.distance(ours, theirs)
    assert there.absolute == 2 and there.relative == pytest.approx(2 / 5)
    assert contents.distance(ours, {"x": np.array([3.0, 1.0])}).absolute == 4
    missing = {"x": np.array([complex(np.nan, 1), 1])}
    assert contents.distance(missing, missing).absolute == 0 and contents.distance(ours, missing).absolute == np.inf


numbers = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=3, max_size=3)


@given(numbers, numbers)
def test_the_distance_is_none_only_between_equals_and_the_same_both_ways(ours, theirs):
    one, two = {"x": np.array(ours)}, {"x": np.array(theirs)}
    there, back = contents.distance(one, two), contents.distance(two, one)
    assert there == back
    assert (there.absolute == 0) == bool(np.array_equal(one["x"], two["x"], equal_nan=True))
    assert contents.distance(one, one).absolute == 0
