"""Checking a study's configuration, and its defaults."""

import copy
import json

import jsonschema
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from snakemake.utils import update_config

from micrograph import config_reference, experiments, yaml_checks
from micrograph.config import SIMULATED, check_file, schemes_left_out, validate
from micrograph.config_schema import (
    BLOCKS,
    MODELS,
    PRETRAINING,
    SCHEMES,
    Config,
    DropoutOfDomains,
    Mlp,
    Training,
    section_of,
)
from micrograph.errors import UserError
from micrograph.experiments import Study
from micrograph.simulation import simulate
from project import PROJECT


def read(name):
    return yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))


OWN = read("config.yaml")
EMBEDDED = validate(OWN)
TARGET = {"column": "growth_celsius", "classes": [900, 950]}


def faults_of(change):
    study = copy.deepcopy(EMBEDDED)
    change(study)
    with pytest.raises(UserError) as fault:
        validate(study)
    return str(fault.value)


def test_a_typo_is_answered_with_the_nearest_key():
    def change(study):
        study["splits"]["fold"] = study["splits"].pop("folds")

    message = faults_of(change)
    assert message == "config.yaml: the key splits.fold is not known; did you mean splits.folds?"


def test_a_wrong_word_is_answered_with_the_legal_ones():
    message = faults_of(lambda study: study["micrographs"].update(aspect="padd"))
    assert message == "config.yaml: micrographs.aspect is 'padd'; choose 'pad', or one of: pad, crop, stretch, refuse."


def test_several_faults_come_together():
    def change(study):
        study["seed"] = -1
        study["models"]["param_grid"] = "big"
        study["unheard_of"] = {}

    assert len(faults_of(change).splitlines()) == 3


def test_own_scans_are_not_judged_by_the_settings_of_the_simulation():
    study = copy.deepcopy(EMBEDDED)
    study["target"] = {"column": "growth_celsius", "classes": [900, 950]}
    study["splits"]["folds"] = 60
    study["scans"] |= {"source": "folder", "sheet": "samples.tsv"}
    validate(study)


