"""Checking a study's settings."""

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from snakemake.utils import update_config

from micrograph import settings
from micrograph.errors import UserError
from project import PROJECT

SCHEMA = yaml.safe_load((PROJECT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
EMBEDDED = yaml.safe_load((PROJECT / "config.yaml").read_text(encoding="utf-8"))


def faults_of(change):
    study = copy.deepcopy(EMBEDDED)
    change(study)
    with pytest.raises(UserError) as fault:
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
        study["models"]["search"] = "big"
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
    study["scans"] |= {"source": "folder", "sheet": "samples.tsv"}
    settings.check(study, SCHEMA)


def test_a_share_of_no_temperature_is_refused():
    message = faults_of(lambda study: study["simulate"].update(shares={"hot": 0.5, 950: 0.5}))
    assert message.startswith("config.yaml: simulate.shares") and "'hot'" in message


@pytest.mark.parametrize("word", ["pretraining", "policies", "schemes"])
def test_what_table_2_shows_one_of_is_refused_twice_before_anything_is_fitted(word):
    two = {"pretraining": ["imagenet", "micronet"], "policies": ["aug3", "aug4"], "schemes": ["nominal", "regression"]}
    message = faults_of(lambda study: study["experiments"]["table2"].update({word: two[word]}))
    assert message == f"config.yaml: experiments.table2.{word} lists 2; table 2 shows 1: keep one."


def put(study, path, value):
    *groups, name = path.split(".")
    for group in groups:
        study = study[group]
    study[name] = value


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("seed", "7", "seed is '7', not a whole number"),
        ("seed", True, "seed is True, not a whole number"),
        ("micrographs.pixels", 224.0, "micrographs.pixels is 224.0, not a whole number"),
        ("splits.folds", 10.0, "splits.folds is 10.0, not a whole number"),
        ("simulate.pixels", 64.5, "simulate.pixels is 64.5, not a whole number or null"),
        ("scans", None, "scans is None, not a group of keys"),
        ("scans.channels", "Height", "scans.channels is 'Height', not a list, as [one, two]"),
        ("scans.gwyddion_timeout_seconds", float("nan"), "scans.gwyddion_timeout_seconds is nan, not a number"),
        ("micrographs.clip_percentiles", [99, 1], "micrographs.clip_percentiles are 99, 1; write the lower first"),
        ("micrographs.clip_percentiles", [50, 50], "micrographs.clip_percentiles are 50, 50; write the lower first"),
        ("simulate.shares", {900: 0.5, 950: 0.5, 1000: 0.5}, "simulate.shares sum to 1.5; make them sum to 1"),
        ("simulate.days", 121, "simulate.days is 121, more than the 120 of simulate.samples"),
        ("splits.folds", 45, "splits.folds is 45, more than the 44 of simulate.days"),
        ("simulate.shares", {900: 0.02, 950: 0.53, 1000: 0.45}, "gives 900 C 3 of 120 films, fewer than the 4 of"),
        ("networks.backbone", "timm:{x}", "networks.backbone: 'timm:{x}' does not match"),
        ("experiments.table2.cev", [0], "experiments.table2.cev.0: 0 is less than the minimum of 1"),
    ],
)
def test_values_that_would_fail_later_are_refused_first(path, value, sentence):
    assert sentence in faults_of(lambda study: put(study, path, value))


def test_films_of_ones_own_are_not_judged_by_the_settings_of_the_simulation():
    study = copy.deepcopy(EMBEDDED)
    study["scans"] |= {"source": "folder", "sheet": "samples.tsv"}
    study["splits"]["folds"] = 60
    settings.check(study, SCHEMA)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "there are no settings in it; copy config.yaml of the project"),
        (b"- seed: 7\n", "there are no settings in it"),
        (b"seed: [7\nclasses: 3\n", "line 2, column 8: this is no YAML"),
        (b"!!x\nseed: 1\n", "line 1: the tag 'tag:yaml.org,2002:x' is not known here"),
        (b"classes: !!set {900, 950}\n", "line 1: the tag 'tag:yaml.org,2002:set' is not known here"),
        (b"classes: !mine [900]\n", "line 1: the tag '!mine' is not known here"),
        (b"scans:\n\tsource: folder\n", "line 2, column 1: this is no YAML"),
        (b"seed: \x01\n", "this is no YAML (a character that YAML does not allow)"),
        ("# M\xe4rz\nseed: 7\n".encode("latin-1"), "this is no UTF-8 text"),
        (b"seed: 7\nclasses: []\nseed: 8\n", "the key seed stands twice, in lines 1 and 3; keep one"),
        (b"scans:\n  sheet: a\n  sheet: b\n", "the key scans.sheet stands twice, in lines 2 and 3; keep one"),
        (b"a: [{b: 1, b: 2}]\n", "the key a.b stands twice, in lines 1 and 1"),
    ],
)
def test_text_that_is_no_settings_is_told_with_its_line(tmp_path, text, sentence):
    (tmp_path / "config.yaml").write_bytes(text)
    with pytest.raises(UserError) as fault:
        settings.read_text(tmp_path / "config.yaml")
    assert sentence in str(fault.value) and "\n" not in str(fault.value)


