"""Predict a scan, or those of a folder or sheet, for the command line: lines, and on request the table and the page."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from micrograph import io, log
from micrograph.errors import UserError, printable
from micrograph.prediction import predict
from micrograph.project import PROJECT
from micrograph.scans import sample_sheet
from micrograph.target import Target

LINES = 50  # of the terminal's table


def predict_folder(
    scans: str | Path, model: str | Path, out: str | Path | None = None, device: str = "auto"
) -> tuple[list[str], int]:
    """Predict the scans at a path.

    Parameters
    ----------
    scans : path
        A scan, a folder that is searched with its subfolders, or a sheet (`sample_sheet.list_new_scans`).
    model : path
        Of the final model.
    out : path, optional
        Folder that does not exist yet, for predictions.tsv, index.html and its images.
    device : {"auto", "cpu", "cuda", "mps"}

    Returns
    -------
    lines : list of str
        One for each scan; with `out` a table of file, answer, set and flags, and the path of the page.
    n_errors : int
        Number of files that could not be read.

    Raises
    ------
    UserError
        If there is no scan or no model, if the sheet has errors, or if `out` exists.
    """
    if out is not None and Path(out).exists():
        raise UserError(f"{printable(out)}: exists and is kept; name a new folder.")
    listed = sample_sheet.list_new_scans(scans, "SCANS", out, notify=log.notice)
    loaded = predict.read_model(model)
    predictions = predict.predict_scans(listed, loaded, device)
    if out is None:
        made = list(predictions)
        lines = [str(one) for one in [*made, *predict.predict_films(made, loaded)]]
        return lines, sum(bool(one.error) for one in made)
    from micrograph.prediction import page  # it imports matplotlib when it draws

    out, template = Path(out), PROJECT / "workflow" / "report" / "new.html.j2"
    table = page.write(predictions, loaded, template, out / "index.html", out / "parts")
    io.write_table(out / "predictions.tsv", table)
    n_errors = int(table["error"].astype(bool).sum())
    return summary(table, out / "index.html", Target.from_config(loaded.facts["target"]).unit), n_errors


def _text(cell: object) -> str:
    """Return a cell as text: names of classes that are numbers are read from a file as such."""
    return f"{cell:.9g}" if isinstance(cell, int | float) else str(cell)


def summary(table: pd.DataFrame, page: str | Path, unit: str) -> list[str]:
    """Write a table of predictions for the terminal: file, answer, set and flags; then errors, cautions and the page.

    Parameters
    ----------
    table : DataFrame
        Of `predict.table`.
    page : path
    unit : str
        Of the target.
    """
    rows = [("file", "answer", "set", "flags")]
    for row in table.astype(object).fillna("").to_dict("records"):
        doubted, known = row["out_of_distribution"] == "yes", row["trained_on"]
        flags = (
            ["not read"] * bool(row["error"])
            + ["out of distribution"] * doubted
            + [f"trained on ({known})"] * bool(known)
        )
        answer = "" if row["error"] else "none" if doubted else f"{_text(row['y_pred'])} {unit}".strip()
        members = "" if row["error"] or doubted else _text(row["set"]).replace(" ", ", ")
        name = row["scan"] or f"{row['film']}, {row['n_scans']} scans"
        rows.append((name, answer, members, "; ".join(flags)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    ]
    cut = [f"... and {len(lines) - LINES} more"] if len(lines) > LINES else []
    errors = [str(error) for error in table["error"].dropna() if error][:LINES]
    cautions = [f"Caution: {text}" for text in table["caution"].dropna().unique() if text]
    return [*lines[:LINES], *cut, *errors, *cautions, f"The page is {printable(Path(page).resolve())}"]