@pytest.mark.parametrize("key", ["pretraining", "policies", "schemes"])
def test_what_table_2_shows_one_of_is_refused_twice(key):
    two = {"pretraining": ["imagenet", "micronet"], "policies": ["aug3", "aug4"], "schemes": ["nominal", "regression"]}
    message = faults_of(lambda study: study["experiments"]["table2"].update({key: two[key]}))
    assert message == f"config.yaml: experiments.table2.{key} lists 2; table 2 shows 1: keep one."


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
        ("simulation.pixels", 64.5, "simulation.pixels is 64.5, not a whole number or null"),
        ("scans", None, "scans is None, not a group of keys"),
        ("scans.channels", "Height", "scans.channels is 'Height', not a list, as [one, two]"),
        ("scans.gwyddion_timeout_seconds", float("nan"), "scans.gwyddion_timeout_seconds is nan, not a number"),
        ("micrographs.clip_percentiles", [99, 1], "micrographs.clip_percentiles are 99, 1; write the lower first"),
        ("micrographs.clip_percentiles", [50, 50], "micrographs.clip_percentiles are 50, 50; write the lower first"),
        ("simulation.shares", {900: 0.5, 950: 0.5, 1000: 0.5}, "simulation.shares sum to 1.5; make them sum to 1"),
        ("simulation.days", 121, "simulation.days is 121, more than the 120 of simulation.samples"),
        ("splits.folds", 45, "splits.folds is 45, more than the 44 of simulation.days"),
        ("simulation.shares", {900: 0.02, 950: 0.53, 1000: 0.45}, "gives 900 °C 3 of 120 films, fewer than the 4 of"),
        ("networks.backbone", "timm:{x}", "networks.backbone is 'timm:{x}'; string should match pattern"),
        ("experiments.table2.explained_variance", [0], "explained_variance.0 is 0; input should be greater than or"),
        (
            "target",
            TARGET | {"classes": [1000, 950, 900]},
            "target.classes are 1000, 950, 900; write them in asc",
        ),
        ("target", TARGET, "simulation.shares are of 900, 950, 1000, target.classes are 900, 950"),
        ("target", {"column": "growth_seconds"}, "target has neither classes nor bins; add one."),
        ("target", TARGET | {"bins": [0, 5, 10]}, "target has classes and bins; keep one."),
        ("target", {"column": "substrate", "classes": [1, 2]}, "but the column substrate holds texts; write texts."),
        ("target", TARGET | {"classes": ["a", "b"]}, "but the column growth_celsius holds numbers; write numbers."),
        ("target", {"column": "flow", "classes": [1, "b"]}, "target.classes are 1, b; write numbers alone, or names"),
        ("target", {"column": "width_nm", "classes": [1, 2]}, "target.column is width_nm, which is not a growth var"),
        ("target", {"column": "flow", "classes": ["a b", "A_b"]}, "of which two are one name of a file"),
        ("target", {"classes": [900, 950]}, "the key target.column is missing"),
        ("classes", [900, 950], "the key classes has become target; write target: {column: growth_celsius, classes:"),
        ("scans.extra_columns", ["quality"], "scans.extra_columns is quality, which is not a growth variable"),
        ("simulation.shares", {"hot": 0.5, 950: 0.5}, "'hot'"),
        ("simulation.operators", 100, "simulation.operators is 100, more than the"),
        ("experiments.table3.pretraining", ["imagenet", "micronet"], "micronet has weights for the backbone resnet18"),
        ("experiments.leakage.policies", ["aug1"], "aug1 and blocks pool, tuned; its images have no"),
        ("scans.sheet", "resources/of {all} films", "scans.sheet is resources/of {all} films; { } and < > in a path"),
        ("attribution.patch", 81, "attribution.patch is 81, more than the"),
        ("experiments.table2.models", [], "experiments.table2.models is []; give at least 1;"),
        ("target", TARGET | {"classes": [900]}, "target.classes is [900]; give at least 2;"),
        (
            "networks.backbone",
            "resnet50",
            "networks.backbone is 'resnet50'; choose one of: efficientnet_lite0, resnet18",
        ),
        ("networks.backbone", "timm:resnet50", "has no weights here; name their file in networks.weights_file"),
        ("networks.weights_file", "of <all>", "networks.weights_file is of <all>; { } and < > in a path"),
    ],
)
def test_values_that_would_fail_later_are_refused_first(path, value, sentence):
    assert sentence in faults_of(lambda study: put(study, path, value))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "there are no settings in it; config/default.yaml shows"),
        (b"- seed: 7\n", "there are no settings in it"),
        (b"seed: [7\nclasses: 3\n", "line 2, column 8: this is not YAML"),
        (b"!!x\nseed: 1\n", "line 1: the tag 'tag:yaml.org,2002:x' is not known here"),
        (b"classes: !!set {900, 950}\n", "line 1: the tag 'tag:yaml.org,2002:set' is not known here"),
        (b"classes: !mine [900]\n", "line 1: the tag '!mine' is not known here"),
        (b"scans:\n\tsource: folder\n", "line 2, column 1: this is not YAML"),
        (b"seed: \x01\n", "this is not YAML (a character that YAML does not allow)"),
        ("# M\xe4rz\nseed: 7\n".encode("latin-1"), "this is not UTF-8 text"),
        (b"seed: 7\nclasses: []\nseed: 8\n", "the key seed stands twice, in lines 1 and 3; keep one"),
        (b"scans:\n  sheet: a\n  sheet: b\n", "the key scans.sheet stands twice, in lines 2 and 3; keep one"),
        (b"a: [{b: 1, b: 2}]\n", "the key a.b stands twice, in lines 1 and 1"),
    ],
)
def test_text_that_is_not_settings_is_reported_with_its_line(tmp_path, text, sentence):
    (tmp_path / "config.yaml").write_bytes(text)
    with pytest.raises(UserError) as fault:
        yaml_checks.check_file(tmp_path / "config.yaml")
    assert sentence in str(fault.value) and "\n" not in str(fault.value)


