"""Permuted labels keep their counts and, between batches, stay together; subsampling leaves held-out samples alone."""

import numpy as np
import pytest

from micrograph.splits import permutation, splitters, subsampling
from tables_of_films import TARGET, films

CLASSES = [900, 950, 1000]


def shuffled(frame, protocol, seed=0):
    return permutation.permute_labels(frame, protocol, 4, np.random.default_rng(seed))


def same_share(frame):
    """Share of the pairs of films of one batch that have one temperature."""
    pairs = frame.merge(frame, on="batch").query("sample_x < sample_y")
    return (pairs["y_true_x"] == pairs["y_true_y"]).mean()


def with_one_temperature_a_batch(batches=40):
    frame = films((13, 60, 47), batches)
    return frame.assign(y_true=frame["batch"].map(dict(zip(sorted(set(frame["batch"])), CLASSES * 20))))  # noqa: B905


@pytest.mark.parametrize("kind", ["films", "batches"])
def test_every_temperature_stays_as_frequent_and_most_films_get_another(kind):
    frame = films((13, 60, 47), 44)
    new = shuffled(frame, f"strict.shuffled_{kind}1").set_index("sample")["y_true"]
    old = frame.set_index("sample")["y_true"]
    assert new.value_counts().to_dict() == old.value_counts().to_dict()
    assert 0.3 < (new[old.index] != old).mean() < 0.9


def test_batch_wise_films_of_a_day_stay_together_and_film_wise_they_do_not():
    frame = with_one_temperature_a_batch()
    assert same_share(frame) == 1
    assert same_share(shuffled(frame, "strict.shuffled_batches1")) > 0.7
    assert same_share(shuffled(frame, "strict.shuffled_films1")) < 0.5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["films", "batches"])
@pytest.mark.parametrize("base", ["strict", "published"])
def test_shuffled_labels_can_be_split(base, kind, seed):
    protocol = f"{base}.shuffled_{kind}1"
    frame = shuffled(films((13, 60, 47), 44), protocol, seed)
    splitters.check(splitters.split(frame, protocol, 4, np.random.default_rng(seed), TARGET), protocol, TARGET)


def test_a_share_holds_the_batches_of_a_smaller_one_and_leaves_validation_and_test():
    table = splitters.split(films((13, 60, 47), 44), "strict", 4, np.random.default_rng(0), TARGET)
    cut = {
        share: subsampling.subsample_batches(table, f"strict.share{share}", np.random.default_rng(3))
        for share in (25, 50, 75)
    }
    for fold in range(4):
        whole = table[table["fold"] == fold]
        train = {share: set(t[(t["fold"] == fold) & (t["split"] == "train")]["sample"]) for share, t in cut.items()}
        everyone = whole[whole["split"] == "train"]
        assert train[25] < train[50] < train[75] < set(everyone["sample"])
        for share, some in train.items():
            assert abs(len(some) / len(everyone) - share / 100) < 0.1
            assert set(everyone[everyone["sample"].isin(some)]["y_true"]) == set(CLASSES)
            days = everyone[everyone["sample"].isin(some)]["batch"]
            assert set(everyone[everyone["batch"].isin(days)]["sample"]) == some  # batches are whole
        for share, t in cut.items():
            for part in ("validation", "test"):
                assert t[(t["fold"] == fold) & (t["split"] == part)].equals(whole[whole["split"] == part]), share


def test_a_share_too_small_for_every_class_grows_until_it_holds_them():
    table = splitters.split(films((6, 60, 54), 44), "strict", 3, np.random.default_rng(0), TARGET)
    few = subsampling.subsample_batches(table, "strict.share1", np.random.default_rng(0))
    held = few[few["split"] == "train"].groupby("fold")["y_true"].agg(set)
    assert (held == set(CLASSES)).all()
    assert (few["split"] == "train").sum() < 0.5 * (table["split"] == "train").sum()


def test_a_share_of_none_leaves_validation_and_test_alone():
    table = splitters.split(films([10, 20, 15], 12), "strict", 4, np.random.default_rng(1), TARGET)
    none = subsampling.subsample_batches(table, "strict.share0", np.random.default_rng(3))
    assert none["split"].replace("unused", "train").equals(table["split"])
    assert set(none["split"]) == {"unused", "validation", "test"}
