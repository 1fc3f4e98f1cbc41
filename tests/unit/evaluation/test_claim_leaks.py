"""Claims on leaks: strict at chance is one claim of all models, and what is said of draws, deals and models is so."""

import numpy as np
import pandas as pd
import pytest

import made_up_claims
from micrograph.evaluation import leakage
from micrograph.splits import protocols
from micrograph.trust import claim_leaks, claim_rules

SIMULATED = "simulated films"


def together(table, above, labels=("films", "batches", "both"), half=2.0):
    """The table with rows of strict's models together, so many points above chance."""
    row = table[table["protocol"] == "strict"].iloc[0].to_dict()
    row |= {"features": leakage.ALL, "model": leakage.ALL}
    value = made_up_claims.value("above_test_points", above, half)
    rows = [row | value | {"labels": kind, "draws": 5 if kind == "both" else 2} for kind in labels]
    return pd.concat([table, pd.DataFrame(rows)], ignore_index=True)


def strict_of(table):
    made = claim_leaks.nothing(table, SIMULATED)
    return [claim for claim in made if "trict is less than 5 points" in claim.claim]


def test_that_strict_is_at_chance_is_one_claim_of_all_models_naming_films_days_and_draws():
    # A model alone is far above by luck of its wide interval; together they are not.
    (claim,) = strict_of(together(made_up_claims.leakage(strict_above=9.0), 1.0))
    assert claim.verdict == claim_rules.SUPPORTED and (claim.estimate, claim.low, claim.high) == (1, -1, 3)
    assert "all models together" in claim.claim and "120 simulated films of 40 growth days" in claim.claim
    assert "between films (2 draws) and between whole growth days (2 draws)" in claim.claim
    assert "wholly above" not in claim.claim


@pytest.mark.parametrize(
    ("above", "verdict", "side"),
    [
        (0.0, "supported", ""),
        (-9.0, "supported", "wholly below chance"),
        (2.5, "supported", "wholly above chance"),  # within the margin, and said to be above
        (4.0, "cannot be told", "wholly above chance"),
        (7.0, "cannot be told", "wholly above chance"),  # [5.0, 9.0] holds the margin
        (7.2, "not supported", "wholly above chance"),
    ],
)
def test_strict_at_chance_fails_only_where_the_whole_interval_lies_beyond_the_margin(above, verdict, side):
    (claim,) = strict_of(together(made_up_claims.leakage(), above))
    assert claim.verdict == verdict
    assert ("wholly" in claim.claim) == bool(side) and side in claim.claim


def test_without_a_row_for_both_kinds_each_kind_has_its_claim():
    claims = strict_of(together(made_up_claims.leakage(strict_above=9.0), 1.0, labels=("films", "batches")))
    assert [claim.verdict for claim in claims] == [claim_rules.SUPPORTED] * 2
    assert ["between films" in claim.claim for claim in claims] == [True, False]
    assert all("(2 draws)" in claim.claim and "all models" in claim.claim for claim in claims)


def test_one_kind_of_draws_alone_leaves_the_other_untested():
    table = made_up_claims.leakage()
    made = claim_leaks.nothing(table[table["labels"] != "batches"], SIMULATED)
    assert sum("(1 draw)" in claim.claim for claim in made) == 3
    untested = [claim for claim in made if claim.verdict == claim_rules.UNTESTED]
    assert len(untested) == 2 and all("whole growth days" in claim.claim for claim in untested)


def test_every_claim_on_shuffled_labels_says_how_many_draws():
    made = claim_leaks.nothing(together(made_up_claims.leakage(), 0.0), SIMULATED)
    assert len(made) == 5
    assert all(" draw)" in claim.claim or " draws)" in claim.claim for claim in made)


def test_a_model_with_nothing_to_choose_is_not_among_those_that_a_leak_makes_report_too_much():
    table = made_up_claims.leakage()
    row = table[(table["protocol"] == "strict+one_fold") & (table["labels"] == "films")].iloc[0].to_dict()
    row |= {"protocol": "strict+grid", "model": "CNN", "features": "image"}

    def made_up(change):
        more = pd.DataFrame([row | made_up_claims.value("change_points", *change)])
        made = claim_leaks.nothing(pd.concat([table, more], ignore_index=True), SIMULATED)
        return next(claim.claim for claim in made if "added to strict" in claim.claim and "films (" in claim.claim)

    assert "CNN" not in made_up((0.0, 0.0)) and "widened" not in made_up((0.0, 0.0))
    assert "CNN on micrographs (leak: settings chosen on the films reported)" in made_up(
        (0.0, 1.0)
    ) and "widened for 2 comparisons" in made_up((0.0, 1.0))


def test_rows_of_all_models_are_no_comparison_beside_their_models():
    table = together(made_up_claims.leakage(), 0.0)
    more = table[table["model"] == leakage.ALL].assign(protocol="published", above_validation_points=90.0)
    for one, other in zip(
        claim_leaks.nothing(table, SIMULATED),
        claim_leaks.nothing(pd.concat([table, more], ignore_index=True), SIMULATED),
        strict=True,
    ):
        assert one.claim == other.claim


@pytest.mark.parametrize("base", ["strict", "published"])
def test_other_folds_are_said_where_growth_days_may_stand_on_both_sides_and_only_there(base):
    made = claim_leaks.contributed(made_up_claims.leakage(), SIMULATED, base)
    assert len(made) == len(protocols.LEAKS)
    for leak, claim in zip(protocols.LEAKS, made, strict=True):
        assert ("luck of another deal" in claim.claim) == (leak == "ungrouped")


def test_no_interval_no_verdict():
    table = together(made_up_claims.leakage(), 0.0)
    table.loc[table["labels"] == "both", ["above_test_points_low", "above_test_points_high"]] = np.nan
    (claim,) = strict_of(table)
    assert claim.verdict == claim_rules.UNTOLD and "without an interval" in claim.claim
