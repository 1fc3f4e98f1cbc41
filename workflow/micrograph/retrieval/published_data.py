"""Turn the study's published data into micrographs with a sample sheet.

The data are pickles, with any name or in archives, of samples with sampleLabel, sampleId, image (224 x 224 numbers, 0
to 1 or 0 to 255), T (Celsius) and perhaps time (s) and substrate: lists of dicts, data frames, dicts of lists, or
several of these in one list or dict. Images without T get T, time and substrate from the first row with their sampleId
in a table without images. Of each sample the first usable micrograph is taken.
"""

import hashlib
import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.log import progress
from micrograph.retrieval import archives, descriptions, http, safe_pickle
from micrograph.retrieval.zenodo import shown
from micrograph.scans import rendering, sample_sheet
from micrograph.target import Target

WIDTH_NM = 1000  # the study's scans are 1 um wide
FIELDS = {name.lower(): name for name in ("sampleLabel", "sampleId", "image", "time", "substrate", "image_sno")}
REQUIRED = ("sampleLabel", "sampleId", "image", "T")
CONDITIONS = ("T", "time", "substrate")
AUGMENTED = "image_sno"  # the number of a crop or copy, in the study's augmented sets
MAX_NESTED = 2  # lists and dicts around tables
MAX_ROWS = 20_000  # of a file
EXCLUDED = ("source", "what", "reason")
COLUMNS = ("sample", "growth_celsius", "scan", "batch", "growth_seconds", "substrate", "pressure_torr", "width_nm")
MIN_WHITE = 32  # micrographs of 0 to 255 whose brightest pixel is darker than that have another scale
ROUNDING = 1e-4


class _Unusable(Exception):
    """Why an entry is not used."""


