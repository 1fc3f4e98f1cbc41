"""The report page as text: its headline, and the template filled in.

Everything is escaped by the template; only captions (contents.caption) enter as HTML. folder.py writes the page and its
files.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import lookup
from micrograph.evaluation import conclusions as evaluated
from micrograph.evaluation import metrics, summaries, table2, tables
from micrograph.evaluation.by_time import Beside
from micrograph.evaluation.labels import scheme_label
from micrograph.report import contents
from micrograph.report.conclusions import Verdict
from micrograph.scans import quality
from micrograph.splits import film_scans
from micrograph.target import Target

NOTICES = {  # label of the data -> notice at the top of the page
    "simulated films": "Simulated films, grown and scanned numerically: the numbers below show how well the method "
    "works on them, and nothing about real films. The settings of the embedded study were chosen by hand with its "
    "results, test results included, in view.",
    "real films": None,
    "films": None,
}
NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Headline:
    """The result at the top of the page, in percent.

    Parameters
    ----------
    balanced, low, high : float
        Balanced test accuracy and its 95 % confidence interval; NaN without an interval.
    chance : float
        Balanced accuracy of every constant prediction.
    accuracy : tuple of float
        Test accuracy and its 95 % confidence interval.
    majority : float
        Accuracy of the majority class.
    description : str
        How the model was selected.
    paper : float, default NaN
        The paper's best test accuracy.
    paper_description : str
    caution : str
        Why the samples are too few to conclude anything, or "".
    """

    balanced: float
    low: float
    high: float
    chance: float
    accuracy: tuple[float, float, float]
    majority: float
    description: str
    paper: float = np.nan
    paper_description: str = ""
    caution: str = ""


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of one model on its test samples.

    Parameters
    ----------
    model : str
        Name of the model.
    classes : list of str
        How they are called.
    counts : ndarray of shape (n_classes, n_classes + 1)
        True class by predicted one; the last column counts samples without a prediction.
    """

    model: str
    classes: list[str]
    counts: NDArray[np.int_]

    @property
    def balanced(self) -> float:
        """Balanced accuracy in percent, over the classes that were tested."""
        counts = self.counts[self.counts.sum(axis=1) > 0]
        right = np.diag(self.counts)[self.counts.sum(axis=1) > 0]
        return float(100 * np.mean(right / counts.sum(axis=1)))


@dataclass(frozen=True)
class Report:
    """All contents of the page.

    Parameters
    ----------
    target : Target
    data : str
        Label of the data, a key of `NOTICES`.
    headline : Headline or None
    samples, rejected : DataFrame
        Tables of accepted and of rejected scans.
    settings : mapping
        Config of the run.
    versions : mapping of str to str
        Installed version of each package.
    tables : list of Table
    figures : list of Figure
    confusion : Confusion, optional
    conclusions : list of Verdict, optional
    beside : Beside, optional
        What metadata alone and later days give, and whether that calls for caution.
    hazards : sequence of str
        What in the sheet may be wrong, in sentences.
    left_out : mapping of str to str
        What was requested and could not be made, and why.
    explorer : bool
        Whether the samples are shown, set when the page is written.
    """

    target: Target
    data: str
    headline: Headline | None
    samples: pd.DataFrame
    rejected: pd.DataFrame
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    tables: list[contents.Table] = field(default_factory=list)
    figures: list[contents.Figure] = field(default_factory=list)
    confusion: Confusion | None = None
    conclusions: list[Verdict] | None = None
    beside: Beside | None = None
    hazards: Sequence[str] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    explorer: bool = True


def headline(table: pd.DataFrame, published: pd.DataFrame, target: Target) -> Headline | None:
    """Take the result of the strict protocol with model and features selected on validation samples in each fold.

    Parameters
    ----------
    table : DataFrame
        Table 2.
    published : DataFrame
        The paper's values, resources/published/values.tsv; without rows where it does not predict this target.
    target : Target

    Returns
    -------
    Headline or None
        None without fits of the strict protocol.

    Notes
    -----
    The best row of the table would be biased upwards.
    """
    strict = table[table["protocol"] == "strict"]
    if strict.empty:
        return None
    best = strict[(strict["model"] == summaries.SELECTED) & (strict["features"] == table2.ANY)].iloc[0]
    repeats, once = (f" of {best['repeats']:.0f} repeats", " per repeat") if best["repeats"] > 1 else ("", "")
    description = (
        f"In each of {best['folds']:.0f} folds{repeats}, the best of {len(summaries.single_fits(strict))} combinations "
        f"of features and model on the validation samples was selected ({best['validation_pct']:.0f} % validation "
        f"accuracy). Each of {best['n_samples']:.0f} samples was tested once{once}, by a model whose training and "
        f"selection excluded its batch."
    )
    balanced, low, high = (best[f"balanced_pct{end}"] for end in summaries.ENDS)
    accuracy = (best["pooled_pct"], best["pooled_pct_low"], best["pooled_pct_high"])
    majority = strict.loc[strict["model"] == summaries.BASELINE, "pooled_pct"].iloc[0]
    caution = evaluated.too_few(best["n_batches"], best["n_discordant"])
    paper = _published_best(published)
    return Headline(balanced, low, high, 100 / len(target.classes), accuracy, majority, description, *paper, caution)


