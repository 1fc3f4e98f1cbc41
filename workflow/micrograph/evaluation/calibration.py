"""Calibration: reliability, calibration error, log loss, Brier score, coverage of conformal sets, per fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, reliability, summaries, tables, uncertainty
from micrograph.evaluation.bootstrap import ENDS, Resampling
from micrograph.evaluation.labels import fit_labels
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.evaluation.uncertainty import LabelledScores
from micrograph.splits.fit_spec import KEYS, FitSpec
from micrograph.target import Target

NAME = "Table of calibration"
UNSCALED, SCALED, EXCLUDED = "unscaled", "scaled", "excluded"
STAGES = {UNSCALED: "unscaled", SCALED: "scaled"}
PROBABILITIES, DECISIONS, NOTHING = "probabilities", "decision values", "none"
SET_COLUMNS = ("covered_pct", "covered_by_day_pct", "set_size", "constant_set_pct", "constant_set_by_day_pct")
CONSTANT_SIZE = 2  # classes in the set that needs no picture
SUM_TOLERANCE = 1e-6  # how far, as files are rounded, the sum of probabilities may be from 1


@dataclass(frozen=True)
class Stage:
    """Probabilities and prediction sets of n tested samples, before or after temperature scaling.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
    in_set : ndarray of bool, shape (n, n_classes)
    temperatures, limits : list of float
        One a fold; a limit is infinite where the fold has too few validation days, and its sets hold every class.
    """

    probabilities: NDArray[np.float64]
    in_set: NDArray[np.bool_]
    temperatures: list[float]
    limits: list[float]


@dataclass(frozen=True)
class CalibratedFit:
    """A fit and its probabilities for the n samples that it was tested on, fold after fold.

    Parameters
    ----------
    spec : FitSpec
    kind : str
        Of its scores: PROBABILITIES, DECISIONS or NOTHING.
    target : Target
    true_index : ndarray of int, shape (n,)
    samples, batches : ndarray of str, shape (n,)
    folds : int
    shares : ndarray of shape (n, n_classes)
        Class shares of the training samples of each sample's fold.
    stages : dict
        {UNSCALED or SCALED: Stage}; without UNSCALED where scores are decision values, empty where the fit is left out.
    reason : str
        Why it is left out.
    """

    spec: FitSpec
    kind: str
    target: Target
    true_index: NDArray[np.int64]
    samples: NDArray[np.str_]
    batches: NDArray[np.str_]
    folds: int
    shares: NDArray[np.float64]
    stages: dict[str, Stage] = field(default_factory=dict)
    reason: str = ""

    def holds(self, in_set: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return whether each sample's set, a row of (n, n_classes), holds its class."""
        return in_set[np.arange(len(self.true_index)), self.true_index]

    def covered(self, stage: str) -> NDArray[np.bool_]:
        """Return whether each sample's prediction set holds its class."""
        return self.holds(self.stages[stage].in_set)

    def constant_set(self) -> NDArray[np.bool_]:
        """Return the sets (n, n_classes) of the two most frequent classes of training, of equals the lower."""
        order = np.argsort(-self.shares, axis=1, kind="stable")
        return np.argsort(order, axis=1) < CONSTANT_SIZE


def calibrate(fit: Fit, target: Target, coverage: float) -> CalibratedFit:
    """Fit temperature and set limit of each fold on its validation samples, and apply them to its test samples.

    Parameters
    ----------
    fit : Fit
    target : Target
    coverage : float
        Nominal coverage of the sets, 0 to 1.

    Returns
    -------
    CalibratedFit
        Decision values (SVC, KRC) become probabilities by a softmax whose temperature is fitted. A fit without scores
        (regression), or with a fold without validation samples, is left out.

    Raises
    ------
    UserError
        If a true class is not one of the target's.
    """
    rows = fit.predictions[fit.predictions["augmentation"] == 0]
    if not rows["y_true"].isin(target.classes).all():
        raise UserError("the predictions hold a class that the target does not have: set target as in the run.")
    names = target.score_columns
    kind = kind_of_scores(rows[names].to_numpy(float))
    if kind == DECISIONS:
        rows = rows.assign(**dict(zip(names, softmax(rows[names].to_numpy(float)).T, strict=True)))
    folds = [fold for _, fold in rows.groupby("fold")]
    tested = [uncertainty.labelled_scores(fold, target) for fold in folds]
    validation = [uncertainty.labelled_scores(fold, target, "validation") for fold in folds]
    reason = ""
    if kind == NOTHING:
        reason = "the model predicts a value without scores"
    elif not all(len(part.true_index) for part in validation):
        reason = "a fold has no validation sample"
    return CalibratedFit(
        fit.spec,
        kind,
        target,
        np.concatenate([part.true_index for part in tested]),
        np.concatenate([fold.loc[fold["split"] == "test", "sample"].to_numpy(str) for fold in folds]),
        np.concatenate([part.batches for part in tested]),
        len(folds),
        np.concatenate([_class_shares(fold, target.classes) for fold in folds]),
        {} if reason else _stages(kind, validation, tested, coverage),
        reason,
    )


