"""Evidence of every scheme against numbers worked out by hand."""

import subprocess
import sys

import numpy as np
import pytest

from micrograph import target
from micrograph.attribution import target_score
from micrograph.errors import UserError
from project import PROJECT

CLASSES = [900, 950, 1000]


def test_nominal_and_regression_are_explained_by_their_outputs():
    outputs = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    np.testing.assert_array_equal(target_score.evidence("nominal", outputs, CLASSES), outputs)
    degrees = np.array([[912.5], [1003.0]])
    np.testing.assert_array_equal(target_score.evidence("regression", degrees, CLASSES), degrees)


def test_ordered_schemes_are_explained_by_their_probabilities():
    nnrank = target_score.evidence("nnrank", [[[0.9, 0.8, 0.1]], [[0.9, 0.2, 0.8]]], CLASSES)
    np.testing.assert_allclose(nnrank, [[[0.2, 0.7, 0.1]], [[0.8, 0, 0.2]]], atol=1e-12)
    corn = target_score.evidence("corn", [np.log(0.8 / 0.2), 0.0], CLASSES)  # 0.8, and half of it
    np.testing.assert_allclose(corn, [0.2, 0.4, 0.4])


@pytest.mark.parametrize("scheme", target_score.KINDS)
def test_every_scheme_keeps_leading_axes_and_has_its_width(scheme):
    outputs = np.full((4, 5, 0, target.output_width(scheme, CLASSES)), 0.5)
    assert target_score.evidence(scheme, outputs, CLASSES).shape == (4, 5, 0, target_score.width(scheme, CLASSES))
    assert target_score.words(scheme)
    assert set(target_score.KINDS) == set(target.SCHEMES)


@pytest.mark.parametrize("scheme", target_score.KINDS)
def test_the_result_is_not_the_array_given(scheme):
    outputs = np.full((2, target.output_width(scheme, CLASSES)), 0.5)
    target_score.evidence(scheme, outputs, CLASSES)[:] = 7
    assert (outputs == 0.5).all()


def test_the_target_is_the_column_of_the_predicted_class():
    assert target_score.targets("nominal", [1000, 900.0, 950], CLASSES).tolist() == [2, 0, 1]
    assert target_score.targets("corn", [950], CLASSES).tolist() == [1]
    assert target_score.targets("regression", [1000, 900], CLASSES).tolist() == [0, 0]
    assert target_score.targets("nominal", [], CLASSES).shape == (0,)


def test_bad_input_is_named():
    with pytest.raises(UserError, match=r"925 C is none of the classes \(900, 950, 1000\)"):
        target_score.targets("nominal", [900, 925], CLASSES)
    with pytest.raises(UserError, match="1200 C is none of the classes"):
        target_score.targets("regression", [1200], CLASSES)
    with pytest.raises(UserError, match="corn: outputs of shape"):
        target_score.evidence("corn", np.zeros((2, 3)), CLASSES)
    with pytest.raises(UserError, match="scheme 'ordinal' is not known"):
        target_score.evidence("ordinal", np.zeros((2, 3)), CLASSES)


def test_no_torch_is_imported():
    code = "import sys, micrograph.attribution.target_score; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "workflow").returncode == 0
