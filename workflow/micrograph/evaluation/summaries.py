"""Predictions of fits, their scores, and the rows that tables share: tables 2 to 4 are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, metrics, seeds
from micrograph.evaluation.bootstrap import ENDS, Resampling
from micrograph.evaluation.films import FilmScore
from micrograph.splits import protocols
from micrograph.splits.fit_spec import KEYS, FitSpec

PERMUTED = ["labels", "permutation", "features", "model"]  # the columns that name a fit on permuted labels
BASELINE = "majority"
SELECTED = "selected"
MEAN = "mean"
ENSEMBLE = "{} ensemble"  # of a model's seeds
PAPER = "paper"
PROTOCOLS = ("strict", "published", "as_run")
FLAGS = ["best_in_row", "best_in_protocol"]
PRIMARY = "balanced_accuracy"  # the score by which models are compared; docs/methods.md says why
BEST = {"best_in_row": "accuracy"}  # flag of a row -> its metric
COUNTS = ["folds", "repeats", "n_samples", "n_batches", "n_missing", "n_discordant"]
ALONE = {"metadata": "growth metadata", "physical": "physical features"}  # features without a network, as baselines

# Scores of all test predictions together: metric, column, factor. The last three need classes with an order.
POOLED = (
    ("accuracy", "pooled_pct", 100),
    ("balanced_accuracy", "balanced_pct", 100),
    ("macro_f1", "macro_f1", 1),
    ("kappa", "kappa", 1),
    ("mae", "mae", 1),
    ("rmse", "rmse", 1),
)
ORDERED = ("kappa", "mae", "rmse")
MEASURED = [
    *COUNTS,
    *(f"{part}_pct{std}" for part in metrics.PARTS for std in ("", "_std")),
    *("test_rmse", "test_rmse_std"),
    *(f"{name}{end}" for _, name, _ in POOLED for end in ENDS),
    "pooled_repeat_std",
    "constant_balanced_pct",
]
# Columns that a table of a target without order does not have.
OF_ORDER = {*(f"{name}{end}" for name in ORDERED for end in ENDS), "test_rmse", "test_rmse_std"}
OF_ORDER |= {f"best_{name}" for name in ORDERED}
PAIRED = (*ENDS, "_discordant")  # of the columns of a paired difference
GAIN = [f"gain_pct_points{end}" for end in PAIRED]

# The columns of the paper's values -> fields of FitSpec; its splits and metrics -> columns.
PRINTED = {
    "feature_set": "features",
    "pretraining": "pretraining",
    "augmentation": "policy",
    "scheme": "scheme",
    "model": "model",
}
PRINTED_SPLITS = {"train": "train", "val": "validation", "test": "test"}
PRINTED_METRICS = {"accuracy_pct": "_pct", "rmse_celsius": "_rmse"}
PUBLISHED_KEYS = list(PRINTED.values())


@dataclass(frozen=True)
class RunInfo:
    """How the fits of a table were made, written into each of its rows.

    Parameters
    ----------
    data : str
        What the samples are, as ``simulated films``.
    backbone : str
    search : str
        Parameter grid of the shallow models.
    pixels : int
        Side of the images that networks were fine-tuned on.
    epochs : int
        Largest number of epochs.
    """

    data: str
    backbone: str
    search: str
    pixels: int
    epochs: int

    def add_to(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table with a column per field."""
        return table.assign(**asdict(self))


@dataclass(frozen=True)
class Fit:
    """One fit and its predictions.

    Parameters
    ----------
    spec : FitSpec
    predictions : DataFrame
        Columns of :mod:`micrograph.splits.prediction_table`; of repeated cross-validation, and of several seeds, all
        predictions, with the columns ``repeat`` and ``seed`` (0 for the first).
    """

    spec: FitSpec
    predictions: pd.DataFrame

    def split(self, name: str) -> pd.DataFrame:
        """Return the predictions of one split: train, validation or test."""
        return self.predictions[self.predictions["split"] == name]


