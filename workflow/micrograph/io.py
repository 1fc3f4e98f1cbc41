"""Read and write files: whole or not at all; tables as TSV, arrays and features as NPZ."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}  # the disk is full or closed
ATTEMPTS = 10  # at making a folder that another process removes in the same moment
# Columns of tables that stay text, whatever they look like: an operator may be called 7.
TEXT = (
    *("sample", "film", "batch", "substrate", "scan", "features", "model", "operator", "growth_date", "labels"),
    "group",
)
RUST_ERROR = re.compile(r"\(os error (\d+)\)")  # how writers in Rust, safetensors among them, report an error number


class UnwritableError(UserError):
    """A file that the disk does not take, whatever its content."""


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, moved onto it at the end of the block, removed after an exception.

    Serves files and folders. The temporary name keeps the suffix, which some writers look at. What is moved is on the
    disk by then, so that a power cut leaves all of it or nothing.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    Path

    Raises
    ------
    UnwritableError
        If the disk is full or the folder closed.
    """
    path = Path(path)
    temporary = _temporary_beside(path)
    try:
        yield temporary / path.name
        _flush(temporary / path.name)
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary / path.name, path)
    except Exception as error:
        if (number := disk_error(error)) is not None:
            raise unwritable(path, number) from None
        raise
    finally:
        _remove(temporary)


def _flush(path: Path) -> None:
    """Have the disk take a file, or every file of a folder."""
    for one in [path, *path.rglob("*")] if path.is_dir() else [path]:
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(temporary: Path) -> None:
    """Remove a temporary folder, and the one around it unless another process writes there."""
    shutil.rmtree(temporary, ignore_errors=True)
    with suppress(OSError):
        temporary.parent.rmdir()


def _temporary_beside(path: Path) -> Path:
    """Make a folder beside `path`; remove those in which a killed process was writing the same."""
    parent = path.parent / f".partial-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]}"
    temporary = parent / secrets.token_hex(4)
    try:
        shutil.rmtree(parent, ignore_errors=True)
        return _make_folder(temporary)
    except OSError as error:
        raise unwritable(path, error.errno) from None


def _make_folder(folder: Path) -> Path:
    """Make a folder and those above it, again where another process was just removing these."""
    for _ in range(ATTEMPTS - 1):
        with suppress(FileNotFoundError, FileExistsError):
            folder.mkdir(parents=True)
            return folder
    folder.mkdir(parents=True)
    return folder


def check_writable(*folders: str | Path) -> None:
    """Raise UnwritableError where one of the folders takes no new file; a folder that does not exist yet passes."""
    for folder in map(Path, folders):
        if folder.is_dir():
            _remove(_temporary_beside(folder / "any"))


def disk_error(error: BaseException) -> int | None:
    """Return the error number of a full or closed disk; None of another error."""
    match = RUST_ERROR.search(str(error))
    number = int(match[1]) if match else getattr(error, "errno", None)
    return number if number in DISK_ERRORS else None


def unwritable(path: str | Path, number: int | None) -> UnwritableError:
    """Make the UnwritableError of a path, by the system's error number."""
    return UnwritableError(
        f"{path}: cannot be written ({os.strerror(number or 0)}); free disk space or correct the permissions, then run "
        "again: what is finished is kept."
    )


