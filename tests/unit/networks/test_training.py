"""The loop learns, stops when it should, keeps the right weights, leaves batch statistics alone, says what is wrong."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from micrograph import target
from micrograph.errors import UserError
from micrograph.networks import heads, mlp, training
from micrograph.networks.device import seeded

CLASSES = [900, 950, 1000]


def images(count=8):
    """Random pictures, (count, 1, 8, 8), and classes that have nothing to do with them."""
    rng = np.random.default_rng(0)
    labels = np.resize(CLASSES, count)
    return torch.from_numpy(rng.normal(size=(count, 1, 8, 8)).astype(np.float32)), labels


def network(scheme="nominal", dropout=0.0, seed=0):
    """A small convolutional network with batch norm and the scheme's head."""
    with seeded(np.random.default_rng(seed)):
        body = [nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*body, heads.head(scheme, 512, CLASSES, dropout, np.random.default_rng(seed)))


def batch_of(inputs, targets):
    return inputs[None], targets[None], torch.ones(1, len(inputs))


def fit(module, scheme="nominal", validation=True, epochs=4, patience=99, seed=0, **how):
    inputs, labels = images()
    heads.measure(module, labels)
    whole = batch_of(inputs, torch.from_numpy(target.encode(scheme, labels, CLASSES)))
    halves = [tuple(part[:, few] for part in whole) for few in (slice(0, 4), slice(4, 8))]
    return training.fit(
        training.Single(module),
        lambda epoch: halves,
        (lambda: [whole]) if validation else None,
        heads.loss(scheme),
        learning_rate=how.pop("learning_rate", 1e-3),
        epochs=epochs,
        patience=patience,
        rng=np.random.default_rng(seed),
        score=heads.accuracy(scheme, CLASSES),
        **how,
    )


