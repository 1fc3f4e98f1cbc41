"""Claims: made from whatever tables there are, true to their intervals, and silent about what was not tested."""

import math

import numpy as np
import pandas as pd
import pytest

import made_up_claims
from micrograph import io
from micrograph.evaluation import (
    attribution_tests,
    baselines,
    calibration,
    confounders,
    leakage,
    learning_curve,
    table2,
    table3,
    table4,
)
from micrograph.prediction import model_card
from micrograph.splits import protocols
from micrograph.trust import claim_rules, claims

SIMULATED = "simulated films"
NEEDS = {(name, column) for topic in claims.TOPICS for name, columns in topic.needs.items() for column in columns}


def made(data=SIMULATED, **knobs):
    return claims.table(made_up_claims.tables(**knobs), data=data)


def found(table, part):
    """The one claim whose sentence holds `part`."""
    rows = table[table["claim"].str.contains(part, regex=False)]
    assert len(rows) == 1, rows["claim"].tolist()
    return rows.iloc[0]


def test_without_tables_every_question_is_asked_and_none_is_answered():
    table = claims.table({}, data=SIMULATED)
    assert set(table["topic"]) == set(claims.ORDER)
    assert set(table["verdict"]) == {claim_rules.UNTESTED}
    assert table[["estimate", "low", "high", "films"]].isna().all().all()


def test_every_topic_has_its_place_and_claims_are_numbered_in_the_order_of_questions():
    assert {topic.question for topic in claims.TOPICS} | {claims.SCOPE} == set(claims.ORDER)
    table = made()
    assert table["number"].tolist() == list(range(1, len(table) + 1))
    assert list(dict.fromkeys(table["topic"])) == claims.ORDER
    assert list(table) == claims.COLUMNS


@pytest.mark.parametrize("name", sorted(made_up_claims.tables()))
def test_a_table_that_was_not_made_leaves_its_questions_untested_and_the_others_as_they_were(name):
    given = made_up_claims.tables()
    whole = claims.table(given, data=SIMULATED)
    without = claims.table({other: table for other, table in given.items() if other != name}, data=SIMULATED)
    assert set(without.loc[without["source"] == name, "verdict"]) == {claim_rules.UNTESTED}
    assert without["claim"].str.contains(f"no table {name}", regex=False).any()
    others = [table.loc[table["source"] != name, "claim"].tolist() for table in (whole, without)]
    assert others[0] == others[1]


@pytest.mark.parametrize(("name", "column"), sorted(NEEDS))
def test_a_column_that_is_missing_is_named_and_is_no_crash(name, column):
    given = made_up_claims.tables()
    given[name] = given[name].drop(columns=column)
    table = claims.table(given, data=SIMULATED)
    assert table["claim"].str.contains(f"the table {name} has no {column}", regex=False).any()


MADE = {  # the columns that the tables really have, beside the words said of all rows
    "table2": table2.COLUMNS,
    "table3": table3.COLUMNS,
    "table4": table4.COLUMNS,
    "leakage": leakage.COLUMNS,
    "baselines": baselines.COLUMNS,
    "confounders": confounders.COLUMNS,
    "calibration": calibration.columns([900, 950, 1000]),
    "learning_curve": learning_curve.COLUMNS,
    "explanations": attribution_tests.COLUMNS,
    "rehearsal": model_card.COLUMNS,
}


@pytest.mark.parametrize(("name", "column"), sorted(NEEDS))
def test_the_tables_that_are_made_have_what_claims_need(name, column):
    assert column in MADE[name]


@pytest.mark.parametrize("name", sorted(made_up_claims.tables()))
def test_a_table_without_rows_is_no_crash(name):
    given = made_up_claims.tables()
    given[name] = given[name].iloc[:0]
    table = claims.table(given, data=SIMULATED)
    assert set(table.loc[table["source"] == name, "verdict"]) == {claim_rules.UNTESTED}