def test_a_file_is_checked_by_itself_and_its_problems_have_their_lines(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "# mine\nsplits:\n  fold: 5\n  folds: '5'\nexperiments: [table5]\n", encoding="utf-8"
    )
    with pytest.raises(UserError) as fault:
        check_file(tmp_path / "a.yaml")
    assert {sentence.removeprefix(f"{tmp_path}/").partition(";")[0] for sentence in str(fault.value).splitlines()} == {
        "a.yaml: line 3: the key splits.fold is not known",
        "a.yaml: line 4: splits.folds is '5', not a whole number",
        "a.yaml: line 5: experiments.only.0 is 'table5'",
    }
    check_file(tmp_path / "none.yaml")


def test_settings_of_several_files_that_clash_are_reported_where_they_stand(tmp_path):
    (tmp_path / "a.yaml").write_text("splits:\n  folds: 5\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text(
        "growth:\n  scans: {source: folder,\n    sheet: resources/a.tsv}\n", encoding="utf-8"
    )
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    for path, value, start in (
        ("splits.folds", 1, f"{files[0]}: line 2: splits.folds is 1"),
        ("scans.sheet", "resources/a.tsv", f"{files[1]}: line 3: scans.sheet is resources/a.tsv, but"),  # of a module
        ("seed", -1, "config.yaml: seed is -1"),  # of --config
    ):
        study = {}
        study.setdefault(path.split(".")[0], {})
        put(study, path, value)
        with pytest.raises(UserError) as fault:
            validate(study, files)
        assert str(fault.value).startswith(start)


def test_right_settings_missing_ones_and_odd_ones_pass(tmp_path):
    yaml_checks.check_file(PROJECT / "config.yaml")
    yaml_checks.check_file(tmp_path / "none.yaml")
    (tmp_path / "odd.yaml").write_text("a: &x [1, 2]\nb: [*x, *x]\n? !!str c\n: 2020-02-29\n", encoding="utf-8")
    yaml_checks.check_file(tmp_path / "odd.yaml")


LAUGHS = "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: &x [*x]\n", "stand for more than 100000 values, or for themselves; write them out"),
        (LAUGHS, "stand for more than 100000 values"),
        ("a: " + "[" * 5000 + "]" * 5000, "more deeply than can be read; write them flat"),
        ("? [b]\n: 1\n", "line 1: a key is not a plain word"),
        ("day: 2020-02-30\n", "line 1: '2020-02-30' is not a value that can be read; put it in quotes"),
        (f"seed: {'9' * 5000}\n", "line 1: '99999"),
        ("seed: !!python/object/apply:os.getcwd []\n", "line 1: tag:yaml.org,2002:python/object/apply:os.getcwd would"),
        ("seed: !!python/name:os.getcwd\n", "line 1: '' is not a value that can be read"),
    ],
)
def test_settings_that_would_hang_fill_memory_or_run_code_are_refused_as_text(tmp_path, text, sentence):
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as fault:
        yaml_checks.check_file(tmp_path / "config.yaml")
    assert sentence in str(fault.value) and "\n" not in str(fault.value) and len(str(fault.value)) < 500


def test_settings_that_are_a_program_are_refused_before_anyone_runs_it(tmp_path):
    program = f"__use_yte__: true\nseed: ?open({str(tmp_path / 'ran')!r}, 'w').write('x')\n"
    (tmp_path / "config.yaml").write_text(program, encoding="utf-8")
    with pytest.raises(UserError, match="the key __use_yte__ would run code in the settings"):
        yaml_checks.check_file(tmp_path / "config.yaml")
    assert not (tmp_path / "ran").exists()


def test_a_number_of_five_thousand_digits_and_a_text_of_a_book_are_shown_in_part():
    message = faults_of(lambda study: study.update(seed=10**5000))
    assert message == "config.yaml: seed is 'a number of 16610 bits', not a whole number; " + EXPLAINED
    message = faults_of(lambda study: study.update(seed=["x"] * 500))
    assert message.startswith("config.yaml: seed is ['x', 'x', ") and len(message) < 200
    message = faults_of(lambda study: study["scans"].update(sheet="a\0b"))
    assert message.startswith(
        "config.yaml: scans.sheet: 'a\\x00b' is too long, or has characters that cannot be printed"
    )


EXPLAINED = "config/default.yaml explains it."