def test_right_settings_missing_ones_and_odd_ones_pass(tmp_path):
    settings.read_text(PROJECT / "config.yaml")
    settings.read_text(tmp_path / "none.yaml")
    (tmp_path / "odd.yaml").write_text("a: &x [1, 2]\nb: [*x, *x]\n? !!str c\n: 2020-02-29\n", encoding="utf-8")
    settings.read_text(tmp_path / "odd.yaml")


LAUGHS = "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: &x [*x]\n", "stand for more than 100000 values, or for themselves; write them out"),
        (LAUGHS, "stand for more than 100000 values"),
        ("a: " + "[" * 5000 + "]" * 5000, "more deeply than can be read; write them flat"),
        ("? [b]\n: 1\n", "line 1: a key is no plain word"),
        ("day: 2020-02-30\n", "line 1: '2020-02-30' is no value that can be read; put it in quotes"),
        (f"seed: {'9' * 5000}\n", "line 1: '99999"),
        ("seed: !!python/object/apply:os.getcwd []\n", "line 1: tag:yaml.org,2002:python/object/apply:os.getcwd would"),
        ("seed: !!python/name:os.getcwd\n", "line 1: '' is no value that can be read"),
    ],
)
def test_settings_that_would_hang_fill_memory_or_run_code_are_refused_as_text(tmp_path, text, sentence):
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as fault:
        settings.read_text(tmp_path / "config.yaml")
    assert sentence in str(fault.value) and "\n" not in str(fault.value) and len(str(fault.value)) < 500


def test_settings_that_are_a_program_are_refused_before_anyone_runs_it(tmp_path):
    program = f"__use_yte__: true\nseed: ?open({str(tmp_path / 'ran')!r}, 'w').write('x')\n"
    (tmp_path / "config.yaml").write_text(program, encoding="utf-8")
    with pytest.raises(UserError, match="the key __use_yte__ makes a program of the settings, whose code would be run"):
        settings.read_text(tmp_path / "config.yaml")
    assert not (tmp_path / "ran").exists()


def test_a_number_of_five_thousand_digits_and_a_text_of_a_book_are_shown_in_part():
    message = faults_of(lambda study: study.update(seed=10**5000))
    assert message == "config.yaml: seed is 'a number of 16610 bits', not a whole number; " + EXPLAINED
    message = faults_of(lambda study: study.update(seed=["x"] * 500))
    assert message.startswith("config.yaml: seed is ['x', 'x', ") and len(message) < 200
    message = faults_of(lambda study: study["scans"].update(sheet="a\0b"))
    assert message.startswith("config.yaml: scans.sheet: 'a\\x00b' is too long, or has signs that cannot be printed")


EXPLAINED = "config.yaml of the project explains it."


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
        except UserError as fault:
            assert "config.yaml: " in str(fault)


def test_a_pretraining_without_weights_for_the_backbone_is_refused_before_anything_runs():
    message = faults_of(lambda study: study["experiments"]["table3"].update(pretraining=["imagenet", "micronet"]))
    assert "pretraining micronet has weights for the backbone resnet18 alone, not for efficientnet_lite0" in message

    def start(study):
        study["experiments"]["table3"]["pretraining"] = ["imagenet", "films"]
        study["pretraining"]["films"]["start"] = "micronet"

    assert "pretraining micronet" in faults_of(start)


