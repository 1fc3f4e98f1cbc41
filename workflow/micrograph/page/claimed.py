"""The claims as the page tells them: question by question, each with its verdict and the tables that it rests on."""

from dataclasses import dataclass
from itertools import groupby

from micrograph.trust import claims
from micrograph.trust.claim_rules import CONTRARY, SUPPORTED, UNTESTED, UNTOLD

MARKS = {SUPPORTED: "✓", CONTRARY: "✗", UNTOLD: "?", UNTESTED: "–"}  # told apart without colour, too
FIRST = 4  # so many claims of a question stand open, the others are folded


@dataclass(frozen=True)
class Line:
    """One claim: the sentence, its verdict, the verdict's mark and name in the style sheet, names of its tables."""

    claim: str
    verdict: str
    mark: str
    kind: str
    sources: tuple


@dataclass(frozen=True)
class Question:
    """A question with its claims: those that stand open, those that are folded, and what these are, in words."""

    question: str
    first: list
    others: list
    others_words: str


@dataclass(frozen=True)
class Told:
    """All claims. counts: [(number of claims, verdict, mark, kind)], without empty ones; questions: Questions."""

    counts: list
    questions: list


def told(table):
    """The Told of a table of claims (trust/claims.py), in the table's order; None where there is no table."""
    if table is None:
        return None
    counts = [
        (count, verdict, MARKS[verdict], _kind(verdict)) for verdict, count in claims.counted(table).items() if count
    ]
    rows = groupby(table.to_dict("records"), key=lambda row: row["topic"])
    return Told(counts, [_question(question, [_line(row) for row in here]) for question, here in rows])


def _question(question, lines):
    first, others = (lines[:FIRST], lines[FIRST:]) if len(lines) > FIRST + 1 else (lines, [])
    found = [line.verdict for line in others]
    words = ", ".join(f"{found.count(verdict)} {verdict}" for verdict in MARKS if verdict in found)
    return Question(question, first, others, words)


def _line(row):
    sources = row["source"].split(", ") if isinstance(row["source"], str) and row["source"] else ()
    return Line(row["claim"], row["verdict"], MARKS[row["verdict"]], _kind(row["verdict"]), tuple(sources))


def _kind(verdict):
    """A verdict as a class of the style sheet: "not supported" -> "not-supported"."""
    return verdict.replace(" ", "-")
