"""What is written appears whole or not at all, and the same content gives the same bytes."""

import multiprocessing
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph import io
from micrograph.models.pca import fit_folds, inner_products
from project import PROJECT


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError), io.atomic_write(path) as partial:
        partial.write_text("half", encoding="utf-8")
        raise RuntimeError("killed")
    assert path.read_text(encoding="utf-8") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["table.tsv"]


def test_what_appears_under_its_name_was_taken_by_the_disk_before(tmp_path, monkeypatch):
    settled, moved = set(), []
    sync, replace = os.fsync, os.replace

    def seen_sync(handle):
        sync(handle)
        settled.add(os.fstat(handle).st_ino)

    def seen_replace(source, target):
        moved.append({one.name: one.stat().st_ino in settled for one in [source, *source.rglob("*")]})
        replace(source, target)

    monkeypatch.setattr(os, "fsync", seen_sync)
    monkeypatch.setattr(os, "replace", seen_replace)
    io.write_text(tmp_path / "table.tsv", "text")
    with io.atomic_write(tmp_path / "maps") as partial:
        (partial / "deep").mkdir(parents=True)
        (partial / "deep" / "one.npz").write_bytes(b"x")
    assert moved == [{"table.tsv": True}, {"maps": True, "deep": True, "one.npz": True}]


def test_what_a_killed_process_left_half_written_goes_when_the_same_is_written_again(tmp_path):
    script = (
        "import os, signal, sys\n"
        "from micrograph import io\n"
        "for path in sys.argv[1:]:\n"
        "    room = io.atomic_write(path)\n"
        "    room.__enter__().write_text('half')\n"
        "    globals().setdefault('kept', []).append(room)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    paths = [str(tmp_path / name) for name in ("table.tsv", "table.tsv-2")]
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "workflow")}
    killed = subprocess.run([sys.executable, "-c", script, *paths], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL and len(list(tmp_path.iterdir())) == 2
    io.write_text(tmp_path / "table.tsv", "whole")
    left = [file.name for file in tmp_path.iterdir()]
    assert "table.tsv" in left and len(left) == 2, "only the room of the other file is still there"


def test_a_whole_folder_takes_the_place_of_the_old_one(tmp_path):
    (tmp_path / "made" / "old").mkdir(parents=True)
    with io.atomic_write(tmp_path / "made") as partial:
        partial.mkdir()
        (partial / "new").write_text("x", encoding="utf-8")
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["new"]


def test_a_table_comes_back_as_it_was_and_names_stay_names(tmp_path):
    frame = pd.DataFrame({"sample": ["007", "NA"], "growth_celsius": [900, 950], "pixel_nm": [4.5, np.nan]})
    io.write_table(tmp_path / "t.tsv", frame)
    back = io.read_table(tmp_path / "t.tsv")
    assert back["sample"].tolist() == ["007", "NA"]
    assert back["growth_celsius"].tolist() == [900, 950]
    assert back["pixel_nm"][0] == 4.5 and np.isnan(back["pixel_nm"][1])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_numbers_keep_nine_digits(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("t") / "t.tsv"
    io.write_table(path, pd.DataFrame({"value": values}))
    np.testing.assert_allclose(io.read_table(path)["value"], values, rtol=1e-8)


def test_the_same_arrays_give_the_same_bytes_at_another_time(tmp_path, monkeypatch):
    arrays = {"values": np.arange(6.0).reshape(2, 3), "samples": np.array(["a", "b"])}
    io.write_arrays(tmp_path / "one.npz", **arrays)
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: __import__("time").gmtime(2e9))
    io.write_arrays(tmp_path / "two.npz", **arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_arrays_that_would_need_unpickling_are_refused(tmp_path):
    np.savez(tmp_path / "evil.npz", values=np.array([{"code": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        io.read_arrays(tmp_path / "evil.npz")


def test_components_come_back_fold_by_fold_in_order(tmp_path):
    values = np.random.default_rng(0).normal(size=(14, 5))
    fits = fit_folds(inner_products(values), [np.arange(fold, 14) for fold in range(11)], [0.9])[0.9]
    kinds = ("scores", "explained_variance_ratio", "fit_index")
    by_fold = [[getattr(fit, kind) for fit in fits] for kind in kinds]
    io.FeatureSet([f"s{row}" for row in range(14)], np.zeros(14, int), *by_fold).write(tmp_path / "c.npz")
    back = io.FeatureSet.read(tmp_path / "c.npz")
    assert back.sample.tolist()[:2] == ["s0", "s1"] and not back.augmentation.any()
    for written, read in zip(by_fold, (back.values, back.explained_variance_ratio, back.fit_index), strict=True):
        assert len(read) == 11 and all(map(np.array_equal, written, read))
    assert list(io.read_arrays(tmp_path / "c.npz"))[:4] == ["samples", "scores_0", "explained_0", "rows_0"]


@pytest.mark.parametrize("sizes", [(10,), (4, 4, 2), (4, 6, 0), (1, 9)])
def test_feature_chunks_are_one_table_whatever_files_hold_it(tmp_path, sizes):
    values, names = np.arange(30, dtype=np.float32).reshape(10, 3), [f"s{row}" for row in range(10)]
    paths, first = [], 0
    for number, size in enumerate(sizes):
        paths.append(tmp_path / f"{number:04d}.npz")
        some = slice(first, first + size)
        io.write_features(paths[-1], names[some], values[some], "net", "stage.1", (3, 1, 1))
        first += size
    chunks = io.FeatureChunks(paths)
    assert chunks.samples.tolist() == names
    np.testing.assert_array_equal(chunks.table(), values)
    parts = list(chunks.blocks(4))
    assert [len(part) for part in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(parts), values)


def test_tuned_features_come_back_with_their_augmentations(tmp_path):
    scores = [np.full((3, 100), float(fold)) for fold in range(2)]
    io.FeatureSet(["a", "a", "b"], [0, 1, 0], scores).write(tmp_path / "t.npz")
    back = io.FeatureSet.read(tmp_path / "t.npz")
    assert back.sample.tolist() == ["a", "a", "b"] and back.augmentation.tolist() == [0, 1, 0]
    assert [float(values[0, 0]) for values in back.values] == [0, 1] and back.fit_index is None
    assert list(io.read_arrays(tmp_path / "t.npz")) == ["samples", "augmentation", "scores_0", "scores_1"]


@pytest.mark.parametrize("error", [OSError(28, "x"), OSError(30, "x"), RuntimeError("I/O error: x (os error 28)")])
def test_a_full_disk_raises_unwritable_whatever_writes(tmp_path, error):
    io.write_text(tmp_path / "a.txt", "old")
    with (
        pytest.raises(io.UnwritableError, match="a.txt: cannot be written"),
        io.atomic_write(tmp_path / "a.txt"),
    ):
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    with pytest.raises(RuntimeError, match="os error 2"), io.atomic_write(tmp_path / "a.txt"):
        raise RuntimeError("something else (os error 2)")


def _check_often(folder):
    for _ in range(500):
        io.check_writable(folder)


def test_processes_that_look_into_one_folder_do_not_trip_over_each_other(tmp_path):
    context = multiprocessing.get_context("fork")
    jobs = [context.Process(target=_check_often, args=(tmp_path,), daemon=True) for _ in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(300)
    assert [job.exitcode for job in jobs] == [0] * 4 and list(tmp_path.iterdir()) == []


def test_folders_that_take_no_file_are_named_before_a_run(tmp_path):
    io.check_writable(tmp_path, tmp_path / "not made yet")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(io.UnwritableError, match="/proc/.*: cannot be written"):
        io.check_writable("/proc")
