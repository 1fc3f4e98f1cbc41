"""The bootstrap over batches covers the truth about 95 % of the time, on simulated predictions whose films of a day
succeed and fail together; drawing single films would not.

Every study has 40 days of 1 to 5 films, each day with its own skill, so that its films mostly fail together. The true
value of a metric is that of a very large study. Nominal is 95 %. Percentiles of 40 days cover a little less (93 % is
usual), and 250 studies leave +- 3 points (two standard errors): between 88 and 98 % is as promised.
"""

import numpy as np
import pandas as pd
import pytest

from micrograph.evaluation import bootstrap, metrics

CLASSES = [900, 950, 1000]
SHARES = [0.11, 0.5, 0.39]
STUDIES, RESAMPLES, DAYS = 250, 200, 40


def predictions(rng, days=DAYS, better=0.0):
    """Test predictions of one model: right where a film's own luck is below its day's skill, else a class beside."""
    return of_model(films(rng, days), rng, better)


def films(rng, days=DAYS):
    """Films with their day, true class and how hard they are: a day's films alike."""
    day = np.repeat(np.arange(days), rng.integers(1, 6, days))
    hard = 0.75 * rng.beta(1, 1, days)[day] + 0.25 * rng.random(len(day))
    return pd.DataFrame(
        {
            "sample": np.arange(len(day)),
            "batch": day,
            "y_true": rng.choice(CLASSES, len(day), p=SHARES),
            "hard": hard,
        }
    )


def of_model(table, rng, better=0.0):
    """The films with the answers of a model."""
    wrong = table["hard"] + rng.normal(0, 0.15, len(table)) > 0.6 + better
    truth = np.searchsorted(CLASSES, table["y_true"])
    step = np.where(truth == 0, 1, np.where(truth == 2, -1, rng.choice([-1, 1], len(table))))
    answer = np.array(CLASSES)[np.where(wrong, truth + step, truth)]
    value = answer + rng.normal(0, 10, len(table))
    return table.assign(y_pred=answer, y_pred_value=value, y_true_value=lambda rows: rows["y_true"])


def coverage(intervals, truth):
    """Share of the intervals (n, 2) that hold the truth, and of those that miss it the share that lies above it."""
    low, high = np.transpose(intervals)
    missed = (low > truth) | (high < truth)
    return 1 - missed.mean(), (low > truth).sum() / max(missed.sum(), 1)


@pytest.fixture(scope="module")
def truths():
    """The value of every metric in a study of 20,000 days."""
    large = predictions(np.random.default_rng(1), 20_000)
    return {metric: metrics.score(large, metric, CLASSES) for metric in metrics.METRICS}


@pytest.fixture(scope="module")
def intervals():
    """{metric: the intervals of all studies}."""
    rng = np.random.default_rng(2)
    studies = [
        bootstrap.intervals(predictions(rng), metrics.METRICS, bootstrap.Resampling(CLASSES, RESAMPLES, rng))
        for _ in range(STUDIES)
    ]
    return {metric: [study[metric] for study in studies] for metric in metrics.METRICS}


@pytest.mark.parametrize("metric", list(metrics.METRICS))
def test_intervals_of_every_metric_cover_its_truth_about_as_often_as_they_say(metric, intervals, truths):
    covered, _ = coverage(intervals[metric], truths[metric])
    assert 0.88 <= covered <= 0.98


def test_intervals_of_accuracy_miss_on_either_side(intervals, truths):
    _, above = coverage(intervals["accuracy"], truths["accuracy"])
    assert 0.1 <= above <= 0.9


def test_intervals_that_draw_single_films_promise_too_much(truths):
    """Why batches are drawn: the same studies, every film a batch of its own, cover far less."""
    rng = np.random.default_rng(2)
    alone = []
    for _ in range(STUDIES // 2):
        table = predictions(rng)
        alone.append(
            bootstrap.bootstrap(
                table.assign(batch=table["sample"]), "accuracy", bootstrap.Resampling(CLASSES, RESAMPLES, rng)
            )
        )
    assert coverage(alone, truths["accuracy"])[0] < 0.86


@pytest.mark.parametrize("better", [0.0, 0.1])
def test_the_interval_of_a_difference_covers_it_whether_there_is_one_or_not(better):
    rng = np.random.default_rng(3)
    large = films(rng, 20_000)
    truth = np.subtract(*(metrics.score(of_model(large, rng, gain), "accuracy", CLASSES) for gain in (better, 0.0)))
    found = []
    for _ in range(STUDIES // 2):
        table = films(rng)
        both = [of_model(table, rng, gain) for gain in (better, 0.0)]
        found.append(bootstrap.paired_bootstrap(*both, "accuracy", bootstrap.Resampling(CLASSES, RESAMPLES, rng)))
    assert 0.88 <= coverage(found, truth)[0] <= 0.99


def test_an_interval_holds_less_where_there_are_more_days():
    rng = np.random.default_rng(4)
    width = {
        days: np.mean(
            [
                np.diff(
                    bootstrap.bootstrap(
                        predictions(rng, days), "accuracy", bootstrap.Resampling(CLASSES, RESAMPLES, rng)
                    )
                )
                for _ in range(20)
            ]
        )
        for days in (20, 80)
    }
    assert width[20] / width[80] == pytest.approx(2, rel=0.2)  # the root of four
