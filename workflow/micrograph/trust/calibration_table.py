"""The table of calibration: whether probabilities are true, what a temperature mends, and what sets of classes cover.

Everything is told of test films, out of fold; temperatures and limits are learnt from each fold's validation films
(calibrated.py). Two rows a fit: its probabilities as they are, and scaled by the temperature.
"""

import numpy as np
import pandas as pd

from micrograph.faults import Fault
from micrograph.results import fits, panels, probabilities, scores
from micrograph.trust import calibrated, reliability
from micrograph.trust.calibration_words import NAME, STAGES, labels

ENDS = ("", "_low", "_high")


def judged(given, classes, coverage):
    """The calibrated.Judged of every fits.Fit, in their order; Fault where there is none."""
    if not given:
        raise Fault(f"{NAME}: there are no predictions; list models with probabilities in experiments.")
    return [calibrated.judge(fit, classes, coverage) for fit in given]


def table(studies, coverage, *, resamples, rng, **said):
    """The table: one row a fit and stage; a fit that is left out has one row, stage left_out, and says why.

    studies: of `judged`; coverage: what the sets aim at, 0 to 1; resamples, rng: of the bootstrap, which redraws whole
    batches, the same ones for every row; said: settings, the same in every row (data and others).

    Columns: the fit's words (fits.KEYS); stage: as_is, scaled, left_out; scores: what the model gives; temperature,
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
        words = study.words | {"scores": study.kind, "coverage_aim_pct": 100 * coverage, "why": study.why}
        words |= {"films": len(np.unique(study.samples)), "batches": len(np.unique(study.batches))}
        words["folds"] = study.folds
        rows += [words | {"stage": stage} | measured(study, stage, resamples, seed) for stage in study.stages]
        rows += [] if study.stages else [words | {"stage": calibrated.LEFT_OUT}]
    return pd.DataFrame(rows, columns=columns(classes)).assign(**said)


def columns(classes):
    """The columns of the table, but for the settings."""
    return [
        *(*fits.KEYS, "stage", "scores", "temperature", "temperature_least", "temperature_most"),
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
    times = scores.weights(len(days), resamples, luck)
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
        ends = probabilities.mean(values, batch, len(days), times)[:3]
        row |= {f"{name}{end}": value for end, value in zip(ENDS, ends, strict=True)}
    shares = np.bincount(batch, row_of(study, said)) / np.bincount(batch)
    ends = probabilities.mean(100.0 * shares, np.arange(len(days)), len(days), times)[:3]
    return row | {f"covered_by_day_pct{end}": value for end, value in zip(ENDS, ends, strict=True)}


def row_of(study, said):
    """(n,) whether each film's set holds its class."""
    return said.inside[np.arange(len(study.places)), study.places]


def per_film(study, stage):
    """{column: (n,) values whose mean over films is the column's}; NaN where a film does not count."""
    said = study.stages[stage]
    covered = 100.0 * row_of(study, said)
    shares = probabilities.tempered(study.shares, 1.0)
    found = {
        "log_loss": log_loss(said.chances, study.places),
        "brier": brier(said.chances, study.places),
        "shares_log_loss": log_loss(shares, study.places),
        "shares_brier": brier(shares, study.places),
        "covered_pct": covered,
        "set_size": said.inside.sum(axis=1).astype(float),
    }
    if stage == calibrated.SCALED and calibrated.AS_IS in study.stages:
        before = log_loss(study.stages[calibrated.AS_IS].chances, study.places)
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


def panels_of(table):
    """The table as panels: probabilities, sets, what is left out."""
    made = [_probabilities(table), _sets(table), _left_out(table)]
    return [panel for panel in made if panel.rows]


def _named(table):
    """(label, row) of every row that says something; the label of a fit's second row is empty."""
    names = labels(table[list(fits.KEYS)].to_dict("records"))
    rows, before = [], None
    for name, row in zip(names, table.to_dict("records"), strict=True):
        if row["stage"] != calibrated.LEFT_OUT:
            rows.append(("" if name == before else name, row))
            before = name
    return rows


def _ends(row, name):
    return row[name], row[f"{name}_low"], row[f"{name}_high"]


def _probabilities(table):
    rows = []
    for label, row in _named(table):
        change = panels.interval(*_ends(row, "log_loss_change"), 3, panels.signed)
        told = row["log_loss_change_low"] > 0 or row["log_loss_change_high"] < 0
        rows.append([
            label, STAGES[row["stage"]], panels.number(row["temperature"], 2),
            panels.interval(*_ends(row, "ece_pct"), 1),
            f"{panels.number(row['ece_plain_pct'], 1)} ({panels.number(row['ece_calibrated_high_pct'], 1)})",
            panels.interval(*_ends(row, "log_loss"), 3), panels.best(change, told),
            panels.interval(*_ends(row, "brier"), 3),
        ])  # fmt: skip
    headings = ["Model", "Probabilities", "Temperature", "Calibration error, % [95 %]"]
    headings += ["Plain (true ones: up to), %", "Log loss [95 %]", "Change by scaling [95 %]", "Brier score [95 %]"]
    return panels.Panel("Are the probabilities true?", headings, rows, words=2, notes=_shares(table))


def _shares(table):
    """What answering with the class shares of training reaches, where all fits test the same films."""
    here = table[table["stage"] != calibrated.LEFT_OUT]
    values = here[["shares_log_loss", "shares_brier"]].round(6).drop_duplicates()
    if len(values) != 1:
        return ()
    loss, score = values.iloc[0]
    return (
        f"Answering every film with the class shares of the training films has a log loss of {panels.number(loss, 3)} "
        f"and a Brier score of {panels.number(score, 3)}.",
    )


def _sets(table):
    classes = [name for name in table if name.startswith("covered_") and name.split("_")[1].isdigit()]
    rows = []
    for label, row in _named(table):
        off = row["covered_pct_low"] > row["coverage_aim_pct"] or row["covered_pct_high"] < row["coverage_aim_pct"]
        rows.append([
            label, STAGES[row["stage"]], panels.best(panels.interval(*_ends(row, "covered_pct"), 0), off),
            panels.interval(*_ends(row, "covered_by_day_pct"), 0), panels.interval(*_ends(row, "set_size"), 2),
            *(panels.number(row[name], 0) for name in classes), f"{row['open_folds']:.0f} of {row['folds']:.0f}",
        ])  # fmt: skip
    headings = ["Model", "Probabilities", "Films covered, % [95 %]", "By day, % [95 %]", "Classes in the set [95 %]"]
    headings += [f"{name.split('_')[1]} °C, %" for name in classes] + ["Folds without a limit"]
    aim = panels.number(table["coverage_aim_pct"].iloc[0], 0)
    return panels.Panel(f"Sets that aim at {aim} %: what they cover", headings, rows, words=2)


def _left_out(table):
    names = labels(table[list(fits.KEYS)].to_dict("records"))
    out = table["stage"] == calibrated.LEFT_OUT
    rows = [[name, row.why] for name, row, left in zip(names, table.itertuples(), out, strict=True) if left]
    return panels.Panel("Left out", ["Model", "Why"], rows, words=2)


def markdown(table, caption):
    """The table as Markdown."""
    return panels.markdown(panels_of(table), caption)


def html(table, caption):
    """The table as a self-contained page."""
    return panels.html(panels_of(table), caption, NAME)