def test_a_study_too_small_for_intervals_claims_nothing():
    given = {
        name: table.assign(**{column: np.nan for column in table if column.endswith(("low", "high"))})
        for name, table in made_up_claims.tables(leakage={"added": {"one_fold": 1.0}}).items()
    }
    table = claims.table(given, data=SIMULATED)
    assert not set(table["verdict"]) & {claim_rules.SUPPORTED, claim_rules.CONTRARY}
    assert not table["claim"].str.contains("nan").any()


def test_every_sentence_is_whole_and_says_its_data_and_no_more_than_its_verdict():
    table = made()
    for row in table.to_dict("records"):
        claim, verdict = row["claim"], row["verdict"]
        assert claim[0].isupper() and claim.endswith(".") and ".." not in claim and "nan" not in claim
        assert claim.startswith("Not tested: ") == (verdict == claim_rules.UNTESTED)
        assert (claim.startswith("Whether ") and "cannot be told: " in claim) == (verdict == claim_rules.UNTOLD)
        assert (claim.startswith("That ") and " is not supported; " in claim) == (verdict == claim_rules.CONTRARY)
        if verdict != claim_rules.UNTESTED:
            assert f"{made_up_claims.FILMS} {SIMULATED}" in claim and row["films"] == made_up_claims.FILMS
            assert not math.isnan(row["low"]) and row["low"] <= row["estimate"] <= row["high"]


def test_nothing_is_said_of_real_films_where_the_data_are_simulated():
    said = found(made(), "how well real films are told")
    assert said["verdict"] == claim_rules.UNTESTED and "no claim here is one about real MoS2" in said["claim"]
    measured = made(data="films")
    assert not measured["claim"].str.contains("grown and scanned in the computer").any()
    assert found(measured, "other reactors and materials")["verdict"] == claim_rules.UNTESTED


@pytest.mark.parametrize(
    ("accuracy", "verdict"), [(78.0, "supported"), (60.0, "cannot be told"), (30.0, "not supported")]
)
def test_the_headline_is_told_from_the_commonest_temperature_only_where_their_intervals_part(accuracy, verdict):
    table = made(table2={"accuracy": accuracy})
    assert table.iloc[0]["verdict"] == verdict and table.iloc[0]["estimate"] == accuracy


def test_the_published_protocol_overstates_where_validation_lies_above_test():
    said = found(made(leakage={"gap": 20.0}), "nder published validation")
    assert said["verdict"] == "supported" and "80.0 % against 60.0 %" in said["claim"]
    assert "its test films, too, may share growth days with training films" in said["claim"]
    assert found(made(leakage={"gap": 1.0}), "nder published validation")["verdict"] == "cannot be told"
    assert found(made(leakage={"gap": -20.0}), "nder published validation")["verdict"] == "not supported"


def test_a_gap_names_the_films_of_both_parts():
    table = made(leakage={"gap": 20.0})
    published, strict = (found(table, f"nder {protocol} validation")["claim"] for protocol in ("published", "strict"))
    assert "120 simulated films of 40 growth days in validation, and the test films." in published
    assert "120 simulated films of 40 growth days, each in validation once and in test once." in strict


def test_no_sentence_has_a_leak_by_its_name_in_the_settings():
    claim = made(leakage={"added": {"one_fold": 12.0, "grid": 9.0}})["claim"]
    assert not claim.str.contains("|".join(protocols.LEAKS).replace("grid", r"\bgrid\b")).any()


def test_each_leak_has_its_claim_opened_and_closed_and_one_that_touches_nothing_says_so():
    table = made(leakage={"added": {"one_fold": 12.0, "grid": -9.0}})
    assert (
        found(table, "Strict reports more with one leak added (features of all folds from one fold's network")[
            "verdict"
        ]
        == "supported"
    )
    closed = found(table, "Published reports less with one leak closed (features of all folds from one fold's network")
    assert closed["verdict"] == "supported" and closed["estimate"] == -12
    assert (
        found(table, "That strict reports more with one leak added (settings chosen on the films reported")["verdict"]
        == "not supported"
    )
    assert (
        found(table, "strict reports more with one leak added (films of a day on both sides")["verdict"]
        == "cannot be told"
    )
    same = found(table, "That strict reports more with one leak added (components fitted on all films")
    assert "it reports the same: no answer of one fit changes" in same["claim"]
    assert same["verdict"] == "not supported" and same["estimate"] == same["low"] == same["high"] == 0
    assert "widened for 5 comparisons" in found(table, "Strict reports more with")["claim"]  # all_rows is no comparison


