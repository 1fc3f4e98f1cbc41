"""The table of leakage: accuracy, chance and differences worked out by hand; intervals that hold what they say."""

import numpy as np
import pandas as pd
import pytest

from made_up import RUN, resampling
from micrograph.errors import UserError
from micrograph.evaluation import leakage, summaries
from micrograph.models import registry
from micrograph.splits.fit_spec import FitSpec

CLASSES = [900, 950, 1000]
N_CANDIDATES = {
    "nominal": {name: len(registry.param_grid(name, "nominal", "strict", "default")) for name in ("KNN", "SVC")}
}
FIELDS = {"pretraining": "imagenet", "policy": "aug3", "features": "tuned", "scheme": "nominal", "model": "KNN"}


def rows(part, truth, predicted, batches, fold=0):
    return pd.DataFrame(
        {
            "fold": fold,
            "split": part,
            "sample": [f"f{fold}{place}" for place in range(len(truth))],
            "batch": list(batches),
            "y_true": truth,
            "y_pred": pd.array(predicted, dtype="Int64"),
        }
    )


def fit(protocol, *frames, **fields):
    return summaries.Fit(FitSpec(protocol, **FIELDS | fields), pd.concat(frames, ignore_index=True))


def tabled(*given):
    return leakage.make_table(given, n_candidates=N_CANDIDATES, resampling=resampling(400), run=RUN)


def one(*given, **fields):
    table = tabled(*given)
    for name, value in fields.items():
        table = table[table[name] == value]
    (row,) = table.to_dict("records")
    return row


def test_accuracy_chance_and_gap_are_those_worked_out_by_hand():
    # Validation: 3 of 4 right; true 900: 1, 950: 3, called 900: 2, 950: 2: chance (1 * 2 + 3 * 2) / 16 = 1/2.
    validation = rows("validation", [900, 950, 950, 950], [900, 950, 950, 900], "aabb")
    # Test: 2 of 4 right; true 900: 2, 1000: 2, called 900: 3, nothing: 1: chance (2 * 3) / 16.
    test = rows("test", [900, 900, 1000, 1000], [900, 900, 900, None], "abab")
    row = one(fit("strict", validation, test))
    found = {name: row[name] for name in ("validation_pct", "test_pct", "gap_pct_points")}
    assert found == pytest.approx({"validation_pct": 75, "test_pct": 50, "gap_pct_points": 25})
    assert (row["chance_validation_pct"], row["chance_test_pct"]) == pytest.approx((50, 37.5))
    assert (row["above_chance_validation_pct_points"], row["above_chance_test_pct_points"]) == pytest.approx((25, 12.5))
    assert (row["reported"], row["n_samples"], row["n_batches"], row["n_permutations"], row["verdict"]) == (
        "test",
        4,
        2,
        1,
        "",
    )
    assert np.isnan(row["change_pct_points"])


def test_a_model_that_names_one_class_is_at_its_chance_whatever_the_films_and_without_an_interval_around_it():
    test = rows("test", [900, 950, 950, 1000, 950, 950], [950] * 6, "aabbcc")
    row = one(fit("strict", test))
    assert row["chance_test_pct"] == pytest.approx(row["test_pct"])
    assert [row[f"above_chance_test_pct_points{end}"] for end in summaries.ENDS] == pytest.approx([0, 0, 0])


def test_a_part_of_one_day_or_without_films_has_no_interval():
    row = one(fit("strict", rows("test", [900, 950], [900, 900], "aa")))
    assert row["test_pct"] == pytest.approx(50)
    assert np.isnan(
        [row[f"{name}_low"] for name in ("test_pct", "above_chance_test_pct_points", "gap_pct_points")]
    ).all()
    assert np.isnan([row["validation_pct"], row["gap_pct_points"], row["selection_bias_pct_points"]]).all()


