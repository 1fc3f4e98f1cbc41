"""Tables as readers see them: panels as Markdown and HTML, cells, columns shared by the tables of the paper."""

from __future__ import annotations

import html as escaping
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from micrograph.evaluation import summaries
from micrograph.target import Target

DASH = "–"
MINUS = "−"
MARK = "†"  # a cell that a note below explains
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; margin: 2em auto; max-width: 75em; padding: 0 1em; }
table { border-collapse: collapse; margin: 0.6em 0 1.8em; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2em 0.8em; text-align: right; white-space: nowrap; }
th.word, td.word { text-align: left; }
thead th { border-top: 2px solid #1b1b1b; border-bottom: 1px solid #1b1b1b; white-space: normal; }
tbody tr.first td { border-top: 1px solid #c8c8c8; }
tbody tr:last-child td { border-bottom: 2px solid #1b1b1b; }
p.note { font-size: 0.9em; margin-top: -1.2em; }
div { overflow-x: auto; }
"""
WRAP = "td.word { white-space: normal; min-width: 8em; }\n"

Row = Any  # a row of a table: a Series or a dict
Column = tuple[str, Callable[[Row], str]]  # heading, and the cell of a row


class Bold(str):
    """A cell printed in bold."""


@dataclass(frozen=True)
class Panel:
    """One block of a table.

    Parameters
    ----------
    title : str
    headings : list of str
    rows : list of list of str
        Cells; those of class `Bold` are printed in bold.
    text_columns : int
        How many columns, from the left, hold text rather than numbers.
    notes : tuple of str
        Printed below.
    """

    title: str
    headings: list
    rows: list = field(default_factory=list)
    text_columns: int = 1
    notes: tuple[str, ...] = ()


def best(text: str, bold: bool) -> str:
    """Return the cell in bold where `bold`; a dash never is."""
    return Bold(text) if bold and text != DASH else text


def excludes(low: float, high: float, value: float = 0) -> bool:
    """Return whether an interval lies above or below a value; not where there is no interval."""
    return bool(low > value or high < value)


def missing(value: float | None) -> bool:
    """Return whether a cell is empty."""
    return value is None or value is pd.NA or not math.isfinite(value)


def number(value: float | None, digits: int = 0, sign: str = "") -> str:
    """Format a number; a dash where there is none.

    Parameters
    ----------
    value : float or None
    digits : int
        Decimals.
    sign : str
        "+" to print a plus.
    """
    if missing(value):
        return DASH
    kept = float(f"{value:.9g}")  # as io.write_table keeps it, so that halves round as in the file
    return f"{kept:{sign}z.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 0) -> str:
    """Format a difference: a number with its sign."""
    return number(value, digits, "+")


def spread(mean: float, std: float, digits: int = 0) -> str:
    """Format mean ± standard deviation, without the latter where there is none."""
    tail = "" if missing(mean) or missing(std) else f" ± {number(std, digits)}"
    return number(mean, digits) + tail


def interval(value: float, low: float, high: float, digits: int = 2, form: Callable[[float, int], str] = number) -> str:
    """Format value [low, high], without the brackets where there is no interval; form: `number` or `signed`."""
    tail = "" if missing(low) or missing(high) else f" [{form(low, digits)}, {form(high, digits)}]"
    return form(value, digits) + tail


def relative(value: float, reference: float) -> str:
    """Format (value - reference) / reference in percent with its sign; a dash where there is none."""
    change = 100 * (value - reference) / reference if reference else np.nan
    return DASH if missing(change) else signed(change) + " %"


def headed(heading: str, lines: Iterable[list[str]]) -> list[list[str]]:
    """Put a heading before the first of several lines, an empty cell before the others."""
    return [["" if place else heading, *line] for place, line in enumerate(lines)]


def protocols(table: pd.DataFrame) -> list[str]:
    """Return the protocols of Table 2, 3 or 4, the paper last if there are values of it."""
    return [name for name in (*summaries.PROTOCOLS, summaries.PAPER) if name in set(table["protocol"])]


def without_repeats(rows: Iterable[list[str]], n_columns: int = 1) -> list[list[str]]:
    """Empty those of the first cells of each row that repeat the row above, up to the first that differs."""
    before: Sequence[str | None] = [None] * n_columns
    made = []
    for row in rows:
        same = [row[: place + 1] == before[: place + 1] for place in range(n_columns)]
        cells = ["" if repeated else cell for repeated, cell in zip(same, row[:n_columns], strict=True)]
        made.append(cells + row[n_columns:])
        before = row[:n_columns]
    return made


def markdown(panels: Sequence[Panel], caption: str) -> str:
    """Return the caption and the panels as Markdown."""
    parts = [caption]
    for panel in panels:
        rule = [":---" if place < panel.text_columns else "---:" for place in range(len(panel.headings))]
        lines = ["| " + " | ".join(_bare(cell) for cell in row) + " |" for row in (panel.headings, rule, *panel.rows)]
        parts += [f"**{panel.title}**", "\n".join(lines), *panel.notes]
    return "\n\n".join(parts) + "\n"


def _bare(cell: str) -> str:
    text = str(cell).replace("|", "\\|").replace("\n", " ")
    return f"**{text}**" if isinstance(cell, Bold) else text


def html(panels: Sequence[Panel], caption: str, title: str, wrap: bool = False) -> str:
    """Return a self-contained page of the caption and the panels.

    Parameters
    ----------
    panels : sequence of Panel
    caption : str
        Paragraphs separated by empty lines.
    title : str
    wrap : bool
        Whether cells of text are broken into lines.
    """
    style = STYLE + (WRAP if wrap else "")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaping.escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"{fragment(panels, caption)}</body>\n</html>\n"
    )


def fragment(panels: Sequence[Panel], caption: str) -> str:
    """Return the caption and the panels as HTML to be put into a page."""
    text = "".join(f"<p>{escaping.escape(paragraph)}</p>\n" for paragraph in caption.split("\n\n"))
    return text + "".join(_panel(panel) for panel in panels)


def _panel(panel: Panel) -> str:
    head = "".join(_cell("th", name, place < panel.text_columns) for place, name in enumerate(panel.headings))
    body = "".join(
        ('<tr class="first">' if row[0] else "<tr>")
        + "".join(_cell("td", cell, place < panel.text_columns) for place, cell in enumerate(row))
        + "</tr>\n"
        for row in panel.rows
    )
    title = f"<h3>{escaping.escape(panel.title)}</h3>\n"
    notes = "".join(f'<p class="note">{escaping.escape(note)}</p>\n' for note in panel.notes)
    return f"{title}<div><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n{notes}"


def _cell(tag: str, text: str, word: bool) -> str:
    kind = ' class="word"' if word else ""
    kept_together = escaping.escape(str(text)).replace(" %", "&nbsp;%")
    shown = f"<b>{kept_together}</b>" if isinstance(text, Bold) else kept_together
    return f"<{tag}{kind}>{shown}</{tag}>"


def value_digits(target: Target) -> int:
    """Return the decimals of errors in the target's unit: a fiftieth of the distance of classes is shown."""
    spacing = min(high - low for low, high in pairwise(target.classes))
    return max(0, 1 - math.floor(math.log10(spacing)))


def lay_out(module: ModuleType, table: pd.DataFrame, target: Target) -> list[Panel]:
    """Return the panels of a module's table; given the target where they name it."""
    panels = module.panels
    return panels(table, target) if "target" in signature(panels).parameters else panels(table)


HEADINGS = {
    ("strict", "test"): "strict: test",
    ("published", "validation"): "published: validation",
    ("published", "test"): "published: test",
    ("as_run", "validation"): "as_run: validation",
    ("as_run", "test"): "as_run: test",
    (summaries.PAPER, "validation"): "paper, real films: validation",
    (summaries.PAPER, "test"): "paper, real films: test",
}
OVERVIEW = "At a glance, in the paper's layout"
SUMMARIES = {
    summaries.SELECTED: "selected in each fold",
    summaries.MEAN: "mean over models",
    summaries.BASELINE: "majority class",
}


def interval_column(name: str, digits: int = 0, form: Callable[[float, int], str] = number) -> Callable[[Row], str]:
    """Return the function of a row that formats a column with its interval, as `interval`."""
    return lambda row: interval(row[name], row[f"{name}_low"], row[f"{name}_high"], digits, form)


def difference_column(name: str, digits: int = 0) -> Callable[[Row], str]:
    """Return the function of a row that formats a difference, in bold where its interval excludes 0."""
    text = interval_column(name, digits, signed)
    return lambda row: best(text(row), excludes(row[f"{name}_low"], row[f"{name}_high"]))


def spread_column(name: str, digits: int = 0) -> Callable[[Row], str]:
    """Return the function of a row that formats mean ± standard deviation over folds of a column."""
    return lambda row: spread(row[name], row[f"{name}_std"], digits)


def text_column(name: str) -> Callable[[Row], str]:
    """Return the function of a row that gives a text, empty where there is none, as in a table read from a file."""
    return lambda row: row[name] if isinstance(row[name], str) else ""


def number_column(name: str, digits: int = 0) -> Callable[[Row], str]:
    """Return the function of a row that formats a column as a number."""
    return lambda row: number(row[name], digits)


def cells(
    values: pd.DataFrame,
    keys: Iterable[Hashable],
    text: Callable[[Row], str],
    flag: str = "",
    mark_missing: bool = False,
) -> list[str]:
    """Format a row of cells.

    Parameters
    ----------
    values : DataFrame
        Indexed by the keys.
    keys : iterable
        Key of each cell; a dash where `values` has none.
    text : callable
        Cell of a row of `values`.
    flag : str, optional
        Boolean column of the cells to be bold.
    mark_missing : bool
        Whether cells of rows with missing test predictions carry MARK.

    Returns
    -------
    list of str
    """
    made = []
    for key in keys:
        row = values.loc[key] if key in values.index else None
        cell = DASH if row is None else best(text(row), bool(flag and row[flag]))
        marked = mark_missing and row is not None and not missing(row["n_missing"]) and row["n_missing"] > 0
        made.append(f"{cell}{MARK}" if marked else cell)
    return made


def panel(
    title: str,
    rows: pd.DataFrame | Iterable[Row],
    columns: Sequence[Column],
    text_columns: int = 1,
    n_repeated: int = 1,
    notes: tuple[str, ...] = (),
) -> Panel:
    """Lay out rows, a column a function of a row.

    Parameters
    ----------
    title : str
    rows : DataFrame or iterable of dict
    columns : sequence of (heading, function of a row)
    text_columns : int
        How many columns, from the left, hold text.
    n_repeated : int
        How many columns, from the left, are left empty where they repeat the row above.
    notes : tuple of str

    Returns
    -------
    Panel
    """
    records = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows
    # An empty text of a file is read as a missing number.
    cells = [[text(row) for _, text in columns] for row in records]
    lines = [[cell if isinstance(cell, str) else "" for cell in line] for line in cells]
    return Panel(title, [heading for heading, _ in columns], without_repeats(lines, n_repeated), text_columns, notes)


def detail(
    table: pd.DataFrame,
    target: Target,
    protocol: str,
    split: str,
    keys: Sequence[Column],
    before: Sequence[Column] = (),
    after: Sequence[Column] = (),
) -> Panel:
    """Lay out one protocol, a row per fit, with the paper's value for a split.

    Parameters
    ----------
    table : DataFrame
        Table 2, 3 or 4.
    target : Target
    protocol, split : str
    keys, before, after : sequence of (heading, function of a row)
        Columns of text, and columns around those that all tables have.

    Returns
    -------
    Panel
    """
    rows = table[table["protocol"] == protocol]
    published = table[table["protocol"] == summaries.PAPER].set_index(summaries.PUBLISHED_KEYS)

    def paper(row: Row) -> str:
        key = tuple(row[name] for name in summaries.PUBLISHED_KEYS)
        return cells(published, [key], spread_column(f"{split}_pct"))[0]

    repeats = REPEATS if (rows["repeats"] > 1).any() else []
    seeds, notes = (SEEDS, (NOTE_SEEDS,)) if "seeds" in rows and rows["seeds"].notna().any() else ([], ())
    columns = [*keys, *before, *SCORES, *repeats, *seeds, *pooled_columns(target), *after]
    columns += [(f"Paper, real films, {split} %", paper)] if len(published) else []
    return panel(f"Protocol {protocol}", rows, columns, text_columns=len(keys), notes=notes)


SCORES: list[Column] = [
    ("Train %", spread_column("train_pct")),
    ("Validation %", spread_column("validation_pct")),
    ("Test %", spread_column("test_pct")),
    (
        "Balanced test accuracy % [95 %]",
        lambda row: best(interval_column("balanced_pct")(row), row["best_in_protocol"]),
    ),
    ("Test accuracy, pooled % [95 %]", interval_column("pooled_pct")),
]
REPEATS: list[Column] = [("SD over repeats, points", number_column("pooled_repeat_std", 1))]
SEEDS: list[Column] = [
    ("SD by seed, points", number_column("pooled_seed_std", 1)),
    ("SD by split, points", number_column("pooled_split_std", 1)),
    ("SD by growth day, points", number_column("pooled_batch_std", 1)),
]
NOTE_SEEDS = (
    "Scores of a model are means over its seeds; an ensemble predicts from the mean probabilities, or values, of the "
    "networks of all seeds. SD by seed, split and growth day: of the accuracy of one run; their squares add up to its "
    "variance."
)


def pooled_columns(target: Target) -> list[Column]:
    """Return the columns of scores of all test predictions; without order neither kappa nor errors."""
    f1: Column = ("Macro F1 [95 %]", interval_column("macro_f1", 2))
    if not target.ordered:
        return [f1]
    mae = (f"{in_unit('MAE', target)} [95 %]", interval_column("mae", value_digits(target)))
    return [f1, ("Kappa [95 %]", interval_column("kappa", 2)), mae]


def in_unit(text: str, target: Target) -> str:
    """Return a heading with the target's unit, if it has one: MAE °C."""
    return f"{text} {target.unit}".strip()


def model(row: Row) -> str:
    """Name the model of a row."""
    if row["features"] in summaries.ALONE:
        return f"{summaries.ALONE[row['features']]} alone, {row['model']}"
    return SUMMARIES.get(row["model"], row["model"])


def note_majority(table: pd.DataFrame) -> tuple[str, ...]:
    """Return the note on the majority class of each protocol, a tuple of one text or none."""
    scores = [
        f"{row['protocol']} {number(row['pooled_pct'])} % (balanced {number(row['balanced_pct'])} %)"
        for _, row in table[table["model"] == summaries.BASELINE].iterrows()
    ]
    return (f"Test accuracy of the majority class: {', '.join(scores)}.",) if scores else ()


def note_without_network(table: pd.DataFrame) -> tuple[str, ...]:
    """Return the note on models on features without a network, a tuple of one text or none."""
    accuracies = [
        f"{model(row)} {interval_column('pooled_pct')(row)} %"
        for _, row in table[table["features"].isin(summaries.ALONE)].iterrows()
    ]
    note = "Without a network, strict, pooled test accuracy [95 %], not compared"
    return (f"{note}: {'; '.join(accuracies)}.",) if accuracies else ()
