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


def test_classes_that_do_not_rise_are_refused_for_thresholds_and_figures_count_on_it():
    message = faults_of(lambda study: study.update(classes=[1000, 950, 900]))
    assert message == "config.yaml: classes are 1000, 950, 900; write them rising: 900, 950, 1000."


def test_shares_of_other_temperatures_than_the_classes_are_refused_where_films_are_simulated():
    def change(study):
        study["classes"] = [900, 950]

    assert "simulate.shares are of 900, 950, 1000, classes are 900, 950" in faults_of(change)
    study = copy.deepcopy(EMBEDDED)
    change(study)
    study["scans"]["source"] = "folder"
    settings.check(study, SCHEMA)


def test_a_share_of_no_temperature_is_refused():
    message = faults_of(lambda study: study["simulate"].update(shares={"hot": 0.5, 950: 0.5}))
    assert message.startswith("config.yaml: simulate.shares") and "'hot'" in message


@pytest.mark.parametrize("word", ["pretraining", "policies", "schemes"])
def test_what_table_2_shows_one_of_is_refused_twice_before_anything_is_fitted(word):
    two = {"pretraining": ["imagenet", "micronet"], "policies": ["aug3", "aug4"], "schemes": ["nominal", "regression"]}
    message = faults_of(lambda study: study["experiments"]["table2"].update({word: two[word]}))
    assert message == f"config.yaml: experiments.table2.{word} lists 2; table 2 shows 1: keep one."


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
