"""Predictions of fits and their scores: the rows of tables 2, 3 and 4."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, metrics
from micrograph.splits import protocols
from micrograph.splits.fit_spec import KEYS, FitSpec

PERMUTED = ["labels", "draw", "features", "model"]  # the columns that name a fit on permuted labels
BASELINE = "majority"
CHOSEN = "chosen"
MEAN = "mean"
PAPER = "paper"
PROTOCOLS = ("strict", "published")
FLAGS = ["best_in_row", "best_in_protocol"]
SETTINGS = ["data", "backbone", "search", "pixels", "epochs"]
COUNTS = ["folds", "repeats", "tested_samples", "batches", "n_missing"]
ALONE = {"metadata": "growth metadata", "physical": "physical features"}  # features without a network, as baselines

# What is measured of all test predictions together: metric, its column, factor.
POOLED = (
    ("accuracy", "pooled_pct", 100),
    ("balanced_accuracy", "balanced_pct", 100),
    ("macro_f1", "macro_f1", 1),
    ("kappa", "kappa", 1),
    ("mae_celsius", "mae_celsius", 1),
    ("rmse_celsius", "rmse_celsius", 1),
)
MEASURED = [
    *COUNTS,
    *(f"{part}_pct{std}" for part in ("train", "validation", "test") for std in ("", "_std")),
    *("test_rmse_celsius", "test_rmse_celsius_std"),
    *(f"{name}{end}" for _, name, _ in POOLED for end in ("", "_low", "_high")),
    "pooled_repeat_std",
]


@dataclass(frozen=True)
class Fit:
    """One fit and its predictions.

    Parameters
    ----------
    spec : FitSpec
    predictions : DataFrame
        Columns of :mod:`micrograph.splits.prediction_table`; of repeated cross-validation the predictions of all
        repeats, with the column ``repeat`` (0 for the first).
    """

    spec: FitSpec
    predictions: pd.DataFrame


def read_predictions(paths: Iterable[str | Path]) -> list[Fit]:
    """Read tables of predictions; those of repeats of a cross-validation become one fit.

    Parameters
    ----------
    paths : iterable of str or Path
        As `FitSpec.predictions_path`.

    Returns
    -------
    list of Fit
        In the order of the paths, named as the first repeat. Folds of later repeats are counted on from those of
        earlier ones: a fold is one fitted model.
    """
    repeats: dict[FitSpec, dict] = {}
    for path in paths:
        spec = FitSpec.from_path(path)
        protocol = protocols.parse(spec.protocol)
        first = replace(spec, protocol=replace(protocol, repeat=0).name)
        repeats.setdefault(first, {})[protocol.repeat] = path
    return [Fit(spec, _merged(paths)) for spec, paths in repeats.items()]


def read_permuted(paths: Iterable[str | Path]) -> list[Fit]:
    """Read tables of predictions on permuted labels; each permutation is a fit.

    Parameters
    ----------
    paths : iterable of str or Path
        As ``results/permutations/{protocol}/{pretraining}/{policy}/{scheme}.tsv``.

    Returns
    -------
    list of Fit
        Their protocols are named with the permutation, as ``strict.shuffled_films7``.
    """
    fits = []
    for path in paths:
        protocol, pretraining, policy, scheme = Path(path).with_suffix("").parts[-4:]
        for (labels, draw, features, model), rows in io.read_table(path).groupby(PERMUTED, sort=False):
            name = replace(protocols.parse(protocol), shuffled=labels, draw=int(draw)).name
            spec = FitSpec(name, pretraining, policy, features, scheme, model)
            fits.append(Fit(spec, rows.drop(columns=PERMUTED)))
    return fits


def _merged(paths):
    """The predictions of all repeats, {repeat: path}, as one table."""
    frames, before = [], 0
    for repeat in sorted(paths):
        frame = io.read_table(paths[repeat])
        frames.append(frame.assign(fold=frame["fold"] + before, repeat=repeat))
        before += int(frame["fold"].max()) + 1
    return pd.concat(frames, ignore_index=True)


def by_repeat(predictions):
    """The predictions of each deal of the folds, a list; a table without the column repeat is of one deal."""
    return [deal for _, deal in predictions.groupby("repeat")] if "repeat" in predictions else [predictions]


def over_repeats(predictions, value):
    """Standard deviation over the deals of value(predictions of one), a float; NaN for one deal."""
    each = [value(deal) for deal in by_repeat(predictions)]
    return float(np.std(each, ddof=1)) if len(each) > 1 else np.nan


def specs(table: pd.DataFrame) -> list[FitSpec]:
    """Return the spec of every row of a table."""
    return [FitSpec(**row) for row in table[list(KEYS)].to_dict("records")]


def block_and_cev(features):
    """block2_cev85 -> ("block2", 85); features without components, as tuned or image, have no cev (None)."""
    block, _, cev = features.partition("_cev")
    return block, int(cev) if cev else None


def of_one(fits, words, table):
    """UserError unless all fits have the same word for each of `words`; table: the table's name, as "table 2"."""
    for word in words:
        found = dict.fromkeys(getattr(fit.spec, word) for fit in fits)
        if len(found) > 1:
            raise UserError(
                f"{table} shows one {word}, not several ({word}: {', '.join(found)}): list one in experiments."
            )


