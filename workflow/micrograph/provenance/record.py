"""The record of a study: an RO-Crate beside its results, written when a run of the workflow ends, well or not.

``results/ro-crate-metadata.json`` follows the Process Run Crate profile [1]_. Every result is a ``File`` with its
SHA-256. Every run is a ``CreateAction``: its ``object`` are the inputs (settings, sheet, scans, weights), its
``result`` the files that it made, its ``instrument`` the code, its ``additionalProperty`` settings and environment. A
result belongs to the first run at whose end it had these bytes; a run of whose results none is left is dropped. Inputs
lie outside the crate's folder: their ``@id`` is a fragment, their path the ``name``.

References
----------
.. [1] S. Leo et al., "Recording provenance of workflow runs with RO-Crate", PLOS ONE 19(9), e0309210 (2024).
"""

import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import yaml

from micrograph import io
from micrograph.errors import UserError
from micrograph.project import PROJECT
from micrograph.provenance import environment
from micrograph.provenance.checksums import checksums, files_in, iso_time, of_text
from micrograph.scans import sample_sheet

NAME = "ro-crate-metadata.json"
RECORD = f"results/{NAME}"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
STATUS = {"finished": "http://schema.org/CompletedActionStatus", "failed": "http://schema.org/FailedActionStatus"}
MASK = "(masked)"
SECRET = re.compile(r"credential|password|passwd|secret|token|api[_-]?key|access[_-]?key|authori[sz]ation|cookie", re.I)
LOGIN_OR_QUERY = re.compile(r"(?<=://)[^/@\s]+(?=@)|(?<=[?#])\S+")


@dataclass(frozen=True)
class Run:
    """A run of the workflow that has begun.

    Parameters
    ----------
    config : mapping
        The merged settings.
    config_files : iterable of str
        The files that they come from.
    project : Path
        The folder of the workflow's code.
    started : float
        Seconds since the epoch.
    """

    config: Mapping[str, Any]
    config_files: Iterable[str]
    project: Path = PROJECT
    started: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Record:
    """What the record of a study holds.

    Parameters
    ----------
    entities : dict of str to dict
        The entities of the crate by their ``@id``.
    runs : list of dict
        The ``CreateAction`` entities, oldest first.
    inputs, results : dict of str to dict
        The ``File`` entities of the last run's inputs and of all results, by path relative to the study's folder.
    """

    entities: dict[str, dict] = field(default_factory=dict)
    runs: list[dict] = field(default_factory=list)
    inputs: dict[str, dict] = field(default_factory=dict)
    results: dict[str, dict] = field(default_factory=dict)

    def facts(self, run: Mapping[str, Any]) -> dict[str, str]:
        """Return the settings (``config``, as YAML) and the environment of one of the runs."""
        return {self.entities[name]["name"]: self.entities[name]["value"] for name in _ids(run["additionalProperty"])}


def read(folder: Path) -> Record:
    """Read the record of the study in `folder`.

    Raises
    ------
    FileNotFoundError
        If there is none.
    UserError
        If the file is not a record of this workflow.
    """
    path = Path(folder) / RECORD
    try:
        entities = {entity["@id"]: entity for entity in json.loads(path.read_text(encoding="utf-8"))["@graph"]}
        runs = [entity for entity in entities.values() if entity["@type"] == "CreateAction"]
        inputs = [entities[name] for name in _ids(runs[-1]["object"])]
        results = [entity for name, entity in entities.items() if entity["@type"] == "File" and name[0] != "#"]
        record = Record(
            entities, runs, {file["name"]: file for file in inputs}, {_path(file["@id"]): file for file in results}
        )
        for run in runs:  # so that nothing is missing where it is used
            record.facts(run), _number(run), _ids(run["result"]), [entities[name] for name in _linked(run)]
        _sums({**record.inputs, **record.results})
        return record
    except FileNotFoundError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: not a provenance record of the workflow ({type(error).__name__}: {error}).") from None


