"""results/provenance.json: which run, of which code, on which inputs and machine, made the bytes of every result.

The record is written when a run of the workflow ends, well or not. It holds

    format   the version of this layout
    runs     [{command, outcome, started, ended, seconds, code, lock_sha256, packages, packages_unlike_lock, python,
             machine, seed, config, config_sha256}], oldest first
    inputs   {path: {sha256, bytes}} of settings, sheet, scans and weights
    results  {path: {sha256, bytes, run}}: every file under results/, and the number (from 0) of the first run at whose
             end these bytes stood there

A run after which results, inputs, settings, code and packages are what they were adds nothing. What a killed run left
is entered by the next one. Paths are relative to the working folder; inputs outside it are named as the sheet or the
settings name them. The config is recorded with secrets masked, and its sha256 is that of the recorded text.
"""

import csv
import json
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from micrograph import io
from micrograph.errors import UserError
from micrograph.provenance import circumstances, hashes

PROJECT = Path(__file__).resolve().parents[3]  # the checkout that this package lies in
FORMAT = "growth-from-micrographs provenance 1"
RECORD = "results/provenance.json"
ASIDE = "results/provenance.set-aside.json"
KNOWN = "logs/provenance-hashes.json"  # sizes, times and sums, so that unchanged files are not read again
NEW = "is not recorded"
OURS = frozenset({RECORD, ASIDE})


@dataclass(frozen=True)
class Run:
    """One run of the workflow as it begins.

    command: the words of the command line; config: the whole settings; config_files: their files; project: the folder
    of the workflow's code; started, clock: time.time() and time.monotonic() at the beginning.
    """

    command: list
    config: dict
    config_files: list
    project: Path
    started: float
    clock: float


def begin(command, config, config_files, project=PROJECT):
    """The Run that begins now. Looks at nothing, so that it costs nothing where a job reads the workflow again."""
    return Run(list(command), config, list(config_files), Path(project), time.time(), time.monotonic())


def write(folder, run, outcome="finished"):
    """Enter what the run left in `folder` into its record; one sentence on what was entered, or why nothing was.

    outcome: finished or failed. Never raises: a record that cannot be written takes nothing from results that can.
    """
    try:
        return _printable(_write(Path(folder), run, outcome))
    except Exception as error:  # whatever it is, the run's own outcome must stand
        why = f"{type(error).__name__}: {error}"
        return _printable(f"{RECORD}: not written ({why}); the results themselves are not touched.")


def _printable(said):
    """A sentence that any terminal takes, file names in no known encoding included; with the end of its line."""
    return said.encode("ascii", "backslashreplace").decode("ascii") + "\n"


def _write(folder, run, outcome):
    old, said = _old(folder)
    known = hashes.read_known(folder / KNOWN)
    results, known_results, unread = hashes.of_files(folder, hashes.walk(folder, "results", OURS), known)
    inputs, known_inputs, _ = hashes.of_files(folder, inputs_of(folder, run.config, run.config_files), known)
    facts, number = _facts(folder, run, outcome), len(old["runs"])
    hashes.write_known(folder / KNOWN, {**known_inputs, **known_results})
    if number and _unchanged(old, results, inputs, facts):
        return f"{RECORD}: nothing has changed since run {number - 1}."
    runs = {name: _first_run(old["results"].get(name), now, number) for name, now in results.items()}
    record = {
        "format": FORMAT,
        "runs": [*old["runs"], facts],
        "inputs": inputs,
        "results": {name: {**now, "run": runs[name]} for name, now in results.items()},
    }
    io.write_text(folder / RECORD, json.dumps(record, indent=1) + "\n")
    new = sum(first == number for first in runs.values())
    lost = f" Could not be read: {', '.join(unread[:5])}." if unread else ""
    return f"{said}{RECORD}: {len(results)} results, {new} of them new in run {number}.{lost}"


def _unchanged(old, results, inputs, facts):
    """Whether the last record says the same of results, inputs, settings, code and packages."""
    stood = {name: {"sha256": was["sha256"], "bytes": was["bytes"]} for name, was in old["results"].items()}
    last = old["runs"][-1]
    same = all(last.get(name) == facts[name] for name in ("config", "lock_sha256", "packages"))
    same = same and last.get("code", {}).get("sha256") == facts["code"]["sha256"]
    return same and stood == results and old["inputs"] == inputs


def _first_run(was, now, number):
    """The number of the first run at whose end these bytes stood there."""
    return was["run"] if was and was["sha256"] == now["sha256"] else number