def test_a_leak_that_was_not_run_is_said_not_to_be_tested_beside_those_that_were():
    given = made_up_claims.tables()
    given["leakage"] = given["leakage"][given["leakage"]["protocol"] != "strict+ungrouped"]
    said = found(
        claims.table(given, data=SIMULATED), "what strict reports with one leak added (films of a day on both sides"
    )
    assert said["verdict"] == claim_rules.UNTESTED


@pytest.mark.parametrize(
    ("above", "verdict"), [(0.0, "supported"), (-9.0, "supported"), (4.0, "cannot be told"), (9.0, "not supported")]
)
def test_strict_on_shuffled_labels_must_stay_within_the_margin_of_chance(above, verdict):
    table = made(leakage={"strict_above": above})
    rows = table[table["claim"].str.contains("trict is less than 5 points of test accuracy above chance")]
    assert rows["verdict"].tolist() == [verdict, verdict]


def test_the_model_for_new_scans_is_judged_by_its_rehearsal_and_it_is_said_that_none_can_test_it_itself():
    said = found(made(), "than by always naming the commonest temperature: 62.0 % against 50.0 %")
    assert (said["verdict"], said["estimate"], said["low"], said["source"]) == ("supported", 12, 9, "rehearsal")
    assert "none is left to test it on" in said["claim"] and "flatters this a little" in said["claim"]
    for above, verdict in ((2.0, "cannot be told"), (-9.0, "not supported")):
        other = found(made(rehearsal={"above": above}), "n the rehearsal of the model for new scans (")
        assert other["verdict"] == verdict


@pytest.mark.parametrize(
    ("held", "verdict", "larger"), [(95.0, "supported", True), (91.0, "supported", False), (86.0, "cannot be told", 0)]
)
def test_sets_and_intervals_for_new_scans_are_judged_by_the_mean_over_days_against_their_aim(held, verdict, larger):
    table = made(rehearsal={"covered": held, "within": held})
    for what, beside in (
        ("sets of temperatures", "1.9 temperatures in a set"),
        ("temperature intervals", "88.0 °C wide"),
    ):
        said = found(table, f"n the rehearsal of the model for new scans {what} aimed at")
        assert (said["verdict"], said["estimate"]) == (verdict, held) and beside in said["claim"]
        assert ("larger than needed" in said["claim"]) == bool(larger) and "more than 85 %" in said["claim"]


def test_quantities_of_the_rehearsal_are_those_that_its_table_has():
    assert set(made_up_claims.rehearsal()["quantity"]) <= {
        *model_card.SCORED, *model_card.CHECKED, "majority_pct", "above_majority_points", "coverage_aim_pct",
    }  # fmt: skip


def test_what_published_makes_of_shuffled_labels_is_said_and_so_is_what_was_not_shuffled():
    table = made(leakage={"published_above": 15.0})
    rows = table[table["claim"].str.startswith("Published reports accuracy above chance")]
    assert rows["verdict"].tolist() == ["supported"] * 2
    given = made_up_claims.tables()
    given["leakage"] = given["leakage"][given["leakage"]["labels"] != "batches"]
    asked = claims.table(given, data=SIMULATED)
    for protocol in ("strict", "published"):
        said = found(asked, f"what {protocol} reports on growth temperatures dealt anew between whole growth days")
        assert said["verdict"] == claim_rules.UNTESTED