def test_a_change_is_to_the_base_of_the_same_labels_and_model_in_the_part_that_is_reported():
    def study(right, protocol, **fields):
        truth = [900, 950, 950, 1000]
        answers = [celsius if known else 900 for celsius, known in zip(truth, right, strict=True)]
        parts = [rows(part, truth, answers, "abcd") for part in ("validation", "test")]
        parts[0]["y_pred"] = 900 if protocol.startswith("strict") else parts[0]["y_pred"]
        parts[1]["y_pred"] = 900 if protocol.startswith("published") else parts[1]["y_pred"]
        return fit(protocol, *parts, **fields)

    given = [
        study([1, 1, 0, 0], "strict"),
        study([1, 1, 1, 0], "strict+selection_on_reported_split"),
        study([1, 1, 1, 1], "strict", model="DTC"),
        study([1, 1, 1, 1], "published"),
        study([1, 1, 1, 0], "published-features_from_one_fold"),
        study([1, 0, 0, 0], "strict.shuffled_films1"),
        study([1, 1, 1, 1], "strict+selection_on_reported_split.shuffled_films1"),
    ]
    table = tabled(*given).set_index(["protocol", "labels", "model"])["change_pct_points"]
    assert table["strict+selection_on_reported_split", "true", "KNN"] == pytest.approx(25)
    assert table["published-features_from_one_fold", "true", "KNN"] == pytest.approx(-25)
    assert table["strict+selection_on_reported_split", "films", "KNN"] == pytest.approx(75)
    assert table[["strict", "published"]].isna().all()


def test_draws_of_one_kind_are_taken_together_and_every_one_narrows_the_interval():
    rng = np.random.default_rng(3)
    days = np.repeat([f"d{day:02d}" for day in range(15)], 2)
    drawn = [
        fit(f"strict.shuffled_films{draw}", rows("test", rng.choice(CLASSES, 30), rng.choice(CLASSES, 30), days))
        for draw in range(1, 9)
    ]
    alone, together = one(drawn[0]), one(*drawn)
    assert (alone["n_permutations"], together["n_permutations"], together["n_samples"], together["n_batches"]) == (
        1,
        8,
        30,
        15,
    )
    right = [np.mean(fit.predictions["y_true"] == fit.predictions["y_pred"]) for fit in drawn]
    assert together["test_pct"] == pytest.approx(100 * np.mean(right))
    widths = [
        row["above_chance_test_pct_points_high"] - row["above_chance_test_pct_points_low"] for row in (alone, together)
    ]
    assert 0.2 < widths[1] / widths[0] < 0.6  # one part in the root of 8, give or take


def test_verdicts_are_of_the_part_that_is_reported():
    days = [f"d{day:02d}" for day in range(30)]
    truth = [900, 950, 1000] * 10
    known, unknown = rows("validation", truth, truth, days), rows("test", truth, truth[::-1], days)
    turned = [known.assign(split="test"), unknown.assign(split="validation")]
    strict, published = (f"{base}.shuffled_films1" for base in ("strict", "published"))
    assert one(fit(published, known, unknown))["verdict"] == "above chance"
    assert one(fit(strict, *turned))["verdict"] == "above chance"
    assert one(fit(strict, known, unknown))["verdict"] == "at chance"
    never = rows("test", truth, truth[1:] + truth[:1], days)
    assert one(fit(strict, never))["verdict"] == "below chance"


