"""Table S1: the hyperparameters that every fold of every fit selected and used, beside the paper's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from micrograph import io
from micrograph.evaluation import summaries, tables
from micrograph.evaluation.tables import Panel
from micrograph.splits.fit_spec import KEYS, FitSpec

NAME = "Table S1"
COLUMNS = [
    *KEYS,
    *(
        "fold",
        "n_candidates",
        "validation_pct",
        "validation_balanced_pct",
        "best_params",
        "refit_params",
        "paper",
        "data",
    ),
]
SEPARATOR = " · "  # between the values of two folds
# Below the panels of a protocol.
BEST_FOLD = ("After the arrow: the settings of the best fold, which give train and test predictions of all.",)
NOTES: dict[str, tuple[str, ...]] = {"strict": (), "published": BEST_FOLD, "as_run": BEST_FOLD}


@dataclass(frozen=True)
class SearchResult:
    """What the grid search of one fit selected.

    Parameters
    ----------
    spec : FitSpec
    choices : DataFrame
        A row per fold.
    """

    spec: FitSpec
    choices: pd.DataFrame


def read_searches(paths: Iterable[str | Path]) -> list[SearchResult]:
    """Read the results of grid searches, each once, in the order of the paths (`FitSpec.search_path`)."""
    return [SearchResult(FitSpec.from_path(path), io.read_table(path)) for path in dict.fromkeys(paths)]


def make_table(searches: Iterable[SearchResult], published: pd.DataFrame, *, data: str) -> pd.DataFrame:
    """Make Table S1, a row per fit and fold: protocol by protocol, strict first.

    Parameters
    ----------
    searches : iterable of SearchResult
    published : DataFrame
        The paper's settings: scheme, model, setting, value.
    data : str
        What the samples are, as ``simulated films``.

    Returns
    -------
    DataFrame
        ``validation_pct``: accuracy of the selected settings on the fold's validation rows; ``best_params``,
        ``refit_params``, ``paper``: settings as JSON, ``paper`` empty where the paper's are not known.
    """
    paper = {
        key: json.dumps(dict(zip(rows["setting"], rows["value"].astype(str), strict=True)))
        for key, rows in published.groupby(["scheme", "model"])
    }
    made = []
    for search in sorted(searches, key=lambda search: summaries.PROTOCOLS.index(search.spec.protocol)):
        choices = search.choices.sort_values("fold")
        percent = {"validation_pct": "validation_accuracy", "validation_balanced_pct": "validation_balanced"}
        columns = {name: 100 * choices[accuracy] for name, accuracy in percent.items()}
        known = paper.get((search.spec.scheme, search.spec.model))
        made.append(choices.assign(**search.spec.columns(), **columns, paper=known, data=data)[COLUMNS])
    return pd.concat(made, ignore_index=True) if made else pd.DataFrame(columns=COLUMNS)


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay Table S1 out: a panel per protocol and model, a row per fit, a column per setting with its values by fold."""
    return [
        _panel(protocol, model, rows)
        for (protocol, model), rows in table.groupby(["protocol", "model"], sort=False, dropna=False)
    ]


def _panel(protocol: str, model: str, table: pd.DataFrame) -> Panel:
    names = list(dict.fromkeys(name for text in table["best_params"] for name in json.loads(text)))
    headings = ["Scheme", "Pre-training", "Policy", "Features", *names, "Grid points", "Validation accuracy in %"]
    rows = []
    for scheme, group in table.groupby("scheme", sort=False):
        lines = [
            _line(fit, protocol, names) for _, fit in group.groupby(["pretraining", "policy", "features"], sort=False)
        ]
        if group["paper"].notna().any():
            paper = json.loads(group["paper"].dropna().iloc[0])
            lines.append(["the paper", "", "", *(paper.get(name, tables.DASH) for name in names), "", ""])
        rows += tables.headed(scheme, lines)
    return Panel(f"{model}, {protocol}", headings, rows, text_columns=4, notes=NOTES[protocol])


def _line(fit: pd.DataFrame, protocol: str, names: Sequence[str]) -> list[str]:
    """Return the cells of one fit from its pre-training on."""
    first = fit.iloc[0]
    chosen = [json.loads(text) for text in fit["best_params"]]
    used = json.loads(first["refit_params"])
    cells = []
    for name in names:
        each = [_format(settings.get(name, tables.DASH)) for settings in chosen]
        values = each[0] if len(set(each)) == 1 else SEPARATOR.join(each)
        last = _format(used.get(name, tables.DASH))
        cells.append(values if protocol == "strict" or values == last else f"{values} → {last}")
    block, variance = summaries.block_and_variance(first["features"])
    features = block if variance is None else f"{block}, {variance} %"
    accuracies = SEPARATOR.join(tables.number(value) for value in fit["validation_pct"])
    return [first["pretraining"], first["policy"], features, *cells, str(first["n_candidates"]), accuracies]


def _format(value: Any) -> str:
    """Return a setting's value as text: numbers to four digits, lists by their members."""
    if isinstance(value, list):
        return ", ".join(_format(part) for part in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
