"""SHA-256 of files, computed in threads; a file whose size and time are known already is not read again."""

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from micrograph.io import sha256_file

THREADS = min(8, os.cpu_count() or 1)


def checksums(
    folder: Path, names: Iterable[str], known: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, dict[str, str]]:
    """Return size, time and SHA-256 of files.

    Parameters
    ----------
    folder : Path
    names : iterable of str
        Paths, relative to `folder` or absolute.
    known : mapping, optional
        What an earlier call returned: files of this size and time keep their checksum and are not read.

    Returns
    -------
    dict of str to dict
        ``{"contentSize", "dateModified", "sha256"}`` (bytes, ISO 8601 in UTC, hexadecimal) by path. Paths that are no
        regular file, such as pipes, or that cannot be read are left out.
    """
    names, known = list(names), known or {}
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda name: _checksum(Path(folder) / name, known.get(name, {})), names)
        return {name: one for name, one in zip(names, found, strict=True) if one}


def _checksum(path: Path, known: Mapping[str, str]) -> dict[str, str]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return {}
        found = {"contentSize": str(status.st_size), "dateModified": iso_time(status.st_mtime)}
        if found.items() <= known.items():
            return {**found, "sha256": known["sha256"]}
        return {**found, "sha256": sha256_file(path)}
    except (OSError, ValueError):
        return {}


def files_in(folder: Path) -> list[str]:
    """List the files below a folder, sorted, relative to it; unfinished ones and Snakemake's markers are left out."""
    names = [path.relative_to(folder) for path in Path(folder).rglob("*") if not path.is_dir()]
    return sorted(name.as_posix() for name in names if not any(map(_is_mark, name.parts)))


def _is_mark(part: str) -> bool:
    return part == ".snakemake_timestamp" or part.startswith(".partial-")


def of_text(text: str) -> str:
    """Return the SHA-256 of a text, hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def iso_time(seconds: float) -> str:
    """Return seconds since the epoch as an ISO 8601 time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
