"""Random weights: what is randomised, what is compared, and that a map independent of the head does not change."""

import numpy as np
import pytest
import torch

from micrograph.attribution import attribute, evaluate, maps, randomisation_test
from micrograph.attribution.occlusion import FoldNetwork
from micrograph.networks import heads, transforms
from micrograph.networks.device import deterministic

from .conftest import CLASSES, small_network

SIDE, N = 64, 5
SETTINGS = maps.AttributionSettings(patch=16, stride=8, memory_mb=100, cam_values=7)
IMAGES = np.uint8(np.clip(128 + 60 * maps.upsample(np.random.default_rng(5).normal(size=(N, 8, 8)), SIDE), 0, 255))
# Maps do not depend on these arrays of a fold.
LABELS = {"samples": np.arange(N).astype(str), "fold": np.zeros(N, int), "y_true": np.zeros(N, int)}


def inputs_of(metadata):
    return transforms.normalise(torch.from_numpy(IMAGES)[:, None], metadata["mean"], metadata["std"])


def random_case(head):
    """(network, metadata, attributions): a random network whose batch normalisation was measured on the images."""
    metadata = small_network(head, SIDE)[1]
    network = randomisation_test.random_network(metadata, inputs_of(metadata), np.random.default_rng(1))
    heads.fit_label_scaling(network, np.array(CLASSES))
    arrays = attribute.attribute(network, metadata, IMAGES, SETTINGS, "cpu")
    return network, metadata, maps.Attributions.from_arrays(arrays | LABELS)


@pytest.fixture(scope="module", params=["nominal", "regression"])
def case(request):
    return random_case(request.param)


def compare(case, seed=3):
    network, metadata, attributions = case
    controls = evaluate.draw_controls(np.arange(N).astype(str), np.zeros(N), np.ones(N, bool), np.random.default_rng(2))
    rng = np.random.default_rng(seed)
    tested = FoldNetwork(network, metadata, device="cpu")
    rows = randomisation_test.randomisation_test(tested, IMAGES, attributions, controls, rng)
    return {(i, map_type, measure): values for i, map_type, measure, values in rows}


def test_the_sum_over_channels_does_not_depend_on_the_head_and_every_other_map_does(case):
    found = compare(case)
    types = ("cam", case[2].weighted_name, "occlusion")
    assert {key[1:] for key in found} == {
        (map_type, measure) for map_type in types for measure in ("randomised_head", "randomised_all")
    }
    assert all(len(values) == N and (values >= 0).all() and (values <= 1 + 1e-9).all() for values in found.values())
    for i in range(N):
        assert found[i, "cam", "randomised_head"][0] == pytest.approx(1)
        assert found[i, "cam", "randomised_all"][0] < 1 - 1e-6
        assert found[i, "occlusion", "randomised_head"][0] < 0.99


def test_an_unchanged_head_gives_the_same_maps(case, monkeypatch):
    own = case[0].get_submodule("classifier")
    monkeypatch.setattr(randomisation_test, "random_heads", lambda *arguments: [own])
    values = [values[0] for (_, _, measure), values in compare(case).items() if measure == "randomised_head"]
    np.testing.assert_allclose(values, 1, atol=1e-3)


def test_all_weights_are_random_and_batch_normalisation_is_measured_on_the_images():
    network, metadata, _ = random_case("nominal")
    before, inputs = {name: part.clone() for name, part in network.state_dict().items()}, inputs_of(metadata)
    other = randomisation_test.random_network(metadata, inputs, np.random.default_rng(9))
    weights = [name for name, part in other.named_parameters() if part.ndim > 1]
    assert all((before[name] != other.state_dict()[name]).any() for name in weights)
    assert not other.training and all(torch.equal(part, before[name]) for name, part in network.state_dict().items())
    first = next(part for part in other.modules() if isinstance(part, torch.nn.BatchNorm2d))
    seen = []
    handle = first.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad(), deterministic():
        other(inputs)
    handle.remove()
    np.testing.assert_allclose(first.running_mean, seen[0].mean((0, 2, 3)), rtol=1e-3, atol=1e-4)
