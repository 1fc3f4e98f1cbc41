"""New scans in a folder: which files there are, what they are called, and whether they are still the same."""

import os
import re
from pathlib import Path

from micrograph.faults import Fault

HINT = "snakemake --cores 8 predict --config new_scans=FOLDER"
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
BYTE = 0xDC00  # Python holds byte b of a name that is not UTF-8 as character BYTE + b, which no file takes


def scans_in(place):
    """{path: [bytes, time of the last change in ns]} of the scans at `place`, sorted by path.

    place: a folder, whose folders are searched too, or one file. All in it that is no folder is named, be it a file, a
    pipe or a broken link, so that nothing is lost in silence, and so is a folder that may not be opened; what is in the
    files is looked at later, one by one. What has no size and time has zeros. Passed over are hidden files and folders,
    and links to folders, which could lead round in circles; `place` itself may be one. Raises Fault where no place is
    named, or nothing is there.
    """
    if place is None:
        raise Fault(f"new_scans names no scans to predict; say where they are: {HINT}")
    if not os.path.exists(place):
        raise Fault(f"new_scans: there is no folder and no scan {printable(place)}; correct the path: {HINT}")
    paths = sorted(_shown(place)) if os.path.isdir(place) else [Path(place)]
    if not paths:
        raise Fault(f"new_scans: the folder {printable(place)} holds no files; put scans there or name another: {HINT}")
    return {str(path): _state(path) for path in paths}


def printable(path):
    """The path as text that every file and terminal takes: bytes that are no UTF-8, and control characters, escaped.

    A name of the bytes 62 ff 0a reads b\\xff\\x0a. What is opened is the path itself.
    """
    return UNPRINTABLE.sub(lambda found: _escaped(ord(found[0])), str(path))


def _escaped(code):
    byte = code - BYTE if BYTE < code <= BYTE + 0xFF else code
    return f"\\x{byte:02x}" if byte <= 0xFF else f"\\u{byte:04x}"


def _shown(place):
    """Paths below a folder, in no order."""
    closed = []
    for folder, inside, names in os.walk(place, onerror=lambda error: closed.append(Path(error.filename))):
        inside[:] = [name for name in inside if not name.startswith(".")]
        yield from (Path(folder) / name for name in names if not name.startswith("."))
    yield from closed


def _state(path):
    """[bytes, time of the last change in ns], zeros where there are none."""
    try:
        found = path.stat()
    except OSError:
        return [0, 0]
    return [found.st_size, found.st_mtime_ns]
