"""Accuracy above chance is what permuted predictions lose; its interval holds zero where nothing is known."""

import numpy as np
import pandas as pd
import pytest

from micrograph.evaluation import bootstrap, chance_corrected
from micrograph.evaluation.bootstrap import Resampling

CLASSES = [900, 950, 1000]
SHARES = [0.1, 0.5, 0.4]


def rows(truth, predicted, unit, group):
    predicted = pd.array(predicted, dtype="Int64")
    return pd.DataFrame({"y_true": truth, "y_pred": predicted, "unit": unit, "group": group})


def test_accuracy_less_what_is_above_chance_is_what_permuted_predictions_reach():
    rng = np.random.default_rng(1)
    truth, called = rng.choice(CLASSES, (2, 3, 7))
    table = rows(truth.ravel(), called.ravel(), np.arange(21) // 2, np.repeat(range(3), 7))
    accuracy, above = chance_corrected.accuracy([table], Resampling(CLASSES, 10, 0))
    reached = [np.mean(truth == rng.permuted(called, axis=1)) for _ in range(6000)]
    assert accuracy[0, 0] == pytest.approx(100 * np.mean(truth == called))
    assert accuracy[0, 0] - above[0, 0] == pytest.approx(100 * np.mean(reached), abs=0.6)


def test_answers_that_are_missing_are_right_neither_by_chance_nor_otherwise():
    accuracy, above = chance_corrected.accuracy(
        [rows([900, 900, 950], [900, None, None], [0, 1, 2], 0)], Resampling(CLASSES, 10, 0)
    )
    assert accuracy[0, 0] == pytest.approx(100 / 3)
    assert above[0, 0] == pytest.approx(100 / 3 - 100 * 2 / 9)


def test_frames_are_redrawn_together():
    rng = np.random.default_rng(2)
    one = rows(rng.choice(CLASSES, 20), rng.choice(CLASSES, 20), np.arange(20) // 2, 0)
    accuracy, above = chance_corrected.accuracy([one, one, one.iloc[::-1]], Resampling(CLASSES, 50, 0))
    assert accuracy[1] == pytest.approx(accuracy[0]) and accuracy[2] == pytest.approx(accuracy[0])
    assert above[1] == pytest.approx(above[0]) and above[2] == pytest.approx(above[0])
    assert len(set(accuracy[0].round(6))) > 5


@pytest.mark.parametrize("similar", [0.0, 0.9])
def test_where_nothing_is_known_the_interval_holds_zero_about_as_often_as_it_says(similar):
    """400 studies of 32 days in 4 folds, 3 films a day, that a model answers without knowing their temperatures, mostly
    the same for the films of a day.

    Nominal is 95 %; percentiles of few days cover a little less, and 400 studies leave about +- 2 points.
    """
    rng, held, found = np.random.default_rng(7), [], []
    for _ in range(400):
        truth, own = (rng.choice(CLASSES, 96, p=SHARES) for _ in range(2))
        answers = np.where(rng.random(96) < similar, np.repeat(own[::3], 3), own)
        table = rows(truth, answers, np.arange(96) // 3, np.arange(96) // 24)
        _, above = chance_corrected.accuracy([table], Resampling(CLASSES, 200, 1))
        low, high = bootstrap.interval(above[0, 1:])
        held.append(low <= 0 <= high)
        found.append(above[0, 0])
    assert 0.89 <= np.mean(held) <= 0.98
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_what_is_known_is_found_and_its_interval_holds_it():
    """A model that knows 40 % of the films and guesses the rest has 40 % of the way from chance to all above it."""
    rng, held, above_zero = np.random.default_rng(8), [], []
    expected = 40 * (1 - np.square(SHARES).sum()) * 23 / 24  # of 24 films a fold, each gets its own prediction once
    for _ in range(200):
        truth, own = (rng.choice(CLASSES, 96, p=SHARES) for _ in range(2))
        table = rows(truth, np.where(rng.random(96) < 0.4, truth, own), np.arange(96) // 3, np.arange(96) // 24)
        _, above = chance_corrected.accuracy([table], Resampling(CLASSES, 200, 1))
        low, high = bootstrap.interval(above[0, 1:])
        held.append(low <= expected <= high)
        above_zero.append(low > 0)
    assert 0.88 <= np.mean(held) <= 0.985
    assert np.mean(above_zero) > 0.95


def test_one_unit_has_no_interval_and_nothing_has_no_value():
    table = rows([900, 950], [900, 900], 0, 0)
    accuracy, above = chance_corrected.accuracy([table, table.iloc[:0]], Resampling(CLASSES, 50, 0))
    assert accuracy.shape == above.shape == (2, 1)
    assert accuracy[0, 0] == pytest.approx(50) and np.isnan(accuracy[1, 0])
    assert np.isnan(bootstrap.interval(accuracy[0, 1:])).all()
