"""Convert raw scans to micrographs: one new scan in memory, or the scans of a study in shards."""

import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError, lookup, printable
from micrograph.io import UnwritableError, disk_error
from micrograph.log import progress
from micrograph.scans import duplicates, image_files, levelling, quality, rendering
from micrograph.scans.formats import read_scan
from micrograph.scans.height_map import CHANNELS, HeightMap, ReadOptions, read_gwy, write_gwy
from micrograph.scans.image_files import ExportedImage
from micrograph.scans.sample_sheet import Columns

IMAGE_CHANNEL = "picture"  # in the column `channel` of exported images
LEVELLED = (
    *("sample", "scan", "height", "lines", "pixels", "lines_planned", "width_nm", "tall_nm"),
    *("channel", "direction", "source_sha256", "remarks", *quality.COLUMNS),
)
RENDERED = ("sample", "scan", "micrograph", "pixel_nm", *LEVELLED[3:], "fingerprint")
REJECTED = ("sample", "scan", "reason")
CONDITIONS = (
    *("sample", "film", "batch", "growth_celsius", "growth_seconds", "substrate", "pressure_torr", "operator"),
    "growth_date",
)
FILES = (
    *("scan", "micrograph", "pixel_nm", "lines", "pixels", "lines_planned", "width_nm", "tall_nm"),
    *("channel", "direction", "source_sha256", "remarks", "z_unit", "data", "quality", *quality.COLUMNS),
)
DEFAULT_COLUMNS = Columns()
STOPS = {"skip": False, "stop": True}  # value of scans.on_bad_scan: whether a rejected scan ends the run


@dataclass(frozen=True)
class Preprocessing:
    """How scans become micrographs.

    Attributes
    ----------
    channels, direction, gwyddion_timeout_seconds
        As in `height_map.ReadOptions`.
    levelling : str
        A key of `levelling.METHODS`.
    aspect, pixels, clip_percentiles
        As in `rendering.render`.
    """

    channels: Sequence[str] = CHANNELS
    direction: str = "any"
    levelling: str = "published"
    aspect: str = "pad"
    pixels: int = rendering.PIXELS
    clip_percentiles: Sequence[float] = rendering.CLIP_PERCENTILES
    gwyddion_timeout_seconds: float = 60.0

    def read_options(self, width_nm: float | None = None, z_unit: str | None = None) -> ReadOptions:
        """Return the options for `formats.read_scan`; width and unit are those of a file that does not state them."""
        return ReadOptions(self.channels, self.direction, self.gwyddion_timeout_seconds, width_nm, z_unit)

    def read_options_of(self, row: Mapping[str, Any]) -> ReadOptions:
        """Return the options for a row with `width_nm` and `z_unit` of the sheet, either of which may be missing."""
        return self.read_options(_positive(row.get("width_nm")), _text(row.get("z_unit")) or None)


DEFAULT_PREPROCESSING = Preprocessing()


@dataclass(frozen=True, eq=False)
class ConvertedScan:
    """A new scan as a micrograph.

    Attributes
    ----------
    scan : str
        Path of the file, printable.
    sha256 : str
        SHA-256 of the file.
    micrograph : ndarray of shape (pixels, pixels), uint8
    pixel_size_nm : float
        Of the micrograph; NaN where the width is not known.
    measures : dict of str to float
        width_nm, lines, pixels, scan_pixel_nm (pixel size of the scan) and relief_nm (height range); NaN where unknown.
    channel : str
        Name of the height channel, or IMAGE_CHANNEL.
    warnings : tuple of str
        How the file differs from scans of heights.
    remarks : tuple of str
        How the heights were read, as `HeightMap.remarks`.
    levelled : HeightMap or None
        The levelled heights; None of an exported image.
    """

    scan: str
    sha256: str
    micrograph: NDArray[np.uint8]
    pixel_size_nm: float
    measures: dict[str, float]
    channel: str
    warnings: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    levelled: HeightMap | None = None