def keys_of(section, place=""):
    """(path, field) of every key of the schema."""
    for name, field in section.model_fields.items():
        yield f"{place}{name}", field
        if inner := section_of(field.annotation):
            yield from keys_of(inner, f"{place}{name}.")


def test_every_key_has_a_default_and_the_defaults_are_admitted():
    assert validate({})["splits"]["folds"] == 4
    assert list(validate({})) == list(Config.model_fields)


def test_every_key_is_explained_itself_or_by_its_section():
    reference = config_reference.reference()
    for path, field in keys_of(Config):
        inner = section_of(field.annotation)
        section, _, name = path.rpartition(".")
        text = (inner.__doc__ if inner else field.description) or dict(keys_of(Config))[section].annotation.__doc__
        assert len(text) > 10 and (inner or f"`{name}`" in reference), path


def test_defaults_and_reference_are_those_of_the_schema():
    """After a change of the schema `make format` writes both."""
    assert (PROJECT / "config/default.yaml").read_text(encoding="utf-8") == config_reference.default_yaml()
    assert (PROJECT / "docs/config.md").read_text(encoding="utf-8") == config_reference.reference()
    assert (PROJECT / "config/schema.json").read_text(encoding="utf-8") == config_reference.json_schema_text()


JSON_SCHEMA = jsonschema.Draft202012Validator(json.loads((PROJECT / "config/schema.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", [*PROJECT.glob("config/*.yaml"), PROJECT / "config.yaml"], ids=lambda path: path.name)
def test_editors_find_the_schema_and_nothing_wrong_in_a_preset(path):
    text = path.read_text(encoding="utf-8")
    first = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / first).resolve() == PROJECT / "config/schema.json"
    JSON_SCHEMA.validate(json.loads(json.dumps(yaml.safe_load(text))))


def as_json(value):
    """The value as JSON has it: keys are texts."""
    return json.loads(json.dumps(value))


def whole(value):
    """Whether a number with a point stands for an integer, which JSON does not tell apart."""
    return isinstance(value, float) and value.is_integer()


@given(st.data())
def test_editors_and_the_run_refuse_the_same(data):
    """One key of the defaults has another value. What the run checks beyond single keys is not in the schema."""
    path, field = data.draw(st.sampled_from([one for one in keys_of(Config) if not section_of(one[1].annotation)]))
    listed = st.lists(st.sampled_from(("SVC", "strict", "aug3", 5, 85, "x")), max_size=3)
    plain = st.none() | st.booleans() | st.integers(-2, 2000) | st.floats(-2, 2, allow_nan=False)
    odd = plain | st.text("ab/", max_size=3) | listed | st.sampled_from(_names(field) or ("x",))
    value, study = data.draw(odd.filter(lambda drawn: not whole(drawn))), as_json(Config().model_dump(warnings=False))
    put(study, path, value)
    try:
        Config.model_validate(study)
        admitted = True
    except ValidationError:
        admitted = False
    assert JSON_SCHEMA.is_valid(study) == admitted, (path, value)


def test_the_file_of_defaults_is_a_whole_configuration():
    assert validate(read("config/default.yaml")) == validate({})


def differences(study, defaults):
    for key, value in study.items():
        if isinstance(value, dict):
            yield from differences(value, defaults[key])
        else:
            yield value != defaults[key]


def test_the_embedded_study_names_only_what_differs_from_the_defaults():
    assert all(differences(OWN, validate({})))
    assert len((PROJECT / "config.yaml").read_text(encoding="utf-8").splitlines()) < 40


def test_what_is_given_is_kept_as_it_is_and_the_rest_of_its_section_is_the_defaults():
    study = {
        "training": {"nnrank": {"batch_size": 100}, "mlp": {"corn": {"batch_size": 8}}},
        "simulation": {"shares": {900: 1}},
    }
    given = copy.deepcopy(study)
    with pytest.raises(UserError, match="simulation.shares"):
        validate(study)
    del study["simulation"], given["simulation"]
    filled = validate(study)
    assert filled["training"]["nnrank"] == {"learning_rate": 0.001, "batch_size": 100, "dropout": 0.2}
    assert filled["training"]["mlp"]["corn"]["hidden_layer_sizes"] == [600, 150] and filled["training"]["epochs"] == 4
    assert study == given
    two = {
        "target": {"column": "growth_celsius", "classes": [800, 900]},
        "simulation": {"shares": {800: 0.5, 900: 0.5}},
        "list_database": {"query": {"projectId": 1}},
    }
    filled = validate(two)
    assert filled["simulation"]["shares"] == {800: 0.5, 900: 0.5} and filled["list_database"]["query"] == {
        "projectId": 1
    }


def test_an_experiment_takes_of_the_base_what_it_knows_and_does_not_set_itself():
    base = {"models": ["SVC", "CNN"], "protocols": ["strict"], "pretraining": ["scratch", "imagenet"], "repeats": 2}
    found = validate({"experiments": {"base": base, "table3": {"models": ["CNN", "GBC"]}}})["experiments"]
    assert found["table2"]["models"] == ["SVC"] and found["table4"]["models"] == ["SVC", "CNN"]
    assert found["table3"]["models"] == ["CNN", "GBC"] and found["table3"]["pretraining"] == ["scratch", "imagenet"]
    assert found["table2"]["pretraining"] == ["imagenet"] and found["table4"]["pretraining"] == ["scratch"]
    assert found["table2"]["repeats"] == found["learning_curve"]["repeats"] == 2
    assert found["leakage"]["protocols"] == validate({})["experiments"]["leakage"]["protocols"]
    assert "repeats" not in found["leakage"] and found["baselines"]["models"] == ["OLR"]


def test_a_list_of_experiments_chooses_and_leaves_their_settings():
    found, all_of_them = validate({"experiments": ["table2", "fig4"]})["experiments"], validate({})["experiments"]
    assert found == {**all_of_them, "only": ["table2", "fig4"]}
    assert validate({"experiments": found})["experiments"] == found  # what is recorded can be run again
    with pytest.raises(UserError, match="experiments.only.0 is 'table5'; choose 'table4', or one of: table1"):
        validate({"experiments": ["table5"]})


def test_names_are_those_of_the_tables_that_define_them():
    from micrograph.networks import device, finetune
    from micrograph.prediction import final_model
    from micrograph.scans import height_map

    assert list(DropoutOfDomains.model_fields) == list(PRETRAINING)
    assert set(SCHEMES) < set(Training.model_fields) and set(SCHEMES) < set(Mlp.model_fields)
    names = {path: _names(field) for path, field in keys_of(Config)}
    assert names["networks.precision"] == names["attribution.precision"] == tuple(device.PRECISIONS)
    assert names["models.param_grid"] == tuple(finetune.SEARCHES)
    assert names["scans.direction"] == tuple(height_map.DIRECTIONS)
    assert names["final_model.scheme"] == final_model.SCHEMES
    assert names["figures.fig6_model"] == MODELS
    assert experiments.BLOCKS == BLOCKS == ("block2", "block3", "block4", "pool")


def _names(field):
    return next((one.names for one in field.metadata if hasattr(one, "names")), None)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)))