def _facts(folder, run, outcome):
    """What the record says of one run."""
    settings = circumstances.masked(run.config)
    versions, unlike = circumstances.packages(run.project / "requirements.lock")
    locks, _, _ = hashes.of_files(run.project, ["requirements.lock"])
    return {
        "command": circumstances.command(run.command, folder, run.project),
        "outcome": outcome,
        "started": _when(run.started),
        "ended": _when(time.time()),
        "seconds": round(time.monotonic() - run.clock, 1),
        "code": circumstances.code(run.project, run.started),
        "lock_sha256": locks["requirements.lock"]["sha256"] if locks else None,
        "packages": versions,
        "packages_unlike_lock": unlike,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": circumstances.machine(),
        "seed": run.config.get("seed"),
        "config": settings,
        "config_sha256": config_sha256(settings),
    }


def config_sha256(settings):
    """The SHA-256 of recorded settings: of their JSON with sorted keys and no spaces."""
    return hashes.of_text(json.dumps(settings, sort_keys=True, separators=(",", ":")))


def _when(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def inputs_of(folder, config, config_files):
    """The names of what results rest on: settings, the sheet and the scans that it names, weights, new scans.

    Relative to `folder` where they lie in it, else as they are named; sorted, each once; of folders, their files.
    """
    folder = Path(folder)
    sheet = config.get("scans", {}).get("sheet")
    named = [
        *map(str, config_files),
        *([sheet, *_scans(folder / sheet)] if sheet else []),
        config.get("networks", {}).get("weights_file"),
        config.get("new_scans"),
        "resources/weights",
        "resources/excluded.tsv",
    ]
    there = dict.fromkeys(_named(folder, name) for name in named if name)
    return sorted({name for path in there for name in _files_of(folder, path)})


def _scans(sheet):
    """The column `scan` of a sample sheet, as it is written there; none where there is no such sheet."""
    try:
        with open(sheet, encoding="utf-8-sig", newline="") as lines:
            return [row["scan"].strip() for row in csv.DictReader(lines, delimiter="\t") if row.get("scan")]
    except (OSError, ValueError, csv.Error):
        return []


def _named(folder, name):
    """`name` relative to the folder where it lies in it, else unchanged."""
    path = Path(name)
    if path.is_absolute() and path.is_relative_to(folder.resolve()):
        path = path.relative_to(folder.resolve())
    return path.as_posix()


def _files_of(folder, name):
    below = hashes.walk(folder / name, ".") if (folder / name).is_dir() else None
    return [name] if below is None else [f"{name}/{path}" for path in below]


def _old(folder):
    """(the last record, a sentence): an empty record where there is none, or none that we wrote, which is set aside."""
    try:
        return read(folder), ""
    except FileNotFoundError:
        return {"runs": [], "inputs": {}, "results": {}}, ""
    except UserError as fault:
        (folder / RECORD).replace(folder / ASIDE)
        return {"runs": [], "inputs": {}, "results": {}}, f"{fault} It is now {ASIDE}, and a new record begins. "


def read(folder):
    """The record of the study in `folder`. FileNotFoundError where there is none, UserError where it is none of ours."""
    try:
        record = json.loads((Path(folder) / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{RECORD}: cannot be read as a record ({type(error).__name__}).") from None
    if not _is_ours(record):
        raise UserError(f"{RECORD}: was not written by this version of the workflow.")
    return record


def _is_ours(record):
    """Whether this is a record, to the depth that we rely on."""
    if not isinstance(record, dict) or record.get("format") != FORMAT or not isinstance(record.get("runs"), list):
        return False
    runs, results, inputs = (record.get(name) for name in ("runs", "results", "inputs"))
    if not all(isinstance(run, dict) for run in runs) or not isinstance(results, dict) or not isinstance(inputs, dict):
        return False
    return all(_is_sum(said) for said in inputs.values()) and all(
        _is_sum(said) and type(said.get("run")) is int and 0 <= said["run"] < len(runs) for said in results.values()
    )


def _is_sum(said):
    return isinstance(said, dict) and isinstance(said.get("sha256"), str) and type(said.get("bytes")) is int


def faults(folder, record):
    """[(path, what is wrong)] wherever results or inputs are not what the record says, every byte read anew.

    Files that stand under results/ and are not recorded are listed too, as "not recorded".
    """
    found = []
    for kind in ("inputs", "results"):
        now, _, _ = hashes.of_files(folder, list(record[kind]))
        for name, said in record[kind].items():
            if name not in now:
                found.append((name, "is missing or cannot be read"))
            elif now[name]["sha256"] != said["sha256"]:
                found.append((name, "is not what the record says"))
    new = set(hashes.walk(folder, "results", OURS)) - set(record["results"])
    return found + [(name, NEW) for name in sorted(new)]
