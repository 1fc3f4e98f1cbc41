"""The table of confounders: hand arithmetic, coverage of the intervals, and why there is none."""

import numpy as np
import pandas as pd
import pytest

from made_up import RUN, resampling
from made_up_confounders import answered, films, rows, scans, tabled
from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, confounders, subgroups
from micrograph.evaluation.bootstrap import Resampling
from tables_of_films import TARGET


def test_a_group_is_compared_with_all_other_films():
    sheet = films(substrate=["c"] * 30 + ["A"] * 30)
    right = np.array(([True] * 2 + [False]) * 10 + ([True] + [False] * 2) * 10)
    table = rows(tabled(sheet, right), "substrate")
    assert table.loc["c", ["accuracy_pct", "rest_pct", "difference_pct_points"]].tolist() == pytest.approx(
        [200 / 3, 100 / 3, 100 / 3]
    )
    assert table.loc["A", "difference_pct_points"] == pytest.approx(-100 / 3)
    assert table.loc["c", ["n_samples", "n_batches", "majority_pct"]].tolist() == [
        30,
        10,
        0,
    ]  # 1000 C is named, none is
    assert table["overall_pct"].tolist() == pytest.approx([50, 50])
    assert (table["reason"] == "").all()
    # Every day is like the others of its group, so redrawing days changes nothing.
    assert table.loc["c", ["difference_pct_points_low", "difference_pct_points_high"]].tolist() == pytest.approx(
        [100 / 3] * 2
    )


def test_groups_of_another_mix_of_temperatures_are_compared_temperature_by_temperature():
    """Both groups have 4 of 5 of 950 C right and 1 of 5 of 1000 C, in unlike numbers: accuracies of 68 and 32 %, no
    difference. 900 C, which one group alone has, does not count."""
    truth = np.array([950] * 20 + [1000] * 5 + [950] * 5 + [1000] * 20 + [900] * 10)
    right = np.tile([1, 1, 1, 1, 0], 4).tolist() + [1, 0, 0, 0, 0] + [1, 1, 1, 1, 0] + [1, 0, 0, 0, 0] * 4 + [1] * 10
    sheet = films(substrate=["c"] * 25 + ["A"] * 35)
    fit = answered(sheet, np.ones(60, dtype=bool))
    tested = fit.predictions["split"] == "test"
    fit.predictions.loc[tested, "y_true"] = truth
    fit.predictions.loc[tested, "y_pred"] = np.where(right, truth, 0)
    given = [fit], [], [], {}, TARGET
    row = rows(confounders.make_table(scans(sheet), *given, resampling=resampling(400), run=RUN), "substrate")
    assert row.loc["c", ["accuracy_pct", "n_shared_classes"]].tolist() == pytest.approx([68, 2])
    assert row.loc["c", ["balanced_pct", "rest_balanced_pct", "difference_pct_points"]].tolist() == pytest.approx(
        [50, 50, 0]
    )
    assert row.loc["c", "difference_pct_points_low"] < 0 < row.loc["c", "difference_pct_points_high"]
    assert row[["n_900", "n_950", "n_1000"]].loc[["c", "A"]].to_numpy().tolist() == [[0, 20, 5], [10, 5, 20]]


def test_every_kind_has_a_row_or_the_reason_why_nothing_is_compared():
    sheet = films().drop(columns="operator").assign(growth_seconds=np.nan)
    table = tabled(sheet, np.arange(60) % 4 > 0)
    assert table["kind"].tolist() == [*subgroups.SUBGROUPS, *["split"] * 3]
    why = table.set_index("kind")["reason"]
    assert why["growth_seconds"] == why["operator"] == confounders.UNKNOWN
    assert why["substrate"] == why["scan_quality"] == why["batch_size"] == confounders.NO_OTHERS
    assert table["difference_pct_points"].isna().all()
    grouped = table[table["kind"] != "split"]
    assert (grouped["n_samples"] == 60).all() and grouped["accuracy_pct_low"].between(60, 76).all()


def test_films_of_which_nobody_knows_are_neither_in_a_group_nor_in_the_rest():
    sheet = films(90, operator=["anna"] * 30 + ["bo"] * 30 + [""] * 30)
    right = np.array([True, False] * 15 + [True, True, False] * 10 + [False] * 30)
    table = rows(tabled(sheet, right), "operator")
    assert table.loc["anna", "rest_pct"] == pytest.approx(200 / 3)  # bo's alone
    unknown = table.loc[subgroups.NOT_STATED]
    assert unknown["accuracy_pct"] == 0 and unknown["reason"] == confounders.UNKNOWN and unknown["n_samples"] == 30


