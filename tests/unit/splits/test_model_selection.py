"""One rule of choice: validation accuracy, then (strict) balanced accuracy, then the first in loop order."""

import numpy as np

from micrograph.splits import model_selection
from micrograph.splits.model_selection import Choice

TRUTH = np.array([900, 900, 950, 950, 950, 950])


def test_the_highest_accuracy_wins_and_a_missing_answer_is_wrong():
    predicted = [[900, 900, 900, 900, 900, 900], [900, 950, 950, 950, 950, np.nan], [np.nan] * 6]
    assert model_selection.choose(predicted, TRUTH, "published") == Choice(1, 4 / 6, (1 / 2 + 3 / 4) / 2)


def test_of_equal_accuracies_strict_takes_the_better_balanced_and_published_the_first():
    predicted = [[950, 950, 950, 950, 950, 950], [900, 900, 950, 950, 900, 900], [900, 900, 900, 900, 950, 950]]
    assert model_selection.choose(predicted, TRUTH, "published").point == 0
    assert model_selection.choose(predicted, TRUTH, "strict") == Choice(1, 4 / 6, 0.75)


def test_without_the_leak_a_published_fold_is_chosen_by_the_others_and_scored_on_its_own_films():
    right, wrong = [950] * 4, [900] * 4
    truths = [np.array(right)] * 3
    predicted = [[right, wrong], [wrong, right], [wrong, [950, 950, 900, 900]]]  # (folds, points, films)
    own = model_selection.select(predicted, truths, "published")
    assert [choice.point for choice in own] == [0, 1, 1]
    others = model_selection.select(predicted, truths, "published-selection_on_reported_split")
    # Fold 0 asks folds 1 and 2 (point 0: 0, point 1: 0.75), fold 1 asks 0 and 2 (0.5, 0.25), fold 2 finds a tie.
    assert [choice.point for choice in others] == [1, 0, 0]
    assert [choice.accuracy for choice in others] == [0.0, 0.0, 0.0]
    assert model_selection.refit_choice(others, "published-selection_on_reported_split") == [1, 0, 0]
