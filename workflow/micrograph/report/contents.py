"""The contents of the report page: tables, figures and their captions, what was refused, how it was made."""

from dataclasses import dataclass
from importlib import import_module, metadata

import pandas as pd
from docutils.core import publish_parts

from micrograph.evaluation import captions
from micrograph.evaluation.tables import Panel
from micrograph.outputs import Output

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


def table(output: Output, frame: pd.DataFrame, caption_html: str = "") -> Table:
    """Lay out one table of the registry.

    Parameters
    ----------
    output : Output
        Row of the registry.
    frame : DataFrame
        The table as it was written.
    caption_html : str

    Returns
    -------
    Table
    """
    panels = import_module(f"micrograph.evaluation.{output.table}").panels(frame)
    path = output.tables["tsv"]
    return Table(output.label, output.title, panels, caption_html, output.folded, path, output.group, output.sentences)


def figure(output: Output, caption_html: str = "") -> Figure:
    """Show one figure of the registry, from its image or folder of pages."""
    return Figure(output.label, output.title, output.page_image, caption_html, output.wide, output.group)


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
    return Panel(title, [str(name) for name in order], rows, text_columns=len(order) - len(numbers))


def _words(value):
    if pd.isna(value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