def scripted(losses, **how):
    """Fit one weight that counts the epochs; the validation losses are those given. (curve, the weight kept)."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    told, epochs = iter(losses), len(losses)

    def loss(outputs, targets, weights):
        return outputs.sum((1, 2)) * -1 if torch.is_grad_enabled() else torch.tensor([next(told)])

    one = batch_of(torch.ones(1, 1), torch.zeros(1))
    curve = training.fit(
        training.Single(module), lambda epoch: [one], lambda: [one], loss, learning_rate=1.0, epochs=epochs,
        rng=np.random.default_rng(0), **{"patience": 99, **how},
    )  # fmt: skip
    return curve, round(module.weight.item())  # Adam's step is its learning rate while the gradient is constant


@pytest.mark.parametrize("scheme", list(target.SCHEMES))
def test_the_loop_overfits_eight_images(scheme):
    curve = fit(network(scheme), scheme, epochs=60, learning_rate=3e-3)
    assert curve[-1]["validation_accuracy"] == 1
    assert curve[-1]["train_loss"] < curve[0]["train_loss"] / 10


def test_the_best_weights_are_kept_and_training_stops_after_patience():
    curve, weight = scripted([5.0, 3.0, 4.0, 3.0, 6.0, 1.0], patience=3)
    assert [row["epoch"] for row in curve] == [0, 1, 2, 3, 4]
    assert [row["kept"] for row in curve] == [0, 1, 0, 0, 0]  # an equal loss is no better one
    assert weight == 2
    assert [row["validation_loss"] for row in curve] == [5, 3, 4, 3, 6]


def test_the_published_way_keeps_the_last_weights():
    curve, weight = scripted([5.0, 3.0, 4.0, 3.0, 6.0, 1.0], patience=3, keep="last")
    assert [row["kept"] for row in curve] == [0, 0, 0, 0, 1]
    assert weight == 5


def test_after_all_epochs_the_best_are_kept_without_patience_having_run_out():
    curve, weight = scripted([5.0, 4.0, 3.0, 3.5])
    assert [row["kept"] for row in curve] == [0, 0, 1, 0]
    assert weight == 3


def test_without_validation_the_last_weights_are_kept():
    curve = fit(network(), validation=False, epochs=3, patience=1)
    assert [row["kept"] for row in curve] == [0, 0, 1]
    assert all(np.isnan(row["validation_loss"]) and np.isnan(row["validation_accuracy"]) for row in curve)


def test_losses_are_means_over_rows_not_over_batches():
    module = nn.Linear(1, 1, bias=False)
    nn.init.ones_(module.weight)
    three = batch_of(torch.tensor([[1.0], [2.0], [3.0]]), torch.zeros(3, 1))
    one = batch_of(torch.tensor([[4.0]]), torch.zeros(1, 1))
    curve = training.fit(
        training.Single(module), lambda epoch: [three, one], lambda: [three, one], heads.loss("regression"),
        learning_rate=0.0, epochs=1, patience=1, rng=np.random.default_rng(0),
    )  # fmt: skip
    assert curve[0]["train_loss"] == curve[0]["validation_loss"] == (1 + 4 + 9 + 16) / 4


def test_validation_leaves_batch_statistics_unchanged_and_takes_no_gradient():
    module, seen = network(), []

    def watched(outputs, targets, weights):
        if not torch.is_grad_enabled():
            seen.append((module.training, outputs.requires_grad, module[1].running_mean.clone()))
        return heads.loss("nominal")(outputs, targets, weights)

    inputs, labels = images()
    one = batch_of(inputs, torch.from_numpy(target.encode("nominal", labels, CLASSES)))
    for mode in ("eval", "train"):
        training.fit(
            training.Single(module), lambda epoch: [one], lambda: [one, one], watched, learning_rate=1e-3, epochs=1,
            patience=1, rng=np.random.default_rng(0), validate_in=mode,
        )  # fmt: skip
    assert [(trains, gradient) for trains, gradient, _ in seen] == [(False, False)] * 2 + [(True, False)] * 2
    assert torch.equal(seen[0][2], seen[1][2])
    assert not torch.equal(seen[2][2], seen[3][2]), "in training mode, the paper's way, they take the batches in"


def test_a_fitted_network_is_in_evaluation_mode():
    module = network()
    fit(module, epochs=1)
    assert not module.training


def test_the_same_seed_gives_the_same_bytes_and_dropout_follows_it():
    found = []
    for seed in (1, 1, 2):
        module = network("nnrank", dropout=0.5)
        torch.rand(3)  # torch's own generator stands elsewhere each time
        curve = fit(module, "nnrank", epochs=3, seed=seed)
        found.append((curve, [part.clone() for part in module.state_dict().values()]))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))
    assert found[0][0] != found[2][0]


def test_the_optimiser_is_pytorchs_adam():
    ours, theirs = network(), network()
    steps = training.Adam(ours.parameters(), 1e-3), torch.optim.Adam(theirs.parameters(), lr=1e-3, fused=True)
    inputs, labels = images()
    for _ in range(5):
        for module, optimiser in zip((ours, theirs), steps, strict=True):
            optimiser.zero_grad()
            module(inputs).square().mean().backward()
            optimiser.step()
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    assert all(torch.equal(mine, plain) for mine, plain in pairs)


def test_parameters_without_gradients_stay():
    parts = [nn.Parameter(torch.ones(2)) for _ in range(2)]
    optimiser = training.Adam(parts, 0.5)
    parts[0].sum().backward()
    optimiser.step()
    assert parts[0].tolist() == pytest.approx([0.5, 0.5]) and parts[1].tolist() == [1, 1]


def test_training_does_not_wait_for_pytorchs_compiler():
    code = """
import sys
import numpy as np, torch
from micrograph.networks import backbones, heads, training
backbones.build("efficientnet_lite0")
one = torch.ones(1, 2, 2), torch.zeros(1, 2, dtype=torch.int64), torch.ones(1, 2)
training.fit(training.Single(torch.nn.Linear(2, 3)), lambda epoch: [one], None, heads.loss("nominal"),
             learning_rate=1e-3, epochs=1, patience=1, rng=np.random.default_rng(0))
