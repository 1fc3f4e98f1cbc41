"""Folders and files of any name: nothing crashes, and no name is ever run as a command."""

import json
import os
import shutil

import pytest
import yaml

from faults import judged, specimens
from micrograph import io
from micrograph.errors import printable
from micrograph.scans import conversion, sample_sheet
from project import SMOKE, Study

SAMPLES = "results/micrographs/samples.tsv"
NAMES = [
    "two words", "M\u00e4rz \u00fcber \u00d8", "\u8584\u819c", "it's \"quoted\"", "-n", "$(touch ran)", "`touch ran`",
    "\U0001f52c film", "a;touch ran", "a&b|c", "#1 100%", "*?[x]", "~", "a\\b", "new\u2028line", ".hidden", "%(x)s",
]  # fmt: skip
STUDIES = ['two words M\u00e4rz \u8584\u819c it\'s "$(touch ran)" `touch ran` \U0001f52c;&#1',
           pytest.param("-n", marks=pytest.mark.nightly)]  # fmt: skip


def settings_of(**scans):
    """The smoke study on scans of one's own, all in one shard."""
    settings = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    settings["scans"] |= {"source": "folder", "sheet": "samples.tsv", "scans_per_shard": 100, **scans}
    return settings


def scan(path, seed):
    """A small sound scan."""
    rng = specimens.np.random.default_rng(seed)
    frame = specimens.nanoscope_writer.Frame(1000.0, 1000.0, 32)
    specimens.nanoscope_writer.write(
        path, [specimens.nanoscope_writer.Channel("Height Sensor", "Trace", specimens.relief(32, 32, rng))], frame
    )


def sheet_of(folder, paths, name="samples.tsv"):
    """A sheet in the folder that names the paths as they are."""
    rows = ["sample\tgrowth_celsius\tscan\tbatch"]
    for index, path in enumerate(paths):
        cell = '"' + path.replace('"', '""') + '"'
        rows.append(f"film{index:02d}\t{900 + 50 * (index % 3)}\t{cell}\tday{index}")
    (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")


def nothing_ran(*places):
    """Check that no name was run: the commands in them would leave a file called `ran`."""
    for place in places:
        assert not list(place.rglob("ran")), place


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_in_a_folder_of_any_name_is_converted_with_scans_of_any_name(tmp_path, name):
    folder = tmp_path / name
    (folder / "scans").mkdir(parents=True)
    paths = [f"scans/{one}.spm" for one in NAMES] + [f"scans/{NAMES[0]}", "scans/-rf"]
    for index, path in enumerate(paths):
        scan(folder / path, index)
    sheet_of(folder, paths, "sheet of $(touch ran).tsv")
    study = Study(folder, settings_of(sheet="sheet of $(touch ran).tsv"))
    study.run(SAMPLES)
    samples = io.read_table(folder / SAMPLES)
    assert sorted(samples["scan"]) == sorted(paths)
    assert len(list((folder / "results/micrographs/0000").glob("*.png"))) == len(paths)
    nothing_ran(tmp_path)
    assert "Nothing to be done" in study.run(SAMPLES)


def test_a_new_scan_of_any_name_is_found_and_reported_by_a_name_that_can_be_printed(tmp_path):
    folder = tmp_path / "new $(touch ran)"
    folder.mkdir()
    for index, name in enumerate(NAMES):
        scan(folder / name, index)
    with open(os.fsencode(folder) + b"/b\xff\n.spm", "wb") as odd:  # no UTF-8, and a line end
        odd.write(b"")
    found = sample_sheet.list_scans(folder)
    assert len(found) == len(NAMES)  # without the hidden one, with the odd one
    for path in found:
        found = judged.read(path)
        assert not judged.CONTROL.search(printable(path))
        assert hasattr(found, "height_nm") or "the file is empty" in str(found)
    nothing_ran(tmp_path)


def test_one_odd_name_in_a_shard_rejects_no_other_scan(tmp_path):
    rows = []
    for index, name in enumerate(NAMES):
        scan(tmp_path / name, index)
        rows.append({"sample": f"film{index:02d}", "scan": str(tmp_path / name), "width_nm": None})
    (tmp_path / "heights").mkdir()
    levelled, rejected = conversion.level_shard(conversion.pd.DataFrame(rows), tmp_path / "heights")
    assert len(levelled) == len(NAMES) and rejected.empty
    io.write_table(tmp_path / "levelled.tsv", levelled)
    again = io.read_table(tmp_path / "levelled.tsv")
    assert again["scan"].tolist() == levelled["scan"].tolist()


WEIGHTS = ['it\'s "\u8584\u819c" of $(touch ran).pth', "a{b}.pth", pytest.param("-n.pth", marks=pytest.mark.nightly)]


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_of_any_name_are_read_or_refused_by_that_name(tmp_path, name):
    settings = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    settings["networks"]["weights_file"] = name
    (tmp_path / name).write_bytes(b"no weights")
    target = "resources/weights/efficientnet_lite0-imagenet.safetensors"
    printed = Study(tmp_path, settings).run(target, succeeds=False)
    assert "Traceback" not in printed and name in printed, printed
    nothing_ran(tmp_path)


def test_settings_name_a_sheet_that_json_and_yaml_write_with_escapes(tmp_path):
    name = "\u8584\u819c \U0001f52c.tsv"
    scan(tmp_path / "a.spm", 1)
    scan(tmp_path / "b.spm", 2)
    sheet_of(tmp_path, ["a.spm", "b.spm"], name)
    (tmp_path / "config.yaml").write_text(json.dumps(settings_of(sheet=name)), encoding="utf-8")
    Study(tmp_path, (tmp_path / "config.yaml").read_text(encoding="utf-8")).run("results/heights/0000.tsv")
    assert len(io.read_table(tmp_path / "results/heights/0000.tsv")) == 2
    shutil.rmtree(tmp_path / "results")
