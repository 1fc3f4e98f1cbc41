"""The contents of the report page: tables and figures with their captions, rejected scans, settings, versions."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
        "Figure 2", "Samples by class".
    image : str or Path
        An SVG, a PNG, or a folder of them, of which all but the first are folded.
    caption : str
        HTML.
    group : str, default ""
        Heading over all consecutive entries of the same group; "" for none.
    sources, dark_sources : tuple of str
        Paths of the images relative to the page, and of their variants on a dark ground; set when the page is written.
    sizes : tuple of (float, float) or None
        Width and height of each image in pixels, set when the page is written.
    """

    name: str
    title: str
    image: str | Path
    caption: str
    group: str = ""
    sources: tuple[str, ...] = ()
    dark_sources: tuple[str, ...] = ()
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
        Heading over all consecutive entries of the same group; "" for none.
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


@dataclass(frozen=True)
class Entry:
    """A table, a figure, or both of one topic, with one caption.

    Parameters
    ----------
    anchor : str
        Its id on the page: "table-2".
    name, title, caption, group : str
    table : Table or None
    figure : Figure or None
    """

    anchor: str
    name: str
    title: str
    caption: str
    group: str
    table: Table | None = None
    figure: Figure | None = None


@dataclass(frozen=True)
class Section:
    """Entries that stand together.

    Parameters
    ----------
    anchor, title : str
    entries : list of Entry
    """

    anchor: str
    title: str
    entries: list[Entry]


NUMBERED = re.compile(r"(Table|Figure) (S?)(\d+)")


def sections(tables: Sequence[Table], figures: Sequence[Figure]) -> list[Section]:
    """Arrange tables and figures for the page.

    Parameters
    ----------
    tables : sequence of Table
    figures : sequence of Figure
        Those with the name of a table share its entry and caption.

    Returns
    -------
    list of Section
        Numbered tables, then numbered figures, both by number with supplementary ones last; then all others in their
        order. Empty sections are left out.
    """
    by_name: dict[str, Entry] = {}
    shown: list[Table | Figure] = [*tables, *figures]
    for one in shown:
        entry = by_name.get(one.name) or Entry(_anchor(one.name), one.name, one.title, one.caption, one.group)
        entry = replace(entry, table=one) if isinstance(one, Table) else replace(entry, figure=one)
        by_name[one.name] = entry
    numbers = {name: match.groups() for name in by_name if (match := NUMBERED.fullmatch(name))}
    order = sorted(numbers, key=lambda name: (numbers[name][1], int(numbers[name][2])))
    others = [entry for name, entry in by_name.items() if name not in numbers]
    groups = list(dict.fromkeys(entry.group for entry in others))
    made = [
        Section("tables", "Tables", [by_name[name] for name in order if numbers[name][0] == "Table"]),
        Section("figures", "Figures", [by_name[name] for name in order if numbers[name][0] == "Figure"]),
        Section("further", "Further analyses", sorted(others, key=lambda entry: groups.index(entry.group))),
    ]
    return [section for section in made if section.entries]


def _anchor(name: str) -> str:
    """Make an id of a name: "Table 2" -> "table-2", "Data leakage" -> "analysis-data-leakage"."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return slug if NUMBERED.fullmatch(name) else f"analysis-{slug}"


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
    return Figure(output.label, output.title, output.page_image, caption_html, output.group)


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
            rows.append((key, ", ".join(map(_yaml, value)) if isinstance(value, list | tuple) else _yaml(value)))
    return rows


def _yaml(value: Any) -> str:
    """Write a value as config.yaml has it."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


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