loaded = {"torch._dynamo", "torch._inductor", "sympy"} & set(sys.modules)
import torch._dynamo  # it is there for whoever needs it
raise SystemExit(str(loaded) if loaded else None)
"""
    where = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=where)


def test_torchs_settings_are_put_back():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), dict(os.environ)
    state = torch.get_rng_state()
    fit(network(dropout=0.5), epochs=1)
    assert before == (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), dict(os.environ))
    assert torch.equal(state, torch.get_rng_state())


def test_bf16_computes_in_it_and_keeps_float32_weights():
    module, kinds = network(), []
    module[0].register_forward_hook(lambda part, given, result: kinds.append(result.dtype))
    curve = fit(module, epochs=2, precision=torch.bfloat16)
    assert set(kinds) == {torch.bfloat16}
    assert {part.dtype for part in module.parameters()} == {torch.float32}
    plain = fit(network(), epochs=2)
    assert curve[-1]["train_loss"] == pytest.approx(plain[-1]["train_loss"], rel=0.05)
    assert curve[-1]["train_loss"] != plain[-1]["train_loss"]


def test_every_epoch_has_a_line_in_the_log(capsys):
    fit(network(), epochs=2, what="nominal, fold 3")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("nominal, fold 3: epoch 2 of 2, train loss ")
    assert "validation loss" in lines[1]
    assert "validation accuracy" in lines[1]
    fit(network(), epochs=1, names=("train_loss", "check_loss", "spread"))
    assert re.search(r"train loss \S+, check loss \S+, spread \S+$", capsys.readouterr().out.strip())


def test_a_loss_that_is_no_number_names_the_learning_rate():
    with pytest.raises(training.Diverged, match=r"fold 3: the loss .* no longer a number; lower training.nnrank.learn"):
        fit(network(), epochs=9, learning_rate=1e30, what="fold 3", key="training.nnrank")


def test_a_network_that_was_good_before_it_diverged_keeps_its_best_weights(capsys):
    curve, weight = scripted([5.0, 3.0, 4.0, float("nan"), 1.0])
    assert [row["kept"] for row in curve] == [0, 1, 0, 0]
    assert weight == 2
    assert "in 1 of 1 models; 1 of these keep the weights of an earlier epoch" in capsys.readouterr().out
    with pytest.raises(training.Diverged, match="no longer a number"):
        scripted([5.0, 3.0, 4.0, float("nan"), 1.0], keep="last")


def test_a_diverged_model_does_not_stop_the_others(capsys):
    bundle = mlp.Stacked("regression", 2, (4, 3), CLASSES, [0, 0], [np.random.default_rng(i) for i in range(2)])
    first = bundle.bias3.detach().clone()
    targets = torch.tensor([[[900.0]], [[float("nan")]]])
    one = torch.ones(2, 1, 2), targets, torch.ones(2, 1)
    curve = training.fit(
        bundle, lambda epoch: [tuple(part[bundle.here] for part in one)], None, heads.loss("regression"),
        learning_rate=0.1, epochs=3, patience=1,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert [(row["model"], row["epoch"], row["kept"]) for row in curve] == [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 2, 1)]
    assert torch.isnan(bundle.bias3[1]).all(), "it has no weights: none of its epochs was sound"
    assert "the loss stopped being a number in 1 of 2 models; 0 of these keep" in capsys.readouterr().out
    assert not torch.equal(bundle.bias3[0], first[0])


def test_too_little_memory_says_which_settings_to_lower():
    def greedy(outputs, targets, weights):
        return torch.empty(2**47).sum()

    module = nn.Linear(1, 1)
    one = batch_of(torch.ones(1, 1), torch.zeros(1))
    for lower, told in (((), "training.nominal.batch"), (("films.batch", "pixels"), "films.batch or pixels")):
        with pytest.raises(UserError, match=rf"fold 3: not enough memory; lower {told}\.$"):
            training.fit(
                training.Single(module), lambda epoch: [one], None, greedy, learning_rate=1.0, epochs=1, patience=1,
                rng=np.random.default_rng(0), what="fold 3", key="training.nominal", lower=lower,
            )  # fmt: skip


def test_other_errors_of_torch_keep_their_traceback():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fit(nn.Sequential(nn.Flatten(), nn.Linear(3, 3)))


@pytest.mark.parametrize(
    ("word", "message"), [("keep", "rule of the kept weights"), ("validate_in", "validation mode")]
)
def test_unknown_words_are_named(word, message):
    with pytest.raises(UserError, match=f"{message} 'median' is not known"):
        fit(network(), **{word: "median"})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_the_loop_learns_on_cuda_and_repeats_itself():
    inputs, labels = images()
    found = []
    for _ in range(2):
        module = network().cuda()
        one = tuple(
            part.cuda() for part in batch_of(inputs, torch.from_numpy(target.encode("nominal", labels, CLASSES)))
        )
        curve = training.fit(
            training.Single(module), lambda epoch, one=one: [one], lambda one=one: [one], heads.loss("nominal"),
            learning_rate=3e-3, epochs=60, patience=99, rng=np.random.default_rng(0),
            score=heads.accuracy("nominal", CLASSES), precision=torch.bfloat16,
        )  # fmt: skip
        found.append(curve)
    assert found[0][-1]["validation_accuracy"] == 1
    assert found[0] == found[1]
