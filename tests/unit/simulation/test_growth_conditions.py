"""Growth: temperature orders the films in expectation, days differ, and classes overlap."""

import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.simulation import films, growth_conditions


def many(celsius, count=300, seconds=500):
    """`count` morphologies at a temperature, each of its own day."""
    drawn = []
    for number in range(count):
        rng = np.random.default_rng([number, celsius])
        drawn.append(growth_conditions.draw_film(celsius, seconds, "c-Sapphire", growth_conditions.draw_day(rng), rng))
    return drawn


def test_hotter_films_have_fewer_and_better_aligned_domains_on_average():
    morphologies = {celsius: [morphology for morphology, _ in many(celsius)] for celsius in (900, 950, 1000)}
    density = [
        np.mean([np.log10(morphology.density_um2) for morphology in morphologies[celsius]]) for celsius in morphologies
    ]
    aligned = [np.mean([morphology.aligned_share for morphology in morphologies[celsius]]) for celsius in morphologies]
    assert density[0] > density[1] > density[2]
    assert aligned[0] < aligned[1] < aligned[2]


def test_cool_films_grow_in_several_layers_at_once_and_hot_ones_in_stacks_of_hexagons():
    cool, hot = ([morphology for morphology, _ in many(celsius)] for celsius in (900, 1000))
    assert np.mean([film.thick_share for film in cool]) > 1.5 * np.mean([film.thick_share for film in hot])
    assert np.mean([film.extra_layers > 0 for film in hot]) > 0.5 > np.mean([film.extra_layers > 0 for film in cool])
    assert np.mean([film.truncation for film in hot]) < 1.3 < 1.6 < np.mean([film.truncation for film in cool])


def test_fewer_nuclei_form_where_the_steps_are_near():
    density = {}
    for terrace_width_nm in (40, 80, 160):
        drawn = []
        for number in range(300):
            rng = np.random.default_rng([number, terrace_width_nm])
            day = growth_conditions.draw_day(rng)
            drawn.append(growth_conditions._draw_log_density(950, 500, terrace_width_nm, day, rng))
        density[terrace_width_nm] = np.mean(drawn)
    assert density[40] < density[80] < density[160]


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


def test_films_are_fine_or_coarse_at_the_temperature_between():
    density = np.log10([morphology.density_um2 for morphology, _ in many(950)])
    between = np.abs(density - growth_conditions.LOG_DENSITY) < 0.3
    assert 0.25 < (density > growth_conditions.LOG_DENSITY).mean() < 0.75
    assert between.mean() < 0.15


def test_nuclei_ripen_and_the_layer_closes_with_time():
    short, long = ([morphology for morphology, _ in many(950, seconds=seconds)] for seconds in (60, 1800))
    density = [np.mean([np.log10(morphology.density_um2) for morphology in films_]) for films_ in (short, long)]
    coverage = [np.mean([morphology.coverage for morphology in films_]) for films_ in (short, long)]
    assert density[0] > density[1] and coverage[0] < coverage[1]


def test_no_terrace_is_narrower_than_steps_keep_apart():
    widths = [surface.terrace_width_nm for _, surface in many(950)]
    assert min(widths) >= growth_conditions.NARROWEST_NM
