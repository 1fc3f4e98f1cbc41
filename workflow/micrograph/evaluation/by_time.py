"""Time as a confounder: what metadata alone reach, what holds on other days, and whether that calls for caution.

Balanced accuracies, each with what it is compared with on the same samples. `RULE` says when a row calls for caution.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from micrograph.evaluation import bootstrap, confounders, metrics, summaries, tables
from micrograph.evaluation.bootstrap import ENDS, Resampling
from micrograph.evaluation.labels import features_label
from micrograph.evaluation.summaries import PRIMARY, Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits import film_scans

NAME = "Time"
SUBJECTS = {"headline": "headline", "network": "CNN"}  # whose accuracy a row is about: its name in sentences
BOTH = "both"  # subject of rows about other days, whose models are those of the table of confounders
IMAGES, METADATA, NEAREST, MATCHED = "images", "metadata", "nearest_day", "matched"
LATER, BLOCKS = "later_days", "by_date"
LABELS = {
    IMAGES: "Micrographs",
    METADATA: "Metadata of the sheet, without images",
    NEAREST: "Class of the nearest growth day, without images",
    MATCHED: "Rarest class against its neighbours in time",
    LATER: "On later days",
    BLOCKS: "On blocks of days apart",
}
WITHIN_DAYS = 30  # neighbours in time are grown this many days apart, or fewer
CHANCE = 50.0  # percent: balanced accuracy between two classes, of every constant prediction
DECIMALS = 1  # of the intervals that are judged, as they are printed
RULE = (
    "A caution is given where the balanced accuracy of metadata, or of the nearest growth day, is above that of any "
    "constant prediction, and its 95 % interval less that of micrographs does not lie below 0; and where the 95 % "
    "interval of the balanced accuracy on later days lies below what the same models reach on the same samples under "
    "the protocol strict. Where there are too few growth days for an interval, the value takes its place. Numbers are "
    "rounded to 0.1."
)
NO_INTERVAL = " There is no interval: too few growth days. This may be chance."
SCORE, ACCURACY, DIFFERENCE = ([f"{name}{end}" for end in ENDS] for name in
                               ("balanced_accuracy_pct", "accuracy_pct", "difference_pct_points"))  # fmt: skip
COLUMNS = [
    *("subject", "quantity", "model", "features", "n_samples", "n_batches"),
    *(*SCORE, *ACCURACY, "reference_pct", *DIFFERENCE),
    *("n_train_samples", "reference_n_train_samples", "days_apart", "caution", "reason"),
]
NO_DATES = "the sheet has no growth dates"
NO_METADATA = "not in experiments.baselines"
NO_HEADLINE = "no model of Table 2 was run under strict"
NO_NEIGHBOURS = f"no sample of another class was grown within {WITHIN_DAYS} days of one of the rarest"
RARE = "a class of too few growth days: more than 5 % of the resamples have none of it"


def make_table(
    samples: pd.DataFrame,
    fits: Sequence[Fit],
    network: Fit,
    metadata: Sequence[Fit],
    splits: Sequence[Fit],
    strict: Sequence[Fit],
    untested: Mapping[str, str],
    *,
    resampling: Resampling,
    run: RunInfo,
) -> pd.DataFrame:
    """Make the table of time.

    Parameters
    ----------
    samples : DataFrame
        Table of samples: sample, and growth_date where the sheet has it.
    fits : sequence of Fit
        Strict fits of Table 2, of which the headline selects one in each fold.
    network : Fit
        The strict CNN, trained as the final model.
    metadata : sequence of Fit
        Strict models on growth metadata.
    splits, strict : sequence of Fit
        Fits on other splits, those by date among them, and of the same models under strict.
    untested : mapping
        {protocol: why its folds could not be made}.
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        COLUMNS. For the headline and the CNN: their scores on micrographs; those of metadata and of the nearest growth
        day on the same samples (of the latter, and in its reference, only samples with a date count); accuracy on the
        rarest class and its neighbours in time (`match`), there balanced between the rarest class and the others. For
        later days and blocks of days: scores of the models of the table of confounders, selected in each fold.
        ``reference_pct``: what is compared with, micrographs or the same models under strict on the same samples, 50
        for neighbours in time; ``difference_pct_points``: balanced accuracy less that. ``reason``: why there is no
        interval.
    """
    dates = _dates(samples)
    subjects = {"headline": _selected(fits, resampling), "network": network}
    rows: list[dict[str, Any]] = []
    for subject, fit in subjects.items():
        if fit is None:
            rows.append({"subject": subject, "quantity": IMAGES, "reason": NO_HEADLINE})
            continue
        made = [
            _images(fit, resampling),
            *([_compared(METADATA, one, fit, resampling) for one in metadata] or [_without(METADATA, NO_METADATA)]),
            _nearest(fit, dates, resampling),
            _matched(fit, dates, resampling),
        ]
        rows += [{"subject": subject} | row for row in made]
    rows += [{"subject": BOTH} | _split(base, splits, strict, untested, resampling) for base in (LATER, BLOCKS)]
    table = run.add_to(pd.DataFrame(rows, columns=COLUMNS))
    constants = [row.get("constant_pct", np.nan) for row in rows]
    judged = zip(table.to_dict("records"), constants, strict=True)
    return _with_texts(table.assign(caution=[needs_caution(row, constant) for row, constant in judged]))


def _with_texts(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the empty string in empty cells of text, as it was before it was written to a file."""
    return table.assign(**{name: table[name].astype(object).fillna("") for name in ("model", "features", "reason")})


