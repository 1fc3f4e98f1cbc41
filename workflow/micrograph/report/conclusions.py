"""The conclusions on the page: by verdict, each hypothesis with its estimate and table."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from micrograph.evaluation import conclusions
from micrograph.evaluation.conclusions import CONTRADICTED, INCONCLUSIVE, NOT_TESTED, SUPPORTED

# Marks distinguish verdicts without colour; the order is that of the page.
MARKS = {SUPPORTED: "✓", CONTRADICTED: "✗", INCONCLUSIVE: "?", NOT_TESTED: "–"}
FOLDED = (INCONCLUSIVE, NOT_TESTED)


@dataclass(frozen=True)
class Verdict:
    """A verdict and the hypotheses that have it.

    Parameters
    ----------
    name, mark : str
    kind : str
        Class of the style sheet.
    rows : list of dict
        Rows of the table, in its order, with ``interval`` added.
    folded : bool
        Whether they are folded.
    """

    name: str
    mark: str
    kind: str
    rows: list[dict[str, Any]]
    folded: bool


def from_table(table: pd.DataFrame) -> list[Verdict]:
    """Arrange the table of conclusions for the page.

    Parameters
    ----------
    table : DataFrame
        Table of `evaluation.conclusions.make_table`.

    Returns
    -------
    list of Verdict
        Those that occur, in the order of `MARKS`.
    """
    rows = [row | {"interval": conclusions.interval(row)} for row in table.to_dict("records")]
    by_verdict = {name: [row for row in rows if row["verdict"] == name] for name in MARKS}
    return [
        Verdict(name, MARKS[name], name.replace(" ", "-"), having, name in FOLDED)
        for name, having in by_verdict.items()
        if having
    ]
