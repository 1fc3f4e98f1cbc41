"""Micrographs for pre-training: as many and as large as asked, by their seed alone, and unlike each other."""

import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.rng import random_stream
from micrograph.scans import levelling, rendering
from micrograph.simulation import films, growth_conditions, microscope, simulate, unlabelled

SHARES = {900: 0.25, 950: 0.5, 1000: 0.25}


def drawn(count=4, pixels=32, seed=1, shares=SHARES, **settings):
    return unlabelled.micrographs(count, pixels, shares, random_stream(seed, "films"), **settings)


def test_as_many_micrographs_as_asked_of_all_greys_and_no_two_alike():
    made = drawn(count=5)
    assert (made.shape, made.dtype) == ((5, 32, 32), np.uint8)
    assert len({picture.tobytes() for picture in made}) == 5
    for picture in made:
        assert picture.min() < 60 and picture.max() > 180 and picture.std() > 10


def test_none_are_none():
    assert drawn(count=0).shape == (0, 32, 32)


def test_one_is_one():
    assert drawn(count=1).shape == (1, 32, 32)


def test_the_same_seed_draws_the_same_films_and_another_seed_others():
    first, again, other = drawn(seed=1), drawn(seed=1), drawn(seed=2)
    np.testing.assert_array_equal(first, again)
    assert not {picture.tobytes() for picture in first} & {picture.tobytes() for picture in other}


def test_films_are_grown_scanned_levelled_and_drawn_by_the_ways_of_the_study():
    """One film, made step by step."""
    rng = random_stream(1, "films")
    row = simulate.plan(1, 1, SHARES, rng).iloc[0]
    (shared,), (own,) = rng.spawn(1), rng.spawn(1)
    day, instrument = growth_conditions.draw_day(shared), microscope.draw_instrument(shared)
    recipe, steps = growth_conditions.draw_recipe(
        row["growth_celsius"], row["growth_seconds"], row["substrate"], day, own
    )
    film = films.grow(recipe, steps, (128, 128), (1000 / 128, 1000 / 128), own)
    level_nm = levelling.level(microscope.scan(film, instrument, own).trace_nm)
    np.testing.assert_array_equal(drawn(count=1)[0], rendering.render(level_nm, 32)[0])


def test_no_film_is_a_film_of_the_study(tmp_path):
    """The seed of the study, but under another name: the streams part."""
    sheet = simulate.plan(4, 2, SHARES, random_stream(1, "plan_samples"))
    scans = [
        simulate.scan_sample(row, 1, tmp_path / "a.spm", tmp_path / "a.npz", pixels=128).trace_nm
        for row in sheet.to_dict("records")
    ]
    study = {rendering.render(levelling.level(scan), 32)[0].tobytes() for scan in scans}
    assert not study & {picture.tobytes() for picture in drawn()}


def test_levelling_and_clipping_are_those_asked_for():
    assert not np.array_equal(drawn(count=1), drawn(count=1, levelling="median"))
    tight = drawn(count=1, clip_percentiles=(20, 80))
    assert (tight == 255).mean() > (drawn(count=1) == 255).mean()
    with pytest.raises(UserError, match="levelling 'none' is not known"):
        drawn(count=1, levelling="none")


def test_larger_micrographs_come_from_scans_of_as_many_lines():
    assert drawn(count=1, pixels=160).shape == (1, 160, 160)
