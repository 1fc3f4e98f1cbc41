"""The report page as text: what stands at its top, and the template filled in with all that it tells.

Everything that comes from files is escaped by the template; only captions (contents.caption) enter as markup. folder.py
writes the page and what lies beside it.
"""

from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

from micrograph.errors import lookup
from micrograph.evaluation import metrics, summaries, table2, tables
from micrograph.evaluation.labels import scheme_label
from micrograph.report import contents
from micrograph.report.conclusions import Conclusions

SAID = {  # how the data are called -> the sentence at the top of the page (None: measured films need none)
    "simulated films": "Simulated films. They were grown and scanned in the computer: the numbers below say how "
    "well the method works on them, and nothing about real MoS2. The embedded study's settings were chosen by hand "
    "with its results, test included, in view.",
    "real films": None,
    "films": None,
}
NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Headline:
    """The number at the top, in percent: pooled test accuracy, its 95 % interval (NaN where there is none), the
    majority baseline, the words that say whose it is; and the paper's best test accuracy (NaN for none) with the words
    that say what it is."""

    accuracy: float
    low: float
    high: float
    majority: float
    words: str
    paper: float = np.nan
    paper_words: str = ""


@dataclass(frozen=True)
class Glance:
    """A model's test answers on one small table: words that say whose; classes; counts (classes, classes + 1), truth by
    answer, the last column without an answer; right and total films."""

    words: str
    classes: list
    counts: np.ndarray
    right: int
    total: int


@dataclass(frozen=True)
class Story:
    """All that the template tells. title; data: how the data are called; headline: a Headline or None; glance: a Glance
    or None; conclusions: Conclusions or None; tables, figures: lists of Table and Figure; samples, rejected: the tables
    of accepted and refused scans; settings: the run's config; made_with: {package: version}."""

    title: str
    data: str
    headline: Headline | None
    samples: pd.DataFrame
    rejected: pd.DataFrame
    settings: dict
    made_with: dict
    tables: list = field(default_factory=list)
    figures: list = field(default_factory=list)
    glance: Glance | None = None
    conclusions: Conclusions | None = None


def headline(table, published=None):
    """The strict protocol's result with the model, too, chosen on validation samples (fits.chosen), as a Headline.

    table: the table of table2.table; published: the paper's values (resources/published/values.tsv), None for none
    beside. The best of many rows would flatter itself. None where the strict protocol was not run.
    """
    strict = table[table["protocol"] == "strict"]
    if strict.empty:
        return None
    best = strict[(strict["model"] == summaries.CHOSEN) & (strict["features"] == table2.ANY)].iloc[0]
    dealt, once = (f" of each of {best['repeats']:.0f} deals", " in each deal") if best["repeats"] > 1 else ("", "")
    words = (
        f"In each of {best['folds']:.0f} folds{dealt}, of {len(summaries.single_fits(strict))} combinations of features "
        f"and model, the one that did best on the fold's validation samples ({best['validation_pct']:.0f} % there). "
        f"Each of {best['tested_samples']:.0f} samples was tested once{once}, by a model that neither learned from its "
        f"batch nor was chosen on it."
    )
    low, high = best["pooled_pct_low"], best["pooled_pct_high"]
    majority = strict.loc[strict["model"] == summaries.BASELINE, "pooled_pct"].iloc[0]
    beside = (np.nan, "") if published is None else papers_best(published)
    return Headline(best["pooled_pct"], low, high, majority, words, *beside)


def papers_best(published):
    """(the paper's best test accuracy in percent, the words that say what it is); (NaN, "") where it has none.

    published: resources/published/values.tsv. Of equals the first. The best validation accuracy stands in the words.
    """
    tested, validated = (_best(published, split) for split in ("test", "val"))
    if tested is None:
        return np.nan, ""
    words = f"The paper's best on real films: {_named(tested)} on 27 test films, the same in all ten fits"
    words += "" if validated is None else f", and {_named(validated)} on validation films, which also chose settings"
    how = "The best of many rows flatters itself; ours was chosen among its own by validation films."
    return float(tested["mean"]), f"{words}. {how}"


def _best(published, split):
    """The row of the highest accuracy in the paper's tables, None where there is none."""
    tables = published["item"].str.startswith("table") & (published["metric"] == "accuracy_pct")
    rows = published[tables & (published["split"] == split)]
    means = rows["mean"].astype(float)
    return None if rows.empty else rows.loc[means.idxmax()]


def _named(row):
    """A row of the paper in words: "71 ± 4 % (MLP, NNRank)"."""
    number = f"{tables.spread(float(row['mean']), float(row['std']))} %".replace(" ", NO_BREAK)
    return f"{number} ({row['model']}, {scheme_label(row['scheme'])})"


def glance(predictions, classes, words):
    """The Glance of a strict model. predictions: the waist's table; classes: Celsius; words: whose answers they are."""
    test = predictions[predictions["split"] == "test"]
    counts = metrics.confusion(test, classes).astype(int)
    return Glance(words, list(classes), counts, int(np.trace(counts)), int(counts.sum()))


def html(template_path, story):
    """The page as HTML text. template_path: index.html.j2; story: a Story, its files already beside the page."""
    frame = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = frame.from_string(Path(template_path).read_text(encoding="utf-8"))
    return template.render(
        title=story.title,
        said=lookup(story.data, SAID, "data label"),
        headline=story.headline,
        glance=story.glance,
        conclusions=story.conclusions,
        places={Path(table.file).stem: place for place, table in enumerate(story.tables, 1) if table.file},
        tables=story.tables,
        figures=story.figures,
        counts=story.samples["growth_celsius"].value_counts().sort_index().items(),
        samples=len(story.samples),
        batches=story.samples["batch"].nunique(),
        rejected=contents.panel("", story.rejected),
        settings=contents.flat(story.settings),
        made_with=story.made_with,
    )
