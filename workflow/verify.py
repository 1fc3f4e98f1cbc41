"""Recompute a random share of a study's results in a copy of it, and compare every byte.

    python workflow/verify.py [--share 0.1] [--seed 4711] [--only 'results/tables/*'] [--folder my-study] [--cores 2]

First every recorded file is read anew and must be what results/provenance.json says. Then the outputs of the workflow
are drawn (a folder that a rule makes counts as one), each is made again from the study's own files, by the same
settings, and compared. The study is not touched: its results are copied to a temporary folder; only scans, weights and
the sheet, which nothing here makes again, are linked where that is possible. The status is 0 where all is equal, 1
where anything differs, and 2 where something could not be made again.
"""

import argparse
import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from micrograph.faults import Fault, told
from micrograph.provenance import circumstances, compare, hashes, record

PROJECT = Path(__file__).resolve().parents[1]
STATUS = {"equal": 0, "could not": 2, "differs": 1}  # of the command, by the worst verdict; the worst stands last
NOTED = 10  # names and lines of a job's log that are printed at most
SPARE_BYTES = 200e6  # room that the jobs may need beside the copy


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


def snakemake(folder, *words):
    """The finished process of the project's workflow in `folder`; what it printed stands in stdout and stderr."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile"), "--directory", str(folder)]
    return subprocess.run(
        [*command, "--scheduler", "greedy", "--nolock", *words], capture_output=True, text=True, cwd=folder
    )


def outputs_of(folder):
    """(there, missing): the workflow's Outputs under results/, as `snakemake --summary` lists them.

    Whether Snakemake finds them up to date is not asked: by the times of a fresh checkout's code nothing is.
    """
    done = snakemake(folder, "--summary")
    header, *rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line] or [[]]
    if done.returncode or "output_file" not in header:
        raise Fault(f"the workflow cannot say what it makes here; it said: {_end_of(done)}")
    table = [dict(zip(header, row, strict=True)) for row in rows]
    kinds = {True: [], False: []}
    for row in sorted(table, key=lambda row: row["output_file"]):
        if row["output_file"].startswith("results/"):
            output = Output(row["output_file"].rstrip("/"), row["rule"])
            kinds[(folder / output.name).exists()].append(output)
    return kinds[True], kinds[False]


def draw(outputs, share, seed, only=None):
    """The Outputs drawn: a share of all, one at least; of those that match the pattern `only`, where it is given."""
    among = [output for output in outputs if only is None or fnmatchcase(output.name, only)]
    if not among:
        raise Fault(
            f"there is no output like {only or 'results/*'}; `snakemake --summary` lists those of the workflow."
        )
    return sorted(
        random.Random(seed).sample(among, max(1, round(share * len(among)))),
        key=lambda output: (output.rule, output.name),
    )


def copy_study(study, place, written):
    """Bring what a run in `place` needs: results and Snakemake's notes copied, inputs linked, settings as recorded."""
    _check_room(study, place)
    for part, way in (("results", shutil.copy2), (".snakemake/metadata", shutil.copy2), ("resources", _link)):
        if (study / part).is_dir():
            shutil.copytree(study / part, place / part, copy_function=way, ignore_dangling_symlinks=True)
    for name in written["inputs"]:
        if not Path(name).is_absolute() and (study / name).exists() and not (place / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            _link(study / name, place / name)
    for folder, _, _ in os.walk(place):
        os.chmod(folder, 0o700)
    _write_settings(study, place, written["runs"][-1]["config"])


def room_for(place, inputs):
    """A new folder in `place`, so deep that inputs named by ../ come to lie in `place` as well."""
    depth = max((Path(os.path.normpath(name)).parts.count("..") for name in inputs), default=0)
    folder = place.joinpath(*["above"] * depth, "study")
    folder.mkdir(parents=True)
    return folder


def _link(source, target):
    """A second name for a file, or a copy where the disk is another. For files that no job run here writes to."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copy2(source, target)


def _check_room(study, place):
    same_disk = os.stat(study).st_dev == os.stat(place).st_dev
    parts = ["results"] if same_disk else ["results", "resources"]
    needed = SPARE_BYTES + sum((study / name).stat().st_size for part in parts for name in hashes.walk(study, part))
    free = shutil.disk_usage(place).free
    if free < needed:
        raise Fault(
            f"{tempfile.gettempdir()}: a copy of the results needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are "
            "free; name a folder with more room: TMPDIR=FOLDER make verify"
        )


def _write_settings(study, place, settings):
    """The recorded settings as config.yaml, unless the study's own file says the same."""
    (place / "config.yaml").unlink(missing_ok=True)  # it may be linked: never written into
    try:
        text = (study / "config.yaml").read_text(encoding="utf-8")
        same = circumstances.masked(yaml.safe_load(text)) == settings
    except (OSError, ValueError, yaml.YAMLError):
        same = False
    recorded = yaml.safe_dump(_numbered(settings), sort_keys=False, allow_unicode=True)
    (place / "config.yaml").write_text(text if same else recorded, encoding="utf-8")


def _numbered(settings):
    """Settings read from JSON with keys that are whole numbers as numbers again, as YAML had them."""
    if isinstance(settings, dict):
        return {int(name) if name.isdecimal() else name: _numbered(value) for name, value in settings.items()}
    return [_numbered(value) for value in settings] if isinstance(settings, list) else settings


def recompute(study, place, rule, outputs, cores):
    """Make the outputs of one rule again in `place` and judge them; then put the study's own files there again."""
    for output in outputs:
        remove(place / output.name)
    names = [output.name for output in outputs]
    words = ["--cores", str(cores), "--force", "--keep-going", "--no-hooks", "--allowed-rules", rule]
    done = snakemake(place, *words, "--", *names)
    made = [name for name in changed(study, place) if (place / name).exists()]
    missing = [output for output in outputs if not (place / output.name).exists()]
    differ = {name: remark for name in made if (remark := _difference(study, place, name))}
    for output in outputs:
        lost = [name for name in changed(study, place) if output.holds(name) and not (place / name).exists()]
        wrong = [f"{name}: {remark}" for name, remark in differ.items() if output.holds(name)]
        wrong = [one.removeprefix(f"{output.name}: ") for one in wrong]
        wrong += [f"{name}: not made again" for name in lost]
        if output in missing:
            output.remark = _end_of(done)
        else:
            output.verdict, output.remark = ("differs", wrong[0]) if wrong else ("equal", "")
    outputs[0].beside = [(name, differ.get(name)) for name in made if not any(one.holds(name) for one in outputs)]
    restore(study, place)


def remove(path):
    """Remove a file or folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def changed(study, place):
    """Names of results that `place` lacks, has besides, or has with another time or size than the study."""
    ours, theirs = (_stamps(folder) for folder in (study, place))
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def _stamps(folder):
    stamps = {}
    for name in hashes.walk(folder, "results", record.OURS):
        facts = (folder / name).stat()
        stamps[name] = (facts.st_size, facts.st_mtime_ns)
    return stamps


def _difference(study, place, name):
    """How a file made again differs from the study's, in words; nothing where it does not."""
    if not (study / name).exists():
        return "the study has no such file"
    if (study / name).read_bytes() == (place / name).read_bytes():
        return ""
    return compare.described(compare.judge(name, study / name, place / name)).removeprefix(f"{name}: ")


def restore(study, place):
    """Put the study's own results back, so that what comes next starts from them."""
    for name in changed(study, place):
        (place / name).unlink(missing_ok=True)
        if (study / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(study / name, place / name)


def _end_of(done):
    """The last lines of what a process said."""
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return " / ".join(said[-NOTED:]) or f"nothing (status {done.returncode})"


def check_record(study):
    """(the record, how many files are not what it says), the faults printed."""
    try:
        written = record.read(study)
    except FileNotFoundError:
        raise Fault(
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
    return written, len(wrong)


def verify(study, share, seed, only, cores):
    """The status of the command, after printing what was found."""
    written, wrong = check_record(study)
    with tempfile.TemporaryDirectory(prefix="verify-", ignore_cleanup_errors=True) as place:
        place = room_for(Path(place).resolve(), written["inputs"])
        copy_study(study, place, written)
        outputs, missing = outputs_of(place)
        if missing:
            print(f"Not there, and so not drawn, are {len(missing)} outputs, as {missing[0].name}.")
        drawn = draw(outputs, share, seed, only)
        print(
            f"Making {len(drawn)} of {len(outputs)} outputs again; the draw is share {share:g}, seed {seed}.",
            flush=True,
        )
        for rule in dict.fromkeys(output.rule for output in drawn):
            recompute(study, place, rule, [output for output in drawn if output.rule == rule], cores)
            print("\n".join(f"  {one.verdict:10}{one.name}" for one in drawn if one.rule == rule), flush=True)
    return max(report(drawn), bool(wrong), key=(0, 2, 1).index)


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
    return told(verify, asked.folder.resolve(), share, seed, asked.only, asked.cores)


if __name__ == "__main__":
    sys.exit(main())
