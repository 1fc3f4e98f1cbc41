"""Runs that are killed or doubled, or whose clock jumps: what is finished stays, and the end is the same."""

import glob
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import yaml

from faults import judged
from project import PROJECT, SMOKE, Study

pytestmark = pytest.mark.nightly

FOLDS = "results/splits/strict.tsv"
LIGHT = ["table1", FOLDS]  # nothing is trained for these
FITS = "results/predictions/strict/scratch/aug3"
TRAINED = [f"{FITS}/image/nominal/CNN.tsv", f"{FITS}/tuned/nominal/SVC.tsv"]
TARGETS = judged.count([*LIGHT, *TRAINED], [])
KILLS = judged.count(4, 30)
DRAWN = "results/micrographs/samples.tsv"


def smoke_settings():
    """The smoke study; in `make test` films and pictures are of few pixels, jobs of few films, networks learn once."""
    settings = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    if not judged.NIGHTLY:
        settings["simulation"]["pixels"] = settings["micrographs"]["pixels"] = 64
        settings["scans"]["scans_per_shard"] = 6
        settings["training"] |= {"epochs": 1, "patience": 1}
    return settings


def new_study(folder, settings=None):
    """A study in a folder, which is made where it is not there."""
    folder.mkdir(exist_ok=True)
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


def differing(ours, theirs):
    """The names of the results that are not the same bytes in both, or are in one alone."""
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """A study run without a break: study, how many seconds it took, its results' bytes."""
    study = new_study(tmp_path_factory.mktemp("unbroken") / "study")
    began = time.monotonic()
    study.run(*TARGETS)
    return SimpleNamespace(study=study, seconds=time.monotonic() - began, results=study.results(killed=True))


def test_a_study_killed_at_random_moments_and_resumed_ends_in_the_bytes_of_an_unbroken_run(tmp_path, unbroken):
    study = new_study(tmp_path / "killed")
    killed, left = broken_off_and_resumed(study, unbroken.seconds, TARGETS, random.Random(30), KILLS)
    study.run("--rerun-incomplete", *TARGETS)
    print(f"{killed} of {KILLS} runs killed, results after each: {left}")
    assert killed >= KILLS // 2 and len(set(left)) > 1
    assert differing(study.results(killed=True), unbroken.results) == []
    no_traces(study)
    assert "Nothing to be done" in study.run(*TARGETS)


def began_training(study):
    """Whether a job of the study has opened its log to train a network."""
    return any((study.folder / "logs" / "train_networks").rglob("*.log"))


@pytest.mark.parametrize("seconds", judged.count([1.0], [0.0, 0.5, 1.0, 2.0, 4.0, 8.0]))
def test_a_study_killed_while_networks_are_trained_ends_in_the_bytes_of_an_unbroken_run(tmp_path, unbroken, seconds):
    shutil.copytree(unbroken.study.folder, tmp_path / "study")
    study = new_study(tmp_path / "study")
    for folder in ("networks", "features", "models", "predictions"):
        shutil.rmtree(study.folder / "results" / folder)
    shutil.rmtree(study.folder / "logs" / "train_networks")
    running = start(study, *TRAINED)
    while not began_training(study):
        assert running.poll() is None, "the run ended before it trained a network"
        time.sleep(0.05)
    assert kill_after(running, seconds), "the run ended before it was killed"
    assert not any((study.folder / path).exists() for path in TRAINED)
    study.run("--unlock", *TRAINED)
    study.run("--rerun-incomplete", *TARGETS)
    assert differing(study.results(killed=True), unbroken.results) == []
    no_traces(study)
    assert "Nothing to be done" in study.run(*TARGETS)


def test_a_second_run_in_the_same_folder_is_refused_and_the_first_ends_well(tmp_path):
    study = new_study(tmp_path / "study")
    first = start(study, DRAWN)
    while not (study.folder / ".snakemake" / "locks").is_dir() or not os.listdir(study.folder / ".snakemake" / "locks"):
        assert first.poll() is None, "the first run ended before the second could begin"
        time.sleep(0.05)
    printed = study.run(DRAWN, succeeds=False)
    assert "Directory cannot be locked" in printed and "--unlock" in printed and "Traceback" not in printed
    assert first.wait(timeout=900) == 0, study.folder.with_name("printed").read_text(encoding="utf-8")
    assert (study.folder / DRAWN).is_file()
    assert "Nothing to be done" in study.run(DRAWN)


def faketime():
    """The library that shifts a process's clock, None where it is not installed: FAKETIME_LIBRARY names one, too."""
    places = [os.environ.get("FAKETIME_LIBRARY", ""), *glob.glob("/usr/lib/*/faketime/libfaketime.so.1")]
    return next((place for place in places if os.path.isfile(place)), None)


