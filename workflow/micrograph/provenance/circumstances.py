"""The circumstances of a run: its command without secrets, code, packages and machine.

Of the machine stands here what results may depend on or a reader needs to judge a time: processor, its instruction
sets, cores, memory, graphics cards, system and C library, and the settings that choose between ways to compute; not the
machine's name. Of its folders, the study's, the project's and the user's home stand as signs in the command; others
stand as the command and the settings name them (of a profile, of new scans, of weights), for they are what was asked.
"""

import json
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

import yaml

from micrograph.provenance import hashes

MASK = "(masked)"
SECRET = re.compile(r"credential|password|passwd|secret|token|api[_-]?key|access[_-]?key|authori[sz]ation|cookie", re.I)
USER_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
ASKED_OF_ADDRESS = re.compile(r"(://[^\s?#]*[?#])\S+")  # what follows ? may be a key or a signature, by any name
GIT_SECONDS = 20

# What decides how fast, and to which last digit, numbers are computed; names as Linux gives them.
INSTRUCTION_SETS = (
    "sse4_2", "avx", "fma", "f16c", "avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx_vnni",
    "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "asimd", "asimddp", "bf16", "i8mm", "sve", "sve2",
)  # fmt: skip
# Settings of the environment that change how results are computed.
SETTINGS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR",
    "OPENBLAS_CORETYPE", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "NPY_DISABLE_CPU_FEATURES",
    "CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES", "GLIBC_TUNABLES",
)  # fmt: skip
SOURCES = ("Snakefile", "*.smk", "*.py", "*.yaml", "*.j2", "*.js", "*.css", "*.rst", "*.sh", "*.svg")


def command(argv, folder, project):
    """The words of a command line without secrets: values under names like `credentials`, and what addresses carry.

    The study's own folder is written ".", the project's "(project)" and the user's home "~"; other folders stay as
    they were named.
    """
    words, hidden = [], False
    for word in map(str, argv):
        words.append(MASK if hidden else _masked_word(word))
        hidden = word.startswith("-") and "=" not in word and bool(SECRET.search(word))
    if words:
        words[0] = _program(words[0])
    places = ((Path(folder), "."), (Path(project), "(project)"), (Path.home(), "~"))
    return [_without_places(word, places) for word in words]


def _masked_word(word):
    """A word of the command line; of `name=value`, a value that is or holds a secret is masked."""
    name, sign, value = word.partition("=")
    if not sign or "://" in name:
        return MASK if SECRET.search(word) and "{" in word else _without_keys(word)
    if SECRET.search(name):
        return f"{name}={MASK}"
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        read = None
    if isinstance(read, dict | list):
        return f"{name}={json.dumps(masked(read))}"
    return f"{name}={MASK if SECRET.search(value) else _without_keys(value)}"


def masked(settings):
    """The same settings with text keys, everything under a key like `credentials` masked unless it is null, and
    users, passwords and what follows ? taken out of addresses."""
    if isinstance(settings, dict):
        return {
            str(name): MASK if SECRET.search(str(name)) and value is not None else masked(value)
            for name, value in settings.items()
        }
    if isinstance(settings, list | tuple):
        return [masked(value) for value in settings]
    return _without_keys(settings) if isinstance(settings, str) else settings


def _without_keys(text):
    """A text whose addresses carry neither users and passwords nor questions, which may hold keys."""
    return ASKED_OF_ADDRESS.sub(rf"\1{MASK}", USER_IN_ADDRESS.sub(MASK, text))


def _program(word):
    """The name of a program: `snakemake` for the path of its own module too."""
    path = Path(word)
    return path.parent.name if path.name == "__main__.py" else path.name


def _without_places(word, places):
    """A word with the folders of [(folder, sign)] written as their signs, the innermost first."""
    named = {str(path): sign for folder, sign in reversed(places) for path in (folder.absolute(), folder.resolve())}
    for place in sorted(named, key=len, reverse=True):
        if len(place) > 1:
            word = re.sub(rf"(?<![\w.-]){re.escape(place)}(?=/|$)", named[place], word)
    return word


