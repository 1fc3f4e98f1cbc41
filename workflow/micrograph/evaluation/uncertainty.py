"""Probabilities that mean what they say, and sets of classes that hold the true one as often as they promise.

Temperature scaling (C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017)
and split conformal prediction for films that come day by day (Y. Lee, R. F. Barber, R. Willett, "Distribution-free
inference with hierarchical data", 2023; with one film a day it is the textbook rule). Both learn from answers on films
whose days the answering model did not learn from. Arrays in, arrays out.
"""

from dataclasses import dataclass

import numpy as np

from micrograph.evaluation import bootstrap

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


def answers(predictions, classes, part="test"):
    """The Answers in one part of predictions (waist.py).

    A missing answer counts as equal scores; a class without a score beside others that have one, unseen in training, as
    a score of 0.
    """
    rows = predictions[predictions["split"] == part]
    marks = rows[[f"score_{celsius}" for celsius in classes]].to_numpy(float)
    places = np.searchsorted(classes, rows["y_true"].to_numpy(int))
    return Answers(filled(marks), places, rows["batch"].to_numpy(str), np.asarray(classes, dtype=float))


def filled(marks):
    """marks (n, K) without NaN: equal scores in a row without any, otherwise 0."""
    lost = np.isnan(marks)
    return np.where(lost, np.where(lost.all(axis=1, keepdims=True), 1 / marks.shape[1], 0.0), marks)


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
        slope = ((scale(marks, np.exp(-middle)) - wanted) * logs).sum()
        sharp, flat = (middle, flat) if slope > 0 else (sharp, middle)
    return float(np.exp(-(sharp + flat) / 2))


def scale(marks, temperature):
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


def scatter(coverage, days):
    """About how far, as one standard deviation, what the limits of one study of so many days cover lies from the aim.

    Limits are drawn with the days that they are fitted on: even of endlessly many new days they cover a share that
    differs from study to study, and only its mean is the aim. (V. Vovk, ACML 2012.)
    """
    return float(np.sqrt(coverage * (1 - coverage) / days))


def mean(values, batch, days, times):
    """(mean, low, high, films, days) of values, NaN left out, with the 95 % interval over redrawn days.

    values: (n,); batch: (n,) place of each one's day among `days`; times: (resamples, days) that each day is drawn
    (scores.weights). The interval is NaN with fewer than two days, and where all values are equal: redrawing then tells
    nothing.
    """
    there = ~np.isnan(values)
    sums, counts = (np.bincount(batch[there], weights, days) for weights in (values[there], np.ones(there.sum())))
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = (times @ sums) / (times @ counts)
    mean = float(values[there].mean()) if there.any() else float("nan")
    counted = int(there.sum()), int((counts > 0).sum())
    if counted[1] < 2 or np.isinf(mean) or np.ptp(values[there]) <= ROUNDING:
        return mean, float("nan"), float("nan"), *counted
    low, high = np.nanquantile(drawn, [(1 - bootstrap.LEVEL) / 2, (1 + bootstrap.LEVEL) / 2])
    return mean, float(low), float(high), *counted
