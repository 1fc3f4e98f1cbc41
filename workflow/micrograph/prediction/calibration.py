"""Calibration: probabilities that mean what they say, and sets and intervals that cover as often as they promise.

Everything is learnt from answers on films whose days the answering network did not learn from (production.rehearse).
What is aimed at: a film of a new day, drawn like the days of the study, has its true class in its set, and its
temperature in its interval, with the stated probability at least. It rests on the days being exchangeable; that the
films of one day are alike is allowed for (hierarchical conformal prediction: Y. Lee, R. F. Barber, R. Willett,
"Distribution-free inference with hierarchical data", 2023; with one film a day it is the textbook rule). It says
nothing about single classes, about temperatures that the study has not, or about films unlike the study's. Not allowed
for is that the answering networks are not the production network: they learnt alike, from fewer films, each with its
own luck. `checked` shows what was reached.
"""

from dataclasses import dataclass

import numpy as np

from micrograph.results import scores

LEAST = 1e-6  # a probability of 0 could never be undone by a temperature
TEMPERATURES = (0.05, 20.0)
HALVINGS = 60
ROUNDING = 1e-9


@dataclass(frozen=True)
class Answers:
    """What networks said of n films of days that they had not learnt from.

    marks: (n, K) scores that are probabilities; places: (n,) place of the true class; batches: (n,) growth days;
    classes: (K,) Celsius, rising.
    """

    marks: np.ndarray
    places: np.ndarray
    batches: np.ndarray
    classes: np.ndarray

    def of(self, rows):
        """The same for some of the films."""
        return Answers(self.marks[rows], self.places[rows], self.batches[rows], self.classes)


@dataclass(frozen=True)
class Calibration:
    """temperature: divides the logarithms of scores; set_limit: the set holds classes whose probability misses 1 by no
    more; reach_celsius: half the width of the temperature's interval. Both limits are infinite where there are too few
    days for the coverage: the set then holds every class."""

    temperature: float
    set_limit: float
    reach_celsius: float
    coverage: float


def answers(predictions, classes):
    """The Answers in the test part of predictions (waist.py); a missing answer counts as equal scores."""
    tested = predictions[predictions["part"] == "test"]
    marks = tested[[f"score_{celsius}" for celsius in classes]].to_numpy(float)
    places = np.searchsorted(classes, tested["truth_celsius"].to_numpy(int))
    batches, classes = tested["batch"].to_numpy(str), np.asarray(classes, dtype=float)
    return Answers(np.nan_to_num(marks, nan=1 / len(classes)), places, batches, classes)


def fit(known, coverage):
    """The Calibration of Answers: first the temperature, then the limits of what it makes of their scores."""
    temperature = fit_temperature(known.marks, known.places)
    chances = probabilities(known.marks, temperature)
    missed = 1 - chances[np.arange(len(chances)), known.places]
    errors = np.abs(known.classes[known.places] - expected(chances, known.classes))
    limits = (quantile(values, known.batches, coverage) for values in (missed, errors))
    return Calibration(temperature, *limits, coverage)


def fit_temperature(marks, places):
    """The temperature T of p^(1/T), within TEMPERATURES, with the least log loss.

    marks: (n, K) scores that are probabilities; places: (n,) of the true classes. As in Platt's scaling the truth
    counts as (n + 1) / (n + K) and each other class as 1 / (n + K), so that a few films, all right, do not make it
    endlessly sure. The loss is convex in 1/T, and so halved down.
    (C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, ICML 2017.)
    """
    logs = np.log(np.maximum(marks, LEAST))
    count, classes = logs.shape
    wanted = np.full(logs.shape, 1 / (count + classes))
    wanted[np.arange(count), places] = (count + 1) / (count + classes)
    sharp, flat = (np.log(1 / temperature) for temperature in TEMPERATURES)
    for _ in range(HALVINGS):
        middle = (sharp + flat) / 2
        slope = ((probabilities(marks, np.exp(-middle)) - wanted) * logs).sum()
        sharp, flat = (middle, flat) if slope > 0 else (sharp, middle)
    return float(np.exp(-(sharp + flat) / 2))


def probabilities(marks, temperature):
    """(n, K) p^(1/T), summing to one. marks: (n, K) probabilities; those below LEAST count as LEAST."""
    logs = np.log(np.maximum(marks, LEAST)) / temperature
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def expected(chances, classes):
    """(n,) the mean temperature in Celsius of probabilities (n, K) of the classes (K,)."""
    return np.asarray(chances) @ np.asarray(classes, dtype=float)


