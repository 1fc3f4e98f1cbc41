"""Claims on the model that predicts new scans: made from its rehearsal, by networks trained as it was.

It learnt from all films, so that none is left to test it on. The table rehearsal (prediction/rehearsal.py) tells what
networks said that were trained in the same way on all films but those of the days that they were asked about.
"""

from functools import partial

from micrograph.evaluation import tables
from micrograph.trust import claim_rules, claim_trust
from micrograph.trust.claim_rules import MARGIN_POINTS, Compared, Rule, Words
from micrograph.trust.claim_topics import Topic, tested

QUESTION = "How good is the model that predicts new scans?"
COLUMNS = ["quantity", "value", "low", "high", "films", "batches"]
REHEARSAL = "in the rehearsal of the model for new scans"
NONE_LEFT = "; the model itself learnt from all films, so that none is left to test it on"
CHOSEN = "; settings and passes were chosen with all films in view, which flatters this a little"


def right(table, data):
    """Does the rehearsal tell more than always naming the commonest temperature, film by film?"""
    found = {name: _of(table, name) for name in ("accuracy_pct", "majority_pct")}
    beside = f"{_percent(found['accuracy_pct'])} against {_percent(found['majority_pct'])}"
    text = (
        f"{REHEARSAL} (networks trained alike, without the days that they are asked about) films are told right more "
        "often than by always naming the commonest temperature"
    )
    one = _of(table, "above_majority_points", beside=beside)
    words = Words(text, "they are told right less often", data, others=NONE_LEFT + CHOSEN)
    return [claim_rules.single(words, one, Rule(), "points")] if tested([one]) else []


def held(table, data, what, quantity, size):
    """Do sets, or intervals, of days left out hold the truth nearly as often as they aim at, or more?

    what: these, in words; quantity: the share of films, in percent, that has a mean over days beside it, which is what
    they aim at; size: (quantity, unit) of how large they are on average.
    """
    aim, of_films, large = (_of(table, name).estimate for name in ("coverage_aim_pct", f"{quantity}_pct", size[0]))
    least = aim - MARGIN_POINTS
    beside = f"{tables.number(large, 1)} {size[1]} on average, {tables.number(of_films, 1)} % of films and, as the mean"
    one = _of(table, f"{quantity}_by_day_pct", beside=f"{beside} over growth days")
    text = (
        f"{REHEARSAL} {what} aimed at holding the truth for {tables.number(aim)} % of films hold it for more than "
        f"{tables.number(least)} %"
    )
    short = "they fall short of their aim by more than that"
    words = Words(text, short, data, claim_trust.larger(one, aim), NONE_LEFT)
    return [claim_rules.single(words, one, Rule(1, least, least), "%")] if tested([one]) else []


def _of(table, quantity, name="", beside=""):
    """The Compared of a quantity of the table; without a value where the table has no row for it."""
    rows = table[table["quantity"] == quantity].to_dict("records")
    return Compared(name, *(claim_rules.number(rows[0] if rows else {}, name) for name in COLUMNS[1:]), beside)


def _percent(one):
    return f"{tables.number(one.estimate, 1)} %"


SETS = partial(held, what="sets of temperatures", quantity="covered", size=("set_size", "temperatures in a set"))
INTERVALS = partial(held, what="temperature intervals", quantity="within", size=("width_celsius", "°C wide"))
TOPICS = [
    Topic(QUESTION, "whether the model for new scans tells more than the commonest", {"rehearsal": COLUMNS}, right),
    Topic(QUESTION, "whether its sets of temperatures hold what they aim at", {"rehearsal": COLUMNS}, SETS),
    Topic(QUESTION, "whether its temperature intervals hold what they aim at", {"rehearsal": COLUMNS}, INTERVALS),
]
