"""Simulated scans without labels or files, for self-supervised pre-training; none is a sample of the study."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from micrograph.simulation import films, growth_conditions, microscope, simulate

SAMPLES_PER_DAY = 3
SCAN_PIXELS = 128


def height_maps(
    count: int, pixels: int, shares: Mapping[int, float], rng: np.random.Generator
) -> Iterator[NDArray[np.float32]]:
    """Simulate height maps of films, one at a time.

    Days, growth times and substrates are drawn as those of the study (`simulate.plan_samples`).

    Parameters
    ----------
    count : int
        Number of films.
    pixels : int
        Side of the micrographs to be rendered.
    shares : mapping of int to float
        Share of samples by growth temperature.
    rng : numpy Generator
        Of another stream than the study's, so that no film is a sample of the study.

    Yields
    ------
    ndarray of shape (n, n), float32
        Trace in nm, not levelled; one micrometre wide, n = SCAN_PIXELS, or `pixels` if that is more.
    """
    if not count:
        return
    sheet = simulate.plan_samples(count, -(-count // SAMPLES_PER_DAY), shares, rng)
    batches = sheet["batch"].unique()
    days = {
        batch: (growth_conditions.draw_day(day_rng), microscope.draw_instrument(day_rng))
        for batch, day_rng in zip(batches, rng.spawn(len(batches)), strict=True)
    }
    size = max(SCAN_PIXELS, pixels)
    pixel_nm = (simulate.WIDTH_NM / size, simulate.WIDTH_NM / size)
    for row, film_rng in zip(sheet.to_dict("records"), rng.spawn(count), strict=True):
        day, instrument = days[row["batch"]]
        conditions = simulate.draw_conditions(row, day, film_rng)
        film = films.grow_film(*conditions, (size, size), pixel_nm, film_rng)
        yield microscope.scan_film(film, instrument, film_rng).trace_nm
