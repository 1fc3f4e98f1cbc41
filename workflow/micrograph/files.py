"""The formats we write: tables as TSV, arrays as NPZ. Every file appears whole or not at all, never a pickle."""

import errno
import hashlib
import os
import re
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd

from micrograph.faults import Fault

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}  # what a disk says that takes no more
TRIES = 10  # at a folder that another process removes in the same moment
# Columns of tables that stay text, whatever they look like: an operator may be called 7.
TEXT = ("sample", "batch", "substrate", "scan", "features", "model", "operator", "grown", "labels", "group")
IN_WORDS = re.compile(r"\(os error (\d+)\)")  # how writers in Rust, safetensors among them, tell it


class Unwritable(Fault):
    """A file cannot be written. The disk's fault, never that of what was to be written."""


@contextmanager
def whole(path):
    """A temporary path beside `path`, moved onto it when the block ends well and removed when it does not.

    Serves files and folders alike; the temporary name keeps the suffix, which some writers look at. What is moved
    lies on the disk by then, so that a power cut leaves all of it or nothing.
    Raises Unwritable where the disk is full or the folder is closed.
    """
    path = Path(path)
    room = _room_beside(path)
    try:
        yield room / path.name
        _settle(room / path.name)
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(room / path.name, path)
    except Exception as error:
        if (number := disk_full(error)) is not None:
            raise unwritable(path, number) from None
        raise
    finally:
        _clear(room)


def _settle(path):
    """Have the disk take a file, or every file of a folder."""
    for one in [path, *path.rglob("*")] if path.is_dir() else [path]:
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _clear(room):
    """Remove a room, and the folder around it unless another process has its room there."""
    shutil.rmtree(room, ignore_errors=True)
    with suppress(OSError):
        room.parent.rmdir()


def _room_beside(path):
    """A new folder beside `path`; those in which a killed process was writing the same are cleared away."""
    rooms = path.parent / f".partial-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]}"
    room = rooms / secrets.token_hex(4)
    try:
        shutil.rmtree(rooms, ignore_errors=True)
        return _made(room)
    except OSError as error:
        raise unwritable(path, error.errno) from None


def _made(room):
    """The folder, made with those above it; tried again where another process was just clearing these away."""
    for _ in range(TRIES - 1):
        with suppress(FileNotFoundError, FileExistsError):
            room.mkdir(parents=True)
            return room
    room.mkdir(parents=True)
    return room


def check_writable(*folders):
    """Raise Unwritable where one of the folders takes no new file; a folder that is not there yet is made later."""
    for folder in map(Path, folders):
        if folder.is_dir():
            _clear(_room_beside(folder / "any"))


def disk_full(error):
    """The error number of a disk that is full or closed, where that is what `error` tells; None for other errors."""
    told = IN_WORDS.search(str(error))
    number = int(told[1]) if told else getattr(error, "errno", None)
    return number if number in FULL else None


def unwritable(path, number):
    """The Unwritable for a path that the system's error `number` kept from being written."""
    return Unwritable(
        f"{path}: cannot be written ({os.strerror(number)}); make room or correct the rights, then run again: "
        "what is finished is kept."
    )


def write_text(path, text):
    """Write UTF-8 text with Unix line ends."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_table(path, frame, significant=9):
    """Write a data frame as TSV: no index, floats to `significant` digits, missing values empty."""
    with whole(path) as partial:
        frame.to_csv(partial, sep="\t", index=False, float_format=f"%.{significant}g", lineterminator="\n")


def read_table(path, text=TEXT):
    """Read a TSV written by write_table. The columns named in `text` stay strings, whatever they look like."""
    columns = pd.read_csv(path, sep="\t", nrows=0).columns
    kinds = {name: str for name in text if name in columns}
    return pd.read_csv(path, sep="\t", dtype=kinds, keep_default_na=False, na_values=[""])


def write_arrays(path, **arrays):
    """Write named arrays as one NPZ; the same arrays give the same bytes."""
    with whole(path) as partial:
        np.savez(partial, **arrays)


def read_arrays(path):
    """Read an NPZ into a dict of arrays. Object arrays, which would need pickle, raise ValueError."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
