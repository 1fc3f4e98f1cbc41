"""What results may depend on besides inputs and settings: code, packages, processor, threads, graphics cards.

Neither the machine's name nor the user's is among them. Of a run on a cluster this is the machine that started it.
"""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from micrograph import __version__
from micrograph.project import IS_CHECKOUT, PACKAGE
from micrograph.provenance.checksums import checksums, files_in, of_text

INSTRUCTION_SETS = re.compile(r"\b(?:avx|fma|f16c|amx|asimd|sve|bf16|i8mm)\w*")  # they decide the last digits
# Variables that choose between ways to compute.
VARIABLES = re.compile(
    r"\w+_NUM_THREADS|(?:MKL|OPENBLAS|ATEN|ONEDNN|DNNL|NPY|CUBLAS)_\w+|CUDA_VISIBLE_DEVICES|GLIBC_TUNABLES"
)
GIT_SECONDS = 20
NOT_CODE = re.compile(r"(^|/)[._]\w*cache|\.snakemake/|^_project/|^make-[a-z]+\.sh$|^snakemake_logger")


def describe(project: Path) -> dict[str, str]:
    """Describe this machine, its packages and the code in the folder `project`.

    Returns
    -------
    dict of str to str
        Facts by name; of packages, graphics cards and variables one per line. The version of the code is its git
        commit, with ``-dirty`` where tracked files differ from it; of an installed package its version; else empty.
    """
    code = checksums(project, ["Snakefile", *_code_in(project / "workflow", "workflow")])
    if not (project / "workflow" / PACKAGE.name).exists():  # installed: the package lies elsewhere, the sum is the same
        own = checksums(PACKAGE.parent, _code_in(PACKAGE, PACKAGE.name))
        code |= {f"workflow/{name}": file for name, file in own.items()}
    processor = _text("/proc/cpuinfo")
    model = re.search(r"(?m)^model name\s*: (.*)$", processor)
    cards = [_text(path) for path in Path("/proc/driver/nvidia/gpus").glob("*/information")]
    return {
        "code version": _version(project) or ("" if IS_CHECKOUT else __version__),
        "code sha256": of_text("".join(f"{name} {file['sha256']}\n" for name, file in sorted(code.items()))),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": _lines(f"{package.name}=={package.version}" for package in metadata.distributions()),
        "system": platform.platform(),
        "processor": model[1] if model else platform.processor() or platform.machine(),
        "instruction sets": " ".join(sorted(set(INSTRUCTION_SETS.findall(processor)))),
        "cores": str(os.cpu_count()),
        "graphics cards": _lines(name for card in cards for name in re.findall(r"(?m)^Model:\s*(.+)$", card)),
        "variables": _lines(f"{name}={value}" for name, value in os.environ.items() if VARIABLES.fullmatch(name)),
    }


def differences(recorded: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """List the facts that differ, each as ``name: recorded, here now``; of facts of many lines, the first that do."""
    found = []
    for name in here:
        was, now = (set(facts.get(name, "").splitlines()) for facts in (recorded, here))
        if was != now:
            gone, new = (", ".join(sorted(lines)[:5]) or "none" for lines in (was - now, now - was))
            found.append(f"{name}: {gone}, here {new}")
    return found


def _code_in(folder: Path, prefix: str) -> list[str]:
    """List the files of code in a folder, with a prefix, without caches and what only installs or shows progress."""
    return [f"{prefix}/{name}" for name in files_in(folder) if not NOT_CODE.search(name)]


def _version(project: Path) -> str:
    """Return the commit of the checkout in `project`; not that of a checkout around it."""
    command = ["git", "-C", str(project), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    settings = {"GIT_CEILING_DIRECTORIES": str(project.resolve().parent), "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=GIT_SECONDS, check=True, env={**os.environ, **settings}
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(sorted(lines))


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
