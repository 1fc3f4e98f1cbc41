"""The rules of claims: verdicts follow the interval as it is written, and many comparisons do not make a claim."""

import numpy as np
import pytest

from micrograph.trust import claim_rules
from micrograph.trust.claim_rules import CONTRARY, SUPPORTED, UNTOLD, Compared, Rule, Words

WORDS = Words("A beats B", "it loses", "films", also=" at last")
MORE, LESS, OTHER = Rule(), Rule(sign=-1), Rule(sign=0)
WITHIN = Rule(sign=-1, least=5)  # no more than 5 above; its contrary, that it is more


def compared(low, high, name="SVC", estimate=None):
    return Compared(name, (low + high) / 2 if estimate is None else estimate, low, high, 118.0, 44.0)


@pytest.mark.parametrize(
    ("low", "high", "rule", "verdict"),
    [
        (2.0, 14.0, MORE, SUPPORTED),
        (-2.0, 14.0, MORE, UNTOLD),
        (-14.0, -2.0, MORE, CONTRARY),
        (-14.0, -2.0, LESS, SUPPORTED),
        (2.0, 14.0, LESS, CONTRARY),
        (2.0, 14.0, OTHER, SUPPORTED),
        (-14.0, -2.0, OTHER, SUPPORTED),
        (-14.0, 2.0, OTHER, UNTOLD),
        (-6.0, 4.9, WITHIN, SUPPORTED),
        (-6.0, 5.0, WITHIN, UNTOLD),
        (0.1, 4.0, WITHIN, SUPPORTED),  # a difference that is there, but small, is within the margin
        (4.0, 6.0, WITHIN, UNTOLD),
        (5.1, 9.0, WITHIN, CONTRARY),
        (-4.0, -0.1, Rule(1, -5), SUPPORTED),
        (-9.0, -5.1, Rule(1, -5), CONTRARY),
        (86.0, 93.0, Rule(1, 85, 90), SUPPORTED),
        (84.0, 93.0, Rule(1, 85, 90), UNTOLD),
        (86.0, 89.0, Rule(1, 85, 90), CONTRARY),
        (np.nan, np.nan, MORE, UNTOLD),
        (np.nan, np.nan, OTHER, UNTOLD),
    ],
)
def test_a_verdict_follows_from_where_the_interval_lies(low, high, rule, verdict):
    assert claim_rules.judged(compared(low, high), rule, 1) == verdict


@pytest.mark.parametrize("rule", [MORE, LESS, WITHIN, Rule(1, -5), Rule(1, 85, 80)])
def test_no_interval_both_supports_a_claim_and_holds_values_that_speak_against_it(rule):
    """A claim that is supported is so of every part of its interval, and one not supported of none."""
    for low in np.arange(-12.0, 100.0, 3.5):
        for width in (0.5, 3.0, 11.0):
            whole = claim_rules.judged(compared(low, low + width), rule, 1)
            parts = {claim_rules.judged(compared(at, at), rule, 1) for at in (low, low + width / 2, low + width)}
            assert whole == UNTOLD or parts == {whole}


def test_an_interval_counts_as_it_is_written():
    assert claim_rules.judged(compared(0.04, 9.0), MORE, 1) == UNTOLD  # it is written [+0.0, +9.0]
    assert claim_rules.judged(compared(0.06, 9.0), MORE, 1) == SUPPORTED


def test_each_verdict_has_its_sentence_with_number_interval_and_films():
    said = [claim_rules.single(WORDS, compared(*ends), MORE, "points").claim for ends in ((2, 14), (-14, -2), (-2, 14))]
    assert said[0] == "A beats B at last: SVC, +8.0 points [+2.0, +14.0]; 118 films of 44 growth days."
    assert (
        said[1]
        == "That A beats B is not supported; it loses: SVC, −8.0 points [−14.0, −2.0]; 118 films of 44 growth days."
    )
    assert said[2] == "Whether A beats B cannot be told: SVC, +6.0 points [−2.0, +14.0]; 118 films of 44 growth days."


def test_a_claim_with_a_subclause_is_closed_before_its_verdict_and_begins_with_a_capital():
    words = Words("films of X, grown late, are told", "they are not", "films")
    assert words.said(SUPPORTED) == "Films of X, grown late, are told"
    assert words.said(UNTOLD) == "Whether films of X, grown late, are told, cannot be told"
    plain = Words("films (of X, grown late) are told", "they are not", "films")
    assert plain.said(UNTOLD) == "Whether films (of X, grown late) are told cannot be told"
    assert words.said(CONTRARY) == "That films of X, grown late, are told, is not supported; they are not"


def test_without_an_interval_nothing_can_be_told_and_the_sentence_says_so():
    claim = claim_rules.single(WORDS, Compared("SVC", 30.0, np.nan, np.nan), MORE, "points")
    assert claim.verdict == UNTOLD and "+30.0 points, without an interval; films." in claim.claim


