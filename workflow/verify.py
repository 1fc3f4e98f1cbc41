"""Recompute a random share of a study's results in a copy of it, and compare every byte.

    python workflow/verify.py [--share 0.1] [--seed 4711] [--only 'results/tables/*'] [--folder my-study] [--cores 2]

First every recorded file is read anew and must be what results/provenance.json says. Then the outputs of the workflow
are drawn (a folder that a rule makes counts as one), each is made again from the study's own files, by the same
settings, and compared. The study is not touched: its results are copied to a temporary folder; only scans, weights and
the sheet, which nothing here makes again, are linked where that is possible. The status is 0 where all is equal, 1
where anything differs, and 2 where something could not be made again. Interrupted or terminated, it ends its jobs and
removes the copy.
"""

import argparse
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from micrograph import io
from micrograph.errors import UserError, exit_with_message
from micrograph.provenance import circumstances, compare, copies, record

PROJECT = Path(__file__).resolve().parents[1]
STATUS = {"equal": 0, "could not": 2, "differs": 1}  # of the command, by the worst verdict; the worst stands last
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE_SECONDS = 3  # for jobs to end when they are told to, before they are made to
NEW_SCANS = "results/new/"  # of the target predict, which the study itself does not ask for
NOTED = 10  # names and lines of a job's log that are printed at most


@dataclass
class Output:
    """One output of the workflow: a file or folder, the rule that makes it, the verdict on it and why."""

    name: str
    rule: str
    verdict: str = "could not"
    remark: str = ""
    beside: list = field(default_factory=list)

    def holds(self, name):
        """Whether the file `name` is this output or lies in it."""
        return name == self.name or name.startswith(f"{self.name}/")


class Stopped(BaseException):
    """A signal has asked this program to end; its number is the only argument."""


def stop(number, _):
    """A signal handler: raises Stopped, once."""
    for one in STOPS:
        signal.signal(one, signal.SIG_IGN)
    raise Stopped(number)


def snakemake(folder, *words):
    """The finished process of the project's workflow in `folder`; what it printed stands in stdout and stderr.

    However this ends, no job of it runs on.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile"), "--directory", str(folder)]
    process = subprocess.Popen(
        [*command, "--scheduler", "greedy", "--nolock", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="backslashreplace", cwd=folder,
        start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate()
    except BaseException:
        _end(process)
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _end(process):
    """End a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def outputs_of(folder, settings):
    """(there, missing): the workflow's Outputs under results/, as `snakemake --summary` lists them.

    settings: those of the record. Whether Snakemake finds outputs up to date is not asked: by the times of a fresh
    checkout's code nothing is. A sheet of fetched scans alone must be, or what comes after it would not be listed: it
    is declared to be, in this folder.
    """
    sheets = copies.sheets_made(settings)
    if sheets and all((folder / name).is_file() for name in sheets):
        fetching = f"retrieve_{settings['scans']['source']}"
        snakemake(folder, "--cores", "1", "--touch", "--no-hooks", "--allowed-rules", fetching, "--", sheets[0])
    done = snakemake(folder, "--summary", "--", "default", *(["predict"] if settings.get("new_scans") else []))
    if done.returncode and settings.get("new_scans"):
        done = snakemake(folder, "--summary")  # the new scans may be gone
    header, *rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line] or [[]]
    if done.returncode or "output_file" not in header:
        raise UserError(f"the workflow cannot say what it makes here; it said: {_end_of(done)}")
    table = [dict(zip(header, row, strict=True)) for row in rows]
    kinds = {True: [], False: []}
    for row in sorted(table, key=lambda row: row["output_file"]):
        if row["output_file"].startswith("results/"):
            output = Output(row["output_file"].rstrip("/"), row["rule"])
            kinds[(folder / output.name).exists()].append(output)
    return kinds[True], kinds[False]