def test_pictures_are_ahead_of_metadata_only_where_they_are_ahead_of_every_model_on_them():
    said = found(made(), "tells more than ordinal logistic regression or SVC on growth metadata")
    assert said["verdict"] == "supported" and (said["estimate"], said["low"]) == (15, 12)  # the better of two models
    assert "no upper bound of what they tell" in said["claim"]
    assert "day and batch carry nothing" in said["claim"] and "makes no use of them" in said["claim"]
    for points, verdict in ((2.0, "cannot be told"), (-8.0, "not supported")):
        other = found(made(baselines={"metadata": points}), "SVC on growth metadata (day")
        assert other["verdict"] == verdict and "no upper bound" not in other["claim"]


def test_a_claim_on_a_baseline_names_the_model_and_not_all_that_the_features_could_tell():
    table = made()
    rows = table[table["claim"].str.contains("physical features")]
    assert len(rows) == 2 and rows["claim"].str.contains("rdinal logistic regression on physical features").all()
    assert found(table, "regression on physical features tells more than the commonest temperature, so that")["low"] > 0


def test_a_model_without_a_network_is_compared_with_the_commonest_temperature_film_by_film():
    table = made(baselines={"physical": 20.0, "majority": 25.0})
    said = found(table, "on physical features tells more than the commonest temperature")
    assert (said["verdict"], said["estimate"], said["low"]) == ("supported", 5, 2)
    assert "55.0 % against 50.0 %" in said["claim"] and "not paired" not in said["claim"]
    other = found(made(baselines={"physical": 23.0}), "on physical features tells more than the commonest temperature")
    assert (other["verdict"], other["low"], other["high"]) == ("cannot be told", -1, 5)


def test_physical_features_level_with_pictures_are_not_called_worse_or_better():
    said = found(made(), "physical features (roughness, grains, steps)")
    assert said["verdict"] == "cannot be told" and said["estimate"] == -2


def test_a_gain_against_imagenet_is_turned_where_the_claim_is_for_imagenet():
    table = made(table3={"scratch": -20.0, "films": -9.0})
    said = found(table, "starts from ImageNet tells more than one that starts from random weights")
    assert (said["verdict"], said["estimate"], said["low"], said["high"]) == ("supported", 20, 17, 23)
    assert "all models together" in said["claim"]
    other = found(table, "starts from films without labels tells more than one that starts from ImageNet")
    assert (other["verdict"], other["estimate"]) == ("not supported", -9)


def test_an_ordinal_scheme_helps_where_it_misses_by_fewer_degrees():
    said = found(made(), "told as CORN are missed by fewer degrees")
    assert (said["verdict"], said["estimate"], said["low"], said["high"]) == ("supported", -12, -16, -8)
    assert "not paired" in said["claim"]
    assert found(made(table4={"corn": 19.0}), "told as CORN")["verdict"] == "cannot be told"


def test_a_paired_comparison_of_schemes_is_used_where_the_table_has_it():
    given = made_up_claims.tables(table4={"corn": 19.0})
    paired = made_up_claims.value("against_nominal_celsius", -1.0, 0.4)
    given["table4"] = given["table4"].assign(**paired)
    said = found(claims.table(given, data=SIMULATED), "told as CORN are missed by fewer degrees")
    assert (said["verdict"], said["estimate"], said["low"]) == ("supported", -1.0, -1.4)
    assert "CNN, 19.0 against 20.0, −1.0 °C" in said["claim"] and "not paired" not in said["claim"]


def test_calibration_is_judged_before_and_after_scaling_and_sets_by_their_aim():
    table = made()
    assert found(table, "as the model gives them")["verdict"] == "not supported"
    assert found(table, "scaled by a temperature")["verdict"] == "supported"
    sets = found(table, "Sets aimed at holding")
    assert (sets["verdict"], sets["estimate"]) == ("supported", 88) and "1.8 temperatures" in sets["claim"]


