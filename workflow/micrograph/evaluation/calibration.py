"""Calibration: reliability, calibration error, log loss, Brier score, conformal coverage, per fit."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, reliability, summaries, tables, uncertainty
from micrograph.evaluation.labels import fit_labels
from micrograph.splits.fit_spec import FitSpec

AS_IS, SCALED, LEFT_OUT = "as_is", "scaled", "left_out"
CHANCES, DECISIONS, NOTHING = "probabilities", "decision values", "none"
SUMMED = 1e-6  # how far, as files are rounded, probabilities may miss their sum
NAME = "Table of calibration"
ALL = 100  # percent
STAGES = {AS_IS: "as they are", SCALED: "scaled"}


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

    spec: of the fit; kind: of its scores, CHANCES, DECISIONS or NOTHING; places: (n,) of the true classes; samples,
    batches: (n,) names; shares: (n, K) class shares of the training films of each film's fold; stages: {AS_IS or
    SCALED: Said}, without AS_IS where scores are decision values, empty where the fit is left out; why: a sentence
    then.
    """

    spec: FitSpec
    kind: str
    classes: tuple
    places: np.ndarray
    samples: np.ndarray
    batches: np.ndarray
    folds: int
    shares: np.ndarray
    stages: dict = field(default_factory=dict)
    why: str = ""


