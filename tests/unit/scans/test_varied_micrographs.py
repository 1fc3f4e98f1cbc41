"""Varied micrographs: of the scan itself, each with a contrast and a resolution of its own."""

import numpy as np
import pytest

from micrograph.errors import UserError
from micrograph.scans import varied_micrographs


def surface():
    """Islands on a tilted plane."""
    rows, columns = np.mgrid[:96, :96]
    islands = ((rows // 12 + columns // 12) % 2).astype(np.float32)
    return islands + np.float32(0.02) * columns + np.float32(0.01) * np.random.default_rng(0).normal(size=(96, 96))


def varied(height_nm, seed, pixels=48):
    return varied_micrographs.render_varied(height_nm, pixels, np.random.default_rng(seed))


def test_a_micrograph_is_the_scans_and_follows_from_the_generator():
    height = surface().astype(np.float32)
    before = height.copy()
    first, again = varied(height, 1), varied(height, 1)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(height, before)
    assert first.shape == (48, 48) and first.dtype == np.uint8
    islands = (surface() - 0.02 * np.arange(96)).reshape(48, 2, 48, 2).mean((1, 3))
    made = [varied(height, seed) for seed in range(8)]
    assert len({image.tobytes() for image in made}) == 8
    assert min(np.corrcoef(image.ravel(), islands.ravel())[0, 1] for image in made) > 0.6
    assert np.std([image.mean() for image in made]) > 3


def test_a_scan_without_relief_is_refused():
    with pytest.raises(UserError, match="no relief"):
        varied(np.zeros((32, 32), np.float32), 0)
