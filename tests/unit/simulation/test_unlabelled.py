"""Height maps for pre-training: as many and as large as requested, determined by their seed, and none of the study."""

import numpy as np

from micrograph.rng import random_stream
from micrograph.simulation import films, growth_conditions, microscope, simulate, unlabelled

SHARES = {900: 0.25, 950: 0.5, 1000: 0.25}


def simulated(count=4, pixels=32, seed=1):
    return list(unlabelled.height_maps(count, pixels, SHARES, random_stream(seed, "films")))


def test_films_are_grown_and_scanned_as_those_of_the_study():
    """One film, made step by step."""
    rng = random_stream(1, "films")
    row = simulate.plan_samples(1, 1, SHARES, rng).iloc[0]
    (day_rng,), (film_rng,) = rng.spawn(1), rng.spawn(1)
    day, instrument = growth_conditions.draw_day(day_rng), microscope.draw_instrument(day_rng)
    morphology, surface = growth_conditions.draw_film(
        row["growth_celsius"], row["growth_seconds"], row["substrate"], day, film_rng
    )
    film = films.grow_film(morphology, surface, (128, 128), (1000 / 128, 1000 / 128), film_rng)
    np.testing.assert_array_equal(simulated(count=1)[0], microscope.scan_film(film, instrument, film_rng).trace_nm)
