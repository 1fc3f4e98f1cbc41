"""Scans of one's own: what is done again after a change, and what a killed run leaves behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from PIL import Image

from project import PROJECT, Study

SAMPLES = "results/micrographs/samples.tsv"


def picture(path, seed):
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 64)).astype(np.uint8)).save(path)


@pytest.fixture
def study(once, tmp_path, smoke_settings):
    """Six pictures in three shards, converted; a copy of its own for each test."""

    def convert(folder):
        rows = ["sample\tgrowth_celsius\tscan\tbatch\twidth_nm"]
        for index in range(6):
            picture(folder / f"{index}.png", index)
            rows.append(f"film{index}\t950\t{index}.png\tday{index}\t500")
        (folder / "samples.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        scans = {**smoke_settings["scans"], "source": "folder", "sheet": "samples.tsv", "scans_per_shard": 2}
        Study(folder, {**smoke_settings, "scans": scans}).run(SAMPLES)

    shutil.copytree(once("own-scans", convert), tmp_path / "study", symlinks=True)
    return Study(tmp_path / "study")


def steps(printed):
    """The conversion jobs that a dry run would do, as rule and shard."""
    return set(re.findall(r"rule (\w+_scans|render_micrographs):.*?wildcards: shard=(\d+)", printed, re.DOTALL))


def test_only_what_a_change_touches_is_converted_again(study):
    sheet = study.folder / "samples.tsv"
    later = time.time() + 2
    sheet.write_text(sheet.read_text(encoding="utf-8").replace("day3", "day 3"), encoding="utf-8")
    os.utime(sheet, (later, later))
    printed = study.run("-n", SAMPLES)
    assert steps(printed) == set() and "collect_micrographs" in printed
    sheet.write_text(sheet.read_text(encoding="utf-8").replace("day2\t500", "day2\t800"), encoding="utf-8")
    assert steps(study.run("-n", SAMPLES)) == {("level_scans", "0001"), ("render_micrographs", "0001")}
    picture(study.folder / "5.png", 55)
    os.utime(study.folder / "5.png", (later, later))
    both = {(rule, shard) for rule in ("level_scans", "render_micrographs") for shard in ("0001", "0002")}
    assert steps(study.run("-n", SAMPLES)) == both


def test_another_target_converts_no_scan_again_and_the_run_says_what_it_does_not_have(study, smoke_settings):
    sheet = study.folder / "samples.tsv"
    header, *rows = sheet.read_text(encoding="utf-8").splitlines()
    made = [f"{header}\tsubstrate\tflow", *(f"{row}\t{'ab'[place % 2]}\t{place}" for place, row in enumerate(rows))]
    sheet.write_text("\n".join(made) + "\n", encoding="utf-8")
    settings = yaml.safe_load((study.folder / "config.yaml").read_text(encoding="utf-8"))
    settings |= {"target": {"column": "substrate", "classes": ["a", "b"]}, "splits": {"folds": 3}}
    settings["scans"]["extra_columns"] = ["flow"]
    del settings["experiments"]["table4"]["schemes"]
    printed = Study(study.folder, settings).run("-n", SAMPLES)
    assert steps(printed) == set() and "collect_micrographs" in printed
    (said,) = [line for line in printed.splitlines() if "has no order" in line]
    assert "substrate" in said and all(scheme in said for scheme in ("nnrank", "corn", "regression"))


def test_a_killed_run_is_taken_up_again_and_ends_in_the_same_bytes(study, tmp_path):
    unbroken = study.results()
    for name in ("results", ".snakemake"):
        shutil.rmtree(study.folder / name)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--directory", str(study.folder), SAMPLES]
    with open(tmp_path / "printed", "wb") as printed:
        running = subprocess.Popen(command, cwd=PROJECT, stdout=printed, stderr=printed, start_new_session=True)
        while not list((study.folder / "results").glob("*/000?.tsv")):
            assert running.poll() is None, "the run ended before it could be killed"
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert not (study.folder / SAMPLES).exists()
    study.run("--unlock")
    study.run("--rerun-incomplete", SAMPLES)
    assert study.results() == unbroken
