"""What is drawn for verification, and that the copy it is made again in cannot reach the study."""

import os
import shutil

import pytest
import yaml

import verify
from micrograph.errors import UserError
from micrograph.provenance import copies, record
from project import PROJECT

OUTPUTS = [verify.Output(f"results/tables/{number:03}.tsv", f"rule{number % 7}") for number in range(262)]


@pytest.fixture
def study(tmp_path):
    """A recorded study with a scan inside its folder, one beside it, and a result in a folder without write rights."""
    folder = tmp_path / "studies" / "mine"
    for name, content in {
        "config.yaml": "seed: 7\nscans: {sheet: samples.tsv}\nshares: {900: 0.5}\n",
        "samples.tsv": "sample\tscan\nA\tscans/a.spm\nB\t../b.spm\nC\tgone.spm\n",
        "scans/a.spm": "a",
        "../b.spm": "b",
        "resources/weights/w.safetensors": "w",
        "results/heights/0000/a.gwy": "height",
        "results/tables/t.tsv": "1\n",
        ".snakemake/metadata/x": "{}",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    settings = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    said = record.write(folder, record.begin(["snakemake"], settings, ["config.yaml"], PROJECT))
    assert "2 results" in said
    (folder / "results/heights/0000").chmod(0o555)
    yield folder
    (folder / "results/heights/0000").chmod(0o755)


@pytest.fixture
def copy(study, tmp_path):
    """The study's copy as verification makes it."""
    written = record.read(study)
    place = copies.room_for(tmp_path / "room", written["inputs"])
    copies.of_study(study, place, written)
    return place


def contents_of(folder):
    return {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}


def test_a_tenth_is_drawn_the_same_seed_draws_the_same_and_another_seed_others():
    first = verify.draw(OUTPUTS, 0.1, seed=3)
    assert len(first) == 26 and first == verify.draw(OUTPUTS, 0.1, seed=3)
    assert first != verify.draw(OUTPUTS, 0.1, seed=4)
    assert {one.name for seed in range(200) for one in verify.draw(OUTPUTS, 0.1, seed)} == {one.name for one in OUTPUTS}


def test_one_is_drawn_at_least_and_only_what_matches():
    assert [one.name for one in verify.draw(OUTPUTS, 0.1, 0, "*/007.tsv")] == ["results/tables/007.tsv"]
    assert len(verify.draw(OUTPUTS, 1.0, 0, "*/00*.tsv")) == 10
    with pytest.raises(UserError, match="no output like figures"):
        verify.draw(OUTPUTS, 1.0, 0, "figures/*")


def test_the_copy_has_all_that_a_run_needs(study, copy):
    for name in ("results/tables/t.tsv", "scans/a.spm", "../b.spm", "resources/weights/w.safetensors", "config.yaml"):
        assert (copy / name).read_bytes() == (study / name).read_bytes()
    assert copies.changed(study, copy) == []


def test_whatever_is_written_into_the_copys_results_settings_and_notes_the_study_stays(study, copy):
    before = contents_of(study)
    for name in ("results/tables/t.tsv", "results/heights/0000/a.gwy", "config.yaml", ".snakemake/metadata/x"):
        with open(copy / name, "a", encoding="utf-8") as file:  # in place, as through a hard link
            file.write("written in place")
    copies.remove(copy / "results/heights/0000")
    shutil.rmtree(copy / "resources")
    assert contents_of(study) == before


def test_what_changed_in_the_copy_is_found_and_put_back(study, copy):
    (copy / "results/tables/t.tsv").write_text("2\n", encoding="utf-8")
    (copy / "results/tables/new.tsv").write_text("3\n", encoding="utf-8")
    copies.remove(copy / "results/heights/0000")
    assert copies.changed(study, copy) == [
        "results/heights/0000/a.gwy",
        "results/tables/new.tsv",
        "results/tables/t.tsv",
    ]
    copies.restore(study, copy)
    assert copies.changed(study, copy) == []


def test_settings_of_the_recorded_run_are_used_where_the_file_says_others(study, copy, tmp_path):
    assert (copy / "config.yaml").read_text(encoding="utf-8").startswith("seed: 7\n")
    (study / "config.yaml").write_text("seed: 8\n", encoding="utf-8")
    again = copies.room_for(tmp_path / "again", record.read(study)["inputs"])
    copies.of_study(study, again, record.read(study))
    read = yaml.safe_load((again / "config.yaml").read_text(encoding="utf-8"))
    assert read == {"seed": 7, "scans": {"sheet": "samples.tsv"}, "shares": {900: 0.5}}
    assert (study / "config.yaml").read_text(encoding="utf-8") == "seed: 8\n"


def test_too_little_room_is_a_sentence_with_the_way_out(study, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(copies.shutil, "disk_usage", lambda path: usage._replace(free=10**6))
    with pytest.raises(UserError, match="TMPDIR=FOLDER make verify"):
        copies.of_study(study, copies.room_for(tmp_path / "full", []), record.read(study))


@pytest.mark.parametrize(("verdicts", "status"), [
    (["equal", "equal"], 0), (["equal", "could not"], 2), (["could not", "differs", "equal"], 1),
])  # fmt: skip
def test_the_status_tells_the_worst_verdict(verdicts, status):
    outputs = [verify.Output(f"results/{place}", "rule", verdict) for place, verdict in enumerate(verdicts)]
    assert verify.report(outputs) == status


def test_a_file_of_the_same_job_that_differs_counts_though_it_was_not_drawn(capsys):
    (output,) = [verify.Output("results/a", "rule", "equal")]
    output.beside = [("results/b", "numbers differ"), ("results/c", "")]
    assert verify.report([output]) == 1
    assert "results/b (made by the same jobs): numbers differ" in capsys.readouterr().out


@pytest.mark.parametrize("share", ["0", "-1", "1.5", "all", "nan"])
def test_a_share_that_is_none_is_refused(share, capsys):
    with pytest.raises(SystemExit):
        verify.main(["--share", share, "--folder", os.devnull])
    assert "--share" in capsys.readouterr().err


RECORDED = {"results": {name: {} for name in (
    "results/heights/0000/a.gwy", "results/networks/a.txt", "results/benchmarks/scale.tsv", "results/new/parts/a.tsv",
)}}  # fmt: skip


@pytest.mark.parametrize(("outputs", "only", "status", "said", "not_said"), [
    (["results/heights/0000"], None, 2, "2 recorded results cannot be drawn here (as results/networks/a.txt)", "0000"),
    (["results/heights/0000"], None, 2, "Not drawn are 1 files of results/new/", "0000"),
    (["results/heights/0000", "results/networks/a.txt"], None, 0, "1 recorded results cannot", "networks"),
    (["results/new/parts"], "results/networks/*", 2, "1 recorded results cannot", "results/new"),
    ([], "results/heights/0000", 2, "1 recorded results cannot be drawn here (as results/heights/0000/a.gwy)", "new"),
    ([], "results/new/*", 0, "Not drawn are 1 files", "cannot"),
])  # fmt: skip
def test_recorded_results_that_are_no_output_are_counted_and_those_of_the_workflow_change_the_status(
    outputs, only, status, said, not_said, capsys
):
    assert verify.unlisted(RECORDED, [verify.Output(name, "rule") for name in outputs], only) == status
    printed = capsys.readouterr().out
    assert said in printed and not_said not in printed
