"""Tables for people: panels as Markdown and HTML, cells, columns shared by the tables of the paper."""

import html as escaping
import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from micrograph.evaluation import summaries

DASH = "–"
MINUS = "−"
MARK = "†"  # a cell that a note below speaks of
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


class Bold(str):
    """A cell among the best of its row."""

    bold = True


@dataclass(frozen=True)
class Panel:
    """One block of a table: a title, headings, rows of text cells (str or Bold), notes to stand below (texts).

    The first `words` columns are words, not numbers.
    """

    title: str
    headings: list
    rows: list = field(default_factory=list)
    words: int = 1
    notes: tuple = ()


def best(text, among):
    """The cell in bold where it is among the best; a dash never is."""
    return Bold(text) if among and text != DASH else text


def number(value, digits=0, sign=""):
    """A number to so many decimals; a dash where there is none. sign: "+" where a plus is to be written."""
    if missing(value):
        return DASH
    kept = float(f"{value:.9g}")  # as files.write_table keeps it, so that halves round as in the file
    return f"{kept:{sign}z.{digits}f}".replace("-", MINUS)


def signed(value, digits=0):
    """A number with its sign, as a difference is written."""
    return number(value, digits, "+")


def spread(mean, std, digits=0):
    """mean ± standard deviation; without the latter where there is none."""
    tail = "" if missing(mean) or missing(std) else f" ± {number(std, digits)}"
    return number(mean, digits) + tail


def interval(value, low, high, digits=2, said=number):
    """value [low, high]; without the brackets where there is no interval. said: number or signed."""
    tail = "" if missing(low) or missing(high) else f" [{said(low, digits)}, {said(high, digits)}]"
    return said(value, digits) + tail


def missing(value):
    """Whether a cell is empty."""
    return value is None or value is pd.NA or not math.isfinite(value)


def markdown(panels, caption):
    """The caption and the panels as Markdown text."""
    parts = [caption]
    for panel in panels:
        rule = [":---" if place < panel.words else "---:" for place in range(len(panel.headings))]
        lines = ["| " + " | ".join(_bare(cell) for cell in row) + " |" for row in (panel.headings, rule, *panel.rows)]
        parts += [f"**{panel.title}**", "\n".join(lines), *panel.notes]
    return "\n\n".join(parts) + "\n"


def _bare(cell):
    text = str(cell).replace("|", "\\|").replace("\n", " ")
    return f"**{text}**" if isinstance(cell, Bold) else text


def html(panels, caption, title, wrap=False):
    """A whole page, self-contained: caption and panels. wrap: whether words are sentences, broken into lines."""
    style = STYLE + (WRAP if wrap else "")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaping.escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"{fragment(panels, caption)}</body>\n</html>\n"
    )


def fragment(panels, caption):
    """Caption and panels as HTML to be put into a page: paragraphs of the caption are parted by empty lines."""
    text = "".join(f"<p>{escaping.escape(paragraph)}</p>\n" for paragraph in caption.split("\n\n"))
    return text + "".join(_panel(panel) for panel in panels)


def _panel(panel):
    head = "".join(_cell("th", name, place < panel.words) for place, name in enumerate(panel.headings))
    body = "".join(
        ('<tr class="first">' if row[0] else "<tr>")
        + "".join(_cell("td", cell, place < panel.words) for place, cell in enumerate(row))
        + "</tr>\n"
        for row in panel.rows
    )
    title = f"<h3>{escaping.escape(panel.title)}</h3>\n"
    notes = "".join(f'<p class="note">{escaping.escape(note)}</p>\n' for note in panel.notes)
    return f"{title}<div><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n{notes}"


def _cell(tag, text, word):
    kind = ' class="word"' if word else ""
    kept_together = escaping.escape(str(text)).replace(" %", "&nbsp;%")
    shown = f"<b>{kept_together}</b>" if isinstance(text, Bold) else kept_together
    return f"<{tag}{kind}>{shown}</{tag}>"