def calibrate_all(fits: Sequence[Fit], target: Target, coverage: float) -> list[CalibratedFit]:
    """Calibrate every fit, as `calibrate`.

    Raises
    ------
    UserError
        If there are no fits.
    """
    if not fits:
        raise UserError(f"{NAME}: there are no predictions; list models with probabilities in experiments.")
    return [calibrate(fit, target, coverage) for fit in fits]


def calibrated(fit: Fit, target: Target) -> pd.DataFrame:
    """Return a fit's predictions with calibrated probabilities of the test samples in place of their scores.

    Parameters
    ----------
    fit : Fit
    target : Target

    Returns
    -------
    DataFrame
        Rows of ``fit.predictions``. Other scores are missing, and all where the fit cannot be calibrated; predicted
        classes stay.
    """
    names, rows = target.score_columns, fit.predictions
    if not set(names) <= set(rows):
        return rows
    result = rows.assign(**dict.fromkeys(names, np.nan))
    known = calibrate(fit, target, coverage=0.5)  # of sets, on which probabilities do not depend
    if SCALED in known.stages:
        tested = rows[(rows["augmentation"] == 0) & (rows["split"] == "test")]
        order = [index for _, fold in tested.groupby("fold") for index in fold.index]
        result.loc[order, names] = known.stages[SCALED].probabilities
    return result


def kind_of_scores(scores: NDArray[np.float64]) -> str:
    """Classify scores (m, n_classes).

    Returns
    -------
    str
        NOTHING where all are NaN, PROBABILITIES where all lie within 0 and 1 and the rows sum to one, else DECISIONS. A
        class without a score beside others that have one counts as 0.
    """
    known = scores[~np.isnan(scores).all(axis=1)]
    if not len(known):
        return NOTHING
    filled = np.nan_to_num(known)
    sums_to_one = np.abs(filled.sum(axis=1) - 1) <= SUM_TOLERANCE
    return PROBABILITIES if sums_to_one.all() and (filled >= -SUM_TOLERANCE).all() else DECISIONS


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax of decision values; 0 for a class without one, NaN throughout in a row without any.

    Parameters
    ----------
    values : ndarray of shape (m, n_classes)
    """
    lost = np.isnan(values)
    highest = np.where(lost, -np.inf, values).max(axis=1, keepdims=True)
    powers = np.exp(np.where(lost, -np.inf, values) - np.where(np.isinf(highest), 0, highest))
    sums = powers.sum(axis=1, keepdims=True)
    return np.divide(powers, sums, out=np.full(powers.shape, np.nan), where=sums > 0)


def _class_shares(rows: pd.DataFrame, classes: Sequence[float]) -> NDArray[np.float64]:
    """Return the class shares of a fold's training samples, for each of its tested ones."""
    true = rows.loc[rows["split"] == "train", "y_true"].to_numpy(float)
    counts = np.bincount(np.searchsorted(classes, true), minlength=len(classes)).astype(float)
    share = counts / counts.sum() if counts.sum() else np.full(len(classes), 1 / len(classes))
    return np.tile(share, (int((rows["split"] == "test").sum()), 1))


def _stages(
    kind: str, validation: Sequence[LabelledScores], tested: Sequence[LabelledScores], coverage: float
) -> dict[str, Stage]:
    """Return the stages of the tested samples; probabilities that come from decision values are not shown unscaled."""
    fitted = [uncertainty.fit_temperature(part.scores, part.true_index) for part in validation]
    temperatures = {UNSCALED: [1.0] * len(fitted), SCALED: fitted}
    return {
        stage: _stage(validation, tested, each, coverage)
        for stage, each in temperatures.items()
        if stage == SCALED or kind == PROBABILITIES
    }


def _stage(
    validation: Sequence[LabelledScores],
    tested: Sequence[LabelledScores],
    temperatures: Sequence[float],
    coverage: float,
) -> Stage:
    """Return the stage of the tested samples; limits are fitted on validation samples at the same temperature."""
    probabilities, in_set, limits = [], [], []
    for known, test, temperature in zip(validation, tested, temperatures, strict=True):
        scaled = uncertainty.scale(known.scores, temperature)
        error = 1 - scaled[np.arange(len(scaled)), known.true_index]
        limits.append(uncertainty.conformal_quantile(error, known.batches, coverage))
        probabilities.append(uncertainty.scale(test.scores, temperature))
        in_set.append(uncertainty.prediction_sets(probabilities[-1], limits[-1]))
    return Stage(np.concatenate(probabilities), np.concatenate(in_set), list(temperatures), limits)


