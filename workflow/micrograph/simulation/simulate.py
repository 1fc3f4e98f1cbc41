"""The simulated study: its sample sheet, and for every sample the scan file and the ground truth.

The growth day (batch) of a sample determines the microscope and what the growths of a day share; the film is drawn for
the sample alone, so that a sample does not depend on which others are simulated with it. A second scan of a film shows
another place, grown in the same conditions: other nuclei, steps and particles.
"""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph import io
from micrograph.errors import UserError
from micrograph.rng import random_stream
from micrograph.simulation import films, growth_conditions, microscope, nanoscope_writer

WIDTH_NM = 1000.0
MINUTES = "growth_minutes"  # the growth time of a laboratory that notes minutes


class Size(NamedTuple):
    """A size of scans.

    Attributes
    ----------
    pixels, lines : int
    aspect : float
        Physical height over width.
    share : float
        Share of scans.
    """

    pixels: int
    lines: int
    aspect: float
    share: float


SIZES = (Size(256, 256, 1.0, 0.82), Size(512, 512, 1.0, 0.12), Size(512, 384, 0.75, 0.03), Size(512, 256, 1.0, 0.03))
STOPPED_SHARE = 0.04
STOPPED_LINES = (235, 162, 125, 74)
VERSIONS = {True: "0x09400202", False: "0x08150300"}  # whether files hold 32-bit data: version of the format
SUBSTRATES = {"c-Sapphire": 0.84, "A-Sapphire": 0.08, "M-Sapphire": 0.08}
PRESSURES_TORR = {50: 0.7, 100: 0.15, 200: 0.15}
FIRST_DAY = datetime.date(2017, 1, 2)
PLACES = ("center", "edge")  # of the first and the second scan of a film
BETWEEN = (0.1, 0.4)  # distance of temperatures between the classes from the nearest one, relative to the spacing


def plan_samples(
    count: int,
    batches: int,
    shares: Mapping[int, float],
    rng: np.random.Generator,
    folder: str | Path = "resources/scans",
    operators: int = 0,
    minutes: bool = False,
    scanned_twice: float = 0,
    between_classes: float = 0,
) -> pd.DataFrame:
    """Plan the sample sheet of a simulated study.

    Class counts follow the largest remainder. The rarest class is spread over as many days as possible, so that grouped
    folds can all hold some of it; the other samples of a day mostly share one temperature.

    Parameters
    ----------
    count, batches : int
        Numbers of samples and of growth days.
    shares : mapping of int to float
        Share of samples by growth temperature in degrees Celsius; sums to 1.
    rng : numpy Generator
    folder : path
        Of the scans.
    operators : int, default 0
        Number of operators, one for each day; 0 leaves the column empty. Operators have no effect on films.
    minutes : bool, default False
        Whether growth_minutes takes the place of growth_seconds.
    scanned_twice : float, default 0
        Share of the films with two scans.
    between_classes : float, default 0
        Share of the growth runs at temperatures off those of `shares`, by BETWEEN.

    Returns
    -------
    DataFrame
        A row per scan: sample, growth_celsius, growth_seconds, substrate, pressure_torr, operator, growth_date (ISO
        date), batch and scan, sorted by sample; position, one of PLACES, where films have two scans.

    Raises
    ------
    UserError
        If the numbers are not consistent.
    """
    if not 1 <= batches <= count:
        raise UserError(
            f"{count} samples cannot be grown on {batches} days; set 1 <= simulation.days <= simulation.samples."
        )
    if not 0 <= operators <= batches:
        raise UserError(
            f"{operators} operators cannot share {batches} days; set 0 <= simulation.operators <= simulation.days."
        )
    if abs(sum(shares.values()) - 1) > 1e-6 or min(shares.values()) < 0:
        raise UserError(f"the class shares {dict(shares)} do not sum to 1; correct simulation.shares.")
    days = _assign_temperatures(_class_counts(count, shares), batches, rng)
    dates = np.sort(rng.choice(5 * 365, size=batches, replace=False))
    rows = []
    for number, temperatures in zip(dates, days, strict=True):
        date = FIRST_DAY + datetime.timedelta(days=int(number))
        for letter, celsius in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", sorted(set(temperatures)), strict=False):
            rows += _growth_run(date, letter, celsius, temperatures.count(celsius), rng)
    sheet = pd.DataFrame(rows)
    sheet["operator"] = sheet["growth_date"].map(_assign_operators(sheet["growth_date"].unique(), operators, rng))
    if minutes:
        sheet[MINUTES] = sheet.pop("growth_seconds") / 60
    if between_classes:
        sheet["growth_celsius"] += _offsets(sheet["sample"], between_classes, np.diff(sorted(shares)).min(), rng)
    names = sheet["sample"]
    if scanned_twice:
        sheet = _scan_twice(sheet, round(scanned_twice * count), rng)
        names = (sheet["sample"] + "_" + sheet["position"]).str.removesuffix("_")
    sheet["scan"] = [f"{folder}/{name}.spm" for name in names]
    return sheet.sort_values(["sample", "scan"], ignore_index=True)


