"""Predict a scan, or a folder of scans, for the command line: lines to read, and on request the table and the page."""

from __future__ import annotations

from pathlib import Path

from micrograph import io
from micrograph.errors import UserError, printable
from micrograph.prediction import predict
from micrograph.project import PROJECT
from micrograph.scans import sample_sheet


def predict_folder(
    scans: str | Path, model: str | Path, out: str | Path | None = None, device: str = "auto"
) -> tuple[list[str], int]:
    """Predict the scans at a path.

    Parameters
    ----------
    scans : path
        A file, or a folder that is searched with its subfolders.
    model : path
        Of the final model.
    out : path, optional
        Folder that does not exist yet, for predictions.tsv, index.html and its images.
    device : {"auto", "cpu", "cuda", "mps"}

    Returns
    -------
    lines : list of str
        One for each scan, or the path of the page.
    n_errors : int
        Number of files that could not be read.

    Raises
    ------
    UserError
        If there is no scan or no model, or if `out` exists.
    """
    if out is not None and Path(out).exists():
        raise UserError(f"{printable(out)}: exists and is kept; name a new folder.")
    paths = sample_sheet.list_scans(scans, "SCANS", out)
    loaded = predict.read_model(model)
    predictions = predict.predict_scans(paths, loaded, device)
    if out is None:
        made = list(predictions)
        return [str(one) for one in made], sum(bool(one.error) for one in made)
    from micrograph.prediction import page  # it imports matplotlib when it draws

    out, template = Path(out), PROJECT / "workflow" / "report" / "new.html.j2"
    table = page.write(predictions, loaded, template, out / "index.html", out / "parts")
    io.write_table(out / "predictions.tsv", table)
    n_errors = int(table["error"].astype(bool).sum())
    return [f"{len(table)} scans, {n_errors} of them without a prediction: {printable(out / 'index.html')}"], n_errors