def make_table(
    fits: Sequence[Fit], coverage: float, target: Target, *, resampling: Resampling, run: RunInfo
) -> pd.DataFrame:
    """Make the table of calibration: a row per fit and stage; a fit that is left out has one row, with the reason.

    Parameters
    ----------
    fits : sequence of Fit
    coverage : float
        Nominal coverage of the sets, 0 to 1.
    target : Target
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        ``temperature``: mean over folds, with least and most. ``ece_pct``: expected calibration error corrected for
        bias, ``ece_uncorrected_pct`` without, ``ece_calibrated_pct`` and ``ece_calibrated_high_pct`` what true
        probabilities would show on average and in one of twenty studies. ``log_loss`` (nats), ``brier`` (0 to 2);
        ``log_loss_change``: scaled less unscaled, paired; ``class_frequency_``: of predicting the class frequencies of
        training. ``covered_pct``: mean over samples, ``covered_by_day_pct`` over days, which is what is nominal;
        ``set_size``: classes; ``constant_set_pct``, ``constant_set_by_day_pct``: coverage of the set of the two
        most frequent training classes, and ``constant_set_size``; ``n_unlimited_folds``:
        folds with too few validation days for a limit. Intervals are 95 %.

    Raises
    ------
    UserError
        If there are no fits.
    """
    rows = []
    for fit in calibrate_all(fits, target, coverage):
        row = fit.spec.columns() | {"scores": fit.kind, "nominal_coverage_pct": 100 * coverage, "reason": fit.reason}
        row |= {"n_samples": len(np.unique(fit.samples)), "n_batches": len(np.unique(fit.batches)), "folds": fit.folds}
        rows += [row | {"stage": stage} | _scores(fit, stage, resampling) for stage in fit.stages]
        rows += [] if fit.stages else [row | {"stage": EXCLUDED}]
    return run.add_to(pd.DataFrame(rows, columns=columns(target)))


def columns(target: Target) -> list[str]:
    """Return the columns of the table, but for those of the run."""
    return [
        *(*KEYS, "stage", "scores", "temperature", "temperature_min", "temperature_max"),
        *(f"ece_pct{end}" for end in ENDS),
        *("ece_uncorrected_pct", "ece_calibrated_pct", "ece_calibrated_high_pct", "bins"),
        *(f"{name}{end}" for name in ("log_loss", "brier", "log_loss_change") for end in ENDS),
        *("class_frequency_log_loss", "class_frequency_brier", "nominal_coverage_pct"),
        *(f"{name}{end}" for name in SET_COLUMNS for end in ENDS),
        "constant_set_size",
        *(covered_column(target, one) for one in target.classes),
        *("n_unlimited_folds", "n_samples", "n_batches", "folds", "reason"),
    ]


def covered_column(target: Target, one: float) -> str:
    """Name the column of the coverage of a class."""
    return f"covered_{target.key(one)}_pct"


def _scores(fit: CalibratedFit, stage: str, resampling: Resampling) -> dict[str, Any]:
    """Return the numbers of one row."""
    values = fit.stages[stage]
    days, batch = np.unique(fit.batches, return_inverse=True)
    weights_rng, error_rng = resampling.rng.spawn(2)
    weights = bootstrap.cluster_weights(len(days), resampling.n_bootstrap, weights_rng)
    binned = reliability.confidences(values.probabilities, fit.true_index, fit.samples, fit.batches)
    error = reliability.calibration_error(binned, weights, error_rng)
    row = {
        "temperature": float(np.mean(values.temperatures)),
        "temperature_min": min(values.temperatures),
        "temperature_max": max(values.temperatures),
        "n_unlimited_folds": int(np.isinf(values.limits).sum()),
        "bins": error["bins"],
        **bootstrap.columns("ece_pct", (error[name] for name in ("value", "low", "high")), 100),
        **{f"ece_{name}_pct": 100 * error[name] for name in ("uncorrected", "calibrated", "calibrated_high")},
    }
    for name, each in _per_sample(fit, stage).items():
        row |= bootstrap.columns(name, uncertainty.mean_interval(each, batch, weights)[:3])
    constant = fit.constant_set()
    row["constant_set_size"] = int(constant.sum(axis=1)[0])
    for name, covered in (("covered", fit.covered(stage)), ("constant_set", fit.holds(constant))):
        by_day = 100.0 * (np.bincount(batch, covered) / np.bincount(batch))
        ends = uncertainty.mean_interval(by_day, np.arange(len(days)), weights)[:3]
        row |= bootstrap.columns(f"{name}_by_day_pct", ends)
    return row


