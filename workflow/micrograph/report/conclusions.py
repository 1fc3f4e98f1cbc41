"""The conclusions on the page: question by question, each with its verdict, estimate and table."""

from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from micrograph.evaluation import conclusions
from micrograph.evaluation.conclusions import CONTRADICTED, INCONCLUSIVE, NOT_TESTED, SUPPORTED

MARKS = {SUPPORTED: "✓", CONTRADICTED: "✗", INCONCLUSIVE: "?", NOT_TESTED: "–"}  # distinguish verdicts without colour
OPEN = 4  # contrasts of a question that are not folded


@dataclass(frozen=True)
class Question:
    """A question, its rows shown, its rows folded, and a count of the verdicts of the latter, in words."""

    question: str
    first: list
    others: list
    others_verdicts: str


@dataclass(frozen=True)
class Conclusions:
    """The counts of verdicts [(count, verdict, mark, class)], without empty ones, and the Questions."""

    counts: list
    questions: list


def conclude(table: pd.DataFrame | None) -> Conclusions | None:
    """Arrange the table of conclusions for the page.

    Parameters
    ----------
    table : DataFrame or None
        Of `evaluation.conclusions.make_table`.

    Returns
    -------
    Conclusions or None
        None without a table. A row is a dict of the table's columns and ``mark``, ``kind`` and ``interval``.
    """
    if table is None:
        return None
    counts = [
        (count, verdict, MARKS[verdict], _kind(verdict))
        for verdict, count in conclusions.counted(table).items()
        if count
    ]
    questions = groupby(table.to_dict("records"), key=lambda row: row["question"])
    return Conclusions(counts, [_question(question, list(map(_row, rows))) for question, rows in questions])


def _question(question, rows):
    first, others = (rows[:OPEN], rows[OPEN:]) if len(rows) > OPEN + 1 else (rows, [])
    verdicts = [row["verdict"] for row in others]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in MARKS if verdict in verdicts)
    return Question(question, first, others, counts)


def _row(row):
    written = {"interval": conclusions.interval(row), "mark": MARKS[row["verdict"]], "kind": _kind(row["verdict"])}
    return row | written


def _kind(verdict):
    """The class of the style sheet of a verdict: "not tested" -> "not-tested"."""
    return verdict.replace(" ", "-")
