"""Where the workflow's files lie: in the checkout around the package, or inside the installed package."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_INSTALLED = PACKAGE / "_project"  # the wheel puts the files there
IS_CHECKOUT = not _INSTALLED.is_dir()
PROJECT = PACKAGE.parents[1] if IS_CHECKOUT else _INSTALLED
SNAKEFILE = PROJECT / "Snakefile"


def export_package() -> None:
    """Let processes that this one starts take the package of this checkout, whichever is installed."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if IS_CHECKOUT and paths[0] != str(PACKAGE.parent):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE.parent), *paths]))
