"""The table of the rehearsal: the card's numbers, in units, with intervals only where redrawing tells something."""

import numpy as np
import pandas as pd
import pytest

from micrograph import io
from micrograph.prediction import final_model, model_card

from .conftest import recipe

FACTS = {
    "data": "simulated films",
    "rehearsed": {"films": 18, "batches": 9, "macro_f1": [0.5, 0.4, 0.6], "mae_celsius": [20.0, 15.0, 25.0]}
    | {"accuracy": [0.75, 0.5, 0.875], "balanced_accuracy": [1.0, 1.0, 1.0]},
    "majority": 0.5,
    "above_majority": [0.25, -0.125, 0.5],
    "calibration": {"coverage": 0.8},
    "checked": {fact: [0.5, 0.25, 0.75, 18, 9] for fact, _ in model_card.CHECKED.values()}
    | {"width": [88.0, None, None, 18, 9]},
    "novelty": {"flagged": 0.0625},
}


def table():
    return model_card.table(FACTS).set_index("quantity")


def test_shares_are_told_in_percent_and_numbers_as_they_are():
    rows = table()[["value", "low", "high"]].T.to_dict("list")
    assert rows["accuracy_pct"] == [75, 50, 87.5] and rows["above_majority_points"] == [25, -12.5, 50]
    assert rows["covered_by_day_pct"] == [50, 25, 75] and rows["set_size"] == [0.5, 0.25, 0.75]
    assert rows["mae_celsius"] == [20, 15, 25]
    assert [rows[name][0] for name in ("majority_pct", "coverage_aim_pct", "flagged_pct")] == [50, 80, 6.25]


def test_equal_values_and_bare_numbers_have_no_interval():
    bare = table().loc[["balanced_accuracy_pct", "majority_pct", "coverage_aim_pct", "width_celsius", "flagged_pct"]]
    assert bare["value"].notna().all() and bare[["low", "high"]].isna().all(axis=None)


def test_films_and_days_are_told_of_all_but_the_aim_and_whose_films_these_are():
    rows = table()
    assert rows.drop("coverage_aim_pct")[["films", "batches"]].drop_duplicates().to_numpy().tolist() == [[18, 9]]
    assert rows.loc["coverage_aim_pct", ["films", "batches"]].isna().all()
    assert set(rows["data"]) == {"simulated films"}


def test_it_has_the_numbers_of_the_card_and_survives_the_disk(model, tmp_path):
    made, text = model_card.table(model.facts), model_card.card(model.facts)
    assert list(made) == model_card.COLUMNS
    values = made.set_index("quantity")["value"]
    for words, name in (("| accuracy |", "accuracy_pct"), ("| true class in the set |", "covered_pct")):
        assert f"{words} {values[name]:.1f} %" in text
    assert f"above that, points | {values['above_majority_points']:+.1f} (" in text
    io.write_table(tmp_path / "performance.tsv", made)
    read = io.read_table(tmp_path / "performance.tsv").astype({"films": "Int64", "batches": "Int64"})
    pd.testing.assert_frame_equal(read, made)


def test_the_commonest_class_is_that_of_the_films_learnt_from_and_compared_day_by_day():
    """Of fold 0 are learnt 950, 950 and 900 C: 950 is named. Tested are, by day, x 950 C and 900 C, y 900 C twice: one
    and none are so. One more is told right on either day, so that whatever is drawn it is 50 points above."""
    films = pd.DataFrame({"fold": 0, "split": ["train", "train", "validation"] + ["test"] * 4, "sample": list("abcdefg"),
                          "batch": list("uvwxxyy"), "growth_celsius": [950, 900, 950, 950, 900, 900, 900]})  # fmt: skip
    tested = films[films["split"] == "test"]
    said = tested[["fold", "split", "sample", "batch"]].assign(
        augmentation=0, y_true=tested["growth_celsius"], y_pred=[950, 900, 900, 1000], y_pred_value=np.nan
    )
    study = final_model.Study(None, None, [], films, None, [], None)
    found = final_model._beside_majority(said, study, recipe())
    assert found["majority"] == 0.25 and found["above_majority"] == pytest.approx([0.5, 0.5, 0.5])
