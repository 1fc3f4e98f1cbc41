"""Convert, level, draw and measure the scans of a folder, without a sheet.

micrograph scans FOLDER --out NEW_FOLDER [--levelling median]
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from micrograph import io
from micrograph.errors import UserError, printable
from micrograph.figures import style
from micrograph.measurement import levelling_check
from micrograph.scans import conversion, make_sheet, quality, rendering, sample_sheet
from micrograph.scans.conversion import DEFAULT_PREPROCESSING, IMAGE_CHANNEL, Preprocessing
from micrograph.scans.formats import read_scan
from micrograph.scans.height_map import read_gwy
from micrograph.scans.image_files import ExportedImage
from micrograph.topography.measure import DEFAULT_SETTINGS, MEASURES, MeasureSettings, measure_map

DESCRIBED = ("lines", "pixels", "width_nm", "tall_nm", "channel", "direction", "remarks", "quality", *quality.COLUMNS)
COLUMNS = ("sample", "scan", "micrograph", "height", *DESCRIBED, *MEASURES, "source_sha256")
PICTURE_MM = 60.0


def measure_new_folder(folder: str | Path, out: str | Path, preprocessing: Preprocessing) -> str:
    """Measure a folder into one that does not exist yet.

    Parameters
    ----------
    folder, out : path
    preprocessing : Preprocessing

    Returns
    -------
    str
        As `measure_folder`.

    Raises
    ------
    UserError
        If `out` exists and holds something, or as `measure_folder` and `sample_sheet.list_scans`.
    """
    if os.path.lexists(out) and not (os.path.isdir(out) and not os.listdir(out)):
        raise UserError(f"{printable(out)}: exists and is kept; name a new folder.")
    return measure_folder(sample_sheet.list_scans(folder, "FOLDER", out), folder, out, preprocessing)


def measure_folder(
    scans: Iterable[str],
    folder: str | Path,
    out: str | Path,
    preprocessing: Preprocessing = DEFAULT_PREPROCESSING,
    thresholds: Mapping[str, float] | None = None,
    settings: MeasureSettings = DEFAULT_SETTINGS,
) -> str:
    """Measure scans.

    Parameters
    ----------
    scans : iterable of str
        Paths of files below `folder`.
    folder : path
        Nothing is written into it.
    out : path
        Where heights/{name}.gwy (levelled), micrographs/{name}.png (with scale bar and range of heights), measures.tsv
        (one row per scan), rejected.tsv and levelling_check.pdf with its pages are written.
    preprocessing : Preprocessing
    thresholds : mapping of str to float, optional
        As in `quality.flags`.
    settings : MeasureSettings

    Returns
    -------
    str
        How many scans were measured, and why each other file was not.

    Raises
    ------
    UserError
        If none of the files is a scan.
    UnwritableError
        If the disk is full or `out` is read-only.
    """
    out = Path(out)
    rows = _name(scans, folder)
    levelled, rejected = conversion.level_shard(rows, out / "heights", preprocessing)
    levelled = quality.add_flags(levelled, thresholds)
    measure = partial(_measure, out=out, preprocessing=preprocessing, settings=settings)
    table, unmeasured = conversion.convert_rows(levelled, measure, "scans measured", COLUMNS)
    rejected = pd.concat([rejected, unmeasured], ignore_index=True)
    rejected = rejected.assign(scan=rejected["scan"].map(printable))
    if table.empty:
        reasons = "".join(f"\n  {row.reason}" for row in rejected.itertuples())
        raise UserError(f"{printable(folder)}: no scan in it; name the folder that holds the scans:{reasons}")
    io.write_table(out / "measures.tsv", table.assign(scan=table["scan"].map(printable)))
    io.write_table(out / "rejected.tsv", rejected)
    with_heights = levelled[levelled["channel"] != IMAGE_CHANNEL].to_dict("records")
    write_check(with_heights, out, preprocessing, thresholds)
    return _summary(table, rejected, out)


def write_check(
    rows: Iterable[Mapping[str, Any]],
    out: str | Path,
    preprocessing: Preprocessing,
    thresholds: Mapping[str, float] | None = None,
    data: str = "films",
) -> None:
    """Write levelling_check.pdf, and its pages as levelling_check/page01.png and so on.

    Parameters
    ----------
    rows, preprocessing, thresholds
        As in `levelling_check.read_pairs`.
    out : path
        Folder.
    data : str
        Label of the data, a key of `style.BADGES`.
    """
    pages = levelling_check.draw(levelling_check.read_pairs(rows, preprocessing, thresholds), data)
    style.save_pages(pages, Path(out) / "levelling_check.pdf", Path(out) / "levelling_check", 150)


def _name(scans: Iterable[str], folder: str | Path) -> list[dict[str, Any]]:
    """Give every file a name of its own: its path below the folder, without the ending unless that counts (.000)."""
    rows = [{"scan": str(path), "film": _film(str(path), folder)} for path in scans]
    return make_sheet.assign_sample_names(rows)


def _film(path: str, folder: str | Path) -> str:
    below = os.path.relpath(path, folder) if os.path.isdir(folder) else os.path.basename(path)
    stem, ending = os.path.splitext(below)
    return make_sheet.sample_name((below if ending[1:].isdigit() else stem).replace(os.sep, "_"))


def _measure(row: dict[str, Any], out: Path, preprocessing: Preprocessing, settings: MeasureSettings) -> dict[str, Any]:
    """Measure and draw one scan; return its row of COLUMNS."""
    picture = out / "micrographs" / f"{row['sample']}.png"
    row = row | {"micrograph": str(picture.relative_to(out)), "height": ""}
    if row["channel"] == IMAGE_CHANNEL:
        _draw_image(row, picture, preprocessing)
        return row
    scan = read_gwy(out / "heights" / f"{row['sample']}.gwy")
    row["height"] = f"heights/{row['sample']}.gwy"
    with conversion.naming_scan(row["scan"]):
        if not scan.width_nm > 0:
            raise UserError("heights without a width cannot be measured; save the file with its width.")
        row |= measure_map(scan.height_nm, (scan.tall_nm / scan.lines, scan.width_nm / scan.pixels), settings)
    _draw_heights(row, picture, scan.height_nm)
    return row


@style.context()
def _draw_heights(row: Mapping[str, Any], path: Path, height_nm: Any) -> None:
    """Draw a levelled height map with its scale bar and the heights of its colours."""
    tall = PICTURE_MM * min(max(row["tall_nm"] / row["width_nm"], 0.25), 4)
    figure = style.canvas(PICTURE_MM + 17, tall + 4)
    axes = style.axes_mm(figure, 2, 2, PICTURE_MM, tall)
    low, high = levelling_check.show_heights(axes, height_nm, (row["tall_nm"], row["width_nm"]), whole=True)
    bar = style.axes_mm(figure, PICTURE_MM + 4, 2, 2, tall)
    figure.colorbar(axes.images[0], cax=bar, ticks=[low, high], format="%.3g nm").outline.set_visible(False)  # type: ignore[operator]
    bar.tick_params(length=0)
    style.save(figure, path, dots_per_inch=200)


@style.context()
def _draw_image(row: Mapping[str, Any], path: Path, preprocessing: Preprocessing) -> None:
    """Draw an exported image, with a scale bar where its width is known."""
    image = read_scan(row["scan"], preprocessing.read_options())
    assert isinstance(image, ExportedImage)
    grey, pixel_nm = rendering.render_image(image.array, preprocessing.pixels, preprocessing.aspect, image.width_nm)
    figure = style.canvas(PICTURE_MM + 4, PICTURE_MM + 4)
    axes = style.axes_mm(figure, 2, 2, PICTURE_MM, PICTURE_MM)
    style.show_image(axes, grey)
    style.scale_bar(axes, pixel_nm)
    style.save(figure, path, dots_per_inch=200)


def _summary(table: pd.DataFrame, rejected: pd.DataFrame, out: Path) -> str:
    """State what was measured, what was left out and why."""
    n_flagged = int((table["quality"] != "").sum())
    lines = [f"{len(table)} scans measured, {n_flagged} of them with a quality flag: {printable(out)}"]
    lines += [f"Files that cannot be read as scans: {len(rejected)}"] if len(rejected) else []
    return "\n".join([*lines, *(f"  {row.reason}" for row in rejected.itertuples())])
