"""Which rows are trained on and scored, and the columns of the tables of predictions and search results."""

import json

import numpy as np
import pandas as pd
import pytest

from micrograph.errors import UserError
from micrograph.splits import prediction_table, splitters
from micrograph.splits.fit_spec import FitSpec, FitTask
from tables_of_films import TARGET, films

FRAME = films((8, 24, 18), 20)
TABLES = {name: splitters.split(FRAME, name, 4, np.random.default_rng(2), TARGET) for name in ("strict", "published")}


def rows_of(count):
    """Samples and augmentations, in no particular order, with `count` augmented images a sample beside its own."""
    samples = np.repeat(FRAME["sample"].to_numpy(), count + 1)
    numbers = np.tile(np.arange(count + 1), len(FRAME))
    mixed = np.random.default_rng(0).permutation(len(samples))
    return samples[mixed], numbers[mixed]


def folds_of(protocol, policy, count=0, seed=1):
    rng = np.random.default_rng(seed)
    return prediction_table.make_folds(*rows_of(count), TABLES[protocol], protocol=protocol, policy=policy, rng=rng)


@pytest.mark.parametrize("protocol", ["strict", "published"])
@pytest.mark.parametrize(("policy", "count"), [("aug1", 9), ("aug2", 9), ("aug3", 0), ("aug4", 0)])
def test_no_augmented_image_leaves_the_split_of_its_sample(protocol, policy, count):
    table = TABLES[protocol]
    for fold in folds_of(protocol, policy, count):
        samples = fold.samples.sample
        everything = [*fold.score_index.items(), ("train", fold.train_index)]
        for part, inside in everything:  # noqa: B007
            own = table.query("fold == @fold.fold and split == @part")["sample"]
            assert set(samples[inside]) == set(own)


@pytest.mark.parametrize("policy", ["aug1", "aug2"])
def test_crops_are_trained_on_and_the_samples_own_images_are_scored(policy):
    for fold in folds_of("strict", policy, 9):
        assert (fold.samples.augmentation[fold.train_index] > 0).all()
        for inside in fold.score_index.values():
            assert (fold.samples.augmentation[inside] == 0).all()
            assert list(fold.samples.sample[inside]) == sorted(set(fold.samples.sample[inside]))


def test_published_scores_the_augmentations_of_validation_samples_and_only_those():
    for fold in folds_of("published", "aug2", 9):
        augmentations = {part: fold.samples.augmentation[inside] for part, inside in fold.score_index.items()}
        assert (augmentations["validation"] > 0).all()
        assert (augmentations["train"] == 0).all() and (augmentations["test"] == 0).all()
        assert len(augmentations["validation"]) > len(set(fold.samples.sample[fold.score_index["validation"]]))


def test_rows_and_splits_of_different_samples_raise():
    samples, augmentations = rows_of(0)
    with pytest.raises(UserError, match="in the splits but not"):
        prediction_table.match_samples(samples[1:], augmentations[1:], TABLES["strict"])
    with pytest.raises(UserError, match="stranger"):
        prediction_table.match_samples([*samples, "stranger"], [*augmentations, 0], TABLES["strict"])
    with pytest.raises(UserError, match="augmentation 0"):
        prediction_table.match_samples(samples, augmentations + 1, TABLES["strict"])


@pytest.mark.parametrize(("protocol", "refitted"), [("strict", [0, 1, 0, 1]), ("published", [0, 0, 0, 0])])
def test_points_are_chosen_and_predictions_tabulated(protocol, refitted):
    """Point 0 is right in even folds, point 1 in odd ones; the other predicts 900 C, and nothing for its first row."""
    folds, grid = folds_of(protocol, "aug4"), [{"C": 1}, {"C": 0.2}]

    def predict(fold, point, split):
        y = fold.samples.y[fold.score_index[split]].astype(float)
        if point != fold.fold % 2:
            y = np.where(np.arange(len(y)) == 0, np.nan, 900)
        return y, y + 1, np.tile([0.2, 0.7, 0.1], (len(y), 1))

    task = FitTask(FitSpec(protocol, "imagenet", "aug4", "tuned", "nominal", "SVC"), TARGET, grid)
    points, search, table = prediction_table.select_and_predict(task, folds, predict, [7, 7, 7, 8])
    assert points == refitted and search["n_candidates"].tolist() == [2] * 4
    assert search["best_params"].map(json.loads).tolist() == [grid[fold % 2] for fold in range(4)]
    assert search["refit_params"].map(json.loads).tolist() == [grid[point] for point in refitted]
    assert search["validation_accuracy"].tolist() == search["validation_balanced"].tolist() == [1] * 4
    assert list(table.columns) == [
        *("fold", "split", "sample", "film", "augmentation", "batch", "y_true", "y_true_value"),
        *("y_pred", "y_pred_value"),
        *("score_900", "score_950", "score_1000", "components"),
    ]
    pd.testing.assert_frame_equal(table, table.sort_values(prediction_table.KEYS, ignore_index=True))
    assert (table["y_true"] == FRAME.set_index("sample").loc[table["sample"], "y_true"].to_numpy()).all()
    assert table.groupby("fold")["components"].first().tolist() == [7, 7, 7, 8]
    own = table[(table["fold"] % 2 == 0) | (table["split"] == "validation") | (protocol == "strict")]
    assert (own["y_pred"] == own["y_true"]).all()
    assert table["y_pred"].isna().sum() == (0 if protocol == "strict" else 4), "train and test rows of two folds"
