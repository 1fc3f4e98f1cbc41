"""Luck of training: the variance of an accuracy by its sources, and ensembles of networks with different seeds.

Tables of predictions carry ``repeat`` and ``seed``, the numbers of the cross-validation and of the seed within it; a
run is one of each. Every seed of a repeat has the same splits.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph import target
from micrograph.evaluation import bootstrap
from micrograph.evaluation.bootstrap import Resampling

RUN = ["repeat", "seed"]
# Standard deviations of the accuracy of one run in points; their squares add up to its variance.
STD = {"seed": "pooled_seed_std", "split": "pooled_split_std", "batch": "pooled_batch_std"}
COLUMNS = ["seeds", *STD.values()]


def by_run(predictions: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the predictions of each run, seed by seed of each repeat; there is one without the columns `RUN`."""
    names = [name for name in RUN if name in predictions]
    return [rows for _, rows in predictions.groupby(names)] if names else [predictions]


def counts(predictions: pd.DataFrame) -> tuple[int, int]:
    """Count the repeats, and the seeds of each."""
    repeats, seeds = (predictions[name].nunique() if name in predictions else 1 for name in RUN)
    return repeats, seeds


def runs_label(predictions: pd.DataFrame) -> str:
    """Name the runs, as "2 repeats × 3 seeds"; empty for a single one."""
    named = zip(counts(predictions), ("repeats", "seeds"), strict=True)
    return " × ".join(f"{count} {name}" for count, name in named if count > 1)


def std_by_source(test: pd.DataFrame, resampling: Resampling) -> dict[str, float]:
    """Divide the variance of the accuracy of one run between seeds, splits and growth days.

    Parameters
    ----------
    test : DataFrame
        Test predictions of R repeats with N > 1 seeds each.
    resampling : Resampling

    Returns
    -------
    dict
        The values of `STD`, in points. Splits have none with one repeat, growth days none with fewer than two of them.

    Notes
    -----
    By the law of total variance: the variance between seeds on the same days and splits, in the mean; that between
    splits on the same days of the expectation over seeds; that between draws of days of the expectation over splits
    and seeds. The first two are those of a one-way analysis of variance with random effects: s², the mean variance
    between the seeds of a repeat, and the variance between the means of repeats less s² / N. The third is the
    covariance, over bootstrap resamples of growth days, of two runs of different repeats (of different seeds with one
    repeat), in the mean over all pairs: what two runs owe to the days that they share. A negative estimate counts as 0.

    References
    ----------
    S. R. Searle, G. Casella, C. E. McCulloch, Variance Components (1992), chapter 3.
    """
    n_repeats, n_seeds = counts(test)
    right = (test["y_pred"] == test["y_true"]).fillna(False).to_numpy(float)
    days, day = np.unique(test["batch"].to_numpy(str), return_inverse=True)
    run = test.groupby(RUN).ngroup().to_numpy()
    sums = np.zeros((len(days), 2, n_repeats * n_seeds))
    np.add.at(sums[:, 0], (day, run), right)
    np.add.at(sums[:, 1], (day, run), 1)

    accuracy = _accuracy(sums.sum(axis=0)).reshape(n_repeats, n_seeds)
    seed = accuracy.var(axis=1, ddof=1).mean()
    split = accuracy.mean(axis=1).var(ddof=1) - seed / n_seeds if n_repeats > 1 else np.nan
    batch = np.nan
    if len(days) > 1:
        resampled = _accuracy(bootstrap.resample(resampling.weights(len(days)), sums))
        covariance = np.cov(resampled[np.isfinite(resampled).all(axis=1)], rowvar=False)
        repeat = np.repeat(np.arange(n_repeats), n_seeds)
        pairs = repeat[:, None] != repeat if n_repeats > 1 else ~np.eye(n_seeds, dtype=bool)
        batch = covariance[pairs].mean()
    values = np.sqrt(np.maximum([seed, split, batch], 0))
    return dict(zip(STD.values(), values.tolist(), strict=True))


def _accuracy(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return percentages of sums (..., 2, n_runs) of correct predictions and of predictions."""
    correct, rows = sums[..., 0, :], sums[..., 1, :]
    return np.divide(100 * correct, rows, out=np.full(rows.shape, np.nan), where=rows > 0)


def ensemble(predictions: pd.DataFrame, scheme: str, classes: target.Classes) -> pd.DataFrame:
    """Return the predictions of the ensemble of all seeds: of each network's fold in every repeat.

    Parameters
    ----------
    predictions : DataFrame
        Of networks, with the columns `RUN`.
    scheme : str
        Row of `target.SCHEMES`.
    classes : sequence of float, or Target

    Returns
    -------
    DataFrame
        Probabilities of classes, and values of a regression, are means over the seeds that give one; the class follows
        from them as from those of one network (:func:`micrograph.target.decode_scores`).
    """
    scores = [name for name in predictions if name.startswith("score_")]
    means, first = ["y_pred_value", *scores], predictions.groupby(RUN)["fold"].transform("min")
    rows = predictions.assign(fold_of_run=predictions["fold"] - first)
    groups = rows.groupby(["repeat", "fold_of_run", "split", "sample", "augmentation"], sort=False)
    made = groups.first().assign(**groups[means].mean()).reset_index()
    values = made["y_pred_value"].to_numpy(float)
    made["y_pred"] = target.decode_scores(scheme, made[scores].to_numpy(float), values, classes)
    return made[[name for name in predictions if name != "seed"]]