def _dates(samples: pd.DataFrame) -> pd.Series:
    """Return the day of growth as a number of days, by film; only films with a date."""
    samples = film_scans.films(samples)
    column = samples.get("growth_date", pd.Series(pd.NaT, samples.index, dtype=object))
    days = pd.to_datetime(column, format="ISO8601", errors="coerce").set_axis(samples["sample"].astype(str)).dropna()
    return (days - pd.Timestamp(0)).dt.days


def _selected(fits: Sequence[Fit], resampling: Resampling) -> Fit | None:
    """Return the fit that is selected in each fold, one alone as it is; None of none."""
    if len(fits) < 2:
        return fits[0] if fits else None
    predictions = summaries.selected_per_fold(fits, resampling.classes)
    features = {fit.spec.features for fit in fits}
    spec = replace(fits[0].spec, model=summaries.SELECTED, features=features.pop() if len(features) == 1 else "any")
    return Fit(spec, predictions)


def _without(quantity: str, reason: str) -> dict[str, Any]:
    return {"quantity": quantity, "n_samples": 0, "n_batches": 0, "reason": reason}


def _scores(rows: pd.DataFrame, resampling: Resampling) -> dict[str, Any]:
    """Return the numbers of samples and batches and both scores, with intervals unless there are few batches."""
    few = rows["batch"].nunique() < confounders.FEWEST
    ends = {} if few else bootstrap.intervals(rows, [PRIMARY, "accuracy"], resampling)
    scores: dict[str, Any] = {"n_samples": rows["sample"].nunique(), "n_batches": rows["batch"].nunique()}
    scores["constant_pct"] = 100 / rows["y_true"].nunique()  # of these samples, which may lack a class
    lacking = not few and np.isnan(ends[PRIMARY][0])
    scores |= {"reason": confounders.FEW if few else RARE if lacking else ""}
    for metric, names in ((PRIMARY, SCORE), ("accuracy", ACCURACY)):
        value = metrics.score(rows, metric, resampling.classes)
        scores |= zip(names, (100 * one for one in (value, *ends.get(metric, confounders.NO_ENDS))), strict=True)
    return scores


def _difference(rows: pd.DataFrame, reference: pd.DataFrame, resampling: Resampling) -> dict[str, float]:
    """Return the reference's score and the rows' less that, with its paired interval unless there are few batches."""
    one, other = (metrics.score(frame, PRIMARY, resampling.classes) for frame in (rows, reference))
    few = rows["batch"].nunique() < confounders.FEWEST
    ends = confounders.NO_ENDS if few else bootstrap.paired_bootstrap(rows, reference, PRIMARY, resampling)
    differences = zip(DIFFERENCE, (100 * value for value in (one - other, *ends)), strict=True)
    return {"reference_pct": 100 * other} | dict(differences)


def _names(fit: Fit) -> dict[str, str]:
    return {"model": fit.spec.model, "features": fit.spec.features}


