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

from micrograph.evaluation import bootstrap, uncertainty


@dataclass(frozen=True)
class Calibration:
    """temperature: divides the logarithms of scores; set_limit: the set holds classes whose probability misses 1 by no
    more; reach_celsius: half the width of the temperature's interval. Both limits are infinite where there are too few
    days for the coverage: the set then holds every class."""

    temperature: float
    set_limit: float
    reach_celsius: float
    coverage: float


def fit(known, coverage):
    """The Calibration of Answers (probabilities.py): first the temperature, then the limits of its probabilities."""
    temperature = uncertainty.fit_temperature(known.marks, known.places)
    chances = uncertainty.scale(known.marks, temperature)
    missed = 1 - chances[np.arange(len(chances)), known.places]
    errors = np.abs(known.classes[known.places] - uncertainty.expected(chances, known.classes))
    limits = (uncertainty.quantile(values, known.batches, coverage) for values in (missed, errors))
    return Calibration(temperature, *limits, coverage)


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
    raw, chances = (uncertainty.scale(films.marks, temperature) for temperature in (1.0, fitted.temperature))
    inside = uncertainty.sets(chances, fitted.set_limit)
    errors = np.abs(films.classes[films.places] - uncertainty.expected(chances, films.classes))
    return {
        "loss_before": -np.log(raw[rows, films.places]),
        "loss_after": -np.log(chances[rows, films.places]),
        "covered": inside[rows, films.places],
        "size": inside.sum(axis=1),
        "alone": inside.sum(axis=1) == 1,
        "within": errors <= fitted.reach_celsius + uncertainty.ROUNDING,
        "width": 2 * fitted.reach_celsius,
    }


def checked(known, coverage, resamples, rng):
    """{name: (mean, low, high, films, days)} of what left_out tells, and of loss_change: a mean over films, its 95 %
    interval over redrawn days (NaN where all values are equal, for then redrawing tells nothing), and of how many films
    of how many days.

    Also covered_by_day and within_by_day, the means of the days' shares, which is what probabilities.quantile aims at;
    and covered_{celsius}, the share of the films of one class whose set holds it: nothing is promised of these.
    """
    told = left_out(known, coverage)
    told["loss_change"] = told["loss_after"] - told["loss_before"]
    told |= {
        f"covered_{celsius:g}": np.where(known.places == place, told["covered"], np.nan)
        for place, celsius in enumerate(known.classes)
    }
    days, batch = np.unique(known.batches, return_inverse=True)
    times = bootstrap.cluster_weights(len(days), resamples, rng)
    found = {name: uncertainty.mean(values, batch, len(days), times) for name, values in told.items()}
    for name in ("covered", "within"):
        shares = np.bincount(batch, told[name]) / np.bincount(batch)
        ends = uncertainty.mean(shares, np.arange(len(days)), len(days), times)[:3]
        found[f"{name}_by_day"] = (*ends, len(batch), len(days))
    return found
