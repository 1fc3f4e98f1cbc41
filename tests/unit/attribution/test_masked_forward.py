"""Pictures with pixels hidden: the answers are those of the plain network, and the network is left alone."""

import numpy as np
import pytest
import torch

from micrograph.attribution import masked_forward
from micrograph.networks import pretraining, replace_head, transforms

BACKBONE, CLASSES, SIDE = "timm:mobilenetv3_small_050", [900, 950, 1000], 32
FACTS = {"backbone": BACKBONE, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}


@pytest.fixture(scope="module")
def network():
    start = pretraining.random_backbone(BACKBONE, np.random.default_rng(0))
    return replace_head.replace_head(start, BACKBONE, "nnrank", CLASSES, 0.2, np.random.default_rng(1)).eval()


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_answers_are_those_of_the_network_to_the_picture_with_these_pixels_replaced(network, baseline):
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    hidden = rng.random((masked_forward.BATCH + 3, SIDE, SIDE)) < 0.5
    hidden[0], hidden[1] = False, True
    before = {name: part.clone() for name, part in network.state_dict().items()}
    found = masked_forward.MaskedForward(network, FACTS, baseline, device="cpu").outputs(picture, hidden)
    colour = transforms.normalise(torch.from_numpy(picture)[None, None], FACTS["mean"], FACTS["std"])
    fill = colour.mean((2, 3), keepdim=True) * (baseline == "mean")
    with torch.no_grad():
        plain = network(torch.where(torch.from_numpy(hidden)[:, None], fill, colour)).numpy()
    np.testing.assert_allclose(found, plain, rtol=1e-3, atol=1e-5)
    assert all(torch.equal(part, before[name]) for name, part in network.state_dict().items())
    assert isinstance(network.get_submodule("classifier"), torch.nn.Sequential)
