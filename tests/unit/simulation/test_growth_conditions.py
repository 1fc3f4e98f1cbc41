"""Growth: temperature orders the films in expectation, days differ, and classes overlap."""

import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.simulation import films, growth_conditions


def many(celsius, count=300):
    """`count` morphologies at a temperature, each of its own day."""
    drawn = []
    for number in range(count):
        rng = np.random.default_rng([number, celsius])
        drawn.append(growth_conditions.draw_film(celsius, 500, "c-Sapphire", growth_conditions.draw_day(rng), rng))
    return drawn


def test_hotter_films_have_fewer_and_better_aligned_domains_on_average():
    morphologies = {celsius: [morphology for morphology, _ in many(celsius)] for celsius in (900, 950, 1000)}
    density = [
        np.mean([np.log10(morphology.density_um2) for morphology in morphologies[celsius]]) for celsius in morphologies
    ]
    aligned = [np.mean([morphology.aligned_share for morphology in morphologies[celsius]]) for celsius in morphologies]
    assert density[0] > density[1] > density[2]
    assert aligned[0] < aligned[1] < aligned[2]


def test_the_plane_sets_the_step_height():
    for substrate, plane in growth_conditions.PLANES.items():
        rng = np.random.default_rng(7)
        _, surface = growth_conditions.draw_film(950, 500, substrate, growth_conditions.draw_day(rng), rng)
        bunch = surface.step_height_nm / films.STEP_HEIGHT_NM[plane]
        assert bunch == pytest.approx(round(bunch))
        assert 0.2 <= films.STEP_HEIGHT_NM[plane] <= 0.3


def test_an_unknown_substrate_is_refused_with_the_known_ones():
    rng = np.random.default_rng(8)
    with pytest.raises(UserError, match="c-Sapphire, A-Sapphire, M-Sapphire"):
        growth_conditions.draw_film(950, 500, "glass", growth_conditions.draw_day(rng), rng)