def _images(fit: Fit, resampling: Resampling) -> dict[str, Any]:
    return {"quantity": IMAGES} | _names(fit) | _scores(fit.split("test"), resampling)


def _compared(quantity: str, fit: Fit, reference: Fit, resampling: Resampling) -> dict[str, Any]:
    """Return the row of a fit that is compared with another one on the same samples."""
    rows, other = fit.split("test"), reference.split("test")
    return {"quantity": quantity} | _names(fit) | _scores(rows, resampling) | _difference(rows, other, resampling)


def nearest_day(predictions: pd.DataFrame, dates: pd.Series) -> pd.DataFrame:
    """Predict each test sample as the training samples of its fold that were grown nearest in time.

    Parameters
    ----------
    predictions : DataFrame
        Of one fit, with the train split.
    dates : Series of int
        Day of growth by sample; others are left out.

    Returns
    -------
    DataFrame
        The test rows of samples with a date, their ``y_pred`` the most frequent class of the nearest training
        day (of days as near, of all; of equals the lowest), missing where a fold trains on no date.
    """
    known = predictions[predictions["sample"].astype(str).isin(dates.index)]
    known = known.assign(day=dates.reindex(known["sample"].astype(str)).to_numpy())
    frames = []
    for fold, test in known[known["split"] == "test"].groupby("fold"):
        train = known[(known["fold"] == fold) & (known["split"] == "train")].drop_duplicates("sample")
        counts = train.groupby(["day", "y_true"]).size().unstack(fill_value=0)
        nearest = {}
        for day in test["day"].unique() if len(counts) else ():
            distance = np.abs(counts.index.to_numpy() - day)
            nearest[day] = counts[distance == distance.min()].sum().idxmax()
        frames.append(test.assign(y_pred=test["day"].map(nearest).astype(float)))
    return pd.concat(frames, ignore_index=True).drop(columns="day") if frames else known.drop(columns="day")


def _nearest(fit: Fit, dates: pd.Series, resampling: Resampling) -> dict[str, Any]:
    """Return the row of the class of the nearest growth day."""
    test = fit.split("test")
    same = test[test["sample"].astype(str).isin(dates.index)]
    if same.empty:
        return _without(NEAREST, NO_DATES)
    rows = nearest_day(fit.predictions, dates)
    return {"quantity": NEAREST} | _scores(rows, resampling) | _difference(rows, same, resampling)


def match(samples: pd.DataFrame, dates: pd.Series) -> pd.DataFrame:
    """Pair each sample of the rarest class with a sample of another class that was grown near it in time.

    Parameters
    ----------
    samples : DataFrame
        One row a sample: sample, y_true.
    dates : Series of int
        Day of growth by sample; others are left out.

    Returns
    -------
    DataFrame
        A row a pair: rare, other (samples), days (between them, at most WITHIN_DAYS). The rarest class (of equals the
        lowest) chooses in the order of its growth; each sample of another class is taken once.
    """
    known = samples.assign(day=dates.reindex(samples["sample"].astype(str)).to_numpy()).dropna(subset="day")
    known = known.astype({"day": int}).sort_values(["day", "sample"], kind="stable")
    counts = known["y_true"].value_counts().sort_index()
    is_rare = known["y_true"] == (counts.idxmin() if len(counts) > 1 else np.nan)
    free = list(known.loc[~is_rare, ["day", "sample"]].itertuples(index=False, name=None))
    pairs = []
    for day, sample in known.loc[is_rare, ["day", "sample"]].itertuples(index=False, name=None):
        place = bisect_left(free, (day, ""))
        near = [one for one in (place - 1, place) if 0 <= one < len(free)]
        best = min(near, key=lambda one: abs(free[one][0] - day), default=None)
        if best is not None and abs(free[best][0] - day) <= WITHIN_DAYS:
            other_day, other = free.pop(best)
            pairs.append((sample, other, abs(other_day - day)))
    return pd.DataFrame(pairs, columns=["rare", "other", "days"])


