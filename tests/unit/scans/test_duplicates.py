"""One scan in several files: found whatever was done to it, and never taken for another film."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from micrograph.scans import duplicates


def micrograph(seed, sigma=3.0, pixels=224):
    """An 8-bit picture of random relief."""
    relief = gaussian_filter(np.random.default_rng(seed).normal(size=(pixels, pixels)), sigma)
    return np.interp(relief, [relief.min(), relief.max()], [0, 255]).astype(np.uint8)


def prints(*micrographs):
    return [duplicates.fingerprint(one) for one in micrographs]


WIDE = np.full(2, np.nan)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image // 2 + 40,
        lambda image: np.roll(image, 2, axis=1),
        lambda image: gaussian_filter(image, 2),
        lambda image: (image * 0.7 + np.linspace(0, 70, 224)[:, None]).astype(np.uint8),
    ],
)
def test_contrast_hysteresis_blur_and_tilt_do_not_hide_a_copy(change):
    image = micrograph(1)
    assert duplicates.find(prints(image, change(image)), WIDE) == [[0, 1]]


def test_three_hundred_films_are_three_hundred_also_where_they_are_padded_alike():
    images = [micrograph(seed, pixels=96) for seed in range(300)]
    for image in images[:150]:
        image[40:] = 0
    assert duplicates.find(prints(*images), np.full(300, 500.0)) == []


def test_groups_are_joined_and_widths_and_times_may_contradict():
    image, other = micrograph(1), micrograph(2)
    values = prints(image, other, image, image)
    assert duplicates.find(values, [500, 500, 500, np.nan]) == [[0, 2, 3]]
    assert duplicates.find(values, [500, 500, 1000, 500]) == [[0, 3]]
    assert duplicates.find(values, [500] * 4, ["noon", "noon", "one", ""]) == [[0, 2, 3]]
    assert duplicates.find(values[:3], [500] * 3, ["noon", "noon", "one"]) == []
    assert duplicates.find([], []) == [] == duplicates.find(values[:1], [1])


def test_a_film_without_relief_has_no_copies_and_text_keeps_a_fingerprint():
    flat = duplicates.fingerprint(np.full((224, 224), 7, np.uint8))
    assert not flat.any() and duplicates.find([flat, flat], WIDE) == []
    (value,) = prints(micrograph(1))
    assert np.array_equal(duplicates.from_text(duplicates.to_text(value)), value)
    assert not duplicates.from_text(float("nan")).any()
