"""The loop learns, stops when it should, keeps the right weights, leaves running statistics alone, names errors."""

import os

import numpy as np
import pytest
import torch
from torch import nn

from micrograph import target
from micrograph.errors import UserError
from micrograph.networks import heads, mlp, training
from micrograph.networks.device import seeded
from micrograph.networks.training import FitLog, FitOptions
from micrograph.splits import protocols

CLASSES = [900, 950, 1000]


def images(count=8):
    """Random images, (count, 1, 8, 8), and classes that have nothing to do with them."""
    rng = np.random.default_rng(0)
    labels = np.resize(CLASSES, count)
    return torch.from_numpy(rng.normal(size=(count, 1, 8, 8)).astype(np.float32)), labels


def network(scheme="nominal", dropout=0.0, seed=0):
    """A small convolutional network with batch norm and the scheme's head."""
    with seeded(np.random.default_rng(seed)):
        body = [nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*body, heads.make_head(scheme, 512, CLASSES, dropout, np.random.default_rng(seed)))


def batch_of(inputs, targets):
    return inputs[None], targets[None], torch.ones(1, len(inputs))


def run(bundle, batches, validation, loss, score=None, log=FitLog(), seed=0, **options):  # noqa: B008
    """training.fit with short options."""
    options = FitOptions(**({"learning_rate": 1e-3, "epochs": 1, "patience": 1} | options))
    return training.fit(bundle, batches, validation, loss, options, np.random.default_rng(seed), score, log)


def fit(module, scheme="nominal", validation=True, log=FitLog(), seed=0, **options):  # noqa: B008
    """Fit a network to eight images in two batches."""
    inputs, labels = images()
    heads.fit_label_scaling(module, labels)
    whole = batch_of(inputs, torch.from_numpy(target.encode(scheme, labels, CLASSES)))
    halves = [tuple(part[:, some] for part in whole) for some in (slice(0, 4), slice(4, 8))]
    held = (lambda: [whole]) if validation else None
    options = {"epochs": 4, "patience": 99} | options
    score = heads.accuracy(scheme, CLASSES)
    return run(
        training.SingleNetwork(module), lambda epoch: halves, held, heads.get(scheme).loss, score, log, seed, **options
    )


def scripted(losses, **options):
    """Fit one weight that counts the epochs; the validation losses are those given. (curve, the weight kept)."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    given = iter(losses)

    def loss(outputs, targets, weights):
        return outputs.sum((1, 2)) * -1 if torch.is_grad_enabled() else torch.tensor([next(given)])

    one = batch_of(torch.ones(1, 1), torch.zeros(1))
    options = {"patience": 99, "learning_rate": 1.0, "epochs": len(losses)} | options
    curve = run(training.SingleNetwork(module), lambda epoch: [one], lambda: [one], loss, **options)
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


def test_the_papers_loop_stops_once_more_epochs_than_its_patience_have_passed_since_the_best():
    """Patience 2, the best in epoch 1: strict ends after epoch 3 (1 + 2), the paper's code after 4 (4 - 1 > 2)."""
    losses = [5.0, 3.0, 4.0, 4.0, 4.0, 1.0]
    for tolerance, last in ((0, 3), (1, 4)):
        curve, _ = scripted(losses, patience=2, tolerance=tolerance)
        assert curve[-1]["epoch"] == last
    assert protocols.parse("published").training_options["tolerance"] == 1


def test_the_published_way_keeps_the_last_weights():
    curve, weight = scripted([5.0, 3.0, 4.0, 3.0, 6.0, 1.0], patience=3, keep="last")
    assert [row["kept"] for row in curve] == [0, 0, 0, 0, 1]
    assert weight == 5


def test_without_validation_the_last_weights_are_kept():
    curve = fit(network(), validation=False, epochs=3, patience=1)
    assert [row["kept"] for row in curve] == [0, 0, 1]
    assert all(np.isnan(row["validation_loss"]) and np.isnan(row["validation_accuracy"]) for row in curve)


def test_losses_are_means_over_rows_not_over_batches():
    module = nn.Linear(1, 1, bias=False)
    nn.init.ones_(module.weight)
    three = batch_of(torch.tensor([[1.0], [2.0], [3.0]]), torch.zeros(3, 1))
    one = batch_of(torch.tensor([[4.0]]), torch.zeros(1, 1))
    both = [three, one]
    bundle, loss = training.SingleNetwork(module), heads.get("regression").loss
    curve = run(bundle, lambda epoch: both, lambda: both, loss, learning_rate=0.0)
    assert curve[0]["train_loss"] == curve[0]["validation_loss"] == (1 + 4 + 9 + 16) / 4


