"""What can be read: balanced accuracies as scikit-learn has them, paired differences, the verdict, the figure."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from made_up import laid_out_well, resampling, words_in
from micrograph.evaluation import tables, what_can_be_read
from micrograph.evaluation.what_can_be_read import NOT_SHOWN, READ
from micrograph.figures import what_can_be_read as figure
from micrograph.models.growth_variables import VARIABLES
from micrograph.target import Target

INPUTS = {"nothing": 0.0, "micrographs": 0.8, "metadata": 0.2, "target": 0.3, "micrographs+target": 0.8}
TARGET = Target.from_config({"column": "growth_celsius", "classes": [900, 950, 1000]})


def made(variable, kind, skills, days=20):
    """Predictions of three classes, or of values, right as often as the skills say."""
    rng = np.random.default_rng(0)
    true = rng.integers(3, size=3 * days) if kind == "classes" else rng.normal(50, 10, 3 * days)
    frames = []
    for inputs, skill in skills.items():
        if kind == "classes":
            predicted = np.where(rng.random(len(true)) < skill, true, rng.integers(3, size=len(true)))
        else:
            predicted = 50 + skill * (true - 50) + rng.normal(0, 1, len(true)) * (skill > 0)
        columns = {"y_true": true, "y_pred": predicted, "sample": np.arange(len(true)).astype(str)}
        frames.append(pd.DataFrame(columns).assign(
            batch=np.repeat([f"day{day}" for day in range(days)], 3), inputs=inputs,
            variable=variable, kind=kind, repeat=0, fold=0, split="test",
        ))  # fmt: skip
    return pd.concat(frames)


@pytest.fixture(scope="module")
def predictions():
    own = {name: skill for name, skill in INPUTS.items() if "target" not in name}
    flat = dict.fromkeys(INPUTS, 0.0)
    parts = [
        ("growth_celsius", "classes", own),
        ("growth_seconds", "classes", INPUTS),
        ("growth_seconds", "value", INPUTS),
    ]
    return pd.concat([made(*each) for each in [*parts, ("substrate", "classes", flat)]], ignore_index=True)


@pytest.fixture(scope="module")
def table(predictions):
    facts = [("growth_celsius", False, "1 | 2 | 3", ""), ("growth_seconds", True, "1 to 2 | 2 to 4 | 4 to 9", "")]
    facts += [("substrate", False, "a | b | c", ""), ("operator", False, "", "known of 3 of 60 samples: too few.")]
    variables = pd.DataFrame(facts, columns=["variable", "is_number", "labels", "reason"]).assign(
        n_known=60, n_scans=75
    )
    return what_can_be_read.make_table(
        predictions, variables, TARGET, resampling=resampling(300), data="simulated films"
    )


def test_scores_and_differences_are_those_of_scikit_learn(predictions, table):
    own = predictions[(predictions["variable"] == "growth_seconds") & (predictions["kind"] == "classes")]
    scores = {
        inputs: 100 * balanced_accuracy_score(rows["y_true"].astype(int), rows["y_pred"].astype(int))
        for inputs, rows in own.groupby("inputs")
    }
    row = table.set_index("variable").loc["growth_seconds"]
    for inputs, key in what_can_be_read.KEYS.items():
        assert row[f"balanced_{key}_pct"] == pytest.approx(scores[inputs])
    assert row["gain_over_target_pct_points"] == pytest.approx(scores["micrographs+target"] - scores["target"])
    assert row["gain_over_target_pct_points_low"] < row["gain_over_target_pct_points"]
    assert row["r2"] > 0.9 > row["r2_target"] and row["mae"] < row["constant_mae"]


def test_a_constant_prediction_has_one_balanced_accuracy_in_all_resamples_that_have_both_classes():
    rows = made("substrate", "classes", {"micrographs": 1.0}).iloc[::3].head(20)
    rows = rows.assign(y_true=[0] * 17 + [1] * 3, y_pred=0)  # 4 % of the resamples have none of the second class
    table = what_can_be_read.make_table(
        rows, pd.DataFrame([("substrate", False, "a | b", 20, 20, "")], columns=VARIABLES), TARGET,
        resampling=resampling(1000), data="simulated films",
    )  # fmt: skip
    ends = table.loc[0, ["balanced_images_pct", "balanced_images_pct_low", "balanced_images_pct_high"]]
    assert ends.tolist() == [50, 50, 50]


def test_verdicts_follow_the_intervals(table):
    rows = table.set_index("variable")
    assert rows["verdict"][["growth_celsius", "growth_seconds", "substrate"]].tolist() == [READ, READ, NOT_SHOWN]
    assert rows["verdict_with_target"][["growth_seconds", "substrate"]].tolist() == [READ, NOT_SHOWN]
    assert pd.isna(rows.loc["growth_celsius", "verdict_with_target"])
    row = {"x": 50.0, "x_low": 40.0, "x_high": 60.0}
    judged = [what_can_be_read.verdict(row, "x", 35.0, days, tested) for days, tested in ((20, 1), (20, 50), (11, 1))]
    assert judged == [READ, NOT_SHOWN, NOT_SHOWN]  # as it is, widened for 50 variables, with few days


def test_panels_name_variables_and_say_what_is_left_out(table):
    shown = tables.markdown(what_can_be_read.panels(table, TARGET), "caption")
    assert "growth time (s)" in shown and "known of 3 of 60" in shown
    titles = [panel.title for panel in what_can_be_read.panels(table, TARGET)]
    assert titles == ["Classes", "Classes, with the growth temperature known", "Values of numbers", "Left out"]
    assert [row[0] for row in what_can_be_read.panels(table, TARGET)[2].rows] == ["growth time (s)"]


def test_the_figure_has_a_row_for_each_variable_that_was_predicted(table):
    drawn = figure.draw(table, TARGET)
    laid_out_well(drawn)
    assert "growth time" in words_in(drawn) and "operator" not in words_in(drawn)
