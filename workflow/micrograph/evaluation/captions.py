"""Captions: short reStructuredText files that a writer can edit, filled in with the settings of a run."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from micrograph.errors import UserError
from micrograph.evaluation import summaries


def fill(path: str | Path, params: Mapping, config: Mapping | None = None) -> str:
    """Fill in a caption as Snakemake's report does.

    Parameters
    ----------
    path : str or Path
        The file; what it calls ``snakemake.params.name`` and ``snakemake.config["name"]`` is filled in by Jinja.
    params, config : mapping

    Returns
    -------
    str
        ReStructuredText.

    Raises
    ------
    UserError
        If the caption needs a name that is not given.
    """
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True)
    text = Path(path).read_text(encoding="utf-8")
    run = SimpleNamespace(params=SimpleNamespace(**params), config=config or {})
    try:
        return environment.from_string(text).render(snakemake=run)
    except jinja2.UndefinedError as error:
        raise UserError(f"{Path(path).name}: {error.message}; correct the caption, or add it in outputs.py.") from None


def read(path: str | Path, params: Mapping, table: pd.DataFrame | None = None) -> str:
    """Read a caption for a table's Markdown and HTML.

    Parameters
    ----------
    path : str or Path
    params : mapping
        As of `fill`.
    table : DataFrame, optional
        The table; a second paragraph gives the numbers of samples and folds and how the fits were made, as far as the
        table has them.

    Returns
    -------
    str
        Paragraphs separated by empty lines, without emphasis.
    """
    paragraphs = [" ".join(part.split()) for part in re.sub(r"\*+", "", fill(path, params)).split("\n\n")]
    return "\n\n".join(filter(None, [*paragraphs, "" if table is None else describe(table)]))


def describe(table: pd.DataFrame) -> str:
    """State how many samples a table is about, and how its fits were made.

    Parameters
    ----------
    table : DataFrame
        Columns ``n_samples``, ``n_batches``, ``folds``, ``repeats``, ``seeds``, ``backbone``,
        ``search``, ``pixels`` and ``epochs`` are read where there are any.

    Returns
    -------
    str
        One sentence; "" for a table with none of these columns.
    """
    ours = table[table["protocol"] != summaries.PAPER] if "protocol" in table else table
    parts = []
    for column, text in _PARTS.items():
        values = ours.get(column, pd.Series(dtype=float)).dropna()
        if len(values):
            parts.append(text.format(_count(ours, column) if column == "n_samples" else values.max()))
    return f"{'; '.join(parts)}." if parts else ""


_PARTS = {
    "n_samples": "n = {} samples",
    "n_batches": "growth days: {:.0f}",
    "folds": "folds: {:.0f}",
    "repeats": "repeats: {:.0f}",
    "seeds": "seeds: {:.0f}",
    "backbone": "network: {}",
    "search": "parameter grid: {}",
    "pixels": "fine-tuned on {:.0f} pixels",
    "epochs": "at most {:.0f} epochs",
}


def _count(table: pd.DataFrame, column: str) -> str:
    """Return the number of samples, by protocol where protocols differ in it; of Table 1 that of all classes."""
    if "all_samples" in table:
        by_class = table.drop_duplicates(["protocol", "policy", "y_true"])
        return f"{by_class.groupby(['protocol', 'policy'])['all_samples'].sum().max():.0f}"
    if "protocol" not in table:
        return f"{table[column].max():.0f}"
    counts = table.groupby("protocol", sort=False)[column].max()
    if counts.nunique() == 1 or len(counts) > 2:
        return f"{counts.max():.0f}"
    return ", ".join(f"{count:.0f} ({protocol})" for protocol, count in counts.items())