def read_predictions(paths: Iterable[str | Path], film_score: FilmScore | None = None) -> list[Fit]:
    """Read tables of predictions; those of repeats of a cross-validation, and of seeds, become one fit.

    Parameters
    ----------
    paths : iterable of str or Path
        As `FitSpec.predictions_path`.
    film_score : FilmScore, optional
        How several scans of a film give its prediction; without it the predictions are of scans.

    Returns
    -------
    list of Fit
        In the order of the paths, named as the first repeat and seed. Folds of later ones are counted on from those of
        earlier ones: a fold is one fitted model.
    """
    runs: dict[FitSpec, dict] = {}
    for path in paths:
        spec = FitSpec.from_path(path)
        protocol = protocols.parse(spec.protocol)
        first = replace(spec, protocol=replace(protocol, repeat=0, seed=0).name)
        runs.setdefault(first, {})[protocol.repeat, protocol.seed] = path
    return [Fit(spec, _merged(numbered, spec.scheme, film_score)) for spec, numbered in runs.items()]


def is_ensemble(models: pd.Series) -> pd.Series:
    """Return which models are ensembles of seeds."""
    return models.astype(str).str.endswith(ENSEMBLE.format(""))


def read_permuted(paths: Iterable[str | Path], film_score: FilmScore | None = None) -> list[Fit]:
    """Read tables of predictions on permuted labels; each permutation is a fit.

    Parameters
    ----------
    paths : iterable of str or Path
        As ``results/permutations/{protocol}/{pretraining}/{policy}/{scheme}.tsv``.
    film_score : FilmScore, optional
        As of `read_predictions`.

    Returns
    -------
    list of Fit
        Their protocols are named with the permutation, as ``strict.shuffled_films7``.
    """
    fits = []
    for path in paths:
        protocol, pretraining, policy, scheme = Path(path).with_suffix("").parts[-4:]
        for (labels, number, features, model), rows in io.read_table(path).groupby(PERMUTED, sort=False):
            name = replace(protocols.parse(protocol), shuffled=labels, permutation=int(number)).name
            spec = FitSpec(name, pretraining, policy, features, scheme, model)
            rows = rows.drop(columns=PERMUTED)
            fits.append(Fit(spec, film_score.by_film(rows, scheme) if film_score else rows))
    return fits


def _merged(paths: dict[tuple[int, int], str | Path], scheme: str, film_score: FilmScore | None = None) -> pd.DataFrame:
    """Return the predictions of all runs, {(repeat, seed): path}, as one table."""
    frames, before = [], 0
    for repeat, seed in sorted(paths):
        frame = io.read_table(paths[repeat, seed])
        frame = film_score.by_film(frame, scheme) if film_score else frame
        frames.append(frame.assign(fold=frame["fold"] + before, repeat=repeat, seed=seed))
        before += int(frame["fold"].max()) + 1
    return pd.concat(frames, ignore_index=True)


