"""Checks a study's settings against a closed schema, and says in plain words what is wrong."""

import math
from difflib import get_close_matches
from os.path import normpath
from pathlib import PurePosixPath

from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from micrograph import experiments
from micrograph.errors import UNPRINTABLE, UserError, printable
from micrograph.scans.sample_sheet import PATTERNS
from micrograph.settings_text import DEEP, joined, shown

# What JSON's words for kinds are called here, and what is asked for beyond them: 224.0 is no count, .nan no number.
KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "array": "a list, as [one, two]",
    "object": "a group of keys",
    "boolean": "true or false",
    "null": "null",
}
SHARES_TOLERANCE = 1e-6
SIGNS_AT_MOST = 1000  # of one key or text
FAULTS_AT_MOST = 40  # told at once
BITS_AT_MOST = 63  # of a whole number
SECRET = "list.credentials"


def check(settings, schema, file="config.yaml"):
    """Raise one UserError that lists everything in `settings` (a dict) that `schema` (a JSON schema) refuses.

    YAML's numeric keys are read as text, as JSON has it. Every fault names the key by its path, the value and the
    nearest legal one.
    """
    try:
        named = _named(settings)
        errors = sorted(_strict()(schema).iter_errors(named), key=lambda error: error.json_path)
        sentences = list(_of_texts(named)) or [sentence for error in errors for sentence in _sentences(error)]
    except RecursionError:
        raise UserError(f"{file}: {DEEP}") from None
    if sentences := sentences or list(_between(named)):
        more = [f"and {len(sentences) - FAULTS_AT_MOST} faults more."] if len(sentences) > FAULTS_AT_MOST else []
        raise UserError("\n".join(f"{file}: {sentence}" for sentence in sentences[:FAULTS_AT_MOST] + more))


def _of_texts(value, place=""):
    """Sentences on keys and texts that are no words: too long, or with signs that cannot be printed."""
    if place.startswith(SECRET):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _of_texts(key, f"{place or 'the file'}, its key {shown(key)}")
            yield from _of_texts(item, joined(place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _of_texts(item, joined(place, str(index)))
    elif isinstance(value, str) and (len(value) > SIGNS_AT_MOST or UNPRINTABLE.search(value)):
        yield f"{printable(place)[:SIGNS_AT_MOST]}: {shown(value)} is too long, or has signs that cannot be printed."


def _strict():
    """JSON Schema's validator, for which whole numbers have no point and numbers are finite."""
    kinds = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: type(value) is int or (type(value) is float and math.isfinite(value)),
        }
    )
    return extend(Draft202012Validator, type_checker=kinds)


def _between(settings):
    """Sentences on keys that are legal alone and wrong together, or in their order: what a schema cannot say."""
    classes, (low, high) = settings["classes"], settings["micrographs"]["clip_percentiles"]
    if classes != sorted(classes):
        yield f"classes are {_listed(classes)}; write them rising: {_listed(sorted(classes))}."
    if not low < high:
        yield f"micrographs.clip_percentiles are {low}, {high}; write the lower first, as [0.5, 99.5]."
    yield from _of_the_sheet(settings["scans"])
    yield from _of_paths({"scans.sheet": settings["scans"]["sheet"], **_weights(settings["networks"])})
    yield from _of_networks(settings)
    yield from _of_experiments(settings["experiments"])
    yield from _of_attribution(settings["attribution"], settings["training"]["pixels"])
    if settings["scans"]["source"] == "simulated":
        yield from _of_simulation(settings)


def _of_the_sheet(scans):
    """A sentence on a sheet of the user's own that the workflow would write over, with this source or another one."""
    written = PurePosixPath(normpath(scans["sheet"])).parts[0] == "resources"
    if scans["source"] != "folder" and not written:
        yield (
            f"scans.sheet is {scans['sheet']}; with source {scans['source']} the sheet is written anew there, so it "
            "must lie under resources/, as resources/samples.tsv; for a sheet of your own set scans.source to folder."
        )
    if scans["source"] == "folder" and written:
        yield (
            f"scans.sheet is {scans['sheet']}, and sheets under resources/ are written anew by the other sources and "
            "removed by `make clean`; keep your own elsewhere, as samples.tsv beside your config.yaml."
        )


def _weights(networks):
    return {"networks.weights_file": networks["weights_file"] or ""}


def _of_paths(paths):
    """Sentences on paths whose signs stand for something else where patterns name files."""
    for key, path in paths.items():
        if PATTERNS.search(path):
            yield f"{key} is {path}; {{ }} and < > in a path stand for patterns of names: rename the file or folder."


def _of_networks(settings):
    """Sentences on pretrainings that the backbone does not have, and on a figure of a model that is not fitted."""
    asked = {name for words in settings["experiments"].values() for name in words.get("pretraining", [])}
    asked |= {settings["production"]["pretraining"]}
    asked |= {settings["pretraining"]["films"]["start"]} if "films" in asked else set()
    backbone, own = settings["networks"]["backbone"], settings["networks"]["weights_file"]
    if "micronet" in asked and backbone != "resnet18" and not own:
        yield f"pretraining micronet has weights for the backbone resnet18 alone, not for {backbone}; choose that."
    drawn, fitted = settings["figures"]["micrographs"], settings["experiments"]["table4"]["models"]
    if drawn not in fitted:
        yield f"figures.micrographs is {drawn}, which is not among experiments.table4.models: {_listed(fitted)}."
    if "nominal" not in settings["experiments"]["table4"]["schemes"]:
        yield "experiments.table4.schemes lacks nominal, which figures 4 and 5 show; add it."
    leaking = settings["experiments"]["leakage"]["protocols"]
    if not {"strict", "published"} & set(leaking):
        yield f"experiments.leakage.protocols are {_listed(leaking)}; add strict or published, to compare them with."