def _per_sample(fit: CalibratedFit, stage: str) -> dict[str, NDArray[np.float64]]:
    """{column: (n,) values whose mean over samples is the column's}; NaN where a sample does not count."""
    values, covered = fit.stages[stage], 100.0 * fit.covered(stage)
    shares = uncertainty.scale(fit.shares, 1.0)
    columns = {
        "log_loss": log_loss(values.probabilities, fit.true_index),
        "brier": brier(values.probabilities, fit.true_index),
        "class_frequency_log_loss": log_loss(shares, fit.true_index),
        "class_frequency_brier": brier(shares, fit.true_index),
        "covered_pct": covered,
        "constant_set_pct": 100.0 * fit.holds(fit.constant_set()),
        "set_size": values.in_set.sum(axis=1).astype(float),
    }
    if stage == SCALED and UNSCALED in fit.stages:
        columns["log_loss_change"] = columns["log_loss"] - log_loss(fit.stages[UNSCALED].probabilities, fit.true_index)
    return columns | {
        covered_column(fit.target, one): np.where(fit.true_index == place, covered, np.nan)
        for place, one in enumerate(fit.target.classes)
    }


def log_loss(probabilities: NDArray[np.float64], true_index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return minus the logarithm (nats) of each sample's probability of the true class, which must not be 0."""
    return -np.log(probabilities[np.arange(len(true_index)), true_index])


def brier(probabilities: NDArray[np.float64], true_index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each sample's sum over classes of (probability - truth)^2, 0 to 2.

    References
    ----------
    G. Brier, Monthly Weather Review 78, 1950.
    """
    truth = true_index[:, None] == np.arange(probabilities.shape[1])
    return ((probabilities - truth) ** 2).sum(axis=1)


def panels(table: pd.DataFrame, target: Target) -> list[Panel]:
    """Lay the table out: probabilities, sets, what is left out."""
    table = table.assign(label=fit_labels(summaries.specs(table)))
    shown, excluded = (table[(table["stage"] == EXCLUDED) == is_excluded] for is_excluded in (False, True))
    by_class = [
        (f"{target.with_unit(one)}, %", tables.number_column(covered_column(target, one))) for one in target.classes
    ]
    nominal = tables.number(table["nominal_coverage_pct"].iloc[0], 0)
    made = [
        tables.panel("Probabilities", shown, [*FIRST, *PROBABILITY_COLUMNS], 2, notes=_class_frequency_note(shown)),
        tables.panel(f"Prediction sets, nominal coverage {nominal} %", shown, [*FIRST, *SETS, *by_class, FOLDS], 2),
        tables.panel("Models without scores", excluded, [FIRST[0], ("Reason", tables.text_column("reason"))], 2),
    ]
    return [panel for panel in made if panel.rows]


def _class_frequency_note(shown: pd.DataFrame) -> tuple[str, ...]:
    """Scores of predicting the class shares of training, where all fits test the same samples."""
    values = shown[["class_frequency_log_loss", "class_frequency_brier"]].round(6).drop_duplicates()
    if len(values) != 1:
        return ()
    loss, score = (tables.number(value, 3) for value in values.iloc[0])
    return (f"Class frequencies of the training samples as probabilities: log loss {loss}, Brier score {score}.",)


def _error_without_correction(row: tables.Row) -> str:
    return f"{tables.number(row['ece_uncorrected_pct'], 1)} ({tables.number(row['ece_calibrated_high_pct'], 1)})"


def _covered(row: tables.Row) -> str:
    """Format the coverage of samples, in bold where its interval excludes the nominal one."""
    differs = tables.excludes(row["covered_pct_low"], row["covered_pct_high"], row["nominal_coverage_pct"])
    return tables.best(tables.interval_column("covered_pct")(row), differs)


FIRST = [("Model", lambda row: row["label"]), ("Probabilities", lambda row: STAGES[row["stage"]])]
PROBABILITY_COLUMNS = [
    ("Softmax temperature", tables.number_column("temperature", 2)),
    ("Calibration error, % [95 %]", tables.interval_column("ece_pct", 1)),
    ("Uncorrected (calibrated: up to), %", _error_without_correction),
    ("Log loss [95 %]", tables.interval_column("log_loss", 3)),
    ("Change by scaling [95 %]", tables.difference_column("log_loss_change", 3)),
    ("Brier score [95 %]", tables.interval_column("brier", 3)),
]
SETS = [
    ("Samples covered, % [95 %]", _covered),
    ("Mean over days, % [95 %]", tables.interval_column("covered_by_day_pct")),
    ("Classes in the set [95 %]", tables.interval_column("set_size", 2)),
    ("Two most frequent classes as the set: mean over days, %", tables.interval_column("constant_set_by_day_pct")),
]
FOLDS = (
    "Folds with all classes in every set",
    lambda row: f"{row['n_unlimited_folds']:.0f} of {row['folds']:.0f}",
)