def code(project, started=None):
    """{commit, changed, sha256, changed_while_running} of the workflow in the folder `project`.

    commit and changed (whether tracked files differ from it) are null without git or outside a checkout of its own;
    sha256 is over the workflow's files, checkout or not. started: time.time() of the run's start.
    """
    project = Path(project)
    names = [
        path.relative_to(project).as_posix()
        for pattern in SOURCES
        for path in [*project.glob(pattern), *(project / "workflow").rglob(pattern)]
        if path.is_file() and ".snakemake" not in path.parts
    ]
    top = _git(project, "rev-parse", "--show-toplevel")
    ours = top is not None and Path(top).resolve() == project.resolve()
    status = _git(project, "status", "--porcelain", "--untracked-files=no") if ours else None
    return {
        "commit": _git(project, "rev-parse", "HEAD") if ours else None,
        "changed": None if status is None else bool(status),
        "sha256": hashes.of_tree(project, set(names)),
        "changed_while_running": any((project / name).stat().st_mtime > started for name in names) if started else None,
    }


def _git(project, *words):
    """What git says, or None where it is missing, slow or refuses."""
    try:
        said = subprocess.run(
            ["git", "-C", str(project), *words],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
        return said.stdout.strip()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def packages(lock):
    """(versions, differs) of the packages that the lock file `lock` names and that are installed here.

    versions: {name: version}; differs: {name: {"locked", "installed"}} of those of another version. Both are empty
    where there is no lock.
    """
    try:
        text = Path(lock).read_text(encoding="utf-8")
    except OSError:
        return {}, {}
    locked = dict(re.findall(r"(?m)^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", text))
    installed = {name: _installed(name) for name in locked}
    versions = {name: version for name, version in installed.items() if version}
    differs = {
        name: {"locked": locked[name], "installed": version}
        for name, version in versions.items()
        if version.partition("+")[0] != locked[name].partition("+")[0]
    }
    return versions, differs


def _installed(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def machine():
    """What results may depend on of the machine that started the run; a cluster's nodes are others and not asked."""
    flags, model = _processor()
    return {
        "processor": model,
        "instruction_sets": [name for name in INSTRUCTION_SETS if name in flags],
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "graphics": _graphics(),
        "system": f"{platform.system()} {platform.machine()}",
        "distribution": _distribution(),
        "c_library": " ".join(platform.libc_ver()).strip() or None,
        "settings": {name: os.environ[name] for name in SETTINGS if name in os.environ},
    }


def unlike(runs, project):
    """What here is unlike any of the recorded runs: phrases on the code of `project`, packages, Python, the machine."""
    lock = packages(Path(project) / "requirements.lock")[0]
    code_now, machine_now = code(project), machine()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    phrases = []
    if others := [run.get("code", {}) for run in runs if run.get("code", {}).get("sha256") != code_now["sha256"]]:
        commits = [str(one.get("commit"))[:7] for one in (others[-1], code_now)]
        phrases.append(f"the code (commit {commits[0]}, now {commits[1]})" if commits[0] != commits[1] else "the code")
    was = {name: version for run in runs for name, version in _pairs(run, "packages") if lock.get(name) != version}
    was |= {name: None for run in runs for name in lock.keys() - dict(_pairs(run, "packages"))}
    if was:
        first = [f"{name} {was[name] or 'none'}, now {lock.get(name, 'none')}" for name in sorted(was)[:3]]
        phrases.append(f"{len(was)} packages ({'; '.join(first)}{'; ...' if len(was) > 3 else ''})")
    if others := [run.get("python") for run in runs if run.get("python") != python]:
        phrases.append(f"Python ({others[-1]}, now {python})")
    facts = [name for name in machine_now if any(run.get("machine", {}).get(name) != machine_now[name] for run in runs)]
    if facts := [name for name in facts if name != "memory_gib"]:  # no result depends on it
        phrases.append(f"the machine ({', '.join(facts)})".replace("_", " "))
    return phrases


def _pairs(run, name):
    return run.get(name, {}).items()


def _processor():
    """(instruction sets, model) of the processor, as Linux or macOS gives them."""
    text = _read("/proc/cpuinfo")
    if not text:
        model = _said("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
        return set(), model or None
    facts = dict(re.findall(r"(?m)^([\w ]+?)\s*:\s*(.*)$", text))
    flags = facts.get("flags") or facts.get("Features") or ""
    return set(flags.split()), facts.get("model name") or platform.machine()


def _memory_gib():
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (OSError, ValueError):
        return None


def _graphics():
    """The models of NVIDIA's graphics cards that the driver knows."""
    cards = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    return [model.strip() for card in cards for model in re.findall(r"(?m)^Model:\s*(.+)$", _read(card))]


def _distribution():
    found = re.search(r'(?m)^PRETTY_NAME="?([^"\n]*)', _read("/etc/os-release"))
    return found.group(1) if found else platform.platform(terse=True)


def _read(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _said(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=GIT_SECONDS, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
