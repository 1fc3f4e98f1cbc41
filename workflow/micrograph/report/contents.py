"""The contents of the report page: tables and figures with their captions, rejected scans, settings, versions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pandas as pd
from docutils.core import publish_parts

from micrograph.evaluation import captions, tables
from micrograph.evaluation.tables import Panel
from micrograph.outputs import Output
from micrograph.target import Target

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

    Parameters
    ----------
    name, title : str
        "Figure 2", "Samples by growth temperature".
    image : str or Path
        An SVG, a PNG, or a folder of PNGs, of which all but the first are folded.
    caption : str
        HTML.
    wide : bool, default True
        Whether it takes the full width.
    group : str, default ""
        Heading over all consecutive figures of the same group; "" for none.
    sources : tuple of str
        Paths of the images relative to the page, set when the page is written.
    sizes : tuple of (float, float) or None
        Width and height of each image in pixels, set when the page is written.
    """

    name: str
    title: str
    image: str | Path
    caption: str
    wide: bool = True
    group: str = ""
    sources: tuple[str, ...] = ()
    sizes: tuple[tuple[float, float] | None, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table of the page.

    Parameters
    ----------
    name, title : str
        "Table 2", "Accuracy by network block and explained variance".
    panels : list of Panel
        All but the first are folded.
    caption : str
        HTML.
    folded : bool, default False
        Whether the first panel is folded, too.
    file : str, default ""
        Path of the table as TSV; "" for none.
    group : str, default ""
        Heading over all consecutive tables of the same group; "" for none.
    wraps : bool, default False
        Whether text cells are sentences, broken into lines.
    """

    name: str
    title: str
    panels: list[Panel]
    caption: str
    folded: bool = False
    file: str = ""
    group: str = ""
    wraps: bool = False


def table(output: Output, frame: pd.DataFrame, target: Target, caption_html: str = "") -> Table:
    """Lay out one table of the registry.

    Parameters
    ----------
    output : Output
        Entry of the registry.
    frame : DataFrame
        The table as written to disk.
    target : Target
    caption_html : str

    Returns
    -------
    Table
    """
    panels = tables.lay_out(import_module(f"micrograph.evaluation.{output.table}"), frame, target)
    path = output.tables["tsv"]
    return Table(output.label, output.title, panels, caption_html, output.folded, path, output.group, output.sentences)


def figure(output: Output, caption_html: str = "") -> Figure:
    """Show one figure of the registry.

    Parameters
    ----------
    output : Output
        Entry of the registry.
    caption_html : str

    Returns
    -------
    Figure
    """
    return Figure(output.label, output.title, output.page_image, caption_html, output.wide, output.group)


def caption(path: str | Path, params: Mapping[str, Any]) -> str:
    """Render a caption file as HTML: Jinja as in Snakemake's report, then reStructuredText without raw HTML.

    Parameters
    ----------
    path : str or Path
        reStructuredText with Jinja placeholders.
    params : mapping
        Values of ``snakemake.params``.

    Returns
    -------
    str

    Raises
    ------
    UserError
        If the caption needs a name that is not among `params`.
    """
    return publish_parts(captions.fill(path, params), writer="html5", settings_overrides=RST)["body"]


def versions(names: Iterable[str]) -> dict[str, str]:
    """Look up the installed versions of packages.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    dict of str to str
        "not installed" for a missing package.
    """
    installed = {}
    for name in names:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = "not installed"
    return installed


def flatten(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """List nested settings by dotted key: ``{"a": {"b": [1, 2]}}`` gives ``[("a.b", "1, 2")]``.

    Parameters
    ----------
    settings : mapping
    prefix : str, default ""
        Start of every key.

    Returns
    -------
    list of (str, str)
        In the order of the settings.
    """
    rows = []
    for name, value in settings.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            rows += flatten(value, f"{key}.")
        else:
            rows.append((key, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)))
    return rows


def panel(title: str, frame: pd.DataFrame) -> Panel:
    """Lay out a data frame, text columns first.

    Parameters
    ----------
    title : str
    frame : DataFrame

    Returns
    -------
    Panel
        Numbers have four significant digits; missing values are empty cells.
    """
    numbers = [name for name in frame if pd.api.types.is_numeric_dtype(frame[name])]
    order = [name for name in frame if name not in numbers] + numbers
    rows = [[_cell(value) for value in row] for row in frame[order].itertuples(index=False)]
    return Panel(title, [str(name) for name in order], rows, text_columns=len(order) - len(numbers))


def _cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