def _matched(fit: Fit, dates: pd.Series, resampling: Resampling) -> dict[str, Any]:
    """Return the row of the rarest class and its neighbours in time."""
    test = fit.split("test")
    if not test["sample"].astype(str).isin(dates.index).any():
        return _without(MATCHED, NO_DATES)
    pairs = match(test.drop_duplicates("sample"), dates)
    if pairs.empty:
        return _without(MATCHED, NO_NEIGHBOURS)
    rows = test[test["sample"].isin([*pairs["rare"], *pairs["other"]])]
    rare = rows.loc[rows["sample"].isin(pairs["rare"]), "y_true"].iloc[0]
    row = {"quantity": MATCHED} | _names(fit) | _scores(rows, resampling)
    apart = rows.assign(
        y_true=(rows["y_true"] == rare).astype(float),
        y_pred=(rows["y_pred"] == rare).astype(float).where(rows["y_pred"].notna()),
    )
    two = _scores(apart, replace(resampling, classes=(0.0, 1.0)))
    return (
        row
        | {name: two[name] for name in (*SCORE, "reason")}
        | {"reference_pct": CHANCE, "days_apart": float(pairs["days"].median())}
        | {difference: two[name] - CHANCE for difference, name in zip(DIFFERENCE, SCORE, strict=True)}
    )


def _split(
    base: str, splits: Iterable[Fit], strict: Iterable[Fit], untested: Mapping[str, str], resampling: Resampling
) -> dict[str, Any]:
    """Return the row of other days: models selected in each fold, compared with the same under strict."""
    own = [fit for fit in splits if fit.spec.protocol == base]
    specs = {replace(fit.spec, protocol="strict") for fit in own}
    fit, same = (_selected(each, resampling) for each in (own, [one for one in strict if one.spec in specs]))
    if fit is None or same is None:
        return _without(base, untested.get(base, confounders.NOT_RUN).removeprefix(f"{base}: ").rstrip("."))
    rows, other = fit.split("test"), same.split("test")
    row = {"quantity": base} | _names(fit) | _scores(rows, resampling)
    row |= _difference(rows, other[other["sample"].isin(rows["sample"])], resampling)
    names = ("n_train_samples", "reference_n_train_samples")
    return row | dict(zip(names, map(confounders.training_samples, (fit, same)), strict=True))


def needs_caution(row: Mapping[str, Any], constant: float) -> bool:
    """Apply `RULE` to a row of the table; False where nothing was tested.

    Parameters
    ----------
    row : mapping
    constant : float
        Balanced accuracy of any constant prediction on the row's samples, percent.
    """
    if row["quantity"] in (METADATA, NEAREST):
        above = round(row[SCORE[0]], DECIMALS) > round(constant, DECIMALS)
        return bool(above and _upper_end(row, DIFFERENCE) >= 0)
    return bool(row["quantity"] == LATER and _upper_end(row, SCORE) < round(row["reference_pct"], DECIMALS))


def _upper_end(row: Mapping[str, Any], names: Sequence[str]) -> float:
    """Return the upper end of an interval as it is printed, the value itself where there is none."""
    value, _, high = (row[name] for name in names)
    return round(value if tables.missing(high) else high, DECIMALS)


def cautions(table: pd.DataFrame, subject: str) -> list[str]:
    """Put the rows that call for caution into words.

    Parameters
    ----------
    table : DataFrame
        Of `make_table`.
    subject : str
        Key of SUBJECTS; later days concern both.

    Returns
    -------
    list of str
        A sentence or two each; empty without a reason for caution.
    """
    rows = _with_texts(table[table["caution"].astype(bool) & table["subject"].isin([subject, BOTH])])
    return [_sentence(row, SUBJECTS[subject]) for row in rows.to_dict("records")]


def _sentence(row: Mapping[str, Any], subject: str) -> str:
    reached, reference = f"{_score(row)} balanced accuracy", f"{tables.number(row['reference_pct'], DECIMALS)} %"
    apart = f"difference {_interval(row, DIFFERENCE, 'points', tables.signed)}"
    is_known = not tables.missing(row[(SCORE if row["quantity"] == LATER else DIFFERENCE)[2]])
    chance = "" if is_known else NO_INTERVAL
    if row["quantity"] == LATER:
        return (
            f"The accuracy falls on later days: models trained on earlier days reach {reached} on later ones; the same "
            f"models reach {reference} on these samples under the protocol strict ({apart}). A fold trains on "
            f"{tables.number(row['n_train_samples'])} samples there, on "
            f"{tables.number(row['reference_n_train_samples'])} under strict.{chance}"
        )
    what = {METADATA: "The sample sheet alone", NEAREST: "The date of growth alone"}[row["quantity"]]
    better = "predicts the class better than micrographs"
    as_well = "predicts the class as well as micrographs" + ", within the uncertainty" * is_known
    return (
        f"{what} {better if round(row[DIFFERENCE[1]], DECIMALS) > 0 else as_well}: {reached} without an image, the "
        f"{subject} {reference} on the same samples ({apart}). The accuracy on micrographs may therefore come from "
        f"when or by whom the films were grown.{chance}"
    )


