"""From the study's processed data, pickles of lists of dicts, to finished pictures with a sample sheet.

An entry has sampleLabel, sampleId, image (224 x 224 numbers, 0..1 or 0..255), T (Celsius), and may have time (s) and
substrate. The first usable picture of a film is taken; everything else is listed with its reason.
"""

import hashlib
import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from micrograph.errors import UserError
from micrograph.log import progress
from micrograph.retrieval import names, unpickling
from micrograph.retrieval.zenodo import LEFT_OUT, shown
from micrograph.scans import rendering, sample_sheet

WIDTH_NM = 1000  # the study's scans are 1 um wide
NEEDED = ("sampleLabel", "sampleId", "image", "T")
COLUMNS = ("sample", "growth_celsius", "scan", "batch", "growth_seconds", "substrate", "pressure_torr", "width_nm")
LEAST_WHITE = 32  # pictures of 0..255 whose brightest pixel is darker than that are of another scale
ROUNDING = 1e-4
HALF_A_GREY, DARKEST_WHITE = 0.5, 2.0


class Film(NamedTuple):
    """One picture that is used: the film's label and number, where it was found, its row of the sheet but `sample`."""

    label: str
    number: str
    found: str
    row: dict


class Unfit(Exception):
    """Why an entry is not used, in words."""


def films(fetched, classes, folder, left_out=()):
    """Write the usable pictures as PNG and list them: (sheet, left out), tables of COLUMNS and LEFT_OUT.

    fetched: {source: path of a pickle}; classes: the growth temperatures wanted, in Celsius; folder: gets
    films/{label}-{digits of its sha256}.png, 8-bit grey; left_out: rows that go before ours. Sources are gone through
    by name, so that the same files give the same tables in any order. A file that cannot be read is left out as a
    whole. Raises UserError where nothing is left.
    """
    used, rows, seen = {}, list(left_out), {}
    for source in progress(sorted(fetched), "files read"):
        try:
            entries, factor = _entries(fetched[source])
        except UserError as fault:
            rows.append(_passed_over(source, "the whole file", str(fault)))
            print(f"{source}: left out: {fault}", flush=True)
            continue
        for place, entry in enumerate(entries):
            try:
                film, grey = _film(entry, classes, factor)
                digest = _check_new(film, grey, used, seen, source)
            except Unfit as unfit:
                rows.append(_passed_over(source, _title(entry, place), str(unfit)))
                continue
            path = Path(folder) / "films" / f"{names.safe(film.label)}-{digest[:12]}.png"
            rendering.write_png(path, grey)
            used[film.label, film.number] = film._replace(found=source, row=film.row | {"scan": str(path)})
    if not used:
        raise UserError(f"the archive has no picture that can be used; {_commonest(rows)}")
    print(f"{len(used)} films, {len(rows)} pictures and files left out", flush=True)
    return _sheet(list(used.values())), pd.DataFrame(rows, columns=LEFT_OUT)


def _entries(path):
    """(the entries of a pickle, what their images are multiplied by for 0..255), decided from the brightest pixel."""
    entries = unpickling.read(path)
    entries = entries.ravel().tolist() if isinstance(entries, np.ndarray) else entries
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: this is no list of samples as the study wrote them.")
    found = [_image(entry) for entry in entries]
    peaks = [float(image.max()) for image in found if image is not None]
    if not peaks:
        raise UserError(f"{path}: none of its {len(entries)} entries has an image.")
    peak = max(peaks)
    if peak <= 1 + ROUNDING and not any(image is not None and image.dtype.kind in "iu" for image in found):
        print(f"{path}: brightest pixel {peak:.4g}: greys are taken for 0..1", flush=True)
        return entries, rendering.WHITE
    if not LEAST_WHITE <= peak <= rendering.WHITE * (1 + ROUNDING):
        raise UserError(f"{path}: the brightest pixel is {peak:.4g}, so its greys are neither 0..1 nor 0..255.")
    print(f"{path}: brightest pixel {peak:.4g}: greys are taken for 0..255", flush=True)
    return entries, 1.0


def _image(entry):
    """The entry's image as an array of finite numbers, None where it is none."""
    image = entry.get("image")
    if isinstance(image, list):
        try:
            image = np.array(image, dtype=np.float64)
        except (ValueError, TypeError, OverflowError):
            return None
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "iuf" or not image.size:
        return None
    return image if np.isfinite(image).all() else None


