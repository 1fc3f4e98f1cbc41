"""Predict a scan, or a folder of scans, for the command line: lines to read, and on request the table and the page."""

from __future__ import annotations

from pathlib import Path

from micrograph import io
from micrograph.errors import UserError, printable
from micrograph.prediction import predict, storage
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
        One or two for each scan.
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
    loaded = storage.read(model)
    predictions = predict.predict_scans(paths, loaded, device)
    if out is None:
        made = list(predictions)
        return [line for one in made for line in _lines(one)], sum(bool(one.error) for one in made)
    from micrograph.prediction import page  # it imports matplotlib when it draws

    out, template = Path(out), PROJECT / "workflow" / "report" / "new.html.j2"
    table = page.write(predictions, loaded, template, out / "index.html", out / "parts")
    io.write_table(out / "predictions.tsv", table)
    n_errors = int(table["error"].astype(bool).sum())
    return [f"{len(table)} scans, {n_errors} of them without a prediction: {printable(out / 'index.html')}"], n_errors


def _lines(prediction: predict.Prediction) -> list[str]:
    """Say what was predicted for one scan."""
    if prediction.error:
        return [prediction.error]
    sure = ", ".join(f"{name} °C {share:.0%}" for name, share in prediction.probabilities.items())
    line = (
        f"{prediction.scan}: {prediction.y_pred} °C ({sure}); {prediction.coverage:.0%} interval "
        f"{prediction.low_celsius:.0f} to {prediction.high_celsius:.0f} °C"
    )
    return [line, *(f"  out of distribution: {reason}" for reason in prediction.reasons)]