@pytest.mark.parametrize(("reduction", "moved"), [("mean", -1 + 0.01 / 0.19), ("sum", -1 - 0.26 / 0.19 / 2.9147)])
def test_a_sum_over_the_minibatch_weighs_a_short_one_less(reduction, moved):
    """Gradients 1 of four rows, then -1 of one row. Adam's second step is m / (1 - 0.9^2) over the root of
    v / (1 - 0.999^2): of means 1 and -1 m is -0.01 and v / (...) is 1; of sums 4 and -1 they are 0.26 and 8.4955."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    steps = [batch_of(torch.full((4, 1), 1.0), torch.zeros(4)), batch_of(torch.full((1, 1), -1.0), torch.zeros(1))]
    means = []

    def loss(outputs, targets, weights):
        means.append(outputs.mean(1)[:, 0])
        return means[-1]

    curve = run(training.SingleNetwork(module), lambda epoch: steps, None, loss, learning_rate=1.0, reduction=reduction)
    assert module.weight.item() == pytest.approx(moved, rel=1e-4)
    assert curve[0]["train_loss"] == pytest.approx((4 * means[0].item() + means[1].item()) / 5)  # a mean in both


def test_validation_leaves_batch_statistics_unchanged_and_takes_no_gradient():
    module, seen = network(), []

    def watched(outputs, targets, weights):
        if not torch.is_grad_enabled():
            seen.append((module.training, outputs.requires_grad, module[1].running_mean.clone()))
        return heads.get("nominal").loss(outputs, targets, weights)

    inputs, labels = images()
    one = batch_of(inputs, torch.from_numpy(target.encode("nominal", labels, CLASSES)))
    for mode in ("eval", "train"):
        run(training.SingleNetwork(module), lambda epoch: [one], lambda: [one, one], watched, validate_in=mode)
    assert [(trains, gradient) for trains, gradient, _ in seen] == [(False, False)] * 2 + [(True, False)] * 2
    assert torch.equal(seen[0][2], seen[1][2])
    assert not torch.equal(seen[2][2], seen[3][2]), "in training mode, the paper's way, they take the batches in"


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


def test_a_loss_that_is_not_finite_names_the_learning_rate():
    with pytest.raises(training.Diverged, match=r"fold 3: .*training.nnrank.learning_rate"):
        fit(network(), epochs=9, learning_rate=1e30, log=FitLog("fold 3", "training.nnrank"))


def test_a_network_that_was_good_before_it_diverged_keeps_its_best_weights(capsys):
    curve, weight = scripted([5.0, 3.0, 4.0, float("nan"), 1.0])
    assert [row["kept"] for row in curve] == [0, 1, 0, 0]
    assert weight == 2
    assert "in 1 of 1 models; 1 of these" in capsys.readouterr().out
    with pytest.raises(training.Diverged):
        scripted([5.0, 3.0, 4.0, float("nan"), 1.0], keep="last")


def test_a_diverged_model_does_not_stop_the_others(capsys):
    bundle = mlp.StackedMLPs("regression", (2, 4, 3, 1), [0, 0], [np.random.default_rng(i) for i in range(2)])
    first = bundle.bias3.detach().clone()
    targets = torch.tensor([[[900.0]], [[float("nan")]]])
    one = torch.ones(2, 1, 2), targets, torch.ones(2, 1)
    curve = run(bundle, lambda epoch: [one], None, heads.get("regression").loss, learning_rate=0.1, epochs=3)
    assert [(row["model"], row["epoch"], row["kept"]) for row in curve] == [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 2, 1)]
    assert torch.isnan(bundle.bias3[1]).all(), "it has no weights: none of its epochs was sound"
    assert "in 1 of 2 models; 0 of these" in capsys.readouterr().out
    assert not torch.equal(bundle.bias3[0], first[0])


def test_too_little_memory_names_the_settings_to_lower():
    def greedy(outputs, targets, weights):
        return torch.empty(2**47).sum()

    module = nn.Linear(1, 1)
    one = batch_of(torch.ones(1, 1), torch.zeros(1))
    for keys, named in (
        ((), "training.nominal.batch_size"),
        (("films.batch_size", "pixels"), "films.batch_size or pixels"),
    ):
        log = FitLog("fold 3", "training.nominal", keys)
        with pytest.raises(UserError, match=rf"fold 3: not enough memory; lower {named}\.$"):
            run(training.SingleNetwork(module), lambda epoch: [one], None, greedy, log=log)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_loop_learns_on_cuda_and_repeats_itself():
    inputs, labels = images()
    found = []
    for _ in range(2):
        module = network().cuda()
        one = tuple(
            part.cuda() for part in batch_of(inputs, torch.from_numpy(target.encode("nominal", labels, CLASSES)))
        )
        found.append(
            run(
                training.SingleNetwork(module), lambda epoch, one=one: [one], lambda one=one: [one],
                heads.get("nominal").loss, heads.accuracy("nominal", CLASSES), learning_rate=3e-3, epochs=60,
                patience=99, precision=torch.bfloat16,
            )
        )  # fmt: skip
    assert found[0][-1]["validation_accuracy"] == 1
    assert found[0] == found[1]
