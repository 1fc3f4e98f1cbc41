"""Write the report: index.html and, in parts/ beside it, all that it shows.

parts/ holds copies of the page's scripts and styles, samples.js (window.STUDY), figures/, tables/ and sheets/. Nothing
is loaded from elsewhere, and the same run gives the same bytes.
"""

import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from micrograph import io
from micrograph.errors import UserError, lookup
from micrograph.report import dark_figures, page, samples, sprites
from micrograph.report.contents import Figure, Table

TEMPLATE = "index.html.j2"
PIXELS_PER_POINT = 96 / 72  # of CSS


def write(
    folder: str | Path,
    assets: Iterable[str | Path],
    report: page.Report,
    study: dict | None = None,
    pictures: sprites.Pictures | None = None,
) -> None:
    """Write the report; index.html comes last, so that a page on disk is complete.

    Parameters
    ----------
    folder : str or Path
    assets : iterable of paths
        index.html.j2, and the scripts, styles and icons, which are copied to parts/ under their names.
    report : Report
    study : dict, optional
        Data of `samples.study`; without it the page shows no samples.
    pictures : Pictures, optional
        Of the samples of `study`, in the same order.

    Raises
    ------
    UserError
        If there is not one template, if two files have the same name, or if an image format is not known.
    """
    template, copied = _template(assets)
    with io.atomic_write(Path(folder) / "parts") as parts:
        for name in ("figures", "tables", "sheets"):
            (parts / name).mkdir(parents=True)
        for path in copied:
            _copy(path, parts)
        report = replace(
            report,
            figures=[_figure(figure, parts / "figures") for figure in report.figures],
            tables=[_table(table, parts / "tables") for table in report.tables],
        )
        if study and pictures:
            study = study | sprites.write(parts / "sheets", pictures, "parts/sheets")
            (parts / "samples.js").write_text(samples.javascript(study), encoding="ascii", newline="\n")
        else:
            report = replace(report, explorer=False)
    io.write_text(Path(folder) / "index.html", page.html(template, report))


def _template(assets: Iterable[str | Path]) -> tuple[Path, list[Path]]:
    """Path of the template, paths of all other assets."""
    paths = [Path(path) for path in assets]
    templates = [path for path in paths if path.name == TEMPLATE]
    if len(templates) != 1:
        names = ", ".join(path.name for path in paths)
        raise UserError(f"the files of the page include {len(templates)} {TEMPLATE} ({names}); give one.")
    return templates[0], [path for path in paths if path.name != TEMPLATE]


def _copy(path: Path, folder: Path) -> None:
    if (folder / path.name).exists():
        raise UserError(f"{path}: another file of the page is called {path.name}, too; rename one.")
    shutil.copyfile(path, folder / path.name)


def _figure(figure: Figure, folder: Path) -> Figure:
    """Copy the images of a figure, and write those that are SVG on a dark ground, too."""
    image = Path(figure.image)
    images = sorted(path for path in image.iterdir() if not path.name.startswith(".")) if image.is_dir() else [image]
    sizes = tuple(lookup(path.suffix.lower(), SIZES, "image format")(path) for path in images)
    subfolder = f"{images[0].parent.name}/" if len(images) > 1 else ""
    (folder / subfolder).mkdir(exist_ok=True)
    for path in images:
        _copy(path, folder / subfolder)
    drawn = [path for path in images if path.suffix.lower() == ".svg"]
    for path in drawn:
        io.write_text(folder / subfolder / _dark(path), dark_figures.darken(path.read_text(encoding="utf-8")))
    place = f"parts/figures/{subfolder}"
    sources = tuple(f"{place}{path.name}" for path in images)
    dark = tuple(f"{place}{_dark(path)}" for path in images) if len(drawn) == len(images) else ()
    return replace(figure, sources=sources, dark_sources=dark, sizes=sizes)


def _dark(path: Path) -> str:
    """Name the variant of a figure on a dark ground."""
    return f"{path.stem}_dark{path.suffix}"


def _table(table: Table, folder: Path) -> Table:
    """Copy the file of a table, if it has one."""
    if not table.file:
        return table
    _copy(Path(table.file), folder)
    return replace(table, file=f"parts/tables/{Path(table.file).name}")


def svg_size(path: str | Path) -> tuple[float, float] | None:
    """Read the size of an SVG of matplotlib, which gives it in points.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    (float, float) or None
        Width and height in CSS pixels; None if it states none.
    """
    with open(path, encoding="utf-8") as svg:
        size = re.search(r'<svg\b[^>]*\swidth="([0-9.]+)pt" height="([0-9.]+)pt"', svg.read(4096))
    return (PIXELS_PER_POINT * float(size[1]), PIXELS_PER_POINT * float(size[2])) if size else None


def _png_size(path: Path) -> tuple[int, int]:
    from PIL import Image

    with Image.open(path, formats=("PNG",)) as image:
        return image.size


SIZES = {".svg": svg_size, ".png": _png_size}
