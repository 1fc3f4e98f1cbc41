"""Reliability diagram and expected calibration error, corrected for their bias.

Confidence is the probability of the most probable class. Bins hold equally many samples (as near as equal confidences
allow). The plain error of so few samples is well above 0 even where every probability is true, since each bin's
accuracy varies by chance: the error is corrected by the bootstrap.

References
----------
M. Pakdaman Naeini, G. Cooper, M. Hauskrecht, AAAI 2015: expected calibration error.
R. Roelofs et al., AISTATS 2022: its bias.
J. Bröcker, L. A. Smith, Weather and Forecasting 22, 2007: the range of true probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from micrograph.evaluation import bootstrap, uncertainty

SAMPLES_A_BIN, MOST_BINS = 20, 10
DIGITS = 9  # to which confidences are compared: the last bits differ between machines
FEWEST_DRAWS, MOST_CELLS = 100, 20_000_000
TAIL = 0.05  # of true probabilities, whose error is called high


@dataclass(frozen=True)
class Confidences:
    """Confidences of n predictions in bins.

    Parameters
    ----------
    confidence : ndarray of shape (n,)
    correct : ndarray of bool, shape (n,)
    sample, batch, bins : ndarray of int, shape (n,)
        Indices of the sample (predicted once a repeat), its growth day and its bin.
    """

    confidence: NDArray[np.float64]
    correct: NDArray[np.bool_]
    sample: NDArray[np.int64]
    batch: NDArray[np.int64]
    bins: NDArray[np.int64]


def confidences(
    probabilities: NDArray[np.float64],
    true_index: NDArray[np.int64],
    samples: NDArray[np.str_],
    batches: NDArray[np.str_],
) -> Confidences:
    """Bin predictions by their confidence.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
    true_index : ndarray of int, shape (n,)
        Index of the true class.
    samples, batches : ndarray of str, shape (n,)

    Returns
    -------
    Confidences
    """
    confidence = np.max(probabilities, axis=1)
    sample, batch = (np.unique(names, return_inverse=True)[1] for names in (samples, batches))
    bins = equal_bins(confidence, number_of_bins(len(np.unique(sample))))
    return Confidences(confidence, np.argmax(probabilities, axis=1) == true_index, sample, batch, bins)


def number_of_bins(n_samples: int) -> int:
    """Return the number of bins: SAMPLES_A_BIN samples each, 1 to MOST_BINS bins."""
    return int(np.clip(n_samples // SAMPLES_A_BIN, 1, MOST_BINS))


def equal_bins(confidence: NDArray[np.float64], number: int) -> NDArray[np.int64]:
    """Return the bin of each confidence, ascending from 0, equally many in each.

    Confidences that are equal but for rounding share a bin, so that there may be fewer bins than `number`.
    """
    confidence = np.round(confidence, DIGITS)
    ranked = np.sort(confidence)
    last = [ranked[int(np.ceil(len(ranked) * place / number)) - 1] for place in range(1, number)]
    return np.unique(np.searchsorted(np.unique(last), confidence, side="left"), return_inverse=True)[1]


def plain_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: NDArray[np.int64]) -> float:
    """Return the expected calibration error (0 to 1): the mean of |confidence - accuracy| of the bins, by size."""
    return float(np.abs(np.bincount(bins, confidence - correct)).sum() / len(confidence))


def calibration_error(binned: Confidences, weights: NDArray[np.float64], rng: np.random.Generator) -> dict[str, float]:
    """Compute the expected calibration error (0 to 1), corrected for its bias.

    Parameters
    ----------
    binned : Confidences
    weights : ndarray of shape (n_bootstrap, n_days)
        Of `bootstrap.cluster_weights`.
    rng : Generator

    Returns
    -------
    dict
        ``uncorrected``: the error as it is; ``value``: less what resampling the days adds to it, at least 0; ``low``,
        ``high``: its 95 % interval, NaN with fewer than two days; ``calibrated``, ``calibrated_high``: what plain would
        be on average, and in one of twenty studies, if every probability were true and samples independent; ``bins``.

    Notes
    -----
    The lower end is the basic bootstrap's (twice plain less the upper percentile of the resampled values, since plain
    percentiles never reach 0), and 0 where true probabilities would often show as much. The upper end is the basic
    bootstrap's or the upper percentile, whichever is larger: the former alone lies below the error too often.
    """
    plain = plain_error(binned.confidence, binned.correct, binned.bins)
    true = _true_draws(binned, len(weights), rng)
    one_hot = (binned.bins[:, None] == np.arange(binned.bins.max() + 1)).astype(float)
    true = np.abs((binned.confidence - true) @ one_hot).sum(axis=1) / len(binned.correct)
    error = {
        "uncorrected": plain,
        "calibrated": float(true.mean()),
        "calibrated_high": float(np.quantile(true, 1 - TAIL)),
    }
    error["bins"] = int(binned.bins.max()) + 1
    if binned.batch.max() < 1:
        return error | {"value": plain, "low": np.nan, "high": np.nan}
    gaps = np.zeros((binned.batch.max() + 1, binned.bins.max() + 1))
    np.add.at(gaps, (binned.batch, binned.bins), binned.confidence - binned.correct)
    counts = bootstrap.resample(weights, np.bincount(binned.batch))
    resampled = np.abs(bootstrap.resample(weights, gaps)).sum(axis=1) / counts
    low, high = np.quantile(resampled, bootstrap.TAILS)
    percentile = float(high)
    low, high, value = (float(np.clip(2 * plain - end, 0, 1)) for end in (high, low, resampled.mean()))
    low = 0.0 if plain <= error["calibrated_high"] else low
    return error | {"value": value, "low": min(low, value), "high": max(high, value, percentile)}


def diagram(binned: Confidences, weights: NDArray[np.float64], rng: np.random.Generator) -> list[dict[str, float]]:
    """Compute the reliability diagram.

    Parameters
    ----------
    binned : Confidences
    weights : ndarray of shape (n_bootstrap, n_days)
    rng : Generator

    Returns
    -------
    list of dict
        A bin each, ascending: ``confidence`` (mean), ``accuracy``, ``low``, ``high`` (its 95 % interval from resampled
        days; NaN where it is 0 or 1 or there are fewer than two days), ``true_low``, ``true_high`` (the range of 95 of
        100 studies if every probability were true and samples independent), ``count``.
    """
    true = _true_draws(binned, len(weights), rng)
    marks = []
    for place in range(int(binned.bins.max()) + 1):
        inside = binned.bins == place
        accuracy = binned.correct[inside].mean()
        _, *ends, _, _ = uncertainty.mean_interval(binned.correct[inside].astype(float), binned.batch[inside], weights)
        range_of_true = np.quantile(true[:, inside].mean(axis=1), bootstrap.TAILS)
        values = (binned.confidence[inside].mean(), accuracy, *ends, *range_of_true)
        names = ("confidence", "accuracy", "low", "high", "true_low", "true_high")
        mark = {name: float(value) for name, value in zip(names, values, strict=True)}
        marks.append(mark | {"count": inside.sum()})
    return marks


def _true_draws(binned: Confidences, n_draws: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(n_draws, n) whether predictions would be correct if every probability were true; equal in all repeats.

    Of very many predictions there are fewer draws, for their memory.
    """
    n_draws = min(n_draws, max(FEWEST_DRAWS, MOST_CELLS // len(binned.correct)))
    uniform = rng.random((n_draws, binned.sample.max() + 1))
    return uniform[:, binned.sample] < binned.confidence
