"""Where the workflow's files lie: in the checkout around the package, or inside the installed package."""

import os
from pathlib import Path

from micrograph import __version__
from micrograph.errors import UserError

PACKAGE = Path(__file__).resolve().parent
_INSTALLED = PACKAGE / "_project"  # the wheel puts the files there
IS_CHECKOUT = not _INSTALLED.is_dir()
PROJECT = PACKAGE.parents[1] if IS_CHECKOUT else _INSTALLED
SNAKEFILE = PROJECT / "Snakefile"


def check_version(init: str | Path) -> None:
    """Raise UserError unless a workflow that is fetched from elsewhere is of the version of this package.

    Parameters
    ----------
    init : path
        The workflow's own ``micrograph/__init__.py``.
    """
    if f'__version__ = "{__version__}"' not in Path(init).read_text(encoding="utf-8"):
        raise UserError(
            f"The package micrograph is {__version__} here, the workflow is of another version; install the package of "
            "the workflow's tag (docs/module.md)."
        )


def export_package() -> None:
    """Let processes that this one starts take the package of this checkout, whichever is installed."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if IS_CHECKOUT and paths[0] != str(PACKAGE.parent):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE.parent), *paths]))
