"""Features: one pass gives what plain passes give, whatever the batch; nothing is left behind."""

import numpy as np
import pytest
import torch
from torch import nn

from micrograph.errors import UserError
from micrograph.networks import backbones, features
from micrograph.networks.fuse_batchnorm import fuse

MODULES = backbones.get("resnet18").blocks
MEAN, STD = backbones.normalisation("resnet18", "imagenet")


@pytest.fixture(scope="module")
def network():
    """ResNet18 whose batch norms are not the identity, as trained ones are not."""
    torch.manual_seed(0)
    network = backbones.build("resnet18").eval()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(part.weight, 0.8, 1.2)
            nn.init.normal_(part.bias, 0, 0.1)
    return network


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 64, 64), dtype=np.uint8)


def extract(network, images, **how):
    return features.extract(network, MODULES, images, MEAN, STD, device="cpu", **how)


def hooks(network):
    return [part for part in network.modules() if part._forward_hooks or part._forward_pre_hooks]


def assert_close(ours, plain, tolerance):
    for block in plain:
        assert np.abs(ours[block] - plain[block]).max() < tolerance * np.abs(plain[block]).max(), block


def test_one_pass_equals_plain_passes_of_single_images(network, images):
    steps = list(network.children())
    grey = torch.from_numpy(images).float()[:, None].expand(-1, 3, -1, -1) / 255
    colour = (grey - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    with torch.no_grad():
        plain = {
            block: np.stack([nn.Sequential(*steps[:end])(one[None]).flatten().numpy() for one in colour])
            for block, end in zip(MODULES, (6, 7, 8, 9), strict=True)
        }
    ours = extract(network, images)
    assert list(ours) == ["block2", "block3", "block4", "pool"]
    assert {part.dtype for part in ours.values()} == {np.dtype(np.float32)}
    assert {block: part.shape for block, part in ours.items()} == {block: part.shape for block, part in plain.items()}
    assert_close(ours, plain, 1e-5)


def test_bf16_is_close_and_says_where_it_cannot_be(network, images, caplog):
    caplog.set_level("INFO", "micrograph")
    plain, rough = extract(network, images), extract(network, images, precision="bf16")
    assert_close(rough, plain, 0.05)
    differs = any((rough[block] != plain[block]).any() for block in plain)
    assert differs or "no bf16 arithmetic" in caplog.text


def test_network_and_images_are_left_alone(network, images):
    state = {name: part.clone() for name, part in network.state_dict().items()}
    names, before = [name for name, _ in network.named_modules()], images.copy()
    extract(network, images)
    assert all(torch.equal(part, state[name]) for name, part in network.state_dict().items())
    assert [name for name, _ in network.named_modules()] == names
    assert not hooks(network) and not [part for part in network.modules() if getattr(part, "inplace", False)]
    np.testing.assert_array_equal(images, before)


def test_the_pass_ends_at_the_last_block(network, images):
    """The classifier is not called."""
    calls = []
    handle = network.fc.register_forward_hook(lambda *parts: calls.append(1))
    features.forward_blocks(network, MODULES, torch.zeros(1, 3, 64, 64))
    handle.remove()
    assert calls == []


@pytest.mark.parametrize("bad", [np.zeros((2, 64, 64)), np.zeros((2, 64, 64, 3), np.uint8)])
def test_other_images_are_refused(network, bad):
    with pytest.raises(UserError, match="uint8"):
        extract(network, bad)


def test_fusing_by_hand():
    """y = 2 (3 x - 1) / sqrt(4) + 5 = 3 x + 4, batch norm's eps being 0."""
    tiny = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.BatchNorm2d(1, eps=0))
    nn.init.constant_(tiny[0].weight, 1.0)
    tiny[1].running_mean.fill_(1 / 3)
    tiny[1].running_var.fill_(4 / 9)
    nn.init.constant_(tiny[1].weight, 2.0)
    nn.init.constant_(tiny[1].bias, 5.0)
    fused = fuse(tiny)
    assert fused[0].weight.flatten().tolist() == pytest.approx([3, 3, 3])
    assert fused[0].bias.tolist() == pytest.approx([4])


class Forked(nn.Module):
    """A convolution whose output is read by a normalisation and, besides, added: fusing it would be wrong."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
        self.norm.running_mean.fill_(1.0)

    def forward(self, maps):
        maps = self.conv(maps)
        return self.norm(maps) + 2 * maps


def test_a_network_that_cannot_be_fused_is_refused():
    with pytest.raises(ValueError, match="Forked"):
        fuse(Forked())


def test_the_number_of_threads_around_changes_no_byte_and_is_left_as_it_was(network, images):
    before, tables = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            tables.append(extract(network, images))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for block, values in tables[0].items():
        assert values.tobytes() == tables[1][block].tobytes() == tables[2][block].tobytes()
