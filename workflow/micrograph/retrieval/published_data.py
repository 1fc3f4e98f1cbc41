"""Turn the study's published data into micrographs with a sample sheet.

The data are pickled lists of dicts with sampleLabel, sampleId, image (224 x 224 numbers, 0 to 1 or 0 to 255), T
(Celsius) and perhaps time (s) and substrate. Of each sample the first usable micrograph is taken.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from micrograph.errors import UserError
from micrograph.log import progress
from micrograph.retrieval import http, safe_pickle
from micrograph.retrieval.zenodo import shown
from micrograph.scans import rendering, sample_sheet

WIDTH_NM = 1000  # the study's scans are 1 um wide
REQUIRED = ("sampleLabel", "sampleId", "image", "T")
EXCLUDED = ("source", "what", "reason")
COLUMNS = ("sample", "growth_celsius", "scan", "batch", "growth_seconds", "substrate", "pressure_torr", "width_nm")
MIN_WHITE = 32  # micrographs of 0 to 255 whose brightest pixel is darker than that have another scale
ROUNDING = 1e-4


class _Unusable(Exception):
    """Why an entry is not used."""


def make_samples(
    downloaded: Mapping[str, str | Path],
    classes: Sequence[float],
    folder: str | Path,
    excluded: Sequence[Mapping[str, str]] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the usable micrographs as 8-bit PNG and return their sample sheet.

    Parameters
    ----------
    downloaded : dict of str to path
        Pickles by source. The order does not count.
    classes : sequence of float
        Growth temperatures that are used, in Celsius.
    folder : path
        Receives ``films/{label}-{digits of its sha256}.png``.
    excluded : sequence of dict
        Rows that go before ours.

    Returns
    -------
    sheet : DataFrame
        One row a sample, with COLUMNS.
    excluded : DataFrame
        ``source``, ``what`` and ``reason`` of every file and entry that is not used.

    Raises
    ------
    UserError
        If nothing can be used.
    """
    samples: dict[tuple[str, Any], dict[str, Any]] = {}
    digests: dict[str, str] = {}
    rows = list(excluded)
    for source in progress(sorted(downloaded), "files read"):
        try:
            entries, factor = _entries(downloaded[source])
        except UserError as error:
            print(f"{source}: excluded: {error}", flush=True)
            rows.append(_row(source, "the whole file", str(error)))
            continue
        for number, entry in enumerate(entries, start=1):
            label = entry.get("sampleLabel")
            try:
                sample, grey = _sample(entry, classes, factor)
                key = sample["label"], sample["number"]
                digest = hashlib.sha256(grey.tobytes()).hexdigest()
                if digest in digests:
                    raise _Unusable(f"the same image, byte for byte, as that of {digests[digest]}")
                if key in samples:
                    raise _Unusable(f"another image of {samples[key]['origin']}, which is used")
            except _Unusable as error:
                title = f" ({shown(' '.join(label.split()))})" if isinstance(label, str) else ""
                rows.append(_row(source, f"entry {number}{title}", str(error)))
                continue
            path = Path(folder) / "films" / f"{http.safe_name(sample['label'])}-{digest[:12]}.png"
            rendering.write_png(path, grey)
            digests[digest] = sample["origin"] = f"{key[0]} ({key[1]}) in {source}"
            samples[key] = sample | {"scan": str(path)}
    if not samples:
        reasons = Counter(row["reason"] for row in rows).most_common(1)
        why = f"most often: {reasons[0][0].rstrip('.')}" if reasons else "it is empty"
        raise UserError(f"the archive has no image that can be used; {why}.")
    print(f"{len(samples)} samples, {len(rows)} images and files excluded", flush=True)
    return _sheet(list(samples.values())), pd.DataFrame(rows, columns=EXCLUDED)


def _entries(path):
    """Return (the entries of a pickle, what scales their images to 0 to 255), by the brightest pixel of all."""
    entries = safe_pickle.load(path)
    entries = entries.ravel().tolist() if isinstance(entries, np.ndarray) else entries
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: this is no list of samples in the format of the study.")
    found = [image for image in map(_image, entries) if image is not None]
    if not found:
        raise UserError(f"{path}: none of its {len(entries)} entries has an image.")
    peak = max(float(image.max()) for image in found)
    if peak <= 1 + ROUNDING and all(image.dtype.kind == "f" for image in found):
        factor, scale = rendering.WHITE, "0..1"
    elif MIN_WHITE <= peak <= rendering.WHITE * (1 + ROUNDING):
        factor, scale = 1.0, "0..255"
    else:
        raise UserError(f"{path}: the brightest pixel is {peak:.4g}, so its grey values are neither 0..1 nor 0..255.")
    print(f"{path}: brightest pixel {peak:.4g}: grey values are read as {scale}", flush=True)
    return entries, factor


def _image(entry):
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


def _sample(entry, classes, factor):
    """(row of the sample sheet with the sample's label and number, its micrograph as uint8)."""
    if missing := [name for name in REQUIRED if entry.get(name) is None]:
        raise _Unusable(f"has no {' and no '.join(missing)}")
    label, number, celsius = _text(entry["sampleLabel"]), _text(entry["sampleId"]), _number(entry["T"])
    if not label or not number or celsius is None:
        raise _Unusable("its sampleLabel, sampleId or T is empty or no number")
    if celsius not in classes:
        raise _Unusable(f"grown at {celsius:g} C, which is not one of the classes {', '.join(map(str, classes))}")
    sample = {"label": label, "number": number, "growth_celsius": int(celsius), "width_nm": WIDTH_NM}
    sample |= {"batch": sample_sheet.batch_from_label(label) or label}
    sample |= {"growth_seconds": _number(entry.get("time")), "substrate": _text(entry.get("substrate"))}
    return sample, _grey(_image(entry), factor)


def _grey(image, factor):
    """Return the image as uint8."""
    if image is None:
        raise _Unusable("its image is no array of finite numbers")
    if image.shape != (rendering.PIXELS, rendering.PIXELS):
        raise _Unusable(f"its image has the shape {image.shape}, not ({rendering.PIXELS}, {rendering.PIXELS})")
    image = image.astype(np.float64) * factor
    if image.min() < -0.5:
        raise _Unusable(f"its image has negative grey values, down to {image.min() / factor:.4g}")
    if image.max() < 2 or np.ptp(image) < 0.5:
        raise _Unusable("its image is black, uniform, or of another scale than the rest of its file")
    return rendering.to_uint8(image)


def _text(value):
    """Return a label or number as one line of text, "" for anything else; 12.0 is 12."""
    value = value.decode("latin-1") if isinstance(value, bytes) else value
    if isinstance(value, float):
        value = "" if not math.isfinite(value) else int(value) if value.is_integer() else value
    return shown(" ".join(str(value).split())) if isinstance(value, str | int | float) else ""


def _number(value):
    """Return a positive finite number, from a number or its digits; None for anything else."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if 0 < number < math.inf else None


def _sheet(samples):
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


def _row(source, what, reason):
    return {"source": source, "what": what, "reason": " ".join(reason.split())}