def unlisted(written, outputs, only=None):
    """The status of recorded results that are no output of the workflow and so cannot be drawn; printed, how many.

    It is 2 where they lie in the workflow's own folders, but for predictions of new scans, which are said by name.
    """
    listed = {output.name for output in outputs}
    parts = {name: {name, *map(str, Path(name).parents)} for name in written["results"]}
    names = [name for name, among in parts.items() if not among & listed]
    names = [name for name in names if only is None or any(fnmatchcase(part, only) for part in parts[name])]
    new = [name for name in names if name.startswith(NEW_SCANS)]
    lost = [name for name in names if name not in new]
    if new:
        print(f"Not drawn are {len(new)} files of {NEW_SCANS}: the target predict made them, of scans not named here.")
    if lost:
        print(
            f"{len(lost)} recorded results cannot be drawn here (as {lost[0]}): by the recorded settings the workflow "
            "makes no such file."
        )
    return 2 if any(Path(name).parts[1] in compare.STAGES for name in lost) else 0


def draw(outputs, share, seed, only=None):
    """The Outputs drawn: a share of all, one at least; of those that match the pattern `only`, where it is given."""
    among = [output for output in outputs if only is None or fnmatchcase(output.name, only)]
    if not among:
        raise UserError(
            f"there is no output like {only or 'results/*'}; `snakemake --summary` lists those of the workflow."
        )
    return sorted(
        random.Random(seed).sample(among, max(1, round(share * len(among)))),
        key=lambda output: (output.rule, output.name),
    )


def recompute(study, place, rule, outputs, cores):
    """Make the outputs of one rule again in `place` and judge them; then put the study's own files there again."""
    for output in outputs:
        copies.remove(place / output.name)
    names = [output.name for output in outputs]
    words = ["--cores", str(cores), "--force", "--keep-going", "--no-hooks", "--allowed-rules", rule]
    done = snakemake(place, *words, "--", *names)
    made = [name for name in copies.changed(study, place) if (place / name).exists()]
    missing = [output for output in outputs if not (place / output.name).exists()]
    differ = {name: remark for name in made if (remark := _difference(study, place, name))}
    for output in outputs:
        lost = [name for name in copies.changed(study, place) if output.holds(name) and not (place / name).exists()]
        wrong = [f"{name}: {remark}" for name, remark in differ.items() if output.holds(name)]
        wrong = [one.removeprefix(f"{output.name}: ") for one in wrong]
        wrong += [f"{name}: not made again" for name in lost]
        if output in missing:
            output.remark = _end_of(done)
        else:
            output.verdict, output.remark = ("differs", wrong[0]) if wrong else ("equal", "")
    outputs[0].beside = [(name, differ.get(name)) for name in made if not any(one.holds(name) for one in outputs)]
    copies.restore(study, place)


def _difference(study, place, name):
    """How a file made again differs from the study's, in words; nothing where it does not."""
    if not (study / name).exists():
        return "the study has no such file"
    if (study / name).read_bytes() == (place / name).read_bytes():
        return ""
    return compare.described(compare.judge(name, study / name, place / name)).removeprefix(f"{name}: ")


def _end_of(done):
    """The last lines of what a process said."""
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return " / ".join(said[-NOTED:]) or f"nothing (status {done.returncode})"


def check_record(study):
    """(the record, how many files are not what it says), the faults printed."""
    try:
        written = record.read(study)
    except FileNotFoundError:
        raise UserError(
            f"{study / record.RECORD}: there is no such record; a run of the workflow writes it (where nothing is left "
            "to do: snakemake --cores 1 --force table1)."
        ) from None
    found = record.faults(study, written)
    wrong = [f"{name}: {fault}" for name, fault in found if fault != record.NEW]
    new = [name for name, fault in found if fault == record.NEW]
    print(
        "\n".join(wrong)
        or f"All {len(written['results'])} results and {len(written['inputs'])} inputs stand as recorded."
    )
    if new:
        print(f"Not recorded are {len(new)} files, as {', '.join(new[:NOTED])}; the next run enters them.")
    runs = [written["runs"][number] for number in sorted({said["run"] for said in written["results"].values()})]
    unlike = circumstances.unlike(runs, PROJECT)
    print(
        f"Not as in the record are here: {', '.join(unlike)}; a difference below may come from that."
        if unlike
        else "Code, packages and machine are here as in the record."
    )
    return written, len(wrong)


