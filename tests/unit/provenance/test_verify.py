"""What is drawn for verification, and that what is made again cannot reach the study."""

import os
import shutil

import pytest
import yaml

from micrograph import cli
from micrograph.errors import UserError
from micrograph.provenance import record, verify

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
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    settings = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    assert "2 results" in record.write(folder, record.Run(settings, ["config.yaml"]))
    (folder / "results/heights/0000").chmod(0o555)
    yield folder
    (folder / "results/heights/0000").chmod(0o755)


@pytest.fixture
def place(study, tmp_path):
    """The folder in which its results are made again."""
    return verify.mirror(study, tmp_path / "room", record.read(study))


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
    with pytest.raises(UserError, match="no output is named figures"):
        verify.draw(OUTPUTS, 1.0, 0, "figures/*")


def test_the_mirror_has_all_that_a_run_needs_and_the_settings_of_the_recorded_run(study, tmp_path):
    (study / "config.yaml").write_text("seed: 8\n", encoding="utf-8")
    place = verify.mirror(study, tmp_path / "room", record.read(study))
    for name in ("results/tables/t.tsv", "scans/a.spm", "../b.spm", "resources/weights/w.safetensors"):
        assert (place / name).read_bytes() == (study / name).read_bytes()
    read = yaml.safe_load((place / "config.yaml").read_text(encoding="utf-8"))
    assert read == {"seed": 7, "scans": {"sheet": "samples.tsv"}, "shares": {900: 0.5}}


def test_what_jobs_do_with_the_mirrors_files_leaves_the_study_as_it_is(study, place):
    before = contents_of(study)
    (place / "results/new.tsv").write_text("new", encoding="utf-8")
    os.replace(place / "results/new.tsv", place / "results/tables/t.tsv")  # as every file of ours appears
    (place / "config.yaml").write_text("seed: 9\n", encoding="utf-8")
    os.utime(place / "scans/a.spm", follow_symlinks=False)  # as Snakemake touches links
    for part in ("results/heights/0000", "resources"):
        shutil.rmtree(place / part)
    assert contents_of(study) == before


def test_recorded_results_that_no_rule_makes_are_listed_but_for_those_of_new_scans_and_of_other_folders():
    names = ["results/heights/0000/a.gwy", "results/networks/b.txt", "results/new/a.tsv", "results/benchmarks/a.tsv"]
    written = record.Record(results=dict.fromkeys(names))
    outputs = [verify.Output(name, "rule") for name in ("results/heights/0000", "results/networks/a.txt")]
    assert [(one.name, one.verdict) for one in verify.unmade(written, outputs)] == [
        ("results/networks/b.txt", "not made")
    ]
    assert verify.unmade(written, outputs, "results/heights/*") == []


@pytest.mark.parametrize("share", ["0", "-1", "1.5", "all", "nan"])
def test_a_share_that_is_none_is_refused(share, capsys):
    with pytest.raises(SystemExit):
        cli.main(["verify", "--share", share, "--folder", os.devnull])
    assert "--share" in capsys.readouterr().err