def evaluate_fit(fit, classes, coverage):
    """The Judged of a Fit.

    classes: growth temperatures in Celsius, rising; coverage: what the sets aim at, 0 to 1. Scores that are no
    probabilities (SVC, KRC) become such by a softmax, whose temperature is the one that is fitted on validation films;
    a fit without scores (regression), or with a fold that has no validation film, is left out. Raises UserError for a
    growth temperature that is no class.
    """
    rows = fit.predictions[fit.predictions["augmentation"] == 0]
    if not rows["y_true"].isin(classes).all():
        raise UserError("the predictions hold a growth temperature that is not a class: set classes as in the run.")
    names = [f"score_{celsius}" for celsius in classes]
    kind = kind_of(rows[names].to_numpy(float))
    if kind == DECISIONS:
        rows = rows.assign(**dict(zip(names, softmax(rows[names].to_numpy(float)).T, strict=True)))
    folds = [here for _, here in rows.groupby("fold")]
    tested = [uncertainty.answers(here, classes) for here in folds]
    known = [uncertainty.answers(here, classes, "validation") for here in folds]
    facts = {
        "spec": fit.spec,
        "kind": kind,
        "classes": tuple(classes),
        "places": np.concatenate([part.places for part in tested]),
        "samples": np.concatenate([here.loc[here["split"] == "test", "sample"].to_numpy(str) for here in folds]),
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
    truth = rows.loc[rows["split"] == "train", "y_true"].to_numpy(int)
    counts = np.bincount(np.searchsorted(classes, truth), minlength=len(classes)).astype(float)
    share = counts / counts.sum() if counts.sum() else np.full(len(classes), 1 / len(classes))
    return np.tile(share, (int((rows["split"] == "test").sum()), 1))


def _stages(kind, known, tested, coverage):
    scaled = [uncertainty.fit_temperature(part.marks, part.places) for part in known]
    stages = {SCALED: _said(known, tested, scaled, coverage)}
    return stages if kind == DECISIONS else {AS_IS: _said(known, tested, [1.0] * len(known), coverage)} | stages


def _said(known, tested, temperatures, coverage):
    """The Said of the tested films of every fold, its limit learnt from the fold's known ones at the same
    temperature."""
    chances, inside, limits = [], [], []
    for here, there, temperature in zip(known, tested, temperatures, strict=True):
        learnt = uncertainty.scale(here.marks, temperature)
        missed = 1 - learnt[np.arange(len(learnt)), here.places]
        limits.append(uncertainty.quantile(missed, here.batches, coverage))
        chances.append(uncertainty.scale(there.marks, temperature))
        inside.append(uncertainty.sets(chances[-1], limits[-1]))
    return Said(np.concatenate(chances), np.concatenate(inside), list(temperatures), limits)


ENDS = ("", "_low", "_high")


def judged(fits, classes, coverage):
    """The calibrated.Judged of every Fit, in their order; UserError where there is none."""
    if not fits:
        raise UserError(f"{NAME}: there are no predictions; list models with probabilities in experiments.")
    return [evaluate_fit(fit, classes, coverage) for fit in fits]


def make_table(fits, classes, coverage, *, data, backbone, search, pixels, epochs, resamples, rng):
    """The table of calibration of these fits; as :func:`table_of`."""
    info = {"data": data, "backbone": backbone, "search": search, "pixels": pixels, "epochs": epochs}
    return table_of(judged(fits, classes, coverage), coverage, resamples=resamples, rng=rng, **info)


def table_of(studies, coverage, *, resamples, rng, **said):
    """The table: one row a fit and stage; a fit that is left out has one row, stage left_out, and says why.

    studies: of `judged`; coverage: what the sets aim at, 0 to 1; resamples, rng: of the bootstrap, which redraws whole
    batches, the same ones for every row; said: settings, the same in every row (data and others).

    Columns: the fit's words (KEYS); stage: as_is, scaled, left_out; scores: what the model gives; temperature,
    mean over folds, and the least and the most; ece_pct: expected calibration error corrected for chance,
    ece_plain_pct uncorrected, ece_calibrated_pct and ece_calibrated_high_pct what true probabilities would show of
    it on average and in one of twenty studies; bins; log_loss (nats); brier (0 to 2); log_loss_change: scaled less
    as they are, paired; shares_log_loss, shares_brier: of answering with the class shares of training;
    coverage_aim_pct, covered_pct (mean over films), covered_by_day_pct (mean over days, which is what is aimed at),
    set_size (classes), covered_{celsius}_pct; open_folds: folds with too few validation days for a limit; films,
    batches, folds. Intervals (_low, _high) are 95 %.
    """
    seed = int(rng.integers(2**31))
    classes = studies[0].classes
    rows = []
    for study in studies:
        words = study.spec.columns() | {"scores": study.kind, "coverage_aim_pct": 100 * coverage, "why": study.why}
        words |= {"films": len(np.unique(study.samples)), "batches": len(np.unique(study.batches))}
        words["folds"] = study.folds
        rows += [words | {"stage": stage} | measured(study, stage, resamples, seed) for stage in study.stages]
        rows += [] if study.stages else [words | {"stage": LEFT_OUT}]
    return pd.DataFrame(rows, columns=columns(classes)).assign(**said)


def columns(classes):
    """The columns of the table, but for the settings."""
    return [
        *(*summaries.KEYS, "stage", "scores", "temperature", "temperature_least", "temperature_most"),
        *(f"ece_pct{end}" for end in ENDS),
        *("ece_plain_pct", "ece_calibrated_pct", "ece_calibrated_high_pct", "bins"),
        *(f"{name}{end}" for name in ("log_loss", "brier", "log_loss_change") for end in ENDS),
        *("shares_log_loss", "shares_brier", "coverage_aim_pct"),
        *(f"{name}{end}" for name in ("covered_pct", "covered_by_day_pct", "set_size") for end in ENDS),
        *(f"covered_{celsius}_pct" for celsius in classes),
        *("open_folds", "films", "batches", "folds", "why"),
    ]


def measured(study, stage, resamples, seed):
    """The numbers of one row, a dict. study: calibrated.Judged; stage: one of its stages."""
    said = study.stages[stage]
    days, batch = np.unique(study.batches, return_inverse=True)
    luck, fates = np.random.default_rng(seed).spawn(2)
    times = bootstrap.cluster_weights(len(days), resamples, luck)
    row = {
        "temperature": float(np.mean(said.temperatures)),
        "temperature_least": min(said.temperatures),
        "temperature_most": max(said.temperatures),
        "open_folds": int(np.isinf(said.limits).sum()),
    }
    answered = reliability.answered(said.chances, study.places, study.samples, study.batches)
    found = reliability.calibration_error(answered, times, fates)
    row |= {f"ece_pct{end}": 100 * found[name] for end, name in zip(ENDS, ("value", "low", "high"), strict=True)}
    row |= {f"ece_{name}_pct": 100 * found[name] for name in ("plain", "calibrated", "calibrated_high")}
    row["bins"] = found["bins"]
    for name, values in per_film(study, stage).items():
        ends = uncertainty.mean(values, batch, len(days), times)[:3]
        row |= {f"{name}{end}": value for end, value in zip(ENDS, ends, strict=True)}
    shares = np.bincount(batch, row_of(study, said)) / np.bincount(batch)
    ends = uncertainty.mean(100.0 * shares, np.arange(len(days)), len(days), times)[:3]
    return row | {f"covered_by_day_pct{end}": value for end, value in zip(ENDS, ends, strict=True)}


def row_of(study, said):
    """(n,) whether each film's set holds its class."""
    return said.inside[np.arange(len(study.places)), study.places]


def per_film(study, stage):
    """{column: (n,) values whose mean over films is the column's}; NaN where a film does not count."""
    said = study.stages[stage]
    covered = 100.0 * row_of(study, said)
    shares = uncertainty.scale(study.shares, 1.0)
    found = {
        "log_loss": log_loss(said.chances, study.places),
        "brier": brier(said.chances, study.places),
        "shares_log_loss": log_loss(shares, study.places),
        "shares_brier": brier(shares, study.places),
        "covered_pct": covered,
        "set_size": said.inside.sum(axis=1).astype(float),
    }
    if stage == SCALED and AS_IS in study.stages:
        before = log_loss(study.stages[AS_IS].chances, study.places)
        found["log_loss_change"] = found["log_loss"] - before
    return found | {
        f"covered_{celsius}_pct": np.where(study.places == place, covered, np.nan)
        for place, celsius in enumerate(study.classes)
    }


def log_loss(chances, places):
    """(n,) minus the logarithm (nats) of the true class's probability. chances: (n, K), above 0; places: (n,)."""
    return -np.log(chances[np.arange(len(places)), places])


def brier(chances, places):
    """(n,) sums over classes of (probability - truth)^2, 0 to 2. (G. Brier, Monthly Weather Review 78, 1950.)"""
    truth = places[:, None] == np.arange(chances.shape[1])
    return ((chances - truth) ** 2).sum(axis=1)


def panels(table):
    """The table as panels: probabilities, sets, what is left out."""
    made = [_probabilities(table), _sets(table), _left_out(table)]
    return [panel for panel in made if panel.rows]


def _named(table):
    """(label, row) of every row that says something; the label of a fit's second row is empty."""
    names = fit_labels(summaries.specs(table))
    rows, before = [], None
    for name, row in zip(names, table.to_dict("records"), strict=True):
        if row["stage"] != LEFT_OUT:
            rows.append(("" if name == before else name, row))
            before = name
    return rows


def _ends(row, name):
    return row[name], row[f"{name}_low"], row[f"{name}_high"]


def _probabilities(table):
    rows = []
    for label, row in _named(table):
        change = tables.interval(*_ends(row, "log_loss_change"), 3, tables.signed)
        told = row["log_loss_change_low"] > 0 or row["log_loss_change_high"] < 0
        rows.append([
            label, STAGES[row["stage"]], tables.number(row["temperature"], 2),
            tables.interval(*_ends(row, "ece_pct"), 1),
            f"{tables.number(row['ece_plain_pct'], 1)} ({tables.number(row['ece_calibrated_high_pct'], 1)})",
            tables.interval(*_ends(row, "log_loss"), 3), tables.best(change, told),
            tables.interval(*_ends(row, "brier"), 3),
        ])  # fmt: skip
    headings = ["Model", "Probabilities", "Temperature", "Calibration error, % [95 %]"]
    headings += ["Plain (true ones: up to), %", "Log loss [95 %]", "Change by scaling [95 %]", "Brier score [95 %]"]
    return tables.Panel("Are the probabilities true?", headings, rows, words=2, notes=_scores_of_shares(table))


def _scores_of_shares(table):
    """What answering with the class shares of training reaches, where all fits test the same films."""
    here = table[table["stage"] != LEFT_OUT]
    values = here[["shares_log_loss", "shares_brier"]].round(6).drop_duplicates()
    if len(values) != 1:
        return ()
    loss, score = values.iloc[0]
    return (
        f"Answering every film with the class shares of the training films has a log loss of {tables.number(loss, 3)} "
        f"and a Brier score of {tables.number(score, 3)}.",
    )


def _sets(table):
    classes = [name for name in table if name.startswith("covered_") and name.split("_")[1].isdigit()]
    rows = []
    for label, row in _named(table):
        off = row["covered_pct_low"] > row["coverage_aim_pct"] or row["covered_pct_high"] < row["coverage_aim_pct"]
        rows.append([
            label, STAGES[row["stage"]], tables.best(tables.interval(*_ends(row, "covered_pct"), 0), off),
            tables.interval(*_ends(row, "covered_by_day_pct"), 0), tables.interval(*_ends(row, "set_size"), 2),
            *(tables.number(row[name], 0) for name in classes), f"{row['open_folds']:.0f} of {row['folds']:.0f}",
        ])  # fmt: skip
    headings = ["Model", "Probabilities", "Films covered, % [95 %]", "By day, % [95 %]", "Classes in the set [95 %]"]
    headings += [f"{name.split('_')[1]} °C, %" for name in classes] + ["Folds without a limit"]
    aim = tables.number(table["coverage_aim_pct"].iloc[0], 0)
    return tables.Panel(f"Sets that aim at {aim} %: what they cover", headings, rows, words=2)


def _left_out(table):
    names = fit_labels(summaries.specs(table))
    out = table["stage"] == LEFT_OUT
    rows = [[name, row.why] for name, row, left in zip(names, table.itertuples(), out, strict=True) if left]
    return tables.Panel("Left out", ["Model", "Why"], rows, words=2)
