"""Every key of the settings, by the schema: wrong types, ranges, left out, unknown; and settings that clash."""

import contextlib
import copy
import json
import random

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from faults import judged
from micrograph import config_reference, yaml_checks
from micrograph.config import validate
from micrograph.errors import UserError
from project import SMOKE, Study

SCHEMA = config_reference.json_schema()
SOUND = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))


def deep(levels):
    """A list in a list in a list ..."""
    inner = []
    for _ in range(levels):
        inner = [inner]
    return inner


# Values that no key takes in good faith; those that a key does take (null for new_scans) are checked by the schema.
ODD = [None, True, False, 0, -1, 1, 10**9, 10**18, 10**30, 0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf"),
       float("-inf"), "", " ", "x", "\0", "a\nb", "\x1b[2J", "M\xfcller \u8584\u819c \U0001f52c", "\ud800",
       10**5000, "x" * 10**5, "../../etc", "$(touch x)", "{sample}", [], [[]], [1, 1], ["x", "x"], [None],
       list(range(5000)), {}, {"a": 1}, {1: 2}, {None: None}, deep(50), deep(100_000), b"bytes", (1, 2), {1, 2},
       object]  # fmt: skip


def forms_of(schema):
    """The schema and those of its alternatives, references followed."""
    schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
    more = schema.get("anyOf", []) + schema.get("oneOf", [])
    return [schema, *(form for other in more for form in forms_of(other))]


def keys_of(schema, path=()):
    """The path of every key that the schema names, references followed."""
    if path:
        yield path
    for form in forms_of(schema):
        for name, inner in form.get("properties", {}).items():
            yield from keys_of(inner, (*path, name))


def has(study, path):
    """Whether the smoke study has the key: of a value that may be written in two forms it has one."""
    for name in path:
        if not isinstance(study, dict) or name not in study:
            return False
        study = study[name]
    return True


KEYS = [path for path in dict.fromkeys(keys_of(SCHEMA)) if has(SOUND, path)]


def changed(path, change):
    """The smoke study after change(group, name) on one key; groups on the way are copied, other values are not."""
    study = group = dict(SOUND)
    for name in path[:-1]:
        group[name] = group = dict(group[name])
    change(group, path[-1])
    return study


def judge(study, *names):
    """None where the settings are accepted, else the UserError, whose every line is a sentence on a key."""
    with judged.within(20):
        try:
            validate(study)
        except UserError as fault:
            lines = str(fault).split("\n")
            assert len(lines) <= 41
            for line in lines:
                judged.one_sentence(line, "config.yaml: ")
            for name in names:
                assert name in str(fault)
            return fault
    return None


def replaced(value):
    return lambda group, name: group.update({name: value})


def test_any_odd_value_of_any_key_is_accepted_by_the_schema_or_refused_by_its_name():
    chance, refused = random.Random(1), 0
    for path in KEYS:
        for value in chance.sample(ODD, judged.count(6, len(ODD))):
            if fault := judge(changed(path, replaced(value))):
                message = str(fault)
                assert path[-1] in message or "more deeply" in message or "simulation" in message, message
                refused += 1
    assert refused > len(KEYS) * 4


def test_an_unknown_key_is_named_and_one_that_is_left_out_has_its_default():
    for path in KEYS:
        wrong = path[-1] + "z"
        fault = judge(changed(path, lambda group, name, wrong=wrong: group.update({wrong: group[name]})))
        assert f"the key {'.'.join((*path[:-1], wrong))} is not known" in str(fault)
        if path[0] == "target":  # replaced as a whole: a new column has nothing of the default's names
            continue
        with contextlib.suppress(UserError):  # the default may clash with the rest of the smoke study
            own, default = validate(changed(path, lambda group, name: group.pop(name))), validate({})
            for name in path:
                own, default = own[name], default[name]
            assert own == default, path


def bounds(schema):
    """Values just beyond what a key's schema allows."""
    step = 1 if schema.get("type") == "integer" else 1e-6
    for word, value in (("minimum", -step), ("maximum", step), ("exclusiveMinimum", 0), ("exclusiveMaximum", 0)):
        if word in schema:
            yield schema[word] + value
    if "enum" in schema:
        yield schema["enum"][0] + "z"
    if "maxItems" in schema:
        yield list(schema["items"].get("enum", range(9))) * (schema["maxItems"] + 1)
    if schema.get("type") == "array":
        yield ["x", "x"]


def schemas_of(path):
    """The schemas of one key's forms."""
    forms = [SCHEMA]
    for name in path:
        inner = next(form["properties"][name] for form in forms if name in form.get("properties", {}))
        forms = forms_of(inner)
    return forms


