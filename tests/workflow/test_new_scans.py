"""New scans through the real workflow: every file an answer or a sentence, and the function says the same."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import micrograph
from micrograph import io
from micrograph.errors import UserError
from micrograph.prediction import onnx_model, storage
from micrograph.simulation import simulate
from project import PROJECT, Study

MODEL = "results/final_model/model.safetensors"
TABLE = "results/new/predictions.tsv"


def new_film(path, name, celsius, **size):
    """A film of a day that no study has seen, grown, scanned and written as a NanoScope file."""
    row = {"sample": name, "batch": "MCV1-991231", "growth_celsius": celsius, "growth_seconds": 500,
           "substrate": "c-Sapphire"}  # fmt: skip
    simulate.simulate_scan(row, 991231, path, path.with_suffix(".npz"), **size)
    path.with_suffix(".npz").unlink()


@pytest.fixture
def new_scans(tmp_path):
    """A folder of three films, one of them in a folder of its own, and of what people also have in their folders."""
    folder = tmp_path / "new scans {of} May"
    (folder / "süd").mkdir(parents=True)
    for name, celsius in (("one", 900), ("two", 950), ("süd/three", 1000)):
        new_film(folder / f"{name}.spm", name, celsius, pixels=256)
    (folder / "cut.spm").write_bytes((folder / "one.spm").read_bytes()[:9000])
    (folder / "notes.txt").write_text("grown on Monday", encoding="utf-8")
    (folder / ".DS_Store").write_bytes(b"\0" * 12)
    rows, columns = np.mgrid[0:300, 0:400]
    photograph = np.stack([columns * 255 // 400, rows * 255 // 300, 255 - rows * 255 // 300], axis=-1)
    Image.fromarray(photograph.astype(np.uint8)).save(folder / "beach.png")
    return folder


def test_every_new_scan_gets_an_answer_or_a_sentence_and_the_function_says_the_same(copy_of_smoke, new_scans):
    printed = copy_of_smoke.run("--config", f"new_scans={new_scans}", "--", "predict")
    assert "1 of 1 steps (100%) done" in printed

    table = io.read_table(copy_of_smoke.folder / TABLE, text=("scan", "error", "reasons", "set")).set_index("scan")
    names = {str(path.relative_to(new_scans)) for path in new_scans.rglob("*") if path.is_file()} - {".DS_Store"}
    assert set(table.index) == names
    good = table.loc[[f"{name}.spm" for name in ("one", "two", "süd/three")]]
    assert good["error"].isna().all()
    assert set(good["y_pred"]) <= {900, 950, 1000}
    assert np.allclose(good[["p_900", "p_950", "p_1000"]].sum(axis=1), 1)
    samples = set(io.read_table(copy_of_smoke.folder / "results/micrographs/samples.tsv")["sample"])
    assert set(good[[f"neighbour_{place}" for place in range(1, 6)]].to_numpy().ravel()) <= samples
    for name in ("cut.spm", "notes.txt"):
        assert name in table.loc[name, "error"]
    assert table.loc["beach.png", "out_of_distribution"] == "yes"

    page = (copy_of_smoke.folder / "results/new/index.html").read_text(encoding="utf-8")
    assert "simulated" in page.lower() and "http" not in page.replace("http-equiv", "")

    alone = micrograph.predict(new_scans / "two.spm", copy_of_smoke.folder / MODEL)
    row = table.loc["two.spm"]
    for celsius, chance in alone.probabilities.items():
        assert np.isclose(chance, row[f"p_{celsius}"], atol=0.0006)  # the table has three digits
    assert {one["sample"] for one in alone.neighbours} == {row[f"neighbour_{place}"] for place in range(1, 6)}


def test_a_new_scan_more_is_predicted_with_the_others_and_nothing_else_is_done_again(copy_of_smoke, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    new_film(folder / "a.spm", "a", 900, pixels=256)
    copy_of_smoke.run("--config", f"new_scans={folder}", "--", "predict")
    first = (copy_of_smoke.folder / TABLE).read_bytes()
    assert "Nothing to be done" in copy_of_smoke.run("--config", f"new_scans={folder}", "--", "predict")
    new_film(folder / "b.spm", "b", 1000, pixels=256)
    printed = copy_of_smoke.run("--config", f"new_scans={folder}", "--", "predict")
    assert "1 of 1 steps (100%) done" in printed
    assert len(io.read_table(copy_of_smoke.folder / TABLE)) == 2
    assert "Nothing to be done" in copy_of_smoke.run()  # the study knows nothing of new scans

    (folder / "b.spm").rename(folder / "c.spm")  # a sheet says that both are of one film
    (copy_of_smoke.folder / "new.tsv").write_text(f"sample\tscan\nF1\t{folder}/a.spm\nF1\t{folder}/c.spm\n")
    copy_of_smoke.run("--config", "new_scans=new.tsv", "--", "predict")
    table = io.read_table(copy_of_smoke.folder / TABLE)
    assert table["film"].tolist() == ["F1"] * 3 and table["n_scans"].tolist() == [1, 1, 2]

    (folder / "c.spm").unlink()
    assert "c.spm' does not exist" in copy_of_smoke.run(
        "--config", "new_scans=new.tsv", "--", "predict", succeeds=False
    )
    copy_of_smoke.run("--config", f"new_scans={folder}", "--", "predict")
    assert (copy_of_smoke.folder / TABLE).read_bytes() == first


def test_the_onnx_file_of_the_final_model_predicts_the_same_and_is_the_same_bytes_again(copy_of_smoke, tmp_path):
    copy_of_smoke.run("--", "onnx")
    new_film(tmp_path / "a.spm", "a", 900, pixels=256)
    exported = copy_of_smoke.folder / "results/final_model/model.onnx"
    onnx_model.write(tmp_path / "again.onnx", storage.read(copy_of_smoke.folder / MODEL))
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()
    ours, theirs = (micrograph.predict(tmp_path / "a.spm", model) for model in (exported, copy_of_smoke.folder / MODEL))
    assert (ours.y_pred, ours.prediction_set) == (theirs.y_pred, theirs.prediction_set)
    np.testing.assert_allclose(list(ours.probabilities.values()), list(theirs.probabilities.values()), atol=1e-4)
    np.testing.assert_allclose(ours.occlusion, theirs.occlusion, atol=1e-4 * max(1, np.abs(theirs.occlusion).max()))


@pytest.mark.parametrize(
    ("place", "part"),
    [(None, "new_scans is not set"), ("nowhere", "no such file or folder nowhere"), ("empty", "holds no files")],
)
def test_scans_that_are_not_there_are_one_sentence_before_any_job(tmp_path, smoke_settings, place, part):
    (tmp_path / "empty").mkdir()
    study = Study(tmp_path, smoke_settings)
    printed = study.run(*(["--config", f"new_scans={place}"] * bool(place)), "--", "predict", succeeds=False)
    assert part in printed and "Traceback" not in printed


def test_a_changed_model_file_is_refused(smoke, tmp_path):
    model, scan = tmp_path / "model.safetensors", tmp_path / "a.spm"
    shutil.copy(smoke.folder / MODEL, model)
    with open(model, "r+b") as opened:
        opened.seek(-1000, 2)
        opened.write(b"\1\2\3\4")
    new_film(scan, "a", 900, pixels=256)
    with pytest.raises(UserError, match="changed"):
        micrograph.predict(scan, model)


def test_the_package_can_be_imported_from_anywhere_by_its_path(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import micrograph; print(micrograph.predict.__doc__)"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(PROJECT / "workflow")}, text=True, capture_output=True,
    )  # fmt: skip
    assert "final model" in done.stdout, done.stderr