def test_figure_6_shows_a_model_that_is_fitted():
    message = faults_of(lambda study: study["experiments"]["table4"].update(models=["SVC", "CNN"]))
    assert message.startswith("config.yaml: figures.micrographs is MLP, which is not among experiments.table4.models")


def test_what_a_figure_cannot_do_without_is_asked_for_before_anything_runs():
    message = faults_of(lambda study: study["experiments"]["table4"].update(schemes=["regression"]))
    assert "experiments.table4.schemes lacks nominal" in message
    message = faults_of(lambda study: study["experiments"]["leakage"].update(protocols=["strict+grid"]))
    assert "experiments.leakage.protocols are strict+grid; add strict or published" in message
    message = faults_of(lambda study: study["simulate"].update(operators=100))
    assert "simulate.operators is 100, more than the" in message


def test_the_papers_settings_are_right_and_leave_nothing_out():
    paper = yaml.safe_load((PROJECT / "config" / "paper.yaml").read_text(encoding="utf-8"))
    settings.check(paper, SCHEMA)
    assert paper["splits"]["folds"] == 10 and paper["training"]["pixels"] == 224


def test_the_settings_of_many_films_are_right_with_those_of_the_embedded_study():
    scale = yaml.safe_load((PROJECT / "config" / "scale.yaml").read_text(encoding="utf-8"))
    study = copy.deepcopy(EMBEDDED)
    update_config(study, scale)  # as Snakemake joins them
    settings.check(study, SCHEMA)
    asked = {model for words in study["experiments"].values() for model in words["models"]}
    assert not asked & {"SVC", "KRC", "RNN", "GPC", "KNN"}  # quadratic or cubic in the films


@pytest.mark.parametrize("source", ["simulated", "zenodo", "list"])
@pytest.mark.parametrize("sheet", ["samples.tsv", "resources/../samples.tsv", "my resources/samples.tsv"])
def test_a_sheet_of_ones_own_is_never_written_over(source, sheet):
    message = faults_of(lambda study: study["scans"].update(source=source, sheet=sheet))
    assert message.startswith(f"config.yaml: scans.sheet is {sheet}; with source {source} the sheet is written anew")


@pytest.mark.parametrize("sheet", ["resources/samples.tsv", "./resources/mine/films.tsv"])
def test_a_sheet_of_ones_own_does_not_lie_where_another_source_writes(sheet):
    message = faults_of(lambda study: study["scans"].update(source="folder", sheet=sheet))
    assert message.startswith(f"config.yaml: scans.sheet is {sheet}, and sheets under resources/ are written anew")


@pytest.mark.parametrize("name", ["fig3", "table3", "table4"])
def test_models_that_have_none_of_the_schemes_are_refused_before_anything_runs(name):
    message = faults_of(lambda study: study["experiments"][name].update(schemes=["nnrank"], models=["SVC", "KNN"]))
    assert f"experiments.{name} asks for models SVC, KNN by schemes nnrank, which is no fit" in message


def test_credentials_themselves_are_refused_in_a_config():
    for secret in ('{"token": "hush"}', {"token": "hush"}):
        message = faults_of(lambda study, secret=secret: study["list"].update(credentials=secret))
        assert message.startswith("config.yaml: list.credentials is neither null nor a path;") and "hush" not in message


def test_dropout_is_one_number_or_one_for_every_pretraining_and_faults_name_the_key():
    study = copy.deepcopy(EMBEDDED)
    study["training"]["tuned"]["dropout"] = {"imagenet": 0.35, "micronet": 0, "scratch": 0, "films": 0}
    settings.check(study, SCHEMA)
    message = faults_of(lambda study: study["training"]["tuned"].update(dropout={"imagnet": 0.1}))
    assert (
        "the key training.tuned.dropout.imagnet is not known; did you mean training.tuned.dropout.imagenet?" in message
    )
    message = faults_of(lambda study: study["training"]["tuned"].update(dropout=1.5))
    assert message.startswith("config.yaml: training.tuned.dropout: 1.5")


@pytest.mark.parametrize("key", ["scans.sheet", "networks.weights_file"])
def test_a_path_with_a_pattern_in_it_is_refused_before_snakemake_takes_it_for_one(key):
    message = faults_of(lambda study: put(study, key, "of {all} films"))
    assert f"config.yaml: {key} is of {{all}} films; {{ }} and < > in a path stand for patterns" in message