def verify(study, share, seed, only, cores):
    """The status of the command, after printing what was found."""
    written, wrong = check_record(study)
    with tempfile.TemporaryDirectory(prefix="verify-", ignore_cleanup_errors=True) as place:
        place = copies.room_for(Path(place).resolve(), written["inputs"])
        copies.of_study(study, place, written)
        outputs, missing = outputs_of(place, written["runs"][-1]["config"])
        if missing:
            print(f"Not there, and so not drawn, are {len(missing)} outputs, as {missing[0].name}.")
        beyond = unlisted(written, outputs + missing, only)
        drawn = draw(outputs, share, seed, only)
        print(
            f"Making {len(drawn)} of {len(outputs)} outputs again; the draw is share {share:g}, seed {seed}.",
            flush=True,
        )
        for rule in dict.fromkeys(output.rule for output in drawn):
            recompute(study, place, rule, [output for output in drawn if output.rule == rule], cores)
            print("\n".join(f"  {one.verdict:10}{one.name}" for one in drawn if one.rule == rule), flush=True)
    return max(report(drawn), bool(wrong), beyond, key=(0, 2, 1).index)


def report(drawn):
    """Print the verdicts with their reasons; the worst of them as a status."""
    beside = [pair for output in drawn for pair in output.beside]
    differ = [f"{name} (made by the same jobs): {remark}" for name, remark in beside if remark]
    for output in drawn:
        if output.verdict != "equal":
            print(f"{output.verdict}: {output.name} (rule {output.rule}): {output.remark}")
    print("\n".join(differ) if differ else f"Of the same jobs came {len(beside)} files more, all equal.")
    counts = {verdict: sum(output.verdict == verdict for output in drawn) for verdict in STATUS}
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + f", of {len(drawn)}.")
    verdicts = {output.verdict for output in drawn} | ({"differs"} if differ else set())
    return next(STATUS[verdict] for verdict in reversed(STATUS) if verdict in verdicts)


def share_of(text):
    """A share from the command line: above 0, up to 1."""
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share; give a number above 0, up to 1, as 0.1")
    return share


def main(words=None):
    """Verify the study that the command line names; the status of the command."""
    parser = argparse.ArgumentParser(prog="verify", description=__doc__.split("\n")[0])
    parser.add_argument("--share", type=share_of, help="share of the outputs, above 0, up to 1; 0.1, with --only 1")
    parser.add_argument("--seed", type=int, help="seed of the draw; a new one where none is given")
    parser.add_argument("--only", metavar="PATTERN", help="draw among outputs of such names, as 'results/tables/*'")
    parser.add_argument("--folder", type=Path, default=Path(), help="the study's folder; the one that you are in")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores to compute with; all")
    asked = parser.parse_args(words)
    sys.stdout.reconfigure(errors="backslashreplace")  # file names may be in no known encoding
    share = asked.share or (1.0 if asked.only else 0.1)
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    for one in STOPS:
        if signal.getsignal(one) is not signal.SIG_IGN:  # as nohup does
            signal.signal(one, stop)
    try:
        return exit_with_message(verify, asked.folder.resolve(), share, seed, asked.only, asked.cores)
    except Stopped as stopped:
        name = signal.Signals(stopped.args[0]).name
        print(f"\nStopped by {name}: nothing is verified; the jobs are ended, the copy removed.", file=sys.stderr)
        return 128 + stopped.args[0]
    except OSError as error:
        if (number := io.disk_full(error)) is None:
            raise
        print(f"\n{io.unwritable(error.filename2 or tempfile.gettempdir(), number)}", file=sys.stderr)
        return STATUS["could not"]


if __name__ == "__main__":
    sys.exit(main())
