"""A model trained in a bundle is the model trained alone; weights are kept and restored by model."""

import numpy as np
import pytest
import torch
from torch import nn

from micrograph import target
from micrograph.networks import heads, mlp, training

CLASSES = [900, 950, 1000]
DROPOUTS = [0.0, 0.2, 0.35, 0.5]


def stacked(scheme="nominal", models=range(4), hidden=(12, 7)):
    rngs = [np.random.default_rng(model) for model in models]
    sizes = (6, *hidden, target.output_width(scheme, CLASSES))
    return mlp.StackedMLPs(scheme, sizes, [DROPOUTS[model] for model in models], rngs)


def fitted(scheme, models, epochs=6, patience=99, keep="best"):
    """A bundle of these models after some epochs; each sees the rows in an order of its own."""
    rng = np.random.default_rng(9)
    labels = rng.choice(CLASSES, 40)
    inputs = rng.normal(size=(40, 6)).astype(np.float32)
    inputs[:, 0] += (labels - 950) / 50
    inputs, targets = torch.from_numpy(inputs), torch.from_numpy(target.encode(scheme, labels, CLASSES))
    bundle = stacked(scheme, models)
    bundle.fit_label_scaling([labels[:30]] * len(models))
    orders = [np.random.default_rng(100 + model) for model in models]

    def batches(epoch):
        rows = torch.from_numpy(np.stack([order.permutation(30) for order in orders]))
        for few in rows.split(10, dim=1):
            yield inputs[few], targets[few], torch.ones(few.shape)

    def validation():
        rows = torch.arange(30, 40).expand(len(models), -1)
        yield inputs[rows], targets[rows], torch.ones(rows.shape)

    options = training.FitOptions(0.02, epochs, patience, keep=keep)
    curve = training.fit(bundle, batches, validation, heads.get(scheme).loss, options, np.random.default_rng(1))
    with torch.no_grad():
        outputs = bundle(inputs.expand(len(models), -1, -1))
    return bundle, outputs, curve


@pytest.mark.parametrize("scheme", list(target.SCHEMES))
def test_a_model_in_a_bundle_is_the_model_alone(scheme):
    _, together, _ = fitted(scheme, range(4))
    for model in range(4):
        _, alone, _ = fitted(scheme, [model])
        torch.testing.assert_close(together[model], alone[0], rtol=1e-3, atol=1e-3)
    assert (together[0] - together[1]).abs().max() > 1e-2


@pytest.mark.parametrize("keep", ["best", "last"])
def test_a_model_that_stops_early_is_the_model_alone_while_others_go_on(keep):
    bundle, together, curve = fitted("nominal", range(4), epochs=40, patience=3, keep=keep)
    ends = [max(row["epoch"] for row in curve if row["model"] == model) for model in range(4)]
    assert len(set(ends)) > 1, "the example must have models that stop at different epochs"
    for model in range(4):
        _, alone, own = fitted("nominal", [model], epochs=40, patience=3, keep=keep)
        assert [row["kept"] for row in own] == [row["kept"] for row in curve if row["model"] == model]
        torch.testing.assert_close(together[model], alone[0], rtol=1e-2, atol=1e-2)


def test_the_forward_pass_by_hand():
    bundle = stacked(models=[0], hidden=(2, 1)).eval()
    weights = {
        "weight1": [[1.0, -1.0]] + [[0.0, 0.0]] * 5,
        "bias1": [[0.0, 0.5]],
        "weight2": [[2.0], [4.0]],
        "bias2": [[-1.0]],
        "weight3": [[1.0, 0.0, -1.0]],
        "bias3": [[0.0, 1.0, 0.0]],
    }
    bundle.load_state_dict({name: torch.tensor([value]) for name, value in weights.items()})
    inputs = torch.tensor([[[3.0, 9, 9, 9, 9, 9], [-1.0, 0, 0, 0, 0, 0], [0.1, 0, 0, 0, 0, 0]]])
    # 3 gives hidden (3, 0), then 5; -1 gives (0, 1.5), then 5; 0.1 gives (0.1, 0.4), then 0.8.
    torch.testing.assert_close(bundle(inputs), torch.tensor([[[5.0, 1, -5], [5.0, 1, -5], [0.8, 1, -0.8]]]))


def test_dropout_is_each_models_own_and_absent_in_evaluation():
    masks = mlp.StackedDropout([0.0, 0.5, 0.9], [np.random.default_rng(model) for model in range(3)])
    found = masks(torch.ones(3, 200, 50))
    assert set(found[0].unique().tolist()) == {1.0}
    assert set(found[1].unique().tolist()) == {0.0, 2.0}
    assert found.mean((1, 2)).tolist() == pytest.approx([1, 1, 1], abs=0.1)
    assert (found == 0).float().mean((1, 2)).tolist() == pytest.approx([0, 0.5, 0.9], abs=0.03)
    bundle, inputs = stacked().eval(), torch.ones(4, 3, 6)
    assert torch.equal(bundle(inputs), bundle(inputs))


def test_weights_are_kept_by_model():
    bundle = stacked()
    first = bundle.weight1.detach().clone()
    for kept in ([True, False, False, True], [False, True, False, False]):
        with torch.no_grad():
            bundle.weight1 += 1
        bundle.save_weights(np.array(kept))
    bundle.restore_weights()
    wanted = first + torch.tensor([1.0, 2.0, torch.nan, 1.0])[:, None, None]  # model 2 was never kept: it has none
    torch.testing.assert_close(bundle.weight1.detach(), wanted, equal_nan=True)


def test_regression_models_have_a_mean_and_spread_each_that_restoring_leaves():
    bundle = stacked("regression", range(2))
    bundle.fit_label_scaling([np.array([900, 1000]), np.array([950, 950, 950])])
    bundle.restore_weights()
    assert bundle.degrees.centre.flatten().tolist() == [950, 950]
    assert bundle.degrees.spread.flatten().tolist() == [50, 1]


def test_a_single_network_keeps_its_batch_statistics_too():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    bundle = training.SingleNetwork(network)
    bundle.save_weights(np.array([True]))
    kept = {name: part.clone() for name, part in network.state_dict().items()}
    bundle.train()
    bundle(torch.randn(1, 8, 2))
    bundle.save_weights(np.array([False]))
    assert not torch.equal(network[1].running_mean, kept["1.running_mean"])
    bundle.restore_weights()
    assert all(torch.equal(part, kept[name]) for name, part in network.state_dict().items())
    assert not network.training