@pytest.mark.parametrize(
    ("covered", "verdict", "larger"),
    [
        (79.0, "not supported", False),  # [77, 81]
        (85.5, "cannot be told", False),
        (87.5, "supported", False),  # short of 90 %, but by less than the margin
        (91.0, "supported", False),
        (97.0, "supported", True),  # more than the aim, and not "to within 5 points"
    ],
)
def test_sets_hold_the_truth_nearly_as_often_as_they_aim_at_or_more_and_larger_ones_are_said_so(
    covered, verdict, larger
):
    said = found(made(calibration={"covered": covered}), "ets aimed at holding the truth for 90 % of films hold it for")
    assert said["verdict"] == verdict and "for more than 85 %" in said["claim"]
    assert ("they hold more than they aim at, being larger than needed" in said["claim"]) == larger
    assert ("they fall short of their aim by more than that" in said["claim"]) == (verdict == "not supported")


def with_calibration(**columns):
    """The claims of a study whose table of calibration has more columns."""
    given = made_up_claims.tables()
    given["calibration"] = given["calibration"].assign(**columns)
    return claims.table(given, data=SIMULATED)


def test_scaling_helps_where_the_paired_log_loss_falls_and_probabilities_must_beat_the_class_shares():
    changed = made_up_claims.value("log_loss_change", -0.1, 0.05) | made_up_claims.value("log_loss", 0.7, 0.1)
    table = with_calibration(**changed, shares_log_loss=0.98)
    said = found(table, "A temperature fitted on validation films makes probabilities more true")
    assert (said["verdict"], said["estimate"], said["unit"]) == ("supported", -0.1, "nats")
    more = found(table, "say more than how common each temperature is (log loss 0.98)")
    assert (more["verdict"], more["estimate"]) == ("supported", 0.7)
    level = with_calibration(**made_up_claims.value("log_loss", 0.95, 0.1), shares_log_loss=0.98)
    assert found(level, "say more than how common each temperature is")["verdict"] == "cannot be told"


def test_sets_are_judged_by_the_mean_over_growth_days_where_the_table_has_it():
    said = found(with_calibration(**made_up_claims.value("covered_by_day_pct", 91.0, 2)), "Sets aimed at holding")
    assert (said["verdict"], said["estimate"]) == ("supported", 91) and "88.0 % of films" in said["claim"]


def test_a_fit_without_probabilities_says_why_it_is_left_out():
    given = made_up_claims.tables()
    left_out = {"stage": "left_out", "why": "it gives no probabilities", "ece_pct": np.nan, "covered_pct": np.nan}
    given["calibration"] = given["calibration"].iloc[:1].assign(**left_out)
    table = claims.table(given, data=SIMULATED)
    assert found(table, "it gives no probabilities")["verdict"] == claim_rules.UNTESTED


def test_of_many_calibrated_models_the_network_is_spoken_of():
    given = made_up_claims.tables()
    others = [given["calibration"].assign(model=name, features="tuned") for name in ("SVC", "GBC", "MLP")]
    given["calibration"] = pd.concat([*others, given["calibration"]], ignore_index=True)
    table = claims.table(given, data=SIMULATED)
    rows = table[table["source"] == "calibration"]
    assert len(rows) == 3 and rows["claim"].str.contains("CNN on micrographs").all()


def test_new_operators_and_later_days_are_judged_within_a_margin_and_what_cannot_be_tested_says_why():
    table = made()
    assert found(table, "operators never learnt from")["verdict"] == "supported"
    assert found(table, "days after all that was learnt from")["verdict"] == "not supported"
    given = made_up_claims.tables()
    given["confounders"] = given["confounders"].assign(training_films=40.2, rest_training_films=80.0)
    fewer = found(claims.table(given, data=SIMULATED), "days after all")
    assert "learnt from 40 films a fold against strict's 80, which counts against it" in fewer["claim"]
    said = found(made(confounders={"why": "the sheet names no operators"}), "the sheet names no operators")
    assert said["verdict"] == claim_rules.UNTESTED and said["topic"] == "Does it hold for new operators?"


