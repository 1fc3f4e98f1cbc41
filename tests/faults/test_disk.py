"""Disks that are full or closed: a sentence, nothing half-written, what is finished kept, and on it goes with room."""

import os
import shutil
import subprocess

import numpy as np
import pytest
import yaml
from PIL import Image

from faults import judged, specimens
from micrograph.scans import formats
from project import SMOKE, Study

pytestmark = pytest.mark.nightly

SCANS = 9
SAMPLES = "results/micrographs/samples.tsv"
FIT = "results/predictions/strict/imagenet/aug3/pool_cev85/nominal/SVC.tsv"


def mount(*arguments):
    """Mount something, or skip the test where this machine does not let us."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        judged.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path):
    """A disk of its own in memory, 2 MiB; only root may make one."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        judged.skip("only root can mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=2m", "none", str(place))
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def enlarge(disk, size="400m"):
    """Make room on the disk."""
    mount("-o", f"remount,rw,size={size}", str(disk))


def settings_of(**scans):
    """The smoke study on small films, or on scans given, in shards of three."""
    settings = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    settings["scans"] |= {"scans_per_shard": 3, **scans}
    settings["simulation"] |= {"pixels": 64}
    return settings


@pytest.fixture
def scans(tmp_path):
    """Nine scans of 192 x 192 pixels on another disk, and their sheet: each height map takes 288 KiB."""
    rng, rows = np.random.default_rng(6), ["sample\tgrowth_celsius\tscan\tbatch"]
    frame = specimens.nanoscope_writer.Frame(1000.0, 1000.0, 192)
    for index in range(SCANS):
        channel = specimens.nanoscope_writer.Channel("Height Sensor", "Trace", specimens.relief(192, 192, rng))
        specimens.nanoscope_writer.write(tmp_path / f"{index}.spm", [channel], frame)
        rows.append(f"film{index}\t{900 + 50 * (index % 3)}\t{tmp_path}/{index}.spm\tday{index}")
    (tmp_path / "samples.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path / "samples.tsv"


def counts(path):
    """Whether a path is a result, and not the record of the runs."""
    return path.is_file() and path.name != "ro-crate-metadata.json"


def times(study):
    """When every result was last changed."""
    root = study.folder / "results"
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if counts(path)}


def nothing_half_written(study):
    """Check that every picture and height map can be read and no temporary file is left."""
    for path in (study.folder / "results").rglob("*"):
        assert ".partial-" not in str(path)
        if path.suffix == ".png":
            Image.open(path).load()
        if path.suffix == ".gwy":
            assert formats.read_scan(path).height_nm.size


def test_a_disk_that_fills_up_during_conversion_ends_in_a_sentence_and_goes_on_with_room(disk, scans):
    study = Study(disk, settings_of(source="folder", sheet=str(scans)))
    printed = study.run(SAMPLES, cores=1, succeeds=False)
    assert "cannot be written (No space left on device)" in printed, printed
    assert "Traceback" not in printed
    nothing_half_written(study)
    assert not (disk / SAMPLES).exists()
    finished = {path: time for path, time in times(study).items() if path.parent.name == "heights"}
    assert 0 < len(finished) < 6
    enlarge(disk)
    study.run("--unlock")
    study.run("--rerun-incomplete", SAMPLES)
    now = times(study)
    assert {path: now[path] for path in finished} == finished
    assert (disk / SAMPLES).read_text(encoding="utf-8").count("\n") == SCANS + 1
    assert (disk / "results/micrographs/rejected.tsv").read_text(encoding="utf-8").count("\n") == 1


def fill(disk, left):
    """Take all room but `left` bytes."""
    with open(disk / "filler", "wb") as filler:
        filler.write(b"\0" * (shutil.disk_usage(disk).free - left))


def test_a_disk_that_is_full_when_a_model_is_fitted_ends_in_a_sentence_and_goes_on_with_room(disk):
    enlarge(disk)
    study = Study(disk, settings_of(scans_per_shard=24))
    study.run(FIT)
    models = disk / FIT.replace("predictions", "models").replace(".tsv", ".skops")
    fitted, size = (disk / FIT).read_bytes(), models.stat().st_size
    before = times(study)
    models.unlink()
    (disk / FIT).unlink()
    fill(disk, left=size // 2 + 40_000)
    printed = study.run(FIT, cores=1, succeeds=False)
    assert "No space left on device" in printed, printed
    assert "cannot be written" in printed and "Traceback" not in printed
    nothing_half_written(study)
    assert not models.exists() and not (disk / FIT).exists()
    (disk / "filler").unlink()
    study.run("--unlock")
    study.run("--rerun-incomplete", FIT)
    now = times(study)
    changed = {path for path in before if now[path] != before[path]}
    assert {path.stem.split("_")[0] for path in changed} <= {"SVC"}  # what the one job writes, and nothing else
    assert (disk / FIT).read_bytes() == fitted


def test_results_that_may_only_be_read_end_in_a_sentence_and_stay(disk, scans, tmp_path):
    study_folder = tmp_path / "study"
    study_folder.mkdir()
    enlarge(disk)
    (study_folder / "results").symlink_to(disk)
    study = Study(study_folder, settings_of(source="folder", sheet=str(scans)))
    study.run("results/heights/0000.tsv")
    before = times_below(disk)
    mount("-o", "remount,ro", str(disk))
    printed = study.run("--unlock", succeeds=True) + study.run(SAMPLES, cores=1, succeeds=False)
    assert "cannot be written (Read-only file system)" in printed, printed
    assert "Traceback" not in printed
    assert times_below(disk) == before
    enlarge(disk)
    study.run("--rerun-incomplete", SAMPLES)
    now = times_below(disk)
    assert {path: now[path] for path in before} == before


def times_below(folder):
    """When every file below a folder was last changed."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if counts(path)}
