"""What a fit's scores say of the films that it is tested on: probabilities as they are and scaled, and sets of classes.

In every fold the temperature and the limit of the sets are learnt from the fold's validation films, and told of its
test films: nothing that is learnt has seen what it is checked on. Validation films are of other growth days than those
that a strict model learnt from, but its settings and its best moment were chosen on them, so that it looks a little
better there than on new films: what sets reach out of fold is measured, not taken for granted.
"""

from dataclasses import dataclass, field

import numpy as np

from micrograph.faults import Fault
from micrograph.results import probabilities

AS_IS, SCALED, LEFT_OUT = "as_is", "scaled", "left_out"
CHANCES, DECISIONS, NOTHING = "probabilities", "decision values", "none"
SUMMED = 1e-6  # how far, as files are rounded, probabilities may miss their sum


@dataclass(frozen=True)
class Said:
    """What n tested films are told at one stage.

    chances: (n, K) probabilities, summing to one; inside: (n, K) bool, the classes in each film's set; temperatures,
    limits: one a fold; a limit is infinite where the fold has too few validation days, and its sets hold every class.
    """

    chances: np.ndarray
    inside: np.ndarray
    temperatures: list
    limits: list


@dataclass(frozen=True)
class Judged:
    """A fit and what it said of the n films that it was tested on, fold after fold.

    words: of the fit; kind: of its scores, CHANCES, DECISIONS or NOTHING; places: (n,) of the true classes; samples,
    batches: (n,) names; shares: (n, K) class shares of the training films of each film's fold; stages: {AS_IS or
    SCALED: Said}, without AS_IS where scores are decision values, empty where the fit is left out; why: a sentence
    then.
    """

    words: dict
    kind: str
    classes: tuple
    places: np.ndarray
    samples: np.ndarray
    batches: np.ndarray
    folds: int
    shares: np.ndarray
    stages: dict = field(default_factory=dict)
    why: str = ""


def judge(fit, classes, coverage):
    """The Judged of a fits.Fit.

    classes: growth temperatures in Celsius, rising; coverage: what the sets aim at, 0 to 1. Scores that are no
    probabilities (SVC, KRC) become such by a softmax, whose temperature is the one that is fitted on validation films;
    a fit without scores (regression), or with a fold that has no validation film, is left out. Raises Fault for a
    growth temperature that is no class.
    """
    rows = fit.predictions[fit.predictions["copy"] == 0]
    if not rows["truth_celsius"].isin(classes).all():
        raise Fault("the predictions hold a growth temperature that is not a class: set classes as in the run.")
    names = [f"score_{celsius}" for celsius in classes]
    kind = kind_of(rows[names].to_numpy(float))
    if kind == DECISIONS:
        rows = rows.assign(**dict(zip(names, softmax(rows[names].to_numpy(float)).T, strict=True)))
    folds = [here for _, here in rows.groupby("fold")]
    tested = [probabilities.answers(here, classes) for here in folds]
    known = [probabilities.answers(here, classes, "validation") for here in folds]
    facts = {
        "words": fit.words,
        "kind": kind,
        "classes": tuple(classes),
        "places": np.concatenate([part.places for part in tested]),
        "samples": np.concatenate([here.loc[here["part"] == "test", "sample"].to_numpy(str) for here in folds]),
        "batches": np.concatenate([part.batches for part in tested]),
        "folds": len(folds),
        "shares": np.concatenate([_shares(here, classes) for here in folds]),
    }
    why = _why(kind, known)
    return Judged(**facts, why=why, stages={} if why else _stages(kind, known, tested, coverage))


def kind_of(marks):
    """What scores (m, K) are: NOTHING where all are NaN, CHANCES where all lie within 0 and 1 and the rows sum to one,
    else DECISIONS. A class without a score beside others that have one counts as 0."""
    there = marks[~np.isnan(marks).all(axis=1)]
    if not len(there):
        return NOTHING
    filled = np.nan_to_num(there)
    summed = np.abs(filled.sum(axis=1) - 1) <= SUMMED
    return CHANCES if summed.all() and (filled >= -SUMMED).all() else DECISIONS


def softmax(values):
    """(m, K) probabilities of decision values; 0 for a class without one, NaN throughout in a row without any."""
    lost = np.isnan(values)
    highest = np.where(lost, -np.inf, values).max(axis=1, keepdims=True)
    powers = np.exp(np.where(lost, -np.inf, values) - np.where(np.isinf(highest), 0, highest))
    sums = powers.sum(axis=1, keepdims=True)
    return np.divide(powers, sums, out=np.full(powers.shape, np.nan), where=sums > 0)


def _why(kind, known):
    """Why a fit is left out; empty where it is not."""
    if kind == NOTHING:
        return "it answers with a temperature alone and gives no scores"
    return "" if all(len(part.places) for part in known) else "a fold has no validation film to learn from"


def _shares(rows, classes):
    """(tested films of the fold, K) class shares among its training films, the same in every row."""
    truth = rows.loc[rows["part"] == "train", "truth_celsius"].to_numpy(int)
    counts = np.bincount(np.searchsorted(classes, truth), minlength=len(classes)).astype(float)
    share = counts / counts.sum() if counts.sum() else np.full(len(classes), 1 / len(classes))
    return np.tile(share, (int((rows["part"] == "test").sum()), 1))


def _stages(kind, known, tested, coverage):
    scaled = [probabilities.fit_temperature(part.marks, part.places) for part in known]
    stages = {SCALED: _said(known, tested, scaled, coverage)}
    return stages if kind == DECISIONS else {AS_IS: _said(known, tested, [1.0] * len(known), coverage)} | stages


def _said(known, tested, temperatures, coverage):
    """The Said of the tested films of every fold, its limit learnt from the fold's known ones at the same
    temperature."""
    chances, inside, limits = [], [], []
    for here, there, temperature in zip(known, tested, temperatures, strict=True):
        learnt = probabilities.tempered(here.marks, temperature)
        missed = 1 - learnt[np.arange(len(learnt)), here.places]
        limits.append(probabilities.quantile(missed, here.batches, coverage))
        chances.append(probabilities.tempered(there.marks, temperature))
        inside.append(probabilities.sets(chances[-1], limits[-1]))
    return Said(np.concatenate(chances), np.concatenate(inside), list(temperatures), limits)