def test_a_split_that_learns_from_more_films_than_strict_says_that_this_flatters_it():
    given = made_up_claims.tables()
    given["confounders"] = given["confounders"].assign(training_films=80.0, rest_training_films=60.0)
    table = claims.table(given, data=SIMULATED)
    level = found(table, "operators never learnt from")
    assert level["verdict"] == "supported" and ", though learnt from more films: " in level["claim"]
    assert "learnt from 80 films a fold against strict's 60, which flatters it" in level["claim"]
    worse = found(table, "days after all")
    assert "which flatters it" in worse["claim"] and "though learnt from more" not in worse["claim"]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (9.0, 15.0, "supported"),  # told better
        (-4.0, -0.5, "supported"),  # a difference that is there, but within 5 points
        (-6.0, 0.5, "cannot be told"),
        (-9.0, -4.0, "cannot be told"),
        (-9.0, -5.5, "not supported"),
    ],
)
def test_films_told_slightly_worse_are_within_the_margin_and_those_beyond_it_are_not(low, high, verdict):
    given = made_up_claims.tables()
    ends = {"difference_points_low": low, "difference_points_high": high}
    given["confounders"] = given["confounders"].assign(difference_points=(low + high) / 2, **ends)
    said = found(claims.table(given, data=SIMULATED), "days after all")
    assert (
        said["verdict"] == verdict and "as well as by the strict protocol, or less than 5 points worse" in said["claim"]
    )


def test_two_groups_are_one_comparison_and_a_kind_that_cannot_be_grouped_says_why():
    table = made()
    said = found(table, "differs with the substrate")
    assert said["verdict"] == "supported" and "widened for 4 comparisons" in said["claim"]  # three times, one substrate
    assert "a-plane" not in said["claim"]
    assert found(table, "every growth day has three films")["verdict"] == claim_rules.UNTESTED


def test_more_films_help_where_the_last_step_did_and_nothing_is_said_beyond_the_curve():
    said = found(made(learning_curve={"gain": 8.0}), "The last films to learn from (30 to 60 a fold)")
    assert said["verdict"] == "supported" and "a curve does not show" in said["claim"]
    assert found(made(learning_curve={"gain": 0.0}), "the last films to learn from")["verdict"] == "cannot be told"


def test_what_all_films_gave_over_the_fewest_is_paired_where_the_table_has_it():
    given = made_up_claims.tables()
    assert "not paired" in found(claims.table(given, data=SIMULATED), "More films to learn from (15 to 60")["claim"]
    given["learning_curve"] = given["learning_curve"].assign(**made_up_claims.value("rise_points", 14.0, 2))
    said = found(claims.table(given, data=SIMULATED), "More films to learn from (15 to 60")
    assert (said["verdict"], said["estimate"], said["low"]) == ("supported", 14, 12)
    given["learning_curve"] = given["learning_curve"].iloc[1:]  # two shares: the last step is the whole rise
    assert not claims.table(given, data=SIMULATED)["claim"].str.contains("ore films to learn from").any()


def test_the_luck_of_the_folds_is_set_beside_that_of_the_days_with_its_chi_squared_interval():
    said = found(made(table2={"repeats": 5, "deal_std": 2.0}), "ow the folds are dealt")
    assert said["low"] == pytest.approx(2 * math.sqrt(4 / 11.1433), rel=1e-4)  # chi-squared of 4, 97.5 %
    assert said["high"] == pytest.approx(2 * math.sqrt(4 / 0.484419), rel=1e-4)  # 2.5 %
    assert said["verdict"] == "cannot be told" and "(4.1 points" in said["claim"]  # 16 / 2 / 1.96
    clear = found(made(table2={"repeats": 5, "deal_std": 1.0}), "ow the folds are dealt")
    assert clear["verdict"] == "supported" and "more deals" not in clear["claim"]
    assert found(made(table2={"repeats": 1}), "the folds were dealt once")["verdict"] == claim_rules.UNTESTED


@pytest.mark.parametrize(("repeats", "deal_std"), [(2, 0.0), (5, 0.0), (5, 1e-14), (2, 0.05), (2, 9.0)])
def test_two_deals_or_equal_ones_tell_nothing_of_the_luck_of_the_folds_and_more_are_asked_for(repeats, deal_std):
    said = found(made(table2={"repeats": repeats, "deal_std": deal_std}), "ow the folds are dealt")
    assert said["verdict"] == "cannot be told" and math.isnan(said["low"]) and math.isnan(said["high"])
    assert "more deals are needed" in said["claim"] and "without an interval" in said["claim"]


