"""The learning curve: accuracy on new growth days by the number of films learned from, and what the last of them gave.

Made of predictions of protocols with a share of each fold's training films (strict.share25): whole growth days are left
out of training, a greater share holds the days of a smaller one, and the same films choose settings and are tested.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, metrics, summaries, tables
from micrograph.evaluation.labels import fit_labels
from micrograph.splits import protocols
from micrograph.splits.fit_spec import FitSpec

NAME = "Learning curve"
STEPS = ("gain", "rise")  # against the next smaller share, against the smallest
ENDS = ("", "_low", "_high")
COLUMNS = [
    *summaries.KEYS,
    *("share_pct", "training_films", "training_batches"),
    *(f"test_pct{end}" for end in ENDS),
    *(f"{step}_points{end}" for step in STEPS for end in ENDS),
    *("majority_pct", "folds", "repeats", "test_repeat_std", "gain_repeat_std", "rise_repeat_std", "films", "batches"),
]
WHOLE_NUMBERS = ["share_pct", "folds", "repeats", "films", "batches"]


@dataclass(frozen=True)
class Point:
    """One fit of one share: its spec without the share, the share in percent, all its predictions."""

    spec: FitSpec
    share: int
    predictions: pd.DataFrame

    @property
    def test(self):
        """The test predictions."""
        return self.predictions[self.predictions["split"] == "test"]


def make_table(fits, *, classes, resamples, rng, data, backbone, search, pixels, epochs):
    """The learning curve as a data frame (COLUMNS, then the settings): fit by fit, a row a share, the smallest first.

    fits: Fit of every share, 100 percent too; classes: temperatures in Celsius; resamples, rng: of the bootstrap;
    the rest is said in every row. Raises UserError where there is none.

    test_pct: of all test predictions together; gain: that less the same of the next smaller share, rise: less that of
    the smallest, in points. _low and _high: 95 % intervals from redrawing the growth days that are tested, differences
    by the same days; which days were left out of training is not redrawn. training_films, training_batches: means over
    the folds. majority_pct: always naming the commonest training temperature. Of several deals of the folds (repeats):
    _repeat_std is the standard deviation over them, in points, of accuracy, gain and rise; it holds the luck of which
    training days were left out.
    """
    if not fits:
        raise UserError("the learning curve has no predictions to show: ask for models in experiments.learning_curve.")
    drawn = classes, resamples, int(rng.integers(2**31))
    rows = [_row(place, curve, drawn) for curve in curves_of(fits) for place in range(len(curve))]
    made = {"data": data, "backbone": backbone, "search": search, "pixels": pixels, "epochs": epochs}
    return pd.DataFrame(rows, columns=COLUMNS).assign(**made).astype(dict.fromkeys(WHOLE_NUMBERS, "Int64"))


def curves_of(fits):
    """The Points of every curve, by rising share: a list a fit, in the order in which the fits come first."""
    curves = {}
    for fit in fits:
        protocol = protocols.parse(fit.spec.protocol)
        spec = replace(fit.spec, protocol=replace(protocol, share=protocols.WHOLE).name)
        curves.setdefault(spec, []).append(Point(spec, protocol.share, fit.predictions))
    return [sorted(points, key=lambda point: point.share) for points in curves.values()]


def _row(place, curve, drawn):
    """The numbers of one point of a curve."""
    classes, resamples, seed = drawn
    point, test = curve[place], curve[place].test
    low, high = bootstrap.bootstrap(test, "accuracy", classes, resamples, np.random.default_rng(seed))
    train = point.predictions[point.predictions["split"] == "train"].groupby("fold")
    row = point.spec.columns() | {"share_pct": point.share}
    row["training_films"], row["training_batches"] = (train[name].nunique().mean() for name in ("sample", "batch"))
    row["test_pct"], row["test_pct_low"], row["test_pct_high"] = 100 * _right(test, classes), 100 * low, 100 * high
    if place > 0:
        row |= _step("gain", curve[place - 1], point, drawn) | _step("rise", curve[0], point, drawn)
    majority = metrics.majority_class_baseline(point.predictions)
    row["majority_pct"] = 100 * _right(majority[majority["split"] == "test"], classes)
    row["repeats"] = len(summaries.by_repeat(point.predictions))
    row["folds"] = point.predictions["fold"].nunique() // row["repeats"]
    row["test_repeat_std"] = 100 * summaries.over_repeats(test, lambda deal: _right(deal, classes))
    return row | {"films": test["sample"].nunique(), "batches": test["batch"].nunique()}


def _right(predictions, classes):
    return metrics.score(predictions, "accuracy", classes)


def _step(name, less, more, drawn):
    """The columns of a difference between two shares; its spread over deals where both have the same ones."""
    found = summaries.gain(less.predictions, more.predictions, *drawn)
    row = {key.replace("gain", name): value for key, value in found.items()}
    deals = [summaries.by_repeat(point.test) for point in (less, more)]
    if len(deals[0]) == len(deals[1]) > 1:
        each = [_right(other, drawn[0]) - _right(one, drawn[0]) for one, other in zip(*deals, strict=True)]
        row[f"{name}_repeat_std"] = 100 * float(np.std(each, ddof=1))
    return row


def names(table):
    """Name the fit of each row by its model, its features and what else distinguishes it."""
    return fit_labels(summaries.specs(table), always=("model", "features"))


def _films(row):
    return tables.number(row["training_films"])


def _difference(row, step):
    return tables.interval(*(row[f"{step}_points{end}"] for end in ENDS), 1, tables.signed)


def panels(table):
    """The learning curve as one panel: fit by fit, a row a share."""
    columns = [*WORDS, *FIGURES, *(DEALT if (table["repeats"] > 1).any() else [])]
    rows, before = [], None
    for name, (_, row) in zip(names(table), table.iterrows(), strict=True):
        rows.append(["" if name == before else name, *(text(row) for _, text in columns)])
        before = name
    headings = ["Model", *(heading for heading, _ in columns)]
    return [tables.Panel("Accuracy by the films learned from", headings, rows, words=1)]


def _shown(step):
    return lambda row: _difference(row, step)


def _points(name):
    return lambda row: tables.number(row[name], 1)


WORDS = [
    ("Share of the training films %", lambda row: tables.number(row["share_pct"])),
    ("Training films a fold", _films),
    ("Growth days a fold", lambda row: tables.number(row["training_batches"])),
]
FIGURES = [
    ("Test % [95 %]", lambda row: tables.interval(*(row[f"test_pct{end}"] for end in ENDS), 1)),
    ("Against the share before, points [95 %]", _shown("gain")),
    ("Against the smallest share, points [95 %]", _shown("rise")),
    ("Majority class %", _points("majority_pct")),
]
DEALT = [
    ("Test, over deals ± points", _points("test_repeat_std")),
    ("Share before, over deals ± points", _points("gain_repeat_std")),
]