def _film(entry, classes, factor):
    """(Film, its picture as uint8) of an entry; Unfit in words."""
    if missing := [name for name in NEEDED if entry.get(name) is None]:
        raise Unfit(f"has no {' and no '.join(missing)}")
    label, number = (_text(entry[name]) for name in NEEDED[:2])
    celsius = _number(entry["T"])
    if not label or not number or celsius is None:
        raise Unfit("its sampleLabel, sampleId or T says nothing")
    if celsius not in classes:
        raise Unfit(f"grown at {celsius:g} C, which is none of the classes {', '.join(map(str, classes))}")
    grey = _grey(_image(entry), factor)
    row = {"growth_celsius": int(celsius), "batch": sample_sheet.batch_of(label) or label, "width_nm": WIDTH_NM}
    more = {"growth_seconds": _number(entry.get("time")), "substrate": _text(entry.get("substrate"))}
    return Film(label, number, "", row | more), grey


def _grey(image, factor):
    """The image as uint8; Unfit in words."""
    if image is None:
        raise Unfit("its image is no array of finite numbers")
    if image.shape != (rendering.PIXELS, rendering.PIXELS):
        raise Unfit(f"its image has the shape {image.shape}, not ({rendering.PIXELS}, {rendering.PIXELS})")
    image = image.astype(np.float64) * factor
    if image.min() < -HALF_A_GREY:
        raise Unfit(f"its image has negative greys, down to {image.min() / factor:.4g}")
    if image.max() < DARKEST_WHITE or np.ptp(image) < HALF_A_GREY:
        raise Unfit("its image is black, one grey everywhere, or of another scale than the rest of its file")
    return rendering.to_bytes(image)


def _text(value):
    """A label or number as one line of text, "" for what says nothing; 12.0 is 12."""
    value = value.decode("latin-1") if isinstance(value, bytes) else value
    if isinstance(value, float):
        value = "" if not math.isfinite(value) else int(value) if value.is_integer() else value
    return shown(" ".join(str(value).split())) if isinstance(value, str | int | float) else ""


def _number(value):
    """A positive finite number, from a number or its digits; None for anything else."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if 0 < number < math.inf else None


def _check_new(film, grey, used, seen, source):
    """The picture's SHA-256; Unfit where it, or another of this film, is used already. seen: {SHA-256: Film}."""
    digest = hashlib.sha256(grey.tobytes()).hexdigest()
    same, earlier = seen.get(digest), used.get((film.label, film.number))
    if same:
        raise Unfit(f"the same picture, byte for byte, as that of {same.label} ({same.number}) in {same.found}")
    if earlier:
        raise Unfit(f"another picture of {film.label} ({film.number}); the first, in {earlier.found}, is used")
    seen[digest] = film._replace(found=source)
    return digest


def _sheet(used):
    """The sample sheet of the films: labels as names, with the number where a label has several or is no legal name."""
    count = Counter(film.label.casefold() for film in used)
    rows, days = [], 0
    for film in used:
        plain = count[film.label.casefold()] == 1 and sample_sheet.FILE_NAME.fullmatch(film.label)
        name = film.label if plain else names.safe(f"{film.label}-{film.number}")
        rows.append({"sample": name} | film.row)
        days += not sample_sheet.batch_of(film.label)
    if days:
        print(f"{days} labels tell no growth day; each of these is taken for a batch of its own", flush=True)
    table = pd.DataFrame(rows, columns=COLUMNS)
    same = table["sample"].str.casefold().duplicated(keep=False)
    table.loc[same, "sample"] = [Path(scan).stem for scan in table.loc[same, "scan"]]
    return table.sort_values("sample", ignore_index=True)


def _title(entry, place):
    """What to call an entry: its number in the file, from 1, and its label where it has one."""
    label = entry.get("sampleLabel")
    return f"entry {place + 1}" + (f" ({shown(' '.join(label.split()))})" if isinstance(label, str) else "")


def _passed_over(source, what, reason):
    """A row of LEFT_OUT, in one line."""
    return {"source": source, "what": what, "reason": " ".join(reason.split())}


def _commonest(rows):
    """The reason that most rows give."""
    reasons = pd.Series([row["reason"] for row in rows], dtype=object).value_counts()
    return f"most often: {reasons.index[0].rstrip('.')}." if len(reasons) else "it is empty."