def _class_counts(count: int, shares: Mapping[int, float]) -> dict[int, int]:
    """Distribute samples over classes by the largest remainder."""
    exact = {celsius: count * share for celsius, share in shares.items()}
    counts = {celsius: int(value) for celsius, value in exact.items()}
    by_remainder = sorted(exact, key=lambda celsius: counts[celsius] - exact[celsius])
    for celsius in by_remainder[: count - sum(counts.values())]:
        counts[celsius] += 1
    return counts


def simulate_scan(
    row: Mapping[str, Any], seed: int, scan_path: str | Path, truth_path: str | Path, pixels: int | None = None
) -> microscope.Scan:
    """Simulate the film of one sample and its scan; write the scan file and the ground truth.

    Parameters
    ----------
    row : mapping
        Its row of the sample sheet.
    seed : int
        Of the study.
    scan_path, truth_path : path
        Files to write (`write_truth`).
    pixels : int, optional
        Lines and pixels of a square scan; by default the size is drawn.

    Returns
    -------
    microscope.Scan
    """
    day_rng = random_stream(seed, "day", row["batch"])
    day, instrument = growth_conditions.draw_day(day_rng), microscope.draw_instrument(day_rng)
    rng = random_stream(seed, "film", row.get("film", row["sample"]))
    size, lines = _draw_size(rng)
    if pixels is not None:
        size, lines = Size(pixels, pixels, 1.0, 1.0), pixels
    pixel_nm = (size.aspect * WIDTH_NM / size.lines, WIDTH_NM / size.pixels)
    conditions = draw_conditions(row, day, rng)
    if row.get("position") == PLACES[1]:
        rng = random_stream(seed, "scan", row["sample"])
    film = films.grow_film(*conditions, (size.lines, size.pixels), pixel_nm, rng)
    worn = float((rng.random() < 0.05) * rng.uniform(0.1, 0.4))
    scan = microscope.scan_film(film, instrument._replace(worn_tip_share=worn), rng, lines)
    frame = nanoscope_writer.Frame(
        WIDTH_NM, size.aspect * WIDTH_NM, size.lines, date=_scan_date(row["batch"], rng),
        line_rate_hz=instrument.line_rate_hz, rotation_degrees=round(instrument.rotation_degrees, 1),
    )  # fmt: skip
    channels = [
        nanoscope_writer.Channel("Height Sensor", "Trace", scan.trace_nm),
        nanoscope_writer.Channel("Height Sensor", "Retrace", scan.retrace_nm),
        nanoscope_writer.Channel("Peak Force Error", "Trace", scan.error_nn),
    ]
    nanoscope_writer.write(scan_path, channels, frame, VERSIONS[instrument.is_32_bit])
    write_truth(truth_path, scan.masks, pixel_nm)
    return scan


def draw_conditions(
    row: Mapping[str, Any], day: growth_conditions.Day, rng: np.random.Generator
) -> tuple[films.Morphology, films.VicinalSurface]:
    """Draw the parameters of the film of a row of the sample sheet."""
    seconds = round(60 * row[MINUTES]) if MINUTES in row else row["growth_seconds"]
    return growth_conditions.draw_film(row["growth_celsius"], seconds, row["substrate"], day, rng)


def _draw_size(rng: np.random.Generator) -> tuple[Size, int]:
    """Draw the size of a scan."""
    size = SIZES[rng.choice(len(SIZES), p=[size.share for size in SIZES])]
    stopped = rng.random() < STOPPED_SHARE
    lines = min(int(rng.choice(STOPPED_LINES)), size.lines) if stopped else size.lines
    return size, lines


def write_truth(path: str | Path, masks: Mapping[str, NDArray[np.bool_]], pixel_nm: tuple[float, float]) -> None:
    """Write the masks of a simulated scan, one bit per pixel.

    Parameters
    ----------
    path : path
        NPZ file: packed bytes by name of the mask, `shape` (2,) and `pixel_nm` (2,).
    masks : mapping of str to ndarray of bool
        Of one shape.
    pixel_nm : (float, float)
        Pixel size down and across.
    """
    packed = {name: np.packbits(mask) for name, mask in masks.items()}
    shape = np.array(next(iter(masks.values())).shape)
    io.write_arrays(path, shape=shape, pixel_nm=np.array(pixel_nm), **packed)


