"""Look into zip and tar archives and compressed files, by content, without trusting them.

Members are copied one at a time to numbered files; their names are shown and never used as paths, links are not
followed, and what is copied is counted rather than what a header says.
"""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from micrograph.io import UnwritableError

MAX_DEPTH = 4  # archives in archives; a compressed archive is two
MAX_MEMBERS = 10_000  # of one file, in all its archives
MAX_BYTES = 1 << 32  # likewise
CHUNK_BYTES = 1 << 20
COMPRESSED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
ZIPPED = (b"PK\x03\x04", b"PK\x05\x06")
DAMAGED: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, RuntimeError, zlib.error, lzma.LZMAError)
DAMAGED += (zipfile.BadZipFile, tarfile.TarError)


class _LeftOut(Exception):
    """Why a member is not read."""


class _Full(Exception):
    """Why the rest of a file is not read."""


def contents(path: str | Path, scratch: str | Path) -> Iterator[tuple[str, Path | None, str]]:
    """Yield the files that a file holds, or the file itself if it is not an archive.

    Parameters
    ----------
    path : path
        Any file.
    scratch : path
        An empty folder. A copy in it lasts until the next one is requested.

    Yields
    ------
    name : str
        Path inside the archive, of archives in archives joined by ``/``; "" for the file itself. Any text.
    file : Path or None
        None where it is not read.
    reason : str
        Why it is not, else "".

    Raises
    ------
    UnwritableError
        If a copy cannot be written.
    """
    budget = {"members": MAX_MEMBERS, "bytes": MAX_BYTES}
    try:
        yield from _contents(Path(path), "", Path(scratch), 0, budget)
    except _Full as error:
        yield "", None, f"{error}; the rest of the archive is not read"


def _contents(
    path: Path, name: str, scratch: Path, depth: int, budget: dict[str, int]
) -> Iterator[tuple[str, Path | None, str]]:
    try:
        members = _members(path)
        if members is None:
            yield name, path, ""
            return
        if depth == MAX_DEPTH:
            yield name, None, f"it lies more than {MAX_DEPTH} archives deep"
            return
        for inner, opened in members:
            copy = scratch / f"{depth}-{budget['members']}"
            shown = "/".join(filter(None, (name, inner)))
            try:
                if isinstance(opened, str):
                    raise _LeftOut(opened)
                _copy(opened, copy, budget)
                yield from _contents(copy, shown, scratch, depth + 1, budget)
            except _LeftOut as error:
                yield shown, None, str(error)
            finally:
                copy.unlink(missing_ok=True)
    except DAMAGED as error:
        yield name, None, f"the archive is damaged or of a kind that is not read ({type(error).__name__})"


def _members(path: Path) -> Iterator[tuple[str, Any]] | None:
    """(name, the opened member or why it is not read) of an archive; None for another file."""
    with open(path, "rb") as file:
        start = file.read(8)
    if start.startswith(ZIPPED):
        return _zip_members(path)
    for magic, opener in COMPRESSED.items():
        if start.startswith(magic):
            return iter([("", opener(path))])
    return _tar_members(path) if tarfile.is_tarfile(path) else None


def _zip_members(path: Path) -> Iterator[tuple[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                yield info.filename, "it is encrypted"
            elif stat.S_ISLNK(info.external_attr >> 16):
                yield info.filename, "it is a link"
            else:
                yield info.filename, lambda info=info: archive.open(info)  # type: ignore[misc]


def _tar_members(path: Path) -> Iterator[tuple[str, Any]]:
    with tarfile.open(path, "r:") as archive:
        for info in archive:
            if info.isreg():
                yield info.name, lambda info=info: archive.extractfile(info)  # type: ignore[misc]
            elif not info.isdir():
                yield info.name, "it is a link or a device"


def _copy(opened: Any, copy: Path, budget: dict[str, int]) -> None:
    """Copy a member, an open file or a function that opens it."""
    budget["members"] -= 1
    if budget["members"] < 0:
        raise _Full(f"it has more than {MAX_MEMBERS} files")
    try:
        source: IO[bytes] = opened() if callable(opened) else opened
    except DAMAGED as error:
        raise _LeftOut(f"it cannot be unpacked ({type(error).__name__})") from None
    with source, open(copy, "wb") as target:
        while chunk := _read(source):
            budget["bytes"] -= len(chunk)
            if budget["bytes"] < 0:
                raise _Full(f"it unpacks to more than {MAX_BYTES} bytes")
            try:
                target.write(chunk)
            except OSError as error:
                raise UnwritableError(f"{copy}: cannot be written ({error.strerror}); free disk space.") from None


def _read(source: IO[bytes]) -> bytes:
    try:
        return source.read(CHUNK_BYTES)
    except DAMAGED as error:
        raise _LeftOut(f"it cannot be unpacked ({type(error).__name__})") from None
