"""Which modules of this package a piece of code runs, read off its import statements."""

import re
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
# They log, move, fetch and check data; no number depends on them, so a change of theirs makes no result stale.
INDIFFERENT = frozenset(
    {
        *(
            "__init__",
            "captions",
            "config",
            "config_schema",
            "errors",
            "experiments",
            "log",
            "outputs",
            "sources",
            "yaml_checks",
        ),
        "retrieval/http",
    }
)
# `from micrograph.scans import a, b`, in brackets over several lines, too, and `import micrograph.scans.a`. A pattern,
# for Python's own parser takes a second for all modules, whenever the workflow is read.
IMPORT = re.compile(r"^[ \t]*(?:from (micrograph[\w.]*) )?import (\([^)]*\)|.*)", re.MULTILINE)
NAME = re.compile(r"[\w.]+")


def modules_of(script, *modules):
    """The package's modules that the file `script` and `modules` import, through one another: sorted, as "scans/io"."""
    found, todo = set(), {*_imported(Path(script)), *modules}
    while todo:
        name = todo.pop()
        found.add(name)
        todo |= _imported(PACKAGE / f"{name}.py") - found
    return sorted(found - INDIFFERENT)


@cache
def _imported(path):
    """The package's modules that one file imports, anywhere in it."""
    dotted = set()
    for package, names in IMPORT.findall(path.read_text(encoding="utf-8")):
        dotted |= {package, *(f"{package}.{name}" if package else name for name in NAME.findall(names))}
    ours = {name.removeprefix("micrograph.").replace(".", "/") for name in dotted if name.startswith("micrograph.")}
    return {name for name in ours if (PACKAGE / f"{name}.py").is_file()}
