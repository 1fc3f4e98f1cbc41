"""The style of every figure: sizes in millimetres, marks, legends, the label of the data, scale bars, saving.

Figures are matplotlib Figure objects, without pyplot and its state. matplotlib is imported where something is drawn.
Whoever saves a figure labels it with its data (`label_data`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from micrograph import io
from micrograph.errors import lookup
from micrograph.evaluation import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    from micrograph.target import Target

SINGLE_MM, DOUBLE_MM = 89, 183  # one and two columns of a journal page
MM_PER_INCH = 25.4
INK, SOFT, FAINT, PAPER = "#1c2330", "#5a6472", "#d9dee5", "#ffffff"
QUALITATIVE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1c2330", "#8a7a00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

# Split -> (label, colour, marker): distinguishable by shape and, in grey, by lightness.
SPLITS = {
    "train": ("training", "#9fabba", "s"),
    "validation": ("validation", "#d9822b", "^"),
    "test": ("test", "#16407a", "o"),
}
POLICIES = {"aug1": "crops", "aug2": "AutoAug.", "aug3": "balanced", "aug4": "none"}  # short, for an axis

DASHED: dict[str, Any] = {
    "color": INK,
    "lw": 0.7,
    "ls": (0, (2, 1.5)),
    "zorder": 1,
}  # lines of reference: majority class, chance level

# Label of the data -> badge in the figure (None: none).
BADGES = {"simulated films": "simulated films", "real films": None, "films": None}

RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so every machine draws the same bytes
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 7,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "text.usetex": False,
    "text.parse_math": False,  # a sample called $x$ is a name, not mathematics
    "axes.unicode_minus": True,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handletextpad": 0.3,
    "lines.linewidth": 1.0,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "growth-from-micrographs",
    "image.interpolation": "antialiased",
}

# Format -> metadata left out of the file, so that the same figure gives the same bytes.
METADATA = {
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


@contextmanager
def context() -> Iterator[None]:
    """Set matplotlib's parameters; context manager and decorator under which every figure is drawn and saved."""
    from matplotlib import rc_context

    with rc_context(RC):  # type: ignore[arg-type]  # whose type lists every key
        yield


