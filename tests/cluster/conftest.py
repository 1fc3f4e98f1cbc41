"""A cluster for the tests that need one, and a study that is run on it, hurt and resumed."""

import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml

from cluster import slurm
from project import PROJECT, SMOKE, Study

PROFILE = PROJECT / "workflow" / "profiles" / "slurm"
WHOLE = os.environ.get("FAULTS") == "nightly"
# What is made: scans, features, networks, shallow models, MLP, attribution, the tables that gather them, pre-training;
# at night all.
BY_DAY = ["table3", "table4", "attribution_tests", "results/tables/learning_curve.tsv"]
TARGETS = [] if WHOLE else [*BY_DAY, "results/pretraining/simulated.safetensors"]
# Shorter waits than a real cluster wants; everything else is the profile's.
IMPATIENT = ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A throw-away SLURM cluster; skipped with a sentence where there can be none, failed where REQUIRE_SLURM=1."""
    why = slurm.missing()
    if why:
        if os.environ.get("REQUIRE_SLURM") == "1":
            pytest.fail(f"REQUIRE_SLURM=1, and no cluster can be made: {why}")
        pytest.skip(f"no throw-away SLURM cluster can be made: {why}")
    with slurm.Cluster(tmp_path_factory.mktemp("slurm")) as made:
        yield made


def settings(stub):
    """The smoke study; by day with a stub network and fewer comparisons: jobs of every kind but figures and prediction.

    Of the studies of trust it has by day the learning curve alone: others are too long for every day where the
    cluster's four cores are two.
    """
    study = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    study["networks"]["device"] = "cpu"  # the cluster's GPUs only count, and `auto` refuses a GPU that does not compute
    if WHOLE:
        return study
    study["networks"] |= stub
    compared = study["experiments"]
    compared["fig3"] |= {"policies": ["aug3"]}
    compared["table3"] |= {"pretraining": ["imagenet", "films"], "models": ["SVC"]}
    compared["table4"] |= {"schemes": ["nominal"], "models": ["MLP", "CNN"]}
    return study


class Submitted:
    """Snakemake at work on a study through the SLURM profile; a context manager, killed where it is left unfinished."""

    def __init__(self, study):
        """Start it. study: project.Study."""
        self.output = study.folder / "printed.txt"
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", str(PROFILE), "--directory", study.folder]
        command += [*IMPATIENT, "--", *TARGETS]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_"))}
        with open(self.output, "w", encoding="utf-8") as output:
            streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
            streams |= {"cwd": PROJECT, "env": environment, "preexec_fn": slurm.dies_with_us}
            self.process = subprocess.Popen(command, **streams)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()

    def kill(self):
        """End it as a power cut would (SIGKILL)."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def printed(self):
        """All that it printed so far."""
        return self.output.read_text(encoding="utf-8")

    def run_id(self):
        """The name of all its SLURM jobs, as it printed it."""
        return re.search(r"SLURM run ID: (\S+)", self.printed())[1]

    def job(self, rule, seconds=900):
        """The id of a job of this rule that runs now; AssertionError where none does in time."""
        found = []

        def runs():
            ended = self.process.poll() is not None
            found[:] = [number for number, job in slurm.jobs().items() if is_of(job, rule, "RUNNING")]
            return found or ended

        assert slurm.wait(runs, seconds) and found, f"no job of {rule} runs\n{self.printed()}"
        return found[0]


def is_of(job, rule, state):
    """Whether a job's record is of a rule and in a state."""
    return rule in job["Comment"] and job["JobState"] == state


@pytest.fixture(scope="module")
def story(cluster, tmp_path_factory, stub):
    """One study on the cluster: a job cancelled, Snakemake killed, resumed; and the same study without a cluster."""
    local = Study(tmp_path_factory.mktemp("local"), settings(stub))
    local.run(*TARGETS)
    there = Study(tmp_path_factory.mktemp("cluster"), settings(stub))
    with Submitted(there) as first:
        cancelled = first.job("train_networks")
        slurm.said("scancel", str(cancelled))
        first.job("compute_attributions")
        first.kill()
    printed, run_id = first.printed(), first.run_id()
    finished = ["results/splits/*", "results/heights/*.tsv", "results/networks/strict/imagenet/aug3/nominal/*.npz"]
    kept = {path: path.stat().st_mtime_ns for pattern in finished for path in there.folder.glob(pattern)}
    orphans = slurm.running()
    slurm.said("scancel", "--name", run_id)
    assert slurm.wait(lambda: not slurm.running(), 300)
    before = slurm.jobs()
    refused = there.run(succeeds=False)
    there.run("--unlock")
    with Submitted(there) as second:
        second.process.wait(timeout=4800 if WHOLE else 1800)
    return SimpleNamespace(**{name: value for name, value in locals().items() if name != "cluster"}, after=slurm.jobs())
