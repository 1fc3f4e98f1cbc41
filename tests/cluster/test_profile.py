"""The SLURM profile fits the workflow; no cluster is needed to see that."""

import re

import pytest
import yaml
from snakemake.resources import Resource

from micrograph import outputs
from project import PROJECT, SMOKE, Study

PROFILE = PROJECT / "workflow" / "profiles" / "slurm"
BLOCK = re.compile(r"^( *)(?:local)?rule (\w+):\n((?:\1 {4,}.*\n)+)", re.M)  # of a dry run
RULE = re.compile(r"^ *(?:rule|checkpoint) (\w+):\n(.*?)(?=^ *(?:rule|checkpoint) \w+:|\Z)", re.M | re.S)


@pytest.fixture(scope="module")
def profile():
    return yaml.safe_load((PROFILE / "config.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rules():
    """{rule: its text} of every rule with a script that is sent to the cluster."""
    texts = [path.read_text(encoding="utf-8") for path in (PROJECT / "workflow" / "rules").glob("*.smk")]
    local = [names.split() for text in texts for names in re.findall(r"localrules:((?:\s+\w+,)+)", text)]
    found = {name: body for text in texts for name, body in RULE.findall(text) if "script:" in body}
    derived = [pair for text in texts for pair in re.findall(r"(?m)^use rule (\w+) as (\w+) with:", text)]
    found |= {name: found[base] for base, name in derived if base in found}
    found |= dict.fromkeys((row.name for row in outputs.OUTPUTS), "")  # one loop makes their rules
    return {name: body for name, body in found.items() if f"{name}," not in sum(local, [])}


def asked_for(profile, rule, resource, attempt):
    """What the profile asks for of one resource, at one attempt, as Snakemake reads its expressions."""
    words = {**profile["default-resources"], **profile["set-resources"].get(rule, {})}
    given = {"wildcards": None, "input": [], "async_run": None}
    return Resource.cli_evaluator(resource, str(words.get(resource, 0)), attempt=attempt, **given)


def test_every_rule_that_the_profile_names_exists(profile, rules):
    assert set(profile["set-resources"]) | set(profile["groups"]) <= set(rules)
    assert set(profile["group-components"]) == {*profile["groups"].values(), "tables", "figures"}  # outputs.smk


def test_a_gpu_is_requested_by_the_rules_that_use_a_device_and_no_others_but_not_by_the_small_mlps(profile, rules):
    on_a_device = {name for name, body in rules.items() if "device=" in body}
    asking = {name for name in rules if asked_for(profile, name, "gpu", 1)}
    assert asking == on_a_device - {"fit_mlp"}
    assert all(asked_for(profile, name, "gpu", 1) == 1 for name in asking)


def test_every_rule_asks_for_time_and_memory_and_for_more_after_a_failure(profile, rules):
    for name in rules:
        for resource in ("runtime", "mem_mb"):
            first, second, third = (asked_for(profile, name, resource, attempt) for attempt in (1, 2, 3))
            assert 0 < first < second < third, (name, resource)
    assert profile["retries"] == 2


def test_no_rule_asks_for_less_than_its_measured_peak_and_what_starts_it(profile, rules):
    # MB: peaks of the embedded study, and 300 for Snakemake, twice over in every job.
    peaks = {"pretrain": 1450, "train_networks": 1260, "compute_attributions": 1110, "extract_features": 1100}
    peaks |= {"onnx": 1040, "train_final_model": 1050, "predict": 1040, "evaluate_attributions": 980}
    peaks |= {"fit_mlp": 760, "augment": 730, "fit_models": 270}
    for name in rules:
        assert asked_for(profile, name, "mem_mb", 1) >= peaks.get(name, 220) + 300, name


def test_what_asks_for_a_gpu_is_in_no_group_so_that_a_group_never_holds_a_gpu_without_need(profile, rules):
    assert not [name for name in profile["groups"] if asked_for(profile, name, "gpu", 1)]


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """What Snakemake plans of the smoke study with the profile, but on this machine, in words."""
    study = Study(tmp_path_factory.mktemp("planned"), SMOKE.read_text(encoding="utf-8"))
    return study.run("-n", "--workflow-profile", str(PROFILE), "--executor", "dryrun")


def test_snakemake_reads_the_profile_and_finds_its_groups_free_of_circles(planned, profile):
    blocks = {name: body for _, name, body in BLOCK.findall(planned)}
    for name in ("train_networks", "pretrain", "compute_attributions", "extract_features"):
        assert re.search(r"resources:.*\bgpu=1\b", blocks[name]), name
        assert re.search(r"resources:.*\bmem_mb=4000\b.*\bruntime=60\b", blocks[name]), name
    (mlp,) = (block for name, block in blocks.items() if name.startswith("fit_mlp"))
    assert not re.search(r"resources:.*\bgpu=", mlp)


def test_the_lines_for_a_site_work_as_they_stand_once_their_marks_are_taken_off(tmp_path):
    text = (PROFILE / "config.yaml").read_text(encoding="utf-8")
    text = text.replace("  train_networks: *a_gpu\n", "")
    options = (
        r"^( *)# (slurm_account: |slurm_partition: |gpu_model: |train_networks:|"
        r"  (?:<<|folds_at_once|mem_mb|cpus_per_task): )"
    )
    text, taken = re.subn(options, r"\1\2", text, flags=re.M)
    assert taken == 9
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "config.yaml").write_text(text.replace('"cpu"', '"all"'), encoding="utf-8")
    (tmp_path / "study").mkdir()
    study = Study(tmp_path / "study", SMOKE.read_text(encoding="utf-8"))
    planned = study.run("-n", "--workflow-profile", str(tmp_path / "profile"), "--executor", "dryrun", "table3")
    blocks = {name: body for _, name, body in BLOCK.findall(planned)}
    for words in ("slurm_account=my_account", "slurm_partition=gpu", "gpu_model=a100", "gpu=1", "folds_at_once=4",
                  "mem_mb=16000", "cpus_per_task=4", "runtime=60"):  # fmt: skip
        assert re.search(rf"resources:.*\b{words}\b", blocks["train_networks"]), words
    assert re.search(r"resources:.*\bslurm_partition=all\b", blocks["collect_micrographs"]), "not Python's all"
