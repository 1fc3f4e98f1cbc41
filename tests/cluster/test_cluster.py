"""The real workflow on a real SLURM, though of one node and with GPUs that only count."""

import re
import sys

import pytest
import yaml

from cluster import slurm
from cluster.conftest import WHOLE
from project import PROJECT

pytestmark = pytest.mark.cluster

PROFILE = yaml.safe_load((PROJECT / "workflow" / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8"))
ON_A_GPU = {name for name, words in PROFILE["set-resources"].items() if words.get("gpu")}


def rules_of(jobs):
    """{job id: the names of the rules in it, run together by _}, of the workflow's own jobs."""
    return {number: job["Comment"].removeprefix("rule_") for number, job in jobs.items() if "rule_" in job["Comment"]}


def test_the_study_comes_to_its_end_after_a_cancelled_job_and_a_killed_snakemake(story):
    assert story.second.process.returncode == 0, story.second.printed()


def test_every_byte_of_the_results_equals_a_run_without_a_cluster(story):
    there, local = story.there.results(killed=True), story.local.results(killed=True)
    assert set(there) == set(local)
    assert [name for name in local if there[name] != local[name]] == []
    assert {f"tables/{name}.tsv" for name in ("table4", "attribution_tests", "learning_curve")} <= set(local)
    assert "splits/strict.tsv" in local


def is_of(rules, rule):
    """Whether a SLURM job is one job of this rule, by its name."""
    return rules == rule or rules.startswith(f"{rule}_wildcards_")


def test_jobs_that_use_a_device_get_one_gpu_and_the_others_none(story):
    named = rules_of(story.after)
    for number, rules in named.items():
        gpus = story.after[number].get("TresPerJob", "")
        wants = any(is_of(rules, rule) for rule in ON_A_GPU)
        assert gpus == ("gres:gpu:1" if wants else ""), rules
    seen = {rule for rule in ON_A_GPU if any(is_of(rules, rule) for rules in named.values())}
    assert seen == ON_A_GPU - ({"predict"} if WHOLE else {"train_final_model", "predict"})


def test_small_jobs_travel_together_and_ask_for_what_one_of_them_needs(story):
    scans = [number for number, rules in rules_of(story.before).items() if "level_scans" in rules]
    assert len(scans) == 1
    record = story.before[scans[0]]  # two shards: grown, levelled, drawn, measured, ten minutes each
    assert (record["NumCPUs"], record["MinMemoryNode"], record["TimeLimit"]) == ("1", "1000M", "01:20:00")


def test_a_cancelled_job_is_reported_and_submitted_again_asking_for_more(story):
    record = story.after[story.cancelled]
    assert record["JobState"] == "CANCELLED"
    assert f"SLURM-job '{story.cancelled}' failed, SLURM status is: 'CANCELLED'" in story.printed
    again = [
        job
        for number, job in story.before.items()
        if number > story.cancelled and job["Comment"] == record["Comment"] and job["MinMemoryNode"] == "8000M"
    ]
    assert len(again) == 1 and again[0]["TimeLimit"] == "04:00:00"


def test_a_killed_snakemake_leaves_its_jobs_which_end_by_the_name_that_it_printed(story):
    assert story.orphans
    assert all(story.before[number]["JobName"] == story.run_id for number in story.orphans)
    assert {story.before[number]["JobState"] for number in story.orphans} <= {"CANCELLED", "COMPLETED"}


def test_a_run_after_the_kill_is_refused_until_unlocked_and_then_keeps_what_was_finished(story):
    assert "unlock" in story.refused
    assert len(story.kept) > 3
    assert {path: path.stat().st_mtime_ns for path in story.kept} == story.kept


def test_slurm_logs_of_finished_jobs_are_removed_and_those_of_stopped_ones_lie_in_the_study(story):
    kept = [path.stem for path in (story.there.folder / "logs" / "slurm").rglob("*.log")]
    assert str(story.cancelled) in kept
    assert not [path for path in (PROJECT / "logs").glob("slurm/**/*.log") if path.stem in kept]


def test_a_job_to_which_slurm_assigned_a_gpu_that_has_no_driver_fails_with_one_sentence(cluster, tmp_path):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU with a driver")
    script = tmp_path / "device.py"
    script.write_text(
        "import os\n"
        "from micrograph.errors import UserError\n"
        "from micrograph.networks import device\n"
        "print('given', os.environ['CUDA_VISIBLE_DEVICES'])\n"
        "for name in ('auto', 'cuda'):\n"
        "    try:\n        device.resolve_device(name)\n    except UserError as fault:\n        print(name, fault)\n",
        encoding="utf-8",
    )
    log = tmp_path / "device.log"
    wrapped = f"PYTHONPATH={PROJECT / 'workflow'} {sys.executable} -W error {script}"
    number = int(slurm.said("sbatch", "--parsable", "--gpus=1", "--mem=1000", f"--output={log}", f"--wrap={wrapped}"))
    assert slurm.wait(lambda: slurm.jobs()[number]["JobState"] in ("COMPLETED", "FAILED"), 400)
    assert slurm.wait(log.exists, 60)
    given, *refused = log.read_text(encoding="utf-8").splitlines()
    assert given == "given 0" and [line.partition(" ")[0] for line in refused] == ["auto", "cuda"]
    assert re.search(r"(GPUS|DEVICES)=0\)", refused[0]) and all("networks.device: cpu" in line for line in refused)


def test_more_gpus_than_there_are_are_refused_so_they_are_really_counted(cluster):
    refused = slurm.said("sbatch", f"--gpus={len(slurm.GPUS) + 1}", "--wrap=true", fails=True)
    assert refused == ""