def test_five_comparisons_at_once_widen_each_side_by_the_ratio_of_normal_quantiles():
    wide = claim_rules.widened(compared(2.0, 26.0, estimate=10.0), 5)
    assert wide.low == pytest.approx(10 - 8 * 2.575829 / 1.959964, abs=1e-5)  # 0.05 / 5 / 2 in each tail
    assert wide.high == pytest.approx(10 + 16 * 2.575829 / 1.959964, abs=1e-5)
    one = compared(2.0, 26.0)
    assert claim_rules.widened(one, 1) == one


def test_an_interval_that_leaves_its_estimate_out_is_not_narrowed():
    wide = claim_rules.widened(compared(2.0, 26.0, estimate=1.0), 5)
    assert wide.low <= 2.0 and wide.high >= 26.0


def test_of_several_comparisons_those_that_stand_are_named_clearest_first():
    family = [compared(-3, 5, "SVC"), compared(4, 16, "MLP"), compared(8, 12, "CNN")]
    claim = claim_rules.some(WORDS, family, MORE, "points")
    assert claim.verdict == SUPPORTED and claim.estimate == 10
    assert claim.low == pytest.approx(10 - 2 * 2.393980 / 1.959964, abs=1e-4)
    assert claim.claim.index("CNN") < claim.claim.index("MLP") < claim.claim.index("of 1 other this cannot be said")
    assert "widened for 3 comparisons" in claim.claim and "SVC" not in claim.claim


def test_one_that_stands_alone_falls_among_many():
    one = compared(0.5, 11.5)
    assert claim_rules.some(WORDS, [one], MORE, "points").verdict == SUPPORTED
    assert claim_rules.some(WORDS, [one], MORE, "points", count=20).verdict == UNTOLD
    assert "[−2.5, +14.5]" in claim_rules.some(WORDS, [one], MORE, "points", count=20).claim  # 5.5 * 3.0233 / 1.96


def test_some_is_not_supported_only_where_the_contrary_holds_of_every_one():
    against, untold = compared(-20, -10, "MLP"), compared(-4, 1, "SVC")
    assert claim_rules.some(WORDS, [against, against], MORE, "points").verdict == CONTRARY
    mixed = claim_rules.some(WORDS, [untold, against], MORE, "points")
    assert mixed.verdict == UNTOLD and "the other way: MLP" in mixed.claim and "clearest of 2 is SVC" in mixed.claim


def test_every_needs_every_one_and_shows_the_one_nearest_to_failing():
    safe, close, open_ = compared(20, 30, "SVC"), compared(1, 40, "MLP"), compared(-1, 40, "CNN")
    claim = claim_rules.every(WORDS, [safe, close], MORE, "points")
    assert claim.verdict == SUPPORTED and (claim.low, claim.high) == (1, 40) and "failing of 2 is MLP" in claim.claim
    assert claim_rules.every(WORDS, [safe, open_], MORE, "points").verdict == UNTOLD
    against = claim_rules.every(WORDS, [safe, compared(-30, -20, "KRC")], MORE, "points")
    assert against.verdict == CONTRARY and "KRC" in against.claim and against.low < -30
    unknown = claim_rules.every(WORDS, [safe, Compared("GPC", 30.0, np.nan, np.nan)], MORE, "points")
    assert unknown.verdict == UNTOLD and "GPC" in unknown.claim


def test_unpaired_values_give_the_widest_difference_that_their_intervals_allow():
    apart = claim_rules.unpaired(compared(60, 80), compared(45, 55))
    assert (apart.estimate, apart.low, apart.high) == (20, 5, 35)
    assert "70.0 against 50.0 (not paired)" in apart.beside


@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.9])
def test_an_unpaired_difference_covers_the_truth_at_least_as_often_as_it_says(correlation):
    rng = np.random.default_rng(3)
    cov = [[1, 2 * correlation], [2 * correlation, 4]]
    found = rng.multivariate_normal([1.0, 3.0], cov, size=4000)
    half = 1.959964 * np.array([1, 2])
    covered = 0
    for one, other in found:
        first, second = compared(one - half[0], one + half[0]), compared(other - half[1], other + half[1])
        apart = claim_rules.unpaired(first, second)
        covered += apart.low <= -2.0 <= apart.high
    assert covered / len(found) >= 0.94


def test_among_twenty_comparisons_of_nothing_a_claim_is_rare():
    """Without widening, some of twenty intervals of nothing lies above 0 in 1 - 0.975^20 = 40 % of studies."""
    rng, studies = np.random.default_rng(5), 400
    supported = alone = 0
    for _ in range(studies):
        family = [compared(value - 1.959964, value + 1.959964) for value in rng.normal(size=20)]
        supported += claim_rules.some(WORDS, family, MORE, "points").verdict == SUPPORTED
        alone += any(claim_rules.judged(one, MORE, 1) == SUPPORTED for one in family)
    assert alone / studies > 0.25
    assert supported / studies < 0.06
