"""What all tests share: their order, what is made once for all processes, and the real scans beside the project."""

import fcntl
import os

import pytest
from hypothesis import settings

import stub_network
from project import PROJECT

# A slow machine is no fault. `make test` says the same of the same code on every run; `make nightly` draws anew.
settings.register_profile("steady", deadline=None, derandomize=os.environ.get("FAULTS") != "nightly")
settings.load_profile("steady")


def pytest_collection_modifyitems(items):
    """The tests of the finished smoke study come first: the study runs while other processes go through the rest."""
    items.sort(key=lambda item: "smoke" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """once(name, make): a folder that make(folder) fills, once for all processes of this run of the tests.

    The process that comes first fills it, the others wait. Nobody may change what is in it.
    """
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name, make):
        place, done = base / f"once-{name}", base / f"once-{name}.done"
        with open(base / f"once-{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                if place.exists():
                    pytest.fail(f"making {place} failed before")
                place.mkdir()
                make(place)
                done.touch()
        return place

    return folder


@pytest.fixture(scope="session")
def stub(once):
    """{key: value} of a study's `networks` that puts a stub, with weights drawn by chance, in place of EfficientNet."""
    folder = once("stub", lambda folder: stub_network.write_weights(folder / "stub.safetensors"))
    return {"backbone": stub_network.BACKBONE, "weights_file": str(folder / "stub.safetensors")}


def shared(name):
    """A folder of real files beside the project; where it is not there the test is skipped.

    REQUIRE_SHARED=1 (set by CI) turns the skip into a failure.
    """
    folder = PROJECT.parent / "shared" / name
    if not folder.is_dir():
        if os.environ.get("REQUIRE_SHARED") == "1":
            pytest.fail(f"REQUIRE_SHARED=1, and {folder} is not there")
        pytest.skip(f"no ../shared/{name} beside the project")
    return folder


@pytest.fixture
def shared_scans():
    """Real instrument files."""
    return shared("scans")


@pytest.fixture
def shared_cases():
    """Inputs that went wrong, with what is right."""
    return shared("cases")
