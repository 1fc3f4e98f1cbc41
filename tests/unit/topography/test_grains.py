"""Grains that were laid out by hand, and the h-maxima of scikit-image."""

import numpy as np
import pytest
from scipy import ndimage

from made_up_surfaces import discs, gaussian, net, places
from micrograph.topography import grains

PIXEL = (4.0, 4.0)


@pytest.mark.parametrize("pixel_nm", [(4.0, 4.0), (4.0, 2.0)])
def test_islands_are_counted_and_measured(pixel_nm):
    shape = round(1000 / pixel_nm[0]), round(1000 / pixel_nm[1])
    film = discs(shape, pixel_nm, net(100, 10), 30)
    found = grains.measure_grains(film + np.random.default_rng(0).normal(0, 0.02, shape), pixel_nm)
    # Of 100 cells 36 touch the rim and count half, on a square micrometre.
    assert found["grain_density_um2"] == pytest.approx(64 + 18, abs=3)
    assert found["grain_diameter_nm"] == pytest.approx(60, rel=0.05)
    assert found["grain_diameter_spread"] < 0.1


def test_few_islands_on_wide_flat_ground_are_not_drowned_in_its_noise():
    film = discs((250, 250), PIXEL, [(250, 250), (750, 250), (250, 750), (750, 750), (500, 500)], 40)
    label, count = grains._segment(film + np.random.default_rng(1).normal(0, 0.03, film.shape), PIXEL)
    tall = {int(label[row, column]) for row, column in ((62, 62), (62, 187), (187, 62), (187, 187), (125, 125))}
    assert len(tall) == 5 and count <= 8


def test_larger_bumps_are_larger_grains_and_fewer():
    fine, coarse = (grains.measure_grains(gaussian((250, 250), PIXEL, (s, s)), PIXEL) for s in (8, 20))
    assert coarse["grain_density_um2"] < fine["grain_density_um2"] / 3
    assert coarse["grain_diameter_nm"] > 1.8 * fine["grain_diameter_nm"]


def test_grains_of_two_sizes_spread_more_than_grains_of_one():
    x, y = places((250, 250), PIXEL)
    film = np.zeros((250, 250))
    for place, (across, down) in enumerate(net(100, 10)):
        film[np.hypot(x - across, y - down) < (40 if place % 2 else 15)] = 1
    found = grains.measure_grains(film + np.random.default_rng(0).normal(0, 0.02, film.shape), PIXEL)
    # Diameters 30 and 80, half of each: mean 55, deviation 25.
    assert found["grain_diameter_spread"] == pytest.approx(25 / 55, abs=0.1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rise", [0.02, 0.3, 1.0])
def test_what_stays_are_the_h_maxima(seed, rise):
    from skimage.morphology import h_maxima
    from skimage.segmentation import watershed

    height = gaussian((90, 70), (1, 1), (2, 2), seed)
    label, count = grains._merge_basins(height, watershed(-height, connectivity=2), rise)
    summits, expected = ndimage.label(h_maxima(height, rise), np.ones((3, 3)))
    assert count == expected
    assert set(np.unique(label)) == set(range(1, count + 1))
    assert len(set(label[summits > 0])) == count  # one in each


def test_a_low_summit_goes_to_the_basin_beyond_its_higher_saddle():
    #                 summit 5, saddle 1, summit 3, saddle 2, summit 6
    height = np.array([[0.0, 5.0, 1.0, 3.0, 2.0, 6.0, 0.0]])
    label = np.array([[1, 1, 1, 2, 2, 3, 3]])
    found, count = grains._merge_basins(height, label, prominence=1.5)
    assert count == 2
    assert found[0, 1] != found[0, 3] and found[0, 3] == found[0, 5]
    assert grains._merge_basins(height, label, prominence=0.5)[1] == 3
    assert grains._merge_basins(height, label, prominence=4.5)[1] == 1


def test_with_too_few_whole_grains_none_is_measured():
    found = grains.measure_grains(discs((100, 100), PIXEL, [(200, 200)], 50), PIXEL)
    assert found["grain_density_um2"] > 0
    assert np.isnan(found["grain_diameter_nm"]) and np.isnan(found["grain_diameter_spread"])
