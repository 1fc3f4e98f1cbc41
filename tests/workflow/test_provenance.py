"""The real workflow records its runs; what it made is made again to the byte, and tampering is found."""

import hashlib
import json
import shutil
import subprocess
import sys

from micrograph.provenance import record
from project import PROJECT

SVC = "results/predictions/strict/imagenet/aug3/pool_cev85/nominal/SVC.tsv"


def verify(study, *words):
    """(status, what is printed) of `make verify` in the study's folder."""
    done = subprocess.run(
        [sys.executable, PROJECT / "workflow/verify.py", "--folder", study.folder, "--cores", "2", *words],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
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
    run = written["runs"][0]
    assert run["outcome"] == "finished" and run["seed"] == 7 and run["config"]["splits"]["folds"] == 3
    assert run["command"][0] == "snakemake" and str(smoke.folder) not in json.dumps(run["command"])
    assert set(written["results"]) >= {f"results/{name}" for name in ("tables/table1.tsv", "report/index.html")}
    scans = [name for name in written["inputs"] if name.endswith(".spm")]
    assert len(scans) == 24 and {"config.yaml", "resources/samples.tsv"} <= set(written["inputs"])
    assert any(name.startswith("resources/weights/") for name in written["inputs"])
    for name in ("results/tables/table1.tsv", SVC):
        assert written["results"][name]["sha256"] == hashlib.sha256((smoke.folder / name).read_bytes()).hexdigest()
    assert "results/provenance.json" in smoke.printed


def test_nothing_to_do_adds_no_run(copy_of_smoke):
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
    assert written["runs"][0]["outcome"] == "finished" and written["runs"][-1]["outcome"] == "failed"
    assert "results/tables/table1.md" not in written["results"]
    assert written["results"]["results/splits/strict.tsv"]["run"] == len(written["runs"]) - 1
    assert written["results"]["results/tables/table1.tsv"]["run"] == 0


def test_an_untouched_study_verifies_is_not_touched_and_the_same_seed_draws_the_same(smoke):
    before = stamps(smoke)
    status, said = verify(smoke, "--only", "results/[st]*/*[1d]*.tsv", "--share", "0.7", "--seed", "3")
    assert status == 0, said
    assert "stand as recorded" in said and "equal, 0 could not, 0 differs" in said
    assert "share 0.7, seed 3" in said
    assert stamps(smoke) == before


def test_a_tampered_result_is_named(copy_of_smoke):
    changed_number(copy_of_smoke.folder / SVC)
    status, said = verify(copy_of_smoke, "--only", "no/such/*")
    assert status == 1
    assert f"{SVC}: is not what the record says" in said
    assert "there is no output like no/such/*" in said and "Traceback" not in said


def test_a_tampered_result_whose_record_was_mended_is_found_by_making_it_again(copy_of_smoke):
    path, written = copy_of_smoke.folder / SVC, record.read(copy_of_smoke.folder)
    changed_number(path)
    written["results"][SVC].update(sha256=hashlib.sha256(path.read_bytes()).hexdigest(), bytes=path.stat().st_size)
    (copy_of_smoke.folder / record.RECORD).write_text(json.dumps(written), encoding="utf-8")
    tampered = path.read_bytes()
    status, said = verify(copy_of_smoke, "--only", SVC)
    assert status == 1 and "stand as recorded" in said
    assert f"differs: {SVC} (rule fit_models)" in said and "score_900" in said
    assert path.read_bytes() == tampered


def test_a_study_whose_scans_are_gone_is_said_to_be_beyond_verification(copy_of_smoke):
    shutil.rmtree(copy_of_smoke.folder / "resources/scans/0000")
    status, said = verify(copy_of_smoke, "--only", "results/heights/0000")
    assert status == 1
    assert "resources/scans/0000/" in said and "is missing or cannot be read" in said
    assert "could not: results/heights/0000 (rule level_scans)" in said


def test_a_folder_without_a_record_cannot_be_verified_and_that_is_said(copy_of_smoke):
    (copy_of_smoke.folder / record.RECORD).unlink()
    status, said = verify(copy_of_smoke)
    assert (
        status == 1 and "there is no such record; a run of the workflow writes it" in said and "Traceback" not in said
    )