def convert_scan(
    path: str | Path,
    preprocessing: Preprocessing = DEFAULT_PREPROCESSING,
    width_nm: float | None = None,
    z_unit: str | None = None,
) -> ConvertedScan:
    """Convert one file to a micrograph: read, level, render.

    Parameters
    ----------
    path : path
        A scan of any format.
    preprocessing : Preprocessing
        Of the study whose model will see the micrograph.
    width_nm : float, optional
        Physical width of an exported image that does not hold its own.
    z_unit : str, optional
        Unit of the heights of a file that does not state it.

    Returns
    -------
    ConvertedScan

    Raises
    ------
    BlankScanError
        If the scan shows no relief.
    UserError
        If the file cannot be read or rendered, or `width_nm` is not a positive number.
    """
    _check_width(printable(path), width_nm)
    with naming_scan(path):
        scan = read_scan(path, preprocessing.read_options(width_nm, z_unit))
        height_range, channel = float("nan"), IMAGE_CHANNEL
        warnings: tuple[str, ...] = scan.remarks
        remarks: tuple[str, ...] = ()
        if isinstance(scan, HeightMap):
            scan = level_scan(scan, preprocessing)
            height_range, channel = height_range_nm(scan.height_nm), scan.channel
            warnings, remarks = (), scan.remarks
        micrograph, pixel_size_nm = render_scan(scan, preprocessing)
    width_nm = float(scan.width_nm or np.nan)
    measures = {"width_nm": width_nm, "lines": scan.lines, "pixels": scan.pixels}
    measures |= {"scan_pixel_nm": width_nm / scan.pixels, "relief_nm": height_range}
    digest = scan.source_sha256
    return ConvertedScan(
        printable(path), digest, micrograph, pixel_size_nm, measures, channel, warnings=warnings, remarks=remarks,
        levelled=scan if isinstance(scan, HeightMap) else None,
    )  # fmt: skip


def level_scan(scan: HeightMap, preprocessing: Preprocessing = DEFAULT_PREPROCESSING) -> HeightMap:
    """Level the height map of a scan.

    Parameters
    ----------
    scan : HeightMap
        As read; its heights may be overwritten.
    preprocessing : Preprocessing
        Its levelling is used.

    Returns
    -------
    HeightMap

    Raises
    ------
    UserError
        As `levelling.level`.
    """
    return replace(scan, height_nm=levelling.level(scan.height_nm, preprocessing.levelling, overwrite=True))


def render_scan(
    scan: HeightMap | ExportedImage, preprocessing: Preprocessing = DEFAULT_PREPROCESSING
) -> tuple[NDArray[np.uint8], float]:
    """Render a levelled height map or an exported image.

    Parameters
    ----------
    scan : HeightMap or ExportedImage
        The scan.
    preprocessing : Preprocessing
        Its pixels, aspect and clip percentiles are used.

    Returns
    -------
    micrograph : ndarray of shape (pixels, pixels), uint8
    pixel_size_nm : float
        NaN where the width is not known.

    Raises
    ------
    UserError
        As `rendering.render` and `rendering.render_image`.
    """
    pixels, aspect = preprocessing.pixels, preprocessing.aspect
    if isinstance(scan, ExportedImage):
        return rendering.render_image(scan.array, pixels, aspect, scan.width_nm)
    return rendering.render(scan.height_nm, pixels, preprocessing.clip_percentiles, aspect, scan.width_nm, scan.tall_nm)


def height_range_nm(height_nm: NDArray[np.float64]) -> float:
    """Compute the height range of a levelled height map, from its 0.5th to its 99.5th percentile.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
        Heights.

    Returns
    -------
    float
    """
    low, high = np.percentile(height_nm, [0.5, 99.5])
    return float(high - low)


@contextmanager
def naming_scan(path: str | Path) -> Iterator[None]:
    """Name the scan, printable, in every UserError of the block.

    Parameters
    ----------
    path : path
        The file.

    Yields
    ------
    None

    Raises
    ------
    UserError
        Of the kind that the block raised.
    """
    try:
        yield
    except UserError as error:
        message, name = str(error).replace(str(path), printable(path)), printable(path)
        raise type(error)(message if name in message else f"{name}: {message}") from None


