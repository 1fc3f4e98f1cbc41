"""What topics of claims have in common: a question, the tables and columns that answer it, what cannot be asked."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from micrograph.figures import style
from micrograph.trust import claim_rules

FEATURES = {"metadata": "growth metadata", "physical": "physical features"}
WORDS = ("pretraining", "policy", "scheme")  # said of a fit only where fits differ in them


@dataclass(frozen=True)
class Topic:
    """question: what the reader asks; asks: what is said not to be tested where it is not ("whether ..."); needs:
    {table: columns without which nothing can be said}; claims: function of those tables, in their order, and the word
    for the films, giving a list of claim_rules.Claim, an empty one where the tables have no row for it."""

    question: str
    asks: str
    needs: dict
    claims: Callable


def answered(topic, tables, data):
    """The Claims of a topic; a single one that says "not tested", and why, where the tables cannot answer.

    tables: {name: data frame}, those that were made; data: what the films are, as "simulated films".
    """
    lacking = _lacking(topic, tables)
    made = [] if lacking else topic.claims(*(tables[name] for name in topic.needs), data)
    return made or [untested(topic.asks, lacking or f"the table {' or '.join(topic.needs)} has no row for it")]


def untested(asks, why):
    """The Claim that something was not tested, and why."""
    return claim_rules.Claim(f"Not tested: {asks}; {why.rstrip('.')}.", claim_rules.UNTESTED)


def _lacking(topic, tables):
    """What the tables lack that a topic needs, in words; "" for nothing."""
    for name, columns in topic.needs.items():
        if name not in tables:
            return f"this run has no table {name}"
        missing = [column for column in columns if column not in tables[name]]
        if missing:
            return f"the table {name} has no {', '.join(missing)}"
    return ""


def interval_of(*columns):
    """The names of columns and of the ends of their intervals."""
    return [f"{column}{end}" for column in columns for end in ("", "_low", "_high")]


def rows_of(table, **words):
    """The rows that have these words, as a list of Series.

    Capitals do not count: a column that holds nothing but the word "true" is read from its file as a truth value.
    """
    for column, word in words.items():
        table = table[table[column].astype(str).str.lower() == str(word).lower()]
    return [row for _, row in table.iterrows()]


def names(rows):
    """What fits are called: "SVC on fine-tuned features", with what tells them from one another (pretraining, ...)."""
    frame = pd.DataFrame(rows)
    telling = [word for word in WORDS if word in frame and frame[word].nunique() > 1]
    return [", ".join([fit_name(row), *(str(row[word]) for word in telling)]) for row in rows]


def fit_name(row):
    """A fit in words, by its model and features."""
    features = str(row["features"])
    return f"{row['model']} on {FEATURES.get(features) or style.features_words(features)}"


def tested(found):
    """Those comparisons that have a value."""
    return [one for one in found if one.estimate == one.estimate]