def by_repeat(predictions: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the predictions of each repeat of the cross-validation; without the column ``repeat`` there is one."""
    return [rows for _, rows in predictions.groupby("repeat")] if "repeat" in predictions else [predictions]


def std_over_repeats(predictions: pd.DataFrame, value: Callable[[pd.DataFrame], float]) -> float:
    """Return the standard deviation of a value over repeats; NaN for one repeat."""
    each = [value(rows) for rows in by_repeat(predictions)]
    return float(np.std(each, ddof=1)) if len(each) > 1 else np.nan


def specs(table: pd.DataFrame) -> list[FitSpec]:
    """Return the spec of every row of a table."""
    return [FitSpec(**row) for row in table[list(KEYS)].to_dict("records")]


def block_and_variance(features: str) -> tuple[str, int | None]:
    """Divide the name of features: ``block2_cev85`` is ("block2", 85), ``tuned`` is ("tuned", None)."""
    block, _, percent = features.partition("_cev")
    return block, int(percent) if percent else None


def check_same(fits: Iterable[Fit], fields: Iterable[str], table: str) -> None:
    """Check that all fits of a table agree in some fields of their specs.

    Raises
    ------
    UserError
        If they do not.
    """
    fits = list(fits)
    for name in fields:
        values = dict.fromkeys(getattr(fit.spec, name) for fit in fits)
        if len(values) > 1:
            raise UserError(
                f"{table} shows one {name}, not several ({name}: {', '.join(values)}): list one in experiments."
            )


def by_protocol(fits: Iterable[Fit]) -> dict[str, list[Fit]]:
    """Group fits by protocol, strict first; a protocol without fits is left out."""
    fits = list(fits)
    groups = {protocol: [fit for fit in fits if fit.spec.protocol == protocol] for protocol in PROTOCOLS}
    return {protocol: group for protocol, group in groups.items() if group}


def summarise(predictions: pd.DataFrame, resampling: Resampling) -> dict[str, Any]:
    """Compute the scores of a fit: over folds, and of all test predictions with their 95 % intervals.

    Parameters
    ----------
    predictions : DataFrame
        Of all folds, repeats and seeds.
    resampling : Resampling

    Returns
    -------
    dict
        Keys `MEASURED`, of several seeds also `seeds.COLUMNS`. Percentages are 0 to 100, macro F1 and kappa at most 1,
        errors in the target's unit. RMSE is that of the predicted values, before they become classes. Kappa and errors
        are NaN where a test prediction is missing; ``n_missing`` counts those. ``n_discordant`` counts the test samples
        that either the fit or the majority class gets right, not both; ``constant_balanced_pct`` is the balanced
        accuracy of any constant. Without order there are none of `OF_ORDER`.

    Notes
    -----
    Of several repeats or seeds, mean and standard deviation are over the folds of all. Pooled are all their
    predictions; those of a sample stay in its batch, so that they do not narrow an interval as more samples would.
    ``pooled_repeat_std`` (points) is the standard deviation of accuracy over repeats; ``folds`` are those of one.
    """
    classes, test = resampling.classes, predictions[predictions["split"] == "test"]
    repeats, n_seeds = seeds.counts(predictions)
    row: dict[str, Any] = {
        "repeats": repeats,
        "folds": predictions["fold"].nunique() // (repeats * n_seeds),
        "n_samples": test["sample"].nunique(),
        "n_batches": test["batch"].nunique(),
        "n_missing": int(test["y_pred"].isna().sum()),
        "n_discordant": discordant(test, _majority(predictions)),
        "constant_balanced_pct": 100 / max(test["y_true"].nunique(), 1),
        "pooled_repeat_std": 100 * std_over_repeats(test, lambda rows: metrics.score(rows, "accuracy", classes)),
    }
    for part in metrics.by_fold(predictions, "accuracy", classes).itertuples():
        row[f"{part.split}_pct"], row[f"{part.split}_pct_std"] = 100 * part.mean, 100 * part.std
    if resampling.ordered:
        rmse = metrics.by_fold(predictions, "rmse", classes).set_index("split").loc["test"]
        row["test_rmse"], row["test_rmse_std"] = rmse["mean"], rmse["std"]
    pooled = [one for one in POOLED if resampling.ordered or one[0] not in ORDERED]
    ends = bootstrap.intervals(test, [metric for metric, *_ in pooled], resampling)
    for metric, name, factor in pooled:
        row |= bootstrap.columns(name, (metrics.score(test, metric, classes), *ends[metric]), factor)
    return row | ({"seeds": n_seeds, **seeds.std_by_source(test, resampling)} if n_seeds > 1 else {})


def fit_row(fit: Fit, resampling: Resampling) -> dict[str, Any]:
    """Return the row of a fit: the fields of its spec and its scores."""
    return fit.spec.columns() | summarise(fit.predictions, resampling)


def selected_per_fold(fits: Sequence[Fit], classes: Sequence[float]) -> pd.DataFrame:
    """Return the predictions of the model that each fold would select on its validation samples.

    Parameters
    ----------
    fits : sequence of Fit
    classes : sequence of float

    Returns
    -------
    DataFrame
        In every fold the rows of the fit with the best validation accuracy, of equals the one with the best balanced
        accuracy, then the first.

    Notes
    -----
    The best row of a table is selected on what it is tested on: over all folds the validation samples are the test
    samples. The selection in each fold is not.
    """

    def validation_scores(rows: pd.DataFrame) -> list[float]:
        validation = rows[rows["split"] == "validation"]
        return [round(metrics.score(validation, metric, classes), 9) for metric in ("accuracy", "balanced_accuracy")]

    folds = sorted(fits[0].predictions["fold"].unique())
    candidates = [[fit.predictions[fit.predictions["fold"] == fold] for fit in fits] for fold in folds]
    return pd.concat([max(each, key=validation_scores) for each in candidates], ignore_index=True)


def fit_rows(
    fits: Sequence[Fit], field: str, split: str, resampling: Resampling, best: Mapping[str, str] = BEST
) -> list[dict[str, Any]]:
    """Return the rows of a protocol's fits, with flags of the best and of those indistinguishable from it.

    No fit is flagged where none is distinguished from the best.

    Parameters
    ----------
    fits : sequence of Fit
    field : str
        Field of FitSpec; fits that share its value are a row of the table as the paper prints it.
    split : str
        Split that is compared.
    resampling : Resampling
    best : mapping
        {flag: metric by which the fits of such a row are compared}.

    Returns
    -------
    list of dict
        `fit_row` with the flags of ``best``, and ``best_in_protocol`` by the primary score on the test split.
    """

    def flags(index: list[int], metric: str, split: str) -> NDArray[np.bool_]:
        best = bootstrap.indistinguishable_from_best([fits[place].split(split) for place in index], metric, resampling)
        return best if not best.all() else np.zeros_like(best)

    rows = [fit_row(fit, resampling) for fit in fits]
    table = pd.DataFrame(rows)
    table["best_in_protocol"] = flags(list(range(len(fits))), PRIMARY, "test")
    for name, metric in best.items():
        table[name] = False
        for index in table.groupby(field, sort=False).groups.values():
            table.loc[index, name] = flags(list(index), metric, split)
    return [
        row | flagged for row, flagged in zip(rows, table[["best_in_protocol", *best]].to_dict("records"), strict=True)
    ]


def accuracy_gain(
    name: str, first: pd.DataFrame, second: pd.DataFrame, resampling: Resampling, split: str = "test"
) -> dict[str, float]:
    """Compare the accuracies of two models on the same samples.

    Parameters
    ----------
    name : str
        Of the columns.
    first, second : DataFrame
        Predictions of the same samples.
    resampling : Resampling
    split : str

    Returns
    -------
    dict
        The columns of `PAIRED`: accuracy of the second less that of the first in points, its paired 95 % interval, and
        the number of samples that only one of the two gets right.
    """
    one, other = (frame[frame["split"] == split] for frame in (first, second))
    ends = bootstrap.paired_bootstrap(other, one, "accuracy", resampling)
    first_score, second_score = (metrics.score(frame, "accuracy", resampling.classes) for frame in (one, other))
    values = bootstrap.columns(name, (second_score - first_score, *ends), 100)
    return values | {f"{name}_discordant": discordant(one, other)}


def discordant(first: pd.DataFrame, second: pd.DataFrame) -> int:
    """Count the samples that two models do not get right equally often: of one prediction each, that only one does."""
    shares = [
        (frame["y_pred"] == frame["y_true"]).fillna(False).groupby(frame["sample"]).mean() for frame in (first, second)
    ]
    return int((shares[0] - shares[1]).abs().gt(1e-9).sum())


def _majority(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the test predictions of the majority class."""
    baseline = metrics.majority_class_baseline(predictions)
    return baseline[baseline["split"] == "test"]


def _paper_rows(published: pd.DataFrame, item: str, fits: Sequence[Fit], fields: Iterable[str]) -> list[dict[str, Any]]:
    """Return the paper's values that share some fields of FitSpec with one of the fits, in our columns."""
    rows = published[published["item"] == item].rename(columns=PRINTED)
    for name in fields:
        rows = rows[rows[name].isin({getattr(fit.spec, name) for fit in fits})]
    made = []
    for key, lines in rows.groupby(PUBLISHED_KEYS, sort=False):
        row = {"protocol": PAPER} | dict(zip(PUBLISHED_KEYS, key, strict=True))
        for line in lines.itertuples():
            name = f"{PRINTED_SPLITS[line.split]}{PRINTED_METRICS[line.metric]}"
            row |= {name: float(line.mean), f"{name}_std": float(line.std)}
        made.append(row)
    return made


def printed(
    published: pd.DataFrame, item: str, spec: FitSpec, split: str, metric: str = "accuracy_pct"
) -> tuple[float, float]:
    """Return the paper's mean and standard deviation for a fit; (NaN, NaN) where it has none.

    Parameters
    ----------
    published : DataFrame
        ``resources/published/values.tsv``.
    item, split, metric : str
        Values of its columns of these names.
    spec : FitSpec
    """
    same = (published["item"] == item) & (published["split"] == split) & (published["metric"] == metric)
    for column, name in PRINTED.items():
        same &= published[column] == getattr(spec, name)
    values = published.loc[same, ["mean", "std"]]
    return tuple(values.iloc[0].astype(float)) if len(values) else (np.nan, np.nan)


def comparison(
    item: str,
    fits: Sequence[Fit],
    published: pd.DataFrame,
    rows_of: Callable[[str, list[Fit]], list[dict[str, Any]]],
    columns: Sequence[str],
    *,
    one: Sequence[str],
    baselines: Sequence[Fit] = (),
    majority: Mapping[str, str] | None = None,
    fields: Sequence[str] = PUBLISHED_KEYS,
    resampling: Resampling,
    run: RunInfo,
) -> pd.DataFrame:
    """Make table 2, 3 or 4: protocol by protocol its fits and baselines, then the paper's values as protocol ``paper``.

    Parameters
    ----------
    item : str
        table2, table3 or table4.
    fits : sequence of Fit
    published : DataFrame
        The paper's values.
    rows_of : callable
        (protocol, its fits) -> rows.
    columns : sequence of str
        Of the table, but for those of `run`.
    one : sequence of str
        Fields of FitSpec in which all fits must agree.
    baselines : sequence of Fit
        Models on features of `ALONE`: the strict ones are shown, not compared.
    majority : mapping, optional
        Fields of FitSpec of the majority-class row, beside features and model.
    fields : sequence of str
        Fields of FitSpec that a value of the paper shares with one of the fits.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame

    Raises
    ------
    UserError
        If the fits do not agree in the fields of `one`.
    """
    check_same(fits, one, item)
    rows = []
    for protocol, group in by_protocol(fits).items():
        rows += rows_of(protocol, group)
        rows += [fit_row(fit, resampling) for fit in baselines if fit.spec.protocol == protocol == "strict"]
        rows.append(fit_row(majority_fit(group[0], **(majority or {})), resampling))
    return make_frame(rows + _paper_rows(published, item, fits, fields), columns, run)


def majority_fit(fit: Fit, **fields: str) -> Fit:
    """Return the majority-class baseline on the samples of a fit, with some fields of its spec changed."""
    spec = replace(fit.spec, **{"features": "none", "model": BASELINE} | fields)
    return Fit(spec, metrics.majority_class_baseline(fit.predictions))


def make_frame(rows: list[dict[str, Any]], columns: Sequence[str], run: RunInfo) -> pd.DataFrame:
    """Return the rows of a table as a data frame of these columns and the run.

    Of `seeds.COLUMNS` and `OF_ORDER` those that any row has.
    """
    more = [name for name in seeds.COLUMNS if any(name in row for row in rows)]
    columns = [name for name in columns if name not in OF_ORDER or any(name in row for row in rows)]
    table = run.add_to(pd.DataFrame(rows, columns=[*columns, *more]))
    for name in [name for name in columns if name.startswith("best_")]:
        table[name] = table[name].eq(True)
    return table.astype(dict.fromkeys([*COUNTS, *more[:1]], "Int64"))


def without_baselines(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table but for the majority class and models on features of `ALONE`."""
    return table[(table["model"] != BASELINE) & ~table["features"].isin(ALONE)]


def single_fits(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are single fits of this run, or ensembles: not summaries, baselines or the paper's."""
    rows = without_baselines(table)
    return rows[~rows["model"].isin([SELECTED, MEAN]) & (rows["protocol"] != PAPER)]
