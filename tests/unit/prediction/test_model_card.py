"""The card and the table of the cross-validated performance, with intervals only where resamples vary."""

import re

import huggingface_hub
import numpy as np
import pandas as pd
import pytest

from micrograph import io
from micrograph.prediction import final_model, model_card

from .conftest import model_settings

FACTS = {
    "data": "simulated films",
    "target": {"column": "growth_celsius", "classes": [900, 950, 1000]},
    "cross_validated": {"films": 18, "batches": 9, "macro_f1": [0.5, 0.4, 0.6], "mae": [20.0, 15.0, 25.0]}
    | {"accuracy": [0.75, 0.5, 0.875], "balanced_accuracy": [1.0, 1.0, 1.0]},
    "majority": 0.5,
    "discordant": 8,
    "above_majority": [0.25, -0.125, 0.5],
    "calibration": {"coverage": 0.8},
    "checked": {fact: [0.5, 0.25, 0.75, 18, 9] for fact, *_ in model_card.CHECKED.values()}
    | {"width": [88.0, None, None, 18, 9]},
    "novelty": {"flagged": 0.0625},
}


def table():
    return model_card.table(FACTS).set_index("quantity")


def test_shares_are_in_percent_and_other_numbers_in_their_unit():
    rows = table()[["value", "low", "high"]].T.to_dict("list")
    assert rows["accuracy_pct"] == [75, 50, 87.5] and rows["above_majority_pct_points"] == [25, -12.5, 50]
    assert rows["covered_by_day_pct"] == [50, 25, 75] and rows["set_size"] == [0.5, 0.25, 0.75]
    assert table()["n_discordant"].dropna().to_dict() == {"above_majority_pct_points": 8}
    assert rows["mae"] == [20, 15, 25]
    assert [rows[name][0] for name in ("majority_pct", "nominal_coverage_pct", "flagged_pct")] == [50, 80, 6.25]


def test_equal_values_and_bare_numbers_have_no_interval():
    bare = table().loc[["balanced_accuracy_pct", "majority_pct", "nominal_coverage_pct", "width", "flagged_pct"]]
    assert bare["value"].notna().all() and bare[["low", "high"]].isna().all(axis=None)


def test_all_rows_but_the_nominal_coverage_have_counts_of_films_and_days():
    rows = table()
    assert rows.drop("nominal_coverage_pct")[["n_samples", "n_batches"]].drop_duplicates().to_numpy().tolist() == [
        [18, 9]
    ]
    assert rows.loc["nominal_coverage_pct", ["n_samples", "n_batches"]].isna().all()
    assert set(rows["data"]) == {"simulated films"}


def test_it_has_the_numbers_of_the_card_and_survives_the_disk(model, tmp_path):
    made, text = model_card.table(model.facts), model_card.card(model.facts)
    assert list(made) == model_card.COLUMNS
    values = made.set_index("quantity")["value"]
    for label, name in (("| accuracy |", "accuracy_pct"), ("| true class in the set |", "covered_pct")):
        assert f"{label} {values[name]:.1f} %" in text
    assert f"°C as the set covers {values['constant_set_by_day_pct']:.1f} %" in text
    assert f"°C as the interval {values['constant_interval_by_day_pct']:.1f} %" in text
    assert f"above that, percentage points | {values['above_majority_pct_points']:+.1f} (" in text
    io.write_table(tmp_path / "performance.tsv", made)
    read = io.read_table(tmp_path / "performance.tsv").astype(dict.fromkeys(model_card.COUNTS, "Int64"))
    pd.testing.assert_frame_equal(read, made)


