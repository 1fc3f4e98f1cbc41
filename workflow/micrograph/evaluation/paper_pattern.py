"""Where Tables 2 to 4 under the paper's protocol do not follow the pattern of the paper's values.

The pattern is what is best: the features of each model, the model of each scheme, and so on, among what both report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from micrograph.evaluation import summaries
from micrograph.evaluation.labels import PARTS

FOLLOWING = ("published", "as_run")  # protocols that claim to do what the paper does
NAMES = {"features": "features", "pretraining": "pre-training", "scheme": "scheme", "model": "model"}


def note(table: pd.DataFrame, comparisons: Sequence[tuple[str, str]], column: str) -> tuple[str, ...]:
    """Name the departures from the paper's pattern, a sentence a protocol.

    Parameters
    ----------
    table : DataFrame
        Table 2, 3 or 4, with the paper's values as protocol ``paper``.
    comparisons : sequence of (str, str)
        (within, compared), fields of FitSpec: ("model", "features") is about the best features of each model.
    column : str
        Score, more of which is better.

    Returns
    -------
    tuple of str
        Empty where all is as in the paper, or where nothing can be compared.
    """
    sentences = []
    for protocol in FOLLOWING:
        ours, paper = (table[table["protocol"] == name] for name in (protocol, summaries.PAPER))
        both = ours.merge(paper, on=summaries.PUBLISHED_KEYS, suffixes=("", "_paper")).dropna(
            subset=[column, f"{column}_paper"]
        )
        parts = [part for pair in comparisons for part in _departures(both, *pair, column)]
        if parts:
            sentences.append(f"Where {protocol} does not follow the paper: {'; '.join(parts)}.")
    return tuple(sentences)


def _departures(both: pd.DataFrame, within: str, compared: str, column: str) -> Iterator[str]:
    """Yield what is best here and not in the paper; of equals in the paper any is its best."""
    for name, rows in both.groupby(within, sort=False):
        best, best_paper = rows.loc[rows[column].idxmax()], rows.loc[rows[f"{column}_paper"].idxmax()]
        if best[f"{column}_paper"] < best_paper[f"{column}_paper"]:
            here, there = (PARTS[compared](row[compared]) for row in (best, best_paper))
            yield f"best {NAMES[compared]} of {PARTS[within](name)}: {here} (paper: {there})"