HEADINGS = {
    ("strict", "test"): "strict: test",
    ("published", "validation"): "published: validation",
    ("published", "test"): "published: test",
    (summaries.PAPER, "validation"): "paper, real films: validation",
    (summaries.PAPER, "test"): "paper, real films: test",
}
SUMMARIES = {
    summaries.CHOSEN: "chosen in each fold",
    summaries.MEAN: "all models together",
    summaries.BASELINE: "majority class",
}
SCHEMES = {"nominal": "nominal", "nnrank": "NNRank", "corn": "CORN", "regression": "regression"}


def cells(here, keys, name, digits=0, flag=None):
    """Row of cells: mean ± standard deviation of the columns `name` and `name`_std of each key of `here`.

    here: table indexed by key; flag: boolean column of the cells to be bold. A dash where there is no such key.
    """
    found = []
    for key in keys:
        if key not in here.index:
            found.append(DASH)
            continue
        row = here.loc[key]
        found.append(best(spread(row[name], row[f"{name}_std"], digits), flag and row[flag]))
    return found


def detail(table, protocol, part, words, before=(), after=()):
    """One protocol, a row a fit, its figures beside the paper's for `part`.

    words, before, after: columns around those that all tables have: (heading, function of a row giving text).
    """
    here = table[table["protocol"] == protocol]
    papers = (f"Paper, real films, {part} %", lambda row: _papers(table, row, f"{part}_pct"))
    columns = [*words, *before, *FIGURES, *(DEALT if (here["repeats"] > 1).any() else []), *REST, *after, papers]
    rows, before = [], None
    for _, row in here.iterrows():
        texts = [text(row) for _, text in columns]
        rows.append(["" if texts[0] == before else texts[0], *texts[1:]])
        before = texts[0]
    headings = [heading for heading, _ in columns]
    return Panel(f"Protocol {protocol}", headings, rows, words=len(words))


def interval_column(name, digits=0):
    """Function of a row: the value in column `name` with its 95 % interval."""
    return lambda row: interval(row[name], row[f"{name}_low"], row[f"{name}_high"], digits)


def spread_column(name, digits=0):
    """Function of a row: mean ± standard deviation over folds in column `name`."""
    return lambda row: spread(row[name], row[f"{name}_std"], digits)


FIGURES = [
    ("Train %", spread_column("train_pct")),
    ("Validation %", spread_column("validation_pct")),
    ("Test %", spread_column("test_pct")),
    ("Test, pooled % [95 %]", lambda row: best(interval_column("pooled_pct")(row), row["best_in_protocol"])),
]
DEALT = [("Over deals, ± points", lambda row: number(row["pooled_repeat_std"], 1))]
REST = [
    ("Balanced % [95 %]", interval_column("balanced_pct")),
    ("Macro F1 [95 %]", interval_column("macro_f1", 2)),
    ("Kappa [95 %]", interval_column("kappa", 2)),
    ("MAE °C [95 %]", interval_column("mae_celsius")),
]


def _papers(table, row, name):
    """The paper's accuracy of the same fit."""
    found = summaries.beside(table, row)
    return DASH if found is None else spread_column(name)(found)


def model(row):
    """What a row's model is called."""
    if row["features"] in summaries.ALONE:
        return f"{summaries.ALONE[row['features']]} alone, {row['model']}"
    return SUMMARIES.get(row["model"], row["model"])


def relative(value, reference):
    """(value - reference) / reference in percent with its sign; a dash where there is none."""
    change = 100 * (value - reference) / reference if reference else np.nan
    return DASH if missing(change) else signed(change) + " %"


def alone(table):
    """The note on models that see no network's features, a tuple of one text or none."""
    said = [
        f"{model(row)} {interval_column('pooled_pct')(row)} %"
        for _, row in table[table["features"].isin(summaries.ALONE)].iterrows()
    ]
    note = "Without a network, strict, all test predictions together [95 %]"
    return (f"{note}: {'; '.join(said)}. They take no part in what is bold.",) if said else ()
