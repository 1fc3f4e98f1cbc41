"""The look of every figure: sizes in millimetres, class marks, the label of the data, scale bars, saving.

Needs matplotlib only, and of it Figure objects rather than pyplot: nothing here depends on what was drawn before. It is
imported where something is drawn, so that tables and pages may use the words without it.
"""

from contextlib import contextmanager

import numpy as np

from micrograph import io
from micrograph.errors import lookup

SINGLE_MM, DOUBLE_MM = 89, 183  # one and two columns of a journal page
MM_PER_INCH = 25.4
INK, SOFT, FAINT, PAPER = "#1c2330", "#5a6472", "#d9dee5", "#ffffff"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

# Part of a fold -> (its word, colour, marker): told apart by shape and, in grey, by lightness too.
PARTS = {
    "train": ("training", "#9fabba", "s"),
    "validation": ("validation", "#d9822b", "^"),
    "test": ("test", "#16407a", "o"),
}
POLICIES = {"aug1": "crops", "aug2": "AutoAug.", "aug3": "balanced", "aug4": "none"}  # short, to stand below an axis

# How the data are called -> the badge that stands in the figure (None: measured films need no badge).
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
    "legend.frameon": False,
    "legend.handletextpad": 0.3,
    "lines.linewidth": 1.0,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "growth-from-micrographs",
    "image.interpolation": "antialiased",
}

# Format -> what is left out of the file, so that the same figure gives the same bytes on every day.
METADATA = {
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


@contextmanager
def look():
    """Context (and decorator) under which every figure is drawn and saved."""
    from matplotlib import rc_context

    with rc_context(RC):
        yield


def canvas(width_mm, height_mm, data):
    """An empty figure of that size with the badge of its data at the upper right.

    data: "simulated films" or "films"; UserError for any other word.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH))
    badge = lookup(data, BADGES, "data label")
    if badge:
        pill = {"boxstyle": "round,pad=0.35,rounding_size=0.9", "facecolor": "#fff3d6", "edgecolor": "#b7791f"}
        figure.text(
            *(1 - 2 / width_mm, 1 - 1.8 / height_mm),
            badge,
            ha="right",
            va="top",
            fontsize=6.5,
            color="#6b4307",
            bbox=pill | {"linewidth": 0.5},
        )
    return figure


def axes_mm(figure, left, top, width, height, **settings):
    """Axes placed in millimetres from the figure's left and upper edges."""
    wide, tall = figure.get_size_inches() * MM_PER_INCH
    return figure.add_axes((left / wide, 1 - (top + height) / tall, width / wide, height / tall), **settings)


def text_mm(figure, left, top, words, **settings):
    """Text placed in millimetres from the figure's left and upper edges; its top is there unless said otherwise."""
    wide, tall = figure.get_size_inches() * MM_PER_INCH
    return figure.text(left / wide, 1 - top / tall, words, **({"va": "top"} | settings))


def class_marks(classes):
    """Class -> (colour, marker). Colours rise in lightness with the class, so that grey prints tell them apart."""
    from matplotlib import colormaps

    shades = colormaps["plasma"](np.linspace(0.06, 0.80, len(classes)))
    return {
        name: (tuple(float(part) for part in shades[place][:3]), MARKERS[place % len(MARKERS)])
        for place, name in enumerate(classes)
    }


def rgb(colour):
    """A colour as three shares of red, green and blue."""
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def celsius(name):
    """A growth temperature in words: 900 -> "900 °C"."""
    return f"{name:g} °C"


def round_length(longest_nm):
    """The largest of 1, 2, 5 times a power of ten that is not longer than longest_nm (> 0)."""
    power = 10.0 ** np.floor(np.log10(longest_nm))
    return float(max(step * power for step in (1, 2, 5) if step * power <= longest_nm * (1 + 1e-9)))


def length_words(length_nm):
    """A length with its unit: 200 -> "200 nm", 2000 -> "2 µm"."""
    return f"{length_nm:g} nm" if length_nm < 1000 else f"{length_nm / 1000:g} µm"


def known_size(pixel_nm):
    """True where the size of a pixel (nm) is a positive, finite number: None, NaN and 0 mean that it is not known."""
    return pixel_nm is not None and bool(np.isfinite(pixel_nm)) and pixel_nm > 0


def scale_bar(axes, pixel_nm, share=0.34, fontsize=6.0, label=True):
    """Draw a scale bar of a round length into the lower left corner of a micrograph shown with imshow.

    pixel_nm: nm a pixel; share: the bar's greatest length as a share of the picture's width.
    Returns the bar (a Rectangle in pixels: width times pixel_nm is its length), or None where the size is unknown.
    """
    from matplotlib import patheffects
    from matplotlib.patches import Rectangle

    if not known_size(pixel_nm):
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
    if label:
        axes.text(
            *(left + 0.05 * wide, bottom + 0.095 * tall),
            length_words(length_nm),
            color="white",
            fontsize=fontsize,
            ha="left",
            va="bottom",
            path_effects=edge,
        )
    return bar


def show_picture(axes, picture, frame=None, grey=(0, 255)):
    """Show one picture in grey without ticks, its pixels untouched; `frame` is the colour of its border."""
    axes.imshow(picture, cmap="gray", vmin=grey[0], vmax=grey[1], interpolation="antialiased")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=frame or SOFT, linewidth=1.6 if frame else 0.5)


def save_pages(pages, pdf_path, folder, dots_per_inch=200):
    """Write figures as the pages of one PDF, and as folder/page01.png and so on: whole files, equal bytes each time."""
    from matplotlib.backends.backend_pdf import PdfPages

    with look(), io.atomic_write(folder) as partial:
        partial.mkdir()
        for number, page in enumerate(pages, 1):
            path = partial / f"page{number:02d}.png"
            page.savefig(path, format="png", dpi=dots_per_inch, metadata=METADATA["png"])
    with look(), io.atomic_write(pdf_path) as partial, PdfPages(partial, metadata=METADATA["pdf"]) as book:
        for page in pages:
            book.savefig(page, dpi=dots_per_inch)


def save(figure, pdf_path, svg_path, png_path, dots_per_inch=300):
    """Write a figure as PDF, SVG and PNG: the same figure gives the same bytes, and a file appears whole."""
    for kind, path in (("pdf", pdf_path), ("svg", svg_path), ("png", png_path)):
        _save(figure, path, kind, dots_per_inch)


def save_png(figure, path, dots_per_inch=200):
    """Write a figure as PNG alone: the same figure gives the same bytes, and the file appears whole."""
    _save(figure, path, "png", dots_per_inch)


def _save(figure, path, kind, dots_per_inch):
    with look(), io.atomic_write(path) as partial:
        figure.savefig(partial, format=kind, dpi=dots_per_inch, metadata=METADATA[kind])
