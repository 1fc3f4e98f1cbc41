"""What is in a result: its numbers and its texts by name, whatever the format; and how far two results lie apart."""

import csv
import re
from dataclasses import dataclass

import numpy as np

from micrograph.errors import UserError
from micrograph.scans import height_map

CLASSES = "predicted_celsius"  # the column of predictions that names the class
WHOLE = re.compile(r"[+-]?[0-9]{1,300}")
FLOATS_TO = 2**53  # whole numbers up to here are floats without loss


@dataclass(frozen=True)
class Distance:
    """How far two results lie apart.

    absolute: the largest difference of two numbers; relative: the largest over all columns or arrays of their largest
    difference over their largest magnitude; where: the name of that column or array; texts: how many texts differ;
    classes: of how many rows the predicted class differs, and rows: of how many (0 in what is no table of predictions).
    shape: a sentence where names or sizes differ, so that there is nothing to subtract.
    """

    absolute: float = 0.0
    relative: float = 0.0
    where: str = ""
    texts: int = 0
    classes: int = 0
    rows: int = 0
    shape: str = ""


def between(ours, theirs):
    """The Distance of two files of one format; None where the format has no numbers that we read.

    Raises UserError where one of them cannot be read.
    """
    reader = READERS.get(ours.suffix)
    return None if reader is None else distance(_read(reader, ours), _read(reader, theirs))


def predictions_in(path):
    """How many predicted classes a file holds; 0 where it is no table of predictions."""
    if path.suffix != ".tsv":
        return 0
    try:
        return len(_table(path).get(CLASSES, ()))
    except (OSError, ValueError, csv.Error):
        return 0


def _read(reader, path):
    try:
        return reader(path)
    except Exception as error:  # each library has its own words for damage
        raise UserError(f"{path}: cannot be read ({type(error).__name__}: {error}).") from None


def distance(ours, theirs):
    """The Distance of two dicts of arrays."""
    if list(ours) != list(theirs):
        return Distance(shape="other names: " + ", ".join(sorted(map(str, set(ours) ^ set(theirs)))[:3]))
    sizes = [name for name in ours if ours[name].shape != theirs[name].shape]
    if sizes:
        return Distance(shape=f"{sizes[0]}: {ours[sizes[0]].shape} and {theirs[sizes[0]].shape}")
    numbers = {name: _apart(ours[name], theirs[name]) for name in ours if _numeric(ours[name], theirs[name])}
    texts = sum(int(np.sum(ours[name].astype(str) != theirs[name].astype(str))) for name in ours if name not in numbers)
    where = max(numbers, key=lambda name: numbers[name][1], default="")
    classes = ours[CLASSES] if CLASSES in numbers else np.zeros(0)
    return Distance(
        absolute=max((absolute for absolute, _ in numbers.values()), default=0.0),
        relative=numbers[where][1] if numbers else 0.0,
        where=where if numbers and numbers[where][1] else "",
        texts=texts,
        classes=int(np.sum(~_same(classes, theirs[CLASSES]))) if len(classes) else 0,
        rows=len(classes),
    )


def _numeric(ours, theirs):
    return all(np.issubdtype(one.dtype, np.number) or one.dtype in (bool, object) for one in (ours, theirs))


def _exact(*arrays):
    """Whether any holds whole numbers that floats cannot tell apart: 64 bits, or Python's own."""
    return any(one.dtype == object or (one.dtype.kind in "iu" and one.dtype.itemsize > 4) for one in arrays)


def _missing(number):
    return number is None or number != number


def _same(ours, theirs):
    """Where two arrays hold the same number, or both none."""
    if _exact(ours, theirs):
        pairs = zip(ours.ravel().tolist(), theirs.ravel().tolist(), strict=True)
        same = [one == other or (_missing(one) and _missing(other)) for one, other in pairs]
        return np.array(same, dtype=bool).reshape(ours.shape)
    return (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))


def _apart(ours, theirs):
    """(largest difference, the same over the largest magnitude) of two arrays; missing in both is equal, in one not."""
    differ = ~_same(ours, theirs)
    if not differ.any():
        return 0.0, 0.0
    if _exact(ours, theirs):
        pairs = zip(ours[differ].tolist(), theirs[differ].tolist(), strict=True)
        gaps = [np.inf if _missing(one) or _missing(other) else abs(one - other) for one, other in pairs]
        absolute = max(map(float, gaps))
        ours, theirs = (np.array([np.nan if _missing(one) else abs(one) for one in part.ravel().tolist()], dtype=float)
                        for part in (ours, theirs))  # fmt: skip
    else:
        wide = np.result_type(ours, theirs, np.float64)  # float, or complex
        with np.errstate(invalid="ignore"):
            gaps = np.abs(ours[differ].astype(wide) - theirs[differ].astype(wide))
        absolute = float(np.max(np.where(np.isnan(gaps), np.inf, gaps)))
    finite = [np.abs(array[np.isfinite(array)]) for array in (ours, theirs)]
    largest = max((float(part.max()) for part in finite if part.size), default=0.0)
    return absolute, absolute / largest if largest else np.inf


def _table(path):
    """The columns of a TSV: numbers where every filled cell is one (empty: missing), else texts."""
    with open(path, encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_MINIMAL)
    if any(len(row) != len(header) for row in rows):
        raise ValueError("lines of different lengths")
    return {name: _column([row[place] for row in rows]) for place, name in enumerate(_names(header))}


def _names(header):
    """The names of columns, each once: a name that came before is told by its place."""
    return [f"{name} (column {place + 1})" if name in header[:place] else name for place, name in enumerate(header)]


def _column(cells):
    """Numbers where every filled cell is one: floats, or whole numbers as Python's own where floats would lose some."""
    if all(WHOLE.fullmatch(cell) for cell in cells if cell):
        whole = [int(cell) if cell else None for cell in cells]
        if any(abs(number) > FLOATS_TO for number in whole if number is not None):
            return np.array(whole, dtype=object)
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return np.array(cells, dtype=str)


def _arrays(path):
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in sorted(stored.files)}


def _tensors(path):
    """The tensors of a safetensors file, and its settings as texts."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as stored:
        texts = {f"settings: {name}": np.array([text]) for name, text in sorted((stored.metadata() or {}).items())}
        return texts | {name: stored.get_tensor(name) for name in sorted(stored.keys())}


def _picture(path):
    from PIL import Image

    with Image.open(path) as picture:
        return {"pixels": np.asarray(picture.convert("RGBA"))}


def _heights(path):

    field = height_map.read_gwy(path)
    return {
        "height_nm": field.height_nm,
        "size_nm": np.array([field.width_nm, field.tall_nm]),
        **{name: np.array([str(getattr(field, name))]) for name in height_map.META},
    }


# Formats whose numbers are compared; of all others (skops, pdf, svg, html, ...) the bytes alone.
READERS = {
    ".tsv": _table,
    ".npz": _arrays,
    ".safetensors": _tensors,
    ".png": _picture,
    ".webp": _picture,
    ".gwy": _heights,
}