def test_any_value_anywhere_is_accepted_or_refused_with_a_message(value):
    for section in ("seed", "target", "splits", "experiments"):
        study = {**EMBEDDED, section: value}
        try:
            validate(study)
        except UserError as fault:
            assert "config.yaml: " in str(fault)


def with_preset(name):
    """The embedded study with a preset laid over it, as Snakemake joins them."""
    study = copy.deepcopy(OWN)
    update_config(study, read(f"config/{name}.yaml"))
    return validate(study)


def test_the_papers_settings_are_the_same_over_the_embedded_study_and_alone():
    paper = with_preset("paper")
    assert paper == validate(read("config/paper.yaml"))
    assert paper["splits"]["folds"] == 10 and paper["training"]["pixels"] == 224


def test_the_presets_are_admitted():
    for path in (PROJECT / "config").glob("*.yaml"):
        with_preset(path.stem)


def test_the_settings_of_many_films_leave_out_models_that_compare_all_films():
    requested = {model for table in Study(with_preset("scale")).tables.values() for model in table.get("models", [])}
    assert not requested & {"SVC", "KRC", "RNN", "GPC", "KNN"}  # quadratic or cubic in the films


@pytest.mark.parametrize("source", ["simulated", "zenodo", "list"])
@pytest.mark.parametrize("sheet", ["samples.tsv", "resources/../samples.tsv", "my resources/samples.tsv"])
def test_a_sheet_of_ones_own_is_never_written_over(source, sheet):
    message = faults_of(lambda study: study["scans"].update(source=source, sheet=sheet))
    assert message.startswith(f"config.yaml: scans.sheet is {sheet}; the source {source} writes the sheet")


