"""The contents of the report page: tables, figures and their captions, what was refused, how it was made."""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pandas as pd
from docutils.core import publish_parts

from micrograph import io
from micrograph.errors import lookup
from micrograph.evaluation import (
    attribution_tests,
    baselines,
    calibration,
    captions,
    conclusions,
    confounders,
    leakage,
    leakage_captions,
    learning_curve,
    table1,
    table2,
    table3,
    table4,
    tableS1,
)
from micrograph.evaluation.tables import Panel

KINDS = {  # name of a table's file -> (what the table is called, the function that gives its panels)
    "table1": (table1.NAME, table1.panels_of),
    "table2": (table2.NAME, table2.panels_of),
    "table3": (table3.NAME, table3.panels_of),
    "table4": (table4.NAME, table4.panels_of),
    "tableS1": (tableS1.NAME, tableS1.panels_of),
    "leakage": (leakage.NAME, leakage_captions.panels_of),
    "baselines": (baselines.NAME, baselines.panels_of),
    "confounders": (confounders.NAME, confounders.panels_of),
    "calibration": (calibration.NAME, calibration.panels_of),
    "learning_curve": (learning_curve.NAME, learning_curve.panels_of),
    "explanations": (attribution_tests.NAME, attribution_tests.panels_of),
    "conclusions": (conclusions.NAME, conclusions.panels_of),
}
SENTENCES = {"conclusions"}  # tables whose words are sentences, which are broken into lines
RST = {
    "raw_enabled": False,
    "file_insertion_enabled": False,
    "report_level": 2,
    "halt_level": 2,
    "_disable_config": True,
    "syntax_highlight": "none",
}


@dataclass(frozen=True)
class Figure:
    """One figure of the page.

    name: "Figure 2"; title: a few words; images: path of an SVG or PNG, or a folder of PNGs, or a list of paths; of
    several all but the first are folded; caption: HTML; wide: two columns wide; group: the heading that it and its
    neighbours of the same group stand under, "" for none. Filled in when the page is written: sources, the paths of its
    pages as the page sees them, and sizes, (width, height) of each or None.
    """

    name: str
    title: str
    images: str | list
    caption: str
    wide: bool = True
    group: str = ""
    sources: tuple = ()
    sizes: tuple = ()


@dataclass(frozen=True)
class Table:
    """One table of the page. name: "Table 2"; title: a few words; panels: list of panels.Panel, of which all but the
    first are folded; caption: HTML; folded: whether the first is folded, too; file: path of the table as TSV, "" for
    none; group: the heading that it and its neighbours of the same group stand under, "" for none; wraps: whether its
    words are sentences, which are broken into lines."""

    name: str
    title: str
    panels: list
    caption: str
    folded: bool = False
    file: str = ""
    group: str = ""
    wraps: bool = False


def tables(paths, shown, captions, words):
    """The Tables of the page, in order.

    paths: files named as KINDS (results/tables/table2.tsv); shown: (title, folded, group) of each, the group left out
    for none; captions: paths of reStructuredText; words: {name: what captions may call snakemake.params.name}, as
    data: "simulated films".
    """
    return [
        table(path, title, caption(rst, words), folded, *group)
        for path, (title, folded, *group), rst in zip(paths, shown, captions, strict=True)
    ]


def table(path, title, said="", folded=False, group=""):
    """The Table of one file. said: its caption as HTML."""
    stem = Path(path).stem
    name, panels_of = lookup(stem, KINDS, "table")
    return Table(name, title, panels_of(io.read_table(path)), said, folded, str(path), group, stem in SENTENCES)


def figures(shown, images, captions, words):
    """The Figures of the page, in order. shown: (name, title, wide, group) of each; images, captions: paths; words: as
    of `tables`."""
    return [
        Figure(name, title, image, caption(rst, words), wide, group)
        for (name, title, wide, group), image, rst in zip(shown, images, captions, strict=True)
    ]


def caption(rst_path, params, config=None):
    """A caption file as HTML: Jinja as Snakemake's report fills it in, then reStructuredText without raw HTML.

    params: what the caption may call snakemake.params; config: what it may call snakemake.config. A name that the
    caption asks for and nobody gives raises UserError.
    """
    text = captions.fill(rst_path, params, config)
    return publish_parts(text, writer="html5", settings_overrides=RST)["body"]


def versions(names):
    """{package: installed version} of the named packages, "not installed" where there is none."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def flat(settings, above=""):
    """[(dotted key, value in words)] of nested settings, in their order: {"a": {"b": [1, 2]}} -> [("a.b", "1, 2")]."""
    rows = []
    for name, value in settings.items():
        key = f"{above}{name}"
        if isinstance(value, dict):
            rows += flat(value, f"{key}.")
        else:
            rows.append((key, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)))
    return rows


def panel(title, frame):
    """A data frame as a panels.Panel: numbers to four figures, missing values empty, words before numbers."""
    numbers = [name for name in frame if pd.api.types.is_numeric_dtype(frame[name])]
    order = [name for name in frame if name not in numbers] + numbers
    rows = [[_words(value) for value in row] for row in frame[order].itertuples(index=False)]
    return Panel(title, [str(name) for name in order], rows, words=len(order) - len(numbers))


def _words(value):
    if pd.isna(value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
