"""Table S1: the settings that every fold of every fit chose, and used, beside the paper's production settings."""

import json
from dataclasses import dataclass

import pandas as pd

from micrograph import io
from micrograph.evaluation import summaries, tables
from micrograph.splits.fit_spec import FitSpec

NAME = "Table S1"
COLUMNS = [
    *summaries.KEYS,
    *("fold", "points", "validation_pct", "validation_balanced_pct", "chosen", "used", "paper", "data"),
]
APART = " · "  # between the values of two folds


@dataclass(frozen=True)
class Chosen:
    """What the grid search of one fit chose, a row a fold."""

    spec: FitSpec
    choices: pd.DataFrame


def gather(paths):
    """Read the results of grid searches (`FitSpec.search_path`), in the order of the paths, each once."""
    return [Chosen(FitSpec.from_path(path), io.read_table(path)) for path in dict.fromkeys(paths)]


def make_table(searches, published, *, data):
    """Table S1 as a data frame, one row a fit and fold: protocol by protocol, strict first.

    searches: from gather; published: the paper's settings (scheme, model, setting, value); data: what the films are, as
    "simulated films". validation_pct: accuracy of the chosen settings on the fold's validation rows, in percent;
    chosen, used, paper: settings as JSON, paper empty where the paper's are not known.
    """
    known = {
        words: json.dumps(dict(zip(rows["setting"], rows["value"].astype(str), strict=True)))
        for words, rows in published.groupby(["scheme", "model"])
    }
    rows = []
    for one in sorted(searches, key=lambda one: summaries.PROTOCOLS.index(one.spec.protocol)):
        for choice in one.choices.sort_values("fold").to_dict("records"):
            rows.append(
                one.spec.columns()
                | {name: choice[name] for name in ("fold", "points", "chosen", "used")}
                | {
                    "validation_pct": 100 * choice["validation_accuracy"],
                    "validation_balanced_pct": 100 * choice["validation_balanced"],
                    "paper": known.get((one.spec.scheme, one.spec.model)),
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS[:-1]).assign(data=data)


def panels(table):
    """One panel a protocol and model: a row a fit, a column a setting, its values fold by fold."""
    return [
        _panel(protocol, model, here)
        for (protocol, model), here in table.groupby(["protocol", "model"], sort=False, dropna=False)
    ]


def _panel(protocol, model, here):
    names = list(dict.fromkeys(name for text in here["chosen"] for name in json.loads(text)))
    headings = ["Scheme", "Pre-training", "Policy", "Features", *names, "Points", "Validation accuracy in %"]
    rows = []
    for scheme, some in here.groupby("scheme", sort=False):
        block = [
            _row(fit, protocol, names) for _, fit in some.groupby(["pretraining", "policy", "features"], sort=False)
        ]
        if some["paper"].notna().any():
            paper = json.loads(some["paper"].dropna().iloc[0])
            block.append(["the paper", "", "", *(paper.get(name, tables.DASH) for name in names), "", ""])
        rows += [[scheme if place == 0 else "", *row] for place, row in enumerate(block)]
    return tables.Panel(f"{model}, {protocol}", headings, rows, words=4, notes=NOTES[protocol])


# Below the panels of a protocol.
NOTES = {
    "strict": (),
    "published": ("After the arrow: the settings of the best fold, which give the train and test answers of all.",),
}


def _row(fit, protocol, names):
    """The cells of one fit from its pre-training on."""
    first = fit.iloc[0]
    chosen = [json.loads(text) for text in fit["chosen"]]
    used = json.loads(first["used"])
    cells = []
    for name in names:
        each = [said(settings.get(name, tables.DASH)) for settings in chosen]
        alike = each[0] if len(set(each)) == 1 else APART.join(each)
        last = said(used.get(name, tables.DASH))
        cells.append(alike if protocol == "strict" or alike == last else f"{alike} → {last}")
    accuracies = APART.join(tables.number(value) for value in fit["validation_pct"])
    return [
        first["pretraining"],
        first["policy"],
        _features(first["features"]),
        *cells,
        str(first["points"]),
        accuracies,
    ]


def _features(features):
    block, cev = summaries.block_and_cev(features)
    return block if cev is None else f"{block}, {cev} %"


def said(value):
    """A setting's value as text: numbers to four digits, lists by their members."""
    if isinstance(value, list):
        return ", ".join(said(part) for part in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