def canvas(width_mm: float, height_mm: float, title: str = "", line: str = "", left: float = 4.0) -> Figure:
    """Create a figure with a title.

    Parameters
    ----------
    width_mm, height_mm : float
    title : str, default ""
    line : str, default ""
        What stands below the title.
    left : float, default 4.0
        Left edge of both in mm.

    Returns
    -------
    Figure
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH))
    text_mm(figure, left, 2.2, title, weight="bold")
    text_mm(figure, left, 6.4, line, color=SOFT, linespacing=1.4)
    return figure


def label_data(figure: Figure, data: str) -> None:
    """Write at the upper right of a figure that its data are simulated; nothing for real films.

    Parameters
    ----------
    figure : Figure
    data : str
        Label of the data, a key of `BADGES`.

    Raises
    ------
    UserError
        If the label is not known.
    """
    badge = lookup(data, BADGES, "data label")
    if not badge:
        return
    wide = figure.get_size_inches()[0] * MM_PER_INCH
    pill = {"boxstyle": "round,pad=0.35,rounding_size=0.9", "facecolor": "#fff3d6", "edgecolor": "#b7791f", "lw": 0.5}
    text_mm(figure, wide - 2, 1.8, badge, ha="right", fontsize=6.5, color="#6b4307", bbox=pill)


def axes_mm(figure: Figure, left: float, top: float, width: float, height: float, **settings: Any) -> Axes:
    """Add axes.

    Parameters
    ----------
    figure : Figure
    left, top, width, height : float
        Position from the left and upper edges of the figure, and size, in mm.
    **settings
        Of ``Figure.add_axes``.

    Returns
    -------
    Axes
    """
    wide, tall = figure.get_size_inches() * MM_PER_INCH
    return figure.add_axes((left / wide, 1 - (top + height) / tall, width / wide, height / tall), **settings)


def text_mm(figure: Figure, left: float, top: float, text: str, **settings: Any) -> None:
    """Write a text.

    Parameters
    ----------
    figure : Figure
    left, top : float
        Position from the left and upper edges of the figure, in mm.
    text : str
    **settings
        Of ``Figure.text``; the position is that of the upper edge unless ``va`` is given.
    """
    wide, tall = figure.get_size_inches() * MM_PER_INCH
    figure.text(left / wide, 1 - top / tall, text, **({"va": "top"} | settings))


def letter_panel(figure: Figure, left: float, top: float, letter: str) -> None:
    """Write the letter of a panel.

    Parameters
    ----------
    figure : Figure
    left, top : float
        Position from the left and upper edges of the figure, in mm.
    letter : str
    """
    text_mm(figure, left, top, letter, fontsize=8.5, weight="bold")


def legend_mm(
    figure: Figure, left: float, top: float, columns: int, looks: Mapping[str, Mapping[str, Any]], **settings: Any
) -> None:
    """Draw a legend.

    Parameters
    ----------
    figure : Figure
    left, top : float
        Position of its upper left corner from the left and upper edges of the figure, in mm.
    columns : int
    looks : mapping of str to mapping
        Label -> settings of ``Line2D``, as of `mark_look`.
    **settings
        Of ``Figure.legend``.
    """
    from matplotlib.lines import Line2D

    wide, tall = figure.get_size_inches() * MM_PER_INCH
    spacing = {"columnspacing": 1.4, "borderpad": 0, "borderaxespad": 0, "handlelength": 1.4}
    figure.legend(
        handles=[Line2D([], [], label=label, **look) for label, look in looks.items()],
        loc="upper left",
        bbox_to_anchor=(left / wide, 1 - top / tall),
        ncols=columns,
        **(spacing | settings),
    )


def mark_look(colour: Any, marker: str = "o", hollow: bool = False) -> dict[str, Any]:
    """Give the look of a mark.

    Parameters
    ----------
    colour : colour
    marker : str, default "o"
    hollow : bool, default False

    Returns
    -------
    dict
        Settings of ``Axes.plot`` and ``Line2D``.
    """
    size = (3.6 if hollow else 4.2) * (1.4 if marker == "*" else 1)
    fill = {"mfc": PAPER, "mec": colour, "mew": 0.8} if hollow else {"mfc": colour, "mec": PAPER, "mew": 0.4}
    return {"marker": marker, "ms": size, "ls": ""} | fill


def mark(
    axes: Axes,
    value: float,
    place: float,
    ends: Sequence[float],
    look: Mapping[str, Any],
    *,
    vertical: bool = False,
) -> None:
    """Draw a mark with its interval.

    Parameters
    ----------
    axes : Axes
    value : float
        Nothing is drawn where it is NaN.
    place : float
        On the other axis.
    ends : sequence of two float
        Of the interval, which is not drawn where one is NaN.
    look : mapping
        Of `mark_look`.
    vertical : bool, default False
        Whether values are drawn upwards.
    """
    if not np.isfinite(value):
        return
    hollow = look["mfc"] == PAPER
    order = slice(None, None, -1 if vertical else 1)
    if np.isfinite(ends).all():
        colour = look["mec"] if hollow else look["mfc"]
        line = ([*ends], [place, place])[order]
        axes.plot(*line, color=colour, lw=0.7 if hollow else 1.2, solid_capstyle="butt", zorder=2)
    axes.plot(*([value], [place])[order], zorder=3 if hollow else 4, clip_on=False, **look)


def label_rows(axes: Axes, names: Sequence[str]) -> None:
    """Label rows at 0, 1, ... from the top, and separate them by faint lines.

    Parameters
    ----------
    axes : Axes
    names : sequence of str
    """
    axes.set_yticks(range(len(names)), names, linespacing=1.2)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    row_lines(axes, len(names))


def draw_symbol(figure: Figure, left: float, top: float, colour: Any, marker: str) -> None:
    """Draw a mark outside of axes.

    Parameters
    ----------
    figure : Figure
    left, top : float
        Its middle, from the left and upper edges of the figure, in mm.
    colour : colour
    marker : str
    """
    from matplotlib.lines import Line2D

    wide, tall = figure.get_size_inches() * MM_PER_INCH
    figure.add_artist(Line2D([left / wide], [1 - top / tall], color=colour, marker=marker, ms=4.2, mew=0, ls=""))


def row_lines(axes: Axes, count: int, vertical: bool = False) -> None:
    """Separate rows (or columns) at 0, 1, ... by faint lines.

    Parameters
    ----------
    axes : Axes
    count : int
        Number of rows.
    vertical : bool, default False
        Whether columns are separated instead.
    """
    for line in np.arange(count - 1) + 0.5:
        (axes.axvline if vertical else axes.axhline)(line, color=FAINT, lw=0.5, zorder=0)


def shorten(text: str, length: int) -> str:
    """Cut a text.

    Parameters
    ----------
    text : str
    length : int
        Largest number of characters.

    Returns
    -------
    str
        With an ellipsis where it is cut.
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def class_marks(classes: Sequence[float], ordered: bool = True) -> dict[float, tuple[tuple[float, float, float], str]]:
    """Choose a colour and a marker for each class.

    Parameters
    ----------
    classes : sequence of float
    ordered : bool, default True
        Whether they have an order.

    Returns
    -------
    dict
        Class -> (colour, marker). With order the lightness rises with the class, so that classes differ in grey;
        without, colours are those of Okabe and Ito, which are distinguishable without red or green.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba

    shades = colormaps["plasma"](np.linspace(0.06, 0.80, len(classes)))
    if not ordered:
        shades = np.array([to_rgba(QUALITATIVE[place % len(QUALITATIVE)]) for place in range(len(classes))])
    colours = [cast(tuple[float, float, float], tuple(float(part) for part in shade[:3])) for shade in shades]
    return {name: (colours[place], MARKERS[place % len(MARKERS)]) for place, name in enumerate(classes)}


def label_classes(axes: Axes, target: Target, vertical: bool = False, room: int = 6) -> None:
    """Label an axis with the target's classes, at 0, 1, ..., and with its name.

    Parameters
    ----------
    axes : Axes
    target : Target
    vertical : bool, default False
        Whether it is the vertical axis.
    room : int, default 6
        Letters that fit side by side; longer labels are drawn aslant.
    """
    labels = [shorten(label, 18) for label in target.labels]
    if vertical:
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylabel(target.named)
        return
    aslant = aslant_mm(labels, room) > 0
    look: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if aslant else {}
    axes.set_xticks(range(len(labels)), labels, **look)
    axes.set_xlabel(capitalised(target.named))


def aslant_mm(labels: Sequence[str], room: int = 6) -> float:
    """Return the height in mm that labels need beyond one line, drawn aslant where they are longer than `room`."""
    longest = min(max(map(len, labels)), 18)
    return 0.55 * longest if longest > room else 0.0


def value(number: float, target: Target) -> str:
    """Format a predicted value with the target's unit: "value 941 °C"."""
    return f"value {tables.number(number, tables.value_digits(target))} {target.unit}".strip()


