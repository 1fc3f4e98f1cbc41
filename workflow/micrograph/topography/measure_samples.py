"""Physical features of the samples of a study: measured in shards, collected in one unit.

A sample with heights is measured in nm, and again in grey values on its micrograph; an exported image has grey values
alone. A study with a single exported image is compared in grey values throughout, because a column holds one unit. Grey
values depend on the clip percentiles of the micrograph or on whoever exported the image: roughness in grey values means
little, gradients (Sdq, Sdr) nothing, lengths and grains what they mean in nm.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.log import progress
from micrograph.scans import rendering
from micrograph.scans.conversion import IMAGE_CHANNEL
from micrograph.scans.height_map import read_gwy
from micrograph.topography.measure import DEFAULT_SETTINGS, MEASURES, MeasureSettings, measure_map
from micrograph.topography.roughness import SLOPES

NM, GREY = "nm", "grey"
KNOWN, ASSUMED = "known", "assumed"
COLUMNS = ("sample", "unit", "size", "down_nm", "across_nm", *MEASURES)

# Values, pixel size (down, across), and KNOWN or ASSUMED.
Map = tuple[NDArray, tuple[float, float], str]


def measure_shard(
    rendered: pd.DataFrame,
    heights_folder: str | Path,
    micrographs_folder: str | Path,
    aspect: str = "pad",
    settings: MeasureSettings = DEFAULT_SETTINGS,
) -> pd.DataFrame:
    """Measure the samples of a shard.

    Parameters
    ----------
    rendered : DataFrame
        Their rows of `conversion.RENDERED`.
    heights_folder, micrographs_folder : path
        Folders of {sample}.gwy, levelled, and of {sample}.png.
    aspect : str
        With which micrographs were rendered (`rendering.render`), so that bands around a map are left out.
    settings : MeasureSettings

    Returns
    -------
    DataFrame
        Of COLUMNS, sorted by sample and unit; two rows for a sample with heights. unit: of the heights, nm or grey;
        size: whether the width of the image is known; down_nm, across_nm: pixel size.

    Raises
    ------
    UserError
        If a file is damaged or cannot be measured, naming the sample.
    """
    rows, width_nm = [], settings.assumed_width_nm
    for row in progress(rendered.sort_values("sample").to_dict("records"), "samples measured"):
        grey = _read_grey(row, Path(micrographs_folder), aspect, width_nm)
        rows.append(_measure(row["sample"], GREY, grey, settings))
        if row["channel"] != IMAGE_CHANNEL:
            rows.append(_measure(row["sample"], NM, _read_heights(row, Path(heights_folder), width_nm), settings))
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(["sample", "unit"], ignore_index=True)


def collect(samples: pd.DataFrame, tables: Iterable[pd.DataFrame]) -> tuple[pd.DataFrame, str]:
    """Join the tables of all shards in one unit.

    Parameters
    ----------
    samples : DataFrame
        The table of all samples.
    tables : iterable of DataFrame
        Of `measure_shard`.

    Returns
    -------
    measures : DataFrame
        Of COLUMNS, one row for each sample, sorted by sample.
    message : str
        States the unit and the reason.

    Raises
    ------
    ValueError
        If the tables and `samples` are not of the same samples.
    """
    tables = [table for table in tables if len(table)]
    joined = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    joined = joined[joined["sample"].isin(samples["sample"])]  # copies of a scan are measured, too
    unit = NM if (joined["unit"] == NM).sum() == len(samples) else GREY
    table = joined[joined["unit"] == unit].sort_values("sample", ignore_index=True)
    if table["sample"].tolist() != sorted(samples["sample"]):
        raise ValueError("the measured samples and the table of samples are not of one run")
    return table, _message(joined, len(samples), unit)


def _message(joined: pd.DataFrame, count: int, unit: str) -> str:
    text = f"{count} samples measured, heights in nm."
    if unit != NM:
        images = count - (joined["unit"] == NM).sum()
        text = f"{count} samples measured in grey values, because {images} of them are images without heights."
    assumed = ((joined["unit"] == unit) & (joined["size"] == ASSUMED)).sum()
    return text + (f" {assumed} images of unknown width have topography.assumed_width_nm." if assumed else "")


def _read_heights(row: dict[str, Any], folder: Path, assumed_nm: float) -> Map:
    scan = read_gwy(folder / f"{row['sample']}.gwy")
    if not scan.width_nm > 0:
        return scan.height_nm, (assumed_nm / scan.pixels, assumed_nm / scan.pixels), ASSUMED
    return scan.height_nm, (scan.tall_nm / scan.lines, scan.width_nm / scan.pixels), KNOWN


def _read_grey(row: dict[str, Any], folder: Path, aspect: str, assumed_nm: float) -> Map:
    """Return the micrograph of a sample without the bands around it."""
    grey = rendering.read_png(folder / f"{row['sample']}.png")
    shape = int(row["lines"]), int(row["pixels"])
    frame = rendering.make_frame(shape, len(grey), aspect, row["width_nm"], row["tall_nm"])
    is_known = frame.pixel_nm > 0
    across_nm = frame.pixel_nm if is_known else assumed_nm / frame.cols
    return frame.crop(grey), (frame.pixel_aspect * across_nm, across_nm), KNOWN if is_known else ASSUMED


def _measure(sample: str, unit: str, found: Map, settings: MeasureSettings) -> dict[str, Any]:
    """Return the row of one sample in one unit."""
    values, pixel_nm, size = found
    try:
        measures = measure_map(values, pixel_nm, settings)
    except UserError as error:
        raise UserError(f"{sample}: {error}") from None
    if unit == GREY:
        measures |= dict.fromkeys(SLOPES, float("nan"))
    row = {"sample": sample, "unit": unit, "size": size, "down_nm": pixel_nm[0], "across_nm": pixel_nm[1]}
    return row | measures
