"""Explanations of a fold's films: the arrays of their file, worked out a second way, read back, the same again."""

import copy

import numpy as np
import pytest
import torch

from micrograph import io, target
from micrograph.attribution import attribute, cam, maps, target_score
from micrograph.errors import UserError
from micrograph.networks import heads, pretraining, replace_head, transforms
from micrograph.networks.device import resolve_dtype

BACKBONE, CLASSES, SIDE = "timm:mobilenetv3_small_050", [900, 950, 1000], 32
SETTINGS = {"patch": 14, "stride": 10, "baseline": "zero", "precision": "fp32", "memory_mb": 100}
STARTS = (0, 10, 20)  # the last window is cut off at the border


@pytest.fixture(scope="module")
def start():
    return pretraining.random_backbone(BACKBONE, np.random.default_rng(0))


def made(start, head):
    """(network, facts) as headed.read gives them."""
    network = replace_head.replace_head(start, BACKBONE, head, CLASSES, 0.2, np.random.default_rng(1)).eval()
    heads.fit_label_scaling(network, np.array(CLASSES))
    facts = {
        "backbone": BACKBONE, "head": head, "classes": CLASSES, "fold": 3, "pixels": SIDE, "mean": [0.5] * 3,
        "std": [0.25] * 3, "settings": {"dropout": 0.2, "precision": "fp32"},
    }  # fmt: skip
    return network, facts


def films(count=3):
    return np.random.default_rng(5).integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8)


def said(network, facts, colour):
    with torch.no_grad():
        return target_score.evidence(heads.scheme_of(facts["head"]), network(colour).numpy(), CLASSES)


@pytest.mark.parametrize("head", ["nominal", "nnrank", "corn", "regression"])
def test_effects_are_what_the_evidence_loses_and_targets_what_is_predicted(start, head):
    network, facts = made(start, head)
    found = attribute.attribute(network, facts, films(), CLASSES, SETTINGS, "cpu")
    colour = transforms.to_input(torch.from_numpy(films()), range(3), facts["mean"], facts["std"])
    whole = said(network, facts, colour)
    np.testing.assert_allclose(found["evidence"], whole, rtol=1e-4, atol=1e-5)
    for row, top in enumerate(STARTS):
        for column, left in enumerate(STARTS):
            hidden = colour.clone()
            hidden[:, :, top : top + 14, left : left + 14] = 0
            lost = whole - said(network, facts, hidden)
            scale = np.abs(whole).max()
            np.testing.assert_allclose(found["occlusion"][:, :, row, column], lost, rtol=1e-3, atol=1e-5 * scale)
    predicted = target.decode(head, found["outputs"], CLASSES)[0]
    assert found["predicted"].tolist() == predicted.tolist()
    assert found["target"].tolist() == target_score.targets(head, predicted, CLASSES).tolist()
    summed, name, weighted = cam.explain(network, BACKBONE, colour, head, CLASSES)
    np.testing.assert_array_equal(found["cam"], summed)
    np.testing.assert_array_equal(found[name], weighted)
    assert found["occlusion"].dtype == np.float32 and found["scheme"] == head


def test_a_fold_is_sorted_by_name_written_and_read_back(start, tmp_path):
    network, facts = made(start, "nominal")
    names, truth, given = ["b", "c", "a"], [950, 1000, 900], films()
    arrays = attribute.of_fold(network, facts, given, names, truth, CLASSES, SETTINGS, "cpu")
    io.write_arrays(tmp_path / "fold3.npz", **arrays)
    read = maps.read(tmp_path / "fold3.npz")
    assert read.samples.tolist() == ["a", "b", "c"] and read.truth.tolist() == [900, 950, 1000]
    assert read.fold.tolist() == [3, 3, 3] and read.classes.tolist() == CLASSES
    assert (read.side, read.patch, read.stride, read.baseline, read.scheme) == (SIDE, 14, 10, "zero", "nominal")
    assert read.occlusion_map(0).shape == (SIDE, SIDE)
    alone = attribute.attribute(network, facts, given[2:], CLASSES, SETTINGS, "cpu")  # film a
    np.testing.assert_allclose(read.cam[0], alone["cam"][0], rtol=1e-4)
    np.testing.assert_allclose(read.occlusion[0], alone["occlusion"][0], rtol=1e-3, atol=1e-5)
    assert set(read.cam_flag) == set(read.occlusion_flag) == {""}


def test_the_same_films_give_the_same_bytes_whatever_the_threads(start, tmp_path):
    network, facts = made(start, "corn")
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            arrays = attribute.attribute(copy.deepcopy(network), facts, films(), CLASSES, SETTINGS, "cpu")
            io.write_arrays(tmp_path / f"{threads}.npz", **arrays)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


def test_network_and_pictures_are_left_as_they_were(start):
    network, facts = made(start, "nominal")
    weights, shown = {name: part.clone() for name, part in network.state_dict().items()}, films()
    attribute.attribute(network, facts, shown, CLASSES, SETTINGS, "cpu")
    assert all(torch.equal(part, weights[name]) for name, part in network.state_dict().items())
    assert all(part.grad is None for part in network.parameters())
    np.testing.assert_array_equal(shown, films())


def test_a_network_that_answers_the_same_to_everything_is_flagged(start):
    network, facts = made(start, "nominal")
    with torch.no_grad():
        network.classifier.last.weight.zero_()
    found = attribute.attribute(network, facts, films(), CLASSES, SETTINGS, "cpu")
    assert set(found["cam_flag"]) == set(found["occlusion_flag"]) == {"all zero"}


def test_outputs_are_computed_in_the_precision_of_the_training(start):
    network, facts = made(start, "nominal")
    facts = {**facts, "settings": {**facts["settings"], "precision": "bf16"}}
    colour = transforms.to_input(torch.from_numpy(films()), range(3), facts["mean"], facts["std"])
    found = attribute.attribute(network, facts, films(), CLASSES, SETTINGS, "cpu")
    kind = resolve_dtype("bf16", torch.device("cpu"))
    np.testing.assert_array_equal(found["outputs"], replace_head.forward(network, BACKBONE, "nominal", [colour], kind))


def test_bad_input_is_named(start):
    network, facts = made(start, "nominal")
    for shown, words in (
        (films()[:, :30], r"pictures must be \(n, 32, 32\) of 8 bits, not \(3, 30, 32\) of torch.uint8"),
        (films().astype(float), "not .* of torch.float64"),
        (films()[:0], "there is no picture to explain"),
    ):
        with pytest.raises(UserError, match=words):
            attribute.attribute(network, facts, shown, CLASSES, SETTINGS, "cpu")
    with pytest.raises(UserError, match=r"the network knows the classes \[900, 950, 1000\], not \[900, 950\]"):
        attribute.attribute(network, facts, films(), [900, 950], SETTINGS, "cpu")
    with pytest.raises(UserError, match="explanations of fold 3: 2 names and 3 temperatures for 3 pictures"):
        attribute.of_fold(network, facts, films(), ["a", "b"], CLASSES, CLASSES, SETTINGS, "cpu")
    with pytest.raises(UserError, match="does not cover a picture of 32"):
        attribute.attribute(network, facts, films(), CLASSES, {**SETTINGS, "patch": 40}, "cpu")
