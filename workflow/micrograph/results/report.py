"""The report page: one self-contained HTML file that needs no network, readable on phone and desktop.

Everything that comes from files is escaped by the template; only captions (rendered here from reStructuredText with raw
HTML switched off) enter as markup.
"""

import base64
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pandas as pd
from docutils.core import publish_parts

from micrograph.faults import Fault, known
from micrograph.results import fits, panels, table2

MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}
SAID = {  # how the data are called -> the sentence at the top of the page (None: measured films need none)
    "simulated films": "Simulated films. They were grown and scanned in the computer: the numbers below say how "
    "well the method works on them, and nothing about real MoS2. The embedded study's settings were chosen by hand "
    "with its results, test included, in view.",
    "real films": None,
    "films": None,
}
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

    name: "Figure 2"; title: a few words; images: path of an SVG or PNG; where a figure has several pages, a folder
    of PNGs or a list, of which all but the first are folded; caption: HTML; wide: two columns wide; group: the heading
    that it and its neighbours of the same group stand under, "" for none.
    """

    name: str
    title: str
    images: str | list
    caption: str
    wide: bool = True
    group: str = ""

    @property
    def sources(self):
        """Every page as a data URI."""
        folder = isinstance(self.images, str | Path) and Path(self.images).is_dir()
        images = sorted(Path(self.images).glob("*.png")) if folder else self.images
        pages = images if isinstance(images, list | tuple) else [images]
        return [embedded(path) for path in pages]


@dataclass(frozen=True)
class Table:
    """One table of the page. name: "Table 2"; title: a few words; panels: list of panels.Panel, of which all but the
    first are folded; caption: HTML; folded: whether the first is folded, too."""

    name: str
    title: str
    panels: list
    caption: str
    folded: bool = False


@dataclass(frozen=True)
class Headline:
    """The number at the top, in percent: pooled test accuracy, its 95 % interval (NaN where there is none), the
    majority baseline, the words that say whose it is, and the verdict on fine-tuned features ("" for none)."""

    accuracy: float
    low: float
    high: float
    majority: float
    words: str
    verdict: str = ""


def headline(table):
    """The strict protocol's result with the model, too, chosen on validation samples (fits.chosen), as a Headline.

    table: the table of table2.table. The best of many rows would flatter itself. None where the strict protocol was
    not run.
    """
    strict = table[table["protocol"] == "strict"]
    if strict.empty:
        return None
    best = strict[(strict["model"] == fits.CHOSEN) & (strict["features"] == table2.ANY)].iloc[0]
    words = (
        f"In each of {best['folds']:.0f} folds, of {len(fits.of_fits(strict))} combinations of features and model, the "
        f"one that did best on the fold's validation samples ({best['validation_pct']:.0f} % there). Each of "
        f"{best['tested_samples']:.0f} samples was tested once, by a model that neither learned from its batch nor was "
        f"chosen on it."
    )
    low, high = best["pooled_pct_low"], best["pooled_pct_high"]
    majority = strict.loc[strict["model"] == fits.BASELINE, "pooled_pct"].iloc[0]
    return Headline(best["pooled_pct"], low, high, majority, words, table2.verdict(table))


def caption(rst_path, params, config=None):
    """A caption file as HTML: Jinja as Snakemake's report fills it in, then reStructuredText without raw HTML.

    params: what the caption may call snakemake.params; config: what it may call snakemake.config. A name that the
    caption asks for and nobody gives raises Fault.
    """
    given = SimpleNamespace(params=SimpleNamespace(**params), config=config or {})
    frame = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    try:
        text = frame.from_string(Path(rst_path).read_text(encoding="utf-8")).render(snakemake=given)
    except jinja2.UndefinedError as error:
        raise Fault(f"{Path(rst_path).name}: {error.message}; give the caption what it asks for.") from None
    return publish_parts(text, writer="html5", settings_overrides=RST)["body"]


def embedded(path):
    """A picture file as a data URI."""
    path = Path(path)
    media = known(path.suffix.lower(), MEDIA, "picture format")
    return f"data:{media};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def versions(names):
    """{package: installed version} of the named packages, "not installed" where there is none."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def flat(settings, above=""):
    """[(dotted key, value in words)] of nested settings, in their order: {"a": {"b": [1, 2]}} -> [("a.b", "1, 2")]."""
    rows = []
    for name, value in settings.items():
        key = f"{above}{name}"
        if isinstance(value, dict):
            rows += flat(value, f"{key}.")
        else:
            rows.append((key, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)))
    return rows


def panel(title, frame):
    """A data frame as a panels.Panel: numbers to four figures, missing values empty, words before numbers."""
    numbers = [name for name in frame if pd.api.types.is_numeric_dtype(frame[name])]
    order = [name for name in frame if name not in numbers] + numbers
    rows = [[_words(value) for value in row] for row in frame[order].itertuples(index=False)]
    return panels.Panel(title, [str(name) for name in order], rows, words=len(order) - len(numbers))


def _words(value):
    if pd.isna(value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def page(template_path, title, data_label, main_number, shown_tables, figures, samples, rejected, settings, made_with):
    """The report as one HTML text.

    template_path: page.html.j2; data_label: "simulated films", "real films" or "films"; main_number: a Headline or
    None; shown_tables, figures: lists of Table and Figure; samples, rejected: the tables of accepted and refused
    scans; settings: the run's config; made_with: {package: version}.
    """
    frame = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = frame.from_string(Path(template_path).read_text(encoding="utf-8"))
    return template.render(
        title=title,
        said=known(data_label, SAID, "data label"),
        headline=main_number,
        tables=shown_tables,
        figures=figures,
        counts=samples["growth_celsius"].value_counts().sort_index().items(),
        samples=len(samples),
        batches=samples["batch"].nunique(),
        rejected=panel("", rejected),
        settings=flat(settings),
        made_with=made_with,
    )
