"""Baselines: their values, and that the table stays free of torch, since pages read it."""

import subprocess
import sys

import numpy as np
import torch

from micrograph.attribution.maps import BASELINES


def test_values_are_zero_and_the_mean_in_the_shape_and_type_given():
    mean = np.float32([[0.5, -1.0, 2.0]])
    for given in (mean, torch.from_numpy(mean)):
        for name, value in (("zero", 0 * mean), ("mean", mean)):
            found = BASELINES[name].of(given)
            assert type(found) is type(given) and found.dtype == given.dtype
            np.testing.assert_array_equal(found, value)


def test_every_row_has_words_and_nothing_imports_torch():
    assert all(row.words and not row.words.endswith(".") for row in BASELINES.values())
    asked = "import sys, micrograph.attribution.maps; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0
