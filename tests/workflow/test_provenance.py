"""The real workflow records its runs; what it made is made again to the byte, and tampering is found."""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
import yaml

from micrograph.provenance import record
from project import MICROGRAPH, PROJECT, START

SVC = "results/predictions/strict/imagenet/aug3/pool_cev85/nominal/SVC.tsv"


def verify(study, *words):
    """(status, what is printed) of `make verify` in the study's folder."""
    done = subprocess.run(
        [*MICROGRAPH, "verify", "--folder", study.folder, "--cores", "2", *words],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=1800,
        check=False,
    )
    return done.returncode, done.stdout


def stamps(study):
    """Times and sizes of all files of the study."""
    files = [path for path in study.folder.rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


def changed_number(path):
    """One score of the first prediction, a thousandth higher."""
    header, first, *rest = path.read_text(encoding="utf-8").splitlines()
    cells = dict(zip(header.split("\t"), first.split("\t"), strict=True))
    cells["score_900"] = f"{float(cells['score_900']) + 0.001:.9g}"
    path.write_text("\n".join([header, "\t".join(cells.values()), *rest]) + "\n", encoding="utf-8")


def test_a_finished_run_has_recorded_every_result_and_input_with_its_sha256(smoke):
    written = record.read(smoke.folder)
    settings = yaml.safe_load(written.facts(written.runs[0])["config"])
    assert written.runs[0]["name"] == "Run 1, finished" and settings["seed"] == 7 and settings["splits"]["folds"] == 3
    assert set(written.results) >= {f"results/{name}" for name in ("tables/table1.tsv", "report/index.html")}
    scans = [name for name in written.inputs if name.endswith(".spm")]
    assert len(scans) == 24 and {"config.yaml", "resources/samples.tsv"} <= set(written.inputs)
    assert any(name.startswith("resources/weights/") for name in written.inputs)
    for name in ("results/tables/table1.tsv", SVC):
        assert written.results[name]["sha256"] == hashlib.sha256((smoke.folder / name).read_bytes()).hexdigest()
    assert record.RECORD in smoke.printed


def test_a_second_run_has_nothing_to_do_and_adds_no_run(copy_of_smoke):
    before = (copy_of_smoke.folder / record.RECORD).read_bytes()
    assert "Nothing to be done" in copy_of_smoke.run()
    assert (copy_of_smoke.folder / record.RECORD).read_bytes() == before


def test_a_failed_run_is_recorded_too_and_results_of_earlier_runs_stay_theirs(copy_of_smoke):
    table = copy_of_smoke.folder / "results/tables/table1.md"
    table.unlink()
    (copy_of_smoke.folder / "results/figures/fig2.pdf").unlink()
    (copy_of_smoke.folder / "results/splits/strict.tsv").write_text("no table of folds\n", encoding="utf-8")
    copy_of_smoke.run("results/figures/fig2.pdf", "results/predictions/" + SVC.split("predictions/")[1], "--force",
                      "--keep-going", "--rerun-triggers", "params", succeeds=False)  # fmt: skip
    written = record.read(copy_of_smoke.folder)
    first, last = written.runs[0], written.runs[-1]
    assert first["actionStatus"]["@id"].endswith("CompletedActionStatus")
    assert last["actionStatus"]["@id"].endswith("FailedActionStatus")
    assert "results/tables/table1.md" not in written.results
    assert {"@id": "splits/strict.tsv"} in last["result"] and {"@id": "tables/table1.tsv"} in first["result"]


def test_an_untouched_study_verifies_is_not_touched_and_the_same_seed_draws_the_same(smoke):
    before = stamps(smoke)
    status, said = verify(smoke, "--only", "results/[st]*/*[1d].tsv", "--share", "0.5", "--seed", "3")
    assert status == 0, said
    assert "are as recorded" in said and "equal, 0 not made, 0 differs" in said
    assert "share 0.5, seed 3" in said
    assert stamps(smoke) == before


def test_a_tampered_result_is_named(copy_of_smoke):
    changed_number(copy_of_smoke.folder / SVC)
    status, said = verify(copy_of_smoke)
    assert status == 1 and f"{SVC}: has changed" in said and "Making" not in said


def test_a_tampered_result_that_a_later_run_recorded_is_found_by_making_it_again(copy_of_smoke):
    path = copy_of_smoke.folder / SVC
    changed_number(path)
    settings = yaml.safe_load((copy_of_smoke.folder / "config.yaml").read_text(encoding="utf-8"))
    record.write(copy_of_smoke.folder, record.Run(settings, ["config.yaml"]))
    tampered = path.read_bytes()
    status, said = verify(copy_of_smoke, "--only", SVC)
    assert status == 1 and "are as recorded" in said
    assert f"differs   {SVC}" in said and "score_900" in said
    assert path.read_bytes() == tampered


def test_a_study_whose_scans_are_gone_is_not_as_recorded(copy_of_smoke):
    shutil.rmtree(copy_of_smoke.folder / "resources/scans/0000")
    status, said = verify(copy_of_smoke, "--only", "results/heights/0000")
    assert status == 1
    assert "resources/scans/0000/" in said and "is missing or cannot be read" in said


def test_a_folder_without_a_record_cannot_be_verified_and_that_is_noted(copy_of_smoke):
    (copy_of_smoke.folder / record.RECORD).unlink()
    status, said = verify(copy_of_smoke)
    assert status == 1 and "there is no record of this study" in said and "Traceback" not in said


# --- a little workflow of its own, which fetches its sheet as the real one does ---------------------------------------

SNAKEFILE = """
configfile: "config.yaml"

rule default:
    default_target: True
    input: "results/tables/all.tsv"

checkpoint retrieve_zenodo:
    output: sheet="resources/samples.tsv", left_out="resources/excluded.tsv"
    params: address=config["address"]
    shell: "test {params.address} = there && printf 'A\\nB\\n' > {output.sheet} && touch {output.left_out}"

def parts(wildcards):
    with open(checkpoints.retrieve_zenodo.get().output.sheet) as lines:
        return [f"results/heights/{line.strip()}.txt" for line in lines]

rule level:
    output: "results/heights/{sample}.txt"
    params: seconds=config["seconds"]
    shell: "sleep {params.seconds}; echo {wildcards.sample} > {output}"

rule gather:
    input: parts, code=workflow.source_path("workflow/code.py")
    output: "results/tables/all.tsv"
    shell: "cat results/heights/*.txt > {output}"

rule predict:
    input: "results/tables/all.tsv"
    output: "results/new/predictions.tsv"
    params: scans=lambda wildcards: open(config["new_scans"]).read()
    shell: "echo {params.scans} > {output}"
"""
SETTINGS = {"scans": {"source": "zenodo", "sheet": "resources/samples.tsv"}, "address": "there", "seconds": 0}


def checkout(folder, code="1"):
    """A checkout of the little project, with the real package."""
    package, ignored = PROJECT / "workflow/micrograph", shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, folder / "workflow/micrograph", ignore=ignored)
    (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    (folder / "workflow/code.py").write_text(code, encoding="utf-8")
    return folder


def run_of(project, folder, settings, *words):
    """Run the little workflow and record the run."""
    (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    run = record.Run(settings, ["config.yaml"], project)
    command = [sys.executable, "-m", "snakemake", "--snakefile", project / "Snakefile", "--directory", folder]
    subprocess.run([*command, "--cores", "1", "--quiet", "all", "--", *words], check=True, capture_output=True)
    record.write(folder, run)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished study of the little project, whose source is gone since, and another checkout's folder."""
    room = tmp_path_factory.mktemp("little")
    (room / "study").mkdir()
    (room / "scans.txt").write_text("new", encoding="utf-8")
    settings = SETTINGS | {"new_scans": str(room / "scans.txt")}
    run_of(checkout(room / "one"), room / "study", settings, "default", "predict")
    return room / "study", checkout(room / "two", code="2")


@pytest.fixture
def fetched(finished, tmp_path):
    """The same in a folder of its own, to be changed."""
    shutil.copytree(finished[0], tmp_path / "study")
    return tmp_path / "study", finished[1]


def command_of(study, project, *words):
    """The command of a checkout."""
    return [sys.executable, "-c", START, project / "workflow", "verify", "--folder", study, "--cores", "1", *words]


def verified(study, project, *words):
    """(status, what is printed) of the command."""
    done = subprocess.run(command_of(study, project, *words), capture_output=True, text=True, timeout=600, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_with_another_checkout_and_the_source_gone_all_outputs_are_drawn_and_the_study_is_not_touched(fetched):
    folder, project = fetched
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    status, said = verified(folder, project, "--share", "1")
    assert status == 0, said
    for name in ("heights/A.txt", "heights/B.txt", "tables/all.tsv", "new/predictions.tsv"):
        assert f"equal     results/{name}" in said
    assert "4 equal, 0 not made, 0 differs" in said
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert said.index("Not as recorded: code sha256") < said.index("Recomputing 4 of 4")


def test_what_the_workflow_does_not_make_or_cannot_make_again_is_status_2(fetched):
    folder, project = fetched
    (folder / "results/tables/old.txt").write_text("of settings that are no more", encoding="utf-8")
    settings = SETTINGS | {"seconds": "no number"}
    record.write(folder, record.Run(settings, ["config.yaml"], project))
    status, said = verified(folder, project, "--share", "1")
    assert status == 2, said
    assert "not made  results/tables/old.txt\n            no rule makes this" in said
    assert "not made  results/heights/A.txt" in said and "equal     results/tables/all.tsv" in said
    assert "results/new" not in said, "they were made with other settings"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_says_so_ends_its_jobs_and_removes_the_copy(fetched, tmp_path, number):
    folder, project = fetched
    settings = SETTINGS | {"seconds": 600}  # the job made again would sleep for so long
    record.write(folder, record.Run(settings, ["config.yaml"], project))
    (tmp_path / "room").mkdir()
    process = subprocess.Popen(
        command_of(folder, project, "--only", "results/heights/A.txt"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "TMPDIR": str(tmp_path / "room")},
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # in the background SIGINT is ignored
    )  # fmt: skip
    family = psutil.Process(process.pid)
    until(lambda: ["sleep", "600"] in command_lines(family.children(recursive=True)))
    mine = family.children(recursive=True)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert len(err.strip().splitlines()) == 1 and "Stopped" in err and "Traceback" not in out
    assert [path for path in (tmp_path / "room").iterdir() if path.name.startswith("verify-")] == []
    assert psutil.wait_procs(mine, timeout=60)[1] == []


def command_lines(processes):
    """What each of them runs; those that ended since they were listed are left out."""
    lines = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is one of these
            lines.append(process.cmdline())
    return lines


def until(true, seconds=300):
    """Wait until it is true; the test fails where that takes longer."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
