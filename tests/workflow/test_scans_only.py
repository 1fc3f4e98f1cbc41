"""`snakemake scans`: a folder of scans without a sheet, through Snakemake."""

import numpy as np

from micrograph import io
from micrograph.scans.height_map import HeightMap, write_gwy
from project import Study


def test_a_folder_with_spaces_is_measured_and_what_is_wrong_with_others_is_one_sentence(tmp_path, smoke_settings):
    scans, study = tmp_path / "meine Scans ä", tmp_path / "study"
    study.mkdir()
    for number in range(2):
        rough = np.random.default_rng(number).normal(size=(64, 64)).cumsum(axis=0).cumsum(axis=1)
        write_gwy(scans / f"film {number}.gwy", HeightMap(rough, 500.0, 500.0, "Height", "", "x", "0", 64))
    (scans / "notes.txt").write_bytes(b"")
    run = Study(study, smoke_settings)
    run.run("--config", f"scans_folder={scans}", "--", "scans")
    assert len(io.read_table(study / "results/scans/measures.tsv")) == 2
    assert list(io.read_table(study / "results/scans/rejected.tsv")["sample"]) == ["notes"]
    assert "Nothing to be done" in run.run("--config", f"scans_folder={scans}", "--", "levelling_check")
    assert "scans_folder: no such file" in run.run("--config", "scans_folder=nowhere", "--", "scans", succeeds=False)
    assert "in the folder of the scans" in run.run("--config", "scans_folder=.", "--", "scans", succeeds=False)
