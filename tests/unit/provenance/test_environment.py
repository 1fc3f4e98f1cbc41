"""What is recorded of code and machine, and how it differs from what was recorded."""

import os
import platform
import subprocess

import pytest

from micrograph.provenance import environment
from project import PROJECT


@pytest.fixture
def project(tmp_path):
    """A little project with a workflow of one file."""
    (tmp_path / "project/workflow/rules").mkdir(parents=True)
    (tmp_path / "project/Snakefile").write_text("include: 'workflow/Snakefile'\n", encoding="utf-8")
    (tmp_path / "project/workflow/rules/a.smk").write_text("rule a:\n", encoding="utf-8")
    return tmp_path / "project"


def git(folder, *arguments):
    names = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_checkout_has_its_commit_and_tells_when_it_is_changed(project):
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    git(project, "tag", "-am", "a tag", "v1")
    clean = environment.describe(project)
    assert clean["code version"] == git(project, "rev-parse", "HEAD")
    (project / "workflow/rules/a.smk").write_text("rule b:\n", encoding="utf-8")
    changed = environment.describe(project)
    assert changed["code version"] == f"{clean['code version']}-dirty"
    assert changed["code sha256"] != clean["code sha256"]


def test_code_out_of_an_archive_has_its_sum_and_no_commit_of_a_checkout_around_it(project, monkeypatch):
    git(project.parent, "init", "-q")
    git(project.parent, "commit", "-qm", "another project", "--allow-empty")
    archive = environment.describe(project)
    assert archive["code version"] == "" and len(archive["code sha256"]) == 64
    monkeypatch.setenv("PATH", str(project))  # no git
    assert environment.describe(project) == archive


def test_what_python_and_snakemake_leave_beside_the_code_is_no_code(project):
    before = environment.describe(project)["code sha256"]
    for name in ("__pycache__/a.pyc", ".snakemake/log/x.log"):
        (project / "workflow" / name).parent.mkdir(parents=True)
        (project / "workflow" / name).write_text("x", encoding="utf-8")
    assert environment.describe(project)["code sha256"] == before


def test_variables_that_choose_how_results_are_computed_are_among_the_facts_and_others_are_not(project, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("SOME_TOKEN", "S3CRET")
    facts = environment.describe(project)
    assert "OMP_NUM_THREADS=3" in facts["variables"].splitlines() and "S3CRET" not in str(facts)
    assert facts["cores"] == str(os.cpu_count()) and platform.python_version() in facts["python"]


def test_differences_name_the_facts_that_differ_and_of_packages_those_that_do():
    here = environment.describe(PROJECT)
    numpy = next(line for line in here["packages"].splitlines() if line.startswith("numpy=="))
    recorded = {**here, "packages": here["packages"].replace(numpy, "numpy==1.0"), "processor": "Z80"}
    assert environment.differences(here, here) == []
    assert environment.differences(recorded, here) == [
        f"packages: numpy==1.0, here {numpy}",
        f"processor: Z80, here {here['processor']}",
    ]