def capitalised(text: str) -> str:
    """Return a text with a capital first letter; the others stay."""
    return text[:1].upper() + text[1:]


def growth_facts(row: Mapping, columns: Sequence[str]) -> list[str]:
    """Write what is known of the growth of a sample: "600 s growth", "50 Torr", the substrate.

    Parameters
    ----------
    row : mapping
        Row of the table of samples.
    columns : sequence of str
        Of it.

    Returns
    -------
    list of str
        Without those that are missing.
    """
    formats = {"growth_seconds": "{:.0f} s growth".format, "pressure_torr": "{:g} Torr".format}
    known = [(name, row.get(name)) for name in columns]
    return [
        formats.get(name, lambda value: shorten(str(value), 22))(value)
        for name, value in known
        if not (value is None or value != value)  # NaN
    ]


def round_length(longest_nm: float) -> float:
    """Round a length down to 1, 2 or 5 times a power of ten.

    Parameters
    ----------
    longest_nm : float
        Positive length in nm.

    Returns
    -------
    float
    """
    power = 10.0 ** np.floor(np.log10(longest_nm))
    return float(max(step * power for step in (1, 2, 5) if step * power <= longest_nm * (1 + 1e-9)))


def length_label(length_nm: float) -> str:
    """Format a length: 200 -> "200 nm", 2000 -> "2 µm".

    Parameters
    ----------
    length_nm : float

    Returns
    -------
    str
    """
    return f"{length_nm:g} nm" if length_nm < 1000 else f"{length_nm / 1000:g} µm"


def known_size(pixel_nm: float | None) -> bool:
    """Check that the size of a pixel is known.

    Parameters
    ----------
    pixel_nm : float or None
        nm per pixel; None, NaN and 0 are unknown.

    Returns
    -------
    bool
    """
    return pixel_nm is not None and bool(np.isfinite(pixel_nm)) and pixel_nm > 0