def by_protocol(fits):
    """{protocol: its fits, in their order}, strict first; a protocol without fits is left out."""
    parted = {protocol: [fit for fit in fits if fit.spec.protocol == protocol] for protocol in PROTOCOLS}
    return {protocol: here for protocol, here in parted.items() if here}


def summarise(predictions, classes, resamples, seed):
    """A fit's scores in one dict (MEASURED): over folds, and of all test predictions with their 95 % intervals.

    Percentages are 0 to 100, macro F1 and kappa at most 1, errors in degrees Celsius. RMSE is that of a regressor's own
    values, before they become classes. Nothing has a kappa or an error where a row has no answer; `unanswered` counts
    those test rows. Every interval is drawn anew from `seed`: rows of one table are redrawn by the same batches, and a
    row says the same whatever other rows stand beside it.

    Of several deals of the folds: mean and standard deviation are over the folds of all of them; pooled are all their
    predictions, and since a film's stay together with its batch, more deals do not narrow an interval as more films
    would. pooled_repeat_std (points): standard deviation over the deals of the accuracy of each. folds: of one deal.
    """
    row = {}
    for part in metrics.by_fold(predictions, "accuracy", classes).itertuples():
        row[f"{part.split}_pct"], row[f"{part.split}_pct_std"] = 100 * part.mean, 100 * part.std
    rmse = metrics.by_fold(predictions, "rmse_celsius", classes).set_index("split").loc["test"]
    row["test_rmse_celsius"], row["test_rmse_celsius_std"] = rmse["mean"], rmse["std"]
    test = predictions[predictions["split"] == "test"]
    row["repeats"] = len(by_repeat(predictions))
    row["folds"], row["tested_samples"] = predictions["fold"].nunique() // row["repeats"], test["sample"].nunique()
    row["batches"] = test["batch"].nunique()
    row["n_missing"] = int(test["y_pred"].isna().sum())
    drawn = bootstrap.intervals(
        test, [metric for metric, *_ in POOLED], classes, resamples, np.random.default_rng(seed)
    )
    for metric, name, factor in POOLED:
        low, high = drawn[metric]
        row[name] = factor * metrics.score(test, metric, classes)
        row[f"{name}_low"], row[f"{name}_high"] = factor * low, factor * high
    row["pooled_repeat_std"] = 100 * over_repeats(test, lambda deal: metrics.score(deal, "accuracy", classes))
    return row


def alone(baselines, classes, resamples, seed):
    """The rows of those `baselines` that are strict fits: models on what is known of a film without a network (ALONE).

    They take no part in what is bold: a table compares its own fits.
    """
    strict = [fit for fit in baselines if fit.spec.protocol == "strict"]
    return [fit.spec.columns() | summarise(fit.predictions, classes, resamples, seed) for fit in strict]


def baseline(fits, classes, resamples, seed):
    """The row of always naming the temperature most frequent in training, on the films of the first of `fits`."""
    words = fits[0].spec.columns() | {"features": "none", "model": BASELINE}
    return words | summarise(metrics.majority_class_baseline(fits[0].predictions), classes, resamples, seed)


def chosen_per_fold(fits, classes):
    """Predictions of a study that also leaves the choice of model to its validation films.

    In every fold those of the fit with the best validation accuracy there, of equals the one with the best balanced
    accuracy, then the first. Unlike the best row of a table this has not seen what it is tested on: over all folds the
    validation films are the test films, so the row that is best in one is best in the other, and flatters itself.
    """
    parts = []
    for fold in sorted(fits[0].predictions["fold"].unique()):
        here = [fit.predictions[fit.predictions["fold"] == fold] for fit in fits]
        merits = [_merit(rows[rows["split"] == "validation"], classes) for rows in here]
        parts.append(here[merits.index(max(merits))])
    return pd.concat(parts, ignore_index=True)


def _merit(rows, classes):
    return [round(metrics.score(rows, metric, classes), 9) for metric in ("accuracy", "balanced_accuracy")]


