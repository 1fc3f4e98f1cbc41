"""The table of calibration: losses by hand, two rows a fit, sentences that say no more than the intervals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from made_up import RUN, resampling
from made_up_answers import fit
from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import calibration, summaries, tables
from micrograph.evaluation.labels import fit_labels
from micrograph.splits.fit_spec import KEYS, FitSpec
from tables_of_films import TARGET

CELSIUS = [900, 950, 1000]
SURE = {"sharpness": 3.0, "model": "CNN", "features": "image"}


def decisions(chances, sharpness):
    return 2 * np.log(chances) + 1


def silent(chances, sharpness):
    return np.full(chances.shape, np.nan)


def table(*given, coverage=0.9, seed=0):
    return calibration.make_table(given, coverage, TARGET, resampling=resampling(400, seed), run=RUN)


def mixed():
    return table(
        fit(**SURE),
        fit(model="SVC", features="tuned", scores=decisions),
        fit(model="CNN", features="image", scheme="regression", scores=silent),
    )


def test_log_loss_and_brier_score_are_those_of_a_hand():
    chances, places = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]), np.array([1, 2])
    np.testing.assert_allclose(calibration.log_loss(chances, places), [np.log(4), -np.log(0.8)])
    np.testing.assert_allclose(calibration.brier(chances, places), [0.25 + 0.5625 + 0.0625, 0.01 + 0.01 + 0.04])


def test_a_fit_has_a_row_as_it_is_and_one_scaled_and_what_is_left_out_has_the_reason():
    made = mixed()
    assert made["stage"].tolist() == ["unscaled", "scaled", "scaled", "excluded"]
    assert made["scores"].tolist() == ["probabilities", "probabilities", "decision values", "none"]
    assert made["reason"].tolist()[:3] == [""] * 3 and "without scores" in made["reason"].iloc[3]
    assert made.iloc[3][["log_loss", "ece_pct", "covered_pct", "temperature"]].isna().all()
    assert set(KEYS) < set(made) and made["data"].eq("simulated films").all()
    assert made[["n_samples", "n_batches", "folds"]].drop_duplicates().to_numpy().tolist() == [[120, 40, 4]]


def test_scaling_lowers_overconfident_probabilities_and_the_table_shows_it():
    before, after = table(fit(days=120, **SURE)).to_dict("records")
    assert before["temperature"] == 1 and after["temperature"] == pytest.approx(3, rel=0.3)
    assert after["temperature_min"] <= after["temperature"] <= after["temperature_max"]
    assert before["log_loss"] > after["log_loss"] and before["brier"] > after["brier"]
    assert after["log_loss_change"] == pytest.approx(after["log_loss"] - before["log_loss"])
    assert after["log_loss_change_high"] < 0 and np.isnan(before["log_loss_change"])
    assert before["ece_pct_low"] > 0 and after["ece_pct_low"] == 0


def test_class_shares_stand_beside_and_true_probabilities_beat_them():
    made = table(fit(days=120)).iloc[0]
    assert made["class_frequency_log_loss"] == pytest.approx(np.log(3), abs=0.03)
    assert made["class_frequency_brier"] == pytest.approx(2 / 3, abs=0.02)
    assert made["log_loss_high"] < made["class_frequency_log_loss"]


def test_the_two_most_frequent_classes_of_training_stand_beside_the_sets():
    """Fold 0 trains on days c and d: 900, 900, 1000, so that {900, 1000} holds 950 of day a and 1000 of day b: 0 and 1;
    fold 1 trains on a and b, {950, 1000}: 1000 of c and 900 of d. Each mean over days is that over the two folds."""
    films = pd.DataFrame({"sample": list("abcd"), "batch": list("abcd"), "y_true": [950, 1000, 1000, 900]})
    films = pd.concat([films, pd.DataFrame({"sample": ["e"], "batch": ["d"], "y_true": [900]})], ignore_index=True)
    films = films.assign(augmentation=0, y_pred=900, y_pred_value=np.nan, score_900=0.5, score_950=0.3, score_1000=0.2)
    parts = []
    for fold, tested in enumerate(("ab", "cd")):
        inside = films["batch"].isin(list(tested))
        parts += [films[inside].assign(fold=fold, split="test"), films[~inside].assign(fold=fold, split="train")]
        parts += [films[~inside].assign(fold=fold, split="validation")]
    row = table(summaries.Fit(fit(**SURE).spec, pd.concat(parts, ignore_index=True))).iloc[0]
    assert row["constant_set_pct"] == pytest.approx(100 * 2 / 5) and row["constant_set_size"] == 2
    assert row["constant_set_by_day_pct"] == pytest.approx(100 * 2 / 4)


def test_one_growth_day_of_tests_gives_no_interval():
    made = fit(days=4, films_a_day=10)
    rows = made.predictions[made.predictions["fold"] == 0]
    row = table(summaries.Fit(made.spec, rows)).iloc[1]
    assert row["n_batches"] == row["folds"] == 1
    assert row[[f"{name}{end}" for name in ("ece_pct", "log_loss", "brier") for end in ("_low", "_high")]].isna().all()
    assert np.isfinite(row["log_loss"]) and row["n_unlimited_folds"] == 1


def test_no_predictions_are_refused():
    with pytest.raises(UserError, match="no predictions"):
        calibration.calibrate_all([], TARGET, 0.9)


def test_labels_distinguish_fits_as_shortly_as_they_can():
    first = FitSpec("strict", "any", "any", "image", "nominal", "CNN")
    assert fit_labels([first, replace(first, model="OLR")]) == ["CNN", "OLR"]
    assert fit_labels([first, replace(first, scheme="nnrank")]) == ["CNN, nominal", "CNN, NNRank"]
    assert fit_labels([first], always=("model", "features")) == ["CNN, micrographs"]


def test_sets_of_reversed_probabilities_cover_too_little():
    made = fit(days=120)
    rows = made.predictions.copy()
    names = [f"score_{celsius}" for celsius in CELSIUS]
    tested = rows["split"] == "test"
    rows.loc[tested, names] = rows.loc[tested, names].to_numpy()[:, ::-1]
    scaled = table(summaries.Fit(made.spec, rows), coverage=0.8).iloc[-1]
    assert scaled["covered_pct_high"] < scaled["nominal_coverage_pct"] == 80


def test_markdown_and_page_show_the_numbers_and_the_page_escapes_names():
    made = mixed()
    text = tables.markdown(calibration.panels(made, TARGET), "About")
    assert "| CNN, nominal | unscaled | 1.00 |" in text and "nominal coverage 90 %" in text
    page = tables.html(
        calibration.panels(made.assign(pretraining=["<a>", "<a>", "b", "c"], model="M", scheme="nominal"), TARGET),
        "x",
        "calibration",
    )
    assert "&lt;a&gt;" in page and "<a>" not in page


def test_the_table_reads_the_same_from_its_file(tmp_path):
    made = mixed()
    io.write_table(tmp_path / "calibration.tsv", made)
    again = io.read_table(tmp_path / "calibration.tsv")
    assert tables.markdown(calibration.panels(again, TARGET), "") == tables.markdown(
        calibration.panels(made, TARGET), ""
    )


def test_a_table_of_nothing_but_left_out_fits_can_be_read():
    assert "caption" in tables.markdown(calibration.panels(table(fit(scores=silent)), TARGET), "caption")
