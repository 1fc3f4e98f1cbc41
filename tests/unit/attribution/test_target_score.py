"""Target scores of every scheme against numbers worked out by hand."""

import numpy as np
import pytest

from micrograph import target
from micrograph.attribution import target_score
from micrograph.errors import UserError

CLASSES = [900, 950, 1000]


def test_nominal_and_regression_are_explained_by_their_outputs():
    outputs = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    np.testing.assert_array_equal(target_score.target_scores("nominal", outputs, CLASSES), outputs)
    celsius = np.array([[912.5], [1003.0]])
    np.testing.assert_array_equal(target_score.target_scores("regression", celsius, CLASSES), celsius)


def test_ordinal_schemes_are_explained_by_their_probabilities():
    nnrank = target_score.target_scores("nnrank", [[[0.9, 0.8, 0.1]], [[0.9, 0.2, 0.8]]], CLASSES)
    np.testing.assert_allclose(nnrank, [[[0.2, 0.7, 0.1]], [[0.8, 0, 0.2]]], atol=1e-12)
    corn = target_score.target_scores("corn", [np.log(0.8 / 0.2), 0.0], CLASSES)  # 0.8, and half of it
    np.testing.assert_allclose(corn, [0.2, 0.4, 0.4])


@pytest.mark.parametrize("scheme", target_score.TARGET_SCORES)
def test_every_scheme_keeps_leading_axes_and_copies(scheme):
    outputs = np.full((4, 5, 0, target.output_width(scheme, CLASSES)), 0.5)
    width = target_score.n_targets(scheme, CLASSES)
    assert target_score.target_scores(scheme, outputs, CLASSES).shape == (4, 5, 0, width)
    outputs = np.full((2, target.output_width(scheme, CLASSES)), 0.5)
    target_score.target_scores(scheme, outputs, CLASSES)[:] = 7
    assert (outputs == 0.5).all()


def test_the_target_is_the_column_of_the_predicted_class():
    assert target_score.predicted_target("nominal", [1000, 900.0, 950], CLASSES).tolist() == [2, 0, 1]
    assert target_score.predicted_target("corn", [950], CLASSES).tolist() == [1]
    assert target_score.predicted_target("regression", [1000, 900], CLASSES).tolist() == [0, 0]
    assert target_score.predicted_target("nominal", [], CLASSES).shape == (0,)


def test_bad_input_is_refused():
    with pytest.raises(UserError, match=r"925 .*.* \(900, 950, 1000\)"):
        target_score.predicted_target("nominal", [900, 925], CLASSES)
    with pytest.raises(UserError, match="1200"):
        target_score.predicted_target("regression", [1200], CLASSES)
    with pytest.raises(UserError, match="corn: outputs of shape"):
        target_score.target_scores("corn", np.zeros((2, 3)), CLASSES)
    with pytest.raises(UserError, match="scheme 'ordinal'"):
        target_score.target_scores("ordinal", np.zeros((2, 3)), CLASSES)
