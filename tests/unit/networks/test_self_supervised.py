"""Self-supervised pre-training: the loss by hand, views of the image itself, weights that read like any others."""

import numpy as np
import pytest
import torch

import random_weights
from micrograph.errors import UserError
from micrograph.networks import pretraining, self_supervised

BACKBONE = "timm:mobilenetv3_small_050"
SETTINGS = {"start": "scratch", "pixels": 32, "epochs": 2, "batch_size": 8, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def images():
    """24 images of stripes, no two of the same width and direction."""
    places = np.arange(48)
    made = [128 + 100 * np.sin(places[:, None] * 0.2 * (i % 5 + 1) + places * 0.15 * (i // 5)) for i in range(24)]
    return np.stack(made).astype(np.uint8)


def pretrain(images, seed=0, **how):
    settings = SETTINGS | {name: how.pop(name) for name in list(how) if name in SETTINGS}
    words = {"backbone": BACKBONE, "device": "cpu"} | how
    return self_supervised.pretrain(images, settings=settings, rng=np.random.default_rng(seed), **words)


def embeddings(*rows):
    return torch.tensor(rows, dtype=torch.float32)[None]


def test_the_loss_by_hand():
    """Two images of two numbers: first views (0, 0), (2, 2), second views (0, 0), (2, 4).

    Invariance: 4 over 4 numbers = 1. Variances 2, 2 and 2, 8, all above 1: no loss. Covariances: 2 and 4 between the
    two numbers, each standing twice: (2 * 4) / 2 + (2 * 16) / 2 = 20. Together 25 * 1 + 0 + 20.
    """
    found = self_supervised.vicreg_loss(embeddings([0, 0], [2, 2], [0, 0], [2, 4]), None, None)
    assert found.tolist() == pytest.approx([45])


def test_embeddings_that_are_all_the_same_cost_their_variance():
    found = self_supervised.vicreg_loss(embeddings(*[[3, 5]] * 4), None, None)
    assert found.tolist() == pytest.approx([25 * (1 - 0.01)])
    assert self_supervised.embedding_std(embeddings(*[[3, 5]] * 4), None, None).tolist() == [0]
    assert self_supervised.embedding_std(
        embeddings([0, 0], [2, 4], [9, 9], [9, 9]), None, None
    ).tolist() == pytest.approx([(np.sqrt(2) + np.sqrt(8)) / 2])


def test_views_are_of_their_own_image_within_its_greys_and_differ():
    grey = torch.full((6, 1, 32, 32), 128.0)
    grey[3:] = 20.0
    seen = self_supervised.random_views(grey, np.random.default_rng(0))
    assert seen.shape == grey.shape and float(seen.min()) >= 0 and float(seen.max()) <= 255
    middles = seen.mean((1, 2, 3))
    assert (middles[:3] - 128).abs().max() < 41 and (middles[3:] - 20).abs().max() < 41
    assert len(set(middles.tolist())) == 6 and (grey[:3] == 128).all()


def test_a_blur_keeps_flat_images_and_spreads_a_point_by_its_width():
    flat = torch.full((2, 1, 9, 9), 7.0)
    torch.testing.assert_close(self_supervised.gaussian_blur(flat, np.array([0.0, 1.0])), flat)
    point = torch.zeros(2, 1, 9, 9)
    point[:, 0, 4, 4] = 1.0
    seen = self_supervised.gaussian_blur(point, np.array([0.0, 1.0]))
    torch.testing.assert_close(seen[0], point[0])
    places = torch.arange(9.0) - 4
    assert float(seen[1].sum()) == pytest.approx(1, abs=1e-5)
    assert float((seen[1, 0].sum(0) * places**2).sum()) == pytest.approx(1, abs=0.05)


def test_pretraining_lowers_the_loss_spreads_embeddings_and_repeats_itself(images, tmp_path):
    first, again = (pretrain(images, epochs=6) for _ in range(2))
    assert list(first.curve) == ["epoch", "train_loss", "check_loss", "spread"] and len(first.curve) == 6
    assert first.curve["train_loss"].iloc[-1] < first.curve["train_loss"].iloc[0]
    assert first.curve["spread"].iloc[-1] > self_supervised.COLLAPSED
    for one, name in ((first, "a"), (again, "b"), (pretrain(images, seed=1), "c")):
        one.write(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_the_weights_are_read_like_any_others(images, tmp_path):
    path = random_weights.write(BACKBONE, tmp_path / "start.safetensors", np.random.default_rng(3))
    before = pretraining.load_backbone(BACKBONE, "scratch", path)
    pretrain(images, weights=path, epochs=1).write(tmp_path / "films.safetensors")
    after = pretraining.load_backbone(BACKBONE, "films", tmp_path / "films.safetensors")
    moved = {name for name, part in after.state_dict().items() if not torch.equal(part, before.state_dict()[name])}
    assert "conv_stem.weight" in moved and not moved & {"classifier.weight", "classifier.bias"}
    kept = pretraining.normalisation(BACKBONE, "films", tmp_path / "films.safetensors")
    assert kept == pretraining.normalisation(BACKBONE, "scratch", path)


def test_too_few_images_and_missing_weights_are_refused(images):
    with pytest.raises(UserError, match="on 7 images.* 8"):
        pretrain(images[:7])
    with pytest.raises(UserError, match="pretraining imagenet"):
        pretrain(images, start="imagenet")
