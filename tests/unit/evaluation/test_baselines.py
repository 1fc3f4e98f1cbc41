"""The table of baselines: who stands in it, how far the network is ahead by hand, its panels."""

from dataclasses import asdict

import numpy as np
import pytest

from made_up import RUN
from made_up_baselines import by_hand, fit, given, network, tabled
from micrograph.errors import UserError
from micrograph.evaluation import baselines, summaries, tables
from tables_of_films import TARGET


@pytest.fixture(scope="module")
def table():
    return tabled(given())


def row(table, protocol, features):
    return table.set_index(["protocol", "features"]).loc[protocol, features]


def test_every_protocol_has_the_majority_then_its_fits_and_strict_ends_with_the_network(table):
    found = list(zip(table["protocol"], table["features"], table["model"], strict=True))
    ours = [("none", "majority"), ("metadata", "OLR"), ("physical", "OLR")]
    assert found == [
        *(("strict", *row) for row in ours), ("strict", "image", "CNN"), *(("published", *row) for row in ours),
    ]  # fmt: skip
    assert list(table.columns) == [*baselines.COLUMNS, *asdict(RUN)]


def columns(name):
    return [f"{name}{end}" for end in summaries.PAIRED]


def test_how_far_the_network_is_ahead_and_its_interval_are_those_worked_out_by_hand():
    """The network has 3 of 4 right, the other 1 of 4, by day: 2 - 1 of two, 1 - 0 of two. So 50 points on both days."""
    table = tabled([by_hand([1, 0, 0, 0])], by_hand([1, 1, 1, 0]))
    ours, ahead = table.iloc[1], columns(baselines.AHEAD)
    assert ours[ahead].tolist() == pytest.approx([50, 50, 50, 2])  # samples of which one alone is right
    # Apart by 100 points on one day and by nothing on the other: drawn are one, both, or the other.
    ours = tabled([by_hand([0, 0, 1, 0])], by_hand([1, 1, 1, 0])).iloc[1]
    assert ours[ahead].tolist() == pytest.approx([50, 0, 100, 2])
    # Training names 950 C, all that is tested is of 900 C: the majority is never right.
    assert table.iloc[0]["pooled_pct"] == 0 and table.iloc[0]["network_gain_pct_points"] == 75
    assert table["n_batches"].tolist() == [2, 2, 2]


def test_how_far_a_model_is_above_the_majority_class_is_paired_by_growth_day():
    """Training names 950 C: right of x's 950 C film alone. The model has one film more right on both days, so that
    whatever days are drawn it is 50 points ahead; its own interval, [50, 100], and the baseline's, [0, 50], touch."""
    table = tabled(
        [by_hand([1, 1, 1, 0], truth=(950, 900, 900, 900))], by_hand([1, 1, 1, 1], truth=(950, 900, 900, 900))
    )
    majority, ours, network = table[columns(baselines.ABOVE)].to_numpy(float)
    assert np.isnan(majority).all() and ours.tolist() == pytest.approx([50, 50, 50, 2])
    assert network.tolist() == pytest.approx([75, 50, 100, 3])
    assert table["pooled_pct_low"].tolist() == [0, 50, 100] and table["pooled_pct_high"].tolist() == [50, 100, 100]


def test_a_network_far_ahead_is_bold_and_an_equal_one_is_not(table):
    strict = baselines.panels(table, TARGET)[0]
    metadata = next(line for line in strict.rows if line[0] == "growth metadata")
    assert isinstance(metadata[-1], tables.Bold)
    same = tabled([fit("metadata", 0.7)], summaries.Fit(network().spec, fit("metadata", 0.7).predictions))
    assert row(same, "strict", "metadata")["network_gain_pct_points"] == 0
    metadata = next(line for line in baselines.panels(same, TARGET)[0].rows if line[0] == "growth metadata")
    assert not isinstance(metadata[-1], tables.Bold)


def test_without_strict_fits_nothing_is_compared():
    table = tabled(given(("published",)))
    assert table["network_gain_pct_points"].isna().all() and "CNN" not in set(table["model"])
    (panel,) = baselines.panels(table, TARGET)
    assert not {heading for heading, _ in baselines.STRICT} & set(panel.headings)
    assert all(len(line) == len(panel.headings) for line in panel.rows)


def test_no_fits_and_a_network_on_other_films_are_faults():
    with pytest.raises(UserError, match="name features and models in experiments.baselines"):
        tabled([])
    fewer = network().predictions
    with pytest.raises(UserError, match="different samples"):
        tabled(given(("strict",)), summaries.Fit(network().spec, fewer[fewer["sample"] != fewer["sample"].iloc[0]]))
