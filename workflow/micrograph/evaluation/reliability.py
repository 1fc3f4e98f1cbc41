"""Reliability: how often an answer of a given confidence is right, and the expected calibration error.

Confidence is the probability of the most probable class; the answer is right where that is the true class. Bins hold
equally many films (as near as equal confidences allow). The plain error of so few films is well above 0 even where
every probability is true, since each bin's share of right answers strays by chance: what is reported is corrected for
that by the bootstrap, beside it the plain error and what true probabilities would show.
(M. Pakdaman Naeini, G. Cooper, M. Hauskrecht, AAAI 2015; on the bias R. Roelofs et al., AISTATS 2022; on the range
within which true probabilities stay J. Bröcker, L. A. Smith, Weather and Forecasting 22, 2007.)
"""

from dataclasses import dataclass

import numpy as np

from micrograph.evaluation import bootstrap

FILMS_A_BIN, MOST_BINS = 20, 10
FEWEST_DRAWS, MOST_CELLS = 100, 20_000_000
TAIL = 0.05  # of true probabilities, whose error is called high


@dataclass(frozen=True)
class Answered:
    """How sure n answers were, and whether they were right.

    confidence: (n,); right: (n,) bool; films: (n,) int, which film (one may be answered in several repeats); batch:
    (n,) int, which growth day; bins: (n,) int, which bin.
    """

    confidence: np.ndarray
    right: np.ndarray
    films: np.ndarray
    batch: np.ndarray
    bins: np.ndarray


def answered(chances, places, samples, batches):
    """The Answered of probabilities (n, K), places (n,) of the true classes and names (n,) of films and days."""
    confidence = np.max(chances, axis=1)
    films, batch = (np.unique(names, return_inverse=True)[1] for names in (samples, batches))
    bins = equal_bins(confidence, number_of_bins(len(np.unique(films))))
    return Answered(confidence, np.argmax(chances, axis=1) == places, films, batch, bins)


def number_of_bins(films):
    """How many bins so many films are dealt into: FILMS_A_BIN films each, 1 to MOST_BINS bins."""
    return int(np.clip(films // FILMS_A_BIN, 1, MOST_BINS))


def equal_bins(confidence, number):
    """(n,) the bin of each confidence, rising from 0, equally many in each.

    Equal confidences share a bin, so that there may be fewer bins than `number`.
    """
    ranked = np.sort(confidence)
    last = [ranked[int(np.ceil(len(ranked) * place / number)) - 1] for place in range(1, number)]
    return np.unique(np.searchsorted(np.unique(last), confidence, side="left"), return_inverse=True)[1]


def plain_error(confidence, right, bins):
    """The expected calibration error (0 to 1): the mean over answers of |confidence - share right| of their bin."""
    return float(np.abs(np.bincount(bins, confidence - right)).sum() / len(confidence))


def calibration_error(said, times, rng):
    """The expected calibration error (0 to 1) of Answered, in a dict.

    times: (resamples, days) that each day is drawn (scores.weights); rng: numpy Generator. plain: as above; value:
    plain less what redrawing the days adds to it, at least 0; low, high: its 95 % interval, NaN with fewer than two
    days; calibrated, calibrated_high: what plain would be on average, and in one of twenty studies, if every
    probability were true and films independent; bins.
    The lower end is the basic bootstrap's (twice plain less the upper percentile of the redrawn values, for the plain
    percentiles never reach 0), and 0 where true probabilities would often show as much. The upper end is the basic
    bootstrap's or the upper percentile, whichever is larger: the former alone lies below the error itself too often.
    """
    plain = plain_error(said.confidence, said.right, said.bins)
    fair = _true_draws(said, len(times), rng)
    fair = np.abs((said.confidence - fair) @ _one_hot(said.bins)).sum(axis=1) / len(said.right)
    found = {"plain": plain, "calibrated": float(fair.mean()), "calibrated_high": float(np.quantile(fair, 1 - TAIL))}
    found["bins"] = int(said.bins.max()) + 1
    if said.batch.max() < 1:
        return found | {"value": plain, "low": np.nan, "high": np.nan}
    drawn = np.abs(times @ _gaps(said)).sum(axis=1) / (times @ np.bincount(said.batch))
    low, high = np.quantile(drawn, [(1 - bootstrap.LEVEL) / 2, (1 + bootstrap.LEVEL) / 2])
    far = float(high)
    low, high, value = (float(np.clip(2 * plain - end, 0, 1)) for end in (high, low, drawn.mean()))
    low = 0.0 if plain <= found["calibrated_high"] else low
    return found | {"value": value, "low": min(low, value), "high": max(high, value, far)}


def diagram(said, times, rng):
    """The reliability diagram: a list of dicts, a bin each, rising in confidence, all of them shares of 0 to 1.

    confidence (mean), right (share), low, high (95 % interval of right from redrawn days; NaN where all answers or
    none of the bin are right, or it has fewer than two days), true_low, true_high (where 95 of 100 studies would
    lie if every probability were true and films independent), answers (their number).
    """
    fair = _true_draws(said, len(times), rng)
    tail = (1 - bootstrap.LEVEL) / 2
    found = []
    for place in range(int(said.bins.max()) + 1):
        here = said.bins == place
        share = said.right[here].mean()
        ends = _interval(said.right[here], said.batch[here], times) if 0 < share < 1 else (np.nan, np.nan)
        near = np.quantile(fair[:, here].mean(axis=1), [tail, 1 - tail])
        values = (said.confidence[here].mean(), share, *ends, *near)
        names = ("confidence", "right", "low", "high", "true_low", "true_high")
        found.append({name: float(value) for name, value in zip(names, values, strict=True)} | {"answers": here.sum()})
    return found


def _true_draws(said, draws, rng):
    """(draws, n) whether answers would be right if every probability were true; a film has one fate in all repeats.

    Of very many answers there are fewer draws, for their memory.
    """
    draws = min(draws, max(FEWEST_DRAWS, MOST_CELLS // len(said.right)))
    fates = rng.random((draws, said.films.max() + 1))
    return fates[:, said.films] < said.confidence


def _one_hot(bins):
    return (bins[:, None] == np.arange(bins.max() + 1)).astype(float)


def _gaps(said):
    """(days, bins) sums of confidence less right."""
    sums = np.zeros((said.batch.max() + 1, said.bins.max() + 1))
    np.add.at(sums, (said.batch, said.bins), said.confidence - said.right)
    return sums


def _interval(right, batch, times):
    """The 95 % interval of a share; draws in which none of its days occurs are left out."""
    if len(np.unique(batch)) < 2:
        return np.nan, np.nan
    days = times.shape[1]
    counts = times @ np.bincount(batch, minlength=days)
    sums = times @ np.bincount(batch, right, minlength=days)
    return np.quantile(sums[counts > 0] / counts[counts > 0], [(1 - bootstrap.LEVEL) / 2, (1 + bootstrap.LEVEL) / 2])