def quantile(values, batches, coverage):
    """The smallest value that a film of a new day stays below with this probability; infinite with too few days.

    values: (n,); batches: (n,) their days. Each of D days weighs 1 / (D + 1), shared by its films, and the new day
    weighs as much, at infinity. With one film a day that is the value of rank ceil((n + 1) coverage).
    """
    values = np.asarray(values, dtype=float)
    _, place, films = np.unique(batches, return_inverse=True, return_counts=True)
    order = np.argsort(values, kind="stable")
    covered = np.cumsum(1 / (films[place][order] * (len(films) + 1)))
    reached = np.flatnonzero(covered >= coverage - ROUNDING)
    return float(values[order[reached[0]]]) if len(reached) else float("inf")


def sets(chances, limit):
    """(n, K) bool: the classes in each film's set. Never empty: the most probable class is always in it."""
    chances = np.asarray(chances)
    inside = 1 - chances <= limit + ROUNDING
    inside[np.arange(len(chances)), chances.argmax(axis=1)] = True
    return inside


def left_out(known, coverage):
    """What every film is told when its whole day is left out of the calibration.

    Returns a dict of (n,) arrays: loss_before, loss_after (log loss of the scores as they are and calibrated), covered
    (the truth is in the set), size (of the set), alone (one class in it), within (the truth is in the interval), width
    (of it, Celsius).
    """
    found = {}
    for day in np.unique(known.batches):
        here = np.flatnonzero(known.batches == day)
        fitted = fit(known.of(np.flatnonzero(known.batches != day)), coverage)
        for name, values in _told(known.of(here), fitted).items():
            found.setdefault(name, np.zeros(len(known.places)))[here] = values
    return found


def _told(films, fitted):
    rows = np.arange(len(films.places))
    raw, chances = (probabilities(films.marks, temperature) for temperature in (1.0, fitted.temperature))
    inside = sets(chances, fitted.set_limit)
    errors = np.abs(films.classes[films.places] - expected(chances, films.classes))
    return {
        "loss_before": -np.log(raw[rows, films.places]),
        "loss_after": -np.log(chances[rows, films.places]),
        "covered": inside[rows, films.places],
        "size": inside.sum(axis=1),
        "alone": inside.sum(axis=1) == 1,
        "within": errors <= fitted.reach_celsius + ROUNDING,
        "width": 2 * fitted.reach_celsius,
    }


def checked(known, coverage, resamples, rng):
    """{name: (mean, low, high, films, days)} of what left_out tells, and of loss_change: a mean over films, its 95 %
    interval over redrawn days (NaN where all values are equal, for then redrawing tells nothing), and of how many films
    of how many days.

    Also covered_by_day and within_by_day, the means of the days' shares, which is what `quantile` aims at; and
    covered_{celsius}, the share of the films of one class whose set holds it: nothing is promised of these.
    """
    told = left_out(known, coverage)
    told["loss_change"] = told["loss_after"] - told["loss_before"]
    told |= {
        f"covered_{celsius:g}": np.where(known.places == place, told["covered"], np.nan)
        for place, celsius in enumerate(known.classes)
    }
    days, batch = np.unique(known.batches, return_inverse=True)
    times = scores.weights(len(days), resamples, rng)
    found = {name: _mean(values, batch, len(days), times) for name, values in told.items()}
    for name in ("covered", "within"):
        shares = np.bincount(batch, told[name]) / np.bincount(batch)
        found[f"{name}_by_day"] = (*_mean(shares, np.arange(len(days)), len(days), times)[:3], len(batch), len(days))
    return found


def scatter(coverage, days):
    """About how far, as one standard deviation, what the limits of one study of so many days cover lies from the aim.

    Limits are drawn with the days that they are fitted on: even of endlessly many new days they cover a share that
    differs from study to study, and only its mean is the aim. (V. Vovk, ACML 2012.)
    """
    return float(np.sqrt(coverage * (1 - coverage) / days))


def _mean(values, batch, days, times):
    """(mean, low, high, films, days) of values (n,), NaN left out; times: (resamples, days) that each day is drawn."""
    there = ~np.isnan(values)
    sums, counts = (np.bincount(batch[there], weights, days) for weights in (values[there], np.ones(there.sum())))
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = (times @ sums) / (times @ counts)
    mean = float(values[there].mean()) if there.any() else float("nan")
    counted = int(there.sum()), int((counts > 0).sum())
    if counted[1] < 2 or np.isinf(mean) or np.ptp(values[there]) <= ROUNDING:
        return mean, float("nan"), float("nan"), *counted
    low, high = np.nanquantile(drawn, [(1 - scores.LEVEL) / 2, (1 + scores.LEVEL) / 2])
    return mean, float(low), float(high), *counted