def make_samples(
    downloaded: Mapping[str, str | Path],
    target: Target,
    folder: str | Path,
    excluded: Sequence[Mapping[str, str]] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the usable micrographs as 8-bit PNG and return their sample sheet.

    Parameters
    ----------
    downloaded : dict of str to path
        Pickles and archives by source. The order does not count.
    target : Target
        A sample without it, outside of its limits, or between exact growth temperatures (as in the paper) is excluded.
    folder : path
        Receives ``films/{label}-{digits of its sha256}.png``.
    excluded : sequence of dict
        Rows that go before ours.

    Returns
    -------
    sheet : DataFrame
        One row per sample, with COLUMNS.
    excluded : DataFrame
        ``source``, ``what`` and ``reason`` of every file and entry that is not used.

    Raises
    ------
    UserError
        If nothing can be used.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    collection = _Collection(target, Path(folder), list(excluded))
    for source in progress(sorted(downloaded), "files read"):
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            for name, path, reason in archives.contents(downloaded[source], scratch):
                collection.read(f"{source}/{shown(name)}".rstrip("/"), path, reason)
    return collection.tables()


class _Collection:
    """The samples that are found, file by file."""

    def __init__(self, target: Target, folder: Path, excluded: list[Mapping[str, str]]) -> None:
        self.target, self.folder, self.excluded = target, folder, excluded
        self.samples: dict[tuple[str, str], dict[str, Any]] = {}
        self.digests: dict[str, str] = {}  # of images: whose they are
        self.waiting: list[tuple[str, int, dict[str, Any], float]] = []  # for their conditions
        self.conditions: dict[str, dict[str, Any]] = {}  # by sampleId
        self.without_image: dict[str, list[str]] = {}  # sampleIds of the tables without images, by source

    def read(self, source: str, path: Path | None, reason: str) -> None:
        """Take the samples of one file."""
        try:
            if path is None:
                raise UserError(reason)
            rows = _read_rows(path)
            factor = _scale(source, rows) if any("image" in row for row in rows) else None
        except UserError as error:
            message = str(error).replace(f"{path}: ", "", 1)
            print(f"{source}: excluded: {message}", flush=True)
            self._exclude(source, "the whole file", message)
            return
        if factor is None:
            self._read_conditions(source, rows)
            return
        for number, row in enumerate(rows, start=1):
            if "image" in row and row.get("T") is None and row.get("sampleId") is not None:
                self.waiting.append((source, number, row, factor))
            else:
                self._add(source, number, row, factor)

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(sample sheet, what is excluded)."""
        for source, number, row, factor in self.waiting:
            self._add(source, number, row | self.conditions.get(_text(row["sampleId"]), {}), factor)
        waited_for = {_text(row["sampleId"]) for _, _, row, _ in self.waiting}
        for source, numbers in self.without_image.items():
            if unused := [number for number in numbers if number not in waited_for]:
                what = "the whole file" if len(unused) == len(numbers) else f"{len(unused)} entries"
                self._exclude(source, what, "it has no images, and its sampleIds are those of no image without T")
        if not self.samples:
            reasons = Counter(row["reason"] for row in self.excluded).most_common(1)
            why = f"most often: {reasons[0][0].rstrip('.')}" if reasons else "it is empty"
            raise UserError(f"the archive has no image that can be used; {why}.")
        print(f"{len(self.samples)} samples, {len(self.excluded)} images and files excluded", flush=True)
        return _sheet(list(self.samples.values())), pd.DataFrame(self.excluded, columns=EXCLUDED)

    def _read_conditions(self, source: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the first conditions of every sampleId in a table without images."""
        self.without_image[source] = [_text(row.get("sampleId")) for row in rows]
        for row, number in zip(rows, self.without_image[source], strict=True):
            self.conditions.setdefault(number, {name: row[name] for name in CONDITIONS if name in row})

    def _add(self, source: str, number: int, row: Mapping[str, Any], factor: float) -> None:
        """Take a sample or list it as excluded."""
        label = row.get("sampleLabel")
        try:
            sample, grey = _sample(row, self.target, factor)
            key = sample["label"], sample["number"]
            digest = hashlib.sha256(grey.tobytes()).hexdigest()
            if digest in self.digests:
                raise _Unusable(f"the same image, byte for byte, as that of {self.digests[digest]}")
            if key in self.samples:
                raise _Unusable(f"another image of {self.samples[key]['origin']}, which is used")
        except _Unusable as error:
            title = f" ({shown(' '.join(label.split()))})" if isinstance(label, str) else ""
            self._exclude(source, f"entry {number}{title}", str(error))
            return
        path = self.folder / "films" / f"{http.safe_name(sample['label'])}-{digest[:12]}.png"
        rendering.write_png(path, grey)
        self.digests[digest] = sample["origin"] = f"{key[0]} ({key[1]}) in {source}"
        self.samples[key] = sample | {"scan": str(path)}

    def _exclude(self, source: str, what: str, reason: str) -> None:
        self.excluded.append({"source": source, "what": what, "reason": " ".join(reason.split())})


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the samples in a pickle, each with the fields that are known."""
    rows = []
    for row in _rows(safe_pickle.load(path)):
        rows.append({name: value for name, value in row.items() if not (isinstance(value, float) and value != value)})
        if len(rows) > MAX_ROWS:
            raise UserError(f"it has more than {MAX_ROWS} entries.")
    if not rows:
        raise UserError(f"{path}: this is not a list of samples in the format of the study.")
    return rows


def _rows(content: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the samples in lists of dicts, dicts of lists, and lists and dicts of these."""
    if isinstance(content, np.ndarray):
        content = content.ravel().tolist() if content.dtype == object else []
    if isinstance(content, dict):
        known = {_field(key): value for key, value in content.items() if _field(key)}
        if known:
            yield from _table(known)
            return
        content = list(content.values())
    if isinstance(content, list | tuple) and depth < MAX_NESTED:
        if len(content) > MAX_ROWS:
            raise UserError(f"it has a list of {len(content)} parts; {MAX_ROWS} are read.")
        for part in content:
            yield from _rows(part, depth + 1)


def _field(key: Any) -> str:
    """Return the field that a key names, "" for another one; T and t are temperature and time."""
    if key == "T" or not isinstance(key, str):
        return key if key == "T" else ""
    plain = key.strip().lower().replace(" ", "")
    return FIELDS.get(plain, FIELDS.get(plain.replace("_", ""), ""))


def _table(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a dict of lists; of a dict of single values, itself."""
    columns = {name: value for name, value in known.items() if _is_column(name, value)}
    if not columns.keys() & {"sampleLabel", "sampleId"} and not columns.keys() >= {"image", "T"}:
        yield known
        return
    lengths = {name: len(value) for name, value in columns.items()}
    if len(set(lengths.values())) > 1 or len(columns) < len(known):
        there = ", ".join(f"{name} {lengths.get(name, 'a single value')}" for name in known)
        raise UserError(f"its lists differ in length ({there}), so their rows cannot be matched.")
    plain = {
        name: value.tolist() for name, value in columns.items() if isinstance(value, np.ndarray) and value.ndim < 2
    }
    for values in zip(*(columns | plain).values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _is_column(name: str, value: Any) -> bool:
    """Whether a value is a list of values; an image is itself an array or list of lists of numbers."""
    if name != "image":
        return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)
    if isinstance(value, np.ndarray):
        return value.dtype == object or value.ndim > 2
    first = value[0] if isinstance(value, list | tuple) and value else None
    return isinstance(first, np.ndarray) or (isinstance(first, list) and bool(first) and isinstance(first[0], list))


def _scale(source: str, rows: Sequence[Mapping[str, Any]]) -> float:
    """Return what scales the images of a file to 0 to 255, by the brightest pixel of all."""
    found = [image for image in map(_image, rows) if image is not None]
    if not found:
        raise UserError(f"none of its {len(rows)} entries has an image of finite numbers.")
    peak = max(float(image.max()) for image in found)
    if peak <= 1 + ROUNDING and all(image.dtype.kind == "f" for image in found):
        factor, scale = float(rendering.WHITE), "0..1"
    elif MIN_WHITE <= peak <= rendering.WHITE * (1 + ROUNDING):
        factor, scale = 1.0, "0..255"
    else:
        raise UserError(f"the brightest pixel is {peak:.4g}, so its grey values are neither 0..1 nor 0..255.")
    print(f"{source}: brightest pixel {peak:.4g}: grey values are read as {scale}", flush=True)
    return factor


def _image(entry: Mapping[str, Any]) -> NDArray | None:
    """Return the entry's image as an array of finite numbers, None where it is none."""
    image = entry.get("image")
    if isinstance(image, list):  # of this size alone: lists that share parts could be read as endless arrays
        try:
            whole = len(image) == rendering.PIXELS == max(map(len, image))
            image = np.array([[float(value) for value in row] for row in image]) if whole else None
        except (TypeError, ValueError, OverflowError):
            return None
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "iuf" or not image.size:
        return None
    return image if np.isfinite(image).all() else None


def _sample(entry: Mapping[str, Any], target: Target, factor: float) -> tuple[dict[str, Any], NDArray[np.uint8]]:
    """(row of the sample sheet with the sample's label and number, its micrograph as uint8)."""
    if entry.get(AUGMENTED) is not None:
        raise _Unusable(f"an augmented copy of a micrograph ({AUGMENTED})")
    if missing := [name for name in REQUIRED if entry.get(name) is None]:
        raise _Unusable(f"has no {' and no '.join(missing)}")
    label, number, celsius = _text(entry["sampleLabel"]), _text(entry["sampleId"]), _number(entry["T"])
    if not label or not number or celsius is None:
        raise _Unusable("its sampleLabel, sampleId or T is empty or not a number")
    sample: dict[str, Any] = {"label": label, "number": number, "growth_celsius": celsius, "width_nm": WIDTH_NM}
    sample |= {"batch": sample_sheet.batch_from_label(label) or label}
    sample |= {"growth_seconds": _number(entry.get("time")), "substrate": _text(entry.get("substrate"))}
    if reason := descriptions.other_class(sample, target):
        raise _Unusable(reason)
    return sample, _grey(_image(entry), factor)


def _grey(image: NDArray | None, factor: float) -> NDArray[np.uint8]:
    """Return the image as uint8."""
    if image is None:
        raise _Unusable("its image is not an array of finite numbers")
    if image.shape != (rendering.PIXELS, rendering.PIXELS):
        raise _Unusable(f"its image has the shape {image.shape}, not ({rendering.PIXELS}, {rendering.PIXELS})")
    image = image.astype(np.float64) * factor
    if image.min() < -0.5:
        raise _Unusable(f"its image has negative grey values, down to {image.min() / factor:.4g}")
    if image.max() < 2 or np.ptp(image) < 0.5:
        raise _Unusable("its image is black, uniform, or of another scale than the rest of its file")
    return rendering.to_uint8(image)


def _text(value: Any) -> str:
    """Return a label or number as one line of text, "" for anything else; 12.0 is 12."""
    value = value.decode("latin-1") if isinstance(value, bytes) else value
    if isinstance(value, float):
        value = "" if not math.isfinite(value) else int(value) if value.is_integer() else value
    return shown(" ".join(str(value).split())) if isinstance(value, str | int | float) else ""


def _number(value: Any) -> float | None:
    """Return a positive finite number, from a number, its digits or a text such as "950 °C"; None for anything else."""
    if isinstance(value, str):
        found = descriptions.read(value)
        values = found.celsius or found.seconds
        value = values[0] if len(values) == 1 else value
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if 0 < number < math.inf else None


def _sheet(samples: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the sample sheet: labels as names, with the number where a label has several samples or is not legal."""
    count = Counter(sample["label"].casefold() for sample in samples)
    for sample in samples:
        label = sample["label"]
        plain = count[label.casefold()] == 1 and sample_sheet.FILE_NAME.fullmatch(label)
        sample["sample"] = label if plain else http.safe_name(f"{label}-{sample['number']}")
    if days := sum(not sample_sheet.batch_from_label(sample["label"]) for sample in samples):
        print(f"{days} labels have no growth day; each is a batch of its own", flush=True)
    table = pd.DataFrame(samples, columns=COLUMNS)
    same = table["sample"].str.casefold().duplicated(keep=False)
    table.loc[same, "sample"] = [Path(scan).stem for scan in table.loc[same, "scan"]]
    return table.sort_values("sample", ignore_index=True)
