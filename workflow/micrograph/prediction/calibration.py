"""Calibrated probabilities, prediction sets and prediction intervals of the final model.

Everything is fitted on cross-validated predictions (`final_model.cross_validate`), of samples whose growth days the
predicting network was not trained on; a sample is a film, with the prediction that all its scans give
(`evaluation.films`). The aim: a sample of a new day, drawn like the days of the study, has its true
class in its set, and its value in its interval, with at least the stated probability. This assumes exchangeable
days; samples of one day may be similar (hierarchical conformal prediction: Y. Lee, R. F. Barber, R. Willett,
"Distribution-free inference with hierarchical data", 2023; with one sample per day it is the textbook rule). Nothing is
guaranteed for single classes, for values that the study lacks, or out of distribution. Not accounted for is that
the cross-validated networks are not the final one: they were trained in the same way on fewer samples. `check` measures
what was reached.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from micrograph.evaluation import bootstrap, uncertainty
from micrograph.target import Target

OF_INTERVALS = {"within", "width", "constant_within", "constant_width"}  # without order there are none


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration.

    Parameters
    ----------
    temperature : float
        Divides the logarithms of scores.
    set_limit : float
        The set holds the classes whose probability is at least 1 minus this; infinite (all classes) with too few days.
    reach : float
        Half the width of the value's interval, in the target's unit; infinite with too few days, and without order.
    coverage : float
        Nominal coverage of sets and intervals, 0 to 1.
    """

    temperature: float
    set_limit: float
    reach: float
    coverage: float


def fit(known: uncertainty.LabelledScores, coverage: float, ordered: bool = True) -> Calibration:
    """Fit first the temperature, then the limits of the scaled probabilities.

    Parameters
    ----------
    known : uncertainty.LabelledScores
        Scores, true classes and days of n samples.
    coverage : float
        0 to 1.
    ordered : bool, default True
        Whether classes are values, which have intervals.

    Returns
    -------
    Calibration
    """
    temperature = uncertainty.fit_temperature(known.scores, known.true_index)
    probabilities = uncertainty.scale(known.scores, temperature)
    miss = 1 - probabilities[np.arange(len(probabilities)), known.true_index]
    set_limit = uncertainty.conformal_quantile(miss, known.batches, coverage)
    reach = (
        uncertainty.conformal_quantile(_errors(known, probabilities), known.batches, coverage) if ordered else np.inf
    )
    return Calibration(temperature, set_limit, reach, coverage)


def _errors(known: uncertainty.LabelledScores, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Absolute errors (n,) of the means of probabilities."""
    return np.abs(known.true_value - uncertainty.expected_value(probabilities, known.classes))


def leave_days_out(
    known: uncertainty.LabelledScores, coverage: float, ordered: bool = True
) -> dict[str, NDArray[np.float64]]:
    """Calibrate every sample with its whole day left out of the fit.

    Parameters
    ----------
    known : uncertainty.LabelledScores
    coverage : float
    ordered : bool, default True
        As of `fit`.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        loss_before, loss_after (log loss of raw and of calibrated probabilities), covered (the true class is in the
        set), size (of the set), alone (one class in it); constant_covered: the true class is one of the two most
        frequent of the other days. With order also within (the true value is in the interval), width (of it), and, of
        the shortest interval that needs no picture, fitted on the other days, too, constant_within and constant_width.
    """
    results: dict[str, NDArray[np.float64]] = {}
    for day in np.unique(known.batches):
        rows = np.flatnonzero(known.batches == day)
        others, own = known.take(np.flatnonzero(known.batches != day)), known.take(rows)
        made = _apply(own, fit(others, coverage, ordered)) | _apply_constant(own, others, coverage)
        for name, values in made.items():
            if ordered or name not in OF_INTERVALS:
                results.setdefault(name, np.zeros(len(known.true_index)))[rows] = values
    return results


def _apply(samples: uncertainty.LabelledScores, fitted: Calibration) -> dict[str, NDArray | float]:
    """Apply a calibration to samples, see leave_days_out."""
    rows = np.arange(len(samples.true_index))
    raw, scaled = (uncertainty.scale(samples.scores, temperature) for temperature in (1.0, fitted.temperature))
    inside = uncertainty.prediction_sets(scaled, fitted.set_limit)
    return {
        "loss_before": -np.log(raw[rows, samples.true_index]),
        "loss_after": -np.log(scaled[rows, samples.true_index]),
        "covered": inside[rows, samples.true_index],
        "size": inside.sum(axis=1),
        "alone": inside.sum(axis=1) == 1,
        "within": _errors(samples, scaled) <= fitted.reach + uncertainty.ROUNDING,
        "width": 2 * fitted.reach,
    }


def _apply_constant(
    samples: uncertainty.LabelledScores, others: uncertainty.LabelledScores, coverage: float
) -> dict[str, NDArray | float]:
    """Apply the set and the interval of other days, which ignore the micrograph, to samples; see leave_days_out."""
    low, high = constant_interval(others, coverage)
    values = samples.true_value
    return {
        "constant_covered": uncertainty.constant_set(others.true_index, len(samples.classes))[samples.true_index],
        "constant_within": (values >= low) & (values <= high),
        "constant_width": high - low,
    }


def constant_interval(known: uncertainty.LabelledScores, coverage: float) -> tuple[float, float]:
    """Return the shortest interval of values with a coverage, which ignores the micrograph."""
    return uncertainty.constant_interval(known.true_value, known.batches, coverage)


def check(
    known: uncertainty.LabelledScores, coverage: float, n_bootstrap: int, rng: np.random.Generator, target: Target
) -> dict[str, tuple[float, float, float, int, int]]:
    """Measure what calibration reaches, each day left out of the fit in turn.

    Parameters
    ----------
    known : uncertainty.LabelledScores
    coverage : float
    n_bootstrap : int
        Resamples of growth days.
    rng : Generator
    target : Target

    Returns
    -------
    dict of str to (mean, low, high, n_samples, n_days)
        Mean over samples of what `leave_days_out` returns and of loss_change, with its 95 % interval over resampled
        days (NaN where all values are equal). Also covered_by_day and within_by_day, the mean of the days' shares,
        which is what conformal prediction aims at; and covered_{class}, for which nothing is guaranteed.
    """
    results = leave_days_out(known, coverage, target.ordered)
    results["loss_change"] = results["loss_after"] - results["loss_before"]
    results |= {
        f"covered_{target.key(one)}": np.where(known.true_index == index, results["covered"], np.nan)
        for index, one in enumerate(target.classes)
    }
    days, batch = np.unique(known.batches, return_inverse=True)
    weights = bootstrap.cluster_weights(len(days), n_bootstrap, rng)
    means = {name: uncertainty.mean_interval(values, batch, weights) for name, values in results.items()}
    for name in [name for name in ("covered", "within", "constant_covered", "constant_within") if name in results]:
        shares = np.bincount(batch, results[name]) / np.bincount(batch)
        interval = uncertainty.mean_interval(shares, np.arange(len(days)), weights)[:3]
        means[f"{name}_by_day"] = (*interval, len(batch), len(days))
    return means
