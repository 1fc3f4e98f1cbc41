"""One line that moves: what runs, how many jobs of all are done, about how many minutes are left; and errors, in full.

A logger plugin of Snakemake, of `snakemake --logger progress`. Without a terminal a line is
written every half minute. A dry run, and everything that warns, looks as it does without the plugin.
"""

import logging
import math
import os
import shutil
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

# Seconds of a job of the embedded study on one core, until jobs of this study say better. Other rules take OTHERS.
TYPICAL = {
    "train_networks": 30,
    "train_explained_networks": 30,
    "train_final_model": 30,
    "compute_attributions": 24,
    "permute_labels": 22,
    "evaluate_attributions": 19,
    "pretrain": 17,
    "extract_features": 11,
    "augment": 6,
}
OTHERS = 3
SCANS = 120  # of the embedded study; TYPICAL grows with their number, which the workflow gives in SCANS_VARIABLE
SCANS_VARIABLE = "MICROGRAPH_SCANS"
TRUSTED = 20  # seconds of finished jobs from which on their speed counts more than TYPICAL
EVERY_SECONDS = {True: 1, False: 30}  # on a terminal, and elsewhere
NOTHING, INTERRUPTED = "Nothing to be done", "Terminating processes"
SHOWN = (NOTHING, "Trying to restart", INTERRUPTED)  # of what Snakemake merely informs about
ENDING = (NOTHING, "Exiting because", INTERRUPTED)  # after these no line is drawn
OWN_MESSAGE = "returned non-zero exit status 1."  # so ends a job that has reported its error itself


class Jobs:
    """What runs, what is done, and what is left, from Snakemake's events."""

    def __init__(self):
        self.planned = Counter()  # rule -> jobs
        self.running = {}  # job -> (rule, when it began)
        self.seconds = {}  # rule -> those of its finished jobs
        self.rules = ["..."]  # of the jobs that run, or ran last
        self.done, self.total, self.began = 0, 0, time.time()
        self.cores = 1
        self.typical = {}  # rule -> seconds of one of its jobs, before one of this run has ended

    def plan(self, stats):
        """The jobs of every rule, and their "total"."""
        self.planned = Counter({rule: count for rule, count in stats.items() if rule != "total"})
        self.total, self.began = self.planned.total(), time.time()
        scale = int(os.environ.get(SCANS_VARIABLE, SCANS)) / SCANS
        shipped = {rule: OTHERS + scale * max(TYPICAL.get(rule, 0) - OTHERS, 0) for rule in self.planned}
        self.typical = {rule: recorded(rule) or seconds for rule, seconds in shipped.items()}

    def announce(self):
        """68 jobs, about 9 min on 2 cores."""
        seconds = sum(self.typical[rule] * count for rule, count in self.planned.items()) / self.cores
        estimate = f"about {math.ceil(seconds / 60)} min" if seconds > 60 else "about a minute"
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"{self.total} jobs, {estimate} on {cores}: an estimate from the times of earlier jobs."

    def finish(self, job, now):
        """A job is done."""
        if job in self.running:
            rule, began = self.running.pop(job)
            self.seconds.setdefault(rule, []).append(now - began)

    def seconds_left(self, now):
        """An estimate: the jobs left, each as long as its rule's finished ones on average, over how many run at a time.

        A rule without finished jobs takes its TYPICAL time, times how much slower than typical this run is.
        """
        finished = {rule: sum(seconds) for rule, seconds in self.seconds.items()}
        typical = sum(self.typical.get(rule, OTHERS) * len(seconds) for rule, seconds in self.seconds.items())
        slower = (sum(finished.values()) + TRUSTED) / (typical + TRUSTED)
        a_job = {rule: slower * self.typical.get(rule, OTHERS) for rule in self.planned}
        a_job |= {rule: finished[rule] / len(seconds) for rule, seconds in self.seconds.items()}
        spent = [(now - began, a_job.get(rule, OTHERS)) for rule, began in self.running.values()]
        left = sum(seconds * (self.planned[rule] - len(self.seconds.get(rule, ()))) for rule, seconds in a_job.items())
        left -= sum(min(seconds, whole) for seconds, whole in spent)
        busy = sum(finished.values()) + sum(seconds for seconds, _ in spent)
        return max(left, 0) / max(busy / max(now - self.began, 1), 1)

    def status(self, now):
        """210 of 625 jobs done, about 7 min left: train_networks, fit_models."""
        if not self.total:
            return "Planning ..."
        seconds = self.seconds_left(now)
        left = f"about {math.ceil(seconds / 60)} min" if seconds > 60 else "under a minute"
        self.rules = list(dict.fromkeys(rule for rule, _ in self.running.values())) or self.rules
        return f"{self.done} of {self.total} jobs done, {left} left: {', '.join(self.rules)}"


