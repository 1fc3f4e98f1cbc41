"""Conclusions: verdicts follow the intervals as written, and many comparisons are corrected for."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import made_up_conclusions
from micrograph import io
from micrograph.evaluation import (
    attribution_tests,
    baselines,
    calibration,
    conclusions,
    confounders,
    leakage,
    learning_curve,
    table2,
    table3,
    table4,
)
from micrograph.evaluation.conclusions import CONTRADICTED, INCONCLUSIVE, NOT_TESTED, SUPPORTED, Estimate
from micrograph.prediction import model_card
from micrograph.splits import protocols
from micrograph.target import Target
from tables_of_films import TARGET

SIMULATED = "simulated films"
MORE, LESS, OTHER = (1, 0.0, 0.0), (-1, 0.0, 0.0), (0, 0.0, 0.0)  # direction, margin's lower and upper end
WITHIN = (-1, 5.0, 5.0)


def estimate(low, high, label="SVC", value=None, lower=0.0, upper=0.0):
    return Estimate(label, (low + high) / 2 if value is None else value, low, high, lower, upper, 118.0, 44.0)


def made(data=SIMULATED, **knobs):
    return conclusions.make_table(made_up_conclusions.tables(**knobs), data)


def rows_of(table, question, part=""):
    return table[table["question"].eq(question) & table["comparison"].str.contains(part, regex=False)]


def row_of(table, question, part=""):
    """The one row of a question whose hypothesis holds `part`."""
    rows = rows_of(table, question, part)
    assert len(rows) == 1, rows["comparison"].tolist()
    return rows.iloc[0]


@pytest.mark.parametrize(
    ("low", "high", "rule", "verdict"),
    [
        (2.0, 14.0, MORE, SUPPORTED),
        (-2.0, 14.0, MORE, INCONCLUSIVE),
        (-14.0, -2.0, MORE, CONTRADICTED),
        (-14.0, -2.0, LESS, SUPPORTED),
        (2.0, 14.0, LESS, CONTRADICTED),
        (2.0, 14.0, OTHER, SUPPORTED),
        (-14.0, -2.0, OTHER, SUPPORTED),
        (-14.0, 2.0, OTHER, INCONCLUSIVE),
        (-6.0, 4.9, WITHIN, SUPPORTED),
        (-6.0, 5.0, WITHIN, INCONCLUSIVE),
        (0.1, 4.0, WITHIN, SUPPORTED),  # a small difference is within the margin
        (4.0, 6.0, WITHIN, INCONCLUSIVE),
        (5.1, 9.0, WITHIN, CONTRADICTED),
        (-4.0, -0.1, (1, -5.0, -5.0), SUPPORTED),
        (-9.0, -5.1, (1, -5.0, -5.0), CONTRADICTED),
        (60.1, 70.0, (1, 40.0, 60.0), SUPPORTED),  # the reference is itself an interval
        (50.0, 70.0, (1, 40.0, 60.0), INCONCLUSIVE),
        (20.0, 39.9, (1, 40.0, 60.0), CONTRADICTED),
        (0.04, 9.0, MORE, INCONCLUSIVE),  # written as [0.0, 9.0]
        (0.06, 9.0, MORE, SUPPORTED),
        (np.nan, np.nan, MORE, INCONCLUSIVE),
        (np.nan, np.nan, OTHER, INCONCLUSIVE),
    ],
)
def test_the_verdict_follows_from_where_the_interval_lies(low, high, rule, verdict):
    direction, lower, upper = rule
    assert conclusions.judge(estimate(low, high, lower=lower, upper=upper), direction, 1) == verdict


def test_widening_for_five_stretches_each_side_by_the_ratio_of_normal_quantiles():
    wide = conclusions.widened(estimate(2.0, 26.0, value=10.0), 5)
    assert wide.low == pytest.approx(10 - 8 * 2.575829 / 1.959964, abs=1e-5)  # 0.05 / 5 / 2 in each tail
    assert wide.high == pytest.approx(10 + 16 * 2.575829 / 1.959964, abs=1e-5)
    assert conclusions.widened(estimate(2.0, 26.0), 1) == estimate(2.0, 26.0)
    outside = conclusions.widened(estimate(2.0, 26.0, value=1.0), 5)  # an interval without its estimate never narrows
    assert outside.low <= 2.0 and outside.high >= 26.0


def test_any_is_supported_by_one_comparison_and_shows_the_clearest_widened():
    family = [estimate(-3, 5, "SVC"), estimate(4, 16, "MLP"), estimate(8, 12, "CNN")]
    verdict, shown, reason = conclusions.combine(family, "any", 1, 1)
    assert verdict == SUPPORTED and shown.label == "CNN" and "2 supported" in reason and "corrected for 3" in reason
    assert shown.low == pytest.approx(10 - 2 * 2.393980 / 1.959964, abs=1e-4)


def test_any_is_contradicted_only_where_every_comparison_contradicts():
    against, unclear = estimate(-20, -10, "MLP"), estimate(-4, 1, "SVC")
    assert conclusions.combine([against, against], "any", 1, 1)[0] == CONTRADICTED
    verdict, shown, _ = conclusions.combine([unclear, against], "any", 1, 1)
    assert verdict == INCONCLUSIVE and shown.label == "SVC"


def test_all_needs_every_comparison_and_shows_the_one_closest_to_failing():
    safe, close, unclear = estimate(20, 30, "SVC"), estimate(4, 40, "MLP"), estimate(1, 40, "CNN")
    verdict, shown, _ = conclusions.combine([safe, close], "all", 1, 1)
    assert verdict == SUPPORTED and shown.label == "MLP"
    assert shown.low == pytest.approx(22 - 18 * 2.241403 / 1.959964, abs=1e-4)  # 0.05 / 2 / 2 in each tail
    assert conclusions.combine([safe, unclear], "all", 1, 1)[0] == INCONCLUSIVE
    verdict, shown, _ = conclusions.combine([safe, estimate(-30, -20, "KRC")], "all", 1, 1)
    assert verdict == CONTRADICTED and shown.label == "KRC" and shown.low < -30
    verdict, shown, reason = conclusions.combine([safe, Estimate("GPC", 30.0, np.nan, np.nan)], "all", 1, 1)
    assert verdict == INCONCLUSIVE and shown.label == "GPC" and "no interval" in reason


def test_among_twenty_null_comparisons_support_is_rare():
    """Without the correction some of twenty intervals lies above 0 in 1 - 0.975^20 = 40 % of studies."""
    rng, studies = np.random.default_rng(5), 400
    supported = uncorrected = 0
    for _ in range(studies):
        family = [estimate(value - 1.959964, value + 1.959964) for value in rng.normal(size=20)]
        supported += conclusions.combine(family, "any", 1, 1)[0] == SUPPORTED
        uncorrected += any(conclusions.judge(one, 1, 1) == SUPPORTED for one in family)
    assert uncorrected / studies > 0.25
    assert supported / studies < 0.06


@pytest.mark.parametrize(
    ("batches", "discordant", "verdict"), [(12, 6, SUPPORTED), (11, 60, INCONCLUSIVE), (44, 5, INCONCLUSIVE)]
)
def test_few_growth_days_or_discordant_samples_support_nothing(batches, discordant, verdict):
    clear = Estimate("SVC", 30.0, 20.0, 40.0, n=118, batches=batches, discordant=discordant)
    found, _, reason = conclusions.combine([clear], "all", 1, 1)
    assert found == verdict and ("too few films to conclude" in reason) == (verdict == INCONCLUSIVE)
    against, _, _ = conclusions.combine([replace(clear, value=-30.0, low=-40.0, high=-20.0)], "any", 1, 1)
    assert against == (CONTRADICTED if verdict == SUPPORTED else INCONCLUSIVE)


COLUMNS = {
    "table2": table2.COLUMNS,
    "table3": table3.COLUMNS,
    "table4": table4.COLUMNS,
    "leakage": leakage.COLUMNS,
    "baselines": baselines.COLUMNS,
    "confounders": confounders.columns(TARGET),
    "calibration": calibration.columns(TARGET),
    "learning_curve": learning_curve.COLUMNS,
    "attribution_tests": attribution_tests.COLUMNS,
    "performance": model_card.COLUMNS,
}


def test_contrasts_name_known_tables_columns_units_and_leaks():
    """The tables as they are made, without rows, have every column that a contrast reads."""
    empty = {name: pd.DataFrame({column: [] for column in columns}) for name, columns in COLUMNS.items()}
    empty["leakage"] = empty["leakage"].astype({"protocol": str})
    assert set(conclusions.make_table(empty, SIMULATED)["verdict"]) == {NOT_TESTED}
    quantities = {*model_card.SCORED, *model_card.CHECKED, "above_majority_pct_points"}
    for contrast in conclusions.CONTRASTS[:]:
        assert contrast.table in {"", *COLUMNS} and contrast.unit in {*conclusions.UNITS, conclusions.OF_TARGET}
        if contrast.table == "performance":
            assert contrast.where["quantity"] in quantities
    named = " ".join(str(contrast.where) for contrast in conclusions.CONTRASTS)
    assert all(f"strict+{leak}" in named and f"published-{leak}" in named for leak in protocols.LEAKS)


def test_simulated_samples_allow_no_conclusion_about_real_ones():
    row = row_of(made(), conclusions.SCOPE)
    assert row["verdict"] == NOT_TESTED and "no conclusion is about real films" in row["reason"]
    assert "simulated" not in row_of(made(data="real films"), conclusions.SCOPE)["reason"]


VERDICT_OF = [  # table, arguments, question, part of the hypothesis, verdict
    ("table2", {"accuracy": 78.0}, conclusions.ACCURACY, "selected", SUPPORTED),
    ("table2", {"accuracy": 42.0}, conclusions.ACCURACY, "selected", INCONCLUSIVE),  # 42 - 8 x 1.14 is below 33.3
    ("table2", {"accuracy": 43.0}, conclusions.ACCURACY, "selected", SUPPORTED),
    ("table2", {"accuracy": 78.0, "discordant": 5}, conclusions.ACCURACY, "selected", INCONCLUSIVE),
    ("table2", {"accuracy": 24.0}, conclusions.ACCURACY, "selected", CONTRADICTED),
    ("baselines", {"metadata": 2.0}, conclusions.METADATA, "The CNN", INCONCLUSIVE),
    ("baselines", {"metadata": -8.0}, conclusions.METADATA, "The CNN", CONTRADICTED),
    ("baselines", {"physical": 20.0}, conclusions.PHYSICAL, "Models", SUPPORTED),  # 5 points above the majority
    ("baselines", {"physical": 23.0}, conclusions.PHYSICAL, "Models", INCONCLUSIVE),
    ("performance", {"above": 2.0}, conclusions.FINAL, "more accurate", INCONCLUSIVE),
    ("performance", {"covered": 86.0}, conclusions.FINAL, "sets", INCONCLUSIVE),  # 83 to 89, to exceed 85
    ("performance", {"within": 95.0}, conclusions.FINAL, "intervals", SUPPORTED),
    ("leakage", {"gap": 20.0}, conclusions.OVERSTATED, "Published", SUPPORTED),
    ("leakage", {"gap": -20.0}, conclusions.OVERSTATED, "Published", CONTRADICTED),
    ("leakage", {"strict_above": 4.0}, conclusions.PERMUTED, "less than 5", INCONCLUSIVE),
    ("leakage", {"strict_above": 9.0}, conclusions.PERMUTED, "less than 5", INCONCLUSIVE),  # 9 - 3 x 1.35 < 5
    ("leakage", {"strict_above": 9.5}, conclusions.PERMUTED, "less than 5", CONTRADICTED),
    ("table4", {"corn": -1.0}, conclusions.ORDER, "CORN", INCONCLUSIVE),
    ("calibration", {"covered": 79.0}, conclusions.COVERAGE, "", CONTRADICTED),
    ("calibration", {"covered": 85.5}, conclusions.COVERAGE, "", INCONCLUSIVE),
    ("calibration", {"shares": 0.75}, conclusions.CALIBRATION, "class frequencies", INCONCLUSIVE),
    ("confounders", {"later": -3.0}, conclusions.DATES, "", INCONCLUSIVE),  # -6 to 0, to exceed -5
    ("confounders", {"later": -1.9}, conclusions.DATES, "", SUPPORTED),
    ("confounders", {"later": -1.9, "blocks": 0.0}, conclusions.DATES, "after", INCONCLUSIVE),  # two comparisons
    ("confounders", {"blocks": 0.0}, conclusions.DATES, "blocks", SUPPORTED),
    ("confounders", {"blocks": -20.0}, conclusions.DATES, "blocks", CONTRADICTED),
    ("learning_curve", {"gain": 8.0}, conclusions.SAMPLE_SIZE, "next smaller", SUPPORTED),
    ("attribution_tests", {"deletion": 0.05}, conclusions.ATTRIBUTION, "CAM: deletion", CONTRADICTED),
    ("attribution_tests", {"keeps": 0.05}, conclusions.ATTRIBUTION, "CAM: with randomised", SUPPORTED),  # to within 0.1
    ("attribution_tests", {"keeps": 0.5}, conclusions.ATTRIBUTION, "CAM: with randomised", CONTRADICTED),
    ("attribution_tests", {"scars": 1.8}, conclusions.ATTRIBUTION, "CAM: less attribution lies on scars", CONTRADICTED),
    ("attribution_tests", {"scars": 0.8}, conclusions.ATTRIBUTION, "CAM: less attribution lies on scars", SUPPORTED),
]


@pytest.mark.parametrize(("name", "knobs", "question", "part", "verdict"), VERDICT_OF)
def test_verdicts_of_a_made_up_study(name, knobs, question, part, verdict):
    rows = rows_of(made(**{name: knobs}), question, part)
    assert rows.loc[rows["verdict"] != NOT_TESTED, "verdict"].tolist() == [verdict]


def test_leaks_are_compared_together_without_the_fits_whose_predictions_are_identical():
    table = made(leakage={"added": {"features_from_one_fold": 12.0, "selection_on_reported_split": -9.0}})
    added, closed = (
        rows_of(table, conclusions.LEAKAGE, base).set_index("comparison") for base in ("Strict", "Published")
    )
    verdicts = ["supported", "inconclusive", "inconclusive", "contradicted", *["inconclusive"] * 3]  # order of LEAKS
    assert added["verdict"].tolist() == closed["verdict"].tolist() == verdicts
    assert closed["estimate"].tolist()[:4] == [-12, 0, 0, 9] and "identical" in added["reason"].iloc[1]
    assert "corrected for 12" in added["reason"].iloc[0]  # six of either protocol


def test_permuted_labels_are_judged_by_all_models_and_draws_together_where_the_table_has_that_row():
    table = made_up_conclusions.leakage(strict_above=9.0)  # a single model may be above chance level
    row = table[table["protocol"] == "strict"].iloc[0].to_dict() | {"features": leakage.ALL, "model": leakage.ALL}
    both = pd.DataFrame(
        [row | made_up_conclusions.value("above_chance_test_pct_points", 1.0, 2.0) | {"labels": leakage.BOTH}]
    )
    given = made_up_conclusions.tables() | {"leakage": pd.concat([table, both], ignore_index=True)}
    strict = row_of(conclusions.make_table(given, SIMULATED), conclusions.PERMUTED, "less than 5")
    wide = 2 * conclusions.widened(estimate(-1, 1), 5).high  # with two kinds of labels of either protocol
    assert (strict["verdict"], strict["estimate"], strict["ci_high"]) == (SUPPORTED, 1, pytest.approx(1 + wide))


def test_a_leak_that_changes_no_prediction_is_no_comparison_with_chance_level():
    table = made_up_conclusions.leakage()
    row = table[table["protocol"].eq("strict+features_from_one_fold") & table["labels"].eq("films")].iloc[0].to_dict()
    row |= {"protocol": "strict+selection_on_reported_split", "model": "CNN", "features": "image"}

    def reason(half):
        more = pd.DataFrame([row | made_up_conclusions.value("change_pct_points", 0.0, half)])
        given = made_up_conclusions.tables() | {"leakage": pd.concat([table, more], ignore_index=True)}
        judged = conclusions.make_table(given, SIMULATED)
        return row_of(judged, conclusions.PERMUTED, "one leak added, labels permuted between samples")["reason"]

    assert "comparisons" not in reason(0.0) and "2 comparisons" in reason(1.0)


def test_random_weights_are_judged_with_the_sign_turned_and_all_models_together():
    table = made(table3={"scratch": -20.0, "films": -9.0})
    random, supervised = (row_of(table, conclusions.PRETRAINING, part) for part in ("Random", "Self-supervised"))
    assert (random["verdict"], random["estimate"]) == (SUPPORTED, -20)
    assert random["ci_low"] == pytest.approx(-20 - 3 * 2.241403 / 1.959964)  # two kinds of weights
    assert supervised["verdict"] == CONTRADICTED and "comparisons" not in random["reason"]


def test_a_subgroup_and_its_complement_are_one_comparison():
    table = made()
    substrate = row_of(table, conclusions.SUBGROUPS, "substrate")
    assert substrate["verdict"] == SUPPORTED and "corrected for 4" in substrate["reason"]  # three times, one substrate
    assert row_of(table, conclusions.SUBGROUPS, "number of samples")["reason"] == "every growth day has three films"
    why = made(confounders={"reason": "the sheet names no operators"})
    assert row_of(why, conclusions.OPERATORS)[["verdict", "reason"]].tolist() == [
        NOT_TESTED, "the sheet names no operators",
    ]  # fmt: skip


def test_calibration_is_judged_of_the_network_for_new_scans():
    given = made_up_conclusions.tables()
    other = made_up_conclusions.calibration(after=30.0).assign(scheme="corn")
    models = made_up_conclusions.calibration(after=30.0).assign(model="SVC")
    given["calibration"] = pd.concat([other, models, given["calibration"]], ignore_index=True)
    network = {"pretraining": "imagenet", "policy": "aug3", "scheme": "nominal"}
    table = conclusions.make_table(given, SIMULATED, network)
    before, after = (row_of(table, conclusions.CALIBRATION, part) for part in ("without scaling", "after temperature"))
    assert (before["verdict"], after["verdict"], after["estimate"]) == (CONTRADICTED, SUPPORTED, 2.0)
    excluded = {"stage": "excluded", "reason": "it gives no probabilities", "ece_pct": np.nan}
    given["calibration"] = made_up_conclusions.calibration().iloc[:1].assign(**excluded)
    row = row_of(conclusions.make_table(given, SIMULATED), conclusions.CALIBRATION, "without scaling")
    assert (row["verdict"], row["reason"]) == (NOT_TESTED, "it gives no probabilities")


def test_two_training_set_sizes_are_one_comparison():
    given = made_up_conclusions.tables()
    assert row_of(conclusions.make_table(given, SIMULATED), conclusions.SAMPLE_SIZE, "fewest")["estimate"] == 16
    given["learning_curve"] = given["learning_curve"].iloc[1:]
    row = row_of(conclusions.make_table(given, SIMULATED), conclusions.SAMPLE_SIZE, "fewest")
    assert row["verdict"] == NOT_TESTED


def test_the_spread_between_splits_has_its_chi_squared_interval():
    row = row_of(made(table2={"repeats": 5, "repeat_std": 2.0}), conclusions.SPLITS)
    assert row["ci_low"] == pytest.approx(2 * np.sqrt(4 / 11.1433), rel=1e-4)  # chi-squared of 4, 97.5 %
    assert row["ci_high"] == pytest.approx(2 * np.sqrt(4 / 0.484419), rel=1e-4)  # 2.5 %
    assert row["verdict"] == INCONCLUSIVE and row["margin"] == pytest.approx(16 / 2 / 1.959964)
    assert row_of(made(table2={"repeats": 5, "repeat_std": 1.0}), conclusions.SPLITS)["verdict"] == SUPPORTED
    assert row_of(made(table2={"repeats": 1}), conclusions.SPLITS)["verdict"] == NOT_TESTED


def test_tables_are_not_modified_and_their_files_give_the_same_conclusions(tmp_path):
    given = made_up_conclusions.tables()
    given["leakage"] = given["leakage"][given["leakage"]["labels"] == "true"]  # a column of one word, "true"
    before = {name: table.copy() for name, table in given.items()}
    table = conclusions.make_table(given, SIMULATED)
    read = {}
    for name, one in given.items():
        pd.testing.assert_frame_equal(one, before[name])
        io.write_table(tmp_path / f"{name}.tsv", one)
        read[name] = io.read_table(tmp_path / f"{name}.tsv")
    again = conclusions.make_table(read, SIMULATED)
    assert again[["verdict", "reason"]].equals(table[["verdict", "reason"]])
    io.write_table(tmp_path / "conclusions.tsv", table)
    assert conclusions.panels(io.read_table(tmp_path / "conclusions.tsv")) == conclusions.panels(table)


def test_a_target_without_order_has_no_hypotheses_of_order_and_is_no_subgroup_of_itself():
    substrate = Target.from_config({"column": "substrate", "classes": ["a", "b"]})
    texts, usual = ([*conclusions.make_table({}, SIMULATED, target=one)["comparison"]] for one in (substrate, TARGET))
    left_out = set(usual) - set(texts)
    assert len(left_out) == len(usual) - len(texts) == 5
    assert sum("mean absolute error" in text for text in left_out) == 3
    assert sum("intervals" in text for text in left_out) == sum("substrate" in text for text in left_out) == 1
