"""Runs that are killed or doubled, or whose clock jumps: what is finished stays, and the end is the same."""

import glob
import os
import random
import signal
import subprocess
import sys
import time

import yaml

from faults import judged
from project import PROJECT, SMOKE, Study

TARGETS = judged.count(["table1", "results/splits/strict.tsv"], [])
KILLS = judged.count(4, 30)
DRAWN = "results/micrographs/samples.tsv"


def smoke_settings():
    """The smoke study; in `make test` its films are of few pixels and its jobs of few films."""
    settings = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    if not judged.NIGHTLY:
        settings["simulate"]["pixels"] = 64
        settings["scans"]["scans_per_shard"] = 6
    return settings


def new_study(folder, settings=None):
    """A study in a new folder."""
    folder.mkdir()
    return Study(folder, settings or smoke_settings())


def start(study, *targets, log="printed", environment=None):
    """Start a run as `make run` does, in a process group of its own; what it prints goes to a file beside."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--scheduler", "greedy", "--rerun-incomplete"]
    with open(study.folder.with_name(log), "ab") as printed:
        return subprocess.Popen([*command, "--directory", str(study.folder), *targets], cwd=PROJECT, stdout=printed,
                                stderr=printed, start_new_session=True, env=environment)  # fmt: skip


def kill_after(running, seconds):
    """SIGKILL to the whole group after so long; whether the run was still going."""
    try:
        running.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        return True
    return False


def whole_files(study):
    """Every result that is there, by its path: (size, time of the last change)."""
    root = study.folder / "results"
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}


def broken_off_and_resumed(study, seconds, targets, chance, kills):
    """Kill a study's run `kills` times at random moments, each time within about its share of `seconds`, and resume.

    Returns how many runs were killed, and how many results the killed runs left.
    """
    killed, left = 0, []
    for _ in range(kills):
        killed += kill_after(start(study, *targets), 1 + chance.uniform(0, 3 + 2 * seconds / kills))
        study.run("--unlock", *targets)
        left.append(len(whole_files(study)))
    return killed, left


def no_traces(study):
    """Check that no temporary file is among the results."""
    assert not [path for path in (study.folder / "results").rglob("*") if ".partial-" in str(path)]


def test_a_study_killed_at_random_moments_and_resumed_ends_in_the_bytes_of_an_unbroken_run(tmp_path):
    unbroken = new_study(tmp_path / "unbroken")
    began = time.monotonic()
    unbroken.run(*TARGETS)
    seconds = time.monotonic() - began
    study = new_study(tmp_path / "killed")
    killed, left = broken_off_and_resumed(study, seconds, TARGETS, random.Random(30), KILLS)
    study.run("--rerun-incomplete", *TARGETS)
    print(f"{killed} of {KILLS} runs killed, results after each: {left}")
    assert killed >= KILLS // 2 and len(set(left)) > 1
    ours, theirs = study.results(), unbroken.results()
    assert set(ours) == set(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []
    no_traces(study)
    assert "Nothing to be done" in study.run(*TARGETS)


def test_a_second_run_in_the_same_folder_is_told_so_and_the_first_ends_well(tmp_path):
    study = new_study(tmp_path / "study")
    first = start(study, DRAWN)
    while not (study.folder / ".snakemake" / "locks").is_dir() or not os.listdir(study.folder / ".snakemake" / "locks"):
        assert first.poll() is None, "the first run ended before the second could begin"
        time.sleep(0.05)
    printed = study.run(DRAWN, succeeds=False)
    assert "Directory cannot be locked" in printed and "--unlock" in printed and "Traceback" not in printed
    assert first.wait(timeout=300) == 0, study.folder.with_name("printed").read_text(encoding="utf-8")
    assert (study.folder / DRAWN).is_file()
    assert "Nothing to be done" in study.run(DRAWN)


def faketime():
    """The library that shifts a process's clock, None where it is not installed: FAKETIME_LIBRARY names one, too."""
    places = [os.environ.get("FAKETIME_LIBRARY", ""), *glob.glob("/usr/lib/*/faketime/libfaketime.so.1")]
    return next((place for place in places if os.path.isfile(place)), None)


# On a busy machine libfaketime now and then makes time.sleep fail: its fault, not that of what is tested.
OF_THE_CLOCK = "time.sleep(delay)\nOSError: [Errno 22] Invalid argument"


def run_at(study, shift, *targets, succeeds=True):
    """What a run prints whose clock is shifted (`-365d`, say)."""
    library = faketime()
    if library is None:
        judged.skip("libfaketime is not installed (Debian: faketime), so no clock can jump")
    environment = os.environ | {"LD_PRELOAD": library, "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    log = study.folder.with_name(f"at{shift}")
    printed = OF_THE_CLOCK
    for _ in range(3):
        if OF_THE_CLOCK in printed:
            running = start(study, *targets, log=log.name, environment=environment)
            ended = running.wait(timeout=600)
            printed = log.read_text(encoding="utf-8")
            log.unlink()
    assert (ended == 0) == succeeds, printed
    return printed


def test_a_clock_that_jumps_a_year_loses_nothing_and_the_bytes_are_the_same(tmp_path):
    unbroken = new_study(tmp_path / "unbroken")
    unbroken.run(*TARGETS)
    study = new_study(tmp_path / "jumps")
    study.run(DRAWN)
    half = {path: state for path, state in whole_files(study).items() if path.name != "provenance.json"}
    # A year back all that is made would be older than what it is made from: Snakemake says so and makes nothing.
    assert "has older modification time" in run_at(study, "-365d", *TARGETS, succeeds=False)
    assert {path: whole_files(study)[path] for path in half} == half
    run_at(study, "+365d", *TARGETS)
    assert {path: whole_files(study)[path] for path in half} == half
    assert "Nothing to be done" in study.run(*TARGETS), "what was made in a year's time counts as made"
    assert study.results() == unbroken.results()
