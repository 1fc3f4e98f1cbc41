"""The smoke study, for the tests that need a finished run."""

import shutil

import pytest
import yaml

from project import SMOKE, Study


@pytest.fixture(scope="session")
def smoke_settings():
    """The settings of the smoke study, as a dict."""
    return yaml.safe_load(SMOKE.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The smoke study, run whole once for all tests that only look at it."""
    study = Study(tmp_path_factory.mktemp("smoke"), SMOKE.read_text(encoding="utf-8"))
    study.printed = study.run()
    return study


@pytest.fixture
def copy_of_smoke(smoke, tmp_path):
    """The finished smoke study in a folder of its own, to be changed; times are kept, so nothing is stale."""
    shutil.copytree(smoke.folder, tmp_path / "study", symlinks=True)
    return Study(tmp_path / "study", SMOKE.read_text(encoding="utf-8"))