def _score(row: Mapping[str, Any]) -> str:
    return _interval(row, SCORE, "%", tables.number)


def _interval(row: Mapping[str, Any], names: Sequence[str], unit: str, form: Any) -> str:
    """Format a value with its unit and its interval: "63.0 % [55.1, 70.2]"."""
    value, low, high = (row[name] for name in names)
    tail = "" if tables.missing(low) else f" [{form(low, DECIMALS)}, {form(high, DECIMALS)}]"
    return f"{form(value, DECIMALS)} {unit}{tail}"


@dataclass(frozen=True)
class Beside:
    """What stands beside a headline.

    Parameters
    ----------
    numbers : list of (str, str, str)
        Two: name, number with its interval (or "not tested"), and what it is compared with (or why not tested).
    cautions : list of str
    rule : str
    """

    numbers: list[tuple[str, str, str]]
    cautions: list[str]
    rule: str = RULE


def beside(table: pd.DataFrame, subject: str) -> Beside:
    """Return the two numbers and the cautions that belong beside the headline, or beside the CNN.

    Parameters
    ----------
    table : DataFrame
        Of `make_table`.
    subject : str
        Key of SUBJECTS.

    Returns
    -------
    Beside
        The first number is the better one of metadata and of the nearest growth day, the second that on later days.
    """
    own = _with_texts(table[table["subject"].isin([subject, BOTH])])
    alone = own[own["quantity"].isin([METADATA, NEAREST])].sort_values(SCORE[0], ascending=False, kind="stable")
    numbers = []
    for rows, reference in ((alone, f"the {SUBJECTS[subject]}"), (own[own["quantity"] == LATER], "under strict")):
        row = rows.iloc[0].to_dict() if len(rows) else _without(METADATA, NO_HEADLINE)
        if tables.missing(row.get(SCORE[0])):
            numbers.append((LABELS[row["quantity"]], "not tested", row["reason"]))
            continue
        compared = f"{tables.number(row['reference_pct'], DECIMALS)} %"
        note = f"{_model(row)}; " if row["model"] else ""
        same = f"the same models {reference}" if row["subject"] == BOTH else reference
        numbers.append((LABELS[row["quantity"]], _score(row), f"{note}{same}: {compared} on the same samples"))
    return Beside(numbers, cautions(table, subject))


def _model(row: tables.Row) -> str:
    name = tables.SUMMARIES.get(row["model"], row["model"])
    return name if row["features"] in ("", "any") else f"{name}, {features_label(row['features'])}"


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay the table out: the headline, the CNN, then other days."""
    titles = {"headline": "The headline", "network": "The CNN, as the final model", BOTH: "Other days"}
    made = []
    for subject, rows in _with_texts(table).groupby("subject", sort=False):
        notes = tuple(cautions(rows, "headline" if subject == BOTH else subject))
        made.append(tables.panel(titles[subject], rows, COLUMNS_SHOWN, 2, notes=notes))
    return made


COLUMNS_SHOWN: list[tables.Column] = [
    ("What", lambda row: LABELS[row["quantity"]]),
    ("Model", lambda row: _model(row) or tables.DASH),
    ("Samples", tables.number_column("n_samples")),
    ("Growth days", tables.number_column("n_batches")),
    ("Balanced accuracy, %", tables.interval_column(SCORE[0])),
    ("Accuracy, %", tables.interval_column(ACCURACY[0])),
    ("Compared with, %", tables.number_column("reference_pct")),
    ("Difference, points", tables.difference_column(DIFFERENCE[0])),
    ("Days apart, median", tables.number_column("days_apart")),
    ("Caution", lambda row: "yes" if row["caution"] else "no"),
    ("Reason for no interval", tables.text_column("reason")),
]
