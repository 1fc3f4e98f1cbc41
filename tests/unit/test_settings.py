"""Checking a study's settings."""

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from micrograph import settings
from micrograph.faults import Fault
from project import PROJECT

SCHEMA = yaml.safe_load((PROJECT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
EMBEDDED = yaml.safe_load((PROJECT / "config.yaml").read_text(encoding="utf-8"))


def faults_of(change):
    study = copy.deepcopy(EMBEDDED)
    change(study)
    with pytest.raises(Fault) as fault:
        settings.check(study, SCHEMA)
    return str(fault.value)


def test_the_embedded_study_is_right():
    settings.check(EMBEDDED, SCHEMA)


def test_a_typo_is_answered_with_the_nearest_key():
    def change(study):
        study["splits"]["fold"] = study["splits"].pop("folds")

    message = faults_of(change)
    assert "the key splits.fold is not known; did you mean splits.folds?" in message
    assert "the key splits.folds is missing" in message


def test_a_wrong_word_is_answered_with_the_legal_ones():
    message = faults_of(lambda study: study["micrographs"].update(aspect="padd"))
    assert message == "config.yaml: micrographs.aspect is 'padd'; choose 'pad', or one of: pad, crop, refuse."


def test_several_faults_come_together():
    def change(study):
        study["seed"] = -1
        study["models"]["grid"] = "big"
        study["unheard_of"] = {}

    assert len(faults_of(change).splitlines()) == 3


def keys_of(schema, path=()):
    yield path
    for name, inner in schema.get("properties", {}).items():
        yield from keys_of(inner, (*path, name))


@pytest.mark.parametrize("path", [p for p in keys_of(SCHEMA) if p], ids=".".join)
def test_every_key_is_explained_by_a_comment_in_the_embedded_study_and_none_has_a_hidden_default(path):
    node = SCHEMA
    for name in path:
        assert name in node.get("required", []), f"{name} could be left out"
        node = node["properties"][name]
        assert "default" not in node
    if node.get("type") == "object":
        assert node["additionalProperties"] is not True


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)))
def test_any_value_anywhere_is_accepted_or_refused_in_words(value):
    for section in ("seed", "classes", "splits", "experiments"):
        study = {**EMBEDDED, section: value}
        try:
            settings.check(study, SCHEMA)
        except Fault as fault:
            assert "config.yaml: " in str(fault)
