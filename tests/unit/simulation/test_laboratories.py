"""Films of other laboratories: equally many of each class, with the growth conditions that the table states."""

import numpy as np
import pytest

from micrograph.rng import random_stream
from micrograph.simulation import films, laboratories, simulate
from micrograph.target import Target

SHARES = {900: 0.25, 950: 0.5, 1000: 0.25}
CELSIUS = Target.from_config({"column": "growth_celsius", "classes": [900, 950, 1000]})
SECONDS = Target.from_config({"column": "growth_seconds", "bins": [0, 300, 900, 3600]})
MINUTES = Target.from_config({"column": "growth_minutes", "bins": [0, 5, 10]})


def simulated(target=CELSIUS, count=6, seed=1, width_nm=(700, 1300)):
    return list(laboratories.simulate_films(count, target, SHARES, width_nm, random_stream(seed, "other")))


@pytest.mark.parametrize("target", [CELSIUS, SECONDS, MINUTES])
def test_every_class_has_its_share_and_every_value_is_in_its_class(target, monkeypatch):
    monkeypatch.setattr(laboratories.microscope, "scan_film", lambda *_: simulate.microscope.Scan(*[np.zeros(1)] * 4))
    monkeypatch.setattr(films, "grow_film", lambda *_: None)
    values = np.array([film.row[target.column] for film in simulated(target, count=60)], dtype=float)
    assert (values >= max(target.edges[0], 0.1)).all() and (values <= target.edges[-1]).all()
    counts = np.unique(target.to_class(values), return_counts=True)
    assert counts[0].tolist() == list(target.classes) and counts[1].min() >= 0.5 * 60 / len(target.classes)
    if target is CELSIUS:
        assert counts[1].tolist() == [20, 20, 20] and set(values) == set(target.classes)


def test_films_follow_from_the_stream_and_their_width_from_the_setting(monkeypatch):
    first, again, other = (simulated(count=2, seed=seed) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.height_nm, two.height_nm)
        assert one.row == two.row
    assert not np.array_equal(first[0].height_nm, other[0].height_nm)
    grown = []
    grow = films.grow_film
    monkeypatch.setattr(films, "grow_film", lambda *given: grown.append(given[3]) or grow(*given))
    simulated(count=3, width_nm=(640, 641))
    assert all(5.0 <= down == across < 641 / 128 for down, across in grown)


def test_laboratories_differ_more_than_the_growth_days_of_one():
    rngs = random_stream(0, "days").spawn(400)
    own = np.std([laboratories.growth_conditions.draw_day(rng).nucleation for rng in rngs])
    rngs = random_stream(0, "days").spawn(400)
    all_ = np.std([laboratories._draw_laboratory(rng)[0].nucleation for rng in rngs])
    assert all_ > 1.2 * own
