"""The simulated study: which samples were grown when, and one sample's way from growth to scan file and ground truth.

Nothing here was measured. The day of a sample (its batch) fixes the microscope and what the growths of a day
share; the film itself is drawn for the sample alone, so that a sample is the same whichever others are made
beside it.
"""

import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from micrograph import io
from micrograph.errors import UserError
from micrograph.rng import random_stream
from micrograph.simulation import films, growth_conditions, microscope, nanoscope_writer

WIDE_NM = 1000.0


class Size(NamedTuple):
    """A kind of scan: pixels a line, lines, height over width, and how often it is chosen."""

    pixels: int
    lines: int
    tall: float
    often: float


SIZES = (Size(256, 256, 1.0, 0.82), Size(512, 512, 1.0, 0.12), Size(512, 384, 0.75, 0.03), Size(512, 256, 1.0, 0.03))
STOPPED_SHARE = 0.04
STOPPED_LINES = (235, 162, 125, 74)
VERSIONS = {True: "0x09400202", False: "0x08150300"}
SUBSTRATES = {"c-Sapphire": 0.84, "A-Sapphire": 0.08, "M-Sapphire": 0.08}
PRESSURES_TORR = {50: 0.7, 100: 0.15, 200: 0.15}
FIRST_DAY = datetime.date(2017, 1, 2)


def plan(count, batches, shares, rng, folder="resources/scans", operators=0):
    """The sample sheet: `count` samples grown on `batches` days, temperatures by `shares` (celsius -> share).

    Class counts follow the largest remainder. The rarest class is dealt first, one sample a day as far as
    days go, so that grouped folds can all get some of it; the other places of a day mostly share one
    temperature. operators: how many people grow, each about as many days, one a day; 0: nobody is named. Who grew
    changes nothing about a film: what a study finds between operators is chance. Columns: sample, growth_celsius,
    growth_seconds, substrate, pressure_torr, operator, grown (as 2018-03-12), batch, scan; sorted by sample. Raises
    UserError on numbers that make no sense.
    """
    if not 1 <= batches <= count:
        raise UserError(f"{count} samples cannot be grown on {batches} days; set 1 <= batches <= count.")
    if not 0 <= operators <= batches:
        raise UserError(
            f"{operators} operators cannot share {batches} days; set 0 <= simulation.operators <= simulation.days."
        )
    if abs(sum(shares.values()) - 1) > 1e-6 or min(shares.values()) < 0:
        raise UserError(f"the class shares {dict(shares)} do not sum to 1; correct them.")
    days = _deal(class_counts(count, shares), batches, rng)
    dates = np.sort(rng.choice(5 * 365, size=batches, replace=False))
    rows = []
    for number, temperatures in zip(dates, days, strict=True):
        date = FIRST_DAY + datetime.timedelta(days=int(number))
        for letter, celsius in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", sorted(set(temperatures)), strict=False):
            rows += _run(date, letter, celsius, temperatures.count(celsius), rng)
    sheet = pd.DataFrame(rows)
    sheet["operator"] = sheet["grown"].map(_operators(sheet["grown"].unique(), operators, rng))
    sheet["scan"] = [f"{folder}/{sample}.spm" for sample in sheet["sample"]]
    return sheet.sort_values("sample", ignore_index=True)


def class_counts(count, shares):
    """Samples a class by the largest remainder: the counts sum to `count` and are within 1 of their share."""
    exact = {celsius: count * share for celsius, share in shares.items()}
    counts = {celsius: int(value) for celsius, value in exact.items()}
    left = sorted(exact, key=lambda celsius: counts[celsius] - exact[celsius])
    for celsius in left[: count - sum(counts.values())]:
        counts[celsius] += 1
    return counts


