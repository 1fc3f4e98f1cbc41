"""The report on disk: index.html and, in parts/ beside it, all that it shows; nothing is read from elsewhere.

parts/ holds copies of the page's scripts and styles, films.js (window.STUDY), figures/, tables/ and sheets/. The same
run gives the same bytes.
"""

import re
import shutil
from dataclasses import replace
from pathlib import Path

from micrograph import io
from micrograph.errors import UserError, lookup
from micrograph.report import page, samples, sprites

TEMPLATE = "index.html.j2"
PIXELS = {"pt": 96 / 72, "px": 1.0, "": 1.0, "mm": 96 / 25.4, "in": 96.0}  # CSS pixels a unit
LENGTH = r'\s{}="([0-9.]+)(pt|px|mm|in|)"'


def write(folder, face, story, study, drawn):
    """Write the report into `folder`: index.html last, so that a page that is there is whole.

    face: paths of the page's own files: index.html.j2, and scripts, styles and pictures, which are copied to parts/ by
    their names; story: report.Story; study: films.study; drawn: sheets.Drawn of the same films in the same order.
    """
    template, others = _face(face)
    with io.atomic_write(Path(folder) / "parts") as parts:
        for name in ("figures", "tables", "sheets"):
            (parts / name).mkdir(parents=True)
        for path in others:
            _copy(path, parts)
        story = replace(
            story,
            figures=[_figure(one, parts / "figures") for one in story.figures],
            tables=[_table(one, parts / "tables") for one in story.tables],
        )
        study = study | sprites.write(parts / "sheets", drawn, inside="parts/sheets")
        (parts / "films.js").write_text(samples.javascript(study), encoding="ascii", newline="\n")
    io.write_text(Path(folder) / "index.html", page.html(template, story))


def _face(paths):
    """(path of the template, paths of what is copied)."""
    paths = [Path(path) for path in paths]
    templates = [path for path in paths if path.name == TEMPLATE]
    if len(templates) != 1:
        names = ", ".join(path.name for path in paths)
        raise UserError(f"the page's own files hold {len(templates)} {TEMPLATE} ({names}): give one.")
    return templates[0], [path for path in paths if path.name != TEMPLATE]


def _copy(path, folder):
    """Copy a file into `folder` under its name; UserError where the name is taken."""
    if (folder / path.name).exists():
        raise UserError(f"{path}: another file of the page is called {path.name}, too; rename one.")
    shutil.copyfile(path, folder / path.name)


def _figure(figure, folder):
    """The figure with its pages copied: sources as the page sees them, and their sizes."""
    images = figure.images
    if isinstance(images, str | Path) and Path(images).is_dir():
        images = sorted(Path(images).glob("*.png"))
    images = [Path(path) for path in (images if isinstance(images, list | tuple) else [images])]
    sizes = tuple(lookup(path.suffix.lower(), SIZES, "picture format")(path) for path in images)
    inside = f"{images[0].parent.name}/" if len(images) > 1 else ""
    (folder / inside).mkdir(exist_ok=True)
    for path in images:
        _copy(path, folder / inside)
    return replace(figure, sources=tuple(f"parts/figures/{inside}{path.name}" for path in images), sizes=sizes)


def _table(table, folder):
    """The table with its file copied, if it has one: its path as the page sees it."""
    if not table.file:
        return table
    _copy(Path(table.file), folder)
    return replace(table, file=f"parts/tables/{Path(table.file).name}")


def svg_size(path):
    """(width, height) of an SVG in CSS pixels, from the attributes of its first element; None where it states none."""
    with open(path, encoding="utf-8") as svg:
        element = re.search(r"<svg\b[^>]*>", svg.read(4096))
    found = [element and re.search(LENGTH.format(name), element[0]) for name in ("width", "height")]
    return tuple(float(one[1]) * PIXELS[one[2]] for one in found) if all(found) else None


def png_size(path):
    """(width, height) of a PNG in its own pixels."""
    from PIL import Image

    with Image.open(path, formats=("PNG",)) as image:
        return image.size


SIZES = {".svg": svg_size, ".png": png_size}