def tied_with_best(fits, metric, classes, resamples, seed, part="test"):
    """(fits,) bool: the best fit by `metric` on `part`, and all that a paired bootstrap cannot tell from it.

    fits: of one protocol; metric: a name of scores.METRICS. Fits are redrawn by the same batches, drawn from `seed`.
    """
    frames = [fit.predictions[fit.predictions["split"] == part] for fit in fits]
    return bootstrap.indistinguishable_from_best(frames, metric, classes, resamples, np.random.default_rng(seed))


def best_in_row(fits, word, metric, classes, resamples, seed, part):
    """(fits,) bool: tied_with_best among those fits that share the value of `word` (a row of a table)."""
    values = np.array([getattr(fit.spec, word) for fit in fits])
    best = np.zeros(len(fits), dtype=bool)
    for value in dict.fromkeys(values):
        places = np.flatnonzero(values == value)
        row = [fits[place] for place in places]
        best[places] = tied_with_best(row, metric, classes, resamples, seed, part)
    return best


def gain(first, second, classes, resamples, seed, part="test"):
    """How many points of accuracy `second` is better than `first` on `part`, and the paired 95 % interval of that.

    first, second: predictions of the same films. Returns a dict gain_points, gain_points_low, gain_points_high.
    """
    one, other = (frame[frame["split"] == part] for frame in (first, second))
    rng = np.random.default_rng(seed)
    low, high = bootstrap.paired_bootstrap(other, one, "accuracy", classes, resamples, rng)
    points = metrics.score(other, "accuracy", classes) - metrics.score(one, "accuracy", classes)
    return {"gain_points": 100 * points, "gain_points_low": 100 * low, "gain_points_high": 100 * high}


GAIN = ["gain_points", "gain_points_low", "gain_points_high"]


def paper_rows(published, item, fits, words):
    """The paper's numbers as rows of protocol "paper": those of its table `item` that share `words` with any fit.

    published: resources/published/values.tsv; item: table2, table3 or table4; words: as ("features", "model"). Values
    of the paper stand in the same columns as ours (validation_pct, test_pct, test_rmse_celsius and their _std).
    """
    here = published[published["item"] == item].rename(columns=PRINTED)
    for word in words:
        here = here[here[word].isin({getattr(fit.spec, word) for fit in fits})]
    rows = []
    for key, lines in here.groupby(list(PRINTED.values()), sort=False):
        row = {"protocol": PAPER} | dict(zip(PRINTED.values(), key, strict=True))
        for line in lines.itertuples():
            name = f"{PARTS[line.split]}{ENDS[line.metric]}"
            row[name], row[f"{name}_std"] = float(line.mean), float(line.std)
        rows.append(row)
    return rows


def printed(published, item, spec, split, metric="accuracy_pct"):
    """The paper's (mean, std) for a fit; (NaN, NaN) where it has none. published: resources/published/values.tsv."""
    same = (published["item"] == item) & (published["split"] == split) & (published["metric"] == metric)
    for column, name in PRINTED.items():
        same &= published[column] == getattr(spec, name)
    found = published.loc[same, ["mean", "std"]]
    return tuple(found.iloc[0].astype(float)) if len(found) else (np.nan, np.nan)


# The columns of the paper's values, and its words for parts and metrics -> ours.
PRINTED = {
    "feature_set": "features",
    "pretraining": "pretraining",
    "augmentation": "policy",
    "scheme": "scheme",
    "model": "model",
}
PARTS = {"train": "train", "val": "validation", "test": "test"}
ENDS = {"accuracy_pct": "_pct", "rmse_celsius": "_rmse_celsius"}


def framed(rows, columns, settings):
    """The rows of a table as a data frame of `columns` and the settings, which are the same in every row."""
    table = pd.DataFrame(rows, columns=columns).assign(**settings)
    for name in [name for name in columns if name.startswith("best_")]:
        table[name] = table[name].eq(True)
    return table.astype(dict.fromkeys(COUNTS, "Int64"))


def of_fits(table):
    """The rows of a table that are single fits of this run: no summaries, no baselines, nothing of the paper."""
    here = compared(table)
    return here[~here["model"].isin([CHOSEN, MEAN]) & (here["protocol"] != PAPER)]


def compared(table):
    """The rows of a table without baselines: neither the majority nor models on features of ALONE."""
    return table[(table["model"] != BASELINE) & ~table["features"].isin(ALONE)]


def beside(table, row):
    """The paper's row of `table` for the same fit as `row`, or None."""
    same = table["protocol"] == PAPER
    for word in PRINTED.values():
        same &= table[word] == row[word]
    return table[same].iloc[0] if same.any() else None
