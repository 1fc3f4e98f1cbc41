"""The CNN's tables and the tuned features from stored outputs."""

import json

import numpy as np
import pandas as pd
import pytest

from micrograph import target
from micrograph.errors import UserError
from micrograph.networks import cnn_predictions
from micrograph.splits import fit_spec, protocols, splitters
from micrograph.splits.fit_spec import FitSpec
from tables_of_films import CLASSES, TARGET, films

FRAME = films((8, 24, 18), 20)
FOLDS = 4
NAMES = FRAME["sample"].to_numpy()
TRUTH = FRAME["y_true"].to_numpy()
POINTS = [{"learning_rate": rate} for rate in (0.01, 0.001)]


def split(protocol):
    return splitters.split(FRAME, protocol, FOLDS, np.random.default_rng(2), TARGET)


def outputs(right):
    """Logits of three classes: the true one where `right`, otherwise the next one up, 1000 again."""
    place = np.searchsorted(CLASSES, TRUTH)
    predicted = np.where(right, place, np.where(place == 2, 0, place + 1))
    return 4.0 * (predicted[:, None] == np.arange(3)).astype(np.float32)


def chunk(folds, of):
    """The arrays of one job: of(fold, point) -> outputs (n, o)."""
    arrays = {f"outputs_{fold}_{point}": of(fold, point) for fold in folds for point in range(len(POINTS))}
    return (
        {"samples": NAMES, "augmentation": np.zeros(len(NAMES), int)}
        | arrays
        | {"param_grid": np.array(json.dumps(POINTS))}
    )


def scored(chunks, protocol, scheme="nominal"):
    spec = FitSpec(protocol, "imagenet", "aug3", "image", scheme, "CNN")
    return cnn_predictions.predict_cnn(chunks, split(protocol), spec, TARGET, np.random.default_rng(0))


def better_point(fold):
    """Point 1 is right everywhere in odd folds, point 0 in even ones, the other one on every second film."""
    return fold % 2


def half_right(fold, point):
    every_second = np.arange(len(NAMES)) % 2 == 0
    return outputs(np.ones(len(NAMES), bool) if point == better_point(fold) else every_second)


def test_strict_folds_predict_with_the_point_that_is_best_on_their_validation_rows():
    choices, predictions = scored([chunk([0, 1], half_right), chunk([2, 3], half_right)], "strict")
    assert choices["best_params"].map(json.loads).tolist() == [POINTS[better_point(fold)] for fold in range(FOLDS)]
    assert choices["refit_params"].equals(choices["best_params"])
    assert (predictions["y_true"] == predictions["y_pred"]).all()
    table = split("strict").sort_values(["fold", "split", "sample"], ignore_index=True)
    assert predictions["sample"].equals(table["sample"])
    assert set(predictions["components"]) == {0}
    assert predictions["y_pred_value"].isna().all()


def test_published_validates_by_each_folds_best_point_and_tests_by_one_for_all():
    choices, predictions = scored([chunk(range(FOLDS), half_right)], "published")
    assert choices["refit_params"].map(json.loads).tolist() == [POINTS[0]] * FOLDS
    right = predictions["y_true"] == predictions["y_pred"]
    shares = right.groupby([predictions["split"], predictions["fold"]]).mean()
    assert (shares["validation"] == 1).all()
    assert shares["test"][[0, 2]].tolist() == [1, 1]
    assert (shares["test"][[1, 3]] < 1).all()


def test_a_regressions_own_values_are_kept():
    choices, predictions = scored(
        [chunk(range(FOLDS), lambda fold, point: TRUTH[:, None] + 10.0 + 40 * point)], "strict", "regression"
    )
    assert (predictions["y_pred_value"] == predictions["y_true"] + 10).all()
    assert choices["validation_accuracy"].tolist() == [1] * FOLDS


def curves(accuracies):
    """One kept epoch a fold and point, and a better one that was not kept."""
    rows = [
        (fold, point, epoch, accuracies[fold][point] + 0.5 * (epoch == 0), epoch == 1)
        for fold in range(FOLDS)
        for point in range(len(POINTS))
        for epoch in range(2)
    ]
    return pd.DataFrame(rows, columns=["fold", "point", "epoch", "validation_accuracy", "kept"])


