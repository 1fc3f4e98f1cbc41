"""The modules of this package that a script runs, read off import statements: inputs of the script's rule."""

import re
from functools import cache
from pathlib import Path

from micrograph.project import PACKAGE

# They word errors, write logs, fetch what a checksum then proves, or list what rules have among inputs and params: no
# result becomes stale when they change. They compute nothing: random streams and arrays stand elsewhere.
INDIFFERENT = frozenset({"errors", "log", "experiments", "outputs", "retrieval/http"})
# `from micrograph.scans import a, b`, in brackets over several lines, too, and `import micrograph.scans.a`. A pattern,
# for Python's own parser takes a second for all modules, whenever the workflow is read.
IMPORT = re.compile(r"^[ \t]*(?:from (micrograph[\w.]*) )?import (\([^)]*\)|.*)", re.MULTILINE)
NAME = re.compile(r"[\w.]+")


def code_files(script: Path, *modules: str) -> list[str]:
    """List the modules that a script runs: those that it imports, through one another, and further ones.

    Parameters
    ----------
    script : Path
    *modules : str
        Modules that the script chooses as it runs, such as ``evaluation/table1``.

    Returns
    -------
    list of str
        Paths relative to the package, such as ``scans/rendering.py``, sorted, without those that change no result.
    """
    found, pending = set(), {*_imported(Path(script)), *modules}
    while pending:
        name = pending.pop()
        found.add(name)
        pending |= _imported(PACKAGE / f"{name}.py") - found
    return [f"{name}.py" for name in sorted(found - INDIFFERENT)]


@cache
def _imported(path: Path) -> set[str]:
    """Return the package's modules that one file imports, anywhere in it, as ``scans/rendering``."""
    dotted = set()
    for package, names in IMPORT.findall(path.read_text(encoding="utf-8")):
        dotted |= {package, *(f"{package}.{name}" if package else name for name in NAME.findall(names))}
    ours = {name.removeprefix("micrograph.").replace(".", "/") for name in dotted if name.startswith("micrograph.")}
    return {name for name in ours if (PACKAGE / f"{name}.py").is_file()}
