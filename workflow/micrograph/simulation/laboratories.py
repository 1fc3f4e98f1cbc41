"""Simulated films of other laboratories, with their growth conditions, to pre-train networks on the target.

No film is a sample of the study. Every growth day is one of a laboratory of its own: its reactor nucleates more or less
than the simulator's, grows faster or slower, and its instrument has another tip and other noise; scans differ in width.
Assumed: how far laboratories differ, all numbers below.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.simulation import films, growth_conditions, microscope, simulate
from micrograph.target import Target

SAMPLES_PER_DAY = 3
SCAN_PIXELS = 128
SHORTEST_SECONDS = 10.0
NUCLEATION = 0.15  # standard deviation of the logarithmic nucleation density between laboratories
# Standard deviations of the logarithms of what laboratories differ in by a factor.
RATE = 0.25
TIP = 0.4
NOISE = 0.6


class LabelledFilm(NamedTuple):
    """A simulated film.

    Attributes
    ----------
    row : dict
        Its row of a sample sheet.
    height_nm : ndarray of shape (n, n), float32
        Trace in nm, not levelled.
    """

    row: dict[str, Any]
    height_nm: NDArray[np.float32]


def simulate_films(
    count: int,
    target: Target,
    shares: Mapping[int, float],
    width_nm: Sequence[float],
    rng: np.random.Generator,
) -> Iterator[LabelledFilm]:
    """Simulate films of other laboratories, one at a time.

    Parameters
    ----------
    count : int
        Number of films.
    target : Target
        Growth temperature or growth time; films are of its classes, equally many of each. Temperatures are those of the
        classes, times lie anywhere in them.
    shares : mapping of int to float
        Share of films by growth temperature, where that is not the target.
    width_nm : (float, float)
        Shortest and longest width of a scan.
    rng : numpy Generator
        Of another stream than the study's.

    Yields
    ------
    LabelledFilm
    """
    narrowest, widest = width_nm
    sheet = _plan(count, target, shares, rng)
    batches = sheet["batch"].unique()
    laboratories = {name: _draw_laboratory(own) for name, own in zip(batches, rng.spawn(len(batches)), strict=True)}
    for row, film_rng in zip(sheet.to_dict("records"), rng.spawn(count), strict=True):
        day, instrument = laboratories[row["batch"]]
        pixel_nm = (float(film_rng.uniform(narrowest, widest)) / SCAN_PIXELS,) * 2
        conditions = simulate.draw_conditions(row, day, film_rng)
        film = films.grow_film(*conditions, (SCAN_PIXELS, SCAN_PIXELS), pixel_nm, film_rng)
        yield LabelledFilm(row, microscope.scan_film(film, instrument, film_rng).trace_nm)


def _plan(count: int, target: Target, shares: Mapping[int, float], rng: np.random.Generator) -> pd.DataFrame:
    """Plan the sample sheet, equally many films of every class of the target."""
    if target.column == "growth_celsius":
        shares = {int(celsius): 1 / len(target.classes) for celsius in target.classes}
    n_days, in_minutes = -(-count // SAMPLES_PER_DAY), target.column == simulate.MINUTES
    sheet = simulate.plan_samples(count, n_days, shares, rng, minutes=in_minutes)
    if target.column != "growth_celsius":
        runs, run = np.unique(sheet["sample"].str.rpartition("-")[0], return_inverse=True)
        place = rng.permutation(np.arange(len(runs)) % len(target.classes))
        edges = np.asarray(target.edges, dtype=float)
        shortest = SHORTEST_SECONDS / (60 if target.column == simulate.MINUTES else 1)
        times = np.maximum(rng.uniform(edges[place], edges[place + 1]), shortest)
        sheet[target.column] = times[run]
    return sheet


def _draw_laboratory(rng: np.random.Generator) -> tuple[growth_conditions.Day, microscope.Instrument]:
    """Draw the growth day and the instrument of one laboratory."""
    day, instrument = growth_conditions.draw_day(rng), microscope.draw_instrument(rng)
    day = day._replace(nucleation=day.nucleation + rng.normal(0, NUCLEATION), rate=day.rate * rng.lognormal(0, RATE))
    names = ("noise_nm", "streak_nm", "line_offset_nm", "band_offset_nm")
    noise = {name: getattr(instrument, name) * rng.lognormal(0, NOISE) for name in names}
    return day, instrument._replace(tip_radius_nm=instrument.tip_radius_nm * rng.lognormal(0, TIP), **noise)
