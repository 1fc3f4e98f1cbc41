"""Backbones with a head: the backbone stays, the answers are the head's, files come back as they were."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from micrograph.errors import UserError
from micrograph.networks import backbones, heads, pretraining, replace_head, weights

BACKBONE, CLASSES = "timm:mobilenetv3_small_050", [900, 950, 1000]
HEADS = {"nominal": 3, "nnrank": 3, "corn": 2, "regression": 1, "tuned": 100}


@pytest.fixture(scope="module")
def start():
    return pretraining.scratch(BACKBONE, np.random.default_rng(0))


def put(start, head, seed=1):
    return replace_head.replace_head(start, BACKBONE, head, CLASSES, 0.2, np.random.default_rng(seed)).eval()


def batches(count=3):
    made = torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    return [made[:2], made[2:]]


def test_the_start_is_copied_and_only_the_classifier_replaced(start):
    before = {name: part.clone() for name, part in start.state_dict().items()}
    network = put(start, "nominal")
    with torch.no_grad():
        for part in network.parameters():
            part.zero_()
    assert isinstance(start.classifier, nn.Linear) and start.classifier.out_features == 1000
    assert all(torch.equal(part, before[name]) for name, part in start.state_dict().items())
    strange = set(network.state_dict()) ^ set(before)
    assert strange == {"classifier.weight", "classifier.bias", "classifier.last.weight", "classifier.last.bias"}


@pytest.mark.parametrize(("head", "width"), HEADS.items())
def test_answers_are_the_heads_outputs_in_evaluation_mode(start, head, width):
    network = put(start, head).train()
    said = replace_head.forward(network, BACKBONE, head, batches())
    assert said.shape == (3, width) and said.dtype == np.float32
    if head != "tuned":
        with torch.no_grad():
            plain = torch.cat([network.eval()(batch) for batch in batches()])
        np.testing.assert_allclose(said, plain.numpy(), rtol=1e-4, atol=1e-5)


def test_tuned_answers_are_what_the_first_linear_of_its_head_gives(start):
    network, seen = put(start, "tuned"), []
    handle = network.classifier.hidden.register_forward_hook(lambda part, given, result: seen.append(result))
    with torch.no_grad():
        for batch in batches():
            network(batch)
    handle.remove()
    said = replace_head.forward(network, BACKBONE, "tuned", batches())
    np.testing.assert_allclose(said, torch.cat(seen).numpy(), rtol=1e-4, atol=1e-5)
    assert isinstance(network.classifier, nn.Sequential)


def test_the_head_is_put_back_even_after_an_error(start):
    network = put(start, "nominal")
    with pytest.raises(RuntimeError):
        replace_head.forward(network, BACKBONE, "nominal", [torch.zeros(1, 7, 32, 32)])
    assert [name for name, _ in network.classifier.named_children()] == ["active", "drop", "last"]


def test_bf16_answers_are_close_and_the_heads_sums_are_float32(start):
    network = put(start, "regression")
    network.classifier.degrees.centre.fill_(950.0)
    network.classifier.degrees.spread.fill_(40.0)
    plain, rough = (replace_head.forward(network, BACKBONE, "regression", batches(), kind)
                    for kind in (torch.float32, torch.bfloat16))  # fmt: skip
    np.testing.assert_allclose(rough, plain, atol=4)
    assert (rough != torch.from_numpy(rough).bfloat16().float().numpy()).any()


@pytest.mark.parametrize("head", HEADS)
def test_a_network_comes_back_as_it_was_written(start, head, tmp_path):
    network = put(start, head)
    heads.measure(network, np.array(CLASSES))
    facts = {"backbone": BACKBONE, "head": head, "classes": CLASSES, "settings": {"dropout": 0.2}, "data": "films"}
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for path in paths:
        replace_head.write(path, network, facts)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again, told = replace_head.read(paths[0])
    assert told == facts and not again.training
    said = [replace_head.forward(one, BACKBONE, head, batches()) for one in (network, again)]
    np.testing.assert_array_equal(*said)


def test_other_files_are_refused(start, tmp_path):
    weights.write(tmp_path / "w.safetensors", start.state_dict(), {"backbone": BACKBONE})
    with pytest.raises(UserError, match="holds no fine-tuned network"):
        replace_head.read(tmp_path / "w.safetensors")
    facts = {"backbone": BACKBONE, "head": "corn", "classes": CLASSES, "settings": {"dropout": 0}}
    replace_head.write(tmp_path / "n.safetensors", put(start, "nominal"), facts)
    with pytest.raises(UserError, match="does not fit"):
        replace_head.read(tmp_path / "n.safetensors")
    assert json.loads(json.dumps(facts)) == backbones.describe_file(tmp_path / "n.safetensors")


def test_a_disk_that_takes_no_more_leaves_no_half_file(start, tmp_path):
    facts = {"backbone": BACKBONE, "head": "nominal", "classes": CLASSES, "settings": {"dropout": 0}}
    with pytest.raises(TypeError):
        replace_head.write(tmp_path / "n.safetensors", put(start, "nominal"), facts | {"data": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_backbone_without_a_linear_classifier_is_refused(start):
    headless = replace_head.replace_head(start, BACKBONE, "nominal", CLASSES, 0.0, np.random.default_rng(0))
    with pytest.raises(UserError, match="has no linear classifier that a head could replace"):
        replace_head.classifier(headless, BACKBONE)


def test_running_statistics_follow_a_batch_by_the_weight_given():
    norm = nn.BatchNorm2d(1)
    replace_head.follow(nn.Sequential(norm), 0.25)
    norm(torch.full((2, 1, 2, 2), 8.0) + torch.tensor([-1.0, 1.0])[:, None, None, None])
    assert float(norm.running_mean[0]) == 0.25 * 8  # from 0
    assert float(norm.running_var[0]) == pytest.approx(0.75 * 1 + 0.25 * 8 / 7)  # from 1; eight values, variance 8 / 7