def shuffled(protocol, model, labels, right, days="abcd", draw=1):
    """A fit whose test answers are right where `right` says so; true are 900 and 950 in turn."""
    truth = [900, 950] * (len(right) // 2)
    answers = [celsius if known else 1850 - celsius for celsius, known in zip(truth, right, strict=True)]
    frames = [rows(part, truth, answers, days) for part in leakage.PARTS]
    return fit(f"{protocol}.shuffled_{labels}{draw}", *frames, model=model)


def test_all_models_together_have_a_row_a_kind_of_shuffle_and_one_for_both():
    given = [
        shuffled("strict", "KNN", "films", [1, 1, 1, 0]),
        shuffled("strict", "SVC", "films", [1, 0, 0, 0]),
        shuffled("strict", "KNN", "batches", [1, 1, 1, 1]),
        shuffled("strict", "SVC", "batches", [1, 1, 1, 1], draw=2),
        shuffled("strict", "KNN", "batches", [1, 1, 1, 1], draw=2),
    ]
    table = tabled(*given, fit("strict", rows("test", [900, 950], [900, 900], "ab")))
    together = table[table["model"] == leakage.ALL].set_index("labels")
    assert together.index.tolist() == ["films", "batches", "both"]
    assert together["test_pct"].tolist() == pytest.approx([50, 100, 80])
    assert together["n_permutations"].tolist() == [1, 2, 3]
    assert (together["n_samples"].tolist(), together["n_batches"].tolist()) == ([4] * 3, [4] * 3)
    assert (together["features"] == leakage.ALL).all() and (together["verdict"] != "").all()
    chance = table[(table["labels"] == "films") & (table["model"] != leakage.ALL)]["chance_test_pct"].mean()
    assert together.loc["films", "chance_test_pct"] == pytest.approx(chance)


def test_a_change_of_all_models_is_of_those_that_the_leak_reaches():
    given = [
        shuffled("strict", "KNN", "films", [1, 1, 0, 0]),
        shuffled("strict", "SVC", "films", [1, 0, 0, 0]),
        shuffled("strict", "CNN", "films", [1, 1, 1, 1]),
        shuffled("strict+features_from_one_fold", "KNN", "films", [1, 1, 1, 0]),
        shuffled("strict+features_from_one_fold", "SVC", "films", [1, 1, 1, 0]),
    ]
    row = one(*given, protocol="strict+features_from_one_fold", model=leakage.ALL)
    assert row["change_pct_points"] == pytest.approx(37.5)  # of 3 of 8 to 6 of 8; the CNN is no part of it


def test_what_choosing_adds_is_not_exceeded_by_the_best_of_many_guesses():
    rng = np.random.default_rng(0)
    settings = N_CANDIDATES["nominal"]["KNN"]
    for films in (8, 24, 100):
        best = [(rng.random((settings, films)) < 0.5).mean(axis=1).max() - 0.5 for _ in range(300)]
        validation = rows("validation", [900] * films, [900] * films, range(films)).assign(group=0)
        allowed = leakage.selection_bias_bound(validation, "films", settings)
        assert 100 * np.mean(best) < allowed < 250 * np.mean(best)


def test_days_of_many_films_leave_more_to_choosing_than_films_apart():
    validation = rows("validation", [900] * 12, [900] * 12, "aaaaaabbccdd").assign(group=0)
    apart, days = (leakage.selection_bias_bound(validation, labels, 10) for labels in ("films", "batches"))
    assert days / apart == pytest.approx(np.sqrt((36 + 4 + 4 + 4) / 12))


def test_what_does_not_belong_into_the_table_is_a_fault():
    test = rows("test", [900, 950], [900, 900], "ab")
    with pytest.raises(UserError, match="no predictions"):
        tabled()
    with pytest.raises(UserError, match="share of the samples"):
        tabled(fit("strict.share50", test))
    with pytest.raises(UserError, match="shows one policy"):
        tabled(fit("strict", test), fit("strict", test, policy="aug4"))
    with pytest.raises(UserError, match="not known"):
        tabled(fit("lenient", test))


def test_the_p_value_counts_the_permutations_that_reach_the_accuracy():
    """3 of 4 on true labels; permuted 4, 3, 2 and 0 of 4, of which two reach it: (1 + 2) / (1 + 4)."""
    truth = [900, 950, 950, 950]

    def tested(name, right):
        called = [celsius if place < right else 1000 for place, celsius in enumerate(truth)]
        return fit(name, rows("validation", truth, called, "aabb"), rows("test", truth, called, "aabb"))

    drawn = [tested(f"strict.shuffled_films{number}", right) for number, right in enumerate((4, 3, 2, 0), 1)]
    row = one(tested("strict", 3), *drawn, labels="true")
    assert row["p_films"] == pytest.approx(3 / 5) and row["n_draws_films"] == 4
    assert np.isnan(row["p_batches"])
    assert "0.600 (4)" in str(leakage.panels(tabled(tested("strict", 3), *drawn))[0].rows)