def test_a_value_just_beyond_its_bounds_is_refused_by_name():
    tried = 0
    for path in KEYS:
        for value in [value for schema in schemas_of(path) for value in bounds(schema)]:
            assert judge(changed(path, replaced(value)), ".".join(path)), (path, value)
            tried += 1
    assert tried > 80


def odd_values():
    """Anything that YAML or JSON can hold, the odd ones above among them."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(ODD[:24])
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))


@examples(max_examples=judged.count(100, 10_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=st.lists(st.tuples(st.sampled_from(KEYS), odd_values()), min_size=1, max_size=4))
def test_several_odd_values_at_once_are_answered_together(changes):
    study = copy.deepcopy(SOUND)
    for path, value in changes:
        if has(study, path):
            group = study
            for name in path[:-1]:
                group = group[name]
            group[path[-1]] = value
    judge(study)


SPLICES = [b":", b"- ", b"&a ", b"*a ", b"[", b"}", b"\t", b"\xff", b"!!x ", b"? ", b"'", b"<<: ", b"2001-99-99",
           b"\n---\n", b"__use_yte__: true\n"]  # fmt: skip


@examples(max_examples=judged.count(60, 5000), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_damage_to_the_text_of_the_settings_is_read_or_refused_with_a_message(tmp_path_factory, data):
    text = SMOKE.read_bytes()
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(text)))
        put = data.draw(st.sampled_from(SPLICES) | st.binary(max_size=6))
        text = text[:place] + put + text[place + data.draw(st.integers(0, 20)) :]
    path = tmp_path_factory.mktemp("text") / "config.yaml"
    path.write_bytes(text)
    with judged.within(20):
        try:
            yaml_checks.check_file(path)
        except UserError as fault:
            for line in str(fault).split("\n"):
                judged.one_sentence(line, path)
            return
        read = yaml.load(text, Loader=yaml.FullLoader)  # as Snakemake reads it: what passed must not fail there
    judge(read)


def put(study, path, value):
    """The study with one value set, by the key's path with points."""
    *groups, name = path.split(".")
    group = study
    for word in groups:
        group = group[word]
    group[name] = value
    return study


# Wrong with what lies on the disk, or a program: what a run says, and how far it goes ("" is the planning).
SCANS, WEIGHTS = "results/micrographs/samples.tsv", "resources/weights/efficientnet_lite0-imagenet.safetensors"
CLASHES = {
    "weights that are not there": ({"networks.weights_file": "none.pth"}, WEIGHTS, "none.pth"),
    "channels of no scan": ({"scans.channels": ["Phase"], "scans.scans_per_shard": 24}, SCANS, "no channel 'Phase'"),
    "a program": ("__use_yte__: true\n", "", "the key __use_yte__ would run code in the settings"),
}  # fmt: skip


@pytest.mark.parametrize("name", CLASHES)
def test_settings_that_clash_end_in_a_sentence_before_or_in_the_first_job_that_notices(tmp_path, name):
    changes, target, sentence = CLASHES[name]
    study = copy.deepcopy(SOUND)
    if isinstance(changes, str):
        study = changes + SMOKE.read_text(encoding="utf-8")
    else:
        for path, value in changes.items():
            put(study, path, value)
    printed = Study(tmp_path, study).run(*([target] if target else ["-n"]), succeeds=False)
    assert sentence in printed and "Traceback" not in printed


def test_folds_that_ones_own_films_cannot_fill_are_named_by_the_first_job_that_deals_them(tmp_path):
    study = put(copy.deepcopy(SOUND), "splits.folds", 5)
    study = put(put(study, "scans.source", "folder"), "scans.sheet", "samples.tsv")
    put(study, "scans.scans_per_shard", 100)
    rows = ["sample\tgrowth_celsius\tscan\tbatch\twidth_nm"]
    chance = random.Random(5)
    for index in range(6):
        from PIL import Image

        Image.frombytes("L", (32, 32), chance.randbytes(1024)).save(tmp_path / f"{index}.png")
        rows.append(f"film{index}\t{900 + 50 * (index % 3)}\t{index}.png\tday{index % 3}\t500")
    (tmp_path / "samples.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    printed = Study(tmp_path, study).run("results/splits/strict.tsv", succeeds=False)
    assert "folds" in printed and "Traceback" not in printed


def test_settings_may_be_json_and_are_then_checked_too(tmp_path):
    (tmp_path / "config.yaml").write_text(json.dumps(SOUND), encoding="utf-8")
    yaml_checks.check_file(tmp_path / "config.yaml")
    judge(json.loads(json.dumps({**SOUND, "seed": float("nan")})), "seed is nan")
