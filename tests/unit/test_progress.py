"""The line that `make run` shows: what it says of jobs, and what it lets through of Snakemake's own words."""

import io
import logging
import os
import pty
import subprocess
import sys
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

import snakemake_logger_plugin_progress as progress
from project import PROJECT


def test_rules_with_finished_jobs_take_their_mean_and_others_their_typical_time_as_much_slower_as_this_run_is():
    jobs = progress.Jobs()
    jobs.plan({"train_networks": 3, "table1": 2, "total": 5})
    jobs.began = 0
    jobs.running = {1: ("train_networks", 0), 2: ("train_networks", 0)}
    jobs.finish(1, 100)
    slower = (100 + progress.TRUSTED) / (progress.TYPICAL["train_networks"] + progress.TRUSTED)
    # One of three is done; the second, as long as the first so far, has nothing left; two ran at a time.
    assert jobs.seconds_left(100) == pytest.approx((100 + 2 * slower * progress.OTHERS) / 2)


def test_what_is_left_is_never_less_than_nothing_and_a_job_that_nobody_planned_is_counted():
    jobs = progress.Jobs()
    jobs.plan({"a": 1, "total": 1})
    jobs.running = {1: ("a", jobs.began), 2: ("b", jobs.began)}
    for job in (1, 2):
        jobs.finish(job, jobs.began + 5)
    assert jobs.seconds_left(jobs.began + 5) == 0


def said(monkeypatch, terminal, *records):
    """What the handler writes of the records, each (words, keywords)."""
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stream)
    common = dict.fromkeys(("nocolor", "debug_dag", "verbose", "stdout", "dryrun", "printshellcmds"), False)
    handler = progress.LogHandler(
        SimpleNamespace(**common | {"quiet": None, "show_failed_logs": False, "nocolor": True}), None
    )
    for words, more in records:
        record = logging.LogRecord("snakemake", more.pop("level", logging.INFO), "", 0, words, None, None)
        record.__dict__.update(more)
        handler.handle(record)
    handler.close()
    return "".join(line for line in stream.getvalue().splitlines(True) if ESTIMATE not in line)


ESTIMATE = "an estimate from the times of earlier jobs"


def test_the_run_begins_with_its_jobs_and_an_estimate_from_the_studys_own_times_and_number_of_scans(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(progress.SCANS_VARIABLE, str(2 * progress.SCANS))
    (tmp_path / "logs" / "level_scans").mkdir(parents=True)
    (tmp_path / "logs" / "level_scans" / "0000.tsv").write_text("s\th:m:s\n600\t0:10:00\n", encoding="utf-8")
    jobs = progress.Jobs()
    jobs.cores = 2
    jobs.plan({"level_scans": 2, "table1": 1, "total": 3})
    assert jobs.announce().startswith("3 jobs, about 11 min on 2 cores")
    jobs.plan({"train_networks": 1, "total": 1})
    assert jobs.typical["train_networks"] == 2 * progress.TYPICAL["train_networks"] - progress.OTHERS


PLAN = ("Job stats", {"event": LogEvent.RUN_INFO, "stats": {"level_scans": 2, "total": 2}})
FAILURE = {
    "event": LogEvent.JOB_ERROR,
    "level": logging.ERROR,
    "jobid": 1,
    "rule_name": "level_scans",
    "output": ["results/heights/0000", "results/heights/0000.tsv"],
    "log": ["logs/level_scans/0000.log"],
}


def test_on_a_terminal_one_line_is_drawn_over_and_snakemakes_own_steps_are_left_out(monkeypatch):
    text = said(
        monkeypatch,
        True,
        PLAN,
        ("Select jobs to execute...", {}),
        ("a job", {"event": LogEvent.JOB_INFO, "jobid": 1, "rule_name": "level_scans"}),
        ("", {"event": LogEvent.JOB_FINISHED, "job_id": 1}),
        ("", {"event": LogEvent.PROGRESS, "done": 1, "total": 2}),
    )
    assert "\n" not in text and "Select" not in text
    assert text.endswith("1 of 2 jobs done, under a minute left: level_scans\r\033[K")


def test_a_failed_job_is_named_with_what_it_makes_and_its_log_and_its_exit_status_is_no_news(monkeypatch):
    status = "RuleException:\nCalledProcessError in file ...\nCommand 'python x' returned non-zero exit status 1."
    text = said(monkeypatch, False, PLAN, (status, {"level": logging.ERROR}), ("Error in rule", dict(FAILURE)))
    assert text.splitlines()[1:] == [
        "FAILED: level_scans, which makes results/heights/0000; see logs/level_scans/0000.log"
    ]


def test_a_job_that_was_killed_is_told_and_jobs_that_an_interrupted_run_stops_are_not(monkeypatch):
    killed = ("Command 'python x' died with <Signals.SIGKILL: 9>.", {"level": logging.ERROR})
    assert "SIGKILL" in said(monkeypatch, False, PLAN, dict_of(killed))
    stop = ("Terminating processes on user request, this might take some time.", {"level": logging.WARNING})
    text = said(monkeypatch, False, PLAN, stop, dict_of(killed), ("", dict(FAILURE)))
    assert text.splitlines()[1:] == [stop[0]]


def dict_of(record):
    """A copy of a record whose keywords may be taken apart."""
    return record[0], dict(record[1])


def test_snakemake_finds_it_and_draws_the_line_in_a_real_terminal(tmp_path):
    (tmp_path / "Snakefile").write_text(
        'rule all:\n    input: "x"\nrule one:\n    output: "x"\n    shell: "touch x"\n', encoding="utf-8"
    )
    first, again = in_terminal(tmp_path), in_terminal(tmp_path)
    assert "0 of 2 jobs done, under a minute left: one" in first and "2 of 2 jobs done in " in first
    assert "Select" not in first and "rule one" not in first
    assert again.endswith("Nothing to be done (all requested files are present and up to date).\r\n")


def in_terminal(folder):
    """What Snakemake with the plugin writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--logger", "progress", "--cores", "1", "--nocolor"],
        cwd=folder, stderr=theirs, stdout=theirs, stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(PROJECT / "workflow"), "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 65536):
            text += part
    except OSError:
        pass  # so Linux says that the other side is closed
    os.close(ours)
    assert process.wait() == 0
    return text.decode()
