"""The check of a study's configuration before a run, and its defaults."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from os import PathLike
from os.path import normpath
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, get_args

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from micrograph import experiments, yaml_checks
from micrograph.config_schema import RESAMPLING, Base, Config, DropoutOfDomains, Experiments, Section, section_of
from micrograph.errors import UNPRINTABLE, UserError, printable
from micrograph.networks.backbones import BACKBONES
from micrograph.scans.sample_sheet import NO_VARIABLES, PATTERNS, TEXTS
from micrograph.scans.sheet_cells import NUMBERS
from micrograph.target import Target
from micrograph.yaml_checks import TOO_DEEP, joined, shown

SHARES_TOLERANCE = 1e-6
# Growth variables of simulated films.
SIMULATED = ("growth_celsius", "growth_seconds", "growth_minutes", "pressure_torr", "substrate", "operator")
LENGTH_AT_MOST = 1000  # characters of one key or text
MESSAGES_AT_MOST = 40
BITS_AT_MOST = 63  # of an integer
SECRET = "list_database.credentials"
CONFIG = "config.yaml"  # how messages call settings that stand in no file that is known
HELP = "config/default.yaml explains it"
# Errors of pydantic about the type of a value, and the type in words.
TYPES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "string_type": "a text",
    "list_type": "a list, as [one, two]",
    "dict_type": "a group of keys",
    "model_type": "a group of keys",
}


def check_file(path: str | PathLike[str]) -> None:
    """Check one file of settings by itself: also what a later file replaces.

    Parameters
    ----------
    path : path-like
        YAML or JSON. A file that is missing is admitted.

    Raises
    ------
    UserError
        With one sentence a problem, the file and the line: not YAML, a key that stands twice or is not known, a value
        of another type.
    """
    yaml_checks.check_file(path)
    if not Path(path).exists():
        return
    try:
        with open(path, encoding="utf-8") as file:
            filled, named = _completed(_read(file.read()))
        problems = list(_unprintable(named)) or _refused(named)
    except RecursionError:
        raise UserError(f"{path}: {TOO_DEEP}") from None
    _raise(problems, [path], {})


def _read(text: str) -> Any:
    """Read JSON, else YAML, as Snakemake does: YAML does not join the two halves of a character that JSON escapes."""
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)


def validate(
    config: Mapping[str, Any], files: Sequence[str | PathLike[str]] = (), command_line: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Check a study's configuration and fill in the defaults.

    Parameters
    ----------
    config : mapping
        The configuration as Snakemake read it; keys that are left out take their defaults. Not modified.
    files : sequence of path-like
        The files that it was merged from, for messages; a later one comes first.
    command_line : mapping, optional
        What ``--config`` set, for messages.

    Returns
    -------
    dict
        Every key of the schema, in its order; the values given are kept as they are.

    Raises
    ------
    UserError
        With one sentence a problem: the path of the key, the value, what is admitted, and the nearest known name.
    """
    try:
        filled, named = _completed(config)
        problems = list(_unprintable(named)) or _refused(named) or [("", text) for text in _conflicts(named)]
    except RecursionError:
        raise UserError(f"{CONFIG}: {TOO_DEEP}") from None
    _raise(problems, files, command_line or {})
    return filled