def scale_bar(axes: Axes, pixel_nm: float | None, share: float = 0.34, fontsize: float = 6.0) -> Rectangle | None:
    """Draw a scale bar into the lower left corner of an image.

    Parameters
    ----------
    axes : Axes
        Axes with the image.
    pixel_nm : float or None
        nm per pixel.
    share : float, default 0.34
        Greatest length of the bar as a share of the width of the image.
    fontsize : float, default 6.0

    Returns
    -------
    Rectangle or None
        The bar, in pixels; None where the size is unknown.
    """
    from matplotlib import patheffects
    from matplotlib.patches import Rectangle

    if pixel_nm is None or not known_size(pixel_nm):
        return None
    left, right = sorted(axes.get_xlim())
    bottom, top = axes.get_ylim()
    wide, tall = right - left, top - bottom
    length_nm = round_length(share * wide * pixel_nm)
    edge = [patheffects.withStroke(linewidth=1.3, foreground="black")]
    bar = Rectangle(
        (left + 0.05 * wide, bottom + 0.05 * tall),
        length_nm / pixel_nm,
        0.028 * tall,
        facecolor="white",
        edgecolor="black",
        linewidth=0.35,
    )
    axes.add_patch(bar)
    axes.text(
        *(left + 0.05 * wide, bottom + 0.095 * tall),
        length_label(length_nm),
        color="white",
        fontsize=fontsize,
        ha="left",
        va="bottom",
        path_effects=edge,
    )
    return bar


def show_matrix(axes: Axes, values: NDArray, **look: Any) -> QuadMesh:
    """Show a matrix as coloured cells, the first row on top.

    Parameters
    ----------
    axes : Axes
    values : ndarray of shape (rows, columns) or (rows, columns, 3)
        Numbers, or colours.
    **look
        Settings of ``Axes.pcolormesh``.

    Returns
    -------
    QuadMesh

    Notes
    -----
    The cells are paths: in an image they would keep their colours where a report draws the figure on a dark ground.
    """
    rows, columns = values.shape[:2]
    cells = axes.pcolormesh(np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5, values, **look)
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    return cells


def show_image(axes: Axes, image: NDArray[np.uint8], frame: Any = None) -> None:
    """Show an image in grey without ticks.

    Parameters
    ----------
    axes : Axes
    image : ndarray of shape (rows, columns)
    frame : colour, optional
        Colour of a thick border.
    """
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    set_frame(axes, color=frame or SOFT, linewidth=1.6 if frame else 0.5)


def set_frame(axes: Axes, **look: Any) -> None:
    """Draw a border around axes, and no ticks.

    Parameters
    ----------
    axes : Axes
    **look
        Settings of the spines.
    """
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, **({"color": SOFT, "linewidth": 0.5} | look))


def save_pages(
    pages: Sequence[Figure], pdf_path: str | Path, folder: str | Path, dots_per_inch: int = 200, kind: str = "png"
) -> None:
    """Write figures as the pages of one PDF, and as folder/page01.png and so on.

    Parameters
    ----------
    pages : sequence of Figure
    pdf_path, folder : str or Path
    dots_per_inch : int, default 200
    kind : {"png", "svg"}, default "png"
        Format of the single pages.
    """
    from matplotlib.backends.backend_pdf import PdfPages

    with io.atomic_write(folder) as partial:
        for number, page in enumerate(pages, 1):
            save(page, partial / f"page{number:02d}.{kind}", dots_per_inch=dots_per_inch)
    with context(), io.atomic_write(pdf_path) as partial, PdfPages(partial, metadata=METADATA["pdf"]) as book:
        for page in pages:
            book.savefig(page, dpi=dots_per_inch)


def save(figure: Figure, *paths: str | Path, dots_per_inch: int = 300) -> None:
    """Write a figure as PDF, SVG or PNG, as the ends of the paths say; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    *paths : str or Path
    dots_per_inch : int, default 300
    """
    for path in paths:
        kind = Path(path).suffix.removeprefix(".")
        with context(), io.atomic_write(path) as partial:
            figure.savefig(partial, format=kind, dpi=dots_per_inch, metadata=METADATA[kind])
