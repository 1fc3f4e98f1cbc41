"""Folds never part a group, whatever the order of the samples."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.splits import splitters
from micrograph.target import Target
from tables_of_films import TARGET, films

CLASSES = [900, 950, 1000]


def split(frame, protocol, folds, seed=1):
    return splitters.split(frame, protocol, folds, np.random.default_rng(seed), TARGET)


@pytest.mark.parametrize("counts, days, folds", [((13, 60, 47), 44, 10), ((3, 12, 9), 24, 3), ((29, 130, 103), 90, 10)])
def test_strict_tests_each_sample_once_and_separates_no_batch(counts, days, folds):
    frame = films(counts, days)
    table = split(frame, "strict", folds)
    splitters.check(table, "strict", TARGET)
    tested = table[table["split"] == "test"]
    assert sorted(tested["sample"]) == sorted(frame["sample"])
    assert (table.groupby(["fold", "batch"])["split"].nunique() == 1).all()
    assert (table.groupby(["fold", "sample"]).size() == 1).all()
    assert len(table) == folds * len(frame)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), rare=st.integers(10, 20), days=st.integers(20, 44))
def test_strict_succeeds_wherever_the_rare_class_lies_on_enough_days(seed, rare, days):
    frame = films((rare, 60, 47), days, seed)
    splitters.check(split(frame, "strict", 10, seed), "strict", TARGET)


def test_the_order_of_the_samples_changes_nothing():
    frame = films((13, 60, 47), 44)
    mixed = frame.sample(frac=1, random_state=3)
    for protocol in ("strict", "published"):
        pd.testing.assert_frame_equal(split(frame, protocol, 10), split(mixed, protocol, 10))


def test_published_shares_one_test_part_and_validates_the_rest_once():
    frame = films((29, 130, 103), 90)
    table = split(frame, "published", 10)
    splitters.check(table, "published", TARGET)
    tested = table[table["split"] == "test"].groupby("sample").size()
    assert (tested == 10).all()
    assert 25 <= len(tested) <= 28  # the paper has 27 of the same 262
    validated = table[table["split"] == "validation"]["sample"]
    assert not validated.duplicated().any()
    assert set(validated) | set(tested.index) == set(frame["sample"])


def test_a_class_on_too_few_days_raises_with_what_to_lower():
    frame = films((13, 60, 47), 44)
    frame.loc[frame["y_true"] == 900, "batch"] = ["MCV1-000001"] * 6 + ["MCV1-000002"] * 7
    with pytest.raises(UserError, match=r"900 °C .* only 2 batches .* 10 folds .* at least 10: lower splits\.folds"):
        split(frame, "strict", 10)


def test_where_folds_are_the_fewest_the_way_out_is_the_class_alone():
    frame = films((13, 60, 47), 44)
    frame.loc[frame["y_true"] == 900, "batch"] = ["MCV1-000001"] * 6 + ["MCV1-000002"] * 7
    with pytest.raises(UserError, match=r"at least 3: remove 900 from target\.classes"):
        split(frame, "strict", 3)
    frame.loc[frame["y_true"] == 900, "batch"] = "MCV1-000001"
    with pytest.raises(UserError, match=r"only 1 batch \(growth day\);"):
        split(frame, "strict", 3)


def test_too_few_samples_for_the_published_protocol_raise():
    with pytest.raises(UserError, match=r"900 °C has only 10 samples; 10 folds .* at least 11"):
        split(films((10, 60, 47), 44), "published", 10)


@pytest.mark.parametrize("folds", [0, 1, 2])
def test_fewer_than_three_folds_raise(folds):
    with pytest.raises(UserError, match=r"splits\.folds to 3"):
        split(films((13, 60, 47), 44), "strict", folds)


def test_a_sample_named_twice_raise():
    frame = films((13, 60, 47), 44)
    with pytest.raises(UserError, match="is twice"):
        split(pd.concat([frame, frame.iloc[:1]]), "strict", 10)


def spoilt_batch(table):
    """One film at 950 C torn from its growth day: tested in fold 0, where the rest of the day trains."""
    train = table[(table["fold"] == 0) & (table["split"] == "train")]
    together = train[train.duplicated("batch", keep=False) & (train["y_true"] == 950)]
    moved = table["sample"] == together["sample"].iloc[0]
    table = table[~(moved & (table["split"] == "test"))]
    return table.assign(split=table["split"].mask(moved & (table["fold"] == 0), "test"))


def spoilt_twice(table):
    """A sample both trained on and tested in fold 0."""
    row = table[(table["fold"] == 0) & (table["split"] == "train")].iloc[:1]
    return pd.concat([table, row.assign(split="test")])


def spoilt_untested(table):
    """A sample that is tested nowhere."""
    row = table[(table["fold"] == 0) & (table["split"] == "test") & (table["y_true"] == 950)].index[0]
    return table.drop(index=row)


def spoilt_class(table):
    """Fold 0 tests nothing at 900 C."""
    gone = (table["fold"] == 0) & (table["split"] == "test") & (table["y_true"] == 900)
    return table[~gone]


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (spoilt_batch, "batch is in two splits"),
        (spoilt_twice, "sample is in two splits"),
        (spoilt_untested, "never held out"),
        (spoilt_class, "fold 0 of the strict splits has no test sample of 900"),
    ],
)
def test_check_finds_a_broken_invariant(spoil, sentence):
    table = spoil(split(films((13, 60, 47), 44), "strict", 10))
    with pytest.raises(UserError, match=sentence):
        splitters.check(table, "strict", TARGET)


def test_the_check_finds_published_folds_with_different_test_parts():
    table = split(films((13, 60, 47), 44), "published", 10)
    row = table[(table["fold"] == 4) & (table["split"] == "test") & (table["y_true"] == 950)].index[0]
    table.loc[row, "split"] = "train"
    with pytest.raises(UserError, match="one test split"):
        splitters.check(table, "published", TARGET)


def test_rows_are_places_in_the_given_samples():
    table = pd.DataFrame({"fold": [0, 0, 0], "split": ["train", "test", "train"], "sample": ["a", "b", "c"]})
    assert splitters.split_index(table, 0, "train", ["c", "b", "x", "a"]).tolist() == [0, 3]
    with pytest.raises(UserError, match="sample b is in the splits but not"):
        splitters.split_index(table, 0, "test", ["a", "c"])


def sides(table):
    """The parts that each batch of each fold stands in."""
    return table.groupby(["fold", "batch"])["split"].nunique()


@pytest.mark.parametrize("seed", range(4))
def test_ungrouped_separates_batches_and_still_tests_each_sample_once(seed):
    table = split(films((13, 60, 47), 44), "strict+ungrouped", 4, seed)
    splitters.check(table, "strict+ungrouped", TARGET)
    assert (sides(table) > 1).mean() > 0.5
    assert not table[table["split"] == "test"]["sample"].duplicated().any()


@pytest.mark.parametrize("seed", range(4))
def test_the_published_protocol_can_be_grouped_by_batch(seed):
    table = split(films((13, 60, 47), 44), "published-ungrouped", 4, seed)
    splitters.check(table, "published-ungrouped", TARGET)
    assert (sides(table) == 1).all()
    assert (sides(split(films((13, 60, 47), 44), "published", 4, seed)) > 1).any()


def test_components_see_all_rows_only_with_the_leak():
    table = split(films((13, 60, 47), 44), "strict", 4)
    names = sorted(set(table["sample"]))
    train = set(table[(table["fold"] == 2) & (table["split"] == "train")]["sample"])
    for protocol in ("strict", "strict+selection_on_reported_split", "published-pca_on_all"):
        assert {names[row] for row in splitters.fit_index(table, protocol, 2, names)} == train
    for protocol in ("strict+pca_on_all", "published"):
        assert len(splitters.fit_index(table, protocol, 2, names)) == len(names)


@pytest.mark.parametrize(("protocol", "most"), [("strict", 4), ("published", 5), ("published-ungrouped", 3)])
def test_the_largest_number_of_folds_that_works(protocol, most):
    """Six samples of each class, on four growth days."""
    table = pd.DataFrame(
        [(f"s{celsius}-{i}", f"day{i % 4}", celsius, celsius) for celsius in (900, 950) for i in range(6)],
        columns=["sample", "batch", "y_true", "y_true_value"],
    )
    target = Target.from_config({"column": "growth_celsius", "classes": [900, 950]})
    assert splitters.obstacle(table, protocol, most, target) == ""
    assert f"{most + 1} folds of the {protocol} protocol" in splitters.obstacle(table, protocol, most + 1, target)
    assert splitters.most_folds(table, [protocol], 10, target) == most
    assert splitters.most_folds(table, [protocol], most, target) in (most - 1, 0)
