"""Redrawn weights: what is redrawn, what is compared, and that a map which never reads the head does not change."""

import numpy as np
import pytest
import torch

from micrograph.attribution import attribute, map_types, maps, randomisation_test
from micrograph.networks import heads, pretraining, replace_head
from micrograph.networks.device import deterministic

BACKBONE, CLASSES, SIDE, FILMS = "timm:mobilenetv3_small_050", [900, 950, 1000], 64, 5
SETTINGS = {"patch": 16, "stride": 8, "baseline": "zero", "precision": "fp32", "memory_mb": 100}


def films():
    rough = np.random.default_rng(5).normal(size=(FILMS, 8, 8))
    return np.uint8(np.clip(128 + 60 * maps.enlarge(rough, SIDE), 0, 255))


def made(head):
    """(network, facts, arrays): a random network whose batch normalisation knows the films."""
    facts = {
        "backbone": BACKBONE, "head": head, "classes": CLASSES, "fold": 1, "pixels": SIDE, "mean": [0.5] * 3,
        "std": [0.25] * 3, "settings": {"dropout": 0.0, "precision": "fp32"},
    }  # fmt: skip
    rng = np.random.default_rng(1)
    network = randomisation_test.anew(facts, randomisation_test._colour(films(), facts, "cpu"), rng)
    heads.fit_label_scaling(network, np.array(CLASSES))
    return network, facts, attribute.attribute(network, facts, films(), CLASSES, SETTINGS, "cpu")


@pytest.fixture(scope="module", params=["nominal", "regression"])
def case(request):
    return made(request.param)


def compared(case, seed=3):
    network, facts, arrays = case
    rest = map_types.others(
        np.arange(FILMS).astype(str), np.zeros(FILMS), np.ones(FILMS, bool), np.random.default_rng(2)
    )
    rows = randomisation_test.tested(
        network, facts, films(), arrays, rest, SETTINGS, np.random.default_rng(seed), "cpu"
    )
    return {(i, name, measure): values for i, name, measure, values in rows}


def test_the_sum_of_all_maps_does_not_read_the_head_and_every_other_map_does(case):
    found = compared(case)
    name = next(name for name in maps.WEIGHTED if name in case[2])
    assert {key[1:] for key in found} == {
        (kind, measure) for kind in ("cam", name, "occlusion") for measure in ("randomised_head", "randomised_all")
    }
    assert all(len(values) == FILMS and (values >= 0).all() and (values <= 1 + 1e-9).all() for values in found.values())
    for i in range(FILMS):
        assert found[i, "cam", "randomised_head"][0] == pytest.approx(1)
        assert found[i, "cam", "randomised_all"][0] < 1 - 1e-6
        assert found[i, "occlusion", "randomised_head"][0] < 0.99


def test_a_head_redrawn_as_it_was_gives_the_maps_that_it_gave(case, monkeypatch):
    network, facts, arrays = case
    own = network.get_submodule("classifier")
    monkeypatch.setattr(randomisation_test, "draw_heads", lambda *given: [own])
    found = compared(case)
    told = [values[0] for (_, _, measure), values in found.items() if measure == "randomised_head"]
    np.testing.assert_allclose(told, 1, atol=1e-3)


def test_the_same_seed_gives_the_same_and_another_another(case):
    one, same, other = (compared(case, seed) for seed in (3, 3, 4))
    assert all((one[key] == same[key]).all() for key in one)
    assert any((one[key] != other[key]).any() for key in one)


def test_all_of_a_network_is_redrawn_and_its_batch_normalisation_measured_on_the_films():
    network, facts, _ = made("nominal")
    before = {name: part.clone() for name, part in network.state_dict().items()}
    colour = randomisation_test._colour(films(), facts, "cpu")
    other = randomisation_test.anew(facts, colour, np.random.default_rng(9))
    spoken = [name for name, part in other.named_parameters() if part.ndim > 1]
    assert all((before[name] != other.state_dict()[name]).any() for name in spoken)
    assert not other.training and all(torch.equal(part, before[name]) for name, part in network.state_dict().items())
    first = next(part for part in other.modules() if isinstance(part, torch.nn.BatchNorm2d))
    seen = []
    handle = first.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    with torch.no_grad(), deterministic():
        other(colour)
    handle.remove()
    np.testing.assert_allclose(first.running_mean, seen[0].mean((0, 2, 3)), rtol=1e-3, atol=1e-4)
    start = pretraining.random_backbone(BACKBONE, np.random.default_rng(9))
    kept = replace_head.replace_head(start, BACKBONE, "nominal", CLASSES, 0.0, np.random.default_rng(1)).eval()
    with torch.no_grad():
        faded = kept(colour).std(0).mean()  # without the measuring, all films look alike to it
        assert other(colour).std(0).mean() > 5 * faded
