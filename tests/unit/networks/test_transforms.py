"""Transforms: images are rotated and flipped as they should be; all random numbers come from the rng."""

import numpy as np
import pytest
import torch

from micrograph.errors import UserError
from micrograph.networks import transforms
from micrograph.scans import rendering

STILL = np.ones((1, 2))


@pytest.fixture
def field():
    return torch.from_numpy(np.random.default_rng(3).uniform(0, 255, (1, 1, 8, 8)).astype(np.float32))


def rotated(field, degrees, flips=STILL, sampling=transforms.SMOOTH):
    return transforms.rotate_and_flip(field, np.radians([degrees]), np.asarray(flips), sampling)


@pytest.mark.parametrize("quarters", [0, 1, 2])
def test_quarter_turns_only_move_pixels_anticlockwise(field, quarters):
    torch.testing.assert_close(rotated(field, 90 * quarters), torch.rot90(field, quarters, (2, 3)), rtol=0, atol=2e-3)


@pytest.mark.parametrize(("flips", "axes"), [([[-1, 1]], (3,)), ([[1, -1]], (2,)), ([[-1, -1]], (2, 3))])
def test_mirrored_sideways_is_columns_and_up_and_down_is_rows(field, flips, axes):
    torch.testing.assert_close(rotated(field, 0, flips), field.flip(axes), rtol=0, atol=2e-3)


def test_between_pixels_lies_the_mean_of_neighbours():
    """A ramp turned by 45 degrees about its middle has, in the middle, the ramp's own middle value."""
    ramp = torch.arange(9.0).expand(1, 1, 9, 9).contiguous()
    assert float(rotated(ramp, 45)[0, 0, 4, 4]) == pytest.approx(4, abs=1e-4)
    assert float(rotated(ramp, 45)[0, 0, 4, 5]) == pytest.approx(4 + np.sqrt(0.5), abs=1e-4)


def test_corners_are_the_mirror_image_or_black():
    white = torch.full((1, 1, 16, 16), 200.0)
    assert torch.allclose(rotated(white, 45), white)
    black = rotated(white, 45, sampling=transforms.Sampling("nearest", "zeros"))
    assert float(black[0, 0, 0, 0]) == 0 and float(black[0, 0, 8, 8]) == pytest.approx(200)
    half = white.clone()
    half[..., :8] = 100.0
    assert float(rotated(half, 45)[0, 0, 0, 15]) in (pytest.approx(100), pytest.approx(200))  # no third value


def test_turns_fill_the_half_circle_and_half_are_mirrored():
    angles, flips = transforms.random_rotations(20000, np.random.default_rng(0))
    counts = np.histogram(angles, bins=10, range=(0, np.pi))[0]
    assert counts.sum() == 20000 and counts.min() > 1800
    assert np.unique(flips).tolist() == [-1, 1]
    np.testing.assert_allclose(flips.mean(axis=0), 0, atol=0.03)
    assert abs(np.mean(flips[:, 0] * flips[:, 1])) < 0.03


def test_colours_are_three_normalised_greys_channels_last():
    grey = torch.tensor([0.0, 255.0, 51.0, 102.0]).reshape(1, 1, 2, 2)
    colour = transforms.normalise(grey, mean=(0.5, 0.0, 0.2), std=(0.5, 1.0, 0.1))
    assert colour.shape == (1, 3, 2, 2) and colour.is_contiguous(memory_format=torch.channels_last)
    assert colour[0, 0].flatten().tolist() == pytest.approx([-1, 1, -0.6, -0.2], abs=1e-6)
    assert colour[0, 1].flatten().tolist() == pytest.approx([0, 1, 0.2, 0.4], abs=1e-6)
    assert colour[0, 2].flatten().tolist() == pytest.approx([-2, 8, 0, 2], abs=1e-5)


def test_images_are_shown_as_they_are_without_an_rng_and_by_seed_with_one():
    images = torch.from_numpy(np.random.default_rng(5).integers(0, 256, (3, 8, 8), dtype=np.uint8))
    before, neutral = images.clone(), ((0, 0, 0), (1, 1, 1))
    plain = transforms.to_input(images, [2, 0, 2], *neutral)
    torch.testing.assert_close(plain[0], plain[2], rtol=0, atol=0)
    torch.testing.assert_close(plain[1, 0] * 255, images[0].float())
    seeded = [transforms.to_input(images, [2, 0, 2], *neutral, np.random.default_rng(seed)) for seed in (7, 7, 8)]
    assert torch.equal(seeded[0], seeded[1]) and not torch.equal(seeded[0], seeded[2])
    assert not torch.equal(seeded[0][0], seeded[0][2])  # the same picture, turned twice
    assert torch.equal(images, before)


def test_images_are_area_averaged(tmp_path):
    grey = np.repeat(np.repeat(np.array([[0, 100], [200, 255]], np.uint8), 4, 0), 4, 1)
    grey[0, 0] = 160  # one of 16 pixels: the mean of its block is 10
    rendering.write_png(tmp_path / "a.png", grey)
    read = transforms.read_images([tmp_path / "a.png", tmp_path / "a.png"], 2)
    assert read.dtype == torch.uint8 and read.tolist() == [[[10, 100], [200, 255]]] * 2
    assert transforms.read_images([tmp_path / "a.png"], 8)[0].tolist() == grey.tolist()


def test_other_images_are_refused(tmp_path):
    with pytest.raises(UserError, match="uint8"):
        transforms.resize(np.zeros((2, 8, 8)), 4)
    with pytest.raises(UserError, match="missing or damaged"):
        transforms.read_images([tmp_path / "none.png"], 4)