def recorded(rule):
    """The mean seconds of a rule's jobs in this study, from Snakemake's benchmarks; None before the first."""
    seconds = []
    for path in [Path("logs", f"{rule}.tsv"), *Path("logs", rule).rglob("*.tsv")]:
        with suppress(OSError, ValueError, IndexError):
            names, values = path.read_text(encoding="utf-8").splitlines()[:2]
            seconds.append(float(dict(zip(names.split("\t"), values.split("\t"), strict=True))["s"]))
    return sum(seconds) / len(seconds) if seconds else None


class LogHandler(LogHandlerBase):
    """Draws the line, and writes above it what must be read."""

    def __post_init__(self):
        settings = self.common_settings
        self.stream = sys.stdout if settings.stdout else sys.stderr
        self.moving = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        form, shown = DefaultFormatter(settings.quiet, settings.show_failed_logs), []
        if settings.dryrun:
            shown = [
                DefaultFilter(
                    settings.quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds
                )
            ]
        self.text = ColorizingTextHandler(settings.nocolor, self.stream, form, *shown)
        self.interrupted = False
        self.jobs, self.drawn, self.ended, self.written = Jobs(), "", threading.Event(), 0
        if self.moving and not settings.dryrun:
            threading.Thread(target=self._tick, daemon=True).start()

    def emit(self, record):
        """Take in one event of Snakemake."""
        try:
            self._emit(record)
        except Exception:
            self.handleError(record)  # logging's own way: the run goes on

    def _emit(self, record):
        if self.common_settings.dryrun:
            self.text.handle(record)
            return
        event, message = getattr(record, "event", None), record.getMessage()
        if self.interrupted and record.levelno > logging.INFO:
            return  # of jobs that were stopped
        self.interrupted = self.interrupted or message.startswith(INTERRUPTED)
        if event == LogEvent.RESOURCES_INFO:
            self.jobs.cores = getattr(record, "cores", None) or self.jobs.cores
        elif event == LogEvent.RUN_INFO:
            self.jobs.plan(record.stats)
            self._clear()
            self._write(self.jobs.announce() + "\n")
        elif event == LogEvent.JOB_INFO:
            self.jobs.running[record.jobid] = record.rule_name, record.created
        elif event == LogEvent.JOB_FINISHED:
            self.jobs.finish(record.job_id, record.created)
        elif event == LogEvent.PROGRESS:
            self.jobs.done, self.jobs.total = record.done, record.total
        elif event == LogEvent.JOB_ERROR:
            self.jobs.running.pop(record.jobid, None)
            output, log = (next(iter(paths), "") for paths in (record.output, record.log))
            self._show(record, f"FAILED: {record.rule_name}, which makes {output}" + (f"; see {log}" if log else ""))
        elif message.startswith(SHOWN) or (
            record.levelno > logging.INFO
            and not message.startswith(ENDING)
            and not message.rstrip().endswith(OWN_MESSAGE)
        ):
            self._show(record)
        if message.startswith(ENDING):
            self._end()
        self._draw(last=self.jobs.total > 0 and self.jobs.done == self.jobs.total)

    def _show(self, record, text=None):
        """Write a message above the line; `text` in place of Snakemake's own."""
        self._clear()
        if text is None:
            self.text.handle(record)
        else:
            self._write(self.text.decorate(record, text) + "\n")

    def _tick(self):
        """Redraw the line every second, for minutes pass between events, too."""
        while not self.ended.wait(EVERY_SECONDS[True]):
            self.acquire()
            try:
                self._draw()
            finally:
                self.release()

    def _draw(self, last=False):
        now = time.time()
        if self.ended.is_set():
            return
        if last:
            self._clear()
            self._write(f"{self.jobs.total} of {self.jobs.total} jobs done in {_lasted(now - self.jobs.began)}.\n")
            self.ended.set()
        elif self.moving:
            line = self.jobs.status(now)[: shutil.get_terminal_size().columns - 1]
            if line != self.drawn:
                self._write(f"\r\033[K{line}")
            self.drawn = line
        elif self.jobs.total and now - self.written > EVERY_SECONDS[False]:
            self.written = now
            self._write(self.jobs.status(now) + "\n")

    def _clear(self):
        if self.drawn:
            self._write("\r\033[K")
            self.drawn = ""

    def _end(self):
        """No more lines: what comes next is not ours."""
        self._clear()
        self.ended.set()

    def _write(self, text):
        with suppress(OSError, ValueError):  # the terminal is gone: the run goes on
            self.stream.write(text)
            self.stream.flush()

    def close(self):
        self._end()
        super().close()

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False


def _lasted(seconds):
    """9 min 31 s."""
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s" if seconds >= 60 else f"{seconds:.0f} s"
