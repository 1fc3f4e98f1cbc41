"""Groups of films: each film where it belongs, none that says nothing, and those of whom nobody knows apart."""

import numpy as np
import pandas as pd
import pytest

from micrograph.evaluation import subgroups
from micrograph.target import Target
from tables_of_films import TARGET


def samples(count=12, **columns):
    """Films of six batches, two each, all the same but for the given columns."""
    same = {
        "batch": [f"b{place // 2}" for place in range(count)],
        "growth_seconds": 300.0,
        "substrate": "c-Sapphire",
        "pressure_torr": 50.0,
        "operator": "anna",
    }
    return pd.DataFrame({"sample": [f"f{place:02d}" for place in range(count)]} | same | columns)


def scans(count=12, **columns):
    """The columns of as many whole square scans."""
    shape = {"lines": 256, "pixels": 256, "lines_planned": 256, "width_nm": 1000.0, "tall_nm": 1000.0}
    fields = {"channel": "Height Sensor", "direction": "trace"}
    return pd.DataFrame({"sample": [f"f{place:02d}" for place in range(count)]} | shape | fields | columns)


def of(kind, films, scanned=None):
    """{name: numbers of its films} of a kind."""
    scanned = scans(len(films)) if scanned is None else scanned
    known = subgroups.known_samples(films.merge(scanned, on="sample", how="left"))
    return {name: np.flatnonzero(members).tolist() for name, members in subgroups.groups(known, TARGET)[kind].items()}


def but(usual, **changed):
    """`usual` twelve times, but for film f03 (changed[at3]) and others named so."""
    values = [usual] * 12
    for place, value in changed.items():
        values[int(place.removeprefix("at"))] = value
    return values


def test_few_values_are_groups_of_their_own_and_many_are_thirds_of_the_films():
    assert of("pressure_torr", samples(pressure_torr=[50] * 8 + [100.5] * 4)) == {
        "50 Torr": list(range(8)),
        "100.5 Torr": list(range(8, 12)),
    }
    seconds = [600, 100, 200, 300, 400, 500, 700, 800, 900, 1000, 1100, 1200]
    assert of("growth_seconds", samples(growth_seconds=seconds)) == {
        "100 to 400 s": [1, 2, 3, 4],
        "500 to 800 s": [0, 5, 6, 7],
        "900 to 1200 s": [8, 9, 10, 11],
    }


def test_texts_are_groups_the_most_frequent_first_and_empty_cells_are_unknown():
    substrates = [None, np.nan, ""] + ["b"] * 2 + ["a"] * 2 + ["c"] * 5
    groups = of("substrate", samples(substrate=substrates))
    assert list(groups) == ["c", "a", "b", subgroups.NOT_STATED]
    assert groups[subgroups.NOT_STATED] == [0, 1, 2]


def test_a_column_that_is_not_there_is_unknown_for_all():
    films = samples().drop(columns=["operator", "growth_seconds"])
    for kind in ("operator", "growth_seconds"):
        assert of(kind, films) == {subgroups.NOT_STATED: list(range(12))}


def test_batches_are_grouped_by_how_many_films_they_have():
    batches = ["a"] * 6 + ["b"] * 3 + ["c", "d", "e"]
    assert of("batch_size", samples(batch=batches)) == {
        "1 in the batch": [9, 10, 11],
        "3 in the batch": [6, 7, 8],
        "6 in the batch": list(range(6)),
    }


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("stopped early", {"lines": but(256, at3=100), "tall_nm": but(1000.0, at3=1000 * 100 / 256)}),
        ("field planned not square", {"lines": but(256, at3=192), "lines_planned": but(256, at3=192),
                                      "tall_nm": but(1000.0, at3=750.0)}),
        ("pixels not square", {"lines": but(256, at3=128), "lines_planned": but(256, at3=128)}),
        ("another width than most", {"width_nm": but(1000.0, at3=500.0), "tall_nm": but(1000.0, at3=500.0)}),
        ("finished picture, no heights", {"channel": but("Height Sensor", at3="picture")}),
        ("retrace", {"direction": but("Trace", at3="Retrace")}),
        ("channel ZSensor", {"channel": but("Height Sensor", at3="ZSensor")}),
    ],
)  # fmt: skip
def test_a_scan_unlike_the_others_is_a_group_by_what_it_is(name, columns):
    assert of("scan_quality", samples(), scans(**columns)) == {name: [3]}


def test_of_two_resolutions_the_rarer_is_a_group_and_of_three_each():
    fine = {"pixels": but(256, at3=512, at4=512), "lines": but(256, at3=512, at4=512)}
    assert of("scan_quality", samples(), scans(**fine, lines_planned=fine["lines"])) == {"512 pixels a line": [3, 4]}
    fine = {name: [*values[:-1], 1024] for name, values in fine.items()}
    assert list(of("scan_quality", samples(), scans(**fine, lines_planned=fine["lines"]))) == [
        "256 pixels a line",
        "512 pixels a line",
        "1024 pixels a line",
    ]


def test_a_time_in_minutes_leaves_no_group_of_films_without_a_time_in_seconds():
    films = samples(growth_seconds=np.nan, growth_minutes=[5.0, 10.0] * 6)
    known = subgroups.known_samples(films.merge(scans(), on="sample"))
    kinds = subgroups.groups(known, TARGET)
    assert "growth_seconds" not in kinds and set(kinds["growth_minutes"]) == {"5 min", "10 min"}
    minutes = Target.from_config({"column": "growth_minutes", "bins": [0, 7, 15]})
    both = known.assign(growth_seconds=60 * known["growth_minutes"])
    assert not {"growth_seconds", "growth_minutes"} & set(subgroups.groups(both, minutes))