def _of_experiments(asked):
    """Sentences on experiments whose models have none of their schemes, so that nothing would be fitted."""
    for name in ("table2", "fig3", "table3", "table4", "leakage", "learning_curve"):
        if not experiments.fits(asked[name]):
            models, schemes = _listed(asked[name]["models"]), _listed(asked[name]["schemes"])
            yield (
                f"experiments.{name} asks for models {models} by schemes {schemes}, which is no fit: "
                "nnrank and corn are for MLP and CNN alone; add a scheme or a model."
            )


def _of_attribution(attribution, pixels):
    """Sentences on a patch that does not fit into the picture, or leaves parts of it uncovered."""
    patch, stride = attribution["patch"], attribution["stride"]
    if patch > pixels:
        yield f"attribution.patch is {patch}, more than the {pixels} of training.pixels; make it smaller."
    if stride > patch:
        yield f"attribution.stride is {stride}, more than the {patch} of attribution.patch; no pixel may be left out."


def _of_simulation(settings):
    """Sentences on films that cannot be grown, or not dealt into folds."""
    simulate, classes, folds = settings["simulate"], settings["classes"], settings["splits"]["folds"]
    samples, days = simulate["samples"], simulate["days"]
    shares = {int(celsius): share for celsius, share in simulate["shares"].items()}
    if sorted(shares) != sorted(classes):
        yield (
            f"simulate.shares are of {_listed(sorted(shares))}, classes are {_listed(classes)}; "
            "give every class its share."
        )
    if abs(sum(shares.values()) - 1) > SHARES_TOLERANCE:
        yield f"simulate.shares sum to {sum(shares.values()):g}; make them sum to 1."
    if days > samples:
        yield f"simulate.days is {days}, more than the {samples} of simulate.samples; a day has one film at least."
    if simulate["operators"] > days:
        yield f"simulate.operators is {simulate['operators']}, more than the {days} of simulate.days; each grows one."
    if folds > days:
        yield f"splits.folds is {folds}, more than the {days} of simulate.days; strict folds need a day each."
    for celsius, share in shares.items():
        if math.ceil(samples * share) < folds:
            yield (
                f"simulate.shares gives {celsius} C {math.ceil(samples * share)} of {samples} films, "
                f"fewer than the {folds} of splits.folds; raise its share or simulate.samples, or lower splits.folds."
            )


def _named(value):
    """The same settings with text keys throughout, and in place of numbers that no machine counts with a text."""
    if isinstance(value, dict):
        return {str(_named(key)): _named(item) for key, item in value.items()}
    if isinstance(value, int) and value.bit_length() > BITS_AT_MOST:
        return f"a number of {value.bit_length()} bits"
    return [_named(item) for item in value] if isinstance(value, list) else value


def _sentences(error):
    """One sentence, or several for unknown keys, for one error of jsonschema."""
    place, value = ".".join(map(str, error.absolute_path)), shown(error.instance)
    if place.startswith(SECRET):  # what stands there may be a secret, and is not repeated
        return [
            f"{SECRET} is neither null nor a path; name a file that holds your credentials, and keep them out of here."
        ]
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        legal = list(error.schema.get("properties", {}))
        return [_unknown(place, key, legal) for key in error.instance if key not in legal]
    if error.validator == "required":
        return [
            f"the key {joined(place, key)} is missing; config.yaml of the project explains it."
            for key in _missing(error)
        ]
    if error.validator == "anyOf":  # one value, or a group of values: what is said is on the form that was chosen
        form = int(isinstance(error.instance, dict))
        return [sentence for inner in error.context if inner.schema_path[0] == form for sentence in _sentences(inner)]
    if error.validator == "type":
        kinds = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        wanted = " or ".join(KINDS[kind] for kind in kinds)
        return [f"{place or 'the file'} is {value}, not {wanted}; config.yaml of the project explains it."]
    if error.validator == "maxItems" and place.startswith("experiments"):
        table = place.split(".")[1].replace("table", "table ")
        return [f"{place} lists {len(error.instance)}; {table} shows {error.validator_value}: keep one."]
    if error.validator in ("enum", "const"):
        legal = error.schema.get("enum", [error.schema.get("const")])
        return [f"{place} is {value}; choose {_nearest(error.instance, legal)}one of: {_listed(legal)}."]
    message = error.message.replace(repr(error.instance), value)
    return [f"{place or 'the file'}: {message}; config.yaml of the project explains the key."]


def _missing(error):
    """The one key that this error of kind `required` is about."""
    return [key for key in error.validator_value if error.message.startswith(f"{key!r} ")]


def _unknown(place, key, legal):
    near = get_close_matches(key, legal, n=1)
    hint = f"did you mean {joined(place, near[0])}?" if near else f"known here are: {_listed(legal)}."
    return f"the key {joined(place, key)} is not known; {hint}"


def _nearest(value, legal):
    near = get_close_matches(str(value), list(map(str, legal)), n=1)
    return f"'{near[0]}', or " if near else ""


def _listed(names):
    return ", ".join(map(str, names))
