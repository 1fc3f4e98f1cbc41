"""Heads have the paper's layers, losses are hand-worked numbers, and rows of weight 0 count for nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from micrograph import target
from micrograph.networks import heads

CLASSES = [900, 950, 1000]


def made(name, width=12, dropout=0.2, seed=0):
    return heads.make_head(name, width, CLASSES, dropout, np.random.default_rng(seed))


def loss_of(scheme, outputs, targets, weights=None):
    outputs, targets = torch.tensor(outputs), torch.tensor(targets)
    weights = torch.ones(outputs.shape[:2]) if weights is None else torch.tensor(weights)
    return heads.get(scheme).loss(outputs, targets, weights)


@pytest.mark.parametrize(
    ("name", "outputs"), [("nominal", 3), ("nnrank", 3), ("corn", 2), ("regression", 1), ("tuned", 3)]
)
def test_each_head_has_the_outputs_of_its_scheme(name, outputs):
    assert made(name)(torch.zeros(5, 12)).shape == (5, outputs)
    assert target.output_width(heads.get(name).scheme, CLASSES) == outputs


def test_the_tuned_head_is_the_papers_and_its_hundred_values_are_stored():
    head = made("tuned", width=512, dropout=0.35).eval()
    kinds = [type(part).__name__ for part in head]
    assert kinds == ["ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert [(part.in_features, part.out_features) for part in head if isinstance(part, nn.Linear)] == [
        (512, 100),
        (100, 3),
    ]
    pooled = torch.randn(4, 512, generator=torch.Generator().manual_seed(1))
    by_hand = torch.relu(pooled) @ head.hidden.weight.T + head.hidden.bias
    torch.testing.assert_close(heads.output_layers("tuned", head)(pooled), by_hand)
    assert heads.output_layers("tuned", head).hidden is head.hidden


def test_regression_puts_a_standardised_value_back_into_celsius():
    head = made("regression")
    heads.fit_label_scaling(head, [900, 900, 1000, 1000])
    nn.init.zeros_(head.last.weight)
    nn.init.constant_(head.last.bias, 0.5)
    assert head.eval()(torch.zeros(1, 12)).item() == 975  # mean 950, standard deviation 50
    heads.fit_label_scaling(head, [950, 950])
    assert head(torch.zeros(1, 12)).item() == 950.5  # all equal: a spread of 1


def test_cross_entropy_by_hand():
    found = loss_of("nominal", [[[0.0, np.log(2), 0.0], [0.0, 0.0, 0.0]]], [[1, 0]])
    assert found.item() == pytest.approx((np.log(2) + np.log(3)) / 2)


def test_the_rest_of_the_tuned_head_makes_the_outputs_of_the_classes_of_its_features():
    head = made("tuned", 20).eval()
    pooled = torch.randn(4, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features, outputs = heads.output_layers("tuned", head)(pooled).numpy(), head(pooled).numpy()
    before = features.copy()
    np.testing.assert_allclose(heads.class_outputs(head, features), outputs, rtol=1e-6)
    assert (features == before).all() and features.min() < 0


def test_nnrank_sums_squares_over_outputs_and_takes_the_mean_over_rows():
    found = loss_of("nnrank", [[[0.5, 0.5, 0.0], [1.0, 1.0, 1.0]]], [[[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]])
    assert found.item() == pytest.approx((0.5 + 1.0) / 2)


def test_corn_trains_an_output_on_rows_above_the_class_before_alone():
    # A row of 900 (output 0 alone) and one of 1000 (both outputs): three terms in all.
    logits = [[[0.0, 50.0], [np.log(3), 0.0]]]
    found = loss_of("corn", logits, [[[0.0, 0.0], [1.0, 1.0]]])
    by_hand = (np.log(2) + np.log(4 / 3) + np.log(2)) / 3
    assert found.item() == pytest.approx(by_hand)


def test_regression_is_the_mean_squared_error_in_celsius():
    assert loss_of("regression", [[[910.0], [950.0]]], [[[900.0], [970.0]]]).item() == 250


@pytest.mark.parametrize("scheme", list(target.SCHEMES))
def test_a_loss_a_network_and_rows_of_weight_nought_count_for_nothing(scheme):
    rng = np.random.default_rng(0)
    width, labels = target.output_width(scheme, CLASSES), rng.choice(CLASSES, 8)
    outputs = rng.random((2, 8, width)).astype(np.float32)
    targets = np.stack([target.encode(scheme, labels, CLASSES)] * 2)
    both = loss_of(scheme, outputs, targets)
    alone = [loss_of(scheme, outputs[m : m + 1], targets[m : m + 1]).item() for m in range(2)]
    assert both.tolist() == pytest.approx(alone)
    padded = loss_of(
        scheme,
        np.concatenate([outputs, 100 * outputs], axis=1),
        np.concatenate([targets, targets], axis=1),
        np.repeat(np.array([[1, 0]], np.float32), 8, axis=1).repeat(2, axis=0),
    )
    torch.testing.assert_close(padded, both)
