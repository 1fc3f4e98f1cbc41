"""Checks a study's settings against a closed schema, and says in plain words what is wrong."""

from difflib import get_close_matches

from jsonschema import Draft202012Validator

from micrograph.faults import Fault


def check(settings, schema, file="config.yaml"):
    """Raise one Fault that lists everything in `settings` (a dict) that `schema` (a JSON schema) refuses.

    YAML's numeric keys are read as text, as JSON has it. Every fault names the key by its path, the value and the
    nearest legal one.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(_named(settings)), key=lambda error: error.json_path)
    sentences = [sentence for error in errors for sentence in _sentences(error)] or list(_between(settings))
    if sentences:
        raise Fault("\n".join(f"{file}: {sentence}" for sentence in sentences))


def _between(settings):
    """Sentences on keys that are legal alone and wrong together, or in their order: what a schema cannot say."""
    classes = settings["classes"]
    if classes != sorted(classes):
        yield f"classes are {_listed(classes)}; write them rising: {_listed(sorted(classes))}."
    shares = sorted(int(celsius) for celsius in settings["simulate"]["shares"])
    if settings["scans"]["source"] == "simulated" and shares != sorted(classes):
        yield f"simulate.shares are of {_listed(shares)}, classes are {_listed(classes)}; give every class its share."


def _named(value):
    """The same settings with text keys throughout."""
    if isinstance(value, dict):
        return {str(key): _named(item) for key, item in value.items()}
    return [_named(item) for item in value] if isinstance(value, list) else value


def _sentences(error):
    """One sentence, or several for unknown keys, for one error of jsonschema."""
    place = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        legal = list(error.schema.get("properties", {}))
        return [_unknown(place, key, legal) for key in error.instance if key not in legal]
    if error.validator == "required":
        return [
            f"the key {_join(place, key)} is missing; config.yaml of the project explains it."
            for key in _missing(error)
        ]
    if error.validator == "maxItems" and place.startswith("experiments"):
        table = place.split(".")[1].replace("table", "table ")
        return [f"{place} lists {len(error.instance)}; {table} shows {error.validator_value}: keep one."]
    if error.validator in ("enum", "const"):
        legal = error.schema.get("enum", [error.schema.get("const")])
        return [f"{place} is {error.instance!r}; choose {_nearest(error.instance, legal)}one of: {_listed(legal)}."]
    return [f"{place or 'the file'}: {error.message}; config.yaml of the project explains the key."]


def _missing(error):
    """The one key that this error of kind `required` is about."""
    return [key for key in error.validator_value if error.message.startswith(f"{key!r} ")]


def _unknown(place, key, legal):
    near = get_close_matches(key, legal, n=1)
    hint = f"did you mean {_join(place, near[0])}?" if near else f"known here are: {_listed(legal)}."
    return f"the key {_join(place, key)} is not known; {hint}"


def _nearest(value, legal):
    near = get_close_matches(str(value), list(map(str, legal)), n=1)
    return f"'{near[0]}', or " if near else ""


def _join(place, key):
    return f"{place}.{key}" if place else key


def _listed(names):
    return ", ".join(map(str, names))