def _completed(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a config with the defaults, and the same with texts as keys."""
    given = {**config, "experiments": _shared(config["experiments"])} if "experiments" in config else config
    filled = _filled(Config, given, Config().model_dump(warnings=False))
    for table, scheme in list(_impossible_schemes(filled, given)):
        table["schemes"].remove(scheme)
    return filled, _with_text_keys(filled)


def _raise(
    problems: Sequence[tuple[str, str]], files: Sequence[str | PathLike[str]], command_line: Mapping[str, Any]
) -> None:
    """Raise UserError where there are problems: (key, sentence); each after its file and line, or ``--config``."""
    if not problems:
        return
    lines = {str(file): yaml_checks.lines(file) for file in reversed(files)}
    sentences = [f"{_where(key or sentence.split()[0], lines, command_line)}{sentence}" for key, sentence in problems]
    if len(sentences) > MESSAGES_AT_MOST:
        sentences[MESSAGES_AT_MOST:] = [f"{CONFIG}: and {len(sentences) - MESSAGES_AT_MOST} problems more."]
    raise UserError("\n".join(sentences))


def _where(key: str, lines: Mapping[str, Mapping[str, int]], command_line: Mapping[str, Any]) -> str:
    """Return the file and the line of a key. A module's settings may stand below a key of the main workflow's."""
    if _holds(command_line, key):
        return "--config: "
    for name in (key, key.replace("experiments.only", "experiments")):
        for file, places in lines.items():
            for place, line in places.items():
                if f".{place}".endswith(f".{name}"):
                    return f"{file}: line {line}: "
    return f"{next(iter(lines), CONFIG)}: " if len(lines) < 2 else f"{CONFIG}: "


def _holds(settings: Any, key: str) -> bool:
    """Return whether settings have a key, as networks.backbone."""
    name, _, rest = key.partition(".")
    return isinstance(settings, Mapping) and name in settings and (not rest or _holds(settings[name], rest))


def _filled(section: type[Section], given: Mapping[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults of a section, replaced by what is given, in the schema's order; unknown keys come last."""
    merged = {**defaults, **given}
    filled = {name: merged[name] for name in [*section.model_fields, *merged] if name in merged}
    for name, field in section.model_fields.items():
        inner = section_of(field.annotation)
        if inner and isinstance(filled[name], Mapping):
            is_own = inner.is_whole and name in given
            filled[name] = _filled(inner, filled[name], _nulls(inner) if is_own else defaults[name])
    return filled


def schemes_left_out(config: Mapping[str, Any]) -> list[str]:
    """Return the schemes of default experiments that the target does not have, because it has no order.

    Parameters
    ----------
    config : mapping
        A configuration that `validate` admits, as given to it.

    Returns
    -------
    list of str
        As scheme nnrank, each once.
    """
    given = {**config, "experiments": _shared(config.get("experiments", {}))}
    filled = _filled(Config, given, Config().model_dump(warnings=False))
    return list(dict.fromkeys(f"scheme {scheme}" for _, scheme in _impossible_schemes(filled, given)))


def _impossible_schemes(filled: dict[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield default experiments, each with a scheme of theirs that a target without order does not have."""
    classes = filled["target"].get("classes") if isinstance(filled["target"], Mapping) else None
    if not isinstance(classes, list) or not classes or not all(isinstance(one, str) for one in classes):
        return
    tables = filled["experiments"].items() if isinstance(filled["experiments"], Mapping) else ()
    own = given.get("experiments") or {}
    for name, table in tables:
        if isinstance(table, dict) and "schemes" in table and "schemes" not in (own.get(name) or {}):
            yield from ((table, scheme) for scheme in table["schemes"] if scheme != "nominal")


def _nulls(section: type[Section]) -> dict[str, Any]:
    return {name: None for name, field in section.model_fields.items() if not field.is_required()}


def _shared(given: Any) -> Any:
    """Return the given experiments, each with the keys of `base` that it does not set and has use for."""
    if isinstance(given, list):
        return {"only": given}
    if not isinstance(given, Mapping) or not isinstance(base := given.get("base"), Mapping):
        return given
    shared = dict(given)
    for name, field in Experiments.model_fields.items():
        section, own = section_of(field.annotation), given.get(name, {})
        if section and section is not Base and isinstance(own, Mapping):
            taken = {key: _admitted(section, key, value) for key, value in base.items() if key not in own}
            shared[name] = {**{key: value for key, value in taken.items() if value}, **own}
    return shared


def _admitted(section: type[Section], key: str, value: Any) -> Any:
    """Return what of a value of `base` an experiment admits; nothing where it has no such key."""
    field = section.model_fields.get(key)
    if field is None or key in section.own:
        return None
    annotation: Any = Annotated[field.annotation, *field.metadata]
    check: TypeAdapter[Any] = TypeAdapter(annotation, config=ConfigDict(strict=True))
    if not isinstance(value, list):
        return value if _is_valid(check, value) else None
    kept = [item for item in value if _is_valid(check, [item])]
    return kept if _is_valid(check, kept) else kept[:1]


def _is_valid(check: TypeAdapter, value: Any) -> bool:
    try:
        check.validate_python(value)
    except ValidationError:
        return False
    return True


def _with_text_keys(value: Any) -> Any:
    """Return the same with texts as keys throughout, and a text in place of integers too long for any machine."""
    if isinstance(value, Mapping):
        return {str(_with_text_keys(key)): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, int) and value.bit_length() > BITS_AT_MOST:
        return f"a number of {value.bit_length()} bits"
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def _unprintable(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Sentences on keys and texts that are too long or cannot be printed."""
    if place.startswith(SECRET):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _unprintable(key, f"{place or 'the file'}, its key {shown(key)}")
            yield from _unprintable(item, joined(place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unprintable(item, joined(place, str(index)))
    elif isinstance(value, str) and (len(value) > LENGTH_AT_MOST or UNPRINTABLE.search(value)):
        shown_place = printable(place)[:LENGTH_AT_MOST]
        yield place, f"{shown_place}: {shown(value)} is too long, or has characters that cannot be printed."


def _refused(named: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the key and a sentence for each thing that the schema refuses."""
    try:
        Config.model_validate(named)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        sentences = [(".".join(map(str, _path(named, one))), _sentence(named, one)) for one in problems]
        return list(dict.fromkeys(sentences))  # a value of several admitted types has an error for each
    return []


def _sentence(named: dict[str, Any], error: Mapping[str, Any]) -> str:
    """Describe one error of pydantic."""
    path = _path(named, error)
    place, value, kind = ".".join(map(str, path)) or "the file", shown(error["input"]), error["type"]
    if kind == "extra_forbidden":
        if place == "classes":
            return f"the key classes has become target; write target: {{column: growth_celsius, classes: {value}}}."
        return _unknown(path)
    if place.startswith(SECRET):  # what is there may be a secret, and is not repeated
        return (
            f"{SECRET} is neither null nor a path; name a file that holds your credentials, and keep them out of here."
        )
    if kind == "missing":
        return f"the key {place} is missing; {HELP}."
    if kind == "one_of":
        names = error["ctx"]["names"]
        near = get_close_matches(str(error["input"]), names, n=1)
        return f"{place} is {value}; choose {repr(near[0]) + ', or ' if near else ''}one of: {_listed(names)}."
    if kind in TYPES:
        null = " or null" if type(None) in get_args(_annotation(path)) else ""
        return f"{place} is {value}, not {TYPES[kind]}{null}; {HELP}."
    if kind == "too_long" and path[0] == "experiments":
        table = str(path[1]).replace("table", "table ")
        return f"{place} lists {len(error['input'])}; {table} shows {error['ctx']['max_length']}: keep one."
    if kind == "too_short":
        return f"{place} is {value}; give at least {error['ctx']['min_length']}; {HELP}."
    message = error["msg"][0].lower() + error["msg"][1:]
    return f"{place} is {value}; {message}; {HELP}."


def _path(named: dict[str, Any], error: Mapping[str, Any]) -> list[str | int]:
    """Return the keys and indices that lead to the value of an error; pydantic also names alternatives of a type."""
    path: list[str | int] = []
    value: Any = named
    for part in error["loc"]:
        if isinstance(value, dict) and part in value or isinstance(value, list) and isinstance(part, int):
            path, value = [*path, part], value[part]
    return [*path, error["loc"][-1]] if error["type"] == "missing" else path


def _annotation(path: list[str | int]) -> Any:
    """Return the type of a key."""
    annotation: Any = Config
    for part in path:
        section = section_of(annotation)
        annotation = section.model_fields[part].annotation if section and part in section.model_fields else None
    return annotation


def _unknown(path: list[str | int]) -> str:
    *above, key = path
    section = section_of(_annotation(above)) or DropoutOfDomains
    place, names = ".".join(map(str, above)), list(section.model_fields)
    near = get_close_matches(str(key), names, n=1)
    hint = f"did you mean {joined(place, near[0])}?" if near else f"known here are: {_listed(names)}."
    return f"the key {joined(place, str(key))} is not known; {hint}"


def _conflicts(config: dict[str, Any]) -> Iterator[str]:
    """Sentences on values that are right alone and wrong together."""
    low, high = config["micrographs"]["clip_percentiles"]
    wrong = [*_of_target(config)]
    yield from wrong
    if wrong:
        return
    shortest, longest = config["topography"]["step_spacing_nm"]
    if not shortest < longest:
        yield f"topography.step_spacing_nm are {shortest}, {longest}; write the shorter first, as [16, 250]."
    if not low < high:
        yield f"micrographs.clip_percentiles are {low}, {high}; write the lower first, as [0.5, 99.5]."
    yield from _of_sheet(config["scans"])
    for key, path in {
        "scans.sheet": config["scans"]["sheet"],
        "networks.weights_file": config["networks"]["weights_file"] or "",
    }.items():
        if PATTERNS.search(path):
            yield f"{key} is {path}; {{ }} and < > in a path stand for patterns of names: rename the file or folder."
    yield from _of_networks(config)
    yield from _of_schemes(config)
    yield from _of_experiments(config)
    patch, stride, pixels = (
        config["attribution"]["patch"],
        config["attribution"]["stride"],
        config["training"]["pixels"],
    )
    if patch > pixels:
        yield f"attribution.patch is {patch}, more than the {pixels} of training.pixels; make it smaller."
    if stride > patch:
        yield f"attribution.stride is {stride}, more than the {patch} of attribution.patch; no pixel may be left out."
    if config["scans"]["source"] == "simulated":
        yield from _of_simulation(config)


def _of_target(config: dict[str, Any]) -> Iterator[str]:
    """Sentences on a target without classes, or of a column that cannot be one."""
    given, extra = config["target"], config["scans"]["extra_columns"]
    column, classes, bins = given["column"], given["classes"], given["bins"]
    for key, name in [("target.column", column), *(("scans.extra_columns", name) for name in extra)]:
        if name in NO_VARIABLES:
            yield f"{key} is {name}, which is not a growth variable; name another column."
    if (classes is None) == (bins is None):
        yield "target has " + ("neither classes nor bins; add one." if bins is None else "classes and bins; keep one.")
        return
    key, values = ("bins", bins) if classes is None else ("classes", classes)
    texts = [isinstance(value, str) for value in values]
    if any(texts) and not all(texts):
        yield f"target.classes are {_listed(values)}; write numbers alone, or names alone (in quotes)."
    elif not any(texts) and values != sorted(values):
        yield f"target.{key} are {_listed(values)}; write them in ascending order: {_listed(sorted(values))}."
    elif column in (*NUMBERS, *TEXTS) and any(texts) == (column in NUMBERS):
        kinds = ("numbers", "texts") if any(texts) else ("texts", "numbers")
        yield f"target.{key} are {_listed(values)}, but the column {column} holds {kinds[0]}; write {kinds[0]}."
    else:
        target = Target.from_config(given)
        names = [target.key(one).casefold() for one in target.classes]
        if len(set(names)) < len(names):
            yield f"target.{key} are {_listed(values)}, of which two are one name of a file; write them differently."


def _of_sheet(scans: dict[str, Any]) -> Iterator[str]:
    """Describe a user's own sheet that the workflow would overwrite, with this source or another one."""
    sheet, source = scans["sheet"], scans["source"]
    written = PurePosixPath(normpath(sheet)).parts[0] == "resources"
    if source != "folder" and not written:
        yield (
            f"scans.sheet is {sheet}; the source {source} writes the sheet, which must then lie under resources/, as "
            "resources/samples.tsv; for your own sheet set scans.source to folder."
        )
    if source == "folder" and written:
        yield (
            f"scans.sheet is {sheet}, but other sources write sheets under resources/ and `make clean` removes them; "
            "keep your own elsewhere, as samples.tsv beside your config.yaml."
        )


def _of_networks(config: dict[str, Any]) -> Iterator[str]:
    """Sentences on pre-trainings for which the backbone has no weights."""
    tables = experiments.Study(config).tables
    requested = {name for table in tables.values() for name in table.get("pretraining", [])}
    requested |= {config["final_model"]["pretraining"]}
    for name, key in (("films", "self_supervised"), ("simulated", "simulated")):
        requested |= {config["pretraining"][key]["start"]} if name in requested else set()
    backbone, own = config["networks"]["backbone"], config["networks"]["weights_file"]
    if ":" not in backbone and backbone not in BACKBONES:
        yield f"networks.backbone is {backbone!r}; choose one of: {_listed(BACKBONES)}, or timm:NAME."
    elif backbone not in BACKBONES and "imagenet" in requested and not own:
        yield f"networks.backbone is {backbone!r}, which has no weights here; name their file in networks.weights_file."
    if "micronet" in requested and backbone != "resnet18" and not own:
        yield f"pretraining micronet has weights for the backbone resnet18 alone, not for {backbone}; choose that."
    shortest, longest = config["pretraining"]["simulated"]["width_nm"]
    if shortest > longest:
        yield f"pretraining.simulated.width_nm are {shortest}, {longest}; write the shorter first."
    named = {name for key, table in tables.items() if key != "transfer" for name in table.get("pretraining", [])}
    why = experiments.unknown_to_simulator(Target.from_config(config["target"]))
    if why and "simulated" in named | {config["final_model"]["pretraining"]}:
        yield f"pretraining simulated: {why}"


def _of_experiments(config: dict[str, Any]) -> Iterator[str]:
    """Sentences on experiments that contradict themselves; what they merely lack is left out of the study."""
    leakage = experiments.Study(config).tables.get("leakage")
    if leakage and not {*leakage["policies"]} <= {*RESAMPLING} and leakage["blocks"] != ["tuned"]:
        yield (
            f"experiments.leakage.policies is {_listed(leakage['policies'])} and blocks {_listed(leakage['blocks'])}; "
            "its images have no features of blocks: write blocks: [tuned]."
        )


def _of_schemes(config: dict[str, Any]) -> Iterator[str]:
    """Sentences on schemes that the target does not have."""
    target = Target.from_config(config["target"])
    tables = {name: table for name, table in config["experiments"].items() if isinstance(table, dict)}
    requested = {f"experiments.{name}.schemes": table.get("schemes", []) for name, table in tables.items()}
    for key, schemes in (requested | {"final_model.scheme": [config["final_model"]["scheme"]]}).items():
        if wrong := [scheme for scheme in schemes if scheme not in target.schemes]:
            yield f"{key} has {_listed(wrong)}, but {target.name} has no order; its scheme is nominal alone."


def _of_simulation(config: dict[str, Any]) -> Iterator[str]:
    """Sentences on films that cannot be simulated, or not split into folds."""
    simulation, target, folds = config["simulation"], config["target"], config["splits"]["folds"]
    samples, days = simulation["samples"], simulation["days"]
    shares = {int(celsius): share for celsius, share in simulation["shares"].items()}
    classes = target["classes"] if target["column"] == "growth_celsius" else None
    if classes and sorted(shares) != sorted(classes):
        yield (
            f"simulation.shares are of {_listed(sorted(shares))}, target.classes are {_listed(classes)}; "
            "give every class its share."
        )
    if target["column"] not in SIMULATED:
        yield f"target.column is {target['column']}; simulated films have {_listed(SIMULATED)}: name one of them."
    if abs(sum(shares.values()) - 1) > SHARES_TOLERANCE:
        yield f"simulation.shares sum to {sum(shares.values()):g}; make them sum to 1."
    if days > samples:
        yield f"simulation.days is {days}, more than the {samples} of simulation.samples; a day has one film at least."
    if simulation["operators"] > days:
        operators = simulation["operators"]
        yield f"simulation.operators is {operators}, more than the {days} of simulation.days; each needs a day."
    if folds > days:
        yield f"splits.folds is {folds}, more than the {days} of simulation.days; strict folds need a day each."
    for celsius, share in shares.items():
        if math.ceil(samples * share) < folds:
            yield (
                f"simulation.shares gives {celsius} °C {math.ceil(samples * share)} of {samples} films, "
                f"fewer than the {folds} of splits.folds; raise its share or simulation.samples, or lower splits.folds."
            )


def _listed(names: Iterable) -> str:
    return ", ".join(map(str, names))