def scan_sample(row, seed, scan_path, truth_path, pixels=None):
    """Grow and scan the film of one row of the sheet; write its scan file and its truth. Returns the Scan.

    row: anything with the sheet's columns as keys (a dict, a Series). pixels: lines and pixels of a square
    scan, for tests; else the size is drawn. The truth file holds one bit a pixel and mask (see read_truth).
    """
    shared = random_stream(seed, "day", row["batch"])
    day, instrument = growth_conditions.draw_day(shared), microscope.draw_instrument(shared)
    rng = random_stream(seed, "film", row["sample"])
    size, lines = draw_size(rng)
    if pixels is not None:
        size, lines = Size(pixels, pixels, 1.0, 1.0), pixels
    recipe, steps = growth_conditions.draw_recipe(
        row["growth_celsius"], row["growth_seconds"], row["substrate"], day, rng
    )
    pixel_nm = (size.tall * WIDE_NM / size.lines, WIDE_NM / size.pixels)
    film = films.grow(recipe, steps, (size.lines, size.pixels), pixel_nm, rng)
    worn = float((rng.random() < 0.05) * rng.uniform(0.1, 0.4))
    scan = microscope.scan(film, instrument._replace(worn_share=worn), rng, lines)
    frame = nanoscope_writer.Frame(
        WIDE_NM, size.tall * WIDE_NM, size.lines, date=_taken(row["batch"], rng),
        line_rate_hz=instrument.line_rate_hz, rotation_degrees=round(instrument.rotation_degrees, 1),
    )  # fmt: skip
    channels = [
        nanoscope_writer.Channel("Height Sensor", "Trace", scan.trace_nm),
        nanoscope_writer.Channel("Height Sensor", "Retrace", scan.retrace_nm),
        nanoscope_writer.Channel("Peak Force Error", "Trace", scan.error_nn),
    ]
    nanoscope_writer.write(scan_path, channels, frame, VERSIONS[instrument.wide_bits])
    write_truth(truth_path, scan.masks, pixel_nm)
    return scan


def write_truth(path, masks, pixel_nm):
    """Write masks of one shape, a bit a pixel: <name> (packed bytes), shape (2,), pixel_nm (down, across)."""
    packed = {name: np.packbits(mask) for name, mask in masks.items()}
    shape = np.array(next(iter(masks.values())).shape)
    io.write_arrays(path, shape=shape, pixel_nm=np.array(pixel_nm), **packed)


def read_truth(path):
    """The masks of a simulated scan, name -> (lines, pixels) bool, row 0 at the top, and pixel_nm (down, across)."""
    stored = io.read_arrays(path)
    shape, pixel_nm = tuple(stored.pop("shape")), stored.pop("pixel_nm")
    size = int(np.prod(shape))
    masks = {name: np.unpackbits(bits, count=size).reshape(shape).astype(bool) for name, bits in stored.items()}
    return masks, tuple(pixel_nm)


def _deal(counts, batches, rng):
    """Temperatures of every day: a list of `batches` lists, none empty."""
    total = sum(counts.values())
    places = np.ones(batches, int) + rng.multinomial(total - batches, np.full(batches, 1 / batches))
    days = [[] for _ in range(batches)]
    by_rarity = sorted(counts, key=counts.get)
    for celsius in by_rarity[:-1]:
        rare = celsius == by_rarity[0]
        left = counts[celsius]
        while left:
            free = np.flatnonzero(places)
            chosen = rng.permutation(free)[:left]
            for day in chosen:
                taken = 1 if rare else int(min(places[day], left))
                days[day] += [celsius] * taken
                places[day] -= taken
                left -= taken
                if not left:
                    break
    for day in np.flatnonzero(places):
        days[day] += [by_rarity[-1]] * int(places[day])
    return days


def _operators(days, operators, rng):
    """{day: who grew}. Drawn after everything else, so that nothing else depends on how many operators there are."""
    if not operators:
        return dict.fromkeys(days, "")
    order = rng.permutation(len(days))
    return {days[day]: f"operator {1 + place % operators}" for place, day in enumerate(order)}


def _run(date, letter, celsius, number, rng):
    """The rows of one growth run: samples grown together at one temperature, for one time, at one pressure."""
    batch = f"MCV1-{date:%y%m%d}"
    seconds = int(np.clip(round(rng.lognormal(np.log(480), 0.7), -1), 100, 1650))
    pressure = int(rng.choice(list(PRESSURES_TORR), p=list(PRESSURES_TORR.values())))
    return [
        {
            "sample": f"{batch}{letter}-{piece:02d}",
            "growth_celsius": int(celsius),
            "growth_seconds": seconds,
            "substrate": str(rng.choice(list(SUBSTRATES), p=list(SUBSTRATES.values()))),
            "pressure_torr": pressure,
            "operator": "",
            "grown": date.isoformat(),
            "batch": batch,
        }
        for piece in range(1, number + 1)
    ]


def draw_size(rng):
    """The Size of a scan and the lines that were scanned before it was stopped, if it was."""
    size = SIZES[rng.choice(len(SIZES), p=[size.often for size in SIZES])]
    stopped = rng.random() < STOPPED_SHARE
    lines = min(int(rng.choice(STOPPED_LINES)), size.lines) if stopped else size.lines
    return size, lines


def _taken(batch, rng):
    """When the scan was taken, as the instrument writes it: some hours after growth began."""
    day = datetime.datetime.strptime(batch[-6:], "%y%m%d")
    return (day + datetime.timedelta(hours=24, minutes=int(rng.integers(9 * 60, 18 * 60)))).strftime(
        "%I:%M:%S %p %a %b %d %Y"
    )
