"""Make a random share of a study's results again, from its own inputs and settings, and compare the bytes.

    micrograph verify [--share 0.1] [--seed 4711] [--only 'results/tables/*'] [--folder my-study] [--cores 2]

First every recorded file is read and must be what the record says. Then outputs of the workflow are drawn (a folder
that a rule makes counts as one), and Snakemake makes those of each rule again in a temporary folder, where links stand
for all other files of the study: the study is not touched, and no difference spreads. The exit status is 0 where all
are equal, 1 where any file differs from the record or from what was made again, 2 where one could not be made again.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path

import yaml

from micrograph.errors import UserError
from micrograph.project import PROJECT, SNAKEFILE
from micrograph.provenance import environment
from micrograph.provenance.checksums import files_in
from micrograph.provenance.compare import EQUAL, compare_files
from micrograph.provenance.record import RECORD, Record, check, read

EXIT = {"equal": 0, "not made": 2, "differs": 1}  # by verdict; the worst stands last
LAST_LINES = 10  # of a failed run, that are printed


@dataclass
class Output:
    """A file or folder under results/ that a rule makes, and the verdict on it."""

    name: str
    rule: str
    verdict: str = "not made"
    detail: str = ""


@dataclass(frozen=True)
class Verification:
    """What is verified, and with what.

    Parameters
    ----------
    study : Path
        Its folder.
    share : float
        Of the outputs, above 0, up to 1; at least one is drawn.
    seed : int
        Of the draw.
    only : str
        Pattern of the names among which is drawn.
    cores : int
    """

    study: Path
    share: float
    seed: int
    only: str = "*"
    cores: int = 1


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the project's workflow in `folder`; however this function ends, none of its jobs runs on."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--directory", str(folder)]
    process = subprocess.Popen(
        [*command, "--scheduler", "greedy", "--rerun-triggers", "mtime", "--no-hooks", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)  # nothing is lost: the folder is a temporary one
        process.wait()
        raise
    return subprocess.CompletedProcess(command, process.returncode, printed)


def mirror(study: Path, folder: Path, record: Record) -> Path:
    """Make a folder in which a run finds the study's files as links, and its recorded settings.

    Returns
    -------
    Path
        A folder in `folder`, so deep that inputs outside the study, named by ``../``, lie in `folder` as well.
    """
    place = folder.joinpath(
        *["above"] * max((Path(name).parts.count("..") for name in record.inputs), default=0), "study"
    )
    for part in ("results", "resources"):
        if (study / part).is_dir():
            shutil.copytree(study / part, place / part, copy_function=os.symlink, ignore_dangling_symlinks=True)
    for directory, _, _ in os.walk(place):
        os.chmod(directory, 0o700)
    for name in record.inputs:
        if not Path(name).is_absolute() and not (place / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).symlink_to(study / name)
    (place / "config.yaml").unlink(missing_ok=True)
    (place / "config.yaml").write_text(record.facts(record.runs[-1])["config"], encoding="utf-8")
    return place


def outputs_of(place: Path, targets: Sequence[str]) -> list[Output]:
    """List the outputs under results/ that the workflow makes for `targets`, whether they are there or not."""
    done = snakemake(place, "--summary", "--", *targets)
    header, *rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line] or [[]]
    if done.returncode or "output_file" not in header:
        raise UserError(f"Snakemake cannot list the outputs of this study: {_last_lines(done)}")
    found = [dict(zip(header, row, strict=True)) for row in rows]
    outputs = [Output(one["output_file"].rstrip("/"), one["rule"]) for one in found]
    return sorted((one for one in outputs if one.name.startswith("results/")), key=lambda one: (one.rule, one.name))


def draw(outputs: Sequence[Output], share: float, seed: int, only: str = "*") -> list[Output]:
    """Draw a share, one at least, of the outputs whose name matches the pattern `only`.

    Raises
    ------
    UserError
        If there is none.
    """
    among = [output for output in outputs if fnmatchcase(output.name, only)]
    if not among:
        raise UserError(f"no output is named {only}; `snakemake --summary` lists all of them")
    drawn = random.Random(seed).sample(among, max(1, round(share * len(among))))
    return sorted(drawn, key=lambda output: (output.rule, output.name))


def recompute(wanted: Verification, record: Record, outputs: Sequence[Output]) -> list[Output]:
    """Make outputs of one rule again and judge them.

    Parameters
    ----------
    wanted : Verification
    record : Record
        Of the study.
    outputs : sequence of Output
        Their verdicts are set.

    Returns
    -------
    list of Output
        The outputs, and every other file that the same jobs made and that differs.
    """
    study, rule = wanted.study, outputs[0].rule
    with tempfile.TemporaryDirectory(prefix="verify-", ignore_cleanup_errors=True) as folder:
        place = mirror(study, Path(folder).resolve(), record)
        for output in outputs:
            shutil.rmtree(place / output.name) if (place / output.name).is_dir() else (place / output.name).unlink()
        names = [output.name for output in outputs]
        how = ("--cores", str(wanted.cores), "--force", "--keep-going", "--allowed-rules", rule)
        done = snakemake(place, *how, "--", *names)
        made = [
            f"results/{name}" for name in files_in(place / "results") if not (place / "results" / name).is_symlink()
        ]
        drawn = [f"results/{name}" for name in files_in(study / "results") if _under(f"results/{name}", names)]
        compared = [compare_files(name, study / name, place / name) for name in sorted({*made, *drawn})]
        differing = [one for one in compared if one.verdict != EQUAL]
        for output in outputs:
            own = [one for one in differing if _under(one.name, [output.name])]
            if not (place / output.name).exists():
                output.detail = _last_lines(done)
            else:
                output.verdict = "differs" if own else "equal"
                output.detail = f"{own[0].name}: {own[0].detail}" if own else ""
    beside = [one for one in differing if not _under(one.name, names)]
    return [*outputs, *(Output(one.name, rule, "differs", one.detail) for one in beside)]


def verify(wanted: Verification) -> int:
    """Verify a study, print what is found, and return the exit status (EXIT).

    Raises
    ------
    UserError
        If the study has no record, or no output is named so.
    """
    study = wanted.study
    try:
        record = read(study)
    except FileNotFoundError:
        raise UserError(
            f"{study / RECORD}: there is no record of this study; a run of the workflow writes it."
        ) from None
    if wrong := check(study, record):
        print("\n".join(wrong), f"{len(wrong)} files are not as recorded; nothing was recomputed.", sep="\n")
        return EXIT["differs"]
    print(f"All {len(record.results)} results and {len(record.inputs)} inputs are as recorded.")
    facts, here = [record.facts(run) for run in record.runs], environment.describe(PROJECT)
    for difference in sorted({line for one in facts for line in environment.differences(one, here)}):
        print(f"Not as recorded: {difference}")
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        new_scans = yaml.safe_load(facts[-1]["config"]).get("new_scans")
        targets = ["default", *(["predict"] if new_scans else [])]
        targets += ["onnx"] if "results/final_model/model.onnx" in record.results else []
        outputs = outputs_of(mirror(study, Path(folder).resolve(), record), targets)
    there = [output for output in outputs if (study / output.name).exists()]
    drawn = draw(there, wanted.share, wanted.seed, wanted.only)
    print(f"Recomputing {len(drawn)} of {len(there)} outputs; share {wanted.share:g}, seed {wanted.seed}.", flush=True)
    judged = unmade(record, outputs, wanted.only)
    for _, same_rule in groupby(drawn, key=lambda output: output.rule):
        judged += recompute(wanted, record, list(same_rule))
        print(".", end="", flush=True)
    print()
    for output in judged:
        print(f"  {output.verdict:8}  {output.name}")
        if output.detail:
            print(f"            {output.detail}")
    counts = Counter(output.verdict for output in judged)
    print(", ".join(f"{counts[verdict]} {verdict}" for verdict in EXIT) + ".")
    return EXIT[max(counts, key=list(EXIT).index)]


def unmade(record: Record, outputs: Sequence[Output], only: str = "*") -> list[Output]:
    """List the recorded results in the workflow's folders that it does not make, such as those of other settings.

    Predictions of new scans are left out, which a run with other settings makes.
    """
    names = {output.name for output in outputs}
    folders = {Path(name).parts[1] for name in names} - {"new"}
    found = [name for name in record.results if Path(name).parts[1] in folders and fnmatchcase(name, only)]
    detail = "no rule makes this with the recorded settings"
    return [Output(name, "", detail=detail) for name in found if not _under(name, names)]


def _under(name: str, outputs: Collection[str]) -> bool:
    """Whether a file is one of the outputs, or lies in one."""
    return not {name, *map(str, Path(name).parents)}.isdisjoint(outputs)


def _last_lines(done: subprocess.CompletedProcess) -> str:
    return " / ".join(line.strip() for line in done.stdout.splitlines()[-LAST_LINES:] if line.strip())


def verify_or_stop(wanted: Verification) -> int:
    """Verify a study as `verify`; a signal to stop ends all jobs and is status 130."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names may be in no known encoding
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.default_int_handler)
    try:
        return verify(wanted)
    except KeyboardInterrupt:
        print("Stopped: nothing is verified, the jobs are ended, the temporary folder is removed.", file=sys.stderr)
        return 130
