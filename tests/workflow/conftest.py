"""The smoke study, for the tests that need a finished run."""

import shutil

import pytest
import yaml

from project import SMOKE, Study


@pytest.fixture(scope="session")
def smoke_settings(stub):
    """The settings of the smoke study, as a dict, with a stub in place of EfficientNet."""
    settings = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    settings["networks"] |= stub
    return settings


@pytest.fixture(scope="session")
def smoke(once, smoke_settings):
    """The smoke study, run whole once for all tests that only look at it."""

    def run(folder):
        (folder / "study").mkdir()
        printed = Study(folder / "study", smoke_settings).run()
        (folder / "printed.txt").write_text(printed, encoding="utf-8")

    folder = once("smoke", run)
    study = Study(folder / "study")
    study.printed = (folder / "printed.txt").read_text(encoding="utf-8")
    return study


@pytest.fixture
def copy_of_smoke(smoke, tmp_path):
    """The finished smoke study in a folder of its own, to be changed; times are kept, so nothing is stale."""
    shutil.copytree(smoke.folder, tmp_path / "study", symlinks=True)
    return Study(tmp_path / "study")
