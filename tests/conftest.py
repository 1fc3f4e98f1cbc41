"""What all tests share: the real scans that lie beside the project on some machines, and how examples are drawn."""

import os

import pytest
from hypothesis import settings

from project import PROJECT

# A slow machine is no fault. `make test` says the same of the same code on every run; `make nightly` draws anew.
settings.register_profile("steady", deadline=None, derandomize=os.environ.get("FAULTS") != "nightly")
settings.load_profile("steady")


@pytest.fixture
def shared_scans():
    """The folder of real instrument files beside the project; where it is not there the test is skipped.

    REQUIRE_SHARED=1 (set by CI) turns the skip into a failure.
    """
    folder = PROJECT.parent / "shared" / "scans"
    if not folder.is_dir():
        if os.environ.get("REQUIRE_SHARED") == "1":
            pytest.fail(f"REQUIRE_SHARED=1, and {folder} is not there")
        pytest.skip("the real scans are not beside the project (../shared/scans)")
    return folder