# On a busy machine libfaketime now and then makes time.sleep fail: its fault, not that of what is tested.
OF_THE_CLOCK = re.compile(r"time\.sleep\(delay\)\n(?: *[~^]+\n)?OSError: \[Errno 22\] Invalid argument")


def under_a_clock(study, log, *targets, while_it_runs=lambda running: None, **settings):
    """(status, what is printed) of a run whose clock libfaketime shifts as the settings say.

    log: the name of a file beside the study for what is printed. while_it_runs(running) is called once it has started.
    """
    library = faketime()
    if library is None:
        judged.skip("libfaketime is not installed (Debian: faketime), so no clock can jump")
    environment = os.environ | {"LD_PRELOAD": library, "FAKETIME_DONT_FAKE_MONOTONIC": "1"} | settings
    log = study.folder.with_name(log)
    log.unlink(missing_ok=True)
    running = start(study, *targets, log=log.name, environment=environment)
    while_it_runs(running)
    return running.wait(timeout=900), log.read_text(encoding="utf-8")


def run_at(study, shift, *targets, succeeds=True):
    """What a run prints whose clock is shifted (`-365d`, say)."""
    printed = None
    for _ in range(3):
        if printed is None or OF_THE_CLOCK.search(printed):
            ended, printed = under_a_clock(study, f"at{shift}", *targets, FAKETIME=shift)
    assert (ended == 0) == succeeds, printed
    return printed


def same_as(unbroken, study):
    """Check that the study's results are those of the unbroken run, byte by byte, the folds among them."""
    ours = study.results(killed=True)
    assert "splits/strict.tsv" in ours
    assert differing(ours, {name: unbroken.results.get(name) for name in ours}) == []


def test_a_clock_that_jumps_a_year_loses_nothing_and_the_bytes_are_the_same(tmp_path, unbroken):
    targets = judged.count(LIGHT, [])
    study = new_study(tmp_path / "jumps")
    study.run(DRAWN)
    half = {path: state for path, state in whole_files(study).items() if path.name != "ro-crate-metadata.json"}
    # A year back all that is made would be older than what it is made from: Snakemake says so and makes nothing.
    assert "has older modification time" in run_at(study, "-365d", *targets, succeeds=False)
    assert {path: whole_files(study)[path] for path in half} == half
    run_at(study, "+365d", *targets)
    assert {path: whole_files(study)[path] for path in half} == half
    assert "Nothing to be done" in study.run(*targets), "what was made in a year's time counts as made"
    same_as(unbroken, study)


def run_whose_clock_jumps(home, shift, *targets):
    """A new study and its run, whose clock jumps by `shift` (`+5h`, say) once the first scans are levelled.

    Returns (study, status, what is printed). A study whose run libfaketime itself made fail gives way to a new one.
    """
    clock, printed = home / "clock", None

    def show(shift):
        (home / "next").write_text(f"{shift}\n", encoding="utf-8")
        os.replace(home / "next", clock)  # at no moment is there half a clock

    def jump(running):
        while running.poll() is None and not any(study.folder.glob("results/heights/*.tsv")):
            time.sleep(0.02)
        show(shift)

    # Files that are there keep their times when a clock jumps, so libfaketime must not shift what stat says.
    variables = {"FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "NO_FAKE_STAT": "1"}
    for attempt in range(3):
        if printed is None or OF_THE_CLOCK.search(printed):
            study = new_study(home / f"study{attempt}")
            show("+0")
            ended, printed = under_a_clock(study, "printed", *targets, while_it_runs=jump, **variables)
    return study, ended, printed


def test_a_clock_that_jumps_hours_ahead_during_a_run_changes_no_byte_and_nothing_is_made_twice(tmp_path, unbroken):
    targets = judged.count([FOLDS], [])
    study, ended, printed = run_whose_clock_jumps(tmp_path, "+5h", *targets)
    assert ended == 0, printed
    times = [path.stat().st_mtime for path in whole_files(study)]
    assert max(times) > time.time() + 4 * 3600, "the clock did not jump"
    assert "Nothing to be done" in study.run(*targets)
    same_as(unbroken, study)
    no_traces(study)


def test_a_clock_that_jumps_hours_back_during_a_run_stops_it_with_a_message_and_it_goes_on_when_the_clock_is_right(
    tmp_path, unbroken
):
    targets = judged.count([FOLDS], [])
    study, ended, printed = run_whose_clock_jumps(tmp_path, "-5h", *targets)
    # What is made after the jump would be older than what it is made from: Snakemake refuses such a result.
    assert ended != 0 and "has older modification time" in printed and "Traceback" not in printed, printed
    no_traces(study)
    study.run("--rerun-incomplete", *targets)
    assert "Nothing to be done" in study.run(*targets)
    same_as(unbroken, study)
