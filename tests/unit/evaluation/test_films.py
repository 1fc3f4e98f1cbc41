"""Predictions of films from those of their scans: means, majorities, and films of one scan as they are."""

import numpy as np
import pandas as pd
import pytest

from micrograph.evaluation.films import FilmScore
from micrograph.target import Target

TARGET = Target.from_config({"column": "growth_celsius", "classes": [900, 950, 1000]})


def scans(*rows, scores=True, **columns):
    """Test predictions (film, scan, y_pred, value, three scores)."""
    names = ["film", "sample", "y_pred", "y_pred_value", *TARGET.score_columns]
    frame = pd.DataFrame([[film, f"{film}@{scan}", *rest] for film, scan, *rest in rows], columns=names)
    frame = frame.assign(fold=0, split="test", augmentation=0, batch="day", y_true=950, **columns)
    return frame.astype({"y_pred": "Int64"})


def film(frame, scheme="nominal", method="mean"):
    """The class of the only film."""
    (row,) = FilmScore(TARGET, method).by_film(frame, scheme).to_dict("records")
    return row


NAN = (np.nan,) * 3


def test_films_of_one_scan_are_as_they_are():
    frame = scans(("a", 1, 900, np.nan, 0.2, 0.5, 0.3), ("b", 1, 950, np.nan, 0.1, 0.8, 0.1)).assign(sample=["a", "b"])
    assert FilmScore(TARGET).by_film(frame, "nominal") is frame
    alone = frame.assign(sample=["a@1", "b"])  # the other scan was rejected
    assert FilmScore(TARGET).by_film(alone, "nominal").equals(frame)


def test_the_class_follows_from_the_mean_of_the_probabilities():
    frame = scans(("a", 1, 900, np.nan, 0.5, 0.4, 0.1), ("a", 2, 1000, np.nan, 0.1, 0.42, 0.48))
    row = film(frame)
    assert row["y_pred"] == 950 and row["sample"] == "a"
    assert [row[name] for name in TARGET.score_columns] == pytest.approx([0.3, 0.41, 0.29])
    # 0.3 up to 900: the median is 950; by majority, of a tie, the class nearest to the mean is the lower
    assert film(frame, "nnrank")["y_pred"] == 950
    assert film(frame, method="majority")["y_pred"] == 900


def test_the_class_of_a_regression_follows_from_the_mean_value():
    row = film(scans(("a", 1, 900, 924.0, *NAN), ("a", 2, 950, 930.0, *NAN)), "regression")
    assert (row["y_pred"], row["y_pred_value"]) == (950, 927)


@pytest.mark.parametrize(
    ("classes", "expected"), [((900, 1000, 1000), 1000), ((900, 950), 900), ((900, 900, 950, 1000, 1000), 900)]
)
def test_models_without_scores_take_the_majority(classes, expected):
    frame = scans(*[("a", scan, one, np.nan, *NAN) for scan, one in enumerate(classes)])
    assert film(frame)["y_pred"] == expected
    assert film(frame.drop(columns=["y_pred_value", *TARGET.score_columns]))["y_pred"] == expected


def test_scans_that_agree_have_their_class_whatever_their_decision_values_are():
    assert film(scans(("a", 1, 900, np.nan, 1.0, 1.2, 0), ("a", 2, 900, np.nan, 1.1, 1.3, 0)))["y_pred"] == 900


def test_missing_predictions_do_not_count_unless_there_are_no_others():
    rows = [("a", 1, pd.NA, np.nan, 0.9, 0.1, 0.0), ("a", 2, 1000, np.nan, 0.1, 0.3, 0.6)]
    row = film(scans(*rows), "nnrank")
    assert row["y_pred"] == 1000 and row[TARGET.score_columns[2]] == 0.6
    assert pd.isna(film(scans(rows[0], ("a", 2, *rows[0][2:])))["y_pred"])


def test_folds_splits_and_augmented_images_stay_apart():
    frame = pd.concat(
        [scans(("a", 1, 900, np.nan, 1, 0, 0), ("a", 2, 900, np.nan, 1, 0, 0)).assign(fold=fold, augmentation=number)
         for fold in (0, 1) for number in (1, 2)]
    )  # fmt: skip
    films = FilmScore(TARGET).by_film(frame, "nominal")
    assert films[["fold", "augmentation"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]


def test_a_regression_in_uneven_bins_takes_the_bin_of_its_mean_value_not_the_nearest_middle():
    """Of the bins 0-6, 6-10 and 10-30 the middles are 3, 8 and 20: 12 is nearest to 8, and in the last bin."""
    bins = Target.from_config({"column": "growth_minutes", "bins": [0, 6, 10, 30]})
    rows = scans(("a", 1, 3, 5.0, *NAN), ("a", 2, 20, 19.0, *NAN))
    rows = rows.rename(columns=dict(zip(TARGET.score_columns, bins.score_columns, strict=True)))
    assert FilmScore(bins).by_film(rows, "regression")["y_pred"].tolist() == [20]
