"""The table of claims: what the study's tables support, with interval and number of films, and what they do not.

Every claim is a sentence made from numbers by written rules (claim_rules.py); what would need a table that was not made
is said not to be tested.
"""

import pandas as pd

from micrograph.evaluation import attribution_tests_caption, tables
from micrograph.trust import (
    claim_explanations,
    claim_leaks,
    claim_performance,
    claim_production,
    claim_rules,
    claim_topics,
    claim_trust,
)
from micrograph.trust.claim_rules import UNITS, VERDICTS

NAME = "Table of claims"
COLUMNS = [
    *("number", "topic", "claim", "verdict", "estimate", "low", "high", "unit", "films", "batches", "source"),
]
SCOPE = "What is said of other films?"
ORDER = [  # the questions in the order in which a reader has them
    "How often is the temperature told right?",
    claim_production.QUESTION,
    SCOPE,
    "Does the published protocol overstate?",
    "What does each leak contribute?",
    "Is anything learnt where there is nothing to learn?",
    "Do growth conditions tell as much as pictures?",
    "Do pictures tell more than physical features?",
    "Does fine-tuning pay?",
    "Does pre-training help?",
    "Does knowing the order help?",
    "Are the probabilities calibrated?",
    "Do the sets hold what they promise?",
    "Does it hold for new operators?",
    "Does it hold on later days?",
    "Does accuracy differ between kinds of films?",
    "Would more films help?",
    "How much is luck?",
    "Are the explanations true?",
]
TOPICS = [
    *claim_performance.TOPICS,
    *claim_production.TOPICS,
    *claim_leaks.TOPICS,
    *claim_trust.TOPICS,
    *claim_explanations.TOPICS,
]


def table(tables, *, data, network=None):
    """The table of claims as a data frame, COLUMNS, numbered from 1, question by question (ORDER).

    tables: {name: data frame} of the tables that were made: table2, table3, table4, leakage, baselines, confounders,
    calibration, learning_curve, explanations, rehearsal; data: what the films are, as "simulated films"; network: the
    words {pretraining, policy, scheme} of the CNN that is explained and, trained anew on all films, predicts new scans:
    of its probabilities alone claims are made where there are several. A claim whose table or column is missing is "not
    tested". estimate, low, high: in `unit`, NaN where there is none; source: tables' names.
    """
    if network and "calibration" in tables:
        tables = tables | {"calibration": _of_network(tables["calibration"], network)}
    rows = []
    for question in ORDER:
        for topic in [topic for topic in TOPICS if topic.question == question]:
            source = ", ".join(topic.needs)
            rows += [_row(question, claim, source) for claim in claim_topics.answered(topic, tables, data)]
        rows += [_row(question, claim, "") for claim in claim_trust.scope(data) if question == SCOPE]
    made = pd.DataFrame(rows).assign(number=range(1, len(rows) + 1))[COLUMNS]
    return made.astype({"films": "Int64", "batches": "Int64"})


def _of_network(calibration, network):
    """The table of calibration without the CNNs of other words."""
    words = [name for name in network if name in calibration]
    other = (calibration[words] != pd.Series(network)[words]).any(axis=1)
    return calibration[~(other & calibration["model"].eq(claim_trust.NETWORK))]


def _row(question, claim, source):
    return {"topic": question, **vars(claim), "source": source}


def counted(table):
    """{verdict: number of claims}, in the order of VERDICTS."""
    return {verdict: int((table["verdict"] == verdict).sum()) for verdict in VERDICTS}


def panels_of(table):
    """The table as one panel: question by question, the sentence, its verdict, number, interval, films, source."""
    rows, before = [], None
    for row in table.to_dict("records"):
        words = ["" if row["topic"] == before else row["topic"], row["claim"], row["verdict"]]
        numbers = [_value(row), _count(row["films"]), _count(row["batches"])]
        rows.append([*words, *numbers, _text(row["source"])])
        before = row["topic"]
    headings = ["Question", "Claim", "Verdict", "Number [95 %]", "Films", "Growth days", "Table"]
    return [tables.Panel("What can be claimed", headings, rows, words=3)]


def _value(row):
    """A claim's number with its interval and unit; a dash where there is none."""
    if tables.missing(row["estimate"]):
        return tables.DASH
    digits, form, behind = UNITS[row["unit"]]
    return tables.interval(row["estimate"], row["low"], row["high"], digits, form) + behind


def _count(value):
    return tables.number(value)


def _text(value):
    return value if isinstance(value, str) else ""


def caption(table):
    """The table's caption: what stands there, by what rules, how to read it (paragraphs)."""
    found = ", ".join(f"{count} {verdict}" for verdict, count in counted(table).items())
    return f"{NAME}. {OPENING} Here: {found}.\n\n{RULES}\n\n{READING}"


OPENING = (
    "What this run's tables allow to be said, and what they do not: each sentence is made from a table's numbers by a "
    "written rule, whatever comes out."
)
RULES = (
    "Supported: the whole 95 % interval, as it is written, lies where the claim says. Not supported: the whole "
    "interval lies on the other side. Cannot be told: it holds both. Not tested: the run has not made what it takes. "
    "Where nothing is claimed to differ, the sentence says a margin, and the two sides are within it and beyond it "
    f"({claim_rules.MARGIN_POINTS} points of accuracy, coverage or calibration, {attribution_tests_caption.MARGIN:g} of "
    "rank correlation): an interval within it may leave out 0, of a difference that is there but small. Where a claim rests "
    "on several comparisons, their intervals are widened so that all hold at once with 95 % (Bonferroni, widened by "
    "normal quantiles), unless the claim is that all of them agree. Over all questions nothing is widened: of twenty "
    "claims about one may stand by chance."
)
READING = (
    "Intervals come from redrawing whole growth days with the fitted models kept, the same days for both sides of a "
    "difference; where a table has only an interval for each side, their ends are set against one another, which is "
    "wider. They say nothing of the luck of training anew. Cannot be told is no proof that there is nothing: more "
    "films, or more growth days, narrow an interval. What would surprise: a claim of nothing learnt from shuffled "
    "temperatures that is not supported, for then a leak is left in the strict protocol."
)


def markdown(table, caption):
    """The table as Markdown."""
    return tables.markdown(panels_of(table), caption)


def html(table, caption):
    """The table as a self-contained page; sentences wrap."""
    wrapped = "<style>\ntd.word { white-space: normal; min-width: 8em; }\n</style>\n</head>"
    return tables.html(panels_of(table), caption, NAME).replace("</head>", wrapped, 1)
