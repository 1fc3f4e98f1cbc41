"""One rule of choice: validation accuracy, then (strict) balanced accuracy, then the first in loop order."""

import numpy as np
import pytest

from micrograph.faults import Fault
from micrograph.models import choosing
from micrograph.models.choosing import Choice

TRUTH = np.array([900, 900, 950, 950, 950, 950])


def test_the_highest_accuracy_wins_and_a_missing_answer_is_wrong():
    predicted = [[900, 900, 900, 900, 900, 900], [900, 950, 950, 950, 950, np.nan], [np.nan] * 6]
    assert choosing.choose(predicted, TRUTH, "published") == Choice(1, 4 / 6, (1 / 2 + 3 / 4) / 2)


def test_of_equal_accuracies_strict_takes_the_better_balanced_and_published_the_first():
    predicted = [[950, 950, 950, 950, 950, 950], [900, 900, 950, 950, 900, 900], [900, 900, 900, 900, 950, 950]]
    assert choosing.choose(predicted, TRUTH, "published").point == 0
    assert choosing.choose(predicted, TRUTH, "strict") == Choice(1, 4 / 6, 0.75)


def test_strict_folds_use_their_own_point_and_published_ones_that_of_the_best_fold():
    chosen = [Choice(4, 0.5, 0.5), Choice(2, 0.75, 0.1), Choice(7, 0.75, 0.9)]
    assert choosing.used(chosen, "strict") == [4, 2, 7]
    assert choosing.used(chosen, "published") == [2, 2, 2]


def test_an_unknown_protocol_is_a_fault():
    with pytest.raises(Fault, match="strict, published"):
        choosing.choose([[900]], [900], "loose")