def in_one_sentence(result: Headline | None, beside: Beside | None = None) -> str:
    """Write the headline for the terminal; "" without one.

    One sentence, a second one where samples are too few, and a line for each caution beside it.
    """
    if result is None:
        return ""
    interval = f" [95 % CI {result.low:.0f}, {result.high:.0f}]" if np.isfinite(result.low) else ""
    caution = f" {result.caution.capitalize()}." if result.caution else ""
    return (
        f"Balanced test accuracy: {result.balanced:.0f} %{interval}; any constant prediction has "
        f"{result.chance:.0f} %.{caution}\n"
        + "".join(f"Caution: {text}\n" for text in (beside.cautions if beside else ()))
    )


def _published_best(published: pd.DataFrame) -> tuple[float, str]:
    """Return the paper's best test accuracy in percent and its description; (NaN, "") if it has none."""
    tested, validated = (_best(published, split) for split in ("test", "val"))
    if tested is None:
        return np.nan, ""
    text = f"The paper's best on real films: {_describe(tested)} on 27 test films, the same in all ten fits"
    text += "" if validated is None else f", and {_describe(validated)} on validation films, also used for selection"
    selection = "The best of many rows is biased upwards; ours was selected on validation samples."
    return float(tested["mean"]), f"{text}. {selection}"


def _best(published: pd.DataFrame, split: str) -> pd.Series | None:
    """Return the first row of the highest accuracy in the paper's tables."""
    is_accuracy = published["item"].str.startswith("table") & (published["metric"] == "accuracy_pct")
    rows = published[is_accuracy & (published["split"] == split)]
    means = rows["mean"].astype(float)
    return None if rows.empty else rows.loc[means.idxmax()]


def _describe(row: pd.Series) -> str:
    """Format a row of the paper: "71 ± 4 % (MLP, NNRank)"."""
    number = f"{tables.spread(float(row['mean']), float(row['std']))} %".replace(" ", NO_BREAK)
    return f"{number} ({row['model']}, {scheme_label(row['scheme'])})"


def confusion(predictions: pd.DataFrame, target: Target, model: str) -> Confusion:
    """Count the test predictions of a model under the strict protocol.

    Parameters
    ----------
    predictions : DataFrame
        Table of predictions.
    target : Target
    model : str
        Name of the model.

    Returns
    -------
    Confusion
    """
    test = predictions[predictions["split"] == "test"]
    counts = metrics.confusion(test, target.classes).astype(int)
    return Confusion(model, [target.with_unit(one) for one in target.classes], counts)


def html(template_path: str | Path, report: Report) -> str:
    """Render the page.

    Parameters
    ----------
    template_path : str or Path
        index.html.j2.
    report : Report
        Its files are already beside the page.

    Returns
    -------
    str
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["bound"] = lambda text: re.sub(r"(?<=\d) %", f"{NO_BREAK}%", text)
    environment.tests["bold"] = lambda cell: isinstance(cell, tables.Bold)
    template = environment.from_string(Path(template_path).read_text(encoding="utf-8"))
    n_batches = report.samples["batch"].nunique()
    material = report.settings.get("material")
    films = film_scans.films(report.samples)
    target, present = report.target, films["y_true"].value_counts().sort_index()
    sections = contents.sections(report.tables, report.figures)
    shown = [one for part in sections for one in part.entries]
    entries = {Path(one.table.file).stem: one for one in shown if one.table and one.table.file}
    judged = entries.get("conclusions") if report.conclusions else None  # stands with the conclusions
    made = {
        "notice": lookup(report.data, NOTICES, "data label"),
        "sections": [
            replace(part, entries=kept) for part in sections if (kept := [one for one in part.entries if one != judged])
        ],
        "entries": entries,
        "judged": judged,
        "title": f"{target.name[0].upper()}{target.name[1:]}{f' of {material}' if material else ''} from micrographs",
        "counts": [(target.with_unit(one), count) for one, count in present.items()],
        "n_samples": len(films),
        "n_scans": len(report.samples),
        "n_batches": n_batches,
        "caution": report.headline.caution if report.headline else evaluated.too_few(n_batches),
        "rejected": contents.panel("", report.rejected),
        "flagged": contents.panel("", _flagged(report.samples)),
        "settings": contents.flatten(report.settings),
        "by_date": report.settings.get("splits", {}).get("primary") == "by_date",
    }
    return template.render(**(vars(report) | made))


def _flagged(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the samples whose scans have quality flags, and their measures."""
    if "quality" not in samples:
        return pd.DataFrame()
    return samples.loc[samples["quality"].notna() & samples["quality"].ne(""), ["sample", "quality", *quality.COLUMNS]]
