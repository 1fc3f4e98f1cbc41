"""One shard of scans from raw file to micrograph, one scan at a time; a bad one is listed and the others go on."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from micrograph.errors import UserError, lookup
from micrograph.io import Unwritable, disk_full
from micrograph.log import progress
from micrograph.scans import levelling, rendering
from micrograph.scans.formats import Picture, read, read_picture
from micrograph.scans.height_map import HeightMap, read_gwy, write_gwy
from micrograph.scans.nanoscope import CHANNELS

PICTURE = "picture"
LEVELLED = (
    *("sample", "scan", "height", "lines", "pixels", "lines_planned", "width_nm", "tall_nm"),
    *("channel", "direction", "source_sha256"),
)
DRAWN = ("sample", "scan", "micrograph", "pixel_nm", *LEVELLED[3:5], *LEVELLED[6:])
REJECTED = ("sample", "scan", "reason")
SAMPLES = (
    *("sample", "batch", "growth_celsius", "growth_seconds", "substrate", "pressure_torr", "operator", "grown"),
    *("scan", "micrograph", "pixel_nm", "lines", "pixels", "width_nm", "tall_nm"),
    *("channel", "direction", "source_sha256", "data"),
)
STOPS = {"skip": False, "stop": True}  # what scans.on_bad_scan means


@dataclass(frozen=True)
class Settings:
    """How scans are read, levelled and drawn; formats.read, heights.level, images.micrograph say what each means."""

    channels: tuple = CHANNELS
    direction: str = "any"
    levelling: str = "published"
    aspect: str = "pad"
    pixels: int = rendering.PIXELS
    clip_percentiles: tuple = rendering.CLIP_PERCENTILES
    gwyddion_timeout_seconds: float = 60.0


def level_shard(rows, heights_folder, settings=Settings()):  # noqa: B008 (frozen)
    """Read and level the scans of a shard: (levelled, rejected) tables of the columns LEVELLED and REJECTED.

    rows: rows of the sample sheet (sample, scan, width_nm). Every height map becomes heights_folder/{sample}.gwy; a
    finished picture passes by: it is listed with an empty `height`. Memory does not grow with the rows.
    """

    one = partial(_level, folder=Path(heights_folder), settings=settings)
    return _each(rows, one, "scans levelled", LEVELLED)


def draw_shard(levelled, micrographs_folder, settings=Settings()):  # noqa: B008 (frozen)
    """Draw what level_shard listed: (drawn, rejected) tables of the columns DRAWN and REJECTED.

    Every sample becomes micrographs_folder/{sample}.png.
    """

    one = partial(_draw, folder=Path(micrographs_folder), settings=settings)
    return _each(levelled, one, "micrographs drawn", DRAWN)


def gather(sheet, accepted, rejected, data, on_bad_scan="skip"):
    """Join the shards: (table of all samples, table of all rejections, summary text).

    sheet: the sample sheet; accepted, rejected: the shards' tables (DRAWN, REJECTED); data: "simulated" or "real".
    on_bad_scan: "skip" goes on without the rejected, "stop" raises UserError that names them all; what was converted is
    kept either way. Raises UserError where fewer than two samples are left, ValueError where a sample of the sheet is in no
    shard.
    """
    drawn, rejected = _joined(accepted, DRAWN), _joined(rejected, REJECTED)
    seen = sorted([*drawn["sample"], *rejected["sample"]])
    if seen != sorted(sheet["sample"]):
        raise ValueError(f"the shards hold {len(seen)} samples and the sheet {len(sheet)}; they are not of one run")
    text = summary(len(sheet), rejected)
    if lookup(on_bad_scan, STOPS, "scans.on_bad_scan") and len(rejected):
        raise UserError(f"{text}\nMend these scans, or set scans.on_bad_scan to skip to go on without them.")
    if len(drawn) < 2:
        raise UserError(f"fewer than two samples are left to study: {text}")
    samples = drawn.merge(sheet.drop(columns=["scan", "width_nm"], errors="ignore"), on="sample", validate="1:1")
    samples = samples.assign(data=data).reindex(columns=SAMPLES).sort_values("sample", ignore_index=True)
    return samples, rejected, "\n".join([text, *twins(samples)])


def twins(samples):
    """Sentences on samples whose scans are the same file byte by byte: one film, perhaps on both sides of a split."""
    same = samples[samples["source_sha256"].duplicated(keep=False)].groupby("source_sha256", sort=False)
    names = [", ".join(group["sample"]) for _, group in same]
    return [f"the scans of {name} are the same file; keep one, or the film is learnt and tested." for name in names]


def summary(count, rejected):
    """How many of `count` scans were read, and why the others were not, one line each."""
    lines = [f"{count - len(rejected)} of {count} scans read, {len(rejected)} rejected"]
    lines += [f"  {row.sample}: {row.reason}" for row in rejected.itertuples()]
    return (":\n" if len(lines) > 1 else ".\n").join([lines[0], "\n".join(lines[1:])]).rstrip("\n")


def _each(rows, one, what, columns):
    """The rows that `one` makes of the rows, and the rows that it failed on, whatever the failure was.

    But a disk that takes no more is no fault of a scan: it ends the job, so that the scans count as not yet converted.
    """
    good, bad = [], []
    records = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else list(rows)
    for row in progress(records, what):
        try:
            good.append(one(row))
        except Exception as error:  # one bad scan must not take the others with it
            if isinstance(error, Unwritable) or disk_full(error) is not None:
                raise
            reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            bad.append({"sample": row["sample"], "scan": row["scan"], "reason": " ".join(reason.split())})
    return pd.DataFrame(good, columns=columns), pd.DataFrame(bad, columns=REJECTED)


def _level(row, folder, settings):
    """The LEVELLED row of one scan; its height map is written."""
    found = read(
        row["scan"],
        settings.channels,
        settings.direction,
        settings.gwyddion_timeout_seconds,
        _number(row.get("width_nm")),
    )
    told = {"sample": row["sample"], "scan": row["scan"], "source_sha256": found.source_sha256}
    if isinstance(found, Picture):
        lines, pixels = found.array.shape[:2]
        width_nm = found.width_nm or float("nan")
        size = {"width_nm": width_nm, "tall_nm": width_nm * lines / pixels}
        shape = {"lines": lines, "pixels": pixels, "lines_planned": lines}
        return told | shape | size | {"height": "", "channel": PICTURE, "direction": ""}
    try:
        level_nm = levelling.level(found.height_nm, settings.levelling, overwrite=True)
    except UserError as fault:
        raise UserError(f"{row['scan']}: {fault}") from None
    path = folder / f"{row['sample']}.gwy"
    fields = {name: value for name, value in vars(found).items() if name != "height_nm"}
    write_gwy(path, HeightMap(level_nm, **fields), {"levelling": settings.levelling})
    shape = {"lines": found.lines, "pixels": found.pixels}
    return {name: value for name, value in (fields | told | shape).items() if name in LEVELLED} | {"height": str(path)}


def _draw(row, folder, settings):
    """The DRAWN row of one sample; its micrograph is written."""
    try:
        if _text(row["height"]):
            found = read_gwy(row["height"])
            size = {"width_nm": found.width_nm, "tall_nm": found.tall_nm}
            grey, pixel_nm = rendering.render(
                found.height_nm, settings.pixels, settings.clip_percentiles, settings.aspect, **size
            )
        else:
            found = read_picture(row["scan"], _number(row["width_nm"]))
            grey, pixel_nm = rendering.picture(found.array, settings.pixels, settings.aspect, found.width_nm)
    except UserError as fault:
        raise UserError(str(fault) if str(row["scan"]) in str(fault) else f"{row['scan']}: {fault}") from None
    path = folder / f"{row['sample']}.png"
    rendering.write_png(path, grey)
    row = row | {"micrograph": str(path), "pixel_nm": pixel_nm, "direction": _text(row["direction"])}
    return {name: row[name] for name in DRAWN}


def _joined(tables, columns):
    """The tables as one, sorted by sample; empty ones count for nothing but the columns."""
    tables = [table for table in tables if len(table)]
    joined = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    return joined.sort_values("sample", ignore_index=True)


def _number(value):
    """A positive number, or None for what a table holds where there is none."""
    return float(value) if value not in (None, "") and pd.notna(value) and float(value) > 0 else None


def _text(value):
    """A text, empty for what a table holds where there is none."""
    return value if isinstance(value, str) else ""
