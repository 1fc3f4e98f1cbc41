"""The workflow as a module of another one: from a checkout, and from a tag behind the address of GitHub.

The tag is in a git repository on this disk, which git takes in place of the address; Snakemake clones and caches it as
it does any other. The package is then installed, as the documentation says.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest
import yaml

from micrograph.provenance import record
from project import PROJECT

PARTS = ("Snakefile", "config.yaml", "config", "envs", "resources/published", "workflow", "pyproject.toml")
PARTS = (*PARTS, "README.md", "LICENSE")
# As `snakedeploy deploy-workflow` writes it, and a handler of the main workflow's own.
SNAKEFILE = """
configfile: "config/config.yaml"


module growth:
    snakefile:
        {source}
    config:
        config


use rule * from growth


onsuccess:
    print("the main workflow's own")
"""
REMOTE = 'github("owner/growth-from-micrographs", path="workflow/Snakefile", tag="v0.1.0")'
TARGETS = ("results/micrographs/samples.tsv", "results/splits/strict.tsv")


class Deployed:
    """A folder as snakedeploy makes it."""

    def __init__(self, folder, source, settings, environment=()):
        shutil.copytree(PROJECT / "config", folder / "config")
        (folder / "workflow").mkdir()
        (folder / "workflow/Snakefile").write_text(SNAKEFILE.format(source=source), encoding="utf-8")
        self.folder, self.environment = folder, {**os.environ, **dict(environment)}
        self.write(yaml.safe_dump(settings, sort_keys=False))

    def write(self, text):
        (self.folder / "config/config.yaml").write_text(text, encoding="utf-8")

    def run(self, *arguments, succeeds=True):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=900,
        )
        assert (done.returncode == 0) == succeeds, done.stdout
        return done.stdout


def git(folder, *arguments):
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def served(once):
    """A folder with the tagged repository, and the package as installed from it."""

    def make(folder):
        repository = folder / "server/owner/growth-from-micrographs"
        for name in PARTS:
            source, place = PROJECT / name, repository / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, place)
        git(repository, "init", "--quiet", "--initial-branch", "main")
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "--message", "release")
        git(repository, "tag", "v0.1.0")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
        subprocess.run([*install, "--target", folder / "installed", repository], check=True, timeout=300)

    return once("served", make)


def remote(served, folder):
    """The environment in which GitHub's address leads to the repository on this disk."""
    return {
        "PYTHONPATH": str(served / "installed"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{served}/server/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }


@pytest.fixture(params=["checkout", "tag"])
def deployed(request, tmp_path, smoke_settings):
    settings = {**smoke_settings, "scans": {**smoke_settings["scans"], "scans_per_shard": 24}}
    (tmp_path / "study").mkdir()
    if request.param == "checkout":
        return Deployed(tmp_path / "study", repr(str(PROJECT / "workflow/Snakefile")), settings)
    environment = remote(request.getfixturevalue("served"), tmp_path)
    return Deployed(tmp_path / "study", REMOTE, settings, environment)


def test_a_module_plans_all_runs_and_records_what_it_ran(deployed):
    planned = deployed.run("-n")
    assert "rule report:" in planned and "rule table2:" in planned  # what `all` needs, of which nothing is there
    printed = deployed.run(*TARGETS)
    assert "the main workflow's own" in printed and f"{record.RECORD}: " in printed
    found = record.read(deployed.folder)
    assert set(TARGETS) <= set(found.results) and "config/config.yaml" in found.inputs
    facts = found.facts(found.runs[-1])
    assert yaml.safe_load(facts["config"])["heights"]["quality"]["jumps"] == 0  # a default: what is merged is recorded
    assert facts["code version"] and facts["code sha256"]
    assert json.loads((deployed.folder / record.RECORD).read_text())["@graph"]
    assert "Nothing to be done" in deployed.run(*TARGETS)


def test_settings_of_a_module_are_checked_with_file_and_line(deployed):
    text = (deployed.folder / "config/config.yaml").read_text(encoding="utf-8")
    deployed.write(f"sed: 8\n{text}")
    assert "config/config.yaml: line 1: the key sed is not known; did you mean seed?" in deployed.run(succeeds=False)
    deployed.write(f"seed: 8\n{text}")
    assert "config/config.yaml: the key seed stands twice, in lines 1 and 2" in deployed.run(succeeds=False)
    assert not (deployed.folder / "results").exists()


def test_a_remote_module_without_the_package_or_with_another_version_says_so(served, tmp_path, smoke_settings):
    (tmp_path / "study").mkdir()
    study = Deployed(tmp_path / "study", REMOTE, smoke_settings, remote(served, tmp_path))
    other = tmp_path / "other/micrograph"
    shutil.copytree(served / "installed/micrograph", other)
    init = (other / "__init__.py").read_text(encoding="utf-8")
    (other / "__init__.py").write_text(init.replace('__version__ = "', '__version__ = "9.'), encoding="utf-8")
    study.environment["PYTHONPATH"] = str(other.parent)
    assert "the workflow is of another version; install" in study.run("-n", succeeds=False)