def read_truth(path: str | Path) -> tuple[dict[str, NDArray[np.bool_]], tuple[float, float]]:
    """Read the masks of a simulated scan.

    Parameters
    ----------
    path : path
        Written by `write_truth`.

    Returns
    -------
    masks : dict of str to ndarray of shape (lines, pixels), bool
        Row 0 is the top.
    pixel_nm : (float, float)
        Pixel size down and across.
    """
    stored = io.read_arrays(path)
    shape, pixel_nm = tuple(stored.pop("shape")), stored.pop("pixel_nm")
    size = int(np.prod(shape))
    masks = {name: np.unpackbits(bits, count=size).reshape(shape).astype(bool) for name, bits in stored.items()}
    return masks, tuple(pixel_nm)


def _assign_temperatures(counts: Mapping[int, int], batches: int, rng: np.random.Generator) -> list[list[int]]:
    """Return the temperatures of every day, none empty."""
    total = sum(counts.values())
    free = np.ones(batches, int) + rng.multinomial(total - batches, np.full(batches, 1 / batches))
    days: list[list[int]] = [[] for _ in range(batches)]
    by_rarity = sorted(counts, key=counts.__getitem__)
    for celsius in by_rarity[:-1]:
        is_rarest = celsius == by_rarity[0]
        left = counts[celsius]
        while left:
            for day in rng.permutation(np.flatnonzero(free))[:left]:
                taken = 1 if is_rarest else int(min(free[day], left))
                days[day] += [celsius] * taken
                free[day] -= taken
                left -= taken
                if not left:
                    break
    for day in np.flatnonzero(free):
        days[day] += [by_rarity[-1]] * int(free[day])
    return days


def _assign_operators(days: NDArray, operators: int, rng: np.random.Generator) -> dict[str, str]:
    """Return the operator of every day. Drawn last, so that nothing else depends on the number of operators."""
    if not operators:
        return dict.fromkeys(days, "")
    order = rng.permutation(len(days))
    return {days[day]: f"operator {1 + place % operators}" for place, day in enumerate(order)}


def _offsets(samples: pd.Series, share: float, spacing: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return what is added to the temperature of every sample, whole degrees; that of a run to all its samples."""
    runs, run = np.unique(samples.str.rpartition("-")[0], return_inverse=True)
    offsets = np.rint(spacing * rng.choice([-1, 1], len(runs)) * rng.uniform(*BETWEEN, len(runs))).astype(int)
    chosen = np.isin(np.arange(len(runs)), rng.choice(len(runs), round(share * len(runs)), replace=False))
    return np.where(chosen, offsets, 0)[run]


def _scan_twice(sheet: pd.DataFrame, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Give some films a second row, and name the places of both."""
    twice = np.isin(np.arange(len(sheet)), rng.choice(len(sheet), count, replace=False))
    first = sheet.assign(position=np.where(twice, PLACES[0], ""))
    return pd.concat([first, first[twice].assign(position=PLACES[1])], ignore_index=True)


def _growth_run(
    date: datetime.date, letter: str, celsius: int, count: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return the rows of one growth run: samples grown together at one temperature, time and pressure."""
    batch = f"MCV1-{date:%y%m%d}"
    seconds = int(np.clip(round(rng.lognormal(np.log(480), 0.9), -1), 30, 1800))
    pressure = int(rng.choice(list(PRESSURES_TORR), p=list(PRESSURES_TORR.values())))
    return [
        {
            "sample": f"{batch}{letter}-{piece:02d}",
            "growth_celsius": int(celsius),
            "growth_seconds": seconds,
            "substrate": str(rng.choice(list(SUBSTRATES), p=list(SUBSTRATES.values()))),
            "pressure_torr": pressure,
            "operator": "",
            "growth_date": date.isoformat(),
            "batch": batch,
        }
        for piece in range(1, count + 1)
    ]


def _scan_date(batch: str, rng: np.random.Generator) -> str:
    """Return when the scan was taken, as the instrument writes it: on the day after growth."""
    day = datetime.datetime.strptime(batch[-6:], "%y%m%d")
    taken = day + datetime.timedelta(hours=24, minutes=int(rng.integers(9 * 60, 18 * 60)))
    return taken.strftime("%I:%M:%S %p %a %b %d %Y")
