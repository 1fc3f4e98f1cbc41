"""No operator and no day is on both sides of a split by operator or by date."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.rng import random_stream
from micrograph.simulation import simulate
from micrograph.splits import group_splits, splitters
from tables_of_films import TARGET, films

CLASSES = [900, 950, 1000]


def films_by_day(count=120, days=44, operators=4, seed=0):
    """Samples as a simulated study has them, with operator and day."""
    sheet = simulate.plan_samples(
        count, days, {900: 0.2, 950: 0.45, 1000: 0.35}, random_stream(seed, "plan"), operators=operators
    )
    return TARGET.add_to(sheet)[["sample", "batch", "y_true", "y_true_value", "operator", "growth_date"]]


def table_of(samples, parts):
    """The table of splits."""
    frames = [samples.assign(fold=fold, split=part) for fold, part in enumerate(parts)]
    joined = pd.concat(frames, ignore_index=True)
    return joined.loc[
        joined["split"] != group_splits.UNUSED, ["fold", "split", "sample", "batch", "y_true", "y_true_value"]
    ]


def by_operator(samples, seed=0):
    return group_splits.by_operator(samples, np.random.default_rng(seed))


def test_each_fold_tests_all_films_of_one_operator_and_sees_none_of_them():
    samples = films_by_day()
    parts = by_operator(samples)
    assert parts.shape == (4, len(samples))
    for name, part in zip(sorted(samples["operator"].unique()), parts, strict=True):
        assert set(samples.loc[part == "test", "operator"]) == {name}
        assert ((part == "test") == (samples["operator"] == name)).all()
        assert set(part) == {"train", "validation", "test"}
        for half in ("train", "validation"):
            assert set(samples.loc[part == half, "y_true"]) == set(CLASSES)
            assert not set(samples.loc[part == half, "batch"]) & set(samples.loc[part != half, "batch"])
    group_splits.check(table_of(samples, parts), "by_operator", TARGET, samples)


def test_films_of_unknown_operators_and_of_days_that_were_shared_are_on_no_side():
    samples = films_by_day()
    samples.loc[:5, "operator"] = np.nan
    shared = samples["batch"].iloc[-1]
    last = samples.index[samples["batch"] == shared]
    samples.loc[last, "operator"] = "operator 1"
    extra = samples.iloc[[-1]].assign(sample="z", operator="operator 2")
    samples = pd.concat([samples, extra], ignore_index=True)
    parts = by_operator(samples)
    assert (parts[:, :6] == group_splits.UNUSED).all()
    assert (parts[0, samples["sample"] == "z"] == group_splits.UNUSED).all()
    assert (parts[1, samples["sample"] == "z"] == "test").all()
    assert (parts[1, last] == group_splits.UNUSED).all()
    group_splits.check(table_of(samples, parts), "by_operator", TARGET, samples)


def test_an_operator_without_whom_a_class_is_missing_is_not_left_out(capfd):
    samples = films((10, 40, 40), 30)
    samples["operator"] = np.where(samples["batch"].rank(method="dense") % 2 == 0, "bo", "cy")
    rare = samples.loc[samples["y_true"] == 900, "batch"]
    samples.loc[samples["batch"].isin(rare), "operator"] = "anna"
    parts = by_operator(samples)
    assert len(parts) == 2
    assert "anna" in capfd.readouterr().out
    assert not ((parts == "test") & (samples["operator"] == "anna").to_numpy()).any()


@pytest.mark.parametrize("names", [[""], ["anna"], [np.nan]])
def test_fewer_than_two_operators_raise_what_to_fill_in(names):
    samples = films_by_day().assign(operator=names[0])
    with pytest.raises(UserError, match="operators.*column operator"):
        by_operator(samples)
    with pytest.raises(UserError, match="names 0 operators"):
        by_operator(samples.drop(columns="operator"))


def test_when_no_operator_can_be_left_out_it_raise():
    samples = films((10, 40, 40), 30)
    samples["operator"] = np.where(samples["y_true"] == 900, "anna", "bo")
    samples["batch"] = samples["batch"] + samples["operator"]
    with pytest.raises(UserError, match="by_operator"):
        by_operator(samples)


def short(parts):
    """Splits as one letter a sample: train, validation, test s, unused."""
    letters = {"train": "t", "validation": "v", "test": "s", group_splits.UNUSED: "."}
    return ["".join(letters[word] for word in part) for part in parts]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), folds=st.integers(3, 6), days=st.integers(12, 60))
def test_blocks_of_days_are_contiguous_and_each_sample_is_tested_and_validated_on_once(seed, folds, days):
    samples = films_by_day(count=120, days=days, seed=seed)
    if group_splits.obstacle(samples, "by_date", folds, TARGET):
        return
    parts = group_splits.by_date(samples, folds, TARGET)
    for name in ("test", "validation"):
        assert ((parts == name).sum(axis=0) == 1).all()
    group_splits.check(table_of(samples, parts), "by_date", TARGET, samples)
    for part in parts:
        dates = samples["growth_date"]
        assert not dates[part != "test"].between(dates[part == "test"].min(), dates[part == "test"].max()).any()


def test_each_block_is_tested_and_the_next_validates():
    assert short(group_splits.by_date(one_a_day(9), 3, TARGET)) == ["sssvvvttt", "tttsssvvv", "vvvtttsss"]


def test_validation_is_farther_from_the_test_where_that_leaves_a_class_to_train_on():
    samples = one_a_day(12)  # 900 C was grown in the first two of four blocks alone
    samples["y_true"] = [900, 950, 1000, 900, 950, 1000] + [950, 1000] * 3
    assert short(group_splits.by_date(samples, 4, TARGET))[:2] == ["ssstttvvvttt", "tttssstttvvv"]


def test_a_class_of_one_block_cannot_be_separated_from_time_and_is_refused():
    samples = one_a_day(12)
    samples["y_true"] = [900] * 3 + [950, 1000, 950] * 3
    with pytest.raises(UserError, match="900 °C.*in 1 of 4 blocks"):
        group_splits.by_date(samples, 4, TARGET)


def test_blocks_need_a_day_a_fold():
    assert "2 growth days are known, 3 folds" in group_splits.obstacle(one_a_day(2), "by_date", 3, TARGET)
    assert "column growth_date" in group_splits.obstacle(one_a_day(9).drop(columns="growth_date"), "by_date", 3, TARGET)


@pytest.mark.parametrize("protocol", ["strict", "strict+pca_on_all", "strict.repeat1"])
def test_strict_splits_by_date_where_that_is_primary(protocol):
    samples = films_by_day(count=120, days=44)
    made = splitters.split(samples, protocol, 4, np.random.default_rng(0), TARGET, "by_date")
    splitters.check(made, protocol, TARGET, samples, "by_date")
    expected = table_of(samples, group_splits.by_date(samples, 4, TARGET))
    keys = ["fold", "sample"]
    pd.testing.assert_frame_equal(
        made.drop(columns="film").sort_values(keys, ignore_index=True),
        expected.sort_values(keys, ignore_index=True),
        check_dtype=False,
    )
    usual = splitters.split(samples, protocol, 4, np.random.default_rng(0), TARGET)
    assert not usual.equals(made)
    with pytest.raises(UserError, match="one block"):
        splitters.check(usual, protocol, TARGET, samples, "by_date")


def test_other_protocols_are_split_as_ever_where_dates_are_primary():
    samples = films_by_day(count=120, days=44)
    for protocol in ("published", "strict+ungrouped", "strict.shuffled_batches1"):
        first, second = (
            splitters.split(samples, protocol, 4, np.random.default_rng(0), TARGET, name)
            for name in ("strict", "by_date")
        )
        pd.testing.assert_frame_equal(first, second)


def test_a_primary_split_by_date_needs_the_date_of_every_sample():
    samples = one_a_day(12)
    samples.loc[3, "growth_date"] = ""
    with pytest.raises(UserError, match="sample f03 has no growth date.*column growth_date"):
        splitters.split(samples, "strict", 3, np.random.default_rng(0), TARGET, "by_date")


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), folds=st.integers(3, 6), days=st.integers(24, 60))
def test_later_days_are_tested_earlier_days_are_trained_on(seed, folds, days):
    samples = films_by_day(count=120, days=days, seed=seed)
    if group_splits.obstacle(samples, "later_days", folds, TARGET):
        return
    parts = group_splits.later_days(samples, folds, TARGET)
    assert len(parts) == folds
    for part in parts:
        day = {half: samples.loc[part == half, "growth_date"] for half in ("train", "validation", "test")}
        assert day["train"].max() < day["validation"].min() <= day["validation"].max() < day["test"].min()
    group_splits.check(table_of(samples, parts), "later_days", TARGET, samples)


def one_a_day(count):
    """A film a day, of the three classes in turn."""
    return pd.DataFrame(
        {
            "sample": [f"f{day:02d}" for day in range(count)],
            "batch": [f"b{day:02d}" for day in range(count)],
            "y_true": [CLASSES[day % 3] for day in range(count)],
            "growth_date": [f"2021-04-{day + 1:02d}" for day in range(count)],
        }
    )


def test_the_first_half_trains_always_then_block_by_block():
    assert short(group_splits.later_days(one_a_day(14), 3, TARGET)) == [
        "tttttttvvss...",
        "tttttttttvvss.",
        "tttttttttttvvs",
    ]


def test_a_batch_of_several_days_joins_them_and_films_without_a_day_are_in_no_fold():
    samples = one_a_day(20)
    samples.loc[10, "batch"] = samples.loc[12, "batch"]  # grew on the 11th and the 13th
    samples.loc[19, "growth_date"] = ""
    parts = group_splits.later_days(samples, 3, TARGET)
    assert (parts[:, [10, 11, 12]] == parts[:, [10]]).all()
    assert (parts[:, 19] == group_splits.UNUSED).all()


def test_too_few_days_raise_how_many_are_needed():
    assert group_splits.later_days(one_a_day(9), 4, TARGET).shape == (4, 9)
    with pytest.raises(UserError, match="8 growth days.*4 folds need 9"):
        group_splits.later_days(one_a_day(8), 4, TARGET)
    assert "0 growth days" in group_splits.obstacle(one_a_day(9).drop(columns="growth_date"), "later_days", 4, TARGET)


def test_a_class_that_was_grown_late_alone_raise():
    samples = one_a_day(14)
    samples.loc[:6, "y_true"] = [900, 950] * 3 + [900]
    with pytest.raises(UserError, match="1000 °C"):
        group_splits.later_days(samples, 3, TARGET)


def spoilt_by_a_swap(table, samples):
    """A film that fold 0 tests is trained on, too, by another of the same operator or day."""
    rows = table[(table["fold"] == 0) & (table["split"] == "test")]
    return table.assign(split=table["split"].mask(table.index == rows.index[0], "train"))


def emptied(table, samples):
    return table[(table["fold"] != 0) | (table["split"] != "validation")]


def without_class(table, samples):
    return table[(table["fold"] != 0) | (table["split"] != "train") | (table["y_true"] != 900)]


def spoilt_by_a_second_test(table, samples):
    row = table[(table["fold"] == 0) & (table["split"] == "test")].iloc[[0]]
    return pd.concat([table, row.assign(fold=1)])


@pytest.mark.parametrize("base", ["by_operator", "by_date", "later_days"])
@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (spoilt_by_a_swap, "fold 0"),
        (emptied, "fold 0.*validation"),
        (without_class, "train.*900"),
        (spoilt_by_a_second_test, "is tested twice"),
    ],
)
def test_check_finds_a_broken_invariant(base, spoil, match):
    samples = films_by_day()
    splits = group_splits.SPLITTERS[base](samples, 3, np.random.default_rng(0), TARGET)
    table = table_of(samples, splits).reset_index(drop=True)
    group_splits.check(table, base, TARGET, samples)
    with pytest.raises(UserError, match=match):
        group_splits.check(spoil(table, samples), base, TARGET, samples)
