"""The table of explanations: means, ratios, gains worked out by hand; intervals over growth days; nothing invented."""

import numpy as np
import pandas as pd
import pytest

from made_up_explanations import FEATURES, NETWORK, tests
from micrograph.errors import UserError
from micrograph.evaluation import attribution_tests, tables

tests.__test__ = False
GIVEN = {"n_bootstrap": 400, "seed": 3, "data": "simulated films", "network": NETWORK}


def by_hand(*rows):
    """A table of rows (sample, batch, map, measure, feature, value, area)."""
    names = ["sample", "batch", "map", "measure", "feature", "value", "area"]
    return pd.DataFrame(rows, columns=names).assign(fold=0, y_true=900, y_pred=900)


def one(table, **fields):
    for name, value in fields.items():
        table = table[table[name] == value]
    (row,) = table.to_dict("records")
    return row


def test_means_ratio_and_gain_are_those_worked_out_by_hand():
    rows = by_hand(
        ("a", "x", "cam", "mass", "islands", 0.3, 0.1),
        ("b", "y", "cam", "mass", "islands", 0.5, 0.3),
        ("a", "x", "control_cam", "mass", "islands", 0.1, 0.1),
        ("b", "y", "control_cam", "mass", "islands", 0.2, 0.3),
    )
    row = one(attribution_tests.make_table([rows], **GIVEN))
    found = {name: row[name] for name in ("value", "control", "gain", "area", "ratio", "control_ratio")}
    assert found == pytest.approx(
        {"value": 0.4, "control": 0.15, "gain": 0.25, "area": 0.2, "ratio": 2.0, "control_ratio": 0.75}
    )
    # Two growth days: drawn are a alone, both, or b alone.
    assert (row["ratio_low"], row["ratio_high"]) == pytest.approx((0.5 / 0.3, 3.0))
    assert (row["gain_low"], row["gain_high"]) == pytest.approx((0.2, 0.3))
    assert (row["n_samples"], row["n_batches"], row["folds"]) == (2, 2, 1)


@pytest.mark.parametrize(("measure", "hits", "expected"), [("pointing", 0, 0), ("pointing", 4, 0), ("pointing", 5, 1),
                                                       ("mass", 0, 0), ("mass", 1, 1)])  # fmt: skip
def test_where_hardly_a_film_differs_there_is_no_interval_and_nothing_is_bold(measure, hits, expected):
    films = [(f"f{i:02d}", f"d{i:02d}") for i in range(12)]
    rows = [(*film, "occlusion", measure, "padding", float(i < hits), 0.9) for i, film in enumerate(films)]
    rows += [(*film, "control_occlusion", measure, "padding", 0.8 + i / 100, 0.9) for i, film in enumerate(films)]
    table = attribution_tests.make_table([by_hand(*rows)], **GIVEN)
    row = one(table)
    assert row["value"] == pytest.approx(hits / 12) and row["n_samples"] == 12
    ends = [row[f"{name}{end}"] for name in ("value", "gain", "ratio") for end in ("_low", "_high")]
    assert np.isfinite(ends).all() == expected and np.isnan(ends).all() != expected
    (panel,) = attribution_tests.panels(table)
    assert any(isinstance(cell, tables.Bold) for cell in panel.rows[0]) == expected


def test_what_a_network_looks_at_stands_out_and_the_rest_does_not():
    table = attribution_tests.make_table(tests(looks=("islands",)), **GIVEN)
    mass = table[(table["measure"] == "mass") & (table["map"] == "occlusion")].set_index("feature")
    assert list(mass.index) == [name for name in attribution_tests.FEATURES if name in FEATURES]
    assert mass.loc["islands", "ratio"] == pytest.approx(1.5, abs=0.05) and mass.loc["islands", "ratio_low"] > 1
    assert mass.drop("islands")["ratio"].between(0.95, 1.05).all()


def test_panels_hold_every_map_and_real_films_have_no_panel_of_where_things_are():
    panels = attribution_tests.panels(attribution_tests.make_table(tests(films=24), **GIVEN))
    assert [len(panel.rows) for panel in panels] == [36, 36, 8, 10]
    assert all(len(row) == len(panel.headings) for panel in panels for row in panel.rows)
    real = attribution_tests.make_table(tests(films=24, features=()), **GIVEN | {"data": "real films"})
    assert [len(panel.rows) for panel in attribution_tests.panels(real)] == [8, 10]


def test_a_film_tested_twice_and_unknown_names_are_faults():
    rows = by_hand(("a", "x", "cam", "deletion", "", 0.3, np.nan))
    with pytest.raises(UserError, match=r"'a' is tested in two folds"):
        attribution_tests.make_table([rows, rows], **GIVEN)
    for name in ("map", "measure", "feature"):
        with pytest.raises(UserError, match=f"{name} 'tea leaves'"):
            attribution_tests.make_table([rows.assign(**{name: "tea leaves"})], **GIVEN)
    with pytest.raises(UserError, match="no results of tests"):
        attribution_tests.make_table([rows[:0]], **GIVEN)


def curves(deletion, insertion, count=12):
    """A table of maps whose areas differ from their control's by so much on average, and by little between samples."""
    rows = [
        (f"f{i:02d}", f"d{i:02d}", name, measure, "whole", 0.5 + (gain + 0.01 * (-1) ** i) * (name == "cam"), np.nan)
        for i in range(count)
        for measure, gain in (("deletion", deletion), ("insertion", insertion))
        for name in ("cam", "control_cam")
    ]
    return attribution_tests.make_table([by_hand(*rows)], **GIVEN)


@pytest.mark.parametrize(("deletion", "insertion", "nothing"), [(0, 0, True), (0.1, -0.1, True), (-0.1, 0, False),
                                                                 (0, 0.1, False)])  # fmt: skip
def test_a_map_shows_nothing_where_neither_deletion_nor_insertion_exceeds_its_control(deletion, insertion, nothing):
    sentence = attribution_tests.shows_nothing(curves(deletion, insertion), "cam")
    assert bool(sentence) == nothing
    if nothing:
        assert f"deletion {tables.signed(deletion, 3)}" in sentence and "[" in sentence


def test_a_map_without_intervals_or_tests_shows_nothing():
    assert attribution_tests.shows_nothing(curves(-0.1, 0.1, count=1), "cam")
    assert "deletion" not in attribution_tests.shows_nothing(curves(-0.1, 0.1), "occlusion")
