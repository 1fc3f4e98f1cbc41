"""Read and write files: whole or not at all; tables as TSV, arrays and features as NPZ."""

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}  # what a disk says that takes no more
TRIES = 10  # at a folder that another process removes in the same moment
# Columns of tables that stay text, whatever they look like: an operator may be called 7.
TEXT = ("sample", "batch", "substrate", "scan", "features", "model", "operator", "grown", "labels", "group")
IN_WORDS = re.compile(r"\(os error (\d+)\)")  # how writers in Rust, safetensors among them, tell it


class Unwritable(UserError):
    """A file cannot be written. The disk's fault, never that of what was to be written."""


@contextmanager
def atomic_write(path):
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
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_table(path, frame, significant=9):
    """Write a data frame as TSV: no index, floats to `significant` digits, missing values empty."""
    with atomic_write(path) as partial:
        frame.to_csv(partial, sep="\t", index=False, float_format=f"%.{significant}g", lineterminator="\n")


def read_table(path, text=TEXT):
    """Read a TSV written by write_table. The columns named in `text` stay strings, whatever they look like."""
    columns = pd.read_csv(path, sep="\t", nrows=0).columns
    kinds = {name: str for name in text if name in columns}
    return pd.read_csv(path, sep="\t", dtype=kinds, keep_default_na=False, na_values=[""])


def write_arrays(path, **arrays):
    """Write named arrays as one NPZ; the same arrays give the same bytes."""
    with atomic_write(path) as partial:
        np.savez(partial, **arrays)


def read_arrays(path):
    """Read an NPZ into a dict of arrays. Object arrays, which would need pickle, raise ValueError."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def write_features(path, samples, values, backbone, module, shape):
    """Write one block's features. values: (samples, width) float32; shape: (channels, rows, cols) of one sample's."""
    write_arrays(path, samples=np.asarray(samples, str), values=values, backbone=backbone, module=module, shape=shape)


class FeatureChunks:
    """The features of one block, in several files of consecutive samples.

    Parameters
    ----------
    paths : iterable of path
        Files by `write_features`, in the order of the samples.

    Attributes
    ----------
    samples : ndarray of str, shape (n_samples,)
        Names of the samples of all files.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._paths = list(paths)
        self.samples = np.concatenate([_member(path, "samples") for path in self._paths])

    def table(self) -> NDArray[np.float32]:
        """Return the features of all samples at once, shape (n_samples, n_features)."""
        parts = [_member(path, "values") for path in self._paths]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def blocks(self, rows: int) -> Iterator[NDArray[np.float32]]:
        """Yield the features in blocks of `rows` samples (the last has what is left), whatever the files hold."""
        left = None
        for path in self._paths:
            values = _member(path, "values")
            values = np.concatenate([left, values]) if left is not None and len(left) else values
            whole = len(values) - len(values) % rows
            for start in range(0, whole, rows):
                yield values[start : start + rows]
            left = values[whole:]
        if len(left):
            yield left


def _member(path, name):
    """One array of an NPZ; the others are not read."""
    with np.load(path, allow_pickle=False) as stored:
        return stored[name]


def write_components(path, samples, fits):
    """Write every fold's components (pca.Components) as scores_0, explained_0, rows_0, scores_1, ..."""
    names = {"scores": "scores", "explained": "explained_variance_ratio", "rows": "fit_index"}
    arrays = {f"{name}_{fold}": getattr(fit, own) for fold, fit in enumerate(fits) for name, own in names.items()}
    write_arrays(path, samples=np.asarray(samples, str), **arrays)


def read_scores(path):
    """What a fit learns from: samples (n,), copies (n,) int and, fold by fold, the scores (n, k) of all rows.

    Reads what write_components and write_tuned wrote; without copies, every row is copy 0, a sample's own micrograph.
    """
    arrays = read_arrays(path)
    folds = sum(name.startswith("scores_") for name in arrays)
    copies = arrays.get("copies", np.zeros(len(arrays["samples"]), dtype=int))
    return arrays["samples"], copies, [arrays[f"scores_{fold}"] for fold in range(folds)]


def write_tuned(path, samples, copies, scores):
    """Write fine-tuned features: samples (n,), copies (n,), and every fold's scores (n, k)."""
    folds = {f"scores_{fold}": values for fold, values in enumerate(scores)}
    write_arrays(path, samples=np.asarray(samples, str), copies=np.asarray(copies, int), **folds)
