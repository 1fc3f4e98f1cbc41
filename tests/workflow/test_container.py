"""The image's recipes agree with each other, with the lock and with what the workflow reads; none is built here."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from project import PROJECT

DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
APPTAINER = (PROJECT / "apptainer.def").read_text(encoding="utf-8")
BASE = r"python:(\d+\.\d+\.\d+)-slim-\w+"
INSTALL = "PIP_NO_CACHE_DIR=1 sh workflow/make-environment.sh /opt/environment requirements.lock"
ITSELF = "/opt/environment/bin/python -m pip install --no-index --no-deps --no-build-isolation --editable ."
ROOM = "/opt/growth-from-micrographs"


def admitted():
    """The paths of the project that .dockerignore lets into the image: it shuts all out and names what may in."""
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*" and rules[-1] == "**/__pycache__"
    return [rule.removeprefix("!") for rule in rules[1:-1]]


def section(name):
    """The lines of one section of apptainer.def."""
    return re.search(rf"^%{name}\n(.*?)(?=^%|\Z)", APPTAINER, re.M | re.S)[1].strip().splitlines()


@pytest.fixture
def image(tmp_path):
    """What would lie in the image at ROOM: the admitted paths, and nothing else."""
    room = tmp_path / "image"
    for name in admitted():
        source, place = PROJECT / name, room / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)
    return room


def test_the_linter_of_dockerfiles_finds_nothing():
    linter = Path(sys.executable).parent / "hadolint"
    said = subprocess.run([linter, "--no-color", PROJECT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_every_file_that_is_copied_is_there_and_let_in():
    sources = [source for line in re.findall(r"^COPY (.*)", DOCKERFILE, re.M) for source in line.split()[:-1]]
    assert "requirements.lock" in sources and "." in sources
    for source in [*sources, *admitted()]:
        assert (PROJECT / source).exists(), source
    for source in set(sources) - {"."}:
        assert any(Path(source).is_relative_to(name) for name in admitted()), source


def test_nothing_of_the_environment_the_results_or_the_history_is_let_in():
    roots = {Path(name).parts[0] for name in admitted()}
    assert not roots & {".git", ".venv", ".snakemake", "results", "logs", "tests", "."}


def test_both_recipes_take_one_base_one_lock_and_the_same_files():
    assert re.search(rf"^FROM {BASE}$", DOCKERFILE, re.M)[1] == re.search(rf"^From: {BASE}$", APPTAINER, re.M)[1]
    assert f"RUN {INSTALL}" in DOCKERFILE.splitlines() and INSTALL in [line.strip() for line in section("post")]
    assert [line.split() for line in section("files")] == [[name, f"{ROOM}/{name}"] for name in admitted()]
    assert f"RUN {ITSELF} \\" in DOCKERFILE.splitlines() and ITSELF in [line.strip() for line in section("post")]
    assert DOCKERFILE.count("pip install") == APPTAINER.count("pip install") == 1
    assert "--require-hashes" in (PROJECT / "workflow" / "make-environment.sh").read_text(encoding="utf-8")


def test_the_lock_holds_for_the_python_of_the_image():
    version = re.search(rf"^FROM {BASE}$", DOCKERFILE, re.M)[1]
    short = ".".join(version.split(".")[:2])
    words = {"python_version": short, "python_full_version": version, "sys_platform": "linux"}
    for machine in ("x86_64", "aarch64"):
        where = {**default_environment(), **words, "platform_system": "Linux", "platform_machine": machine}
        entries = re.findall(r"^([a-z0-9].*==.*?) \\$", (PROJECT / "requirements.lock").read_text("utf-8"), re.M)
        locked = [Requirement(line) for line in entries]
        held = {entry.name for entry in locked if entry.marker is None or entry.marker.evaluate(where)}
        project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
        extras = project["optional-dependencies"]
        listed = map(Requirement, [*project["dependencies"], *extras["predict"], *extras["run"]])
        wanted = [need for need in listed if need.name != project["name"]]
        missing = [
            need.name
            for need in wanted
            if (need.marker is None or need.marker.evaluate(where)) and need.name.lower() not in held
        ]
        assert missing == [], (version, machine)


def test_what_is_copied_is_enough_to_plan_a_study_in_another_folder(image, tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    shutil.copy(image / "config.yaml", study)
    started = re.search(r'^ENTRYPOINT \["snakemake", "--snakefile", "(.*)"\]$', DOCKERFILE, re.M)[1]
    snakefile = image / Path(started).relative_to(ROOM)
    asked = re.search(r"^CMD \[(.*)\]$", DOCKERFILE, re.M)[1].replace('"', "").split(", ")
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, *asked, "--dry-run"]
    done = subprocess.run(command, cwd=study, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "train_final_model" in done.stdout + done.stderr
