"""Backbones with a head: the backbone stays, the outputs are the head's."""

import numpy as np
import pytest
import torch
from torch import nn

from micrograph.errors import UserError
from micrograph.networks import pretraining, replace_head

BACKBONE, CLASSES = "timm:mobilenetv3_small_050", [900, 950, 1000]
WIDTHS = {"nominal": 3, "nnrank": 3, "corn": 2, "regression": 1, "tuned": 100}


@pytest.fixture(scope="module")
def start():
    return pretraining.random_backbone(BACKBONE, np.random.default_rng(0))


def with_head(start, head, seed=1):
    return replace_head.replace_head(start, BACKBONE, head, CLASSES, 0.2, np.random.default_rng(seed)).eval()


def batches(count=3):
    made = torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    return [made[:2], made[2:]]


def test_the_start_is_copied_and_only_the_classifier_replaced(start):
    before = {name: part.clone() for name, part in start.state_dict().items()}
    network = with_head(start, "nominal")
    with torch.no_grad():
        for part in network.parameters():
            part.zero_()
    assert all(torch.equal(part, before[name]) for name, part in start.state_dict().items())
    changed = set(network.state_dict()) ^ set(before)
    assert changed == {"classifier.weight", "classifier.bias", "classifier.last.weight", "classifier.last.bias"}


@pytest.mark.parametrize(("head", "width"), WIDTHS.items())
def test_outputs_are_the_heads_in_evaluation_mode(start, head, width):
    network, seen = with_head(start, head).train(), []
    outputs = replace_head.forward(network, BACKBONE, head, batches())
    assert outputs.shape == (3, width) and outputs.dtype == np.float32
    last = network.classifier.hidden if head == "tuned" else network.classifier
    last.register_forward_hook(lambda part, given, result: seen.append(result))
    with torch.no_grad():
        for batch in batches():
            network.eval()(batch)
    np.testing.assert_allclose(outputs, torch.cat(seen).numpy(), rtol=1e-4, atol=1e-5)


def test_trunk_and_head_together_are_the_network_which_keeps_its_head(start):
    network, (batch, _) = with_head(start, "nominal"), batches()
    trunk, head = replace_head.split_head(network, BACKBONE)
    assert head is network.classifier
    with torch.no_grad():
        expected = network(batch)
        torch.testing.assert_close(head(trunk(batch)), expected)
        for part in trunk.parameters():
            part.zero_()
        assert torch.equal(network(batch), expected)


def test_a_backbone_without_a_linear_classifier_is_refused(start):
    with pytest.raises(UserError, match="no linear classifier"):
        replace_head.get_classifier(with_head(start, "nominal"), BACKBONE)
    assert isinstance(replace_head.get_classifier(start, BACKBONE)[1], nn.Linear)
