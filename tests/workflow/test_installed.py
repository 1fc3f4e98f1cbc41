"""The wheel in an environment of its own: the command, and the workflow without a checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile

import pytest
import yaml

from micrograph import __version__, project
from micrograph.provenance import environment, record
from project import PROJECT


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(wheel, folder of the commands) of an environment with the wheel and the packages of this one."""
    room = tmp_path_factory.mktemp("installed")
    made = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", room]
    subprocess.run(made, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = room.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", room / "env"], check=True)
    python = room / "env/bin/python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", "--quiet", wheel]
    subprocess.run(install, check=True, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    site = next((room / "env/lib").glob("python*/site-packages"))
    (site / "packages.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return wheel, room / "env/bin"


def run(command, *arguments, cwd):
    """What a command prints, as (output, errors); it must succeed. Nothing of this checkout is on its path."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_CURRENT_TEST")}
    done = subprocess.run(
        [command, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


def test_the_wheel_has_types_the_workflow_and_no_tests_or_results(installed):
    names = zipfile.ZipFile(installed[0]).namelist()
    assert {"micrograph/py.typed", "micrograph/_project/Snakefile", "micrograph/_project/config/own.yaml"} <= {*names}
    roots = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert roots == {"micrograph", "snakemake_logger_plugin_progress"}
    assert [name for name in names if "__pycache__" in name] == []


def test_the_code_of_the_wheel_has_the_checksum_of_the_checkout_and_a_version(installed, tmp_path):
    ask = "from micrograph import project, provenance; from micrograph.provenance.environment import describe;"
    ask += "facts = describe(project.PROJECT); print(facts['code version'], facts['code sha256'])"
    version, sha256 = run(installed[1] / "python", "-c", ask, cwd=tmp_path)[0].split()
    assert version == __version__
    assert sha256 == environment.describe(project.PROJECT)["code sha256"]


def test_a_study_is_run_without_a_checkout_with_the_results_of_one(installed, smoke, tmp_path):
    settings = (smoke.folder / "config.yaml").read_bytes()
    (tmp_path / "config.yaml").write_bytes(settings)
    targets = ("results/splits/strict.tsv", "results/topography/topography.tsv")
    run(installed[1] / "micrograph", "run", "--cores", "2", *targets, cwd=tmp_path)
    for name in targets:
        assert (tmp_path / name).read_bytes() == (smoke.folder / name).read_bytes()
    assert yaml.safe_load(record.read(tmp_path).facts(record.read(tmp_path).runs[0])["config"])["seed"] == 7
    _, again = run(installed[1] / "micrograph", "run", *targets, "--cores", "2", cwd=tmp_path)
    assert "Nothing to be done" in again
