"""SHA-256 of many files: in threads, and read only where size or time has changed since they were last read."""

import hashlib
import json
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from micrograph import io

THREADS = min(8, os.cpu_count() or 1)
# A file changed this shortly before it was read may change again without a new time: some disks count whole seconds.
SETTLED_NS = 2_000_000_000


def of_files(folder, names, known=None):
    """({name: {"sha256", "bytes"}}, known, unreadable) of the files `names` (text, relative to `folder` or absolute).

    known: what an earlier call returned, or nothing: names whose size and modification time stand there are not read
    again. Returned besides are what is known now, and the sorted names that are no regular file or cannot be read.
    """
    folder, known, started_ns = Path(folder), known or {}, time.time_ns()
    with ThreadPoolExecutor(THREADS) as pool:
        looked = list(pool.map(lambda name: _look(folder / name, known.get(name)), names))
    found = {name: seen for name, seen in zip(names, looked, strict=True) if seen}
    unreadable = sorted(name for name, seen in zip(names, looked, strict=True) if not seen)
    settled = {name: seen for name, seen in found.items() if seen[1] < started_ns - SETTLED_NS}
    return {name: {"sha256": seen[2], "bytes": seen[0]} for name, seen in found.items()}, settled, unreadable


def _look(path, known):
    """[bytes, mtime_ns, sha256] of a file; None where there is none to read. Pipes and devices are not opened."""
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):
            return None
        if known and known[:2] == [facts.st_size, facts.st_mtime_ns]:
            return known
        with open(path, "rb") as file:
            return [facts.st_size, facts.st_mtime_ns, hashlib.file_digest(file, "sha256").hexdigest()]
    except (OSError, ValueError):
        return None


def walk(folder, under, skipped=()):
    """Sorted names, relative to `folder` and with forward slashes, of all files below its sub-folder `under`.

    Half-written files and Snakemake's own marks are no results and left out, as are the names `skipped`. Links to
    folders are not followed.
    """
    names = []
    for place, folders, here in os.walk(Path(folder) / under):
        folders[:] = [name for name in folders if not name.startswith(".partial-")]
        names += [os.path.join(place, name) for name in here if not _is_mark(name)]
    relative = (Path(os.path.relpath(name, folder)).as_posix() for name in names)
    return sorted(name for name in relative if name not in skipped)


def _is_mark(name):
    return name == ".snakemake_timestamp" or name.startswith(".partial-")


def read_known(path):
    """What write_known wrote; nothing where there is no such file, or another one."""
    try:
        known = json.loads(Path(path).read_text(encoding="utf-8"))
        return {name: seen for name, seen in known.items() if _is_seen(seen)}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def _is_seen(seen):
    return isinstance(seen, list) and list(map(type, seen)) == [int, int, str]


def write_known(path, known):
    """Keep what is known of files for the next look."""
    io.write_text(path, json.dumps(known, separators=(",", ":")))


def of_text(text):
    """The SHA-256 of a text in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def of_tree(folder, names):
    """One SHA-256 over the names and contents of several files of a folder."""
    read, _, _ = of_files(folder, sorted(names))
    return of_text("".join(f"{name}\t{said['sha256']}\n" for name, said in sorted(read.items())))