def level_shard(
    rows: pd.DataFrame | Iterable[dict[str, Any]],
    heights_folder: str | Path,
    preprocessing: Preprocessing = DEFAULT_PREPROCESSING,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read and level the scans of a shard, one at a time; a bad scan is listed and the others go on.

    Parameters
    ----------
    rows : DataFrame or iterable of dict
        Rows of the sample sheet (sample, scan, width_nm, z_unit, levelling).
    heights_folder : path
        Where the height maps are written as {sample}.gwy. An exported image has none and an empty `height`.
    preprocessing : Preprocessing
        How to read and level.

    Returns
    -------
    levelled, rejected : DataFrame
        Of the columns LEVELLED and REJECTED.

    Raises
    ------
    UnwritableError
        If the disk is full or the folder is read-only.
    """
    level_one = partial(_level, folder=Path(heights_folder), preprocessing=preprocessing)
    return convert_rows(rows, level_one, "scans levelled", LEVELLED)


def render_shard(
    levelled: pd.DataFrame, micrographs_folder: str | Path, preprocessing: Preprocessing = DEFAULT_PREPROCESSING
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Render the scans that `level_shard` listed, one at a time; a bad scan is listed and the others go on.

    Parameters
    ----------
    levelled : DataFrame
        Of the columns LEVELLED.
    micrographs_folder : path
        Where the micrographs are written as {sample}.png.
    preprocessing : Preprocessing
        How to render.

    Returns
    -------
    rendered, rejected : DataFrame
        Of the columns RENDERED and REJECTED.

    Raises
    ------
    UnwritableError
        If the disk is full or the folder is read-only.
    """
    render_one = partial(_render, folder=Path(micrographs_folder), preprocessing=preprocessing)
    return convert_rows(levelled, render_one, "micrographs rendered", RENDERED)


def collect(
    sheet: pd.DataFrame,
    rendered: Iterable[pd.DataFrame],
    rejected: Iterable[pd.DataFrame],
    data: str,
    on_bad_scan: str = "skip",
    quality_thresholds: Mapping[str, float] | None = None,
    columns: Columns = DEFAULT_COLUMNS,
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Join the tables of all shards.

    Parameters
    ----------
    sheet : DataFrame
        The sample sheet; without the column film every sample is a film.
    rendered, rejected : iterable of DataFrame
        Of the columns RENDERED and REJECTED.
    data : {"simulated", "real"}
        Origin of the scans, for the column `data`.
    on_bad_scan : {"skip", "stop"}
        Whether rejected scans raise UserError. What was converted is kept either way.
    quality_thresholds : mapping of str to float, optional
        As in `quality.flags`.
    columns : Columns
        Those of the sheet.

    Returns
    -------
    samples, rejected : DataFrame
        Of the columns CONDITIONS, those that the study has named, and FILES, and of REJECTED, sorted by sample. Batches
        that share a scan, in several files, are one; of one film such files are rejected, but for the first raw one.
    summary : str
        How many scans were read, why the others were not, and what is to be known of those that were.

    Raises
    ------
    UserError
        If scans were rejected and `on_bad_scan` is "stop", or if fewer than two samples are left.
    ValueError
        If a sample of the sheet is in no shard.
    """
    samples, failed = _join(rendered, RENDERED), _join(rejected, REJECTED)
    if sorted([*samples["sample"], *failed["sample"]]) != sorted(sheet["sample"]):
        raise ValueError(f"the shards hold {len(samples) + len(failed)} samples, the sheet {len(sheet)}; run again")
    summary = _summary(len(sheet), failed)
    if lookup(on_bad_scan, STOPS, "scans.on_bad_scan") and len(failed):
        raise UserError(f"{summary}\nFix these scans, or set scans.on_bad_scan to skip to continue without them.")
    if len(samples) < 2:
        raise UserError(f"fewer than two samples are left: {summary}")
    known = sheet.drop(columns=["scan", "width_nm", "levelling"], errors="ignore")
    known = known if "film" in known else known.assign(film=known["sample"])
    samples = quality.add_flags(samples, quality_thresholds).merge(known, on="sample", validate="1:1")
    samples, copies = _without_copies(samples.sort_values("sample", ignore_index=True))
    failed = pd.concat([failed, copies]).sort_values("sample", ignore_index=True) if len(copies) else failed
    summary += f" {len(copies)} copies of a scan of the same film left out." if len(copies) else ""
    samples, repeated = _join_duplicates(samples, columns)
    samples = samples.assign(data=data).reindex(columns=[*CONDITIONS, *columns.own, *FILES])
    return samples, failed, "\n".join([summary, *_remarks(samples), *_flagged(samples), *repeated])


def _check_width(name: str, width_nm: float | None) -> None:
    is_number = isinstance(width_nm, numbers.Real) and not isinstance(width_nm, bool)
    if width_nm is not None and not (is_number and 0 < width_nm < np.inf):
        raise UserError(f"{name}: width_nm is {width_nm!r}; give the width of the image in nanometres, above 0.")


def _flagged(samples: pd.DataFrame) -> list[str]:
    """State how many scans have quality flags."""
    n_flagged = (samples["quality"] != "").sum()
    return [f"{n_flagged} scans have a quality flag (column `quality` of samples.tsv)."] if n_flagged else []


def _find_duplicates(samples: pd.DataFrame) -> list[list[int]]:
    """Return the places of the rows of each scan that is in several files."""
    prints = samples.get("fingerprint", pd.Series("", samples.index))
    width_nm = samples["width_nm"].where(samples["channel"] != IMAGE_CHANNEL)  # that of a picture was typed by hand
    return duplicates.find([duplicates.from_text(text) for text in prints], width_nm)


def _without_copies(samples: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave out copies of another scan of the same film; return the scans kept, and the copies as rejected.

    A copy shows the same relief, or is called processed beside a raw scan of the same position.
    """
    if not samples["film"].duplicated().any():
        return samples, pd.DataFrame(columns=REJECTED)
    known = samples.reindex(columns=["film", "sample", "scan", "position", "kind"]).fillna("")
    known["processed"] = known["kind"] == "processed"
    order = known.sort_values(["processed", "scan"], kind="stable").index
    raw = known[~known["processed"]].drop_duplicates(["film", "position"]).set_index(["film", "position"])["sample"]
    original: dict[int, str] = {}
    for row in known[known["processed"]].itertuples():
        if (row.film, row.position) in raw.index:
            original[row.Index] = raw[row.film, row.position]
    for group in _find_duplicates(samples):
        for film in known.loc[group, "film"].unique():
            first, *others = [place for place in order if place in group and known.loc[place, "film"] == film]
            original |= {place: known.loc[first, "sample"] for place in others if first not in original}
    reasons = [f"a copy of {name}, a scan of the same film" for name in original.values()]
    copies = known.loc[list(original), ["sample", "scan"]].assign(reason=reasons)
    return samples.drop(index=list(original)).reset_index(drop=True), copies


def _join_duplicates(samples: pd.DataFrame, columns: Columns) -> tuple[pd.DataFrame, list[str]]:
    """Give samples of one scan the same batch, so that no split separates them; return a warning for each scan."""
    groups = _find_duplicates(samples)
    target = [columns.target.column] if columns.target else []
    batch, lines = samples["batch"], []
    for group in groups:
        of_group = samples.iloc[group]
        kind = "identical files" if of_group["source_sha256"].nunique() == 1 else "files with the same relief"
        batches = batch.iloc[group].unique()
        line = f"samples {', '.join(of_group['sample'])} are one scan ({kind}); keep one"
        if len(batches) > 1:
            line += f"; their batches {', '.join(batches)} count as one, {batches[0]}"
            batch = batch.replace(dict.fromkeys(batches[1:], batches[0]))
        for name in target:
            if len(values := of_group[name].unique()) > 1:
                line += f"; correct {name}, of which they have {' and '.join(map(str, values))}"
        lines.append(f"{line}.")
    return samples.assign(batch=batch), lines


def _remarks(samples: pd.DataFrame) -> list[str]:
    """List the samples whose files have remarks."""
    lines = [f"  {row.sample}: {row.remarks}." for row in samples.itertuples() if _text(row.remarks)]
    return [f"Remarks on {len(lines)} of the scans read:", *lines] if lines else []


def _summary(count: int, rejected: pd.DataFrame) -> str:
    """State how many of `count` scans were read, and why each of the others was not."""
    text = f"{count - len(rejected)} of {count} scans read, {len(rejected)} rejected"
    reasons = [f"\n  {row.sample}: {row.reason}" for row in rejected.itertuples()]
    return f"{text}:{''.join(reasons)}" if reasons else f"{text}."


def convert_rows(
    rows: pd.DataFrame | Iterable[dict[str, Any]],
    convert: Callable[[dict[str, Any]], dict[str, Any]],
    progress_label: str,
    columns: Sequence[str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Convert every row; a bad one is listed and the others go on, whatever the error was.

    Parameters
    ----------
    rows : DataFrame or iterable of dict
        With sample and scan.
    convert : callable
        Row -> row of the result.
    progress_label : str
        What was done, for the log.
    columns : sequence of str
        Of the result.

    Returns
    -------
    results, rejected : DataFrame
        Of `columns`, and of the columns REJECTED.

    Raises
    ------
    UnwritableError
        If the disk is full or the folder is read-only, which is not the scan's error: its scans count as not converted.
    """
    results, rejections = [], []
    records = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else list(rows)
    for row in progress(records, progress_label):
        try:
            results.append(convert(row))
        except Exception as error:  # one bad scan must not stop the others
            if isinstance(error, UnwritableError) or disk_error(error) is not None:
                raise
            unforeseen = f"{printable(row['scan'])}: {type(error).__name__}: {error}"
            reason = str(error) if isinstance(error, UserError) else unforeseen
            rejections.append({"sample": row["sample"], "scan": row["scan"], "reason": " ".join(reason.split())})
    return pd.DataFrame(results, columns=columns), pd.DataFrame(rejections, columns=REJECTED)


def _level(row: dict[str, Any], folder: Path, preprocessing: Preprocessing) -> dict[str, Any]:
    """Read, level and write one scan; return its row of LEVELLED."""
    with naming_scan(row["scan"]):
        scan = read_scan(row["scan"], preprocessing.read_options_of(row))
        if isinstance(scan, HeightMap):
            preprocessing = replace(preprocessing, levelling=_text(row.get("levelling")) or preprocessing.levelling)
            raw_nm = scan.height_nm.copy()
            scan = level_scan(scan, preprocessing)
    metadata = {name: getattr(scan, name) for name in ("lines", "pixels", "source_sha256")}
    metadata |= {"sample": row["sample"], "scan": row["scan"]}
    metadata |= {"width_nm": scan.width_nm or float("nan"), "tall_nm": scan.tall_nm or float("nan")}
    metadata["remarks"] = "; ".join(scan.remarks)
    if scan.remarks:
        print(f"{row['sample']}: {printable(row['scan'])}: {metadata['remarks']}")
    if isinstance(scan, ExportedImage):
        return metadata | {
            "height": "",
            "lines_planned": scan.lines,
            "channel": IMAGE_CHANNEL,
            "direction": "",
            "levelling": "",
        }
    path = folder / f"{row['sample']}.gwy"
    write_gwy(path, scan, {"levelling": preprocessing.levelling})
    metadata |= {name: getattr(scan, name) for name in ("lines_planned", "channel", "direction")}
    metadata |= {"height": str(path), "levelling": preprocessing.levelling}
    return metadata | quality.measure(raw_nm, scan.height_nm)


def _render(row: dict[str, Any], folder: Path, preprocessing: Preprocessing) -> dict[str, Any]:
    """Render and write one sample; return its row of RENDERED."""
    scan: HeightMap | ExportedImage
    with naming_scan(row["scan"]):
        if _text(row["height"]):
            scan = read_gwy(row["height"])
        else:
            scan = image_files.read(row["scan"], ReadOptions(width_nm=_positive(row["width_nm"])))
        micrograph, pixel_size_nm = render_scan(scan, preprocessing)
    path = folder / f"{row['sample']}.png"
    rendering.write_png(path, micrograph)
    texts = {name: _text(row[name]) for name in ("direction", "levelling", "remarks")}
    texts["fingerprint"] = duplicates.to_text(duplicates.fingerprint(micrograph))
    row = row | {"micrograph": str(path), "pixel_nm": pixel_size_nm} | texts
    return {name: row[name] for name in RENDERED}


def _join(tables: Iterable[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Concatenate tables, sorted by sample; empty ones would change the types of columns."""
    tables = [table for table in tables if len(table)]
    joined = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    return joined.sort_values("sample", ignore_index=True)


def _positive(value: Any) -> float | None:
    """Return a positive number of a table, None for an empty cell."""
    return float(value) if value not in (None, "") and pd.notna(value) and float(value) > 0 else None


def _text(value: object) -> str:
    """Return a text of a table, empty for an empty cell."""
    return value if isinstance(value, str) else ""
