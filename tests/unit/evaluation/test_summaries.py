"""Scores of a fit, the model chosen per fold, and which fits are indistinguishable."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import made_up
import made_up_fits
from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import metrics, summaries
from micrograph.evaluation.bootstrap import Resampling
from micrograph.splits.fit_spec import FitSpec
from project import PROJECT

CLASSES = [900, 950, 1000]
PUBLISHED = io.read_table(PROJECT / "resources" / "published" / "values.tsv")
SPEC = FitSpec("strict", "imagenet", "aug3", "block2_cev85", "nominal", "SVC")


def predictions(right, folds=2):
    """Folds of four films a part; `right` of the four test films of each fold are right, the others called 1000."""
    rows = []
    for fold in range(folds):
        for part, good in (("train", 4), ("validation", 3), ("test", right[fold])):
            for place, truth in enumerate([900, 950, 950, 950]):
                name = f"{fold}{part}{place}"
                rows.append((fold, part, name, f"day{fold}{place}", truth, truth if place < good else 1000))
    columns = ["fold", "split", "sample", "batch", "y_true", "y_pred"]
    return pd.DataFrame(rows, columns=columns).assign(
        augmentation=0, y_pred_value=np.nan, y_true_value=lambda rows: rows["y_true"]
    )


def test_what_is_measured_is_hand_worked():
    row = summaries.summarise(predictions((4, 2)), Resampling(CLASSES, 100, 1))
    assert (row["folds"], row["n_samples"], row["n_missing"]) == (2, 8, 0)
    assert (row["test_pct"], row["pooled_pct"]) == (75, 75)
    assert row["balanced_pct"] == pytest.approx(100 * (1 + 4 / 6) / 2)
    assert row["mae"] == pytest.approx(2 * 50 / 8)
    # weights in units of (50 degrees)^2: two films off by one step; by chance 6 of 8 films, of 2 at 900 and 6 at 950,
    # against 2 called 900, 4 called 950, 2 called 1000: (2*4 + 2*2*4 + 6*2 + 6*2) / 8 = 6
    assert row["kappa"] == pytest.approx(1 - 2 / 6)
    assert row["kappa_low"] <= row["kappa"] <= row["kappa_high"]
    assert np.isnan(row["rmse"]) and np.isnan(row["test_rmse"])
    assert set(row) == set(summaries.MEASURED)


def test_a_regressors_own_values_have_an_error_per_fold_and_together():
    frame = predictions((4, 4))
    frame["y_pred_value"] = frame["y_true"] + np.where(frame["fold"] == 0, 10, -30)
    row = summaries.summarise(frame, Resampling(CLASSES, 100, 1))
    assert (row["test_rmse"], row["test_rmse_std"]) == pytest.approx((20, np.sqrt(200)))
    assert row["rmse"] == pytest.approx(np.sqrt(500))
    assert 10 <= row["rmse_low"] <= row["rmse_high"] <= 30


def test_test_films_without_an_answer_are_counted_and_leave_no_error():
    frame = predictions((4, 4)).assign(y_pred_value=950.0)
    lost = (frame["split"] == "test") & (frame["y_true"] == 900)
    frame.loc[lost, ["y_pred", "y_pred_value"]] = np.nan
    row = summaries.summarise(frame, Resampling(CLASSES, 100, 1))
    assert row["n_missing"] == 2 and row["pooled_pct"] == 75
    assert np.isnan([row["mae"], row["kappa"], row["rmse"], row["test_rmse"]]).all()


def test_each_fold_chooses_its_model_on_validation_whatever_the_test_says():
    """Fold 0: SVC is better in validation and worse in the test; fold 1: equal in validation, the first is taken."""
    better, worse = predictions((1, 4)), predictions((4, 2))
    worse.loc[(worse["fold"] == 0) & (worse["split"] == "validation"), "y_pred"] = 1000
    found = summaries.selected_per_fold([summaries.Fit(None, better), summaries.Fit(None, worse)], CLASSES)
    right = (found["y_true"] == found["y_pred"])[found["split"] == "test"]
    assert right.groupby(found["fold"]).sum().tolist() == [1, 4]
    assert len(found) == len(better)
    swapped = summaries.selected_per_fold([summaries.Fit(None, worse), summaries.Fit(None, better)], CLASSES)
    right = (swapped["y_true"] == swapped["y_pred"])[swapped["split"] == "test"]
    assert right.groupby(swapped["fold"]).sum().tolist() == [1, 2]


def test_choosing_among_random_models_gains_nothing():
    """200 films, 40 guessers: the best row of the table is above chance, what the folds choose is not."""
    rng = np.random.default_rng(0)
    fold, place = np.divmod(np.arange(200), 20)
    given = []
    for _ in range(40):
        rows = []
        guess = rng.choice([900, 1000], 200)
        for part, shift in (("test", 0), ("validation", 1)):
            frame = pd.DataFrame({"fold": (fold - shift) % 10, "split": part, "sample": np.arange(200)})
            rows.append(frame.assign(y_true=np.where(place % 2, 900, 1000), y_pred=guess))
        given.append(summaries.Fit(None, pd.concat(rows)))
    accuracy = [metrics.score(fit.predictions.query("split == 'test'"), "accuracy", [900, 1000]) for fit in given]
    found = summaries.selected_per_fold(given, [900, 1000]).query("split == 'test'")
    assert sorted(found["sample"]) == list(range(200))
    assert max(accuracy) > 0.56
    assert abs(metrics.score(found, "accuracy", [900, 1000]) - 0.5) < 0.06


def test_the_best_of_a_row_is_sought_among_its_like_alone():
    sheet = made_up_fits.films()
    skills = {("SVC", "pool"): 0.9, ("SVC", "block2"): 0.4, ("RNN", "pool"): 0.5, ("RNN", "block2"): 0.1}
    given = [
        made_up_fits.fit(sheet, skill, model=model, features=features) for (model, features), skill in skills.items()
    ]
    rows = pd.DataFrame(summaries.fit_rows(given, "model", "test", Resampling(CLASSES, 200, 1)))
    assert rows["best_in_row"].tolist() == [True, False, True, False]
    assert rows["best_in_protocol"].tolist() == [True, False, False, False]


def test_none_is_best_where_none_is_distinguished():
    sheet = made_up_fits.films()
    one = made_up_fits.fit(sheet, 0.6, model="SVC", features="pool")
    given = [one, replace(one, spec=replace(one.spec, features="block2"))]
    rows = pd.DataFrame(summaries.fit_rows(given, "model", "test", Resampling(CLASSES, 200, 1)))
    assert not rows[["best_in_row", "best_in_protocol"]].any(axis=None)


def test_a_gain_is_the_difference_in_points_with_its_sign():
    worse, better = predictions((1, 1)), predictions((3, 3))
    value, low, high, discordant = summaries.accuracy_gain("x", worse, better, Resampling(CLASSES, 200, 1)).values()
    assert value == pytest.approx(50) and 0 < low <= 50 <= high
    assert summaries.accuracy_gain("x", better, worse, Resampling(CLASSES, 200, 1))["x"] == pytest.approx(-50)
    assert discordant == 4


def test_the_papers_numbers_come_as_rows_in_our_columns():
    given = [summaries.Fit(replace(SPEC, features="tuned", scheme="regression", model="GBC"), None)]
    (row,) = summaries._paper_rows(PUBLISHED, "table4", given, ("features", "scheme", "model"))
    assert row == given[0].spec.columns() | {
        "protocol": "paper",
        "test_pct": 64,
        "test_pct_std": 7,
        "test_rmse": 28,
        "test_rmse_std": 3,
    }
    elsewhere = summaries._paper_rows(PUBLISHED, "table3", given, ("features", "model"))
    assert [(row["pretraining"], row["validation_pct"]) for row in elsewhere] == [("micronet", 71), ("imagenet", 78)]
    assert summaries._paper_rows(PUBLISHED, "table2", given, ("features", "model")) == []


def test_the_papers_number_for_one_fit_is_found_and_nothing_else():
    assert summaries.printed(PUBLISHED, "table2", SPEC, "val") == (66, 6)
    for other in ({"policy": "aug4"}, {"model": "GBC"}, {"pretraining": "films"}):
        assert np.isnan(summaries.printed(PUBLISHED, "table2", replace(SPEC, **other), "val")).all()
    assert np.isnan(summaries.printed(PUBLISHED, "table2", SPEC, "test")).all()


def test_the_path_of_a_file_names_its_fit(tmp_path):
    path = tmp_path / "strict/imagenet/aug3/block2_cev85/nominal/SVC.tsv"
    io.write_table(path, predictions((4, 2)))
    (fit,) = summaries.read_predictions([path])
    assert fit.spec == SPEC
    assert len(fit.predictions) == 24
    with pytest.raises(UserError, match="SVC"):
        summaries.read_predictions(["SVC.tsv"])


def test_repeats_become_one_fit_whose_folds_are_counted_on(tmp_path):
    names = ["strict/imagenet", "published/imagenet", "strict.repeat2/imagenet", "strict.repeat1/imagenet"]
    paths = [tmp_path / name / "aug3/tuned/nominal/SVC.tsv" for name in names]
    for path, right in zip(paths, [(4, 2), (4, 4), (0, 0), (1, 1)], strict=True):
        io.write_table(path, predictions(right))
    strict, published = summaries.read_predictions(paths)
    assert (strict.spec.protocol, published.spec.protocol) == ("strict", "published")
    right = strict.predictions.query("split == 'test' and y_true == y_pred")
    assert right.groupby(["repeat", "fold"]).size().to_dict() == {(0, 0): 4, (0, 1): 2, (1, 2): 1, (1, 3): 1}
    assert strict.predictions["fold"].nunique() == 6 and published.predictions["fold"].nunique() == 2


def test_the_spread_over_repeats_is_hand_worked():
    """Six of eight test samples correct in one repeat, four in the other: 62.5 %, give or take 12.5 points."""
    both = made_up.repeated(*(summaries.Fit(None, predictions(right)) for right in ((4, 2), (2, 2))))
    row = summaries.summarise(both.predictions, Resampling(CLASSES, 100, 1))
    assert (row["folds"], row["repeats"], row["n_samples"]) == (2, 2, 8)
    assert row["pooled_pct"] == 62.5
    assert row["pooled_repeat_std"] == pytest.approx(np.sqrt(2) * 12.5)
    assert row["test_pct_std"] == pytest.approx(100 * np.std([1, 0.5, 0.5, 0.5], ddof=1))


@pytest.mark.parametrize(
    ("features", "block", "cev"), [("block2_cev85", "block2", 85), ("tuned", "tuned", None), ("image", "image", None)]
)
def test_features_are_divided_into_block_and_variance(features, block, cev):
    assert summaries.block_and_variance(features) == (block, cev)