def check(folder: Path, record: Record) -> list[str]:
    """Name the recorded inputs and results that are not what the record says; every byte is read.

    Returns
    -------
    list of str
        ``path: is missing`` or ``path: has changed``.
    """
    recorded = {**record.inputs, **record.results}
    found = checksums(folder, recorded)
    return [
        f"{name}: {'has changed' if name in found else 'is missing or cannot be read'}"
        for name, file in recorded.items()
        if found.get(name, {}).get("sha256") != file["sha256"]
    ]


def write(folder: Path, run: Run, outcome: str = "finished") -> str:
    """Record a run that has ended; a run after which nothing is different adds nothing.

    Parameters
    ----------
    folder : Path
        The study's folder.
    run : Run
    outcome : {"finished", "failed"}

    Returns
    -------
    str
        A line on what was recorded, or why nothing was: an error is reported, not raised, since the results are good.
    """
    try:
        return _write(Path(folder), run, outcome) + "\n"
    except Exception as error:
        return f"{RECORD}: not written ({type(error).__name__}: {error!a}); no result is affected.\n"


def _write(folder: Path, run: Run, outcome: str) -> str:
    try:
        earlier = read(folder)
    except (FileNotFoundError, UserError):  # a record that cannot be read is replaced
        earlier = Record()
    names = [f"results/{name}" for name in files_in(folder / "results") if name != NAME]
    results = checksums(folder, names, earlier.results)
    inputs = checksums(folder, input_files(folder, run.config, run.config_files), earlier.inputs)
    facts = {"config": yaml.safe_dump(masked(run.config), sort_keys=False), **environment.describe(run.project)}
    state = (_sums(results), _sums(inputs), facts)
    if earlier.runs and state == (_sums(earlier.results), _sums(earlier.inputs), earlier.facts(earlier.runs[-1])):
        return f"{RECORD}: nothing has changed since the last recorded run."
    entities, known = _kept(earlier, results)
    number = 1 + max(map(_number, earlier.runs), default=0)
    code_id = _content_id("code", of_text(facts["code version"] + facts["code sha256"]))
    code = {"@type": "SoftwareSourceCode", "name": "growth-from-micrographs", "version": facts["code version"]}
    inputs = {
        _content_id(name, file["sha256"]): {"@type": "File", "name": name, **file} for name, file in inputs.items()
    }
    properties = {
        _content_id(name, of_text(value)): {"@type": "PropertyValue", "name": name, "value": value}
        for name, value in facts.items()
    }
    entities |= {code_id: code, **inputs, **properties}
    entities[f"#run-{number}"] = {
        "@type": "CreateAction",
        "name": f"Run {number}, {outcome}",
        "startTime": iso_time(run.started),
        "endTime": iso_time(time.time()),
        "actionStatus": {"@id": STATUS[outcome]},
        "instrument": {"@id": code_id},
        "object": _references(inputs),
        "result": _references(_id(name) for name in results if name not in known),
        "additionalProperty": _references(properties),
    }
    io.write_text(folder / RECORD, json.dumps(_crate(entities, results), indent=1) + "\n")
    unread = f" {len(names) - len(results)} could not be read." if len(names) > len(results) else ""
    return f"{RECORD}: {len(results)} results, {len(results) - len(known)} of them new in run {number}.{unread}"


def _kept(earlier: Record, results: Mapping[str, Mapping[str, str]]) -> tuple[dict[str, dict], set[str]]:
    """Return the entities of earlier runs of whose results some are left as they were; and these results."""
    entities: dict[str, dict] = {}
    known: set[str] = set()
    same = {name for name, file in results.items() if file["sha256"] == earlier.results.get(name, {}).get("sha256")}
    for run in earlier.runs:
        made = [name for name in map(_path, _ids(run["result"])) if name in same]
        if made:
            entities |= {name: earlier.entities[name] for name in _linked(run)}
            entities[run["@id"]] = {**run, "result": _references(map(_id, made))}
            known |= set(made)
    return entities, known


