"""Scores of values: scikit-learn and scipy are the oracles, resamples count samples more than once."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from made_up import resampling
from micrograph.evaluation import value_scores

RNG = np.random.default_rng(3)
ORACLES = {
    "mae": metrics.mean_absolute_error,
    "rmse": metrics.root_mean_squared_error,
    "r2": metrics.r2_score,
    "rank_correlation": lambda true, predicted: stats.spearmanr(true, predicted).statistic,
}


@pytest.mark.parametrize("decimals", [0, 6])  # with ties, and without
def test_every_resample_is_scored_as_the_oracles_score_its_samples(decimals):
    true, noise = np.round(RNG.normal(1e4, 3, (2, 40)), decimals)
    predicted, batch = np.round((true + noise) / 2, decimals), np.repeat([f"day{place}" for place in range(10)], 4)
    drawn = resampling(30)
    scores = value_scores.resampled(true, predicted, batch, drawn)
    for place, weights in enumerate(np.vstack([np.ones(10), drawn.weights(10)])):
        rows = np.repeat(np.arange(40), np.repeat(weights, 4).astype(int))
        for name, oracle in ORACLES.items():
            assert scores[name][place] == pytest.approx(oracle(true[rows], predicted[rows]), abs=1e-6), name


def test_without_spread_there_is_neither_r2_nor_rank_correlation():
    scores = value_scores.resampled([5, 5, 5, 5], [4, 6, 5, 5], list("aabb"), resampling(5))
    assert scores["mae"][0] == 0.5 and np.isnan(scores["r2"]).all() and np.isnan(scores["rank_correlation"]).all()


def test_a_missing_prediction_leaves_no_score_and_one_batch_no_interval():
    lost = value_scores.resampled([1, 2], [1, np.nan], ["a", "b"], resampling(5))
    assert all(np.isnan(values).all() for values in lost.values())
    single = value_scores.columns("mae", value_scores.resampled([1, 2], [1, 3], ["a", "a"], resampling(5))["mae"])
    assert single["mae"] == 0.5 and np.isnan([single["mae_low"], single["mae_high"]]).all()


def test_intervals_are_paired_over_the_same_resamples():
    true, batch = RNG.normal(size=60), np.repeat(np.arange(20), 3)
    first = value_scores.resampled(true, true + 0.5, batch, resampling(50))["mae"]
    second = value_scores.resampled(true, true - 0.2, batch, resampling(50))["mae"]
    assert first - second == pytest.approx(0.3)