OWN = {"protocol": "strict", "pretraining": "imagenet", "folds": FOLDS}


def features(fold, point):
    return np.full((len(NAMES), 100), 10.0 * fold + point, dtype=np.float32)


@pytest.mark.parametrize(("protocol", "source"), [
    ("strict", [0, 1, 2, 3]), ("strict+features_from_one_fold", [3, 3, 3, 3]), ("published", [3, 3, 3, 3]),
    ("published-features_from_one_fold", [0, 1, 2, 3]), ("strict.shuffled_films1", [0, 1, 2, 3]),
])  # fmt: skip
def test_tuned_features_are_each_folds_own_and_with_the_leak_the_last_folds(protocol, source):
    made = [chunk([3, 2], features), chunk([0, 1], features)]
    learned = curves([(0.1, 0.2), (0.3, 0.2), (0.4, 0.4), (0.1, 0.3)])
    tuned = cnn_predictions.tuned_features(made, learned, protocol=protocol, pretraining="imagenet", folds=FOLDS)
    assert tuned.sample.tolist() == NAMES.tolist() and not tuned.augmentation.any()
    assert [values[0, 0] for values in tuned.values] == [[1, 10, 20, 31][fold] for fold in source]


def test_the_fold_of_the_features_is_the_last_of_imagenet_and_the_eighth_of_ten_of_micronet():
    assert [fit_spec.feature_fold(name, 10) for name in ("imagenet", "micronet")] == [9, 7]
    assert fit_spec.feature_fold("micronet", 3) == 0
    made, learned = [chunk(range(FOLDS), features)], curves([(0.2, 0.1)] * FOLDS)
    names = {"protocol": "published", "pretraining": "micronet", "folds": FOLDS}
    assert {values[0, 0] for values in cnn_predictions.tuned_features(made, learned, **names).values} == {10}


def test_a_rank_below_the_first_is_the_lowest_class_under_strict_and_wrong_as_published():
    outputs = [[0.4, 0.9, 0.9], [0.6, 0.4, 0.9], [0.9, 0.8, 0.7]]
    assert target.decode_finite("nnrank", outputs, CLASSES)[0].tolist() == [900, 900, 1000]
    published = target.decode_finite("nnrank", outputs, CLASSES, ranks_all=False)[0]
    assert np.isnan(published[0]) and published[1:].tolist() == [900, 1000]
    assert not protocols.parse("published").ranks_all and protocols.parse("strict").ranks_all


def test_a_point_that_diverged_is_not_taken_and_curves_without_any_kept_epoch_are_an_error():
    made = [chunk(range(FOLDS), features)]
    learned = curves([(0.9, 0.2)] * FOLDS).astype({"kept": object})
    learned.loc[learned["point"] == 0, ["kept", "validation_accuracy"]] = np.nan
    assert [values[0, 0] for values in cnn_predictions.tuned_features(made, learned, **OWN).values] == [1, 11, 21, 31]
    with pytest.raises(UserError, match="fold 0"):
        cnn_predictions.tuned_features(made, learned.assign(kept=False), **OWN)


def test_outputs_that_are_not_finite_are_missing_and_the_point_is_not_chosen():
    def diverged(fold, point):
        return outputs(TRUTH > 0) * (np.nan if point == 0 else 1)

    choices, predictions = scored([chunk(range(FOLDS), diverged)], "strict")
    assert choices["refit_params"].map(json.loads).tolist() == [POINTS[1]] * FOLDS
    assert predictions["y_pred"].notna().all()


def test_missing_doubled_and_differing_chunks_are_errors():
    whole = chunk(range(FOLDS), half_right)
    with pytest.raises(UserError, match="fold 2"):
        scored([chunk([0, 1], half_right)], "strict")
    with pytest.raises(UserError, match="fold 2"):
        scored([whole, chunk([2], half_right)], "strict")
    with pytest.raises(UserError, match="param_grid"):
        scored([chunk([0, 1], half_right), chunk([2, 3], half_right) | {"param_grid": np.array("[{}]")}], "strict")
    with pytest.raises(UserError, match="samples"):
        scored([chunk([0, 1], half_right), chunk([2, 3], half_right) | {"samples": NAMES[::-1]}], "strict")
