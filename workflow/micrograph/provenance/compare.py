"""Compare two folders of results, file by file: equal to the byte, or how far apart.

    python -m micrograph.provenance.compare results other/results [--files]

prints one line per folder of results, with ``--files`` also one for every file that differs. The exit status is 0 where
all files are equal, 1 where any differs, 2 where there is nothing to compare.
"""

import argparse
import filecmp
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.provenance.checksums import files_in
from micrograph.provenance.record import NAME

EQUAL, CLOSE, OTHER, ONE_SIDED = "equal", "numbers differ", "other", "in one only"
CLASSES = "y_pred"  # the column of predictions that names the class


@dataclass(frozen=True)
class Comparison:
    """How a file of one folder compares with the file of the same name in another.

    Parameters
    ----------
    name : str
    verdict : {EQUAL, CLOSE, OTHER, ONE_SIDED}
    relative : float
        Of a CLOSE file: the largest difference of two numbers over the largest number in their column or array.
    classes : int
        Number of rows whose predicted class differs.
    detail : str
        What differs.
    """

    name: str
    verdict: str
    relative: float = 0.0
    classes: int = 0
    detail: str = ""


def compare_folders(ours: Path, theirs: Path) -> list[Comparison]:
    """Compare every file in either folder; records of runs are left out."""
    names = [set(files_in(folder)) - {NAME} for folder in (ours, theirs)]
    return [
        compare_files(name, Path(ours) / name, Path(theirs) / name)
        if all(name in found for found in names)
        else Comparison(name, ONE_SIDED, detail=f"only in {ours if name in names[0] else theirs}")
        for name in sorted(set.union(*names))
    ]


def compare_files(name: str, ours: Path, theirs: Path) -> Comparison:
    """Compare two files by their bytes and, where these differ and the format is known, by the numbers in them."""
    reader = READERS.get(ours.suffix)
    try:
        if filecmp.cmp(ours, theirs, shallow=False):
            return Comparison(name, EQUAL)
        if reader is None:
            return Comparison(name, OTHER, detail="other bytes")
        arrays, others = reader(ours), reader(theirs)
    except Exception as error:  # every library has its own for damaged files
        return Comparison(name, OTHER, detail=f"cannot be read ({type(error).__name__}: {error})")
    if {key: array.shape for key, array in arrays.items()} != {key: array.shape for key, array in others.items()}:
        return Comparison(name, OTHER, detail="other names or shapes")
    numeric = [key for key in arrays if _is_numeric(arrays[key]) and _is_numeric(others[key])]
    texts = [key for key in arrays if key not in numeric and (arrays[key].astype(str) != others[key].astype(str)).any()]
    if texts:
        return Comparison(name, OTHER, detail=f"other text in {texts[0]}")
    gaps = {key: largest_difference(arrays[key], others[key]) for key in numeric}
    key = max(gaps, key=lambda key: gaps[key][1], default="")
    classes = int((arrays[CLASSES] != others[CLASSES]).sum()) if CLASSES in numeric else 0
    if not key or not gaps[key][0]:
        return Comparison(name, CLOSE, detail="equal as floating-point numbers, written in other bytes")
    absolute, relative = gaps[key]
    detail = f"by up to {absolute:.2g} in {key}, {relative:.1e} of the largest"
    return Comparison(name, CLOSE, relative, classes, detail + f"; {classes} predicted classes" * bool(classes))


def largest_difference(ours: NDArray, theirs: NDArray) -> tuple[float, float]:
    """Return the largest difference of two arrays of numbers, absolute and over the largest finite number in them.

    Numbers that are missing (NaN) in both are equal; missing in one, infinitely far apart.
    """
    kind = np.result_type(ours, theirs, np.float64)
    ours, theirs = ours.astype(kind), theirs.astype(kind)
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = np.abs(ours - theirs)
    gaps = np.where((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)), 0.0, gaps)
    absolute = float(np.max(np.where(np.isnan(gaps), np.inf, gaps), initial=0.0))
    scale = max(float(np.max(np.abs(array[np.isfinite(array)]), initial=0.0)) for array in (ours, theirs))
    return absolute, absolute / scale if scale else absolute and np.inf


def _is_numeric(array: NDArray) -> bool:
    return array.dtype == bool or np.issubdtype(array.dtype, np.number)


def _table(path: Path) -> dict[str, NDArray]:
    return {str(name): column.to_numpy() for name, column in pd.read_csv(path, sep="\t").items()}


def _arrays(path: Path) -> dict[str, NDArray]:
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def _tensors(path: Path) -> dict[str, NDArray]:
    """Read tensors and, as text, the metadata beside them."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as stored:
        texts = {f"metadata {name}": np.array(text) for name, text in (stored.metadata() or {}).items()}
        return texts | {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a dict)


def _picture(path: Path) -> dict[str, NDArray]:
    from PIL import Image

    with Image.open(path) as picture:
        return {"pixels": np.asarray(picture.convert("RGBA"))}


def _height_map(path: Path) -> dict[str, NDArray]:
    from micrograph.scans.height_map import read_gwy

    return {name: np.asarray(value) for name, value in vars(read_gwy(path)).items()}


# Formats whose numbers are compared; of all others (skops, pdf, svg, html) the bytes alone.
READERS = {
    ".tsv": _table,
    ".npz": _arrays,
    ".safetensors": _tensors,
    ".png": _picture,
    ".webp": _picture,
    ".gwy": _height_map,
}


def summary(compared: Sequence[Comparison]) -> pd.DataFrame:
    """Count the verdicts by folder of results; with the largest relative difference and the number of other classes."""
    frame = pd.DataFrame([vars(one) for one in compared])
    folder = frame["name"].str.extract("^([^/]+)/", expand=False).fillna(".").rename("folder")
    counts = pd.crosstab(folder, frame["verdict"])
    return counts.join(frame.groupby(folder).agg({"relative": "max", "classes": "sum"}))


def _folder(text: str) -> Path:
    """Read a folder from the command line; what is none, or is empty, ends the program with status 2."""
    if not text or not files_in(Path(text)):
        raise argparse.ArgumentTypeError(f"'{text}' is not a folder with files; make compare A=results B=other/results")
    return Path(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the two folders that the command line names and return the exit status."""
    parser = argparse.ArgumentParser(prog="compare", description=__doc__.split("\n")[0])
    parser.add_argument("A", type=_folder, help="a folder of results")
    parser.add_argument("B", type=_folder, help="another one")
    parser.add_argument("--files", action="store_true", help="list every file that differs")
    options = parser.parse_args(arguments)
    compared = compare_folders(options.A, options.B)
    differ = [one for one in compared if one.verdict != EQUAL]
    for one in differ if options.files else []:
        print(f"{one.name}: {one.verdict}, {one.detail}".encode("ascii", "backslashreplace").decode())
    print(summary(compared).to_string(float_format="{:.1e}".format))
    print(f"{len(compared) - len(differ)} of {len(compared)} files are equal to the byte.")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