def test_the_majority_class_is_that_of_the_training_samples_and_compared_day_by_day():
    """950 C is the majority in training: right for one sample of day x and none of day y. The predictions are right for
    one more on either day, so that every resample is 50 points above."""
    films = pd.DataFrame(
        {
            "fold": 0,
            "split": ["train", "train", "validation"] + ["test"] * 4,
            "sample": list("abcdefg"),
            "batch": list("uvwxxyy"),
            "y_true": [950, 900, 950, 950, 900, 900, 900],
        }
    )
    tested = films[films["split"] == "test"]
    predictions = tested[["fold", "split", "sample", "batch"]].assign(
        augmentation=0, y_true=tested["y_true"], y_pred=[950, 900, 900, 1000], y_pred_value=np.nan
    )
    study = final_model.StudyData(None, None, [], films, None, [], None)
    found = final_model._compare_to_majority(predictions, study, model_settings())
    assert found["majority"] == 0.25 and found["above_majority"] == pytest.approx([0.5, 0.5, 0.5])


def test_the_hub_reads_the_header_and_the_scores_of_the_card(model):
    text = model_card.card(model.facts)
    data = huggingface_hub.ModelCard(text).data
    assert data.pipeline_tag == "image-classification" and model.facts["backbone"] in data.tags
    scores = {result.metric_type: result.metric_value for result in data.eval_results}
    assert scores["accuracy"] == round(model.facts["cross_validated"]["accuracy"][0], 3)
    assert data.eval_results[0].dataset_name == model.facts["data"] and set(scores) == {
        "accuracy", "balanced_accuracy", "f1"
    }  # fmt: skip


def test_the_card_warns_of_simulated_films_and_of_weights_that_saw_the_study(model):
    text = model_card.card(model.facts)
    assert not re.search(r"\b(None|nan)\b", text)
    assert model_card.SIMULATED in text and model_card.SIMULATED not in model_card.card(
        model.facts | {"data": "real films"}
    )
    assert model_card.PRETRAINED_ON_STUDY not in text
    assert model_card.PRETRAINED_ON_STUDY in model_card.card(model.facts | {"pretraining": "films"})


def test_the_card_has_both_numbers_about_time_and_its_cautions_at_the_top(model):
    numbers = [["The sheet", "41.2 % [30.1, 52.3]", "OLR"], ["Later days", "not tested", "no dates"]]
    time = {"numbers": numbers, "cautions": ["Time is suspect."], "rule": "The rule."}
    text = model_card.card(model.facts | {"time": time})
    assert text.index("Time is suspect.") < text.index("## Training")
    assert "| The sheet | 41.2 % [30.1, 52.3] | OLR |" in text and "| not tested | no dates |" in text
    assert "Time is suspect." not in model_card.card(model.facts | {"time": time | {"cautions": []}})
    assert "Not tested" in model_card.card(model.facts | {"time": None})


@pytest.mark.parametrize(("days", "discordant", "few"), [(11, 30, True), (12, 6, False), (44, 5, True)])
def test_the_card_says_where_films_are_too_few_to_conclude(model, days, discordant, few):
    counts = model.facts["cross_validated"] | {"batches": days}
    text = model_card.card(model.facts | {"cross_validated": counts, "discordant": discordant})
    assert ("Too few films to conclude" in text) == few


def test_the_card_gives_counts_instead_of_an_interval_of_equal_values(model):
    checked = model.facts["checked"] | {"covered_900": [1.0, None, None, 13, 7], "alone": [0.5, 0.25, 0.75, 18, 9]}
    scores = model.facts["cross_validated"] | {"accuracy": [1.0, 1.0, 1.0]}
    text = model_card.card(model.facts | {"checked": checked, "cross_validated": scores})
    assert "| true class in the set, samples of 900 °C | 100.0 % (13 samples of 7 growth days) |" in text
    assert "| sets of one class | 50.0 % (25.0 % to 75.0 %) |" in text
    assert "| accuracy | 100.0 % (18 samples of 9 growth days) |" in text
    assert "100.0 % to 100.0 %" not in text


def test_the_card_has_the_scatter_of_the_coverage_and_infinite_limits(model):
    assert "about 13.3 percentage points" in model_card.card(model.facts)  # sqrt(0.8 * 0.2 / 9)
    calibration = model.facts["calibration"] | {"set_limit": None, "reach": None}
    text = model_card.card(model.facts | {"calibration": calibration})
    assert text.count("infinite") == 2