@pytest.mark.parametrize("sheet", ["resources/samples.tsv", "./resources/mine/films.tsv"])
def test_a_sheet_of_ones_own_does_not_lie_where_another_source_writes(sheet):
    message = faults_of(lambda study: study["scans"].update(source="folder", sheet=sheet))
    assert message.startswith(f"config.yaml: scans.sheet is {sheet}, but other sources write sheets under resources/")


def test_credentials_themselves_are_refused_in_a_config():
    for secret in ('{"token": "hush"}', {"token": "hush"}):
        message = faults_of(lambda study, secret=secret: study["list_database"].update(credentials=secret))
        assert (
            message.startswith("config.yaml: list_database.credentials is neither null nor a path;")
            and "hush" not in message
        )


def test_dropout_is_one_number_or_one_for_every_pretraining_and_faults_name_the_key():
    study = copy.deepcopy(EMBEDDED)
    study["training"]["feature_extractor"]["dropout"] = {"imagenet": 0.35, "micronet": 0, "scratch": 0, "films": 0}
    validate(study)
    message = faults_of(lambda study: study["training"]["feature_extractor"].update(dropout={"imagnet": 0.1}))
    key = "training.feature_extractor.dropout"
    assert f"the key {key}.imagnet is not known; did you mean {key}.imagenet?" in message
    message = faults_of(lambda study: study["training"]["feature_extractor"].update(dropout=1.5))
    assert message.startswith("config.yaml: training.feature_extractor.dropout is 1.5; input should be less than 1")


NAMES = {"column": "substrate", "classes": ["c-Sapphire", "A-Sapphire"]}


def test_a_target_without_order_has_the_scheme_nominal_alone():
    filled = validate({"target": NAMES})
    tables = [table for table in filled["experiments"].values() if isinstance(table, dict)]
    assert {tuple(table["schemes"]) for table in tables if "schemes" in table} == {("nominal",)}
    schemes = {fit.scheme for fit in experiments.Study(filled).all_fits}
    assert schemes == {"nominal", "unordered"}
    with pytest.raises(UserError, match="experiments.table4.schemes has corn, regression, but substrate has no order"):
        validate({"target": NAMES, "experiments": {"table4": {"schemes": ["nominal", "corn", "regression"]}}})
    with pytest.raises(UserError, match="final_model.scheme has nnrank, but substrate has no order"):
        validate({"target": NAMES, "final_model": {"scheme": "nnrank"}})


def test_the_schemes_that_defaults_lose_are_named_and_no_others():
    names = schemes_left_out({"target": NAMES})
    assert [name.split()[-1] for name in names] == ["nnrank", "corn", "regression"]
    assert schemes_left_out({"target": NAMES, "experiments": ["table4"]}) == names
    own = {"table4": {"schemes": ["nominal"]}}
    for settings in ({}, {"target": NAMES, "experiments": own}, {"target": NAMES, "experiments": {"table4": None}}):
        assert schemes_left_out(settings) == []


def test_a_target_is_not_merged_with_the_default():
    filled = validate({"target": {"column": "growth_seconds", "bins": [0, 300, 900]}})["target"]
    assert filled == {"column": "growth_seconds", "name": None, "unit": None, "classes": None, "bins": [0, 300, 900]}


def test_simulated_films_have_what_the_config_says():
    sheet = simulate.plan_samples(12, 3, {900: 0.5, 950: 0.5}, np.random.default_rng(0), minutes=True)
    assert {*sheet} == {"sample", "scan", "batch", "growth_date", *SIMULATED} - {"growth_seconds"}
    with pytest.raises(UserError, match="target.column is flow; simulated films have growth_celsius"):
        validate(OWN | {"target": {"column": "flow", "bins": [0, 1, 2]}})