@pytest.mark.parametrize(("days", "reason"), [(1, confounders.FEW), (4, confounders.FEW), (5, "")])
def test_groups_of_few_batches_have_no_interval_and_give_the_reason(days, reason):
    rare = np.arange(60) < 3 * days
    table = rows(tabled(films(operator=np.where(rare, "bo", "anna")), np.arange(60) % 3 != np.arange(60) // 3 % 3),
                 "operator")  # fmt: skip
    ends = ["difference_pct_points_low", "difference_pct_points_high"]
    assert table.loc["bo", "reason"] == reason
    assert table.loc["anna", "reason"] == (f"the rest: {reason}" if reason else "")
    assert table[ends].isna().all(axis=None) == bool(reason)
    assert np.isfinite(table.loc["bo", "difference_pct_points"])


def test_a_group_that_is_right_throughout_has_no_interval_however_many_batches():
    sheet = films(substrate=["c"] * 30 + ["A"] * 30)
    table = rows(tabled(sheet, (np.arange(60) < 30) | (np.arange(60) % 4 > 0)), "substrate")
    assert (
        table.loc["c", "reason"] == confounders.CONSTANT
        and table.loc["A", "reason"] == f"the rest: {confounders.CONSTANT}"
    )
    assert table.loc["c", "accuracy_pct"] == 100
    assert table[["accuracy_pct_low", "difference_pct_points_low"]].isna().sum().tolist() == [1, 2]


def drawn(rng, days, a_day, chance, spread):
    """(films,) right or not, of days that are easier and harder by `spread`."""
    day = np.clip(chance + rng.normal(0, spread, days), 0.02, 0.98)
    return rng.random(days * a_day) < np.repeat(day, a_day)


@pytest.mark.parametrize(("days", "least"), [(6, 0.8), (20, 0.88)])
def test_the_interval_of_a_difference_holds_the_truth_about_as_often_as_it_says(days, least):
    """Groups that differ by nothing but days: 0 is the truth. 250 draws: one standard error is 1.4 to 2.5 %."""
    rng, held = np.random.default_rng(days), []
    for seed in range(250):
        sheet = films(3 * (days + 25))
        right = drawn(rng, days + 25, 3, 0.6, 0.2)
        rows = sheet.assign(right=right.astype(float), y_true=950)
        inside = np.arange(len(sheet)) < 3 * days
        differences = confounders._differences(rows[inside], rows[~inside], Resampling([900, 950, 1000], 300, seed))
        low, high = bootstrap.interval(differences)
        held.append(low <= 0 <= high)
    assert least <= np.mean(held) <= 0.99


def test_films_of_which_nobody_knows_do_not_make_a_third_group():
    operator = np.where(np.arange(60) < 15, "", np.where(np.arange(60) // 3 % 2, "anna", "bo"))
    assert len(confounders.comparisons(tabled(films(operator=operator), np.arange(60) % 4 > 0))) == 1


def test_other_folds_are_compared_with_strict_on_the_same_films():
    sheet = films()
    strict = np.arange(60) % 3 != np.arange(60) // 3 % 3  # two of three, on every day
    later = sheet.iloc[30:]
    other = answered(later, strict[30:] & (np.arange(30) % 6 > 0), "later_days", learnt=20)
    table = rows(tabled(sheet, strict, [other], [answered(sheet, strict)], {"by_operator": "by_operator: no names."}),
                 "split")  # fmt: skip
    row = table.loc["later_days"]
    lost = (strict[30:] & (np.arange(30) % 6 == 0)).mean()
    assert row["rest_pct"] == pytest.approx(200 / 3) and row["n_samples"] == 30
    assert row["difference_pct_points"] == pytest.approx(-100 * lost) and lost > 0
    assert row["difference_pct_points_low"] < -100 * lost < row["difference_pct_points_high"] <= 0
    assert (row["n_train_samples"], row["rest_n_train_samples"]) == (20, 40)
    assert table.loc["by_operator", "reason"] == "no names" and table.loc["by_operator", "n_samples"] == 0
    panel = confounders.panels(tabled(sheet, strict, [other], [answered(sheet, strict)]))[-1]
    assert "20 training samples per fold, 40 under strict" in panel.notes[0]


def test_other_folds_without_strict_beside_them_or_without_a_difference_have_no_interval():
    sheet, right = films(), np.arange(60) % 4 > 0
    other = answered(sheet, right, "by_operator")
    alone = rows(tabled(sheet, right, [other]), "split").loc["by_operator"]
    assert alone["reason"] == confounders.NO_STRICT and np.isnan(alone["difference_pct_points"])
    assert np.isfinite(alone["accuracy_pct_low"])
    same = rows(tabled(sheet, right, [other], [answered(sheet, right)]), "split").loc["by_operator"]
    assert same["reason"] == confounders.IDENTICAL and same["difference_pct_points"] == 0
    assert np.isnan(same["difference_pct_points_low"])


def test_a_film_that_is_predicted_and_not_among_the_samples_is_a_fault():
    sheet = films()
    given = [answered(sheet, np.arange(60) % 4 > 0)], [], [], {}, TARGET
    with pytest.raises(UserError, match="sample f059 has predictions and is not in samples.tsv"):
        confounders.make_table(scans(sheet.iloc[:-1]), *given, resampling=resampling(100), run=RUN)


def test_a_film_without_an_answer_is_wrong():
    sheet = films(substrate=["c"] * 30 + ["A"] * 30)
    fit = answered(sheet, np.ones(60, dtype=bool))
    fit.predictions["y_pred"] = fit.predictions["y_pred"].astype("Int64")
    fit.predictions.loc[:14, "y_pred"] = pd.NA
    given = [fit], [], [], {}, TARGET
    table = confounders.make_table(scans(sheet), *given, resampling=resampling(100), run=RUN)
    assert rows(table, "substrate")["accuracy_pct"].to_dict() == {"A": 100, "c": 50}