def test_explanations_are_judged_by_their_controls_and_real_films_leave_places_untested():
    table = made()
    assert found(table, "class-weighted CAM marks more")["verdict"] == "supported"
    assert found(table, "lies more on what the film shows")["verdict"] == "supported"
    assert found(table, "no more like itself than like another film's map, to within 0.1")["verdict"] == "supported"
    assert found(table, "looks less at scars")["verdict"] == "supported"
    bad = made(explanations={"scars": 1.8, "keeps": 0.5, "deletion": 0.05})
    assert found(bad, "it marks less")["verdict"] == "not supported"
    assert found(bad, "it is more like itself by more than that, as it should not be")["verdict"] == "not supported"
    assert found(bad, "it looks more at what is not the film")["verdict"] == "not supported"
    small = made(explanations={"keeps": 0.05})  # [0.04, 0.06]: more like itself, but to within 0.1
    assert found(small, "no more like itself than like another film's map, to within 0.1")["verdict"] == "supported"
    real = made(data="films", explanations={"simulated": False})
    assert found(real, "is known of simulated films alone.")["verdict"] == claim_rules.UNTESTED


def test_only_the_strict_protocol_speaks_of_how_well_films_are_told():
    given = made_up_claims.tables()
    alien = {name: given[name].assign(protocol="published") for name in ("table2", "table3", "table4", "baselines")}
    table = claims.table(given | alien, data=SIMULATED)
    assert set(table.loc[table["source"].isin(alien), "verdict"]) == {claim_rules.UNTESTED}


def test_the_tables_given_are_left_alone_and_the_same_tables_give_the_same_claims(tmp_path):
    given = made_up_claims.tables()
    before = {name: table.copy() for name, table in given.items()}
    one, other = (claims.table(given, data=SIMULATED) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)
    for name, table in given.items():
        pd.testing.assert_frame_equal(table, before[name])


def test_tables_read_from_their_files_give_the_claims_of_tables_in_memory(tmp_path):
    given = made_up_claims.tables()
    given["leakage"] = given["leakage"][given["leakage"]["labels"] == "true"]  # a column of one word, "true"
    read = {}
    for name, table in given.items():
        io.write_table(tmp_path / f"{name}.tsv", table)
        read[name] = io.read_table(tmp_path / f"{name}.tsv")
    assert claims.table(read, data=SIMULATED)["claim"].tolist() == claims.table(given, data=SIMULATED)["claim"].tolist()


def test_a_table_read_back_from_its_file_shows_the_same(tmp_path):
    table = made()
    io.write_table(tmp_path / "claims.tsv", table)
    read = io.read_table(tmp_path / "claims.tsv")
    assert claims.panels_of(read) == claims.panels_of(table)
    assert claims.counted(read) == claims.counted(table)


def test_the_panel_names_a_question_once_and_gives_numbers_with_units():
    (panel,) = claims.panels_of(made())
    assert [row[0] for row in panel.rows if row[0]] == claims.ORDER
    assert panel.rows[0][2:] == ["supported", "78.0 [70.0, 86.0] %", "120", "–", "table2"]
    scope = next(row for row in panel.rows if row[0] == claims.SCOPE)
    assert scope[2:] == ["not tested", "–", "–", "–", ""]


def test_the_caption_counts_verdicts_and_words_from_tables_stay_text_in_html():
    given = made_up_claims.tables()
    given["confounders"]["group"] = given["confounders"]["group"].replace("c-plane", "<script>alert(1)</script>")
    table = claims.table(given, data=SIMULATED)
    text = claims.caption(table)
    assert f"{(table['verdict'] == 'supported').sum()} supported" in text and "{" not in text
    assert "5 points of accuracy, coverage or calibration, 0.1 of rank correlation" in text
    html = claims.html(table, text)
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "| cannot be told |" in claims.markdown(table, text)
