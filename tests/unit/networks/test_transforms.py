"""Pictures: a turned picture is what one gets by turning it; chance comes from the rng alone."""

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


def turned(field, degrees, mirrors=STILL, corners="mirrored"):
    return transforms.turn(field, np.radians([degrees]), np.asarray(mirrors), corners)


@pytest.mark.parametrize("quarters", [0, 1, 2])
def test_quarter_turns_only_move_pixels_anticlockwise(field, quarters):
    torch.testing.assert_close(turned(field, 90 * quarters), torch.rot90(field, quarters, (2, 3)), rtol=0, atol=2e-3)


@pytest.mark.parametrize(("mirrors", "axes"), [([[-1, 1]], (3,)), ([[1, -1]], (2,)), ([[-1, -1]], (2, 3))])
def test_mirrored_sideways_is_columns_and_up_and_down_is_rows(field, mirrors, axes):
    torch.testing.assert_close(turned(field, 0, mirrors), field.flip(axes), rtol=0, atol=2e-3)


def test_it_is_turned_first_and_mirrored_then(field):
    wanted = torch.rot90(field, 1, (2, 3)).flip(3)
    torch.testing.assert_close(turned(field, 90, [[-1, 1]]), wanted, rtol=0, atol=2e-3)


def test_between_pixels_lies_the_mean_of_neighbours():
    """A ramp turned by 45 degrees about its middle has, in the middle, the ramp's own middle value."""
    ramp = torch.arange(9.0).expand(1, 1, 9, 9).contiguous()
    assert float(turned(ramp, 45)[0, 0, 4, 4]) == pytest.approx(4, abs=1e-4)
    assert float(turned(ramp, 45)[0, 0, 4, 5]) == pytest.approx(4 + np.sqrt(0.5), abs=1e-4)


def test_corners_are_the_mirror_image_or_black():
    white = torch.full((1, 1, 16, 16), 200.0)
    assert torch.allclose(turned(white, 45), white)
    black = turned(white, 45, corners="black")
    assert float(black[0, 0, 0, 0]) == 0 and float(black[0, 0, 8, 8]) == pytest.approx(200)
    half = white.clone()
    half[..., :8] = 100.0
    assert float(turned(half, 45)[0, 0, 0, 15]) in (pytest.approx(100), pytest.approx(200))  # no third value


def test_unknown_corners_are_refused(field):
    with pytest.raises(UserError, match="filling of corners 'white' is not known; choose one of: mirrored, black"):
        turned(field, 10, corners="white")


def test_turns_fill_the_half_circle_and_half_are_mirrored():
    angles, mirrors = transforms.draw_turns(20000, np.random.default_rng(0))
    counts = np.histogram(angles, bins=10, range=(0, np.pi))[0]
    assert counts.sum() == 20000 and counts.min() > 1800
    assert np.unique(mirrors).tolist() == [-1, 1]
    np.testing.assert_allclose(mirrors.mean(axis=0), 0, atol=0.03)
    assert abs(np.mean(mirrors[:, 0] * mirrors[:, 1])) < 0.03


def test_a_batch_is_its_pictures_one_by_one():
    grey = torch.from_numpy(np.random.default_rng(1).uniform(0, 255, (4, 1, 12, 12)).astype(np.float32))
    angles, mirrors = transforms.draw_turns(4, np.random.default_rng(2))
    whole = transforms.turn(grey, angles, mirrors)
    for one in range(4):
        alone = transforms.turn(grey[one : one + 1], angles[one : one + 1], mirrors[one : one + 1])
        torch.testing.assert_close(whole[one : one + 1], alone, rtol=0, atol=1e-4)


def test_colours_are_three_normalised_greys_channels_last():
    grey = torch.tensor([0.0, 255.0, 51.0, 102.0]).reshape(1, 1, 2, 2)
    colour = transforms.colours(grey, mean=(0.5, 0.0, 0.2), std=(0.5, 1.0, 0.1))
    assert colour.shape == (1, 3, 2, 2) and colour.is_contiguous(memory_format=torch.channels_last)
    assert colour[0, 0].flatten().tolist() == pytest.approx([-1, 1, -0.6, -0.2], abs=1e-6)
    assert colour[0, 1].flatten().tolist() == pytest.approx([0, 1, 0.2, 0.4], abs=1e-6)
    assert colour[0, 2].flatten().tolist() == pytest.approx([-2, 8, 0, 2], abs=1e-5)


def test_pictures_are_shown_as_they_are_without_an_rng_and_by_seed_with_one():
    album = torch.from_numpy(np.random.default_rng(5).integers(0, 256, (3, 8, 8), dtype=np.uint8))
    before, neutral = album.clone(), ((0, 0, 0), (1, 1, 1))
    plain = transforms.to_input(album, [2, 0, 2], *neutral)
    torch.testing.assert_close(plain[0], plain[2], rtol=0, atol=0)
    torch.testing.assert_close(plain[1, 0] * 255, album[0].float())
    seeded = [transforms.to_input(album, [2, 0, 2], *neutral, np.random.default_rng(seed)) for seed in (7, 7, 8)]
    assert torch.equal(seeded[0], seeded[1]) and not torch.equal(seeded[0], seeded[2])
    assert not torch.equal(seeded[0][0], seeded[0][2])  # the same picture, turned twice
    assert torch.equal(album, before)


def test_pictures_are_area_averaged(tmp_path):
    grey = np.repeat(np.repeat(np.array([[0, 100], [200, 255]], np.uint8), 4, 0), 4, 1)
    grey[0, 0] = 160  # one of 16 pixels: the mean of its block is 10
    rendering.write_png(tmp_path / "a.png", grey)
    read = transforms.read([tmp_path / "a.png", tmp_path / "a.png"], 2)
    assert read.dtype == torch.uint8 and read.tolist() == [[[10, 100], [200, 255]]] * 2
    assert transforms.read([tmp_path / "a.png"], 8)[0].tolist() == grey.tolist()


def test_other_pictures_are_refused(tmp_path):
    with pytest.raises(UserError, match="pictures must be"):
        transforms.shrink(np.zeros((2, 8, 8)), 4)
    with pytest.raises(UserError, match="missing or damaged"):
        transforms.read([tmp_path / "none.png"], 4)