def sha256_file(path: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_table(path: str | Path, frame: pd.DataFrame, significant: int = 9) -> None:
    """Write a data frame as TSV: no index, floats to `significant` digits, missing values empty."""
    with atomic_write(path) as partial:
        frame.to_csv(partial, sep="\t", index=False, float_format=f"%.{significant}g", lineterminator="\n")


def read_table(path: str | Path, text: Sequence[str] = TEXT) -> pd.DataFrame:
    """Read a TSV of `write_table`; the columns named in `text` stay strings, whatever they look like."""
    columns = pd.read_csv(path, sep="\t", nrows=0).columns
    kinds = {name: str for name in text if name in columns}
    return pd.read_csv(path, sep="\t", dtype=kinds, keep_default_na=False, na_values=[""])


def write_arrays(path: str | Path, **arrays: ArrayLike) -> None:
    """Write named arrays as one NPZ; the same arrays give the same bytes."""
    with atomic_write(path) as partial:
        np.savez(partial, **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle


def read_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """Read an NPZ. Object arrays, which would need pickle, raise ValueError."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """The features that a model is fitted on.

    Parameters
    ----------
    sample : ndarray of str, shape (n,)
        Sample of every row.
    augmentation : ndarray of int, shape (n,)
        0: the micrograph itself.
    values : list of ndarray of shape (n, n_features)
        Fold by fold, or one for all folds.
    explained_variance_ratio : list of ndarray of shape (n_features,), optional
        Of principal components, fold by fold.
    fit_index : list of ndarray of int, optional
        Rows that the principal components are fitted on, fold by fold.
    """

    sample: NDArray[np.str_]
    augmentation: NDArray[np.int64]
    values: Sequence[NDArray[Any]]
    explained_variance_ratio: Sequence[NDArray[Any]] | None = None
    fit_index: Sequence[NDArray[np.intp]] | None = None

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a file of `write`."""
        arrays = read_arrays(path)
        augmentation = arrays.get("augmentation", np.zeros(len(arrays["samples"]), dtype=int))
        folds = range(sum(name.startswith("scores_") for name in arrays))
        kinds = ("scores", "explained", "rows") if "rows_0" in arrays else ("scores",)
        by_fold = ([arrays[f"{kind}_{fold}"] for fold in folds] for kind in kinds)
        return cls(arrays["samples"], augmentation, *by_fold)

    def write(self, path: str | Path) -> None:
        """Write as NPZ: samples, copies (not of principal components, which have none), scores_0, scores_1, ...

        Of principal components also explained_0 and rows_0, ...: the ratio and the rows of the fit.
        """
        by_fold = {"scores": self.values, "explained": self.explained_variance_ratio, "rows": self.fit_index}
        arrays: dict[str, ArrayLike] = {"samples": np.asarray(self.sample, str)}
        if self.fit_index is None:
            arrays["augmentation"] = np.asarray(self.augmentation, int)
        for fold in range(len(self.values)):
            arrays |= {
                f"{kind}_{fold}": arrays_of[fold] for kind, arrays_of in by_fold.items() if arrays_of is not None
            }
        write_arrays(path, **arrays)


def write_features(
    path: str | Path, samples: ArrayLike, values: NDArray[np.float32], backbone: str, module: str, shape: Sequence[int]
) -> None:
    """Write the features of one block of a network for consecutive samples.

    Parameters
    ----------
    path : str or Path
    samples : array_like of str, shape (n,)
    values : ndarray of shape (n, n_features)
    backbone, module : str
        Names of the network and of the block in it.
    shape : sequence of int
        Channels, rows and columns of one sample's features.
    """
    write_arrays(path, samples=np.asarray(samples, str), values=values, backbone=backbone, module=module, shape=shape)


def read_shape(path: str | Path) -> tuple[int, ...]:
    """Return channels, rows and columns of one sample's features, from a file of `write_features`."""
    with np.load(path, allow_pickle=False) as stored:
        return tuple(int(size) for size in stored["shape"])


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
        left: NDArray[np.float32] | None = None
        for path in self._paths:
            values = _member(path, "values")
            values = np.concatenate([left, values]) if left is not None and len(left) else values
            whole = len(values) - len(values) % rows
            for start in range(0, whole, rows):
                yield values[start : start + rows]
            left = values[whole:]
        if left is not None and len(left):
            yield left


def _member(path: str | Path, name: str) -> NDArray[Any]:
    """Read one array of an NPZ, not the others."""
    with np.load(path, allow_pickle=False) as stored:
        return stored[name]
