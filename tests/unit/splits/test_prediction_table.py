"""Which rows are trained on and scored, and the columns of the tables of predictions and search results."""

import json

import numpy as np
import pandas as pd
import pytest

from micrograph.errors import UserError
from micrograph.splits import prediction_table, splitters
from micrograph.splits.model_selection import Choice
from tables_of_films import films

FRAME = films((8, 24, 18), 20)
TABLES = {name: splitters.split(FRAME, name, 4, np.random.default_rng(2)) for name in ("strict", "published")}


def rows_of(copies):
    """Samples and copies, in no particular order, with `copies` pictures a sample beside its own."""
    samples = np.repeat(FRAME["sample"].to_numpy(), copies + 1)
    numbers = np.tile(np.arange(copies + 1), len(FRAME))
    mixed = np.random.default_rng(0).permutation(len(samples))
    return samples[mixed], numbers[mixed]


def folds_of(protocol, policy, copies=0, seed=1):
    rng = np.random.default_rng(seed)
    return prediction_table.make_folds(*rows_of(copies), TABLES[protocol], protocol=protocol, policy=policy, rng=rng)


@pytest.mark.parametrize("protocol", ["strict", "published"])
@pytest.mark.parametrize(("policy", "copies"), [("aug1", 9), ("aug2", 9), ("aug3", 0), ("aug4", 0)])
def test_no_copy_of_a_sample_leaves_the_part_of_its_sample(protocol, policy, copies):
    table = TABLES[protocol]
    for fold in folds_of(protocol, policy, copies):
        samples = fold.samples.sample
        everything = [*fold.score_index.items(), ("train", fold.train_index)]
        for part, inside in everything:  # noqa: B007
            own = table.query("fold == @fold.fold and split == @part")["sample"]
            assert set(samples[inside]) == set(own)


@pytest.mark.parametrize("policy", ["aug1", "aug2"])
def test_crops_are_trained_on_and_the_samples_own_pictures_are_scored(policy):
    for fold in folds_of("strict", policy, 9):
        assert (fold.samples.augmentation[fold.train_index] > 0).all()
        for inside in fold.score_index.values():
            assert (fold.samples.augmentation[inside] == 0).all()
            assert list(fold.samples.sample[inside]) == sorted(set(fold.samples.sample[inside]))


def test_published_scores_the_copies_of_validation_samples_and_only_those():
    for fold in folds_of("published", "aug2", 9):
        copies = {part: fold.samples.augmentation[inside] for part, inside in fold.score_index.items()}
        assert (copies["validation"] > 0).all()
        assert (copies["train"] == 0).all() and (copies["test"] == 0).all()
        assert len(copies["validation"]) > len(set(fold.samples.sample[fold.score_index["validation"]]))


def test_rows_carry_the_class_and_batch_of_their_sample():
    rows = prediction_table.match_samples(*rows_of(2), TABLES["strict"])
    film = FRAME.set_index("sample").loc[rows.sample[5]]
    assert (rows.batch[5], rows.y[5]) == (film["batch"], film["growth_celsius"])


def test_the_order_of_the_rows_changes_neither_samples_nor_copies_scored():
    samples, copies = rows_of(9)
    ordered = np.lexsort((copies, samples))
    for one, other in zip(
        folds_of("strict", "aug1", 9),
        prediction_table.make_folds(
            samples[ordered], copies[ordered], TABLES["strict"], protocol="strict", policy="aug1",
            rng=np.random.default_rng(1),
        ),
        strict=True,
    ):  # fmt: skip
        for part in splitters.SPLITS:
            assert (one.samples.sample[one.score_index[part]] == other.samples.sample[other.score_index[part]]).all()


def test_rows_and_splits_of_different_samples_raise():
    samples, copies = rows_of(0)
    with pytest.raises(UserError, match="in the splits but not"):
        prediction_table.match_samples(samples[1:], copies[1:], TABLES["strict"])
    with pytest.raises(UserError, match="stranger"):
        prediction_table.match_samples([*samples, "stranger"], [*copies, 0], TABLES["strict"])
    with pytest.raises(UserError, match="augmentation 0"):
        prediction_table.match_samples(samples, copies + 1, TABLES["strict"])


def test_predictions_become_rows_of_a_sorted_table():
    one, other = folds_of("strict", "aug4")[:2]
    frames = []
    for fold in (other, one):
        for part in ("test", "train"):
            count = len(fold.score_index[part])
            predicted = np.where(np.arange(count) == 0, np.nan, 950)
            marks = np.tile([0.2, 0.7, 0.1], (count, 1))
            frames.append(
                prediction_table.prediction_frame(fold, part, predicted, predicted + 1, marks, [900, 950, 1000], 7)
            )
    table = prediction_table.concatenate(frames)
    assert list(table.columns) == [
        *("fold", "split", "sample", "augmentation", "batch", "y_true", "y_pred", "y_pred_value"),
        *("score_900", "score_950", "score_1000", "components"),
    ]
    pd.testing.assert_frame_equal(table, table.sort_values(prediction_table.KEYS, ignore_index=True))
    assert table["y_pred"].isna().sum() == table["y_pred_value"].isna().sum() == 4
    assert table["y_pred"].dropna().unique().tolist() == [950]
    truth = FRAME.set_index("sample").loc[table["sample"], "growth_celsius"].to_numpy()
    assert (table["y_true"] == truth).all()
    assert set(table["components"]) == {7}


def test_search_results_hold_the_settings_chosen_and_those_used():
    table = prediction_table.search_table([Choice(1, 0.5, 0.4), Choice(0, 0.6, 0.5)], [0, 0], [{"C": 1}, {"C": 0.2}])
    assert table["best_params"].map(json.loads).tolist() == [{"C": 0.2}, {"C": 1}]
    assert table["refit_params"].map(json.loads).tolist() == [{"C": 1}, {"C": 1}]
    assert table["n_candidates"].tolist() == [2, 2]
    assert table["validation_balanced"].tolist() == [0.4, 0.5]


def test_an_unknown_policy_raises():
    with pytest.raises(UserError, match="aug1, aug2, aug3, aug4"):
        folds_of("strict", "aug9")
