"""The conclusions on the page: question by question, each hypothesis with its verdict, estimate and table."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd

from micrograph.evaluation import conclusions
from micrograph.evaluation.conclusions import CONTRADICTED, INCONCLUSIVE, NOT_TESTED, SUPPORTED

MARKS = {SUPPORTED: "✓", CONTRADICTED: "✗", INCONCLUSIVE: "?", NOT_TESTED: "–"}  # distinguish verdicts without colour
N_SHOWN = 4  # hypotheses of a question that are not folded


@dataclass(frozen=True)
class Question:
    """A question of the study.

    Parameters
    ----------
    question : str
    shown, folded : list of dict
        Rows of the table, with ``mark``, ``kind`` (class of the style sheet) and ``interval`` added.
    folded_verdicts : str
        Number of folded rows by verdict: "2 supported, 1 inconclusive".
    """

    question: str
    shown: list[dict]
    folded: list[dict]
    folded_verdicts: str


@dataclass(frozen=True)
class Conclusions:
    """All conclusions.

    Parameters
    ----------
    counts : list of (int, str, str, str)
        Number of rows, verdict, mark and class of the style sheet, of every verdict that occurs.
    questions : list of Question
    """

    counts: list[tuple[int, str, str, str]]
    questions: list[Question]


def from_table(table: pd.DataFrame) -> Conclusions:
    """Arrange the table of conclusions for the page.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.conclusions.make_table`.

    Returns
    -------
    Conclusions
    """
    counts = [
        (count, verdict, MARKS[verdict], _kind(verdict))
        for verdict, count in conclusions.counted(table).items()
        if count
    ]
    questions = groupby(table.to_dict("records"), key=lambda row: row["question"])
    return Conclusions(counts, [_question(question, list(map(_row, rows))) for question, rows in questions])


def _question(question: str, rows: list[dict]) -> Question:
    shown, folded = (rows[:N_SHOWN], rows[N_SHOWN:]) if len(rows) > N_SHOWN + 1 else (rows, [])
    verdicts = [row["verdict"] for row in folded]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in MARKS if verdict in verdicts)
    return Question(question, shown, folded, counts)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    verdict = row["verdict"]
    return row | {"interval": conclusions.interval(row), "mark": MARKS[verdict], "kind": _kind(verdict)}


def _kind(verdict: str) -> str:
    """Class of the style sheet: "not tested" -> "not-tested"."""
    return verdict.replace(" ", "-")