def _crate(entities: Mapping[str, dict], results: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return the crate of a study as JSON-LD."""
    from rocrate.model import ContextEntity, DataEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate()
    crate.name = "Results of growth-from-micrographs"
    crate.description = "Growth conditions of thin films from AFM scans: the results, and the runs that made them."
    crate.license = "Not stated here; ask whoever ran the workflow."
    profile = ContextEntity(crate, PROFILE, {"@type": "CreativeWork", "name": "Process Run Crate"})
    crate.add(*(DataEntity(crate, _id(name), {"@type": "File", **file}) for name, file in results.items()))
    crate.add(profile, *(ContextEntity(crate, name, entity) for name, entity in entities.items()))
    crate.root_dataset["conformsTo"] = profile
    crate.root_dataset["mentions"] = _references(name for name in entities if entities[name]["@type"] == "CreateAction")
    return crate.metadata.generate()


def _sums(recorded: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: file["sha256"] for name, file in recorded.items()}


def _id(path: str) -> str:
    """Return the ``@id`` of a result: its address relative to results/."""
    return quote(os.fsencode(path.removeprefix("results/")))


def _path(identifier: str) -> str:
    """Return the path of a result with this ``@id``."""
    return "results/" + os.fsdecode(unquote_to_bytes(identifier))


def _content_id(name: str, sha256: str) -> str:
    """Return the ``@id`` of an input or a fact: another one for other content, so that earlier runs keep theirs."""
    return f"#{sha256[:16]}-{quote(os.fsencode(name))}"


def _references(identifiers: Iterable[str]) -> list[dict[str, str]]:
    return [{"@id": identifier} for identifier in identifiers]


def _ids(references: Iterable[Mapping[str, str]]) -> list[str]:
    return [reference["@id"] for reference in references]


def _linked(run: Mapping[str, Any]) -> list[str]:
    """Return the ``@id`` of all that a run is linked to, but for its results."""
    return [*_ids(run["object"]), *_ids(run["additionalProperty"]), run["instrument"]["@id"]]


def _number(run: Mapping[str, Any]) -> int:
    return int(run["@id"].removeprefix("#run-"))


def masked(settings: Any, key: str = "") -> Any:
    """Copy settings without secrets.

    Values under keys such as ``credentials`` are masked unless they are None; so are, in addresses, user and password
    and what follows ``?`` or ``#``.
    """
    if SECRET.search(key) and settings is not None:
        return MASK
    if isinstance(settings, Mapping):
        return {name: masked(value, str(name)) for name, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [masked(value) for value in settings]
    if isinstance(settings, str) and "://" in settings:
        return LOGIN_OR_QUERY.sub(MASK, settings)
    return settings


def input_files(folder: Path, config: Mapping[str, Any], config_files: Iterable[str]) -> list[str]:
    """List what the results of a study rest on: settings, sheet, scans, weights and new scans.

    Returns
    -------
    list of str
        Paths of files, sorted; relative to `folder` where they lie in it, otherwise as they are named.
    """
    folder = Path(folder).resolve()
    sheet = (config.get("scans") or {}).get("sheet")
    weights = (config.get("networks") or {}).get("weights_file")
    new_scans = config.get("new_scans")
    is_sheet = new_scans and sample_sheet.is_sheet(folder / new_scans)
    of_sheet = (
        [os.path.join(os.path.dirname(str(new_scans)), scan) for scan in _scans(folder, new_scans)] if is_sheet else []
    )
    named = [*config_files, sheet, *_scans(folder, sheet), weights, new_scans, *of_sheet]
    named += ["resources/weights", "resources/excluded.tsv"]
    paths = [Path(name) for name in named if name]
    paths = [path.relative_to(folder) if path.is_relative_to(folder) else path for path in paths]
    found = [
        path / name if name else path
        for path in paths
        for name in (files_in(folder / path) if (folder / path).is_dir() else [""])
    ]
    return sorted({path.as_posix() for path in found})


def _scans(folder: Path, sheet: str | None) -> list[str]:
    """Return the column ``scan`` of a sheet; nothing where it cannot be read."""
    if sheet is None:
        return []
    try:
        return sample_sheet.list_scan_cells(folder / sheet)
    except (TypeError, UserError):
        return []
